// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bad input: random calls of the region, its mapping, the feature, the error interrupt
 * and the injector, against a small model, which predicts the result and the effect of
 * each call. A refused call must have no effect.
 *
 * ZPCI_LONG=1 in the environment makes the test long; ZPCI_SEED is the seed of the
 * random numbers. The same seed gives the same calls, except on a kernel with KCOV:
 * there the test varies calls that reach new code.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

#include "coverage.h"
#include "error_event.h"
#include "inject.h"
#include "long.h"
#include "wait.h"

/* The events that fit into the queue: transient ones, and all together. */
#define TRANSIENT	16
#define SLOTS		17

#define LEN		sizeof(struct vfio_device_zpci_err_region)
#define TAKING		8
#define REGION_LEN	(VFIO_ZPCI_ERROR_REGION_STATUS + 4096)
#define EVENTFDS	2

/* The number of calls that are kept as a base for variations, and of random numbers in each. */
#define KEPT_MAX	1024
#define TAPE_MAX	32

/* The number of mistakes that are printed in detail. */
#define TOLD_MAX	10

/* The model cannot predict the time of an event: these bytes of a record are not compared. */
#define TIMESTAMP_AT	offsetof(struct vfio_device_zpci_err_region, timestamp)
#define TIMESTAMP_END	(TIMESTAMP_AT + sizeof(__u64))

/* An event in the model. */
struct event {
	__u8 ccdf[CCDF_LEN];
	__u64 sequence;
	unsigned int resets;
	bool permanent;
};

/* The kernel's state, as the model predicts it. */
struct model {
	struct event queue[SLOTS];
	int len;
	struct vfio_device_zpci_err_region last;
	__u64 sequence;
	__u32 dropped;
	unsigned int resets;
	int registered;		/* index of the eventfd, or -1 */
};

/* Counts in memory that the child shares, so that the counts survive a crash of the child. */
struct count {
	unsigned long inputs;
	unsigned long kept;
	unsigned long places;
	unsigned long refused;
	unsigned long crashes;
	unsigned long wrong;
	unsigned long changed;
};

/* The random numbers of a call: the same numbers make the same call again. */
struct tape {
	__u32 numbers[TAPE_MAX];
	unsigned int len;
};

struct fuzz {
	struct coverage coverage;
	struct tape kept[KEPT_MAX];
	struct tape tape;
	const struct tape *varied;	/* the tape to vary, or NULL for new numbers */
	unsigned int variation;		/* index of the number that is replaced */
	bool guided;
	struct vfio_function fn;
	struct vfio_region_info region;
	const struct vfio_device_zpci_err_status *status;
	struct model model;
	struct count *count;
	struct ccdf ccdf;
	__u64 random;
	int eventfds[EVENTFDS];
	int other_file;
	/*
	 * Three pages: the first can be written, the second only read, the third is not
	 * mapped.
	 */
	__u8 *good;
	size_t page;
	char call[160];
};

static __u32 below(struct fuzz *fuzz, __u32 limit)
{
	unsigned int at = fuzz->tape.len;
	__u32 number = random_next(&fuzz->random) >> 32;

	if (fuzz->varied && at < fuzz->varied->len && at != fuzz->variation)
		number = fuzz->varied->numbers[at];
	if (at < TAPE_MAX)
		fuzz->tape.numbers[fuzz->tape.len++] = number;
	return number % limit;
}

static bool one_in(struct fuzz *fuzz, __u32 n)
{
	return !below(fuzz, n);
}

/* Memory for a call: its address and length, and the kinds of access that work there. */
struct memory {
	void *at;
	bool readable;
	bool writable;
};

/* Chooses memory of this length; all, some or no bytes of it are accessible. */
static struct memory any_memory(struct fuzz *fuzz, size_t len)
{
	__u8 *read_only = fuzz->good + fuzz->page, *gone = read_only + fuzz->page;
	size_t inside = len < fuzz->page ? len : fuzz->page;
	struct memory memory = { fuzz->good, false, false };

