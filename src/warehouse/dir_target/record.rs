//! `_putback/published.json`: which file each month is, and the dates that were published and checked.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::calendar::Month;
use crate::catalog::Table;
use crate::store::FileEntry;
use crate::store::commit::Record;

/// The version that is written. Format 1 had no objects, and a token for each date as its only word on it.
pub(super) const FORMAT: u32 = 2;

/// By table, then month.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Published {
    /// What the last publication accepted, waived or left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<String>,
    pub tables: BTreeMap<String, BTreeMap<String, PublishedMonth>>,
    /// The latest publications, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub publications: Vec<RecordedPublication>,
}

/// A publication in the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RecordedPublication {
    pub id: String,
    /// The publication before it; empty: none that is known.
    pub parent: String,
    pub published_at: DateTime<Utc>,
    pub first_date: NaiveDate,
    pub last_date: NaiveDate,
    pub rows: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<String>,
    /// The checksum of the file that says what it replaced; empty: it cannot be undone any more.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub replaced: String,
    /// Checksums of the months that it replaced.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub kept: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PublishedMonth {
    /// Without rows there is no file.
    #[serde(flatten)]
    pub file: FileEntry,
    /// The dates of the month that putback published, as they lie in the file.
    pub dates: BTreeMap<NaiveDate, PublishedDate>,
}

/// A date that was published and checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "AnyDate")]
pub(super) struct PublishedDate {
    /// Content token of what was published.
    pub token: String,
    /// Content hash of all rows of the date in the file; empty where format 1 did not say.
    pub hash: String,
    pub rows: u64,
}

/// A date of format 2, or of format 1.
#[derive(Deserialize)]
#[serde(untagged)]
enum AnyDate {
    Token(String),
    Checked { token: String, hash: String, rows: u64 },
}

impl From<AnyDate> for PublishedDate {
    fn from(date: AnyDate) -> Self {
        match date {
            AnyDate::Token(token) => Self { token, hash: String::new(), rows: 0 },
            AnyDate::Checked { token, hash, rows } => Self { token, hash, rows },
        }
    }
}

impl PublishedMonth {
    /// No file and no date.
    pub fn nothing() -> Self {
        Self { file: FileEntry { rows: 0, size_bytes: 0, sha256: String::new() }, dates: BTreeMap::new() }
    }

    /// The file, if the month has one.
    pub fn file(&self) -> Option<&FileEntry> {
        (self.file.rows > 0).then_some(&self.file)
    }
}

impl Published {
    pub fn month(&self, table: Table, month: Month) -> Option<&PublishedMonth> {
        self.tables.get(table.full_name())?.get(&month.to_string())
    }

    pub fn set(&mut self, table: Table, month: Month, published: PublishedMonth) {
        self.tables.entry(table.full_name().to_owned()).or_default().insert(month.to_string(), published);
    }

    /// Months of tables that this version knows.
    fn known(&self) -> impl Iterator<Item = (Table, Month, &PublishedMonth)> {
        self.tables.iter().flat_map(|(name, months)| {
            let table = Table::output_named(name);
            months.iter().filter_map(move |(month, published)| Some((table?, month.parse().ok()?, published)))
        })
    }

    /// Every month that is recorded, with its table.
    pub fn months(&self) -> Vec<(Table, Month, PublishedMonth)> {
        self.known().map(|(table, month, published)| (table, month, published.clone())).collect()
    }
}

impl Record for Published {
    fn month_files(&self) -> Vec<(Table, Month, &FileEntry)> {
        self.known().filter_map(|(table, month, published)| Some((table, month, published.file()?))).collect()
    }

    /// Files of tables that only other versions know.
    fn kept_objects(&self) -> Vec<&str> {
        let others = self.tables.iter().filter(|(name, _)| Table::output_named(name).is_none());
        let months = others.flat_map(|(_, months)| months.values());
        months.filter_map(|month| Some(month.file()?.sha256.as_str())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_are_read_and_unknown_tables_are_kept() {
        let old = r#"{"format":1,"tables":{"nba_predictions.ml_feature_store_v2":{"2023-11":{"rows":3,"size_bytes":9,
            "sha256":"aa","dates":{"2023-11-07":"token"}},"2023-12":{"rows":0,"size_bytes":0,"sha256":"","dates":{}}},
            "later.table":{"2023-11":{"rows":1,"size_bytes":9,"sha256":"bb","dates":{}}}}}"#;
        let published: Published = serde_json::from_str(old).expect("format 1");
        let month = "2023-11".parse().expect("a month");
        let november = published.month(Table::MlFeatureStore, month).expect("a month");
        let day = "2023-11-07".parse().expect("a date");
        assert_eq!((november.dates[&day].token.as_str(), november.dates[&day].hash.as_str()), ("token", ""));
        assert_eq!(published.month_files().len(), 1, "a month without rows has no file");
        assert_eq!(published.kept_objects(), ["bb"]);
        let text = serde_json::to_string(&published).expect("serializes");
        assert_eq!(serde_json::from_str::<Published>(&text).expect("format 2"), published);
    }
}
