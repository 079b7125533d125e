//! What lies under plain names, against what the record says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::DirTarget;
use super::month::MonthRows;
use super::record::{Published, PublishedMonth};
use crate::calendar::Month;
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::parallel;
use crate::store::{FileEntry, sha256_of_file};
use crate::upload::{MonthPart, Target};

/// What lies under the plain name of a month.
pub(super) enum Lying {
    /// What the record says: a file, or none.
    Recorded { path: Option<PathBuf> },
    /// Another file, or none where there should be one.
    Other { file: Option<FileEntry> },
}

/// What lies under the plain names of the parts.
pub(super) type Looks = BTreeMap<(Table, Month), Lying>;

/// Threads that compare files with their checksums.
const LOOK_THREADS: usize = 4;

impl DirTarget {
    /// Compares with what the record says. A killed upload has left plain names of before, whose content is in objects.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] for a damaged object: who reads by the record would meet the damage.
    pub(super) fn look(&self, published: &Published, table: Table, month: Month) -> Result<Lying> {
        if let Some(recorded) = published.month(table, month)
            && let Some(file) = recorded.file()
            && self.has_damaged_object((table, month), file)?
        {
            return Err(self.damaged_object((table, month), recorded));
        }
        self.lying(published, table, month)
    }

    /// Whether the object of a month is damaged and its plain name is not what somebody else made of it: whole, or gone.
    /// An object that is not there at all is set again by the next upload, from a plain name that is whole.
    fn has_damaged_object(&self, (table, month): (Table, Month), file: &FileEntry) -> Result<bool> {
        let (plain, object) = (self.place.plain_path(table, month), self.place.object_path(&file.sha256));
        let is_there = |path: &Path| std::fs::symlink_metadata(path).is_ok();
        if !is_there(&object) || self.place.is_one_file(&plain, &object)? || file.matches(&object) {
            return Ok(false);
        }
        Ok(!is_there(&plain) || file.matches(&plain))
    }

    fn damaged_object(&self, (table, month): (Table, Month), recorded: &PublishedMonth) -> Error {
        let object = self.place.object_path(&recorded.file.sha256);
        let from = recorded.dates.keys().next().copied().unwrap_or(month.first_day());
        let until = recorded.dates.keys().next_back().copied().unwrap_or(month.last_day());
        Error::new(
            ErrorKind::Corrupt,
            format!("{} is damaged: it is not the file that the record has for {table} {month}", object.display()),
        )
        .hint(format!(
            "`putback upload --from {from} --until {until} --to {} --repair` writes it again; nothing was changed",
            self.name()
        ))
    }

    /// Sets damaged objects again from the plain names of their months, where those are whole.
    pub(super) fn repair_objects(&self, published: &Published) -> Result<()> {
        for (table, month, recorded) in published.months() {
            if let Some(file) = recorded.file()
                && self.has_damaged_object((table, month), file)?
            {
                self.place.restore_object(table, month, file)?;
            }
        }
        Ok(())
    }

    fn lying(&self, published: &Published, table: Table, month: Month) -> Result<Lying> {
        let path = self.place.plain_path(table, month);
        let recorded = published.month(table, month);
        let lies = |path: &Path| std::fs::symlink_metadata(path).is_ok();
        let Some(file) = recorded.and_then(PublishedMonth::file) else {
            return Ok(match lies(&path) && !self.place.is_ours(&path)? {
                false if recorded.is_some() => Lying::Recorded { path: None },
                false if !lies(&path) => Lying::Other { file: None },
                _ => Lying::Other { file: Some(entry_of(&path, 0)?) },
            });
        };
        // Somebody may have written into the file itself, which is that of the object as well.
        if file.matches(&path) {
            return Ok(Lying::Recorded { path: Some(path) });
        }
        let object = self.place.object_path(&file.sha256);
        if file.matches(&object) && (!lies(&path) || self.place.is_ours(&path)?) {
            return Ok(Lying::Recorded { path: Some(object) });
        }
        Ok(Lying::Other { file: if lies(&path) { Some(entry_of(&path, 0)?) } else { None } })
    }

    /// [`DirTarget::look`] at the month of every part, once; closer where damaged months are written again.
    pub(super) fn look_all(&self, parts: &[MonthPart], published: &Published, repairs: bool) -> Result<Looks> {
        let looks = parallel::try_map(parts, LOOK_THREADS, |part| {
            let look = if repairs { Self::lying } else { Self::look };
            Ok(((part.table, part.month), look(self, published, part.table, part.month)?))
        });
        Ok(looks?.into_iter().collect())
    }

    /// The rows that lie there.
    pub(super) fn rows(&self, table: Table, month: Month, lying: &Lying) -> Result<MonthRows> {
        match lying {
            Lying::Recorded { path: Some(path) } => MonthRows::read(table, path),
            Lying::Other { file: Some(_) } => MonthRows::read(table, &self.place.plain_path(table, month)),
            _ => Ok(MonthRows::none(table)),
        }
    }
}

/// A file as it lies.
pub(super) fn entry_of(path: &Path, rows: u64) -> Result<FileEntry> {
    let meta = std::fs::metadata(path).map_err(|error| Error::io("read", path, error))?;
    let sha256 = sha256_of_file(path).map_err(|error| Error::io("read", path, error))?;
    Ok(FileEntry { rows, size_bytes: meta.len(), sha256 })
}
