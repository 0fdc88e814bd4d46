// SPDX-License-Identifier: MIT OR Apache-2.0

//! Runs each loop that is shown as an example against a stand-in for the kernel. The output has the
//! lines of the program and of the kernel.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

mod stand_in;

use stand_in::{compile, meets, ADDRESS};

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Returns the path of an example, which Cargo has built before the tests.
fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();

    tests
        .ancestors()
        .nth(2)
        .unwrap()
        .join("examples")
        .join(name)
}

fn run(program: &Path, argument: &str, happens: &str) -> Output {
    meets(program, happens).arg(argument).output().unwrap()
}

/// Returns the lines of an output, without blanks.
fn lines(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

/// Events that the stand-in raises, and the output. Each story ends with a permanent failure or
/// earlier.
const STORIES: [(&str, &str); 9] = [
    (
        "region event=3a event=3b",
        "listening
         kernel: event 0x3a
         kernel: reset
         event 0x3a
         reset
         kernel: event 0x3b
         event 0x3b",
    ),
    // A second reset would undo the driver's setup after the first one.
    (
        "region event=3a,5 event=3b",
        "listening
         kernel: event 0x3a
         kernel: event 0x5
         kernel: reset
         event 0x3a
         event 0x5
         reset
         kernel: event 0x3b
         event 0x3b",
    ),
    // A permanent failure among the events: no reset.
    (
        "region event=3a,3b,5",
        "listening
         kernel: event 0x3a
         kernel: event 0x3b
         kernel: event 0x5
         event 0x3a
         event 0x3b
         event 0x5",
    ),
    // Measurement events: the function works on, and is not reset.
    (
        "region event=2a,2b,2c event=3b",
        "listening
         kernel: event 0x2a
         kernel: event 0x2b
         kernel: event 0x2c
         event 0x2a
         event 0x2b
         event 0x2c
         kernel: event 0x3b
         event 0x3b",
    ),
    // The event that a reset brings is not forgotten.
    (
        "region event=3a after=3b",
        "listening
         kernel: event 0x3a
         kernel: reset
         kernel: event 0x3b
         event 0x3a
         event 0x3b",
    ),
    (
        "region event=3a after=5 event=40",
        "listening
         kernel: event 0x3a
         kernel: reset
         kernel: event 0x5
         kernel: reset
         event 0x3a
         event 0x5
         reset
         kernel: event 0x40
         event 0x40",
    ),
    // Events from before a reset need no other one.
    (
        "region early=5 before=6 event=3b",
        "kernel: event 0x5
         listening
         kernel: event 0x6
         kernel: reset
         event 0x5
         event 0x6
         reset
         kernel: event 0x3b
         event 0x3b",
    ),
    // Linux 7.3 in C does not say that events wait, is busy for a while after each, keeps four, and
    // does not mark stale ones. So there is one reset more.
    (
        "feature early=4 refuse=EAGAIN*3 refuse=EIO*2 before=6 event=1,2,3,4,3b event=40",
        "kernel: event 0x4
         listening
         kernel: resets fail with EAGAIN
         kernel: resets fail with EIO
         kernel: event 0x6
         kernel: reset
         kernel: reset
         event 0x4
         event 0x6
         reset
         kernel: event 0x1
         kernel: event 0x2
         kernel: event 0x3
         kernel: event 0x4
         kernel: event 0x3b is dropped
         kernel: reset
         event 0x1
         event 0x2
         event 0x3
         event 0x4
         reset
         kernel: event 0x40
         event 0x40",
    ),
    // The kernel is busy for long, and then raises another event.
    (
        "region event=3a refuse=EAGAIN*20 event=3b",
        "listening
         kernel: event 0x3a
         kernel: resets fail with EAGAIN
         kernel: reset
         event 0x3a
         reset
         kernel: event 0x3b
         event 0x3b",
    ),
];

/// Errors that cannot be recovered from, and a word of the message.
const ENDS: [(&str, &str); 3] = [
    ("region event=3a refuse=EAGAIN*1000000", "EAGAIN"),
    ("region event=3a refuse=ENODEV*1", "ENODEV"),
    (
        "region event=3a after=3a after=3a after=3a after=3a after=3a after=3a",
        "again",
    ),
];

/// Runs a program through all stories. The client in C prints events before the reset, and their
/// flags.
fn goes_through_all(program: &Path, argument: &str) {
    let order = |text: &str| {
        let mut all = lines(text);
        let events: Vec<_> = all
            .iter()
            .filter(|line| line.starts_with("event"))
            .cloned()
            .collect();

        all.retain(|line| !line.starts_with("event"));
        (all, events)
    };

    for (happens, expected) in STORIES {
        let output = run(program, argument, happens);
        let said: Vec<_> = String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .filter(|line| !line.starts_with("the function is lost"))
            .map(|line| line.split(", flags").next().unwrap().to_owned())
            .collect();

        assert_eq!(order(&said.join("\n")), order(expected), "{happens}");
        assert_eq!(output.status.code(), Some(1), "{happens}");
    }
    for (happens, why) in ENDS {
        let output = run(program, argument, happens);
        let said = String::from_utf8(output.stdout).unwrap();

        assert_eq!(output.status.code(), Some(1), "{happens}: {said}");
        assert!(!said.lines().any(|line| line == "reset"), "{why}: {said}");
        assert!(
            said.matches("kernel: reset\n").count() < 10,
            "{why}: {said}"
        );
    }
}

#[test]
fn the_client() {
    goes_through_all(&example("client"), ADDRESS);
}

#[test]
#[cfg(feature = "tokio")]
fn awaiting() {
    goes_through_all(&example("await_events"), ADDRESS);
}

#[test]
#[cfg(feature = "vfio-ioctls")]
fn with_vfio_ioctls() {
    goes_through_all(&example("rust_vmm"), ADDRESS);
}

/// When a runtime ends it waits for its threads, so the thread of the reset must end.
#[test]
#[cfg(feature = "tokio")]
fn no_thread_is_left_when_a_listener_is_dropped() {
    use std::time::{Duration, Instant};
    use zpci_recover::{AsyncListener, Function, Listener};

    if std::env::var_os("STAND_IN").is_none() {
        // Runs this test again as a program with the stand-in.
        let this = std::env::current_exe().unwrap();
        let output = meets(&this, "region early=3a refuse=EAGAIN*1000000")
            .args(["--exact", "--nocapture"])
            .arg("no_thread_is_left_when_a_listener_is_dropped")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);

        assert!(output.status.success(), "{output:?}");
        assert!(said.contains("resets fail with EAGAIN"), "{said}");
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();

    runtime.block_on(async {
        let function = Function::open(ADDRESS.parse().unwrap()).unwrap();
        let listener = AsyncListener::new(Listener::new(function).unwrap()).unwrap();

        tokio::time::timeout(Duration::from_millis(100), listener.recover())
            .await
            .unwrap_err();
    });
    let start = Instant::now();
    drop(runtime);
    assert!(start.elapsed() < Duration::from_secs(1));
}

/// Returns the lines of a loop, from `loop {` to its end, without indentation and comment marks.
fn the_loop(text: &str) -> Vec<String> {
    let begin = text.find("loop {").unwrap();
    let indent = begin - text[..begin].rfind('\n').unwrap() - 1;
    let margin = text[begin - indent..begin].to_owned();
    let end = begin + text[begin..].find(&format!("\n{margin}}}")).unwrap();

    text[begin..end]
        .lines()
        .map(|line| line.trim_start_matches("///").trim().to_owned())
        .collect()
}

#[test]
fn loops_that_are_shown_are_those_that_are_run() {
    let read = |name| fs::read_to_string(here(name)).unwrap();

    assert_eq!(
        the_loop(&read("README.md")),
        the_loop(&read("examples/client.rs"))
    );
    let shown = read("src/async_listener.rs");
    assert_eq!(
        the_loop(&shown),
        the_loop(&read("examples/await_events.rs").replace("async fn work() {\n    loop {", ""))
    );
}

/// The client in C is a part of the kernel tree, and needs that kernel's headers.
#[test]
#[ignore = "needs ZPCI_HEADERS, the folder with the headers of Linux 7.3 and of the repository"]
fn the_client_in_c() {
    let headers = std::env::var("ZPCI_HEADERS").unwrap();
    let client = Path::new(env!("CARGO_TARGET_TMPDIR")).join("zpci_client");

    compile(
        &here("../../../selftests/zpci_client.c"),
        &client,
        &[&format!("-I{headers}"), "-Wno-missing-field-initializers"],
    );
    goes_through_all(&client, "/dev/vfio/devices/vfio0");
}
