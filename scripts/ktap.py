# SPDX-License-Identifier: GPL-2.0-only
"""Count test results in a guest's console log, for scripts/test.

    ktap.py [--known FILE --platform PROFILE] [LOG PROGRAM...]

Each program's output stands between "zpci-test: begin NAME" and "zpci-test:
end NAME STATUS". KUnit's results in the kernel's messages count as well: all
that failed, and of those that passed the ones that are ours. Prints one line per
program that did not simply pass, with what a failed test has said, and at last
"PASSED FAILED SKIPPED".

FILE lists the tests that are known to fail on a platform, and why. One that fails is
counted as skipped; one that passes, or is not there, has failed. For the program "kernel"
it has what the kernel complains of. Without a LOG, --known prints that as one pattern.
"""

import argparse
import re
import sys

KERNEL = re.compile(r"\[ *\d+\.\d+\](?:\[[^]]*\])? ?(.*)")
RESULT = re.compile(r"( *)(not )?ok (\d+)(?: (?:- )?(.*))?$")
PLAN = re.compile(r"( *)1\.\.(\d+)(.*)$")
SUBTEST = re.compile(r"( *)# Subtest: (\S+)")
SKIP = re.compile(r"#\s*SKIP\b", re.I)
OURS = re.compile(r"zpci|vfio", re.I)
# What a harness says in a test before it gives the result.
SAID = re.compile(r"# +(?!RUN |OK |FAIL |[ ])(.*)")
KSFT_SKIP = 4


