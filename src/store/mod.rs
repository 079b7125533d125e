//! The local copy: Phase 3 as pulled, Phase 4 as computed, and the manifests that say so.
//!
//! ```text
//! STORE/phase3/manifest.json   STORE/phase3/objects/<sha256>.parquet
//! STORE/phase4/manifest.json   STORE/phase4/objects/<sha256>.parquet
//! STORE/phase4/<dataset>.<table>/<YYYY-MM>.parquet   plain names, links to objects; likewise in phase3
//! STORE/lock
//! ```
//!
//! The rename of a layer's manifest is its only commit point ([`commit`]). Everything here reads the
//! objects that the manifest names; a month whose object and plain name are both not the recorded file
//! is damaged.

pub mod commit;
mod content;
mod damage;
mod files;
pub(crate) mod loads;
pub(crate) mod lock;
mod manifest;
mod migrate;
mod precision;
pub(crate) mod publish;
mod rule;
mod runs;
mod spill;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use self::commit::{Loaded, Ownership, Place};
pub use content::{date_slices, hash_of_no_rows, partition_hash, sort_by_key};
pub use damage::Closeness;
pub use files::{FileEntry, ParquetFile, read_columns, read_month_file, sha256_of_file, write_parquet};
pub use lock::{Owner, WriteLock};
pub use manifest::{
    DateRecord, DateState, FailureKind, FileStamp, InputTable, Manifest, Partition, Phase3Manifest, Phase4Manifest,
    SourceFiles, SourceVersion, TableFiles,
};
pub use publish::{LayerWriter, MonthFile, StoredMonth};
pub use rule::Rule;
pub use runs::{RunDir, Runs};
pub use spill::SpillDir;

use crate::calendar::Month;
use crate::catalog::{Role, Table};
use crate::error::{Error, ErrorKind, Result};

/// Rows by output table and date.
pub type RowsByDate = BTreeMap<Table, BTreeMap<NaiveDate, u64>>;

/// A layer of the store: what was pulled, or what was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    Phase3,
    Phase4,
}

impl Layer {
    pub fn of(table: Table) -> Self {
        if table.role() == Role::Output { Self::Phase4 } else { Self::Phase3 }
    }

    fn dir(self) -> &'static str {
        match self {
            Self::Phase3 => "phase3",
            Self::Phase4 => "phase4",
        }
    }
}

/// Threads that compare files with their checksums.
const CHECK_THREADS: usize = 4;

/// A store on disk. Reading needs no lock and never waits.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    /// Whether this process writes the store: nobody else removes files then, and its own manifests must not keep
    /// it from doing so.
    is_own: bool,
}

