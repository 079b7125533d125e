//! The directory target: its commits, what its record vouches for, what others write there, damage.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, LargeStringArray, RecordBatch, StringArray};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Date32Type, Int64Type};
use insta::assert_snapshot;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use putback::catalog::Table;
use putback::store::{read_month_file, sha256_of_file, write_parquet};

use crate::fixture::{Desk, Outcome, RANGE, rows, with_column};

const FEATURES: &str = "nba_predictions.ml_feature_store_v2";
const NOVEMBER: &str = "published/nba_predictions.ml_feature_store_v2/2023-11.parquet";
/// Late enough that windows which end a day earlier make other rows, and not none.
const LATE: [&str; 4] = ["--from", "2023-11-28", "--to", "2023-12-10"];
const EARLY: [&str; 4] = ["--from", "2023-11-07", "--to", "2023-11-15"];

fn upload(desk: &Desk, more: &[&str], range: &[&str]) -> Outcome {
    desk.run(&[&["upload", "-q", "--to", "dir:published"][..], more].concat(), range)
}

/// Files by plain name.
fn plain(desk: &Desk) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = desk.files("published");
    files.retain(|path, _| !path.starts_with("_putback"));
    files
}

fn record(desk: &Desk) -> serde_json::Value {
    let bytes = std::fs::read(desk.path("published/_putback/published.json")).expect("a record");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// Replaces a file as another program does: beside it, then by rename.
fn put(path: &Path, batch: &RecordBatch) {
    let beside = path.with_extension("new");
    let file = std::fs::File::create(&beside).expect("a writable directory");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).expect("a writer");
    writer.write(batch).expect("rows");
    writer.close().expect("a file");
    std::fs::rename(beside, path).expect("renamed");
}

fn read(path: &Path) -> RecordBatch {
    let file = std::fs::File::open(path).expect("a file");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet").with_batch_size(1 << 20);
    reader.build().expect("Parquet").next().expect("rows").expect("rows")
}

/// The rows of a file without those of a day.
fn without(batch: &RecordBatch, day: &str) -> RecordBatch {
    let day = Date32Type::from_naive_date(day.parse().expect("a date"));
    let dates = batch.column_by_name("game_date").expect("a column").as_primitive::<Date32Type>();
    let keep: BooleanArray = dates.values().iter().map(|date| Some(*date != day)).collect();
    filter_record_batch(batch, &keep).expect("rows")
}

#[test]
fn the_record_names_objects_and_plain_names_are_of_them() {
    let desk = Desk::computed();
    let record = record(&desk);
    assert_eq!(record["format"], 2);
    let mut named = 0;
    for (table, months) in record["tables"].as_object().expect("tables") {
        for (month, published) in months.as_object().expect("months") {
            let Some(sha256) = published["sha256"].as_str().filter(|sha256| !sha256.is_empty()) else { continue };
            for path in [
                desk.path(&format!("published/{table}/{month}.parquet")),
                desk.path(&format!("published/_putback/objects/{sha256}.parquet")),
            ] {
                assert_eq!(sha256_of_file(&path).expect("a file"), sha256, "{}", path.display());
            }
            named += 1;
        }
    }
    let objects = std::fs::read_dir(desk.path("published/_putback/objects")).expect("objects").count();
    assert!(named > 0 && objects == named, "{named} named, {objects} there");
}

#[test]
fn an_upload_that_fails_early_creates_nothing() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE).code, 0);
    let outcome = desk.run(&["upload", "-q", "--to", "dir:some/where"], &RANGE);
    assert_eq!(outcome.code, 5, "{}", outcome.stderr);
    assert!(!desk.path("some").exists());
    std::fs::write(desk.path("file"), "text").expect("a file");
    assert_eq!(desk.run(&["compute", "-q"], &RANGE).code, 0);
    let outcome = desk.run(&["upload", "-q", "--to", "dir:file"], &RANGE);
    assert_ne!(outcome.code, 0);
    assert_eq!(std::fs::read(desk.path("file")).expect("a file"), b"text");
    let rehearsed = desk.run(&["upload", "-q", "--to", "dir:some/where", "--dry-run"], &RANGE);
    assert!(rehearsed.code == 0 && !desk.path("some").exists(), "{}", rehearsed.stderr);
}

