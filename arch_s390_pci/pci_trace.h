/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of zPCI error recovery: the steps of an error event on its way to the owner, and the
 * resets of a function.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM zpci

#if !defined(_S390_PCI_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _S390_PCI_TRACE_H

#include <linux/tracepoint.h>

DECLARE_EVENT_CLASS(zpci_event,
	TP_PROTO(u32 fid, u16 pec, u64 sequence, u8 recovery),
	TP_ARGS(fid, pec, sequence, recovery),
	TP_STRUCT__entry(
		__field(u32, fid)
		__field(u16, pec)
		__field(u64, sequence)
		__field(u8, recovery)
	),
	TP_fast_assign(
		__entry->fid = fid;
		__entry->pec = pec;
		__entry->sequence = sequence;
		__entry->recovery = recovery;
	),
	TP_printk("fid=%08x pec=0x%x sequence=%llu recovery=%s",
		  __entry->fid, __entry->pec, __entry->sequence,
		  __print_symbolic(__entry->recovery, { 0, "owner" },
				   { 1, "host" }, { 2, "nobody" }))
);

/* An event has been queued for the owner. @sequence counts events since the function was opened. */
DEFINE_EVENT(zpci_event, zpci_error_captured,
	TP_PROTO(u32 fid, u16 pec, u64 sequence, u8 recovery),
	TP_ARGS(fid, pec, sequence, recovery)
);

/* The owner has read an event, which has left the queue of unread events. */
DEFINE_EVENT(zpci_event, zpci_error_taken,
	TP_PROTO(u32 fid, u16 pec, u64 sequence, u8 recovery),
	TP_ARGS(fid, pec, sequence, recovery)
);

/*
 * An error event has been dropped, because a queue had no room: the owner cannot read the event.
 * @dropped counts dropped events since the function was opened.
 */
TRACE_EVENT(zpci_error_dropped,
	TP_PROTO(u32 fid, u32 dropped),
	TP_ARGS(fid, dropped),
	TP_STRUCT__entry(
		__field(u32, fid)
		__field(u32, dropped)
	),
	TP_fast_assign(
		__entry->fid = fid;
		__entry->dropped = dropped;
	),
	TP_printk("fid=%08x dropped=%u", __entry->fid, __entry->dropped)
);

DECLARE_EVENT_CLASS(zpci_function,
	TP_PROTO(u32 fid),
	TP_ARGS(fid),
	TP_STRUCT__entry(
		__field(u32, fid)
	),
	TP_fast_assign(
		__entry->fid = fid;
	),
	TP_printk("fid=%08x", __entry->fid)
);

/*
 * An owner that listens can now learn of its unread events: the kernel has signalled the error
 * eventfd, if the owner has registered one.
 */
DEFINE_EVENT(zpci_function, zpci_error_signalled,
	TP_PROTO(u32 fid),
	TP_ARGS(fid)
);

DEFINE_EVENT(zpci_function, zpci_reset_begin,
	TP_PROTO(u32 fid),
	TP_ARGS(fid)
);

TRACE_EVENT(zpci_reset_end,
	TP_PROTO(u32 fid, int result),
	TP_ARGS(fid, result),
	TP_STRUCT__entry(
		__field(u32, fid)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->fid = fid;
		__entry->result = result;
	),
	TP_printk("fid=%08x result=%d", __entry->fid, __entry->result)
);

#endif /* _S390_PCI_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH ../../arch/s390/pci

#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE pci_trace

/* This header includes pci_trace.h again, by TRACE_INCLUDE_PATH and TRACE_INCLUDE_FILE. */
#include <trace/define_trace.h>
