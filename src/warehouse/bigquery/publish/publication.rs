//! A publication, before and after its bytes are fixed.

use chrono::NaiveDate;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::part::Part;
use crate::numerics::hash::hex;
use crate::store::FileEntry;
use crate::warehouse::DateContent;
use crate::warehouse::bigquery::statements::content;

/// Where the ledger stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LedgerState {
    /// The latest publication; empty before the first.
    pub latest: String,
    /// What the head names. It falls behind when a putback that knows no head publishes.
    pub head: String,
}

/// What is to be published, and after which publication.
pub(super) struct Planned {
    pub ledger: LedgerState,
    pub parts: Vec<Part>,
    /// As [`PublishSet::conditions`].
    pub conditions: Vec<String>,
    pub keep_days: u32,
}

/// A publication whose bytes are fixed.
pub(super) struct NamedPublication {
    pub id: String,
    pub ledger: LedgerState,
    pub parts: Vec<Part>,
    pub conditions: Vec<String>,
    /// How long what it replaces is kept; 0: not at all.
    pub keep_days: u32,
    /// The publication that it takes back.
    pub undoes: Option<String>,
}

impl Planned {
    /// The id is a digest of what is sent, where to, and what it replaces.
    pub fn named(self, target: &str, file: Option<&FileEntry>) -> NamedPublication {
        let mut digest = Sha256::new();
        let LedgerState { latest, head } = &self.ledger;
        digest.update(format!("{target}|{latest}|{head}|{}", env!("CARGO_PKG_VERSION")));
        for part in &self.parts {
            digest.update(format!("|{}|{}|{}", part.table, content(&part.planned), content(&part.sent)));
            digest.update(part.scope.predicate());
            digest.update(serde_json::to_vec(&part.staged_fields()).expect("serializes"));
        }
        file.iter().for_each(|file| digest.update(&file.sha256));
        self.conditions.iter().for_each(|condition| digest.update(format!("|{condition}")));
        let id = hex(&digest.finalize()[..10]);
        let Self { ledger, parts, conditions, keep_days } = self;
        NamedPublication { id, ledger, parts, conditions, keep_days, undoes: None }
    }
}

/// A row of the comparison: part, date, content.
pub(super) fn date_content(row: &[Value]) -> Option<(usize, NaiveDate, DateContent)> {
    let text = |index: usize| row.get(index).and_then(Value::as_str).unwrap_or_default();
    let content = DateContent { rows: text(2).parse().ok()?, checksum: text(3).to_owned() };
    Some((text(0).parse().ok()?, text(1).parse().ok()?, content))
}
