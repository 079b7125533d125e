//! What a sync did, or would do, with each table.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::catalog::Table;
use crate::progress::TableOutcome;
use crate::store::Phase3Manifest;
use crate::warehouse::ColumnNote;

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
    pub(super) fn outcome(&self) -> TableOutcome {
        match (self.absent, self.unchanged) {
            (true, _) => TableOutcome::Absent,
            (false, true) => TableOutcome::Unchanged,
            (false, false) => TableOutcome::Pulled,
        }
    }

    pub(super) fn count_only_here(&mut self, manifest: &Phase3Manifest) {
        let Some(input) = manifest.tables.get(&self.table) else { return };
        self.only_here = input.only_here.iter().copied().collect();
        self.only_here_rows = self.only_here.iter().map(|date| input.partitions[date].rows).sum();
    }

    pub(super) fn new(table: Table) -> Self {
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
