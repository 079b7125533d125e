//! Events that the library reports while it works. The command line decides how to show them.

use chrono::NaiveDate;

use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::processors::ProcessorId;
use crate::store::DateRecord;

/// An event.
#[derive(Debug, Clone)]
pub enum Event {
    /// A table is being pulled.
    TableStarted { table: Table, index: usize, total: usize },
    /// A table was pulled, or found unchanged.
    TableFinished { table: Table, index: usize, total: usize, rows: u64, changed_dates: usize, outcome: TableOutcome },
    /// Rows pulled so far, of the rows that the warehouse counts in the partitions.
    RowsPulled { table: Table, rows: u64, total_rows: u64, total_bytes: u64 },
    /// A processor starts on a number of dates.
    ProcessorStarted { processor: ProcessorId, dates: usize },
    /// Dates that are done under the same inputs and version.
    DatesUnchanged { processor: ProcessorId, dates: Vec<NaiveDate> },
    /// More dates are computed, but not committed yet.
    DatesScored { processor: ProcessorId, dates: usize },
    /// A date was scored and is committed.
    DateFinished { processor: ProcessorId, date: NaiveDate, index: usize, total: usize, record: DateRecord },
    /// A processor's dates are computed and written.
    ProcessorFinished { processor: ProcessorId },
    /// A month of a table was compared with what the target holds.
    MonthCompared { table: Table, index: usize, total: usize },
    /// What an upload has written or sent so far.
    Staged(Staged),
    /// A step waits for something that reports no progress of its own, in words like "job x of BigQuery".
    Waiting { what: String },
    /// A note for the user; the work continues.
    Note(String),
}

/// How far the rows of an upload are, before one step makes all of them visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Staged {
    /// Rows so far. Within a file that is being sent, estimated by the share of its bytes.
    pub rows: u64,
    pub total_rows: u64,
    pub bytes: u64,
    /// `None`: files are compressed as they are written, so their size is not known before.
    pub total_bytes: Option<u64>,
}

/// What became of a table in a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableOutcome {
    Pulled,
    Unchanged,
    Absent,
}

/// Receives events, from any thread, and says when to stop.
pub trait Observer: Sync {
    fn on(&self, event: Event);

    /// Polled between steps; true ends the work with nothing half-written.
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Ignores events and never cancels.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn on(&self, _event: Event) {}
}

/// Turns a cancellation into an error.
///
/// # Errors
/// [`ErrorKind::Interrupted`] when the observer is cancelled.
pub fn check_cancelled(observer: &dyn Observer) -> Result<()> {
    if observer.is_cancelled() {
        return Err(Error::new(ErrorKind::Interrupted, "interrupted; committed work is kept")
            .hint("run the same command again to resume"));
    }
    Ok(())
}
