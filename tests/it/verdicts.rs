//! Verdicts of checks are remembered with what they were found of.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Date32Type, Int64Type};
use chrono::{Days, NaiveDate};
use putback::catalog::Table;
use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use crate::fixture::{Desk, RANGE, rows, with_column};

const VERDICTS: &str = "putback-store/verdicts";

/// Files of remembered verdicts.
fn remembered(desk: &Desk) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(desk.path(VERDICTS)).map(|entries| entries.flatten().map(|entry| entry.path()));
    entries.map(Iterator::collect).unwrap_or_default()
}

fn name(file: &Path) -> &str {
    file.file_name().and_then(|name| name.to_str()).expect("a name")
}

fn forget(desk: &Desk) {
    remembered(desk).iter().for_each(|file| std::fs::remove_file(file).expect("a file"));
}

fn verdict(desk: &Desk, command: &str, range: &[&str]) -> (i32, Value) {
    let outcome = desk.run(&[command, "--format", "json", "--all"], range);
    (outcome.code, serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{}", outcome.stderr)))
}

/// Games in which the player of one row has other points than the warehouse said before.
fn with_points(row: usize, points: i64) -> RecordBatch {
    let games = rows(Table::PlayerGameSummary);
    let before = games.column_by_name("points").expect("a column").as_primitive::<Int64Type>();
    let changed = before.iter().enumerate().map(|(index, value)| if index == row { Some(points) } else { value });
    let column: ArrayRef = Arc::new(changed.collect::<Int64Array>());
    with_column(&games, "points", Some(column))
}

fn take_in(desk: &Desk, games: &RecordBatch) {
    desk.put(Table::PlayerGameSummary, games);
    for args in [&["sync", "-q", "--warehouse", "dir:warehouse"][..], &["compute", "-q", "--skip-validation"]] {
        let done = desk.run(args, &RANGE);
        assert_eq!(done.code, 0, "{}", done.stderr);
    }
}

#[test]
fn what_is_remembered_is_what_would_be_found() {
    const RANGES: [&[&str]; 4] = [
        &RANGE,
        &["--date", "2023-11-15"],
        &["--from", "2023-11-20", "--to", "2023-12-05"],
        &["--from", "2023-11-07", "--to", "2023-11-30"],
    ];
    let desk = Desk::computed();
    let mut random = Pcg64::new(21, 7);
    let mut pick = |count: usize| random.next_u64() as usize % count;
    let all_rows = rows(Table::PlayerGameSummary).num_rows();
    let contents = [rows(Table::PlayerGameSummary), with_points(pick(all_rows), 170), with_points(pick(all_rows), 60)];
    for step in 0..5 {
        take_in(&desk, &contents[step % contents.len()]);
        let asked: Vec<(&str, &[&str])> =
            (0..3).map(|_| (["check", "validate"][pick(2)], RANGES[pick(RANGES.len())])).collect();
        let with_memory: Vec<_> = asked.iter().map(|(command, range)| verdict(&desk, command, range)).collect();
        let again: Vec<_> = asked.iter().map(|(command, range)| verdict(&desk, command, range)).collect();
        let anew: Vec<_> = asked
            .iter()
            .map(|(command, range)| {
                forget(&desk);
                verdict(&desk, command, range)
            })
            .collect();
        assert!(with_memory == anew && again == anew, "step {step}: {asked:?}");
    }
}

/// With a checksum of its own, a verdict is believed: it is not looked for again.
#[test]
fn what_is_remembered_is_not_looked_for_again() {
    let desk = Desk::computed();
    forget(&desk);
    for command in ["check", "validate"] {
        forget(&desk);
        verdict(&desk, command, &RANGE);
        // A validation keeps what it found of the season as well.
        let kind = if command == "check" { "inputs-" } else { "verdict-" };
        forge(&only(&desk, kind), |verdicts| {
            let of_season = if command == "check" { &mut verdicts["verdicts"] } else { verdicts };
            of_season["findings"]["I31u"] = serde_json::json!([{ "date": "2023-11-15", "count": 12_345 }]);
        });
        let (_, known) = verdict(&desk, command, &RANGE);
        assert_eq!(known.to_string().contains("12345"), command == "check", "{command}");
    }
}

/// With a checksum of its own, a file of verdicts that says this much more of a date is believed.
fn forge(file: &Path, forge: impl FnOnce(&mut Value)) {
    let text = std::fs::read_to_string(file).expect("a file");
    let (_, verdicts) = text.split_once('\n').expect("a checksum");
    let mut verdicts: Value = serde_json::from_str(verdicts).expect("JSON");
    forge(&mut verdicts);
    let verdicts = verdicts.to_string();
    std::fs::write(file, format!("{:016x}\n{verdicts}", xxh3_64(verdicts.as_bytes()))).expect("a writable file");
}

fn only(desk: &Desk, kind: &str) -> PathBuf {
    let of_kind: Vec<PathBuf> = remembered(desk).into_iter().filter(|file| name(file).starts_with(kind)).collect();
    let [file] = &of_kind[..] else { panic!("{of_kind:?}") };
    file.clone()
}

/// A change of December says nothing of November, one of November says something of both.
#[test]
fn outputs_are_checked_again_in_months_that_a_change_can_concern() {
    let games = rows(Table::PlayerGameSummary);
    let dates = games.column_by_name("game_date").expect("a column").as_primitive::<Date32Type>();
    let row_of = |month: &str| {
        let date = |row: usize| dates.value_as_date(row).expect("a date").to_string();
        (0..games.num_rows()).find(|row| date(*row).starts_with(month)).expect("a row")
    };
    for (changed, is_known) in [("2023-12", [true, false]), ("2023-11", [false, false])] {
        let desk = Desk::computed();
        forget(&desk);
        verdict(&desk, "validate", &RANGE);
        forge(&only(&desk, "outputs-"), |months| {
            for date in ["2023-11-15", "2023-12-05"] {
                let finding = serde_json::json!([{ "date": date, "count": 12_345 }]);
                months[&date[..7]][0]["found"]["f"]["A18"] = finding;
            }
        });
        take_in(&desk, &with_points(row_of(changed), 33));
        let (_, found) = verdict(&desk, "validate", &RANGE);
        let results = found["results"].as_array().expect("results");
        let findings = &results.iter().find(|result| result["id"] == "A18").expect("the check")["findings"];
        let told = |date: &str| findings.as_array().expect("findings").iter().any(|finding| finding["date"] == date);
        assert_eq!(["2023-11-15", "2023-12-05"].map(told), is_known, "{changed}");
    }
}

/// Rows and files stay the same; what they should rest on does not.
#[test]
fn other_windows_are_checked_again() {
    let desk = Desk::new();
    let last = "2023-12-10".parse().map(Date32Type::from_naive_date).expect("a date");
    for table in [Table::PlayerGameSummary, Table::TeamDefenseGameSummary, Table::TeamOffenseGameSummary] {
        let all = rows(table);
        let dates = all.column_by_name("game_date").expect("a column").as_primitive::<Date32Type>();
        let earlier: BooleanArray = dates.values().iter().map(|date| Some(*date != last)).collect();
        desk.put(table, &filter_record_batch(&all, &earlier).expect("rows"));
    }
    desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE);
    let day_before = ["compute", "-q", "--skip-validation", "--windows", "day-before", "--date", "2023-12-10"];
    desk.run(&["compute", "-q", "--skip-validation"], &RANGE);
    let (_, before) = verdict(&desk, "validate", &RANGE);
    desk.run(&day_before, &[]);
    let (_, remembered) = verdict(&desk, "validate", &RANGE);
    forget(&desk);
    let (_, anew) = verdict(&desk, "validate", &RANGE);
    assert!(before != anew && remembered == anew);
}

