//! Waivers of the settings file, and dates that are left out of a publication.

use std::collections::BTreeSet;

use putback::catalog::Table;

use crate::fixture::{Desk, Outcome, RANGE};
use crate::incidents::{published, seeded};

const RUN: [&str; 5] = ["run", "--warehouse", "dir:warehouse", "--to", "dir:published"];

/// Zones of December 1 are not there.
fn without_zones() -> Desk {
    seeded(
        Table::TeamDefenseGameSummary,
        "SELECT * REPLACE (CASE WHEN game_date = DATE '2023-12-01' THEN NULL ELSE opp_paint_attempts END AS opp_paint_attempts) FROM team_defense_game_summary",
    )
}

fn waive(desk: &Desk, check: &str, from: &str, until: &str, expires: &str) {
    let waiver = format!(
        "[[waiver]]\ncheck = {check}\nfrom = {from}\nuntil = {until}\nreason = \"no play-by-play, ticket 7\"\nexpires = {expires}\n"
    );
    std::fs::write(desk.path("putback.toml"), waiver).expect("a settings file");
}

fn run(desk: &Desk) -> Outcome {
    desk.run(&RUN, &RANGE)
}

fn dates(desk: &Desk) -> BTreeSet<String> {
    let dates = "SELECT string_agg(DISTINCT game_date::VARCHAR, ' ') FROM ml_feature_store_v2";
    published(desk, dates, Table::MlFeatureStore).split(' ').map(str::to_owned).collect()
}

#[test]
fn waivers_publish_what_a_check_holds_back_and_are_recorded() {
    let desk = without_zones();
    waive(&desk, "\"I15\"", "2023-12-01", "2023-12-01", "2999-12-31");
    let done = run(&desk);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(
        done.stderr.contains("note: waived: zones missing upstream (I15): 1 date, 2023-12-01; reaches 10 dates"),
        "{}",
        done.stderr
    );
    assert_eq!(dates(&desk).len(), 32);
    let verdict = desk.run(&["status"], &RANGE).stdout;
    assert!(verdict.contains("2023, 32 of 46 game dates: complete with waivers"), "{verdict}");
    assert!(verdict.contains("check I15 fails, waived by I15 from 2023-12-01 until 2023-12-01 (no play-by-play, ticket 7; expires 2999-12-31), on 10 dates: 2023-12-01 to 2023-12-10"), "{verdict}");
    let recorded = std::fs::read_to_string(desk.path("published/_putback/published.json")).expect("a record");
    assert!(recorded.contains("no play-by-play, ticket 7"), "{recorded}");
    let run = desk.run(&["runs", "--format", "json"], &[]);
    assert!(run.stdout.contains("no play-by-play, ticket 7"), "{}", run.stdout);
    // It counts as long as it is there.
    std::fs::remove_file(desk.path("putback.toml")).expect("a settings file");
    assert!(desk.run(&["status"], &RANGE).stdout.contains("not validated"));
    assert_eq!(desk.run(&["upload", "--to", "dir:published"], &RANGE).code, 4);
}

#[test]
fn waivers_that_are_expired_or_unused_or_of_other_dates_are_reported_and_publish_nothing() {
    let desk = without_zones();
    waive(&desk, "\"I15\"", "2023-12-01", "2023-12-01", "2023-12-31");
    let expired = run(&desk);
    assert_eq!(expired.code, 4, "{}", expired.stderr);
    assert!(
        expired.stderr.contains("note: expired waiver, which counts for nothing: I15 from 2023-12-01"),
        "{}",
        expired.stderr
    );
    waive(&desk, "[\"I15\", \"I2g\"]", "\"2023-12-02\"", "2023-12-31", "2999-12-31");
    let unused = run(&desk);
    assert_eq!(unused.code, 4, "{}", unused.stderr);
    assert!(
        unused.stderr.contains("note: unused waiver: no check of it fails: I15, I2g from 2023-12-02 until 2023-12-31"),
        "{}",
        unused.stderr
    );
    assert!(!dates(&desk).contains("2023-12-01"));
    assert!(dates(&desk).contains("2023-11-30"));
}

