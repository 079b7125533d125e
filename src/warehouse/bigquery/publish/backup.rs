//! What a publication replaces, kept in a table of its own that expires: rows of all tables side by side, as in staging,
//! and one row that says which dates they are of. The transaction fills it, so it holds all of it or nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::part::Part;
use super::publication::NamedPublication;
use crate::error::{Error, Result};
use crate::processors::ProcessorId;
use crate::upload::KeptRows;
use crate::warehouse::DateContent;
use crate::warehouse::bigquery::BigQuery;
use crate::warehouse::bigquery::live_table::LiveTable;
use crate::warehouse::bigquery::statements::{LEDGER, Scope, content, literal};

/// The column of the row that describes the others.
const MANIFEST: &str = "putback_manifest";

/// So much of a date's checksum tells which date changed; the transaction compares whole ones.
const MARK_LENGTH: usize = 8;

/// What a backup table holds, and what the target held after the publication.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub tables: Vec<KeptTable>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeptTable {
    pub table: String,
    /// Columns of the target that are kept.
    pub columns: Vec<String>,
    /// Values of [`content`] before and after the publication.
    pub before: String,
    pub after: String,
    /// Dates by the processors whose rows were replaced.
    pub dates: Vec<(Vec<ProcessorId>, Vec<KeptDate>)>,
}

/// A date, its rows after the publication, and the beginning of their checksum.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeptDate(pub NaiveDate, pub u64, pub String);

impl KeptDate {
    fn of(date: NaiveDate, content: Option<&DateContent>) -> Self {
        let mark = |content: &DateContent| content.checksum.chars().take(MARK_LENGTH).collect();
        Self(date, content.map_or(0, |content| content.rows), content.map_or_else(String::new, mark))
    }

    /// Whether the target still holds what the publication left.
    pub fn is(&self, content: Option<&DateContent>) -> bool {
        let found = Self::of(self.0, content);
        (found.1, found.2) == (self.1, self.2.clone())
    }
}

pub(super) fn backup_name(publication: &str) -> String {
    format!("putback_backup_{publication}")
}

/// The columns of a live table.
fn live_columns(live: &LiveTable) -> Vec<String> {
    live.fields().iter().filter_map(|field| field["name"].as_str()).map(str::to_owned).collect()
}

impl Part {
    /// All columns of the live table, those of others too, as they lie in the backup table.
    fn kept_fields(&self) -> Vec<Value> {
        const KEPT: [&str; 7] = ["name", "type", "mode", "precision", "scale", "fields", "rangeElementType"];
        let kept = |field: &Value| {
            let mut field = field.clone();
            field["name"] = self.staged_name(field["name"].as_str().unwrap_or_default()).into();
            if field["mode"] == "REQUIRED" {
                field["mode"] = "NULLABLE".into();
            }
            if let Some(object) = field.as_object_mut() {
                object.retain(|key, _| KEPT.contains(&key.as_str()));
            }
            field
        };
        self.live.fields().iter().map(kept).collect()
    }

    /// Copies the rows that are about to be replaced.
    fn keep_sql(&self, backup: &str, target: &str) -> String {
        let columns = live_columns(&self.live);
        let kept: Vec<String> = columns.iter().map(|column| self.staged_name(column)).collect();
        let (kept, columns, predicate) = (kept.join(", "), columns.join(", "), self.scope.predicate());
        format!("INSERT INTO {backup} ({kept}) SELECT {columns} FROM {target} WHERE {predicate};\n")
    }

    fn kept_table(&self) -> KeptTable {
        let group = |(processors, dates): (&[ProcessorId], Vec<NaiveDate>)| {
            let dates = dates.into_iter().map(|date| KeptDate::of(date, self.sent.get(&date)));
            (processors.to_vec(), dates.collect())
        };
        KeptTable {
            table: self.table.full_name().to_owned(),
            columns: live_columns(&self.live),
            before: content(&self.planned),
            after: content(&self.sent),
            dates: self.scope.groups().map(group).collect(),
        }
    }

    /// The kept rows of a backup table under the names of the target.
    pub(super) fn kept_rows(&self, backup: &str, columns: &[String]) -> String {
        let column = |name: &String| format!("{} AS {name}", self.staged_name(name));
        let columns: Vec<String> = columns.iter().map(column).collect();
        let date = self.staged_name(self.table.schema().partition_column());
        format!("(SELECT {} FROM {backup} WHERE {date} IS NOT NULL)", columns.join(", "))
    }
}

