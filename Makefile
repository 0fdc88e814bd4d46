# SPDX-License-Identifier: GPL-2.0-only
# The entry points. Each does all the set-up that it needs.

KVER ?=
IMPL ?= rust
FLAVOR ?= std

.PHONY: help setup demo guest-demo test test-long bench kernel vm integrate patches series htmldocs deb \
	deb-boot tools tools-boot lint rust-analyzer clean
.NOTPARALLEL:

help: ## list what there is to do (IMPL=rust|c FLAVOR=std|debug)
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: ## build, boot, and recover a real device from a real error
	@scripts/vm/demo "$(KVER)" $(IMPL) $(FLAVOR)

guest-demo: ## build QEMU for s390x, and let a virtual machine recover from an error of its drive
	@scripts/vm/guest-demo $(IMPL)

test: ## the tests on the host and in the guest (KVER=newest: on Debian's newest Linux)
	@scripts/test "$(KVER)"

test-long: ## the rest: the debug kernel, Miri, more orders of threads, longer races and fuzzing
	@scripts/test "$(KVER)" long

bench: ## measure Rust and C, side by side
	@scripts/report/bench

kernel: ## build a kernel into build/kernel-KVER-IMPL[-FLAVOR]
	@scripts/build/kernel "$(KVER)" $(IMPL) $(FLAVOR)

vm: kernel ## a shell in the booted guest; Ctrl-A X ends it
	@scripts/build/modules "$(KVER)" $(IMPL) $(FLAVOR)
	@scripts/build/userspace "$(KVER)"
	@scripts/build/tools "$(KVER)"
	@scripts/guest --interactive --mem 3G \
		--kernel $(CURDIR)/build/kernel-$(or $(KVER),7.3)-$(IMPL)$(patsubst %,-%,$(filter-out std,$(FLAVOR)))

integrate: ## put everything into a kernel tree of yours: KDIR=/path/to/linux
	@scripts/build/integrate "$(KDIR)"

patches: ## write everything as patch series for a kernel tree
	@scripts/series/patches "$(KVER)"

series: ## build at the end of each series, and run its tests
	@scripts/series/series-check "$(KVER)"

htmldocs: ## build the documentation, as the kernel does, and refuse a warning
	@scripts/build/htmldocs "$(KVER)"

deb: ## Debian packages of a kernel for a machine of yours (LSMOD=file that lsmod wrote there)
	@LSMOD="$(LSMOD)" scripts/build/kernel-deb "$(KVER)"

deb-boot: ## install that package on a disk with Debian, and boot it
	@scripts/vm/deb-boot "$(KVER)"

tools: ## a Debian package of the command zpci-recover for s390x
	@scripts/build/tools-deb

tools-boot: ## install that package in Debian with systemd, in QEMU, and try it there
	@scripts/vm/tools-boot

lint: ## style, comments, warnings of every compiler and checker
	@scripts/check/lint

rust-analyzer: ## let editors know the files here as parts of the kernel
	@scripts/build/rust-analyzer "$(KVER)"

setup: ## only make the toolchain root that all of this runs in
	@scripts/toolchain

clean: ## remove build/; the cache in ~/.cache/zpci-rs stays
	rm -rf build
