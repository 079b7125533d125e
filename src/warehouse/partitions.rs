//! Partitions of a table as a warehouse names them.

use std::collections::BTreeMap;
use std::str::FromStr;

use chrono::NaiveDate;

use crate::calendar::{DateRange, Month, is_taken};

/// `20240131`, `202401`, `2024`, or a name for rows without a date.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartitionId(pub String);

/// A partition as the warehouse describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionVersion {
    /// Changes when the partition's rows may have.
    pub token: String,
    pub rows: u64,
    /// Logical bytes; 0 where the warehouse does not say.
    pub bytes: u64,
}

pub type Partitions = BTreeMap<PartitionId, PartitionVersion>;

impl PartitionId {
    /// The days of the partition; `None` for rows without a date or with one outside the years that are taken,
    /// or not partitioned by day, month or year.
    pub fn days(&self) -> Option<DateRange> {
        self.all_days().filter(|days| is_taken(days.from))
    }

    /// Whether its days are outside the years that are taken.
    pub fn is_outside_years(&self) -> bool {
        self.all_days().is_some_and(|days| !is_taken(days.from))
    }

    fn all_days(&self) -> Option<DateRange> {
        if !self.0.chars().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        match self.0.len() {
            8 => {
                let date = NaiveDate::parse_from_str(&self.0, "%Y%m%d").ok()?;
                Some(DateRange { from: date, to: date })
            }
            6 => {
                let month = Month::from_str(&format!("{}-{}", &self.0[..4], &self.0[4..])).ok()?;
                Some(DateRange { from: month.first_day(), to: month.last_day() })
            }
            4 => Some(DateRange::year(self.0.parse().ok()?)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partition_ids_are_days_months_or_years() {
        let days = |id: &str| PartitionId(id.to_owned()).days().map(|range| range.to_string());
        assert_eq!(days("20240131").as_deref(), Some("2024-01-31"));
        assert_eq!(days("202402").as_deref(), Some("2024-02-01 to 2024-02-29"));
        assert_eq!(days("2024").as_deref(), Some("2024-01-01 to 2024-12-31"));
        for id in ["__NULL__", "__UNPARTITIONED__", "20241301", "", "2024013112"] {
            assert_eq!(days(id), None, "{id}");
        }
        for id in ["00010101", "99991231", "194512", "2101"] {
            assert!(days(id).is_none() && PartitionId(id.to_owned()).is_outside_years(), "{id}");
        }
        assert!(!PartitionId("__NULL__".to_owned()).is_outside_years());
    }
}
