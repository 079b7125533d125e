//! Outputs of several stores as one.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::RecordBatch;
use chrono::NaiveDate;

use super::part::Part;
use super::{COPY_THREADS, conflict};
use crate::calendar::Month;
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::parallel::try_map;
use crate::processors::ProcessorId;
use crate::store::{
    DateRecord, FileEntry, LayerWriter, Phase4Manifest, StoredMonth, date_slices, partition_hash, read_month_file,
};

/// Phase 4 of all parts, and what of it comes from which.
pub(super) struct Merged {
    pub manifest: Phase4Manifest,
    /// The store that each date is taken from; 0 is this store.
    providers: BTreeMap<NaiveDate, usize>,
    months: Vec<MonthParts>,
}

/// A month of a table that is not as this store has it.
struct MonthParts {
    table: Table,
    month: Month,
    /// The stores with rows, and the dates that are taken from each.
    dates: BTreeMap<usize, BTreeSet<NaiveDate>>,
}

impl Merged {
    /// # Errors
    /// A conflict, naming the first date of which two stores made different things.
    pub fn of(parts: &[Part]) -> Result<Self> {
        let mut merged = Self {
            manifest: Phase4Manifest::clone(&parts[0].phase4),
            providers: providers(parts)?,
            months: Vec::new(),
        };
        for (&date, &index) in &merged.providers {
            for (id, record) in records_of(&parts[index].phase4, date) {
                merged.manifest.processors.entry(id).or_default().insert(date, record.clone());
            }
        }
        merged.months = months(parts, &merged.providers);
        Ok(merged)
    }

    /// Copies the months that come from one store, and joins the others.
    pub fn copy(&mut self, parts: &[Part], layer: &LayerWriter<'_>) -> Result<()> {
        let entries = try_map(&self.months, COPY_THREADS, |month| month.write(parts, layer))?;
        for (MonthParts { table, month, .. }, entry) in self.months.iter().zip(entries) {
            self.manifest.files.entry(*table).or_default().insert(*month, entry);
        }
        Ok(())
    }

    pub fn differs_from(&self, before: &Phase4Manifest) -> bool {
        self.manifest.processors != before.processors || self.manifest.files != before.files
    }

    pub fn months_of(&self, part: usize) -> usize {
        self.months.iter().filter(|month| month.dates.contains_key(&part)).count()
    }

    pub fn dates_of(&self, part: usize) -> usize {
        self.providers.values().filter(|from| **from == part).count()
    }
}

/// From which store each date is taken: the first that has all processors of it.
fn providers(parts: &[Part]) -> Result<BTreeMap<NaiveDate, usize>> {
    let dates = |part: &Part| part.phase4.processors.values().flat_map(|records| records.keys().copied()).collect();
    let mut owners: BTreeMap<NaiveDate, Vec<usize>> = BTreeMap::new();
    for (index, part) in parts.iter().enumerate() {
        let dates: BTreeSet<NaiveDate> = dates(part);
        dates.into_iter().for_each(|date| owners.entry(date).or_default().push(index));
    }
    owners.into_iter().map(|(date, owners)| Ok((date, provider(parts, date, &owners)?))).collect()
}

fn provider(parts: &[Part], date: NaiveDate, owners: &[usize]) -> Result<usize> {
    let of = |index: usize| records_of(&parts[index].phase4, date).collect::<BTreeMap<_, _>>();
    // The first of those with the most.
    let most =
        owners.iter().copied().max_by_key(|&index| (of(index).len(), std::cmp::Reverse(index))).expect("an owner");
    let best = of(most);
    for &other in owners.iter().filter(|index| **index != most) {
        for (id, record) in of(other) {
            let (a, b) = (&parts[most.min(other)], &parts[most.max(other)]);
            let Some(ours) = best.get(&id) else {
                return Err(conflict(a, b, &format!("of {date}, each has a processor that the other lacks"))
                    .hint(format!("compute {date} in one store: `putback compute --date {date}`")));
            };
            if let Some(difference) = difference(ours, record) {
                return Err(conflict(a, b, &format!("{id} of {date} has {difference}"))
                    .hint("compute both from the same inputs with the same options, or leave one of them out"));
            }
        }
    }
    Ok(most)
}

/// In what two outcomes differ. The moment of the computation does not count, and neither does what was there before.
fn difference(a: &DateRecord, b: &DateRecord) -> Option<&'static str> {
    let is_different = [
        (a.version != b.version, "another version of the processor"),
        // Before the inputs, which differ with them.
        (a.windows != b.windows, "another --windows"),
        (a.daily_cache != b.daily_cache, "another --daily-cache"),
        (a.inputs != b.inputs, "other inputs"),
        (a.state != b.state, "another state"),
        ((a.rows, &a.hash) != (b.rows, &b.hash), "other rows"),
        ((&a.failures, &a.failures_hash) != (&b.failures, &b.failures_hash), "other failures"),
    ];
    is_different.into_iter().find(|(differs, _)| *differs).map(|(_, what)| what)
}