impl KeptTable {
    /// The dates in the words of a publication.
    pub fn scope(&self, table: crate::catalog::Table) -> Scope {
        let mut scope = Scope::new(table);
        for (processors, dates) in &self.dates {
            dates.iter().for_each(|date| scope.add(date.0, processors));
        }
        scope
    }
}

impl BigQuery {
    pub(super) fn backup_reference(&self, publication: &str) -> String {
        format!("`{}`", self.full_name(LEDGER.0, &backup_name(publication)))
    }

    /// The statements that keep what a publication replaces; none where nothing is to be kept.
    pub(super) fn keep_statements(&self, publication: &NamedPublication) -> Vec<String> {
        if publication.keep_days == 0 {
            return Vec::new();
        }
        let backup = self.backup_reference(&publication.id);
        let manifest = Manifest { tables: publication.parts.iter().map(Part::kept_table).collect() };
        let manifest = serde_json::to_string(&manifest).expect("serializes");
        // Where there is nothing, nothing is read and paid for.
        let replacing = publication.parts.iter().filter(|part| !part.planned.is_empty());
        let rows = replacing.map(|part| part.keep_sql(&backup, &self.reference(part.table)));
        let described = format!("INSERT INTO {backup} ({MANIFEST}) VALUES ({});\n", literal(&manifest));
        rows.chain([described]).collect()
    }

    /// Creates the backup table of a publication, or puts off the end of one that an earlier try created.
    pub(super) fn create_backup(&self, publication: &NamedPublication) -> Result<()> {
        if publication.keep_days == 0 {
            return Ok(());
        }
        let name = backup_name(&publication.id);
        let manifest = json!({ "name": MANIFEST, "type": "STRING", "mode": "NULLABLE" });
        let fields: Vec<Value> = publication.parts.iter().flat_map(Part::kept_fields).chain([manifest]).collect();
        let expires = self.settings.now + TimeDelta::days(i64::from(publication.keep_days));
        let expires = expires.timestamp_millis().to_string();
        let is_new = self.create_table(
            LEDGER.0,
            json!({
                "tableReference": self.table_reference(LEDGER.0, &name),
                "schema": { "fields": fields },
                "expirationTime": expires,
                "description": format!("What publication {} of putback replaced; `putback undo` reads it", publication.id),
                "labels": { "tool": "putback" },
            }),
        )?;
        if is_new {
            return Ok(());
        }
        let change = json!({ "expirationTime": expires });
        let kept = self.runtime.block_on(self.rest.patch(self.tables_url(LEDGER.0, &name), change));
        kept.map(|_| ()).map_err(|error| {
            error.describe(&format!("extending the expiration of table {}", self.full_name(LEDGER.0, &name)))
        })
    }

    /// What is kept of a publication; `None`: nothing, or nothing any more.
    pub(super) fn kept(&self, publication: &str) -> Result<Option<KeptRows>> {
        let live = self.live_table(LEDGER.0, &backup_name(publication))?;
        let number =
            |live: &LiveTable, key: &str| live.resource[key].as_str().and_then(|text| text.parse::<i64>().ok());
        Ok(live.map(|live| KeptRows {
            bytes: number(&live, "numBytes").unwrap_or(0).unsigned_abs(),
            until: number(&live, "expirationTime").and_then(DateTime::<Utc>::from_timestamp_millis),
        }))
    }

    /// The manifest of a backup table; `None`: it has none, or not one alone.
    pub(super) fn manifest(&self, publication: &str) -> Result<Option<Manifest>> {
        let backup = self.backup_reference(publication);
        let sql = format!("SELECT {MANIFEST} FROM {backup} WHERE {MANIFEST} IS NOT NULL");
        let rows = self.query_rows(&sql, "looking at what the publication replaced")?;
        let [row] = rows.as_slice() else { return Ok(None) };
        Ok(row.first().and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok()))
    }
}

/// Which dates of a table are not what the publication left.
pub(super) fn changed_dates(kept: &KeptTable, found: &BTreeMap<NaiveDate, DateContent>) -> Vec<NaiveDate> {
    let dates = kept.dates.iter().flat_map(|(_, dates)| dates);
    dates.filter(|date| !date.is(found.get(&date.0))).map(|date| date.0).collect()
}

pub(super) fn damaged(publication: &str, place: &str) -> Error {
    Error::new(
        crate::error::ErrorKind::Corrupt,
        format!(
            "publication {publication} cannot be undone: {place} does not hold what it replaced; nothing was changed"
        ),
    )
    .hint("somebody changed that table; publish the rows again from a store that has them")
}