/// With a hint that says something.
fn assert_refused(desk: &Desk, message: &str) {
    let refused = desk.run(&["status"], &[]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains(message), "{message}: {}", refused.stderr);
    let hint = refused.stderr.lines().find_map(|line| line.trim_start().strip_prefix("hint: "));
    assert!(hint.is_some_and(|hint| hint.len() > 9), "{message}: {}", refused.stderr);
}

#[test]
fn waivers_that_cannot_be_meant_are_refused() {
    let desk = Desk::new();
    let whole = "[[waiver]]\ncheck = \"I15\"\nfrom = 2023-12-01\nuntil = 2023-12-01\nreason = \"a test\"\nexpires = 2999-12-31\n\n";
    for (check, from, message) in [
        ("\"I51\"", "2023-12-01", "putback.toml: waiver 2 names check I51, which does not exist"),
        ("[]", "2023-12-01", "waiver 2 names no check"),
        ("\"I15\"", "2024-12-01", "waiver 2 of I15 is from 2024-12-01 until 2023-12-05"),
        ("\"I15\"", "\"soon\"", "\"soon\" is not a date like 2024-01-15 (line 10)"),
        ("\"I15\"\nchek = 1", "2023-12-01", "putback.toml cannot be used: unknown field `chek`"),
    ] {
        waive(&desk, check, from, "2023-12-05", "2999-12-31");
        let settings = std::fs::read_to_string(desk.path("putback.toml")).expect("a settings file");
        std::fs::write(desk.path("putback.toml"), format!("{whole}{settings}")).expect("a settings file");
        assert_refused(&desk, message);
    }
    let unreasoned = format!("{whole}{}", whole.replace("a test", " "));
    std::fs::write(desk.path("putback.toml"), unreasoned).expect("a settings file");
    assert_refused(&desk, "waiver 2 of I15 gives no reason");
}

#[test]
fn excluded_dates_are_left_out_of_the_publication_only_and_named() {
    let whole = Desk::computed();
    let desk = Desk::new();
    let without_reason = desk.run(&[&RUN[..], &["--exclude", "2023-11-20"]].concat(), &RANGE);
    assert_eq!(without_reason.code, 2, "{}", without_reason.stderr);
    let elsewhere = desk.run(&[&RUN[..], &["--exclude", "2024-11-20", "--reason", "a test"]].concat(), &RANGE);
    assert_eq!(elsewhere.code, 2, "{}", elsewhere.stderr);
    let done = desk.run(&[&RUN[..], &["--exclude", "2023-11-20", "--reason", "arena's clock failed"]].concat(), &RANGE);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(
        done.stderr.contains("note: 2023-11-20 is excluded from publication: arena's clock failed"),
        "{}",
        done.stderr
    );
    let left_out: Vec<String> = dates(&whole).difference(&dates(&desk)).cloned().collect();
    assert_eq!(left_out, ["2023-11-20"]);
    let hashes = "SELECT md5(string_agg(concat(game_date, player_lookup, data_hash), ' ' ORDER BY game_date, player_lookup)) FROM ml_feature_store_v2 WHERE game_date <> DATE '2023-11-20'";
    assert_eq!(published(&desk, hashes, Table::MlFeatureStore), published(&whole, hashes, Table::MlFeatureStore));
    let verdict = desk.run(&["status"], &RANGE).stdout;
    assert!(verdict.contains("excluded from publication (arena's clock failed) on 1 date: 2023-11-20"), "{verdict}");
    let recorded = std::fs::read_to_string(desk.path("published/_putback/published.json")).expect("a record");
    assert!(recorded.contains("excluded: 2023-11-20 (arena's clock failed)"), "{recorded}");
    // The next publication has the date.
    assert_eq!(desk.run(&["upload", "--to", "dir:published"], &RANGE).code, 0);
    assert_eq!(dates(&desk), dates(&whole));
    assert!(!desk.run(&["status"], &RANGE).stdout.contains("excluded"));
}
