// SPDX-License-Identifier: GPL-2.0-only
/*
 * The error states as the architecture defines them, and events that only a real
 * platform raises. Real channel reports announce the events, and the function is really
 * in error.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "file.h"
#include "kmsg.h"
#include "module.h"
#include "recovery.h"
#include "rough.h"

#define QUIET_MS	300

/* The DMA address of pages that tests map and unmap during an error. */
#define OTHER_AT	0x300000

#define TEST_DRIVER	"zpci_test_driver"
#define PARAMETERS	"/sys/module/" TEST_DRIVER "/parameters/"

FIXTURE(state) {
	struct rough rough;
};

FIXTURE_SETUP(state)
{
	ROUGH_START();
}

FIXTURE_TEARDOWN(state)
{
	ROUGH_END();
}

static void expect_logged(struct __test_metadata *_metadata, int log, const char *text)
{
	EXPECT_EQ(0, kmsg_wait(log, text, PATIENCE_MS)) {
		TH_LOG("not in the log: %s", text);
	}
}

#define EXPECT_LOGGED(log, text)	expect_logged(_metadata, log, text)

/* The owner reads the event that the platform has raised. */
static void expect_raised(struct __test_metadata *_metadata, struct rough *rough, __u16 pec,
			  __u16 flags)
{
	struct vfio_device_zpci_err_region event;
	unsigned long handle = 0;
	struct ccdf ccdf;

	ASSERT_EQ(0, owner_take(&rough->owner, &event)) {
		TH_LOG("no event 0x%x", pec);
	}
	ccdf_decode(event.ccdf, &ccdf);
	EXPECT_EQ(0, pci_read_attr(rough->owner.fn.address, "function_handle", &handle));
	EXPECT_EQ(pec, ccdf.pec);
	EXPECT_EQ(handle, ccdf.fh);
	EXPECT_EQ(rough->fid, ccdf.fid);
	EXPECT_EQ(rough->owner.unmapped, ccdf.faddr);
	EXPECT_EQ(flags, event.flags);
}

#define EXPECT_RAISED(pec, flags)	expect_raised(_metadata, &self->rough, pec, flags)

/* Each transient error blocks the function, and a reset unblocks it. Validates R6. */
static void expect_transient(struct __test_metadata *_metadata, struct rough *rough, __u16 pec)
{
	struct owner *owner = &rough->owner;

	ASSERT_EQ(0, platform_raises(rough, pec)) {
		TH_LOG("event 0x%x", pec);
	}
	EXPECT_FALSE(pci_answers(owner->fn.address));
	expect_raised(_metadata, rough, pec, VFIO_ZPCI_ERR_PRESENT);
	ASSERT_EQ(0, vfio_reset(&owner->fn));
	EXPECT_TRUE(pci_answers(owner->fn.address));
	expect_restored(_metadata, rough);
}

TEST_F_TIMEOUT(state, transient, 120)
{
	__u16 pec;

	for (pec = 0x1; pec <= 0x14; pec++)
		expect_transient(_metadata, &self->rough, pec);
	expect_transient(_metadata, &self->rough, PEC_ERROR_STATE);
}

/*
 * After a permanent failure the owner is woken, and each reset fails without hanging.
 * Once the platform has repaired the function, a reset makes it work. Validates R7.
 */
TEST_F_TIMEOUT(state, permanent, 120)
{
	static const __u16 pecs[] = { PEC_LOST, PEC_FAILED };
	struct owner *owner = &self->rough.owner;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pecs); i++) {
		ASSERT_EQ(0, platform_raises(&self->rough, pecs[i]));
		EXPECT_RAISED(pecs[i], VFIO_ZPCI_ERR_PRESENT | VFIO_ZPCI_ERR_PERMANENT);
		EXPECT_EQ(-EIO, vfio_reset(&owner->fn));
		EXPECT_EQ(-EIO, vfio_reset(&owner->fn));
		ASSERT_EQ(0, platform_command("repair fid=%lu", self->rough.fid));
		ASSERT_EQ(0, vfio_reset(&owner->fn)) {
			TH_LOG("after event 0x%x", pecs[i]);
		}
		EXPECT_RESTORED();
	}
}

/*
 * A function with a permanent failure cannot be opened until the platform has repaired
 * it. Validates R7.
 */
