//! Publishing into a directory warehouse.

use arrow::array::{AsArray, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::Date32Type;
use putback::catalog::Table;
use putback::store::{read_month_file, write_parquet};
use std::sync::Arc;

use crate::fixture::{Desk, RANGE, with_column};

const NOVEMBER: &str = "published/nba_precompute.team_defense_zone_analysis/2023-11.parquet";

fn upload(desk: &Desk) -> crate::fixture::Outcome {
    desk.run(&["upload", "--to", "dir:published"], &RANGE)
}

#[test]
fn what_is_published_is_what_was_computed() {
    let desk = Desk::computed();
    for table in Table::outputs() {
        let name = table.full_name();
        let files = desk.files(&format!("published/{name}"));
        assert!(!files.is_empty(), "{table}");
        assert!(files == desk.files(&format!("putback-store/phase4/{name}")), "{table}");
    }
}

#[test]
fn rows_of_other_dates_and_processors_stay_and_stale_rows_go() {
    let desk = Desk::computed();
    let table = Table::TeamDefenseZoneAnalysis;
    let path = desk.path(NOVEMBER);
    let ours = read_month_file(table, &path).expect("a month file");
    // One row of a day before the range, and one of a team that is no longer produced.
    let earlier = on_date(&ours.slice(0, 1), "2023-11-02");
    let stale = named(&ours.slice(ours.num_rows() - 1, 1), "team_abbr", "ZZZ");
    let all = concat_batches(table.schema().arrow(), [&earlier, &ours, &stale]).expect("equal schemas");
    write_parquet(&path, &all).expect("a writable file");

    let failures_path = desk.path("published/nba_processing.precompute_failures/2023-11.parquet");
    let failures = read_month_file(Table::PrecomputeFailures, &failures_path).expect("a month file");
    let foreign = named(&failures.slice(0, 1), "processor_name", "PlayerDailyCacheProcessor");
    let all = concat_batches(Table::PrecomputeFailures.schema().arrow(), [&failures, &foreign]).expect("equal schemas");
    write_parquet(&failures_path, &all).expect("a writable file");

    assert_eq!(upload(&desk).code, 0);
    let now = read_month_file(table, &path).expect("a month file");
    assert_eq!(now.num_rows(), ours.num_rows() + 1);
    let teams = now.column_by_name("team_abbr").expect("a column").as_string::<i32>();
    assert!(teams.iter().all(|team| team != Some("ZZZ")));
    let now = read_month_file(Table::PrecomputeFailures, &failures_path).expect("a month file");
    assert_eq!(now.num_rows(), failures.num_rows() + 1);
}

#[test]
fn a_killed_upload_is_completed_by_the_next() {
    let desk = Desk::computed();
    let expected = desk.published();
    // Renamed files under the old record, a staged file, and one that is gone.
    std::fs::remove_file(desk.path("published/_putback/published.json")).expect("a record");
    std::fs::write(desk.path(&format!("{NOVEMBER}.staged")), b"half").expect("a writable directory");
    std::fs::remove_file(desk.path("published/nba_predictions.ml_feature_store_v2/2023-12.parquet")).expect("a file");
    let outcome = upload(&desk);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(expected == desk.published());
}

#[test]
fn a_change_by_somebody_else_is_found_and_replaced() {
    let desk = Desk::computed();
    let expected = desk.published();
    let table = Table::TeamDefenseZoneAnalysis;
    let path = desk.path(NOVEMBER);
    let ours = read_month_file(table, &path).expect("a month file");
    write_parquet(&path, &ours.slice(0, ours.num_rows() - 3)).expect("a writable file");
    assert_eq!(upload(&desk).code, 0);
    assert!(expected == desk.published());
}

#[test]
fn a_target_with_another_layout_is_refused() {
    let desk = Desk::computed();
    let table = Table::MlFeatureStore;
    let batch = RecordBatch::new_empty(table.schema().arrow().clone());
    write_parquet(&desk.path(&format!("published/{table}.parquet")), &batch).expect("a writable directory");
    let before = desk.files("published");
    let outcome = upload(&desk);
    assert_eq!(outcome.code, 9, "{}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .contains("ml_feature_store_v2 is in [DIR]/published/nba_predictions.ml_feature_store_v2.parquet and in"),
        "{}",
        outcome.stderr
    );
    assert!(before == desk.files("published"));
}

#[test]
fn game_dates_that_are_not_computed_are_named_and_turn_into_a_status() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE).code, 0);
    assert_eq!(desk.run(&["compute", "-q"], &["--from", "2023-11-07", "--to", "2023-11-20"]).code, 0);
    let outcome = upload(&desk);
    assert_eq!(outcome.code, 3, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("note: not computed and not published: "), "{}", outcome.stderr);
}

#[test]
fn a_date_that_only_the_schedule_lost_takes_nothing_away() {
    let desk = Desk::computed();
    let day = Date32Type::from_naive_date("2023-12-05".parse().expect("a date"));
    let batch = crate::fixture::rows(Table::Schedule);
    let dates = batch.column_by_name("game_date").expect("a column").as_primitive::<Date32Type>();
    let others = dates.iter().map(|date| date.map(|date| date != day)).collect();
    desk.put(Table::Schedule, &arrow::compute::filter_record_batch(&batch, &others).expect("rows"));
    let published = desk.published();
    let outcome = desk.run(&["run", "-q", "--warehouse", "dir:warehouse", "--to", "dir:published"], &RANGE);
    let told = "has rows, but no final game in the schedule, so neither computed nor published now: 1 date, 2023-12-05";
    assert!(outcome.code == 3 && outcome.stderr.contains(told), "{}: {}", outcome.code, outcome.stderr);
    assert!(published == desk.published());
}

#[test]
fn a_store_file_that_was_altered_is_not_published() {
    let desk = Desk::computed();
    let table = Table::PlayerCompositeFactors;
    let path = desk.path("putback-store/phase4/nba_precompute.player_composite_factors/2023-11.parquet");
    let batch = named(&read_month_file(table, &path).expect("a month file"), "game_id", "20231111_AAA_BBB");
    write_parquet(&path, &batch).expect("a writable file");
    std::fs::remove_dir_all(desk.path("published")).expect("a directory");
    let outcome = upload(&desk);
    assert_eq!(outcome.code, 13, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("2023-11.parquet is not the file that the store recorded"), "{}", outcome.stderr);
    assert!(desk.files("published").keys().all(|path| !path.to_string_lossy().ends_with(".parquet")));
}

/// `batch` with one text in every row of a column.
fn named(batch: &RecordBatch, column: &str, text: &str) -> RecordBatch {
    let values = StringArray::from(vec![text; batch.num_rows()]);
    with_schema_of(batch, &with_column(batch, column, Some(Arc::new(values))))
}

fn on_date(batch: &RecordBatch, date: &str) -> RecordBatch {
    let day = Date32Type::from_naive_date(date.parse().expect("a date"));
    let values = arrow::array::Date32Array::from(vec![day; batch.num_rows()]);
    with_schema_of(batch, &with_column(batch, "analysis_date", Some(Arc::new(values))))
}

/// Restores the nullability that [`with_column`] loosens.
fn with_schema_of(schema: &RecordBatch, batch: &RecordBatch) -> RecordBatch {
    RecordBatch::try_new(schema.schema(), batch.columns().to_vec()).expect("equal types")
}
