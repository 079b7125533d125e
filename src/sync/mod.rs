//! Pulling Phase 3 from a warehouse into the store.

mod month_rows;
mod plan;
mod pull;

use std::collections::BTreeMap;

use chrono::NaiveDate;

use self::plan::{Plan, plan};
use self::pull::Pull;
use crate::calendar::{DateRange, DateRanges};
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::judge::{Lost, LostDates, lost_dates};
use crate::progress::{Event, Observer, TableOutcome, check_cancelled};
use crate::store::{Layer, Phase3Manifest, Publication, Store, WriteLock};
use crate::warehouse::{ColumnNote, Source};

/// What to pull.
#[derive(Debug, Clone)]
pub struct SyncRequest {
    pub ranges: DateRanges,
    /// Rows of earlier dates are those that the warehouse may have purged; later dates may still move.
    pub today: NaiveDate,
    /// Take an export although it lacks dates at an end or in a gap that the store has.
    pub accept_shorter: bool,
}

impl SyncRequest {
    /// Takes no export that is shorter than the store.
    pub fn new(ranges: DateRanges, today: NaiveDate) -> Self {
        Self { ranges, today, accept_shorter: false }
    }
}

/// What a sync did.
#[derive(Debug, Default)]
pub struct SyncReport {
    pub tables: Vec<TableReport>,
    /// Dates that left the store because the export is shorter, which was accepted.
    pub accepted: Vec<LostDates>,
}

/// What a sync did with one table.
#[derive(Debug)]
pub struct TableReport {
    pub table: Table,
    /// Not in the warehouse; only optional tables may be.
    pub absent: bool,
    /// The warehouse's version is the recorded one and the range was pulled before.
    pub unchanged: bool,
    /// Rows now in the store.
    pub rows: u64,
    pub changed_dates: Vec<NaiveDate>,
    /// Dates the store had and the warehouse no longer has.
    pub vanished_dates: Vec<NaiveDate>,
    /// Dates that the warehouse no longer has and the store keeps: purged there, or outside the range.
    pub only_here: Vec<NaiveDate>,
    /// Their rows.
    pub only_here_rows: u64,
    /// Rows that repeat a logical key; kept, as the reference keeps them.
    pub duplicate_keys: u64,
    /// Rows by team code that is not one of the 30; kept in the store, left out of computations.
    pub foreign_teams: BTreeMap<String, u64>,
    pub notes: Vec<ColumnNote>,
    /// Partitions of the schedule without a date that is taken; left out.
    pub placeholders: Option<String>,
    /// Files were touched without another content; only what is remembered of them changes.
    pub files_touched: bool,
    pub arrived: Arrived,
}

/// What a sync brought of a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Arrived {
    /// Rows that were read, whatever of them was new.
    pub rows: u64,
    /// Size of the month files that were written for them: of months that are new or changed.
    pub bytes: u64,
}

impl TableReport {
    fn outcome(&self) -> TableOutcome {
        match (self.absent, self.unchanged) {
            (true, _) => TableOutcome::Absent,
            (false, true) => TableOutcome::Unchanged,
            (false, false) => TableOutcome::Pulled,
        }
    }

    fn count_only_here(&mut self, manifest: &Phase3Manifest) {
        let Some(input) = manifest.tables.get(&self.table) else { return };
        self.only_here = input.only_here.iter().copied().collect();
        self.only_here_rows = self.only_here.iter().map(|date| input.partitions[date].rows).sum();
    }

    fn new(table: Table) -> Self {
        Self {
            table,
            absent: false,
            unchanged: false,
            rows: 0,
            changed_dates: Vec::new(),
            vanished_dates: Vec::new(),
            only_here: Vec::new(),
            only_here_rows: 0,
            duplicate_keys: 0,
            foreign_teams: BTreeMap::new(),
            notes: Vec::new(),
            placeholders: None,
            files_touched: false,
            arrived: Arrived::default(),
        }
    }
}

/// What a sync would pull of a table.
#[derive(Debug)]
pub struct TablePlan {
    pub table: Table,
    /// Partitions that are new or changed; `None` where the warehouse keeps no track of them.
    pub partitions: Option<usize>,
    /// Their rows and logical bytes as the warehouse counts them; 0 where it does not.
    pub rows: u64,
    pub bytes: u64,
    pub unchanged: bool,
    pub absent: bool,
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
    let publication = Publication::new(lock, Layer::Phase3);
    let mut report = SyncReport::default();
    let total = plans.len();
    for (index, plan) in plans.into_iter().enumerate() {
        check_cancelled(observer)?;
        observer.on(Event::TableStarted { table: plan.table, index, total });
        let pull = Pull { source, store: lock.store(), publication: &publication, today: request.today, observer };
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
        publication.commit(&manifest)?;
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
