//! The month files that checks read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::tables::Spans;
use super::{CheckRequest, Phase};
use crate::calendar::{DateRange, Month};
use crate::catalog::Table;
use crate::error::Result;
use crate::snapshot::Snapshot;
use crate::store::{FileEntry, Layer};

/// Months by table, each byte for byte the recorded one.
#[derive(Debug, Clone)]
pub(super) struct MonthFiles(BTreeMap<Table, BTreeMap<Month, MonthFile>>);

#[derive(Debug, Clone)]
pub(super) struct MonthFile {
    pub path: PathBuf,
    pub entry: FileEntry,
}

impl MonthFiles {
    /// Every file that the checks of a request read.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::error::ErrorKind::Corrupt) naming a file that is not the recorded one.
    pub fn intact(request: &CheckRequest<'_>) -> Result<Self> {
        let Snapshot { store, phase3, phase4, .. } = request.snapshot;
        let Spans { season, older, compared, .. } = Spans::of(request);
        let inputs = DateRange { from: season.from.min(older.from), to: older.to };
        let mut tables = BTreeMap::new();
        for table in Table::ALL {
            let (files, range) = match Layer::of(table) {
                Layer::Phase3 => (phase3.tables.get(&table).map(|input| &input.files), inputs),
                Layer::Phase4 => (phase4.files_of(table).filter(|_| request.phase == Phase::Outputs), compared),
            };
            let Some(files) = files else { continue };
            let in_range = |month: Month| overlaps(month, range);
            let paths = store.recorded_files(table, files, in_range)?;
            let entries = files.iter().filter(|(month, _)| in_range(**month));
            let months =
                entries.zip(paths).map(|((month, entry), path)| (*month, MonthFile { path, entry: entry.clone() }));
            tables.insert(table, months.collect());
        }
        Ok(Self(tables))
    }

    /// Those of inputs alone.
    pub fn of_inputs(&self) -> Self {
        let is_input = |(table, _): &(&Table, &BTreeMap<Month, MonthFile>)| Layer::of(**table) == Layer::Phase3;
        Self(self.0.iter().filter(is_input).map(|(table, files)| (*table, files.clone())).collect())
    }

    /// The files of a table with days of a range, in ascending order.
    pub fn paths(&self, table: Table, range: DateRange) -> Vec<PathBuf> {
        self.of(table, range).map(|(_, file)| file.path.clone()).collect()
    }

    /// Rows of a table in the months of a range.
    pub fn rows(&self, table: Table, range: DateRange) -> u64 {
        self.of(table, range).map(|(_, file)| file.entry.rows).sum()
    }

    /// What tells the content of a table in the months of a range.
    pub fn content(&self, table: Table, range: DateRange) -> impl Iterator<Item = String> {
        self.of(table, range).map(|(month, file)| format!("{month} {}", file.entry.sha256))
    }

    /// The files of a table with days of a range, in ascending order of their months.
    pub fn of(&self, table: Table, range: DateRange) -> impl Iterator<Item = (&Month, &MonthFile)> {
        self.0.get(&table).into_iter().flatten().filter(move |(month, _)| overlaps(**month, range))
    }
}

fn overlaps(month: Month, range: DateRange) -> bool {
    month.last_day() >= range.from && month.first_day() <= range.to
}
