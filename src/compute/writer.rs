//! Merging a step's output into the month files and the manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Date32Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::Date32Type;
use chrono::{DateTime, NaiveDate, Utc};

use super::plan::ProcessorPlan;
use crate::calendar::Month;
use crate::catalog::Table;
use crate::error::Result;
use crate::processors::{DateOutput, Failure, ProcessorId, ProcessorOutput};
use crate::store::{
    DateRecord, DateState, Layer, Phase4Manifest, Publication, Store, TableFiles, WriteLock, date_slices,
    partition_hash, read_month_file, sort_by_key,
};

/// Stages the outputs of a step; nothing is visible before [`OutputWriter::commit`].
pub(super) struct OutputWriter<'a> {
    store: &'a Store,
    publication: Publication<'a>,
    manifest: &'a mut Phase4Manifest,
    timestamp: DateTime<Utc>,
    failures: Vec<(ProcessorId, BTreeMap<NaiveDate, Vec<Failure>>)>,
}

impl<'a> OutputWriter<'a> {
    pub fn new(lock: &'a WriteLock, manifest: &'a mut Phase4Manifest, timestamp: DateTime<Utc>) -> Self {
        let publication = Publication::new(lock, Layer::Phase4);
        Self { store: lock.store(), publication, manifest, timestamp, failures: Vec::new() }
    }

    /// Stages the rows of a processor and records its dates.
    pub fn write(&mut self, plan: &ProcessorPlan, output: &ProcessorOutput) -> Result<()> {
        self.stage_rows(plan, output)?;
        let mut failures: BTreeMap<NaiveDate, Vec<Failure>> =
            output.dates.iter().map(|date| (date.date, date.failures.clone())).collect();
        failures.extend(plan.settled.iter().map(|(date, _)| (*date, Vec::new())));
        self.record(plan, output);
        self.failures.push((plan.id, failures));
        Ok(())
    }

    /// Stages the failures of all processors of the step and commits everything at once.
    pub fn commit(mut self) -> Result<()> {
        self.stage_failures()?;
        self.publication.commit(&*self.manifest)
    }

    fn stage_rows(&mut self, plan: &ProcessorPlan, output: &ProcessorOutput) -> Result<()> {
        let table = plan.id.output();
        let mut months: BTreeMap<Month, Vec<&DateOutput>> = BTreeMap::new();
        for date in &output.dates {
            months.entry(Month::of(date.date)).or_default().push(date);
        }
        for (date, _) in &plan.settled {
            months.entry(Month::of(*date)).or_default();
        }
        let settled: BTreeSet<NaiveDate> = plan.settled.iter().map(|(date, _)| *date).collect();
        for (month, dates) in months {
            let mut parts: BTreeMap<NaiveDate, RecordBatch> = BTreeMap::new();
            let replaced = |date: NaiveDate| settled.contains(&date) || dates.iter().any(|new| new.date == date);
            if let Some(stored) = self.stored(table, month)? {
                for (date, rows) in date_slices(table, &stored) {
                    if !replaced(date) {
                        parts.insert(date, stored.slice(rows.start, rows.len()));
                    }
                }
            }
            for date in &dates {
                parts.insert(date.date, output.rows.slice(date.rows.start, date.rows.len()));
            }
            let batch = concat_batches(table.schema().arrow(), parts.values())?;
            self.stage(table, month, &batch)?;
        }
        Ok(())
    }

    /// The month as the manifest records it; months whose file is damaged were forgotten before.
    fn stored(&self, table: Table, month: Month) -> Result<Option<RecordBatch>> {
        if !self.manifest.files_of(table).is_some_and(|files| files.contains_key(&month)) {
            return Ok(None);
        }
        read_month_file(table, &self.store.month_file(table, month)).map(Some)
    }

    fn stage(&mut self, table: Table, month: Month, batch: &RecordBatch) -> Result<()> {
        let files: &mut TableFiles = self.manifest.files.entry(table).or_default();
        match self.publication.stage(table, month, batch)? {
            Some(entry) => files.insert(month, entry),
            None => files.remove(&month),
        };
        Ok(())
    }

    fn record(&mut self, plan: &ProcessorPlan, output: &ProcessorOutput) {
        let table = plan.id.output();
        let records = self.manifest.processors.entry(plan.id).or_default();
        for (date, inputs) in output.dates.iter().zip(&plan.fingerprints) {
            let record = DateRecord {
                state: date.state.clone(),
                rows: date.rows.len() as u64,
                hash: partition_hash(table, &output.rows, date.rows.clone()),
                failures: count_by_category(&date.failures),
                failures_hash: failures_hash(&date.failures),
                inputs: inputs.clone(),
                version: plan.version,
                computed_at: self.timestamp,
            };
            records.insert(date.date, record);
        }
        let nothing = RecordBatch::new_empty(Arc::clone(table.schema().arrow()));
        for (date, state) in &plan.settled {
            let record = DateRecord {
                state: DateState::clone(state),
                rows: 0,
                hash: partition_hash(table, &nothing, 0..0),
                failures: BTreeMap::new(),
                failures_hash: String::new(),
                inputs: String::new(),
                version: plan.version,
                computed_at: self.timestamp,
            };
            records.insert(*date, record);
        }
    }

