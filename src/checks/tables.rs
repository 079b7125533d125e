//! Tables that the queries of the catalogue read (`data/checks/README.md`).

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Date32Type;
use chrono::{Days, NaiveDate};

use super::files::MonthFiles;
use super::{CheckRequest, Phase, values};
use crate::calendar::{DateRange, Season};
use crate::catalog::{TEAMS, Table};
use crate::compute::stale_dates;
use crate::engine::{LeftOut, NamedFiles, Session};
use crate::error::Result;
use crate::processors::{ProcessorId, bound, mlfs};
use crate::reach::{self, tables};
use crate::schedule::sql_macros;
use crate::snapshot::Snapshot;
use crate::store::{DateState, Layer};
use crate::windows::WindowEnd;

/// Outputs before the range that a check compares its dates with.
const LOOK_BACK: Days = Days::new(60);

/// Many checks read the same inputs: up to so many rows of each are read from disk once for all of them.
const ROWS_IN_MEMORY: u64 = 1 << 20;

/// Outputs have many rows: they are held of short ranges, of which a query takes as long to plan over files as to run.
const OUTPUT_ROWS_IN_MEMORY: u64 = 1 << 16;

/// Every table and view of the checks of a phase.
pub(super) fn prepare(session: &Session, request: &CheckRequest<'_>, files: &MonthFiles) -> Result<()> {
    let held: Vec<Table> = match request.phase {
        Phase::Inputs => Table::inputs().collect(),
        Phase::Outputs => Table::ALL.to_vec(),
    };
    prepare_holding(session, request, files, &held)
}

/// [`prepare`], holding at most these tables in memory.
pub(super) fn prepare_holding(
    session: &Session,
    request: &CheckRequest<'_>,
    files: &MonthFiles,
    held: &[Table],
) -> Result<()> {
    prepare_views(session, request, files, held)?;
    set_vanished_days(session, request)?;
    set_asked(session, request)?;
    match request.phase {
        // No state of a date says anything of inputs: what is found of them holds before and after a computation.
        Phase::Inputs => {
            values::prepare(session)?;
            session.execute(include_str!("names.sql"))?;
            session.execute(include_str!("evidence.sql"))
        }
        Phase::Outputs => {
            set_state(session, request)?;
            session.execute(PRESENCE)?;
            session.execute(&bound(ACCOUNTING))
        }
    }
}

/// What an input says of the season of a row. Checks of outputs cannot read it: a row of another season that says it is of
/// this one would count where both seasons are looked at together, and only there. They take the season of the date.
const SEASON_AS_SAID: &str = "season_year";

const ACCOUNTING: &str = include_str!("accounting.sql");
const PRESENCE: &str = include_str!("presence.sql");
const DATES: &str = include_str!("dates.sql");
pub(super) const DAILY_CACHE: &str = include_str!("daily_cache.sql");

/// The tables and views of checks of a range.
pub(super) fn prepare_range(session: &Session, request: &CheckRequest<'_>, files: &MonthFiles) -> Result<()> {
    prepare_views(session, request, files, &[])?;
    set_state(session, request)
}

/// [`prepare_range`], and what tells which dates rest on faulty rows.
pub(super) fn prepare_reach(session: &Session, request: &CheckRequest<'_>, files: &MonthFiles) -> Result<()> {
    // Few queries read the others.
    prepare_views(session, request, files, &[Table::PlayerGameSummary])?;
    set_state(session, request)
}

/// The tables of the store, some of them in memory, the plan, and the games of each date.
fn prepare_views(session: &Session, request: &CheckRequest<'_>, files: &MonthFiles, held: &[Table]) -> Result<()> {
    let phase4 = &request.snapshot.phase4;
    view_tables(session, request, files, held)?;
    session.set_plan(request.dates, WindowEnd::default())?;
    session.execute(&sql_macros())?;
    tables::set_daily_cache(session, request.dates, phase4)?;
    session.execute(DAILY_CACHE)?;
    session.execute(&bound(DATES))?;
    tables::set_window_ends(session, request.dates, phase4)
}

