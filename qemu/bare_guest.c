// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest without an operating system. It has a zPCI function with an NVMe
 * controller, makes the controller use an address that is not mapped, waits for
 * the error event, and recovers the function by CLP, twice. Then it leaves an
 * error alone and resets the machine. The last line on the console is CHAIN OK,
 * or FAILED and why.
 *
 * It runs in QEMU, with an emulated controller or a passed-through one, which the
 * handle tells apart. It has one processor, no address translation, and takes
 * interruptions only where it waits for them.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

#define ROUNDS			2

/* PSW masks: all of them of 64-bit mode. */
#define PSW_64BIT		0x0000000180000000
#define PSW_WAIT		0x0002000000000000
#define PSW_MACHINE_CHECK	0x0004000000000000
#define PSW_EXTERNAL		0x0100000000000000

/* A millisecond in units of the clock, whose bit 51 is a microsecond. */
#define MILLISECOND		(1000UL << 12)

/* Offsets in lowcore, which begins at address 0. */
#define LC_PROGRAM_CODE		0x008e
#define LC_MACHINE_CHECK_CODE	0x00e8
#define LC_EXTERNAL_NEW_PSW	0x01b0
#define LC_PROGRAM_NEW_PSW	0x01d0
#define LC_MCHECK_NEW_PSW	0x01e0
#define LC_MCHECK_SAVE_AREA	0x11b0

#define SHORT_PSW_64BIT		0x0008000180000000
#define DIAG_RESET_LOAD_NORMAL	1

#define CR0_SERVICE_SIGNAL	0x0000000000000200
#define CR14_CHANNEL_REPORT	0x0000000010000000
#define MCIC_CHANNEL_REPORT	0x0040000000000000
#define CRW_SOURCE_CSS		0xb

#define SCLP_WRITE_EVENT_MASK	0x00780005
#define SCLP_WRITE_EVENT_DATA	0x00760005
#define SCLP_EVENT_ASCII	0x1a
#define SCLP_MASK_ASCII		(1U << (32 - SCLP_EVENT_ASCII))

#define CLP_LIST		2
#define CLP_QUERY		3
#define CLP_SET			5
#define CLP_OK			0x0010
#define CLP_BUSY		0x0108
#define CLP_SET_ENABLE		0
#define CLP_SET_DISABLE		1

#define FH_ENABLED		0x80000000
#define FH_KIND			0x00ff0000
#define FH_EMULATED		0x00020000

#define MPCIFC_REG_INT		2
#define MPCIFC_REG_IOAT		4
#define MPCIFC_REREG_IOAT	6
#define MPCIFC_RESET_ERROR	7
#define MPCIFC_RESET_BLOCK	9
#define STATUS_ERROR_RECOVERY	40
#define STATUS_IN_ERROR		8
#define STATUS_BLOCKED		12
#define STATUS_RESOURCES	16
#define IOTA_REGION_THIRD	0x804
#define REGION_VALID		0x07
#define SEGMENT_VALID		0x00
#define ENTRY_INVALID		0x20
#define PAGE_INVALID		0x400

#define SPACE_CONFIG		15
#define PCI_COMMAND		0x04
#define PCI_MEMORY_AND_MASTER	0x6

#define NVME_BAR		0
#define NVME_CC			0x14
#define NVME_CC_ENABLE		0x00460001
#define NVME_CSTS		0x1c
#define NVME_CSTS_READY		0x1
#define NVME_CSTS_FATAL		0x2
#define NVME_AQA		0x24
#define NVME_ASQ		0x28
#define NVME_ACQ		0x30
#define NVME_DOORBELL		0x1000

#define NVME_IDENTIFY		0x06

#define PEC_NOT_MAPPED		0x4
#define PEC_INVALID_ENTRY	0x7
#define UNMAPPED		0x200000
/* Offsets of the pages that are mapped for the controller, from the first DMA address. */
#define MAPPED_COMMANDS		0x0000
#define MAPPED_COMPLETIONS	0x1000
#define MAPPED_DATA		0x2000
#define MAPPED_PAGES		3
/* The most that a table of this kind can map. */
#define TABLE_REACH		0x40000000000
#define NO_MEMORY		0x10000000000

