//! What putback did not write stays, unless the user says otherwise.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use putback::error::ErrorKind;
use putback::synth::{DemoDir, SeasonSpec};

use crate::fixture::{Desk, RANGE};

#[test]
fn diff_replaces_no_file_unless_asked() {
    let desk = Desk::computed();
    let cells =
        |args: &[&str]| desk.run(&[&["diff", "-q", "--with", "dir:published", "--cells"], args].concat(), &RANGE);
    std::fs::write(desk.path("mine.txt"), "mine").expect("a file");
    let refused = cells(&["mine.txt"]);
    assert_snapshot!(refused.shown(), @r"
    exit status: 2
    --- stdout
    --- stderr
    error: mine.txt is there already
      hint: name another file, or add --force to replace this one
    ");
    assert_eq!(std::fs::read_to_string(desk.path("mine.txt")).expect("a file"), "mine");
    for taken in [".", "/dev/null", "no/where.parquet", "warehouse", "putback-store/phase4/manifest.json"] {
        let before = desk.files("putback-store");
        assert_eq!(cells(&[taken]).code, 2, "{taken}");
        assert!(before == desk.files("putback-store"));
    }
    for args in [&["cells.parquet"][..], &["cells.parquet", "--force"], &["mine.txt", "--force"]] {
        assert_eq!(cells(args).code, 0, "{args:?}");
        let bytes = std::fs::read(desk.path(args[0])).expect("a file");
        assert!(bytes.starts_with(b"PAR1"), "{args:?}");
    }
    assert_eq!(cells(&["cells.parquet"]).code, 2);
}

#[test]
fn demo_replaces_nothing_that_no_demo_wrote() {
    let desk = Desk::new();
    std::fs::create_dir_all(desk.path("mine/warehouse")).expect("a directory");
    let path = desk.path("mine/warehouse/nba_analytics.player_game_summary.parquet");
    std::fs::write(&path, "mine").expect("a file");
    let before = desk.files("mine");
    let refused = desk.run(&["demo", "-q", "--dir", "mine"], &[]);
    assert_snapshot!(refused.shown(), @r"
    exit status: 2
    --- stdout
    --- stderr
    error: mine is not empty, and no demo wrote it
      hint: name another --dir, or add --force to replace what is in the way
    ");
    assert!(before == desk.files("mine"));
}

fn spec() -> SeasonSpec {
    SeasonSpec { players_per_team: 8, last_day: "2023-10-26".parse().ok(), ..SeasonSpec::default() }
}

fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.is_file()).map(|path| (path.clone(), std::fs::read(path).expect("a file"))).collect()
}

#[test]
fn demo_knows_its_own_directory() {
    let dir = tempfile::tempdir().expect("a directory");
    let demo = DemoDir::at(&dir.path().join("demo"));
    demo.write(&spec(), false).expect("a demo");
    let first = files(&demo.warehouse());
    assert_eq!(first.len(), 8);
    demo.write(&spec(), false).expect("the same demo");
    assert!(first == files(&demo.warehouse()));
    demo.write(&SeasonSpec { seed: 2, ..spec() }, false).expect("another demo");
    assert!(first != files(&demo.warehouse()));
    // What a user changed or put there is the user's.
    let mine = first.keys().next().expect("a file");
    std::fs::write(mine, "mine").expect("a file");
    assert_eq!(demo.write(&spec(), false).expect_err("not the demo's").kind(), ErrorKind::Usage);
    assert_eq!(std::fs::read_to_string(mine).expect("a file"), "mine");
    demo.write(&spec(), true).expect("as asked");
    assert!(first == files(&demo.warehouse()));
}

#[test]
fn run_records_are_the_users_alone_and_data_follow_the_umask() {
    let desk = Desk::computed();
    let mode = |path: &Path| std::fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    std::fs::write(desk.path("mine"), "").expect("a file");
    let usual = mode(&desk.path("mine"));
    let run = std::fs::read_dir(desk.path("putback-store/runs")).expect("runs");
    let runs: Vec<PathBuf> = run.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir()).collect();
    for name in ["run.json", "log.jsonl"] {
        assert_eq!(mode(&runs[0].join(name)), 0o600, "{name}");
    }
    for name in ["putback-store", "published"] {
        for path in desk.files(name).keys().filter(|path| path.extension().is_some_and(|kind| kind == "parquet")) {
            assert_eq!(mode(&desk.path(name).join(path)), usual, "{}", path.display());
        }
    }
}
