//! Reading what was published by the record: a killed or a running upload shows as the state before or after it.

use arrow::array::RecordBatch;

use super::DirTarget;
use super::lying::Lying;
use super::record::{Published, PublishedMonth};
use crate::catalog::Table;
use crate::error::Result;
use crate::store::SourceFiles;
use crate::store::commit::Pin;
use crate::warehouse::dir::{DirWarehouse, read_file, table_files};
use crate::warehouse::{ContentVersion, Selection, Source, TableDescription};

/// A target as a warehouse that is read.
pub struct PublishedDir {
    warehouse: DirWarehouse,
    target: DirTarget,
    record: Published,
    /// Keeps the objects that the record names.
    _pin: Pin,
}

impl PublishedDir {
    /// # Errors
    /// As [`DirWarehouse::open`], and for a record that cannot be read.
    pub fn open(root: &std::path::Path) -> Result<Self> {
        let (warehouse, target) = (DirWarehouse::open(root)?, DirTarget::open(root)?);
        let pin = target.place.pin()?;
        let record = target.place.load::<Published>()?.map(|loaded| loaded.record).unwrap_or_default();
        Ok(Self { warehouse, target, record, _pin: pin })
    }

    /// The files of a table: of a recorded month its object, and what others made of months as it lies.
    fn files(&self, table: Table) -> Result<Vec<std::path::PathBuf>> {
        let place = &self.target.place;
        let mut files = table_files(&self.target.root, table)?;
        files.retain(|path| !self.record.months().iter().any(|(of, month, _)| place.plain_path(*of, *month) == *path));
        // A month that the record has lost, whose plain name is still there.
        let mut others = Vec::new();
        for path in files {
            if !place.is_ours(&path)? {
                others.push(path);
            }
        }
        for (_, month, published) in self.record.months().into_iter().filter(|(of, _, _)| *of == table) {
            let plain = place.plain_path(table, month);
            match self.target.look(&self.record, table, month)? {
                Lying::Recorded { path } => {
                    let object = published.file().map(|file| place.object_path(&file.sha256));
                    others.extend(object.filter(|object| published_is(&published, object)).or(path));
                }
                Lying::Other { file: Some(_) } => others.push(plain),
                Lying::Other { file: None } => {}
            }
        }
        others.sort();
        Ok(others)
    }
}

fn published_is(published: &PublishedMonth, object: &std::path::Path) -> bool {
    published.file().is_some_and(|file| file.matches(object))
}

impl Source for PublishedDir {
    fn name(&self) -> String {
        self.warehouse.name()
    }

    fn describe(&self, table: Table) -> Result<Option<TableDescription>> {
        self.warehouse.describe(table)
    }

    fn version(&self, table: Table, known: &SourceFiles) -> Result<ContentVersion> {
        self.warehouse.version(table, known)
    }

    fn read(
        &self,
        table: Table,
        selection: &Selection,
        sink: &mut dyn FnMut(RecordBatch) -> Result<()>,
    ) -> Result<u64> {
        self.files(table)?.iter().try_for_each(|path| read_file(table, path, selection, sink))?;
        Ok(0)
    }
}
