// SPDX-License-Identifier: GPL-2.0-only
/*
 * A reset disables and enables the function, and the platform then forgets its
 * settings: all of them are restored, and other functions are not affected.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "fixture.h"
#include "inject.h"
#include "kmsg.h"
#include "module.h"
#include "platform.h"

#define NO_INJECTOR	"the module zpci_inject is not there"

/* The platform writes a sample every 4 seconds: this is enough time for several samples. */
#define SAMPLE_MS	times(12000, 60000)

/* How often the address space is detached during a reset. */
#define ROUNDS		times(100, 400)

/* The address of another mapping, and the length of all mappings. */
#define OTHER_AT	0x300000
#define PAGE		0x1000

/*
 * Resets a function in error. The C version fails with EAGAIN while it still processes
 * the event.
 */
static int reset_soon(struct vfio_function *fn)
{
	__u64 deadline = deadline_in(PATIENCE_MS);
	int ret;

	do {
		ret = vfio_reset(fn);
	} while (ret == -EAGAIN && wait_on(deadline));
	/* The C version leaves bus mastering off after a real error. */
	return ret ? ret : vfio_enable_bus_master(fn);
}

/* An owner in user space can open the function, and recover it from an error. */
static void expect_usable(struct __test_metadata *_metadata, const char *address)
{
	struct owner owner;

	ASSERT_EQ(0, owner_open_new(&owner, address, VFIO_CDEV_IOMMUFD));
	EXPECT_EQ(0, owner_listen(&owner));
	EXPECT_EQ(0, owner_suffer(&owner));
	EXPECT_EQ(0, reset_soon(&owner.fn));
	EXPECT_EQ(0, nvme_reinit(&owner.nvme));
	EXPECT_EQ(0, nvme_verify(&owner.nvme, TEST_BLOCK));
	owner_close(&owner);
}

#define EXPECT_USABLE(address)	expect_usable(_metadata, address)

/* A function that the kernel takes for one with a permanent failure. */
FIXTURE(lost) {
	char address[PCI_ADDRESS_LEN];
};

FIXTURE_SETUP(lost)
{
	ASSERT_EQ(0, pci_find(PCI_KIND_NVME, self->address));
	if (!inject_load())
		SKIP(return, NO_INJECTOR);
}

FIXTURE_TEARDOWN(lost)
{
	pci_bind(self->address, "vfio-pci");
}

/* An administrator resets the function. Then the kernel's driver and its disk work. */
TEST_F_TIMEOUT(lost, reset_with_a_kernel_driver, 60)
{
	char path[64];
	int log;

	if (module_load("nvme"))
		SKIP(return, "the kernel has no driver for NVMe");
	ASSERT_EQ(0, pci_bind(self->address, "nvme"));
	ASSERT_EQ(0, pci_wait_disk(self->address, path, sizeof(path), PATIENCE_MS));
	log = kmsg_open();
	ASSERT_LE(0, log);
	ASSERT_EQ(0, inject_error(self->address, PEC_LOST));
	ASSERT_EQ(0, kmsg_wait(log, "Event 0x3b reports an error", PATIENCE_MS));
	close(log);
	EXPECT_EQ(0, pci_write_attr(self->address, "reset", "1"));
	ASSERT_EQ(0, pci_bind(self->address, "vfio-pci"));
	ASSERT_EQ(0, pci_bind(self->address, "nvme"));
	ASSERT_EQ(0, pci_wait_disk(self->address, path, sizeof(path), PATIENCE_MS));
	EXPECT_EQ(0, disk_verify(path, TEST_BLOCK));
	ASSERT_EQ(0, pci_bind(self->address, "vfio-pci"));
	EXPECT_USABLE(self->address);
}

/* The owner resets its whole slot, with only this function in it. */
TEST_F_TIMEOUT(lost, hot_reset_by_its_owner, 60)
{
	struct vfio_pci_hot_reset reset = { .argsz = sizeof(reset) };
	struct owner owner;

	ASSERT_EQ(0, owner_open_new(&owner, self->address, VFIO_CDEV_IOMMUFD));
	ASSERT_EQ(0, owner_listen(&owner));
	ASSERT_EQ(0, inject_error(self->address, PEC_LOST));
	ASSERT_EQ(0, event_wait(owner.error_event, PATIENCE_MS));
	EXPECT_EQ(0, ioctl(owner.fn.device, VFIO_DEVICE_PCI_HOT_RESET, &reset));
	EXPECT_EQ(0, vfio_enable_bus_master(&owner.fn));
	EXPECT_EQ(0, nvme_reinit(&owner.nvme));
	EXPECT_EQ(0, nvme_verify(&owner.nvme, TEST_BLOCK));
	owner_close(&owner);
}

/* Operations of Modify PCI Function Controls (MPCIFC); the platform refuses one of them. */
#define REGISTER_INTERRUPTS	2
#define REGISTER_TRANSLATION	4

