// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions of a virtual machine; a module stands in KVM's place. A monitor that knows
 * only the error eventfd stops the whole machine when the eventfd is signalled. So with
 * KVM the kernel signals the eventfd only if the owner has asked for events.
 */
#include <pthread.h>

#include "kselftest_harness.h"

#include "fixture.h"
#include "inject.h"
#include "machine.h"
#include "module.h"
#include "recovery.h"

/* The time after which a forbidden signal would have come. */
#define QUIET_MS	300

/* The duration of a registration, long enough for an event to come meanwhile. */
#define DELAY_MS	1000

FIXTURE(machine) {
	char address[PCI_ADDRESS_LEN];
	struct owner owner;
};

FIXTURE_VARIANT(machine) {
	enum vfio_mode mode;
};

FIXTURE_VARIANT_ADD(machine, group_type1) {
	.mode = VFIO_GROUP_TYPE1,
};

FIXTURE_VARIANT_ADD(machine, cdev_iommufd) {
	.mode = VFIO_CDEV_IOMMUFD,
};

FIXTURE_SETUP(machine)
{
	self->owner.error_event = -1;
	ASSERT_EQ(0, pci_find(PCI_KIND_NVME, self->address));
	ASSERT_EQ(0, pci_bind(self->address, "vfio-pci"));
	if (module_load(MACHINE))
		SKIP(return, "the module " MACHINE " is not there");
	ASSERT_EQ(0, owner_open_in_machine(&self->owner, self->address, variant->mode));
	REQUIRE_REGION(&self->owner);
	ASSERT_EQ(0, owner_listen(&self->owner));
}

FIXTURE_TEARDOWN(machine)
{
	machine_set("refuse", 0);
	machine_set("delay_ms", 0);
	owner_close(&self->owner);
	/* No function is registered, and nobody has a reference to the machine. */
	EXPECT_EQ(0, machine_get("registered"));
	EXPECT_EQ(0, machine_get("users"));
	EXPECT_EQ(0, module_unload(MACHINE));
}

static void expect_owner(struct __test_metadata *_metadata, const char *address,
			 const char *owner, const char *recovery)
{
	struct recovery_state state;

	ASSERT_EQ(0, recovery_state(address, &state));
	EXPECT_STREQ(owner, state.owner);
	EXPECT_STREQ(recovery, state.recovery);
}

#define EXPECT_OWNER(owner, recovery)	\
	expect_owner(_metadata, self->address, owner, recovery)

/*
 * Causes an error of a function whose owner has only registered the eventfd: the event
 * is kept, the eventfd is not signalled, and nobody recovers the function.
 */
static void suffer_unheard(struct __test_metadata *_metadata, struct owner *owner,
			   unsigned long number)
{
	const char *address = owner->fn.address;

	event_clear(owner->error_event);
	ASSERT_EQ(0, number == 1 ? nvme_provoke_error(&owner->nvme, owner->unmapped) :
		     inject_error(address, PEC_DMA_ACCESS));
	ASSERT_EQ(0, recovery_wait_captured(address, number, PATIENCE_MS));
	EXPECT_EQ(-ETIMEDOUT, event_wait(owner->error_event, QUIET_MS));
	EXPECT_EQ(0, recovery_wait_channel(address, CHANNEL_FROZEN, 0));
	EXPECT_FALSE(pci_answers(address));
}

