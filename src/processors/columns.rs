//! Building output batches column by column, with exactly the schema of their table.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray, RecordBatch,
    StringArray, TimestampMicrosecondArray, UInt32Array, new_empty_array, new_null_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, Date32Type};
use chrono::{DateTime, NaiveDate, Utc};

use super::overflow::NumericColumn;
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::numerics::decimal::Numeric;
use crate::numerics::rounding::f64_to_decimal;

/// Collects the columns of an output table; columns not given are NULL, or empty lists.
#[derive(Debug)]
pub struct ColumnSet {
    table: Table,
    rows: usize,
    columns: HashMap<&'static str, ArrayRef>,
    /// The first value that its NUMERIC column cannot hold, in words.
    too_large: Option<String>,
}

impl ColumnSet {
    pub fn new(table: Table, rows: usize) -> Self {
        Self { table, rows, columns: HashMap::new(), too_large: None }
    }

    pub fn set(&mut self, name: &'static str, array: ArrayRef) {
        assert_eq!(array.len(), self.rows, "{name}");
        let previous = self.columns.insert(name, array);
        assert!(previous.is_none(), "{name} is set twice");
    }

    pub fn int(&mut self, name: &'static str, values: impl IntoIterator<Item = Option<i64>>) {
        self.set(name, Arc::new(values.into_iter().collect::<Int64Array>()));
    }

    pub fn const_int(&mut self, name: &'static str, value: i64) {
        self.set(name, Arc::new(Int64Array::from(vec![value; self.rows])));
    }

    pub fn f64(&mut self, name: &'static str, values: impl IntoIterator<Item = Option<f64>>) {
        self.set(name, Arc::new(values.into_iter().collect::<Float64Array>()));
    }

    pub fn const_f64(&mut self, name: &'static str, value: f64) {
        self.set(name, Arc::new(Float64Array::from(vec![value; self.rows])));
    }

    pub fn bool(&mut self, name: &'static str, values: impl IntoIterator<Item = Option<bool>>) {
        self.set(name, Arc::new(values.into_iter().collect::<BooleanArray>()));
    }

    pub fn const_bools(&mut self, names: &[&'static str], value: bool) {
        let array: ArrayRef = Arc::new(BooleanArray::from(vec![value; self.rows]));
        for name in names {
            self.set(name, Arc::clone(&array));
        }
    }

    pub fn str<S: AsRef<str>>(&mut self, name: &'static str, values: impl IntoIterator<Item = Option<S>>) {
        self.set(name, Arc::new(values.into_iter().collect::<StringArray>()));
    }

    pub fn const_str(&mut self, name: &'static str, value: &str) {
        let offsets = OffsetBuffer::from_repeated_length(value.len(), self.rows);
        self.set(name, Arc::new(StringArray::new(offsets, value.repeat(self.rows).into_bytes().into(), None)));
    }

    pub fn dates(&mut self, name: &'static str, values: impl IntoIterator<Item = NaiveDate>) {
        let days = values.into_iter().map(Date32Type::from_naive_date);
        self.set(name, Arc::new(Date32Array::from_iter_values(days)));
    }

    /// The run's timestamp in every row.
    pub fn timestamps(&mut self, names: &[&'static str], value: DateTime<Utc>) {
        let micros = TimestampMicrosecondArray::from(vec![value.timestamp_micros(); self.rows]).with_timezone("UTC");
        let array: ArrayRef = Arc::new(micros);
        for name in names {
            self.set(name, Arc::clone(&array));
        }
    }

    /// Rounded doubles as the NUMERIC of the column.
    pub fn decimal(&mut self, name: &'static str, values: impl IntoIterator<Item = Option<f64>>) {
        let Numeric { scale, .. } = NumericColumn::of(self.table, name).numeric;
        self.scaled(name, values.into_iter().map(|value| value.map(|value| f64_to_decimal(value, scale))));
    }

    /// Values of a NUMERIC column in units of its last digit. A value that the column cannot hold is refused by
    /// [`ColumnSet::finish`]: a processor leaves it out before ([`NumericColumn::overflow`]).
    pub fn scaled(&mut self, name: &'static str, values: impl IntoIterator<Item = Option<i128>>) {
        let Numeric { precision, scale } = NumericColumn::of(self.table, name).numeric;
        let array: Decimal128Array = values.into_iter().collect();
        if let Some(scaled) = array.iter().flatten().find(|&scaled| !Numeric { precision, scale }.holds(scaled)) {
            let text = format!("{scaled} units of the last digit of {name}, {}", Numeric { precision, scale });
            self.too_large.get_or_insert(text);
        }
        let array = array.with_precision_and_scale(precision, scale.cast_signed());
        self.set(name, Arc::new(array.expect("the schema's own precision and scale")));
    }

    /// The same columns with the rows at `positions`.
    pub fn take(self, positions: &UInt32Array) -> Result<Self> {
        let taken = |(name, array): (&'static str, ArrayRef)| Ok((name, take(&array, positions, None)?));
        let columns = self.columns.into_iter().map(taken).collect::<Result<_>>()?;
        Ok(Self { table: self.table, rows: positions.len(), columns, too_large: self.too_large })
    }

    /// The batch with every column of the table in order.
    ///
    /// # Errors
    /// Only for a NULL in a required column or a value that is too large for its column, which are defects.
    pub fn finish(mut self) -> Result<RecordBatch> {
        if let Some(value) = &self.too_large {
            return Err(Error::new(ErrorKind::Unexpected, format!("{} cannot hold {value}", self.table)));
        }
        let schema = self.table.schema().arrow();
        let rows = self.rows;
        let columns = schema
            .fields()
            .iter()
            .map(|field| match self.columns.remove(field.name().as_str()) {
                Some(array) => array,
                None => match field.data_type() {
                    DataType::List(element) => {
                        let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(0, rows));
                        Arc::new(ListArray::new(
                            Arc::clone(element),
                            offsets,
                            new_empty_array(element.data_type()),
                            None,
                        ))
                    }
                    ty => new_null_array(ty, rows),
                },
            })
            .collect();
        assert!(self.columns.is_empty(), "{:?} are not columns of {}", self.columns.keys(), self.table);
        Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
    }
}

/// The columns that every processor writes with the same constants in backfill mode.
pub fn set_bookkeeping(set: &mut ColumnSet) {
    set.const_f64("completeness_percentage", 100.0);
    set.const_int("missing_games_count", 0);
    set.const_bools(
        &["circuit_breaker_active", "manual_override_required", "season_boundary_detected", "backfill_bootstrap_mode"],
        false,
    );
    set.const_str("processing_decision_reason", "processed_successfully");
}