    /// Failures of (processor, date) are replaced; all others of a month stay.
    fn stage_failures(&mut self) -> Result<()> {
        let table = Table::PrecomputeFailures;
        let failures = std::mem::take(&mut self.failures);
        let months: BTreeSet<Month> =
            failures.iter().flat_map(|(_, dates)| dates.keys().map(|&date| Month::of(date))).collect();
        for month in months {
            let mut parts = Vec::new();
            if let Some(stored) = self.stored(table, month)? {
                let kept = keep_unreplaced(&stored, &failures);
                parts.push(filter_record_batch(&stored, &kept)?);
            }
            for (id, dates) in &failures {
                let dates: Vec<_> = dates.range(month.first_day()..=month.last_day()).collect();
                parts.push(failure_rows(*id, &dates, self.timestamp)?);
            }
            let batch = concat_batches(table.schema().arrow(), &parts)?;
            let (batch, _) = sort_by_key(table, &batch)?;
            self.stage(table, month, &batch)?;
        }
        Ok(())
    }
}

fn count_by_category(failures: &[Failure]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for failure in failures {
        *counts.entry(failure.category.to_owned()).or_default() += 1;
    }
    counts
}

fn failures_hash(failures: &[Failure]) -> String {
    if failures.is_empty() {
        return String::new();
    }
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    for failure in failures {
        for text in [&failure.entity_id, failure.category, &failure.reason] {
            hasher.update(text.as_bytes());
            hasher.update(&[0]);
        }
    }
    format!("{:032x}", hasher.digest128())
}

fn keep_unreplaced(
    stored: &RecordBatch,
    failures: &[(ProcessorId, BTreeMap<NaiveDate, Vec<Failure>>)],
) -> BooleanArray {
    let processors = stored.column_by_name("processor_name").expect("a column of the table").as_string::<i32>();
    let dates = stored.column_by_name("analysis_date").expect("a column of the table").as_primitive::<Date32Type>();
    (0..stored.num_rows())
        .map(|row| {
            let date = crate::calendar::date_of_day(dates.value(row));
            let is_replaced = |(id, dates): &(ProcessorId, BTreeMap<NaiveDate, Vec<Failure>>)| {
                id.class_name() == processors.value(row) && dates.contains_key(&date)
            };
            Some(!failures.iter().any(is_replaced))
        })
        .collect()
}

/// Rows of `nba_processing.precompute_failures` (`tables.md` §7.2).
fn failure_rows(
    id: ProcessorId,
    dates: &[(&NaiveDate, &Vec<Failure>)],
    timestamp: DateTime<Utc>,
) -> Result<RecordBatch> {
    const REASON_CHARS: usize = 1000;
    let rows: Vec<(NaiveDate, &Failure)> =
        dates.iter().flat_map(|(date, failures)| failures.iter().map(|failure| (**date, failure))).collect();
    let table = Table::PrecomputeFailures;
    let text = |value: &dyn Fn(&Failure) -> String| -> ArrayRef {
        Arc::new(rows.iter().map(|(_, failure)| Some(value(failure))).collect::<StringArray>())
    };
    let constant =
        |value: &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(std::iter::repeat_n(value, rows.len()))) };
    let column = |name: &str| -> Option<ArrayRef> {
        Some(match name {
            "processor_name" => constant(id.class_name()),
            // §7 of each specification: 8 hexadecimal characters, one value per run.
            "run_id" => constant(&crate::numerics::hash::data_hash(&[timestamp.to_rfc3339().as_bytes()])[..8]),
            "analysis_date" => {
                let days = rows.iter().map(|(date, _)| Date32Type::from_naive_date(*date));
                Arc::new(Date32Array::from_iter_values(days))
            }
            "entity_id" => text(&|failure| failure.entity_id.clone()),
            "failure_category" => text(&|failure| failure.category.to_owned()),
            "failure_reason" => text(&|failure| failure.reason.chars().take(REASON_CHARS).collect()),
            "can_retry" => Arc::new(rows.iter().map(|(_, failure)| Some(failure.can_retry)).collect::<BooleanArray>()),
            "resolution_status" => constant("UNRESOLVED"),
            "created_at" => {
                let micros = vec![timestamp.timestamp_micros(); rows.len()];
                Arc::new(TimestampMicrosecondArray::from(micros).with_timezone("UTC"))
            }
            _ => return None,
        })
    };
    let schema = table.schema().arrow();
    let null = |field: &Arc<arrow::datatypes::Field>| arrow::array::new_null_array(field.data_type(), rows.len());
    let columns = schema.fields().iter().map(|field| column(field.name()).unwrap_or_else(|| null(field))).collect();
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}
