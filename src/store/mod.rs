//! The local copy: Phase 3 as pulled, Phase 4 as computed, and the manifests that say so.
//!
//! ```text
//! STORE/phase3/<dataset>.<table>/<YYYY-MM>.parquet   STORE/phase3/manifest.json
//! STORE/phase4/<dataset>.<table>/<YYYY-MM>.parquet   STORE/phase4/manifest.json
//! STORE/lock
//! ```
//!
//! The rename of a layer's manifest is its only commit point. Month files are replaced by rename
//! just before it; a month file that is not the one its manifest recorded counts as absent, so a
//! process killed anywhere leaves a store that the next run completes to the same bytes.

pub mod commit;
mod content;
mod files;
pub(crate) mod lock;
mod manifest;
mod precision;
pub(crate) mod publish;

use std::path::{Path, PathBuf};

pub use content::{date_slices, hash_of_no_rows, partition_hash, sort_by_key};
pub use files::{FileEntry, ParquetFile, read_columns, read_month_file, sha256_of_file, write_parquet};
pub use lock::{Owner, WriteLock};
pub use manifest::{
    DateRecord, DateState, FailureKind, InputTable, Partition, Phase3Manifest, Phase4Manifest, SourceVersion,
    TableFiles,
};
pub use publish::{MonthFile, Publication, StagedMonth};

use crate::calendar::Month;
use crate::catalog::{Role, Table};
use crate::error::{Error, ErrorKind, Result};

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
}

impl Store {
    /// Names a store; nothing is read or created.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
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

    pub fn month_file(&self, table: Table, month: Month) -> PathBuf {
        self.table_dir(table).join(format!("{month}.parquet"))
    }

    fn manifest_path(&self, layer: Layer) -> PathBuf {
        self.layer_dir(layer).join("manifest.json")
    }

    /// What `sync` pulled; empty for a new store.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] when the manifest is unreadable or from a newer version.
    pub fn phase3(&self) -> Result<Phase3Manifest> {
        manifest::load(&self.manifest_path(Layer::Phase3))
    }

    /// What `compute` wrote; empty for a new store. Errors as [`Store::phase3`].
    pub fn phase4(&self) -> Result<Phase4Manifest> {
        manifest::load(&self.manifest_path(Layer::Phase4))
    }

    /// The recorded months whose file is not the recorded one.
    pub fn damaged_months(&self, table: Table, files: &TableFiles, wanted: impl Fn(&Month) -> bool) -> Vec<Month> {
        let wanted: Vec<_> = files.iter().filter(|(month, _)| wanted(month)).collect();
        let is_damaged = |(month, entry): &(&Month, &FileEntry)| {
            Ok((!entry.matches(&self.month_file(table, **month))).then_some(**month))
        };
        let damaged = crate::parallel::try_map(&wanted, CHECK_THREADS, is_damaged);
        damaged.expect("no error is returned").into_iter().flatten().collect()
    }

    /// The month files of a table that are recorded, in ascending order; each must be byte for byte
    /// the recorded one.
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
            let path = self.month_file(table, **month);
            if entry.matches(&path) {
                return Ok(path);
            }
            let repair = match Layer::of(table) {
                Layer::Phase3 => "run `putback sync` for that month again",
                Layer::Phase4 => "run `putback compute` for that month again",
            };
            Err(Error::new(
                ErrorKind::Corrupt,
                format!("{} is not the file that the store recorded for {table}", path.display()),
            )
            .hint(repair))
        })
    }
}
