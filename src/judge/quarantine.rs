//! Rows that a publication leaves out because they rest on faulty rows, and the failures in their place.

use std::collections::BTreeMap;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::Date32Type;
use chrono::NaiveDate;

use super::date_set::{DateSet, Rest};
use super::parts::MonthPart;
use crate::calendar::date_of_day;
use crate::catalog::Table;
use crate::checks::Quarantine;
use crate::error::{Error, ErrorKind, Result};
use crate::processors::{Failure, ProcessorId, failures};
use crate::reach::entity_column;
use crate::store::{date_slices, partition_hash, sort_by_key};

/// The category of the failure of an entity in quarantine.
pub const QUARANTINED: &str = "QUARANTINED";

impl DateSet<'_> {
    /// Leaves out the rows of the entities, on those dates that are still in the set, and publishes a failure for each; it
    /// takes the place of one that the entity has instead of a row.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] for a damaged file of the store, [`ErrorKind::StalePlan`] when the store has changed since it
    /// was checked.
    ///
    /// # Panics
    /// When the set has a quarantine already.
    pub fn quarantine(&mut self, mut quarantine: Quarantine) -> Result<()> {
        assert!(self.rests.is_empty(), "a set has one quarantine");
        quarantine.entities.retain(|(id, date), _| self.publishes_rows(*id, *date));
        quarantine.failed.retain(|(id, date), _| self.publishes_failures(*id, *date));
        let mut left = BTreeMap::new();
        for part in &self.parts {
            let Some(id) = ProcessorId::of_output(part.table) else { continue };
            let is_reached = |date: &NaiveDate| quarantine.entities.contains_key(&(id, *date));
            if part.dates.keys().any(is_reached) {
                left.extend(self.left_of(id, part, &quarantine)?);
            }
        }
        let is_complete = quarantine.entities.keys().eq(left.keys());
        if !is_complete || left.values().any(|(_, rows)| *rows == 0) {
            return Err(Error::new(ErrorKind::StalePlan, "the store changed while it was checked")
                .hint("run the same command again; nothing was published"));
        }
        let rest = |key: (ProcessorId, NaiveDate)| {
            let failures = failures_of(&quarantine, key.0, key.1);
            (key, Rest { left: left.remove(&key), failures })
        };
        let rests = quarantine.keys().into_iter().map(rest).collect();
        (self.quarantine, self.rests) = (quarantine, rests);
        let mut parts = std::mem::take(&mut self.parts);
        parts.iter_mut().for_each(|part| self.name_rests(part));
        self.parts = parts;
        Ok(())
    }

    /// The entities whose rows are left out.
    pub fn quarantined(&self) -> &Quarantine {
        &self.quarantine
    }

    fn publishes_rows(&self, id: ProcessorId, date: NaiveDate) -> bool {
        let mut parts = self.parts.iter().filter(|part| part.table == id.output());
        parts.any(|part| part.dates.get(&date).is_some_and(|token| token.rows > 0))
    }

    fn publishes_failures(&self, id: ProcessorId, date: NaiveDate) -> bool {
        let mut parts = self.parts.iter().filter(|part| part.table == Table::PrecomputeFailures);
        parts.any(|part| part.dates.get(&date).is_some_and(|token| token.processors.contains(&id)))
    }

    /// Content and rows that are left of the dates of a part that have entities in quarantine.
    fn left_of(
        &self,
        id: ProcessorId,
        part: &MonthPart,
        quarantine: &Quarantine,
    ) -> Result<BTreeMap<(ProcessorId, NaiveDate), (String, u64)>> {
        let stored = self.stored_rows(part)?;
        let mut all_left = BTreeMap::new();
        for (date, rows) in date_slices(part.table, &stored) {
            if !quarantine.entities.contains_key(&(id, date)) {
                continue;
            }
            let of_date = stored.slice(rows.start, rows.len());
            let left = filter_record_batch(&of_date, &outside(quarantine, id, &of_date))?;
            if left.num_rows() < of_date.num_rows() {
                let content = partition_hash(part.table, &left, 0..left.num_rows());
                all_left.insert((id, date), (content, left.num_rows() as u64));
            }
        }
        Ok(all_left)
    }

    /// Gives dates with entities in quarantine the tokens of what is published of them.
    pub(super) fn name_rests(&self, part: &mut MonthPart) {
        for (date, token) in &mut part.dates {
            match ProcessorId::of_output(part.table) {
                Some(id) => {
                    let left = self.rests.get(&(id, *date)).and_then(|rest| rest.left.as_ref());
                    if let Some((content, rows)) = left.filter(|_| token.rows > 0) {
                        token.content.clone_from(content);
                        token.rows = *rows;
                    }
                }
                None => {
                    let of = |id| self.rests.get(&(id, *date)).map(|rest| failures::hash(&rest.failures));
                    token.add_failures(of);
                }
            }
        }
    }

    /// Stored rows as they are published: without those in quarantine, or with the failures in their place.
    pub(super) fn without_quarantined(&self, part: &MonthPart, rows: RecordBatch) -> Result<RecordBatch> {
        let is_reached = |(_, date): &&(ProcessorId, NaiveDate)| part.dates.contains_key(date);
        if !self.rests.keys().any(|key| is_reached(&key)) {
            return Ok(rows);
        }
        if let Some(id) = ProcessorId::of_output(part.table) {
            return Ok(filter_record_batch(&rows, &outside(&self.quarantine, id, &rows))?);
        }
        // A failure of before of the same entity makes way: the table has one row for each.
        let mut batches = vec![filter_record_batch(&rows, &self.other_failures(&rows))?];
        for ((id, date), rest) in self.rests.iter().filter(|(key, _)| is_reached(key)) {
            let computed_at = self.snapshot.phase4.record(*id, *date).expect("it is published").computed_at;
            batches.push(failures::rows(*id, &[(date, &rest.failures)], computed_at)?);
        }
        Ok(sort_by_key(part.table, &concat_batches(part.table.schema().arrow(), &batches)?)?.0)
    }

    /// Failures of entities that are not in quarantine.
    fn other_failures(&self, rows: &RecordBatch) -> BooleanArray {
        let text = |name: &str| rows.column_by_name(name).expect("a column of the table").as_string::<i32>();
        let (processors, entities) = (text("processor_name"), text("entity_id"));
        let dates = dates_of(Table::PrecomputeFailures, rows);
        let is_other = |row: usize| {
            let id = ProcessorId::ALL.into_iter().find(|id| id.class_name() == processors.value(row));
            let is_held = |id| {
                let of = [&self.quarantine.entities, &self.quarantine.failed];
                of.into_iter().filter_map(|of| of.get(&(id, dates(row)))).any(|of| of.contains_key(entities.value(row)))
            };
            Some(!id.is_some_and(is_held))
        };
        (0..rows.num_rows()).map(is_other).collect()
    }
}

