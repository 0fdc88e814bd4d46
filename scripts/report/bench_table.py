# SPDX-License-Identifier: GPL-2.0-only
"""Turn what the boots of scripts/report/bench printed into a table and JSON.

All costs are instructions of the guest, without the cost of reading the clock.
A measure is the median of its series, and the least of several boots.

Elapsed time is taken with the same clock: an instruction takes a nanosecond,
and a task that sleeps is woken at its time.

Now and then the kernel does other work during an error. So the figure of the
64th error is the least of the last eight, which do not grow in either kernel.
"""

import argparse
import glob
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

from rst import list_table

MARGIN = 1.02
# Figures repeat to within this factor, so a goal is not missed by less.
NOISE = 1.005
TOOLS = "s390x-linux-gnu-"
FOR_OUR_CODE = re.compile(r"\bkernel(?:\[\w+\])?::(?:zpci|vfio)\b|rust_helper_zpci_|rust_helper_to_zpci")

# Name and title of each measure, in the order of the table.
MEASURES = [
    ("floor", "a thread wakes another by eventfd (the floor)"),
    ("event.1", "error to woken owner, 1st error"),
    ("event.8", "error to woken owner, 8th error"),
    ("event.64", "error to woken owner, 64th error"),
    ("many.1", "1 of 64 functions in error, owner woken"),
    ("many.16", "16 functions in error at once, last owner woken"),
    ("many.64", "64 functions in error at once, last owner woken"),
    ("take.feature", "taking an event by the feature"),
    ("take.feature.empty", "the same, nothing pending"),
    ("take.region", "taking an event by the region"),
    ("take.region.empty", "the same, nothing pending"),
    ("poll.page", "looking for an error on the mapped page"),
    ("poll.eventfd", "the same, by reading an eventfd"),
    ("reset.error", "VFIO_DEVICE_RESET of a function in error"),
    ("reset.healthy", "VFIO_DEVICE_RESET of a healthy function"),
    ("elapsed.reset", "time passed: VFIO_DEVICE_RESET of a function in error"),
    ("elapsed.recovery", "time passed: error to a controller that is enabled again"),
    ("msix.on", "setting up two MSI-X vectors"),
    ("msix.off", "taking them down"),
    ("open", "opening a function"),
    ("close", "closing a function"),
    ("idle.bytes", "bytes per function (struct zpci_dev)"),
    ("open.bytes", "more bytes per open function (all slabs)"),
    ("size.text", "text of the objects that replace each other"),
    ("size.data", "data of them"),
    ("size.bss", "bss of them"),
]
TITLES = dict(MEASURES)
# The clock that each measure was taken with. Other measures are not times.
CLOCKS = {
    "clock.monotonic": ("floor", "event", "many"),
    "clock.cpu": ("take", "poll.eventfd", "reset", "msix", "open", "close"),
}
OBJECTS = {
    "rust": ["arch/s390/pci/rust/airq.o", "arch/s390/pci/rust/pci_event.o", "arch/s390/pci/pci_rust.o",
             "drivers/vfio/pci/zdev/vfio_pci_zdev.o", "drivers/vfio/pci/vfio_pci_zdev.o"],
    "c": ["arch/s390/pci/pci_event.o", "drivers/vfio/pci/vfio_pci_zdev.o"],
}


class Boot:
    """The figures that one boot has printed."""

    def __init__(self, path):
        self.series, self.none, self.reason = {}, {}, None
        done = False
        with open(path, encoding="utf-8", errors="replace") as log:
            for line in log:
                words = line.split()
                if line.startswith("bench: "):
                    self.series[words[1]] = [int(word) for word in words[2:]]
                elif line.startswith("bench-none: "):
                    self.none[words[1]] = " ".join(words[2:])
                elif line.startswith("bench-done"):
                    done = True
                elif line.startswith(("guest failed: ", "qemu-system-s390x: ")):
                    self.reason = self.reason or line.split(": ", 1)[1].strip()
        if not done:
            self.reason = self.none.pop("all", None) or self.reason or "the boot ended too early"

    def corrected(self, costs):
        """Yields the series without the cost of reading the clock."""
        for name, values in self.series.items():
            for clock, kinds in CLOCKS.items():
                if name in kinds or name.split(".")[0] in kinds:
                    values = [value - costs[clock] for value in values]
            if not name.startswith("clock."):
                yield name, values