struct psw {
	u64 mask, address;
};

/* A block for requests to the platform; the answer stands behind the request. */
union block {
	u8 b[4096];
	u16 h[2048];
	u32 w[1024];
	u64 d[512];
};

struct function {
	u32 fid, fh;
	u64 start_dma, end_dma;
};

/* The fields of an event, as the platform gave it. */
struct event {
	u32 fh, fid;
	u64 address;
	u16 pec, behind;
};

static union block block __attribute__((aligned(4096)));
static union block text __attribute__((aligned(4096)));
static union block shared[MAPPED_PAGES] __attribute__((aligned(4096)));
static u64 region_table[2048] __attribute__((aligned(16384)));
static u64 segment_table[2048] __attribute__((aligned(16384)));
static u64 page_table[256] __attribute__((aligned(4096)));
u8 stack[16384] __attribute__((aligned(16)));

asm(".globl _start\n"
	"_start:\n"
	"	larl	%r15,stack+16384-160\n"
	"	brasl	%r14,guest\n"
	"again:\n"
	"	larl	%r15,stack+16384-160\n"
	"	brasl	%r14,guest_again\n");

static void clear(union block *block)
{
	int i;

	for (i = 0; i < 512; i++)
		block->d[i] = 0;
	/*
	 * Keeps the compiler from making the loop a call of memset(), which does not
	 * exist here.
	 */
	asm volatile("" : : : "memory");
}

/* Set if the controller was not reset inside, but still reports its error. */
static u8 not_reset;

static u64 clock(void)
{
	u64 now;

	asm volatile("stck %0" : "=Q" (now) : : "cc", "memory");
	return now;
}

/* Waits between accesses: each takes QEMU's lock, which its other threads need. */
static void pause(void)
{
	u64 end = clock() + MILLISECOND;

	while (clock() < end)
		;
}

/* Waits with all interruptions off, which ends QEMU. */
static void stop(void)
{
	static const struct psw disabled = { PSW_WAIT | PSW_64BIT, 0xfff };

	asm volatile("lpswe %0" : : "Q" (disabled));
	__builtin_unreachable();
}

/* The interruption's new PSW: goes on behind the wait, with interruptions off. */
static void wait_for(u64 interruption, u64 new_psw)
{
	struct psw wait = { PSW_WAIT | PSW_64BIT | interruption, 0 };
	u64 *psw = (u64 *)new_psw;

	psw[0] = PSW_64BIT;
	asm volatile("	larl	%%r1,0f\n"
		     "	stg	%%r1,8(%0)\n"
		     "	lpswe	%1\n"
		     "0:\n" : : "a" (psw), "Q" (wait) : "1", "memory");
}

static int service_call(u32 command, union block *sccb)
{
	u32 cc;

	do {
		asm volatile("	.insn	rre,0xb2200000,%1,%2\n"
			     "	ipm	%0\n"
			     "	srl	%0,28\n"
			     : "=d" (cc) : "d" (command), "a" (sccb) : "cc", "memory");
	} while (cc == 2);
	if (cc)
		return -1;
	wait_for(PSW_EXTERNAL, LC_EXTERNAL_NEW_PSW);
	return sccb->h[3] == 0x0020 ? 0 : -1;
}

static void console_start(void)
{
	u64 cr0;

	asm volatile("stctg %%c0,%%c0,%0" : "=Q" (cr0));
	cr0 |= CR0_SERVICE_SIGNAL;
	asm volatile("lctlg %%c0,%%c0,%0" : : "Q" (cr0));

	clear(&text);
	text.h[0] = 8 + 4 + 4 * 4;
	text.h[5] = 4;
	/* The second of the four masks has the events that this guest sends. */
	text.w[4] = SCLP_MASK_ASCII;
	service_call(SCLP_WRITE_EVENT_MASK, &text);
}

