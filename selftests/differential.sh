#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# Runs in the guest: injects events into a function with the driver
# zpci_test_driver, and prints the effects of each event: callbacks, messages,
# uevents, and the state afterwards. scripts/report/differential compares the output
# of two kernels.

pdev=0001:00:00.0
device=/sys/bus/pci/devices/$pdev
driver=/sys/module/zpci_test_driver/parameters
inject=/sys/kernel/debug/zpci_inject
uevents=/tmp/uevents

# The words for the numbers of enum pci_ers_result.
answers='0:absent 1:NONE 2:CAN_RECOVER 3:NEED_RESET 4:DISCONNECT 5:RECOVERED'

# The kernel starts a process for each uevent; all these processes write to this file.
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

# Waits until all messages about an event are there: until a marker of ours follows
# in the log, after a pause without other messages.
settle() {
	local now last=

	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		usleep 25000
		now=$(dmesg | wc -l)$(wc -c <$uevents)
		[ "$now" != "$last" ] || break
		last=$now
	done
}

# show NAME COMMAND...: runs a command and prints its effects.
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

# answer DETECTED MMIO SLOT RESUME TABLE: sets the answers of the driver.
answer() {
	echo "$1" >$driver/detected
	echo "$2" >$driver/mmio
	echo "$3" >$driver/slot
	echo "$4" >$driver/resume
	echo "$5" >$driver/table
	# Makes sure that the function works before the next case.
	echo 1 >$device/state
}

chmod 755 /tmp/helper
: >$uevents
modprobe zpci_inject && modprobe zpci_test_driver || exit 1
echo /tmp/helper >/sys/kernel/uevent_helper
echo zpci_test_driver >$device/driver_override
echo $pdev >/sys/bus/pci/drivers_probe
[ -e $device/state ] || exit 1

# The kernel limits messages, so there is a pause after each case. The emulator's
# clock counts instructions, so a pause takes no real time.
pause() { sleep 6; }

# case NAME ANSWERS EVENT...: prints the effects of the events, to which the driver gives
# these answers.
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

# Each combination of answers to a real error. If the function is not in error, the
# platform refuses to unblock it, and mmio_enabled is not called.
for d in $answers; do
	for s in $answers; do
		for m in $answers; do
			try "real ${d#*:} ${m#*:} ${s#*:}" "${d%:*} ${m%:*} ${s%:*} 1 1" raise
		done
		try "told ${d#*:} ${s#*:}" "${d%:*} 5 ${s%:*} 1 1" event 0x3a
	done
done
# Number 6 is PCI_ERS_RESULT_NO_AER_DRIVER, which no driver gives as an answer.
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

# All event codes with a meaning, and some without one.
i=0
while [ $i -lt 256 ]; do
	try "$(printf 'code 0x%04x' $i)" "3 5 5 1 1" event $i
	i=$((i + 1))
done
for code in 0x100 0x12a 0x13b 0x140 0x1ff 0x301 0x304 0x7fff 0x8000 0xfffe 0xffff; do
	try "code $code" "3 5 5 1 1" event $code
done

# Handles that are not the function's, and several events in a row.
now=$(($(cat $device/function_handle)))
for handle in 0 0xffffffff $((now ^ 1)) $((now ^ 0x80000000)); do
	try "handle $((handle == 0 || handle == 0xffffffff ? handle : handle ^ now))" \
		"3 5 5 1 1" event 0x3a "$handle"
done
lost_then() { event 0x3b && event "$1"; }
try "lost, then an error" "3 5 5 1 1" lost_then 0x3a
try "lost, then lost" "3 5 5 1 1" lost_then 0x3b
try "lost, then measurement" "3 5 5 1 1" lost_then 0x2a

# The function has no driver.
echo 1 >$device/state
echo $pdev >/sys/bus/pci/drivers/zpci_test_driver/unbind
show "no driver" event 0x3a
pause
show "no driver, lost" event 0x3b
pause
echo "differential: end"
