//! Whole dates of a snapshot, with the content of each.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::RecordBatch;
use chrono::NaiveDate;

use super::parts::{DateToken, MonthPart};
use super::vanished::{keep_vanished, vanished};
use crate::calendar::{DateRanges, Month};
use crate::catalog::Table;
use crate::checks::Quarantine;
use crate::daily_cache::DailyCache;
use crate::error::{Error, ErrorKind, Result};
use crate::processors::{Failure, ProcessorId};
use crate::snapshot::Snapshot;
use crate::store::{DateState, RowsByDate, StoredMonth, date_slices, hash_of_no_rows, read_month_file};

/// What is published of a processor's date without the entities in quarantine.
#[derive(Debug)]
pub(super) struct Rest {
    /// Content and rows that are left; `None`: all of them.
    pub left: Option<(String, u64)>,
    /// Sorted by entity.
    pub failures: Vec<Failure>,
}

/// By processor and date.
pub(super) type Rests = BTreeMap<(ProcessorId, NaiveDate), Rest>;

/// The settled dates of a snapshot, to compare with what a target holds.
///
/// That a date is among them says nothing of whether it may be published: [`Eligible`](super::Eligible) does.
#[derive(Debug)]
pub struct DateSet<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub parts: Vec<MonthPart>,
    /// Failed dates of the ranges; they stay unchanged in the target.
    pub held_back: BTreeMap<ProcessorId, Vec<NaiveDate>>,
    /// Processors whose rows and failures are not published.
    left_out: Vec<ProcessorId>,
    pub(super) quarantine: Quarantine,
    /// What is published of the dates that have entities in quarantine.
    pub(super) rests: Rests,
}

impl<'a> DateSet<'a> {
    /// Collects the settled dates of the ranges: done ones with their rows, empty and vanished ones as no rows.
    ///
    /// # Errors
    /// [`ErrorKind::Upstream`] when nothing was computed in the ranges.
    pub fn collect(snapshot: &'a Snapshot, ranges: &DateRanges, vanished: &RowsByDate) -> Result<Self> {
        let mut tokens: BTreeMap<(Table, Month), BTreeMap<NaiveDate, DateToken>> = BTreeMap::new();
        let mut held_back: BTreeMap<ProcessorId, Vec<NaiveDate>> = BTreeMap::new();
        let mut computed = false;
        for (&id, records) in &snapshot.phase4.processors {
            for (&date, record) in records.iter().filter(|(date, _)| ranges.contains(**date)) {
                computed = true;
                if record.state.is_settled() {
                    let month = Month::of(date);
                    let table = id.output();
                    let is_vanished = vanished.get(&table).is_some_and(|dates| dates.contains_key(&date));
                    let token = match is_vanished {
                        true => DateToken::rows(id, 0, &hash_of_no_rows(table)),
                        false => DateToken::rows(id, record.rows, &record.hash),
                    };
                    tokens.entry((table, month)).or_default().insert(date, token);
                    let failures = tokens.entry((Table::PrecomputeFailures, month)).or_default();
                    failures.entry(date).or_default().add(id, &record.failures_hash);
                } else if matches!(record.state, DateState::Failed { .. }) {
                    held_back.entry(id).or_default().push(date);
                }
            }
        }
        if !computed {
            return Err(Error::new(ErrorKind::Upstream, format!("nothing has been computed for {ranges}"))
                .hint("run `putback compute` for the range first"));
        }
        let parts = tokens.into_iter().map(|((table, month), dates)| MonthPart { table, month, dates }).collect();
        Ok(Self {
            snapshot,
            parts,
            held_back,
            left_out: Vec::new(),
            quarantine: Quarantine::default(),
            rests: Rests::new(),
        })
    }

    /// The dates that an upload without options would look at; rows that only the target may have stay in it.
    ///
    /// # Errors
    /// As [`DateSet::collect`].
    pub fn by_default(snapshot: &'a Snapshot, ranges: &DateRanges) -> Result<Self> {
        let vanished = vanished(snapshot, ranges);
        let mut set = Self::collect(snapshot, ranges, &vanished)?;
        set.leave_out_unasked();
        set.parts = keep_vanished(&set.parts, &vanished);
        Ok(set)
    }

    /// Every settled date of a month that the store has, whatever the ranges are.
    pub(crate) fn whole_month(&self, table: Table, month: Month) -> MonthPart {
        let mut part = MonthPart { table, month, dates: BTreeMap::new() };
        for (&id, records) in self.snapshot.phase4.processors.iter().filter(|(id, _)| !self.left_out.contains(id)) {
            let settled =
                records.range(month.first_day()..=month.last_day()).filter(|(_, record)| record.state.is_settled());
            for (&date, record) in settled {
                match table {
                    Table::PrecomputeFailures => {
                        part.dates.entry(date).or_default().add(id, &record.failures_hash);
                    }
                    _ if id.output() == table => {
                        part.dates.insert(date, DateToken::rows(id, record.rows, &record.hash));
                    }
                    _ => {}
                }
            }
        }
        self.name_rests(&mut part);
        part
    }

