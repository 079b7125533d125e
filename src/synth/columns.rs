//! Building the batch of a table from rows, column by column.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray, RecordBatch,
    StringArray, TimestampMicrosecondArray, new_empty_array, new_null_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Date32Type, FieldRef};
use chrono::NaiveDate;

use crate::catalog::Table;
use crate::error::Result;

/// Columns of a table over `rows`; columns not given are NULL, or empty lists.
pub(super) struct Columns<'r, R> {
    table: Table,
    rows: &'r [R],
    columns: HashMap<&'static str, ArrayRef>,
}

impl<'r, R> Columns<'r, R> {
    pub fn new(table: Table, rows: &'r [R]) -> Self {
        Self { table, rows, columns: HashMap::new() }
    }

    pub fn int<V: Into<Option<i64>>>(self, name: &'static str, value: impl Fn(&'r R) -> V) -> Self {
        let array: Int64Array = self.rows.iter().map(|row| value(row).into()).collect();
        self.set(name, array)
    }

    /// Scaled integers as the NUMERIC of the column.
    pub fn numeric<V: Into<Option<i64>>>(self, name: &'static str, scaled: impl Fn(&'r R) -> V) -> Self {
        let field = self.table.schema().arrow().field_with_name(name).expect("a column of the table");
        let DataType::Decimal128(precision, scale) = *field.data_type() else { panic!("{name} is not NUMERIC") };
        let array: Decimal128Array = self.rows.iter().map(|row| scaled(row).into().map(i128::from)).collect();
        self.set(name, array.with_precision_and_scale(precision, scale).expect("the schema's precision and scale"))
    }

    pub fn double<V: Into<Option<f64>>>(self, name: &'static str, value: impl Fn(&'r R) -> V) -> Self {
        let array: Float64Array = self.rows.iter().map(|row| value(row).into()).collect();
        self.set(name, array)
    }

    pub fn bool<V: Into<Option<bool>>>(self, name: &'static str, value: impl Fn(&'r R) -> V) -> Self {
        let array: BooleanArray = self.rows.iter().map(|row| value(row).into()).collect();
        self.set(name, array)
    }

    pub fn text<V: Into<Option<&'r str>>>(self, name: &'static str, value: impl Fn(&'r R) -> V) -> Self {
        let array: StringArray = self.rows.iter().map(|row| value(row).into()).collect();
        self.set(name, array)
    }

    /// Text that is made for the row.
    pub fn made_text(self, name: &'static str, value: impl Fn(&'r R) -> String) -> Self {
        let array = StringArray::from_iter_values(self.rows.iter().map(value));
        self.set(name, array)
    }

    pub fn date(self, name: &'static str, value: impl Fn(&'r R) -> NaiveDate) -> Self {
        let days = self.rows.iter().map(|row| Date32Type::from_naive_date(value(row)));
        let array = Date32Array::from_iter_values(days);
        self.set(name, array)
    }

    /// Microseconds since 1970, UTC, the same in several columns.
    pub fn times(mut self, names: &[&'static str], value: impl Fn(&'r R) -> i64) -> Self {
        let micros = TimestampMicrosecondArray::from_iter_values(self.rows.iter().map(value)).with_timezone("UTC");
        for &name in names {
            self = self.set(name, micros.clone());
        }
        self
    }

    /// The batch with every column of the table in order.
    ///
    /// # Errors
    /// Only for a NULL in a required column, which is a defect.
    pub fn finish(mut self) -> Result<RecordBatch> {
        let schema = self.table.schema().arrow();
        let rows = self.rows.len();
        let columns = schema
            .fields()
            .iter()
            .map(|field| self.columns.remove(field.name().as_str()).unwrap_or_else(|| absent(field, rows)))
            .collect();
        assert!(self.columns.is_empty(), "{:?} are not columns of {}", self.columns.keys(), self.table);
        Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
    }

    fn set(mut self, name: &'static str, array: impl arrow::array::Array + 'static) -> Self {
        let previous = self.columns.insert(name, Arc::new(array));
        assert!(previous.is_none(), "{name} is set twice");
        self
    }
}

fn absent(field: &FieldRef, rows: usize) -> ArrayRef {
    match field.data_type() {
        DataType::List(element) => {
            let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(0, rows));
            let values = new_empty_array(element.data_type());
            Arc::new(ListArray::new(Arc::clone(element), offsets, values, None))
        }
        other => new_null_array(other, rows),
    }
}