	if (len > fuzz->page)
		return memory;
	switch (below(fuzz, 8)) {
	case 0:
		memory.at = gone;
		break;
	case 1:
		memory.at = read_only;
		memory.readable = true;
		break;
	case 2:
		/* The last bytes are in the read-only page. */
		memory.at = read_only - below(fuzz, inside ?: 1);
		memory.readable = true;
		break;
	case 3:
		/* The last bytes are in the page that is not mapped. */
		memory.at = gone - below(fuzz, inside ?: 1);
		break;
	case 4:
		memory.at = one_in(fuzz, 2) ? (void *)-4096L : (void *)8;
		break;
	default:
		/* The memory ends where the writable page ends. */
		memory.at = read_only - len;
		memory.readable = true;
		memory.writable = true;
		break;
	}
	return memory;
}

static void record_of(struct fuzz *fuzz, const struct event *event, int behind,
		      struct vfio_device_zpci_err_region *record)
{
	struct ccdf ccdf;

	memset(record, 0, sizeof(*record));
	record->length = LEN;
	record->dropped = fuzz->model.dropped;
	if (!event)
		return;
	ccdf_decode(event->ccdf, &ccdf);
	record->pec = ccdf.pec;
	record->flags = VFIO_ZPCI_ERR_PRESENT;
	if (event->permanent)
		record->flags |= VFIO_ZPCI_ERR_PERMANENT;
	if (event->resets != fuzz->model.resets)
		record->flags |= VFIO_ZPCI_ERR_STALE;
	record->pending_errors = behind;
	record->sequence = event->sequence;
	memcpy(record->ccdf, event->ccdf, CCDF_LEN);
}

static void model_remove(struct model *model, int nth)
{
	memmove(&model->queue[nth], &model->queue[nth + 1],
		(--model->len - nth) * sizeof(model->queue[0]));
}

static void model_add(struct model *model, const __u8 *raw, bool permanent)
{
	struct event *event;
	int i = 0;

	model->sequence++;
	if (model->len >= (permanent ? SLOTS : TRANSIENT)) {
		model->dropped++;
		while (permanent && i < model->len && model->queue[i].permanent)
			i++;
		if (!permanent || i == model->len)
			return;
		model_remove(model, i);
	}
	event = &model->queue[model->len++];
	memcpy(event->ccdf, raw, CCDF_LEN);
	event->sequence = model->sequence;
	event->resets = model->resets;
	event->permanent = permanent;
}

/* Takes the oldest event from the model's queue. */
static void model_taken(struct fuzz *fuzz)
{
	record_of(fuzz, &fuzz->model.queue[0], fuzz->model.len - 1, &fuzz->model.last);
	model_remove(&fuzz->model, 0);
}

#define CALL(fuzz, ...)	snprintf((fuzz)->call, sizeof((fuzz)->call), __VA_ARGS__)

static void told(struct fuzz *fuzz, unsigned long *counter, const char *what, long wanted,
		 long got)
{
	if (++*counter <= TOLD_MAX)
		fprintf(stderr, "# call %lu: %s: %s: %ld, not %ld\n", fuzz->count->inputs,
			fuzz->call, what, got, wanted);
}

/* Compares the result of a call with the model's. */
static void expect(struct fuzz *fuzz, long wanted, long got)
{
	fuzz->count->refused += wanted < 0;
	if (got != wanted)
		told(fuzz, &fuzz->count->wrong, "result", wanted, got);
}

/* Compares the kernel's state with the model's. */
static void expect_state(struct fuzz *fuzz)
{
	struct vfio_device_zpci_err_status now;
	struct model *model = &fuzz->model;

	error_status_read(fuzz->status, &now);
	if (now.generation != model->sequence)
		told(fuzz, &fuzz->count->changed, "events", model->sequence, now.generation);
	else if (now.pending != (__u32)model->len)
		told(fuzz, &fuzz->count->changed, "pending", model->len, now.pending);
	else if (now.dropped != model->dropped)
		told(fuzz, &fuzz->count->changed, "dropped", model->dropped, now.dropped);
}

static bool same_record(const struct vfio_device_zpci_err_region *record, size_t at,
			const __u8 *bytes, size_t len)
{
	const __u8 *wanted = (const __u8 *)record;
	size_t i;

	for (i = at; i < at + len; i++)
		if ((i < TIMESTAMP_AT || i >= TIMESTAMP_END) &&
		    bytes[i - at] != (i < LEN ? wanted[i] : 0))
			return false;
	return true;
}

static const size_t lengths[] = { 0, 1, 2, 4, 7, 8, 9, 12, 16, 31, 32, 33, 56, 63, 64, 65, 4096 };

