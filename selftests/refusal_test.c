// SPDX-License-Identifier: GPL-2.0-only
/*
 * A platform that is busy, slow, or refuses: a reset takes longer, or fails and can be
 * repeated. No state is lost, and no other function waits.
 */
#include <pthread.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "rough.h"

#define REFUSE_STORES "answer store fid=%lu space=15 skip=%ld times=%d cc=3 status=0"

/* The time in which another function must be recovered while the reset waits for the platform. */
#define MEANWHILE_MS	1200

/* A variant: an operation that is busy or slow while a function in error is reset. */
FIXTURE(busy) {
	struct rough rough;
};

FIXTURE_VARIANT(busy) {
	const char *what;
	const char *answer;
	/*
	 * The least number of repetitions of the operation, and the least duration of
	 * the reset.
	 */
	int more;
	int ms;
};

FIXTURE_VARIANT_ADD(busy, disable) {
	.what = "disable",
	.answer = "times=3 rsp=0x108",
	.more = 3,
};

FIXTURE_VARIANT_ADD(busy, enable) {
	.what = "enable",
	.answer = "times=3 rsp=0x108",
	.more = 3,
};

FIXTURE_VARIANT_ADD(busy, interrupts) {
	.what = "modify op=2",
	.answer = "times=5 cc=2",
	.more = 5,
};

FIXTURE_VARIANT_ADD(busy, config_read) {
	.what = "load space=15",
	.answer = "times=50 cc=2",
	.more = 50,
};

FIXTURE_VARIANT_ADD(busy, config_write) {
	.what = "store space=15",
	.answer = "times=40 cc=2",
	.more = 20,
};

FIXTURE_VARIANT_ADD(busy, slow_config) {
	.what = "load space=15",
	.answer = "times=100 ms=20",
	.ms = 500,
};

FIXTURE_VARIANT_ADD(busy, slow_disable) {
	.what = "disable",
	.answer = "ms=1000",
	.ms = 1000,
};

FIXTURE_VARIANT_ADD(busy, slow_enable) {
	.what = "enable",
	.answer = "ms=1000",
	.ms = 1000,
};

FIXTURE_SETUP(busy)
{
	ROUGH_START();
}

FIXTURE_TEARDOWN(busy)
{
	ROUGH_END();
}

/* Resets a function in error. Returns how often the kernel has asked the platform for @what. */
static long asked(struct __test_metadata *_metadata, struct rough *rough, const char *what)
{
	long before;

	EXPECT_EQ(0, owner_suffer(&rough->owner));
	before = platform_number("count %s fid=%lu", what, rough->fid);
	EXPECT_LE(0, before);
	EXPECT_EQ(0, vfio_reset(&rough->owner.fn));
	return platform_number("count %s fid=%lu", what, rough->fid) - before;
}

/*
 * Whether the guest's clock runs on while the platform takes its time. With QEMU's -icount
 * it counts instructions, and a delay has none.
 */
static bool delay_is_seen(struct __test_metadata *_metadata, struct rough *rough)
{
	__u64 start;

	EXPECT_EQ(0, platform_command("answer load fid=%lu space=15 times=1 ms=50", rough->fid));
	start = now_ns();
	EXPECT_TRUE(pci_answers(rough->address));
	return now_ns() - start >= 50000000;
}

/* The reset waits until the platform has done the operation. Validates R2. */
TEST_F_TIMEOUT(busy, is_waited_for, 60)
{
	long before, now;
	__u64 start;

	if (variant->ms && !delay_is_seen(_metadata, &self->rough))
		SKIP(return, "the clock stands still while the platform is slow");
	before = asked(_metadata, &self->rough, variant->what);
	EXPECT_LT(0, before);
	EXPECT_RESTORED();
	ASSERT_EQ(0, platform_command("answer %s fid=%lu %s", variant->what, self->rough.fid,
				      variant->answer));
	start = now_ns();
	now = asked(_metadata, &self->rough, variant->what);
	EXPECT_LE(variant->ms, (now_ns() - start) / 1000000);
	EXPECT_LE(before + variant->more, now) {
		TH_LOG("asked %ld times, %ld before", now, before);
	}
	EXPECT_RESTORED();
}

/* A variant: an operation that the platform refuses while a function in error is reset. */
FIXTURE(refused) {
	struct rough rough;
};

FIXTURE_VARIANT(refused) {
	const char *answer;
	/*
	 * The IOMMU core warns about a refusal during a close, so the test stops the
	 * refusals before.
	 */
	bool open_only;
};

