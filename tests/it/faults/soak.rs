//! Many commands with random changes, reverts and kills come to what one run of a fresh store comes to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use arrow::array::{AsArray, BooleanArray, Int64Array, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Date32Type, Int64Type};
use putback::catalog::Table;
use putback::store::write_parquet;
use rand_pcg::rand_core::Rng;

use super::scenarios::{RANGE, generated};
use super::tally::{Kind, Tally, Wrong};
use super::tree::Tree;
use super::{BASE_TIME, command, is_full_matrix, run, shim, text, words};
use crate::fixture::with_column;

/// Dates whose points change: some of the range, some of its look-back.
const CHANGED: [&str; 6] = ["2023-10-30", "2023-11-04", "2023-11-07", "2023-11-08", "2023-11-09", "2023-11-10"];

/// Dates that may vanish upstream for a while.
const VANISHING: [&str; 2] = ["2023-11-08", "2023-11-09"];

/// Fewer points than so many come on top of those of one player of a date. Checks tolerate them; else they would hold the
/// dates back from a fresh store, while the target keeps what it has.
const MORE_POINTS: i64 = 3;

/// A kill at a later operation than this never comes.
const OPERATIONS: u32 = 400;

/// How many records of runs a store keeps, and the one that is written.
const RUNS: usize = 51;

/// A warehouse that changes.
struct Warehouse {
    dir: PathBuf,
    /// Points that the first player of a date has more.
    more_points: BTreeMap<i32, i64>,
    /// The date that has no rows.
    gone: Option<i32>,
}

fn day(text: &str) -> i32 {
    Date32Type::from_naive_date(text.parse().expect("a date"))
}

impl Warehouse {
    fn new(dir: PathBuf) -> Self {
        std::fs::create_dir(&dir).expect("a directory");
        let warehouse = Self { dir, more_points: BTreeMap::new(), gone: None };
        warehouse.write();
        warehouse
    }

    fn write(&self) {
        for (table, rows) in generated() {
            write_parquet(&self.dir.join(format!("{table}.parquet")), &self.changed(*table, rows)).expect("a file");
        }
    }

    fn changed(&self, table: Table, rows: &RecordBatch) -> RecordBatch {
        let column = rows.column_by_name(table.schema().partition_column()).expect("a column");
        let dates = column.as_primitive::<Date32Type>();
        let keep: BooleanArray = dates.values().iter().map(|date| Some(Some(*date) != self.gone)).collect();
        let rows = match table {
            Table::PlayerGameSummary => {
                let points = rows.column_by_name("points").expect("a column").as_primitive::<Int64Type>();
                let mut open = self.more_points.clone();
                let changed = points
                    .iter()
                    .zip(dates.values())
                    .map(|(points, date)| Some(points? + open.remove(date).unwrap_or_default()));
                with_column(rows, "points", Some(std::sync::Arc::new(changed.collect::<Int64Array>())))
            }
            _ => rows.clone(),
        };
        filter_record_batch(&rows, &keep).expect("rows")
    }

    /// Changes something, or takes changes back.
    fn change(&mut self, random: &mut impl Rng) {
        let mut one_of = |dates: &[&str]| day(dates[random.next_u32() as usize % dates.len()]);
        let (changed, vanishing) = (one_of(&CHANGED), one_of(&VANISHING));
        match random.next_u32() % 8 {
            0..=3 => {
                let more = self.more_points.entry(changed).or_default();
                *more = (*more + 1) % MORE_POINTS;
            }
            4 => drop(self.more_points.remove(&changed)),
            5 => self.more_points.clear(),
            6 => self.gone = Some(vanishing),
            _ => self.gone = None,
        }
        self.write();
    }
}

/// The commands that somebody might give.
fn lines(warehouse: &Path) -> [String; 6] {
    let source = format!("--warehouse dir:{}", warehouse.display());
    let run = format!("run {RANGE} {source} --to dir:published");
    [
        run.clone(),
        run,
        format!("sync {RANGE} {source}"),
        format!("compute {RANGE}"),
        "compute --date 2023-11-09 --windows day-before".to_owned(),
        format!("upload {RANGE} --to dir:published"),
    ]
}

