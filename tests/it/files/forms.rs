//! Codecs, types and names of columns.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, IntervalDayTimeArray, ListArray, RecordBatch, StringArray,
    StructArray, new_null_array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, TimeUnit};
use parquet::basic::{BrotliLevel, Compression, GzipLevel};
use putback::catalog::Table;

use super::assert_same_rows;
use crate::fixture::{Desk, rows, season_start, with_column};
use crate::support::parquet::{cast_all, changed, renamed, write_with};

fn rewrite_all(desk: &Desk, rewrite: impl Fn(&RecordBatch) -> RecordBatch) {
    for (table, batch) in season_start() {
        write_with(&desk.warehouse_file(*table), &rewrite(batch), Compression::SNAPPY);
    }
}

#[test]
fn every_codec_in_use_is_read() {
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
    ];
    for codec in codecs {
        assert_same_rows(|desk| {
            write_with(&desk.warehouse_file(Table::Schedule), &rows(Table::Schedule), codec);
            let table = Table::TeamDefenseGameSummary;
            write_with(&desk.warehouse_file(table), &rows(table), codec);
        });
    }
}

#[test]
fn timestamps_of_any_unit_and_clock_are_instants() {
    let is_timestamp = |ty: &DataType| matches!(ty, DataType::Timestamp(..));
    for unit in [TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond] {
        let naive = DataType::Timestamp(unit, None);
        assert_same_rows(|desk| rewrite_all(desk, |rows| changed(rows, cast_all(is_timestamp, naive.clone()))));
        let zoned = DataType::Timestamp(unit, Some("-05:00".into()));
        assert_same_rows(|desk| rewrite_all(desk, |rows| changed(rows, cast_all(is_timestamp, zoned.clone()))));
    }
}

#[test]
fn dates_may_be_midnights_or_iso_text() {
    let is_date = |ty: &DataType| matches!(ty, DataType::Date32);
    for to in [
        DataType::Timestamp(TimeUnit::Nanosecond, None),
        DataType::Timestamp(TimeUnit::Millisecond, None),
        DataType::Utf8,
    ] {
        assert_same_rows(|desk| rewrite_all(desk, |rows| changed(rows, cast_all(is_date, to.clone()))));
    }
}

#[test]
fn text_may_be_large_a_view_a_dictionary_or_bytes() {
    let is_text = |ty: &DataType| matches!(ty, DataType::Utf8);
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    for to in [DataType::LargeUtf8, DataType::Utf8View, dictionary, DataType::Binary] {
        assert_same_rows(|desk| {
            for (table, batch) in season_start() {
                // With the writer's own types in the footer.
                desk.put(*table, &changed(batch, cast_all(is_text, to.clone())));
            }
        });
    }
}

#[test]
fn whole_numbers_and_decimals_may_be_decimals_or_doubles() {
    let is_whole = |ty: &DataType| matches!(ty, DataType::Int64);
    let is_number = |ty: &DataType| matches!(ty, DataType::Int64 | DataType::Decimal128(..));
    let is_decimal = |ty: &DataType| matches!(ty, DataType::Decimal128(..));
    assert_same_rows(|desk| rewrite_all(desk, |rows| changed(rows, cast_all(is_whole, DataType::Decimal128(38, 0)))));
    assert_same_rows(|desk| rewrite_all(desk, |rows| changed(rows, cast_all(is_whole, DataType::Int32))));
    assert_same_rows(|desk| rewrite_all(desk, |rows| changed(rows, cast_all(is_decimal, DataType::Decimal128(38, 9)))));
    assert_same_rows(|desk| rewrite_all(desk, |rows| changed(rows, cast_all(is_number, DataType::Float64))));
    assert_same_rows(|desk| rewrite_all(desk, |rows| changed(rows, cast_all(is_decimal, DataType::Float32))));
}

