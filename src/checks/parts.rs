//! A request in parts that are checked apart.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::CheckRequest;
use crate::calendar::{DateRange, DateRanges, Season};
use crate::engine::EngineSettings;

/// A part of a request.
#[derive(Debug, Clone)]
pub(super) struct Part {
    dates: Vec<NaiveDate>,
    ranges: DateRanges,
}

/// How the parts share the machine.
#[derive(Debug)]
pub(super) struct Shares {
    /// Of each part.
    engine: EngineSettings,
    pub at_once: usize,
}

/// All of a request as one part.
pub(super) fn whole(request: &CheckRequest<'_>) -> Part {
    Part { dates: request.dates.to_vec(), ranges: request.ranges.clone() }
}

/// A request by seasons, ascending: what is found of one does not depend on others that were asked for.
///
/// Days of a season without game dates belong to the season before it, or to the first one that has some.
pub(super) fn seasons(request: &CheckRequest<'_>) -> Vec<Part> {
    let mut dates: BTreeMap<Season, Vec<NaiveDate>> = BTreeMap::new();
    request.dates.iter().for_each(|date| dates.entry(Season::of(*date)).or_default().push(*date));
    let with_games: Vec<Season> = dates.keys().copied().collect();
    let owner = |season: Season| {
        let before = with_games.iter().rev().find(|known| **known <= season);
        *before.or(with_games.first()).expect("there are dates to check")
    };
    let mut ranges: BTreeMap<Season, Vec<DateRange>> = BTreeMap::new();
    for range in request.ranges.iter().flat_map(|range| by_season(*range)) {
        ranges.entry(owner(Season::of(range.from))).or_default().push(range);
    }
    let part = |(season, dates)| Part { dates, ranges: ranges.remove(&season).into_iter().flatten().collect() };
    dates.into_iter().map(part).collect()
}

/// The parts of a range that lie in one season each.
fn by_season(range: DateRange) -> impl Iterator<Item = DateRange> {
    let years = Season::of(range.from).start_year()..=Season::of(range.to).start_year();
    years.map(move |year| {
        let season = Season::starting_in(year).range();
        DateRange { from: season.from.max(range.from), to: season.to.min(range.to) }
    })
}

/// Parts run side by side, each on its share of the threads; one after the other where memory is limited.
pub(super) fn shares(engine: &EngineSettings, parts: usize) -> Shares {
    let at_once = if engine.memory_limit.is_some() { 1 } else { parts.min(engine.threads).max(1) };
    let threads = engine.threads.div_ceil(at_once);
    Shares { engine: EngineSettings { threads, ..engine.clone() }, at_once }
}

impl Part {
    /// The request of this part alone.
    pub fn of<'a>(&'a self, request: &CheckRequest<'a>, shares: &Shares) -> CheckRequest<'a> {
        let engine = shares.engine.clone();
        CheckRequest { dates: &self.dates, ranges: &self.ranges, engine, ..request.clone() }
    }

    /// The seasons of its game dates, ascending.
    pub fn seasons(&self) -> impl Iterator<Item = Season> {
        self.dates.chunk_by(|one, next| Season::of(*one) == Season::of(*next)).map(|dates| Season::of(dates[0]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from: &str, to: &str) -> DateRange {
        DateRange { from: from.parse().expect("a date"), to: to.parse().expect("a date") }
    }

    #[test]
    fn a_range_is_cut_where_seasons_begin() {
        let parts: Vec<_> = by_season(range("2022-09-29", "2023-10-01")).collect();
        let expected =
            [range("2022-09-29", "2022-09-30"), range("2022-10-01", "2023-09-30"), range("2023-10-01", "2023-10-01")];
        assert_eq!(parts, expected);
    }
}
