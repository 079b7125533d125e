//! What an upload would be billed.

use super::part::Part;
use crate::error::Result;
use crate::price::{Bill, billed};
use crate::warehouse::bigquery::BigQuery;
use crate::warehouse::bigquery::cost::logical_bytes;
use crate::warehouse::bigquery::statements::dates_sql;
use crate::warehouse::content::token_columns;

/// References to the ledger and its head in a transaction.
const LEDGER_REFERENCES: u64 = 6;

impl BigQuery {
    /// What the transaction and verifying it bill for these parts, after the comparison: each reference to a table what it reads, and
    /// the least that the service bills. Reads of the target are estimated by the service; of what is sent, the rows are
    /// here.
    pub(super) fn estimate(&self, parts: &[Part], keeps: bool) -> Result<Bill> {
        let mut bill =
            Bill { query_bytes: LEDGER_REFERENCES * billed(0), statements: LEDGER_REFERENCES, ..Bill::default() };
        let mut add = |bytes: u64| {
            bill.query_bytes += billed(bytes);
            bill.statements += 1;
        };
        for part in parts {
            let (target, predicate) = (self.reference(part.table), part.scope.predicate());
            let what = format!("the upload of {}", part.table);
            let tokens = self.dry_run(&dates_sql(part.table, &target, &predicate), &what)?;
            let all = self.dry_run(&format!("SELECT * FROM {target} WHERE {predicate}"), &what)?;
            let (sent, sent_tokens) = (logical_bytes(&part.rows), sent_tokens(part));
            // Compared in the transaction, before and after, and verified.
            [tokens, sent_tokens, sent_tokens].into_iter().for_each(&mut add);
            // Staged rows are compared, and inserted; the old ones deleted.
            [sent_tokens, sent, 0, all].into_iter().for_each(&mut add);
            if keeps && !part.planned.is_empty() {
                [all, 0].into_iter().for_each(&mut add);
            }
        }
        // Every staged column is counted.
        add(parts.iter().map(|part| logical_bytes(&part.rows)).sum());
        if keeps {
            add(0);
        }
        Ok(bill)
    }
}

/// Bytes of the columns that a comparison reads.
fn sent_tokens(part: &Part) -> u64 {
    let date = part.table.schema().partition_column();
    let names = token_columns(part.table).iter().copied().chain([date]);
    let columns = names.filter_map(|name| part.rows.schema().index_of(name).ok()).collect::<Vec<_>>();
    part.rows.project(&columns).map_or(0, |rows| logical_bytes(&rows))
}