static u32 put(u32 at, const char *string)
{
	while (*string)
		text.b[at++] = *string++;
	return at;
}

static u32 put_number(u32 at, u64 number)
{
	int shift = 60;

	while (shift && !(number >> shift))
		shift -= 4;
	at = put(at, "0x");
	for (; shift >= 0; shift -= 4)
		text.b[at++] = "0123456789abcdef"[number >> shift & 15];
	return at;
}

static void write_out(u32 end)
{
	text.h[0] = end;
	text.h[4] = end - 8;
	text.b[10] = SCLP_EVENT_ASCII;
	service_call(SCLP_WRITE_EVENT_DATA, &text);
}

static void say(const char *before, u64 number, const char *behind)
{
	u32 at;

	clear(&text);
	at = put_number(put(14, before), number);
	write_out(put(put(at, behind), "\r\n"));
}

static void say_plain(const char *line)
{
	clear(&text);
	write_out(put(put(14, line), "\r\n"));
}

static void failed(const char *why, u64 number)
{
	say(why, number, "");
	stop();
}

/* The response stands behind the request of 32 bytes. */
static u16 clp(u16 command, u16 response_len)
{
	u32 cc;

	block.h[0] = 32;
	block.h[1] = command;
	block.h[16] = response_len;
	asm volatile("	.insn	rrf,0xb9a00000,0,%1,0,2\n"
		     "	ipm	%0\n"
		     "	srl	%0,28\n"
		     : "=d" (cc) : "a" (&block) : "cc", "memory");
	return cc ? cc : block.h[17];
}

static void find(struct function *function)
{
	u16 response;

	clear(&block);
	response = clp(CLP_LIST, 32 + 16);
	if (response != CLP_OK || block.h[16] < 32 + 16)
		failed("FAILED: there is no function, CLP says ", response);
	function->fid = block.w[18];
	function->fh = block.w[19];

	clear(&block);
	block.w[4] = function->fh;
	response = clp(CLP_QUERY, 144);
	if (response != CLP_OK)
		failed("FAILED: the query is answered ", response);
	function->start_dma = block.d[12];
	function->end_dma = TABLE_REACH - 1;
	if (function->end_dma > block.d[13])
		function->end_dma = block.d[13];
}

/* Enables or disables the function. Returns how often the platform was busy. */
static u32 set(struct function *function, u8 operation)
{
	const u64 end = clock() + 60 * 1000 * MILLISECOND;
	u64 begin, took, longest = 0;
	u32 busy = 0;
	u16 response;

	do {
		clear(&block);
		block.w[4] = function->fh;
		block.b[22] = operation;
		block.b[23] = operation == CLP_SET_ENABLE;
		begin = clock();
		response = clp(CLP_SET, 32);
		took = clock() - begin;
		if (took > longest)
			longest = took;
		if (response == CLP_BUSY) {
			busy++;
			pause();
		}
	} while (response == CLP_BUSY && clock() < end);
	if (busy) {
		say("the function was busy, times: ", busy, "");
		say("the longest answer took microseconds: ", longest >> 12, "");
	}
	if (response != CLP_OK)
		failed(operation == CLP_SET_ENABLE ? "FAILED: enabling is answered " :
		       "FAILED: disabling is answered ", response);
	function->fh = block.w[12];
	return busy;
}

/* Returns the condition code, with the status behind it if the code is 1. */
static u32 modify(const struct function *function, u8 operation)
{
	u64 request = (u64)function->fh << 32 | operation;
	u32 cc;

	asm volatile("	.insn	rxy,0xe300000000d0,%1,%2\n"
		     "	ipm	%0\n"
		     "	srl	%0,28\n"
		     : "=d" (cc), "+d" (request) : "Q" (block) : "cc", "memory");
	return cc << 8 | (cc == 1 ? request >> 24 & 0xff : 0);
}

