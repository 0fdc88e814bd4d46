# SPDX-License-Identifier: GPL-2.0-only
"""Turn the kernel's rust-project.json into one for the files here, for
scripts/build/rust-analyzer.

    rust_project.py IN TOP TREE ROOT >OUT
    rust_project.py --self-test

The kernel's project has the copies of our files in TREE; an editor needs the
files in TOP. Its paths of the toolchain are those inside of ROOT.
"""

import json
import os
import re
import shutil
import sys
import tempfile

# Our folders with crates, and for each one the Makefile in TREE that lists the
# crates.
FOLDERS = {
    "arch_s390_pci/rust": "arch/s390/pci/Makefile",
    "vfio_pci_zdev/zdev": "drivers/vfio/pci/Makefile",
}


def crate_roots(top, tree):
    """The crate roots among our files; the others are modules of a crate."""
    for folder, listing in FOLDERS.items():
        with open(os.path.join(tree, listing), encoding="utf-8") as file:
            objects = set(re.findall(r"\w+(?=\.o\b)", file.read()))
        for name in sorted(os.listdir(os.path.join(top, folder))):
            if name.endswith(".rs") and name[:-3] in objects:
                yield os.path.join(top, folder, name)


def edited_root(text, ours, modules):
    """Returns lib.rs of the kernel crate, with these modules taken from the folder `ours`."""
    for module in modules:
        text, count = re.subn(
            rf"^pub mod {module};$",
            f'#[path = "{ours}"]\nmod {module}_edited {{\n    pub mod {module};\n}}\n'
            f"pub use {module}_edited::{module};",
            text,
            flags=re.M,
        )
        if count != 1:
            sys.exit(f"the kernel crate has the module {module} {count} times")
    return text


def edited_core(source, copy):
    """Copies core, and changes NonNull to a form that rust-analyzer 1.97 can resolve."""
    shutil.copytree(source, copy, dirs_exist_ok=True)
    path = os.path.join(copy, "src/ptr/non_null.rs")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace("crate::pattern_type!(*const T is !null)", "*const T"))


def split_sysroot(crates):
    """Takes core and others out: rust-analyzer finds methods of integers only in a sysroot."""
    ends = [f"/library/{crate['display_name']}/src/lib.rs" for crate in crates]
    sysroot = [crate for crate, end in zip(crates, ends) if crate["root_module"].endswith(end)]
    others = [crate for crate in crates if crate not in sysroot]
    for part in (sysroot, others):
        index = {crate["display_name"]: i for i, crate in enumerate(part)}
        for crate in part:
            crate["deps"] = [
                {"crate": index[dep["name"]], "name": dep["name"]}
                for dep in crate["deps"]
                if dep["name"] in index
            ]
    return sysroot, others


def project(known, top, tree, root):
    crates = known["crates"]
    at = next(i for i, crate in enumerate(crates) if crate["display_name"] == "kernel")
    # The crates behind the kernel's are drivers, which are not edited here.
    del crates[at + 1 :]
    kernel = crates[at]

    lib = os.path.join(tree, "rust/kernel")
    ours = os.path.join(top, "rust/kernel")
    modules = sorted(name[:-3] for name in os.listdir(ours) if name.endswith(".rs"))
    edited = os.path.join(lib, "lib-edited.rs")
    with open(os.path.join(lib, "lib.rs"), encoding="utf-8") as file:
        text = edited_root(file.read(), os.path.relpath(ours, lib), modules)
    with open(edited, "w", encoding="utf-8") as file:
        file.write(text)
    kernel["root_module"] = edited
    kernel["source"]["include_dirs"].append(ours)

    deps = ["kernel", "pin_init", "zerocopy", "zerocopy_derive"]
    for path in crate_roots(top, tree):
        crates.append(
            {
                "display_name": os.path.basename(path)[:-3],
                "root_module": path,
                "is_workspace_member": True,
                "deps": [{"name": name} for name in deps],
                "cfg": kernel["cfg"],
                "crate_attrs": ["no_std"],
                "edition": kernel["edition"],
                "env": {"RUST_MODFILE": "This is only for rust-analyzer"},
            }
        )
    sysroot, crates = split_sysroot(crates)
    for crate in sysroot:
        crate["root_module"] = root + crate["root_module"]
    core = sysroot[0]["root_module"].removesuffix("/src/lib.rs")
    copy = os.path.join(tree, "rust/core-edited")
    edited_core(core, copy)
    sysroot[0]["root_module"] = f"{copy}/src/lib.rs"
    return {
        "sysroot": root + known["sysroot"],
        "sysroot_src": os.path.dirname(core),
        "sysroot_project": {"crates": sysroot},
        "crates": crates,
    }