#[test]
fn many_runs_with_changes_reverts_and_kills_end_like_a_fresh_store() {
    let runs = if is_full_matrix() { 100 } else { 8 };
    let dir = tempfile::tempdir().expect("a directory");
    let place = dir.path().canonicalize().expect("it exists");
    let (work, fresh) = (place.join("work"), place.join("fresh"));
    [&work, &fresh].into_iter().for_each(|dir| std::fs::create_dir(dir).expect("a directory"));
    let mut warehouse = Warehouse::new(place.join("warehouse"));
    let lines = lines(&warehouse.dir);
    let mut random = rand_pcg::Pcg64::new(16, 54);
    let (mut kills, mut most, mut most_bytes) = (0, 0, 0);
    let mut wrong: Vec<Wrong> = Vec::new();
    for number in 0..runs {
        warehouse.change(&mut random);
        let line = &lines[if number == 0 { 0 } else { random.next_u32() as usize % lines.len() }];
        let operation = 1 + random.next_u32() % OPERATIONS;
        let output = command(&words(line), &work, BASE_TIME)
            .env("LD_PRELOAD", shim())
            .env("FAULT_DIR", &work)
            .env("FAULT_AT", operation.to_string())
            .env("FAULT_KIND", "kill")
            .output()
            .expect("the binary runs");
        kills += usize::from(output.status.code().is_none());
        // 5: killed before there was anything to work on.
        if output.status.code().is_some_and(|code| code > 5 || code == 1) {
            let stderr = text(&output.stderr);
            let kind = Kind::of_end(output.status.code(), &stderr);
            wrong.push((kind, format!("{number}: {line}: {}: {stderr}", output.status)));
        }
        let found = Tree::read(&work);
        wrong.extend(found.missing_objects().into_iter().map(|name| (Kind::Lost, format!("{number}: {line}: {name}"))));
        (most, most_bytes) = (most.max(found.count()), most_bytes.max(found.size_bytes()));
    }
    // A date that vanished keeps its rows, and a fresh store never had them.
    warehouse.gone = None;
    warehouse.write();
    for place in [&work, &fresh] {
        let last = run(&words(&lines[0]), place, BASE_TIME);
        assert_eq!(last.status.code(), Some(0), "{}", text(&last.stderr));
    }
    let (found, fresh) = (Tree::read(&work), Tree::read(&fresh));
    // What earlier publications replaced is kept; that it goes in time shows in the number of files. What was decided of
    // vanished dates is no content.
    let is_history = |name: &PathBuf| name.starts_with("published/_putback/kept");
    let names = |tree: &Tree| tree.content().into_keys().filter(|name| !is_history(name)).collect::<BTreeSet<_>>();
    let (found_names, fresh_names) = (names(&found), names(&fresh));
    let said = |kind, name: &PathBuf| (kind, format!("at the end: {}", name.display()));
    wrong.extend(found_names.difference(&fresh_names).map(|name| said(Kind::Leftover, name)));
    wrong.extend(fresh_names.difference(&found_names).map(|name| said(Kind::Lost, name)));
    // Counts of rows that a computation lost are history; everything else is equal.
    let differing = found.plain_names().into_iter().filter(|(name, bytes)| fresh.get(name) != Some(bytes));
    wrong.extend(differing.map(|(name, _)| said(Kind::Differing, &name)));
    println!(
        "{runs} commands, {kills} killed; {most} files and {} KB at most, {} files and {} KB at the end, {} files and {} KB \
         in a fresh store",
        most_bytes / 1000,
        found.count(),
        found.size_bytes() / 1000,
        fresh.count(),
        fresh.size_bytes() / 1000
    );
    let tally = Tally::of(runs, &wrong);
    println!("{tally}");
    assert!(
        wrong.is_empty(),
        "{tally}\n{}",
        wrong.iter().map(|(_, told)| told.as_str()).collect::<Vec<_>>().join("\n")
    );
    assert!(kills > 0 && kills < runs, "{kills} of {runs} killed");
    // Three publications are kept, and the records of fifty runs, which have two files each.
    assert!(most < 4 * fresh.count() + 2 * RUNS, "{most} files");
    assert!(most_bytes < 8 * fresh.size_bytes(), "{most_bytes} bytes");
}