/// A date that is computed again with the same rows keeps its file, unless all is to be written anew.
#[test]
fn a_month_with_the_same_rows_keeps_its_file() {
    let files = |desk: &Desk| -> Vec<Vec<u8>> {
        let month = |table: &str| desk.path(&format!("putback-store/phase4/{table}/2023-12.parquet"));
        let tables = ["nba_precompute.player_composite_factors", "nba_processing.precompute_failures"];
        tables.map(|table| std::fs::read(month(table)).expect("a file")).to_vec()
    };
    let desk = Desk::computed();
    let before = files(&desk);
    let (_, first) = verdict(&desk, "validate", &RANGE);
    // The date is stale, and its rows are what they were: PCF reads nobody's points.
    desk.put(Table::PlayerGameSummary, &with_points(rows(Table::PlayerGameSummary).num_rows() - 1, 33));
    let done = desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let later = |args: &[&str]| {
        let mut command = desk.command(args, &RANGE);
        command.env("SOURCE_DATE_EPOCH", "1700009999").output().expect("the binary runs")
    };
    let computed = String::from_utf8(later(&["compute", "--skip-validation"]).stderr).expect("text");
    assert!(computed.contains("PCF computing 1 game date"), "{computed}");
    assert!(files(&desk) == before);
    assert_eq!(verdict(&desk, "validate", &RANGE).1["accounting"], first["accounting"]);
    let forced = later(&["compute", "-q", "--skip-validation", "--force"]);
    assert!(forced.status.success());
    let is_new: Vec<bool> = files(&desk).iter().zip(&before).map(|(now, before)| now != before).collect();
    assert_eq!(is_new, [true, true]);
}

/// What is found of inputs holds whatever is computed of them.
#[test]
fn inputs_are_not_checked_again_after_a_computation() {
    let desk = Desk::new();
    let done = desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let before = verdict(&desk, "check", &RANGE);
    let files = remembered(&desk);
    let done = desk.run(&["compute", "-q"], &RANGE);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(verdict(&desk, "check", &RANGE) == before);
    assert_eq!(remembered(&desk), files);
}

