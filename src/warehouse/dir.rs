//! A directory of Parquet files as a warehouse.
//!
//! A table is `<dataset>.<table>.parquet` or every `*.parquet` below `<dataset>.<table>/`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Date32Type, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::conform::{SchemaMatch, conform};
use super::{Selection, Source, TableDescription};
use crate::calendar::DateRanges;
use crate::catalog::{Role, Table};
use crate::error::{Error, ErrorKind, Result};

/// A directory that is read as a warehouse.
#[derive(Debug)]
pub struct DirWarehouse {
    root: PathBuf,
}

impl DirWarehouse {
    pub fn open(root: &Path) -> Result<Self> {
        if !root.is_dir() {
            return Err(Error::new(
                ErrorKind::Upstream,
                format!("the warehouse {} is not a directory", root.display()),
            )
            .hint("give --warehouse dir:PATH with the directory that holds <dataset>.<table>.parquet files"));
        }
        let root = root.canonicalize().map_err(|error| Error::io("resolve", root, error))?;
        Ok(Self { root })
    }
}

impl Source for DirWarehouse {
    fn name(&self) -> String {
        format!("dir:{}", self.root.display())
    }

    fn describe(&self, table: Table) -> Result<Option<TableDescription>> {
        let files = table_files(&self.root, table)?;
        if files.is_empty() {
            return Ok(None);
        }
        let mut version = String::new();
        let mut schema = SchemaMatch::default();
        for path in &files {
            version.push_str(&file_version(&self.root, path)?);
            let live = open_parquet(table, path)?.schema().clone();
            for note in SchemaMatch::compare(table, &live, &path.display().to_string())?.notes {
                if !schema.notes.contains(&note) {
                    schema.notes.push(note);
                }
            }
        }
        Ok(Some(TableDescription { version, schema, partitions: None }))
    }

    fn read(&self, table: Table, selection: &Selection, sink: &mut dyn FnMut(RecordBatch) -> Result<()>) -> Result<()> {
        for path in table_files(&self.root, table)? {
            read_file(table, &path, selection, sink)?;
        }
        Ok(())
    }
}

/// The Parquet files of a table, in ascending order of their paths.
pub(super) fn table_files(root: &Path, table: Table) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let single = root.join(format!("{table}.parquet"));
    if single.is_file() {
        files.push(single);
    }
    let single_files = files.len();
    collect_parquet(&root.join(table.full_name()), &mut files)?;
    if single_files > 0 && files.len() > single_files {
        let (file, dir) = (files[0].display(), root.join(table.full_name()));
        return Err(Error::new(ErrorKind::Conflict, format!("{table} is in {file} and in {} as well", dir.display()))
            .hint("keep one of the two: every row would count twice"));
    }
    files.sort();
    Ok(files)
}

fn collect_parquet(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !dir.is_dir() {
        return Ok(());
    }
    let list = |error| Error::io("list", dir, error);
    for entry in std::fs::read_dir(dir).map_err(list)? {
        let path = entry.map_err(list)?.path();
        if path.is_dir() {
            collect_parquet(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            files.push(path);
        }
    }
    Ok(())
}

/// Path, size and modification time: changes whenever the file is replaced.
fn file_version(root: &Path, path: &Path) -> Result<String> {
    let meta = std::fs::metadata(path).map_err(|error| Error::io("read", path, error))?;
    let modified = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let name = path.strip_prefix(root).unwrap_or(path).display();
    Ok(format!("{name}|{}|{};", meta.len(), modified.map_or(0, |age| age.as_nanos())))
}

fn open_parquet(table: Table, path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
    ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| unreadable(table, path).because(error))
}

fn unreadable(table: Table, path: &Path) -> Error {
    let hint = match table.role() {
        Role::Output => "the file is truncated or damaged: `putback upload --repair` of its month writes it again",
        _ => "the file is truncated or damaged: export it again; nothing was pulled",
    };
    Error::new(ErrorKind::Corrupt, format!("{table}: {} cannot be read as Parquet", path.display())).hint(hint)
}

pub(super) fn read_file(
    table: Table,
    path: &Path,
    selection: &Selection,
    sink: &mut dyn FnMut(RecordBatch) -> Result<()>,
) -> Result<()> {
    let builder = open_parquet(table, path)?;
    let mask = known_columns(table, builder.schema(), builder.parquet_schema());
    let reader = builder
        .with_projection(mask)
        .with_batch_size(1 << 14)
        .build()
        .map_err(|error| unreadable(table, path).because(error))?;
    let place = path.display().to_string();
    for batch in reader {
        let batch = batch.map_err(|error| unreadable(table, path).because(error))?;
        let batch = conform(table, &batch, &place)?;
        let batch = match selection {
            Selection::Everything => batch,
            Selection::Ranges(ranges) => filter_record_batch(&batch, &in_ranges(table, &batch, ranges))?,
        };
        if batch.num_rows() > 0 {
            sink(batch)?;
        }
    }
    Ok(())
}

fn known_columns(
    table: Table,
    live: &Arc<Schema>,
    parquet: &parquet::schema::types::SchemaDescriptor,
) -> ProjectionMask {
    let known = |(index, field): (usize, &Arc<arrow::datatypes::Field>)| {
        table.schema().column(field.name()).is_some().then_some(index)
    };
    ProjectionMask::roots(parquet, live.fields().iter().enumerate().filter_map(known))
}

fn in_ranges(table: Table, batch: &RecordBatch, ranges: &DateRanges) -> BooleanArray {
    let dates = batch.column_by_name(table.schema().partition_column()).expect("partition column");
    let is_in = |day: i32| ranges.contains(crate::calendar::date_of_day(day));
    dates.as_primitive::<Date32Type>().iter().map(|day| Some(day.is_some_and(is_in))).collect()
}