def self_test():
    with tempfile.TemporaryDirectory() as work:
        files = {
            "inside/src/library/core/src/ptr/non_null.rs": "crate::pattern_type!(*const T is !null)",
            "top/rust/kernel/zpci.rs": "",
            "top/arch_s390_pci/rust/airq.rs": "",
            "top/arch_s390_pci/rust/part.rs": "",
            "tree/arch/s390/pci/Makefile": "obj-y += pci.o rust/airq.o\n",
            "tree/rust/kernel/lib.rs": "pub mod a;\n#[cfg(B)]\npub mod zpci;\n",
        }
        for folder, listing in FOLDERS.items():
            os.makedirs(f"{work}/top/{folder}", exist_ok=True)
            files.setdefault(f"tree/{listing}", "")
        for name, text in files.items():
            os.makedirs(os.path.dirname(f"{work}/{name}"), exist_ok=True)
            with open(f"{work}/{name}", "w", encoding="utf-8") as file:
                file.write(text)

        def crate(name, root, *deps):
            return {
                "display_name": name,
                "root_module": root,
                "deps": [{"crate": -1, "name": dep} for dep in deps],
                "cfg": ["B"],
                "edition": "2021",
                "source": {"include_dirs": []},
            }

        lib = f"{work}/tree/rust/kernel/lib.rs"
        names = ["pin_init", "zerocopy", "zerocopy_derive"]
        known = {
            "sysroot": "/usr",
            "crates": [
                crate("core", "/src/library/core/src/lib.rs"),
                crate("alloc", "/src/library/alloc/src/lib.rs", "core"),
                *(crate(name, f"{work}/tree/rust/{name}.rs", "core") for name in names),
                crate("kernel", lib, "core", "pin_init"),
                crate("a_driver", f"{work}/tree/drivers/a.rs", "kernel"),
            ],
        }
        made = project(known, f"{work}/top", f"{work}/tree", f"{work}/inside")

        assert made["sysroot"] == f"{work}/inside/usr"
        assert made["sysroot_src"] == f"{work}/inside/src/library"
        core, alloc = made["sysroot_project"]["crates"]
        assert core["root_module"] == f"{work}/tree/rust/core-edited/src/lib.rs"
        with open(f"{work}/tree/rust/core-edited/src/ptr/non_null.rs", encoding="utf-8") as file:
            assert file.read() == "*const T"
        assert alloc["deps"] == [{"crate": 0, "name": "core"}]
        assert [c["display_name"] for c in made["crates"]] == [*names, "kernel", "airq"]
        kernel, airq = made["crates"][3:]
        assert kernel["deps"] == [{"crate": 0, "name": "pin_init"}]
        assert kernel["source"]["include_dirs"] == [f"{work}/top/rust/kernel"]
        assert airq["root_module"] == f"{work}/top/arch_s390_pci/rust/airq.rs"
        assert [dep["crate"] for dep in airq["deps"]] == [3, 0, 1, 2]
        with open(kernel["root_module"], encoding="utf-8") as file:
            text = file.read()
        assert '#[cfg(B)]\n#[path = "../../../top/rust/kernel"]\nmod zpci_edited {\n' in text
        assert text.endswith("}\npub use zpci_edited::zpci;\n")
    print("rust_project.py: self-test passed")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    if len(sys.argv) != 5:
        return __doc__
    with open(sys.argv[1], encoding="utf-8") as file:
        json.dump(project(json.load(file), *sys.argv[2:]), sys.stdout, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
