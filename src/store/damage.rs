//! Months whose files are not what is recorded.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use super::commit::Place;
use super::{CHECK_THREADS, FileEntry, Layer, Manifest, Phase3Manifest, Phase4Manifest, Store};
use crate::calendar::Month;
use crate::catalog::Table;
use crate::error::Result;

/// How closely files are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closeness {
    /// Files that are missing, have another size, or may have been written to since they were recorded; those are
    /// compared with their checksum.
    Noticed,
    /// Every file is compared with its checksum.
    Verified,
}

impl Store {
    /// Recorded months with a missing or altered file, under its plain name too.
    ///
    /// # Errors
    /// When files cannot be looked at.
    pub fn altered_months(
        &self,
        phase3: &Phase3Manifest,
        phase4: &Phase4Manifest,
        closeness: Closeness,
    ) -> Result<Vec<(Table, Month)>> {
        Ok([self.altered_of(phase3, closeness)?, self.altered_of(phase4, closeness)?].concat())
    }

    fn altered_of<M: Manifest>(&self, manifest: &M, closeness: Closeness) -> Result<Vec<(Table, Month)>> {
        let place = self.place(M::LAYER);
        let recorded_at = std::fs::metadata(place.record_path()).and_then(|meta| meta.modified()).ok();
        let is_altered = |&(table, month, entry): &(Table, Month, &FileEntry)| {
            let month_file = MonthFiles { place: &place, table, month, entry, recorded_at };
            Ok(month_file.is_altered(closeness)?.then_some((table, month)))
        };
        let altered = crate::parallel::try_map(&manifest.month_files(), CHECK_THREADS, is_altered)?;
        Ok(altered.into_iter().flatten().collect())
    }

    /// The command that repairs a month.
    pub fn repair(table: Table) -> &'static str {
        match Layer::of(table) {
            Layer::Phase3 => "run `putback sync` for that month again",
            Layer::Phase4 => "run `putback compute` for that month again",
        }
    }
}

/// The object and the plain name of a month.
struct MonthFiles<'a> {
    place: &'a Place,
    table: Table,
    month: Month,
    entry: &'a FileEntry,
    recorded_at: Option<SystemTime>,
}

impl MonthFiles<'_> {
    fn is_altered(&self, closeness: Closeness) -> Result<bool> {
        let plain = self.place.plain_path(self.table, self.month);
        let object = self.place.object_path(&self.entry.sha256);
        // Where a store of an older version has no objects, the plain name is all there is.
        let file = if object.exists() { &object } else { &plain };
        if !self.entry.has_size_of(file) {
            return Ok(true);
        }
        let is_same = match closeness {
            Closeness::Noticed if !self.may_be_written_to(file) => true,
            _ => self.entry.matches(file),
        };
        let is_settled = file == &plain || self.place.is_settled(self.table, self.month, self.entry)?;
        Ok(!is_same || !is_settled)
    }

    /// A file is renamed after it was written: when that is not so, somebody wrote to it since. So does a time after
    /// that of the record.
    fn may_be_written_to(&self, file: &Path) -> bool {
        let Ok(meta) = std::fs::metadata(file) else { return true };
        let written = (meta.mtime(), meta.mtime_nsec());
        let is_after_record = meta.modified().ok().zip(self.recorded_at).is_none_or(|(time, record)| time > record);
        written >= (meta.ctime(), meta.ctime_nsec()) || is_after_record
    }
}
