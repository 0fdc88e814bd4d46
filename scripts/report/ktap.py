# SPDX-License-Identifier: GPL-2.0-only
"""Count the results that run_kselftest.sh has printed in a guest's console log, with the
parser in the kernel's tools/testing/kunit, which must be in PYTHONPATH.

    ktap.py [--known FILE --platform PROFILE] [LOG]

Prints a line for each test that has not passed, with the output of failed ones, and at
last "PASSED FAILED SKIPPED". A test that did not run counts as failed.

FILE lists tests that are known to fail on a platform, and why. If such a test fails it
counts as skipped; if it passes, or does not run, as failed. Lines for the program "kernel"
are complaints of the kernel; without a LOG, --known prints these as one pattern.
"""

import argparse
import re
import sys

from kunit_parser import TAP_START, TestStatus, parse_run_tests
from kunit_printer import null_printer

KERNEL = re.compile(r"\[ *\d+\.\d+\](?:\[[^]]*\])? ?(.*)")
PROGRAM = re.compile(r"# (selftests: \S+: \S+)$")


def programs(lines):
    """Returns a test for each program, with a subtest for each test of the program."""

    def unfold():
        """Turns kselftest's subtests, lines after "# ", into KTAP's indented ones."""
        name = None
        for line in lines:
            program = PROGRAM.match(line)
            if KERNEL.match(line):
                continue
            if program:
                name = program.group(1)
            elif name and line.startswith("# "):
                yield "    " + line[2:]
                if TAP_START.match(line[2:]):
                    yield "    # Subtest: " + name
            else:
                yield line

    run = parse_run_tests(unfold(), null_printer)
    return run.subtests if run.expected_count else [run]


def leaves(program):
    """Returns a program's tests, and the program itself if it failed and no test did."""
    tests = [test for test in program.subtests if not test.subtests]
    for group in program.subtests:
        if group.subtests:
            tests += leaves(group)
    if program.status == TestStatus.SUCCESS and not tests:
        program.status, program.log = TestStatus.FAILURE, ["it reported no test"]
    if not tests or (not program.ok_status() and all(test.ok_status() for test in tests)):
        tests.append(program)
    return tests


def short(program):
    return program.name.rpartition(" ")[2]


def known_failures(text, platform):
    """Returns the tests that are known to fail: {(program, test): reason}."""
    known = {}
    for line in text.split("\n"):
        if line and not line.startswith("#"):
            profiles, program, test, why = (word.strip() for word in line.split("|"))
            if platform in profiles.split() or profiles == "*":
                known[program, test] = why
    return known


def evaluate(lines, known=()):
    """Returns (messages, passed, failed, skipped)."""
    known, messages = dict(known), []
    total = {"passed": 0, "failed": 0, "skipped": 0}

    def count(outcome, name, said=(), shown=None):
        total[outcome] += 1
        if outcome != "passed":
            messages.append("%s: %s" % (name, shown or outcome))
            messages.extend("  " + line.strip(" #") for line in said)

    for program, text in [key for key in known if key[0] == "kernel"]:
        del known[program, text]
        if not any(re.search(text, line) for line in lines if KERNEL.match(line)):
            count("failed", text, shown="the kernel does not say it: it has to leave the list")
    for program in programs(lines):
        for test in leaves(program):
            name = "%s: %s" % (short(program), test.name)
            why = known.pop((short(program), test.name), None)
            if why and not test.ok_status():
                count("skipped", name, shown="known to fail: " + why)
            elif why:
                count("failed", name, shown="it does not fail: it has to leave the list")
            elif test.status == TestStatus.SKIPPED:
                count("skipped", name, shown="skipped: " + test.skip_reason)
            else:
                count("passed" if test.ok_status() else "failed", name, test.log)
        ran = short(program)
        for key in [key for key in known if key[0] == ran]:
            count("failed", "%s: %s" % key, shown="known to fail, but did not run")
    return messages, *total.values()


def self_test():
    def run(*said, end="ok 1 selftests: t: a"):
        head = ["booted", "TAP version 13", "1..1", "# timeout set to 9", "# selftests: t: a"]
        return head + ["# " + line for line in said] + [end]

    def check(lines, *want, known=()):
        got = evaluate(lines, known)
        assert got[1:] == want, (lines, got)
        return got[0]

    good = ["TAP version 13", "1..2", "# b", "ok 1 x", "ok 2 y # SKIP no"]
    bad = "not ok 1 selftests: t: a # exit=1"
    fails = good[:3] + ["#  RUN", "# a.c:7:b:Expected 0", "not ok 1 x"] + good[4:]
    assert check(run(*good), 1, 0, 1) == ["a: y: skipped: no"]
    assert "  a.c:7:b:Expected 0" in check(run(*fails, end=bad), 0, 1, 1)
    check(run(*good[:4], end=bad), 1, 1, 0)  # one is missing
    check(run(*good[:4])[:-1], 1, 1, 0)
    check(run(*good, end=bad), 1, 1, 1)
    check(run(end=bad), 0, 1, 0)
    check(run(), 0, 1, 0)  # it reported no test
    check(run("TAP version 13", "1..0"), 0, 1, 0)
    check(run("TAP version 13", "1..0 # SKIP no", end="ok 1 selftests: t: a # SKIP"), 0, 0, 1)
    check(run(end="ok 1 selftests: t: a # SKIP"), 0, 0, 1)
    check(run(*good)[:3], 0, 1, 0)  # no program ended
    check(["sh: not found"], 0, 1, 0)
    check(run(*good)[:2] + ["1..2"] + run(*good)[3:], 1, 1, 1)  # one program is missing
    mixed = run(*good)
    mixed.insert(8, "[    1.0] not ok 7 the kernel's")
    check(mixed, 1, 0, 1)
    known = known_failures("# no\nlpar zvm | a | x | why\nzvm | a | y | why\n* | kernel | BUG: z | why", "lpar")
    assert known == {("a", "x"): "why", ("kernel", "BUG: z"): "why"}
    bug = ["[    1.0] BUG: z"]
    check(bug + run(*fails, end=bad), 0, 0, 2, known=known)
    check(run(*fails, end=bad), 0, 1, 2, known=known)
    check(bug + run(*good), 0, 1, 1, known=known)
    check(bug + run("TAP version 13", "1..1", "ok 1 z"), 1, 1, 0, known=known)
    print("ktap.py: self-test passed")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    parser = argparse.ArgumentParser()
    parser.add_argument("--known")
    parser.add_argument("--platform")
    parser.add_argument("log", nargs="?")
    args = parser.parse_args()
    known = {}
    if args.known:
        with open(args.known, encoding="utf-8") as listed:
            known = known_failures(listed.read(), args.platform)
    if not args.log:
        print("|".join(text for program, text in known if program == "kernel"))
        return
    with open(args.log, encoding="utf-8", errors="replace") as log:
        messages, *counts = evaluate(log.read().split("\n"), known)
    for message in messages:
        print(message)
    print(*counts)


if __name__ == "__main__":
    main()