FIXTURE_VARIANT_ADD(refused, disable) {
	.answer = "answer disable rsp=0x104",
};

FIXTURE_VARIANT_ADD(refused, disable_in_recovery) {
	.answer = "answer disable rsp=0x107",
};

FIXTURE_VARIANT_ADD(refused, enable) {
	.answer = "answer enable rsp=0x104",
};

FIXTURE_VARIANT_ADD(refused, enable_in_recovery) {
	.answer = "answer enable rsp=0x107",
};

FIXTURE_VARIANT_ADD(refused, interrupts) {
	.answer = "answer modify op=2 cc=1 status=16",
};

FIXTURE_VARIANT_ADD(refused, translation) {
	.answer = "answer modify op=4 cc=1 status=16",
	.open_only = true,
};

FIXTURE_VARIANT_ADD(refused, refresh) {
	.answer = "answer refresh cc=1 status=4",
	.open_only = true,
};

FIXTURE_SETUP(refused)
{
	ROUGH_START();
}

FIXTURE_TEARDOWN(refused)
{
	ROUGH_END();
}

/* A reset fails; the next one succeeds and restores everything. Validates R3. */
TEST_F_TIMEOUT(refused, once, 60)
{
	struct owner *owner = &self->rough.owner;

	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, platform_command("%s fid=%lu", variant->answer, self->rough.fid));
	EXPECT_EQ(-EIO, vfio_reset(&owner->fn));
	EXPECT_EQ(0, vfio_reset(&owner->fn));
	EXPECT_RESTORED();
}

/* Several resets fail; the next one succeeds and restores everything. Validates R4. */
TEST_F_TIMEOUT(refused, again_and_again, 60)
{
	struct owner *owner = &self->rough.owner;
	int i;

	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, platform_command("%s fid=%lu always", variant->answer, self->rough.fid));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(-EIO, vfio_reset(&owner->fn));
	ASSERT_EQ(0, platform_command("forget"));
	EXPECT_EQ(0, vfio_reset(&owner->fn));
	EXPECT_RESTORED();
}

/* A reset fails and the owner closes the function; the next owner can open it. Validates R4. */
TEST_F_TIMEOUT(refused, until_it_is_closed, 60)
{
	struct owner *owner = &self->rough.owner;

	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, platform_command("%s fid=%lu always", variant->answer, self->rough.fid));
	EXPECT_EQ(-EIO, vfio_reset(&owner->fn));
	if (variant->open_only)
		ASSERT_EQ(0, platform_command("forget"));
	owner_close(owner);
	ASSERT_EQ(0, platform_command("forget"));
	ASSERT_EQ(0, owner_open_new(owner, self->rough.address, VFIO_GROUP_TYPE1));
	ASSERT_EQ(0, owner_listen(owner));
	EXPECT_EQ(0, owner_suffer(owner));
	EXPECT_EQ(0, owner_recover(owner));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

FIXTURE(refusal) {
	struct rough rough;
};

FIXTURE_SETUP(refusal)
{
	ROUGH_START();
}

FIXTURE_TEARDOWN(refusal)
{
	ROUGH_END();
}

/*
 * The platform is busy for longer than the kernel waits: the reset fails, and a later
 * one succeeds. Validates R2.
 */
TEST_F_TIMEOUT(refusal, busy_for_ever, 90)
{
	struct owner *owner = &self->rough.owner;

	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, platform_command("answer disable rsp=0x108 always"));
	EXPECT_NE(0, vfio_reset(&owner->fn));
	ASSERT_EQ(0, platform_command("forget"));
	EXPECT_EQ(0, vfio_reset(&owner->fn));
	EXPECT_RESTORED();
}

static void *reset_in_thread(void *fn)
{
	return (void *)(long)vfio_reset(fn);
}

