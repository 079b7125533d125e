//! Incidents of computing and publishing.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use putback::catalog::Table;
use putback::processors::ProcessorId;
use putback::store::Store;
use serde_json::Value;

use super::{DEFENSE, GAMES, edit, on_december_1, published, published_features, run, story};
use crate::fixture::{Desk, RANGE};

#[test]
fn row_10_a_smaller_run_leaves_no_stale_rows() {
    let desk = Desk::computed();
    let before = published_features(&desk);
    edit(
        &desk,
        GAMES,
        "SELECT * FROM player_game_summary WHERE game_date <> DATE '2023-12-01' OR player_lookup <> (SELECT min(player_lookup) FROM player_game_summary WHERE game_date = DATE '2023-12-01')",
    );
    assert_snapshot!(story(&desk, &["A8"]), @"
    check: exit status 0
    run: exit status 0
    validate: exit status 0
      warning A8:
        2023-12-01: 1: MLFS: 154 rows, before 155
    2023, 32 of 46 game dates: complete
    ");
    let after = published_features(&desk);
    assert!(after < before, "{after} of {before}");
    assert_eq!(desk.run(&["diff", "--with", "dir:published"], &RANGE).code, 0);
}

#[test]
fn row_11_decimals_have_the_declared_scale() {
    let desk = Desk::computed();
    let types = published(
        &desk,
        "SELECT min(typeof(assisted_rate_last_10)) FROM player_shot_zone_analysis",
        Table::PlayerShotZoneAnalysis,
    );
    assert_eq!(types, "DECIMAL(5,2)");
}

#[test]
fn row_27_a_failure_that_is_no_more_leaves_the_target() {
    let desk = Desk::new();
    // A player whose games begin late fails for want of ten games. Nobody misses his points.
    let player = "(SELECT arg_min(player_lookup, (points, player_lookup)) FROM player_game_summary WHERE game_date = DATE '2023-12-08' AND minutes_played > 0)";
    let original = std::fs::read(desk.warehouse_file(GAMES)).expect("a file");
    edit(
        &desk,
        GAMES,
        &format!("SELECT * FROM player_game_summary WHERE player_lookup <> {player} OR game_date > DATE '2023-12-01'"),
    );
    assert_eq!(run(&desk).code, 0);
    let failures = "SELECT count(*) FROM precompute_failures WHERE analysis_date = DATE '2023-12-08' AND processor_name LIKE 'PlayerShot%'";
    let before: u64 = published(&desk, failures, Table::PrecomputeFailures).parse().expect("a number");
    std::fs::write(desk.warehouse_file(GAMES), original).expect("a file");
    assert_snapshot!(story(&desk, &["X9"]), @"
    check: exit status 0
    run: exit status 0
    validate: exit status 0
      X9 ok
    2023, 32 of 46 game dates: complete
    ");
    let after: u64 = published(&desk, failures, Table::PrecomputeFailures).parse().expect("a number");
    assert_eq!(after + 1, before);
}

fn json(desk: &Desk, args: &[&str], range: &[&str]) -> Value {
    let outcome = desk.run(&[args, &["--format", "json"]].concat(), range);
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {}", outcome.stdout))
}

#[test]
fn row_28_what_a_run_says_is_what_the_data_say() {
    let desk = Desk::computed();
    let status = json(&desk, &["status"], &RANGE);
    let said = status["rows"].as_array().expect("rows").iter().find(|row| row["processor"] == "MLFS").expect("MLFS");
    let rows = published(&desk, "SELECT count(*) FROM ml_feature_store_v2", Table::MlFeatureStore);
    assert_eq!(said["rows"].to_string(), rows);
    let runs = json(&desk, &["runs"], &[]);
    assert_eq!(runs[0]["exit_status"], 0);
    assert_eq!(runs[0]["summary"]["dates"]["by_processor"]["MLFS"]["rows"].to_string(), rows);
    // A run that finds everything done says so, and does not say that it wrote nothing.
    assert_eq!(run(&desk).code, 0);
    let runs = json(&desk, &["runs"], &[]);
    let of_mlfs = &runs[1]["summary"]["MLFS"];
    assert_eq!([&of_mlfs["computed"], &of_mlfs["unchanged"], &of_mlfs["rows"]], [0, 32, 0]);
    assert_eq!(runs[1]["summary"]["dates"]["by_processor"]["MLFS"]["rows"].to_string(), rows);
}

/// Counts and times are of the run and processor that they stand beside.
#[test]
fn row_29_counters_are_of_one_processor_and_run() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE).code, 0);
    let short = ["--from", "2023-11-29", "--to", "2023-11-30"];
    assert_eq!(desk.run(&["compute", "-q"], &short).code, 0);
    assert_eq!(desk.run(&["compute", "-q"], &RANGE).code, 0);
    let runs = json(&desk, &["runs"], &[]);
    let computed = |run: usize| {
        let counts = |id: &str| [&runs[run]["summary"][id]["computed"], &runs[run]["summary"][id]["unchanged"]];
        ["TDZA", "PSZA", "PCF", "PDC", "MLFS"].map(|id| counts(id).map(|count| count.as_u64().expect("a number")))
    };
    assert_eq!(computed(1), [[2, 0]; 5]);
    assert_eq!(computed(2), [[30, 2]; 5]);
    // Rows of the two together are those of the store.
    let status = json(&desk, &["status"], &RANGE);
    for (row, id) in status["rows"].as_array().expect("rows").iter().zip(["TDZA", "PSZA", "PCF", "PDC", "MLFS"]) {
        let rows = |run: usize| runs[run]["summary"][id]["rows"].as_u64().expect("a number");
        assert_eq!(Some(rows(1) + rows(2)), row["rows"].as_u64(), "{id}");
    }
}