/*
 * Makes tables that map only the shared pages. All other entries must be marked as
 * invalid: zeroes would be an error.
 */
static void make_tables(const struct function *function)
{
	int i;

	for (i = 0; i < 2048; i++) {
		region_table[i] = ENTRY_INVALID | REGION_VALID;
		segment_table[i] = ENTRY_INVALID | SEGMENT_VALID;
	}
	for (i = 0; i < 256; i++)
		page_table[i] = PAGE_INVALID;
	for (i = 0; i < MAPPED_PAGES; i++)
		page_table[i] = (u64)&shared[i];
	region_table[function->start_dma >> 31] = (u64)segment_table | REGION_VALID;
	segment_table[function->start_dma >> 20 & 2047] = (u64)page_table | SEGMENT_VALID;
}

static u32 try_tables(const struct function *function, const u64 *origin)
{
	clear(&block);
	block.d[2] = function->start_dma;
	block.d[3] = function->end_dma;
	block.d[4] = (u64)origin | IOTA_REGION_THIRD;
	return modify(function, MPCIFC_REG_IOAT);
}

static void register_tables(const struct function *function, const u64 *origin)
{
	u32 result = try_tables(function, origin);

	if (result)
		failed("FAILED: the translation table is refused, ", result);
}

/*
 * Makes the platform read the mappings from the table. Returns the condition code, with
 * the status behind it if the code is 1.
 */
static u32 refresh(const struct function *function)
{
	register u64 start asm("2") = function->start_dma;
	register u64 length asm("3") = MAPPED_PAGES * 4096;
	u64 handle = (u64)function->fh << 32;
	u32 cc;

	asm volatile("	.insn	rre,0xb9d30000,%1,%2\n"
		     "	ipm	%0\n"
		     "	srl	%0,28\n"
		     : "=d" (cc), "+d" (handle), "+d" (start), "+d" (length)
		     : : "cc", "memory");
	return cc << 8 | (cc == 1 ? handle >> 24 & 0xff : 0);
}

static void refresh_mapped(const struct function *function)
{
	u32 result = refresh(function);

	if (result)
		failed("FAILED: refreshing the table gives ", result);
}

static u32 access(const struct function *function, u8 store, u8 space, u64 offset, u32 *value)
{
	register u64 data asm("4") = *value;
	register u64 request asm("2") = (u64)function->fh << 32 | (u64)space << 16 | 4;
	register u64 at asm("3") = offset;
	u32 cc;

	/* The function's registers are little-endian. */
	data = __builtin_bswap32(data);
	if (store)
		asm volatile("	.insn	rre,0xb9d00000,%2,%1\n"
			     "	ipm	%0\n"
			     "	srl	%0,28\n"
			     : "=d" (cc), "+d" (request), "+d" (data), "+d" (at)
			     : : "cc", "memory");
	else
		asm volatile("	.insn	rre,0xb9d20000,%2,%1\n"
			     "	ipm	%0\n"
			     "	srl	%0,28\n"
			     : "=d" (cc), "+d" (request), "+d" (data), "+d" (at)
			     : : "cc", "memory");
	*value = __builtin_bswap32(data);
	return cc << 8 | (cc == 1 ? request >> 24 & 0xff : 0);
}

static void set_register(const struct function *function, u8 space, u64 offset, u32 value)
{
	u32 result = access(function, 1, space, offset, &value);

	if (result)
		failed("FAILED: a store is refused, ", result);
}

static u32 get_register(const struct function *function, u64 offset)
{
	u32 value = 0, result = access(function, 0, NVME_BAR, offset, &value);

	if (result)
		failed("FAILED: a load is refused, ", result);
	return value;
}

