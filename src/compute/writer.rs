//! Merging a step's output into the month files and the manifest.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::Date32Type;
use chrono::NaiveDate;

use super::plan::ProcessorPlan;
use crate::calendar::Month;
use crate::catalog::Table;
use crate::daily_cache::DailyCache;
use crate::error::Result;
use crate::parallel;
use crate::processors::failures;
use crate::processors::{DateOutput, Failure, MonthWork, ProcessorId, ProcessorOutput, RunContext};
use crate::store::{
    DateRecord, DateState, FileEntry, LayerWriter, MonthFile, Phase4Manifest, Store, TableFiles, date_slices,
    hash_of_no_rows, partition_hash, read_month_file, sort_by_key,
};
use crate::windows::WindowEnd;

/// Writes the outputs of a step; nothing is visible before the layer is committed.
pub(super) struct OutputWriter<'a> {
    store: &'a Store,
    layer: &'a LayerWriter<'a>,
    manifest: &'a mut Phase4Manifest,
    context: RunContext,
    daily_cache: DailyCache,
    /// Whether files are written anew that would hold the same rows.
    is_forced: bool,
    threads: usize,
    failures: Vec<ProcessorFailures>,
}

/// The failures of a processor on every date of the step; they replace what is stored.
type ProcessorFailures = (ProcessorId, BTreeMap<NaiveDate, Vec<Failure>>);

/// One month of one processor: what is scored, and what else is replaced.
pub(super) struct MonthJob<'p> {
    /// The position of the processor in the step.
    pub plan: usize,
    pub id: ProcessorId,
    pub month: Month,
    pub to_run: &'p [NaiveDate],
    settled: BTreeSet<NaiveDate>,
}

/// A scored month, waiting for the commit.
pub(super) struct MonthDone {
    /// Absent without rows.
    file: Option<FileEntry>,
    dates: Vec<DateDone>,
}

/// What became of a date.
struct DateDone {
    date: NaiveDate,
    state: DateState,
    rows: u64,
    hash: String,
    failures: Vec<Failure>,
}

/// What a processor did in a step.
#[derive(Default)]
pub(super) struct ProcessorDone {
    pub rows: u64,
    /// Every computed or settled date, ascending.
    pub dates: BTreeSet<NaiveDate>,
}

impl<'p> MonthJob<'p> {
    /// Every month with a date to compute or settle, ascending.
    pub fn all_of(plan_index: usize, plan: &'p ProcessorPlan) -> Vec<Self> {
        let mut jobs: BTreeMap<Month, Self> = BTreeMap::new();
        let empty = |month| Self { plan: plan_index, id: plan.id, month, to_run: &[], settled: BTreeSet::new() };
        for dates in plan.to_run.chunk_by(|a, b| Month::of(*a) == Month::of(*b)) {
            let month = Month::of(dates[0]);
            jobs.entry(month).or_insert_with(|| empty(month)).to_run = dates;
        }
        for (date, _) in plan.settled.iter().filter(|(_, state)| !is_vanished(state)) {
            let month = Month::of(*date);
            jobs.entry(month).or_insert_with(|| empty(month)).settled.insert(*date);
        }
        jobs.into_values().collect()
    }

    fn replaces(&self, date: NaiveDate) -> bool {
        self.settled.contains(&date) || self.to_run.binary_search(&date).is_ok()
    }
}

impl<'a> OutputWriter<'a> {
    /// Writes into a layer, which is committed when all steps are done.
    pub fn new(
        layer: &'a LayerWriter<'a>,
        manifest: &'a mut Phase4Manifest,
        context: RunContext,
        threads: usize,
    ) -> Self {
        let (store, daily_cache, failures) = (layer.store(), DailyCache::default(), Vec::new());
        Self { store, layer, manifest, context, daily_cache, is_forced: false, threads, failures }
    }

    /// Records which `player_daily_cache` MLFS reads.
    pub fn reading(self, daily_cache: DailyCache) -> Self {
        Self { daily_cache, ..self }
    }

