//! Checks of inputs before a computation and of outputs after it: a catalogue, and one runner for it.

mod catalogue;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Int64Type};
use chrono::{Days, NaiveDate};
use serde::Serialize;

pub use catalogue::{Check, Phase, Severity, catalogue, catalogue_text};

use crate::calendar::{DateRange, Month, Season, SeasonCalendar, date_of_day};
use crate::catalog::{TEAMS, Table};
use crate::compute::stale_dates;
use crate::engine::{EngineSettings, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::parallel;
use crate::processors::ProcessorId;
use crate::store::{Layer, Phase3Manifest, Phase4Manifest, Store};

/// Until this day of a season, checks of small samples do not apply.
const EARLY_DAYS: i64 = 42;

/// Outputs before the range that a check compares its dates with.
const LOOK_BACK: Days = Days::new(60);

/// What is checked.
#[derive(Debug, Clone)]
pub struct CheckRequest<'a> {
    pub store: &'a Store,
    /// Game dates, ascending.
    pub dates: &'a [NaiveDate],
    pub calendar: &'a SeasonCalendar,
    pub phase: Phase,
    pub engine: EngineSettings,
}

/// An offending date of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub date: NaiveDate,
    pub count: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
}

/// A check with what it found.
#[derive(Debug, Clone, Serialize)]
pub struct CheckResult {
    pub id: String,
    pub table: String,
    pub severity: Severity,
    pub title: String,
    pub source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consequence: Option<String>,
    pub thresholds: BTreeMap<String, f64>,
    pub passed: bool,
    pub findings: Vec<Finding>,
}

/// Where the entities of a processor ended, over all done dates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Accounting {
    pub dates: u64,
    pub expected: u64,
    pub written: u64,
    pub failed: u64,
    pub skipped: u64,
    pub unaccounted: u64,
}

impl Accounting {
    /// The real completeness, in percent; the column of that name holds the reference's constant.
    pub fn completeness(&self) -> f64 {
        100.0 * self.written as f64 / (self.expected as f64).max(1.0)
    }
}

/// Every check of a phase over a range.
#[derive(Debug, Clone, Serialize)]
pub struct CheckReport {
    pub phase: Phase,
    pub dates: usize,
    pub results: Vec<CheckResult>,
    /// Of outputs only.
    pub accounting: BTreeMap<ProcessorId, Accounting>,
}

impl CheckReport {
    /// Checks of severity error that failed.
    pub fn errors(&self) -> impl Iterator<Item = &CheckResult> {
        self.failed(Severity::Error)
    }

    pub fn failed(&self, severity: Severity) -> impl Iterator<Item = &CheckResult> {
        self.results.iter().filter(move |result| !result.passed && result.severity == severity)
    }
}

/// Runs the checks of a phase. A check that cannot run is an error, never an empty result.
///
/// # Errors
/// [`ErrorKind::Corrupt`] for a damaged file of the store, [`ErrorKind::Unexpected`] naming a check whose
/// query fails.
pub fn run_checks(request: &CheckRequest<'_>) -> Result<CheckReport> {
    let (phase3, phase4) = (request.store.phase3()?, request.store.phase4()?);
    let session = Session::open(&request.engine)?;
    view_tables(&session, request, &phase3, &phase4)?;
    set_dates(&session, request, &phase3, &phase4)?;
    let mut accounting = BTreeMap::new();
    if request.phase == Phase::Outputs {
        session.execute(include_str!("accounting.sql"))?;
        accounting = read_accounting(&session)?;
    }
    let results = run_side_by_side(&session, request)?;
    Ok(CheckReport { phase: request.phase, dates: request.dates.len(), results, accounting })
}

/// The checks of the phase in the order of the catalogue. Most are queries that do not keep one thread busy.
fn run_side_by_side(session: &Session, request: &CheckRequest<'_>) -> Result<Vec<CheckResult>> {
    let wanted: BTreeSet<NaiveDate> = request.dates.iter().copied().collect();
    let checks: Vec<&Check> = catalogue().iter().filter(|check| check.is_of(request.phase)).collect();
    let threads = request.engine.threads.max(1);
    let idle = Mutex::new((0..threads).map(|_| session.try_clone()).collect::<Result<Vec<_>>>()?);
    parallel::try_map(&checks, threads, |check| {
        let session = idle.lock().expect("no check panicked").pop().expect("one for each thread");
        let result = run_check(&session, check, request, &wanted);
        idle.lock().expect("no check panicked").push(session);
        result
    })
}

fn run_check(
    session: &Session,
    check: &Check,
    request: &CheckRequest<'_>,
    wanted: &BTreeSet<NaiveDate>,
) -> Result<CheckResult> {
    let cannot_run =
        |error: Error| Error::new(ErrorKind::Unexpected, format!("check {} cannot run", check.id)).because(error);
    let rows = session.query(&check.sql()).map_err(cannot_run)?;
    let mut findings = findings(&rows).map_err(cannot_run)?;
    findings.retain(|finding| wanted.contains(&finding.date) || check.beyond);
    if check.early {
        findings.retain(|finding| !is_early(request.calendar, finding.date));
    }
    findings.sort_by_key(|finding| finding.date);
    Ok(CheckResult {
        id: check.id.clone(),
        table: check.table.clone(),
        severity: check.severity,
        title: check.title(),
        source: check.source.clone(),
        consequence: check.consequence.clone(),
        thresholds: check.thresholds.clone(),
        passed: findings.is_empty(),
        findings,
    })
}

