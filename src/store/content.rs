//! Canonical row order and content hashes of partitions.

use std::cmp::Ordering;
use std::ops::Range;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, Date32Array, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use arrow::row::{RowConverter, SortField};
use chrono::NaiveDate;
use xxhash_rust::xxh3::Xxh3;

use crate::catalog::Table;
use crate::error::Result;

/// Sorts rows by partition date, then key, then every other column, so that the order of input
/// rows leaves no trace. Returns the rows and how many repeat the key of the row before.
pub fn sort_by_key(table: Table, batch: &RecordBatch) -> Result<(RecordBatch, u64)> {
    let schema = table.schema();
    let mut leading = vec![schema.partition_column()];
    leading.extend(schema.key_columns().iter().map(String::as_str).filter(|key| *key != schema.partition_column()));
    let keys = row_format(leading.iter().map(|name| column(batch, name)))?;
    let mut order: Vec<u32> = (0..batch.num_rows() as u32).collect();
    order.sort_by(|&a, &b| keys.row(a as usize).cmp(&keys.row(b as usize)));
    let duplicates =
        order.windows(2).filter(|pair| keys.row(pair[0] as usize) == keys.row(pair[1] as usize)).count() as u64;
    if duplicates > 0 {
        let all = row_format(batch.columns().iter().cloned())?;
        order.sort_by(|&a, &b| {
            let (a, b) = (a as usize, b as usize);
            keys.row(a).cmp(&keys.row(b)).then_with(|| -> Ordering { all.row(a).cmp(&all.row(b)) })
        });
    }
    Ok((take_record_batch(batch, &UInt32Array::from(order))?, duplicates))
}

fn column(batch: &RecordBatch, name: &str) -> ArrayRef {
    batch.column_by_name(name).expect("batches have the columns of their table").clone()
}

fn row_format(columns: impl Iterator<Item = ArrayRef>) -> Result<arrow::row::Rows> {
    let columns: Vec<ArrayRef> = columns.collect();
    let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
    Ok(RowConverter::new(fields)?.convert_columns(&columns)?)
}

/// The rows of each date in a batch that is sorted by partition date.
pub fn date_slices(table: Table, batch: &RecordBatch) -> Vec<(NaiveDate, Range<usize>)> {
    let dates: &Date32Array =
        batch.column_by_name(table.schema().partition_column()).expect("partition column").as_primitive();
    let values = dates.values();
    let mut slices = Vec::new();
    let mut start = 0;
    for end in 1..=values.len() {
        if end == values.len() || values[end] != values[start] {
            slices.push((crate::calendar::date_of_day(values[start]), start..end));
            start = end;
        }
    }
    slices
}

/// A 128-bit checksum of rows in their order, over every column but the volatile ones.
///
/// Column names and types take part, so the same values under another schema differ.
pub fn partition_hash(table: Table, batch: &RecordBatch, rows: Range<usize>) -> String {
    let volatile = table.volatile_columns();
    let mut hasher = Xxh3::new();
    let mut buffer = Vec::new();
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        if volatile.contains(&field.name().as_str()) {
            continue;
        }
        buffer.clear();
        buffer.extend_from_slice(field.name().as_bytes());
        buffer.push(0);
        encode(&array.slice(rows.start, rows.len()), &mut buffer);
        hasher.update(&buffer);
    }
    format!("{:032x}", hasher.digest128())
}

/// Appends a canonical form: a null marker per value, then the bytes of the values.
fn encode(array: &ArrayRef, out: &mut Vec<u8>) {
    match array.nulls() {
        Some(nulls) if nulls.null_count() > 0 => out.extend(nulls.iter().map(u8::from)),
        _ => out.push(2),
    }
    match array.data_type() {
        DataType::Int64 => encode_values::<Int64Type>(array, out),
        DataType::Float64 => encode_values::<Float64Type>(array, out),
        DataType::Date32 => encode_values::<Date32Type>(array, out),
        DataType::Timestamp(TimeUnit::Microsecond, _) => encode_values::<TimestampMicrosecondType>(array, out),
        DataType::Decimal128(..) => encode_values::<Decimal128Type>(array, out),
        DataType::Boolean => out.extend(array.as_boolean().iter().map(|value| u8::from(value.unwrap_or(false)))),
        DataType::Utf8 => {
            for value in array.as_string::<i32>() {
                encode_text(value.unwrap_or_default(), out);
            }
        }
        DataType::List(_) => {
            for (index, value) in array.as_list::<i32>().iter().enumerate() {
                let length = if array.is_null(index) { 0 } else { value.as_ref().map_or(0, |list| list.len()) };
                out.extend((length as u32).to_le_bytes());
                if let Some(list) = value {
                    encode(&list, out);
                }
            }
        }
        other => unreachable!("no table has a column of type {other}"),
    }
}

/// Little-endian values, zero for NULL.
fn encode_values<T: ArrowPrimitiveType>(array: &ArrayRef, out: &mut Vec<u8>) {
    let array = array.as_primitive::<T>();
    let start = out.len();
    out.extend_from_slice(array.values().inner().as_slice());
    let width = size_of::<T::Native>();
    for index in (0..array.len()).filter(|&index| array.is_null(index)) {
        out[start + index * width..start + (index + 1) * width].fill(0);
    }
}

fn encode_text(text: &str, out: &mut Vec<u8>) {
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}
