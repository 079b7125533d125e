//! Dates with published rows that nothing supports any more. Nothing published is removed without being asked.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::MonthPart;
use crate::calendar::DateRanges;
use crate::catalog::Table;
use crate::error::Result;
use crate::processors::ProcessorId;
use crate::snapshot::Snapshot;
use crate::store::{DateRecord, DateState, RowsByDate};

/// Rows of the store on dates of the ranges that vanished: recorded so, or computed once and gone from the schedule and
/// the player rows since.
pub fn vanished(snapshot: &Snapshot, ranges: &DateRanges) -> RowsByDate {
    let Snapshot { phase3, phase4, schedule, .. } = snapshot;
    let games = phase3.tables.get(&Table::PlayerGameSummary);
    let is_gone = |date: NaiveDate| {
        let was_looked_at = games.is_some_and(|games| games.synced.contains(date));
        was_looked_at
            && !schedule.has_games_on(date)
            && !games.is_some_and(|games| games.partitions.contains_key(&date))
    };
    let is_vanished = |date: NaiveDate, record: &DateRecord| match record.state {
        DateState::Vanished { .. } => true,
        DateState::Done => is_gone(date),
        _ => false,
    };
    let mut rows = RowsByDate::new();
    for (id, records) in &phase4.processors {
        let of_range = records.iter().filter(|(date, record)| ranges.contains(**date) && record.rows > 0);
        for (date, record) in of_range.filter(|(date, record)| is_vanished(**date, record)) {
            rows.entry(id.output()).or_default().insert(*date, record.rows);
        }
    }
    rows
}

/// Those of them that nobody has decided to keep.
///
/// # Errors
/// When the record of what was decided is unusable.
pub fn open_vanished(snapshot: &Snapshot, ranges: &DateRanges) -> Result<RowsByDate> {
    Ok(snapshot.accepted()?.open(&vanished(snapshot, ranges), ranges))
}

/// All their dates.
pub fn dates_of(vanished: &RowsByDate) -> BTreeSet<NaiveDate> {
    vanished.values().flat_map(|dates| dates.keys()).copied().collect()
}

/// The parts without what would remove rows that the target holds on dates that have none here: those of the output,
/// and the failures of its processor.
pub fn keep_vanished(parts: &[MonthPart], held: &RowsByDate) -> Vec<MonthPart> {
    let is_held = |table: Table, date: &NaiveDate| held.get(&table).is_some_and(|dates| dates.contains_key(date));
    let mut kept = parts.to_vec();
    for part in &mut kept {
        match part.table {
            Table::PrecomputeFailures => part.dates.iter_mut().for_each(|(date, token)| {
                let processors: Vec<ProcessorId> = token.processors.clone();
                processors.into_iter().filter(|id| is_held(id.output(), date)).for_each(|id| token.leave_out(id));
            }),
            table => part.dates.retain(|date, _| !is_held(table, date)),
        }
        part.dates.retain(|_, token| !token.processors.is_empty());
    }
    kept.retain(|part| !part.dates.is_empty());
    kept
}
