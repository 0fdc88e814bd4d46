# SPDX-License-Identifier: GPL-2.0-only
"""Make the table of scenarios from test logs, for scripts/report/scenarios.

    scenarios.py --sources FOLDER --rust LOG [--c LOG --causes CAUSES] [--rough LOG]
        SCENARIOS >TABLE.rst

SCENARIOS is selftests/scenarios.txt, CAUSES is selftests/scenarios-c.txt, FOLDER
has the sources of the tests, and a LOG is that of a guest that ran them. A test
that the list names and that no source has is an error: the table never claims
what is not there. So is a failure of the C version without a cause in words.
"""

import argparse
import glob
import os
import re
import sys

from kunit_parser import TestStatus
from ktap import leaves, programs, short
from rst import list_table

TESTS = re.compile(r"\w+_test:\w+(, \w+_test:\w+)*$")
SOURCE = re.compile(r"^TEST(?:_F|_F_TIMEOUT|_F_SIGNAL)?\(([^)]*)\)", re.M)
NO_REGION = re.compile(r"Expected 0 \(0\) (?:!= .*region\.size|== error_region_find\()")

HEAD = """.. SPDX-License-Identifier: GPL-2.0-only

===================================
zPCI error recovery, case by case
===================================

Made by ``scripts/report/scenarios`` from ``selftests/scenarios.txt``, from
``selftests/scenarios-c.txt``, and from the logs of test runs on Linux 7.3: not to be
edited. A test counts in each of its variants, such as group and iommufd.

On the C version the tests follow its rules: a reset is asked for again after ``EAGAIN``
and ``EIO``, Command is written and DMA mappings are renewed after it, and an owner that
cannot open the function after an error tries again. Variants that need an interface which
only the Rust version has, such as the error region, do not count. Behind a number of
failures stands their cause, found by hand; "passes" with words behind it has a condition.
The C version has the fixes of code that both versions share (hooks 00 to 20), which Linux
7.3 does not have.
Storms, races and random calls are for the Rust version alone.

"""
COLUMNS = ("No.", "What happens", "Test, or why there is none", "Rust", "C")
WIDTHS = (5, 30, 35, 10, 20)
RUST_ONLY = ("storm_test:", "race_test:", "fuzz_test:")

ROUGH_HEAD = """
On a rougher platform
=====================

QEMU is a gentle platform. Here a plugin plays the firmware of a real machine beside it; the
testing page says what it can do. "fails" is a fault that is known, and listed in
``selftests/known_failures.txt``.

"""
ROUGH_COLUMNS = ("No.", "What the platform does", "Test", "Rust")
ROUGH_WIDTHS = (5, 40, 45, 10)


def scenarios(text):
    """Returns [(number, text, tests, reason)], and the same for numbers after an R."""
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


def results(logs):
    """Returns the outcomes in guests' logs: {program:test: {variant: outcome}}."""
    found = {}
    for log in logs:
        for program in programs(log.split("\n")):
            for test in leaves(program):
                if test.ok_status():
                    outcome = "skipped" if test.status == TestStatus.SKIPPED else "passes"
                else:
                    outcome = "no region" if any(map(NO_REGION.search, test.log)) else "fails"
                variant, _, name = test.name.rpartition(".")
                found.setdefault("%s:%s" % (short(program), name), {})[variant] = outcome
    return found


def verdict(tests, found):
    """Returns the outcome of all tests of a scenario in words, and whether one has failed."""
    outcomes = [o for test in tests for o in found.get(test, {"": "not run"}).values()]
    counted = [outcome for outcome in outcomes if outcome != "no region"]
    failed = counted.count("fails")
    if not outcomes:
        return "-", False
    if not counted:
        return "no interface", False
    if failed:
        return ("fails" if failed == len(counted) else "fails in %d of %d" % (failed, len(counted))), True
    for outcome in ("not run", "passes"):
        if outcome in counted:
            return outcome, False
    return "skipped", False


def c_verdict(number, tests, found, causes):
    tests = [test for test in tests if not test.startswith(RUST_ONLY)]
    if found is None:
        return "not run" if tests else "-"
    what, failed = verdict(tests, found)
    if failed and number not in causes:
        raise SystemExit("why does the C version fail in %s? Its cause belongs into scenarios-c.txt" % number)
    return "%s: %s" % (what, causes[number]) if number in causes and tests else what


