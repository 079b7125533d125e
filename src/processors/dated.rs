//! Shared by the processors that read facts date by date.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{BooleanArray, Date32Array, Int64Array, RecordBatch};
use arrow::datatypes::Date32Type;
use chrono::{DateTime, NaiveDate, Utc};

use super::facts::{Facts, Nullable};
use super::{DateOutput, Failure, RunContext};

/// Hands each date, ascending, the range of its facts; facts are sorted by date.
pub fn by_date(
    dates: &[NaiveDate],
    facts: &Date32Array,
    mut score: impl FnMut(NaiveDate, Range<usize>) -> DateOutput,
) -> Vec<DateOutput> {
    let mut start = 0;
    dates
        .iter()
        .map(|&date| {
            let day = Date32Type::from_naive_date(date);
            let end = start + facts.values()[start..].partition_point(|&value| value <= day);
            let output = score(date, start..end);
            start = end;
            output
        })
        .collect()
}

/// The hash of the row processed last in each upstream of a date, by the position of its column.
#[derive(Debug)]
pub struct Lineage<const N: usize> {
    by_date: HashMap<NaiveDate, [Option<String>; N]>,
}

impl<const N: usize> Lineage<N> {
    /// Reads the columns `game_date` and `columns`.
    pub fn new(facts: &Facts<'_>, columns: [&str; N]) -> Self {
        let dates = facts.date("game_date");
        let hashes = columns.map(|name| facts.str(name));
        let hashes_of = |row| Some((dates.at(row)?, hashes.map(|hash| hash.at(row).map(str::to_owned))));
        Self { by_date: (0..facts.rows()).filter_map(hashes_of).collect() }
    }

    pub fn hash(&self, date: NaiveDate, column: usize) -> Option<&str> {
        self.by_date.get(&date).and_then(|hashes| hashes[column].as_deref())
    }
}

/// What rows say of how they were made, besides their facts.
#[derive(Debug, Clone)]
pub struct Provenance<const N: usize> {
    pub lineage: Arc<Lineage<N>>,
    pub context: RunContext,
}

impl<const N: usize> Provenance<N> {
    /// Of the facts of lineage: see [`Lineage::new`].
    pub fn new(lineage: &RecordBatch, columns: [&str; N], context: &RunContext) -> Self {
        Self { lineage: Arc::new(Lineage::new(&Facts(lineage), columns)), context: *context }
    }
}

/// The latest entry of each player in `reprocess_attempts`; one that is tripped until after the run
/// keeps the player out (`player_composite_factors` §6, `ml_feature_store` §4.4).
pub struct CircuitBreakers<'a> {
    attempt_number: &'a Int64Array,
    tripped: &'a BooleanArray,
    until_us: &'a Int64Array,
    now: DateTime<Utc>,
}

impl<'a> CircuitBreakers<'a> {
    pub fn new(facts: &Facts<'a>, now: DateTime<Utc>) -> Self {
        Self {
            attempt_number: facts.int("attempt_number"),
            tripped: facts.bool("breaker_tripped"),
            until_us: facts.int("breaker_until_us"),
            now,
        }
    }

    /// The failure of a player who is kept out.
    pub fn failure(&self, row: usize, player: &str) -> Option<Failure> {
        self.tripped.at(row).filter(|&tripped| tripped)?;
        let until = DateTime::from_timestamp_micros(self.until_us.at(row)?).filter(|&until| until > self.now)?;
        // Six digits of microseconds, or none.
        let format =
            if until.timestamp_subsec_micros() == 0 { "%Y-%m-%d %H:%M:%S%:z" } else { "%Y-%m-%d %H:%M:%S%.6f%:z" };
        Some(Failure {
            entity_id: player.to_owned(),
            category: "CIRCUIT_BREAKER_ACTIVE",
            reason: format!("Circuit breaker active until {}", until.format(format)),
            can_retry: false,
        })
    }

    /// `reprocess_attempt_count` of a player who is not.
    pub fn attempts(&self, row: usize) -> i64 {
        self.attempt_number.at(row).unwrap_or(0)
    }
}
