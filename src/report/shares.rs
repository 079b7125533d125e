//! Shares of entities without a row, against those expected by season time (`orchestration.md` §8.2).

use std::sync::OnceLock;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::calendar::{Season, SeasonCalendar};
use crate::processors::ProcessorId;
use crate::store::Phase4Manifest;

/// A processor's share of entities without a row over some dates, and what is expected then.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FailureShare {
    pub processor: ProcessorId,
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

/// The shares of every processor that has entities on the dates. Bounds are those of each date, weighted by
/// its entities. Dates of a season without known opening night are left out.
pub fn failure_shares(manifest: &Phase4Manifest, dates: &[NaiveDate], calendar: &SeasonCalendar) -> Vec<FailureShare> {
    ProcessorId::ALL.into_iter().filter_map(|id| share_of(id, manifest, dates, calendar)).collect()
}

fn share_of(
    processor: ProcessorId,
    manifest: &Phase4Manifest,
    dates: &[NaiveDate],
    calendar: &SeasonCalendar,
) -> Option<FailureShare> {
    let (mut entities, mut failed, mut low, mut high) = (0, 0, 0.0, 0.0);
    let mut above = Vec::new();
    for &date in dates {
        let Some(record) = manifest.record(processor, date) else { continue };
        let Some(expected) = expected(processor, date, calendar) else { continue };
        let failures: u64 = record.failures.values().sum();
        let of_date = record.rows + failures;
        if of_date == 0 {
            continue;
        }
        entities += of_date;
        failed += failures;
        low += expected.low * of_date as f64;
        high += expected.high * of_date as f64;
        if 100.0 * failures as f64 / of_date as f64 > expected.high {
            above.push(date);
        }
    }
    let of = entities as f64;
    (entities > 0).then(|| FailureShare {
        processor,
        entities,
        share: 100.0 * failed as f64 / of,
        expected_low: low / of,
        expected_high: high / of,
        above,
    })
}

fn expected(processor: ProcessorId, date: NaiveDate, calendar: &SeasonCalendar) -> Option<&'static Expected> {
    static SHARES: OnceLock<Vec<Expected>> = OnceLock::new();
    let shares = SHARES.get_or_init(|| {
        toml::from_str::<Shares>(include_str!("../../data/failure_shares.toml")).expect("a valid file").share
    });
    let opening = calendar.opening_night(Season::of(date)).ok()?;
    let week = (date - opening).num_days() / 7 + 1;
    shares
        .iter()
        .filter(|share| share.processor == processor && share.from_week <= week)
        .max_by_key(|share| share.from_week)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_follow_the_season() {
        let calendar = SeasonCalendar::built_in();
        let high = |processor, date: &str| {
            expected(processor, date.parse().expect("a date"), &calendar).expect("a known season").high
        };
        assert_eq!(high(ProcessorId::Psza, "2021-11-02"), 100.0);
        assert_eq!(high(ProcessorId::Psza, "2021-11-12"), 60.0);
        assert_eq!(high(ProcessorId::Psza, "2022-03-12"), 25.0);
        assert_eq!(high(ProcessorId::Tdza, "2022-03-12"), 0.0);
    }
}