def table(listed, rust, c, causes):
    rows = [COLUMNS]
    for number, what, tests, reason in listed:
        rows.append((
            number,
            what,
            ", ".join(test.replace(":", ": ") for test in tests) or reason,
            verdict(tests, rust)[0],
            c_verdict(number, tests, c, causes),
        ))
    return HEAD + list_table(rows, WIDTHS)


def read_causes(text):
    """Returns the causes of failures of C: {number of the scenario: cause}."""
    lines = (line.split("|", 1) for line in text.split("\n") if line and not line.startswith("#"))
    return {number.strip(): cause.strip() for number, cause in lines}


def rough_table(listed, found):
    rows = [ROUGH_COLUMNS]
    for number, what, tests, reason in listed:
        where = ", ".join(test.replace(":", ": ") for test in tests) or reason
        rows.append((number, what, where, verdict(tests, found)[0]))
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
        "TAP version 13\n1..2\n# selftests: t: a_test\n# TAP version 13\n# 1..2\n"
        "# #  RUN  f.v.x\n# ok 1 f.v.x\n[    1.0] ok 9 f.v.x\n# #  RUN  f.w.x\n"
        "# # a:1:x:Expected 0 (0) != (owner)->region.size (0)\n# not ok 2 f.w.x\n"
        "not ok 1 selftests: t: a_test # exit=1\n# selftests: t: b_test\n# TAP version 13\n# 1..2\n"
        "# ok 1 f.y # SKIP why\n# not ok 2 f.z\nnot ok 2 selftests: t: b_test # exit=1"
    )
    found = results([log])
    assert found["a_test:x"] == {"f.v": "passes", "f.w": "no region"}, found
    assert verdict(["a_test:x"], found) == ("passes", False)
    assert verdict(["a_test:x", "b_test:z"], found) == ("fails in 1 of 2", True)
    assert verdict(["b_test:y"], found) == ("skipped", False)
    assert verdict(["b_test:z"], found) == ("fails", True)
    assert verdict(["b_test:w"], found) == ("not run", False)
    assert verdict([], found) == ("-", False)
    assert verdict(["c_test:x"], {"c_test:x": {"": "no region"}}) == ("no interface", False)
    causes = read_causes("# why\n3 | it does not\n")
    assert c_verdict("3", ["b_test:z"], found, causes) == "fails: it does not"
    assert c_verdict("1", ["b_test:y", "fuzz_test:x"], found, causes) == "skipped"
    try:
        c_verdict("4", ["b_test:z"], found, causes)
    except SystemExit:
        pass
    else:
        raise AssertionError("a failure without a cause")
    assert "   * - 1\n     - one\n     - a_test: x, b_test: y\n     - passes\n" in table(listed, found, None, {})
    assert "   * - R1\n     - three\n     - b_test: y\n     - skipped\n" in rough_table(rough, found)
    assert SOURCE.findall("\nTEST_F(a, b)\nTEST(c)\n") == ["a, b", "c"]
    print("scenarios.py: self-test passed")


def read(paths):
    for path in paths:
        with open(path, encoding="utf-8", errors="replace") as log:
            yield log.read()


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    parser = argparse.ArgumentParser()
    parser.add_argument("--sources", required=True)
    parser.add_argument("--rust", action="append", required=True)
    parser.add_argument("--c", action="append")
    parser.add_argument("--causes")
    parser.add_argument("--rough", action="append", default=[])
    parser.add_argument("scenarios")
    args = parser.parse_args()
    with open(args.scenarios, encoding="utf-8") as text:
        listed, rough = scenarios(text.read())
    known = known_tests(args.sources)
    missing = [test for _, _, tests, _ in listed + rough for test in tests if test not in known]
    if missing:
        return "no such test: " + ", ".join(missing)
    c, causes = None, {}
    if args.c:
        c = results(read(args.c))
        with open(args.causes, encoding="utf-8") as text:
            causes = read_causes(text.read())
    sys.stdout.write(table(listed, results(read(args.rust)), c, causes))
    sys.stdout.write(rough_table(rough, results(read(args.rough))))


if __name__ == "__main__":
    sys.exit(main())