    /// Writes every file anew.
    pub fn forced(self, is_forced: bool) -> Self {
        Self { is_forced, ..self }
    }

    /// Scores and stages a month, on any thread; the month's stored rows of other dates go in between.
    pub fn stage_month(&self, job: &MonthJob<'_>, work: Option<MonthWork>) -> Result<MonthDone> {
        let mut file = self.layer.month_file();
        let mut kept = self.kept(job)?;
        let mut dates = Vec::with_capacity(job.to_run.len());
        for output in work.into_iter().flat_map(MonthWork::outputs) {
            let output = output?;
            kept.extend(self.vanished(job, &output)?);
            write_in_between(&mut file, &mut kept, &output)?;
            dates.extend(output.dates.into_iter().map(|date| self.done(job, &output.rows, date)));
        }
        kept.values().try_for_each(|rows| file.write(rows))?;
        assert!(dates.iter().map(|date| date.date).eq(job.to_run.iter().copied()));
        let file = match self.unchanged(job, &dates) {
            Some(stored) => Some(stored.clone()),
            None => file.finish()?,
        };
        Ok(MonthDone { file, dates })
    }

    /// The file of the month, if it has all rows of the computed dates already and none of the emptied ones: it stays, and
    /// with it what is known of its content.
    fn unchanged(&self, job: &MonthJob<'_>, computed: &[DateDone]) -> Option<&FileEntry> {
        let record = |date: NaiveDate| self.manifest.record(job.id, date);
        let is_same = |done: &DateDone| {
            record(done.date).is_some_and(|stored| stored.rows == done.rows && stored.hash == done.hash)
        };
        let is_empty = |date: &NaiveDate| record(*date).is_none_or(|stored| stored.rows == 0);
        let stays = !self.is_forced && computed.iter().all(is_same) && job.settled.iter().all(is_empty);
        self.manifest.files_of(job.id.output())?.get(&job.month).filter(|_| stays)
    }

    /// The month's stored rows that are not replaced, by date.
    fn kept(&self, job: &MonthJob<'_>) -> Result<BTreeMap<NaiveDate, RecordBatch>> {
        let table = job.id.output();
        if !self.keeps_rows(job) {
            return Ok(BTreeMap::new());
        }
        let Some(stored) = self.stored(table, job.month)? else { return Ok(BTreeMap::new()) };
        let slices = date_slices(table, &stored).into_iter().filter(|(date, _)| !job.replaces(*date));
        Ok(slices.map(|(date, rows)| (date, stored.slice(rows.start, rows.len()))).collect())
    }

    /// The stored rows of dates on which no row is possible any more: they stay.
    fn vanished(&self, job: &MonthJob<'_>, output: &ProcessorOutput) -> Result<BTreeMap<NaiveDate, RecordBatch>> {
        let turned_empty = output.dates.iter().filter(|date| self.has_vanished(job.id, date)).map(|date| date.date);
        let turned_empty: BTreeSet<NaiveDate> = turned_empty.collect();
        if turned_empty.is_empty() {
            return Ok(BTreeMap::new());
        }
        let table = job.id.output();
        let Some(stored) = self.stored(table, job.month)? else { return Ok(BTreeMap::new()) };
        let slices = date_slices(table, &stored).into_iter().filter(|(date, _)| turned_empty.contains(date));
        Ok(slices.map(|(date, rows)| (date, stored.slice(rows.start, rows.len()))).collect())
    }

    /// Whether a date that has rows in the store turned empty.
    fn has_vanished(&self, id: ProcessorId, date: &DateOutput) -> bool {
        matches!(date.state, DateState::Empty { .. })
            && self.manifest.record(id, date.date).is_some_and(|record| record.rows > 0)
    }

