//! Dates that are not what a computation would make of them now.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::StatusReport;
use crate::calendar::DateRanges;
use crate::processors::{self, ProcessorId};
use crate::snapshot::Snapshot;
use crate::store::{DateRecord, DateState};

/// Dates by processor.
type Dates = BTreeMap<ProcessorId, BTreeSet<NaiveDate>>;

/// Dates of the ranges that `compute` would compute again.
pub fn stale(snapshot: &Snapshot, ranges: &DateRanges) -> Dates {
    let Snapshot { phase3, phase4, .. } = snapshot;
    let computed = phase4.processors.values().flat_map(|records| records.keys()).copied();
    let dates: BTreeSet<NaiveDate> = computed.filter(|date| ranges.contains(*date)).collect();
    crate::compute::stale_dates(phase3, phase4, &dates.into_iter().collect::<Vec<_>>())
}

/// Stale dates of each processor, and of those that read its rows.
pub fn stale_with_readers(snapshot: &Snapshot, ranges: &DateRanges) -> Dates {
    let mut stale = stale(snapshot, ranges);
    for processor in processors::all() {
        let upstream = processor.upstream().iter().chain(processor.optional_upstream());
        let read: BTreeSet<NaiveDate> = upstream.filter_map(|id| stale.get(id)).flatten().copied().collect();
        stale.entry(processor.id()).or_default().extend(read);
    }
    stale
}

/// Game dates of the ranges that some processor never computed.
pub fn pending(snapshot: &Snapshot, ranges: &DateRanges) -> BTreeSet<NaiveDate> {
    let report = StatusReport::new(&snapshot.phase4, &snapshot.game_dates(ranges));
    report.not_done.iter().filter(|date| date.failed.is_none()).map(|date| date.date).collect()
}

/// Dates whose windows end on the day before, unlike the reference's.
pub fn other_windows(snapshot: &Snapshot, ranges: &DateRanges) -> BTreeSet<NaiveDate> {
    let records = snapshot.phase4.processors.values().flatten();
    let is_other = |date: &NaiveDate, record: &DateRecord| ranges.contains(*date) && !record.windows.is_default();
    records.filter(|(date, record)| is_other(date, record)).map(|(date, _)| *date).collect()
}

/// Dates without PDC that have what MLFS falls back to.
pub fn lost_cache(snapshot: &Snapshot, ranges: &DateRanges) -> BTreeSet<NaiveDate> {
    let phase4 = &snapshot.phase4;
    let is_lost = |(date, record): &(&NaiveDate, &DateRecord)| {
        ranges.contains(**date) && matches!(record.state, DateState::Failed { .. })
    };
    let lost = phase4.processors.get(&ProcessorId::Pdc).into_iter().flatten().filter(is_lost);
    // Of a date that failed further up, MLFS says so itself.
    let is_settled = |date: &NaiveDate| phase4.record(ProcessorId::Mlfs, *date).is_some_and(|r| r.state.is_settled());
    lost.map(|(date, _)| *date).filter(is_settled).collect()
}
