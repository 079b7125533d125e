//! A disk that is full or read-only. The tests mount one in a namespace of their own, where that is allowed.

use std::process::{Command, Stdio};

use crate::fixture::{Desk, Outcome, RANGE};

/// Begins a command in a mount namespace after `mounts`, a shell script. `None` where namespaces are not to be had.
fn mounted(desk: &Desk, mounts: &str, args: &[&str]) -> Option<Outcome> {
    let (binary, words) = desk.words(args, &RANGE);
    let script = format!("{mounts}\nexec \"$0\" \"$@\"");
    let with = |flags: &str| {
        let mut command = Command::new("unshare");
        command.arg(flags).args(["sh", "-e", "-c"]).current_dir(desk.path(""));
        command
    };
    let probe = |flags: &&str| {
        let status = with(flags).arg("mount -t tmpfs tmpfs .").stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    let Some(flags) = ["-m", "-rm"].into_iter().find(|flags| probe(flags)) else {
        eprintln!("skipped: no mount namespaces here");
        return None;
    };
    Some(desk.outcome(with(flags).arg(script).arg(binary).args(words)))
}

const READ_ONLY: &str = "mount --bind putback-store putback-store; mount -o remount,ro,bind putback-store";

#[test]
fn commands_that_read_work_on_a_read_only_store() {
    let desk = Desk::computed();
    let before = desk.files("putback-store");
    for args in [
        &["status", "-q"][..],
        &["status", "-q", "--dates", "--format", "json"],
        &["check", "-q"],
        &["validate", "-q"],
        &["diff", "-q", "--full", "--with", "dir:published"],
        &["impact", "-q"],
        &["upload", "-q", "--dry-run", "--to", "dir:published"],
    ] {
        let Some(outcome) = mounted(&desk, READ_ONLY, args) else { return };
        let writable = desk.run(args, &RANGE);
        assert_eq!((outcome.code, &outcome.stdout), (writable.code, &writable.stdout), "{args:?} {}", outcome.shown());
    }
    assert!(before == desk.files("putback-store"));
}

#[test]
fn commands_that_write_say_that_the_store_is_read_only() {
    let desk = Desk::computed();
    for args in [&["sync", "-q", "--warehouse", "dir:warehouse"][..], &["compute", "-q", "--force"]] {
        let Some(outcome) = mounted(&desk, READ_ONLY, args) else { return };
        assert_eq!(outcome.code, 1, "{}", outcome.shown());
        assert!(outcome.stderr.contains("the file system at [DIR]/putback-store is read-only"), "{}", outcome.shown());
    }
}

#[test]
fn a_full_disk_is_named_and_what_was_committed_stays() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("small")).expect("a directory");
    let small = "mount -t tmpfs -o size=300k tmpfs small";
    let args = ["sync", "-q", "--warehouse", "dir:warehouse", "--store", "small/store"];
    let Some(outcome) = mounted(&desk, small, &args) else { return };
    assert_eq!(outcome.code, 1, "{}", outcome.shown());
    assert!(outcome.stderr.contains("No space left on device"), "{}", outcome.shown());
    let hint =
        "the file system at [DIR]/small is full: free space there and run the command again; what was committed stays";
    assert!(outcome.stderr.contains(hint), "{}", outcome.shown());
}

#[test]
fn commands_that_read_work_on_a_full_disk() {
    let desk = Desk::computed();
    std::fs::create_dir(desk.path("full")).expect("a directory");
    let full = "mount -t tmpfs -o size=40M tmpfs full; cp -r putback-store full/store; \
                dd if=/dev/zero of=full/rest bs=4k 2>/dev/null || true";
    for args in [&["status"][..], &["check", "-q"], &["validate", "-q"]] {
        let args = [args, &["--store", "full/store"]].concat();
        let Some(outcome) = mounted(&desk, full, &args) else { return };
        assert_eq!(outcome.code, 0, "{args:?} {}", outcome.shown());
    }
}