#[test]
fn a_verdict_that_cannot_be_read_is_found_again() {
    let desk = Desk::computed();
    let expected = verdict(&desk, "check", &RANGE);
    for file in remembered(&desk) {
        let mut bytes = std::fs::read(&file).expect("a file");
        let last = bytes.len() - 2;
        bytes[last] ^= 1;
        std::fs::write(&file, &bytes).expect("a writable file");
    }
    assert!(verdict(&desk, "check", &RANGE) == expected);
    for file in remembered(&desk) {
        std::fs::write(&file, "").expect("a writable file");
    }
    assert!(verdict(&desk, "check", &RANGE) == expected);
}

#[test]
fn damage_is_noticed_although_the_verdict_is_remembered() {
    for (command, month) in [
        ("check", "putback-store/phase3/nba_analytics.player_game_summary/2023-11.parquet"),
        ("validate", "putback-store/phase4/nba_predictions.ml_feature_store_v2/2023-11.parquet"),
    ] {
        let desk = Desk::computed();
        verdict(&desk, command, &RANGE);
        let file = desk.path(month);
        let mut bytes = std::fs::read(&file).expect("a file");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, bytes).expect("a writable file");
        let outcome = desk.run(&[command], &RANGE);
        assert_eq!(outcome.code, 13, "{}", outcome.stderr);
        assert!(outcome.stderr.contains("2023-11.parquet"), "{}", outcome.stderr);
    }
}

#[test]
fn few_verdicts_are_kept() {
    let desk = Desk::computed();
    for day in 10..24 {
        // Some have no games.
        desk.run(&["check"], &["--date", &format!("2023-11-{day}")]);
    }
    assert_eq!(remembered(&desk).iter().filter(|file| name(file).starts_with("inputs-")).count(), 8);
}

/// What is accepted, and whose rows are published, says nothing of what the checks find in a season.
#[test]
fn other_terms_look_for_nothing_again() {
    let desk = Desk::computed();
    take_in(&desk, &with_points(100, 170));
    let (_, before) = verdict(&desk, "validate", &RANGE);
    let checks =
        before["causes"].as_array().expect("causes").iter().map(|cause| cause["check"].as_str().expect("a check"));
    let accepts: Vec<&str> = checks.flat_map(|check| ["--accept", check]).collect();
    assert!(!accepts.is_empty(), "nothing fails");
    let seasons =
        || remembered(&desk).into_iter().filter(|file| !name(file).starts_with("verdict-")).collect::<Vec<_>>();
    let (known, verdicts) = (seasons(), remembered(&desk).len());
    let done = desk.run(&[&["upload", "-q", "--to", "dir:published"][..], &accepts].concat(), &RANGE);
    assert!([0, 3].contains(&done.code), "{}", done.stderr);
    assert_eq!(seasons(), known);
    assert_eq!(remembered(&desk).len(), verdicts + 1);
}

/// Without the checks that compare the dates of a range with each other.
const OF_THE_RANGE: [&str; 4] = ["C4", "M13c", "M13r", "X5"];

/// What was found on the days of a range, by check and day.
fn found_on(verdict: &Value, [from, until]: [&str; 2]) -> Vec<(String, Value)> {
    let results = verdict["results"].as_array().expect("results").iter();
    let results = results.filter(|result| !OF_THE_RANGE.contains(&result["id"].as_str().expect("an id")));
    let of_check = |result: &Value| -> Vec<(String, Value)> {
        let findings = result["findings"].as_array().expect("findings").iter();
        let of_days = findings.filter(|of| (from..=until).contains(&of["date"].as_str().expect("a date")));
        // What it follows from is found over all dates that were asked for.
        of_days
            .map(|of| (result["id"].to_string(), serde_json::json!([of["date"], of["count"], of["examples"]])))
            .collect()
    };
    results.flat_map(of_check).collect()
}

#[test]
fn what_is_found_on_a_date_does_not_depend_on_the_range() {
    let [_, first, _, last] = RANGE;
    let (first, last): (NaiveDate, NaiveDate) = (first.parse().expect("a date"), last.parse().expect("a date"));
    let mut random = Pcg64::new(21, 11);
    let mut pick = |count: u64| random.next_u64() % count;
    let days = (last - first).num_days().unsigned_abs();
    let desk = Desk::computed();
    let all = rows(Table::PlayerGameSummary).num_rows() as u64;
    for points in [170, -3] {
        take_in(&desk, &with_points(pick(all) as usize, points));
        for command in ["check", "validate"] {
            let (_, whole) = verdict(&desk, command, &RANGE);
            for _ in 0..4 {
                let from = first + Days::new(pick(days));
                let until = from + Days::new(pick((last - from).num_days().unsigned_abs() + 1));
                let cut = [from, until].map(|day| day.to_string());
                let [from, until] = [cut[0].as_str(), cut[1].as_str()];
                if desk.run(&["check", "-q"], &["--from", from, "--until", until]).stderr.contains("no game dates") {
                    continue;
                }
                let (_, of_cut) = verdict(&desk, command, &["--from", from, "--until", until]);
                assert_eq!(found_on(&of_cut, [from, until]), found_on(&whole, [from, until]), "{command} {cut:?}");
            }
        }
    }
}
