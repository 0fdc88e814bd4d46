// SPDX-License-Identifier: GPL-2.0-only
/*
 * Recovery by the host, with and without a driver; and the host's reports of a recovery
 * by an owner in user space, from begin to end.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "kselftest_harness.h"

#include "file.h"
#include "fixture.h"
#include "inject.h"
#include "kmsg.h"
#include "module.h"
#include "recovery.h"

#define TEST_DRIVER	"zpci_test_driver"
#define PARAMETERS	"/sys/module/" TEST_DRIVER "/parameters/"

/* Channel states, as in enum pci_channel_state. */
#define NORMAL			1
#define PERMANENT_FAILURE	3

/* The time after which the kernel allows the full number of messages about events again. */
#define LOG_INTERVAL_MS		6000

#define NO_TEST_DRIVER	"the module " TEST_DRIVER " is not there"
#define NO_INJECTOR	"the module zpci_inject is not there"

/*
 * The number of times per hour that the host recovers the function of an owner that
 * does not listen.
 */
#define RECOVERIES		5

/* The number of errors beyond that, and the most uevents that all errors together may cause. */
#define MORE			300
#define UEVENTS_MAX		(3 * RECOVERIES)

#define HELPER		"/tmp/uevent-helper"
#define HELPER_FILE	"/sys/kernel/uevent_helper"
#define UEVENTS		"/tmp/uevents"

FIXTURE(function) {
	char address[PCI_ADDRESS_LEN];
	int log;
};

FIXTURE_SETUP(function)
{
	self->log = -1;
	ASSERT_EQ(0, pci_find(PCI_KIND_NVME, self->address));
	self->log = kmsg_open();
	ASSERT_LE(0, self->log);
}

FIXTURE_TEARDOWN(function)
{
	close(self->log);
	pci_bind(self->address, "vfio-pci");
}

static void expect_logged(struct __test_metadata *_metadata, int log, const char *text)
{
	EXPECT_EQ(0, kmsg_wait(log, text, PATIENCE_MS)) {
		TH_LOG("not in the log: %s", text);
	}
}

#define EXPECT_LOGGED(text)	expect_logged(_metadata, self->log, text)

/* An owner in user space can open the function, and recover it from an error. */
static void expect_usable(struct __test_metadata *_metadata, const char *address)
{
	struct owner owner;

	ASSERT_EQ(0, owner_open_new(&owner, address, VFIO_CDEV_IOMMUFD));
	EXPECT_EQ(0, owner_listen(&owner));
	EXPECT_EQ(0, owner_suffer(&owner));
	EXPECT_EQ(0, owner_recover(&owner));
	owner_close(&owner);
}

/* The kernel's NVMe driver recovers the function, and its disk works. Validates 38. */
TEST_F_TIMEOUT(function, kernel_driver_recovers, 60)
{
	char path[64];

	if (!inject_load())
		SKIP(return, NO_INJECTOR);
	if (module_load("nvme"))
		SKIP(return, "the kernel has no driver for NVMe");
	ASSERT_EQ(0, pci_bind(self->address, "nvme"));
	ASSERT_EQ(0, pci_wait_disk(self->address, path, sizeof(path), PATIENCE_MS));
	EXPECT_EQ(0, disk_verify(path, TEST_BLOCK));

	sleep_ms(LOG_INTERVAL_MS);
	ASSERT_EQ(0, inject_error(self->address, PEC_DMA_ACCESS));
	EXPECT_LOGGED("The device is ready to resume operations");
	ASSERT_EQ(0, pci_wait_disk(self->address, path, sizeof(path), PATIENCE_MS));
	EXPECT_EQ(0, disk_verify(path, TEST_BLOCK));
	ASSERT_EQ(0, pci_bind(self->address, "vfio-pci"));
	expect_usable(_metadata, self->address);
}

/* Binds a driver with the answers of this test, and makes its function fail. */
static void raise_with_driver(struct __test_metadata *_metadata, const char *address,
			      const char *has_callbacks)
{
	ASSERT_EQ(0, file_write(PARAMETERS "table", has_callbacks));
	ASSERT_EQ(0, pci_bind(address, TEST_DRIVER));
	ASSERT_EQ(0, pci_write_attr(address, "raise", "1"));
}

