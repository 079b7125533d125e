//! Dates with published rows that nothing supports any more. Nothing published is removed without being asked.

use crate::calendar::DateRanges;
use crate::catalog::Table;
use crate::processors::ProcessorId;
use crate::schedule::Schedule;
use crate::store::{DateRecord, DateState, Phase3Manifest, Phase4Manifest};
use crate::upload::MonthPart;
use chrono::NaiveDate;

use super::RowsByDate;

/// Rows of the store on dates that vanished: recorded so, or computed once and gone from the schedule and the player
/// rows since.
pub fn vanished_rows(
    phase3: &Phase3Manifest,
    phase4: &Phase4Manifest,
    schedule: &Schedule,
    ranges: &DateRanges,
) -> RowsByDate {
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
