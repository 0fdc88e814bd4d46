// SPDX-License-Identifier: GPL-2.0-only

//! Behaviours under one name.

/// The commands of a profile.
pub fn commands(name: &str) -> Result<Vec<String>, String> {
    let commands: &[&str] = match name {
        // As QEMU has it: every behaviour is off until it is asked for.
        "plain" => &[],
        // A partition of a real machine: nothing fails that the guest has not earned.
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
        // A guest of z/VM: what is in error is already disabled, its inside is not reset.
        "zvm" => &["handles on", "states on", "zvm on"],
        // All of it, often.
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
