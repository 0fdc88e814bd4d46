# SPDX-License-Identifier: GPL-2.0-only
"""Run QEMU and watch the guest's console, for scripts/guest.

Copies the console to the terminal and into a log, sends "zpci-host:" lines to
QEMU, and exits with the status of the guest's command, or with 90 and more and
one line that says why if the guest itself failed.
"""

import argparse
import json
import os
import re
import selectors
import socket
import subprocess
import sys
import time

COMPLAINT, PANIC, TIMEOUT, NO_MARKER, QMP, NO_START = 90, 91, 92, 93, 94, 95

# The guest has printk.time=1: every line of the kernel begins with a time.
KERNEL = re.compile(r"\[ *\d+\.\d+\](?:\[[^]]*\])? ?(.*)")
FATAL = re.compile(r"Kernel panic|Oops|kernel BUG at|Unable to handle kernel")
BAD = re.compile(
    r"\bBUG:|\bWARNING: |UBSAN: |KASAN: |KCSAN: |KFENCE: |refcount_t: "
    r"|\bpanicked at |INFO: (?:task .* blocked|possible|suspicious|trying to register)"
    r"|suspicious RCU usage|\brcu: .*(?:stall|self-detected)|rcu_\w+ detected .*stall"
    r"|(?:watchdog|soft lockup|hung_task): .*(?:stuck|blocked)"
    r"|kmemleak: \d+ new suspected|ODEBUG: |bad unlock balance|scheduling while atomic"
)
MARKER = re.compile(r"zpci-guest: exit (\d+)$")
HOST = re.compile(r"zpci-host: (\{.*)$")


def complaint(text):
    """The exit status that a line of the kernel stands for, or 0."""
    if FATAL.search(text):
        return PANIC
    return COMPLAINT if BAD.search(text) else 0


class Control:
    """QEMU's control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(path)
        self.stream = self.socket.makefile("rw")
        self.stream.readline()  # the greeting
        self.run({"execute": "qmp_capabilities"})

    def run(self, command):
        """Send a command; the answer, without the events before it."""
        self.stream.write(json.dumps(command) + "\n")
        self.stream.flush()
        while True:
            answer = json.loads(self.stream.readline())
            if "return" in answer or "error" in answer:
                return answer


class Watch:
    def __init__(self, args):
        self.args = args
        self.log = open(args.log, "w", encoding="utf-8", errors="replace")
        self.status = None  # of the guest's command
        self.failure = None  # (exit status, reason), the first one
        self.last = ""  # line on the console
        self.control = None

    def show(self, line):
        self.last = line
        self.log.write(line + "\n")
        self.log.flush()
        if not (self.args.quiet and KERNEL.match(line)):
            print(line, flush=True)

    def fail(self, code, reason):
        if self.failure is None or (code == PANIC and self.failure[0] == COMPLAINT):
            self.failure = (code, reason)

    def ask_host(self, text):
        try:
            if self.control is None:
                self.control = Control(self.args.qmp)
            answer = self.control.run(json.loads(text))
        except (OSError, ValueError) as error:
            answer = {"error": {"desc": str(error)}}
        self.show("host: " + json.dumps(answer))
        if "error" in answer:
            self.fail(QMP, "QEMU refused %s: %s" % (text, answer["error"].get("desc")))

    def line(self, line):
        kernel = KERNEL.match(line)
        marker = MARKER.search(line)
        host = HOST.search(line)
        if marker:
            self.status = int(marker.group(1))
            self.log.write(line + "\n")
            return
        self.show(line)
        if kernel:
            text = kernel.group(1)
            code = complaint(text)
            if code and not (self.args.allow and re.search(self.args.allow, text)):
                self.fail(code, text)
        elif host:
            self.ask_host(host.group(1))

    def follow(self, qemu):
        deadline = time.monotonic() + self.args.timeout
        rest = b""
        with selectors.DefaultSelector() as selector:
            selector.register(qemu.stdout, selectors.EVENT_READ)
            while True:
                if not selector.select(max(0, deadline - time.monotonic())):
                    qemu.kill()
                    self.fail(TIMEOUT, "not done after %d s" % self.args.timeout)
                    break
                data = os.read(qemu.stdout.fileno(), 65536)
                if not data:
                    break
                *lines, rest = (rest + data.replace(b"\r", b"")).split(b"\n")
                for line in lines:
                    self.line(line.decode("utf-8", "replace"))
        if rest:
            self.line(rest.decode("utf-8", "replace"))
        qemu.wait()

    def run(self):
        try:
            qemu = subprocess.Popen(
                self.args.command + ["-serial", "stdio"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            self.fail(NO_START, str(error))
        else:
            try:
                self.follow(qemu)
            finally:
                qemu.kill()
            if qemu.returncode > 0:
                self.fail(NO_START, "QEMU ended with status %d: %s" % (qemu.returncode, self.last))
            if self.status is None:
                self.fail(NO_MARKER, "it ended without saying how the command did")
        if self.failure:
            code, reason = self.failure
            self.log.write("guest failed: %s\n" % reason)
            print("guest failed: %s (the whole log is %s)" % (reason, self.args.log), file=sys.stderr)
            return code
        return self.status


def self_test():
    bad = [
        "WARNING: CPU: 0 PID: 1 at kernel/x.c:1 f+0x1/0x2",
        "WARNING: possible circular locking dependency detected",
        "WARNING: suspicious RCU usage",
        "BUG: KASAN: slab-out-of-bounds in f",
        "BUG: sleeping function called from invalid context at x.c:1",
        "UBSAN: array-index-out-of-bounds in x.c:1:2",
        "kmemleak: 1 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
        "rcu: INFO: rcu_sched self-detected stall on CPU",
        "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
        "INFO: task kmcheck:12 blocked for more than 122 seconds.",
        "rust_kernel: panicked at drivers/x.rs:1:2:",
        "refcount_t: underflow; use-after-free.",
    ]
    fatal = ["Oops: 0010 ilc:2 [#1]SMP", "Kernel panic - not syncing: Fatal exception"]
    good = [
        "kasan: KernelAddressSanitizer initialized",
        "kmemleak: Kernel memory leak detector initialized (mem pool available: 15)",
        "rcu: Hierarchical RCU implementation.",
        "zpci: Reporting PCI status failed with code -95",
        "vfio-pci 0001:00:00.0: enabling device (0000 -> 0002)",
    ]
    for want, texts in ((COMPLAINT, bad), (PANIC, fatal), (0, good)):
        for text in texts:
            assert complaint(KERNEL.match("[    1.000000] " + text).group(1)) == want, text
    assert KERNEL.match("[    0.1][    T1] x").group(1) == "x"
    assert not KERNEL.match("ok 1 WARNING: not the kernel")
    assert MARKER.search("zpci-guest: exit 17").group(1) == "17"
    print("watch.py: self-test passed")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--log")
    parser.add_argument("--timeout", type=float, default=120)
    parser.add_argument("--qmp")
    parser.add_argument("--allow")
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("--interactive", action="store_true")
    parser.add_argument("command", nargs="*")
    args = parser.parse_args()
    if args.self_test:
        return self_test()
    if args.interactive:
        return subprocess.call(args.command + ["-serial", "mon:stdio"])
    return Watch(args).run()


if __name__ == "__main__":
    sys.exit(main())
