// SPDX-License-Identifier: GPL-2.0-only
/*
 * Resets under stress: many in a row, from several threads at once, while the function
 * goes away, and killed in the middle.
 *
 * ZPCI_LONG=1 in the environment makes the loops long.
 */
#include <linux/pci_regs.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"

#include "fixture.h"
#include "host.h"
#include "long.h"

/* The most time for a reset of a working function; an FLR alone takes 100 ms. */
#define QUICK_MS		2000

/*
 * The most time for a reset that cannot get a lock, because an owner does not close the
 * function.
 */
#define GIVES_UP_MS		12000

/* A function for unplugging: its UID is its PCI domain. */
#define PLUGGED_UID		80
#define PLUGGED_ADDRESS		"0050:00:00.0"
#define PLUGGED_SLOT		"00000050"

static int ms_since(__u64 start)
{
	return (now_ns() - start) / 1000000;
}

FIXTURE(reset_stress) {
	struct owner owner;
};

FIXTURE_VARIANT(reset_stress) {
	enum vfio_mode mode;
};

FIXTURE_VARIANT_ADD(reset_stress, group_type1) {
	.mode = VFIO_GROUP_TYPE1,
};

FIXTURE_VARIANT_ADD(reset_stress, cdev_iommufd) {
	.mode = VFIO_CDEV_IOMMUFD,
};

FIXTURE_SETUP(reset_stress)
{
	ASSERT_EQ(0, owner_open(&self->owner, variant->mode));
	ASSERT_EQ(0, owner_listen(&self->owner));
}

FIXTURE_TEARDOWN(reset_stress)
{
	char address[PCI_ADDRESS_LEN];

	owner_close(&self->owner);
	if (!pci_find(PCI_KIND_NVME, address))
		pci_bind(address, "vfio-pci");
}

/*
 * The owner resets as soon as it is woken, many times: each reset succeeds, interrupts
 * and DMA work until the end, and no event is lost. Validates 31, 56, 63, 65.
 */
TEST_F_TIMEOUT(reset_stress, in_a_row, 3600)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;
	int i, good = 0, count = times(30, 1000);

	for (i = 1; i <= count; i++) {
		ASSERT_EQ(0, owner_suffer(owner)) {
			TH_LOG("error %d", i);
		}
		if (!vfio_reset(&owner->fn))
			good++;
		EXPECT_EVENT(owner, &event, i);
		EXPECT_EQ(0, event.dropped);
	}
	EXPECT_EQ(count, good);
	ASSERT_EQ(0, nvme_reinit(&owner->nvme));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

/* A thread that repeats one operation. */
struct worker {
	struct owner *owner;
	pthread_t thread;
	pthread_barrier_t *start;
	bool stop;
	int done;
	int failed;
	int result;
};

static void *read_on(void *arg)
{
	struct vfio_device_zpci_err_region event;
	struct worker *worker = arg;
	__u8 ccdf[CCDF_LEN];
	int ret;

	while (!__atomic_load_n(&worker->stop, __ATOMIC_ACQUIRE)) {
		ret = error_feature_take(&worker->owner->fn, ccdf);
		if (!ret)
			worker->done++;
		else if (ret != -ENOMSG)
			worker->failed++;
		ret = owner_take(worker->owner, &event);
		if (!ret)
			worker->done++;
		else if (ret != -ENOMSG)
			worker->failed++;
	}
	return NULL;
}

/* Asks which functions a hot reset would reset, until the thread is stopped. */
static void *ask_hot_reset(void *arg)
{
	struct {
		struct vfio_pci_hot_reset_info head;
		struct vfio_pci_dependent_device devices[4];
	} info;
	struct worker *worker = arg;

	while (!__atomic_load_n(&worker->stop, __ATOMIC_ACQUIRE)) {
		memset(&info, 0, sizeof(info));
		info.head.argsz = sizeof(info);
		if (!ioctl(worker->owner->fn.device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &info)) {
			worker->done++;
			continue;
		}
		worker->failed++;
		worker->result = -errno;
	}
	return NULL;
}

/*
 * The kernel can always say which functions a hot reset would reset, also during an
 * error or a reset. Validates 90.
 */
TEST_F_TIMEOUT(reset_stress, while_hot_reset_is_asked_for, 120)
{
	struct worker worker = { .owner = &self->owner };
	int i;

	ASSERT_EQ(0, pthread_create(&worker.thread, NULL, ask_hot_reset, &worker));
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(0, owner_suffer(&self->owner));
		EXPECT_EQ(0, owner_recover(&self->owner));
	}
	__atomic_store_n(&worker.stop, true, __ATOMIC_RELEASE);
	ASSERT_EQ(0, pthread_join(worker.thread, NULL));
	EXPECT_LT(0, worker.done);
	EXPECT_EQ(0, worker.failed) {
		TH_LOG("asked %d times, failed %d times, in the end with %d",
		       worker.done + worker.failed, worker.failed, worker.result);
	}
}

