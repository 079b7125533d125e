//! The plain names of months: hard links to their objects, or copies of them.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::objects::link_or_copy;
use super::staged::{is_staged_name, remove_if_present, sync_dir};
use super::{Ownership, Place, Record, exists, file_name, files_in};
use crate::calendar::Month;
use crate::catalog::Table;
use crate::error::{Error, Result};
use crate::store::files::{FileEntry, sha256_of_file};

impl Place {
    /// Whether a plain name is that of its object: a link to it, or a copy of it.
    ///
    /// # Errors
    /// When a file cannot be looked at.
    pub fn is_settled(&self, table: Table, month: Month, entry: &FileEntry) -> Result<bool> {
        let (plain, object) = (self.plain_path(table, month), self.object_path(&entry.sha256));
        if regular(&plain)?.is_none() || regular(&object)?.is_none() {
            return Ok(false);
        }
        // Not by size and time: the clock of files is so coarse that others share both.
        Ok(self.is_one_file(&plain, &object)? || entry.matches(&plain))
    }

    /// Whether two names are links to one file.
    ///
    /// # Errors
    /// When a file cannot be looked at.
    pub fn is_one_file(&self, one: &Path, other: &Path) -> Result<bool> {
        let number = |path: &Path| Ok::<_, Error>(regular(path)?.map(|meta| (meta.dev(), meta.ino())));
        let one = number(one)?;
        Ok(one.is_some() && one == number(other)?)
    }

    /// Whether a file has the content of an object of the place, so that nothing is lost with it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn is_ours(&self, path: &Path) -> Result<bool> {
        if !std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file()) {
            return Ok(false);
        }
        let sha256 = sha256_of_file(path).map_err(|error| Error::io("read", path, error))?;
        exists(&self.object_path(&sha256))
    }

    pub(super) fn set_plain_names<R: Record>(&self, record: &R) -> Result<()> {
        let mut touched = BTreeSet::new();
        for (table, month, entry) in record.month_files() {
            let (plain, object) = (self.plain_path(table, month), self.object_path(&entry.sha256));
            if self.is_settled(table, month, entry)? {
                continue;
            }
            // An object that somebody removed may live on under its plain name; if not, readers say so.
            if !exists(&object)? {
                self.adopt(table, month, &entry.sha256)?;
                continue;
            }
            // Damage gets no second name.
            if !entry.has_size_of(&object) {
                continue;
            }
            if self.ownership == Ownership::Shared && exists(&plain)? && !self.is_ours(&plain)? {
                continue;
            }
            let dir = self.table_dir(table);
            std::fs::create_dir_all(&dir).map_err(|error| Error::io("create", &dir, error))?;
            link_or_copy(&object, &plain)?;
            touched.insert(dir);
        }
        touched.iter().try_for_each(|dir| sync_dir(dir))
    }

    /// Removes month files of ours that the record does not name any more, and staged names.
    pub(super) fn remove_old_plain_names<R: Record>(&self, record: &R) -> Result<()> {
        let named: BTreeSet<PathBuf> =
            record.month_files().into_iter().map(|(table, month, _)| self.plain_path(table, month)).collect();
        for table in Table::ALL {
            let dir = self.table_dir(table);
            let mut is_touched = false;
            for path in files_in(&dir)? {
                let is_old = month_of(&path).is_some() && !named.contains(&path) && self.is_ours(&path)?;
                if is_old || is_staged_name(file_name(&path)) {
                    remove_if_present(&path)?;
                    is_touched = true;
                }
            }
            if is_touched {
                sync_dir(&dir)?;
            }
        }
        Ok(())
    }

    /// Month files that the record does not name, in ascending order.
    ///
    /// # Errors
    /// When a directory cannot be listed.
    pub fn unrecorded<R: Record>(&self, record: &R) -> Result<Vec<PathBuf>> {
        let named: BTreeSet<PathBuf> =
            record.month_files().into_iter().map(|(table, month, _)| self.plain_path(table, month)).collect();
        let mut files = Vec::new();
        for table in Table::ALL {
            let of_table = files_in(&self.table_dir(table))?.into_iter();
            files.extend(of_table.filter(|path| month_of(path).is_some() && !named.contains(path)));
        }
        files.sort();
        Ok(files)
    }
}

/// What is under a name, if it is a file.
fn regular(path: &Path) -> Result<Option<std::fs::Metadata>> {
    match std::fs::symlink_metadata(path) {
        Ok(meta) => Ok(Some(meta).filter(std::fs::Metadata::is_file)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("look at", path, error)),
    }
}

/// The month that a file is named by.
fn month_of(path: &Path) -> Option<Month> {
    file_name(path).strip_suffix(".parquet")?.parse().ok()
}
