#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=dash disable=SC2317 # functions are called by their name
# Tests crate and command in the guest, with real errors; the output is KTAP. Some
# results depend on the kernel. RECOVERIES is the number of errors that the driver
# of the poll-mode example must survive.

address=${ZPCI_NVME:-0001:00:00.0} other=0002:00:00.0
recoveries=${RECOVERIES:-20}
work=$(mktemp -d)
cd "$work" || exit 1
number=0 failed=0

built_in() { zcat /proc/config.gz | grep -q "^CONFIG_$1=y"; }

if built_in S390_PCI_RUST; then
	interface=Region
elif built_in VFIO_PCI_ZDEV_KVM; then
	interface=Feature
else
	interface=none
fi
# The C version takes injected events as well, but does not recover from a permanent
# failure.
injector=''
[ "$interface" != Region ] || ! modprobe -q zpci_inject || injector=yes

result() { # STATUS NAME
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number $2"
	else
		failed=1
		echo "not ok $number $2"
		sed 's/^/# /' output
	fi
	# The next test may be about the same function.
	mv output said
}

# passes NAME COMMAND...: the command must succeed; its output goes into the file
# "said".
passes() {
	local name=$1 status=0
	shift
	"$@" >output 2>&1 || status=$?
	result "$status" "$name"
}

# fails NAME TEXT COMMAND...: the command must fail and print the text.
fails() {
	local name=$1 text=$2 status=0
	shift 2
	if "$@" >output 2>&1; then status=1; fi
	grep -qF "$text" output || status=1
	result "$status" "$name"
}

skip() {
	number=$((number + 1))
	echo "ok $number $1 # SKIP $2"
}

has() { # FILE TEXT...: each text must be in a line of the file
	local file=$1 text
	shift
	for text in "$@"; do
		grep -qF -- "$text" "$file" || {
			echo "missing in $file: $text"
			cat "$file"
			return 1
		}
	done
}

# Where the platform is busy the record is too small for all that the kernel writes: that
# some of it is lost is told in a line of its own.
events() { # FILE COUNT
	[ "$(grep -c '"pec":' "$1")" = "$2" ] || {
		cat "$1"
		return 1
	}
}

wait_for() { # COMMAND...: repeat until it succeeds
	local try=0
	until "$@" >/dev/null 2>&1; do
		try=$((try + 1))
		[ "$try" -lt 300 ] || return 1
		usleep 100000
	done
}

# There are no user accounts in the guest.
[ -e /etc/passwd ] || echo nobody:x:65534:65534::/:/bin/sh >/etc/passwd

# Earlier tests may have bound the function to any driver.
unbind() {
	[ ! -e "/sys/bus/pci/devices/$1/driver" ] || echo "$1" >"/sys/bus/pci/devices/$1/driver/unbind"
}

bind() {
	unbind "$1"
	echo "$2" >"/sys/bus/pci/devices/$1/driver_override"
	echo "$1" >/sys/bus/pci/drivers_probe
}

without_interface() {
	echo 1..3
	fails "a listener says that there is no interface" "neither the zPCI error region" \
		poll_mode "$address"
	fails "watch --own says so, too" "neither the zPCI error region" \
		zpci-recover watch --own "$address"
	passes "a function is reset all the same" zpci-recover reset "$address"
}

survive() { # WAY COUNT: provoke errors while the record is watched
	zpci-recover watch --json -n "$2" "$address" >"watched-$1" &
	usleep 300000
	poll_mode "$address" "$2" 200 "$1" || return 1
	# The last event may not have been printed yet.
	wait_for events "watched-$1" "$2" || kill $!
	wait $!
}

all_watched() { # WAY COUNT
	events "watched-$1" "$2" || {
		# If one is missing, the output shows why.
		cat /sys/kernel/debug/s390dbf/pci_error/hex_ascii
		return 1
	}
	[ "$(grep -cF '"failing_address":4297064448' "watched-$1")" = "$2" ] &&
		[ "$(grep -cF "\"address\":\"$address\",\"pec\":4,\"severity\":\"transient\"" "watched-$1")" = "$2" ]
}