/* The owner listens: it is woken by an error, and recovers the function. */
static void expect_heard(struct __test_metadata *_metadata, struct owner *owner, __u64 number)
{
	struct vfio_device_zpci_err_region event;

	expect_owner(_metadata, owner->fn.address, "listens,kvm", "owner");
	ASSERT_EQ(0, owner_recover(owner));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	ASSERT_EQ(0, owner_suffer(owner));
	do {
		ASSERT_EQ(0, owner_take(owner, &event));
	} while (event.flags & VFIO_ZPCI_ERR_STALE);
	EXPECT_EQ(number, event.sequence);
	EXPECT_EQ(VFIO_ZPCI_ERR_PRESENT, event.flags);
	ASSERT_EQ(0, owner_recover(owner));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

/*
 * A monitor that knows only the eventfd is not woken: its machine goes on, without the
 * function. Validates 30.
 */
TEST_F_TIMEOUT(machine, eventfd_alone_does_not_fire, 60)
{
	struct owner *owner = &self->owner;

	EXPECT_OWNER("silent,kvm", "nobody");
	suffer_unheard(_metadata, owner, 1);
	/* Registering the eventfd once more does not signal it either. */
	ASSERT_EQ(0, owner_listen(owner));
	EXPECT_EQ(-ETIMEDOUT, event_wait(owner->error_event, 0));
	EXPECT_OWNER("silent,kvm", "nobody");
	/* The monitor resets the function when its guest resets the function or the machine. */
	ASSERT_EQ(0, owner_recover(owner));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	EXPECT_OWNER("silent,kvm", "nobody");
}

/* An owner that probes the feature listens: the kernel signals it at once if events wait. */
TEST_F_TIMEOUT(machine, probe_is_listening, 60)
{
	struct owner *owner = &self->owner;

	suffer_unheard(_metadata, owner, 1);
	ASSERT_EQ(0, error_feature_probe(&owner->fn, VFIO_DEVICE_FEATURE_GET));
	EXPECT_EQ(0, event_wait(owner->error_event, 0));
	expect_heard(_metadata, owner, 2);
}

/* An owner that takes an event by the feature or from the region listens. */
TEST_F_TIMEOUT(machine, feature_is_listening, 60)
{
	struct owner *owner = &self->owner;
	__u8 ccdf[CCDF_LEN];

	if (!inject_load())
		SKIP(return, "there is no zpci_inject");
	suffer_unheard(_metadata, owner, 1);
	suffer_unheard(_metadata, owner, 2);
	ASSERT_EQ(0, error_feature_take(&owner->fn, ccdf));
	expect_heard(_metadata, owner, 3);
}

TEST_F_TIMEOUT(machine, reading_is_listening, 60)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;

	if (!inject_load())
		SKIP(return, "there is no zpci_inject");
	suffer_unheard(_metadata, owner, 1);
	suffer_unheard(_metadata, owner, 2);
	ASSERT_EQ(0, owner_take(owner, &event));
	EXPECT_EQ(VFIO_ZPCI_ERR_PRESENT | VFIO_ZPCI_ERR_UNATTENDED, event.flags);
	EXPECT_EQ(1, event.pending_errors);
	expect_heard(_metadata, owner, 3);
}

/* A read that fails, or that begins in the middle of a record, makes no owner a listener. */
TEST_F_TIMEOUT(machine, reading_in_vain_is_not_listening, 60)
{
	struct owner *owner = &self->owner;
	__u8 rest[8];

	suffer_unheard(_metadata, owner, 1);
	EXPECT_EQ(-EFAULT, error_region_read(&owner->fn, &owner->region, 0, NULL, 64));
	EXPECT_EQ(sizeof(rest), error_region_read(&owner->fn, &owner->region, 8, rest,
						  sizeof(rest)));
	EXPECT_OWNER("silent,kvm", "nobody");
	ASSERT_EQ(0, error_feature_probe(&owner->fn, VFIO_DEVICE_FEATURE_GET));
	EXPECT_EQ(0, event_wait(owner->error_event, 0));
	expect_heard(_metadata, owner, 2);
}

/* An owner that reads the region before any event listens, as the first version's client does. */
TEST_F_TIMEOUT(machine, reading_in_advance_is_listening, 60)
{
	struct owner *owner = &self->owner;

	EXPECT_NO_EVENT(owner);
	EXPECT_EQ(-ETIMEDOUT, event_wait(owner->error_event, 0));
	ASSERT_EQ(0, owner_suffer(owner));
	expect_heard(_metadata, owner, 2);
}

