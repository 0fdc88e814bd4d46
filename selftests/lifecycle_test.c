// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opening and closing at any moment: afterwards the function works for the next owner,
 * for the host or for a driver of the kernel.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

#include "kselftest_harness.h"

#include "config.h"
#include "fixture.h"
#include "inject.h"
#include "long.h"
#include "memory_fault.h"
#include "module.h"
#include "raw_nvme.h"
#include "virtio.h"

/* More events than fit into the queue. */
#define TOO_MANY	19

/* The time after which the kernel has processed the last event, with or without an owner. */
#define SETTLE_MS	100

/* The time after which a thread that tries to provoke errors has provoked one. */
#define TROUBLE_COMES_MS	60000

/* The time within which a reset gives up if a lock is never released. */
#define RESET_GIVES_UP_MS	12000

/* More allocations than any of the calls makes. */
#define ALLOCATIONS_MAX	1000

FIXTURE(lifecycle) {
	char address[PCI_ADDRESS_LEN];
	struct owner owner;
};

FIXTURE_VARIANT(lifecycle) {
	enum vfio_mode mode;
};

FIXTURE_VARIANT_ADD(lifecycle, group_type1) {
	.mode = VFIO_GROUP_TYPE1,
};

FIXTURE_VARIANT_ADD(lifecycle, cdev_iommufd) {
	.mode = VFIO_CDEV_IOMMUFD,
};

FIXTURE_SETUP(lifecycle)
{
	self->owner.error_event = -1;
	ASSERT_EQ(0, pci_find(PCI_KIND_NVME, self->address));
	ASSERT_EQ(0, pci_bind(self->address, "vfio-pci"));
}

FIXTURE_TEARDOWN(lifecycle)
{
	pci_write_attr(self->address, "power/control", "auto");
	EXPECT_EQ(0, pci_bind(self->address, "vfio-pci"));
}

/* A new owner finds no event of an earlier owner, and the function works and recovers. */
static void expect_fresh(struct __test_metadata *_metadata, const char *address,
			 enum vfio_mode mode)
{
	struct vfio_device_zpci_err_region event;
	__u8 ccdf[CCDF_LEN];
	struct owner owner;

	ASSERT_EQ(0, owner_open_at(&owner, address, mode));
	EXPECT_EQ(-ENOMSG, error_feature_take(&owner.fn, ccdf));
	EXPECT_NO_EVENT(&owner);
	EXPECT_EQ(0, nvme_verify(&owner.nvme, TEST_BLOCK));
	ASSERT_EQ(0, owner_listen(&owner));
	EXPECT_EQ(-ETIMEDOUT, event_wait(owner.error_event, 0));

	ASSERT_EQ(0, owner_suffer(&owner));
	EXPECT_EVENT(&owner, &event, 1);
	EXPECT_EQ(VFIO_ZPCI_ERR_PRESENT, event.flags);
	EXPECT_EQ(0, event.dropped);
	EXPECT_EQ(0, event.pending_errors);
	EXPECT_NO_EVENT(&owner);
	ASSERT_EQ(0, owner_recover(&owner));
	EXPECT_EQ(0, nvme_verify(&owner.nvme, TEST_BLOCK));
	owner_close(&owner);
}

#define EXPECT_FRESH()	expect_fresh(_metadata, self->address, variant->mode)

/*
 * The owner closes the function in error and with events unread, again and again.
 * Validates 49, 50, 53.
 */
TEST_F_TIMEOUT(lifecycle, close_with_events_pending, 3600)
{
	struct owner *owner = &self->owner;
	int i, count = times(10, 1000);

	for (i = 0; i < count; i++) {
		ASSERT_EQ(0, owner_open_at(owner, self->address, variant->mode)) {
			TH_LOG("open %d", i);
		}
		ASSERT_EQ(0, owner_listen(owner));
		EXPECT_EQ(-ETIMEDOUT, event_wait(owner->error_event, 0));
		ASSERT_EQ(0, owner_suffer(owner));
		owner_close(owner);
	}
	EXPECT_FRESH();
}