class Kernel:
    """All figures of one kernel."""

    def __init__(self, impl, folder, logs):
        self.impl, self.folder = impl, folder
        self.figures, self.none, self.events, self.raw = {}, {}, [], []
        for kind in ("one", "many"):
            self.read(kind, sorted(glob.glob(os.path.join(logs, f"bench-{impl}-{kind}-*.log"))))
        self.guard("idle.bytes", self.idle_bytes)
        self.guard("size.text", self.sizes)

    def read(self, kind, paths):
        boots = [Boot(path) for path in paths]
        self.raw += [boot.series for boot in boots]
        for boot in boots:
            self.none.update(boot.none)
            if boot.reason:
                self.none[kind] = boot.reason
        costs = {}
        for clock in CLOCKS:
            looks = [boot.series[clock] for boot in boots if clock in boot.series]
            costs[clock] = min(map(statistics.median, looks), default=0)
        series = {}
        for boot in boots:
            for name, values in boot.corrected(costs):
                series.setdefault(name, []).append(values)
        for name, runs in series.items():
            if name == "event":
                self.events = [min(values) for values in zip(*runs)]
                for number, of in ((1, 1), (8, 1), (64, 8)):
                    if number <= len(self.events):
                        self.figures[f"event.{number}"] = min(self.events[number - of : number])
            elif name.startswith("slab.open."):
                # The last series overwrites earlier ones: it opens the most functions,
                # and has the least noise.
                self.figures["open.bytes"] = min(values[0] for values in runs)
            else:
                self.figures[name] = min(statistics.median(values) for values in runs)

    def guard(self, name, measure):
        try:
            measure()
        except (OSError, ValueError, LookupError, subprocess.SubprocessError) as error:
            self.none[name] = str(error)

    def tool(self, name, *args):
        return subprocess.run(
            [TOOLS + name, *args], check=True, capture_output=True, text=True
        ).stdout

    def object(self, path):
        path = os.path.join(self.folder, path)
        if not os.path.exists(path):
            raise ValueError(f"there is no {os.path.basename(path)}")
        return path

    def idle_bytes(self):
        """The size that zpci_create_device() allocates: the third argument of its kmalloc."""
        code = self.tool(
            "objdump", "-dr", "--no-show-raw-insn", "--disassemble=zpci_create_device",
            self.object("arch/s390/pci/pci.o"),
        )
        length = None
        for line in code.splitlines():
            found = re.search(r"\bl[gh]+i\s+%r4,(\d+)", line)
            if found:
                length = int(found.group(1))
            if "__kmalloc_cache_noprof" in line and length:
                self.figures["idle.bytes"] = length
                return
        raise ValueError("the allocation is not where it was")

    def size_of(self, path):
        text, data, bss = self.tool("size", self.object(path)).splitlines()[1].split()[:3]
        return [int(text), int(data), int(bss)]

    def symbols(self, path):
        """Text, data and bss of our symbols in an object that has others, too."""
        total = [0, 0, 0]
        for line in self.tool("nm", "-C", "-S", self.object(path)).splitlines():
            fields = line.split(None, 3)
            if len(fields) == 4 and FOR_OUR_CODE.search(fields[3]) and len(fields[2]) == 1:
                kind = "trdb".find(fields[2].lower())
                if kind >= 0:
                    total[max(0, kind - 1)] += int(fields[1], 16)
        return total

    def sizes(self):
        self.parts = {path: self.size_of(path) for path in OBJECTS[self.impl]}
        # In Rust this is a separate object; in C it is a part of pci_irq.o.
        self.airq = self.size_of("arch/s390/pci/pci_irq.o")
        if self.impl == "rust":
            for path in ("rust/kernel.o", "rust/helpers/helpers.o"):
                self.parts[path] = self.symbols(path)


