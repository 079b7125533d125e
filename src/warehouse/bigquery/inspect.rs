//! What can be known of a project without changing it.

use super::BigQuery;
use super::statements::LEDGER;
use crate::catalog::Table;
use crate::error::{Error, Result};
use crate::warehouse::SchemaMatch;

/// A live table.
#[derive(Debug)]
pub struct TableState {
    /// Project, dataset and table.
    pub name: String,
    /// Why its columns do not fit ours.
    pub unfit: Option<Error>,
    /// After how many days the service deletes a partition.
    pub partition_expiry_days: Option<u64>,
    pub has_streaming_buffer: bool,
}

impl BigQuery {
    /// Where the datasets lie.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// `None`: there is no such table.
    pub fn table_state(&self, table: Table) -> Result<Option<TableState>> {
        let Some(live) = self.described(table)? else { return Ok(None) };
        let name = self.name_of(table);
        Ok(Some(TableState {
            unfit: SchemaMatch::compare(table, &live.arrow(), &name).err(),
            name,
            partition_expiry_days: live.partition_expiry_days(),
            has_streaming_buffer: live.has_streaming_buffer(),
        }))
    }

    /// Project, dataset and table of an output, where it lies.
    pub fn table_name(&self, table: Table) -> String {
        self.name_of(table)
    }

    /// The table that has a row for each publication.
    pub fn ledger_name(&self) -> String {
        self.full_name(LEDGER.0, LEDGER.1)
    }

    /// Rows of the ledger by its metadata; `None`: it does not exist.
    pub fn ledger_length(&self) -> Result<Option<u64>> {
        let Some(live) = self.live_table(LEDGER.0, LEDGER.1)? else { return Ok(None) };
        Ok(live.resource["numRows"].as_str().and_then(|rows| rows.parse().ok()).or(Some(0)))
    }
}
