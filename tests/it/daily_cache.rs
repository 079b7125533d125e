//! `player_daily_cache` computed, synced or left out: what MLFS reads, what is stale, what is published.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, RecordBatch};
use arrow::datatypes::Decimal128Type;
use putback::catalog::Table;
use putback::processors::ProcessorId;
use putback::store::{Layer, LayerWriter, Owner, Store, WriteLock, read_month_file};

use crate::fixture::{Desk, Outcome, RANGE, rows, with_column};
use crate::incidents::{run, seeded};

const WAREHOUSE: [&str; 4] = ["sync", "-q", "--warehouse", "dir:warehouse"];

fn done(outcome: Outcome) -> Outcome {
    assert_eq!(outcome.code, 0, "{}", outcome.shown());
    outcome
}

fn synced() -> Desk {
    let desk = Desk::new();
    done(desk.run(&WAREHOUSE, &RANGE));
    desk
}

fn compute(desk: &Desk, args: &[&str]) -> Outcome {
    done(desk.run(&[&["compute"], args].concat(), &RANGE))
}

fn summary(outcome: &Outcome) -> &str {
    let line = outcome.stderr.lines().find(|line| line.starts_with("computed in") || line.starts_with("nothing to"));
    line.expect("what was computed")
}

fn status(desk: &Desk) -> String {
    desk.run(&["status", "-v"], &RANGE).stdout
}

#[test]
fn another_choice_makes_mlfs_stale_and_nothing_else() {
    let desk = synced();
    let first = compute(&desk, &["--daily-cache", "none"]);
    assert!(summary(&first).contains("PDC 0 dates") && summary(&first).contains("MLFS 32 dates"), "{}", first.stderr);
    let told = status(&desk);
    assert!(told.contains("PDC: 32 dates without rows by rule: left out by --daily-cache none"), "{told}");
    assert!(told.contains("MLFS: computed with --daily-cache none on 32 dates"), "{told}");
    assert!(told.contains("--daily-cache none keeps them"), "{told}");
    assert!(summary(&compute(&desk, &["--daily-cache", "none"])).starts_with("nothing to compute"));

    let second = compute(&desk, &[]);
    let line = summary(&second);
    for part in ["TDZA 0 dates", "PSZA 0 dates", "PCF 0 dates", "PDC 32 dates", "MLFS 32 dates"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!status(&desk).contains("--daily-cache"), "{}", status(&desk));
    let fresh = synced();
    compute(&fresh, &[]);
    assert!(desk.files("putback-store/phase4") == fresh.files("putback-store/phase4"));
}

#[test]
fn rows_of_the_warehouse_are_read_when_asked_for() {
    let computed = synced();
    compute(&computed, &[]);
    let desk = Desk::new();
    let files = computed.path("putback-store/phase4/nba_precompute.player_daily_cache");
    let months = ["2023-11", "2023-12"].map(|month| {
        read_month_file(Table::PlayerDailyCache, &files.join(format!("{month}.parquet"))).expect("a month")
    });
    let cache = arrow::compute::concat_batches(months[0].schema_ref(), &months).expect("rows");
    desk.put(Table::SyncedDailyCache, &cache);
    done(desk.run(&WAREHOUSE, &RANGE));
    compute(&desk, &["--daily-cache", "synced"]);
    let features = |desk: &Desk| {
        let path = "putback-store/phase4/nba_predictions.ml_feature_store_v2/2023-12.parquet";
        let batch = read_month_file(Table::MlFeatureStore, &desk.path(path)).expect("a month");
        batch.column_by_name("features").expect("a column").to_data()
    };
    assert_eq!(features(&desk), features(&computed));
    let refused = desk.run(&["compute", "--daily-cache", "synced", "--windows", "day-before"], &RANGE);
    assert_eq!(refused.code, 2, "{}", refused.shown());
    assert!(refused.stderr.contains("do not go together"), "{}", refused.stderr);
}

fn forget_the_choice(store: &Store) {
    let owner = Owner { pid: std::process::id(), host: "test".into(), command: "test".into() };
    let lock = WriteLock::acquire(store, &owner).expect("a free store");
    let mut manifest = store.phase4().expect("a manifest");
    manifest.processors.remove(&ProcessorId::Pdc).expect("records of PDC");
    let records = manifest.processors.get_mut(&ProcessorId::Mlfs).expect("records of MLFS");
    records.values_mut().for_each(|record| record.daily_cache = None);
    LayerWriter::new(&lock, Layer::Phase4).commit(&manifest).expect("a commit");
}