/// A season in two runs, cut at January 1, is the season in one.
#[test]
fn row_33_a_season_across_the_turn_of_the_year() {
    let range = ["--from", "2023-12-27", "--to", "2024-01-05"];
    let whole = Desk::until("2024-01-05");
    let cut = Desk::until("2024-01-05");
    for desk in [&whole, &cut] {
        assert_eq!(desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &range).code, 0);
    }
    assert_eq!(whole.run(&["compute", "-q"], &range).code, 0);
    // The later year first: its history is the earlier year's inputs, not its outputs.
    assert_eq!(cut.run(&["compute", "-q"], &["--from", "2024-01-01", "--to", "2024-01-05"]).code, 0);
    assert_eq!(cut.run(&["compute", "-q"], &["--from", "2023-12-27", "--to", "2023-12-31"]).code, 0);
    assert!(whole.files("putback-store/phase4") == cut.files("putback-store/phase4"));
    // The history of January is checked into the year before.
    let check = whole.run(&["check"], &["--from", "2024-01-01", "--to", "2024-01-05"]);
    let last = check.stdout.lines().last().unwrap_or_default().to_owned();
    assert!(!check.stdout.contains("I24"), "{}", check.stdout);
    assert!(last.contains(" on 5 game dates and 66 before them"), "{last}");
}

#[test]
fn row_35_a_gap_in_phase_4_is_seen() {
    let desk = Desk::computed();
    edit(&desk, GAMES, "SELECT * REPLACE (points + 1 AS points) FROM player_game_summary");
    assert_eq!(desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE).code, 0);
    let validated = desk.run(&["validate", "--format", "json"], &RANGE);
    assert!(validated.stdout.contains("MLFS is stale"), "{}", validated.stdout);
    let status = desk.run(&["status"], &["--from", "2023-11-01", "--to", "2023-12-10"]).stdout;
    assert_snapshot!(status[status.find("2023, ").expect("a verdict")..].trim_end(), @"
    2023, 38 of 46 game dates: partial
      TDZA, PSZA, PCF, PDC and MLFS pending on 6 dates: 2023-11-01 to 2023-11-06
      PSZA, PCF, PDC and MLFS stale on 32 dates: 2023-11-08 to 2023-12-10
      check I5d fails on 32 dates: 2023-11-08 to 2023-12-10
      check I5e fails on 32 dates: 2023-11-08 to 2023-12-10

    next: `putback compute --from 2023-11-01 --until 2023-11-06` computes the pending dates
    next: `putback compute --from 2023-11-08 --until 2023-12-10` computes the dates whose inputs or processor version changed
    next: `putback validate --from 2023-11-08 --until 2023-12-10` shows the faulty rows of I5d, I5e; mend them upstream and sync, or accept them: `putback upload --accept I5d --accept I5e` for one run, a [[waiver]] in putback.toml until it expires
    ");
}

const DECEMBER_1: [&str; 2] = ["--date", "2023-12-01"];

