#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=dash disable=SC2317 # functions are called by their name
# Tests the package on Debian with systemd, from its installation to its removal, with
# real and injected errors. scripts/vm/tools-boot runs this in QEMU.

exec >/dev/console 2>&1
address=0001:00:00.0 other=0002:00:00.0 unit=zpci-recover-watch
docs=/usr/share/doc/zpci-recover
work=$(mktemp -d)
cd "$work" || exit 1
number=0 failed=0

# passes NAME COMMAND...: the command must succeed; its output is shown if it fails.
passes() {
	local name=$1
	shift
	number=$((number + 1))
	if "$@" >said 2>&1; then
		echo "ok $number $name"
	else
		failed=1
		echo "not ok $number $name"
		sed 's/^/# /' said
	fi
}

# shows COMMAND...: print the output, for the reader of the log.
shows() {
	echo "# \$ $*"
	"$@" 2>&1 | sed 's/^/#   /'
}

wait_for() { # COMMAND...: repeat until it succeeds
	local try=0
	until "$@"; do
		try=$((try + 1))
		[ "$try" -lt 150 ] || return 1
		sleep 0.2
	done
}

# says TEXT COMMAND...: the output of the command must contain the text.
says() {
	local text=$1
	shift
	"$@" >output 2>&1
	grep -F -- "$text" output || {
		echo "not there: $text"
		cat output
		return 1
	}
}

journal() { # PRIORITY TEXT: the unit must have logged the text with this priority
	wait_for says "$2" journalctl -q -o cat -u "$unit" -p "$1..$1"
}

# Checks that the unit repeats recorded events after a restart.
journal_again() {
	systemctl restart "$unit" &&
		wait_for says "PEC 0x4 transient" journalctl -q -o cat \
			"_SYSTEMD_INVOCATION_ID=$(systemctl show -P InvocationID "$unit")"
}

bind() { # ADDRESS DRIVER
	modprobe "$2"
	[ ! -e "/sys/bus/pci/devices/$1/driver" ] || echo "$1" >"/sys/bus/pci/devices/$1/driver/unbind"
	echo "$2" >"/sys/bus/pci/devices/$1/driver_override"
	echo "$1" >/sys/bus/pci/drivers_probe
}

# Its driver gives the function up.
udev_rule() {
	cp "$docs/examples/zpci-errors.rules" /etc/udev/rules.d/90-zpci-errors.rules &&
		udevadm control --reload || return 1
	bind "$other" zpci_test_driver
	echo 4 >/sys/module/zpci_test_driver/parameters/detected # PCI_ERS_RESULT_DISCONNECT
	echo 1 >"/sys/bus/pci/devices/$other/raise"
	wait_for says "function         $other" journalctl -q -o cat -t zpci -p err..err
}

metrics() {
	zpci-recover metrics --output zpci.prom &&
		says "zpci_recorded_errors{function=\"$address\",pec=\"0x4\",severity=\"transient\"} 1" cat zpci.prom &&
		says "zpci_recorded_errors{function=\"$address\",pec=\"0x3b\",severity=\"permanent\"} 1" cat zpci.prom &&
		says "zpci_resets_total{function=\"$address\"}" cat zpci.prom &&
		says "zpci_recovered_total{function=\"$address\"} 1" cat zpci.prom
}

gone() {
	dpkg --purge zpci-recover || return 1
	! systemctl is-active "$unit" || return 1
	! find /usr /etc -name '*zpci-recover*' | grep . || return 1
	! systemctl cat "$unit"
}

# The processor time that the unit takes while nothing happens.
idle() {
	local before after
	before=$(systemctl show -P CPUUsageNSec "$unit")
	sleep 10
	after=$(systemctl show -P CPUUsageNSec "$unit")
	echo "# in 10 s without an event the unit took $(((after - before) / 1000000)) ms of a processor"
}

uname -srm
sed -n 's/^PRETTY_NAME=/# /p' /etc/os-release
echo TAP version 13
echo 1..17
passes "the package is installed" dpkg --install /var/cache/zpci-recover_*.deb
passes "with manual pages" sh -c 'zcat /usr/share/man/man8/zpci-recover.8.gz | grep -F "EXIT STATUS"'
passes "and completions" grep -F zpci-recover /usr/share/bash-completion/completions/zpci-recover
passes "the unit is enabled and started" systemctl enable --now "$unit"
modprobe vfio_iommu_type1
bind "$address" vfio-pci
passes "an owner recovers from a real error" says RECOVERED zpci_recover_demo "$address"
passes "the unit has it in the journal, as an error" journal err "$address PEC 0x4 transient, address 0x100200000"
modprobe zpci_inject
passes "a permanent failure is injected" zpci-recover inject "$address" 0x3b
passes "the journal has it as critical" journal crit "$address PEC 0x3b permanent"
passes "a measurement event is injected" zpci-recover inject "$address" 0x2a
passes "the journal has it as information" journal info "$address PEC 0x2a measurement"
idle
shows systemctl status --no-pager --full "$unit"
shows journalctl -q -o json --output-fields=PRIORITY,MESSAGE -u "$unit" --no-pager
passes "started again, the unit says what the record has" journal_again
passes "watch --all prints the record" says "PEC 0x2a measurement" zpci-recover watch --all -n 3
passes "list counts the errors" says "PEC 0x2a at 20" zpci-recover list
passes "explain knows the kernel's log" says "DMA that the translation" sh -c 'journalctl -k | zpci-recover explain -'
passes "metrics are given" metrics
shows zpci-recover list
shows cat zpci.prom
passes "a failed recovery is logged by the rule for udev" udev_rule
shows journalctl -q -o cat -t zpci -p err --no-pager
passes "purged, nothing is left" gone
echo "zpci-guest: exit $failed"