static void start_controller(const struct function *function, u64 commands, u64 completions)
{
	const struct { u16 at; u32 value; } *step, steps[] = {
		{ NVME_CC, 0 },
		{ NVME_AQA, 1 << 16 | 1 },
		{ NVME_ASQ, commands }, { NVME_ASQ + 4, commands >> 32 },
		{ NVME_ACQ, completions }, { NVME_ACQ + 4, completions >> 32 },
		{ NVME_CC, NVME_CC_ENABLE },
		{ 0 },
	};
	u32 status;

	set_register(function, SPACE_CONFIG, PCI_COMMAND, PCI_MEMORY_AND_MASTER);
	for (step = steps; step->at; step++)
		set_register(function, NVME_BAR, step->at, step->value);
	do {
		pause();
		status = get_register(function, NVME_CSTS);
	} while (!(status & (NVME_CSTS_READY | NVME_CSTS_FATAL)));
	if (status & NVME_CSTS_FATAL)
		failed("FAILED: the controller does not start, status ", status);
}

static void provoke(const struct function *function)
{
	const u64 unmapped = function->start_dma + UNMAPPED;

	start_controller(function, unmapped, unmapped);
	set_register(function, NVME_BAR, NVME_DOORBELL, 1);
}

/* Executes a command that needs DMA in both directions. The controller has a minute to answer. */
static void use(const struct function *function)
{
	const u64 start = function->start_dma;
	u32 status = 0;
	u64 end;
	int i;

	for (i = 0; i < MAPPED_PAGES; i++)
		clear(&shared[i]);
	/* All fields are little-endian. */
	shared[0].b[0] = NVME_IDENTIFY;
	shared[0].d[3] = __builtin_bswap64(start + MAPPED_DATA);
	shared[0].b[40] = 1;
	start_controller(function, start + MAPPED_COMMANDS, start + MAPPED_COMPLETIONS);
	set_register(function, NVME_BAR, NVME_DOORBELL, 1);
	end = clock() + 60 * 1000 * MILLISECOND;
	do {
		pause();
		status = get_register(function, NVME_CSTS);
	} while (!(shared[1].b[14] & 1) && status == NVME_CSTS_READY && clock() < end);
	if (!(shared[1].b[14] & 1))
		failed("FAILED: a command is not answered, controller status ", status);
	if (shared[1].b[14] != 1 || shared[1].b[15] || !shared[2].d[0])
		failed("FAILED: a command is answered ", shared[1].h[7]);
}

/* Channel reports are machine checks. Each may stand for several events. */
static void wait_for_event(struct event *event)
{
	u32 crw, cc, more;

	event->behind = 0;
	*(u64 *)LC_MCHECK_SAVE_AREA = 0;
	wait_for(PSW_MACHINE_CHECK, LC_MCHECK_NEW_PSW);
	if (!(*(u64 *)LC_MACHINE_CHECK_CODE & MCIC_CHANNEL_REPORT))
		failed("FAILED: not a channel report, ", *(u64 *)LC_MACHINE_CHECK_CODE);
	for (;;) {
		asm volatile("	.insn	s,0xb2390000,%1\n"
			     "	ipm	%0\n"
			     "	srl	%0,28\n"
			     : "=d" (cc), "=Q" (crw) : : "cc");
		if (cc)
			break;
		if ((crw >> 24 & 0xf) != CRW_SOURCE_CSS)
			failed("FAILED: a channel report of another source, ", crw);
	}
	do {
		clear(&block);
		block.h[0] = 16;
		block.h[1] = 0x000e;
		block.d[1] = 0xa000000000000000;
		asm volatile(".insn rre,0xb25f0000,%0,0" : : "a" (&block) : "cc", "memory");
		if (block.h[9] != 1 || block.b[23] != 2 || block.b[27] != 1)
			failed("FAILED: no error event is stored, code ", block.h[9]);
		more = block.b[24] & 0x80;
		/* The CCDF begins at byte 80. */
		event->fh = block.w[21];
		event->fid = block.w[22];
		event->address = block.d[12];
		event->pec = block.h[55];
		event->behind += !!more;
	} while (more);
}

