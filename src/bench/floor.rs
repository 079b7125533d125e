//! The floor: what it costs to read the inputs and write the outputs without computing anything.

use std::path::Path;

use chrono::NaiveDate;

use crate::calendar::Month;
use crate::catalog::Table;
use crate::compute::{DailyCache, InputsRead, input_ranges, open_session};
use crate::engine::{EngineSettings, file_list};
use crate::error::{Error, ErrorKind, Result};
use crate::processors::ProcessorId;
use crate::store::Store;

/// What the floor is measured for.
#[derive(Debug, Clone)]
pub struct FloorRequest<'a> {
    pub store: &'a Store,
    /// Computed game dates, ascending.
    pub dates: &'a [NaiveDate],
    pub daily_cache: DailyCache,
    pub engine: EngineSettings,
}

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FloorReport {
    pub input_rows: u64,
    pub output_rows: u64,
}

/// Copies, by the database's own `COPY`, Parquet to Parquet with the store's compression: the columns
/// and rows of every input that computing the dates reads, and every row and column that computing them
/// wrote, failures included. The copies go to `scratch`.
///
/// # Errors
/// [`ErrorKind::Upstream`] when the dates were not computed.
pub fn copy_floor(request: &FloorRequest<'_>, scratch: &Path) -> Result<FloorReport> {
    let phase3 = request.store.phase3()?;
    let phase4 = request.store.phase4()?;
    let (Some(&first), Some(&last)) = (request.dates.first(), request.dates.last()) else {
        return Err(Error::new(ErrorKind::Upstream, "there are no dates to copy").hint("compute some first"));
    };
    let read = InputsRead { first, last, daily_cache: request.daily_cache };
    let session = open_session(request.store, &phase3, read, &request.engine)?;
    let mut report = FloorReport { input_rows: 0, output_rows: 0 };
    for table in input_ranges(first, last, request.daily_cache).into_keys() {
        let target = scratch.join(format!("{table}.parquet"));
        report.input_rows += session.copy(&format!("SELECT * FROM {}", table.name()), &target)?;
    }
    let outputs = ProcessorId::ALL.map(ProcessorId::output).into_iter().chain([Table::PrecomputeFailures]);
    for table in outputs {
        let Some(files) = phase4.files_of(table) else { continue };
        let in_range = |month: Month| month.last_day() >= first && month.first_day() <= last;
        let files = request.store.recorded_files(table, files, in_range)?;
        if files.is_empty() {
            continue;
        }
        let date = table.schema().partition_column();
        let sql = format!(
            "SELECT * FROM read_parquet({}) WHERE {date} BETWEEN DATE '{first}' AND DATE '{last}'",
            file_list(&files)
        );
        report.output_rows += session.copy(&sql, &scratch.join(format!("{table}.parquet")))?;
    }
    Ok(report)
}