    /// What became of a date. A vanished one keeps the rows of its record.
    fn done(&self, job: &MonthJob<'_>, rows: &RecordBatch, date: DateOutput) -> DateDone {
        let before = self.manifest.record(job.id, date.date).filter(|_| self.has_vanished(job.id, &date));
        if let (Some(before), DateState::Empty { rule }) = (before, &date.state) {
            return DateDone {
                date: date.date,
                rows: before.rows,
                hash: before.hash.clone(),
                state: DateState::Vanished { rule: rule.clone() },
                failures: date.failures,
            };
        }
        DateDone {
            date: date.date,
            rows: date.rows.len() as u64,
            hash: partition_hash(job.id.output(), rows, date.rows),
            state: date.state,
            failures: date.failures,
        }
    }

    /// Whether a date of the month that is not replaced has rows.
    fn keeps_rows(&self, job: &MonthJob<'_>) -> bool {
        let Some(records) = self.manifest.processors.get(&job.id) else { return false };
        let mut of_month = records.range(job.month.first_day()..=job.month.last_day());
        of_month.any(|(date, record)| record.rows > 0 && !job.replaces(*date))
    }

    /// Records the staged months of a processor, which are all of its [`MonthJob`]s.
    pub fn adopt_months(&mut self, plan: &ProcessorPlan, months: Vec<(Month, MonthDone)>) -> ProcessorDone {
        let mut done = ProcessorDone::default();
        let mut failures = BTreeMap::new();
        let mut fingerprints = plan.fingerprints.iter();
        for (month, MonthDone { file, dates }) in months {
            self.adopt(plan.id.output(), month, file);
            let records = self.manifest.processors.entry(plan.id).or_default();
            for date in dates {
                let record = DateRecord {
                    state: date.state.clone(),
                    rows: date.rows,
                    fewer_rows: fewer_rows(records, date.date, date.rows),
                    hash: date.hash,
                    failures: count_by_category(&date.failures),
                    failures_hash: failures::hash(&date.failures),
                    inputs: fingerprints.next().expect("one for each date").clone(),
                    version: plan.version,
                    windows: self.context.windows,
                    daily_cache: (plan.id == ProcessorId::Mlfs).then_some(self.daily_cache),
                    computed_at: self.context.timestamp,
                };
                records.insert(date.date, record);
                done.rows += date.rows;
                done.dates.insert(date.date);
                failures.insert(date.date, date.failures);
            }
        }
        self.settle(plan, &mut done);
        let emptied = plan.settled.iter().filter(|(_, state)| !is_vanished(state));
        failures.extend(emptied.map(|(date, _)| (*date, Vec::new())));
        self.failures.push((plan.id, failures));
        done
    }

    /// Records the dates whose state needed no computation.
    fn settle(&mut self, plan: &ProcessorPlan, done: &mut ProcessorDone) {
        let table = plan.id.output();
        let records = self.manifest.processors.entry(plan.id).or_default();
        let no_rows = hash_of_no_rows(table);
        for (date, state) in &plan.settled {
            if let (true, Some(record)) = (is_vanished(state), records.get_mut(date)) {
                // Rows and failures stay as they are. Without a fingerprint the date runs as soon as it has games again.
                record.state = state.clone();
                record.inputs = String::new();
                done.dates.insert(*date);
                continue;
            }
            let record = DateRecord {
                state: state.clone(),
                rows: 0,
                fewer_rows: fewer_rows(records, *date, 0),
                hash: no_rows.clone(),
                failures: BTreeMap::new(),
                failures_hash: String::new(),
                inputs: String::new(),
                version: plan.version,
                windows: WindowEnd::default(),
                daily_cache: None,
                computed_at: self.context.timestamp,
            };
            records.insert(*date, record);
            done.dates.insert(*date);
        }
    }

    /// The month as the manifest records it; months whose file is damaged were forgotten before.
    fn stored(&self, table: Table, month: Month) -> Result<Option<RecordBatch>> {
        let Some(entry) = self.manifest.files_of(table).and_then(|files| files.get(&month)) else { return Ok(None) };
        read_month_file(table, &self.store.stored_file(table, month, entry)).map(Some)
    }