static void busy_wait_us(int us)
{
	__u64 end = now_ns() + us * 1000ULL;

	while (now_ns() < end)
		;
}

/*
 * The owner closes the function at different moments between an error and its event:
 * the owner gets the event, or the host recovers, and the function works. Validates 40,
 * 42, 52.
 */
TEST_F_TIMEOUT(lifecycle, close_with_an_event_arriving, 3600)
{
	struct owner *owner = &self->owner;
	int i, count = times(16, 2000);

	for (i = 0; i < count; i++) {
		ASSERT_EQ(0, owner_open_at(owner, self->address, variant->mode)) {
			TH_LOG("open %d", i);
		}
		if (i % 2)
			ASSERT_EQ(0, owner_listen(owner));
		ASSERT_EQ(0, nvme_provoke_error(&owner->nvme, owner->unmapped));
		busy_wait_us(i % 16 * 50);
		/* To be quick, closes without stopping the controller first. */
		vfio_close(&owner->fn);
		owner_close(owner);
	}
	sleep_ms(SETTLE_MS);
	EXPECT_EQ(0, pci_wait_answers(self->address, PATIENCE_MS));
	EXPECT_FRESH();
}

/* Provokes errors through the host's own access to the function, again and again. */
struct troublemaker {
	const char *address;
	__u64 unmapped;
	bool stop;
	int made;
};

static void *make_trouble(void *arg)
{
	struct troublemaker *trouble = arg;

	while (!__atomic_load_n(&trouble->stop, __ATOMIC_ACQUIRE)) {
		/*
		 * Fails if the function is being closed or reset or is in error; the
		 * loop tries again.
		 */
		if (!raw_nvme_provoke_error(trouble->address, trouble->unmapped))
			__atomic_add_fetch(&trouble->made, 1, __ATOMIC_RELAXED);
		sleep_ms(3);
	}
	return NULL;
}

static bool made_some(struct troublemaker *trouble)
{
	return __atomic_load_n(&trouble->made, __ATOMIC_RELAXED);
}

/*
 * The function is opened and closed while errors come at any time: no call hangs, and
 * when no more errors come, the function works. Validates 40, 41, 42, 52, 54.
 */
