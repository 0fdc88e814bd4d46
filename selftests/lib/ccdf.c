// SPDX-License-Identifier: GPL-2.0-only
/* Decodes the big-endian CCDF by shifts: compilers lay bit-fields out in different ways. */
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

static void put_be(__u8 *at, int bytes, __u64 value)
{
	while (bytes--) {
		at[bytes] = value;
		value >>= 8;
	}
}

void ccdf_encode(const struct ccdf *ccdf, __u8 raw[CCDF_LEN])
{
	memset(raw, 0, CCDF_LEN);
	put_be(raw + 4, 4, ccdf->fh);
	put_be(raw + 8, 4, ccdf->fid);
	put_be(raw + 12, 4, (__u32)ccdf->ett << 28 | (ccdf->mvn & 0xfff) << 16 |
	       ccdf->dmaas << 8 | ccdf->write);
	put_be(raw + 16, 8, ccdf->faddr);
	put_be(raw + 30, 2, ccdf->pec);
}

const char *pec_text(__u16 pec)
{
	switch (pec) {
	case PEC_DMA_RANGE:
		return "DMA to an address outside of the function's range";
	case PEC_DMA_ACCESS:
		return "DMA to an address that is not mapped for this access";
	case PEC_MEASUREMENT:
	case 0x002b:
	case 0x002c:
		return "a problem of the measurement block";
	case PEC_ERROR_STATE:
		return "the function is in the error state";
	case PEC_LOST:
		return "the function is lost";
	case PEC_FAILED:
		return "the platform could not recover the function";
	default:
		return "some other error";
	}
}
