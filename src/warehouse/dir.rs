//! A directory of Parquet files as a warehouse.

mod content;
mod decoder;
mod listing;
mod parquet_file;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Date32Type;

pub use self::decoder::is_decoding;

use self::content::Content;
use self::listing::{Listing, TableFile, list};
pub(super) use self::listing::{MAGIC_BYTES, is_of_table};
use self::parquet_file::ParquetFile;
use super::conform::{Conformer, Fitted, Nulls};
use super::{ContentVersion, SchemaMatch, Selection, Source, TableDescription};
use crate::calendar::{DateRanges, is_taken};
use crate::catalog::{Role, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::store::SourceFiles;

/// A directory that is read as a warehouse.
#[derive(Debug)]
pub struct DirWarehouse {
    root: PathBuf,
    now: Option<SystemTime>,
    notes: Mutex<Vec<String>>,
}

impl DirWarehouse {
    /// Every file is hashed whenever a version is asked for.
    pub fn open(root: &Path) -> Result<Self> {
        if !root.is_dir() {
            return Err(Error::new(
                ErrorKind::Upstream,
                format!("the warehouse {} is not a directory", root.display()),
            )
            .hint("give --warehouse dir:PATH with the directory that holds <dataset>.<table>.parquet files"));
        }
        let root = root.canonicalize().map_err(|error| Error::io("resolve", root, error))?;
        Ok(Self { root, now: None, notes: Mutex::default() })
    }

    /// Hashes are remembered of files that were last changed before `now`.
    #[must_use]
    pub fn remembering(self, now: SystemTime) -> Self {
        Self { now: Some(now), ..self }
    }

    fn note(&self, notes: impl IntoIterator<Item = String>) {
        self.notes.lock().expect("no thread panicked").extend(notes);
    }
}

impl Source for DirWarehouse {
    fn name(&self) -> String {
        format!("dir:{}", self.root.display())
    }

    fn describe(&self, table: Table) -> Result<Option<TableDescription>> {
        let Listing { files, skipped } = list(&self.root, table)?;
        if files.is_empty() && table.role() == Role::Input && !skipped.is_empty() {
            return Err(Error::new(
                ErrorKind::Upstream,
                format!("table {table} is not in the warehouse {}", self.name()),
            )
            .hint(format!("{}; nothing was pulled", skipped.join("; "))));
        }
        self.note(skipped);
        if files.is_empty() {
            return Ok(None);
        }
        let mut schema = SchemaMatch::default();
        for file in &files {
            let parquet = ParquetFile::open(table, file)?;
            if parquet.is_empty() {
                continue;
            }
            for note in parquet.compare()?.notes {
                if !schema.notes.contains(&note) {
                    schema.notes.push(note);
                }
            }
        }
        Ok(Some(TableDescription { schema, partitions: None }))
    }

    fn version(&self, table: Table, known: &SourceFiles) -> Result<ContentVersion> {
        let Listing { files, .. } = list(&self.root, table)?;
        Content { root: &self.root, known, now: self.now }.version(&files)
    }

    fn read(
        &self,
        table: Table,
        selection: &Selection,
        sink: &mut dyn FnMut(RecordBatch) -> Result<()>,
    ) -> Result<u64> {
        let (mut left_out, mut nulls) = (0, Nulls::default());
        for file in list(&self.root, table)?.files {
            let fitted = read_table_file(table, &file, (selection, nulls), sink)?;
            self.note(fitted.notes);
            left_out += fitted.left_out;
            nulls = fitted.nulls;
        }
        nulls.refuse(table)?;
        Ok(left_out)
    }

    fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.notes.lock().expect("no thread panicked"))
    }
}

/// The Parquet files of a table, in ascending order of their paths.
pub(super) fn table_files(root: &Path, table: Table) -> Result<Vec<PathBuf>> {
    Ok(list(root, table)?.files.into_iter().map(|file| file.path).collect())
}

/// Passes the selected rows of one file to `sink`.
pub(super) fn read_file(
    table: Table,
    path: &Path,
    selection: &Selection,
    sink: &mut dyn FnMut(RecordBatch) -> Result<()>,
) -> Result<()> {
    let file = TableFile { path: path.to_owned(), folders: Vec::new() };
    read_table_file(table, &file, (selection, Nulls::default()), sink)?.nulls.refuse(table)
}

/// Passes the selected rows of a file to `sink`, after files with `nulls`.
fn read_table_file(
    table: Table,
    file: &TableFile,
    (selection, nulls): (&Selection, Nulls),
    sink: &mut dyn FnMut(RecordBatch) -> Result<()>,
) -> Result<Fitted> {
    let parquet = ParquetFile::open(table, file)?;
    if parquet.is_empty() {
        return Ok(Fitted { nulls, ..Fitted::default() });
    }
    let mut conformer = Conformer::of_file(table, &parquet.place, &file.folders, nulls)?;
    if conformer.date().is_some_and(|date| is_taken(date) && !selection.contains(date)) {
        return Ok(conformer.fitted());
    }
    parquet.read(&mut |batch| {
        let batch = conformer.fit(&batch)?;
        let batch = match selection {
            Selection::Everything => batch,
            Selection::Ranges(ranges) => filter_record_batch(&batch, &in_ranges(table, &batch, ranges))?,
        };
        if batch.num_rows() > 0 { sink(batch) } else { Ok(()) }
    })?;
    Ok(conformer.fitted())
}

fn in_ranges(table: Table, batch: &RecordBatch, ranges: &DateRanges) -> BooleanArray {
    let dates = batch.column_by_name(table.schema().partition_column()).expect("partition column");
    let is_in = |day: i32| ranges.contains(crate::calendar::date_of_day(day));
    dates.as_primitive::<Date32Type>().iter().map(|day| Some(day.is_some_and(is_in))).collect()
}