TEST_F_TIMEOUT(state, permanent_for_the_next_owner, 60)
{
	struct owner *owner = &self->rough.owner;

	ASSERT_EQ(0, platform_raises(&self->rough, PEC_LOST));
	owner_close(owner);
	EXPECT_NE(0, owner_open_at(owner, self->rough.address, VFIO_CDEV_IOMMUFD));
	ASSERT_EQ(0, platform_command("repair fid=%lu", self->rough.fid));
	ASSERT_EQ(0, owner_open_new(owner, self->rough.address, VFIO_GROUP_TYPE1));
	ASSERT_EQ(0, owner_listen(owner));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	EXPECT_EQ(0, owner_suffer(owner));
	EXPECT_EQ(0, owner_recover(owner));
}

/*
 * z/VM disables a function in error. The kernel's disable then fails and the handle has
 * changed, but the reset must work. Validates R14.
 */
TEST_F_TIMEOUT(state, disabled_already, 60)
{
	struct owner *owner = &self->rough.owner;
	int log = kmsg_open();

	ASSERT_LE(0, log);
	ASSERT_EQ(0, platform_command("zvm on"));
	ASSERT_EQ(0, platform_raises(&self->rough, 5));
	ASSERT_EQ(0, vfio_reset(&owner->fn));
	EXPECT_LOGGED(log, "had no effect as it was already disabled");
	close(log);
	EXPECT_RESTORED();
	EXPECT_EQ(0, owner_suffer(owner));
	EXPECT_EQ(0, vfio_reset(&owner->fn));
	EXPECT_RESTORED();
}

/* A measurement event is no error: the function works on. Validates R8. */
TEST_F(state, measurement)
{
	struct owner *owner = &self->rough.owner;
	__u16 pec;

	for (pec = PEC_MEASUREMENT; pec <= PEC_MEASUREMENT + 2; pec++) {
		ASSERT_EQ(0, platform_command("event pec=0x%x fid=%lu", pec, self->rough.fid));
		EXPECT_EQ(-ETIMEDOUT, event_wait(owner->error_event, QUIET_MS));
		EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	}
	EXPECT_NO_EVENT(owner);
}

/* How often the kernel has asked the platform to unblock the function, and to end the error. */
struct modified {
	long unblock;
	long end_error;
};

static struct modified modified(struct rough *rough)
{
	return (struct modified) {
		.unblock = platform_number("count modify op=9 fid=%lu", rough->fid),
		.end_error = platform_number("count modify op=7 fid=%lu", rough->fid),
	};
}

/*
 * Binds the function to a test driver of the host, which answers each error with "can
 * recover".
 */
static void with_driver(struct __test_metadata *_metadata, struct rough *rough)
{
	owner_close(&rough->owner);
	ASSERT_EQ(0, module_load(TEST_DRIVER));
	ASSERT_EQ(0, file_write(PARAMETERS "table", "1"));
	ASSERT_EQ(0, pci_bind(rough->owner.fn.address, TEST_DRIVER));
}

/* The host unblocks the function, asks its driver, and then ends the error. Validates R9. */
TEST_F_TIMEOUT(state, host_unblocks_then_ends_the_error, 60)
{
	const char *address = self->rough.owner.fn.address;
	struct modified before, now;
	int log;

	with_driver(_metadata, &self->rough);
	log = kmsg_open();
	ASSERT_LE(0, log);
	before = modified(&self->rough);
	ASSERT_EQ(0, platform_command("event pec=5 fid=%lu", self->rough.fid));
	EXPECT_LOGGED(log, "test: error_detected(");
	EXPECT_LOGGED(log, "test: mmio_enabled");
	EXPECT_LOGGED(log, "test: resume state 1");
	close(log);
	now = modified(&self->rough);
	EXPECT_EQ(before.unblock + 1, now.unblock);
	EXPECT_EQ(before.end_error + 1, now.end_error);
	EXPECT_TRUE(pci_answers(address));
	EXPECT_EQ(0, pci_bind(address, "vfio-pci"));
}

/*
 * The platform refuses to unblock the function or to end the error: the host resets the
 * function. Validates R9.
 */
static void refused_to_host(struct __test_metadata *_metadata, struct rough *rough, int op)
{
	const char *address = rough->owner.fn.address;
	long before;
	int log;

	with_driver(_metadata, rough);
	log = kmsg_open();
	ASSERT_LE(0, log);
	before = platform_number("count disable fid=%lu", rough->fid);
	ASSERT_EQ(0, platform_command("answer modify op=%d fid=%lu cc=1 status=40", op,
				      rough->fid));
	ASSERT_EQ(0, platform_command("event pec=5 fid=%lu", rough->fid));
	EXPECT_LOGGED(log, "test: slot_reset");
	EXPECT_LOGGED(log, "test: resume state 1");
	close(log);
	EXPECT_LT(before, platform_number("count disable fid=%lu", rough->fid));
	EXPECT_TRUE(pci_answers(address));
	EXPECT_EQ(0, pci_bind(address, "vfio-pci"));
}

