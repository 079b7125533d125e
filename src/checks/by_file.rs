//! What follows from the content of a month file alone: found once, whatever range is asked for, and remembered by the
//! checksum of the file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::files::MonthFiles;
use super::memory::Memory;
use crate::calendar::{DateRange, Month};
use crate::catalog::Table;
use crate::snapshot::Snapshot;

/// What was found, by the checksum of the file.
pub(super) struct ByFile<T> {
    memory: Memory,
    found: BTreeMap<String, T>,
    has_new: bool,
}

/// A file of which nothing is known.
pub(super) struct NewFile {
    pub month: Month,
    pub checksum: String,
    pub path: PathBuf,
}

impl<T: Serialize + DeserializeOwned> ByFile<T> {
    pub fn read(memory: Memory) -> Self {
        let found = memory.read().unwrap_or_default();
        Self { memory, found, has_new: false }
    }

    /// The files of a table with days of a range of which nothing is known, in ascending order of their months.
    pub fn new_files(&self, files: &MonthFiles, table: Table, range: DateRange) -> Vec<NewFile> {
        let new = files.of(table, range).filter(|(_, file)| !self.found.contains_key(&file.entry.sha256));
        new.map(|(month, file)| NewFile { month: *month, checksum: file.entry.sha256.clone(), path: file.path.clone() })
            .collect()
    }

    pub fn add(&mut self, checksum: String, found: T) {
        self.found.insert(checksum, found);
        self.has_new = true;
    }

    /// What was found in the files of a table with days of a range.
    pub fn of(&self, files: &MonthFiles, table: Table, range: DateRange) -> impl Iterator<Item = &T> {
        let of_file = |checksum: &str| self.found.get(checksum).expect("every file was looked at");
        files.of(table, range).map(move |(_, file)| of_file(&file.entry.sha256))
    }

    /// Remembers what is of files that the store still has.
    pub fn keep(&mut self, snapshot: &Snapshot) {
        if std::mem::take(&mut self.has_new) {
            let current = checksums(snapshot);
            self.found.retain(|checksum, _| current.contains(checksum.as_str()));
            self.memory.keep(&self.found);
        }
    }
}

fn checksums(snapshot: &Snapshot) -> BTreeSet<&str> {
    let Snapshot { phase3, phase4, .. } = snapshot;
    let inputs = phase3.tables.values().map(|input| &input.files);
    let outputs = Table::ALL.into_iter().filter_map(|table| phase4.files_of(table));
    inputs.chain(outputs).flat_map(|files| files.values()).map(|entry| entry.sha256.as_str()).collect()
}
