//! The tables of a store, as a reach reads them.

use chrono::NaiveDate;

use crate::catalog::Table;
use crate::daily_cache::DailyCache;
use crate::engine::{EngineSettings, Session};
use crate::error::Result;
use crate::processors::ProcessorId;
use crate::snapshot::Snapshot;
use crate::store::{Layer, Phase4Manifest};
use crate::windows::WindowEnd;

/// A session with the inputs and outputs of a store, and the dates that can be reached.
///
/// # Errors
/// [`crate::error::ErrorKind::Corrupt`] for a damaged file of the store.
pub fn session(snapshot: &Snapshot, dates: &[NaiveDate], engine: &EngineSettings) -> Result<Session> {
    let session = Session::open(engine)?;
    let Snapshot { store, phase3, phase4, .. } = snapshot;
    for table in Table::ALL {
        let files = match Layer::of(table) {
            Layer::Phase3 => phase3.tables.get(&table).map(|input| &input.files),
            Layer::Phase4 => phase4.files_of(table),
        };
        let files = match files {
            Some(files) => store.recorded_files(table, files, |_| true)?,
            None => Vec::new(),
        };
        match Layer::of(table) {
            Layer::Phase3 => session.view_input_as(unfiltered(table), table, &files)?,
            Layer::Phase4 => session.view_output(table, &files, &[])?,
        }
    }
    session.set_plan(dates, WindowEnd::default())?;
    set_window_ends(&session, dates, phase4)?;
    set_daily_cache(&session, dates, phase4)?;
    Ok(session)
}

/// In the table `plan`, the ends of windows that are not those of the reference.
pub fn set_window_ends(session: &Session, dates: &[NaiveDate], phase4: &Phase4Manifest) -> Result<()> {
    let ends_before = |date: &&NaiveDate| {
        let records = [ProcessorId::Tdza, ProcessorId::Psza, ProcessorId::Pdc].map(|id| phase4.record(id, **date));
        records.into_iter().flatten().any(|record| record.windows == WindowEnd::DayBefore)
    };
    let dates: Vec<String> = dates.iter().filter(ends_before).map(|date| format!("DATE '{date}'")).collect();
    if dates.is_empty() {
        return Ok(());
    }
    session.execute(&format!("UPDATE plan SET window_end = game_date - 1 WHERE game_date IN ({})", dates.join(", ")))
}

/// The view of the rows of an input on all dates, whether or not a computation reads them ([`set_daily_cache`]).
pub fn unfiltered(table: Table) -> &'static str {
    match table {
        Table::SyncedDailyCache => "synced_cache",
        _ => table.view_name(),
    }
}

/// The table `cache_of_date`: which `player_daily_cache` MLFS read on a date. The view `synced_daily_cache`: the rows of
/// the warehouse's, on dates on which it is that.
///
/// A record of before there was a choice read what was synced.
pub fn set_daily_cache(session: &Session, dates: &[NaiveDate], phase4: &Phase4Manifest) -> Result<()> {
    session.execute("CREATE OR REPLACE TABLE cache_of_date (game_date DATE, daily_cache VARCHAR)")?;
    let way = |date: &NaiveDate| {
        let record = phase4.record(ProcessorId::Mlfs, *date)?;
        Some(format!("(DATE '{date}', '{}')", record.daily_cache.unwrap_or(DailyCache::Synced)))
    };
    let ways: Vec<String> = dates.iter().filter_map(way).collect();
    for some in ways.chunks(1000) {
        session.execute(&format!("INSERT INTO cache_of_date VALUES {}", some.join(", ")))?;
    }
    session.execute(&of_read_dates(Table::SyncedDailyCache.view_name(), unfiltered(Table::SyncedDailyCache)))
}

/// A view of rows of the warehouse's daily cache on the dates of which MLFS reads them.
pub fn of_read_dates(name: &str, rows: &str) -> String {
    format!(
        "CREATE OR REPLACE VIEW {name} AS SELECT * FROM {rows} \
         SEMI JOIN (SELECT game_date AS cache_date FROM cache_of_date WHERE daily_cache = '{}') AS dates USING (cache_date)",
        DailyCache::Synced
    )
}
