// SPDX-License-Identifier: GPL-2.0-only
/*
 * System 4 again: VFIO_DEVICE_FEATURE_ZPCI_ERROR, as Linux 7.3 has it. A client for the
 * C version works unchanged, and loses no events.
 */
#include <sys/ioctl.h>

#include "kselftest_harness.h"

#include "fixture.h"
#include "vfio_info.h"

#define GET	(VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_ZPCI_ERROR)
#define SET	(VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_ZPCI_ERROR)

FIXTURE(feature) {
	struct owner owner;
};

FIXTURE_VARIANT(feature) {
	enum vfio_mode mode;
};

FIXTURE_VARIANT_ADD(feature, group_type1) {
	.mode = VFIO_GROUP_TYPE1,
};

FIXTURE_VARIANT_ADD(feature, cdev_iommufd) {
	.mode = VFIO_CDEV_IOMMUFD,
};

FIXTURE_SETUP(feature)
{
	ASSERT_EQ(0, owner_open(&self->owner, variant->mode));
}

FIXTURE_TEARDOWN(feature)
{
	owner_close(&self->owner);
}

/* Calls the feature with the given flags, length and buffer. */
static int ask(struct owner *owner, __u32 flags, __u32 argsz, void *data)
{
	__u64 storage[4] = { 0 };
	struct vfio_device_feature *feature = (void *)storage;
	struct vfio_device_feature_zpci_err *err = (void *)feature->data;

	feature->argsz = argsz;
	feature->flags = flags;
	err->data = (unsigned long)data;
	return ioctl(owner->fn.device, VFIO_DEVICE_FEATURE, feature) ? -errno : 0;
}

#define ARGSZ	(sizeof(struct vfio_device_feature) + sizeof(struct vfio_device_feature_zpci_err))

/* Version 3 of the base capability gives the length of an event. Validates 19. */
TEST_F(feature, base_capability)
{
	struct vfio_device_info_cap_zpci_base base;

	ASSERT_EQ(0, vfio_info_capability(&self->owner.fn, VFIO_DEVICE_INFO_CAP_ZPCI_BASE,
					  &base, sizeof(base)));
	EXPECT_EQ(3, base.header.version);
	EXPECT_EQ(CCDF_LEN, base.ccdf_err_length);
	EXPECT_NE(0, base.fh);
}

/* PROBE says that the feature supports GET and not SET. Validates 12. */
TEST_F(feature, probe)
{
	struct vfio_function *fn = &self->owner.fn;

	EXPECT_EQ(0, error_feature_probe(fn, 0));
	EXPECT_EQ(0, error_feature_probe(fn, VFIO_DEVICE_FEATURE_GET));
	EXPECT_EQ(-EINVAL, error_feature_probe(fn, VFIO_DEVICE_FEATURE_SET));
}

/* A GET without an event fails with -ENOMSG and does not change the buffer. Validates 1. */
TEST_F(feature, empty)
{
	__u8 ccdf[CCDF_LEN], same[CCDF_LEN];

	memset(ccdf, 0xa5, sizeof(ccdf));
	memcpy(same, ccdf, sizeof(same));
	EXPECT_EQ(-ENOMSG, error_feature_take(&self->owner.fn, ccdf));
	EXPECT_EQ(0, memcmp(ccdf, same, sizeof(same)));
}

/* A GET returns each event once, as the 32 bytes of the CCDF. Validates 2, 17. */
TEST_F(feature, get)
{
	struct owner *owner = &self->owner;
	__u8 buf[CCDF_LEN + 16];
	struct ccdf ccdf;
	int i;

	memset(buf, 0xa5, sizeof(buf));
	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, error_feature_take(&owner->fn, buf));
	ccdf_decode(buf, &ccdf);
	EXPECT_EQ(PEC_DMA_ACCESS, ccdf.pec);
	EXPECT_EQ(owner->unmapped, ccdf.faddr);
	EXPECT_NE(0, ccdf.fh);
	for (i = CCDF_LEN; i < (int)sizeof(buf); i++)
		EXPECT_EQ(0xa5, buf[i]);
	EXPECT_EQ(-ENOMSG, error_feature_take(&owner->fn, buf));
}

/*
 * A call with wrong flags, length or address is refused, and takes no event. Validates
 * 9, 10, 11, 12.
 */
TEST_F(feature, wrong_questions_take_nothing)
{
	struct owner *owner = &self->owner;
	__u8 ccdf[CCDF_LEN];

	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, owner_suffer(owner));
	EXPECT_EQ(-EINVAL, ask(owner, SET, ARGSZ, ccdf));
	EXPECT_EQ(-EINVAL, ask(owner, SET | GET, ARGSZ, ccdf));
	EXPECT_EQ(-EINVAL, ask(owner, VFIO_DEVICE_FEATURE_ZPCI_ERROR, ARGSZ, ccdf));
	EXPECT_EQ(-EINVAL, ask(owner, GET | 1 << 20, ARGSZ, ccdf));
	EXPECT_EQ(-EINVAL, ask(owner, GET, ARGSZ - 1, ccdf));
	EXPECT_EQ(-EINVAL, ask(owner, GET, sizeof(struct vfio_device_feature), ccdf));
	EXPECT_EQ(-EINVAL, ask(owner, GET, ARGSZ, NULL));
	EXPECT_EQ(0, ask(owner, GET | VFIO_DEVICE_FEATURE_PROBE, ARGSZ, NULL));
	EXPECT_EQ(-1, ioctl(owner->fn.device, VFIO_DEVICE_FEATURE, NULL));
	EXPECT_EQ(EFAULT, errno);
	/* A longer argument comes from a newer client: the call succeeds. */
	EXPECT_EQ(0, ask(owner, GET, ARGSZ + 8, ccdf));
	EXPECT_EQ(-ENOMSG, ask(owner, GET, ARGSZ, ccdf));
}

/* A GET that cannot deliver the event does not lose it. Validates 8. */
TEST_F(feature, fault_keeps_the_event)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct owner *owner = &self->owner;
	__u8 ccdf[CCDF_LEN];
	void *trap, *end;

	trap = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, trap);
	end = trap + page;
	ASSERT_EQ(0, mprotect(end, page, PROT_NONE));

	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, owner_suffer(owner));
	EXPECT_EQ(-EFAULT, error_feature_take(&owner->fn, end));
	EXPECT_EQ(-EFAULT, error_feature_take(&owner->fn, end - CCDF_LEN / 2));
	EXPECT_EQ(0, error_feature_take(&owner->fn, ccdf));
	EXPECT_EQ(-ENOMSG, error_feature_take(&owner->fn, ccdf));
}

/* Region and feature share one queue: one of the two delivers each event. */
TEST_F_TIMEOUT(feature, one_queue_with_the_region, 90)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;
	__u8 ccdf[CCDF_LEN];
	int i;

	REQUIRE_REGION(owner);
	ASSERT_EQ(0, owner_listen(owner));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, owner_suffer(owner));
		ASSERT_EQ(0, owner_recover(owner));
	}
	EXPECT_EVENT(owner, &event, 1);
	EXPECT_EQ(3, event.pending_errors);
	EXPECT_EQ(0, error_feature_take(&owner->fn, ccdf));
	EXPECT_EVENT(owner, &event, 3);
	EXPECT_EQ(1, event.pending_errors);
	EXPECT_EQ(0, error_feature_take(&owner->fn, ccdf));
	EXPECT_NO_EVENT(owner);
	EXPECT_EQ(-ENOMSG, error_feature_take(&owner->fn, ccdf));
}

TEST_HARNESS_MAIN