static int wait_state(const char *address, unsigned long wanted)
{
	__u64 deadline = deadline_in(PATIENCE_MS);
	unsigned long state = 0;
	int ret;

	do {
		ret = pci_read_attr(address, "state", &state);
	} while (!ret && state != wanted && wait_on(deadline));
	return state == wanted ? 0 : ret ? ret : -ETIMEDOUT;
}

/*
 * The kernel calls the driver for each step of a recovery from a real error, in order.
 * Validates 38.
 */
TEST_F_TIMEOUT(function, driver_is_asked_step_by_step, 60)
{
	if (module_load(TEST_DRIVER))
		SKIP(return, NO_TEST_DRIVER);
	raise_with_driver(_metadata, self->address, "1");
	EXPECT_LOGGED("test: error_detected(");
	EXPECT_LOGGED("test: mmio_enabled");
	EXPECT_LOGGED("test: resume state 1");
	EXPECT_EQ(0, wait_state(self->address, NORMAL));
	EXPECT_TRUE(pci_answers(self->address));
	ASSERT_EQ(0, pci_bind(self->address, "vfio-pci"));
	expect_usable(_metadata, self->address);
}

/*
 * A function whose driver handles no errors is given up; the next owner can open it.
 * Validates 39.
 */
TEST_F_TIMEOUT(function, driver_without_callbacks, 60)
{
	if (module_load(TEST_DRIVER))
		SKIP(return, NO_TEST_DRIVER);
	raise_with_driver(_metadata, self->address, "0");
	EXPECT_EQ(0, wait_state(self->address, PERMANENT_FAILURE));
	file_write(PARAMETERS "table", "1");
	ASSERT_EQ(0, pci_bind(self->address, "vfio-pci"));
	expect_usable(_metadata, self->address);
}

/* A function without a driver is given up; the next owner can open it. Validates 39. */
TEST_F_TIMEOUT(function, without_a_driver, 60)
{
	char driver[32];

	if (!inject_load())
		SKIP(return, NO_INJECTOR);
	if (!pci_driver(self->address, driver, sizeof(driver)))
		ASSERT_EQ(0, pci_unbind(self->address));
	sleep_ms(LOG_INTERVAL_MS);
	ASSERT_EQ(0, inject_error(self->address, PEC_DMA_ACCESS));
	EXPECT_LOGGED("no driver is bound");
	expect_usable(_metadata, self->address);
}

