// SPDX-License-Identifier: GPL-2.0-only
/* System 4: the error region, byte for byte. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "kselftest_harness.h"

#include "fixture.h"

#define LEN	sizeof(struct vfio_device_zpci_err_region)

FIXTURE(error_region) {
	struct owner owner;
	void *trap;		/* two pages, of which the second one faults */
	size_t page;
};

FIXTURE_VARIANT(error_region) {
	enum vfio_mode mode;
};

FIXTURE_VARIANT_ADD(error_region, group_type1) {
	.mode = VFIO_GROUP_TYPE1,
};

FIXTURE_VARIANT_ADD(error_region, cdev_iommufd) {
	.mode = VFIO_CDEV_IOMMUFD,
};

FIXTURE_SETUP(error_region)
{
	self->page = sysconf(_SC_PAGESIZE);
	self->trap = mmap(NULL, 2 * self->page, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->trap);
	ASSERT_EQ(0, mprotect(self->trap + self->page, self->page, PROT_NONE));
	ASSERT_EQ(0, owner_open(&self->owner, variant->mode));
	REQUIRE_REGION(&self->owner);
	ASSERT_EQ(0, owner_listen(&self->owner));
}

FIXTURE_TEARDOWN(error_region)
{
	owner_close(&self->owner);
}

static ssize_t read_at(struct owner *owner, __u64 offset, void *buf, size_t len)
{
	return error_region_read(&owner->fn, &owner->region, offset, buf, len);
}

/*
 * The bytes are at the offsets of the uapi header: there is no hole, and the first
 * eight bytes are those of the first version. Validates 20.
 */
TEST(layout)
{
	EXPECT_EQ(64, LEN);
	EXPECT_EQ(offsetof(struct error_region_v1, pec),
		  offsetof(struct vfio_device_zpci_err_region, pec));
	EXPECT_EQ(offsetof(struct error_region_v1, pending_errors),
		  offsetof(struct vfio_device_zpci_err_region, pending_errors));
	EXPECT_EQ(8, offsetof(struct vfio_device_zpci_err_region, length));
	EXPECT_EQ(12, offsetof(struct vfio_device_zpci_err_region, dropped));
	EXPECT_EQ(16, offsetof(struct vfio_device_zpci_err_region, sequence));
	EXPECT_EQ(24, offsetof(struct vfio_device_zpci_err_region, timestamp));
	EXPECT_EQ(32, offsetof(struct vfio_device_zpci_err_region, ccdf));
}

/* The region is found by its type, and can be read but not written. */
TEST_F(error_region, info)
{
	struct vfio_region_info *info = &self->owner.region;

	EXPECT_LE(LEN, info->size);
	EXPECT_TRUE(info->flags & VFIO_REGION_INFO_FLAG_READ);
	EXPECT_FALSE(info->flags & VFIO_REGION_INFO_FLAG_WRITE);
	EXPECT_GE(info->index, VFIO_PCI_NUM_REGIONS);
}

/* A read without an event returns a record with no event. Validates 1, 15. */
TEST_F(error_region, empty_reads_as_nothing)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;

	EXPECT_NO_EVENT(owner);
	ASSERT_EQ(0, owner_suffer(owner));
	EXPECT_EVENT(owner, &event, 1);
	EXPECT_NO_EVENT(owner);
	EXPECT_NO_EVENT(owner);
}

/* A client of the first version, which reads eight bytes, works unchanged. Validates 14. */
TEST_F(error_region, first_version)
{
	struct owner *owner = &self->owner;
	struct error_region_v1 event;

	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ((ssize_t)sizeof(event), read_at(owner, 0, &event, sizeof(event)));
	EXPECT_EQ(PEC_DMA_ACCESS, event.pec);
	EXPECT_EQ(0, event.pending_errors);
	ASSERT_EQ((ssize_t)sizeof(event), read_at(owner, 0, &event, sizeof(event)));
	EXPECT_EQ(0, event.pec);
	EXPECT_EQ(0, event.pending_errors);
}

/*
 * After a read of the first eight bytes, further reads return the other bytes of the
 * same event.
 */
TEST_F(error_region, rest_of_the_event_taken)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;
	struct ccdf ccdf;

	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ(8, read_at(owner, 0, &event, 8));
	ASSERT_EQ((ssize_t)LEN - 8, read_at(owner, 8, (void *)&event + 8, LEN - 8));
	EXPECT_EQ(1, event.sequence);
	EXPECT_EQ(LEN, event.length);
	ccdf_decode(event.ccdf, &ccdf);
	EXPECT_EQ(event.pec, ccdf.pec);
	EXPECT_EQ(owner->unmapped, ccdf.faddr);
}

/* A read at another offset, or of less than eight bytes, takes no event. Validates 14. */
TEST_F(error_region, partial_reads_take_nothing)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;
	__u64 offset;
	__u8 buf[LEN];
	size_t len;

	ASSERT_EQ(0, owner_suffer(owner));
	for (len = 1; len < 8; len++)
		EXPECT_EQ((ssize_t)len, read_at(owner, 0, buf, len));
	for (offset = 1; offset < LEN; offset++)
		EXPECT_EQ((ssize_t)(LEN - offset), read_at(owner, offset, buf, LEN - offset));
	EXPECT_EVENT(owner, &event, 1);
	EXPECT_NO_EVENT(owner);
}

