#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Take the declaration and the re-exports of a Rust module out of its parent.

rust_modules.py FILE: FILE is the file of the module, and need not exist. Its parent is
DIR.rs or another file in FILE's folder DIR.
"""

import pathlib
import re
import sys


def without(text, name):
    """Returns the parent's text without the module, formatted as rustfmt does it."""
    found = re.sub(rf"(?m)^(#\[[^\n]*\]\n)*(pub(\([^)]*\))? )?mod {name};\n", "", text)
    if found == text:
        return text
    found = re.sub(rf"(?ms)^pub use (self::)?{name}::(\{{[^}}]*\}}|\w+);\n", "", found)
    found = re.sub(rf"(?m)^    {name}::(\{{[^}}]*\}}|\w+),( //)?\n", "", found)
    # Removing the last entry of a list leaves a new last one, which gets the mark
    # "//".
    found = re.sub(r"(?ms)^(pub use self::\{\n(?:    [^\n]*\n)*    [^\n]*,)\n\};", r"\1 //\n};", found)
    found = found.replace("pub use self::{\n};\n", "")
    return re.sub(r"\n\n\n+", "\n\n", found)


def take_out(file):
    """Takes the module out of all files that declare or re-export it."""
    folder = file.parent
    for parent in [folder.with_suffix(".rs"), *sorted(folder.glob("*.rs"))]:
        # Modules in lib.rs are declared by a hook.
        if parent.is_file() and parent.name != "lib.rs":
            text = parent.read_text()
            new = without(text, file.stem)
            if new != text:
                parent.write_text(new)


def self_test():
    """Takes modules out of lists and single re-exports, and keeps order and marks."""
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