TEST_F_TIMEOUT(lifecycle, errors_at_any_moment, 3600)
{
	struct troublemaker trouble = { .address = self->address };
	int i, opened = 0, count = times(12, 2000);
	struct vfio_function fn;
	__u64 start, deadline;
	pthread_t thread;

	ASSERT_EQ(0, vfio_open(&fn, self->address, variant->mode));
	ASSERT_EQ(0, dma_start(&fn, &start));
	vfio_close(&fn);
	trouble.unmapped = start + DMA_UNMAPPED_AT;
	ASSERT_EQ(0, pthread_create(&thread, NULL, make_trouble, &trouble));
	/* On a busy machine the other thread may not run at once. */
	deadline = deadline_in(TROUBLE_COMES_MS);
	for (i = 0; i < count || (!made_some(&trouble) && wait_on(deadline)); i++) {
		int ret = vfio_open(&fn, self->address, variant->mode);

		/* An error during the open may make the open fail. */
		if (ret)
			continue;
		opened++;
		vfio_reset(&fn);
		vfio_close(&fn);
	}
	__atomic_store_n(&trouble.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	TH_LOG("%d of %d opened, %d errors", opened, i, trouble.made);
	EXPECT_LT(0, opened);
	EXPECT_LT(0, trouble.made);
	sleep_ms(SETTLE_MS);
	EXPECT_EQ(0, pci_wait_answers(self->address, PATIENCE_MS));
	EXPECT_FRESH();
}

/* An owner that has had more errors than the queue keeps, and waits to be killed. */
static void be_killed(const char *address, enum vfio_mode mode, int ready)
{
	struct owner owner;
	int i, ret;

	ret = owner_open_at(&owner, address, mode);
	if (!ret)
		ret = owner_listen(&owner);
	for (i = 0; !ret && i < TOO_MANY; i++) {
		if (i)
			ret = vfio_reset(&owner.fn);
		if (!ret)
			ret = owner_suffer(&owner);
	}
	if (write(ready, &ret, sizeof(ret)) == sizeof(ret))
		pause();
	_exit(1);
}

/* The kernel cleans up behind an owner that is killed. Validates 49, 50. */
TEST_F_TIMEOUT(lifecycle, killed_with_events_pending, 120)
{
	int pipefd[2], ret = -EIO, status;
	pid_t child;

	ASSERT_EQ(0, pipe(pipefd));
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		be_killed(self->address, variant->mode, pipefd[1]);
	EXPECT_EQ((ssize_t)sizeof(ret), read(pipefd[0], &ret, sizeof(ret)));
	EXPECT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	close(pipefd[0]);
	close(pipefd[1]);
	ASSERT_EQ(0, ret);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_FRESH();
}

/* An error is followed by two opens without a reset by the owner. Validates 53, 54. */
TEST_F_TIMEOUT(lifecycle, opened_twice_after_an_error, 60)
{
	struct owner *owner = &self->owner;
	struct vfio_function fn;

	ASSERT_EQ(0, owner_open_at(owner, self->address, variant->mode));
	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, owner_suffer(owner));
	vfio_close(&owner->fn);
	ASSERT_EQ(0, vfio_open(&fn, self->address, variant->mode));
	vfio_close(&fn);
	ASSERT_EQ(0, vfio_open(&fn, self->address, variant->mode));
	EXPECT_TRUE(pci_answers(self->address));
	EXPECT_EQ(0, vfio_reset(&fn));
	vfio_close(&fn);
	owner_close(owner);
	EXPECT_FRESH();
}

/* The kernel's driver can use the disk. Then vfio-pci gets the function back. */
static void expect_kernel_driver(struct __test_metadata *_metadata, const char *address)
{
	char path[64];
	int ret;

	ret = pci_bind(address, "nvme");
	ASSERT_EQ(0, ret);
	EXPECT_EQ(0, pci_wait_disk(address, path, sizeof(path), PATIENCE_MS));
	EXPECT_EQ(0, disk_verify(path, TEST_BLOCK));
	ASSERT_EQ(0, pci_bind(address, "vfio-pci"));
}

/*
 * The kernel's driver can use the function after an owner that has recovered it, and
 * after an owner that has not. Validates 71.
 */
TEST_F_TIMEOUT(lifecycle, kernel_driver_comes_next, 120)
{
	struct owner *owner = &self->owner;
	bool recovered;

	if (module_load("nvme"))
		SKIP(return, "the kernel has no driver for NVMe");
	for (recovered = true;; recovered = false) {
		ASSERT_EQ(0, owner_open_at(owner, self->address, variant->mode));
		ASSERT_EQ(0, owner_listen(owner));
		ASSERT_EQ(0, owner_suffer(owner));
		if (recovered)
			ASSERT_EQ(0, owner_recover(owner));
		owner_close(owner);
		expect_kernel_driver(_metadata, self->address);
		if (!recovered)
			break;
	}
	EXPECT_FRESH();
}

/* A thread that unbinds the function's driver, and waits until the owner closes the function. */
struct unbinding {
	const char *address;
	pthread_t thread;
	int result;
	bool done;
};

