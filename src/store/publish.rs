//! Replacing month files and committing them with the manifest.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use serde::Serialize;

pub(crate) use super::commit::staged::{remove_if_present, replace_file, sync_dir};
use super::files::{FileEntry, ParquetFile};
use super::lock::WriteLock;
use super::{Layer, Store, manifest};
use crate::calendar::Month;
use crate::catalog::Table;
use crate::error::{Error, Result};

const STAGED_SUFFIX: &str = "staged";

/// Month files written beside their final names, waiting for [`Publication::commit`].
#[derive(Debug)]
pub struct Publication<'a> {
    lock: &'a WriteLock,
    layer: Layer,
    staged: Vec<PathBuf>,
    removed: Vec<PathBuf>,
}

impl<'a> Publication<'a> {
    pub fn new(lock: &'a WriteLock, layer: Layer) -> Self {
        Self { lock, layer, staged: Vec::new(), removed: Vec::new() }
    }

    /// Writes one month of a table beside its final name. An empty batch removes the month: `None`.
    pub fn stage(&mut self, table: Table, month: Month, batch: &RecordBatch) -> Result<Option<FileEntry>> {
        let staged = StagedMonth::write(self.lock.store(), table, month, batch)?;
        Ok(self.adopt(staged))
    }

    /// Takes over a month that was staged on another thread.
    pub fn adopt(&mut self, month: StagedMonth) -> Option<FileEntry> {
        match month.entry {
            Some(_) => self.staged.push(month.path),
            None => self.removed.push(month.path),
        }
        month.entry
    }

    /// The final name of a month file.
    pub fn path(&self, table: Table, month: Month) -> PathBuf {
        self.lock.store().month_file(table, month)
    }

    /// Where a month's rows are now: staged, or in place since before.
    pub fn current_path(&self, table: Table, month: Month) -> PathBuf {
        let path = self.path(table, month);
        if self.staged.contains(&path) { staged_path(&path) } else { path }
    }

    /// Renames the staged files into place, then commits by replacing the manifest.
    pub fn commit<M: Serialize>(self, manifest: &M) -> Result<()> {
        let mut touched = BTreeSet::new();
        for path in &self.staged {
            rename(&staged_path(path), path)?;
            touched.extend(path.parent().map(Path::to_path_buf));
        }
        for dir in &touched {
            sync_dir(dir)?;
        }
        let path = self.lock.store().manifest_path(self.layer);
        replace_file(&path, &manifest::encode(manifest))?;
        for path in &self.removed {
            remove_if_present(path)?;
        }
        Ok(())
    }
}

/// A month written beside its final name, or found to have no rows. Nothing is visible until a
/// publication adopts and commits it.
#[derive(Debug)]
pub struct StagedMonth {
    path: PathBuf,
    entry: Option<FileEntry>,
}

impl StagedMonth {
    /// Writes on any thread.
    pub fn write(store: &Store, table: Table, month: Month, batch: &RecordBatch) -> Result<Self> {
        let path = store.month_file(table, month);
        let mut file = match (batch.num_rows(), Layer::of(table)) {
            (0, _) => return Ok(Self { path, entry: None }),
            (_, Layer::Phase3) => create_staged(&path, |staged| ParquetFile::create_for(staged, batch))?,
            // May be written in pieces as well, and has to come out the same.
            (_, Layer::Phase4) => create_staged(&path, |staged| ParquetFile::create(staged, batch.schema()))?,
        };
        file.write(batch)?;
        Ok(Self { path, entry: Some(file.finish()?) })
    }
}

/// A month of a table that is written batch by batch, in the order of its key.
pub struct MonthFile {
    path: PathBuf,
    file: Option<ParquetFile>,
}

impl MonthFile {
    pub fn new(store: &Store, table: Table, month: Month) -> Self {
        Self { path: store.month_file(table, month), file: None }
    }

    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let create = |staged: &Path| ParquetFile::create(staged, batch.schema());
                self.file.insert(create_staged(&self.path, create)?)
            }
        };
        file.write(batch)
    }

    /// Without rows there is no file.
    pub fn finish(self) -> Result<StagedMonth> {
        let entry = self.file.map(ParquetFile::finish).transpose()?;
        Ok(StagedMonth { path: self.path, entry })
    }
}

fn create_staged(path: &Path, create: impl FnOnce(&Path) -> Result<ParquetFile>) -> Result<ParquetFile> {
    let dir = path.parent().expect("month files lie in a table directory");
    std::fs::create_dir_all(dir).map_err(|error| Error::io("create", dir, error))?;
    create(&staged_path(path))
}

pub(crate) fn staged_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().expect("a file name").to_owned();
    name.push(".");
    name.push(STAGED_SUFFIX);
    path.with_file_name(name)
}

pub(crate) fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).map_err(|error| Error::io("replace", to, error))
}

/// Removes staged files and month files that no manifest records: leftovers of a killed writer.
pub(super) fn sweep(store: &Store) -> Result<()> {
    let (phase3, phase4) = (store.phase3()?, store.phase4()?);
    for table in Table::ALL {
        let recorded = match Layer::of(table) {
            Layer::Phase3 => phase3.tables.get(&table).map(|input| &input.files),
            Layer::Phase4 => phase4.files_of(table),
        };
        for path in files_in(&store.table_dir(table))? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let stray = match name.split_once('.') {
                Some((month, "parquet")) => {
                    month.parse::<Month>().is_ok_and(|month| !recorded.is_some_and(|files| files.contains_key(&month)))
                }
                Some((_, rest)) => rest == "parquet.staged",
                None => false,
            };
            if stray {
                remove_if_present(&path)?;
            }
        }
    }
    Ok(())
}

fn files_in(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("list", dir, error)),
    };
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(|error| Error::io("list", dir, error))).collect()
}
