# SPDX-License-Identifier: GPL-2.0-only
# Sourced by every script: paths, messages with times, and retries.
# shellcheck shell=bash

set -euo pipefail

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034 # for the scripts that source this one
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/zpci-rs
# shellcheck source=scripts/versions
. "$TOP/scripts/versions"
# shellcheck disable=SC2034 # for the scripts that source this one
BUILD=${ZPCI_BUILD:-$TOP/build}

say() { printf '%s\n' "$*"; }

die() {
	printf 'error: %s\n' "$*" >&2
	exit 1
}

# step TEXT COMMAND...: run COMMAND with its output in a log, say how long it
# took, and show the end of the log if it failed.
step() {
	local text=$1 start=$SECONDS log rc=0
	shift
	mkdir -p "$BUILD/log" || die "cannot write to $BUILD"
	log=$BUILD/log/$(tr -cs 'A-Za-z0-9.\n' '-' <<<"$text").log
	printf '%s ... ' "$text"
	"$@" </dev/null >"$log" 2>&1 || rc=$?
	if [ "$rc" -ne 0 ]; then
		printf 'FAILED after %d s\n' $((SECONDS - start))
		tail -n 20 "$log" >&2
		die "$text failed; the whole log is $log"
	fi
	printf '%d s\n' $((SECONDS - start))
}

# retry COMMAND...: run a command up to three times, as downloads fail now and then.
retry() {
	local try
	for try in 1 2 3; do
		"$@" && return
		say "try $try of 3 failed: $*" >&2
		[ "$try" = 3 ] || sleep $((try * 5))
	done
	return 1
}

# need_space DIR MIB WHAT: fail at once if the disk has too little room for WHAT.
need_space() {
	local free
	mkdir -p "$1" || die "cannot create $1"
	free=$(df -Pm "$1" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$2" ] ||
		die "$3 needs $2 MiB in $1, where $free MiB are free"
}

# inside ARG...: run this script again inside the toolchain root, where all hosts
# have the same tools.
inside() {
	[ -z "${ZPCI_INSIDE:-}" ] || return 0
	local script
	script=$(realpath "$0")
	cd "$TOP"
	exec "$TOP/scripts/enter" "$script" "$@"
}

# more_tools PACKAGE[/SUITE]...: install packages that few targets need in the toolchain
# root.
more_tools() {
	dpkg -s "${@%/*}" >/dev/null 2>&1 ||
		step "Installing ${*%/*} in the toolchain root" install_packages "$@"
}

# The package lists may be out of date. An update may fail for one list, and still helps
# for the others.
install_packages() {
	local apt=(apt-get -q -y -o APT::Sandbox::User=root -o Acquire::Retries=3 -o DPkg::Lock::Timeout=600)
	"${apt[@]}" install --no-install-recommends "$@" ||
		{ "${apt[@]}" update || :; "${apt[@]}" install --no-install-recommends "$@"; }
}

# hold DIR: lock a folder until this script ends or holds another one, so that no other
# script builds there or copies half-built files.
hold() {
	mkdir -p "$1"
	exec 9<"$1"
	flock 9
}

# kernel_version TREE: print VERSION.PATCHLEVEL, or nothing if TREE is no kernel.
kernel_version() {
	[ -e "$1/Kbuild" ] && [ -e "$1/Makefile" ] || return 0
	awk '$2 == "=" && $1 == "VERSION" { v = $3 }
		$2 == "=" && $1 == "PATCHLEVEL" { print v "." $3; exit }' "$1/Makefile"
}

# kernel_settings FLAVOR: put the variables of make for a kernel tree into the array
# settings. With a fixed date, user and host, the same source gives the same image, and
# the compiler cache works. KASAN with Rust needs clang. HOSTCC must be one word, as rustc
# uses it as its linker. KARCH=x86 builds for another machine than s390.
kernel_settings() {
	settings=(ARCH=s390 CROSS_COMPILE=s390x-linux-gnu- CC="ccache s390x-linux-gnu-gcc")
	[ "$1" != debug ] ||
		settings=(LLVM=1 ARCH=s390 CROSS_COMPILE=s390x-linux-gnu- CC="ccache clang")
	[ "${KARCH:-s390}" = s390 ] || settings=(ARCH=x86_64 CC="ccache gcc")
	settings+=(RUST_LIB_SRC="/usr/src/rustc-$(rustc --version | cut -d ' ' -f 2)/library"
		KBUILD_BUILD_TIMESTAMP=2026-01-01 KBUILD_BUILD_USER=zpci
		KBUILD_BUILD_HOST=zpci KBUILD_BUILD_VERSION=1)
}

# kmake TREE O FLAVOR ARG...: run make in a kernel tree, with these variables.
kmake() {
	local settings
	kernel_settings "$3"
	make -C "$1" O="$2" "${settings[@]}" "-j$(($(nproc) + 1))" "${@:4}"
}

# tests KVER GROUP: print the names of installed test programs of a group: "fire" needs
# many functions and processors, "rough" the plugin that plays the firmware; "long" has
# more rounds with ZPCI_LONG, or takes minutes; "common" has all others but matrix_test.
tests() {
	local fire="storm_test race_test fuzz_test" long="fuzz_test race_test rescan_test matrix_test"
	local rough="handle_test refusal_test error_state_test life_test translation_busy_test"
	rough+=" report_test taken_test notification_test multifunction_test iov_test"
	case $2 in
	fire) say "$fire" ;;
	long) say "$long" ;;
	rough) say "$rough" ;;
	common)
		sed 's/^vfio_zpci://' "$BUILD/selftests-$1/kselftest-list.txt" |
			grep -vxF -f <(tr ' ' '\n' <<<"$fire $rough matrix_test")
		;;
	esac | tr ' ' '\n'
}

# tested SECONDS PROGRAM...: print the guest's command that runs test programs with
# kselftest's runner, each within that time. scripts/report/ktap.py reads the output.
tested() {
	local time=$1
	shift
	say "run_kselftest.sh --no-error-on-fail --override-timeout $time$(printf ' --test vfio_zpci:%s' "$@")"
}

# ktap KVER ARG...: run scripts/report/ktap.py with the KTAP parser of that kernel's
# tree.
ktap() {
	PYTHONPATH=$BUILD/linux-$1/tools/testing/kunit python3 -B "$TOP/scripts/report/ktap.py" "${@:2}"
}

# on_disk COMMAND...: print guest commands that run COMMAND in the system on the disk,
# /dev/vda. The files of "--files" are in /mnt there.
on_disk() {
	cat <<-END
		modprobe -q virtio_blk
		modprobe -q ext4
		mkdir /disk
		mount -t ext4 /dev/vda /disk && mkdir -p /disk/mnt && mount --bind / /disk/mnt &&
			mount -t proc proc /disk/proc && mount -t sysfs sysfs /disk/sys && mount -t devtmpfs devtmpfs /disk/dev &&
			chroot /disk $*
		status=\$?
		umount /disk/mnt /disk/proc /disk/sys /disk/dev /disk
		(exit \$status)
	END
}

# kernel_folder KVER IMPL FLAVOR: print the folder in which that kernel is built.
kernel_folder() {
	local flavor=-$3
	say "$BUILD/kernel-$1-$2${flavor%-std}"
}

# modules_folder KERNEL_O: print the folder of the modules that are built against a
# kernel.
modules_folder() {
	local name=${1%/}
	name=${name##*/}
	say "$BUILD/modules-${name#kernel-}"
}
