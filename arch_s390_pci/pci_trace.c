// SPDX-License-Identifier: GPL-2.0-only
/* The tracepoints of zPCI error recovery, which are passed in Rust. */
#define CREATE_TRACE_POINTS
#define CREATE_RUST_TRACE_POINTS
#include "pci_trace.h"
