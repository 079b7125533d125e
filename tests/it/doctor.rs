//! `putback doctor`: what would stop a run.

use insta::assert_snapshot;
use putback::catalog::Table;
use serde_json::Value;

use crate::fixture::{Desk, Outcome, RANGE};

/// The lines of a doctor about what the machine does not decide.
fn lines(outcome: &Outcome) -> String {
    let of_machine = ["disk", "memory", "clock"];
    let is_ours = |line: &&str| !line.split_whitespace().nth(1).is_some_and(|about| of_machine.contains(&about));
    let lines: Vec<&str> = outcome.stdout.lines().filter(is_ours).collect();
    format!("exit status: {}\n{}\n{}", outcome.code, lines.join("\n"), outcome.stderr)
}

#[test]
fn a_new_desk_and_a_used_one() {
    let desk = Desk::new();
    assert_snapshot!(lines(&desk.run(&["doctor", "--warehouse", "dir:warehouse", "--to", "dir:published"], &[])), @"
    exit status: 0
    ✓ store        putback-store is not there yet; `putback sync` creates it
    ✓ warehouse    dir:[DIR]/warehouse can be read
    ✓ warehouse    8 tables have the columns that are read; optional and absent: nba_precompute.player_daily_cache, nba_orchestration.reprocess_attempts
    ✓ target       published is not there yet; `putback upload` creates it
    nothing stops a run
    ");
    assert!(!desk.path("putback-store").exists() && !desk.path("published").exists());
    let desk = Desk::computed();
    let (store, published) = (desk.files("putback-store"), desk.files("published"));
    let doctor = desk.run(&["doctor", "--warehouse", "dir:warehouse", "--to", "dir:published"], &[]);
    assert_eq!(doctor.code, 0, "{}", doctor.shown());
    for line in [
        "✓ store        putback-store is a directory that can be written",
        "✓ lock         no process is writing the store",
        "✓ contents     46 game dates are synced, ",
        "✓ files        every month file is as it was written",
        "✓ only here    the warehouse has purged nothing that the store holds",
        "✓ disk         ",
        "✓ memory       ",
        "✓ clock        ",
        "✓ target       published can be written, and its record read",
        "nothing stops a run",
    ] {
        assert!(doctor.stdout.lines().any(|shown| shown.starts_with(line)), "{line}: {}", doctor.stdout);
    }
    assert!(store == desk.files("putback-store") && published == desk.files("published"), "something was written");
    let json = desk.run(&["doctor", "--format", "json"], &[]);
    let json: Value = serde_json::from_str(&json.stdout).expect("one document");
    let marks = json.as_array().expect("lines").iter().map(|line| line["mark"].as_str().expect("a mark").to_owned());
    assert!(marks.collect::<Vec<_>>().contains(&"unknown".to_owned()), "{json}");
}

#[test]
fn each_thing_that_stops_a_run_is_told_with_its_status_and_fix() {
    let desk = Desk::computed();
    let doctor = |args: &[&str]| desk.run(&[&["doctor"], args].concat(), &[]);
    let is_told = |outcome: &Outcome, code: i32, says: &str| {
        let line = outcome.stdout.lines().find(|line| line.starts_with('✗') && line.contains(says));
        assert!(line.is_some_and(|line| line.contains("; fix: ")), "{says}: {}", outcome.shown());
        assert_eq!(outcome.code, code, "{says}: {}", outcome.shown());
    };
    is_told(&doctor(&["--warehouse", "dir:nowhere"]), 5, "the warehouse nowhere is not a directory");
    std::fs::write(desk.path("file"), "").expect("a file");
    is_told(&doctor(&["--to", "dir:file"]), 2, "is not a directory");
    std::fs::remove_file(desk.warehouse_file(Table::PlayerGameSummary)).expect("a file");
    is_told(&doctor(&["--warehouse", "dir:warehouse"]), 5, "has no table nba_analytics.player_game_summary");
    std::fs::write(desk.warehouse_file(Table::PlayerGameSummary), "PAR1 no PAR1").expect("a file");
    is_told(&doctor(&["--warehouse", "dir:warehouse"]), 13, "player_game_summary.parquet");
    let month = "putback-store/phase4/nba_precompute.team_defense_zone_analysis/2023-12.parquet";
    std::fs::remove_file(desk.path(month)).expect("a file");
    is_told(&doctor(&[]), 13, "is missing or damaged");
    std::fs::write(desk.path("putback-store/phase4/manifest.json"), "{").expect("a file");
    is_told(&doctor(&[]), 11, "manifest.json");
}

#[test]
fn a_writer_and_a_clock_that_is_behind_stop_a_run() {
    let desk = Desk::computed();
    let store = putback::store::Store::at(desk.path("putback-store"));
    let owner = putback::store::Owner { pid: 4711, host: "there".to_owned(), command: "putback run".to_owned() };
    let lock = putback::store::WriteLock::acquire(&store, &owner).expect("nobody writes");
    let held = desk.run(&["doctor"], &[]);
    assert_eq!(held.code, 10, "{}", held.shown());
    assert!(
        held.stdout.contains("✗ lock         process 4711 on there (`putback run`) is writing the store; fix: wait"),
        "{}",
        held.stdout
    );
    drop(lock);
    let runs =
        std::fs::read_dir(desk.path("putback-store/runs")).expect("runs").map(|entry| entry.expect("an entry").path());
    let record = runs.filter(|path| path.is_dir()).map(|dir| dir.join("run.json")).next().expect("a run");
    let mut run: Value = serde_json::from_slice(&std::fs::read(&record).expect("a record")).expect("JSON");
    run["started_at"] = "2099-01-01T00:00:00Z".into();
    std::fs::write(&record, run.to_string()).expect("a file");
    let behind = desk.run(&["doctor"], &[]);
    assert_eq!(behind.code, 1, "{}", behind.shown());
    assert!(
        behind.stdout.contains("the store has a run of 2099-01-01 00:00 UTC; fix: set the clock"),
        "{}",
        behind.stdout
    );
}

#[test]
fn credentials_are_looked_at_before_anybody_is_asked() {
    let desk = Desk::empty();
    let doctor = |file: &str| {
        let mut command =
            desk.command(&["doctor", "--to", "bigquery:some-project", "--warehouse", "dir:."], &RANGE[..0]);
        command.env("GOOGLE_APPLICATION_CREDENTIALS", desk.path(file)).env("BIGQUERY_EMULATOR_HOST", "");
        desk.outcome(&mut command)
    };
    let absent = doctor("absent.json");
    assert_eq!(absent.code, 7, "{}", absent.shown());
    assert!(absent.stdout.contains("absent.json cannot be read"), "{}", absent.stdout);
    std::fs::write(desk.path("broken.json"), "no JSON").expect("a file");
    assert!(doctor("broken.json").stdout.contains("broken.json is not JSON"));
}