/* A function that the platform enables, but with one registration refused. */
FIXTURE(refused) {
	struct owner owner;
};

FIXTURE_VARIANT(refused) {
	int operation;
};

FIXTURE_VARIANT_ADD(refused, interrupts) {
	.operation = REGISTER_INTERRUPTS,
};

FIXTURE_VARIANT_ADD(refused, translation) {
	.operation = REGISTER_TRANSLATION,
};

FIXTURE_SETUP(refused)
{
	if (!platform_there())
		SKIP(return, "the platform is QEMU's, which refuses nothing");
	ASSERT_EQ(0, owner_open(&self->owner, VFIO_CDEV_IOMMUFD));
}

FIXTURE_TEARDOWN(refused)
{
	owner_close(&self->owner);
}

/* The reset fails and leaves the function disabled; the next one succeeds. */
TEST_F_TIMEOUT(refused, reset_fails, 60)
{
	const char *address = self->owner.fn.address;
	unsigned long handle, id;

	ASSERT_EQ(0, pci_read_attr(address, "function_id", &id));
	ASSERT_EQ(0, pci_write_attr(address, "reset_method", "bus"));
	ASSERT_EQ(0, platform_command("answer modify fid=%lu op=%d cc=1 status=40", id,
				      variant->operation));
	EXPECT_EQ(-EIO, pci_write_attr(address, "reset", "1"));
	ASSERT_EQ(0, pci_read_attr(address, "function_handle", &handle));
	EXPECT_EQ(0, handle & 1U << 31);
	EXPECT_EQ(0, pci_write_attr(address, "reset", "1"));
	EXPECT_EQ(0, pci_write_attr(address, "reset_method", "default"));
	EXPECT_EQ(0, nvme_reinit(&self->owner.nvme));
	EXPECT_EQ(0, nvme_verify(&self->owner.nvme, TEST_BLOCK));
}

/* The number of samples that the platform has written; -ENOENT if it does not measure. */
static long samples(const char *address)
{
	char path[128], line[128];
	long found = -ENOENT;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/kernel/debug/pci/%s/statistics", address);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Samples: %ld", &found) == 1)
			break;
	if (file)
		fclose(file);
	return found;
}

static int wait_sample(const char *address)
{
	__u64 deadline = deadline_in(SAMPLE_MS);
	long first = samples(address), now;

	do {
		now = samples(address);
		if (now < 0)
			return now;
	} while (now == first && wait_on(deadline));
	return now == first ? -ETIMEDOUT : 0;
}

/* Measurement of a function goes on after a reset through the platform. */
TEST_F_TIMEOUT(lost, measured_after_a_reset, 120)
{
	struct owner owner;

	ASSERT_EQ(0, owner_open_new(&owner, self->address, VFIO_CDEV_IOMMUFD));
	ASSERT_EQ(0, owner_listen(&owner));
	EXPECT_EQ(0, wait_sample(self->address));
	ASSERT_EQ(0, owner_suffer(&owner));
	ASSERT_EQ(0, reset_soon(&owner.fn));
	EXPECT_EQ(0, wait_sample(self->address));
	owner_close(&owner);
}

/*
 * Opening a function without any other reset resets it through the platform, and
 * measurement goes on.
 */
TEST(measured_once_open)
{
	char address[PCI_ADDRESS_LEN];
	struct vfio_function fn;

	ASSERT_EQ(0, pci_find(PCI_KIND_NON_PCIE, address));
	ASSERT_EQ(0, pci_bind(address, "vfio-pci"));
	ASSERT_EQ(0, vfio_open(&fn, address, VFIO_CDEV_IOMMUFD));
	EXPECT_EQ(0, wait_sample(address));
	vfio_close(&fn);
}

/* Two functions that share an I/O address space. */
FIXTURE(shared) {
	struct owner owner;
	struct vfio_function other;
	void *mem;
};

FIXTURE_VARIANT(shared) {
	enum vfio_mode mode;
};

FIXTURE_VARIANT_ADD(shared, group_type1) {
	.mode = VFIO_GROUP_TYPE1,
};

FIXTURE_VARIANT_ADD(shared, cdev_iommufd) {
	.mode = VFIO_CDEV_IOMMUFD,
};

FIXTURE_SETUP(shared)
{
	char address[PCI_ADDRESS_LEN];

	ASSERT_EQ(0, owner_open(&self->owner, variant->mode));
	ASSERT_EQ(0, pci_find_other(PCI_KIND_NVME, self->owner.fn.address, address));
	ASSERT_EQ(0, pci_bind(address, "vfio-pci"));
	ASSERT_EQ(0, vfio_open_beside(&self->other, address, &self->owner.fn));
	self->mem = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
}

FIXTURE_TEARDOWN(shared)
{
	vfio_close(&self->other);
	owner_close(&self->owner);
	munmap(self->mem, PAGE);
}