class Recorded:
    """Figures of a kernel that an earlier run has recorded as lines NAME VALUE."""

    def __init__(self, impl, path):
        self.impl, self.none, self.events, self.raw = impl, {}, [], []
        with open(path, encoding="utf-8") as lines:
            words = [line.split() for line in lines if not line.startswith("#")]
        self.figures = {name: float(value) for name, value in words}

    @staticmethod
    def text(kernel):
        lines = [f"{name}\t{value:.12g}" for name, value in kernel.figures.items()]
        return (
            "# SPDX-License-Identifier: GPL-2.0-only\n"
            "# Figures of the C kernel, with which `scripts/report/bench recorded` compares. Written by\n"
            "# `scripts/report/bench docs`, not to be edited.\n" + "\n".join(lines) + "\n"
        )


def total_sizes(rust, c):
    if hasattr(rust, "airq") and hasattr(c, "airq"):
        c.parts["arch/s390/pci/pci_irq.o"] = [a - b for a, b in zip(c.airq, rust.airq)]
    for kernel in (rust, c):
        if not hasattr(kernel, "airq"):
            continue
        for at, name in enumerate(("text", "data", "bss")):
            kernel.figures[f"size.{name}"] = sum(part[at] for part in kernel.parts.values())


class Goal:
    def __init__(self, line, rust, c):
        self.measure, self.against, limit, *held = line.split()
        self.limit = float(limit)
        self.held = float(held[0]) if held else self.limit
        self.ratio = None
        if self.against == "c":
            base = c.figures.get(self.measure)
        elif self.against.isdigit():
            base = int(self.against)
        else:
            base = rust.figures.get(self.against)
        value = rust.figures.get(self.measure)
        if value is not None and base:
            self.ratio = value / base

    @property
    def verdict(self):
        if self.ratio is None:
            return "not measured"
        return "met" if self.ratio <= self.limit * NOISE else "MISSED"

    @property
    def fails(self):
        return self.ratio is None or self.ratio > self.held * MARGIN

    def text(self):
        if self.against == "c":
            return f"{self.limit:.2f}"
        if self.measure.startswith("elapsed."):
            return figure(self.measure, self.limit * int(self.against))
        return f"{self.limit:.2f} of {self.against} ({self.ratio or 0:.2f})"


def read_goals(path, rust, c):
    with open(path, encoding="utf-8") as goals:
        lines = [line.split("#")[0].strip() for line in goals]
    return [Goal(line, rust, c) for line in lines if line]


def number(value):
    return "-" if value is None else f"{value:,.0f}"


def figure(name, value):
    if value is not None and name.startswith("elapsed."):
        return f"{value / 1e6:.2f} ms"
    return number(value)


def table_rows(rust, c, goals):
    goals = {goal.measure: goal for goal in goals}
    rows = [("guest instructions, time, or bytes", "Rust", "C", "ratio", "goal", "")]
    for name, title in MEASURES:
        ours, theirs = rust.figures.get(name), c.figures.get(name)
        if ours is None and theirs is None and not any(name in k.none for k in (rust, c)):
            if name not in goals:
                continue
        ratio = f"{ours / theirs:.3f}" if ours is not None and theirs else ""
        goal = goals.get(name)
        rows.append((
            title, figure(name, ours), figure(name, theirs), ratio,
            goal.text() if goal else "", goal.verdict if goal else "",
        ))
    return rows


def table(rust, c, goals):
    rows = table_rows(rust, c, goals)
    widths = [max(len(row[i]) for row in rows) for i in range(6)]
    for at, row in enumerate(rows):
        cells = [row[0].ljust(widths[0])]
        cells += [row[i].rjust(widths[i]) for i in (1, 2, 3)]
        cells += [row[4].ljust(widths[4]), row[5]]
        print("  ".join(cells).rstrip())
        if not at:
            print("-" * (sum(widths) + 10))
    for kernel, label in ((rust, "Rust"), (c, "C")):
        for name, reason in sorted(kernel.none.items()):
            print(f"not measured, {label}: {TITLES.get(name, name)}: {reason}")