class Ktap:
    """The results in one stream of lines; subtests are indented by four."""

    def __init__(self):
        self.leaves = []  # (name, "passed" | "failed" | "skipped", what it said)
        self.said = []
        self.expected = 0  # failures that are known
        self.plan = None
        self.seen = 0
        self.children = {}  # depth -> results since the last one less deep
        self.suites = {}  # depth -> name of the suite whose results these are

    def line(self, text):
        plan = PLAN.match(text)
        if plan and not plan.group(1):
            self.plan = int(plan.group(2))
            if self.plan == 0 and SKIP.search(plan.group(3)):
                self.leaves.append((plan.group(3).strip(" #"), "skipped", []))
            return
        suite = SUBTEST.match(text)
        if suite:
            self.suites[len(suite.group(1)) // 4] = suite.group(2)
            return
        result = RESULT.match(text)
        if not result:
            said = SAID.match(text)
            if said:
                self.said.append(said.group(1))
            return
        depth = len(result.group(1)) // 4
        name = (result.group(4) or result.group(3)).strip()
        outcome = "failed" if result.group(2) else "skipped" if SKIP.search(name) else "passed"
        below = self.children.pop(depth + 1, [])
        # A line that sums up its subtests is not a test of its own.
        if not below or (outcome == "failed" and "failed" not in below):
            suite = self.suites.get(depth)
            self.leaves.append(("%s: %s" % (suite, name) if suite else name, outcome, self.said))
        self.said = []
        self.suites.pop(depth + 1, None)
        self.children.setdefault(depth, []).append(outcome)
        if depth == 0:
            self.seen += 1

    def missing(self):
        return max(0, (self.plan or 0) - self.seen)

    def count(self, outcome):
        return sum(1 for _, o, _ in self.leaves if o == outcome)


def known_failures(text, platform):
    """{(program, test): why}"""
    known = {}
    for line in text.split("\n"):
        if line and not line.startswith("#"):
            profiles, program, test, why = (word.strip() for word in line.split("|"))
            if platform in profiles.split() or profiles == "*":
                known[program, test] = why
    return known


def evaluate(lines, programs, known=()):
    """(messages, passed, failed, skipped)"""
    kernel, taps, ends, current = Ktap(), {}, {}, None
    complaints = {text for program, text in known if program == "kernel"}
    for text in lines:
        message = KERNEL.match(text)
        if message:
            kernel.line(message.group(1))
            complaints -= {text for text in complaints if re.search(text, message.group(1))}
            continue
        word = text.split()
        if word[:2] == ["zpci-test:", "begin"]:
            current = taps.setdefault(word[2], Ktap())
        elif word[:2] == ["zpci-test:", "end"]:
            ends[word[2]] = int(word[3])
            current = None
        elif current:
            current.line(text)

    messages, total = [], {"passed": 0, "failed": 0, "skipped": 0}
    for name, outcome, _ in kernel.leaves:
        if outcome == "failed":
            messages.append("KUnit: not ok: " + name)
        if outcome == "failed" or OURS.search(name):
            total[outcome] += 1
    for text in complaints:
        messages.append("kernel: does not say, and has to leave the list: %s" % text)
        total["failed"] += 1
    known = dict(known)
    for program in programs:
        tap, status = taps.get(program, Ktap()), ends.get(program)
        messages += expect(tap, program, known)
        for outcome in total:
            total[outcome] += tap.count(outcome)
        total["skipped"] += tap.expected
        for name, outcome, said in tap.leaves:
            if outcome == "failed":
                messages.append("%s: not ok: %s" % (program, name))
                messages += ["  " + line for line in said]
            elif outcome == "skipped":
                messages.append("%s: skipped: %s" % (program, name))
        problems = []
        if status is None:
            problems.append("did not run" if program not in taps else "did not end")
        elif status == KSFT_SKIP and not tap.leaves:
            total["skipped"] += 1
            messages.append("%s: skipped" % program)
        elif status not in (0, KSFT_SKIP) and not tap.count("failed") and not tap.expected:
            problems.append("ended with status %d" % status)
        elif status == 0 and not tap.leaves:
            problems.append("reported no test")
        if status is not None and tap.missing():
            problems.append("%d of %d tests are missing" % (tap.missing(), tap.plan))
            total["failed"] += tap.missing() - 1
        if problems:
            messages.append("%s: %s" % (program, ", ".join(problems)))
            total["failed"] += 1
    for program, test in known:
        if program in programs:
            total["failed"] += 1
            messages.append("%s: known to fail, but did not run: %s" % (program, test))
    return messages, total["passed"], total["failed"], total["skipped"]


def expect(tap, program, known):
    """Turns the known failures of a program into skips, and what passes of them into failures."""
    messages, leaves = [], []
    for name, outcome, said in tap.leaves:
        why = known.pop((program, name), None)
        if why is not None and outcome == "failed":
            tap.expected += 1
            messages.append("%s: known to fail: %s: %s" % (program, name, why))
            outcome = "expected"
        elif why is not None:
            outcome, said = "failed", ["%s, and has to leave the list of known failures" % outcome]
        leaves.append((name, outcome, said))
    tap.leaves = leaves
    return messages


def self_test():
    def check(text, programs, *want):
        got = evaluate(text.split("\n"), programs)
        assert got[1:] == want, (text, got)

    good = "zpci-test: begin a\nTAP version 13\n1..2\nok 1 x\nok 2 y # SKIP no\nzpci-test: end a 0"
    check(good, ["a"], 1, 0, 1)
    check(good, ["a", "b"], 1, 1, 1)
    check(good.replace("ok 2", "not ok 2"), ["a"], 1, 1, 0)
    talk = good.replace("ok 2", "#  RUN  b\n# a.c:7:b:Expected 0\nnot ok 2")
    assert evaluate(talk.split("\n"), ["a"])[0][1:] == ["  a.c:7:b:Expected 0"]
    check(good.replace("end a 0", "end a 139"), ["a"], 1, 1, 1)
    check(good.replace("zpci-test: end a 0", ""), ["a"], 1, 1, 1)
    check(good.replace("1..2", "1..4"), ["a"], 1, 2, 1)
    check("zpci-test: begin a\n1..0 # SKIP none\nzpci-test: end a 4", ["a"], 0, 0, 1)
    check("zpci-test: begin a\nzpci-test: end a 4", ["a"], 0, 0, 1)
    check("zpci-test: begin a\nzpci-test: end a 0", ["a"], 0, 1, 0)
    nested = "zpci-test: begin a\n1..1\n    1..2\n    ok 1 x\n    ok 2 y\nok 1 both\nzpci-test: end a 0"
    check(nested, ["a"], 2, 0, 0)
    check(good.replace("ok 1 x", "[    1.0] kernel\nok 1 x"), ["a"], 1, 0, 1)
    kunit = "\n".join(
        "[    0.5] " + t
        for t in ("    ok 1 zpci_queue", "    ok 2 other", "    not ok 3 third", "not ok 1 suite")
    )
    check(kunit, [], 1, 1, 0)
    suites = "\n".join(
        "[    0.5] " + t
        for t in (
            "    # Subtest: zpci_queue",
            "    ok 1 a",
            "    ok 2 b",
            "ok 1 zpci_queue",
            "    # Subtest: other",
            "    ok 1 c",
            "ok 2 other",
        )
    )
    check(suites, [], 2, 0, 0)
    listed = "# no\nlpar zvm | a | x | why\nzvm | a | y | why\n* | kernel | BUG: z | why"
    known = known_failures(listed, "lpar")
    assert known == {("a", "x"): "why", ("kernel", "BUG: z"): "why"}

    def check_known(text, *want, complaint="BUG: z"):
        lines = ["[    1.0] " + complaint, *text.split("\n")]
        got = evaluate(lines, ["a"], known)
        assert got[1:] == want, (text, got)

    check_known(good, 0, 1, 1)
    check_known(good.replace("ok 1 x", "not ok 1 x").replace("end a 0", "end a 1"), 0, 0, 2)
    check_known(good.replace("ok 1 x", "not ok 1 z").replace("end a 0", "end a 1"), 0, 2, 1)
    check_known(good.replace("ok 1 x", "not ok 1 x").replace("end a 0", "end a 1"), 0, 1, 2,
                complaint="fine")
    print("ktap.py: self-test passed")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    parser = argparse.ArgumentParser()
    parser.add_argument("--known")
    parser.add_argument("--platform")
    parser.add_argument("log", nargs="?")
    parser.add_argument("programs", nargs="*")
    args = parser.parse_args()
    known = {}
    if args.known:
        with open(args.known, encoding="utf-8") as listed:
            known = known_failures(listed.read(), args.platform)
    if not args.log:
        print("|".join(text for program, text in known if program == "kernel"))
        return
    with open(args.log, encoding="utf-8", errors="replace") as log:
        messages, *counts = evaluate(log.read().split("\n"), args.programs, known)
    for message in messages:
        print(message)
    print(*counts)


if __name__ == "__main__":
    main()