/*
 * One of two functions is in error, and later the other one, while memory is mapped and
 * unmapped for both. After the reset the function that was in error can use the
 * mapping.
 */
TEST_F_TIMEOUT(shared, one_in_error, 60)
{
	struct owner *owner = &self->owner;
	__u64 iova = owner->unmapped - DMA_UNMAPPED_AT + OTHER_AT;
	struct nvme second;

	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, owner_suffer(owner));
	EXPECT_EQ(0, vfio_dma_map(&self->other, self->mem, iova, PAGE));
	EXPECT_EQ(0, vfio_dma_unmap(&self->other, iova, PAGE));
	/* The function that is not in error works all the time. */
	EXPECT_EQ(0, nvme_start(&second, &self->other, iova));
	EXPECT_EQ(0, nvme_verify(&second, TEST_BLOCK));
	EXPECT_EQ(0, reset_soon(&owner->fn));
	EXPECT_EQ(0, nvme_reinit(&owner->nvme));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));

	/*
	 * The second function's owner does not listen: the function stays in error, or
	 * the host recovers it.
	 */
	EXPECT_EQ(0, nvme_provoke_error(&second, owner->unmapped));
	EXPECT_EQ(0, vfio_dma_map(&owner->fn, self->mem, iova + OTHER_AT, PAGE));
	EXPECT_EQ(0, vfio_dma_unmap(&owner->fn, iova + OTHER_AT, PAGE));
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
	nvme_stop(&second);
}

/* A function whose address space is detached during a reset, and attached again. */
FIXTURE(attach) {
	struct owner owner;
	pthread_barrier_t start;
	int reset;
	bool over;
};

FIXTURE_SETUP(attach)
{
	ASSERT_EQ(0, owner_open(&self->owner, VFIO_CDEV_IOMMUFD));
	ASSERT_EQ(0, pthread_barrier_init(&self->start, NULL, 2));
}

FIXTURE_TEARDOWN(attach)
{
	owner_close(&self->owner);
}

static int attach_ioas(struct vfio_function *fn)
{
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
		.pt_id = fn->ioas,
	};

	return ioctl(fn->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach) ? -errno : 0;
}

static int detach_ioas(struct vfio_function *fn)
{
	struct vfio_device_detach_iommufd_pt detach = { .argsz = sizeof(detach) };

	return ioctl(fn->device, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach) ? -errno : 0;
}

/* Waits until a device without access to memory fails, or is in error and reads as all ones. */
static int wait_failed(struct nvme *nvme)
{
	__u64 deadline = deadline_in(PATIENCE_MS);
	__u32 csts;
	int ret;

	do {
		ret = nvme_status(nvme, &csts);
		if (ret || csts & NVME_CSTS_CFS)
			return ret;
	} while (wait_on(deadline));
	return -ETIMEDOUT;
}

static void *reset_each_round(void *arg)
{
	struct _test_data_attach *self = arg;

	for (;;) {
		pthread_barrier_wait(&self->start);
		if (self->over)
			return NULL;
		self->reset = reset_soon(&self->owner.fn);
		pthread_barrier_wait(&self->start);
	}
}

/*
 * One thread resets a function in error, another thread detaches its address space at
 * some moment of the reset. Afterwards the device reaches no memory, and an address
 * space can be attached again.
 */
TEST_F_TIMEOUT(attach, against_resets, 300)
{
	struct owner *owner = &self->owner;
	struct vfio_function *fn = &owner->fn;
	__u64 random = random_seed(), until;
	pthread_t thread;
	int round;

	ASSERT_EQ(0, owner_listen(owner));
	ASSERT_EQ(0, pthread_create(&thread, NULL, reset_each_round, self));
	for (round = 0; round < ROUNDS; round++) {
		ASSERT_EQ(0, owner_suffer(owner));
		pthread_barrier_wait(&self->start);
		until = now_ns() + random_below(&random, 400000);
		while (now_ns() < until)
			;
		EXPECT_EQ(0, detach_ioas(fn));
		pthread_barrier_wait(&self->start);
		ASSERT_EQ(0, self->reset);

		/* The device cannot access the memory that was mapped before. */
		ASSERT_EQ(0, nvme_provoke_error(&owner->nvme, owner->nvme.iova));
		ASSERT_EQ(0, wait_failed(&owner->nvme)) {
			TH_LOG("round %d: the device reaches memory", round);
		}
		ASSERT_EQ(0, attach_ioas(fn)) {
			TH_LOG("round %d: nothing can be attached", round);
		}
		ASSERT_EQ(0, reset_soon(fn));
		ASSERT_EQ(0, nvme_reinit(&owner->nvme));
	}
	self->over = true;
	pthread_barrier_wait(&self->start);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, nvme_verify(&owner->nvme, TEST_BLOCK));
}

TEST_HARNESS_MAIN