static size_t any_length(struct fuzz *fuzz)
{
	static const size_t huge[] = {
		4097, 8192, 1 << 20, INT_MAX, 1UL << 32, SSIZE_MAX, SIZE_MAX
	};

	if (one_in(fuzz, 16))
		return huge[below(fuzz, ARRAY_SIZE(huge))];
	return one_in(fuzz, 4) ? below(fuzz, 80) : lengths[below(fuzz, ARRAY_SIZE(lengths))];
}

/* Chooses an offset in the region's range, which has 40 bits. */
static __u64 any_offset(struct fuzz *fuzz)
{
	static const __u64 offsets[] = {
		0, 1, 4, 7, 8, 12, 16, 24, 32, 56, 63, 64, 65, 4088, 4095, 4096, 4097, 8184, 8191,
		8192, 8193, 1UL << 31, 1UL << 32, (1UL << 40) - 4096, (1UL << 40) - 1
	};

	if (one_in(fuzz, 3))
		return 0;
	if (one_in(fuzz, 4))
		return random_next(&fuzz->random) >> 24;
	return offsets[below(fuzz, ARRAY_SIZE(offsets))];
}

static void fuzz_read(struct fuzz *fuzz)
{
	struct vfio_device_zpci_err_region record = fuzz->model.last;
	__u64 offset = any_offset(fuzz);
	size_t len = any_length(fuzz);
	struct memory memory = any_memory(fuzz, len);
	bool taking = !offset && len >= TAKING;
	long wanted, got;

	CALL(fuzz, "read %zu bytes at %llu to %p", len, offset, memory.at);
	if (!len)
		wanted = 0;
	else if (offset >= LEN || len > REGION_LEN - offset)
		wanted = -EINVAL;
	else
		wanted = memory.writable ? (long)len : -EFAULT;
	if (taking)
		record_of(fuzz, fuzz->model.len ? &fuzz->model.queue[0] : NULL,
			  fuzz->model.len ? fuzz->model.len - 1 : 0, &record);
	else if (!record.length)
		record_of(fuzz, NULL, 0, &record);
	got = error_region_read(&fuzz->fn, &fuzz->region, offset, memory.at, len);
	expect(fuzz, wanted, got);
	if (wanted <= 0 || got != wanted)
		return;
	if (!same_record(&record, offset, memory.at, len))
		told(fuzz, &fuzz->count->wrong, "content", 1, 0);
	if (taking && fuzz->model.len)
		model_taken(fuzz);
}

static void fuzz_write(struct fuzz *fuzz)
{
	__u64 offset = any_offset(fuzz);
	size_t len = any_length(fuzz);
	struct memory memory = any_memory(fuzz, len);
	ssize_t done;

	CALL(fuzz, "write %zu bytes at %llu from %p", len, offset, memory.at);
	done = pwrite(fuzz->fn.device, memory.at, len, fuzz->region.offset + offset);
	expect(fuzz, len ? -EINVAL : 0, done < 0 ? -errno : done);
}

static void fuzz_map(struct fuzz *fuzz)
{
	static const int sharing[] = { MAP_SHARED, MAP_SHARED, MAP_PRIVATE };
	size_t len = below(fuzz, 4) * fuzz->page + (one_in(fuzz, 4) ? below(fuzz, 4096) : 0);
	__u64 offset = one_in(fuzz, 2) ? VFIO_ZPCI_ERROR_REGION_STATUS : any_offset(fuzz);
	int prot = below(fuzz, 4), flags = sharing[below(fuzz, ARRAY_SIZE(sharing))];
	size_t pages = (len + fuzz->page - 1) / fuzz->page;
	bool good = offset == VFIO_ZPCI_ERROR_REGION_STATUS && pages == 1 &&
		!(prot & PROT_WRITE) && flags == MAP_SHARED;
	void *page;

	CALL(fuzz, "map %zu bytes at %llu, protection %d, flags %d", len, offset, prot, flags);
	page = mmap(NULL, len, prot, flags, fuzz->fn.device, fuzz->region.offset + offset);
	expect(fuzz, good ? 0 : -EINVAL, page == MAP_FAILED ? -errno : 0);
	if (page == MAP_FAILED)
		return;
	if (prot & PROT_READ && memcmp(page, fuzz->status, sizeof(*fuzz->status)))
		told(fuzz, &fuzz->count->wrong, "content of the page", 1, 0);
	munmap(page, len);
}

