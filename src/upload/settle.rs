//! What becomes of dates that vanished, once a publication is done.

use chrono::NaiveDate;

use super::{MonthPart, PublishSet, UploadReport};
use crate::calendar::DateRanges;
use crate::catalog::Table;
use crate::error::Result;
use crate::processors::RunContext;
use crate::snapshot::{AcceptedVanished, Vanished};
use crate::store::{RowsByDate, WriteLock};

/// A publication that is done.
#[derive(Debug)]
pub struct Done<'a> {
    pub set: &'a PublishSet<'a>,
    pub ranges: &'a DateRanges,
    /// As the user named it.
    pub target: &'a str,
    pub report: &'a UploadReport,
}

/// What was decided of the dates that vanished.
#[derive(Debug)]
pub struct Settled {
    /// Rows that were removed from the store as well; `None`: that was not asked for.
    pub removed: Option<RowsByDate>,
    /// What was recorded of the rows that the target holds; `None`: there was nothing to record.
    pub recorded: Option<RowsByDate>,
    /// What somebody still has to decide.
    pub open: RowsByDate,
    /// All that was decided by now.
    pub decisions: AcceptedVanished,
}

impl Done<'_> {
    /// Records the decision, and removes from the store what was removed from the target.
    ///
    /// # Errors
    /// When the store cannot be written, or its record of decisions is unusable.
    pub fn settle(&self, lock: &WriteLock, accepts: bool, context: RunContext) -> Result<Settled> {
        let found = self.report.vanished();
        let (mut removed, mut recorded) = (None, None);
        let mut in_store = self.set.eligible().vanished().clone();
        if self.set.terms().removes_vanished {
            // What was not asked for goes with the date in the tables that are published; what is held back stays.
            let is_in_set = |table: Table, date: &NaiveDate| {
                let of_table = |part: &&MonthPart| part.table == table || self.set.is_unasked(table);
                self.set.parts.iter().filter(of_table).any(|part| part.dates.contains_key(date))
            };
            in_store.iter_mut().for_each(|(table, dates)| dates.retain(|date, _| is_in_set(*table, date)));
            crate::compute::remove_vanished(lock, &in_store, context)?;
            removed = Some(std::mem::take(&mut in_store));
        }
        let mut decisions = self.set.snapshot.accepted()?.clone();
        if !(decisions.is_empty() && found.is_empty() && in_store.is_empty()) {
            let vanished = Vanished { found: &found, in_store: &in_store, accept: accepts };
            decisions.take_in(self.target, self.ranges, vanished);
            decisions.save(lock.store())?;
            recorded = Some(found.clone());
        }
        let open = decisions.open_of(self.target, &found);
        Ok(Settled { removed, recorded, open, decisions })
    }
}