static void *unbind(void *arg)
{
	struct unbinding *unbinding = arg;

	unbinding->result = pci_unbind(unbinding->address);
	__atomic_store_n(&unbinding->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static bool is_done(struct unbinding *unbinding)
{
	return __atomic_load_n(&unbinding->done, __ATOMIC_ACQUIRE);
}

/* Returns once the kernel has asked the owner to close the function. */
static int unbind_start(struct unbinding *unbinding, struct owner *owner)
{
	int request = event_new();
	int ret;

	if (request < 0)
		return request;
	unbinding->address = owner->fn.address;
	unbinding->done = false;
	ret = vfio_irq_set(&owner->fn, VFIO_PCI_REQ_IRQ_INDEX, &request, 1);
	if (!ret)
		ret = -pthread_create(&unbinding->thread, NULL, unbind, unbinding);
	if (!ret)
		ret = event_wait(request, PATIENCE_MS);
	/* The kernel has its own reference to the eventfd. */
	close(request);
	return ret;
}

/*
 * The driver is unbound while the function is open and has an event: the kernel asks
 * the owner to close the function, and waits. Validates 88.
 */
TEST_F_TIMEOUT(lifecycle, unbind_while_open, 60)
{
	struct owner *owner = &self->owner;
	struct unbinding unbinding;

	ASSERT_EQ(0, owner_open_at(owner, self->address, variant->mode));
	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(0, unbind_start(&unbinding, owner));
	EXPECT_FALSE(is_done(&unbinding));
	owner_close(owner);
	ASSERT_EQ(0, pthread_join(unbinding.thread, NULL));
	EXPECT_EQ(0, unbinding.result);
	ASSERT_EQ(0, pci_bind(self->address, "vfio-pci"));
	EXPECT_FRESH();
}

/*
 * The function fails while its driver is being unbound: other functions still report
 * errors, a reset gives up instead of waiting for ever, and closing ends the wait.
 * Validates 88, 89.
 */
TEST_F_TIMEOUT(lifecycle, error_while_being_unbound, 90)
{
	struct owner *owner = &self->owner;
	char address[PCI_ADDRESS_LEN];
	struct unbinding unbinding;
	struct vfio_function other;
	__u64 start;
	int event;

	ASSERT_EQ(0, owner_open_at(owner, self->address, variant->mode));
	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, unbind_start(&unbinding, owner));
	EXPECT_EQ(0, nvme_provoke_error(&owner->nvme, owner->unmapped));
	sleep_ms(SETTLE_MS);

	if (!pci_find(PCI_KIND_NON_PCIE, address) && !pci_bind(address, "vfio-pci")) {
		event = event_new();
		ASSERT_LE(0, event);
		ASSERT_EQ(0, vfio_open(&other, address, variant->mode));
		EXPECT_EQ(0, dma_start(&other, &start));
		EXPECT_EQ(0, error_listen(&other, event));
		if (virtio_provoke_error(&other, start + DMA_UNMAPPED_AT) != -EOPNOTSUPP) {
			EXPECT_EQ(0, event_wait(event, PATIENCE_MS));
			EXPECT_EQ(0, vfio_reset(&other));
		}
		vfio_close(&other);
		close(event);
	}

	start = now_ns();
	EXPECT_EQ(-EAGAIN, vfio_reset_once(&owner->fn));
	EXPECT_GT(RESET_GIVES_UP_MS * 1000000ULL, now_ns() - start);
	EXPECT_FALSE(is_done(&unbinding));
	owner_close(owner);
	ASSERT_EQ(0, pthread_join(unbinding.thread, NULL));
	EXPECT_EQ(0, unbinding.result);
	/* The function has no driver and so is not recovered; the next owner's open resets it. */
	ASSERT_EQ(0, pci_bind(self->address, "vfio-pci"));
	EXPECT_FRESH();
}

#define NO_FAULTS	"the kernel lets no allocation fail, or has no debugfs"

/*
 * Each allocation of an open fails in turn: the open succeeds, or it fails and leaves
 * nothing behind. Validates 48.
 */
TEST_F_TIMEOUT(lifecycle, no_memory_to_open, 1800)
{
	struct vfio_function fn;
	unsigned int nth, failed = 0;
	bool injected = true;
	int ret;

	if (memory_fault_prepare())
		SKIP(return, NO_FAULTS);
	for (nth = 1; injected && nth < ALLOCATIONS_MAX; nth++) {
		ASSERT_EQ(0, memory_fault_at(nth));
		ret = vfio_open(&fn, self->address, variant->mode);
		injected = memory_fault_end();
		if (ret)
			failed++;
		else
			vfio_close(&fn);
		EXPECT_TRUE(!ret || injected) {
			TH_LOG("allocation %u: %d", nth, ret);
		}
		/* A further open works as if no allocation had failed. */
		ret = vfio_open(&fn, self->address, variant->mode);
		ASSERT_EQ(0, ret) {
			TH_LOG("after allocation %u", nth);
		}
		vfio_close(&fn);
	}
	TH_LOG("%u of %u allocations fail the open", failed, nth - 2);
	EXPECT_FALSE(injected);
	EXPECT_LT(0, failed);
	EXPECT_FRESH();
}

/* A part of the mangled names of the work items that process events and report them. */
#define EVENT_WORK	"8WorkItem3run"

/*
 * During the submission of an event each allocation fails in turn: the event is
 * captured or counted as dropped, its owner is woken, and the function can be reset.
 * Validates 8, 31.
 */
TEST_F_TIMEOUT(lifecycle, no_memory_to_submit, 600)
{
	struct vfio_device_zpci_err_region event;
	struct ccdf ccdf = { .pec = PEC_ERROR_STATE };
	struct owner *owner = &self->owner;
	unsigned int nth, failed = 0;
	__u64 sequence = 0;
	__u32 dropped = 0;
	bool kept, end;
	int ret;

	if (memory_fault_prepare())
		SKIP(return, NO_FAULTS);
	if (!inject_load())
		SKIP(return, "there is no zpci_inject");
	ASSERT_EQ(0, owner_open_at(owner, self->address, variant->mode));
	REQUIRE_REGION(owner);
	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, inject_aim(self->address, &ccdf));
	for (nth = 1, end = false; !end && nth < ALLOCATIONS_MAX; nth++) {
		event_clear(owner->error_event);
		ASSERT_EQ(0, memory_fault_at(nth));
		ret = inject_ccdf(INJECT_ERROR, &ccdf);
		end = !memory_fault_end();
		if (ret) {
			EXPECT_FALSE(end);
			failed++;
			continue;
		}
		EXPECT_EQ(0, event_wait(owner->error_event, PATIENCE_MS)) {
			TH_LOG("after allocation %u", nth);
		}
		ASSERT_EQ(0, vfio_reset(&owner->fn));
		ASSERT_EQ(0, error_region_take(&owner->fn, &owner->region, &event));
		sequence++;
		kept = event.flags & VFIO_ZPCI_ERR_PRESENT;
		EXPECT_EQ(kept ? sequence : 0, event.sequence);
		EXPECT_EQ(dropped + !kept, event.dropped);
		dropped = event.dropped;
		EXPECT_NO_EVENT(owner);
	}
	TH_LOG("%u allocations, %u of them fail the injector, %u events are dropped", nth - 2,
	       failed, dropped);
	EXPECT_TRUE(end);
	EXPECT_LT(2, nth);
	ASSERT_EQ(0, nvme_reinit(&owner->nvme));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	owner_close(owner);
	EXPECT_FRESH();
}

