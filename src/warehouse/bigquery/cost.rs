//! What would be billed, estimated by dry runs, which are free, and the budget.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use serde_json::json;

use super::BigQuery;
use crate::error::{Error, ErrorKind, Result};
use crate::price::size;

impl BigQuery {
    /// Bytes that a query would read; nothing runs.
    pub(super) fn dry_run(&self, sql: &str, what: &str) -> Result<u64> {
        let id = self.next_query_id();
        let mut resource = self.site().query(&id, sql);
        // The limit is for what runs.
        if let Some(query) = resource["configuration"]["query"].as_object_mut() {
            query.remove("maximumBytesBilled");
        }
        resource["configuration"]["dryRun"] = json!(true);
        let url = self.rest.url(&format!("projects/{}/jobs", self.settings.project));
        let what = format!("estimating what {what} costs");
        let reply = self.runtime.block_on(self.rest.post(url, resource)).map_err(|error| error.describe(&what))?;
        if let Some(message) = reply.body["status"]["errorResult"]["message"].as_str() {
            return Err(Error::new(ErrorKind::Unexpected, format!("{what}: {message}"))
                .hint("run the command without --dry-run and --budget"));
        }
        let statistics = &reply.body["statistics"];
        let bytes = [&statistics["totalBytesProcessed"], &statistics["query"]["totalBytesProcessed"]];
        Ok(bytes.into_iter().find_map(|bytes| bytes.as_str()?.parse().ok()).unwrap_or(0))
    }

    /// Refuses a query that would go beyond the budget, before it starts.
    pub(super) fn refuse_beyond_budget(&self, sql: &str, what: &str) -> Result<()> {
        if self.settings.budget.is_none() {
            return Ok(());
        }
        let bytes = self.dry_run(sql, what)?;
        self.refuse_if_over(crate::price::billed(bytes), what)
    }

    /// Refuses what would bill so many bytes more than the budget leaves.
    pub(super) fn refuse_if_over(&self, bytes: u64, what: &str) -> Result<()> {
        let Some(budget) = self.settings.budget else { return Ok(()) };
        let spent = self.meter.bill().bytes();
        if spent + bytes <= budget {
            return Ok(());
        }
        let so_far = if spent > 0 { format!(" beside the {} billed so far", size(spent)) } else { String::new() };
        Err(Error::new(
            ErrorKind::Quota,
            format!(
                "{what} would bill {}{so_far}, more than the budget of {}; it was not started",
                size(bytes),
                size(budget)
            ),
        )
        .hint("raise --budget, or choose fewer dates"))
    }
}

/// The logical size of rows, as the service counts it.
pub(super) fn logical_bytes(rows: &RecordBatch) -> u64 {
    rows.columns().iter().map(bytes_of).sum()
}

fn bytes_of(column: &ArrayRef) -> u64 {
    let values = (column.len() - column.null_count()) as u64;
    match column.data_type() {
        DataType::Boolean => values,
        DataType::Decimal128(..) => 16 * values,
        DataType::Utf8 => {
            let texts = column.as_string::<i32>();
            2 * values + texts.iter().flatten().map(|text| text.len() as u64).sum::<u64>()
        }
        DataType::List(_) => {
            let lists = column.as_list::<i32>();
            (0..lists.len()).filter(|row| lists.is_valid(*row)).map(|row| bytes_of(&lists.value(row))).sum()
        }
        _ => 8 * values,
    }
}
