//! What the last validation of each date found, for as long as the date's outputs are the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::checks::{Catalogue, CheckReport};
use crate::error::{Error, Result};
use crate::numerics::hash::data_hash;
use crate::processors::ProcessorId;
use crate::store::publish::replace_file;
use crate::store::{Phase4Manifest, Store};

/// The dates that were validated.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Validations {
    /// Digest of the catalogue of checks; another catalogue has said nothing yet.
    catalogue: String,
    dates: BTreeMap<NaiveDate, Validated>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Validated {
    /// Digest of what the processors made of the date.
    outputs: String,
    /// Ids of the checks of severity error that failed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    failed: BTreeSet<String>,
}

impl Validations {
    /// What a store knows; nothing where the record is missing or cannot be read.
    pub fn load(store: &Store, catalogue: &Catalogue) -> Self {
        let known = std::fs::read(path(store)).ok().and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        let nothing = || Self { catalogue: catalogue.digest().to_owned(), dates: BTreeMap::new() };
        known.filter(|known| known.catalogue == catalogue.digest()).unwrap_or_else(nothing)
    }

    /// Takes in what a validation of `dates` found.
    pub fn take_in(&mut self, report: &CheckReport, dates: &[NaiveDate], manifest: &Phase4Manifest) {
        for &date in dates {
            self.dates.insert(date, Validated { outputs: outputs(manifest, date), failed: BTreeSet::new() });
        }
        for result in report.errors() {
            for finding in &result.findings {
                if let Some(validated) = self.dates.get_mut(&finding.date) {
                    validated.failed.insert(result.id.clone());
                }
            }
        }
    }

    /// # Errors
    /// When the record cannot be written.
    pub fn save(&self, store: &Store) -> Result<()> {
        let path = path(store);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|error| Error::io("create", parent, error))?;
        }
        replace_file(&path, &serde_json::to_vec(self).expect("serializes"))
    }

    /// The error checks that fail on a date as it is now; `None`: it was not validated as it is now.
    pub fn failed(&self, manifest: &Phase4Manifest, date: NaiveDate) -> Option<&BTreeSet<String>> {
        let validated = self.dates.get(&date)?;
        (validated.outputs == outputs(manifest, date)).then_some(&validated.failed)
    }
}

fn path(store: &Store) -> PathBuf {
    store.root().join("runs").join("validations.json")
}

fn outputs(manifest: &Phase4Manifest, date: NaiveDate) -> String {
    let mut parts = Vec::new();
    for id in ProcessorId::ALL {
        let record = manifest.record(id, date);
        parts.push(record.map_or_else(String::new, |record| {
            format!("{:?}|{}|{}|{}|{}", record.state, record.rows, record.hash, record.failures_hash, record.inputs)
        }));
    }
    data_hash(&parts.iter().map(String::as_bytes).collect::<Vec<_>>())
}