/*
 * During the processing of an event all allocations fail: the event is still kept,
 * because its place was allocated before. Validates 8, 31.
 */
TEST_F_TIMEOUT(lifecycle, no_memory_at_all, 120)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;
	struct memory_range work;
	int i, ret;

	if (memory_fault_prepare())
		SKIP(return, NO_FAULTS);
	ASSERT_EQ(0, memory_range_of(EVENT_WORK, &work));
	ASSERT_EQ(0, owner_open_at(owner, self->address, variant->mode));
	REQUIRE_REGION(owner);
	ASSERT_EQ(0, owner_listen(owner));
	for (i = 1; i <= 3; i++) {
		ASSERT_EQ(0, memory_fault_all_of(&work));
		ret = owner_suffer(owner);
		/*
		 * The kernel makes the event's report, which allocates memory, after it
		 * has woken the owner.
		 */
		EXPECT_TRUE(memory_fault_hit(PATIENCE_MS));
		memory_fault_none();
		EXPECT_EQ(0, ret);
		EXPECT_EVENT(owner, &event, i);
		EXPECT_EQ(0, event.dropped);
		ASSERT_EQ(0, owner_recover(owner));
	}
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	owner_close(owner);
	EXPECT_FRESH();
}

/* During the read of an event each allocation fails in turn: no event is lost. Validates 8. */
TEST_F_TIMEOUT(lifecycle, no_memory_to_read, 600)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;
	bool injected, by_feature;
	__u8 ccdf[CCDF_LEN];
	unsigned int nth;
	int ret;

	if (memory_fault_prepare())
		SKIP(return, NO_FAULTS);
	ASSERT_EQ(0, owner_open_at(owner, self->address, variant->mode));
	ASSERT_EQ(0, owner_listen(owner));
	for (by_feature = false;; by_feature = true) {
		for (nth = 1, injected = true; injected && nth < ALLOCATIONS_MAX; nth++) {
			ASSERT_EQ(0, owner_suffer(owner));
			ASSERT_EQ(0, memory_fault_at(nth));
			ret = by_feature ? error_feature_take(&owner->fn, ccdf) :
			      error_region_take(&owner->fn, &owner->region, &event);
			injected = memory_fault_end();
			if (ret) {
				EXPECT_TRUE(injected);
				EXPECT_EQ(0, error_feature_take(&owner->fn, ccdf));
			}
			EXPECT_EQ(-ENOMSG, error_feature_take(&owner->fn, ccdf));
			ASSERT_EQ(0, owner_recover(owner));
		}
		EXPECT_FALSE(injected);
		if (by_feature)
			break;
	}
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	owner_close(owner);
}