/// PyArrow multiplies by 0.01, where 16.33 becomes 16.330000000000002; sums of doubles leave as much.
#[test]
fn decimals_may_be_doubles_a_few_steps_away() {
    let neighbours: [fn(f64) -> f64; 2] = [
        |value| (0..4).fold(value, |value, _| value.next_up()),
        |value| (0..4).fold(value, |value, _| value.next_down()),
    ];
    let by_factor =
        |value: f64, scale: i8| (value * 10_f64.powi(scale.into())).round() * 10_f64.powi(-i32::from(scale));
    let doubles = |column: &ArrayRef, of: &dyn Fn(f64, i8) -> f64| -> Option<ArrayRef> {
        let DataType::Decimal128(_, scale) = *column.data_type() else { return None };
        let exact = cast(column, &DataType::Utf8).expect("text");
        let exact = cast(&exact, &DataType::Float64).expect("doubles");
        let exact = exact.as_primitive::<Float64Type>();
        Some(Arc::new(exact.iter().map(|value| value.map(|value| of(value, scale))).collect::<Float64Array>()))
    };
    assert_same_rows(|desk| rewrite_all(desk, |rows| changed(rows, |_, column| doubles(column, &by_factor))));
    for neighbour in neighbours {
        let of = |value: f64, _: i8| if value == 0.0 { value } else { neighbour(value) };
        assert_same_rows(|desk| rewrite_all(desk, |rows| changed(rows, |_, column| doubles(column, &of))));
    }
}

#[test]
fn whole_numbers_and_decimals_may_be_bignumeric() {
    let is_number = |ty: &DataType| matches!(ty, DataType::Int64 | DataType::Decimal128(..));
    for scale in [38, 60] {
        let to = DataType::Decimal256(76, scale);
        assert_same_rows(|desk| rewrite_all(desk, |rows| changed(rows, cast_all(is_number, to.clone()))));
    }
}

/// A column of numbers drops the zeros in front of the league's ids.
#[test]
fn ids_of_the_schedule_may_be_numbers() {
    for to in [DataType::Int64, DataType::Int32, DataType::Float64, DataType::Decimal128(38, 9)] {
        assert_same_rows(|desk| {
            let batch = rows(Table::Schedule);
            let ids = cast(batch.column_by_name("game_id").expect("a column"), &to).expect("numbers");
            assert_eq!(ids.null_count(), 0);
            desk.put(Table::Schedule, &with_column(&batch, "game_id", Some(ids)));
        });
    }
}

/// What is left of a NULL in a column of pandas that Spark or numpy wrote.
#[test]
fn nan_among_whole_numbers_is_null_and_told() {
    let nan_for_null = |_: &str, column: &ArrayRef| -> Option<ArrayRef> {
        matches!(column.data_type(), DataType::Int64 | DataType::Decimal128(..)).then(|| {
            let doubles = cast(column, &DataType::Float64).expect("doubles");
            let doubles = doubles.as_primitive::<Float64Type>();
            Arc::new(doubles.iter().map(|value| Some(value.unwrap_or(f64::NAN))).collect::<Float64Array>()) as ArrayRef
        })
    };
    let outcome = assert_same_rows(|desk| {
        let table = Table::PlayerGameSummary;
        write_with(&desk.warehouse_file(table), &changed(&rows(table), nan_for_null), Compression::SNAPPY);
    });
    let told = "note: nba_analytics.player_game_summary: NaN is taken as NULL in ";
    assert!(outcome.stderr.contains(told) && outcome.stderr.contains("minutes_played ("), "{}", outcome.stderr);
}

#[test]
fn column_names_match_without_case() {
    assert_same_rows(|desk| rewrite_all(desk, |rows| renamed(rows, str::to_uppercase)));
}

#[test]
fn a_column_without_a_value_may_have_any_type() {
    assert_same_rows(|desk| {
        let batch = rows(Table::Schedule);
        let empty = changed(&batch, |name, column| {
            (column.null_count() == column.len()).then(|| match name {
                "playoff_round" => new_null_array(&DataType::Int32, column.len()),
                _ => new_null_array(&DataType::Null, column.len()),
            })
        });
        let rounds = empty.column_by_name("playoff_round").expect("a column");
        assert_eq!(rounds.data_type(), &DataType::Int32, "the season's start has no playoff round");
        desk.put(Table::Schedule, &empty);
    });
}

