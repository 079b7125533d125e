//! Dates outside the years 1946 to 2100, wherever they enter.

use std::sync::Arc;

use arrow::array::{AsArray, Date32Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::compute::concat_batches;
use arrow::datatypes::Int64Type;
use insta::assert_snapshot;
use putback::catalog::Table;

use super::{SYNC, assert_same_rows, refused, refused_by, synced};
use crate::fixture::{Desk, RANGE, rows, season_start, with_column};

/// DATE 'infinity' of DuckDB and Postgres, years 0, 1, 1945, 2101 and 9999, and the ends of the type.
const ODD_DAYS: [i32; 8] = [i32::MAX, -i32::MAX, i32::MIN, -719_528, -719_162, -8_767, 47_847, 2_932_896];

/// The rows of a table, and the first again on another day.
fn with_row_on(batch: &RecordBatch, day: i32, status: Option<i64>) -> RecordBatch {
    let mut row = with_column(&batch.slice(0, 1), "game_date", Some(Arc::new(Date32Array::from(vec![day]))));
    if let Some(status) = status {
        row = with_column(&row, "game_status", Some(Arc::new(Int64Array::from(vec![status]))));
    }
    let schema = batch.schema();
    let row = RecordBatch::try_new(schema.clone(), row.columns().to_vec()).expect("a row");
    concat_batches(&schema, [batch, &row]).expect("rows")
}

#[test]
fn a_row_outside_the_years_is_refused_in_every_table() {
    let desk = synced();
    for (table, batch) in season_start() {
        desk.put(*table, &with_row_on(batch, i32::MAX, None));
        let outcome = refused_by(&desk);
        assert_eq!(outcome.code, 12, "{table}: {}", outcome.stderr);
        let row = format!("in row {} of ", batch.num_rows() + 1);
        assert!(outcome.stderr.contains(&format!("error: {table}: game_date is ")), "{}", outcome.stderr);
        assert!(outcome.stderr.contains(&row) && !outcome.stderr.contains("damaged"), "{}", outcome.stderr);
        desk.put(*table, batch);
    }
    let table = Table::PlayerGameSummary;
    for day in ODD_DAYS {
        desk.put(table, &with_row_on(&rows(table), day, None));
        let outcome = refused_by(&desk);
        assert_eq!(outcome.code, 12, "{day}: {}", outcome.stderr);
    }
    let outcome = refused(|desk| desk.put(table, &with_row_on(&rows(table), i32::MAX, None)));
    assert_snapshot!(outcome.shown(), @r"
exit status: 12
--- stdout
--- stderr
error: nba_analytics.player_game_summary: game_date is day 2147483647 from 1970-01-01 in row 6055 of [DIR]/warehouse/nba_analytics.player_game_summary.parquet (game_id 20231024_UTA_IND, player_lookup odellquillins); only the years 1946 to 2100 are taken
  hint: correct or remove the row; nothing was pulled
");
}

#[test]
fn a_timestamp_outside_the_years_is_refused_where_it_is_read() {
    for micros in [i64::MAX, i64::MIN, -62_135_596_800_000_000, 253_402_214_400_000_000] {
        let outcome = refused(|desk| {
            let table = Table::TeamDefenseGameSummary;
            let batch = rows(table);
            let times = TimestampMicrosecondArray::from(vec![micros; batch.num_rows()]).with_timezone("UTC");
            desk.put(table, &with_column(&batch, "processed_at", Some(Arc::new(times))));
        });
        assert_eq!(outcome.code, 12, "{}", outcome.stderr);
        assert!(outcome.stderr.contains("processed_at is "), "{}", outcome.stderr);
    }
}

/// A game that is still to be fixed stands at a day that is none: nothing rests on it.
#[test]
fn placeholders_of_the_schedule_are_left_out_with_a_note() {
    const FINAL: i64 = 3;
    let outcome = assert_same_rows(|desk| {
        let schedule = ODD_DAYS.iter().fold(rows(Table::Schedule), |rows, &day| with_row_on(&rows, day, Some(1)));
        desk.put(Table::Schedule, &schedule);
    });
    let told = "note: nba_raw.nbac_schedule: 8 rows of games that are not final have no date of the years 1946 to 2100";
    assert!(outcome.stderr.contains(told), "{}", outcome.stderr);
    let statuses = rows(Table::Schedule);
    let statuses = statuses.column_by_name("game_status").expect("a column").as_primitive::<Int64Type>().value(0);
    assert_eq!(statuses, FINAL, "a final game is refused in the test above");
}

#[test]
fn a_date_argument_outside_the_years_is_a_usage_error() {
    let desk = Desk::computed();
    let before = (desk.files("putback-store"), desk.files("published"));
    let arguments: [&[&str]; 12] = [
        &["--date", "0001-01-01"],
        &["--date", "9999-12-31"],
        &["--date", "+262142-12-31"],
        &["--date", "-0001-01-01"],
        &["--date=2024-02-30"],
        &["--year", "99999"],
        &["--year", "1945"],
        &["--year", "2021..2101"],
        &["--season", "1850-51"],
        &["--season", "2100-01"],
        &["--from", "2024-13-45", "--to", "2024-12-31"],
        &["--from", "2023-11-07", "--to", "2101-01-01"],
    ];
    let commands: [&[&str]; 6] =
        [&SYNC, &["compute"], &["validate"], &["status"], &["impact"], &["upload", "--to", "dir:published"]];
    for (range, command) in arguments.iter().zip(commands.iter().cycle()) {
        let outcome = desk.run(command, range);
        assert_eq!(outcome.code, 2, "{command:?} {range:?}: {}", outcome.stderr);
        assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
    }
    let outcome = desk.run(&["why", "psza", "x", "0001-01-01"], &[]);
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("0001-01-01 is outside the years 1946 to 2100"), "{}", outcome.stderr);
    let far =
        desk.command(&["compute"], &RANGE).env("SOURCE_DATE_EPOCH", "99999999999").output().expect("the binary runs");
    assert_eq!(far.status.code(), Some(2));
    assert!(before == (desk.files("putback-store"), desk.files("published")));
}
