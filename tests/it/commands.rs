//! What commands print, as a user sees it.

use insta::assert_snapshot;

use crate::fixture::{Desk, RANGE};

#[test]
fn status_explains_every_figure() {
    let desk = Desk::computed();
    assert_snapshot!(desk.run(&["status"], &RANGE).shown(), @"
    exit status: 0
    --- stdout
    Year  Processor  Dates  Possible  Done      %  Empty  Failed  Skipped  Pending  Stale   Rows  Failures
    2023  TDZA          32        20    20  100.0     12       0        0        0      0    525       435
    2023  PSZA          32        29    29  100.0      3       0        0        0      0  6,869       865
    2023  PCF           32        32    32  100.0      0       0        0        0      0  4,295         0
    2023  PDC           32        32    32  100.0      0       0        0        0      0  4,190        73
    2023  MLFS          32        32    32  100.0      0       0        0        0      0  4,292         0

    TDZA: 12 dates without rows by rule: no team has 15 games this season
    PSZA: 3 dates without rows by rule: no player has 10 games this season
    TDZA: 435 of 960 entities without a row (45.3 %): INSUFFICIENT_DATA; expected at this time of the season: 0 to 59 %
    PSZA: 865 of 7,734 entities without a row (11.2 %): EXPECTED_INCOMPLETE; expected at this time of the season: 25 to 50 %
    PDC: 73 of 4,263 entities without a row (1.7 %): INSUFFICIENT_DATA; expected at this time of the season: 8 to 41 %

    last computed at 2023-11-14 22:13:20 UTC
    2023, 32 of 46 game dates: complete
    --- stderr
    ");
}

#[test]
fn a_year_is_complete_only_when_it_was_validated() {
    let desk = Desk::computed();
    let verdict = || {
        let shown = desk.run(&["status"], &RANGE).stdout;
        shown[shown.find("2023, ").expect("a verdict")..].trim_end().to_owned()
    };
    assert_eq!(verdict(), "2023, 32 of 46 game dates: complete");
    std::fs::remove_file(desk.path("putback-store/runs/validations.json")).expect("a record");
    assert_eq!(verdict(), "2023, 32 of 46 game dates: partial\n  not validated on 32 dates: 2023-11-08 to 2023-12-10");
    assert_eq!(desk.run(&["validate"], &["--from", "2023-11-08", "--to", "2023-11-30"]).code, 0);
    assert_eq!(verdict(), "2023, 32 of 46 game dates: partial\n  not validated on 10 dates: 2023-12-01 to 2023-12-10");
    assert_eq!(desk.run(&["validate"], &RANGE).code, 0);
    assert_eq!(verdict(), "2023, 32 of 46 game dates: complete");
    // Computing alone proves nothing of the rows, and says so.
    let fresh = Desk::new();
    assert_eq!(fresh.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE).code, 0);
    // What is possible is known before: the same as after the computation.
    let possible = |desk: &Desk| {
        let shown = desk.run(&["status", "--format", "json"], &RANGE);
        let shown: serde_json::Value = serde_json::from_str(&shown.stdout).expect("one document");
        let rows = shown["rows"].as_array().expect("rows").iter().map(|row| row["possible"].as_u64());
        rows.collect::<Vec<_>>()
    };
    assert_eq!(possible(&fresh), possible(&desk));
    let computed = fresh.run(&["compute"], &RANGE).stdout;
    assert!(computed.contains("2023, 32 of 46 game dates: partial\n  not validated on 32 dates: "), "{computed}");
}

#[test]
fn progress_without_a_terminal_is_lines_with_the_words_operators_grep_for() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE).code, 0);
    let outcome = desk.run(&["compute"], &RANGE);
    for processor in ["TDZA", "PSZA", "PCF", "MLFS"] {
        let line = outcome.stderr.lines().find(|line| line.starts_with(&format!("{processor} Processing game date ")));
        let line = line.unwrap_or_else(|| panic!("{}", outcome.stderr));
        assert!(line.contains("✓ success") && line.contains("✗ failed 0"), "{line}");
    }
}