PAGE = """.. SPDX-License-Identifier: GPL-2.0-only

==========================================
zPCI error recovery: what it costs
==========================================

Made by ``scripts/report/bench docs``: not to be edited. Both versions, Linux 7.3 in the same
configuration, in one run. How it is measured, and why goals are missed, is in
Documentation/arch/s390/zpci-recovery-performance.rst.

"""


def page(rust, c, goals):
    return PAGE + list_table(table_rows(rust, c, goals))


def record(rust, c, goals):
    return {
        "unit": "guest instructions; nanoseconds for elapsed; bytes for idle, open.bytes and size",
        **{
            kernel.impl: {
                "figures": kernel.figures,
                "not measured": kernel.none,
                "events": kernel.events,
                "sizes": getattr(kernel, "parts", {}),
                "boots": kernel.raw,
            }
            for kernel in (rust, c)
        },
        "goals": [
            {
                "measure": goal.measure, "against": goal.against, "limit": goal.limit,
                "ratio": goal.ratio, "verdict": goal.verdict,
            }
            for goal in goals
        ],
    }


def self_test():
    """Makes the table of two kernels with few figures and no object files."""
    with tempfile.TemporaryDirectory() as folder:
        logs = {
            "rust-one-1": "bench: clock.cpu 9 5 5\nbench: take.feature 25 26 25\n"
            "bench: event 20 21 22\nbench: elapsed.reset 4200000\nbench-done\n",
            "c-one-1": "bench: take.feature 40 41\nbench: event 100 200 300\nbench-done\n",
            "c-one-2": "bench: event 90 210 300\nbench-done\n",
            "c-many-1": "guest failed: not done after 9 s\n",
        }
        for name, text in logs.items():
            with open(os.path.join(folder, f"bench-{name}.log"), "w", encoding="utf-8") as log:
                log.write(text)
        rust, c = (Kernel(impl, folder, folder) for impl in ("rust", "c"))
        total_sizes(rust, c)
        record_file = os.path.join(folder, "c")
        with open(record_file, "w", encoding="utf-8") as out:
            out.write(Recorded.text(c))
        assert Recorded("c", record_file).figures == c.figures
    assert rust.figures["take.feature"] == 20 and c.figures["take.feature"] == 40.5
    assert c.events == [90, 200, 300] and c.figures["event.1"] == 90
    assert c.none["many"] == "not done after 9 s" and "size.text" in rust.none
    goals = [
        Goal(line, rust, c)
        for line in ("event.1 c 0.25", "event.1 c 0.219", "event.1 c 0.2",
                     "event.1 c 0.2 0.22", "take.feature event.1 1.00", "many.64 c 0.25")
    ]
    assert [g.verdict for g in goals] == ["met", *["MISSED"] * 3, "met", "not measured"]
    assert [g.fails for g in goals] == [False, False, True, False, False, True]
    assert "\n   * - taking an event by the feature\n     - 20\n" in page(rust, c, goals)
    print("bench_table.py: self-test passed")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    for name in ("logs", "goals", "rust", "c", "json", "rst"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--recorded", action="store_true", help="--c is a file of figures")
    parser.add_argument("--record", help="the file for those of the C kernel")
    args = parser.parse_args()
    rust = Kernel("rust", args.rust, args.logs)
    c = Recorded("c", args.c) if args.recorded else Kernel("c", args.c, args.logs)
    total_sizes(rust, c)
    goals = read_goals(args.goals, rust, c)
    table(rust, c, goals)
    with open(args.json, "w", encoding="utf-8") as out:
        json.dump(record(rust, c, goals), out, indent=1)
        out.write("\n")
    with open(args.rst, "w", encoding="utf-8") as out:
        out.write(page(rust, c, goals))
    if args.record:
        with open(args.record, "w", encoding="utf-8") as out:
            out.write(Recorded.text(c))
    print(f"\nAll figures: {os.path.relpath(args.json)}")
    failing = [goal.measure for goal in goals if goal.fails]
    if failing:
        print("Worse than it has to be by more than 2%, or not measured:", ", ".join(failing))
    return 1 if args.check and failing else 0


if __name__ == "__main__":
    sys.exit(main())