#[test]
fn columns_that_nothing_reads_may_have_any_type() {
    let table = Table::PlayerGameSummary;
    let batch = rows(table);
    let count = batch.num_rows();
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![7; count]));
    let structs: ArrayRef = Arc::new(StructArray::try_from(vec![("a", Arc::clone(&numbers))]).expect("a struct"));
    let lists: ArrayRef = Arc::new(ListArray::new(
        Arc::new(arrow::datatypes::Field::new("element", structs.data_type().clone(), true)),
        arrow::buffer::OffsetBuffer::from_lengths(std::iter::repeat_n(1, count)),
        Arc::clone(&structs),
        None,
    ));
    let intervals: ArrayRef = Arc::new(IntervalDayTimeArray::new_null(count));
    let far: ArrayRef = Arc::new(arrow::array::Date32Array::from(vec![i32::MAX; count]));
    for odd in [structs, lists, intervals, far, new_null_array(&DataType::Null, count)] {
        let desk = Desk::new();
        let mut rewritten = batch.clone();
        for column in ["quality_metadata", "data_sources", "created_at", "starter_flag", "steals"] {
            rewritten = with_column(&rewritten, column, Some(Arc::clone(&odd)));
        }
        desk.put(table, &rewritten);
        let outcome = desk.run(&super::SYNC, &crate::fixture::RANGE);
        assert_eq!(outcome.code, 0, "{}: {}", odd.data_type(), outcome.stderr);
        let month = desk.path("putback-store/phase3/nba_analytics.player_game_summary/2023-11.parquet");
        let stored = putback::store::read_month_file(table, &month).expect("a month file");
        let before: Vec<_> = table.schema().columns_read().iter().map(|name| batch.column_by_name(name)).collect();
        assert!(before.iter().all(Option::is_some) && stored.num_rows() > 1000);
    }
}

#[test]
fn a_column_that_nothing_reads_may_be_there_twice() {
    let outcome = assert_same_rows(|desk| {
        let table = Table::PlayerGameSummary;
        let batch = rows(table);
        let odd: ArrayRef = Arc::new(StringArray::from(vec!["x"; batch.num_rows()]));
        let batch = with_column(&batch, "Season_Phase_", Some(Arc::clone(&odd)));
        desk.put(table, &batch);
    });
    assert!(outcome.stderr.contains("not pulled: Season_Phase_"), "{}", outcome.stderr);
    let desk = Desk::new();
    let batch = rows(Table::PlayerGameSummary);
    let odd: ArrayRef = Arc::new(StringArray::from(vec!["x"; batch.num_rows()]));
    desk.put(Table::PlayerGameSummary, &with_column(&batch, "STEALS", Some(odd)));
    let outcome = desk.run(&super::SYNC, &crate::fixture::RANGE);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("column steals is there as steals, STEALS"), "{}", outcome.stderr);
}

/// All at once, through to what is published.
#[test]
fn a_season_in_foreign_forms_is_published_alike() {
    let publish = |desk: &Desk| {
        let args = ["run", "-q", "--warehouse", "dir:warehouse", "--to", "dir:published"];
        let outcome = desk.run(&args, &crate::fixture::RANGE);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        let mut files = desk.files("published");
        files.retain(|name, _| name.extension().is_some_and(|extension| extension == "parquet"));
        files
    };
    let foreign = Desk::new();
    let is_number = |ty: &DataType| matches!(ty, DataType::Int64 | DataType::Decimal128(..));
    let is_date = |ty: &DataType| matches!(ty, DataType::Date32);
    rewrite_all(&foreign, |rows| {
        let rows = changed(rows, cast_all(is_number, DataType::Float64));
        let rows = changed(&rows, cast_all(is_date, DataType::Timestamp(TimeUnit::Nanosecond, None)));
        renamed(&rows, str::to_uppercase)
    });
    assert!(publish(&foreign) == publish(&Desk::new()));
}
