// SPDX-License-Identifier: GPL-2.0-only

//! Named sets of behaviours.

/// Returns the commands that a profile consists of.
pub fn commands(name: &str) -> Result<Vec<String>, String> {
    let commands: &[&str] = match name {
        // Everything works as in QEMU, until a test switches a behaviour on.
        "plain" => &[],
        // A partition of a real machine: rules are enforced, and operations are busy now and then.
        "lpar" => &[
            "handles on",
            "states on",
            "inside on",
            "notifications on",
            "answer enable every=7 rsp=0x108",
            "answer disable every=5 rsp=0x108",
            "answer modify every=13 cc=2",
            "answer load every=499 cc=2",
        ],
        // A guest of z/VM: a function in error is disabled, and its inside is not reset.
        "zvm" => &["handles on", "states on", "zvm on"],
        // All behaviours except those of z/VM. Operations are often busy or slow.
        "hostile" => &[
            "handles on",
            "states on",
            "inside on",
            "notifications on",
            "answer enable every=2 rsp=0x108 ms=5",
            "answer disable every=2 rsp=0x108 ms=5",
            "answer modify every=3 cc=2",
            "answer refresh every=5 cc=2",
            "answer load every=7 cc=2",
            "answer load space=15 every=29 ms=1",
            "answer store every=11 cc=2",
        ],
        _ => return Err(format!("there is no profile {name}")),
    };
    Ok(commands.iter().map(|command| command.to_string()).collect())
}
