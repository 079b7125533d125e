//! The result of a processor: rows by date, failures, and the state of each date.

use std::ops::Range;

use arrow::array::RecordBatch;
use chrono::NaiveDate;

use crate::store::DateState;

/// An entity of a date for which no row could be written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failure {
    pub entity_id: String,
    pub category: &'static str,
    pub reason: String,
    pub can_retry: bool,
}

/// The rows of a set of dates, sorted by date and key, and what became of each date.
#[derive(Debug)]
pub struct ProcessorOutput {
    pub rows: RecordBatch,
    pub dates: Vec<DateOutput>,
}

/// One date's share.
#[derive(Debug)]
pub struct DateOutput {
    pub date: NaiveDate,
    pub state: DateState,
    /// Its rows in [`ProcessorOutput::rows`].
    pub rows: Range<usize>,
    /// Sorted by entity.
    pub failures: Vec<Failure>,
}
