# SPDX-License-Identifier: GPL-2.0-only
"""Make the table of scenarios from test logs, for scripts/scenarios.

    scenarios.py --sources FOLDER --rust LOG [--c LOG] [--rough LOG] SCENARIOS >TABLE.rst

SCENARIOS is selftests/scenarios.txt, FOLDER has the sources of the tests, and a
LOG is that of a guest that ran them. A test that the list names and that no
source has is an error: the table never claims what is not there.
"""

import argparse
import glob
import os
import re
import sys

from rst import list_table

TESTS = re.compile(r"\w+_test:\w+(, \w+_test:\w+)*$")
SOURCE = re.compile(r"^TEST(?:_F|_F_TIMEOUT|_F_SIGNAL)?\(([^)]*)\)", re.M)
KERNEL = re.compile(r"\[ *\d+\.\d+\]")
RESULT = re.compile(r"(not )?ok \d+ (?:- )?(\S+)(.*)")
NO_REGION = re.compile(r"Expected 0 \(0\) != .*region\.size")

HEAD = """.. SPDX-License-Identifier: GPL-2.0-only

===================================
zPCI error recovery, case by case
===================================

Made by ``scripts/scenarios`` from ``selftests/scenarios.txt`` and from the logs of
test runs: not to be edited. A test counts in all its variants. "passes" is that all
of them did; "no region" is that the test needs the error region, which the C version
does not have. Storms, races and random calls are for the Rust version alone.

"""
COLUMNS = ("No.", "What happens", "Test, or why there is none", "Rust 7.3", "C 7.3")
WIDTHS = (5, 35, 40, 10, 10)
RUST_ONLY = ("storm_test:", "race_test:", "fuzz_test:")

ROUGH_HEAD = """
On a rougher platform
=====================

QEMU is a gentle platform. Here a plugin plays the firmware of a real machine beside it; the
testing page says what it can do. "fails" is a fault that is known, and listed in
``selftests/known_failures.txt``.

"""
ROUGH_COLUMNS = ("No.", "What the platform does", "Test", "Rust 7.3")
ROUGH_WIDTHS = (5, 40, 45, 10)


def scenarios(text):
    """[(number, text, tests, reason)], and the same of those with an R before the number"""
    found = {"": [], "R": []}
    for line in text.split("\n"):
        if not line or line.startswith("#"):
            continue
        number, what, where = (part.strip() for part in line.split("|"))
        tests = where.split(", ") if TESTS.match(where) else []
        kind = "R" if number.startswith("R") else ""
        found[kind].append((number, what, tests, "" if tests else where))
    for kind, listed in found.items():
        numbers = [number for number, *_ in listed]
        wanted = ["%s%d" % (kind, n) for n in range(1, len(numbers) + 1)]
        assert numbers == wanted, "the numbers have a gap"
    return found[""], found["R"]


def known_tests(folder):
    known = set()
    for path in glob.glob(os.path.join(folder, "*_test.c")):
        program = os.path.basename(path)[:-2]
        with open(path, encoding="utf-8") as source:
            for arguments in SOURCE.findall(source.read()):
                words = [word.strip() for word in arguments.split(",")]
                known.add("%s:%s" % (program, words[1] if len(words) > 1 else words[0]))
    return known


def results(lines):
    """{program:test: {outcome}} of a guest's log"""
    found, program, outcome = {}, None, None
    for text in lines:
        word = text.split()
        if KERNEL.match(text):
            continue
        if word[:2] == ["zpci-test:", "begin"]:
            program = word[2]
        elif word[:2] == ["zpci-test:", "end"]:
            program = None
        elif word[:2] == ["#", "RUN"]:
            outcome = "fails"
        elif NO_REGION.search(text):
            outcome = "no region"
        match = RESULT.match(text)
        if not (program and match):
            continue
        name = "%s:%s" % (program, match.group(2).rsplit(".", 1)[-1])
        if not match.group(1):
            outcome = "skipped" if "# SKIP" in match.group(3) else "passes"
        found.setdefault(name, set()).add(outcome)
        outcome = "fails"
    return found


