//! Publishing finished dates into a warehouse.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::datatypes::Date32Type;
use chrono::NaiveDate;

use crate::calendar::{DateRanges, Month, date_of_day};
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::processors::ProcessorId;
use crate::progress::Observer;
use crate::store::{Phase4Manifest, Store, date_slices, read_month_file};

/// What of the store is to be in the target: whole dates, nothing else.
#[derive(Debug)]
pub struct PublishSet<'a> {
    store: &'a Store,
    manifest: Phase4Manifest,
    pub parts: Vec<MonthPart>,
    /// Dates of the ranges that are failed, and so stay in the target as they are.
    pub held_back: BTreeMap<ProcessorId, Vec<NaiveDate>>,
}

/// The dates of one table and month.
#[derive(Debug)]
pub struct MonthPart {
    pub table: Table,
    pub month: Month,
    /// Content of each date as a token: equal tokens mean equal rows.
    pub dates: BTreeMap<NaiveDate, DateToken>,
}

/// The content of a date and whose it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DateToken {
    pub content: String,
    /// The processors whose rows are replaced; others' failures on the date are not ours to touch.
    pub processors: Vec<ProcessorId>,
}

/// What an upload did.
#[derive(Debug, Default)]
pub struct UploadReport {
    pub tables: BTreeMap<Table, TableUpload>,
}

/// What an upload did with one table.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct TableUpload {
    /// Dates written because the target differed.
    pub dates: Vec<NaiveDate>,
    /// Dates the target already held with the same content.
    pub unchanged: usize,
    /// Rows in the dates written.
    pub rows: u64,
    /// Rows of those dates that the target no longer has.
    pub removed_rows: u64,
}

impl UploadReport {
    /// Whether the target was already what it should be.
    pub fn is_nothing(&self) -> bool {
        self.tables.values().all(|table| table.dates.is_empty())
    }
}

/// A warehouse that is written.
pub trait Target {
    /// As the user named it.
    fn name(&self) -> String;

    /// Replaces exactly the dates of the set: stage, verify, publish, verify. A second call does
    /// nothing; a killed one is completed by the next.
    fn publish(&self, set: &PublishSet<'_>, observer: &dyn Observer) -> Result<UploadReport>;

    /// What [`Target::publish`] would run, in words to read; nothing is sent. Empty: nothing to do.
    fn rehearse(&self, set: &PublishSet<'_>) -> Result<Vec<String>>;

    /// Dates of the set whose content is not what this store last published there, by its receipts alone.
    fn unpublished(&self, set: &PublishSet<'_>) -> Result<BTreeMap<Table, BTreeSet<NaiveDate>>>;

    /// What the user should know of the work so far, said once.
    fn take_notes(&self) -> Vec<String> {
        Vec::new()
    }
}

impl<'a> PublishSet<'a> {
    /// Collects the settled dates of the ranges: done ones with their rows, empty ones as no rows. `processors` are
    /// those whose rows and failures are to be published.
    ///
    /// # Errors
    /// [`ErrorKind::Upstream`] when nothing was computed in the ranges.
    pub fn collect(store: &'a Store, ranges: &DateRanges, processors: &[ProcessorId]) -> Result<Self> {
        let manifest = store.phase4()?;
        let mut tokens: BTreeMap<(Table, Month), BTreeMap<NaiveDate, DateToken>> = BTreeMap::new();
        let mut held_back: BTreeMap<ProcessorId, Vec<NaiveDate>> = BTreeMap::new();
        let mut computed = false;
        for (&id, records) in manifest.processors.iter().filter(|(id, _)| processors.contains(id)) {
            for (&date, record) in records.iter().filter(|(date, _)| ranges.contains(**date)) {
                computed = true;
                if record.state.is_settled() {
                    let month = Month::of(date);
                    tokens.entry((id.output(), month)).or_default().insert(date, DateToken::rows(id, &record.hash));
                    let failures = tokens.entry((Table::PrecomputeFailures, month)).or_default();
                    failures.entry(date).or_default().add(id, &record.failures_hash);
                } else if matches!(record.state, crate::store::DateState::Failed { .. }) {
                    held_back.entry(id).or_default().push(date);
                }
            }
        }
        if !computed {
            return Err(Error::new(ErrorKind::Upstream, format!("nothing is computed for {ranges}"))
                .hint("run `putback compute` for the range first"));
        }
        let parts = tokens.into_iter().map(|((table, month), dates)| MonthPart { table, month, dates }).collect();
        Ok(Self { store, manifest, parts, held_back })
    }

    /// Leaves dates out; the target keeps what it has of them.
    pub fn leave_out(&mut self, dates: &BTreeSet<NaiveDate>) {
        self.parts.iter_mut().for_each(|part| part.dates.retain(|date, _| !dates.contains(date)));
        self.parts.retain(|part| !part.dates.is_empty());
    }

    pub(crate) fn store_root(&self) -> &std::path::Path {
        self.store.root()
    }

    /// Where a publication keeps what it sends until it is done.
    pub(crate) fn scratch_dir(&self, publication: &str) -> std::path::PathBuf {
        self.store.root().join("publish").join(publication)
    }

    /// The rows of a part.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] when the store's file is not byte for byte what was recorded.
    pub fn rows(&self, part: &MonthPart) -> Result<RecordBatch> {
        let schema = part.table.schema().arrow();
        let Some(files) = self.manifest.files_of(part.table) else {
            return Ok(RecordBatch::new_empty(schema.clone()));
        };
        let mut wanted: Vec<RecordBatch> = Vec::new();
        for path in self.store.recorded_files(part.table, files, |month| month == part.month)? {
            let batch = read_month_file(part.table, &path)?;
            let slices = date_slices(part.table, &batch).into_iter();
            let published = slices.filter(|(date, _)| part.dates.contains_key(date));
            wanted.extend(published.map(|(_, rows)| batch.slice(rows.start, rows.len())));
        }
        let rows = arrow::compute::concat_batches(schema, &wanted)?;
        Ok(arrow::compute::filter_record_batch(&rows, &part.owned_rows(&rows))?)
    }
}

impl MonthPart {
    /// Rows that a publication of this part replaces: those of its dates, and in the failures table
    /// only those of the date's processors.
    pub fn owned_rows(&self, rows: &RecordBatch) -> BooleanArray {
        let dates = rows.column_by_name(self.table.schema().partition_column()).expect("partition column");
        let dates = dates.as_primitive::<Date32Type>();
        let owner = rows.column_by_name("processor_name").filter(|_| self.table == Table::PrecomputeFailures);
        let is_owned = |row: usize| {
            let Some(token) = self.dates.get(&date_of_day(dates.value(row))) else { return false };
            owner.is_none_or(|owner| {
                let name = owner.as_string::<i32>().value(row);
                token.processors.iter().any(|id| id.class_name() == name)
            })
        };
        (0..rows.num_rows()).map(|row| Some(is_owned(row))).collect()
    }
}

impl DateToken {
    fn rows(id: ProcessorId, hash: &str) -> Self {
        Self { content: hash.to_owned(), processors: vec![id] }
    }

    fn add(&mut self, id: ProcessorId, failures_hash: &str) {
        self.content.push_str(&format!("{id}:{failures_hash};"));
        self.processors.push(id);
    }
}