/// The state between a commit and its plain names, before the commit, and with leftovers of both.
#[test]
fn a_killed_upload_is_old_or_new_by_record_and_is_completed() {
    let desk = Desk::computed();
    let old = desk.files("published");
    assert_eq!(desk.run(&["compute", "-q", "--windows", "day-before"], &LATE).code, 0);
    assert_eq!(upload(&desk, &[], &RANGE).code, 0);
    let new = desk.files("published");
    let write = |files: &BTreeMap<PathBuf, Vec<u8>>, wanted: &dyn Fn(&Path) -> bool| {
        for (name, bytes) in files.iter().filter(|(name, _)| wanted(name)) {
            let path = desk.path("published").join(name);
            std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
            std::fs::remove_file(&path).unwrap_or_default();
            std::fs::write(path, bytes).expect("a file");
        }
    };
    let is_object = |name: &Path| name.starts_with("_putback/objects") || name.starts_with("_putback/kept");
    let is_record = |name: &Path| name.ends_with("published.json");
    let diff = || desk.run(&["diff", "-q", "--with", "dir:published"], &RANGE).code;
    let published = desk.path("published");
    // Killed after the commit: the record is the new one, the plain names are the old ones.
    std::fs::remove_dir_all(&published).expect("removed");
    write(&old, &|_| true);
    write(&new, &|name| is_object(name) || is_record(name));
    assert_eq!(diff(), 0, "by the record it is the new state");
    assert_eq!(upload(&desk, &[], &["--from", "2023-12-01", "--to", "2023-12-02"]).code, 0);
    assert!(new == desk.files("published"), "completed, and nothing is left");
    // Killed before the commit: new objects beside the old record.
    std::fs::remove_dir_all(&published).expect("removed");
    write(&new, &is_object);
    write(&old, &|_| true);
    std::fs::write(published.join("_putback/objects/object.7-1.staged"), "half").expect("a file");
    std::fs::write(published.join("_putback/published.json.7-2.staged"), "half").expect("a file");
    assert_eq!(diff(), 9, "by the record it is the old state");
    assert_eq!(upload(&desk, &[], &RANGE).code, 0);
    assert!(new == desk.files("published"), "completed, and nothing is left");
}

#[test]
fn rows_that_others_changed_stay_and_the_record_does_not_vouch_for_them() {
    let desk = Desk::computed();
    let expected = plain(&desk);
    let path = desk.path(NOVEMBER);
    let theirs = without(&read(&path), "2023-11-20");
    put(&path, &theirs);
    // Other dates of the month are published again.
    let outcome = upload(&desk, &[], &EARLY);
    assert_snapshot!(outcome.stderr, @"note: somebody else changed nba_predictions.ml_feature_store_v2 in dir:[DIR]/published on 1 date, 2023-11-20; the rows stay as they are: `putback diff` shows them, an upload of these dates replaces them");
    assert_eq!(outcome.code, 0);
    let dates = &record(&desk)["tables"][FEATURES]["2023-11"]["dates"];
    assert!(dates["2023-11-21"].is_object() && dates["2023-11-20"].is_null(), "{dates}");
    assert_eq!(desk.run(&["diff", "-q", "--with", "dir:published"], &RANGE).code, 9);
    assert_eq!(upload(&desk, &[], &RANGE).code, 0);
    assert!(expected == plain(&desk));
    assert_eq!(desk.run(&["diff", "-q", "--with", "dir:published"], &RANGE).code, 0);
}

#[test]
fn a_change_in_another_month_does_not_stop_an_upload() {
    let desk = Desk::computed();
    let path = desk.path(NOVEMBER);
    put(&path, &without(&read(&path), "2023-11-20"));
    let theirs = std::fs::read(&path).expect("a file");
    let december = ["--from", "2023-12-01", "--to", "2023-12-10"];
    let file = desk.path("published/nba_predictions.ml_feature_store_v2/2023-12.parquet");
    let expected = std::fs::read(&file).expect("a file");
    put(&file, &without(&read(&file), "2023-12-05"));
    assert_eq!(upload(&desk, &[], &december).code, 0);
    assert!(std::fs::read(&file).expect("a file") == expected);
    assert!(std::fs::read(&path).expect("a file") == theirs);
}

#[test]
fn a_file_that_was_written_in_place_is_found() {
    let desk = Desk::computed();
    let expected = desk.published();
    let path = desk.path(NOVEMBER);
    // Through the hard link the object changes as well.
    write_parquet(&path, &without(&read_month_file(Table::MlFeatureStore, &path).expect("rows"), "2023-11-20"))
        .expect("a writable file");
    assert_eq!(desk.run(&["diff", "-q", "--with", "dir:published"], &RANGE).code, 9);
    assert_eq!(upload(&desk, &[], &RANGE).code, 0);
    assert!(expected == desk.published());
}