/*
 * Each allocation of a reset fails in turn, also those of whole pages. The next reset
 * works, and config space is as before the error. Validates 31, 67.
 */
TEST_F_TIMEOUT(lifecycle, no_memory_to_reset, 600)
{
	struct config *before = malloc(sizeof(*before));
	struct config *after = malloc(sizeof(*after));
	struct owner *owner = &self->owner;
	unsigned int nth, failed = 0;
	bool injected = true;
	int ret;

	ASSERT_TRUE(before && after);
	if (memory_fault_prepare())
		SKIP(return, NO_FAULTS);
	ASSERT_EQ(0, owner_open_at(owner, self->address, variant->mode));
	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, config_save(&owner->fn, before));
	for (nth = 1; injected && nth < ALLOCATIONS_MAX; nth++) {
		ASSERT_EQ(0, owner_suffer(owner));
		ASSERT_EQ(0, memory_fault_at(nth));
		ret = vfio_reset(&owner->fn);
		injected = memory_fault_end();
		if (ret) {
			failed++;
			EXPECT_TRUE(injected);
			ASSERT_EQ(0, vfio_reset(&owner->fn)) {
				TH_LOG("after allocation %u failed the reset: %d", nth, ret);
			}
		}
		ASSERT_EQ(0, config_save(&owner->fn, after));
		EXPECT_EQ(0, config_differences(before, after)) {
			TH_LOG("after allocation %u", nth);
		}
		ASSERT_EQ(0, nvme_reinit(&owner->nvme)) {
			TH_LOG("after allocation %u", nth);
		}
	}
	TH_LOG("%u of %u allocations fail the reset", failed, nth - 2);
	EXPECT_FALSE(injected);
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	owner_close(owner);
	free(before);
	free(after);
	EXPECT_FRESH();
}

/*
 * Each allocation of a close fails in turn: the close works, because a close cannot
 * fail. Validates 49.
 */
