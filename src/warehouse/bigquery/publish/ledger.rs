//! The ledger of publications and its head.

use serde_json::{Value, json};

use super::publication::{LedgerState, NamedPublication};
use crate::error::{Error, ErrorKind, Result};
use crate::warehouse::bigquery::BigQuery;
use crate::warehouse::bigquery::statements::{HEAD, LEDGER, Ledger, create_head_sql, latest_sql};

/// The numbers by which rows of the comparison of a target say that they are of the ledger or its head.
const LEDGER_PART: &str = "-1";
const HEAD_PART: &str = "-2";

/// How the summary of an undo begins.
const UNDO_OF: &str = "undo of ";

/// What the ledger says of an undo first.
pub(super) fn summary_of(undone: &str) -> String {
    format!("{UNDO_OF}{undone}")
}

/// The publication that one with this summary takes back.
pub(super) fn undone_of(summary: &str) -> Option<&str> {
    summary.strip_prefix(UNDO_OF)?.split(';').next()
}

impl BigQuery {
    pub(super) fn ledger(&self) -> Ledger {
        let quoted = |(dataset, table): (&str, &str)| format!("`{}`", self.full_name(dataset, table));
        Ledger { rows: quoted(LEDGER), head: quoted(HEAD) }
    }

    /// Queries with the columns of the comparison of a target: one for each table of the ledger that exists.
    pub(super) fn ledger_queries(&self) -> Result<Vec<String>> {
        let Ledger { rows, head } = self.ledger();
        let mut queries = Vec::new();
        if self.live_table(LEDGER.0, LEDGER.1)?.is_some() {
            let latest = latest_sql(&rows);
            queries.push(format!("SELECT {LEDGER_PART} AS part, '' AS day, 0 AS row_count, {latest} AS checksum"));
            if self.live_table(HEAD.0, HEAD.1)?.is_some() {
                queries.push(format!(
                    "SELECT {HEAD_PART} AS part, '' AS day, COUNT(*) AS row_count, \
                     IFNULL(MAX(publication_id), '') AS checksum FROM {head}"
                ));
            }
        }
        Ok(queries)
    }

    /// What the rows of [`BigQuery::ledger_queries`] say.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when the head does not have exactly one row.
    pub(super) fn ledger_state(&self, rows: &[Vec<Value>]) -> Result<LedgerState> {
        let text = |row: &[Value], index: usize| row.get(index).and_then(Value::as_str).unwrap_or_default().to_owned();
        let find = |part: &str| rows.iter().find(|row| text(row, 0) == part);
        let latest = find(LEDGER_PART).map_or_else(String::new, |row| text(row, 3));
        let Some(head) = find(HEAD_PART) else { return Ok(LedgerState { head: latest.clone(), latest }) };
        if text(head, 2) != "1" {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("{} has {} rows instead of one; nothing was published", self.ledger().head, text(head, 2)),
            )
            .hint("delete that table while nobody publishes: the next upload creates it from the ledger"));
        }
        Ok(LedgerState { latest, head: text(head, 3) })
    }

    /// Creates the ledger and its head where they are missing, and takes away an expiration that they inherited from
    /// their dataset.
    pub(super) fn prepare_ledger(&self) -> Result<()> {
        let live = match self.live_table(LEDGER.0, LEDGER.1)? {
            Some(live) => Some(live),
            None => {
                self.create_ledger()?;
                self.live_table(LEDGER.0, LEDGER.1)?
            }
        };
        let head = match self.live_table(HEAD.0, HEAD.1)? {
            Some(head) => Some(head),
            None => {
                self.create_head()?;
                self.live_table(HEAD.0, HEAD.1)?
            }
        };
        for ((dataset, name), live) in [(LEDGER, live), (HEAD, head)] {
            if live.is_some_and(|live| live.resource["expirationTime"].is_string()) {
                self.keep_for_ever(dataset, name)?;
            }
        }
        Ok(())
    }

    fn create_ledger(&self) -> Result<()> {
        let column = |name: &str, ty: &str| json!({ "name": name, "type": ty, "mode": "REQUIRED" });
        let fields = [
            column("publication_id", "STRING"),
            column("parent_id", "STRING"),
            column("version", "STRING"),
            column("published_at", "TIMESTAMP"),
            column("first_date", "DATE"),
            column("last_date", "DATE"),
            column("row_count", "INTEGER"),
            column("summary", "STRING"),
        ];
        self.create_table(
            LEDGER.0,
            json!({
                "tableReference": self.table_reference(LEDGER.0, LEDGER.1),
                "schema": { "fields": fields },
                "description": "One row for each publication of putback",
            }),
        )
        .map(|_| ())
    }

    fn create_head(&self) -> Result<()> {
        let created = self.query_rows(&create_head_sql(&self.ledger()), "creating the head of the ledger");
        match created {
            Ok(_) => Ok(()),
            // Another publisher was faster.
            Err(_) if self.live_table(HEAD.0, HEAD.1)?.is_some() => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn keep_for_ever(&self, dataset: &str, name: &str) -> Result<()> {
        let url = self.tables_url(dataset, name);
        let kept = self.runtime.block_on(self.rest.patch(url, json!({ "expirationTime": null })));
        kept.map(|_| ())
            .map_err(|error| error.describe(&format!("removing the expiration of {}", self.full_name(dataset, name))))
    }

    /// Whether the ledger has the publication.
    pub(super) fn is_published(&self, publication: &NamedPublication) -> Result<bool> {
        let (rows, id) = (self.ledger().rows, &publication.id);
        let sql = format!("SELECT COUNT(*) FROM {rows} WHERE publication_id = '{id}'");
        let rows = self.query_rows(&sql, "looking for the publication in the ledger")?;
        Ok(rows.first().and_then(|row| row[0].as_str()).is_some_and(|count| count != "0"))
    }
}
