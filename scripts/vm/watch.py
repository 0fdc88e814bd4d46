# SPDX-License-Identifier: GPL-2.0-only
"""Run QEMU and watch the guest's console, for scripts/guest.

Copies the console to the terminal and into a log, sends "zpci-host:" lines to
QEMU, and exits with the status of the guest's command, or with 90 and more and
one line that says why if the guest itself failed. If the guest hangs, the log
ends with the place of each processor and the stacks of all tasks.
"""

import argparse
import bisect
import contextlib
import json
import os
import re
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time

COMPLAINT, PANIC, TIMEOUT, NO_MARKER, QMP, NO_START = 90, 91, 92, 93, 94, 95

# The guest has printk.time=1: each line of the kernel begins with a time.
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

# QEMU's line for a processor, and the bits of the mask for "waits" and "in user space".
PSW = re.compile(r"PSW=mask ([0-9a-f]+) addr ([0-9a-f]+)")
WAITS, USER = 1 << 49, 1 << 48

# Keys that are sent after the console's magic one (Ctrl-O): "l" shows the processors, "t"
# all tasks. A key is sent when the text of the one before has come; "h" only shows that
# the output of "t" has ended.
MAGIC = b"\x0f"
KEYS = ((b"l", "Show backtrace of all"), (b"t", "Showing busy workqueues"), (b"h", "HELP : "))

# Seconds to wait for a key's text: a kernel that hangs may not answer keys.
DEAF = 60


def complaint(text):
    """Returns the exit status for a line of the kernel that is a complaint, or 0."""
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
        self.stream.readline()  # QEMU's greeting
        self.run({"execute": "qmp_capabilities"})

    def run(self, command):
        """Sends a command, and returns the answer; events before it are skipped."""
        self.stream.write(json.dumps(command) + "\n")
        self.stream.flush()
        while True:
            answer = json.loads(self.stream.readline())
            if "return" in answer or "error" in answer:
                return answer


class Console:
    """QEMU's output, line by line."""

    def __init__(self, stream):
        self.stream = stream
        self.have = []
        self.rest = b""

    def lines(self, deadline):
        """Yields each line until QEMU ends; raises TimeoutError at the deadline."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.stream, selectors.EVENT_READ)
            while True:
                # If the reader stops here, the next one gets the remaining lines.
                while self.have:
                    yield self.have.pop(0).decode("utf-8", "replace")
                if not selector.select(max(0, deadline - time.monotonic())):
                    raise TimeoutError
                data = os.read(self.stream.fileno(), 65536)
                if not data:
                    break
                *self.have, self.rest = (self.rest + data.replace(b"\r", b"")).split(b"\n")
        if self.rest:
            yield self.rest.decode("utf-8", "replace")


def name_of(address, symbols, base):
    """Returns the function at an address; `symbols` are lines of System.map, for base 0."""
    names = [line.split() for line in symbols if " " in line]
    names = [(int(at, 16), name) for at, kind, name in names if kind in "tTwW" or name == "_end"]
    names.sort(key=lambda entry: entry[0])
    i = bisect.bisect_right([at for at, _ in names], address - base) - 1
    if i < 0 or names[i][1] == "_end":
        return "%#x" % address
    return "%s+%#x" % (names[i][1], address - base - names[i][0])


class Watch:
    def __init__(self, args):
        self.args = args
        self.log = open(args.log, "w", encoding="utf-8", errors="replace")
        self.status = None  # of the guest's command
        self.failure = None  # (exit status, reason) of the first failure
        self.last = ""  # the last line on the console
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

    def ask(self, command):
        """Sends QEMU a command and returns the answer."""
        if self.control is None:
            self.control = Control(self.args.qmp)
        return self.control.run(command)

    def ask_host(self, text):
        try:
            answer = self.ask(json.loads(text))
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

    def processors(self):
        """Returns a line for each processor, with its place in the code."""
        command = {"command-line": "info registers -a"}
        try:
            answer = self.ask({"execute": "human-monitor-command", "arguments": command})
        except (OSError, ValueError) as error:
            return ["QEMU does not answer either: %s" % error]
        symbols = []
        if self.args.symbols:
            with open(self.args.symbols, encoding="ascii") as file:
                symbols = file.readlines()
        lines = []
        for mask, at in PSW.findall(answer.get("return", "")):
            mask, at = int(mask, 16), int(at, 16)
            place = "in user space" if mask & USER else name_of(at, symbols, self.args.base)
            lines.append("processor %d %s: %s" % (len(lines), "waits" if mask & WAITS else "runs", place))
        return lines

    def where(self, qemu, console):
        """Logs the place of each processor of a guest that hangs, and the stacks of its tasks."""
        self.log.write("\n".join(["where it hangs:"] + self.processors()) + "\n")
        for key, said in KEYS:
            try:
                qemu.stdin.write(MAGIC + key)
                for line in console.lines(time.monotonic() + DEAF):
                    self.log.write(line + "\n")
                    if said in line:
                        break
            except (TimeoutError, BrokenPipeError):
                self.log.write("the kernel does not hear key %s\n" % key.decode())
                break

    def follow(self, qemu):
        console = Console(qemu.stdout)
        try:
            for line in console.lines(time.monotonic() + self.args.timeout):
                self.line(line)
        except TimeoutError:
            self.fail(TIMEOUT, "not done after %d s: see 'where it hangs' in the log" % self.args.timeout)
            self.where(qemu, console)
            qemu.kill()
        qemu.wait()

    def run(self):
        try:
            qemu = subprocess.Popen(
                self.args.command + ["-serial", "stdio"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
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


# A program that stands for a QEMU whose guest hangs: it prints an answer to each
# key.
HANGING = """
import sys
print("booted", flush=True)
while sys.stdin.buffer.read(1):
    key = sys.stdin.buffer.read(1).decode()
    print({"l": "sysrq: Show backtrace of all active CPUs\\nCPU0:", "t": "task:dd\\nShowing busy workqueues",
           "h": "dd: all that is said\\nsysrq: HELP : "}[key], flush=True)
