# SPDX-License-Identifier: GPL-2.0-only
"""Tables of reStructuredText, for what makes pages of Documentation."""

import sys


def list_table(rows, widths=None):
    """A list-table of rows of cells, the first of which is the head."""
    lines = [".. list-table::", "   :header-rows: 1"]
    if widths:
        lines.append("   :widths: " + " ".join(map(str, widths)))
    lines.append("")
    for row in rows:
        for at, cell in enumerate(row):
            lines.append((("     - " if at else "   * - ") + cell).rstrip())
    return "\n".join(lines) + "\n"


def self_test():
    text = list_table([("a", "b"), ("1", "")], widths=(1, 2))
    assert text.endswith("   :widths: 1 2\n\n   * - a\n     - b\n   * - 1\n     -\n"), text
    assert list_table([("a",)]) == ".. list-table::\n   :header-rows: 1\n\n   * - a\n"
    print("rst.py: self-test passed")


if __name__ == "__main__" and sys.argv[1:] == ["--self-test"]:
    self_test()
