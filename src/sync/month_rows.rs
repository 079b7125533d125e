//! Rows by month, while they arrive in any order: in memory up to a budget, beyond it in files.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use arrow::array::{Array, RecordBatch};
use arrow::ipc::CompressionType;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};

use crate::calendar::Month;
use crate::error::{Error, Result};
use crate::store::SpillDir;

/// Bytes of rows that are kept in memory.
const BUDGET_BYTES: usize = 256 << 20;

/// Rows that arrived, by month.
pub(super) struct MonthRows {
    budget_bytes: usize,
    /// Where files go; made when the first is needed.
    place: PathBuf,
    dir: Option<SpillDir>,
    held: BTreeMap<Month, Vec<RecordBatch>>,
    held_bytes: usize,
    spilled: BTreeMap<Month, StreamWriter<File>>,
    rows: u64,
}

impl MonthRows {
    pub fn new(place: &Path) -> Self {
        Self::with_budget(place, BUDGET_BYTES)
    }

    fn with_budget(place: &Path, budget_bytes: usize) -> Self {
        Self {
            budget_bytes,
            place: place.to_owned(),
            dir: None,
            held: BTreeMap::new(),
            held_bytes: 0,
            spilled: BTreeMap::new(),
            rows: 0,
        }
    }

    pub fn num_rows(&self) -> u64 {
        self.rows
    }

    pub fn months(&self) -> BTreeSet<Month> {
        self.held.keys().chain(self.spilled.keys()).copied().collect()
    }

    /// # Errors
    /// When the budget is used up and nothing can be written.
    pub fn add(&mut self, month: Month, rows: RecordBatch) -> Result<()> {
        self.rows += rows.num_rows() as u64;
        self.held_bytes += bytes_of(&rows);
        self.held.entry(month).or_default().push(rows);
        if self.held_bytes > self.budget_bytes { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> Result<()> {
        if self.dir.is_none() {
            self.dir = Some(SpillDir::create(&self.place)?);
        }
        let dir = self.dir.as_ref().expect("made above").path();
        for (month, batches) in std::mem::take(&mut self.held) {
            for batch in batches {
                let writer = match self.spilled.entry(month) {
                    Entry::Occupied(entry) => entry.into_mut(),
                    Entry::Vacant(entry) => entry.insert(open(&file(dir, month), &batch)?),
                };
                writer.write(&batch)?;
            }
        }
        self.held_bytes = 0;
        Ok(())
    }

    /// Hands out a month's rows, in the order of their arrival, and forgets them.
    ///
    /// # Errors
    /// When a file cannot be read back.
    pub fn take(&mut self, month: Month) -> Result<Vec<RecordBatch>> {
        let mut batches = Vec::new();
        if let Some(mut writer) = self.spilled.remove(&month) {
            writer.finish()?;
            let path = file(self.dir.as_ref().expect("there are files").path(), month);
            let file = File::open(&path).map_err(|error| Error::io("open", &path, error))?;
            for batch in StreamReader::try_new(BufReader::new(file), None)? {
                batches.push(batch?);
            }
            std::fs::remove_file(&path).map_err(|error| Error::io("remove", &path, error))?;
        }
        batches.extend(self.held.remove(&month).unwrap_or_default());
        Ok(batches)
    }
}

/// Of the rows themselves: columns of a message share its buffer, and a slice that of the whole.
fn bytes_of(rows: &RecordBatch) -> usize {
    rows.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or(0)).sum()
}

fn file(dir: &Path, month: Month) -> PathBuf {
    dir.join(format!("{month}.arrow"))
}

fn open(path: &Path, rows: &RecordBatch) -> Result<StreamWriter<File>> {
    let file = File::create(path).map_err(|error| Error::io("create", path, error))?;
    let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME))?;
    Ok(StreamWriter::try_new_with_options(file, &rows.schema(), options)?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{AsArray, Int64Array};
    use arrow::compute::concat_batches;
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};

    use super::*;

    #[test]
    fn a_slice_weighs_what_it_holds() {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        let numbers = Int64Array::from_iter_values(0..10_000);
        let rows = RecordBatch::try_new(schema, vec![Arc::new(numbers)]).expect("a batch");
        assert_eq!(bytes_of(&rows.slice(5, 10)), 80);
    }

    #[test]
    fn rows_beyond_the_budget_come_back_in_order() {
        let dir = tempfile::tempdir().expect("a directory");
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        let batch = |n: i64| RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(Int64Array::from(vec![n, -n]))]);
        let months = ["2024-01-01", "2024-02-01"].map(|day| Month::of(day.parse().expect("a date")));
        for budget in [0, 100, usize::MAX] {
            let mut rows = MonthRows::with_budget(&dir.path().join("spill"), budget);
            for n in 1..=9 {
                rows.add(months[n as usize % 2], batch(n).expect("a batch")).expect("room");
            }
            assert_eq!((rows.num_rows(), rows.months().len()), (18, 2));
            for (parity, month) in months.into_iter().enumerate() {
                let taken = concat_batches(&schema, &rows.take(month).expect("rows")).expect("one schema");
                let expected: Vec<i64> = (1..=9).filter(|n| *n as usize % 2 == parity).flat_map(|n| [n, -n]).collect();
                assert_eq!(taken.column(0).as_primitive::<Int64Type>().values().to_vec(), expected);
                assert!(rows.take(month).expect("nothing").is_empty());
            }
        }
        assert!(!dir.path().join("spill").exists(), "a directory is left");
    }
}