"""


def answer_registers(server):
    """Plays QEMU's side of the control socket: answers the first command and one more."""
    with server.accept()[0] as peer, peer.makefile("rw") as stream:
        registers = "CPU#0\nPSW=mask 0704c00180000000 addr 000003ffe0001010 cc 00\n"
        registers += "CPU#1\nPSW=mask 0706c00180000000 addr 000003ffe0009000 cc 00\n"
        registers += "CPU#2\nPSW=mask 0705c00180000000 addr 000003ffe0001010 cc 00\n"
        for said in ({"QMP": {}}, {"return": {}}, {"return": registers}):
            stream.write(json.dumps(said) + "\n")
            stream.flush()
            stream.readline()


def test_hang():
    """Checks what the log of a guest that hangs ends with."""
    with tempfile.TemporaryDirectory() as work, socket.socket(socket.AF_UNIX) as server:
        at = {name: os.path.join(work, name) for name in ("qmp", "log", "symbols")}
        server.bind(at["qmp"])
        server.listen()
        threading.Thread(target=answer_registers, args=(server,), daemon=True).start()
        with open(at["symbols"], "w", encoding="ascii") as file:
            file.write("0000000000001000 T spin\n0000000000001800 d data\n0000000000002000 B _end\n")
        args = ["--timeout=0.2", "--quiet", "--qmp=" + at["qmp"], "--log=" + at["log"]]
        args += ["--symbols=" + at["symbols"], "--base=0x3FFE0000000", "--", sys.executable, "-c", HANGING]
        watch = Watch(parser().parse_args(args))
        with open(os.devnull, "w", encoding="utf-8") as nothing:
            with contextlib.redirect_stdout(nothing), contextlib.redirect_stderr(nothing):
                assert watch.run() == TIMEOUT
        watch.log.close()
        with open(at["log"], encoding="utf-8") as file:
            log = file.read()
    places = [
        log.find(text)
        for text in (
            "where it hangs:\nprocessor 0 runs: spin+0x10\nprocessor 1 waits: 0x3ffe0009000\n"
            "processor 2 runs: in user space\n",
            "Show backtrace of all active CPUs",
            "CPU0:",
            "task:dd",
            "all that is said",
            "guest failed: not done after 0 s",
        )
    ]
    assert -1 not in places and places == sorted(places), log


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
    test_hang()
    print("watch.py: self-test passed")


def parser():
    options = argparse.ArgumentParser()
    options.add_argument("--self-test", action="store_true")
    options.add_argument("--log")
    options.add_argument("--timeout", type=float, default=120)
    options.add_argument("--qmp")
    options.add_argument("--symbols")
    options.add_argument("--base", type=lambda text: int(text, 16))
    options.add_argument("--allow")
    options.add_argument("--quiet", action="store_true")
    options.add_argument("--interactive", action="store_true")
    options.add_argument("command", nargs="*")
    return options


def main():
    args = parser().parse_args()
    if args.self_test:
        return self_test()
    if args.interactive:
        return subprocess.call(args.command + ["-serial", "mon:stdio"])
    return Watch(args).run()


if __name__ == "__main__":
    sys.exit(main())
