//! Published dates that somebody else has changed since.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::part::Part;
use super::publication::date_content;
use super::receipts::{TableReceipt, load_receipts};
use crate::catalog::Table;
use crate::error::Result;
use crate::upload::DateSet;
use crate::warehouse::PartitionId;
use crate::warehouse::bigquery::BigQuery;
use crate::warehouse::bigquery::statements::dates_sql;

impl BigQuery {
    /// Of the dates that this store published and still holds, those with other rows in the target: partitions that
    /// were not written since are not looked at, and of the others checksums are compared, in one query.
    pub(super) fn drift(&self, set: &DateSet<'_>) -> Result<BTreeMap<Table, BTreeSet<NaiveDate>>> {
        let receipts = load_receipts(&self.receipts_path(set))?;
        let mut moved: Vec<Part> = Vec::new();
        for table in Table::outputs() {
            let (Some(receipt), Some(live)) = (receipts.tables.get(table.full_name()), self.described(table)?) else {
                continue;
            };
            if receipt.version == live.version() {
                continue;
            }
            let mut part = Part::new(table, live);
            let mut rows = Vec::new();
            for month in set.parts.iter().filter(|month| month.table == table) {
                for (date, token) in &month.dates {
                    if receipt.dates.get(date) == Some(&token.content) && self.may_have_moved(table, *date, receipt)? {
                        part.scope.add(*date, &token.processors);
                        part.tokens.insert(*date, token.content.clone());
                    }
                }
                rows.extend(part.wanted(&set.rows(month)?));
            }
            part.take_rows(&rows)?;
            if !part.scope.is_empty() {
                moved.push(part);
            }
        }
        self.look_at_moved(&mut moved)?;
        let differing = |part: &Part| -> BTreeSet<NaiveDate> {
            part.scope.dates().filter(|date| part.planned.get(date) != part.sent.get(date)).collect()
        };
        let each = moved.iter().map(|part| (part.table, differing(part)));
        Ok(each.filter(|(_, dates)| !dates.is_empty()).collect())
    }

    fn look_at_moved(&self, parts: &mut [Part]) -> Result<()> {
        if parts.is_empty() {
            return Ok(());
        }
        let queries = parts.iter().enumerate().map(|(index, part)| {
            let dates = dates_sql(part.table, &self.reference(part.table), &part.scope.predicate());
            format!("SELECT {index} AS part, day, row_count, checksum FROM ({dates})")
        });
        let sql = queries.collect::<Vec<_>>().join("\nUNION ALL\n");
        for row in self.query_rows(&sql, "looking for changes by others")? {
            if let Some((index, date, content)) = date_content(&row) {
                parts[index].planned.insert(date, content);
            }
        }
        Ok(())
    }

    /// Whether the partition of a date was written after the publication; one that is gone or of another kind may have
    /// been.
    fn may_have_moved(&self, table: Table, date: NaiveDate, receipt: &TableReceipt) -> Result<bool> {
        let published_ms = receipt.version.split('|').next().and_then(|text| text.parse::<u64>().ok());
        let partitions = self.partitions_of(table)?;
        let partition = partitions.get(&PartitionId(date.format("%Y%m%d").to_string()));
        let written_us = partition.and_then(|of| of.token.split('|').next()?.parse::<u64>().ok());
        Ok(published_ms.zip(written_us).is_none_or(|(published, written)| written / 1000 > published))
    }
}
