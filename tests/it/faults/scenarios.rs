//! The commands that meet faults.

use std::path::Path;
use std::sync::OnceLock;

use arrow::array::{AsArray, BooleanArray, Int64Array, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Date32Type, Int64Type};
use putback::catalog::Table;
use putback::store::write_parquet;
use putback::synth::{self, SeasonSpec};

use super::tree::Tree;
use super::{BASE_TIME, Scenario, run, run_matrix, words};
use crate::fixture::with_column;

/// Of the days after the bootstrap, across a month's end for the inputs.
pub const RANGE: &str = "--from 2023-11-08 --to 2023-11-10";

/// Warehouses that stay while copies of a store come and go.
pub struct Sources {
    _dir: tempfile::TempDir,
    pub first: String,
    /// The same with other points on the last date, and without any row of November 9th.
    pub changed: String,
}

/// A season up to the last date, made once.
pub fn generated() -> &'static [(Table, RecordBatch)] {
    static TABLES: OnceLock<Vec<(Table, RecordBatch)>> = OnceLock::new();
    TABLES.get_or_init(|| {
        let last_day = Some("2023-11-10".parse().expect("a date"));
        let spec = SeasonSpec { players_per_team: 8, last_day, ..SeasonSpec::default() };
        synth::generate(&spec).expect("a season")
    })
}

pub fn sources() -> &'static Sources {
    static SOURCES: OnceLock<Sources> = OnceLock::new();
    SOURCES.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let place = dir.path().canonicalize().expect("it exists");
        let (first, changed) = (place.join("first"), place.join("changed"));
        [&first, &changed].iter().for_each(|dir| std::fs::create_dir(dir).expect("a directory"));
        for (table, rows) in generated() {
            put(&first, *table, rows);
            put(&changed, *table, &change(*table, rows));
        }
        let name = |dir: &Path| format!("dir:{}", dir.display());
        Sources { first: name(&first), changed: name(&changed), _dir: dir }
    })
}

fn put(dir: &Path, table: Table, rows: &RecordBatch) {
    write_parquet(&dir.join(format!("{table}.parquet")), rows).expect("a file");
}

fn change(table: Table, rows: &RecordBatch) -> RecordBatch {
    let day = |text: &str| Date32Type::from_naive_date(text.parse().expect("a date"));
    let (gone, last) = (day("2023-11-09"), day("2023-11-10"));
    let dates = |rows: &RecordBatch| {
        let column = rows.column_by_name(table.schema().partition_column()).expect("a column");
        column.as_primitive::<Date32Type>().values().to_vec()
    };
    let keep: BooleanArray = dates(rows).iter().map(|date| Some(*date != gone)).collect();
    let rows = filter_record_batch(rows, &keep).expect("rows");
    if table != Table::PlayerGameSummary {
        return rows;
    }
    let points = rows.column_by_name("points").expect("a column").as_primitive::<Int64Type>().clone();
    let more = points.iter().zip(dates(&rows)).map(|(points, date)| points.map(|it| it + i64::from(date == last)));
    with_column(&rows, "points", Some(std::sync::Arc::new(more.collect::<Int64Array>())))
}

/// The files after some commands.
pub fn after(before: &Tree, lines: &[String]) -> Tree {
    let dir = tempfile::tempdir().expect("a directory");
    let work = dir.path().join("work");
    before.write(&work);
    for line in lines {
        let output = run(&words(line), &work, BASE_TIME);
        assert!(output.status.code().is_some_and(|code| code < 5), "{line}: {}", super::text(&output.stderr));
    }
    Tree::read(&work)
}

fn sync(source: &str) -> String {
    format!("sync {RANGE} --warehouse {source}")
}

fn run_all(source: &str) -> String {
    format!("run {RANGE} --warehouse {source} --to dir:published")
}

/// Computes and validates, by all kinds of options, and the commands that read.
#[test]
fn faults_of_the_store_lose_nothing() {
    let Sources { first, changed, .. } = sources();
    let nothing = Tree::default();
    let synced = after(&nothing, &[sync(first)]);
    let begun = after(&synced, &["compute --date 2023-11-08".to_owned()]);
    let computed = after(&begun, &[format!("compute {RANGE}")]);
    let synced_again = after(&computed, &[sync(changed)]);
    let rest = "--store rest --from 2023-11-09 --to 2023-11-10";
    let in_two = after(&begun, &[format!("sync {rest} --warehouse {first}"), format!("compute {rest}")]);
    let scenarios = [
        Scenario::new("sync into nothing", &nothing, &sync(first)),
        Scenario::new("sync of changes", &computed, &sync(changed)),
        Scenario::new("compute of all", &synced, &format!("compute {RANGE}")),
        Scenario::new("compute of part of a month", &begun, "compute --from 2023-11-10 --to 2023-11-10"),
        Scenario::new("compute by other options", &computed, "compute --date 2023-11-08 --windows day-before"),
        Scenario::new("compute of changes", &synced_again, &format!("compute {RANGE}")),
        Scenario::new("compute by force", &computed, &format!("compute {RANGE} --force")),
        Scenario::new("validate", &computed, &format!("validate {RANGE}")),
        Scenario::new("merge", &in_two, "merge rest"),
    ];
    run_matrix(&scenarios);
}

#[test]
fn faults_of_a_publication_lose_nothing() {
    let Sources { first, changed, .. } = sources();
    let nothing = Tree::default();
    let published = after(&nothing, &[run_all(first)]);
    let computed_again = after(&published, &[sync(changed), format!("compute {RANGE}")]);
    let unpublished = after(&nothing, &[sync(first), format!("compute {RANGE}")]);
    let upload = format!("upload {RANGE} --to dir:published");
    let published_again = after(&computed_again, std::slice::from_ref(&upload));
    // By name: without, a second one takes the first back.
    let undo = format!("undo --to dir:published {}", published_again.latest_publication());
    let scenarios = [
        Scenario::new("upload into nothing", &unpublished, &upload),
        Scenario::new("upload of changes", &computed_again, &upload),
        Scenario::new("undo", &published_again, &undo),
        Scenario::new("diff with the target", &computed_again, &format!("diff {RANGE} --with dir:published")),
        Scenario::new("run of all", &nothing, &run_all(first)),
        Scenario::new("run of changes", &published, &run_all(changed)),
    ];
    run_matrix(&scenarios);
}