#[test]
fn columns_of_others_are_kept_and_text_of_another_type_is_text() {
    let desk = Desk::computed();
    let path = desk.path(NOVEMBER);
    let batch = read(&path);
    let count = batch.num_rows() as i64;
    let batch = with_column(&batch, "their_note", Some(Arc::new(Int64Array::from_iter_values(0..count))));
    let lookups = batch.column_by_name("player_lookup").expect("a column");
    let large: ArrayRef = cast(lookups, &DataType::LargeUtf8).expect("text");
    assert!(large.as_any().is::<LargeStringArray>());
    put(&path, &with_column(&batch, "player_lookup", Some(large)));
    assert_eq!(upload(&desk, &[], &RANGE).code, 0, "nothing differs");
    let theirs = std::fs::read(&path).expect("a file");
    // One date changes.
    let games = rows(Table::PlayerGameSummary);
    let day = Date32Type::from_naive_date("2023-11-28".parse().expect("a date"));
    let dates = games.column_by_name("game_date").expect("a column").as_primitive::<Date32Type>();
    let points = games.column_by_name("points").expect("a column").as_primitive::<Int64Type>();
    let more = points.iter().zip(dates.values()).enumerate().map(|(row, (points, date))| {
        points.map(|points| if *date == day && row % 9 == 0 { points + 1 } else { points })
    });
    let more: Int64Array = more.collect();
    desk.put(Table::PlayerGameSummary, &with_column(&games, "points", Some(Arc::new(more))));
    let outcome = desk.run(&["run", "-q", "--warehouse", "dir:warehouse", "--to", "dir:published"], &RANGE);
    assert!(matches!(outcome.code, 0 | 4) && !outcome.stderr.contains("columns"), "{}", outcome.stderr);
    let now = read(&path);
    assert!(std::fs::read(&path).expect("a file") != theirs);
    let notes = now.column_by_name("their_note").expect("their column").as_primitive::<Int64Type>();
    let known: i64 = notes.iter().flatten().sum();
    assert_eq!((known, notes.len() as i64), (count * (count - 1) / 2, count), "every row kept its note");
}

