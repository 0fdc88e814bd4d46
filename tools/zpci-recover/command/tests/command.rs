// SPDX-License-Identifier: MIT OR Apache-2.0

//! Runs the command as its users do, without zPCI functions.

use std::{
    fs,
    io::Write,
    process::{Command, Output, Stdio},
};

use proptest::prelude::*;

const REAL: &str = "00000000800200000000000100000000000000010020000000000000 00000004";

fn run(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_zpci-recover"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();

    // The command may end before it has read its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// Runs the command, which must succeed, and returns its standard output.
fn output(args: &[&str], input: &str) -> String {
    let run = run(args, input);

    assert!(run.status.success(), "{args:?}: {run:?}");
    assert!(run.stderr.is_empty(), "{args:?}: {run:?}");
    String::from_utf8(run.stdout).unwrap()
}

/// Runs the command, which must fail with that status, and returns its standard error.
fn failure(args: &[&str], status: i32) -> String {
    let run = run(args, "");

    assert_eq!(run.status.code(), Some(status), "{args:?}: {run:?}");
    assert!(run.stdout.is_empty(), "{args:?}: {run:?}");
    String::from_utf8(run.stderr).unwrap()
}

fn json(line: &str) -> serde_json::Value {
    serde_json::from_str(line).unwrap()
}

#[test]
fn a_code_is_explained() {
    let text = output(&["explain", "0x3b"], "");

    assert!(
        text.contains("0x3b: the function has failed for good"),
        "{text}"
    );
    assert!(text.contains("permanent: the function is lost"), "{text}");
    assert_eq!(output(&["explain", "3b"], ""), text);
    assert_eq!(output(&["explain", "0X3B"], ""), text);
    let unknown = output(&["explain", "0x1234"], "");
    assert!(unknown.contains("does not know"), "{unknown}");
    assert!(
        unknown.contains("the kernel treats unknown codes so"),
        "{unknown}"
    );
    let several = output(&["explain", "0x3b", "3a", REAL], "");
    assert_eq!(several.matches("(PEC)").count(), 3, "{several}");
}

#[test]
fn a_ccdf_is_explained() {
    let text = output(&["explain", REAL], "");

    for part in [
        "0x4: DMA",
        "transient",
        "0x00000001",
        "0x80020000",
        "0x100200000",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    // Fields that the event does not have are not printed.
    for part in ["access", "MSI", "table"] {
        assert!(!text.contains(part), "{part} in {text}");
    }
    // A CCDF in words, as in the kernel's record.
    let words: Vec<_> = REAL.split(' ').collect();
    assert_eq!(output(&[&["explain"], &words[..]].concat(), ""), text);

    let value = json(&output(&["explain", "--json", REAL], ""));
    assert_eq!(value["pec"], 4);
    assert_eq!(value["severity"], "transient");
    assert_eq!(value["failing_address"], 0x1_0020_0000_u64);
    assert_eq!(value["access"], serde_json::Value::Null);
    assert_eq!(value["ccdf"], REAL.replace(' ', ""));
}

#[test]
fn every_field_is_on_the_page() {
    let page = include_str!("../README.md");
    let log = "zpci: 0001:00:00.0: Event 0x3a reports an error for PCI function 0x1f\n";

    for object in [
        output(&["explain", "--json", REAL], ""),
        output(&["explain", "--json", "-"], log),
    ] {
        for (field, _) in json(&object).as_object().unwrap() {
            assert!(page.contains(&format!("`{field}`")), "{field}");
        }
    }
}

#[test]
fn a_log_is_explained() {
    let log = "\
[   12.3] zpci: 0001:00:00.0: Event 0x3a reports an error for PCI function 0x1f
[   12.4] something else
[   13.3] zpci: 0001:00:00.0: Event 0x40 reports an error for PCI function 0x1f
";
    let lines = output(&["explain", "--json", "-"], log);
    let codes: Vec<_> = lines
        .lines()
        .map(|line| json(line)["pec"].clone())
        .collect();

    assert_eq!(codes, [0x3a, 0x40]);
    let first = json(lines.lines().next().unwrap());
    assert_eq!(first["function_id"], 0x1f);
    assert_eq!(first["address"], "0001:00:00.0");
    assert_eq!(first["logged"], "[   12.3]");
    let text = output(&["explain", "-"], log);
    for part in ["0x0000001f", "0001:00:00.0", "[   12.3]"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn what_cannot_be_explained_is_refused() {
    for what in ["", "0x", "10000", "hello", "0001:00:00.0", &"0".repeat(66)] {
        assert!(
            failure(&["explain", what], 2).contains("neither an event code"),
            "{what:?}"
        );
    }
    assert!(failure(&["explain", "-"], 1).contains("the log has no event"));
    failure(&["explain"], 2);
}

#[test]
fn a_function_that_is_not_there_is_named() {
    for command in ["show", "reset", "watch"] {
        let text = failure(&[command, "fffe:ff:1f.7"], 1);

        assert!(
            text.contains("there is no PCI function fffe:ff:1f.7"),
            "{text}"
        );
        assert!(text.contains("hint: zpci-recover list"), "{text}");
    }
    assert!(failure(&["inject", "fffe:ff:1f.7", "3a"], 1).contains("fffe:ff:1f.7"));
}

#[test]
fn what_is_no_function_is_refused() {
    assert!(failure(&["show", "nonsense"], 2).contains("no address of a PCI function"));
    assert!(failure(&["show", "/dev/null"], 2).contains("/dev/null"));
    assert!(failure(&["show", "/etc/passwd"], 2).contains("/etc/passwd is no device"));
    assert!(failure(&["show", "/nowhere"], 2).contains("/nowhere"));
    assert!(failure(&["inject", "1:0:0.0", "hello"], 2).contains("an event code is hexadecimal"));
    failure(&["watch", "--own"], 2);
    failure(&["watch", "--own", "--all", "1:0:0.0"], 2);
    failure(&["watch", "--syslog", "--json"], 2);
}

#[test]
fn completions_are_for_all_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = output(&["completions", shell], "");

        for command in [
            "list", "watch", "show", "reset", "explain", "metrics", "inject",
        ] {
            assert!(text.contains(command), "{command} in those of {shell}");
        }
    }
}

#[test]
fn there_is_a_page_for_each_command() {
    let directory = std::env::temp_dir().join(format!("zpci-recover-man-{}", std::process::id()));
    let path = |page: &str| directory.join(page);

    fs::create_dir(&directory).unwrap();
    output(&["man", directory.to_str().unwrap()], "");
    let all: String = fs::read_dir(&directory)
        .unwrap()
        .map(|page| fs::read_to_string(page.unwrap().path()).unwrap())
        .collect();
    let links: std::collections::BTreeSet<_> = all
        .replace('\\', "")
        .split("(8)")
        .filter_map(|text| text.rsplit([' ', '\n']).next().map(str::to_owned))
        .filter(|link| link.starts_with("zpci-recover"))
        .collect();
    let dangling: Vec<_> = links
        .iter()
        .filter(|link| !path(&format!("{link}.8")).exists())
        .cloned()
        .collect();
    let main = fs::read_to_string(path("zpci-recover.8")).unwrap();
    let watch = fs::read_to_string(path("zpci-recover-watch.8")).unwrap();
    let pages = fs::read_dir(&directory).unwrap().count();
    fs::remove_dir_all(&directory).unwrap();

    assert!(links.len() > 9, "{links:?}");
    assert_eq!(dangling, Vec::<String>::new());
    assert!(main.contains("zpci\\-recover\\-watch"), "{main}");
    assert!(watch.contains("\\-\\-own"), "{watch}");
    assert_eq!(pages, 10);
    let version = env!("CARGO_PKG_VERSION");
    for (page, synopsis) in [
        (&main, "\\fBzpci\\-recover\\fR <COMMAND>"),
        (
            &watch,
            "\\fBzpci\\-recover watch\\fR [OPTIONS] [FUNCTION]...",
        ),
    ] {
        assert!(
            page.contains(&format!(
                "8 \" \" \"zpci-recover {version}\" \"zPCI error recovery\""
            )),
            "{page}"
        );
        assert!(
            page.contains(&format!(".SH SYNOPSIS\n{synopsis}\n")),
            "{page}"
        );
    }
    for page in [main, watch] {
        for section in ["EXIT STATUS", "EXAMPLES", "FILES", "SEE ALSO"] {
            assert!(
                page.contains(&format!(".SH \"{section}\""))
                    || page.contains(&format!(".SH {section}")),
                "{section} in {page}"
            );
        }
    }
}

#[test]
fn a_page_that_cannot_be_written_is_named() {
    assert!(failure(&["man", "/nowhere"], 1).contains("cannot write /nowhere/zpci-recover"));
}

proptest! {
    // Few cases, as each starts a process.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_ccdf_is_explained(bytes: [u8; 32]) {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let value = json(&output(&["explain", "--json", &hex], ""));
        let pec = u16::from_be_bytes([bytes[30], bytes[31]]);

        prop_assert_eq!(&value["pec"], pec);
        prop_assert_eq!(&value["ccdf"], &hex);
    }
}