/// A store of before there was a choice: its manifest knows neither PDC nor what MLFS read.
#[test]
fn a_store_computed_before_the_choice_counts_as_it_was() {
    let desk = synced();
    compute(&desk, &["--daily-cache", "none"]);
    forget_the_choice(&Store::at(desk.path("putback-store")));
    let told = desk.run(&["status", "-v"], &RANGE);
    assert!(told.stdout.contains("MLFS: computed with --daily-cache none on 32 dates"), "{}", told.stdout);
    assert!(
        told.stdout.contains("PDC: 32 dates without rows by rule: MLFS was computed without it"),
        "{}",
        told.stdout
    );
    assert!(!told.stdout.contains("pending"), "{}", told.stdout);
    let published = desk.run(&["upload", "--to", "dir:published"], &RANGE);
    assert_eq!(published.code, 0, "{}", published.shown());
    let kept = compute(&desk, &["--daily-cache", "none"]);
    assert!(summary(&kept).contains("MLFS 0 dates") || summary(&kept).starts_with("nothing"), "{}", kept.stderr);
    let renewed = compute(&desk, &[]);
    assert!(summary(&renewed).contains("PDC 32 dates, MLFS 32 dates") || summary(&renewed).contains("MLFS 32 dates"));
}

#[test]
fn the_table_is_published_only_when_asked_for() {
    let desk = Desk::computed();
    let file = "published/nba_precompute.player_daily_cache/2023-12.parquet";
    assert!(!desk.path(file).exists());
    let failures = || {
        let path = desk.path("published/nba_processing.precompute_failures/2023-12.parquet");
        let batch = read_month_file(Table::PrecomputeFailures, &path).expect("failures");
        let names = batch.column_by_name("processor_name").expect("a column").as_string::<i32>().clone();
        names.iter().flatten().filter(|name| *name == "PlayerDailyCacheProcessor").count()
    };
    assert_eq!(failures(), 0);
    // What MLFS read is on record beside what was published.
    let listed = done(desk.run(&["undo", "--to", "dir:published", "--list", "--format", "json"], &[]));
    assert!(listed.stdout.contains("daily cache: computed"), "{}", listed.stdout);
    assert_eq!(desk.run(&["diff", "--with", "dir:published"], &RANGE).code, 0);
    let asked = done(desk.run(&["upload", "--to", "dir:published", "--with-daily-cache"], &RANGE));
    assert!(asked.stdout.contains("nba_precompute.player_daily_cache"), "{}", asked.stdout);
    assert!(desk.path(file).exists());
    assert!(failures() > 0);
    assert_eq!(desk.run(&["diff", "--with", "dir:published"], &RANGE).code, 0);
}

/// Usage of one player beyond what the mean's column holds.
fn with_an_overflow(games: &RecordBatch, player: &str) -> RecordBatch {
    let players = games.column_by_name("player_lookup").expect("a column").as_string::<i32>();
    let usage = games.column_by_name("usage_rate").expect("a column").as_primitive::<Decimal128Type>();
    let values = players.iter().zip(usage).map(|(of, usage)| if of == Some(player) { Some(999_900) } else { usage });
    let values: Decimal128Array = values.collect();
    let values: ArrayRef = Arc::new(values.with_precision_and_scale(6, 2).expect("NUMERIC(6,2)"));
    with_column(games, "usage_rate", Some(values))
}

#[test]
fn a_value_that_does_not_fit_loses_the_date_or_with_quarantine_the_player() {
    let games = rows(Table::PlayerGameSummary);
    // Somebody who plays throughout.
    let healthy = synced();
    compute(&healthy, &[]);
    let file = "putback-store/phase4/nba_precompute.player_daily_cache/2023-12.parquet";
    let stored =
        |desk: &Desk| read_month_file(Table::PlayerDailyCache, &desk.path(file)).map_or(0, |batch| batch.num_rows());
    let all = read_month_file(Table::PlayerDailyCache, &healthy.path(file)).expect("a month");
    let player = all.column_by_name("player_lookup").expect("a column").as_string::<i32>().value(0).to_owned();
    let of_player = all.column_by_name("player_lookup").expect("a column").as_string::<i32>();
    let of_player = of_player.iter().flatten().filter(|of| **of == player).count();

    let desk = Desk::new();
    desk.put(Table::PlayerGameSummary, &with_an_overflow(&games, &player));
    done(desk.run(&WAREHOUSE, &RANGE));
    let lost = desk.run(&["compute"], &RANGE);
    assert_eq!(lost.code, 3, "{}", lost.shown());
    let reason = format!("{player}: usage_rate_last_10 is 9999.0, too large for NUMERIC(5,2)");
    assert!(lost.stdout.contains(&reason), "{}", lost.stdout);
    // MLFS goes on as if there were no cache.
    assert!(lost.stderr.contains("MLFS 32 dates"), "{}", lost.stderr);
    assert!(stored(&desk) < all.num_rows());
    let failures = desk.path("putback-store/phase4/nba_processing.precompute_failures/2023-12.parquet");
    let failures = read_month_file(Table::PrecomputeFailures, &failures).expect("failures");
    let texts = |name: &str| failures.column_by_name(name).expect("a column").as_string::<i32>().clone();
    let (entities, reasons) = (texts("entity_id"), texts("failure_reason"));
    let told = |row: usize| entities.value(row) == "DATE_LEVEL" && reasons.value(row).contains(&reason);
    assert!((0..failures.num_rows()).any(told));

    let kept = done(desk.run(&["compute", "--quarantine"], &RANGE));
    let checked = desk.run(&["validate", "-v"], &RANGE).stdout;
    assert!(checked.contains("warning D12:\n"), "{checked}");
    assert!(kept.stderr.contains("PDC"), "{}", kept.stderr);
    assert_eq!(stored(&desk), all.num_rows() - of_player);
    assert!(kept.stdout.contains("NUMERIC_OVERFLOW"), "{}", kept.stdout);
    // Without it the dates are lost again.
    assert_eq!(desk.run(&["compute", "-q"], &RANGE).code, 3);
    // Repaired, nothing of it is left: neither rows that are missing nor failures.
    desk.put(Table::PlayerGameSummary, &games);
    done(desk.run(&WAREHOUSE, &RANGE));
    compute(&desk, &[]);
    assert!(desk.files("putback-store/phase4") == healthy.files("putback-store/phase4"));
}