fn records_of(manifest: &Phase4Manifest, date: NaiveDate) -> impl Iterator<Item = (ProcessorId, &DateRecord)> {
    manifest.processors.iter().filter_map(move |(&id, records)| Some((id, records.get(&date)?)))
}

/// Every month with a date that is taken from another store.
fn months(parts: &[Part], providers: &BTreeMap<NaiveDate, usize>) -> Vec<MonthParts> {
    let mut months: BTreeMap<(Table, Month), MonthParts> = BTreeMap::new();
    for (&date, &index) in providers {
        for (id, record) in records_of(&parts[index].phase4, date) {
            let has_rows = [(id.output(), record.rows > 0), (Table::PrecomputeFailures, !record.failures.is_empty())];
            for (table, _) in has_rows.into_iter().filter(|(_, has)| *has) {
                let month = Month::of(date);
                let parts =
                    months.entry((table, month)).or_insert_with(|| MonthParts { table, month, dates: BTreeMap::new() });
                parts.dates.entry(index).or_default().insert(date);
            }
        }
    }
    months.into_values().filter(|month| month.dates.keys().any(|index| *index > 0)).collect()
}

impl MonthParts {
    fn write(&self, parts: &[Part], layer: &LayerWriter<'_>) -> Result<FileEntry> {
        if let Some((&index, dates)) = self.dates.first_key_value().filter(|_| self.dates.len() == 1) {
            let (part, entry) = (&parts[index], self.entry(&parts[index])?);
            if self.dates_with_rows(part) == *dates {
                layer.import(&StoredMonth { store: &part.store, table: self.table, month: self.month, entry })?;
                return Ok(entry.clone());
            }
        }
        let mut rows: BTreeMap<NaiveDate, RecordBatch> = BTreeMap::new();
        for (&index, dates) in &self.dates {
            rows.extend(self.rows_of(&parts[index], dates)?);
        }
        let mut file = layer.month_file();
        rows.values().try_for_each(|rows| file.write(rows))?;
        Ok(file.finish()?.expect("the dates have rows"))
    }

    fn entry<'p>(&self, part: &'p Part) -> Result<&'p FileEntry> {
        let entry = part.phase4.files_of(self.table).and_then(|files| files.get(&self.month));
        entry.ok_or_else(|| {
            let (table, month, name) = (self.table, self.month, &part.name);
            Error::new(ErrorKind::Corrupt, format!("{name} has no rows of {table} in {month}, but dates with rows"))
                .hint(format!("run `putback compute --store {name}` for that month again; nothing was merged"))
        })
    }

    /// The dates of the month whose rows are in a store's file.
    fn dates_with_rows(&self, part: &Part) -> BTreeSet<NaiveDate> {
        let of_table = |id: ProcessorId, record: &DateRecord| match self.table {
            Table::PrecomputeFailures => !record.failures.is_empty(),
            table => id.output() == table && record.rows > 0,
        };
        let records = part.phase4.processors.iter().flat_map(|(&id, records)| {
            records.range(self.month.first_day()..=self.month.last_day()).map(move |(date, record)| (id, *date, record))
        });
        records.filter(|(id, _, record)| of_table(*id, record)).map(|(_, date, _)| date).collect()
    }

    /// Rows of some dates of a store, which are what it recorded of them.
    fn rows_of(&self, part: &Part, dates: &BTreeSet<NaiveDate>) -> Result<Vec<(NaiveDate, RecordBatch)>> {
        let damaged = |what: String| {
            let month = part.store.month_file(self.table, self.month);
            Error::new(ErrorKind::Corrupt, format!("{} {what}", month.display()))
                .hint(format!("run `putback compute --store {}` for that month again; nothing was merged", part.name))
        };
        let entry = self.entry(part)?;
        let file = part.store.intact_file(self.table, self.month, entry);
        let file = file.ok_or_else(|| damaged("is not the file that the store recorded".to_owned()))?;
        let stored = read_month_file(self.table, &file)?;
        let mut rows = Vec::new();
        for (date, range) in date_slices(self.table, &stored).into_iter().filter(|(date, _)| dates.contains(date)) {
            let is_recorded =
                self.hash_of(part, date).is_none_or(|hash| *hash == partition_hash(self.table, &stored, range.clone()));
            if !is_recorded {
                return Err(damaged(format!("has other rows of {date} than the store recorded")));
            }
            rows.push((date, stored.slice(range.start, range.len())));
        }
        if rows.len() != dates.len() {
            return Err(damaged("lacks rows of dates that the store recorded".to_owned()));
        }
        Ok(rows)
    }

    /// What a store recorded of the rows of a date; of failures there is a hash for each processor.
    fn hash_of<'p>(&self, part: &'p Part, date: NaiveDate) -> Option<&'p String> {
        let mut records = records_of(&part.phase4, date);
        records.find(|(id, _)| id.output() == self.table).map(|(_, record)| &record.hash)
    }
}