/// Every table over the range, inputs from the start of the first season on.
fn view_tables(session: &Session, request: &CheckRequest<'_>, files: &MonthFiles, held: &[Table]) -> Result<()> {
    let phase4 = &request.snapshot.phase4;
    let Spans { season, older, outputs, .. } = Spans::of(request);
    let view = |table: Table, range: DateRange| {
        let named = NamedFiles { name: tables::unfiltered(table), table, files: &files.paths(table, range) };
        let vanished = phase4.vanished_dates(table);
        let column = if request.phase == Phase::Outputs { SEASON_AS_SAID } else { "" };
        session.view_whole_as(named, range, LeftOut { dates: &vanished, column })
    };
    set_days(session, "older_dates", older_dates(request))?;
    for table in Table::ALL {
        let range = match Layer::of(table) {
            // Its months say which older dates there should be.
            _ if table == Table::Schedule => older,
            Layer::Phase3 => season,
            Layer::Phase4 => outputs,
        };
        view(table, range)?;
    }
    let queries = format!("{}{PRESENCE}{ACCOUNTING}{DATES}{DAILY_CACHE}", request.catalogue.texts(request.phase));
    let is_named = |table: Table, name: &str| {
        let is_read = match request.phase {
            Phase::Inputs => table.schema().is_needed(name),
            Phase::Outputs => reach::reads(table, name),
        };
        let is_there = request.phase == Phase::Inputs || name != SEASON_AS_SAID;
        is_there && (is_read || queries.contains(name) || table.team_columns().contains(&name))
    };
    // Its view is made of another.
    for table in held.iter().copied().filter(|table| *table != Table::SyncedDailyCache) {
        let (range, most) = match Layer::of(table) {
            Layer::Phase3 => (season, ROWS_IN_MEMORY),
            Layer::Phase4 => (outputs, OUTPUT_ROWS_IN_MEMORY),
        };
        if files.rows(table, range) <= most {
            hold(session, table, |name| is_named(table, name))?;
        }
    }
    let teams = TEAMS.map(|team| format!("('{team}')")).join(", ");
    session.execute(&format!("CREATE TABLE teams AS SELECT * FROM (VALUES {teams}) AS t(team_abbr)"))
}

/// Turns a view into a table of some of its columns.
fn hold(session: &Session, table: Table, is_wanted: impl Fn(&str) -> bool) -> Result<()> {
    let columns = table.schema().columns().iter().map(|column| column.name.as_str()).filter(|name| is_wanted(name));
    let (name, columns) = (table.view_name(), columns.collect::<Vec<_>>().join(", "));
    session.execute(&format!(
        "CREATE TABLE held AS SELECT {columns} FROM {name}; DROP VIEW {name}; ALTER TABLE held RENAME TO {name}"
    ))
}

/// The days whose rows are looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spans {
    /// Of inputs, from the start of the season on.
    pub season: DateRange,
    /// Of inputs whose values are looked at, with the look-back of MLFS.
    pub older: DateRange,
    /// Of outputs.
    pub outputs: DateRange,
    /// Of outputs, with the dates that a check compares with.
    pub compared: DateRange,
}

impl Spans {
    pub(super) fn of(request: &CheckRequest<'_>) -> Self {
        let (first, last) = match request.dates {
            [first, .., last] => (*first, *last),
            [date] => (*date, *date),
            [] => panic!("there are dates to check"),
        };
        // Rows on days without games belong to the range as well.
        let asked = request.ranges.span();
        let to = asked.map_or(last, |span| last.max(span.to));
        let season = Season::of(first).window_start();
        let season = asked.map_or(season, |span| season.min(span.from));
        Self {
            season: DateRange { from: season, to },
            older: DateRange { from: mlfs::GAMES_LOOK_BACK.first_day(first), to },
            outputs: DateRange { from: first, to },
            compared: DateRange { from: first - LOOK_BACK, to },
        }
    }
}

/// Days of which some processor has a record, whatever became of its rows, and on which the schedule has no games any more.
pub(super) fn vanished_days(request: &CheckRequest<'_>) -> BTreeSet<NaiveDate> {
    let Snapshot { phase4, schedule, .. } = request.snapshot;
    let Spans { season, .. } = Spans::of(request);
    let days = phase4.processors.values().flat_map(|records| records.keys()).copied();
    days.filter(|day| season.contains(*day) && !schedule.has_games_on(*day)).collect()
}

/// The table `vanished_days`.
fn set_vanished_days(session: &Session, request: &CheckRequest<'_>) -> Result<()> {
    set_days(session, "vanished_days", vanished_days(request))
}

