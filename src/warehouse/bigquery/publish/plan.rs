//! What differs from what was last published, and whether the target may be written at all.

use serde_json::Value;

use super::part::Part;
use super::receipts::Receipts;
use super::{Planned, date_content};
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::upload::{PublishSet, UploadReport};
use crate::warehouse::bigquery::BigQuery;
use crate::warehouse::bigquery::statements::{LEDGER, dates_sql, latest_sql};

impl BigQuery {
    /// What differs from what was last published; `None`: nothing. Dates that the target turns out to
    /// hold already get their receipt here.
    pub(super) fn plan(
        &self,
        set: &PublishSet<'_>,
        receipts: &mut Receipts,
        report: &mut UploadReport,
    ) -> Result<Option<Planned>> {
        let mut parts = Vec::new();
        let mut changed_by_others = false;
        for table in Table::outputs() {
            let months = set.parts.iter().filter(|part| part.table == table).collect::<Vec<_>>();
            if months.is_empty() {
                continue;
            }
            let live = self.described(table)?.ok_or_else(|| self.no_table(table))?;
            let receipt = receipts.tables.entry(table.full_name().to_owned()).or_default();
            let is_ours = receipt.version == live.version();
            changed_by_others |= !is_ours && !receipt.version.is_empty();
            let receipts_before = receipt.dates.clone();
            if !is_ours {
                // Somebody wrote since: no receipt vouches for any date any more.
                receipt.dates.clear();
            }
            let mut part = Part::new(table, live);
            let mut months_rows = Vec::new();
            let upload = report.tables.entry(table).or_default();
            for month in months {
                for (date, token) in &month.dates {
                    if is_ours && receipt.dates.get(date) == Some(&token.content) {
                        upload.unchanged += 1;
                        continue;
                    }
                    part.scope.add(*date, &token.processors);
                    part.tokens.insert(*date, token.content.clone());
                    // What this store published was another version: send it, whatever its hashes say.
                    if receipts_before.get(date).is_some_and(|known| known != &token.content) {
                        part.forced.insert(*date);
                    }
                }
                months_rows.extend(part.wanted(&set.rows(month)?));
            }
            part.take_rows(&months_rows)?;
            if !part.scope.is_empty() {
                parts.push(part);
            }
        }
        if parts.is_empty() {
            return Ok(None);
        }
        let latest = self.look_at_target(&mut parts)?;
        for part in &mut parts {
            let held = part.drop_held();
            let receipt = receipts.tables.entry(part.table.full_name().to_owned()).or_default();
            report.tables.entry(part.table).or_default().unchanged += held.len();
            receipt.dates.extend(held);
            receipt.version = part.live.version();
        }
        parts.retain(|part| !part.scope.is_empty());
        if parts.is_empty() {
            return Ok(None);
        }
        if changed_by_others {
            self.note(
                "somebody else wrote to the target since the last upload; every date was compared anew".to_owned(),
            );
        }
        Ok(Some(Planned { parent: latest, parts }))
    }

    /// Rows and checksums of the dates in the target, and the latest publication, in one query job.
    fn look_at_target(&self, parts: &mut [Part]) -> Result<String> {
        let has_ledger = self.live_table(LEDGER.0, LEDGER.1)?.is_some();
        let mut queries: Vec<String> = parts
            .iter()
            .enumerate()
            .map(|(index, part)| {
                let reference = self.reference(part.table);
                let dates = dates_sql(part.table, &reference, &part.scope.predicate());
                format!("SELECT {index} AS part, day, row_count, checksum FROM ({dates})")
            })
            .collect();
        if has_ledger {
            let latest = latest_sql(&self.ledger());
            queries.push(format!("SELECT -1 AS part, '' AS day, 0 AS row_count, {latest} AS checksum"));
        }
        let mut latest = String::new();
        for row in self.query_rows(&queries.join("\nUNION ALL\n"), "comparing with the target")? {
            match date_content(&row) {
                Some((index, date, content)) => {
                    parts[index].planned.insert(date, content);
                }
                None => latest = row.get(3).and_then(Value::as_str).unwrap_or_default().to_owned(),
            }
        }
        Ok(latest)
    }

    pub(super) fn no_table(&self, table: Table) -> Error {
        Error::new(ErrorKind::Upstream, format!("table {}.{table} does not exist", self.settings.project))
            .hint("create it with the platform's own schema first; putback never creates or alters target tables")
    }

    /// What the table's definition stands in the way of, all of it, with the statements that change the definition.
    fn refuse_if_defined_otherwise(&self, part: &Part, place: &str) -> Result<()> {
        let (mut problems, mut statements) = (Vec::new(), Vec::new());
        let oldest = part.scope.dates().min().expect("a part has dates");
        let age = (self.settings.now.date_naive() - oldest).num_days();
        let expiry = part.live.partition_expiry_days().filter(|days| age >= 0 && age.unsigned_abs() >= *days);
        if let Some(days) = expiry {
            problems
                .push(format!("partitions expire after {days} days, and {oldest} is {age} days old: it would vanish"));
            statements.push(format!("ALTER TABLE `{place}` SET OPTIONS (partition_expiration_days = NULL)"));
        }
        let missing = part.columns_missing_there();
        if !missing.is_empty() {
            let names = missing.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
            let columns = if missing.len() == 1 { "column" } else { "columns" };
            let does = if missing.len() == 1 { "does" } else { "do" };
            problems.push(format!("{columns} {names} {does} not exist in the live table"));
            let added = missing.iter().map(|column| format!("ADD COLUMN {} {}", column.name, column.ty));
            statements.push(format!("ALTER TABLE `{place}` {}", added.collect::<Vec<_>>().join(", ")));
        }
        if problems.is_empty() {
            return Ok(());
        }
        let kind = if expiry.is_some() { ErrorKind::Conflict } else { ErrorKind::Schema };
        Err(Error::new(kind, format!("{place}: {}", problems.join("; "))).hint(format!(
            "putback never alters target tables; run {}, or leave the dates or the table out; nothing was published",
            statements.join("; ")
        )))
    }

    /// Everything that would go wrong later, before anything is sent.
    pub(super) fn refuse_if_unfit(&self, parts: &[Part]) -> Result<()> {
        for part in parts {
            let place = format!("{}.{}", self.settings.project, part.table);
            self.refuse_if_defined_otherwise(part, &place)?;
            if part.live.has_streaming_buffer() {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!(
                        "{place}: rows of a streaming insert are still in its buffer, which statements cannot replace"
                    ),
                )
                .hint("wait up to 90 minutes until the buffer is empty; nothing was published"));
            }
            part.fitted(&place)?;
        }
        Ok(())
    }
}