#define FEATURE_OPS	(VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET | \
			 VFIO_DEVICE_FEATURE_PROBE)

/*
 * Returns the result that a call of the feature must have; @data is the address of the
 * event's buffer.
 */
static long feature_result(struct fuzz *fuzz, const struct vfio_device_feature *head,
			   bool data_readable, __u64 data, bool event_writable)
{
	__u32 ops = head->flags & FEATURE_OPS;

	if (head->argsz < sizeof(*head) || head->flags & ~(FEATURE_OPS | VFIO_DEVICE_FEATURE_MASK))
		return -EINVAL;
	if (ops == (VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET))
		return -EINVAL;
	if ((head->flags & VFIO_DEVICE_FEATURE_MASK) != VFIO_DEVICE_FEATURE_ZPCI_ERROR)
		return -ENOTTY;
	if (ops & VFIO_DEVICE_FEATURE_SET)
		return -EINVAL;
	if (ops & VFIO_DEVICE_FEATURE_PROBE)
		return 0;
	if (!ops || head->argsz - sizeof(*head) < sizeof(data))
		return -EINVAL;
	if (!data_readable)
		return -EFAULT;
	if (!data)
		return -EINVAL;
	if (!fuzz->model.len)
		return -ENOMSG;
	return event_writable ? 0 : -EFAULT;
}

/*
 * Puts the two parts of a call's argument into memory where both parts can be read,
 * only the first one, or none.
 */
static struct memory put_question(struct fuzz *fuzz, const void *head, size_t head_len,
				  const void *data, size_t len)
{
	__u8 *read_only = fuzz->good + fuzz->page, *gone = read_only + fuzz->page;
	/* Leaves the end of the page free for an answer. */
	struct memory memory = { fuzz->good, true, true };

	switch (below(fuzz, 32)) {
	case 0:
		return (struct memory){ (void *)8, false, false };
	case 1 ... 3:
		memory.at = gone - head_len;
		memory.writable = false;
		mprotect(read_only, fuzz->page, PROT_READ | PROT_WRITE);
		memcpy(memory.at, head, head_len);
		mprotect(read_only, fuzz->page, PROT_READ);
		return memory;
	default:
		memcpy(memory.at, head, head_len);
		memcpy(memory.at + head_len, data, len);
		return memory;
	}
}

static void fuzz_feature(struct fuzz *fuzz)
{
	static const __u32 sizes[] = { 0, 7, 8, 9, 15, 16, 16, 16, 17, 24, 4096, UINT_MAX };
	struct vfio_device_feature head = {
		.argsz = sizes[below(fuzz, ARRAY_SIZE(sizes))],
		.flags = VFIO_DEVICE_FEATURE_ZPCI_ERROR,
	};
	struct memory to = any_memory(fuzz, CCDF_LEN), question;
	__u64 data = one_in(fuzz, 8) ? 0 : (unsigned long)to.at;
	long wanted, got;

	head.flags |= one_in(fuzz, 2) ? VFIO_DEVICE_FEATURE_GET : below(fuzz, 8) << 16;
	if (one_in(fuzz, 16))
		head.flags |= 1U << (19 + below(fuzz, 13));
	if (one_in(fuzz, 16))
		head.flags |= 0x100 << below(fuzz, 8);
	question = put_question(fuzz, &head, sizeof(head), &data, sizeof(data));
	CALL(fuzz, "feature at %p, size %u, flags 0x%x, data 0x%llx", question.at, head.argsz,
	     head.flags, data);
	wanted = question.readable ?
		 feature_result(fuzz, &head, question.writable, data, to.writable) : -EFAULT;
	got = ioctl(fuzz->fn.device, VFIO_DEVICE_FEATURE, question.at) ? -errno : 0;
	expect(fuzz, wanted, got);
	if (wanted || got || head.flags & VFIO_DEVICE_FEATURE_PROBE)
		return;
	if (memcmp(to.at, fuzz->model.queue[0].ccdf, CCDF_LEN))
		told(fuzz, &fuzz->count->wrong, "content", 1, 0);
	model_taken(fuzz);
}

/* A call of SET_IRQS, with its predicted result and effect. */
struct set_irqs {
	struct vfio_irq_set head;
	__s32 fd;
};

