//! One writer per store.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::commit::staged::open_regular;
use super::commit::{Loaded, Record};
use super::manifest::Manifests;
use super::{FileEntry, Layer, Manifest, Phase3Manifest, Phase4Manifest, Store};
use crate::calendar::Month;
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};

/// Who writes: handed in by the command line, shown to a second writer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Owner {
    pub pid: u32,
    pub host: String,
    pub command: String,
}

/// Held while a store is written; released when dropped, also by a crash.
#[derive(Debug)]
pub struct WriteLock {
    store: Store,
    /// The months that are recorded: what lies under their plain names is ours.
    recorded: Mutex<BTreeSet<(Table, Month)>>,
    /// As they lie on disk.
    manifests: Manifests,
    _file: File,
}

impl WriteLock {
    /// Locks the store, creating it if needed, completes what a killed writer began, and removes what it left
    /// behind. A store of an older version becomes one of this version.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] naming the holder; [`ErrorKind::Store`] for a store of a newer version, or whose
    /// manifest is damaged or lost.
    pub fn acquire(store: &Store, owner: &Owner) -> Result<Self> {
        std::fs::create_dir_all(store.root()).map_err(|error| Error::io("create the store", store.root(), error))?;
        let path = store.root().join("lock");
        let mut options = OpenOptions::new();
        let file = open_regular(options.read(true).write(true).create(true).truncate(false), &path);
        let mut file = file.map_err(|error| Error::io("open", &path, error))?;
        if !lock_patiently(&file).map_err(|error| Error::io("lock", &path, error))? {
            return Err(held_by_another(store, &mut file));
        }
        write_owner(&mut file, owner).map_err(|error| Error::io("write", &path, error))?;
        let store = Store { is_own: true, ..store.clone() };
        let lock = Self { store, recorded: Mutex::default(), manifests: Manifests::default(), _file: file };
        lock.recover::<Phase3Manifest>()?;
        lock.recover::<Phase4Manifest>()?;
        super::spill::sweep(&lock.store.spill_place())?;
        Ok(lock)
    }

    fn recover<M: Manifest>(&self) -> Result<()> {
        let place = self.store.place(M::LAYER);
        let Some(Loaded { record, format }) = self.store.load::<M>()? else {
            return place.recover(&M::default());
        };
        self.remember(&record);
        let record = self.keep(record);
        if format < place.format {
            super::migrate::from_plain_files(&place, &*record)?;
            return self.commit(&*record);
        }
        place.recover(&*record)
    }

    fn keep<M: Manifest>(&self, manifest: M) -> Arc<M> {
        let manifest = Arc::new(manifest);
        M::slot(&self.manifests).lock().expect("no thread panicked").clone_from(&manifest);
        manifest
    }

    /// What `sync` pulled, as it was last committed; empty for a new store. Nothing is read.
    pub fn phase3(&self) -> Arc<Phase3Manifest> {
        self.manifest()
    }

    /// What `compute` wrote. Otherwise as [`WriteLock::phase3`].
    pub fn phase4(&self) -> Arc<Phase4Manifest> {
        self.manifest()
    }

    fn manifest<M: Manifest>(&self) -> Arc<M> {
        Arc::clone(&M::slot(&self.manifests).lock().expect("no thread panicked"))
    }

    fn remember(&self, manifest: &impl Record) {
        let months = manifest.month_files().into_iter().map(|(table, month, _)| (table, month));
        self.recorded.lock().expect("no thread panicked").extend(months);
    }

    /// Makes `manifest` the state of its layer ([`Place::commit`](super::commit::Place::commit)).
    pub(super) fn commit<M: Manifest>(&self, manifest: &M) -> Result<()> {
        let recorded = self.recorded.lock().expect("no thread panicked").clone();
        let is_recorded = |table, month, _: &FileEntry| recorded.contains(&(table, month));
        self.store.place(M::LAYER).commit_over(&is_recorded, manifest)?;
        self.remember(manifest);
        self.keep(manifest.clone());
        Ok(())
    }

    /// Removes what was written to a layer and not committed.
    pub(super) fn sweep(&self, layer: Layer) -> Result<()> {
        match layer {
            Layer::Phase3 => self.recover::<Phase3Manifest>(),
            Layer::Phase4 => self.recover::<Phase4Manifest>(),
        }
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Who writes the store right now; `None`: nobody.
    pub fn holder(store: &Store) -> Result<Option<Owner>> {
        let path = store.root().join("lock");
        let mut file = match open_regular(OpenOptions::new().read(true), &path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("open", &path, error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.read_to_string(&mut text).map_err(|error| Error::io("read", &path, error))?;
                Ok(serde_json::from_str(&text).ok())
            }
            Err(TryLockError::Error(error)) => Err(Error::io("lock", &path, error)),
        }
    }
}

/// A process that was just killed keeps its lock until the system has taken it apart: a moment's
/// patience lets the rerun that follows start. False when somebody else still holds the lock then.
pub(crate) fn lock_patiently(file: &File) -> std::io::Result<bool> {
    const TRIES: u32 = 20;
    const PAUSE: Duration = Duration::from_millis(50);
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(false)
}

fn write_owner(file: &mut File, owner: &Owner) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(serde_json::to_string(owner)?.as_bytes())
}

fn held_by_another(store: &Store, file: &mut File) -> Error {
    let mut text = String::new();
    let holder = file.read_to_string(&mut text).ok().and_then(|_| serde_json::from_str::<Owner>(&text).ok());
    let who = match holder {
        Some(owner) => format!("process {} on {} (`{}`)", owner.pid, owner.host, owner.command),
        None => "another process".to_owned(),
    };
    let store = display_root(store.root());
    Error::new(ErrorKind::Locked, format!("{who} is writing the store {store}"))
        .hint("wait for it to end, or use another --store; `putback status` works meanwhile")
}

fn display_root(root: &Path) -> String {
    root.display().to_string()
}
