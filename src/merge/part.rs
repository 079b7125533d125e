//! A store that takes part in a merge, as it was when it was looked at.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::processors;
use crate::snapshot::Validations;
use crate::store::{Layer, Manifest, Phase3Manifest, Phase4Manifest, Store, WriteLock};

/// A store with its manifests. Its files stay as long as this is held.
pub struct Part {
    pub(super) store: Store,
    /// The directory, as it was named.
    pub(super) name: String,
    pub(super) phase3: Arc<Phase3Manifest>,
    pub(super) phase4: Arc<Phase4Manifest>,
    pub(super) validations: Validations,
    /// The manifests as bytes.
    records: [Option<Vec<u8>>; 2],
}

impl Part {
    /// The store that takes the others in.
    pub(super) fn own(lock: &WriteLock) -> Result<Self> {
        let records = records(lock.store())?;
        let (store, name) = (lock.store().clone(), lock.store().root().display().to_string());
        let validations = Validations::load(&store);
        Ok(Self { store, name, phase3: lock.phase3(), phase4: lock.phase4(), validations, records })
    }

    /// A store that is taken in.
    ///
    /// # Errors
    /// [`ErrorKind::Upstream`] for a directory that is no store, [`ErrorKind::Locked`] for a store that is written,
    /// [`ErrorKind::Store`] for a store or processors of another version.
    pub fn open(store: &Store) -> Result<Self> {
        let records = records(store)?;
        let (phase3, phase4) = (Arc::new(store.phase3()?), Arc::new(store.phase4()?));
        let (name, validations) = (store.root().display().to_string(), Validations::load(store));
        let part = Self { store: store.clone(), name, phase3, phase4, validations, records };
        if part.records[0].is_none() {
            return Err(Error::new(
                ErrorKind::Upstream,
                format!("{} is not a store: nothing was synced into it", part.name),
            )
            .hint("name directories that `sync` and `compute` wrote with --store; nothing was merged"));
        }
        if let Some(owner) = WriteLock::holder(store)? {
            let who = format!("process {} on {} (`{}`)", owner.pid, owner.host, owner.command);
            return Err(Error::new(ErrorKind::Locked, format!("{who} is writing the store {}", part.name))
                .hint("wait for it to end; nothing was merged"));
        }
        part.refuse_another_version()?;
        Ok(part)
    }

    /// What is known of the store's validations.
    pub fn validations(&self) -> &Validations {
        &self.validations
    }

    fn refuse_another_version(&self) -> Result<()> {
        let refused = |what: String| Error::new(ErrorKind::Store, format!("{}: {what}; nothing was merged", self.name));
        if self.phase3.is_old() || self.phase4.is_old() {
            return Err(refused("an older version of putback wrote it".to_owned())
                .hint(format!("run `putback sync --store {}` with this version first", self.name)));
        }
        for (&id, records) in &self.phase4.processors {
            let ours = processors::get(id).version();
            if let Some((date, record)) = records.iter().find(|(_, record)| record.version != ours) {
                let what =
                    format!("{id} of {date} has version {}, this putback computes version {ours}", record.version);
                return Err(
                    refused(what).hint(format!("compute it with one version: `putback compute --store {}`", self.name))
                );
            }
        }
        Ok(())
    }

    /// # Errors
    /// [`ErrorKind::StalePlan`] when the store is not what it was.
    pub(super) fn refuse_changed(&self) -> Result<()> {
        if records(&self.store)? == self.records {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::StalePlan,
            format!("the store {} changed while it was merged; nothing was merged", self.name),
        )
        .hint("run the same command again"))
    }
}

fn records(store: &Store) -> Result<[Option<Vec<u8>>; 2]> {
    let read = |layer: Layer| {
        let path: PathBuf = store.layer_dir(layer).join("manifest.json");
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", &path, error)),
        }
    };
    Ok([read(Layer::Phase3)?, read(Layer::Phase4)?])
}