impl Store {
    /// Names a store; nothing is read or created.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), is_own: false }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn layer_dir(&self, layer: Layer) -> PathBuf {
        self.root.join(layer.dir())
    }

    pub fn table_dir(&self, table: Table) -> PathBuf {
        self.layer_dir(Layer::of(table)).join(table.full_name())
    }

    /// The plain name of a month, which is the one to show.
    pub fn month_file(&self, table: Table, month: Month) -> PathBuf {
        self.place(Layer::of(table)).plain_path(table, month)
    }

    /// Where processes spill, each into a directory of its own.
    pub fn spill_place(&self) -> PathBuf {
        self.root.join("spill")
    }

    /// Where verdicts of checks are remembered.
    pub(crate) fn verdicts_dir(&self) -> PathBuf {
        self.root.join("verdicts")
    }

    /// Where objects of buckets are kept that were read.
    pub fn bucket_cache(&self) -> PathBuf {
        self.root.join("buckets")
    }

    pub(crate) fn place(&self, layer: Layer) -> Place {
        let dir = self.layer_dir(layer);
        let command = match layer {
            Layer::Phase3 => "sync",
            Layer::Phase4 => "compute",
        };
        Place {
            rebuild: format!(
                "put the file back, or move {} away and run `putback {command}` again: it makes everything anew",
                dir.display()
            ),
            tables: dir.clone(),
            control: dir,
            record: "manifest.json",
            format: manifest::FORMAT,
            ownership: Ownership::Sole,
        }
    }

    /// What `sync` pulled; empty for a new store. Its files stay as long as the manifest is held.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] when the manifest is damaged, lost or from a newer version.
    pub fn phase3(&self) -> Result<Phase3Manifest> {
        self.manifest()
    }

    /// What `compute` wrote; empty for a new store. Otherwise as [`Store::phase3`].
    pub fn phase4(&self) -> Result<Phase4Manifest> {
        self.manifest()
    }

    fn manifest<M: Manifest>(&self) -> Result<M> {
        let place = self.place(M::LAYER);
        // Before the manifest is read: what it names must not go in between.
        let pin = if self.is_own { None } else { Some(place.pin()?) };
        let loaded = self.load::<M>()?;
        let is_old = loaded.as_ref().is_some_and(|loaded| loaded.format != manifest::FORMAT);
        let mut manifest = loaded.map(|loaded| loaded.record).unwrap_or_default();
        manifest.set_old(is_old);
        pin.into_iter().for_each(|pin| manifest.hold(pin));
        Ok(manifest)
    }

    /// The manifest of a layer; `None` for a new one.
    fn load<M: Manifest>(&self) -> Result<Option<Loaded<M>>> {
        let place = self.place(M::LAYER);
        if let Some(loaded) = place.load()? {
            return Ok(Some(loaded));
        }
        // Plain names are set after a manifest was written: it is lost, or this is not a store.
        match place.unrecorded(&M::default())?.first() {
            None => Ok(None),
            Some(file) => Err(Error::new(
                ErrorKind::Store,
                format!("{} is missing, but {} is there", place.record_path().display(), file.display()),
            )
            .hint(place.rebuild)),
        }
    }

    /// Keeps the files of both layers as they are named now, for whoever copies them.
    ///
    /// # Errors
    /// When the readers' lock cannot be taken.
    pub fn pin(&self) -> Result<Vec<commit::Pin>> {
        let layers = [Layer::Phase3, Layer::Phase4].into_iter().filter(|_| !self.is_own);
        layers.map(|layer| self.place(layer).pin()).collect()
    }

    /// A file that is byte for byte what is recorded of a month; `None`: there is none.
    pub fn intact_file(&self, table: Table, month: Month, entry: &FileEntry) -> Option<PathBuf> {
        let place = self.place(Layer::of(table));
        let object = place.object_path(&entry.sha256);
        if entry.matches(&object) {
            return Some(object);
        }
        let plain = place.plain_path(table, month);
        let is_whole = entry.matches(&plain);
        if is_whole && self.is_own {
            // Where that fails, the plain name is as good.
            let _ = commit::link_or_copy(&plain, &object);
        }
        is_whole.then_some(plain)
    }

    /// The file of a month that was found intact before.
    pub fn stored_file(&self, table: Table, month: Month, entry: &FileEntry) -> PathBuf {
        let place = self.place(Layer::of(table));
        let object = place.object_path(&entry.sha256);
        if entry.has_size_of(&object) { object } else { place.plain_path(table, month) }
    }

    /// The recorded months that have no intact file.
    pub fn damaged_months(&self, table: Table, files: &TableFiles, wanted: impl Fn(&Month) -> bool) -> Vec<Month> {
        let wanted: Vec<_> = files.iter().filter(|(month, _)| wanted(month)).collect();
        let damaged = |(month, entry): &(&Month, &FileEntry)| {
            Ok(self.intact_file(table, **month, entry).is_none().then_some(**month))
        };
        let damaged = crate::parallel::try_map(&wanted, CHECK_THREADS, damaged);
        damaged.expect("no error is returned").into_iter().flatten().collect()
    }

    /// The files of a table's recorded months, in ascending order; each is byte for byte the recorded one.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] naming the file and the command that repairs it.
    pub fn recorded_files(
        &self,
        table: Table,
        files: &TableFiles,
        wanted: impl Fn(Month) -> bool,
    ) -> Result<Vec<PathBuf>> {
        let wanted: Vec<_> = files.iter().filter(|(month, _)| wanted(**month)).collect();
        crate::parallel::try_map(&wanted, CHECK_THREADS, |(month, entry)| {
            self.intact_file(table, **month, entry).ok_or_else(|| self.damaged(table, **month))
        })
    }

    fn damaged(&self, table: Table, month: Month) -> Error {
        let path = self.month_file(table, month);
        Error::new(
            ErrorKind::Corrupt,
            format!("{} is not the file that the store recorded for {table}", path.display()),
        )
        .hint(Self::repair(table))
    }
}