#[test]
fn why_explains_a_row_and_a_player_without_one() {
    let desk = Desk::computed();
    let file = desk.path("putback-store/phase4/nba_precompute.player_daily_cache/2023-12.parquet");
    let batch = read_month_file(Table::PlayerDailyCache, &file).expect("a month");
    let player = batch.column_by_name("player_lookup").expect("a column").as_string::<i32>().value(0).to_owned();
    let date = batch.column_by_name("cache_date").expect("a column").slice(0, 1);
    let date = arrow::util::display::array_value_to_string(&date, 0).expect("a date");
    let told = done(desk.run(&["why", "pdc", &player, &date], &[])).stdout;
    for heading in ["Context:", "Game list:", "Sums:", "Team list:", "Team:", "Completeness:", "Stored row:"] {
        assert!(told.contains(heading), "{heading} is missing in\n{told}");
    }
    let nobody = desk.run(&["why", "pdc", "nobodyatall", &date], &[]);
    assert!(nobody.stdout.contains("no player with that key"), "{}", nobody.shown());
}

/// How many cases a check finds on December 8, and what it says of them.
fn finding(desk: &Desk, command: &str, check: &str) -> (u64, String) {
    let told = desk.run(&[command, "--format", "json"], &RANGE).stdout;
    let told: serde_json::Value = serde_json::from_str(&told).expect("one document");
    let results = told["results"].as_array().expect("results");
    let result =
        results.iter().find(|result| result["id"] == check).unwrap_or_else(|| panic!("{check} passed: {told}"));
    assert_eq!(result["severity"], "warning", "{result}");
    let findings = result["findings"].as_array().expect("findings");
    let finding = findings.iter().find(|finding| finding["date"] == "2023-12-08");
    let finding = finding.unwrap_or_else(|| panic!("no finding of December 8: {result}"));
    (finding["count"].as_u64().expect("a count"), finding["examples"][0].as_str().expect("an example").to_owned())
}

/// Every sixth player of December 8 has no context.
#[test]
fn players_without_context_are_counted() {
    let desk = seeded(
        Table::UpcomingPlayerGameContext,
        "SELECT * FROM upcoming_player_game_context WHERE game_date <> DATE '2023-12-08' OR hash(player_lookup) % 6 <> 0",
    );
    let run = done(run(&desk));
    assert!(run.stderr.contains("I19p"), "{}", run.stderr);
    let (without, told) = finding(&desk, "check", "I19p");
    assert!(told.starts_with(&format!("{without} of ")) && told.contains(" players"), "{told}");
    assert!(without > 20, "{told}");
    let (without, told) = finding(&desk, "validate", "D7c");
    assert!(without > 20 && told.contains(" of "), "{told}");
}

/// The percentages of the rows stay above 100; what is really there is told beside them.
#[test]
fn a_game_that_is_missing_is_told_whatever_the_percentages_are() {
    let desk = seeded(
        Table::TeamOffenseGameSummary,
        "SELECT * FROM team_offense_game_summary WHERE game_date <> DATE '2023-12-08' OR team_abbr <> (SELECT min(team_abbr) FROM team_offense_game_summary WHERE game_date = DATE '2023-12-08')",
    );
    done(desk.run(&WAREHOUSE, &RANGE));
    compute(&desk, &["--skip-validation"]);
    let (missing, told) = finding(&desk, "validate", "D11");
    assert!(missing == 1 && told.contains(" of 300 games"), "{told}");
    let told = status(&desk);
    assert!(told.contains("expected inputs that Phase 3 has: TDZA 100.0 %, "), "{told}");
    assert!(told.contains("PDC 99.9 %"), "{told}");
}

#[test]
fn optional_tables_that_are_missing_are_told_once() {
    let desk = Desk::new();
    for table in [Table::PlayerBoxScores, Table::SyncedDailyCache] {
        let _ = std::fs::remove_file(desk.warehouse_file(table));
    }
    done(desk.run(&WAREHOUSE, &RANGE));
    let times = |outcome: &Outcome, words: &str| outcome.stderr.matches(words).count();
    let sat_out = "nba_raw.bdl_player_boxscores is not in the store: nobody counts as having sat out";
    assert_eq!(times(&compute(&desk, &[]), sat_out), 1);
    let fallback = "nba_precompute.player_daily_cache is not in the store: the values are those of --daily-cache none";
    assert_eq!(times(&compute(&desk, &["--daily-cache", "synced"]), fallback), 1);
}
