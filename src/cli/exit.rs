//! Exit statuses: public, documented, never renumbered.

use crate::error::{Error, ErrorKind};

/// What the process tells its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Everything asked for is done, or empty by a rule.
    Done = 0,
    /// A defect, or the machine.
    Unexpected = 1,
    /// The command line or a setting.
    Usage = 2,
    /// Dates failed; the others are done.
    FailedDates = 3,
    /// Checks of severity error failed.
    FailedValidation = 4,
    /// Input is missing or incomplete.
    Upstream = 5,
    /// The world changed between plan and execution.
    StalePlan = 6,
    /// No or insufficient credentials.
    Auth = 7,
    /// A quota of the warehouse.
    Quota = 8,
    /// Somebody else changed the target, or its layout is not ours.
    Conflict = 9,
    /// Another process writes.
    Locked = 10,
    /// The store cannot be read, or is of a newer version.
    Store = 11,
    /// A column that is read is missing or has another type.
    Schema = 12,
    /// A file is damaged.
    Corrupt = 13,
    /// A season the calendar does not know.
    UnknownSeason = 14,
    /// Stopped by the user.
    Interrupted = 130,
}

impl ExitCode {
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
