/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ZPCI_SELFTEST_FIXTURE_H
#define ZPCI_SELFTEST_FIXTURE_H

/* Code that most test programs share. To be included after kselftest_harness.h. */
#include "owner.h"

/* Takes an event, and checks the fields that are the same for each error of the NVMe function. */
static inline void expect_event(struct __test_metadata *_metadata, struct owner *owner,
				struct vfio_device_zpci_err_region *event, __u64 number)
{
	struct ccdf ccdf;

	ASSERT_EQ(0, owner_take(owner, event)) {
		TH_LOG("event %llu is missing", number);
	}
	ccdf_decode(event->ccdf, &ccdf);
	EXPECT_EQ(PEC_DMA_ACCESS, event->pec);
	EXPECT_EQ(PEC_DMA_ACCESS, ccdf.pec);
	EXPECT_EQ(owner->unmapped, ccdf.faddr);
	if (owner->region.size) {
		EXPECT_EQ(number, event->sequence);
		EXPECT_EQ(sizeof(*event), event->length);
	}
}

/* Checks that there is no event, and that no old event is repeated. */
static inline void expect_no_event(struct __test_metadata *_metadata, struct owner *owner)
{
	struct vfio_device_zpci_err_region none;

	EXPECT_EQ(-ENOMSG, owner_take(owner, &none));
	if (!owner->region.size)
		return;
	EXPECT_EQ(0, none.pec);
	EXPECT_EQ(0, none.flags);
	EXPECT_EQ(0, none.sequence);
	EXPECT_EQ(0, none.pending_errors);
	EXPECT_EQ(sizeof(none), none.length);
}

#define EXPECT_EVENT(owner, event, number)	expect_event(_metadata, owner, event, number)
#define EXPECT_NO_EVENT(owner)			expect_no_event(_metadata, owner)
#define REQUIRE_REGION(owner)			ASSERT_NE(0, (owner)->region.size)

#endif
