//! Where a directory target lies, and who may write it.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use super::record::FORMAT;
use crate::calendar::Month;
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::store::commit::staged::{open_regular, remove_if_present};
use crate::store::commit::{Ownership, Place, files_in};
use crate::store::lock::lock_patiently;
use crate::warehouse::dir::table_files;

/// A directory that is written as a warehouse.
#[derive(Debug)]
pub struct DirTarget {
    pub(super) root: PathBuf,
    /// As users name it; absent: by its path.
    pub(super) shown: Option<String>,
    pub(super) place: Place,
    /// How many months are compared and written at once.
    pub(super) threads: usize,
}

impl DirTarget {
    /// Names the directory; nothing is read or created.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the path cannot be resolved, or something else than a directory is there.
    pub fn open(root: &Path) -> Result<Self> {
        let unusable = |what: &str| {
            Error::new(ErrorKind::Usage, format!("the target {} {what}", root.display()))
                .hint("name a directory to publish into, like --to dir:published")
        };
        let root = resolved(root).map_err(|error| unusable("cannot be resolved").because(error))?;
        if root.exists() && !root.is_dir() {
            return Err(unusable("is not a directory"));
        }
        let control = root.join("_putback");
        let record = "published.json";
        let rebuild = format!(
            "remove {}: the next upload compares by content and writes it anew",
            control.join(record).display()
        );
        let (ownership, format) = (Ownership::Shared, FORMAT);
        let place = Place { tables: root.clone(), control, record, format, ownership, rebuild };
        Ok(Self { root, shown: None, place, threads: 1 })
    }

    /// Compares and writes so many months at once.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// Held until the returned file is dropped. Creates the directory.
    pub(super) fn lock(&self) -> Result<File> {
        let dir = &self.place.control;
        std::fs::create_dir_all(dir).map_err(|error| Error::io("create", dir, error))?;
        let path = dir.join("lock");
        let mut options = OpenOptions::new();
        let open = open_regular(options.write(true).create(true).truncate(false), &path);
        let file = open.map_err(|error| Error::io("open", &path, error))?;
        if lock_patiently(&file).map_err(|error| Error::io("lock", &path, error))? {
            return Ok(file);
        }
        Err(Error::new(ErrorKind::Locked, format!("another upload into {} is running", self.root.display()))
            .hint("wait for it to end and run the same command again"))
    }

    /// A table laid out in another way would be read twice beside our month files.
    pub(super) fn refuse_foreign_layout(&self, table: Table) -> Result<()> {
        let dir = self.root.join(table.full_name());
        for path in table_files(&self.root, table)? {
            let is_month = path.parent() == Some(&dir)
                && path.extension().is_some()
                && path.file_stem().and_then(|stem| stem.to_str()).is_some_and(|stem| stem.parse::<Month>().is_ok());
            if !is_month {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!("{} holds rows of {table}, and putback publishes month files", path.display()),
                )
                .hint("publish into another directory, or move that file away; nothing was published"));
            }
        }
        Ok(())
    }

    /// What older versions left when they were killed.
    pub(super) fn sweep_old_staged(&self) -> Result<()> {
        for table in Table::outputs() {
            for path in files_in(&self.place.table_dir(table))? {
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                let month = name.strip_suffix(".parquet.staged").and_then(|stem| stem.parse::<Month>().ok());
                if month.is_some() && std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file()) {
                    remove_if_present(&path)?;
                }
            }
        }
        remove_if_present(&self.place.control.join("published.json.staged"))
    }
}

/// The path of a directory that need not exist, without links in what exists of it.
fn resolved(root: &Path) -> std::io::Result<PathBuf> {
    let mut ancestor = std::path::absolute(root)?;
    let mut below = Vec::new();
    loop {
        match ancestor.canonicalize() {
            Ok(path) => return Ok(below.iter().rev().fold(path, |path: PathBuf, name| path.join(name))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let (Some(name), Some(parent)) = (ancestor.file_name(), ancestor.parent()) else { return Ok(ancestor) };
        below.push(name.to_owned());
        ancestor = PathBuf::from(parent);
    }
}