/// Digests of what each processor made of December 1, volatile columns left out.
fn content(desk: &Desk, compute: &[&str]) -> BTreeMap<ProcessorId, String> {
    assert_eq!(desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE).code, 0);
    let computed = desk.run(&[&["compute", "-q"], compute].concat(), &DECEMBER_1);
    // 3: two of the four processors were not asked for.
    let expected = if compute.contains(&"--processor") { 3 } else { 0 };
    assert_eq!(computed.code, expected, "{}", computed.stderr);
    let manifest = Store::at(desk.path("putback-store")).phase4().expect("a manifest");
    let date = "2023-12-01".parse().expect("a date");
    let of = |id| Some((id, manifest.record(id, date)?.hash.clone()));
    ProcessorId::ALL.into_iter().filter_map(of).collect()
}

/// Other results of the games of December 1.
fn change_results(desk: &Desk) {
    edit(desk, GAMES, &on_december_1(GAMES, "paint_attempts", "paint_attempts + 3"));
    edit(desk, GAMES, &on_december_1(GAMES, "fg_attempts", "fg_attempts + 3"));
    edit(desk, DEFENSE, &on_december_1(DEFENSE, "opp_paint_attempts", "opp_paint_attempts + 5"));
}

/// The reference's windows hold the games of their own date; those that end on the day before know nothing of it.
#[test]
fn row_38_features_know_the_result() {
    let (known, free) = (Desk::new(), Desk::new());
    let (with_same_day, without) = (content(&known, &[]), content(&free, &["--windows", "day-before"]));
    // They are as if the date's games had not been played.
    let before = Desk::new();
    for (table, name) in [(GAMES, "player_game_summary"), (DEFENSE, "team_defense_game_summary")] {
        edit(&before, table, &format!("SELECT * FROM {name} WHERE game_date <> DATE '2023-12-01'"));
    }
    let unplayed = content(&before, &["--processor", "tdza", "--processor", "psza"]);
    for id in [ProcessorId::Tdza, ProcessorId::Psza] {
        assert_eq!(without[&id], unplayed[&id], "{id}");
        assert_ne!(without[&id], with_same_day[&id], "{id}");
    }
    // Nothing but what comes from these windows is another.
    let differing =
        json(&free, &["diff", "--with", &format!("store:{}", known.path("putback-store").display())], &DECEMBER_1);
    let columns = |table: &str| {
        let tables = differing.as_array().expect("tables");
        let of =
            tables.iter().find(|of| of["table"].as_str().is_some_and(|name| name.ends_with(table))).expect("a table");
        of["columns"].as_object().expect("columns").keys().cloned().collect::<Vec<_>>().join(" ")
    };
    assert_snapshot!(columns("player_composite_factors"), @"data_completeness_pct data_hash has_warnings missing_data_fields shot_zone_context_json shot_zone_mismatch_score source_team_defense_hash total_composite_adjustment warning_details");
    assert_snapshot!(columns("ml_feature_store_v2"), @"data_hash data_quality_issues feature_quality_score features is_production_ready quality_tier source_composite_hash source_daily_cache_hash source_team_defense_hash");
    // Other results change the one and not the other.
    for desk in [&known, &free] {
        change_results(desk);
    }
    assert_eq!(content(&free, &["--windows", "day-before"]), without);
    assert_ne!(content(&known, &[]), with_same_day);
    // It is said wherever the rows are shown or published, and the checks know of it.
    let status = free.run(&["status"], &DECEMBER_1).stdout;
    let said: Vec<&str> = status.lines().filter(|line| line.contains("unlike the reference")).collect();
    assert_eq!(said.len(), 5, "{status}");
    let published = free.run(&["upload", "--to", "dir:published"], &DECEMBER_1);
    assert_eq!(published.code, 0, "{}", published.stderr);
    assert!(
        published.stderr.contains("note: windows end on the day before, unlike the reference's: 1 date, 2023-12-01")
    );
    let why = free.run(&["why", "tdza", "BOS", "2023-12-01"], &[]).stdout;
    assert!(why.contains("of the season up to 2023-11-30") && !why.contains("20231201_"), "{why}");
    // The reference's windows again.
    assert_eq!(content(&free, &[]), content(&known, &[]));
}

#[test]
fn row_36_no_field_of_a_record_is_missing() {
    let desk = Desk::computed();
    let missing = published(
        &desk,
        "SELECT count(*) FROM ml_feature_store_v2 WHERE early_season_flag IS NULL OR data_hash IS NULL OR quality_tier IS NULL",
        Table::MlFeatureStore,
    );
    assert_eq!(missing, "0");
}