TEST_F_TIMEOUT(state, host_may_not_unblock, 60)
{
	refused_to_host(_metadata, &self->rough, 9);
}

TEST_F_TIMEOUT(state, host_may_not_end_the_error, 60)
{
	refused_to_host(_metadata, &self->rough, 7);
}

/*
 * The host's driver loses a function with a permanent failure. The function can be
 * opened once the platform has repaired it. Validates R7.
 */
TEST_F_TIMEOUT(state, permanent_with_a_driver, 60)
{
	int log;

	with_driver(_metadata, &self->rough);
	log = kmsg_open();
	ASSERT_LE(0, log);
	ASSERT_EQ(0, platform_command("event pec=0x3b fid=%lu", self->rough.fid));
	EXPECT_LOGGED(log, "test: error_detected(");
	close(log);
	ASSERT_EQ(0, platform_command("repair fid=%lu", self->rough.fid));
	ASSERT_EQ(0, pci_bind(self->rough.address, "vfio-pci"));
	ASSERT_EQ(0, owner_open_new(&self->rough.owner, self->rough.address, VFIO_CDEV_IOMMUFD));
	EXPECT_EQ(0, nvme_verify(&self->rough.owner.nvme, TEST_BLOCK));
}

static void *reset_by_its_owner(void *arg)
{
	struct owner *owner = arg;

	return (void *)(long)vfio_reset(&owner->fn);
}

/*
 * An error comes during an FLR, and the function does not answer any more. The call
 * does not wait for the device, but resets the function through the platform. Validates
 * R6.
 */
TEST_F_TIMEOUT(state, in_error_in_an_flr, 120)
{
	struct owner *owner = &self->rough.owner;
	__u64 start = now_ns();
	pthread_t thread;
	void *ret;

	ASSERT_EQ(0, pthread_create(&thread, NULL, reset_by_its_owner, owner));
	sleep_ms(50);
	ASSERT_EQ(0, platform_command("event pec=0x3a fid=%lu", self->rough.fid));
	ASSERT_EQ(0, pthread_join(thread, &ret));
	EXPECT_EQ(0, (long)ret);
	EXPECT_GT(times(5000, 30000), (now_ns() - start) / 1000000);
	EXPECT_RESTORED();
}

/*
 * An error comes during an FLR, and the platform refuses to unblock the function once:
 * the same call makes another attempt and resets the function.
 */
TEST_F_TIMEOUT(state, not_unblocked_in_an_flr, 120)
{
	struct owner *owner = &self->rough.owner;
	pthread_t thread;
	void *ret;

	ASSERT_EQ(0, platform_command("answer modify op=9 fid=%lu times=2 cc=1 status=40",
				      self->rough.fid));
	ASSERT_EQ(0, pthread_create(&thread, NULL, reset_by_its_owner, owner));
	sleep_ms(50);
	ASSERT_EQ(0, platform_command("event pec=0x3a fid=%lu", self->rough.fid));
	ASSERT_EQ(0, pthread_join(thread, &ret));
	TH_LOG("the first reset: %ld", (long)ret);
	EXPECT_EQ(0, vfio_reset(&owner->fn));
	EXPECT_RESTORED();
}

/* How many times a function gets into error while it is opened, each a little later. */
#define OPENINGS	times(24, 240)
/* Opening takes an FLR of 100 ms and some more. */
#define OPENING_US	140000

struct late {
	unsigned long fid;
	unsigned int delay;
};

static void *raise_late(void *arg)
{
	const struct late *late = arg;

	usleep(late->delay);
	return (void *)(long)platform_command("event pec=0x3a fid=%lu", late->fid);
}

/*
 * An error comes while the function is opened, at each moment of it. Opening may fail,
 * but the next owner finds config space of before, not all ones. Validates R6.
 */