static long set_single(struct fuzz *fuzz, const struct set_irqs *set)
{
	int *registered = &fuzz->model.registered, i;

	if (set->head.flags & VFIO_IRQ_SET_DATA_NONE) {
		if (*registered < 0)
			return -EINVAL;
		if (!set->head.count)
			*registered = -1;
		return 0;
	}
	if (!set->head.count)
		return -EINVAL;
	if (set->head.flags & VFIO_IRQ_SET_DATA_BOOL)
		return 0;
	if (set->fd == -1) {
		*registered = -1;
		return 0;
	}
	for (i = 0; i < EVENTFDS; i++)
		if (set->fd == fuzz->eventfds[i]) {
			*registered = i;
			return 0;
		}
	if (set->fd == fuzz->other_file)
		return -EINVAL;
	return set->fd < 0 ? -EINVAL : -EBADF;
}

static long set_irqs_result(struct fuzz *fuzz, const struct set_irqs *set, bool data_readable)
{
	const __u32 known = VFIO_IRQ_SET_DATA_TYPE_MASK | VFIO_IRQ_SET_ACTION_TYPE_MASK;
	const struct vfio_irq_set *head = &set->head;
	__u32 type = head->flags & VFIO_IRQ_SET_DATA_TYPE_MASK;
	__u64 size = type == VFIO_IRQ_SET_DATA_BOOL ? 1 :
		     type == VFIO_IRQ_SET_DATA_EVENTFD ? sizeof(set->fd) : 0;

	if (head->argsz < sizeof(*head) || head->index >= VFIO_PCI_NUM_IRQS ||
	    head->flags & ~known)
		return -EINVAL;
	if (head->start || head->count > 1)
		return -EINVAL;
	if (type != VFIO_IRQ_SET_DATA_NONE && !size)
		return -EINVAL;
	size *= head->count;
	if (head->argsz - sizeof(*head) < size)
		return -EINVAL;
	if (size && !data_readable)
		return -EFAULT;
	if ((head->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) != VFIO_IRQ_SET_ACTION_TRIGGER)
		return -ENOTTY;
	return set_single(fuzz, set);
}

static void fuzz_set_irqs(struct fuzz *fuzz)
{
	static const __u32 sizes[] = { 0, 8, 19, 20, 21, 23, 24, 24, 24, 24, 28, UINT_MAX };
	static const __u32 indexes[] = {
		VFIO_PCI_ERR_IRQ_INDEX, VFIO_PCI_NUM_IRQS, VFIO_PCI_NUM_IRQS + 1, INT_MAX, UINT_MAX
	};
	static const __u32 counts[] = { 0, 1, 1, 1, 2, INT_MAX, UINT_MAX - 1, UINT_MAX };
	const __s32 fds[] = {
		fuzz->eventfds[0], fuzz->eventfds[1], fuzz->eventfds[0], fuzz->eventfds[1],
		-1, -2, INT_MIN, 9999, INT_MAX, fuzz->other_file
	};
	struct set_irqs set = {
		.head = {
			.argsz = sizes[below(fuzz, ARRAY_SIZE(sizes))],
			.flags = one_in(fuzz, 2) ? VFIO_IRQ_SET_DATA_EVENTFD |
				 VFIO_IRQ_SET_ACTION_TRIGGER : below(fuzz, 64),
			.index = one_in(fuzz, 4) ? indexes[below(fuzz, ARRAY_SIZE(indexes))] :
				 VFIO_PCI_ERR_IRQ_INDEX,
			.start = one_in(fuzz, 8) ? (__u32)random_next(&fuzz->random) : 0,
			.count = counts[below(fuzz, ARRAY_SIZE(counts))],
		},
		.fd = fds[below(fuzz, ARRAY_SIZE(fds))],
	};
	struct memory question;
	long wanted;
	int i;

	if (one_in(fuzz, 16))
		set.head.flags |= 1U << (6 + below(fuzz, 26));
	question = put_question(fuzz, &set.head, sizeof(set.head), &set.fd, sizeof(set.fd));
	CALL(fuzz, "SET_IRQS at %p, size %u, flags 0x%x, index %u, start %u, count %u, fd %d",
	     question.at, set.head.argsz, set.head.flags, set.head.index, set.head.start,
	     set.head.count, set.fd);
	wanted = question.readable ? set_irqs_result(fuzz, &set, question.writable) : -EFAULT;
	expect(fuzz, wanted,
	       ioctl(fuzz->fn.device, VFIO_DEVICE_SET_IRQS, question.at) ? -errno : 0);
	/*
	 * The call may have signalled the eventfd: because it asked for a test, or
	 * because events wait.
	 */
	for (i = 0; !wanted && i < EVENTFDS; i++)
		event_clear(fuzz->eventfds[i]);
}