/* One thread reads events all the time, another one resets the function. Validates 31, 93. */
TEST_F_TIMEOUT(reset_stress, while_another_thread_reads, 1200)
{
	struct owner *owner = &self->owner;
	struct worker reader = { .owner = owner };
	int i, count = times(8, 300);
	__u8 ccdf[CCDF_LEN];

	ASSERT_EQ(0, pthread_create(&reader.thread, NULL, read_on, &reader));
	for (i = 0; i < count; i++) {
		EXPECT_EQ(0, owner_suffer(owner));
		EXPECT_EQ(0, vfio_reset(&owner->fn));
	}
	__atomic_store_n(&reader.stop, true, __ATOMIC_RELEASE);
	pthread_join(reader.thread, NULL);
	while (!error_feature_take(&owner->fn, ccdf))
		reader.done++;
	EXPECT_EQ(count, reader.done);
	EXPECT_EQ(0, reader.failed);
	ASSERT_EQ(0, nvme_reinit(&owner->nvme));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

static void *reset_once(void *arg)
{
	struct worker *worker = arg;

	pthread_barrier_wait(worker->start);
	worker->result = vfio_reset(&worker->owner->fn);
	return NULL;
}

/* Two threads reset at the same time: both resets succeed. Validates 31, 67. */
TEST_F_TIMEOUT(reset_stress, two_at_once, 1200)
{
	struct owner *owner = &self->owner;
	int i, failed = 0, count = times(10, 300);
	struct worker other = { .owner = owner };
	pthread_barrier_t start;
	int result;

	ASSERT_EQ(0, pthread_barrier_init(&start, NULL, 2));
	other.start = &start;
	for (i = 0; i < count; i++) {
		ASSERT_EQ(0, owner_suffer(owner));
		ASSERT_EQ(0, pthread_create(&other.thread, NULL, reset_once, &other));
		pthread_barrier_wait(&start);
		result = vfio_reset(&owner->fn);
		pthread_join(other.thread, NULL);
		if (result || other.result) {
			failed++;
			TH_LOG("round %d: %d and %d", i, result, other.result);
		}
		ASSERT_EQ(0, nvme_reinit(&owner->nvme)) {
			TH_LOG("round %d", i);
		}
	}
	EXPECT_EQ(0, failed);
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

/* The reset of a function in order is quick, and makes no event. Validates 66. */
TEST_F_TIMEOUT(reset_stress, of_a_healthy_function, 600)
{
	struct owner *owner = &self->owner;
	int i, count = times(5, 100);
	__u64 start;

	for (i = 0; i < count; i++) {
		start = now_ns();
		EXPECT_EQ(0, vfio_reset(&owner->fn));
		EXPECT_GT(QUICK_MS, ms_since(start));
	}
	EXPECT_EQ(-ETIMEDOUT, event_wait(owner->error_event, 100));
	EXPECT_NO_EVENT(owner);
	ASSERT_EQ(0, nvme_reinit(&owner->nvme));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

/*
 * Accesses to a function in error end, with an error or all ones, and work
 * again after the reset. Validates 73, 74.
 */
TEST_F(reset_stress, access_in_error)
{
	struct owner *owner = &self->owner;
	__u32 command = 0, csts = 0;

	ASSERT_EQ(0, owner_suffer(owner));
	if (!vfio_config_read(&owner->fn, PCI_COMMAND, &command, sizeof(command)))
		TH_LOG("vfio's view of the command register: 0x%x", command);
	vfio_config_write(&owner->fn, PCI_COMMAND, &command, sizeof(command));
	if (!nvme_status(&owner->nvme, &csts))
		EXPECT_EQ(~0U, csts);
	vfio_bar_write32(&owner->fn, 0, 0x14, 0);
	ASSERT_EQ(0, owner_recover(owner));
	ASSERT_EQ(0, nvme_status(&owner->nvme, &csts));
	EXPECT_NE(~0U, csts);
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

static void be_killed_resetting(struct owner *owner, int ready)
{
	int ret = owner_suffer(owner);

	if (write(ready, &ret, sizeof(ret)) != sizeof(ret))
		_exit(1);
	for (;;)
		vfio_reset(&owner->fn);
}

/*
 * A process is killed at different moments of its reset: the process ends, and the
 * function works. Validates 31, 49, 67.
 */
TEST_F_TIMEOUT(reset_stress, killed, 600)
{
	struct owner *owner = &self->owner;
	int i, ret, status, pipefd[2], count = times(5, 100);
	pid_t child;
	__u64 start;

	for (i = 0; i < count; i++) {
		ret = -EIO;
		ASSERT_EQ(0, pipe(pipefd));
		child = fork();
		ASSERT_LE(0, child);
		if (!child)
			be_killed_resetting(owner, pipefd[1]);
		ASSERT_EQ((ssize_t)sizeof(ret), read(pipefd[0], &ret, sizeof(ret)));
		EXPECT_EQ(0, ret);
		sleep_ms(i * 37 % 150);
		start = now_ns();
		ASSERT_EQ(0, kill(child, SIGKILL));
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_GT(QUICK_MS, ms_since(start));
		close(pipefd[0]);
		close(pipefd[1]);
		/* The parent still has the function open. */
		ASSERT_EQ(0, owner_recover(owner));
		EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	}
}

static void *unbind(void *arg)
{
	struct worker *worker = arg;

	worker->result = pci_unbind(worker->owner->fn.address);
	return NULL;
}

/*
 * A reset waits while the driver is being unbound. If its process is killed, it ends at
 * once. Validates 31, 88.
 */
TEST_F_TIMEOUT(reset_stress, killed_while_it_waits, 120)
{
	char address[PCI_ADDRESS_LEN];
	struct owner *owner = &self->owner;
	struct worker unbinder = { .owner = owner };
	int status, request = event_new();
	pid_t child;
	__u64 start;

	ASSERT_LE(0, request);
	memcpy(address, owner->fn.address, sizeof(address));
	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, vfio_irq_set(&owner->fn, VFIO_PCI_REQ_IRQ_INDEX, &request, 1));
	ASSERT_EQ(0, pthread_create(&unbinder.thread, NULL, unbind, &unbinder));
	EXPECT_EQ(0, event_wait(request, PATIENCE_MS));
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(vfio_reset(&owner->fn) ? 1 : 0);
	sleep_ms(200);
	EXPECT_EQ(0, waitpid(child, &status, WNOHANG)) {
		TH_LOG("the reset did not wait: status 0x%x", status);
	}
	start = now_ns();
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	EXPECT_GT(500, ms_since(start));

	/* A reset that is not killed gives up after a while. */
	start = now_ns();
	EXPECT_EQ(-EAGAIN, vfio_reset_once(&owner->fn));
	EXPECT_GT(GIVES_UP_MS, ms_since(start));
	close(request);
	owner_close(owner);
	ASSERT_EQ(0, pthread_join(unbinder.thread, NULL));
	EXPECT_EQ(0, unbinder.result);
	EXPECT_EQ(0, pci_wait_answers(address, PATIENCE_MS));
	ASSERT_EQ(0, pci_bind(address, "vfio-pci"));
	ASSERT_EQ(0, owner_open_at(owner, address, variant->mode));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

FIXTURE(unplug) {
	struct owner owner;
	__u64 name;
};

FIXTURE_VARIANT(unplug) {
	enum vfio_mode mode;
};

FIXTURE_VARIANT_ADD(unplug, group_type1) {
	.mode = VFIO_GROUP_TYPE1,
};

FIXTURE_VARIANT_ADD(unplug, cdev_iommufd) {
	.mode = VFIO_CDEV_IOMMUFD,
};

FIXTURE_SETUP(unplug)
{
	self->name = host_plug_nvme(PLUGGED_UID);
	if (pci_wait_present(PLUGGED_ADDRESS, true, PATIENCE_MS))
		SKIP(return, "the host does not plug functions on demand");
	ASSERT_EQ(0, owner_open_new(&self->owner, PLUGGED_ADDRESS, variant->mode));
	ASSERT_EQ(0, owner_listen(&self->owner));
}

FIXTURE_TEARDOWN(unplug)
{
	owner_close(&self->owner);
	EXPECT_EQ(0, pci_wait_present(PLUGGED_ADDRESS, false, PATIENCE_MS));
	/* The slot goes last. From then on a function with the same numbers can be plugged. */
	EXPECT_EQ(0, pci_wait_slot(PLUGGED_SLOT, false, PATIENCE_MS));
}

/*
 * The function is unplugged while its owner resets it: each reset succeeds or fails
 * without hanging, and the function goes when the owner closes it. Validates 88, 91.
 */
TEST_F_TIMEOUT(unplug, while_resetting, 120)
{
	struct owner *owner = &self->owner;
	int i, ret, request = event_new();
	__u64 start;

	ASSERT_LE(0, request);
	ASSERT_EQ(0, vfio_irq_set(&owner->fn, VFIO_PCI_REQ_IRQ_INDEX, &request, 1));
	ASSERT_EQ(0, owner_suffer(owner));
	host_unplug(self->name);
	for (i = 0; i < 20; i++) {
		start = now_ns();
		ret = vfio_reset(&owner->fn);
		EXPECT_TRUE(!ret || ret == -EAGAIN || ret == -ENODEV) {
			TH_LOG("reset %d: %d", i, ret);
		}
		EXPECT_GT(GIVES_UP_MS, ms_since(start));
		/*
		 * The kernel has asked the owner to close the function, and resets fail
		 * from then on.
		 */
		if (ret && !event_wait(request, 0))
			break;
	}
	close(request);
}

TEST_HARNESS_MAIN
