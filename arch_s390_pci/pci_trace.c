// SPDX-License-Identifier: GPL-2.0-only
/* Defines the tracepoints of zPCI error recovery. Rust code calls them. */
#define CREATE_TRACE_POINTS
#define CREATE_RUST_TRACE_POINTS
#include "pci_trace.h"