#[test]
fn a_column_of_another_type_is_named() {
    let desk = Desk::computed();
    let path = desk.path(NOVEMBER);
    let batch = read(&path);
    let texts: StringArray = (0..batch.num_rows()).map(|_| Some("many")).collect();
    put(&path, &with_column(&batch, "feature_count", Some(Arc::new(texts))));
    let outcome = upload(&desk, &[], &RANGE);
    assert_snapshot!(outcome.stderr, @r"
    error: nba_predictions.ml_feature_store_v2: column feature_count is Utf8 in [DIR]/published/nba_predictions.ml_feature_store_v2/2023-11.parquet, expected INT64
      hint: write the file with that column and type again, or move it away; nothing was published
    ");
    assert_eq!(outcome.code, 12);
}

#[test]
fn a_damaged_file_is_named_and_repaired() {
    let desk = Desk::computed();
    let expected = desk.published();
    let path = desk.path(NOVEMBER);
    let whole = std::fs::read(&path).expect("a file");
    // By rename the object is whole; in place it is damaged as well.
    for in_place in [false, true] {
        if !in_place {
            std::fs::remove_file(&path).expect("removed");
        }
        std::fs::write(&path, &whole[..whole.len() / 2]).expect("a file");
        let outcome = upload(&desk, &[], &EARLY);
        assert_eq!(outcome.code, 13, "{}", outcome.stderr);
        assert!(
            outcome.stderr.contains("2023-11.parquet (nba_predictions.ml_feature_store_v2) cannot be read"),
            "{}",
            outcome.stderr
        );
        assert!(outcome.stderr.contains("add --repair"), "{}", outcome.stderr);
        let diff = desk.run(&["diff", "-q", "--with", "dir:published"], &RANGE);
        assert!(diff.code == 13 && diff.stderr.contains("--repair"), "{}: {}", diff.code, diff.stderr);
        let repaired = upload(&desk, &["--repair"], &EARLY);
        assert_eq!(repaired.code, 0, "{}", repaired.stderr);
        assert!(expected == desk.published(), "in place: {in_place}");
    }
}

#[test]
fn a_month_that_the_store_does_not_have_is_not_repaired_in_part() {
    let desk = Desk::computed();
    let path = desk.path(NOVEMBER);
    std::fs::write(&path, "damage").expect("a file");
    let fresh = ["run", "-q", "--warehouse", "dir:warehouse", "--to", "dir:published", "--store", "fresh", "--repair"];
    let outcome = desk.run(&fresh, &EARLY);
    assert_snapshot!(outcome.stderr, @r"
    error: [DIR]/published/nba_predictions.ml_feature_store_v2/2023-11.parquet is damaged, and the store does not have what was published of its dates 2023-11-16, 2023-11-17, 2023-11-18, 2023-11-19, 2023-11-20, 2023-11-21, and 8 more
      because: [DIR]/published/nba_predictions.ml_feature_store_v2/2023-11.parquet (nba_predictions.ml_feature_store_v2) cannot be read as Parquet
      because: EOF: Parquet file too small. Size is 6 but need 8
      hint: sync and compute these dates and upload the whole month 2023-11 with --repair; or move the file away: then only the dates of the range are published again
    ");
    assert_eq!(outcome.code, 13);
    assert_eq!(upload(&desk, &["--repair"], &RANGE).code, 0);
}

#[test]
fn a_lost_or_damaged_record_is_written_anew() {
    let desk = Desk::computed();
    let expected = desk.published();
    let path = desk.path("published/_putback/published.json");
    let record = std::fs::read_to_string(&path).expect("a record");
    std::fs::write(&path, record.replacen("\"rows\":", "\"rows\":1", 1)).expect("a file");
    let outcome = upload(&desk, &[], &RANGE);
    assert_snapshot!(outcome.stderr, @r"
    error: [DIR]/published/_putback/published.json is damaged: its content does not have its checksum
      hint: remove [DIR]/published/_putback/published.json: the next upload compares by content and writes it anew
    ");
    assert_eq!(outcome.code, 11);
    std::fs::remove_file(&path).expect("removed");
    // A part of the range first: the months of the others stay.
    assert_eq!(upload(&desk, &[], &["--from", "2023-12-01", "--to", "2023-12-10"]).code, 0);
    assert_eq!(upload(&desk, &[], &RANGE).code, 0);
    assert!(expected == desk.published());
}

#[test]
fn a_target_of_format_1_is_read_and_migrated() {
    let desk = Desk::computed();
    let expected = desk.published();
    let mut old = record(&desk);
    old["format"] = 1.into();
    old.as_object_mut().expect("an object").remove("checksum");
    for months in old["tables"].as_object_mut().expect("tables").values_mut() {
        for month in months.as_object_mut().expect("months").values_mut() {
            for date in month["dates"].as_object_mut().expect("dates").values_mut() {
                *date = date["token"].clone();
            }
        }
    }
    let path = desk.path("published/_putback/published.json");
    std::fs::remove_dir_all(desk.path("published/_putback")).expect("removed");
    std::fs::create_dir(desk.path("published/_putback")).expect("a directory");
    std::fs::write(&path, serde_json::to_vec_pretty(&old).expect("JSON")).expect("a file");
    std::fs::write(desk.path(&format!("{NOVEMBER}.staged")), "half").expect("a file");
    assert_eq!(desk.run(&["diff", "-q", "--with", "dir:published"], &RANGE).code, 0);
    assert_eq!(upload(&desk, &[], &RANGE).code, 0);
    assert!(expected == desk.published());
    // Its record vouched for rows that somebody had changed.
    std::fs::write(&path, serde_json::to_vec_pretty(&old).expect("JSON")).expect("a file");
    let file = desk.path(NOVEMBER);
    put(&file, &without(&read(&file), "2023-11-20"));
    let mut lying = old.clone();
    let entry = &mut lying["tables"][FEATURES]["2023-11"];
    entry["sha256"] = sha256_of_file(&file).expect("a file").into();
    entry["size_bytes"] = std::fs::metadata(&file).expect("a file").len().into();
    std::fs::write(&path, serde_json::to_vec_pretty(&lying).expect("JSON")).expect("a file");
    assert_eq!(upload(&desk, &[], &RANGE).code, 0);
    assert!(expected == desk.published());
}

#[test]
fn two_publishers_end_with_the_rows_of_the_last() {
    let desk = Desk::computed();
    let ours = plain(&desk);
    let other = ["run", "-q", "--warehouse", "dir:warehouse", "--to", "dir:published", "--store", "other"];
    assert_eq!(desk.run(&[&other[..], &["--windows", "day-before"]].concat(), &LATE).code, 0);
    let theirs = plain(&desk);
    assert!(ours != theirs);
    assert_eq!(upload(&desk, &[], &RANGE).code, 0);
    assert!(ours == plain(&desk));
    assert_eq!(desk.run(&["upload", "-q", "--to", "dir:published", "--store", "other"], &LATE).code, 0);
    assert!(theirs == plain(&desk));
}

/// Two uploads of different rows of the same dates, started at the same time.
#[test]
fn two_publishers_at_once_leave_the_rows_of_one() {
    let desk = Desk::computed();
    let other = ["run", "-q", "--warehouse", "dir:warehouse", "--to", "dir:elsewhere", "--store", "other"];
    assert_eq!(desk.run(&[&other[..], &["--windows", "day-before"]].concat(), &LATE).code, 0);
    let args = |store| ["upload", "-q", "--to", "dir:published", "--store", store];
    let nothing = || std::fs::remove_dir_all(desk.path("published")).expect("removed");
    let alone = |store| {
        nothing();
        assert_eq!(desk.run(&args(store), &LATE).code, 0);
        plain(&desk)
    };
    let stores = ["putback-store", "other"];
    let states = stores.map(alone);
    assert!(states[0] != states[1]);
    for (first, second) in [(0, 1), (1, 0)] {
        nothing();
        let start = |store| {
            let mut command = desk.command(&args(store), &LATE);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary runs")
        };
        let mut running = [start(stores[first]), start(stores[second])];
        let codes = running.each_mut().map(|child| child.wait().expect("it ends").code());
        // Who meets the other too long says so, and publishes nothing.
        assert!(codes.contains(&Some(0)) && codes.iter().all(|code| matches!(code, Some(0 | 10))), "{codes:?}");
        assert!(states.contains(&plain(&desk)), "a mixture");
        let with = |store| desk.run(&["diff", "-q", "--with", "dir:published", "--store", store], &LATE).code;
        let mut both = [with(stores[0]), with(stores[1])];
        both.sort_unstable();
        assert_eq!(both, [0, 9], "by the record it is one of them");
        assert_eq!(desk.run(&args(stores[second]), &LATE).code, 0);
        assert!(states[second] == plain(&desk));
        assert_eq!(with(stores[second]), 0);
    }
}

/// Where links are not possible, plain names are copies: an object can be damaged alone.
#[test]
fn a_damaged_object_is_named_and_repaired() {
    let desk = Desk::computed();
    let expected = desk.published();
    let sha256 = record(&desk)["tables"][FEATURES]["2023-11"]["sha256"].as_str().expect("a checksum").to_owned();
    let object = desk.path(&format!("published/_putback/objects/{sha256}.parquet"));
    let whole = std::fs::read(&object).expect("an object");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let upload_all = |more: &[&str]| upload(&desk, more, &RANGE);
    for (damage, plain_too) in [(&b""[..], false), (&flipped, false), (b"", true)] {
        std::fs::remove_file(&object).expect("removed");
        std::fs::write(&object, damage).expect("a file");
        if plain_too {
            std::fs::remove_file(desk.path(NOVEMBER)).expect("removed");
        }
        let before = desk.published();
        let diff = desk.run(&["diff", "-q", "--with", "dir:published"], &RANGE);
        let undo = desk.run(&["undo", "-q", "--to", "dir:published"], &[]);
        for refused in [&upload_all(&[]), &upload_all(&["--dry-run"]), &diff, &undo] {
            assert_eq!(refused.code, 13, "{}", refused.shown());
            assert!(refused.stderr.contains(&format!("objects/{sha256}.parquet is damaged")), "{}", refused.stderr);
        }
        assert!(before == desk.published());
        assert!(diff.stderr.contains("the file that the record has for nba_predictions.ml_feature_store_v2 2023-11"));
        let hint =
            "`putback upload --from 2023-11-08 --until 2023-11-30 --to dir:[DIR]/published --repair` writes it again";
        assert!(diff.stderr.contains(hint), "{}", diff.stderr);
        let (_, hint) = diff.stderr.split_once('`').expect("a command");
        let place = desk.path("").canonicalize().expect("a directory").display().to_string();
        let line = hint.split_once('`').expect("a command").0.replace("[DIR]", place.trim_end_matches('/'));
        let words: Vec<&str> = line.split(' ').skip(1).collect();
        assert_eq!(upload_all(&["--repair", "--dry-run"]).code, 0);
        assert_eq!(desk.run(&words, &["-q"]).code, 0, "{line}");
        assert!(expected == desk.published());
        assert_eq!(desk.run(&["diff", "-q", "--with", "dir:published"], &RANGE).code, 0);
    }
    // One that is not there at all is set again from its plain name.
    std::fs::remove_file(&object).expect("removed");
    assert_eq!(desk.run(&["diff", "-q", "--with", "dir:published"], &RANGE).code, 0);
    assert_eq!(upload_all(&[]).code, 0);
    assert!(expected == desk.published());
}
