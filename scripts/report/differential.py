# SPDX-License-Identifier: GPL-2.0-only
"""Compare what two kernels did with the same events, for scripts/report/differential.

    differential.py RUST C EXPECTED

Each of the first two has a line "case NAME" for each event, and indented lines
with its effects. EXPECTED lists differences on purpose: lines "CASES | RUST | C |
REASON", where CASES is a regular expression for the whole name and RUST and C
are expressions for the lines that only one of them has, or "-" for none.
"""

import difflib
import re
import sys


def cases(lines):
    """Returns the lines of each case: {name: [line, ...]}, in order."""
    result, current = {}, None
    for line in lines:
        line = line.rstrip("\n")
        if line.startswith("case "):
            current = result.setdefault(line[5:], [])
        elif line.startswith("  ") and current is not None:
            current.append(line.strip())
    return result


def rules(lines):
    result = []
    for line in lines:
        line = line.strip()
        if line and not line.startswith("#"):
            names, rust, c, reason = (part.strip() for part in line.split(" | "))
            result.append((re.compile(names), rust, c, reason))
    return result


def only(name, lines, pattern):
    """Whether each line that only one side has matches the pattern."""
    if pattern == "-":
        return not lines
    return bool(lines) and all(re.fullmatch(pattern, line) for line in lines)


def compare(rust, c, expected):
    """Returns (unexpected differences, {reason: number of cases}, number of equal cases)."""
    wrong, reasons, equal = [], {}, 0
    for name in list(rust) + [n for n in c if n not in rust]:
        if name not in rust or name not in c:
            wrong.append("%s: only with %s" % (name, "Rust" if name in rust else "C"))
            continue
        if rust[name] == c[name]:
            equal += 1
            continue
        diff = list(difflib.ndiff(rust[name], c[name]))
        with_rust = [line[2:] for line in diff if line.startswith("- ")]
        with_c = [line[2:] for line in diff if line.startswith("+ ")]
        for names, rust_has, c_has, reason in expected:
            if (
                names.fullmatch(name)
                and only(name, with_rust, rust_has)
                and only(name, with_c, c_has)
            ):
                reasons[reason] = reasons.get(reason, 0) + 1
                break
        else:
            wrong.append(
                "%s:\n%s"
                % (
                    name,
                    "\n".join(
                        ["  Rust only: " + line for line in with_rust]
                        + ["  C only:    " + line for line in with_c]
                    ),
                )
            )
    return wrong, reasons, equal


def self_test():
    rust = cases(["case a", "  x", "case b", "  one", "  y", "case c", "  z"])
    c = cases(["case a", "  x", "case b", "  two", "  y", "case d"])
    wrong, reasons, equal = compare(rust, c, [])
    assert (len(wrong), reasons, equal) == (3, {}, 1), (wrong, reasons, equal)
    wrong, reasons, equal = compare(rust, c, rules(["# why", "b | o.* | two | because"]))
    assert (len(wrong), reasons, equal) == (2, {"because": 1}, 1), (wrong, reasons, equal)
    wrong, reasons, equal = compare(rust, c, rules(["b | - | two | because"]))
    assert len(wrong) == 3
    print("differential.py: self-test passed")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    inputs = []
    for path in sys.argv[1:4]:
        with open(path, encoding="utf-8") as file:
            inputs.append(file.readlines())
    wrong, reasons, equal = compare(cases(inputs[0]), cases(inputs[1]), rules(inputs[2]))
    for difference in wrong:
        print(difference)
    for reason, count in sorted(reasons.items()):
        print("expected in %d cases: %s" % (count, reason))
    print("%d cases are the same, %d differ as expected, %d differ" % (equal, sum(reasons.values()), len(wrong)))
    return 1 if wrong or not equal else 0


if __name__ == "__main__":
    sys.exit(main())