/* The kernel disables and enables a function for its machine with `state_lock` held. */
TEST_F_TIMEOUT(machine, registered_under_the_lock, 60)
{
	struct owner *owner = &self->owner;
	struct recovery_state before, after;

	EXPECT_EQ(1, machine_get("registered"));
	EXPECT_EQ(1, machine_get("users"));
	EXPECT_EQ(0, machine_get("unlocked"));
	owner_close(owner);
	EXPECT_EQ(0, machine_get("registered"));
	EXPECT_EQ(0, machine_get("unlocked"));
	ASSERT_EQ(0, recovery_state(self->address, &before));
	ASSERT_EQ(0, owner_open_in_machine(owner, self->address, variant->mode));
	ASSERT_EQ(0, recovery_state(self->address, &after));
	EXPECT_LT(before.resets, after.resets);
	EXPECT_EQ(0, machine_get("unlocked"));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

/* A failed registration makes the open fail, and leaves nothing behind. Validates 47. */
TEST_F_TIMEOUT(machine, registration_fails, 60)
{
	struct owner *owner = &self->owner;
	struct vfio_function fn;

	owner_close(owner);
	ASSERT_EQ(0, machine_set("refuse", -ENOMEM));
	EXPECT_EQ(-ENOMEM, vfio_open_in_machine(&fn, self->address, variant->mode));
	EXPECT_EQ(0, machine_get("registered"));
	EXPECT_EQ(0, machine_get("users"));
	EXPECT_OWNER("none", "host");
	ASSERT_EQ(0, machine_set("refuse", 0));
	ASSERT_EQ(0, owner_open_in_machine(owner, self->address, variant->mode));
	ASSERT_EQ(0, owner_listen(owner));
	EXPECT_NO_EVENT(owner);
	ASSERT_EQ(0, owner_suffer(owner));
	expect_heard(_metadata, owner, 2);
}

static void *open_in_thread(void *arg)
{
	struct _test_data_machine *self = arg;

	return (void *)(long)owner_open_in_machine(&self->owner, self->address,
						   VFIO_CDEV_IOMMUFD);
}

/*
 * An event comes while the kernel disables and enables the function for its machine:
 * the event is captured or ignored, and the function works or can be recovered.
 * Validates 92.
 */
TEST_F_TIMEOUT(machine, event_while_it_is_registered, 60)
{
	struct ccdf ccdf = { .pec = PEC_DMA_ACCESS };
	struct owner *owner = &self->owner;
	struct recovery_state before, now;
	__u64 deadline = deadline_in(PATIENCE_MS);
	pthread_t thread;
	void *ret;

	if (!inject_load())
		SKIP(return, "there is no zpci_inject");
	owner_close(owner);
	ASSERT_EQ(0, inject_aim(self->address, &ccdf));
	ASSERT_EQ(0, recovery_state(self->address, &before));
	ASSERT_EQ(0, machine_set("delay_ms", DELAY_MS));
	ASSERT_EQ(0, pthread_create(&thread, NULL, open_in_thread, self));
	do {
		ASSERT_EQ(0, recovery_state(self->address, &now));
	} while (strcmp(now.owner, "silent,kvm") && wait_on(deadline));
	EXPECT_STREQ("silent,kvm", now.owner);
	ASSERT_EQ(0, inject_ccdf(INJECT_ERROR, &ccdf));
	ASSERT_EQ(0, recovery_state(self->address, &now));
	/* The event waits for the lock that the registration holds. */
	EXPECT_EQ(1, now.unprocessed);
	ASSERT_EQ(0, pthread_join(thread, &ret));
	ASSERT_EQ(0, (long)ret);
	ASSERT_EQ(0, machine_set("delay_ms", 0));
	EXPECT_EQ(0, machine_get("unlocked"));
	ASSERT_EQ(0, recovery_wait_captured(self->address, 0, PATIENCE_MS));
	ASSERT_EQ(0, recovery_state(self->address, &now));
	EXPECT_EQ(1, now.ignored - before.ignored + now.captured);
	EXPECT_STREQ(now.captured ? CHANNEL_FROZEN : CHANNEL_NORMAL, now.channel);
	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, error_feature_probe(&owner->fn, VFIO_DEVICE_FEATURE_GET));
	expect_heard(_metadata, owner, now.captured + 1);
}

TEST_HARNESS_MAIN
