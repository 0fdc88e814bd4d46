// SPDX-License-Identifier: GPL-2.0-only
/* Decoding of the big-endian CCDF, without a bit-field: compilers disagree on those. */
#include <endian.h>
#include <string.h>

#include "ccdf.h"

static __u64 be(const __u8 *at, int bytes)
{
	__u64 value = 0;

	while (bytes--)
		value = value << 8 | *at++;
	return value;
}

void ccdf_decode(const __u8 raw[CCDF_LEN], struct ccdf *ccdf)
{
	__u32 word = be(raw + 12, 4);

	memset(ccdf, 0, sizeof(*ccdf));
	ccdf->fh = be(raw + 4, 4);
	ccdf->fid = be(raw + 8, 4);
	ccdf->ett = word >> 28;
	ccdf->mvn = word >> 16 & 0xfff;
	ccdf->dmaas = word >> 8 & 0xff;
	ccdf->write = word & 1;
	ccdf->faddr = be(raw + 16, 8);
	ccdf->pec = be(raw + 30, 2);
}

const char *pec_text(__u16 pec)
{
	switch (pec) {
	case PEC_DMA_RANGE:
		return "DMA to an address outside of the function's range";
	case PEC_DMA_ACCESS:
		return "DMA to an address that is not mapped for this access";
	case 0x002a:
	case 0x002b:
	case 0x002c:
		return "a problem of the measurement block";
	case 0x003a:
		return "the function is in the error state";
	case 0x003b:
		return "the function is lost";
	case 0x0040:
		return "the platform could not recover the function";
	default:
		return "some other error";
	}
}
