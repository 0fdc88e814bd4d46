# SPDX-License-Identifier: GPL-2.0-only
# The C kernel's figures, with which `scripts/bench recorded` compares: made by
# `scripts/bench docs`, not to be edited.
floor	3859
event.1	96581
event.8	182554
event.64	286324
take.feature	395
take.feature.empty	392
reset.error	37455
reset.healthy	25011
msix.on	60985
msix.off	45960
open	40125
close	12823.5
many.1	285451
open.bytes	40399
many.16	4.33979e+06
many.64	1.73418e+07
idle.bytes	848
size.text	6420
size.data	88
size.bss	0
