//! Pulling Phase 3 from a warehouse into the store.

mod month_rows;
mod plan;
mod pull;
mod report;

use std::collections::BTreeMap;

use chrono::NaiveDate;

use self::plan::{Plan, plan};
use self::pull::Pull;
pub use self::report::{Arrived, TablePlan, TableReport};
use crate::calendar::{DateRange, DateRanges};
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::judge::{Lost, LostDates, lost_dates};
use crate::progress::{Event, Observer, check_cancelled};
use crate::store::{Layer, LayerWriter, Phase3Manifest, Store, WriteLock};
use crate::warehouse::Source;

/// What to pull.
#[derive(Debug, Clone)]
pub struct SyncRequest {
    pub ranges: DateRanges,
    /// Rows of earlier dates are those that the warehouse may have purged; later dates may still move.
    pub today: NaiveDate,
    /// Take an export although it lacks dates at an end or in a gap that the store has.
    pub accept_shorter: bool,
    /// How many months of a table are sorted and written at once. A directory's files are decoded on one more thread.
    pub threads: usize,
}

impl SyncRequest {
    /// Takes no export that is shorter than the store; writes on one thread.
    pub fn new(ranges: DateRanges, today: NaiveDate) -> Self {
        Self { ranges, today, accept_shorter: false, threads: 1 }
    }
}

/// What a sync did.
#[derive(Debug, Default)]
pub struct SyncReport {
    pub tables: Vec<TableReport>,
    /// Dates that left the store because the export is shorter, which was accepted.
    pub accepted: Vec<LostDates>,
}

/// What [`sync`] would pull, from metadata alone.
pub fn plan_sync(
    source: &dyn Source,
    store: &Store,
    phase3: &Phase3Manifest,
    ranges: &DateRanges,
) -> Result<Vec<TablePlan>> {
    let plans = plan(source, store, phase3, ranges)?;
    Ok(plans.iter().map(Plan::summary).collect())
}

/// Pulls what computing the ranges needs: every input table over the range and its look-back.
///
/// Schemas of all tables are compared before any row travels. Tables whose version and range are
/// already in the store are skipped; of a table whose warehouse keeps track of partitions, only those
/// travel that are new or changed. Rows that the warehouse purges stay in the store, and so do past dates outside the
/// range and its look-back that the warehouse does not have. The store changes only by one commit at the end.
///
/// # Errors
/// [`ErrorKind::Upstream`] for a missing or empty table, one that changes while it is read, or one that lacks dates at
/// an end or in a gap that the store has, unless that is accepted; [`ErrorKind::Schema`] for a column that is
/// read and missing or retyped, [`ErrorKind::Corrupt`] for an
/// unreadable file. The store is then what it was.
pub fn sync(
    source: &dyn Source,
    lock: &WriteLock,
    request: &SyncRequest,
    observer: &dyn Observer,
) -> Result<SyncReport> {
    let before = lock.phase3();
    let mut manifest = Phase3Manifest::clone(&before);
    let plans = plan(source, lock.store(), &manifest, &request.ranges)?;
    let needed: BTreeMap<Table, DateRange> = plans.iter().map(|plan| (plan.table, plan.needed)).collect();
    let layer = LayerWriter::new(lock, Layer::Phase3);
    let mut report = SyncReport::default();
    let total = plans.len();
    for (index, plan) in plans.into_iter().enumerate() {
        check_cancelled(observer)?;
        observer.on(Event::TableStarted { table: plan.table, index, total });
        let pull = Pull { source, layer: &layer, request, observer };
        let table = pull.run(plan, &mut manifest)?;
        source.take_notes().into_iter().for_each(|note| observer.on(Event::Note(note)));
        observer.on(Event::TableFinished {
            table: table.table,
            index,
            total,
            rows: table.rows,
            changed_dates: table.changed_dates.len() + table.vanished_dates.len(),
            outcome: table.outcome(),
        });
        report.tables.push(table);
    }
    report.accepted = refuse_shorter((&*before, &manifest), &needed, request, &source.name())?;
    report.tables.iter_mut().for_each(|table| table.count_only_here(&manifest));
    if report.tables.iter().any(|table| !table.unchanged || table.files_touched) {
        layer.commit(&manifest)?;
    }
    Ok(report)
}

/// The dates that would be lost, if that is accepted.
fn refuse_shorter(
    (before, after): (&Phase3Manifest, &Phase3Manifest),
    needed: &BTreeMap<Table, DateRange>,
    request: &SyncRequest,
    warehouse: &str,
) -> Result<Vec<LostDates>> {
    let lost = lost_dates(before, after, &|table| needed[&table], request.today);
    if lost.is_empty() || request.accept_shorter {
        return Ok(lost);
    }
    let each: Vec<String> = lost.iter().map(describe).collect();
    Err(Error::new(
        ErrorKind::Upstream,
        format!("{warehouse} lacks dates that the store has: {}; nothing was changed", each.join("; ")),
    )
    .hint("complete the export, or add --accept-shorter to go on without these dates"))
}

/// Like `nba_raw.nbac_schedule ends on 2023-12-01: 9 dates, 2023-12-02 to 2023-12-10 (61 rows)`.
fn describe(lost: &LostDates) -> String {
    let LostDates { table, lost, dates, rows } = lost;
    let how = match lost {
        Lost::All => "has no rows of them at all".to_owned(),
        Lost::Start { first } => format!("begins on {first}"),
        Lost::End { last } => format!("ends on {last}"),
        Lost::Gap => "has a gap".to_owned(),
        Lost::Damaged => "has purged them, and the store's file of them is damaged".to_owned(),
    };
    let (first, last) = (dates[0], dates[dates.len() - 1]);
    let span =
        if first == last { format!("1 date, {first}") } else { format!("{} dates, {first} to {last}", dates.len()) };
    let rows = if *rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
    format!("{table} {how}: {span} ({rows})")
}