TEST_F_TIMEOUT(lifecycle, no_memory_to_close, 1800)
{
	struct owner *owner = &self->owner;
	bool injected = true;
	unsigned int nth;

	if (memory_fault_prepare())
		SKIP(return, NO_FAULTS);
	for (nth = 1; injected && nth < ALLOCATIONS_MAX; nth++) {
		ASSERT_EQ(0, owner_open_at(owner, self->address, variant->mode)) {
			TH_LOG("after allocation %u", nth);
		}
		ASSERT_EQ(0, owner_listen(owner));
		ASSERT_EQ(0, owner_suffer(owner));
		ASSERT_EQ(0, memory_fault_at(nth));
		vfio_close(&owner->fn);
		injected = memory_fault_end();
		owner_close(owner);
	}
	EXPECT_FALSE(injected);
	EXPECT_EQ(0, pci_wait_answers(self->address, PATIENCE_MS));
	EXPECT_FRESH();
}

FIXTURE(non_pcie_lifecycle) {
	char address[PCI_ADDRESS_LEN];
};

FIXTURE_VARIANT(non_pcie_lifecycle) {
	enum vfio_mode mode;
};

FIXTURE_VARIANT_ADD(non_pcie_lifecycle, group_type1) {
	.mode = VFIO_GROUP_TYPE1,
};

FIXTURE_VARIANT_ADD(non_pcie_lifecycle, cdev_iommufd) {
	.mode = VFIO_CDEV_IOMMUFD,
};

FIXTURE_SETUP(non_pcie_lifecycle)
{
	if (pci_find(PCI_KIND_NON_PCIE, self->address))
		SKIP(return, "there is no function without PCI Express");
	ASSERT_EQ(0, pci_bind(self->address, "vfio-pci"));
}

FIXTURE_TEARDOWN(non_pcie_lifecycle)
{
}

/* An event during the open may make it fail; a few more attempts must succeed. */
static int open_in_the_end(struct vfio_function *fn, const char *address, enum vfio_mode mode,
			   int *failed)
{
	__u64 deadline = deadline_in(PATIENCE_MS);
	int ret, tries = 3;

	do {
		ret = vfio_open(fn, address, mode);
		if (ret)
			++*failed;
	} while ((ret == -EIO || ret == -EAGAIN) &&
		 (is_c_version() ? wait_on(deadline) : --tries));
	return ret;
}

/*
 * Opens and closes many times a function that needs no FLR, and so is quick. In every
 * second round an event is pending, and in every fourth one an event is on its way.
 * Validates 49, 50, 52, 53.
 */
TEST_F_TIMEOUT(non_pcie_lifecycle, open_close, 3600)
{
	int i, event = event_new(), failed = 0, count = times(100, 10000);
	struct vfio_function fn;
	__u8 ccdf[CCDF_LEN];
	__u64 start;
	int ret;

	ASSERT_LE(0, event);
	for (i = 0; i < count; i++) {
		ASSERT_EQ(0, open_in_the_end(&fn, self->address, variant->mode, &failed)) {
			TH_LOG("open %d", i);
		}
		ASSERT_EQ(-ENOMSG, error_feature_take(&fn, ccdf)) {
			TH_LOG("open %d", i);
		}
		if (i % 2) {
			ASSERT_EQ(0, dma_start(&fn, &start));
			event_clear(event);
			ASSERT_EQ(0, error_listen(&fn, event));
			ret = virtio_provoke_error(&fn, start + DMA_UNMAPPED_AT);
			if (ret == -EOPNOTSUPP) {
				vfio_close(&fn);
				SKIP(return, "its DMA cannot fail (iommu_platform=on)");
			}
			ASSERT_EQ(0, ret);
			if (i % 4 == 1)
				ASSERT_EQ(0, event_wait(event, PATIENCE_MS));
		}
		vfio_close(&fn);
	}
	if (failed)
		TH_LOG("%d opens of %d had to be tried again", failed, count);
	ASSERT_EQ(0, vfio_open(&fn, self->address, variant->mode));
	EXPECT_EQ(0, vfio_reset(&fn));
	EXPECT_TRUE(pci_answers(self->address));
	vfio_close(&fn);
	close(event);
}

TEST_HARNESS_MAIN