fn is_early(calendar: &SeasonCalendar, date: NaiveDate) -> bool {
    calendar.opening_night(Season::of(date)).is_ok_and(|opening| (date - opening).num_days() < EARLY_DAYS)
}

fn findings(rows: &RecordBatch) -> Result<Vec<Finding>> {
    let dates = cast(rows.column(0), &DataType::Date32)?;
    let counts = cast(rows.column(1), &DataType::Int64)?;
    let examples = cast(rows.column(2), &DataType::Utf8)?;
    let (dates, counts) = (dates.as_primitive::<Date32Type>(), counts.as_primitive::<Int64Type>());
    let examples = examples.as_string::<i32>();
    if dates.null_count() > 0 {
        return Err(Error::new(ErrorKind::Unexpected, "the check gives a case without a date"));
    }
    let finding = |row: usize| Finding {
        date: date_of_day(dates.value(row)),
        count: if counts.is_valid(row) { counts.value(row) } else { 0 },
        example: examples.is_valid(row).then(|| examples.value(row).to_owned()),
    };
    Ok((0..rows.num_rows()).map(finding).collect())
}

/// Every table over the range: inputs from the start of the first season on, outputs with the dates that a
/// check compares with.
fn view_tables(
    session: &Session,
    request: &CheckRequest<'_>,
    phase3: &Phase3Manifest,
    phase4: &Phase4Manifest,
) -> Result<()> {
    let (Some(&first), Some(&last)) = (request.dates.first(), request.dates.last()) else {
        return Err(Error::new(ErrorKind::Upstream, "there are no game dates to check")
            .hint("choose a range with games, or sync it first"));
    };
    for table in Table::ALL {
        let from = if Layer::of(table) == Layer::Phase3 { Season::of(first).window_start() } else { first - LOOK_BACK };
        let range = DateRange { from, to: last };
        let files = match Layer::of(table) {
            Layer::Phase3 => phase3.tables.get(&table).map(|input| &input.files),
            Layer::Phase4 => phase4.files_of(table).filter(|_| request.phase == Phase::Outputs),
        };
        let in_range = |month: Month| month.last_day() >= range.from && month.first_day() <= range.to;
        let files = match files {
            Some(files) => request.store.recorded_files(table, files, in_range)?,
            None => Vec::new(),
        };
        session.view_whole(table, &files, range)?;
    }
    let teams = TEAMS.map(|team| format!("('{team}')")).join(", ");
    session.execute(&format!("CREATE TABLE teams AS SELECT * FROM (VALUES {teams}) AS t(team_abbr)"))
}

/// The tables `plan`, `history` and `state`.
fn set_dates(
    session: &Session,
    request: &CheckRequest<'_>,
    phase3: &Phase3Manifest,
    phase4: &Phase4Manifest,
) -> Result<()> {
    session.set_plan(request.dates)?;
    session.execute(include_str!("dates.sql"))?;
    let stale = stale_dates(phase3, phase4, request.dates);
    let mut rows = Vec::new();
    for id in ProcessorId::ALL {
        for &date in request.dates {
            let (state, count, fewer) = match phase4.record(id, date) {
                None => ("pending", 0, 0),
                Some(record) => (record.state.name(), record.rows, record.fewer_rows),
            };
            let is_stale = stale.get(&id).is_some_and(|dates| dates.contains(&date));
            rows.push(format!("('{id}', DATE '{date}', '{state}', {count}, {fewer}, {is_stale})"));
        }
    }
    session.execute(
        "CREATE TABLE state (processor VARCHAR, game_date DATE, state VARCHAR, rows BIGINT, \
         fewer_rows BIGINT, is_stale BOOLEAN)",
    )?;
    for some in rows.chunks(1000) {
        session.execute(&format!("INSERT INTO state VALUES {}", some.join(", ")))?;
    }
    Ok(())
}

fn read_accounting(session: &Session) -> Result<BTreeMap<ProcessorId, Accounting>> {
    let rows = session.query(
        "SELECT processor, count(*)::BIGINT, sum(expected)::BIGINT, sum(written)::BIGINT, sum(failed)::BIGINT, \
         sum(skipped)::BIGINT, sum(unaccounted)::BIGINT FROM accounting GROUP BY processor ORDER BY processor",
    )?;
    let names = rows.column(0).as_string::<i32>();
    let number = |column: usize, row: usize| rows.column(column).as_primitive::<Int64Type>().value(row).unsigned_abs();
    (0..rows.num_rows())
        .map(|row| {
            let accounting = Accounting {
                dates: number(1, row),
                expected: number(2, row),
                written: number(3, row),
                failed: number(4, row),
                skipped: number(5, row),
                unaccounted: number(6, row),
            };
            Ok((names.value(row).parse()?, accounting))
        })
        .collect()
}
