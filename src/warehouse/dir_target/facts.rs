//! What others need to know of a directory: that it is the mirror of a bucket, and what its record names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::DirTarget;
use super::record::{FORMAT, Published};
use crate::calendar::Month;
use crate::catalog::Table;
use crate::error::Result;
use crate::store::FileEntry;
use crate::store::commit::Record;

impl DirTarget {
    /// The same directory under another name, in reports and errors.
    pub(in crate::warehouse) fn named(self, shown: String) -> Self {
        Self { shown: Some(shown), ..self }
    }

    /// The recorded months that have a file; `None` where there is no record of the present format.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`] for a record that cannot be used.
    pub(in crate::warehouse) fn recorded(&self) -> Result<Option<Vec<(Table, Month, FileEntry)>>> {
        let loaded = self.place.load::<Published>()?.filter(|loaded| loaded.format == FORMAT);
        let months = |published: Published| {
            published.month_files().into_iter().map(|(table, month, file)| (table, month, file.clone())).collect()
        };
        Ok(loaded.map(|loaded| months(loaded.record)))
    }

    /// What the record names below the directory: objects, and files that are kept for an undo.
    ///
    /// # Errors
    /// As [`DirTarget::recorded`].
    pub(in crate::warehouse) fn named_files(&self) -> Result<BTreeSet<String>> {
        let Some(loaded) = self.place.load::<Published>()? else { return Ok(BTreeSet::new()) };
        let record = loaded.record;
        let objects = record.month_files().into_iter().map(|(_, _, file)| file.sha256.as_str());
        let objects = objects.chain(record.kept_objects()).map(|sha256| self.place.object_path(sha256));
        let paths: Vec<PathBuf> = objects.chain(self.kept_files(&record)).collect();
        let name = |path: &PathBuf| path.strip_prefix(&self.root).ok().and_then(Path::to_str).map(str::to_owned);
        Ok(paths.iter().filter_map(name).collect())
    }

    /// The publications that a record names, by id and moment; none of what is no record.
    pub(in crate::warehouse) fn publications_in(record: &[u8]) -> Vec<(String, DateTime<Utc>)> {
        let published = serde_json::from_slice::<Published>(record).unwrap_or_default();
        published.publications.into_iter().map(|publication| (publication.id, publication.published_at)).collect()
    }
}
