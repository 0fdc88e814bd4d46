# SPDX-License-Identifier: GPL-2.0-only
"""Tables of reStructuredText: writes them for pages, and reads them for mails. The page is
the only record of all figures in the repository, so cover letters have theirs from it.

    rst.py figures PAGE ROW...        print these rows of the first table, Rust and C
    rst.py missed PAGE                print the rows of it whose goal is missed
"""

import re
import sys
import textwrap

# The width of a mail that is not quoted.
LINE = 72


def list_table(rows, widths=None):
    """Returns a list-table of rows of cells; the first row is the head."""
    lines = [".. list-table::", "   :header-rows: 1"]
    if widths:
        lines.append("   :widths: " + " ".join(map(str, widths)))
    lines.append("")
    for row in rows:
        for at, cell in enumerate(row):
            lines.append((("     - " if at else "   * - ") + cell).rstrip())
    return "\n".join(lines) + "\n"


def first_table(page):
    """Reads the first list-table of a page, as a list of rows."""
    rows = []
    for mark, cell in re.findall(r"(?m)^   ( |\*) -(?: (.*))?$", page.split(".. list-table::")[1]):
        if mark == "*":
            rows.append([])
        rows[-1].append(cell)
    return rows


def figures(rows, names):
    """Returns a line for each of these rows: the measure, and its figures of Rust and C."""
    found = {row[0]: row for row in rows[1:]}
    absent = [name for name in names if name not in found]
    assert not absent, "no row has %s" % absent
    return "\n".join(
        f"- {name}:\n  {found[name][1]} (C: {found[name][2]}, ratio {found[name][3]})" for name in names
    )


def missed(rows):
    """Returns a line for each goal that is missed, and by how much."""
    text = ""
    for row in rows[1:]:
        if row[-1] == "MISSED":
            text += textwrap.fill(
                f"- {row[0]}: {row[3] or row[1]}, goal {row[4]}", LINE, subsequent_indent="  "
            )
            text += "\n"
    return text.rstrip()


def self_test():
    measured = [["", "Rust", "C", "ratio", "goal", ""], ["x", "1", "2", "0.5", "0.4", "MISSED"]]
    assert figures(measured, ["x"]) == "- x:\n  1 (C: 2, ratio 0.5)"
    assert missed(measured) == "- x: 0.5, goal 0.4"
    rows = [["a", "b"], ["1", ""]]
    text = list_table(rows, widths=(1, 2))
    assert text.endswith("   :widths: 1 2\n\n   * - a\n     - b\n   * - 1\n     -\n"), text
    assert list_table([("a",)]) == ".. list-table::\n   :header-rows: 1\n\n   * - a\n"
    assert first_table(f"one\n\n{text}\ntwo\n\n{text}") == rows
    print("rst.py: self-test passed")


def main():
    if sys.argv[1:] == ["--self-test"]:
        self_test()
    elif len(sys.argv) > 2 and sys.argv[1] in ("figures", "missed"):
        with open(sys.argv[2], encoding="utf-8") as opened:
            rows = first_table(opened.read())
        print(missed(rows) if sys.argv[1] == "missed" else figures(rows, sys.argv[3:]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
