//! The directory of a demo: only what a demo wrote there is replaced.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{SeasonSpec, TABLES, generate};
use crate::catalog::Table;
use crate::destination::Destination;
use crate::error::{Error, ErrorKind, Result};
use crate::store::{sha256_of_file, write_parquet};

/// The record of what a demo wrote, in its directory.
const RECORD: &str = "putback-demo.json";

#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
    /// Files of the warehouse with their SHA-256; without one while they are written.
    files: BTreeMap<String, Option<String>>,
}

/// The directory of a demo.
#[derive(Debug, Clone)]
pub struct DemoDir {
    root: PathBuf,
}

impl DemoDir {
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub fn warehouse(&self) -> PathBuf {
        self.root.join("warehouse")
    }

    /// Generates the warehouse. `replaces`: whether files may go that no demo wrote.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the directory cannot be created or has such files; those of
    /// [`generate`].
    pub fn write(&self, spec: &SeasonSpec, replaces: bool) -> Result<()> {
        let path = |table: &Table| self.warehouse().join(format!("{table}.parquet"));
        let paths: Vec<PathBuf> = TABLES.iter().map(|(table, _)| path(table)).collect();
        if !replaces {
            self.check(&paths)?;
        }
        let tables = generate(spec)?;
        self.create()?;
        self.record(paths.iter().map(|path| (path, None)))?;
        for (path, (_, rows)) in paths.iter().zip(&tables) {
            Destination::new(path, true)?.write(|path| write_parquet(path, rows))?;
        }
        let hashes = paths.iter().map(|path| sha256_of_file(path).map_err(|error| Error::io("read", path, error)));
        let hashes = hashes.collect::<Result<Vec<_>>>()?;
        self.record(paths.iter().zip(hashes.into_iter().map(Some)))
    }

    /// A directory that is there is empty, or a demo's and as that left it.
    fn check(&self, paths: &[PathBuf]) -> Result<()> {
        let refused = |what: String| {
            Error::new(ErrorKind::Usage, what).hint("name another --dir, or add --force to replace what is in the way")
        };
        let root = self.root.display();
        let Some(record) = self.load() else {
            let is_empty = std::fs::read_dir(&self.root).map_or(true, |mut entries| entries.next().is_none());
            return if is_empty { Ok(()) } else { Err(refused(format!("{root} is not empty, and no demo wrote it"))) };
        };
        let is_own = |path: &PathBuf| match record.files.get(&*name_of(path)) {
            _ if std::fs::symlink_metadata(path).is_err() => true,
            None => false,
            Some(None) => true,
            Some(Some(sha256)) => path.is_file() && sha256_of_file(path).is_ok_and(|found| found == *sha256),
        };
        match paths.iter().find(|path| !is_own(path)) {
            Some(path) => Err(refused(format!("{} is not what the demo wrote", path.display()))),
            None => Ok(()),
        }
    }

    fn create(&self) -> Result<()> {
        let warehouse = self.warehouse();
        std::fs::create_dir_all(&warehouse).map_err(|error| {
            Error::new(ErrorKind::Usage, format!("cannot create {}", warehouse.display()))
                .hint("name a writable --dir")
                .because(error)
        })
    }

    /// `None` as well for a file of that name that is no record.
    fn load(&self) -> Option<Record> {
        serde_json::from_slice(&std::fs::read(self.root.join(RECORD)).ok()?).ok()
    }

    fn record<'a>(&self, files: impl Iterator<Item = (&'a PathBuf, Option<String>)>) -> Result<()> {
        let record = Record { files: files.map(|(path, sha256)| (name_of(path).into_owned(), sha256)).collect() };
        let bytes = serde_json::to_vec_pretty(&record).expect("serializes");
        Destination::new(&self.root.join(RECORD), true)?
            .write(|path| std::fs::write(path, bytes).map_err(|error| Error::io("write", path, error)))
    }
}

fn name_of(path: &Path) -> std::borrow::Cow<'_, str> {
    path.file_name().expect("a file of the warehouse").to_string_lossy()
}