static void check(const struct function *function, const struct event *event)
{
	/*
	 * A reset must come before these operations. QEMU enforces the last two for its
	 * own functions.
	 */
	static const u8 refused[] = { MPCIFC_REG_INT, MPCIFC_REREG_IOAT,
				      MPCIFC_RESET_BLOCK, MPCIFC_RESET_ERROR };
	const u32 emulated = (function->fh & FH_KIND) == FH_EMULATED;
	u32 value = 0, result, i;

	say("the event's code is ", event->pec, "");
	if (event->behind)
		failed("FAILED: there were further events, ", event->behind);
	if (event->pec != PEC_NOT_MAPPED)
		failed("FAILED: the code should be ", PEC_NOT_MAPPED);
	if (event->fid != function->fid)
		failed("FAILED: the event is for another function, ", event->fid);
	if (event->fh != function->fh)
		failed("FAILED: the event has another handle, ", event->fh);
	if (event->address != function->start_dma + UNMAPPED)
		failed("FAILED: the event has another address, ", event->address);

	result = access(function, 0, NVME_BAR, NVME_CSTS, &value);
	if (result != (1 << 8 | STATUS_BLOCKED))
		failed("FAILED: a load from a function in error gives ", result);
	clear(&block);
	for (i = emulated ? 2 : 0; i < sizeof(refused); i++) {
		result = modify(function, refused[i]);
		if (result == (emulated ? 0 : 1 << 8 | STATUS_ERROR_RECOVERY))
			continue;
		say("without a reset this operation gives ", result, "");
		failed("FAILED: that is wrong for operation ", refused[i]);
	}
	say_plain(emulated ? "it is unblocked without a reset" :
		  "it cannot be unblocked without a reset");
}

/* Recovers the function. The table is unchanged, and only has to be registered again. */
static void recover(struct function *function)
{
	const u32 emulated = (function->fh & FH_KIND) == FH_EMULATED;
	u32 status;

	set(function, CLP_SET_DISABLE);
	if (!set(function, CLP_SET_ENABLE) && !emulated)
		failed("FAILED: the machine stood still for a reset of ", function->fid);
	set_register(function, SPACE_CONFIG, PCI_COMMAND, PCI_MEMORY_AND_MASTER);
	status = get_register(function, NVME_CSTS);
	say("recovered, the controller's status is ", status, "");
	/*
	 * QEMU does not reset the inside of an emulated function, and Linux in C of no
	 * function.
	 */
	if (!emulated && status & NVME_CSTS_FATAL)
		not_reset = 1;
	/* Disabled first: it would go on with the command that it has failed to fetch. */
	set_register(function, NVME_BAR, NVME_CC, 0);
	register_tables(function, region_table);
	/* The platform walks the table by itself; unpatched QEMU has to be told. */
	if (emulated)
		refresh_mapped(function);
	use(function);
	say_plain("the controller does as it is told");
}

/* Registers a table at address 0, which has an invalid entry. Unpatched QEMU would hang. */
static void register_nothing(struct function *function)
{
	struct event event;
	u32 result;

	register_tables(function, 0);
	if ((function->fh & FH_KIND) != FH_EMULATED) {
		result = refresh(function);
		if (result != (1 << 8 | STATUS_IN_ERROR))
			failed("FAILED: refreshing a table at address 0 gives ", result);
		wait_for_event(&event);
		if (event.pec != PEC_INVALID_ENTRY)
			failed("FAILED: of a table at address 0 the event's code is ", event.pec);
	}
	set(function, CLP_SET_DISABLE);
	set(function, CLP_SET_ENABLE);
}

static void register_bad_tables(const struct function *function, const char *why)
{
	u64 begin = clock();
	u32 result = try_tables(function, region_table);

	begin = clock() - begin;
	if (result != (1 << 8 | STATUS_RESOURCES))
		failed(why, result);
	if (begin > 60 * 1000 * MILLISECOND)
		failed("FAILED: to refuse a table took microseconds ", begin >> 12);
	make_tables(function);
}

