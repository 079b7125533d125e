//! Dates that the daily pipeline of a project may still write.

use chrono::{Days, NaiveDate};

use crate::calendar::DateRanges;
use crate::error::{Error, ErrorKind, Result};

/// What becomes of today's and yesterday's dates in a publication into a target that the daily pipeline writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recent {
    /// They are left to the pipeline. `today` is the date in US Eastern.
    Left { today: NaiveDate },
    /// They are published.
    Included,
}

/// Without a clock, every date is one that the pipeline may still write.
impl Default for Recent {
    fn default() -> Self {
        Self::Left { today: NaiveDate::MIN }
    }
}

impl Recent {
    /// The last date that is published; `None`: the last that there is.
    pub fn last_date(self) -> Option<NaiveDate> {
        match self {
            Self::Left { today } => Some(today.checked_sub_days(Days::new(2)).unwrap_or(NaiveDate::MIN)),
            Self::Included => None,
        }
    }

    /// The ranges without the dates that are left to the pipeline.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when nothing is left.
    pub fn clip(self, ranges: &DateRanges) -> Result<DateRanges> {
        let Some(last) = self.last_date() else { return Ok(ranges.clone()) };
        let clipped = ranges.clipped_to(last);
        if clipped.is_empty() { Err(left_to_the_pipeline(&ranges.to_string())) } else { Ok(clipped) }
    }

    /// Refuses a date that is left to the pipeline.
    pub(crate) fn refuse(self, dates: impl IntoIterator<Item = NaiveDate>) -> Result<()> {
        let Some(last) = self.last_date() else { return Ok(()) };
        let mut left = dates.into_iter().filter(|date| *date > last);
        left.next().map_or(Ok(()), |date| Err(left_to_the_pipeline(&date.to_string())))
    }
}

fn left_to_the_pipeline(what: &str) -> Error {
    Error::new(ErrorKind::Usage, format!("{what} is today or yesterday, which the daily pipeline writes"))
        .hint("add --include-recent if it does not, or wait")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::DateRange;

    #[test]
    fn today_and_yesterday_are_left_to_the_pipeline() {
        let day = |day| NaiveDate::from_ymd_opt(2024, 1, day).expect("a date");
        let range = |from, to| -> DateRanges { [DateRange { from: day(from), to: day(to) }].into_iter().collect() };
        let left = Recent::Left { today: day(10) };
        assert_eq!(left.clip(&range(5, 10)).expect("some dates"), range(5, 8));
        assert_eq!(left.clip(&range(9, 10)).expect_err("none is left").kind(), ErrorKind::Usage);
        assert!(left.refuse([day(8)]).is_ok() && left.refuse([day(8), day(9)]).is_err());
        assert_eq!(Recent::Included.clip(&range(9, 10)).expect("all"), range(9, 10));
        assert!(Recent::default().refuse([day(1)]).is_err(), "nobody said what day it is");
    }
}
