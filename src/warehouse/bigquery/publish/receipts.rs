//! What this store knows to have published.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::store::publish::replace_file;

const RECEIPTS_FORMAT: u32 = 1;

/// What this store knows to have published into a project.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Receipts {
    format: u32,
    pub(super) tables: BTreeMap<String, TableReceipt>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct TableReceipt {
    /// The table's version right after the publication.
    pub(super) version: String,
    pub(super) dates: BTreeMap<NaiveDate, String>,
}

pub(super) fn load_receipts(path: &Path) -> Result<Receipts> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Receipts::default()),
        Err(error) => return Err(Error::io("read", path, error)),
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        Error::new(ErrorKind::Store, format!("{} cannot be read", path.display()))
            .hint("remove the file: the next upload compares with the target and writes it anew")
            .because(error)
    })
}

pub(super) fn save_receipts(path: &Path, receipts: &Receipts) -> Result<()> {
    let versioned = Receipts { format: RECEIPTS_FORMAT, tables: BTreeMap::new() };
    let mut json = serde_json::to_value(versioned).expect("serializes");
    json["tables"] = serde_json::to_value(&receipts.tables).expect("serializes");
    replace_file(path, &serde_json::to_vec_pretty(&json).expect("serializes"))
}
