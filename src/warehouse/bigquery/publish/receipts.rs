//! Receipts of what this store has published.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::store::publish::replace_file;

const RECEIPTS_FORMAT: u32 = 1;

/// What this store has published into a project.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Receipts {
    format: u32,
    pub(super) tables: BTreeMap<String, TableReceipt>,
}

impl Receipts {
    pub(super) fn of(&mut self, table: Table) -> &mut TableReceipt {
        self.tables.entry(table.full_name().to_owned()).or_default()
    }
}

impl Default for Receipts {
    fn default() -> Self {
        Self { format: RECEIPTS_FORMAT, tables: BTreeMap::new() }
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct TableReceipt {
    /// The table's version right after the publication.
    pub(super) version: String,
    pub(super) dates: BTreeMap<NaiveDate, String>,
    /// Rows that stay in the table although the store has none of their dates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) vanished: BTreeMap<NaiveDate, u64>,
}

/// What the file says; nothing where there is none.
///
/// # Errors
/// [`ErrorKind::Store`] for a file that cannot be understood or that a newer putback wrote.
pub(super) fn load_receipts(path: &Path) -> Result<Receipts> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Receipts::default()),
        Err(error) => return Err(Error::io("read", path, error)),
    };
    let unusable = |why: &str| {
        Error::new(ErrorKind::Store, format!("{} {why}", path.display()))
            .hint("remove the file; the next upload compares with the target and writes it again")
    };
    let receipts: Receipts =
        serde_json::from_slice(&bytes).map_err(|error| unusable("cannot be read").because(error))?;
    if receipts.format > RECEIPTS_FORMAT {
        return Err(unusable("was written by a newer putback"));
    }
    Ok(receipts)
}

pub(super) fn save_receipts(path: &Path, receipts: &Receipts) -> Result<()> {
    replace_file(path, &serde_json::to_vec_pretty(receipts).expect("serializes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_are_kept_and_foreign_ones_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("receipts.json");
        let mut receipts = load_receipts(&path).expect("none yet");
        assert!(receipts.tables.is_empty());
        let receipt = receipts.tables.entry("a.b".to_owned()).or_default();
        receipt.dates.insert("2024-01-15".parse().expect("a date"), "token".to_owned());
        save_receipts(&path, &receipts).expect("saved");
        assert_eq!(load_receipts(&path).expect("read").tables["a.b"].dates.len(), 1);
        for (text, says) in [(r#"{"format":2,"tables":{}}"#, "newer"), ("{", "cannot be read")] {
            std::fs::write(&path, text).expect("a file");
            let error = load_receipts(&path).expect_err("unusable");
            assert!(error.kind() == ErrorKind::Store && error.to_string().contains(says), "{error}");
        }
    }
}
