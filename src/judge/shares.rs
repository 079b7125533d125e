//! Shares of entities without a row, by category, and the shares expected at that time of the season (`orchestration.md` §8.2).

use std::collections::BTreeSet;
use std::sync::OnceLock;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::calendar::{Season, SeasonCalendar};
use crate::processors::ProcessorId;
use crate::store::{DateRecord, Phase4Manifest};

/// A processor's share of entities that ended in a category over some dates, and what is expected then.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FailureShare {
    pub processor: ProcessorId,
    pub category: String,
    pub failed: u64,
    pub entities: u64,
    /// In percent, as the bounds.
    pub share: f64,
    pub expected_low: f64,
    pub expected_high: f64,
    /// Dates with more than is expected, ascending.
    pub above: Vec<NaiveDate>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    processor: ProcessorId,
    category: String,
    from_week: i64,
    low: f64,
    high: f64,
    #[allow(dead_code, reason = "for the reader of the file")]
    source: String,
}

#[derive(Deserialize)]
struct Shares {
    share: Vec<Expected>,
}

/// The shares of every category that occurred or is expected. Bounds are those of each date, weighted by its
/// entities; a category that the table does not know is expected of none. Dates of a season without known opening
/// night are left out.
pub fn failure_shares(manifest: &Phase4Manifest, dates: &[NaiveDate], calendar: &SeasonCalendar) -> Vec<FailureShare> {
    let of_processor = |id: ProcessorId| {
        let records: Vec<(NaiveDate, i64, &DateRecord)> = dates
            .iter()
            .filter_map(|&date| Some((date, week_of(date, calendar)?, manifest.record(id, date)?)))
            .filter(|(_, _, record)| entities_of(record) > 0)
            .collect();
        let occurred = records.iter().flat_map(|(_, _, record)| record.failures.keys().map(String::as_str));
        let known = table().iter().filter(|share| share.processor == id).map(|share| share.category.as_str());
        let categories: BTreeSet<&str> = occurred.chain(known).collect();
        categories.into_iter().filter_map(|category| share_of(id, category, &records)).collect::<Vec<_>>()
    };
    ProcessorId::ALL.into_iter().flat_map(of_processor).collect()
}

fn entities_of(record: &DateRecord) -> u64 {
    record.rows + record.failures.values().sum::<u64>()
}

fn share_of(processor: ProcessorId, category: &str, records: &[(NaiveDate, i64, &DateRecord)]) -> Option<FailureShare> {
    let (mut entities, mut failed, mut low, mut high) = (0, 0, 0.0, 0.0);
    let mut above = Vec::new();
    for (date, week, record) in records {
        let (of_date, failures) = (entities_of(record), record.failures.get(category).copied().unwrap_or(0));
        let (expected_low, expected_high) = expected(processor, category, *week);
        entities += of_date;
        failed += failures;
        low += expected_low * of_date as f64;
        high += expected_high * of_date as f64;
        if 100.0 * failures as f64 / of_date as f64 > expected_high {
            above.push(*date);
        }
    }
    let of = entities as f64;
    (entities > 0).then(|| FailureShare {
        processor,
        category: category.to_owned(),
        failed,
        entities,
        share: 100.0 * failed as f64 / of,
        expected_low: low / of,
        expected_high: high / of,
        above,
    })
}

fn week_of(date: NaiveDate, calendar: &SeasonCalendar) -> Option<i64> {
    let opening = calendar.opening_night(Season::of(date)).ok()?;
    Some((date - opening).num_days() / 7 + 1)
}

fn table() -> &'static [Expected] {
    static SHARES: OnceLock<Vec<Expected>> = OnceLock::new();
    SHARES.get_or_init(|| {
        toml::from_str::<Shares>(include_str!("../../data/failure_shares.toml")).expect("a valid file").share
    })
}

/// Least and most, in percent.
fn expected(processor: ProcessorId, category: &str, week: i64) -> (f64, f64) {
    table()
        .iter()
        .filter(|share| share.processor == processor && share.category == category && share.from_week <= week)
        .max_by_key(|share| share.from_week)
        .map_or((0.0, 0.0), |share| (share.low, share.high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_follow_the_season() {
        let calendar = SeasonCalendar::built_in();
        let high = |processor, category, date: &str| {
            let week = week_of(date.parse().expect("a date"), &calendar).expect("a known season");
            expected(processor, category, week).1
        };
        assert_eq!(high(ProcessorId::Psza, "EXPECTED_INCOMPLETE", "2021-11-02"), 100.0);
        assert_eq!(high(ProcessorId::Psza, "EXPECTED_INCOMPLETE", "2021-11-12"), 60.0);
        assert_eq!(high(ProcessorId::Psza, "EXPECTED_INCOMPLETE", "2022-03-12"), 25.0);
        assert_eq!(high(ProcessorId::Psza, "PROCESSING_ERROR", "2021-11-02"), 0.0);
        assert_eq!(high(ProcessorId::Tdza, "INSUFFICIENT_DATA", "2022-03-12"), 0.0);
    }
}