def verdict(tests, found):
    """The worst of what the tests of a scenario did."""
    outcomes = set().union(*(found.get(test, {"not run"}) for test in tests)) if tests else set()
    for outcome in ("fails", "no region", "not run"):
        if outcome in outcomes:
            return outcome
    if "passes" in outcomes:
        return "passes"
    return "skipped" if outcomes else "-"


def c_verdict(tests, found):
    tests = [test for test in tests if not test.startswith(RUST_ONLY)]
    return verdict(tests, found) if found is not None else "not run" if tests else "-"


def table(listed, rust, c):
    rows = [COLUMNS]
    for number, what, tests, reason in listed:
        rows.append((
            number,
            what,
            ", ".join(test.replace(":", ": ") for test in tests) or reason,
            verdict(tests, rust),
            c_verdict(tests, c),
        ))
    return HEAD + list_table(rows, WIDTHS)


def rough_table(listed, found):
    rows = [ROUGH_COLUMNS]
    for number, what, tests, reason in listed:
        where = ", ".join(test.replace(":", ": ") for test in tests) or reason
        rows.append((number, what, where, verdict(tests, found)))
    return ROUGH_HEAD + list_table(rows, ROUGH_WIDTHS)


def self_test():
    text = "# no\n1 | one | a_test:x, b_test:y\nR1 | three | b_test:y\n2 | two | KVM: none here"
    listed, rough = scenarios(text)
    assert listed == [
        ("1", "one", ["a_test:x", "b_test:y"], ""),
        ("2", "two", [], "KVM: none here"),
    ], listed
    assert rough == [("R1", "three", ["b_test:y"], "")], rough
    log = (
        "zpci-test: begin a_test\n#  RUN  f.v.x\nok 1 f.v.x\n[    1.0] ok 9 f.v.x\n"
        "#  RUN  f.w.x\n# a:1:x:Expected 0 (0) != (owner)->region.size (0)\nnot ok 2 f.w.x\n"
        "zpci-test: end a_test 1\nzpci-test: begin b_test\nok 1 f.y # SKIP why\nnot ok 2 f.z\n"
        "zpci-test: end b_test 1"
    )
    found = results(log.split("\n"))
    assert found["a_test:x"] == {"passes", "no region"}, found
    assert verdict(["a_test:x"], found) == "no region"
    assert verdict(["b_test:y"], found) == "skipped"
    assert verdict(["b_test:z"], found) == "fails"
    assert verdict(["b_test:w"], found) == "not run"
    assert verdict([], found) == "-"
    assert c_verdict(["b_test:y", "fuzz_test:x"], found) == "skipped"
    assert "   * - 1\n     - one\n     - a_test: x, b_test: y\n     - no region\n" in table(listed, found, None)
    assert "   * - R1\n     - three\n     - b_test: y\n     - skipped\n" in rough_table(rough, found)
    assert SOURCE.findall("\nTEST_F(a, b)\nTEST(c)\n") == ["a, b", "c"]
    print("scenarios.py: self-test passed")


def read_lines(paths):
    for path in paths:
        with open(path, encoding="utf-8", errors="replace") as log:
            yield from log.read().split("\n")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    parser = argparse.ArgumentParser()
    parser.add_argument("--sources", required=True)
    parser.add_argument("--rust", action="append", required=True)
    parser.add_argument("--c", action="append")
    parser.add_argument("--rough", action="append", default=[])
    parser.add_argument("scenarios")
    args = parser.parse_args()
    with open(args.scenarios, encoding="utf-8") as text:
        listed, rough = scenarios(text.read())
    known = known_tests(args.sources)
    missing = [test for _, _, tests, _ in listed + rough for test in tests if test not in known]
    if missing:
        return "no such test: " + ", ".join(missing)
    c = results(read_lines(args.c)) if args.c else None
    sys.stdout.write(table(listed, results(read_lines(args.rust)), c))
    sys.stdout.write(rough_table(rough, results(read_lines(args.rough))))


if __name__ == "__main__":
    sys.exit(main())
