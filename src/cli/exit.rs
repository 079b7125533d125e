//! Exit statuses: public, documented, never renumbered.

use crate::error::{Error, ErrorKind};

/// The exit status of the process; [`Self::meaning`] explains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    Done = 0,
    Unexpected = 1,
    Usage = 2,
    FailedDates = 3,
    FailedValidation = 4,
    Upstream = 5,
    StalePlan = 6,
    Auth = 7,
    Quota = 8,
    Conflict = 9,
    Locked = 10,
    Store = 11,
    Schema = 12,
    Corrupt = 13,
    UnknownSeason = 14,
    Interrupted = 130,
}

impl ExitCode {
    pub const ALL: [Self; 16] = [
        Self::Done,
        Self::Unexpected,
        Self::Usage,
        Self::FailedDates,
        Self::FailedValidation,
        Self::Upstream,
        Self::StalePlan,
        Self::Auth,
        Self::Quota,
        Self::Conflict,
        Self::Locked,
        Self::Store,
        Self::Schema,
        Self::Corrupt,
        Self::UnknownSeason,
        Self::Interrupted,
    ];

    /// A short name, and its meaning.
    pub fn meaning(self) -> (&'static str, &'static str) {
        match self {
            Self::Done => ("done", "everything asked for is done or empty by rule"),
            Self::Unexpected => ("unexpected", "a defect, or a failure of the machine"),
            Self::Usage => ("usage", "the command line or a setting cannot be used"),
            Self::FailedDates => ("dates failed or pending", "some dates failed or are pending; the others are done"),
            Self::FailedValidation => ("validation failed", "a check of severity error failed"),
            Self::Upstream => ("input missing", "input is missing or incomplete, or its service does not answer"),
            Self::StalePlan => ("stale plan", "something changed since planning; run the command again"),
            Self::Auth => ("authentication", "credentials are missing, or lack a permission"),
            Self::Quota => ("quota", "a quota or a cost limit of the warehouse is used up"),
            Self::Conflict => ("conflict", "the target or the compared rows differ; a person must decide"),
            Self::Locked => ("locked", "another process writes the store"),
            Self::Store => ("store", "the store is unreadable, or a newer putback wrote it"),
            Self::Schema => ("schema", "a column that is read is missing, retyped, or has a value that does not fit"),
            Self::Corrupt => ("damaged file", "a file is damaged"),
            Self::UnknownSeason => ("unknown season", "neither the calendar nor the schedule has the season"),
            Self::Interrupted => ("interrupted", "stopped by the user"),
        }
    }

    pub fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Usage => Self::Usage,
            ErrorKind::UnknownSeason => Self::UnknownSeason,
            ErrorKind::Upstream => Self::Upstream,
            ErrorKind::Schema => Self::Schema,
            ErrorKind::Corrupt => Self::Corrupt,
            ErrorKind::Store => Self::Store,
            ErrorKind::Locked => Self::Locked,
            ErrorKind::Conflict => Self::Conflict,
            ErrorKind::StalePlan => Self::StalePlan,
            ErrorKind::Auth => Self::Auth,
            ErrorKind::Quota => Self::Quota,
            ErrorKind::Interrupted => Self::Interrupted,
            ErrorKind::Unexpected => Self::Unexpected,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
