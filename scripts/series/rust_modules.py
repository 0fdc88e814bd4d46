#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Takes the declaration and the re-exports of a Rust module out of its parent.

rust_modules.py FILE: FILE is the module's, which need not exist any more; the parent is
DIR.rs or another file of the folder DIR that FILE is in.
"""

import pathlib
import re
import sys


def without(text, name):
    """Returns the parent's text without that module; in the form that rustfmt gives it."""
    found = re.sub(rf"(?m)^(#\[[^\n]*\]\n)*(pub(\([^)]*\))? )?mod {name};\n", "", text)
    if found == text:
        return text
    found = re.sub(rf"(?ms)^pub use (self::)?{name}::(\{{[^}}]*\}}|\w+);\n", "", found)
    found = re.sub(rf"(?m)^    {name}::(\{{[^}}]*\}}|\w+),( //)?\n", "", found)
    # What is the last one of a list now says so.
    found = re.sub(r"(?ms)^(pub use self::\{\n(?:    [^\n]*\n)*    [^\n]*,)\n\};", r"\1 //\n};", found)
    found = found.replace("pub use self::{\n};\n", "")
    return re.sub(r"\n\n\n+", "\n\n", found)


def take_out(file):
    """Writes the parents of that module's file anew."""
    folder = file.parent
    for parent in [folder.with_suffix(".rs"), *sorted(folder.glob("*.rs"))]:
        # What the kernel crate has at its top is a hook's.
        if parent.is_file() and parent.name != "lib.rs":
            text = parent.read_text()
            new = without(text, file.stem)
            if new != text:
                parent.write_text(new)


def self_test():
    """Lists and single re-exports; the order stays, and the last one has its mark."""
    text = (
        "mod a;\n#[cfg(X)]\nmod b;\npub mod c;\n\n"
        "pub use self::{\n    a::A,\n    b::{\n        B,\n        D, //\n    }, //\n};\n"
    )
    assert without(text, "b") == "mod a;\npub mod c;\n\npub use self::{\n    a::A, //\n};\n"
    assert without(without(text, "b"), "a") == "pub mod c;\n\n"
    assert without("mod r;\n\npub use r::{\n    R,\n    S, //\n};\n\nstruct T;\n", "r") == "\n\nstruct T;\n"
    assert without(text, "z") == text


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        self_test()
    else:
        take_out(pathlib.Path(sys.argv[1]))
