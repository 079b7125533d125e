//! Readers keep the objects that they read.
//!
//! A reader takes a shared lock before it loads the record. A writer that has replaced the record and finds
//! nobody holding the lock may remove the old objects: whoever comes later reads the new record.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::PathBuf;

use super::Place;
use super::staged::open_regular;
use crate::error::{Error, Result};

/// As long as it is held, no object of the place that a record named is removed.
#[derive(Debug)]
pub struct Pin {
    _file: Option<File>,
}

impl Place {
    fn readers_path(&self) -> PathBuf {
        self.control.join("readers")
    }

    /// Keeps the objects of the record that is loaded next. Nobody is waited for, and nothing is written. A place
    /// that no writer of this version has seen has nothing to lock.
    ///
    /// # Errors
    /// When the lock cannot be taken.
    pub fn pin(&self) -> Result<Pin> {
        let path = self.readers_path();
        let Ok(file) = open_regular(OpenOptions::new().read(true), &path) else { return Ok(Pin { _file: None }) };
        // A writer holds it for a moment, in which it only looks whether there are readers.
        file.lock_shared().map_err(|error| Error::io("lock", &path, error))?;
        Ok(Pin { _file: Some(file) })
    }

    /// Whether somebody may read by an older record. Asked after the record was replaced.
    pub(super) fn has_readers(&self) -> Result<bool> {
        match self.open_readers()?.try_lock() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(Error::io("lock", &self.readers_path(), error)),
        }
    }

    /// The file that readers lock, created where there is none.
    pub(super) fn open_readers(&self) -> Result<File> {
        let path = self.readers_path();
        let mut options = OpenOptions::new();
        let file = open_regular(options.read(true).write(true).create(true).truncate(false), &path);
        file.map_err(|error| Error::io("open", &path, error))
    }
}
