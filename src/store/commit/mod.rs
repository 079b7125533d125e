//! How month files change: the one commit protocol of store layers and directory targets.
//!
//! ```text
//! CONTROL/objects/<sha256>.parquet             content, under a name that never means anything else
//! CONTROL/<record>                             which object is which month of which table
//! TABLES/<dataset>.<table>/<YYYY-MM>.parquet   plain names for everybody else: hard links, or copies
//! CONTROL/readers                              locked by readers, so that their objects stay
//! ```
//!
//! A commit goes in four steps:
//!
//! 1. New months are written as objects and synced ([`Place::create_object`], [`Place::write_object`]).
//! 2. The record is replaced by one rename. This is the only commit point: before it, who reads by the
//!    record sees the old state, after it the new one.
//! 3. The plain names are set.
//! 4. Objects that the record does not name are removed, unless somebody reads them.
//!
//! A process killed in step 1 or 2 leaves objects that the next writer sweeps; one killed in step 3 or 4
//! leaves work that the next writer completes ([`Place::recover`]). All functions that write need the
//! lock of the place, which the caller holds.
//!
//! Only our own files are replaced or removed. Ours are files with a staged name (`staged.rs`), objects,
//! and month files that have the content of an object; in a place of [`Ownership::Sole`] also whatever
//! lies under a plain name that the record has. Anything else in the way is an error that names it.

mod listing;
mod objects;
mod pin;
mod plain;
mod record;
pub(crate) mod staged;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use self::listing::{file_name, files_in};
pub use self::objects::ObjectFile;
pub(crate) use self::objects::link_or_copy;
pub use self::pin::Pin;
use self::staged::{is_staged_name, remove_if_present, replace_file, sync_dir};
use super::FileEntry;
use crate::calendar::Month;
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};

/// What the record of a place says, as far as the protocol needs to know it.
///
/// Its JSON must be an object with at least one member.
pub trait Record: Serialize + DeserializeOwned + Default {
    /// Every month that has a file, with what is recorded of it.
    fn month_files(&self) -> Vec<(Table, Month, &FileEntry)>;

    /// Checksums of objects that stay although no month is of them any more.
    fn kept_objects(&self) -> Vec<&str> {
        Vec::new()
    }
}

/// Who writes the month files of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// Putback alone: what lies under a recorded plain name is replaced by what is recorded.
    Sole,
    /// Others as well: a month file that is not of an object of ours is left as it is.
    Shared,
}

/// A directory of month files that changes by commits.
#[derive(Debug, Clone)]
pub struct Place {
    /// Holds the table directories.
    pub tables: PathBuf,
    /// Holds the record and the objects. May be the same directory.
    pub control: PathBuf,
    /// The file name of the record.
    pub record: &'static str,
    /// The version of the record that is written; older ones are read.
    pub format: u32,
    pub ownership: Ownership,
    /// What to do about a record that cannot be used: a command that works, as a hint.
    pub rebuild: String,
}

/// A record as it was found.
#[derive(Debug)]
pub struct Loaded<R> {
    pub record: R,
    /// The version it was written in.
    pub format: u32,
}

impl Place {
    pub fn record_path(&self) -> PathBuf {
        self.control.join(self.record)
    }

    /// Where an object lies or would lie.
    pub fn object_path(&self, sha256: &str) -> PathBuf {
        self.objects_dir().join(format!("{sha256}.parquet"))
    }

    fn objects_dir(&self) -> PathBuf {
        self.control.join("objects")
    }

    pub fn table_dir(&self, table: Table) -> PathBuf {
        self.tables.join(table.full_name())
    }

    /// The plain name of a month.
    pub fn plain_path(&self, table: Table, month: Month) -> PathBuf {
        self.table_dir(table).join(format!("{month}.parquet"))
    }

    /// Reads the record; `None` when there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] for a record of a newer version, one that is no record, and one whose
    /// checksum is not that of its content.
    pub fn load<R: Record>(&self) -> Result<Option<Loaded<R>>> {
        record::load(self)
    }