held() {
	poll_mode "$address" 100 200 >/dev/null &
	wait_for sh -c "zpci-recover list | grep '$address .*poll_mode'" || return 1
	! zpci-recover reset "$address" >refused 2>&1 &&
		! zpci-recover watch --own "$address" >>refused 2>&1
	status=$?
	kill $!
	wait $! 2>/dev/null
	cat refused
	[ "$status" = 0 ] && [ "$(grep -c "$address is open already: poll_mode\[" refused)" = 2 ]
}

own() {
	zpci-recover watch --own -n 3 "$address" >owned 2>owner &
	wait_for has owner "owner of $address now" || return 1
	zpci-recover inject "$address" 0x3a || return 1
	wait_for has owned "#1 PEC 0x3a transient" "; reset in" || return 1
	zpci-recover inject "$address" 0x5 --address 0x1234 --access write || return 1
	wait_for has owned "#2 PEC 0x5 transient, write of 0x1234" || return 1
	zpci-recover inject "$address" 0x3b || return 1
	wait $! && has owned "#3 PEC 0x3b permanent"
}

of() { cat "/sys/bus/pci/devices/$address/$1"; }

# More events than the kernel's record has room for, while nobody looks. Those of function
# measurement do nothing else.
storm() {
	local event i=0 status
	event=$(printf '%08d%s%s%036d002a' 0 "$(of function_handle)" "$(of function_id)" 0 |
		sed 's/0x//g; s/../\\x&/g')
	zpci-recover watch --all --syslog >stormed &
	wait_for [ -s stormed ] || return 1
	kill -STOP $!
	while [ "$i" -lt 100 ]; do
		printf %b "$event" >/sys/kernel/debug/zpci_inject/error || return 1
		i=$((i + 1))
	done
	kill -CONT $!
	wait_for has stormed "<4>records were lost" "<6>" "PEC 0x2a measurement"
	status=$?
	kill $!
	wait $! 2>/dev/null
	head -n 50 stormed
	return "$status"
}

# recovers COMMAND...: an owner must recover, and end after a permanent failure.
recovers() {
	# The file is removed first, so that it has no output of an earlier owner.
	rm -f noticed
	"$@" >noticed &
	wait_for has noticed listening || return 1
	zpci-recover inject "$address" 0x3a || return 1
	wait_for has noticed "event 0x3a" reset || return 1
	zpci-recover inject "$address" 0x3b || return 1
	! wait $! && has noticed "event 0x3b"
}

c_client() {
	set -- /sys/bus/pci/devices/"$address"/vfio-dev/*
	recovers zpci_client "/dev/vfio/devices/${1##*/}"
}

echo TAP version 13
bind "$address" vfio-pci
[ "$interface" != none ] || {
	without_interface
	exit "$failed"
}
echo 1..23
passes "a function is listed" zpci-recover list
passes "with its driver, its owner and its state" \
	grep -E "^$address +0x00000001 +0x1 +vfio-pci +host +ok " said
for way in iommufd group; do
	# How the function was opened does not matter to the tests below.
	[ "$way" = iommufd ] || recoveries=5
	passes "the driver survives $recoveries errors ($way)" survive "$way" "$recoveries"
	sed 's/^/# /' said
	passes "reads were right, and events came from the error ${interface}" \
		has said "events by $interface" "recoveries $recoveries, mismatches 0"
	passes "each of the errors is watched" all_watched "$way" "$recoveries"
done
passes "a function and its events are shown" zpci-recover show "$address"
cp said shown
passes "with what is known of an event" \
	has shown "function ID      0x00000001" "PEC 0x4 transient, address 0x100200000: DMA"
if [ -e /sys/kernel/debug/pci/recovery ]; then
	passes "with the kernel's own counters" has shown \
		"in the kernel    channel normal, owner none, recovery host, opened "
else
	skip "with the kernel's own counters" "this kernel has none"
fi
passes "a log is explained" sh -c \
	'zpci-recover explain - </sys/kernel/debug/s390dbf/pci_error/hex_ascii | grep -F 0x100200000'
passes "a function that is open is not taken from its owner" held
passes "a function is reset" zpci-recover reset "$address"
unbind "$other"
fails "a function without a driver is not" "$other is not bound to any driver" \
	zpci-recover reset "$other"
modprobe nvme
bind "$other" nvme
fails "a function of another driver is not" "$other is bound to the driver nvme" \
	zpci-recover reset "$other"
fails "nor is it by somebody who may not" "no permission to open /dev/" \
	start-stop-daemon -S -p none -c nobody -x "$(command -v zpci-recover)" -- reset "$address"
if [ -n "$injector" ]; then
	passes "an owner that awaits events is told, and resets" recovers await_events "$address"
	passes "so is one that uses vfio-ioctls" recovers rust_vmm "$address"
	passes "so is the command as an owner" own
	passes "watch says when records were lost" storm
	passes "so is the example of the documentation in Rust" recovers client "$address"
	passes "so is the example of the documentation in C" c_client
else
	skip "an owner that awaits events is told, and resets" "no injector for this kernel"
	skip "so is one that uses vfio-ioctls" "no injector for this kernel"
	skip "so is the command as an owner" "no injector for this kernel"
	skip "watch says when records were lost" "no injector for this kernel"
	skip "so is the example of the documentation in Rust" "no injector for this kernel"
	skip "so is the example of the documentation in C" "no injector for this kernel"
fi
exit "$failed"
