#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# Runs in the guest: injects events into a function that zpci_test_driver has,
# and prints what became of each: callbacks, messages, uevents, and the state
# afterwards. scripts/report/differential compares what two kernels print.

pdev=0001:00:00.0
device=/sys/bus/pci/devices/$pdev
driver=/sys/module/zpci_test_driver/parameters
inject=/sys/kernel/debug/zpci_inject
uevents=/tmp/uevents

# Numbers of enum pci_ers_result, with the words of the kernel's source.
answers='0:absent 1:NONE 2:CAN_RECOVER 3:NEED_RESET 4:DISCONNECT 5:RECOVERED'

# A process for each uevent: it must write to a file that is always the same.
cat >/tmp/helper <<-'END'
	#!/bin/busybox sh
	[ -n "$ERROR_EVENT" ] || exit 0
	echo "uevent $ACTION ${DEVPATH##*/} $ERROR_EVENT online=$DEVICE_ONLINE" >>/tmp/uevents
END

byte() { printf '\\x%02x' "$(($1 & 255))"; }
word() { byte $(($1 >> 8)) && byte "$1"; }
long() { word $(($1 >> 16)) && word "$1"; }

# event PEC [HANDLE]: injects an error event of the function.
event() {
	local none='\x00\x00\x00\x00' handle function

	handle=$(long "${2:-$(cat $device/function_handle)}")
	function=$(long "$(cat $device/function_id)")
	# shellcheck disable=SC2059 # the format is the event
	printf "$none$handle$function$none$none$none$none$(word 0)$(word "$1")" >$inject/error
}

# Waits until everything about an event has been said: a line of ours that comes
# back from the log, after a while in which nothing else has.
settle() {
	local now last=

	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		usleep 25000
		now=$(dmesg | wc -l)$(wc -c <$uevents)
		[ "$now" != "$last" ] || break
		last=$now
	done
}

# show NAME COMMAND...: what a command leads to.
show() {
	echo "case $1"
	shift
	: >$uevents
	dmesg -c >/dev/null
	"$@"
	settle
	dmesg -c | sed -nE 's/^\[[^]]*\](\[[^]]*\])? //
		/suppressed|crw_info/d
		/zpci|test:/s/^/  /p'
	sed 's/^/  /' $uevents
	echo "  state $(cat $device/state 2>/dev/null)"
}

# answer DETECTED MMIO SLOT RESUME TABLE: what the driver says from now on.
answer() {
	echo "$1" >$driver/detected
	echo "$2" >$driver/mmio
	echo "$3" >$driver/slot
	echo "$4" >$driver/resume
	echo "$5" >$driver/table
	# The function is in order again, whatever was before.
	echo 1 >$device/state
}

chmod 755 /tmp/helper
: >$uevents
modprobe zpci_inject && modprobe zpci_test_driver || exit 1
echo /tmp/helper >/sys/kernel/uevent_helper
echo zpci_test_driver >$device/driver_override
echo $pdev >/sys/bus/pci/drivers_probe
[ -e $device/state ] || exit 1

# Messages are limited all together, so there is a pause after every case. The
# emulator counts instructions instead of time: pauses cost nothing.
pause() { sleep 6; }

# case NAME ANSWERS EVENT...: what an event leads to when the driver answers so.
try() {
	local name=$1

	# shellcheck disable=SC2086 # numbers
	answer $2
	shift 2
	show "$name" "$@"
	pause
}

raise() { echo 1 >$device/raise; }

echo "differential: begin"
dmesg -n 1

# Every combination of answers to a real error. Where the function is not in
# error, unblocking it fails, and mmio_enabled is not called.
for d in $answers; do
	for s in $answers; do
		for m in $answers; do
			try "real ${d#*:} ${m#*:} ${s#*:}" "${d%:*} ${m%:*} ${s%:*} 1 1" raise
		done
		try "told ${d#*:} ${s#*:}" "${d%:*} 5 ${s%:*} 1 1" event 0x3a
	done
done
# Number 6 is an answer that the kernel's own recovery never gives.
for name in detected mmio slot; do
	case $name in
	detected) n="6 5 5" ;;
	mmio) n="2 6 5" ;;
	slot) n="3 5 6" ;;
	esac
	try "real NO_AER_DRIVER $name" "$n 1 1" raise
done
try "real no resume" "2 5 5 0 1" raise
try "real no table" "2 5 5 1 0" raise
try "told no table" "2 5 5 1 0" event 0x3a

# Every code, and some that nobody uses.
i=0
while [ $i -lt 256 ]; do
	try "$(printf 'code 0x%04x' $i)" "3 5 5 1 1" event $i
	i=$((i + 1))
done
for code in 0x100 0x12a 0x13b 0x140 0x1ff 0x301 0x304 0x7fff 0x8000 0xfffe 0xffff; do
	try "code $code" "3 5 5 1 1" event $code
done

# Handles that are not the function's, and events one after the other.
now=$(($(cat $device/function_handle)))
for handle in 0 0xffffffff $((now ^ 1)) $((now ^ 0x80000000)); do
	try "handle $((handle == 0 || handle == 0xffffffff ? handle : handle ^ now))" \
		"3 5 5 1 1" event 0x3a "$handle"
done
lost_then() { event 0x3b && event "$1"; }
try "lost, then an error" "3 5 5 1 1" lost_then 0x3a
try "lost, then lost" "3 5 5 1 1" lost_then 0x3b
try "lost, then measurement" "3 5 5 1 1" lost_then 0x2a

# Nobody has the function.
echo 1 >$device/state
echo $pdev >/sys/bus/pci/drivers/zpci_test_driver/unbind
show "no driver" event 0x3a
pause
show "no driver, lost" event 0x3b
pause
echo "differential: end"
