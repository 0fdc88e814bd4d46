# SPDX-License-Identifier: GPL-2.0-only
"""Check the licences of a Rust workspace and of all that it depends on.

    licences.py <METADATA

METADATA is what "cargo metadata --all-features" prints. A driver of any licence
must be able to use the crates, so each package has to offer one of ALLOWED.
"""

import json
import re
import sys

ALLOWED = {
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
}
WORDS = re.compile(r"\(|\)|\bAND\b|\bOR\b|[^\s()]+(?: WITH [^\s()]+)?")


def allowed(expression):
    """Whether ALLOWED licences meet an SPDX expression; AND binds closer than OR."""
    words = WORDS.findall(expression.replace("/", " OR "))

    def term():
        word = words.pop(0)
        if word != "(":
            return word in ALLOWED
        inside = either()
        words.pop(0)
        return inside

    def joined(operator, part, meet):
        found = [part()]
        while words and words[0] == operator:
            words.pop(0)
            found.append(part())
        return meet(found)

    def both():
        return joined("AND", term, all)

    def either():
        return joined("OR", both, any)

    return bool(words) and either()


def refused(metadata):
    used = {node["id"] for node in metadata["resolve"]["nodes"]}
    return [
        "%s %s: %s" % (package["name"], package["version"], package["license"] or "no licence")
        for package in metadata["packages"]
        if package["id"] in used and not allowed(package["license"] or "")
    ]


def self_test():
    for expression in (
        "MIT",
        "MIT/Apache-2.0",
        "GPL-2.0-only OR MIT",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception OR GPL-2.0-only",
    ):
        assert allowed(expression), expression
    for expression in ("", "GPL-2.0-only", "MIT AND GPL-2.0-only", "(MIT OR ISC) AND MPL-2.0"):
        assert not allowed(expression), expression
    package = {"id": "1", "name": "a", "version": "1.0", "license": None}
    assert refused({"resolve": {"nodes": [{"id": "1"}]}, "packages": [package]}) == ["a 1.0: no licence"]
    print("licences.py: self-test passed")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    metadata = json.load(sys.stdin)
    found = refused(metadata)
    print("%d packages" % len(metadata["resolve"]["nodes"]))
    return "\n".join(found) or None


if __name__ == "__main__":
    sys.exit(main())
