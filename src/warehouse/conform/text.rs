//! Dates and timestamps that are written as text: names of folders, columns that went through CSV.

use arrow::compute::kernels::cast_utils::string_to_datetime;
use chrono::{DateTime, Datelike, NaiveDate, Utc};

/// Days since 1970-01-01 of an ISO date, or of a timestamp at midnight UTC; `None` for any other text.
pub(super) fn day(text: &str) -> Option<i32> {
    let date = match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        Ok(date) if text.len() == "2024-03-31".len() => date,
        _ => moment(text).filter(|moment| moment.time() == chrono::NaiveTime::MIN)?.date_naive(),
    };
    Some(date.num_days_from_ce() - DAYS_BEFORE_EPOCH)
}

/// Microseconds since 1970-01-01 of an ISO timestamp; one without an offset is UTC.
pub(super) fn micros(text: &str) -> Option<i64> {
    Some(moment(text)?.timestamp_micros())
}

/// Days from 0001-01-01, the first of them being 1, to 1970-01-01.
const DAYS_BEFORE_EPOCH: i32 = 719_163;

/// BigQuery writes ` UTC` after a timestamp where others write an offset or nothing.
fn moment(text: &str) -> Option<DateTime<Utc>> {
    let text = text.strip_suffix(" UTC").unwrap_or(text);
    let is_whole = text.len() > "2024-03-31".len() && text.as_bytes()[4] == b'-';
    string_to_datetime(&Utc, text).ok().filter(|_| is_whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_iso_dates_or_midnights() {
        for text in ["2023-11-07", "2023-11-07 00:00:00", "2023-11-07T00:00:00.000000", "2023-11-07 00:00:00 UTC"] {
            assert_eq!(day(text), Some(19_668), "{text}");
        }
        for text in ["", "2023-11-7", "20231107", "07/11/2023", "2023-11-07 00:00:01", "2023-13-01", "TBD", "2023-11"] {
            assert_eq!(day(text), None, "{text}");
        }
        assert_eq!((day("1970-01-01"), day("0001-01-01")), (Some(0), Some(-719_162)));
    }

    #[test]
    fn timestamps_without_an_offset_are_utc() {
        for text in ["1970-01-01 00:00:01.5", "1970-01-01T00:00:01.500Z", "1970-01-01 00:00:01.5 UTC"] {
            assert_eq!(micros(text), Some(1_500_000), "{text}");
        }
        assert_eq!(micros("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(micros("1970-01-01"), None);
        assert_eq!(micros("soon"), None);
    }
}
