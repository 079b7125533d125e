//! The content of a date without its rows: their number, and a checksum over keys and hashes that a warehouse
//! can compute itself.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Date32Type;
use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use crate::calendar::date_of_day;
use crate::catalog::Table;
use crate::numerics::hash::hex;

/// How a date stands: so many rows with this checksum over keys and hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateContent {
    pub rows: u64,
    /// Hexadecimal SHA-256 of the rows' tokens in ascending order, one after the other.
    pub checksum: String,
}

/// What tells two versions of a row apart: its key and its hash, or all that a failure says. A row's token
/// is their values, `|` between them, NULL as nothing.
pub fn token_columns(table: Table) -> &'static [&'static str] {
    match table {
        Table::TeamDefenseZoneAnalysis => &["team_abbr", "data_hash"],
        Table::PrecomputeFailures => &["processor_name", "entity_id", "failure_category", "failure_reason"],
        _ => &["player_lookup", "data_hash"],
    }
}

/// The content of every date that has rows.
pub fn date_contents(table: Table, rows: &RecordBatch) -> BTreeMap<NaiveDate, DateContent> {
    let days = rows.column_by_name(table.schema().partition_column()).expect("partition column");
    let days = days.as_primitive::<Date32Type>();
    let columns: Vec<_> = token_columns(table)
        .iter()
        .map(|name| rows.column_by_name(name).expect("a column of the table").as_string::<i32>())
        .collect();
    let mut tokens: BTreeMap<NaiveDate, Vec<String>> = BTreeMap::new();
    for row in 0..rows.num_rows() {
        let parts = columns.iter().map(|column| if column.is_null(row) { "" } else { column.value(row) });
        let token = parts.collect::<Vec<_>>().join("|");
        tokens.entry(date_of_day(days.value(row))).or_default().push(token);
    }
    let content = |mut tokens: Vec<String>| {
        tokens.sort_unstable();
        let mut digest = Sha256::new();
        tokens.iter().for_each(|token| digest.update(token));
        DateContent { rows: tokens.len() as u64, checksum: hex(&digest.finalize()) }
    };
    tokens.into_iter().map(|(date, tokens)| (date, content(tokens))).collect()
}
