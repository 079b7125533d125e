//! What cannot be taken is refused in words that help; only a damaged file is called damaged.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, StringArray, new_null_array};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Float64Type};
use insta::assert_snapshot;
use parquet::basic::Compression;
use putback::catalog::Table;

use super::refused;
use crate::fixture::{Desk, rows, with_column};
use crate::support::parquet::{claim_codec, write_plain};

/// Puts one value into a column that is otherwise as it was, as doubles.
fn with_double(desk: &Desk, table: Table, column: &str, value: f64) {
    let batch = rows(table);
    let doubles = cast(batch.column_by_name(column).expect("a column"), &DataType::Float64).expect("doubles");
    let doubles = doubles.as_primitive::<Float64Type>().iter();
    let doubles: Float64Array =
        doubles.enumerate().map(|(row, old)| if row == 7 { Some(value) } else { old }).collect();
    desk.put(table, &with_column(&batch, column, Some(Arc::new(doubles))));
}

#[test]
fn a_number_that_is_not_exact() {
    let outcome = refused(|desk| with_double(desk, Table::PlayerGameSummary, "points", 2.5));
    assert_snapshot!(outcome.shown(), @r"
exit status: 12
--- stdout
--- stderr
error: nba_analytics.player_game_summary: points is 2.5 in row 8 of [DIR]/warehouse/nba_analytics.player_game_summary.parquet (game_id 20231024_UTA_IND, player_lookup tavondunstone); the column is Float64, and INT64 cannot hold this value exactly
  hint: correct the value, or export the column as INT64; nothing was pulled
");
    for value in [f64::INFINITY, -1e300, 1e17] {
        let outcome = refused(|desk| with_double(desk, Table::PlayerGameSummary, "fg_makes", value));
        assert_eq!(outcome.code, 12);
        assert!(
            outcome.stderr.contains("fg_makes is ") && outcome.stderr.contains(" in row 8 of "),
            "{}",
            outcome.stderr
        );
    }
    for value in [36.45, 36.400_000_1, 123_456.0, f64::NEG_INFINITY] {
        let outcome = refused(|desk| with_double(desk, Table::PlayerGameSummary, "minutes_played", value));
        assert_eq!(outcome.code, 12);
        assert!(outcome.stderr.contains("NUMERIC(5,1) cannot hold this value exactly"), "{}", outcome.stderr);
        assert!(!outcome.stderr.contains("damaged"), "{}", outcome.stderr);
    }
}

#[test]
fn numbers_in_a_column_of_text() {
    let outcome = refused(|desk| {
        let batch = rows(Table::Schedule);
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..batch.num_rows() as i64));
        desk.put(Table::Schedule, &with_column(&batch, "home_team_tricode", Some(numbers)));
    });
    assert_snapshot!(outcome.shown(), @r"
exit status: 12
--- stdout
--- stderr
error: nba_raw.nbac_schedule: column home_team_tricode is Int64 in [DIR]/warehouse/nba_raw.nbac_schedule.parquet, expected STRING
  hint: restore the column's type in the warehouse; nothing was pulled
");
}

/// A file is read a part at a time, and a table file by file: the count is of all rows.
#[test]
fn rows_without_a_value_are_counted_over_the_whole_table() {
    const TABLE: Table = Table::PlayerGameSummary;
    let batch = rows(TABLE);
    let many = concat_batches(&batch.schema(), [&batch; 4]).expect("rows");
    assert!(many.num_rows() > 1 << 14);
    let players = Some(new_null_array(&DataType::Utf8, many.num_rows()));
    let without = with_column(&many, "player_lookup", players);
    let told = format!(
        "required column player_lookup is NULL in {} rows; the first is row 1 of [DIR]/warehouse/{TABLE}",
        many.num_rows()
    );
    for put in [Desk::put, Desk::put_split] {
        let outcome = refused(|desk| put(desk, TABLE, &without));
        assert_eq!(outcome.code, 12);
        assert!(outcome.stderr.contains(&told), "{}", outcome.stderr);
    }
}

#[test]
fn two_columns_that_differ_in_case() {
    let outcome = refused(|desk| {
        let batch = rows(Table::Schedule);
        let column = batch.column_by_name("game_id").cloned();
        desk.put(Table::Schedule, &with_column(&batch, "GAME_ID", column));
    });
    assert_snapshot!(outcome.shown(), @r"
exit status: 12
--- stdout
--- stderr
error: nba_raw.nbac_schedule: columns game_id and GAME_ID in [DIR]/warehouse/nba_raw.nbac_schedule.parquet are both game_id, whose case is not told apart
  hint: keep one of them; nothing was pulled
");
}

#[test]
fn a_codec_that_nothing_reads_is_named() {
    let outcome = refused(|desk| claim_codec(&desk.warehouse_file(Table::Schedule), Compression::LZO));
    assert_eq!(outcome.code, 12);
    assert!(
        outcome.stderr.contains("nbac_schedule.parquet cannot be read: it is compressed with LZO"),
        "{}",
        outcome.stderr
    );
    assert!(!outcome.stderr.contains("damaged"), "{}", outcome.stderr);
}

#[test]
fn what_is_no_parquet_is_called_what_it_is() {
    let file = |bytes: &[u8]| {
        let bytes = bytes.to_vec();
        move |desk: &Desk| std::fs::write(desk.warehouse_file(Table::Schedule), bytes).expect("a file")
    };
    for (bytes, what) in [
        (b"game_id,game_date\n0022300001,2023-10-24\n".as_slice(), "it is a text file"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "it is compressed as a whole with gzip"),
        (b"PK\x03\x04", "it is a zip archive"),
        (b"Obj\x01\x04", "it is an Avro file"),
        (b"ORC\x0a", "it is an ORC file"),
        (b"ARROW1\0\0", "it is an Arrow file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "it is a pointer of Git LFS"),
        (b"PARE\0\0\0\0\0\0\0\0PARE", "it is encrypted Parquet"),
    ] {
        let outcome = refused(file(bytes));
        assert_eq!(outcome.code, 12, "{what}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(what) && !outcome.stderr.contains("damaged"), "{}", outcome.stderr);
    }
    let outcome = refused(file(b""));
    assert_eq!(outcome.code, 13);
    assert!(outcome.stderr.contains("is empty: it has no bytes"), "{}", outcome.stderr);
}

#[test]
fn text_that_is_not_utf8() {
    let outcome = refused(|desk| {
        let batch = rows(Table::Schedule);
        let marked = StringArray::from(vec!["MARKMARK"; batch.num_rows()]);
        let path = desk.warehouse_file(Table::Schedule);
        write_plain(&path, &with_column(&batch, "home_team_tricode", Some(Arc::new(marked))));
        let mut bytes = std::fs::read(&path).expect("a file");
        // The first and last are in the footer's and the page's statistics.
        let marks: Vec<usize> = (0..bytes.len() - 8).filter(|&at| bytes[at..].starts_with(b"MARKMARK")).collect();
        let at = marks[marks.len() / 2];
        bytes[at] = 0xe9;
        std::fs::write(&path, bytes).expect("a file");
    });
    assert_eq!(outcome.code, 12, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("column home_team_tricode in "), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("holds text that is not UTF-8"), "{}", outcome.stderr);
}
