//! What differs from what was last published, and whether the target may be written at all.

use super::ledger::LedgerState;
use super::part::Part;
use super::receipts::Receipts;
use super::{Planned, date_content};
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::upload::{PublishSet, UploadReport};
use crate::warehouse::bigquery::BigQuery;
use crate::warehouse::bigquery::statements::dates_sql;

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
        let ledger = self.look_at_target(&mut parts)?;
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
        Ok(Some(Planned { ledger, parts }))
    }

    /// Rows and checksums of the dates in the target, and where the ledger stands, in one query job.
    fn look_at_target(&self, parts: &mut [Part]) -> Result<LedgerState> {
        let mut queries: Vec<String> = parts
            .iter()
            .enumerate()
            .map(|(index, part)| {
                let reference = self.reference(part.table);
                let dates = dates_sql(part.table, &reference, &part.scope.predicate());
                format!("SELECT {index} AS part, day, row_count, checksum FROM ({dates})")
            })
            .collect();
        queries.extend(self.ledger_queries()?);
        let rows = self.query_rows(&queries.join("\nUNION ALL\n"), "comparing with the target")?;
        for (index, date, content) in rows.iter().filter_map(|row| date_content(row)) {
            parts[index].planned.insert(date, content);
        }
        self.ledger_state(&rows)
    }

    pub(super) fn no_table(&self, table: Table) -> Error {
        Error::new(ErrorKind::Upstream, format!("table {}.{table} does not exist", self.settings.project))
            .hint("create it with the platform's own schema first; putback never creates or alters target tables")
    }

    /// Everything that would go wrong later, before anything is sent.
    pub(super) fn refuse_if_unfit(&self, parts: &[Part]) -> Result<()> {
        for part in parts {
            let place = format!("{}.{}", self.settings.project, part.table);
            if let Some(days) = part.live.partition_expiry_days() {
                let oldest = part.scope.dates().min().expect("a part has dates");
                let age = (self.settings.now.date_naive() - oldest).num_days();
                if age >= 0 && age.unsigned_abs() >= days {
                    return Err(Error::new(
                        ErrorKind::Conflict,
                        format!("{place}: partitions expire after {days} days, and {oldest} is {age} days old: it would vanish"),
                    )
                    .hint("remove the partition expiration of the table, or publish younger dates; nothing was published"));
                }
            }
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
