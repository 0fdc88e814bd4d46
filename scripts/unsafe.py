# SPDX-License-Identifier: GPL-2.0-only
"""Check how Rust files use unsafe, for scripts/lint.

    unsafe.py documented FILE...   every unsafe block and impl has a SAFETY comment
    unsafe.py exported FILE...     unsafe blocks and impls only in #[export]ed functions

Code in documentation comments counts like other code.
"""

import re
import sys

UNSAFE = re.compile(r"\bunsafe\s*(?:\{|impl\b)")
SAFETY = re.compile(r"//\s*SAFETY:")
EXPORT = re.compile(r"#\[export\]")
# Comments, strings and characters, in which nothing means what it looks like.
OPAQUE = re.compile(
    r'//[^\n]*|/\*.*?\*/|\bb?r(#*)".*?"\1|\b[bc]?"(?:\\.|[^"\\])*"|"(?:\\.|[^"\\])*"'
    r"|'(?:\\[^\n']{1,8}|\\'|[^\\'\n])'",
    re.S,
)


def split(text):
    """(code, number of SAFETY comments); what is opaque becomes spaces."""
    safety = 0

    def blank(match):
        nonlocal safety
        safety += bool(SAFETY.match(match.group()))
        return re.sub(r"[^\n]", " ", match.group())

    return OPAQUE.sub(blank, text), safety


def examples(text):
    """The code in documentation comments."""
    lines, inside = [], False
    for line in text.split("\n"):
        doc = re.match(r"\s*//[/!](?!/) ?(.*)", line)
        if not doc:
            inside = False
        elif doc.group(1).lstrip().startswith("```"):
            inside = not inside
        elif inside:
            lines.append(doc.group(1))
    return "\n".join(lines)


def body_end(code, start):
    """Where the block that opens first after start ends."""
    depth, at = 0, code.find("{", start)
    while 0 <= at < len(code):
        depth += {"{": 1, "}": -1}.get(code[at], 0)
        if depth == 0:
            return at
        at += 1
    return len(code)


def documented(text):
    parts = [split(text), split(examples(text))]
    unsafe = sum(len(UNSAFE.findall(code)) for code, _ in parts)
    safety = sum(count for _, count in parts)
    if unsafe != safety:
        return ["%d unsafe blocks and impls, %d SAFETY comments" % (unsafe, safety)]
    return []


def exported(text):
    code, _ = split(text)
    inside = [(m.start(), body_end(code, m.end())) for m in EXPORT.finditer(code)]
    return [
        "line %d: unsafe outside of an #[export]ed function" % (code.count("\n", 0, m.start()) + 1)
        for m in UNSAFE.finditer(code)
        if not any(a <= m.start() <= b for a, b in inside)
    ]


def self_test():
    block = "// SAFETY: it is.\nlet x = unsafe { f() };\n"
    assert documented(block) == []
    assert documented("let x = unsafe { f() };")
    assert documented("// SAFETY: stale.\nlet x = 1;")
    assert documented('let x = "unsafe { } // SAFETY:";') == []
    assert documented("// unsafe { commented }") == []
    assert documented("/// ```\n/// // SAFETY: it is.\n/// unsafe { f() };\n/// ```\nfn g() {}") == []
    assert documented("/// ```\n/// unsafe { f() };\n/// ```\nfn g() {}")
    assert documented('// an odd " here\n' + block) == []
    assert documented("/// It's one `'` of an owner's.\n" + block) == []
    assert documented("// SAFETY: a.\nunsafe impl Send for X {}\npub unsafe fn f() {}") == []
    assert documented("fn f<'a>(x: &'a u8) -> &'a u8 { x }\n" + block) == []
    good = '#[export]\npub extern "C" fn f() {\n  if x { y() }\n  unsafe { g() };\n}\n'
    assert exported(good) == []
    assert exported(good + "fn h() { unsafe { g() } }") == [
        "line 6: unsafe outside of an #[export]ed function"
    ]
    assert exported("unsafe impl Send for X {}")
    print("unsafe.py: self-test passed")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    check = {"documented": documented, "exported": exported}[sys.argv[1]]
    bad = 0
    for name in sys.argv[2:]:
        with open(name, encoding="utf-8") as file:
            for problem in check(file.read()):
                print("%s: %s" % (name, problem))
                bad = 1
    return bad


if __name__ == "__main__":
    sys.exit(main())
