//! The table of failures: its rows, and checksums of them.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Date32Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::Date32Type;
use chrono::{DateTime, NaiveDate, Utc};

use super::{Failure, ProcessorId};
use crate::catalog::Table;
use crate::error::Result;

/// Fewer games than a rule needs: TDZA and PDC.
pub(crate) const INSUFFICIENT_DATA: &str = "INSUFFICIENT_DATA";

/// Fewer games than a rule needs: PSZA.
pub(crate) const EXPECTED_INCOMPLETE: &str = "EXPECTED_INCOMPLETE";

/// A checksum of failures in their order; empty: none.
pub(crate) fn hash(failures: &[Failure]) -> String {
    if failures.is_empty() {
        return String::new();
    }
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    for failure in failures {
        for text in [&failure.entity_id, failure.category, &failure.reason] {
            hasher.update(text.as_bytes());
            hasher.update(&[0]);
        }
    }
    format!("{:032x}", hasher.digest128())
}

/// Rows of `nba_processing.precompute_failures` (`tables.md` §7.2), with the timestamp of their run.
///
/// # Errors
/// When the columns do not make a batch.
pub(crate) fn rows(
    id: ProcessorId,
    dates: &[(&NaiveDate, &Vec<Failure>)],
    timestamp: DateTime<Utc>,
) -> Result<RecordBatch> {
    const REASON_CHARS: usize = 1000;
    let rows: Vec<(NaiveDate, &Failure)> =
        dates.iter().flat_map(|(date, failures)| failures.iter().map(|failure| (**date, failure))).collect();
    let table = Table::PrecomputeFailures;
    let text = |value: &dyn Fn(&Failure) -> String| -> ArrayRef {
        Arc::new(rows.iter().map(|(_, failure)| Some(value(failure))).collect::<StringArray>())
    };
    let constant =
        |value: &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(std::iter::repeat_n(value, rows.len()))) };
    let column = |name: &str| -> Option<ArrayRef> {
        Some(match name {
            "processor_name" => constant(id.class_name()),
            // 8 hexadecimal characters, one value per run (`tables.md` §7.2).
            "run_id" => constant(&crate::numerics::hash::data_hash(&[timestamp.to_rfc3339().as_bytes()])[..8]),
            "analysis_date" => {
                let days = rows.iter().map(|(date, _)| Date32Type::from_naive_date(*date));
                Arc::new(Date32Array::from_iter_values(days))
            }
            "entity_id" => text(&|failure| failure.entity_id.clone()),
            "failure_category" => text(&|failure| failure.category.to_owned()),
            "failure_reason" => text(&|failure| failure.reason.chars().take(REASON_CHARS).collect()),
            "can_retry" => Arc::new(rows.iter().map(|(_, failure)| Some(failure.can_retry)).collect::<BooleanArray>()),
            "resolution_status" => constant("UNRESOLVED"),
            "created_at" => {
                let micros = vec![timestamp.timestamp_micros(); rows.len()];
                Arc::new(TimestampMicrosecondArray::from(micros).with_timezone("UTC"))
            }
            _ => return None,
        })
    };
    let schema = table.schema().arrow();
    let null = |field: &Arc<arrow::datatypes::Field>| arrow::array::new_null_array(field.data_type(), rows.len());
    let columns = schema.fields().iter().map(|field| column(field.name()).unwrap_or_else(|| null(field))).collect();
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

/// The failures table is shared: rows of other processors are nobody's difference.
pub fn ours_only(table: Table, rows: RecordBatch) -> Result<RecordBatch> {
    rows_of(table, rows, &ProcessorId::ALL)
}

/// The failures of some processors; the rows of any other table as they are.
pub fn rows_of(table: Table, rows: RecordBatch, ours: &[ProcessorId]) -> Result<RecordBatch> {
    if table != Table::PrecomputeFailures {
        return Ok(rows);
    }
    let names = rows.column_by_name("processor_name").expect("a column of the table").as_string::<i32>();
    let is_ours = |name: Option<&str>| name.is_some_and(|name| ours.iter().any(|id| id.class_name() == name));
    let keep: arrow::array::BooleanArray = names.iter().map(|name| Some(is_ours(name))).collect();
    Ok(arrow::compute::filter_record_batch(&rows, &keep)?)
}