static void fuzz_irq_info(struct fuzz *fuzz)
{
	static const __u32 sizes[] = { 0, 8, 15, 16, 16, 16, 17, 4096, UINT_MAX };
	struct vfio_irq_info info = {
		.argsz = sizes[below(fuzz, ARRAY_SIZE(sizes))],
		.index = one_in(fuzz, 4) ? (__u32)random_next(&fuzz->random) :
			 VFIO_PCI_ERR_IRQ_INDEX,
	};
	struct memory question = put_question(fuzz, &info, sizeof(info), NULL, 0);
	long wanted, got;

	CALL(fuzz, "IRQ_INFO at %p, size %u, index %u", question.at, info.argsz, info.index);
	if (!question.readable)
		wanted = -EFAULT;
	else if (info.argsz < sizeof(info) || info.index >= VFIO_PCI_NUM_IRQS)
		wanted = -EINVAL;
	else
		wanted = question.writable ? 0 : -EFAULT;
	got = ioctl(fuzz->fn.device, VFIO_DEVICE_GET_IRQ_INFO, question.at) ? -errno : 0;
	expect(fuzz, wanted, got);
	if (wanted || got || info.index != VFIO_PCI_ERR_IRQ_INDEX)
		return;
	memcpy(&info, question.at, sizeof(info));
	if (info.count != 1 || info.flags != (VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE))
		told(fuzz, &fuzz->count->wrong, "content", 1, info.count);
}

/* Only the registered eventfd is signalled. */
static void expect_signalled(struct fuzz *fuzz)
{
	int i, registered = fuzz->model.registered;

	if (registered >= 0 && event_wait(fuzz->eventfds[registered], PATIENCE_MS))
		told(fuzz, &fuzz->count->changed, "eventfd that is registered", 1, 0);
	for (i = 0; i < EVENTFDS; i++)
		if (i != registered && !event_wait(fuzz->eventfds[i], 0))
			told(fuzz, &fuzz->count->changed, "eventfd that is not registered", 0, 1);
}

/* Changes the event to one of another function, or of this function with an old handle. */
static bool misdirect(struct fuzz *fuzz, struct ccdf *ccdf)
{
	switch (below(fuzz, 8)) {
	case 0:
		ccdf->fid = 0xdead0000 | below(fuzz, 0x10000);
		return true;
	case 1:
		ccdf->fh ^= 1U << below(fuzz, 32);
		return true;
	default:
		return false;
	}
}

static bool is_permanent(__u16 pec)
{
	return pec == PEC_LOST || pec == PEC_FAILED;
}

static bool is_no_error(__u16 pec)
{
	return pec >= PEC_MEASUREMENT && pec < PEC_MEASUREMENT + 3;
}

/* Clears the page from @at on, so that an event of an earlier call is not injected again. */
static void forget(struct fuzz *fuzz, __u8 *at)
{
	__u8 *end = fuzz->good + fuzz->page;

	if (at >= fuzz->good && at < end)
		memset(at, 0, end - at);
}

