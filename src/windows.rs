//! Where the windows of TDZA and PSZA end (`orchestration.md` §5, same-day inclusion).

use std::fmt;

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

/// The last games that the windows of a date may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowEnd {
    /// Those of the date itself, as in the reference: rows of the date have seen its results.
    #[default]
    Date,
    /// Those of the day before: nothing of the date's results is in its rows.
    DayBefore,
}

impl WindowEnd {
    /// The last day that a window of `date` reaches.
    pub fn last_day(self, date: NaiveDate) -> NaiveDate {
        match self {
            Self::Date => date,
            Self::DayBefore => date - Days::new(1),
        }
    }

    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for WindowEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Date => "date",
            Self::DayBefore => "day-before",
        })
    }
}
