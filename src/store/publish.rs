//! Writing months of a layer and committing them with its manifest.

use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::RecordBatch;

pub(crate) use super::commit::staged::replace_file;
use super::commit::{ObjectFile, Place};
use super::files::FileEntry;
use super::lock::WriteLock;
use super::{Layer, Manifest, Store};
use crate::calendar::Month;
use crate::catalog::Table;
use crate::error::Result;

/// Months that are being written; nothing is visible before [`LayerWriter::commit`]. Dropped before, it removes
/// what was written.
#[derive(Debug)]
pub struct LayerWriter<'a> {
    lock: &'a WriteLock,
    layer: Layer,
    place: Place,
    /// Whether there is something to remove.
    is_open: AtomicBool,
}

/// A month as a store records it.
#[derive(Debug, Clone, Copy)]
pub struct StoredMonth<'a> {
    pub store: &'a Store,
    pub table: Table,
    pub month: Month,
    pub entry: &'a FileEntry,
}

impl StoredMonth<'_> {
    /// Makes an object of the month's file in a place, on any thread, if it is byte for byte what the store recorded.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::error::ErrorKind::Corrupt) naming the file when it is not.
    pub(crate) fn copy_to(&self, place: &Place) -> Result<()> {
        let &Self { store, table, month, entry } = self;
        let ours = store.place(Layer::of(table));
        for path in [ours.object_path(&entry.sha256), ours.plain_path(table, month)] {
            if place.import(&path, entry)? {
                return Ok(());
            }
        }
        Err(store.damaged(table, month))
    }
}

impl<'a> LayerWriter<'a> {
    pub fn new(lock: &'a WriteLock, layer: Layer) -> Self {
        Self { lock, layer, place: lock.store().place(layer), is_open: AtomicBool::new(false) }
    }

    /// The store that is written.
    pub fn store(&self) -> &Store {
        self.lock.store()
    }

    /// Writes one month of a table, on any thread. Without rows there is no file: `None`.
    pub fn write(&self, rows: &RecordBatch) -> Result<Option<FileEntry>> {
        self.is_open.store(true, Ordering::Relaxed);
        match (rows.num_rows(), self.layer) {
            (0, _) => Ok(None),
            (_, Layer::Phase3) => self.place.write_fitted_object(rows).map(Some),
            // May be written in pieces as well, and has to come out the same.
            (_, Layer::Phase4) => self.place.write_object(rows).map(Some),
        }
    }

    /// Copies a month of another store, on any thread, if its file is byte for byte what that store recorded.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::error::ErrorKind::Corrupt) naming the file when it is not.
    pub fn import(&self, of: &StoredMonth<'_>) -> Result<()> {
        self.is_open.store(true, Ordering::Relaxed);
        of.copy_to(&self.place)
    }

    /// A month of a table that is written batch by batch, in the order of its key, on any thread.
    pub fn month_file(&self) -> MonthFile<'_> {
        self.is_open.store(true, Ordering::Relaxed);
        MonthFile { place: &self.place, file: None }
    }

    /// Makes `manifest`, which names the months that were written, the state of the layer.
    ///
    /// # Errors
    /// As [`Place::commit`].
    pub fn commit<M: Manifest>(self, manifest: &M) -> Result<()> {
        self.lock.commit(manifest)?;
        self.is_open.store(false, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for LayerWriter<'_> {
    fn drop(&mut self) {
        if self.is_open.load(Ordering::Relaxed) {
            // What cannot be removed now is swept by the next writer.
            let _ = self.lock.sweep(self.layer);
        }
    }
}

/// A month of a table that is written batch by batch.
pub struct MonthFile<'p> {
    place: &'p Place,
    file: Option<ObjectFile>,
}

impl MonthFile<'_> {
    pub fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(self.place.create_object(rows.schema())?),
        };
        file.write(rows)
    }

    /// Without rows there is no file: `None`.
    pub fn finish(self) -> Result<Option<FileEntry>> {
        self.file.map(ObjectFile::finish).transpose()
    }
}