static int make_helper(void)
{
	static const char script[] = "#!/bin/sh\n"
		"[ -z \"$ERROR_EVENT\" ] || echo \"$ERROR_EVENT\" >>" UEVENTS "\n";
	int fd = open(HELPER, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	ssize_t done;

	if (fd < 0)
		return -errno;
	done = write(fd, script, sizeof(script) - 1);
	close(fd);
	unlink(UEVENTS);
	return done < 0 ? -errno : file_write(HELPER_FILE, HELPER);
}

/* Waits for a uevent about an error. */
static int wait_uevent(const char *wanted)
{
	__u64 deadline = deadline_in(PATIENCE_MS);
	char line[64];
	FILE *file;

	do {
		file = fopen(UEVENTS, "re");
		while (file && fgets(line, sizeof(line), file)) {
			line[strcspn(line, "\n")] = 0;
			if (!strcmp(line, wanted)) {
				fclose(file);
				return 0;
			}
		}
		if (file)
			fclose(file);
	} while (wait_on(deadline));
	return -ETIMEDOUT;
}

/* Uevents report the begin and the end of a recovery by an owner. Validates 97. */
TEST_F_TIMEOUT(function, owners_recovery_is_reported_to_its_end, 60)
{
	struct owner owner;

	if (make_helper())
		SKIP(return, "the kernel has no uevent helper");
	ASSERT_EQ(0, owner_open_new(&owner, self->address, VFIO_CDEV_IOMMUFD));
	EXPECT_EQ(0, owner_listen(&owner));
	EXPECT_EQ(0, owner_suffer(&owner));
	EXPECT_EQ(0, wait_uevent("BEGIN_RECOVERY"));
	EXPECT_EQ(0, owner_recover(&owner));
	EXPECT_EQ(0, wait_uevent("SUCCESSFUL_RECOVERY"));
	owner_close(&owner);
	file_write(HELPER_FILE, "");
}

/* The number of uevents since boot, of all kinds. */
static long uevents(void)
{
	FILE *file = fopen("/sys/kernel/uevent_seqnum", "re");
	long number = -1;

	if (file && fscanf(file, "%ld", &number) != 1)
		number = -1;
	if (file)
		fclose(file);
	return number;
}

/*
 * Causes a real error of a function whose owner does not listen. The host recovers the
 * function or leaves it in error, as @channel says.
 */
static void suffer_silently(struct __test_metadata *_metadata, struct owner *owner,
			    const char *channel)
{
	const char *address = owner->fn.address;
	struct recovery_state before, now;

	ASSERT_EQ(0, recovery_state(address, &before));
	ASSERT_EQ(0, nvme_provoke_error(&owner->nvme, owner->unmapped));
	ASSERT_EQ(0, recovery_wait_captured(address, before.captured + 1, PATIENCE_MS)) {
		TH_LOG("error %lu", before.captured + 1);
	}
	ASSERT_EQ(0, recovery_state(address, &now));
	EXPECT_STREQ(channel, now.channel) {
		TH_LOG("error %lu", now.captured);
	}
	EXPECT_EQ(before.recovered + !strcmp(channel, CHANNEL_NORMAL), now.recovered);
}

/* The owner reads all its events, up to number @last: each one says how it was recovered. */
static void expect_taken(struct __test_metadata *_metadata, struct owner *owner,
			 unsigned int last)
{
	struct vfio_device_zpci_err_region event;
	unsigned int i;
	__u16 how;

	for (i = 1; i <= last; i++) {
		ASSERT_EQ(0, owner_take(owner, &event));
		how = i <= RECOVERIES ? VFIO_ZPCI_ERR_HOST_RECOVERED : VFIO_ZPCI_ERR_UNATTENDED;
		EXPECT_EQ(VFIO_ZPCI_ERR_PRESENT | VFIO_ZPCI_ERR_STALE | how, event.flags) {
			TH_LOG("event %u", i);
		}
	}
}

/*
 * The host recovers the function five times, then leaves it in error, and still reports
 * errors of other functions. After a reset by the owner the host recovers it again.
 * Validates 100.
 */
TEST_F_TIMEOUT(function, silent_owner_is_given_up, 180)
{
	char address[PCI_ADDRESS_LEN], line[128];
	struct owner owner, other;
	unsigned int i;
	long before;

	if (!inject_load())
		SKIP(return, NO_INJECTOR);
	ASSERT_EQ(0, pci_find_other(PCI_KIND_NVME, self->address, address));
	ASSERT_EQ(0, owner_open_new(&other, address, VFIO_CDEV_IOMMUFD));
	ASSERT_EQ(0, owner_listen(&other));
	ASSERT_EQ(0, owner_open_new(&owner, self->address, VFIO_CDEV_IOMMUFD));
	REQUIRE_REGION(&owner);

	before = uevents();
	ASSERT_LE(0, before);
	for (i = 1; i <= RECOVERIES; i++)
		suffer_silently(_metadata, &owner, CHANNEL_NORMAL);
	suffer_silently(_metadata, &owner, CHANNEL_FROZEN);
	EXPECT_FALSE(pci_answers(self->address));

	/* The test injects the first errors as fast as possible, the others one by one. */
	for (i = 0; i < 2 * MORE; i++) {
		ASSERT_EQ(0, inject_error(self->address, PEC_DMA_ACCESS));
		if (i >= MORE)
			ASSERT_EQ(0, recovery_wait_captured(self->address, i + 1,
							    PATIENCE_MS));
	}
	EXPECT_GE(UEVENTS_MAX, uevents() - before);
	ASSERT_EQ(0, owner_suffer(&other));
	snprintf(line, sizeof(line), "%s: Event 0x4 reports an error", address);
	EXPECT_LOGGED(line);
	EXPECT_EQ(0, owner_recover(&other));
	EXPECT_EQ(0, recovery_wait_channel(self->address, CHANNEL_FROZEN, 0));

	ASSERT_EQ(0, owner_recover(&owner));
	EXPECT_EQ(0, nvme_verify(&owner.nvme, TEST_BLOCK));
	suffer_silently(_metadata, &owner, CHANNEL_NORMAL);
	EXPECT_TRUE(pci_answers(self->address));
	EXPECT_EQ(0, nvme_reinit(&owner.nvme));
	EXPECT_EQ(0, nvme_verify(&owner.nvme, TEST_BLOCK));
	expect_taken(_metadata, &owner, RECOVERIES + 1);
	owner_close(&owner);
	owner_close(&other);
}

TEST_HARNESS_MAIN