TEST_F_TIMEOUT(state, in_error_while_it_is_opened, 300)
{
	const char *address = self->rough.address;
	struct late late = { .fid = self->rough.fid };
	struct owner *owner = &self->rough.owner;
	struct config initial, after;
	int i, opened, refused = 0;
	pthread_t thread;
	void *ret;

	owner_close(owner);
	ASSERT_EQ(0, vfio_open(&owner->fn, address, VFIO_CDEV_IOMMUFD));
	ASSERT_EQ(0, config_save(&owner->fn, &initial));
	vfio_close(&owner->fn);
	for (i = 0; i < OPENINGS; i++) {
		late.delay = i * OPENING_US / OPENINGS;
		ASSERT_EQ(0, pthread_create(&thread, NULL, raise_late, &late));
		opened = vfio_open(&owner->fn, address, VFIO_CDEV_IOMMUFD);
		ASSERT_EQ(0, pthread_join(thread, &ret));
		ASSERT_EQ(0, (long)ret);
		if (opened)
			refused++;
		vfio_close(&owner->fn);

		ASSERT_EQ(0, vfio_open(&owner->fn, address, VFIO_CDEV_IOMMUFD)) {
			TH_LOG("round %d", i);
		}
		ASSERT_EQ(0, config_save(&owner->fn, &after));
		EXPECT_EQ(0, config_differences(&initial, &after)) {
			TH_LOG("round %d, %u us, opened: %d", i, late.delay, opened);
		}
		vfio_close(&owner->fn);
	}
	TH_LOG("%d openings of %d refused", refused, OPENINGS);
}

/* How many loads of config space are slow: about as many as a reset saves. */
#define SLOW_LOADS	40
#define SLOW_LOAD_MS	10
#define SAVINGS		times(10, 100)

/*
 * An error comes while an administrator's reset saves config space, at each moment of that:
 * a copy that has all ones in part is never restored. Validates R6.
 */
TEST_F_TIMEOUT(state, in_error_while_config_is_saved, 300)
{
	struct rough *rough = &self->rough;
	struct late late = { .fid = rough->fid };
	pthread_t thread;
	void *ret;
	int i;

	for (i = 0; i < SAVINGS; i++) {
		late.delay = i * SLOW_LOADS * SLOW_LOAD_MS * 1000 / SAVINGS;
		ASSERT_EQ(0, platform_command("answer load space=15 fid=%lu times=%d ms=%d",
					      rough->fid, SLOW_LOADS, SLOW_LOAD_MS));
		/* So that the reset itself cannot save anything. */
		ASSERT_EQ(0, platform_command("answer modify op=9 fid=%lu always cc=1 status=40",
					      rough->fid));
		ASSERT_EQ(0, pthread_create(&thread, NULL, raise_late, &late));
		pci_write_attr(rough->address, "reset", "1");
		ASSERT_EQ(0, pthread_join(thread, &ret));
		ASSERT_EQ(0, (long)ret);
		ASSERT_EQ(0, platform_command("forget"));
		ASSERT_EQ(0, vfio_reset(&rough->owner.fn)) {
			TH_LOG("round %d", i);
		}
		/* Command is as it was when the function was opened. */
		ASSERT_EQ(0, vfio_enable_bus_master(&rough->owner.fn));
		EXPECT_RESTORED();
	}
}

/* If the owner does not listen, the host ends the error, and the function works. Validates R9. */
TEST_F_TIMEOUT(state, silent_owner, 60)
{
	struct owner *owner = &self->rough.owner;
	struct vfio_device_zpci_err_region event;

	owner_close(owner);
	ASSERT_EQ(0, owner_open_at(owner, self->rough.address, VFIO_CDEV_IOMMUFD));
	REQUIRE_REGION(owner);
	ASSERT_EQ(0, platform_command("event pec=5 fid=%lu", self->rough.fid));
	sleep_ms(QUIET_MS);
	EXPECT_EQ(0, pci_wait_answers(self->rough.address, PATIENCE_MS));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	ASSERT_EQ(0, owner_take(owner, &event));
	EXPECT_EQ(5, event.pec);
	EXPECT_EQ(VFIO_ZPCI_ERR_PRESENT | VFIO_ZPCI_ERR_HOST_RECOVERED, event.flags);
}

/* A page, mapped at a DMA address of its own. */
struct page {
	void *mem;
	__u64 iova;
};

static struct page page_at(struct owner *owner, __u64 offset)
{
	return (struct page) {
		.mem = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0),
		.iova = owner->nvme.iova + offset,
	};
}

/*
 * A function with an owner that does not listen, on a platform that refuses changes of
 * DMA mappings during an error (strict), or accepts them (gentle).
 */
