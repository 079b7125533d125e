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
use crate::parallel;
use crate::processors::{DateOutput, Failure, ProcessorId, ProcessorOutput};
use crate::store::{
    DateRecord, DateState, Layer, Phase4Manifest, Publication, StagedMonth, Store, TableFiles, WriteLock, date_slices,
    partition_hash, read_month_file, sort_by_key,
};

/// Stages the outputs of a step; nothing is visible before [`OutputWriter::commit`].
pub(super) struct OutputWriter<'a> {
    store: &'a Store,
    publication: Publication<'a>,
    manifest: &'a mut Phase4Manifest,
    timestamp: DateTime<Utc>,
    threads: usize,
    failures: Vec<ProcessorFailures>,
}

/// The failures of a processor on every date of the step; they replace what is stored.
type ProcessorFailures = (ProcessorId, BTreeMap<NaiveDate, Vec<Failure>>);

/// A month of an output: the dates that are replaced and their new rows.
struct MonthOfOutput<'o> {
    month: Month,
    replaced: BTreeSet<NaiveDate>,
    dates: Vec<&'o DateOutput>,
}

impl<'a> OutputWriter<'a> {
    pub fn new(
        lock: &'a WriteLock,
        manifest: &'a mut Phase4Manifest,
        timestamp: DateTime<Utc>,
        threads: usize,
    ) -> Self {
        let publication = Publication::new(lock, Layer::Phase4);
        Self { store: lock.store(), publication, manifest, timestamp, threads, failures: Vec::new() }
    }

    /// Stages the rows of a processor and records its dates.
    pub fn write(&mut self, plan: &ProcessorPlan, output: &ProcessorOutput) -> Result<()> {
        let hashes = self.stage_rows(plan, output)?;
        let mut failures: BTreeMap<NaiveDate, Vec<Failure>> =
            output.dates.iter().map(|date| (date.date, date.failures.clone())).collect();
        failures.extend(plan.settled.iter().map(|(date, _)| (*date, Vec::new())));
        self.record(plan, output, &hashes);
        self.failures.push((plan.id, failures));
        Ok(())
    }

    /// Stages the failures of all processors of the step and commits everything at once.
    pub fn commit(mut self) -> Result<()> {
        self.stage_failures()?;
        self.publication.commit(&*self.manifest)
    }

    /// Stages every month that the step touches; returns the content hash of each computed date.
    fn stage_rows(&mut self, plan: &ProcessorPlan, output: &ProcessorOutput) -> Result<BTreeMap<NaiveDate, String>> {
        let table = plan.id.output();
        let months = months_of(plan, output);
        let staged = parallel::try_map(&months, self.threads, |month| {
            let batch = self.merge(table, month, &output.rows)?;
            let staged = StagedMonth::write(self.store, table, month.month, &batch)?;
            let hash = |date: &&DateOutput| (date.date, partition_hash(table, &output.rows, date.rows.clone()));
            Ok((staged, month.dates.iter().map(hash).collect::<Vec<_>>()))
        })?;
        let mut all_hashes = BTreeMap::new();
        for (month, (staged, hashes)) in months.iter().zip(staged) {
            self.adopt(table, month.month, staged);
            all_hashes.extend(hashes);
        }
        Ok(all_hashes)
    }

    /// The month's stored rows of other dates with the new rows, in order of date.
    fn merge(&self, table: Table, month: &MonthOfOutput<'_>, rows: &RecordBatch) -> Result<RecordBatch> {
        let mut parts: BTreeMap<NaiveDate, RecordBatch> = BTreeMap::new();
        if let Some(stored) = self.stored(table, month.month)? {
            let slices = date_slices(table, &stored).into_iter();
            let kept = slices.filter(|(date, _)| !month.replaced.contains(date));
            parts.extend(kept.map(|(date, rows)| (date, stored.slice(rows.start, rows.len()))));
        }
        parts.extend(month.dates.iter().map(|date| (date.date, rows.slice(date.rows.start, date.rows.len()))));
        Ok(concat_batches(table.schema().arrow(), parts.values())?)
    }

