//! Pulling Phase 3 from a warehouse into the store.

mod month_rows;
mod plan;
mod pull;

use std::collections::BTreeMap;

use chrono::NaiveDate;

use self::plan::{Plan, plan};
use self::pull::Pull;
use crate::calendar::DateRanges;
use crate::catalog::Table;
use crate::error::Result;
use crate::progress::{Event, Observer, TableOutcome, check_cancelled};
use crate::store::{Layer, Publication, Store, WriteLock};
use crate::warehouse::{ColumnNote, Source};

/// What a sync did.
#[derive(Debug, Default)]
pub struct SyncReport {
    pub tables: Vec<TableReport>,
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
    /// Rows that repeat a logical key; kept, as the reference keeps them.
    pub duplicate_keys: u64,
    /// Rows by team code that is not one of the 30; kept in the store, left out of computations.
    pub foreign_teams: BTreeMap<String, u64>,
    pub notes: Vec<ColumnNote>,
    /// Partitions of the schedule without a date that is taken; left out.
    pub placeholders: Option<String>,
    /// Files were touched without another content; only what is remembered of them changes.
    pub files_touched: bool,
}

impl TableReport {
    fn outcome(&self) -> TableOutcome {
        match (self.absent, self.unchanged) {
            (true, _) => TableOutcome::Absent,
            (false, true) => TableOutcome::Unchanged,
            (false, false) => TableOutcome::Pulled,
        }
    }

    fn new(table: Table) -> Self {
        Self {
            table,
            absent: false,
            unchanged: false,
            rows: 0,
            changed_dates: Vec::new(),
            vanished_dates: Vec::new(),
            duplicate_keys: 0,
            foreign_teams: BTreeMap::new(),
            notes: Vec::new(),
            placeholders: None,
            files_touched: false,
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
pub fn plan_sync(source: &dyn Source, store: &Store, ranges: &DateRanges) -> Result<Vec<TablePlan>> {
    let plans = plan(source, store, &store.phase3()?, ranges)?;
    Ok(plans.iter().map(Plan::summary).collect())
}

/// Pulls what computing `ranges` needs: every input table over the range and its look-back.
///
/// Schemas of all tables are compared before any row travels. Tables whose version and range are
/// already in the store are skipped; of a table whose warehouse keeps track of partitions, only those
/// travel that are new or changed. The store changes only by one commit at the end.
///
/// # Errors
/// [`ErrorKind::Upstream`](crate::error::ErrorKind::Upstream) for a missing or empty table or one that
/// changes while it is read, [`ErrorKind::Schema`](crate::error::ErrorKind::Schema) for a column that is
/// read and missing or retyped, [`ErrorKind::Corrupt`](crate::error::ErrorKind::Corrupt) for an
/// unreadable file. The store is then what it was.
pub fn sync(source: &dyn Source, lock: &WriteLock, ranges: &DateRanges, observer: &dyn Observer) -> Result<SyncReport> {
    let mut manifest = lock.store().phase3()?;
    let plans = plan(source, lock.store(), &manifest, ranges)?;
    let mut publication = Publication::new(lock, Layer::Phase3);
    let mut report = SyncReport::default();
    let total = plans.len();
    for (index, plan) in plans.into_iter().enumerate() {
        check_cancelled(observer)?;
        observer.on(Event::TableStarted { table: plan.table, index, total });
        let table =
            Pull { source, store: lock.store(), publication: &mut publication, observer }.run(plan, &mut manifest)?;
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
    if report.tables.iter().any(|table| !table.unchanged || table.files_touched) {
        publication.commit(&manifest)?;
    }
    Ok(report)
}
