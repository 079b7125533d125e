//! A result that cannot be written is an error; that nobody reads on is none.

use std::fs::{File, OpenOptions};
use std::process::Stdio;

use insta::assert_snapshot;

use crate::fixture::{Desk, RANGE};

fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").expect("a device")
}

#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let desk = Desk::computed();
    let mut command = desk.command(&["status", "-q"], &RANGE);
    let output = command.stdout(full()).output().expect("the binary runs");
    assert_snapshot!(String::from_utf8(output.stderr).expect("text"), @r"
    error: the result could not be written to standard output
      because: No space left on device (os error 28)
      hint: what the command did stays; print the result again where there is room for it
    ");
    assert_eq!(output.status.code(), Some(1));
    for args in [&["config", "show"][..], &["--help"], &["--version"], &["status", "--format", "json"]] {
        let output = desk.command(args, &[]).stdout(full()).output().expect("the binary runs");
        assert_eq!(output.status.code(), Some(1), "{args:?}");
    }
    // The status of what went wrong before stays.
    let output = desk.command(&["diff", "--with", "store:nothing"], &RANGE).stdout(full()).output();
    assert_eq!(output.expect("the binary runs").status.code(), Some(5));
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let desk = Desk::computed();
    for args in [&["status", "--dates"][..], &["status", "--format", "json"], &["validate", "--all"], &["--help"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let range: &[&str] = if args[0] == "--help" { &[] } else { &RANGE };
        let output = desk.command(args, range).arg("-q").stdout(writer).stderr(Stdio::piped()).output();
        let output = output.expect("the binary runs");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{args:?}");
        assert_eq!(output.status.code(), Some(0), "{args:?}");
    }
}