/// Days of the look-back of MLFS with player rows.
pub(super) fn older_dates(request: &CheckRequest<'_>) -> impl Iterator<Item = NaiveDate> {
    let Spans { older, .. } = Spans::of(request);
    let games = request.snapshot.phase3.tables.get(&Table::PlayerGameSummary);
    games.into_iter().flat_map(move |games| games.partitions.range(older.from..=older.to)).map(|(date, _)| *date)
}

fn set_days(session: &Session, table: &str, days: impl IntoIterator<Item = NaiveDate>) -> Result<()> {
    session.execute(&format!("CREATE TABLE {table} (game_date DATE)"))?;
    let days = days.into_iter().map(Date32Type::from_naive_date).map(Some);
    let days: ArrayRef = Arc::new(days.collect::<Date32Array>());
    session.append(table, &RecordBatch::try_from_iter([("game_date", days)])?)
}

/// The table `asked`.
fn set_asked(session: &Session, request: &CheckRequest<'_>) -> Result<()> {
    session.execute("CREATE TABLE asked (first_day DATE, last_day DATE)")?;
    let interval = |range: &DateRange| format!("(DATE '{}', DATE '{}')", range.from, range.to);
    let intervals: Vec<String> = request.ranges.iter().map(interval).collect();
    session.execute(&format!("INSERT INTO asked VALUES {}", intervals.join(", ")))
}

/// The rows of the table `state`.
pub(super) fn state(request: &CheckRequest<'_>) -> Vec<StateRow> {
    let Snapshot { phase3, phase4, .. } = request.snapshot;
    let stale = stale_dates(phase3, phase4, request.dates);
    let mut rows: Vec<StateRow> = Vec::new();
    for id in ProcessorId::ALL {
        for &date in request.dates {
            let left_out = id == ProcessorId::Pdc && phase4.is_daily_cache_left_out(date);
            let (state, reason, count, fewer) = match phase4.record(id, date) {
                None if left_out => ("skipped", "MLFS was computed without it".to_owned(), 0, 0),
                None => ("pending", String::new(), 0, 0),
                Some(record) => {
                    let reason = record.state.family().unwrap_or_default().replace(&date.to_string(), "the date");
                    match record.state {
                        // Its rows are those of before, and none of the date's results.
                        DateState::Vanished { .. } => ("empty", reason, 0, record.rows),
                        _ => (record.state.name(), reason, record.rows, record.fewer_rows),
                    }
                }
            };
            let is_stale = stale.get(&id).is_some_and(|dates| dates.contains(&date));
            let (rows_of_date, fewer_rows) = (count.cast_signed(), fewer.cast_signed());
            rows.push(StateRow { id, date, state, reason, rows: rows_of_date, fewer_rows, is_stale });
        }
    }
    rows
}

/// The table `state`.
fn set_state(session: &Session, request: &CheckRequest<'_>) -> Result<()> {
    session.execute(
        "CREATE TABLE state (processor VARCHAR, game_date DATE, state VARCHAR, reason VARCHAR, rows BIGINT, \
         fewer_rows BIGINT, is_stale BOOLEAN)",
    )?;
    session.append("state", &state_batch(&state(request))?)
}

/// A row of the table `state`.
#[derive(Debug)]
pub(super) struct StateRow {
    id: ProcessorId,
    pub date: NaiveDate,
    state: &'static str,
    reason: String,
    rows: i64,
    fewer_rows: i64,
    is_stale: bool,
}

fn state_batch(rows: &[StateRow]) -> Result<RecordBatch> {
    let text =
        |of: &dyn Fn(&StateRow) -> String| -> ArrayRef { Arc::new(StringArray::from_iter_values(rows.iter().map(of))) };
    let number =
        |of: &dyn Fn(&StateRow) -> i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(rows.iter().map(of))) };
    let days = Date32Array::from_iter_values(rows.iter().map(|row| Date32Type::from_naive_date(row.date)));
    let is_stale: BooleanArray = rows.iter().map(|row| Some(row.is_stale)).collect();
    Ok(RecordBatch::try_from_iter([
        ("processor", text(&|row| row.id.to_string())),
        ("game_date", Arc::new(days) as ArrayRef),
        ("state", text(&|row| row.state.to_owned())),
        ("reason", text(&|row| row.reason.clone())),
        ("rows", number(&|row| row.rows)),
        ("fewer_rows", number(&|row| row.fewer_rows)),
        ("is_stale", Arc::new(is_stale) as ArrayRef),
    ])?)
}
