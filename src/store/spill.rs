//! Directories for what does not fit into memory.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::commit::staged::{is_at, open_regular};
use super::commit::{file_name, staged::remove_if_present};
use crate::error::{Error, Result};

const PREFIX: &str = "putback-spill-";
const LOCK: &str = "lock";

/// A directory that nobody else uses. Removed when dropped, or by the next one beside it when its process was
/// killed: a lock inside says whether the process lives.
#[derive(Debug)]
pub struct SpillDir {
    path: PathBuf,
    _lock: File,
}

impl SpillDir {
    /// Makes one in `place`, which is made as well, and removes those that killed processes left there.
    ///
    /// # Errors
    /// When nothing can be written there.
    pub fn create(place: &Path) -> Result<Self> {
        sweep(place)?;
        loop {
            if let Some(made) = Self::try_create(place).map_err(|error| Error::io("spill into", place, error))? {
                return Ok(made);
            }
        }
    }

    /// `None`: somebody took it for one that was left behind.
    fn try_create(place: &Path) -> std::io::Result<Option<Self>> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        std::fs::create_dir_all(place)?;
        let path = place.join(format!("{PREFIX}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
        let is_taken = |error: &std::io::Error| matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound);
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if is_taken(&error) => return Ok(None),
            other => other?,
        }
        let lock = path.join(LOCK);
        let file = match OpenOptions::new().write(true).create_new(true).open(&lock) {
            Err(error) if is_taken(&error) => return Ok(None),
            other => other?,
        };
        file.lock()?;
        Ok(is_at(&file, &lock).then_some(Self { path, _lock: file }))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SpillDir {
    fn drop(&mut self) {
        // What cannot be removed now is swept by the next process.
        let _ = remove_all(&self.path);
        // Others may be at work beside it: then it stays.
        let _ = self.path.parent().map(std::fs::remove_dir);
    }
}

/// Removes the spill directories of killed processes, and what versions without such directories left.
///
/// # Errors
/// When something cannot be removed.
pub(super) fn sweep(place: &Path) -> Result<()> {
    let entries = match std::fs::read_dir(place) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("list", place, error)),
    };
    for entry in entries {
        let path = entry.map_err(|error| Error::io("list", place, error))?.path();
        let name = file_name(&path);
        if name.starts_with(PREFIX) {
            remove_abandoned(&path)?;
        } else if is_of_older_version(place, name) {
            let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            removed.or_else(ignore_missing).map_err(|error| Error::io("remove", &path, error))?;
        }
    }
    // Where nothing is left.
    let _ = std::fs::remove_dir(place);
    Ok(())
}

/// Directly in a store's `spill`, and never elsewhere: other programs name their files so, too.
fn is_of_older_version(place: &Path, name: &str) -> bool {
    file_name(place) == "spill" && (name.starts_with("duckdb_temp_") || name.starts_with(".tmp"))
}

fn remove_abandoned(dir: &Path) -> Result<()> {
    let lock = dir.join(LOCK);
    let held = match open_regular(OpenOptions::new().read(true), &lock) {
        Ok(file) => file,
        // Just made, or removed half: without content it goes.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let _ = std::fs::remove_dir(dir);
            return Ok(());
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(()),
        Err(error) => return Err(Error::io("open", &lock, error)),
    };
    match held.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(()),
        Err(TryLockError::Error(error)) => return Err(Error::io("lock", &lock, error)),
    }
    remove_all(dir)
}

/// Removes a spill directory whose lock is held.
fn remove_all(dir: &Path) -> Result<()> {
    let lock = dir.join(LOCK);
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        // Its owner removed it after the sweep had opened its lock.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("list", dir, error)),
    };
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| *path != lock) {
        let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        removed.or_else(ignore_missing).map_err(|error| Error::io("remove", &path, error))?;
    }
    // Last: as long as there is anything else, the directory can be told from one that was just made, also when this
    // process is killed here.
    remove_if_present(&lock)?;
    std::fs::remove_dir(dir).or_else(ignore_missing).map_err(|error| Error::io("remove", dir, error))
}

fn ignore_missing(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_of_living_processes_stay_and_others_go() {
        let dir = tempfile::tempdir().expect("a directory");
        let place = dir.path().join("spill");
        let living = SpillDir::create(&place).expect("a directory");
        let abandoned = place.join(format!("{PREFIX}1-0"));
        std::fs::create_dir_all(abandoned.join("deep")).expect("a directory");
        for name in ["putback-spill-1-0/lock", "putback-spill-1-0/deep/rows", "duckdb_temp_storage_S32K-0.tmp", "mine"]
        {
            std::fs::write(place.join(name), "").expect("a file");
        }
        std::fs::create_dir(place.join(format!("{PREFIX}1-1"))).expect("a directory");
        std::fs::create_dir(place.join(".tmpX")).expect("a directory");
        let other = SpillDir::create(&place).expect("a directory");
        assert!(other.path() != living.path());
        drop(other);
        let mut left: Vec<PathBuf> =
            std::fs::read_dir(&place).expect("it").map(|entry| entry.expect("it").path()).collect();
        left.sort();
        assert_eq!(left, [place.join("mine"), living.path().to_owned()]);
        std::fs::remove_file(place.join("mine")).expect("a file");
        drop(living);
        assert!(!place.exists());
    }

    #[test]
    fn many_make_and_sweep_at_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let place = dir.path().join("spill");
        let work = || {
            for n in 0..50 {
                let spill = SpillDir::create(&place).expect("a directory");
                let file = spill.path().join("rows");
                std::fs::write(&file, n.to_string()).expect("a file");
                std::thread::yield_now();
                assert_eq!(std::fs::read_to_string(&file).expect("the file"), n.to_string());
            }
        };
        std::thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(work))));
        assert!(!place.exists());
    }
}