static void fuzz_inject(struct fuzz *fuzz)
{
	static const __u16 harmless[] = { 0x0000, 0x0300, 0x0305, 0x0307, 0x7fff, 0xffff };
	static const __u16 codes[] = { PEC_ERROR_STATE, PEC_DMA_ACCESS, PEC_LOST, PEC_FAILED, 0 };
	static const long offsets[] = { 1, CCDF_LEN, -1, LONG_MIN, LONG_MAX - CCDF_LEN };
	const char *file = one_in(fuzz, 4) ? INJECT_AVAILABILITY : INJECT_ERROR;
	size_t len = one_in(fuzz, 2) ? any_length(fuzz) : CCDF_LEN;
	long offset = one_in(fuzz, 4) ? offsets[below(fuzz, ARRAY_SIZE(offsets))] : 0;
	struct memory memory = any_memory(fuzz, len);
	struct ccdf ccdf = fuzz->ccdf;
	__u8 raw[CCDF_LEN];
	long wanted;
	bool mine;

	ccdf.faddr = random_next(&fuzz->random);
	if (!strcmp(file, INJECT_AVAILABILITY))
		ccdf.pec = harmless[below(fuzz, ARRAY_SIZE(harmless))];
	else
		ccdf.pec = one_in(fuzz, 8) ? below(fuzz, 0x10000) :
			   codes[below(fuzz, ARRAY_SIZE(codes))];
	mine = !misdirect(fuzz, &ccdf) && !strcmp(file, INJECT_ERROR) && !is_no_error(ccdf.pec);
	ccdf_encode(&ccdf, raw);
	if (memory.writable && len >= CCDF_LEN)
		memcpy(memory.at, raw, sizeof(raw));
	else
		forget(fuzz, memory.at);
	CALL(fuzz, "inject %zu bytes at %ld from %p into %s, code 0x%x", len, offset, memory.at,
	     file, ccdf.pec);
	if (offset || len != CCDF_LEN)
		wanted = -EINVAL;
	else
		wanted = memory.readable ? CCDF_LEN : -EFAULT;
	expect(fuzz, wanted, inject_write(file, memory.at, len, offset));
	if (wanted == CCDF_LEN && memory.writable && mine)
		model_add(&fuzz->model, raw, is_permanent(ccdf.pec));
}

/* Waits until the kernel has processed all injected events. */
static void settle(struct fuzz *fuzz)
{
	__u64 deadline = deadline_in(PATIENCE_MS);

	while (__atomic_load_n(&fuzz->status->generation, __ATOMIC_ACQUIRE) <
	       fuzz->model.sequence)
		if (now_ns() > deadline)
			return;
}

static void fuzz_reset(struct fuzz *fuzz)
{
	CALL(fuzz, "reset");
	expect(fuzz, 0, vfio_reset(&fuzz->fn));
	fuzz->model.resets++;
	inject_aim(fuzz->fn.address, &fuzz->ccdf);
}

/*
 * Begins a call. Half of the calls repeat an earlier call that has reached new code,
 * with one random number changed.
 */
static void begin_tape(struct fuzz *fuzz)
{
	unsigned long kept = fuzz->count->kept;

	fuzz->tape.len = 0;
	fuzz->varied = NULL;
	if (!kept || random_below(&fuzz->random, 2))
		return;
	kept = kept < KEPT_MAX ? kept : KEPT_MAX;
	fuzz->varied = &fuzz->kept[random_below(&fuzz->random, kept)];
	fuzz->variation = random_below(&fuzz->random, fuzz->varied->len);
}

static void end_tape(struct fuzz *fuzz)
{
	if (!fuzz->guided || !coverage_collect(&fuzz->coverage))
		return;
	fuzz->kept[fuzz->count->kept++ % KEPT_MAX] = fuzz->tape;
	fuzz->count->places = fuzz->coverage.places;
}

static void fuzz_one(struct fuzz *fuzz)
{
	__u64 before = fuzz->model.sequence;
	__u32 kind;

	begin_tape(fuzz);
	kind = below(fuzz, 1000);
	if (kind < 300)
		fuzz_read(fuzz);
	else if (kind < 350)
		fuzz_write(fuzz);
	else if (kind < 420)
		fuzz_map(fuzz);
	else if (kind < 660)
		fuzz_feature(fuzz);
	else if (kind < 800)
		fuzz_set_irqs(fuzz);
	else if (kind < 850)
		fuzz_irq_info(fuzz);
	else if (kind < 999 || !one_in(fuzz, 5))
		fuzz_inject(fuzz);
	else
		fuzz_reset(fuzz);
	end_tape(fuzz);
	fuzz->count->inputs++;
	if (fuzz->model.sequence != before) {
		settle(fuzz);
		expect_signalled(fuzz);
	}
	expect_state(fuzz);
}