#[test]
fn json_is_one_document_on_standard_output() {
    let desk = Desk::new();
    let outcome =
        desk.run(&["run", "--format", "json", "--warehouse", "dir:warehouse", "--to", "dir:published"], &RANGE);
    let result: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("one document");
    let rows = result["status"]["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 5);
    assert!(rows.iter().all(|row| row["failed"] == 0 && row["pending"] == 0), "{rows:?}");
    assert_eq!(result["upload"]["tables"].as_array().expect("tables").len(), 5);
}

#[test]
fn settings_come_from_flags_then_environment_then_file() {
    let desk = Desk::new();
    std::fs::write(desk.path("putback.toml"), "store = \"from-file\"\nthreads = 3\nwarehouse = \"dir:w\"\n")
        .expect("a file");
    let output = desk.command(&["config", "show", "--threads", "2"], &[]).env("PUTBACK_STORE", "from-env").output();
    let text = String::from_utf8(output.expect("the binary runs").stdout).expect("UTF-8");
    assert_snapshot!(text, @"
    Setting       Value      From
    store         from-env   PUTBACK_STORE
    warehouse     dir:w      putback.toml
    to            (not set)  default
    threads       2          command line
    memory-limit  (not set)  default
    location      (not set)  default
    datasets      (not set)  default
    ");
    std::fs::write(desk.path("putback.toml"), "stroe = \"typo\"\n").expect("a file");
    let outcome = desk.run(&["config", "show"], &[]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("putback.toml cannot be used: unknown field `stroe`"), "{}", outcome.stderr);
}

#[test]
fn demo_runs_the_whole_path_and_says_how_to_look_further() {
    let desk = Desk::new();
    let outcome = desk.run(&["demo", "-q", "--dir", "demo", "--players", "10"], &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stdout.contains("Look further:"), "{}", outcome.stdout);
    let again = desk.run(&["demo", "--dir", "demo", "--players", "10"], &[]);
    assert!(again.stderr.contains("nothing to publish"), "{}", again.stderr);
}

/// Whoever judges by other thresholds is told so wherever there is a verdict.
#[test]
fn other_thresholds_are_said_and_recorded() {
    let desk = Desk::computed();
    std::fs::write(desk.path("putback.toml"), "[checks.I15]\nshare = 101\n").expect("a file");
    let line = "threshold overridden: I15.share = 101 (default 50)";
    for args in [&["check"][..], &["validate"], &["status"]] {
        let outcome = desk.run(args, &RANGE);
        assert!(outcome.stdout.contains(line), "{args:?}: {}", outcome.stdout);
    }
    for args in [
        &["compute"][..],
        &["compute", "--skip-validation"],
        &["upload", "--to", "dir:published"],
        &["run", "--warehouse", "dir:warehouse", "--to", "dir:published"],
    ] {
        let outcome = desk.run(args, &RANGE);
        assert!(outcome.stderr.contains(line), "{args:?}: {}", outcome.stderr);
    }
    // What was validated by other thresholds was not validated by these.
    std::fs::remove_file(desk.path("putback.toml")).expect("a file");
    assert!(desk.run(&["status"], &RANGE).stdout.contains("not validated on 32 dates"));
    let runs = desk.run(&["runs", "--format", "json"], &[]).stdout;
    assert!(runs.contains("I15.share = 101 (default 50)"), "{runs}");
    for (text, says) in [
        ("[checks.I99]\nshare = 1\n", "there is no check I99"),
        ("[checks.I15]\nparts = 1\n", "check I15 has no threshold parts"),
    ] {
        std::fs::write(desk.path("putback.toml"), text).expect("a file");
        let outcome = desk.run(&["status"], &RANGE);
        assert!(outcome.code == 2 && outcome.stderr.contains(says), "{}: {}", outcome.code, outcome.stderr);
    }
}
