//! `--windows day-before`: no row has seen the results of its date.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Int64Type};
use putback::catalog::Table;
use putback::store::read_month_file;

use crate::fixture::{Desk, RANGE, rows, with_column};

/// A date without contexts, for which players are taken from the games, and one with them.
const DAYS: [&str; 2] = ["2023-12-05", "2023-12-06"];

/// Columns that say who played where, and not how.
const NO_RESULTS: [&str; 2] = ["season_year", "game_date"];

fn is_of_day(batch: &RecordBatch, column: &str, day: &str) -> BooleanArray {
    let day = Date32Type::from_naive_date(day.parse().expect("a date"));
    let days = batch.column_by_name(column).expect("a date column").as_primitive::<Date32Type>();
    days.iter().map(|of| Some(of == Some(day))).collect()
}

/// Every count, rate, flag and hash of the day is another one.
fn with_other_results(batch: &RecordBatch, day: &str) -> RecordBatch {
    let is_changed = is_of_day(batch, "game_date", day);
    let mut changed = batch.clone();
    for field in batch.schema().fields().iter().filter(|field| !NO_RESULTS.contains(&field.name().as_str())) {
        let array = batch.column_by_name(field.name()).expect("its own column");
        if let Some(other) = with_other_values(array, &is_changed, field.name()) {
            changed = with_column(&changed, field.name(), Some(other));
        }
    }
    changed
}

fn with_other_values(array: &ArrayRef, is_changed: &BooleanArray, name: &str) -> Option<ArrayRef> {
    match array.data_type() {
        DataType::Int64 => {
            let values = array.as_primitive::<Int64Type>().iter().zip(is_changed);
            let other = |(value, is_changed): (Option<i64>, Option<bool>)| {
                if is_changed == Some(true) { Some(value.map_or(3, |value| value + 3)) } else { value }
            };
            Some(Arc::new(values.map(other).collect::<Int64Array>()))
        }
        DataType::Decimal128(precision, scale) => {
            let values = array.as_primitive::<Decimal128Type>().iter().zip(is_changed);
            let other = |(value, is_changed): (Option<i128>, Option<bool>)| {
                if is_changed == Some(true) { Some(value.map_or(5, |value| value + 5)) } else { value }
            };
            let array = values.map(other).collect::<Decimal128Array>();
            Some(Arc::new(array.with_precision_and_scale(*precision, *scale).expect("as before")))
        }
        DataType::Boolean => {
            let values = array.as_boolean().iter().zip(is_changed);
            let other = |(value, is_changed): (Option<bool>, Option<bool>)| {
                if is_changed == Some(true) { Some(!value.unwrap_or(false)) } else { value }
            };
            Some(Arc::new(values.map(other).collect::<BooleanArray>()))
        }
        DataType::Utf8 if name == "data_hash" => {
            let values = array.as_string::<i32>().iter().zip(is_changed);
            let other = |(value, is_changed): (Option<&str>, Option<bool>)| {
                if is_changed == Some(true) { Some("of other results".to_owned()) } else { value.map(str::to_owned) }
            };
            Some(Arc::new(values.map(other).collect::<StringArray>()))
        }
        _ => None,
    }
}

fn compute(desk: &Desk, windows: &str) {
    for args in [&["sync", "-q", "--warehouse", "dir:warehouse"][..], &["compute", "-q", "--windows", windows]] {
        let done = desk.run(args, &RANGE);
        assert_eq!(done.code, 0, "{}", done.stderr);
    }
}

/// The rows of the day, without the columns that only say which row of an input was newest.
fn rows_of_day(desk: &Desk, table: Table, day: &str) -> RecordBatch {
    let file = PathBuf::from("putback-store/phase4").join(table.full_name()).join("2023-12.parquet");
    let batch = read_month_file(table, &desk.path(&file.to_string_lossy())).expect("a month file");
    let batch = filter_record_batch(&batch, &is_of_day(&batch, table.schema().partition_column(), day)).expect("rows");
    let lineage = |name: &str| name.starts_with("source_") && name.ends_with("_hash");
    let names: Vec<String> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
    names.iter().filter(|name| lineage(name)).fold(batch, |batch, name| with_column(&batch, name, None))
}

const OUTPUTS: [Table; 5] = [
    Table::TeamDefenseZoneAnalysis,
    Table::PlayerShotZoneAnalysis,
    Table::PlayerCompositeFactors,
    Table::PlayerDailyCache,
    Table::MlFeatureStore,
];

/// A season, and one in which every result of the day is another one.
fn pair(windows: &str, day: &str) -> [Desk; 2] {
    let desks = [Desk::new(), Desk::new()];
    for table in [Table::PlayerGameSummary, Table::TeamDefenseGameSummary, Table::TeamOffenseGameSummary] {
        desks[1].put(table, &with_other_results(&rows(table), day));
    }
    for desk in &desks {
        compute(desk, windows);
    }
    desks
}

#[test]
fn other_results_of_a_date_change_no_row_of_it() {
    for day in DAYS {
        let [desk, other] = pair("day-before", day);
        for table in OUTPUTS {
            let (before, after) = (rows_of_day(&desk, table, day), rows_of_day(&other, table, day));
            assert!(before.num_rows() > 10, "{table}: {} rows", before.num_rows());
            for (index, field) in before.schema().fields().iter().enumerate() {
                assert_eq!(before.column(index), after.column(index), "{day} {table}.{}", field.name());
            }
        }
    }
}

/// The other way round, so that the test above can fail.
#[test]
fn by_default_other_results_change_the_rows_of_their_date() {
    for day in DAYS {
        let [desk, other] = pair("date", day);
        for table in OUTPUTS {
            assert_ne!(rows_of_day(&desk, table, day), rows_of_day(&other, table, day), "{day} {table}");
        }
    }
}
