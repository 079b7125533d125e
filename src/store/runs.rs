//! `STORE/runs/`: a directory for each run of a command, and what commands remember from run to run. Nobody else builds
//! paths below it.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use super::Store;
use super::commit::staged::open_regular;
use crate::error::{Error, Result};

/// The directory of the runs, which need not be there.
#[derive(Debug, Clone)]
pub struct Runs(PathBuf);

/// The directory of a run, named by its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunDir(PathBuf);

impl Store {
    pub fn runs(&self) -> Runs {
        Runs(self.root().join("runs"))
    }
}

impl Runs {
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What the last validation of each date found.
    pub fn validations(&self) -> PathBuf {
        self.0.join("validations.json")
    }

    /// What the last check of the inputs before a computation found.
    pub fn preflight(&self) -> PathBuf {
        self.0.join("preflight.json")
    }

    /// Held from reading a file of several commands to replacing it.
    pub(crate) fn lock(&self) -> Result<File> {
        std::fs::create_dir_all(&self.0).map_err(|error| Error::io("create", &self.0, error))?;
        let path = self.0.join("lock");
        let mut options = OpenOptions::new();
        let file = open_regular(options.read(true).write(true).create(true).truncate(false), &path);
        let file = file.map_err(|error| Error::io("open", &path, error))?;
        file.lock().map_err(|error| Error::io("lock", &path, error))?;
        Ok(file)
    }

    /// Makes the directory of a run.
    pub fn create(&self, id: &str) -> Result<RunDir> {
        let dir = self.0.join(id);
        std::fs::create_dir_all(&dir).map_err(|error| Error::io("create", &dir, error))?;
        Ok(RunDir(dir))
    }

    /// The directory of a run; `None`: there is none.
    pub fn find(&self, id: &str) -> Option<RunDir> {
        let is_plain = !id.is_empty() && id.chars().all(|unit| unit.is_ascii_alphanumeric() || unit == '-');
        let dir = self.0.join(id);
        (is_plain && dir.is_dir()).then_some(RunDir(dir))
    }

    /// Every run, the oldest first.
    ///
    /// # Errors
    /// When the directory cannot be listed.
    pub fn list(&self) -> Result<Vec<RunDir>> {
        let entries = match std::fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("list", &self.0, error)),
        };
        let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        let mut dirs: Vec<RunDir> = paths.filter(|path| path.is_dir()).map(RunDir).collect();
        dirs.sort();
        Ok(dirs)
    }
}

impl RunDir {
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What the command did, as one document. A run that was killed at once has none.
    pub fn record(&self) -> PathBuf {
        self.0.join("run.json")
    }

    /// A line for every table, processor and date.
    pub fn log(&self) -> PathBuf {
        self.0.join("log.jsonl")
    }
}
