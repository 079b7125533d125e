//! The tables of a store, as a reach reads them.

use chrono::NaiveDate;

use crate::calendar::DateRanges;
use crate::catalog::Table;
use crate::engine::{EngineSettings, Session};
use crate::error::Result;
use crate::processors::ProcessorId;
use crate::store::{Layer, Phase4Manifest, Store};
use crate::windows::WindowEnd;

/// A session with the inputs and outputs of a store, and the dates that can be reached.
///
/// # Errors
/// [`crate::error::ErrorKind::Corrupt`] for a damaged file of the store.
pub fn session(store: &Store, dates: &[NaiveDate], engine: &EngineSettings) -> Result<Session> {
    let session = Session::open(engine)?;
    let (phase3, phase4) = (store.phase3()?, store.phase4()?);
    let everything = DateRanges::everything().span().expect("a range");
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
            Layer::Phase3 => session.view_input(table, &files, everything)?,
            Layer::Phase4 => session.view_output(table, &files, &[])?,
        }
    }
    session.set_plan(dates, WindowEnd::default())?;
    set_window_ends(&session, dates, &phase4)?;
    Ok(session)
}

/// In the table `plan`, the ends of windows that are not those of the reference.
pub fn set_window_ends(session: &Session, dates: &[NaiveDate], phase4: &Phase4Manifest) -> Result<()> {
    let ends_before = |date: &&NaiveDate| {
        let records = [ProcessorId::Tdza, ProcessorId::Psza].map(|id| phase4.record(id, **date));
        records.into_iter().flatten().any(|record| record.windows == WindowEnd::DayBefore)
    };
    let dates: Vec<String> = dates.iter().filter(ends_before).map(|date| format!("DATE '{date}'")).collect();
    if dates.is_empty() {
        return Ok(());
    }
    session.execute(&format!("UPDATE plan SET window_end = game_date - 1 WHERE game_date IN ({})", dates.join(", ")))
}