/* The host must allow fewer than 16 pages, and addresses above 16 GiB. */
static void register_too_much(const struct function *function)
{
	int i;

	for (i = 0; i < 256; i++)
		page_table[i] = (u64)&shared[0];
	register_bad_tables(function, "FAILED: registering a table of too many pages gives ");

	page_table[MAPPED_PAGES] = NO_MEMORY;
	register_bad_tables(function, "FAILED: registering a table of no memory gives ");

	/* It maps nothing, by as many page tables as can be. */
	for (i = 0; i < MAPPED_PAGES; i++)
		page_table[i] = PAGE_INVALID;
	for (i = 0; i < 2048; i++) {
		region_table[i] = (u64)segment_table | REGION_VALID;
		segment_table[i] = (u64)page_table | SEGMENT_VALID;
	}
	register_bad_tables(function, "FAILED: registering a table of all page tables gives ");
}

/*
 * Resets the machine with the function in error: the reset does not wait for the
 * function, and the error is gone afterwards.
 */
static void reset_machine(const struct function *function)
{
	u32 value, result;

	provoke(function);
	do {
		pause();
		result = access(function, 0, NVME_BAR, NVME_CSTS, &value);
	} while (!result);
	say("resetting the machine, a load gives ", result, "");
	/*
	 * The machine starts again at the PSW at address 0. Stored by assembly, as C
	 * has no address 0.
	 */
	asm volatile("	larl	%%r1,again\n"
		     "	ogr	%%r1,%0\n"
		     "	stg	%%r1,0\n"
		     "	diag	%1,%2,0x308\n"
		     : : "d" (SHORT_PSW_64BIT), "d" (0UL), "d" ((u64)DIAG_RESET_LOAD_NORMAL)
		     : "1", "cc", "memory");
	failed("FAILED: the machine goes on behind its reset, ", 0);
}

static void program_check(void)
{
	failed("FAILED: program interruption ", *(u16 *)LC_PROGRAM_CODE);
}

static void start(struct function *function)
{
	const struct psw program = { PSW_64BIT, (u64)program_check };
	u64 cr14;

	*(struct psw *)LC_PROGRAM_NEW_PSW = program;
	console_start();
	asm volatile("stctg %%c14,%%c14,%0" : "=Q" (cr14));
	cr14 |= CR14_CHANNEL_REPORT;
	asm volatile("lctlg %%c14,%%c14,%0" : : "Q" (cr14));

	find(function);
	say("function ", function->fid, "");
	say("handle ", function->fh, "");
	say("last DMA address ", function->end_dma, "");
	set(function, CLP_SET_ENABLE);
}

static void round(struct function *function)
{
	struct event event;

	provoke(function);
	say("provoked an error: a read of ", function->start_dma + UNMAPPED, "");
	wait_for_event(&event);
	check(function, &event);
	recover(function);
}

static void end(void)
{
	say_plain(not_reset ? "CHAIN OK, but the controller was not reset" : "CHAIN OK");
	stop();
}

void guest(void)
{
	struct function function;
	int i;

	start(&function);
	make_tables(&function);
	register_tables(&function, region_table);
	refresh_mapped(&function);
	use(&function);
	say_plain("the controller does as it is told");
	for (i = 0; i < ROUNDS; i++)
		round(&function);
	set(&function, CLP_SET_DISABLE);
	set(&function, CLP_SET_ENABLE);
	register_nothing(&function);
	if ((function.fh & FH_KIND) == FH_EMULATED)
		end();
	register_too_much(&function);
	register_tables(&function, region_table);
	use(&function);
	say_plain("tables that are empty or too big are refused");
	reset_machine(&function);
}

/* Runs after the machine was reset. */
void guest_again(void)
{
	struct function function;

	start(&function);
	register_tables(&function, region_table);
	use(&function);
	say_plain("the controller does as it is told");
	round(&function);
	end();
}
