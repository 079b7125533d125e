//! The same input gives the same bytes, however it is cut, ordered, threaded or interrupted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use putback::catalog::Table;

use crate::fixture::{Desk, RANGE, rows, season_start};

fn sync(desk: &Desk) {
    let done = desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE);
    assert_eq!(done.code, 0, "{}", done.stderr);
}

fn compute(desk: &Desk, args: &[&str], range: &[&str]) {
    let done = desk.run(&[&["compute", "-q"], args].concat(), range);
    assert_eq!(done.code, 0, "{}", done.stderr);
}

fn expected() -> BTreeMap<PathBuf, Vec<u8>> {
    let desk = Desk::new();
    sync(&desk);
    compute(&desk, &[], &RANGE);
    outputs(&desk)
}

/// Month files and the manifest of Phase 4. The manifest of Phase 3 names the warehouse's directory.
fn outputs(desk: &Desk) -> BTreeMap<PathBuf, Vec<u8>> {
    desk.files("putback-store/phase4")
}

fn assert_same(desk: &Desk, expected: &BTreeMap<PathBuf, Vec<u8>>) {
    let files = outputs(desk);
    let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&files), names(expected));
    let differing: Vec<_> =
        files.iter().filter(|(name, bytes)| expected[*name] != **bytes).map(|(name, _)| name).collect();
    assert!(differing.is_empty(), "{differing:?} differ");
}

#[test]
fn any_chunking_of_the_range_gives_the_same_bytes() {
    let expected = expected();
    let cuts: [&[[&str; 4]]; 3] = [
        &[["--from", "2023-11-07", "--to", "2023-11-30"], ["--from", "2023-12-01", "--to", "2023-12-10"]],
        &[
            ["--from", "2023-12-03", "--to", "2023-12-10"],
            ["--from", "2023-11-20", "--to", "2023-12-05"],
            ["--from", "2023-11-07", "--to", "2023-11-21"],
        ],
        &[
            ["--from", "2023-11-08", "--to", "2023-11-08"],
            ["--from", "2023-11-07", "--to", "2023-11-15"],
            ["--from", "2023-11-29", "--to", "2023-12-02"],
            RANGE,
        ],
    ];
    for chunks in cuts {
        let desk = Desk::new();
        sync(&desk);
        for chunk in chunks {
            compute(&desk, &[], chunk);
        }
        assert_same(&desk, &expected);
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let expected = expected();
    let mut others = BTreeSet::new();
    for threads in ["1", "2", "4", "8"] {
        let desk = Desk::new();
        let done = desk.run(&["sync", "-q", "--warehouse", "dir:warehouse", "--threads", threads], &RANGE);
        assert_eq!(done.code, 0, "{}", done.stderr);
        compute(&desk, &["--threads", threads], &RANGE);
        assert_same(&desk, &expected);
        let done = desk.run(&["upload", "-q", "--to", "dir:published", "--threads", threads], &RANGE);
        assert_eq!(done.code, 0, "{}", done.stderr);
        let months = |dir: &str| -> Vec<_> {
            desk.files(dir)
                .into_iter()
                .filter(|(name, _)| name.extension().is_some_and(|end| end == "parquet"))
                .collect()
        };
        others.insert([months("putback-store/phase3"), months("published")]);
    }
    assert_eq!(others.len(), 1, "synced or published months differ");
}

#[test]
fn any_order_of_input_rows_in_any_files_gives_the_same_rows() {
    let in_order = Desk::new();
    let shuffled = Desk::new();
    for (index, (table, batch)) in season_start().iter().enumerate() {
        shuffled.put_split(*table, &shuffle(batch, index as u64 + 1));
    }
    for desk in [&in_order, &shuffled] {
        sync(desk);
        compute(desk, &[], &RANGE);
    }
    // The manifest of Phase 3 records the warehouse and its files, which differ.
    let parquet = |desk: &Desk| {
        let mut files = desk.files("putback-store");
        files.retain(|name, _| name.extension().is_some_and(|extension| extension == "parquet"));
        files
    };
    let (expected, files) = (parquet(&in_order), parquet(&shuffled));
    assert!(expected.len() > 20);
    assert!(expected == files);
}

/// A permutation by a linear congruence, fixed by `seed`.
fn shuffle(batch: &RecordBatch, seed: u64) -> RecordBatch {
    let mut order: Vec<u32> = (0..batch.num_rows() as u32).collect();
    let mut state = seed;
    for last in (1..order.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(last, (state >> 33) as usize % (last + 1));
    }
    take_record_batch(batch, &UInt32Array::from(order)).expect("rows exist")
}

#[test]
fn a_second_run_changes_no_byte_and_computes_nothing() {
    let desk = Desk::computed();
    let (store, published) = (desk.store(), desk.files("published"));
    let again = desk.run(&["run", "--warehouse", "dir:warehouse", "--to", "dir:published"], &RANGE);
    assert_eq!(again.code, 0);
    assert!(again.stderr.contains("nothing to compute"), "{}", again.stderr);
    assert!(again.stderr.contains("nothing to publish"), "{}", again.stderr);
    assert!(store == desk.store());
    assert!(published == desk.files("published"));
}

#[test]
fn only_dates_that_read_a_changed_row_are_computed_again() {
    let desk = Desk::computed();
    let games = rows(Table::TeamDefenseGameSummary);
    // Without its last game day, the dates before it keep their inputs.
    let dates = games.column_by_name("game_date").expect("a column");
    let last = arrow::compute::max(arrow::array::AsArray::as_primitive::<arrow::datatypes::Date32Type>(dates)).unwrap();
    let before: arrow::array::BooleanArray = arrow::array::AsArray::as_primitive::<arrow::datatypes::Date32Type>(dates)
        .iter()
        .map(|day| day.map(|day| day < last))
        .collect();
    desk.put(Table::TeamDefenseGameSummary, &arrow::compute::filter_record_batch(&games, &before).expect("rows"));
    let synced = desk.run(&["sync", "-q", "--warehouse", "dir:warehouse", "--accept-shorter"], &RANGE);
    assert_eq!(synced.code, 0, "{}", synced.stderr);
    let done = desk.run(&["compute"], &RANGE);
    assert!(done.stderr.contains("TDZA 1 dates"), "{}", done.stderr);
    assert!(done.stderr.contains("PSZA 0 dates"), "{}", done.stderr);

    let fresh = Desk::new();
    fresh.put(Table::TeamDefenseGameSummary, &arrow::compute::filter_record_batch(&games, &before).expect("rows"));
    sync(&fresh);
    compute(&fresh, &[], &RANGE);
    assert!(outputs(&fresh) == outputs(&desk));
}

#[test]
fn a_damaged_month_is_noticed_and_computed_again() {
    let desk = Desk::computed();
    let store = desk.files("putback-store");
    let file = desk.path("putback-store/phase4/nba_predictions.ml_feature_store_v2/2023-11.parquet");
    let mut bytes = std::fs::read(&file).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).expect("a writable file");
    let done = desk.run(&["compute"], &["--date", "2023-11-15"]);
    assert_eq!(done.code, 0);
    assert!(done.stderr.contains("2023-11.parquet is not the file that was recorded"), "{}", done.stderr);
    assert!(store == desk.files("putback-store"));
}