    /// Makes `new` the state of the place: the commit point, and what follows it.
    ///
    /// The objects of `new` must have been written. `old` is the record that was loaded under the same
    /// lock, or the default where there was none.
    ///
    /// # Errors
    /// Before the commit point, and with nothing changed, [`ErrorKind::Conflict`] for a file that is not
    /// ours where a plain name is to be set; any error of the file system. After the commit point an
    /// error of the file system leaves the new state, whose plain names the next writer completes.
    pub fn commit<R: Record>(&self, old: &R, new: &R) -> Result<()> {
        let recorded: BTreeMap<(Table, Month), &FileEntry> =
            old.month_files().into_iter().map(|(table, month, entry)| ((table, month), entry)).collect();
        let is_recorded = |table, month, entry: &FileEntry| match (self.ownership, recorded.get(&(table, month))) {
            (Ownership::Sole, known) => known.is_some(),
            // What others made of a month that does not change stays as it is.
            (Ownership::Shared, known) => known == Some(&entry),
        };
        self.commit_over(&is_recorded, new)
    }

    /// As [`Place::commit`], where `is_recorded` says which plain names may be replaced whatever lies there.
    pub(super) fn commit_over<R: Record>(
        &self,
        is_recorded: &dyn Fn(Table, Month, &FileEntry) -> bool,
        new: &R,
    ) -> Result<()> {
        self.refuse_what_is_in_the_way(is_recorded, new)?;
        self.create_objects_dir()?;
        sync_dir(&self.objects_dir())?;
        replace_file(&self.record_path(), &record::encode(self.format, new))?;
        self.settle(new)
    }

    /// Completes what a killed writer began, and removes what it left behind. Every writer starts with this.
    ///
    /// `record` is the one that was loaded under the same lock, or the default where there is none.
    ///
    /// # Errors
    /// Any error of the file system.
    pub fn recover<R: Record>(&self, record: &R) -> Result<()> {
        self.settle(record)
    }

    fn settle<R: Record>(&self, record: &R) -> Result<()> {
        self.set_plain_names(record)?;
        self.remove_old_plain_names(record)?;
        self.sweep(record)
    }

    /// Removes staged files, and objects that the record does not name unless a reader may need them.
    fn sweep<R: Record>(&self, record: &R) -> Result<()> {
        let named: BTreeSet<&str> =
            record.month_files().into_iter().map(|(_, _, entry)| entry.sha256.as_str()).collect();
        let kept = record.kept_objects();
        let is_named = |sha256: &str| named.contains(sha256) || kept.contains(&sha256);
        let (mut unnamed, mut staged) = (Vec::new(), Vec::new());
        for path in files_in(&self.objects_dir())? {
            let name = file_name(&path);
            match objects::checksum_of(name) {
                Some(sha256) if !is_named(sha256) => unnamed.push(path),
                None if is_staged_name(name) => staged.push(path),
                _ => {}
            }
        }
        let of_record = |path: &PathBuf| file_name(path).starts_with(self.record) && is_staged_name(file_name(path));
        staged.extend(files_in(&self.control)?.into_iter().filter(of_record));
        if !unnamed.is_empty() && !self.has_readers()? {
            staged.append(&mut unnamed);
        }
        staged.iter().try_for_each(|path| remove_if_present(path))
    }

    fn refuse_what_is_in_the_way<R: Record>(
        &self,
        is_recorded: &dyn Fn(Table, Month, &FileEntry) -> bool,
        new: &R,
    ) -> Result<()> {
        for (table, month, entry) in new.month_files() {
            let path = self.plain_path(table, month);
            if is_recorded(table, month, entry)
                || !exists(&path)?
                || self.is_settled(table, month, entry)?
                || self.is_ours(&path)?
            {
                continue;
            }
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("{} is in the way: it is not a file that putback recorded", path.display()),
            )
            .hint("move that file away and run the same command again; nothing was changed"));
        }
        Ok(())
    }
}

/// Whether there is anything under this name, a link that leads nowhere included.
fn exists(path: &Path) -> Result<bool> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io("look at", path, error)),
    }
}

#[cfg(test)]
mod tests;