    /// Leaves out rows and failures of processors that have to be asked for; the target keeps what it has of them.
    pub fn leave_out_unasked(&mut self) {
        self.left_out = ProcessorId::unasked();
        let left_out = &self.left_out;
        self.held_back.retain(|id, _| !left_out.contains(id));
        self.parts.retain(|part| !left_out.iter().any(|id| id.output() == part.table));
        for part in self.parts.iter_mut().filter(|part| part.table == Table::PrecomputeFailures) {
            part.dates.values_mut().for_each(|token| left_out.iter().for_each(|id| token.leave_out(*id)));
            part.dates.retain(|_, token| !token.processors.is_empty());
        }
        self.parts.retain(|part| !part.dates.is_empty());
    }

    /// Whether a table is left out because nobody asked for it.
    pub fn is_unasked(&self, table: Table) -> bool {
        self.left_out.iter().any(|id| id.output() == table)
    }

    /// Leaves dates out; the target keeps what it has of them.
    pub fn leave_out(&mut self, dates: &BTreeSet<NaiveDate>) {
        self.parts.iter_mut().for_each(|part| part.dates.retain(|date, _| !dates.contains(date)));
        self.parts.retain(|part| !part.dates.is_empty());
    }

    /// Every date of the set.
    pub fn dates(&self) -> BTreeSet<NaiveDate> {
        self.parts.iter().flat_map(|part| part.dates.keys()).copied().collect()
    }

    /// The `player_daily_cache` that MLFS read on the dates of the set; `None`: computed before that was recorded.
    pub fn daily_caches(&self) -> BTreeSet<Option<DailyCache>> {
        let parts = self.parts.iter().filter(|part| part.table == ProcessorId::Mlfs.output());
        let dates = parts.flat_map(|part| part.dates.keys());
        dates.filter_map(|date| Some(self.snapshot.phase4.record(ProcessorId::Mlfs, *date)?.daily_cache)).collect()
    }

    pub(crate) fn store_root(&self) -> &std::path::Path {
        self.snapshot.store.root()
    }

    /// Where a publication keeps what it sends until it is done.
    pub(crate) fn scratch_dir(&self, publication: &str) -> std::path::PathBuf {
        self.snapshot.store.root().join("publish").join(publication)
    }

    /// The rows of a part, as they are published.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] when the store's file is not byte for byte what was recorded.
    pub fn rows(&self, part: &MonthPart) -> Result<RecordBatch> {
        let rows = self.without_quarantined(part, self.stored_rows(part)?)?;
        Ok(arrow::compute::filter_record_batch(&rows, &part.owned_rows(&rows))?)
    }

    /// The store's month file, if its rows are exactly what is published of a part. The failures table is shared: its
    /// months are never taken as they are.
    pub(crate) fn whole_file(&self, part: &MonthPart) -> Option<StoredMonth<'a>> {
        let (table, month) = (part.table, part.month);
        let entry = self.snapshot.phase4.files_of(table)?.get(&month)?;
        let id = ProcessorId::ALL.into_iter().find(|id| id.output() == table)?;
        let mut dates = part.dates.iter().filter(|(_, token)| token.rows > 0);
        let is_as_stored = |(date, token): (&NaiveDate, &DateToken)| {
            let record = self.snapshot.phase4.record(id, *date);
            record.is_some_and(|record| record.rows == token.rows && record.hash == token.content)
        };
        let rows: u64 = part.dates.values().map(|token| token.rows).sum();
        let is_whole = rows == entry.rows && dates.all(is_as_stored);
        is_whole.then_some(StoredMonth { store: &self.snapshot.store, table, month, entry })
    }

    /// The rows that the store has of the dates of a part, failures of any processor among them.
    pub(super) fn stored_rows(&self, part: &MonthPart) -> Result<RecordBatch> {
        let schema = part.table.schema().arrow();
        let Some(files) = self.snapshot.phase4.files_of(part.table) else {
            return Ok(RecordBatch::new_empty(schema.clone()));
        };
        let mut wanted: Vec<RecordBatch> = Vec::new();
        for path in self.snapshot.store.recorded_files(part.table, files, |month| month == part.month)? {
            let batch = read_month_file(part.table, &path)?;
            let slices = date_slices(part.table, &batch).into_iter();
            let has_rows = |token: &DateToken| part.table == Table::PrecomputeFailures || token.rows > 0;
            let published = slices.filter(|(date, _)| part.dates.get(date).is_some_and(has_rows));
            wanted.extend(published.map(|(_, rows)| batch.slice(rows.start, rows.len())));
        }
        Ok(arrow::compute::concat_batches(schema, &wanted)?)
    }
}