/* Makes all calls in a child, because the kernel may kill it in one of them. */
static void fuzz_all(struct fuzz *fuzz, const char *address, enum vfio_mode mode,
		     unsigned long inputs)
{
	int i, ret = vfio_open(&fuzz->fn, address, mode);

	/* Opening resets the function, which may change its handle. */
	inject_aim(address, &fuzz->ccdf);
	ret = ret ?: error_region_find(&fuzz->fn, &fuzz->region);
	ret = ret ?: error_status_map(&fuzz->fn, &fuzz->region, &fuzz->status);
	fuzz->page = sysconf(_SC_PAGESIZE);
	fuzz->good = mmap(NULL, 3 * fuzz->page, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fuzz->other_file = open("/dev/null", O_RDWR);
	for (i = 0; i < EVENTFDS; i++)
		fuzz->eventfds[i] = event_new();
	if (ret || fuzz->good == MAP_FAILED || error_listen(&fuzz->fn, fuzz->eventfds[0]) ||
	    mprotect(fuzz->good + fuzz->page, fuzz->page, PROT_READ) ||
	    munmap(fuzz->good + 2 * fuzz->page, fuzz->page))
		_exit(1);
	/* The feature call makes this process a listening owner, with and without an eventfd. */
	if (error_feature_take(&fuzz->fn, fuzz->good) != -ENOMSG)
		_exit(1);
	ret = coverage_open(&fuzz->coverage);
	if (ret && ret != -ENOENT)
		_exit(1);
	fuzz->guided = !ret;
	fuzz->count->kept = 0;
	while (fuzz->count->inputs < inputs)
		fuzz_one(fuzz);
	/* After all calls the function can still be reset and closed. */
	if (vfio_reset(&fuzz->fn))
		_exit(2);
	vfio_close(&fuzz->fn);
	_exit(0);
}

FIXTURE(fuzz) {
	char address[PCI_ADDRESS_LEN];
	struct fuzz fuzz;
};

FIXTURE_VARIANT(fuzz) {
	enum vfio_mode mode;
};

FIXTURE_VARIANT_ADD(fuzz, group_type1) {
	.mode = VFIO_GROUP_TYPE1,
};

FIXTURE_VARIANT_ADD(fuzz, cdev_iommufd) {
	.mode = VFIO_CDEV_IOMMUFD,
};

FIXTURE_SETUP(fuzz)
{
	if (!inject_load())
		SKIP(return, "there is no zpci_inject");
	/* A function without PCIe needs no FLR, so it is reset much faster. */
	if (pci_find(PCI_KIND_NON_PCIE, self->address))
		ASSERT_EQ(0, pci_find(PCI_KIND_NVME, self->address));
	ASSERT_EQ(0, pci_bind(self->address, "vfio-pci"));
	ASSERT_EQ(0, inject_aim(self->address, &self->fuzz.ccdf));
	self->fuzz.count = mmap(NULL, sizeof(struct count), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->fuzz.count);
}

FIXTURE_TEARDOWN(fuzz)
{
}

/*
 * Half of the calls go to a function opened by its group, half by iommufd. Validates 8,
 * 9, 10, 11, 12, 14, 15, 16, 25, 85.
 */
TEST_F_TIMEOUT(fuzz, calls, 1800)
{
	/* A kernel with KCOV is slower, and makes fewer calls. */
	unsigned long inputs = times(10000, coverage_is_there() ? 20000 : 500000);
	struct count *count = self->fuzz.count;
	__u64 seed = random_seed();
	int status;
	pid_t child;

	self->fuzz.random = seed + variant->mode;
	do {
		child = fork();
		ASSERT_LE(0, child);
		if (!child)
			fuzz_all(&self->fuzz, self->address, variant->mode, inputs);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		if (WIFSIGNALED(status)) {
			TH_LOG("call %lu: signal %d", count->inputs, WTERMSIG(status));
			count->crashes++;
			count->inputs++;
			/* Take another seed after a crash: the same calls would crash again. */
			random_next(&self->fuzz.random);
		}
	} while (WIFSIGNALED(status) && count->crashes < TOLD_MAX);
	figures("fuzzing, seed %llu: %lu inputs, %lu of them refused", seed, count->inputs,
		count->refused);
	figures("fuzzing, seed %llu: %lu crashes, %lu wrong errno, %lu changed state", seed,
		count->crashes, count->wrong, count->changed);
	if (count->places)
		figures("fuzzing, seed %llu: %lu places reached in the kernel, first by %lu calls",
			seed, count->places, count->kept);
	EXPECT_EQ(0, WEXITSTATUS(status));
	EXPECT_EQ(inputs, count->inputs);
	EXPECT_LT(inputs / 10, count->refused);
	EXPECT_EQ(0, count->crashes);
	EXPECT_EQ(0, count->wrong);
	EXPECT_EQ(0, count->changed);
}

TEST_HARNESS_MAIN
