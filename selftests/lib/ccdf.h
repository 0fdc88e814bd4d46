/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_CCDF_H
#define ZPCI_SELFTEST_CCDF_H

#include <linux/types.h>
#include <stdbool.h>

/* Length of the event as the platform gives it. */
#define CCDF_LEN	32

/* PCI event codes (PEC) that an emulated function can be made to raise. */
#define PEC_DMA_RANGE	0x0002	/* address outside of the function's aperture */
#define PEC_DMA_ACCESS	0x0004	/* address inside of the aperture, but not mapped */

/* Event codes that an emulated function cannot raise by itself. */
#define PEC_MEASUREMENT	0x002a	/* up to 0x002c: measurement, no error */
#define PEC_ERROR_STATE	0x003a	/* the function is in the error state */
#define PEC_LOST	0x003b	/* the function has failed for good */
#define PEC_FAILED	0x0040	/* the platform could not recover the function */

/* Codes of availability events. */
#define PEC_CONFIGURED		0x0301
#define PEC_STANDBY		0x0302
#define PEC_DECONFIGURE_REQUEST	0x0303	/* the platform asks for the function */
#define PEC_DECONFIGURED	0x0304
#define PEC_SEVERAL		0x0306	/* no function is named: look at all */
#define PEC_RESERVED		0x0308

/**
 * struct ccdf - content code description for a function error, decoded
 *
 * @fh: function handle at the time of the error
 * @fid: function ID
 * @ett: error type and tag
 * @mvn: message vector number
 * @dmaas: DMA address space
 * @write: the failing access was a write
 * @faddr: failing address
 * @pec: PCI event code
 */
struct ccdf {
	__u32 fh;
	__u32 fid;
	__u8 ett;
	__u16 mvn;
	__u8 dmaas;
	bool write;
	__u64 faddr;
	__u16 pec;
};

void ccdf_decode(const __u8 raw[CCDF_LEN], struct ccdf *ccdf);
void ccdf_encode(const struct ccdf *ccdf, __u8 raw[CCDF_LEN]);

/* Returns the meaning of an event code in words. */
const char *pec_text(__u16 pec);

#endif
