//! One upstream cause is one line; what has another cause stands alone.

use putback::catalog::Table;

use crate::fixture::{Desk, RANGE};
use crate::incidents::{edit, published, seeded};

/// Zones of December 1 are not there.
fn without_zones() -> Desk {
    seeded(
        Table::TeamDefenseGameSummary,
        "SELECT * REPLACE (CASE WHEN game_date = DATE '2023-12-01' THEN NULL ELSE opp_paint_attempts END AS opp_paint_attempts, \
         CASE WHEN game_date = DATE '2023-12-01' THEN NULL ELSE opp_mid_range_attempts END AS opp_mid_range_attempts) FROM team_defense_game_summary",
    )
}

const RUN: [&str; 5] = ["run", "--warehouse", "dir:warehouse", "--to", "dir:published"];

fn rows_from(desk: &Desk, date: &str) -> u64 {
    let count = format!("SELECT count(*) FROM ml_feature_store_v2 WHERE game_date >= DATE '{date}'");
    published(desk, &count, Table::MlFeatureStore).parse().expect("a number")
}

#[test]
fn causes_are_one_line_with_what_they_hold_back_and_what_follows() {
    let desk = without_zones();
    let run = desk.run(&RUN, &RANGE);
    assert_eq!(run.code, 4, "{}", run.stderr);
    let told: Vec<&str> = run.stderr.lines().filter(|line| line.starts_with("note: not published")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    let (start, end) = (
        "note: not published: zones missing upstream (I15): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, ",
        " rows; also fails T2c",
    );
    assert!(told[0].starts_with(start) && told[0].ends_with(end), "{}", told[0]);
    assert!(run.stderr.contains("`--accept I15` publishes these dates once"), "{}", run.stderr);
    assert_eq!(rows_from(&desk, "2023-12-01"), 0);
    let validate = desk.run(&["validate", "-v"], &RANGE);
    assert_eq!(validate.code, 4);
    assert!(validate.stdout.contains("  follows from I15\n"), "{}", validate.stdout);
    assert!(
        validate.stdout.contains("cause: zones missing upstream (I15): 1 date, 2023-12-01; holds back"),
        "{}",
        validate.stdout
    );
    let json = desk.run(&["validate", "--format", "json"], &RANGE);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("one document");
    assert_eq!(json["causes"][0]["check"], "I15");
    assert_eq!(json["causes"][0]["also_fails"]["T2c"], serde_json::json!(["2023-12-01"]));
    assert_eq!(json["causes"][0]["reaches"].as_array().map(Vec::len), Some(10));
    assert_eq!(json["causes"].as_array().map(Vec::len), Some(1), "{}", json["causes"]);
    let status = desk.run(&["status"], &RANGE);
    assert!(status.stdout.contains("  check I15 fails on 10 dates: 2023-12-01 to 2023-12-10"), "{}", status.stdout);
}

#[test]
fn causes_that_are_accepted_are_accepted_with_what_follows_for_one_run() {
    let desk = without_zones();
    let accepted = desk.run(&[&RUN[..], &["--accept", "I15"]].concat(), &RANGE);
    assert_eq!(accepted.code, 0, "{}", accepted.stderr);
    assert!(
        accepted.stderr.contains("note: accepted for this run: zones missing upstream (I15)"),
        "{}",
        accepted.stderr
    );
    assert_ne!(rows_from(&desk, "2023-12-01"), 0);
    let recorded = std::fs::read_to_string(desk.path("published/_putback/published.json")).expect("a record");
    assert!(recorded.contains("accepted: zones missing upstream (I15)"), "{recorded}");
    // The verdict is not that of the flag, and the next run knows nothing of it.
    assert!(desk.run(&["status"], &RANGE).stdout.contains("check I15 fails"));
    assert_eq!(desk.run(&["upload", "--to", "dir:published"], &RANGE).code, 4);
}

#[test]
fn causes_of_their_own_within_the_dates_of_another_stand_alone() {
    let desk = without_zones();
    edit(
        &desk,
        Table::PlayerGameSummary,
        "SELECT * FROM player_game_summary WHERE NOT (game_date = DATE '2023-12-01' AND team_abbr = (SELECT min(team_abbr) FROM player_game_summary WHERE game_date = DATE '2023-12-01'))",
    );
    let run = desk.run(&[&RUN[..], &["--accept", "I15"]].concat(), &RANGE);
    assert_eq!(run.code, 4, "{}", run.stderr);
    assert!(run.stderr.contains("note: accepted for this run: zones missing upstream (I15)"), "{}", run.stderr);
    assert!(
        run.stderr
            .contains("note: not published: players of a team missing upstream (I2g): 1 date, 2023-12-01; holds back "),
        "{}",
        run.stderr
    );
    assert_eq!(
        rows_from(&desk, "2023-12-01"),
        rows_from(&desk, "2023-12-11"),
        "windows lack a game on every date after it"
    );
}

/// Missing zones are not the reason of missing players.
#[test]
fn causes_on_the_same_date_are_accepted_one_by_one() {
    let desk = without_zones();
    edit(&desk, Table::PlayerGameSummary, "SELECT * FROM player_game_summary WHERE game_date <> DATE '2023-12-01'");
    let run = desk.run(&[&RUN[..], &["--accept", "I15"]].concat(), &RANGE);
    assert_eq!(run.code, 4, "{}", run.stderr);
    assert!(
        run.stderr.contains(
            "note: not published: player rows of whole dates missing upstream (I1): 1 date, 2023-12-01; holds back "
        ),
        "{}",
        run.stderr
    );
    assert_eq!(rows_from(&desk, "2023-12-01"), 0);
    std::fs::write(
        desk.path("putback.toml"),
        "[[waiver]]\ncheck = [\"I15\", \"I1\"]\nfrom = 2023-12-01\nuntil = 2023-12-01\nreason = \"lost upstream\"\nexpires = 2099-12-31\n",
    )
    .expect("settings");
    let waived = desk.run(&["upload", "--to", "dir:published"], &RANGE);
    assert!(
        waived.stderr.contains("note: waived: player rows of whole dates missing upstream (I1)"),
        "{}",
        waived.stderr
    );
    assert_ne!(rows_from(&desk, "2023-12-02"), 0);
    assert_eq!(rows_from(&desk, "2023-12-01"), rows_from(&desk, "2023-12-02"), "the date itself failed");
}
