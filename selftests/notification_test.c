// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reports about a recovery that the kernel sends to the platform, by SCLP event
 * type 24: their text and their number.
 */
#include <sys/ioctl.h>

#include "kselftest_harness.h"

#include "file.h"
#include "kmsg.h"
#include "module.h"
#include "rough.h"

#define TEST_DRIVER	"zpci_test_driver"
#define PARAMETERS	"/sys/module/" TEST_DRIVER "/parameters/"

/* Reports are sent after a delay, and meanwhile a newer report can replace an older one. */
#define SENT_MS		300

FIXTURE(notification) {
	struct rough rough;
};

FIXTURE_SETUP(notification)
{
	ROUGH_START();
	ASSERT_EQ(0, platform_command("notifications on"));
}

FIXTURE_TEARDOWN(notification)
{
	ROUGH_END();
}

static long reported(struct rough *rough)
{
	return platform_number("count notification fid=%lu", rough->fid);
}

/* Waits until the text of the last report begins with @wanted. */
static void expect_reported(struct __test_metadata *_metadata, struct rough *rough,
			    const char *wanted)
{
	__u64 deadline = deadline_in(PATIENCE_MS);
	char text[256];

	do {
		ASSERT_EQ(0, platform_text(text, sizeof(text), "text fid=%lu", rough->fid));
	} while (strncmp(text, wanted, strlen(wanted)) && wait_on(deadline));
	EXPECT_EQ(0, strncmp(text, wanted, strlen(wanted))) {
		TH_LOG("reported: %s", text);
	}
}

#define EXPECT_REPORTED(status, rest)						\
	expect_reported(_metadata, &self->rough,				\
			"report: recovery\nstatus: " status "\n" rest)
#define STATE(state, driver)	"state: " state "\ndriver: " driver "\n"

/* The kernel reports begin and end of a recovery by the owner. Validates R22. */
TEST_F_TIMEOUT(notification, owner_recovers, 60)
{
	struct owner *owner = &self->rough.owner;
	long before;
	int i;

	for (i = 0; i < 3; i++) {
		before = reported(&self->rough);
		ASSERT_LE(0, before);
		ASSERT_EQ(0, owner_suffer(owner));
		EXPECT_REPORTED("in progress", STATE("frozen", "vfio-pci"));
		ASSERT_EQ(0, owner_recover(owner));
		EXPECT_REPORTED("success", STATE("normal", "vfio-pci"));
		EXPECT_EQ(before + 2, reported(&self->rough));
	}
}

/*
 * The kernel reports nothing about a further event of the same error, and reports that the
 * error ends when the owner resets its bus. Validates R22.
 */
TEST_F_TIMEOUT(notification, owner_resets_its_bus, 60)
{
	struct vfio_pci_hot_reset reset = { .argsz = sizeof(reset) };
	struct owner *owner = &self->rough.owner;
	long before = reported(&self->rough);

	ASSERT_EQ(0, owner_suffer(owner));
	EXPECT_REPORTED("in progress", STATE("frozen", "vfio-pci"));
	ASSERT_EQ(0, platform_raises(&self->rough, 5));
	sleep_ms(SENT_MS);
	EXPECT_EQ(before + 1, reported(&self->rough));
	ASSERT_EQ(0, ioctl(owner->fn.device, VFIO_DEVICE_PCI_HOT_RESET, &reset));
	EXPECT_REPORTED("success", STATE("normal", "vfio-pci"));
}

/* The kernel reports a reset that fails, and the next one, which succeeds. Validates R22. */
TEST_F_TIMEOUT(notification, owner_fails, 60)
{
	struct owner *owner = &self->rough.owner;

	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, platform_command("answer enable fid=%lu rsp=0x104", self->rough.fid));
	ASSERT_NE(0, vfio_reset(&owner->fn));
	EXPECT_REPORTED("failed (reset)", "");
	ASSERT_EQ(0, owner_recover(owner));
	EXPECT_REPORTED("success", STATE("normal", "vfio-pci"));
}

/*
 * The host recovers a function with a driver, gives one without a driver up, and
 * reports both. Validates R22.
 */
TEST_F_TIMEOUT(notification, host_recovers, 60)
{
	const char *address = self->rough.address;

	owner_close(&self->rough.owner);
	ASSERT_EQ(0, module_load(TEST_DRIVER));
	ASSERT_EQ(0, file_write(PARAMETERS "table", "1"));
	ASSERT_EQ(0, pci_bind(address, TEST_DRIVER));
	ASSERT_EQ(0, platform_command("event pec=5 fid=%lu", self->rough.fid));
	EXPECT_REPORTED("success", STATE("normal", TEST_DRIVER));
	ASSERT_EQ(0, pci_unbind(address));
	ASSERT_EQ(0, platform_command("event pec=5 fid=%lu", self->rough.fid));
	EXPECT_REPORTED("failed (no driver)", STATE("frozen", "n/a"));
	EXPECT_NEXT_OWNER();
	EXPECT_REPORTED("success", STATE("normal", "vfio-pci"));
}

/*
 * The platform accepts no reports: the kernel sends none, and recovery works as before.
 * Validates R22.
 */
TEST_F_TIMEOUT(notification, is_not_wanted, 60)
{
	struct owner *owner = &self->rough.owner;
	int log = kmsg_open();
	long before;

	ASSERT_LE(0, log);
	ASSERT_EQ(0, platform_command("notifications off"));
	before = reported(&self->rough);
	ASSERT_EQ(0, owner_suffer(owner));
	EXPECT_EQ(0, kmsg_wait(log, "Reporting PCI status failed", PATIENCE_MS));
	close(log);
	ASSERT_EQ(0, owner_recover(owner));
	EXPECT_RESTORED();
	sleep_ms(SENT_MS);
	EXPECT_EQ(before, reported(&self->rough));
}

TEST_HARNESS_MAIN
