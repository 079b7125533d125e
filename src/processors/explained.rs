//! What a processor says of one row: what its rules came to, told by the functions that score.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::filter_record_batch;

use super::facts::Facts;
use crate::error::Result;

/// A row of an output with what its rules came to.
#[derive(Debug, Default)]
pub struct Explained {
    /// The row as it would be stored by a run at the time of the context; `None`: the key gets none.
    pub row: Option<RecordBatch>,
    parts: Vec<(&'static str, RecordBatch)>,
}

impl Explained {
    /// The steps of a rule, under the name by which the explanation asks for them.
    pub fn part(&self, name: &str) -> Option<&RecordBatch> {
        self.parts.iter().find(|(of, _)| *of == name).map(|(_, rows)| rows)
    }

    pub(super) fn tell(&mut self, name: &'static str, steps: Steps) {
        let rows =
            RecordBatch::try_from_iter_with_nullable(steps.0.into_iter().map(|(name, array)| (name, array, true)));
        self.parts.push((name, rows.expect("columns of one length")));
    }

    /// Takes the only row of a batch, if it has one.
    pub(super) fn take_row(&mut self, rows: RecordBatch) {
        assert!(rows.num_rows() <= 1, "a key has one row on a date");
        self.row = (rows.num_rows() == 1).then_some(rows);
    }
}

/// The steps of a rule as a small table, column by column.
#[derive(Default)]
pub struct Steps(Vec<(&'static str, ArrayRef)>);

impl Steps {
    pub fn text<S: AsRef<str>>(self, name: &'static str, values: impl IntoIterator<Item = Option<S>>) -> Self {
        self.with(name, Arc::new(values.into_iter().collect::<StringArray>()))
    }

    pub fn int(self, name: &'static str, values: impl IntoIterator<Item = Option<i64>>) -> Self {
        self.with(name, Arc::new(values.into_iter().collect::<Int64Array>()))
    }

    pub fn f64(self, name: &'static str, values: impl IntoIterator<Item = Option<f64>>) -> Self {
        self.with(name, Arc::new(values.into_iter().collect::<Float64Array>()))
    }

    pub fn bool(self, name: &'static str, values: impl IntoIterator<Item = Option<bool>>) -> Self {
        self.with(name, Arc::new(values.into_iter().collect::<BooleanArray>()))
    }

    fn with(mut self, name: &'static str, array: ArrayRef) -> Self {
        self.0.push((name, array));
        self
    }
}

/// The rows of a key.
pub fn rows_of(rows: &RecordBatch, column: &str, key: &str) -> Result<RecordBatch> {
    let keys = Facts(rows).str(column);
    let is_of_key: BooleanArray = keys.iter().map(|of| Some(of == Some(key))).collect();
    Ok(filter_record_batch(rows, &is_of_key)?)
}
