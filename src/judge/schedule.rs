//! Where rows and schedule do not fit together.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::{dates_of, vanished};
use crate::calendar::{DateRange, DateRanges, Season};
use crate::catalog::Table;
use crate::error::{Error, ErrorKind};
use crate::schedule::Schedule;
use crate::snapshot::Snapshot;
use crate::store::{DateRecord, DateState};

/// Days with rows of players or teams, with contexts or done by a processor, on which the schedule has no game that
/// counts: those of the ranges, and those before them in the same season, which windows should hold. Contexts of days
/// after the schedule's last game are of games to come; the final of a cup and an All-Star game have rows and do not
/// count.
pub fn unscheduled(snapshot: &Snapshot, ranges: &DateRanges) -> BTreeSet<NaiveDate> {
    let Snapshot { phase3, phase4, schedule, .. } = snapshot;
    let last = schedule.game_dates(&DateRanges::everything()).last().copied();
    let days_of = |table: Table| phase3.tables.get(&table).into_iter().flat_map(|table| table.partitions.keys());
    let purged = |date: &NaiveDate| {
        let contexts = phase3.tables.get(&Table::UpcomingPlayerGameContext);
        contexts.is_some_and(|contexts| contexts.only_here.contains(date))
    };
    let contexts = days_of(Table::UpcomingPlayerGameContext)
        .filter(|date| last.is_some_and(|last| **date < last) && !purged(date));
    let played = days_of(Table::PlayerGameSummary).chain(days_of(Table::TeamDefenseGameSummary)).chain(contexts);
    let is_done = |record: &DateRecord| record.state == DateState::Done;
    let done = phase4.processors.values().flatten().filter(|(_, record)| is_done(record)).map(|(date, _)| date);
    let seasons: DateRanges = ranges
        .iter()
        .map(|range| DateRange { from: range.from.min(Season::of(range.from).window_start()), to: range.to })
        .collect();
    let in_look_back = played.copied().filter(|date| seasons.contains(*date));
    let days = in_look_back.chain(done.copied().filter(|date| ranges.contains(*date)));
    let vanished = dates_of(&vanished(snapshot, ranges));
    let days = days.filter(|date| !vanished.contains(date));
    days.filter(|date| !schedule.has_games_on(*date) && !schedule.has_extra_games_on(*date)).collect()
}

/// The final games of the ranges whose id contradicts their flags.
pub fn contradictions(schedule: &Schedule, ranges: &DateRanges) -> BTreeMap<NaiveDate, BTreeSet<String>> {
    let games = schedule.contradictions().iter();
    games.filter(|(date, _)| ranges.contains(**date)).map(|(date, ids)| (*date, ids.clone())).collect()
}

/// Why there is nothing to show: days that have rows need another schedule, and no other sync.
pub fn no_game_dates(snapshot: &Snapshot, ranges: &DateRanges) -> Error {
    let mut unscheduled = unscheduled(snapshot, ranges);
    unscheduled.retain(|date| ranges.contains(*date));
    let error = |message: String| Error::new(ErrorKind::Upstream, message);
    match unscheduled.first() {
        Some(date) => error(format!("{date} has rows, but no final game in the synced schedule"))
            .hint("sync a schedule that has its games as final"),
        None => error(format!("the store {} has no game dates in the range", snapshot.store.root().display()))
            .hint("run `putback sync` first, or name another --store or range"),
    }
}