FIXTURE(mappings) {
	struct rough rough;
};

FIXTURE_VARIANT(mappings) {
	enum vfio_mode mode;
	const char *states;
};

FIXTURE_VARIANT_ADD(mappings, group_type1) {
	.mode = VFIO_GROUP_TYPE1,
	.states = "states on",
};

FIXTURE_VARIANT_ADD(mappings, cdev_iommufd) {
	.mode = VFIO_CDEV_IOMMUFD,
	.states = "states on",
};

FIXTURE_VARIANT_ADD(mappings, gentle) {
	.mode = VFIO_CDEV_IOMMUFD,
	.states = "states off",
};

FIXTURE_SETUP(mappings)
{
	ROUGH_START();
	ASSERT_EQ(0, platform_command("%s", variant->states));
	owner_close(&self->rough.owner);
	ASSERT_EQ(0, owner_open_at(&self->rough.owner, self->rough.address, variant->mode));
}

FIXTURE_TEARDOWN(mappings)
{
	ROUGH_END();
}

/*
 * Unmaps one page and maps another one while the function is in error and the platform
 * refuses both changes. Returns when the host has ended the error.
 */
static void change_during_the_error(struct __test_metadata *_metadata, struct rough *rough,
				    struct page *gone, struct page *new)
{
	struct owner *owner = &rough->owner;

	*gone = page_at(owner, OTHER_AT);
	*new = page_at(owner, 2 * OTHER_AT);
	ASSERT_EQ(0, vfio_dma_map(&owner->fn, gone->mem, gone->iova, getpagesize()));
	ASSERT_EQ(0, nvme_read_to(&owner->nvme, TEST_BLOCK, gone->iova));
	EXPECT_TRUE(pattern_matches(gone->mem, TEST_BLOCK));

	ASSERT_EQ(0, platform_command("event pec=5 fid=%lu hold", rough->fid));
	EXPECT_FALSE(pci_answers(rough->address));
	EXPECT_EQ(0, vfio_dma_unmap(&owner->fn, gone->iova, getpagesize()));
	EXPECT_EQ(0, vfio_dma_map(&owner->fn, new->mem, new->iova, getpagesize()));
	/*
	 * The platform has held back the report of the error. A measurement event now
	 * brings both.
	 */
	ASSERT_EQ(0, platform_command("event pec=0x%x fid=%lu", PEC_MEASUREMENT, rough->fid));
	ASSERT_EQ(0, recovery_wait_captured(rough->address, 1, PATIENCE_MS));
	EXPECT_EQ(0, recovery_wait_channel(rough->address, CHANNEL_NORMAL, PATIENCE_MS));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

/* After the error the device cannot access the unmapped page. Validates R25. */
TEST_F_TIMEOUT(mappings, unmapped_during_the_error, 60)
{
	struct owner *owner = &self->rough.owner;
	struct vfio_device_zpci_err_region event;
	struct page gone, new;
	struct ccdf ccdf;

	REQUIRE_REGION(owner);
	change_during_the_error(_metadata, &self->rough, &gone, &new);
	EXPECT_EQ(0, nvme_provoke_error(&owner->nvme, gone.iova));
	EXPECT_EQ(0, recovery_wait_captured(self->rough.address, 2, PATIENCE_MS)) {
		TH_LOG("the device reaches memory that is not mapped");
	}
	ASSERT_EQ(0, owner_take(owner, &event));
	EXPECT_EQ(5, event.pec);
	EXPECT_EQ(VFIO_ZPCI_ERR_PRESENT | VFIO_ZPCI_ERR_HOST_RECOVERED, event.flags);
	ASSERT_EQ(0, owner_take(owner, &event));
	ccdf_decode(event.ccdf, &ccdf);
	EXPECT_EQ(PEC_DMA_ACCESS, ccdf.pec);
	EXPECT_EQ(gone.iova, ccdf.faddr);
}

/* After the error the device can access the mapped page. Validates R25. */
TEST_F_TIMEOUT(mappings, mapped_during_the_error, 60)
{
	struct owner *owner = &self->rough.owner;
	struct page gone, new;

	change_during_the_error(_metadata, &self->rough, &gone, &new);
	EXPECT_EQ(0, nvme_read_to(&owner->nvme, TEST_BLOCK, new.iova));
	EXPECT_TRUE(pattern_matches(new.mem, TEST_BLOCK));
}

TEST_HARNESS_MAIN