    /// The month as the manifest records it; months whose file is damaged were forgotten before.
    fn stored(&self, table: Table, month: Month) -> Result<Option<RecordBatch>> {
        if !self.manifest.files_of(table).is_some_and(|files| files.contains_key(&month)) {
            return Ok(None);
        }
        read_month_file(table, &self.store.month_file(table, month)).map(Some)
    }

    fn adopt(&mut self, table: Table, month: Month, staged: StagedMonth) {
        let files: &mut TableFiles = self.manifest.files.entry(table).or_default();
        match self.publication.adopt(staged) {
            Some(entry) => files.insert(month, entry),
            None => files.remove(&month),
        };
    }

    fn record(&mut self, plan: &ProcessorPlan, output: &ProcessorOutput, hashes: &BTreeMap<NaiveDate, String>) {
        let table = plan.id.output();
        let records = self.manifest.processors.entry(plan.id).or_default();
        for (date, inputs) in output.dates.iter().zip(&plan.fingerprints) {
            let record = DateRecord {
                state: date.state.clone(),
                rows: date.rows.len() as u64,
                hash: hashes[&date.date].clone(),
                failures: count_by_category(&date.failures),
                failures_hash: failures_hash(&date.failures),
                inputs: inputs.clone(),
                version: plan.version,
                computed_at: self.timestamp,
            };
            records.insert(date.date, record);
        }
        let nothing = RecordBatch::new_empty(Arc::clone(table.schema().arrow()));
        let no_rows = partition_hash(table, &nothing, 0..0);
        for (date, state) in &plan.settled {
            let record = DateRecord {
                state: DateState::clone(state),
                rows: 0,
                hash: no_rows.clone(),
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
        let months: Vec<Month> = months.into_iter().collect();
        let staged = parallel::try_map(&months, self.threads, |&month| {
            let batch = self.merge_failures(month, &failures)?;
            StagedMonth::write(self.store, table, month, &batch)
        })?;
        for (month, staged) in months.into_iter().zip(staged) {
            self.adopt(table, month, staged);
        }
        Ok(())
    }

    fn merge_failures(&self, month: Month, failures: &[ProcessorFailures]) -> Result<RecordBatch> {
        let table = Table::PrecomputeFailures;
        let mut parts = Vec::new();
        if let Some(stored) = self.stored(table, month)? {
            parts.push(filter_record_batch(&stored, &keep_unreplaced(&stored, failures))?);
        }
        for (id, dates) in failures {
            let dates: Vec<_> = dates.range(month.first_day()..=month.last_day()).collect();
            parts.push(failure_rows(*id, &dates, self.timestamp)?);
        }
        let (batch, _) = sort_by_key(table, &concat_batches(table.schema().arrow(), &parts)?)?;
        Ok(batch)
    }
}

/// Every month with a computed or settled date.
fn months_of<'o>(plan: &ProcessorPlan, output: &'o ProcessorOutput) -> Vec<MonthOfOutput<'o>> {
    let mut months: BTreeMap<Month, MonthOfOutput<'o>> = BTreeMap::new();
    let mut replace = |date: NaiveDate| {
        let month = Month::of(date);
        let entry = months.entry(month).or_insert_with(|| MonthOfOutput {
            month,
            replaced: BTreeSet::new(),
            dates: Vec::new(),
        });
        entry.replaced.insert(date);
        month
    };
    let computed: Vec<(Month, &DateOutput)> = output.dates.iter().map(|date| (replace(date.date), date)).collect();
    for (date, _) in &plan.settled {
        replace(*date);
    }
    for (month, date) in computed {
        months.get_mut(&month).expect("entered above").dates.push(date);
    }
    months.into_values().collect()
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

fn keep_unreplaced(stored: &RecordBatch, failures: &[ProcessorFailures]) -> BooleanArray {
    let processors = stored.column_by_name("processor_name").expect("a column of the table").as_string::<i32>();
    let dates = stored.column_by_name("analysis_date").expect("a column of the table").as_primitive::<Date32Type>();
    (0..stored.num_rows())
        .map(|row| {
            let date = crate::calendar::date_of_day(dates.value(row));
            let is_replaced =
                |(id, dates): &ProcessorFailures| id.class_name() == processors.value(row) && dates.contains_key(&date);
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
