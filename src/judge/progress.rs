//! How far the backfill of each date is, in the store and in the target.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::catalog::{ProcessorId, Table};
use crate::snapshot::Snapshot;
use crate::store::DateState;

/// Rows per date of the outputs in a target.
pub type TargetRows = BTreeMap<ProcessorId, BTreeMap<NaiveDate, u64>>;

/// What is complete of a date (`orchestration.md` §10.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateProgress {
    pub date: NaiveDate,
    /// Inputs with rows of the date here.
    pub inputs: BTreeSet<Table>,
    /// Processors whose output has as many rows in the target as here, or none by rule.
    pub outputs: BTreeSet<ProcessorId>,
}

/// The progress of each date.
pub fn progress(snapshot: &Snapshot, in_target: &TargetRows, dates: &[NaiveDate]) -> Vec<DateProgress> {
    let Snapshot { phase3, phase4, .. } = snapshot;
    let of_date = |&date: &NaiveDate| {
        let is_complete = |id: &ProcessorId| match phase4.record(*id, date).map(|record| (&record.state, record.rows)) {
            Some((DateState::Done, rows)) => {
                in_target.get(id).and_then(|of_table| of_table.get(&date)).copied().unwrap_or(0) == rows
            }
            Some((DateState::Empty { .. } | DateState::Skipped { .. }, _)) => true,
            _ => false,
        };
        let inputs = phase3.tables.iter().filter(|(_, table)| table.partitions.contains_key(&date));
        DateProgress {
            date,
            inputs: inputs.map(|(table, _)| *table).collect(),
            outputs: ProcessorId::ALL.into_iter().filter(is_complete).collect(),
        }
    };
    dates.iter().map(of_date).collect()
}
