# SPDX-License-Identifier: GPL-2.0-only
"""Tables of reStructuredText: writes them for pages, and reads them for mails.

    rst.py tables PAGE [COLUMN...]    print the tables of a page as plain text, or
                                      only these columns of tables that have them
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


def list_tables(page):
    """Reads the list-tables of a page; each is a list of rows."""
    tables = []
    for line in page.splitlines():
        cell = re.match(r"   ( |\*) -(?: (.*))?$", line)
        if line.startswith(".. list-table::"):
            tables.append([])
        elif cell and tables:
            if cell[1] == "*":
                tables[-1].append([])
            tables[-1][-1].append(cell[2] or "")
    return tables


def columns(tables, heads):
    """Returns only these columns of the tables that have all of them."""
    found = []
    for rows in tables:
        if set(heads) <= set(rows[0]):
            chosen = [rows[0].index(head) for head in heads]
            found.append([[row[at] for at in chosen] for row in rows])
    assert found, "no table has the columns %s" % heads
    return found


def plain_text(rows):
    """Returns a table as text in lines of LINE characters; the widest columns are folded."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    while sum(widths) + 2 * (len(widths) - 1) > LINE:
        widths[widths.index(max(widths))] -= 1
    lines = []
    for row in rows:
        folded = [textwrap.wrap(cell, width) for cell, width in zip(row, widths)]
        for at in range(max(map(len, folded))):
            cells = [part[at] if at < len(part) else "" for part in folded]
            lines.append("  ".join(map(str.ljust, cells, widths)).rstrip())
        if row is rows[0]:
            lines.append("  ".join("-" * width for width in widths))
    return "\n".join(lines) + "\n"


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
    assert list_tables(f"one\n\n{text}\ntwo\n\n{text}") == [rows, rows]
    assert columns([rows, [["a"]]], ["b"]) == [[["b"], [""]]]
    assert plain_text(rows) == "a  b\n-  -\n1\n"
    long = plain_text([["a", "b"], ["x " * LINE, "y"]]).splitlines()
    assert len(long) == 5 and max(map(len, long)) <= LINE, long
    print("rst.py: self-test passed")


def main():
    if sys.argv[1:] == ["--self-test"]:
        self_test()
    elif len(sys.argv) > 2 and sys.argv[1] in ("tables", "figures", "missed"):
        with open(sys.argv[2], encoding="utf-8") as opened:
            tables = list_tables(opened.read())
        if sys.argv[1] != "tables":
            print(missed(tables[0]) if sys.argv[1] == "missed" else figures(tables[0], sys.argv[3:]))
            return
        if sys.argv[3:]:
            tables = columns(tables, sys.argv[3:])
        print("\n".join(map(plain_text, tables)), end="")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