    fn adopt(&mut self, table: Table, month: Month, file: Option<FileEntry>) {
        let files: &mut TableFiles = self.manifest.files.entry(table).or_default();
        match file {
            Some(entry) => files.insert(month, entry),
            None => files.remove(&month),
        };
    }

    /// Writes the failures of all processors of the step, and ends it.
    pub fn finish(mut self) -> Result<()> {
        self.stage_failures()
    }

    /// Failures of (processor, date) are replaced; all others of a month stay.
    fn stage_failures(&mut self) -> Result<()> {
        let table = Table::PrecomputeFailures;
        let failures = std::mem::take(&mut self.failures);
        let months: BTreeSet<Month> =
            failures.iter().flat_map(|(_, dates)| dates.keys().map(|&date| Month::of(date))).collect();
        let months: Vec<Month> = months.into_iter().collect();
        let written = parallel::try_map(&months, self.threads, |&month| {
            let Some(batch) = self.merge_failures(month, &failures)? else { return Ok(None) };
            self.layer.write(&batch).map(Some)
        })?;
        for (month, file) in months.into_iter().zip(written) {
            if let Some(file) = file {
                self.adopt(table, month, file);
            }
        }
        Ok(())
    }

    /// The month's rows; `None` when the stored ones stay as they are.
    fn merge_failures(&self, month: Month, failures: &[ProcessorFailures]) -> Result<Option<RecordBatch>> {
        let table = Table::PrecomputeFailures;
        let of_month = |dates: &BTreeMap<NaiveDate, Vec<Failure>>| {
            dates.range(month.first_day()..=month.last_day()).any(|(_, failures)| !failures.is_empty())
        };
        let has_new = failures.iter().any(|(_, dates)| of_month(dates));
        let mut parts = Vec::new();
        let stored = self.stored(table, month)?;
        match &stored {
            Some(stored) => {
                let kept = keep_unreplaced(stored, failures);
                if !has_new && kept.true_count() == stored.num_rows() {
                    return Ok(None);
                }
                parts.push(filter_record_batch(stored, &kept)?);
            }
            None if !has_new => return Ok(None),
            None => {}
        }
        for (id, dates) in failures {
            let dates: Vec<_> = dates.range(month.first_day()..=month.last_day()).collect();
            parts.push(failures::rows(*id, &dates, self.context.timestamp)?);
        }
        let (batch, _) = sort_by_key(table, &concat_batches(table.schema().arrow(), &parts)?)?;
        let content = |rows: &RecordBatch| partition_hash(table, rows, 0..rows.num_rows());
        let is_same = stored.is_some_and(|stored| content(&stored) == content(&batch));
        Ok(Some(batch).filter(|_| self.is_forced || !is_same))
    }
}

fn is_vanished(state: &DateState) -> bool {
    matches!(state, DateState::Vanished { .. })
}

/// What a date loses against its record so far.
fn fewer_rows(records: &BTreeMap<NaiveDate, DateRecord>, date: NaiveDate, rows: u64) -> u64 {
    records.get(&date).map_or(0, |before| before.rows.saturating_sub(rows))
}

/// Writes the dates of an output, and before each the kept dates that come before it.
fn write_in_between(
    file: &mut MonthFile<'_>,
    kept: &mut BTreeMap<NaiveDate, RecordBatch>,
    output: &ProcessorOutput,
) -> Result<()> {
    if kept.is_empty() {
        return file.write(&output.rows);
    }
    for date in &output.dates {
        while let Some(before) = kept.first_entry().filter(|entry| *entry.key() < date.date) {
            file.write(&before.remove())?;
        }
        file.write(&output.rows.slice(date.rows.start, date.rows.len()))?;
    }
    Ok(())
}

fn count_by_category(failures: &[Failure]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for failure in failures {
        *counts.entry(failure.category.to_owned()).or_default() += 1;
    }
    counts
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
