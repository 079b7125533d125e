//! The operators' incidents (`orchestration.md` §12), each seeded into generated data: what catches it, with
//! which words and which exit status. Numbers are the rows of that table.
//!
//! `phase3` has those of the inputs, `pipeline` those of computing and publishing. Rows 21 to 26, 30 and 40 are
//! about BigQuery and are staged in `tests/bigquery/incidents.rs`.

mod phase3;
mod pipeline;

use std::path::PathBuf;

use putback::calendar::DateRanges;
use putback::catalog::Table;
use putback::engine::{EngineSettings, Session};
use putback::store::write_parquet;

use crate::fixture::{Desk, Outcome, RANGE};

const GAMES: Table = Table::PlayerGameSummary;
const DEFENSE: Table = Table::TeamDefenseGameSummary;
const CONTEXTS: Table = Table::UpcomingPlayerGameContext;
const LINES: Table = Table::PlayerPointsProps;

/// A desk whose table is what `select` makes of it.
pub fn seeded(table: Table, select: &str) -> Desk {
    let desk = Desk::new();
    edit(&desk, table, select);
    desk
}

/// Makes a table of the warehouse what `select` makes of it.
pub fn edit(desk: &Desk, table: Table, select: &str) {
    let session = session(desk);
    session.view_whole(table, &[desk.warehouse_file(table)], always()).expect("a view");
    let rows = session.query(select).unwrap_or_else(|error| panic!("{select}: {error:?}"));
    write_parquet(&desk.warehouse_file(table), &rows).expect("a file");
}

/// The rows of a table with `column` set to `value` on December 1.
pub fn on_december_1(table: Table, column: &str, value: &str) -> String {
    let date = table.schema().partition_column();
    format!(
        "SELECT * REPLACE (CASE WHEN {date} = DATE '2023-12-01' THEN {value} ELSE {column} END AS {column}) FROM {}",
        table.name()
    )
}

pub fn session(desk: &Desk) -> Session {
    let settings = EngineSettings { threads: 1, memory_limit: None, temp_dir: desk.path("spill") };
    Session::open(&settings).expect("a session")
}

pub fn always() -> putback::calendar::DateRange {
    DateRanges::everything().span().expect("not empty")
}

pub fn run(desk: &Desk) -> Outcome {
    desk.run(&["run", "--warehouse", "dir:warehouse", "--to", "dir:published"], &RANGE)
}

/// How an operator meets the incident: what `check` says of it, how `run` ends and what it does not publish, what
/// `validate` says, and the verdict of the year. Of checks, those that are named.
fn story(desk: &Desk, checks: &[&str]) -> String {
    assert_eq!(desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE).code, 0);
    let mut lines = Vec::new();
    let check = desk.run(&["check", "--all"], &RANGE);
    lines.push(format!("check: exit status {}", check.code));
    lines.extend(checks.iter().flat_map(|id| said_of(&check.stdout, id)));
    let run = run(desk);
    lines.push(format!("run: exit status {}", run.code));
    let is_publication = |line: &&str| line.starts_with("note: publication ");
    let is_warning =
        |line: &&str| line.starts_with("preflight error") || (line.starts_with("note: ") && !is_publication(line));
    lines.extend(run.stderr.lines().filter(is_warning).map(|line| format!("  {line}")));
    let validate = desk.run(&["validate", "--all"], &RANGE);
    lines.push(format!("validate: exit status {}", validate.code));
    lines.extend(checks.iter().flat_map(|id| said_of(&validate.stdout, id)));
    let status = desk.run(&["status"], &RANGE).stdout;
    lines.extend(status[status.find("2023, ").expect("a verdict")..].lines().map(ToOwned::to_owned));
    lines.join("\n")
}

/// What a table of checks says of one, with its dates; nothing for a check of the other phase.
fn said_of(text: &str, id: &str) -> Vec<String> {
    let is_passed = |line: &str| line.split_whitespace().next() == Some(id) && line.contains("  ok ");
    if text.lines().any(is_passed) {
        return vec![format!("  {id} ok")];
    }
    let starts = |line: &&str| line.ends_with(&format!(" {id}:")) && !line.starts_with(' ');
    let mut lines = text.lines().skip_while(|line| !starts(line));
    let first = lines.next().into_iter();
    first.chain(lines.take_while(|line| line.starts_with("  "))).map(|line| format!("  {line}")).collect()
}

/// One value of a table in the target.
pub fn published(desk: &Desk, sql: &str, table: Table) -> String {
    let session = session(desk);
    let files: Vec<PathBuf> = std::fs::read_dir(desk.path("published").join(table.full_name()))
        .expect("a published table")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    session.view_whole(table, &files, always()).expect("a view");
    let rows = session.query(&format!("SELECT ({sql})::VARCHAR AS value")).expect("a value");
    arrow::util::display::array_value_to_string(rows.column(0), 0).expect("a text")
}

/// Rows of MLFS in the target on the first of December.
fn published_features(desk: &Desk) -> u64 {
    let count = "SELECT count(*) FROM ml_feature_store_v2 WHERE game_date = DATE '2023-12-01'";
    published(desk, count, Table::MlFeatureStore).parse().expect("a number")
}