/// A failure for each entity in quarantine, sorted by entity.
fn failures_of(quarantine: &Quarantine, id: ProcessorId, date: NaiveDate) -> Vec<Failure> {
    let failure = |(entity_id, checks): (String, _)| Failure {
        entity_id,
        category: QUARANTINED,
        reason: quarantine.reason(&checks),
        can_retry: true,
    };
    quarantine.failures(id, date).into_iter().map(failure).collect()
}

/// Rows of entities that are not in quarantine.
fn outside(quarantine: &Quarantine, id: ProcessorId, rows: &RecordBatch) -> BooleanArray {
    let table = id.output();
    let key = entity_column(table).expect("outputs have entities");
    let entities = rows.column_by_name(key).expect("a column of the table").as_string::<i32>();
    let dates = dates_of(table, rows);
    let is_outside = |row: usize| {
        let held = quarantine.entities.get(&(id, dates(row)));
        Some(held.is_none_or(|held| !held.contains_key(entities.value(row))))
    };
    (0..rows.num_rows()).map(is_outside).collect()
}

fn dates_of(table: Table, rows: &RecordBatch) -> impl Fn(usize) -> NaiveDate {
    let dates = rows.column_by_name(table.schema().partition_column()).expect("partition column");
    let dates = dates.as_primitive::<Date32Type>();
    move |row| date_of_day(dates.value(row))
}
