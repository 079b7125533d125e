//! Tables that the queries of the catalogue read (`data/checks/README.md`).

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Date32Type;
use chrono::{Days, NaiveDate};

use super::{CheckRequest, Phase, values};
use crate::calendar::{DateRange, Month, Season};
use crate::catalog::{Role, TEAMS, Table};
use crate::compute::stale_dates;
use crate::engine::{NamedFiles, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::processors::{ProcessorId, bound, mlfs};
use crate::reach::tables;
use crate::schedule::sql_macros;
use crate::snapshot::Snapshot;
use crate::store::{DateState, Layer, Phase4Manifest};
use crate::windows::WindowEnd;

/// Outputs before the range that a check compares its dates with.
const LOOK_BACK: Days = Days::new(60);

/// Most checks read the games of the players: up to so many are read from disk once for all of them.
const ROWS_IN_MEMORY: u64 = 1 << 20;

/// Every table and view of the phase.
pub(super) fn prepare(session: &Session, request: &CheckRequest<'_>) -> Result<()> {
    let phase4 = &request.snapshot.phase4;
    view_tables(session, request)?;
    session.set_plan(request.dates, WindowEnd::default())?;
    session.execute(&sql_macros())?;
    tables::set_daily_cache(session, request.dates, phase4)?;
    let cache = Table::SyncedDailyCache;
    session
        .execute(&tables::of_read_dates(&values::raw(cache.view_name()), &values::raw(tables::unfiltered(cache))))?;
    session.execute(include_str!("daily_cache.sql"))?;
    values::prepare(session)?;
    session.execute(&bound(include_str!("dates.sql")))?;
    session.execute(include_str!("names.sql"))?;
    set_computed_days(session, phase4)?;
    session.execute(include_str!("evidence.sql"))?;
    set_asked(session, request)?;
    tables::set_window_ends(session, request.dates, phase4)?;
    set_state(session, request)?;
    match request.phase {
        Phase::Inputs => Ok(()),
        Phase::Outputs => session.execute(&bound(include_str!("accounting.sql"))),
    }
}

/// Every table over the range: inputs from the start of the first season on, outputs with the dates that a
/// check compares with.
fn view_tables(session: &Session, request: &CheckRequest<'_>) -> Result<()> {
    let Snapshot { store, phase3, phase4, .. } = request.snapshot;
    let (Some(&first), Some(&last)) = (request.dates.first(), request.dates.last()) else {
        return Err(Error::new(ErrorKind::Upstream, "there are no game dates to check")
            .hint("choose a range with games, or sync it first"));
    };
    let files_of = |table: Table, range: DateRange| {
        let files = match Layer::of(table) {
            Layer::Phase3 => phase3.tables.get(&table).map(|input| &input.files),
            Layer::Phase4 => phase4.files_of(table).filter(|_| request.phase == Phase::Outputs),
        };
        let in_range = |month: Month| month.last_day() >= range.from && month.first_day() <= range.to;
        match files {
            Some(files) => store.recorded_files(table, files, in_range),
            None => Ok(Vec::new()),
        }
    };
    let view = |table: Table, range: DateRange| {
        let named = NamedFiles { name: tables::unfiltered(table), table, files: &files_of(table, range)? };
        session.view_whole_as(named, range, &phase4.vanished_dates(table))
    };
    // Rows on days without games belong to the range as well.
    let last = request.ranges.span().map_or(last, |span| last.max(span.to));
    let older = DateRange { from: mlfs::GAMES_LOOK_BACK.first_day(first), to: last };
    view(Table::PlayerGameSummary, older)?;
    session.execute("CREATE TABLE older_dates AS SELECT DISTINCT game_date FROM player_game_summary")?;
    let season = Season::of(first).window_start();
    for table in Table::ALL {
        let from = match Layer::of(table) {
            // Its months say which older dates there should be.
            _ if table == Table::Schedule => older.from,
            Layer::Phase3 => request.ranges.span().map_or(season, |span| season.min(span.from)),
            Layer::Phase4 => first - LOOK_BACK,
        };
        view(table, DateRange { from, to: last })?;
        if table.role() != Role::Output {
            let name = values::raw(tables::unfiltered(table));
            session.view_raw(NamedFiles { name: &name, table, files: &files_of(table, older)? }, older)?;
        }
    }
    let games = phase3.tables.get(&Table::PlayerGameSummary).into_iter().flat_map(|input| input.files.values());
    if games.map(|file| file.rows).sum::<u64>() <= ROWS_IN_MEMORY {
        hold(session, Table::PlayerGameSummary, &request.catalogue.texts())?;
    }
    let teams = TEAMS.map(|team| format!("('{team}')")).join(", ");
    session.execute(&format!("CREATE TABLE teams AS SELECT * FROM (VALUES {teams}) AS t(team_abbr)"))
}

/// Turns a view into a table of the columns that some query names.
fn hold(session: &Session, table: Table, queries: &str) -> Result<()> {
    let named = |name: &&str| queries.contains(*name) || table.schema().is_needed(name);
    let columns = table.schema().columns().iter().map(|column| column.name.as_str()).filter(named);
    let (name, columns) = (table.name(), columns.collect::<Vec<_>>().join(", "));
    session.execute(&format!(
        "CREATE TABLE held AS SELECT {columns} FROM {name}; DROP VIEW {name}; ALTER TABLE held RENAME TO {name}"
    ))
}

/// The table `computed_days`: dates that some processor has a record of, whatever became of its rows.
fn set_computed_days(session: &Session, phase4: &Phase4Manifest) -> Result<()> {
    session.execute("CREATE TABLE computed_days (game_date DATE)")?;
    let days: BTreeSet<NaiveDate> = phase4.processors.values().flat_map(|records| records.keys()).copied().collect();
    let days: ArrayRef = Arc::new(days.into_iter().map(Date32Type::from_naive_date).map(Some).collect::<Date32Array>());
    session.append("computed_days", &RecordBatch::try_from_iter([("game_date", days)])?)
}

/// The table `asked`.
fn set_asked(session: &Session, request: &CheckRequest<'_>) -> Result<()> {
    session.execute("CREATE TABLE asked (first_day DATE, last_day DATE)")?;
    let interval = |range: &DateRange| format!("(DATE '{}', DATE '{}')", range.from, range.to);
    let intervals: Vec<String> = request.ranges.iter().map(interval).collect();
    session.execute(&format!("INSERT INTO asked VALUES {}", intervals.join(", ")))
}

/// The table `state`.
fn set_state(session: &Session, request: &CheckRequest<'_>) -> Result<()> {
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
    session.execute(
        "CREATE TABLE state (processor VARCHAR, game_date DATE, state VARCHAR, reason VARCHAR, rows BIGINT, \
         fewer_rows BIGINT, is_stale BOOLEAN)",
    )?;
    session.append("state", &state_batch(&rows)?)
}

/// A row of the table `state`.
struct StateRow {
    id: ProcessorId,
    date: NaiveDate,
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
