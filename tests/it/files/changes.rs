//! Unchanged means the same content.

use std::fs::{File, FileTimes};
use std::sync::Arc;

use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::Int64Type;
use putback::catalog::Table;

use super::SYNC;
use crate::fixture::{Desk, RANGE, rows, with_column};
use crate::support::parquet::write_plain;

const TABLE: Table = Table::PlayerGameSummary;

fn sync(desk: &Desk) -> String {
    let outcome = desk.run(&[&SYNC[..], &["--format", "json"]].concat(), &RANGE);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    outcome.stdout
}

fn is_unchanged(report: &str) -> bool {
    let report: serde_json::Value = serde_json::from_str(report).expect("JSON");
    let tables = report["tables"].as_array().expect("tables");
    tables.iter().find(|table| table["table"] == TABLE.full_name()).expect("the table")["unchanged"] == true
}

/// A stat correction by a tool that keeps times, in a file of the same size.
#[test]
fn a_correction_with_size_and_time_of_before_is_pulled() {
    let desk = Desk::new();
    let file = desk.warehouse_file(TABLE);
    write_plain(&file, &rows(TABLE));
    let meta = std::fs::metadata(&file).expect("a file");
    sync(&desk);
    let points = rows(TABLE);
    let points = points.column_by_name("points").expect("a column").as_primitive::<Int64Type>();
    let corrected: Int64Array = points.iter().map(|points| points.map(|points| points + 1)).collect();
    write_plain(&file, &with_column(&rows(TABLE), "points", Some(Arc::new(corrected))));
    let times = FileTimes::new().set_modified(meta.modified().expect("a time"));
    File::options().write(true).open(&file).and_then(|file| file.set_times(times)).expect("a file");
    let now = std::fs::metadata(&file).expect("a file");
    assert_eq!((now.len(), now.modified().ok()), (meta.len(), meta.modified().ok()));
    assert!(!is_unchanged(&sync(&desk)));
    assert!(is_unchanged(&sync(&desk)));
}

#[test]
fn a_file_that_was_only_touched_or_copied_is_unchanged() {
    let desk = Desk::new();
    sync(&desk);
    let file = desk.warehouse_file(TABLE);
    let bytes = std::fs::read(&file).expect("a file");
    std::fs::remove_file(&file).expect("a file");
    std::fs::write(&file, bytes).expect("a file");
    assert!(is_unchanged(&sync(&desk)));
    // Under another name it is another file, because folders give columns.
    let dir = desk.path("warehouse").join(TABLE.full_name());
    std::fs::create_dir(&dir).expect("a directory");
    std::fs::rename(&file, dir.join("0.parquet")).expect("a file");
    let before = desk.files("putback-store/phase3/nba_analytics.player_game_summary");
    sync(&desk);
    assert!(before == desk.files("putback-store/phase3/nba_analytics.player_game_summary"));
    assert!(is_unchanged(&sync(&desk)));
}