/*
 * A client reads all bytes of the region, like the virtual machine monitor of the first
 * version: it gets the event, and zeroes behind the event.
 */
TEST_F(error_region, all_of_the_region)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;
	size_t size = owner->region.size, i;
	__u8 *buf = malloc(size);

	ASSERT_NE(NULL, buf);
	ASSERT_EQ(0, owner_suffer(owner));
	/* A read that faults in its last bytes, behind the event, does not take the event. */
	EXPECT_EQ(-EFAULT, read_at(owner, 0, self->trap + self->page - LEN, size));
	memset(buf, 0xff, size);
	ASSERT_EQ((ssize_t)size, read_at(owner, 0, buf, size));
	memcpy(&event, buf, LEN);
	EXPECT_EQ(PEC_DMA_ACCESS, event.pec);
	EXPECT_EQ(1, event.sequence);
	for (i = LEN; i < size && !buf[i]; i++)
		;
	EXPECT_EQ(size, i);
	EXPECT_EQ((ssize_t)LEN, read_at(owner, 8, buf, LEN));
	EXPECT_EQ(0, memcmp(buf, (__u8 *)&event + 8, LEN - 8));
	EXPECT_NO_EVENT(owner);
	free(buf);
}

/*
 * A read that begins behind an event's bytes, or ends behind the region, is refused and
 * takes no event.
 */
TEST_F(error_region, past_the_end_fails)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;
	__u64 size = owner->region.size;
	__u8 buf[LEN + 8];

	ASSERT_EQ(0, owner_suffer(owner));
	EXPECT_EQ(-EINVAL, read_at(owner, 0, self->trap, size + 1));
	EXPECT_EQ(-EINVAL, read_at(owner, LEN - 1, self->trap, size));
	EXPECT_EQ(-EINVAL, read_at(owner, LEN, buf, 1));
	EXPECT_EQ(-EINVAL, read_at(owner, LEN + 4096, buf, 8));
	EXPECT_EQ(-EINVAL, read_at(owner, size, buf, 1));
	/* The last byte of this region's range of offsets. The range has 40 bits. */
	EXPECT_EQ(-EINVAL, read_at(owner, (1ULL << 40) - 1, buf, 1));
	EXPECT_EQ(-EINVAL, read_at(owner, (1ULL << 40) - 4, buf, 8));
	EXPECT_EVENT(owner, &event, 1);
}

/* A negative offset, or an offset that overflows, is refused. */
TEST_F(error_region, negative_and_overflowing_offsets_fail)
{
	static const __u64 offsets[] = {
		1ULL << 63, ~0ULL, ~0ULL - 7, ~0ULL - 63, (1ULL << 63) - 1, (1ULL << 63) - 8,
	};
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;
	__u8 buf[LEN];
	unsigned int i;

	ASSERT_EQ(0, owner_suffer(owner));
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		errno = 0;
		EXPECT_EQ(-1, pread(owner->fn.device, buf, sizeof(buf), offsets[i]));
		EXPECT_EQ(EINVAL, errno) {
			TH_LOG("offset 0x%llx", offsets[i]);
		}
	}
	EXPECT_EVENT(owner, &event, 1);
}

/* A write to the region fails, and changes nothing. */
TEST_F(error_region, writes_fail)
{
	struct vfio_device_zpci_err_region event = { 0 };
	struct owner *owner = &self->owner;
	int fd = owner->fn.device;

	ASSERT_EQ(0, owner_suffer(owner));
	EXPECT_EQ(-1, pwrite(fd, &event, sizeof(event), owner->region.offset));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, pwrite(fd, &event, 8, owner->region.offset));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, pwrite(fd, &event, 1, owner->region.offset + 40));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EVENT(owner, &event, 1);
}

/*
 * A read that delivers only some bytes of an event, or none, does not lose the event.
 * Validates 8.
 */
TEST_F(error_region, fault_keeps_the_event)
{
	struct vfio_device_zpci_err_region event;
	struct owner *owner = &self->owner;
	void *end = self->trap + self->page;

	ASSERT_EQ(0, owner_suffer(owner));
	EXPECT_EQ(-EFAULT, read_at(owner, 0, NULL, LEN));
	EXPECT_EQ(-EFAULT, read_at(owner, 0, end, LEN));
	EXPECT_EQ(-EFAULT, read_at(owner, 0, end - 32, LEN));
	EXPECT_EQ(-EFAULT, read_at(owner, 0, end - 4, 8));
	EXPECT_EVENT(owner, &event, 1);
	EXPECT_NO_EVENT(owner);
}

/* A buffer that ends at the end of mapped memory is big enough. */
TEST_F(error_region, buffer_at_the_edge)
{
	struct owner *owner = &self->owner;
	void *end = self->trap + self->page;

	ASSERT_EQ(0, owner_suffer(owner));
	ASSERT_EQ((ssize_t)LEN, read_at(owner, 0, end - LEN, LEN));
	EXPECT_EQ(PEC_DMA_ACCESS, ((struct vfio_device_zpci_err_region *)(end - LEN))->pec);
	EXPECT_NO_EVENT(owner);
}

TEST_HARNESS_MAIN
