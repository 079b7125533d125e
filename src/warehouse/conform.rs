//! Maps rows of a warehouse to the schema of their table (`tables.md` T1, T2).

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListArray, RecordBatch, new_null_array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};

use crate::catalog::{Column, Table, TableSchema};
use crate::error::{Error, ErrorKind, Result};

/// Something about the live columns that does not stop a sync but should be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnNote {
    /// In the warehouse only; not pulled.
    Extra { column: String },
    /// In our schema only, and read by nothing; stored as NULL.
    Absent { column: String },
    /// Another type, read by nothing; values that do not fit become NULL.
    Retyped { column: String, expected: String, found: String },
}

impl fmt::Display for ColumnNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Extra { column } => write!(f, "column {column} is not in putback's schema and is not pulled"),
            Self::Absent { column } => write!(f, "column {column} is absent; nothing reads it, it is stored as NULL"),
            Self::Retyped { column, expected, found } => {
                write!(f, "column {column} is {found} instead of {expected}; nothing reads it, it is converted")
            }
        }
    }
}

/// The outcome of comparing live columns with ours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchemaMatch {
    pub notes: Vec<ColumnNote>,
}

impl SchemaMatch {
    /// Compares by name, never by position.
    ///
    /// # Errors
    /// [`ErrorKind::Schema`] for a column that a processor reads and that is missing or retyped.
    pub fn compare(table: Table, live: &Schema, place: &str) -> Result<Self> {
        let schema = table.schema();
        let mut notes = Vec::new();
        for column in schema.columns() {
            notes.extend(compare_column(table, schema, column, live, place)?);
        }
        for field in live.fields() {
            if schema.column(field.name()).is_none() {
                notes.push(ColumnNote::Extra { column: field.name().clone() });
            }
        }
        Ok(Self { notes })
    }
}

fn compare_column(
    table: Table,
    schema: &TableSchema,
    column: &Column,
    live: &Schema,
    place: &str,
) -> Result<Option<ColumnNote>> {
    let needed = schema.is_needed(&column.name);
    let Ok(field) = live.field_with_name(&column.name) else {
        if needed {
            return Err(Error::new(
                ErrorKind::Schema,
                format!("{table}: column {} is required but missing in {place}", column.name),
            )
            .hint(format!("restore the column ({}) in the warehouse; nothing was pulled", column.ty)));
        }
        return Ok(Some(ColumnNote::Absent { column: column.name.clone() }));
    };
    let expected = expected_type(schema, &column.name);
    if converts_exactly(field.data_type(), &expected) {
        return Ok(None);
    }
    let found = field.data_type().to_string();
    if needed {
        return Err(Error::new(
            ErrorKind::Schema,
            format!("{table}: column {} is {found} in {place}, expected {}", column.name, column.ty),
        )
        .hint("restore the column's type in the warehouse; nothing was pulled"));
    }
    Ok(Some(ColumnNote::Retyped { column: column.name.clone(), expected: column.ty.to_string(), found }))
}

fn expected_type(schema: &TableSchema, column: &str) -> DataType {
    schema.arrow().field_with_name(column).expect("a column of the table").data_type().clone()
}

/// Whether every value of `from` has the same value in `to`.
fn converts_exactly(from: &DataType, to: &DataType) -> bool {
    use DataType as D;
    match (from, to) {
        (from, to) if from == to => true,
        (D::Null, _) => true,
        (D::Dictionary(_, value), to) => converts_exactly(value, to),
        (D::LargeUtf8 | D::Utf8View, D::Utf8) => true,
        (D::Int8 | D::Int16 | D::Int32 | D::UInt8 | D::UInt16 | D::UInt32, D::Int64) => true,
        (D::Float16 | D::Float32, D::Float64) => true,
        (D::Date64, D::Date32) => true,
        (D::Timestamp(_, Some(zone)), D::Timestamp(TimeUnit::Microsecond, _)) => is_utc(zone),
        (
            D::Decimal32(p, s) | D::Decimal64(p, s) | D::Decimal128(p, s) | D::Decimal256(p, s),
            D::Decimal128(precision, scale),
        ) => s <= scale && p.cast_signed() - s <= precision.cast_signed() - scale,
        (D::List(from) | D::LargeList(from), D::List(to)) => converts_exactly(from.data_type(), to.data_type()),
        _ => false,
    }
}

fn is_utc(zone: &str) -> bool {
    matches!(zone, "UTC" | "Etc/UTC" | "+00:00" | "Z")
}

/// Gives `batch` exactly the columns and types of `table`; columns it lacks become NULL or empty.
///
/// # Errors
/// [`ErrorKind::Corrupt`] for a NULL in a required column, naming column and place.
pub fn conform(table: Table, batch: &RecordBatch, place: &str) -> Result<RecordBatch> {
    let schema = table.schema();
    let rows = batch.num_rows();
    let columns = schema
        .arrow()
        .fields()
        .iter()
        .map(|field| match batch.column_by_name(field.name()) {
            Some(array) => conform_column(table, array, field, place),
            None => Ok(filler(field, rows)),
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(RecordBatch::try_new(Arc::clone(schema.arrow()), columns)?)
}

fn conform_column(table: Table, array: &ArrayRef, field: &Field, place: &str) -> Result<ArrayRef> {
    let cast = match field.data_type() {
        DataType::List(element) => conform_list(array, element)?,
        to if array.data_type() == to => Arc::clone(array),
        to => cast_with_options(array, to, &CastOptions { safe: true, ..Default::default() })?,
    };
    if !field.is_nullable() && cast.null_count() > 0 {
        let column = field.name();
        return Err(Error::new(
            ErrorKind::Corrupt,
            format!("{table}: required column {column} is NULL in {} rows of {place}", cast.null_count()),
        )
        .hint(format!("repair the rows where {column} is NULL in the warehouse; nothing was pulled")));
    }
    Ok(cast)
}

/// A NULL list becomes an empty one, NULL elements are dropped: a repeated column has neither.
fn conform_list(array: &ArrayRef, element: &Arc<Field>) -> Result<ArrayRef> {
    let nullable = Arc::new(Field::new("element", element.data_type().clone(), true));
    let options = CastOptions { safe: true, ..Default::default() };
    let list = cast_with_options(array, &DataType::List(nullable), &options)?;
    let list = list.as_any().downcast_ref::<ListArray>().expect("cast to a list");
    let mut keep = Vec::with_capacity(list.values().len());
    let mut lengths = Vec::with_capacity(list.len());
    for row in 0..list.len() {
        let range = if list.is_null(row) { 0..0 } else { offset(list, row)..offset(list, row + 1) };
        let before = keep.len();
        keep.extend(range.filter(|&index| list.values().is_valid(index)).map(|index| index as u64));
        lengths.push(keep.len() - before);
    }
    let values = arrow::compute::take(list.values(), &arrow::array::UInt64Array::from(keep), None)?;
    Ok(Arc::new(ListArray::try_new(
        Arc::clone(element),
        OffsetBuffer::from_lengths(lengths),
        values,
        None::<NullBuffer>,
    )?))
}

fn offset(list: &ListArray, row: usize) -> usize {
    list.value_offsets()[row] as usize
}

fn filler(field: &Field, rows: usize) -> ArrayRef {
    match field.data_type() {
        DataType::List(element) => {
            let values = arrow::array::new_empty_array(element.data_type());
            let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(0, rows));
            Arc::new(ListArray::new(Arc::clone(element), offsets, values, None))
        }
        ty => new_null_array(ty, rows),
    }
}