/* Another function is recovered while a reset waits for the platform. Validates R2. */
TEST_F_TIMEOUT(refusal, holds_up_nobody_else, 60)
{
	char address[PCI_ADDRESS_LEN];
	pthread_t thread;
	struct owner other;
	void *ret;
	__u64 start;
	long before;

	ASSERT_EQ(0, pci_find_other(PCI_KIND_NVME, self->rough.owner.fn.address, address));
	ASSERT_EQ(0, pci_bind(address, "vfio-pci"));
	ASSERT_EQ(0, owner_open_at(&other, address, VFIO_CDEV_IOMMUFD));
	ASSERT_EQ(0, owner_listen(&other));
	ASSERT_EQ(0, owner_suffer(&self->rough.owner));
	before = platform_number("count disable fid=%lu", self->rough.fid);
	ASSERT_EQ(0, platform_command("answer disable fid=%lu rsp=0x108 times=90",
				      self->rough.fid));
	ASSERT_EQ(0, pthread_create(&thread, NULL, reset_in_thread, &self->rough.owner.fn));
	start = now_ns();
	EXPECT_EQ(0, owner_suffer(&other));
	EXPECT_EQ(0, owner_recover(&other));
	EXPECT_GT(MEANWHILE_MS, (now_ns() - start) / 1000000);
	ASSERT_EQ(0, pthread_join(thread, &ret));
	EXPECT_EQ(0, (long)ret);
	/* The kernel has asked until the platform was no longer busy, so the reset has waited. */
	EXPECT_EQ(before + 91, platform_number("count disable fid=%lu", self->rough.fid));
	owner_close(&other);
	EXPECT_RESTORED();
}

/*
 * The platform refuses writes to config space: the reset fails, and the next one
 * restores config space. Validates R4.
 */
TEST_F_TIMEOUT(refusal, to_restore, 60)
{
	struct owner *owner = &self->rough.owner;

	ASSERT_EQ(0, owner_suffer(owner));
	/* The Command register is the fifth register that the kernel writes. */
	ASSERT_EQ(0, platform_command("answer store fid=%lu space=15 skip=4 times=4 cc=3 status=0",
				      self->rough.fid));
	EXPECT_EQ(-EIO, vfio_reset(&owner->fn));
	ASSERT_EQ(0, platform_command("forget"));
	EXPECT_EQ(0, vfio_reset(&owner->fn));
	EXPECT_RESTORED();
}

/* The platform refuses the last writes, which switch MSI-X on: the reset fails. Validates R4. */
TEST_F_TIMEOUT(refusal, to_restore_interrupts, 60)
{
	struct owner *owner = &self->rough.owner;
	long before, all = 0;
	int i, last;

	/* The kernel writes only registers that differ. In the first round these are more. */
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, owner_suffer(owner));
		before = platform_number("count store fid=%lu space=15", self->rough.fid);
		EXPECT_EQ(0, vfio_reset(&owner->fn));
		all = platform_number("count store fid=%lu space=15", self->rough.fid) - before;
		EXPECT_RESTORED();
	}
	ASSERT_LT(2, all);
	/* The last write unmasks MSI-X. The write before it switches MSI-X on. */
	for (last = 1; last <= 2; last++) {
		ASSERT_EQ(0, owner_suffer(owner));
		ASSERT_EQ(0, platform_command(REFUSE_STORES, self->rough.fid, all - last, last));
		EXPECT_EQ(-EIO, vfio_reset(&owner->fn)) {
			TH_LOG("the last %d of %ld", last, all);
		}
		ASSERT_EQ(0, platform_command("forget"));
		EXPECT_EQ(0, vfio_reset(&owner->fn));
		EXPECT_RESTORED();
	}
}

/*
 * The platform refuses to refresh DMA translations. If it lacks resources, the kernel
 * asks again. If the function is in error, the next reset registers all translations.
 * Validates R5.
 */
TEST_F(refusal, translations_are_not_refreshed)
{
	struct owner *owner = &self->rough.owner;
	void *mem = owner->nvme.mem;
	__u64 iova = owner->unmapped;
	long before;

	before = platform_number("count refresh fid=%lu", self->rough.fid);
	ASSERT_EQ(0, platform_command("answer refresh fid=%lu cc=1 status=16", self->rough.fid));
	EXPECT_EQ(0, vfio_dma_map(&owner->fn, mem, iova, getpagesize()));
	EXPECT_LE(before + 2, platform_number("count refresh fid=%lu", self->rough.fid));
	EXPECT_EQ(0, vfio_dma_unmap(&owner->fn, iova, getpagesize()));
	ASSERT_EQ(0, platform_command("answer refresh fid=%lu cc=1 status=16 always",
				      self->rough.fid));
	EXPECT_NE(0, vfio_dma_map(&owner->fn, mem, iova, getpagesize()));
	ASSERT_EQ(0, platform_command("forget"));
	EXPECT_EQ(0, vfio_dma_map(&owner->fn, mem, iova, getpagesize()));
	EXPECT_EQ(0, vfio_dma_unmap(&owner->fn, iova, getpagesize()));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

TEST_HARNESS_MAIN
