//! Standard output and standard error in odd places.

use crate::harness::scene::Connected;
use std::fs::{File, OpenOptions};
use std::process::{Command, Stdio};

fn packed() -> Connected {
    let side = Connected::start();
    side.unsigned("app");
    side.pack(&["app:1"], &[]).expect_code(0);
    side
}

fn inspect(side: &Connected) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bundle"));
    command.arg("inspect").arg(side.file()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

#[track_caller]
fn expect(mut command: Command, code: i32) -> String {
    let output = command.output().expect("it runs");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

#[test]
fn a_reader_that_went_away_has_seen_enough() {
    let side = packed();
    let (reader, writer) = std::io::pipe().expect("pipe");
    drop(reader);
    let mut command = inspect(&side);
    command.stdout(writer);
    assert_eq!(expect(command, 0), "");
    assert_eq!(expect(inspect(&side), 0), "", "the same with a reader");
}

#[test]
fn a_report_that_cannot_be_written_is_an_error() {
    let side = packed();
    let full = || OpenOptions::new().write(true).open("/dev/full").expect("device");
    let mut command = inspect(&side);
    command.stdout(full());
    assert!(expect(command, 6).contains("standard output"));
}

#[test]
fn nobody_to_tell_is_no_error() {
    let side = packed();
    let full: File = OpenOptions::new().write(true).open("/dev/full").expect("device");
    let mut command = inspect(&side);
    command.arg("--json").stderr(full);
    expect(command, 0);
    let mut command = Command::new(env!("CARGO_BIN_EXE_bundle"));
    let full: File = OpenOptions::new().write(true).open("/dev/full").expect("device");
    command.args(["inspect", "/nowhere"]).stdout(Stdio::null()).stderr(full);
    expect(command, 6);
}
