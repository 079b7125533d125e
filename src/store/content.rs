//! Canonical row order and content hashes of partitions.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, Date32Array, ListArray, RecordBatch, StringArray, UInt32Array,
    downcast_primitive_array,
};
use arrow::buffer::NullBuffer;
use arrow::compute::{take, take_record_batch};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use arrow::row::{RowConverter, Rows, SortField};
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
    let mut order = order_of(&keys);
    let duplicates = settle_ties(batch, &keys, &mut order)?;
    Ok((in_order(batch, order)?, duplicates))
}

/// Rows in ascending order of their keys, equal ones as they come.
fn order_of(keys: &Rows) -> Vec<u32> {
    // Most keys differ in their first bytes: those are compared as one number, and without looking elsewhere.
    let lead = |row: u32| {
        let key = keys.row(row as usize);
        let mut lead = [0; size_of::<u128>()];
        let length = key.as_ref().len().min(lead.len());
        lead[..length].copy_from_slice(&key.as_ref()[..length]);
        (u128::from_be_bytes(lead), row)
    };
    let mut order: Vec<(u128, u32)> = (0..keys.num_rows() as u32).map(lead).collect();
    order.sort_unstable_by(|&(a_lead, a), &(b_lead, b)| {
        let in_full = || keys.row(a as usize).cmp(&keys.row(b as usize)).then(a.cmp(&b));
        a_lead.cmp(&b_lead).then_with(in_full)
    });
    order.into_iter().map(|(_, row)| row).collect()
}

/// Puts rows of the same key in the order of all their columns. Returns how many repeat the key before them.
fn settle_ties(batch: &RecordBatch, keys: &Rows, order: &mut [u32]) -> Result<u64> {
    let is_same = |a: &u32, b: &u32| keys.row(*a as usize) == keys.row(*b as usize);
    let tied: Vec<u32> = order.chunk_by(is_same).filter(|group| group.len() > 1).flatten().copied().collect();
    if tied.is_empty() {
        return Ok(0);
    }
    let rows = take_record_batch(batch, &UInt32Array::from(tied.clone()))?;
    let rows = row_format(rows.columns().iter().cloned())?;
    let (mut first, mut groups) = (0, 0);
    for group in order.chunk_by_mut(is_same).filter(|group| group.len() > 1) {
        let mut ranked: Vec<usize> = (first..first + group.len()).collect();
        ranked.sort_by(|&a, &b| rows.row(a).cmp(&rows.row(b)));
        group.iter_mut().zip(ranked).for_each(|(place, rank)| *place = tied[rank]);
        first += group.len();
        groups += 1;
    }
    Ok((tied.len() - groups) as u64)
}

/// Rows in another order. Columns of one value only, many of which are NULL throughout, stay as they are.
fn in_order(batch: &RecordBatch, order: Vec<u32>) -> Result<RecordBatch> {
    if order.is_sorted() {
        return Ok(batch.clone());
    }
    let order = UInt32Array::from(order);
    let columns = batch.columns().iter().map(|column| match is_uniform(column.as_ref()) {
        true => Ok(Arc::clone(column)),
        false => take(column, &order, None),
    });
    Ok(RecordBatch::try_new(batch.schema(), columns.collect::<Result<_, _>>()?)?)
}

/// Whether all values are certainly the same, bit by bit; at little cost if they are not.
fn is_uniform(array: &dyn Array) -> bool {
    match array.null_count() {
        0 => {}
        nulls => return nulls == array.len() && !matches!(array.data_type(), DataType::List(_)),
    }
    downcast_primitive_array!(
        array => {
            let bytes = array.values().inner().as_slice();
            let width = bytes.len() / array.len().max(1);
            bytes[width..] == bytes[..bytes.len() - width]
        }
        DataType::Utf8 => {
            let texts: &StringArray = array.as_string();
            texts.is_empty() || (1..texts.len()).all(|row| texts.value(row) == texts.value(0))
        }
        DataType::List(_) => array.as_list::<i32>().values().is_empty(),
        _ => false,
    )
}

fn column(batch: &RecordBatch, name: &str) -> ArrayRef {
    batch.column_by_name(name).expect("batches have the columns of their table").clone()
}

fn row_format(columns: impl Iterator<Item = ArrayRef>) -> Result<Rows> {
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
    for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        if volatile.contains(&field.name().as_str()) {
            continue;
        }
        buffer.clear();
        buffer.extend_from_slice(field.name().as_bytes());
        buffer.push(0);
        encode(array.as_ref(), rows.clone(), &mut buffer);
        hasher.update(&buffer);
    }
    format!("{:032x}", hasher.digest128())
}

/// The [`partition_hash`] of a date without rows.
pub fn hash_of_no_rows(table: Table) -> String {
    partition_hash(table, &RecordBatch::new_empty(table.schema().arrow().clone()), 0..0)
}

/// Appends a canonical form of some rows: a null marker per value, then the bytes of the values.
fn encode(array: &dyn Array, rows: Range<usize>, out: &mut Vec<u8>) {
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    let nulls = nulls.map(|nulls| nulls.slice(rows.start, rows.len())).filter(|nulls| nulls.null_count() > 0);
    match &nulls {
        Some(nulls) => encode_markers(nulls, out),
        None => out.push(2),
    }
    let nulls = nulls.as_ref();
    match array.data_type() {
        DataType::Int64 => encode_values::<Int64Type>(array, rows, nulls, out),
        DataType::Float64 => encode_values::<Float64Type>(array, rows, nulls, out),
        DataType::Date32 => encode_values::<Date32Type>(array, rows, nulls, out),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            encode_values::<TimestampMicrosecondType>(array, rows, nulls, out);
        }
        DataType::Decimal128(..) => encode_values::<Decimal128Type>(array, rows, nulls, out),
        DataType::Boolean => {
            let array = array.as_boolean();
            out.extend(rows.map(|row| u8::from(array.is_valid(row) && array.value(row))));
        }
        DataType::Utf8 => encode_texts(array.as_string(), rows, nulls, out),
        DataType::List(_) => encode_lists(array.as_list(), rows, out),
        other => unreachable!("no table has a column of type {other}"),
    }
}

/// A byte for each value: 0 for NULL, 1 for any other.
fn encode_markers(nulls: &NullBuffer, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + nulls.len(), 0);
    for (from, to) in nulls.valid_slices() {
        out[start + from..start + to].fill(1);
    }
}

/// Little-endian values, zero for NULL.
fn encode_values<T: ArrowPrimitiveType>(
    array: &dyn Array,
    rows: Range<usize>,
    nulls: Option<&NullBuffer>,
    out: &mut Vec<u8>,
) {
    let width = size_of::<T::Native>();
    let bytes = array.as_primitive::<T>().values().inner().as_slice();
    let bytes = &bytes[rows.start * width..rows.end * width];
    let Some(nulls) = nulls else { return out.extend_from_slice(bytes) };
    let start = out.len();
    out.resize(start + bytes.len(), 0);
    for (from, to) in nulls.valid_slices() {
        let (from, to) = (from * width, to * width);
        out[start + from..start + to].copy_from_slice(&bytes[from..to]);
    }
}

fn encode_texts(array: &StringArray, rows: Range<usize>, nulls: Option<&NullBuffer>, out: &mut Vec<u8>) {
    if nulls.is_some_and(|nulls| nulls.null_count() == nulls.len()) {
        return out.resize(out.len() + rows.len() * size_of::<u32>(), 0);
    }
    let bytes = array.value_data();
    let offsets = &array.value_offsets()[rows.start..=rows.end];
    out.reserve((offsets[rows.len()] - offsets[0]) as usize + rows.len() * size_of::<u32>());
    for (index, ends) in offsets.windows(2).enumerate() {
        let is_null = nulls.is_some_and(|nulls| nulls.is_null(index));
        let text = if is_null { &[] } else { &bytes[ends[0] as usize..ends[1] as usize] };
        out.extend_from_slice(&(text.len() as u32).to_le_bytes());
        out.extend_from_slice(text);
    }
}

fn encode_lists(array: &ListArray, rows: Range<usize>, out: &mut Vec<u8>) {
    let offsets = array.value_offsets();
    for row in rows {
        if array.is_null(row) {
            out.extend(0_u32.to_le_bytes());
            continue;
        }
        let elements = offsets[row] as usize..offsets[row + 1] as usize;
        out.extend((elements.len() as u32).to_le_bytes());
        encode(array.values().as_ref(), elements, out);
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{BooleanArray, Float64Array, Int64Array};
    use arrow::datatypes::Schema;

    use super::*;

    fn encoded(array: &dyn Array, rows: Range<usize>) -> Vec<u8> {
        let mut out = Vec::new();
        encode(array, rows, &mut out);
        out
    }

    #[test]
    fn values_are_encoded_by_their_range() {
        let numbers = Int64Array::from(vec![Some(7), None, Some(9), Some(10)]);
        let expected = [vec![0, 1], vec![0; 8], 9_i64.to_le_bytes().to_vec()].concat();
        assert_eq!(encoded(&numbers, 1..3), expected);
        assert_eq!(encoded(&numbers.slice(1, 3), 0..2), expected);
        assert_eq!(encoded(&numbers, 2..3), [&[2], 9_i64.to_le_bytes().as_slice()].concat());
        let texts = StringArray::from(vec![Some("x"), None, Some("abc")]);
        assert_eq!(encoded(&texts, 0..3), b"\x01\x00\x01\x01\0\0\0x\0\0\0\0\x03\0\0\0abc");
        assert_eq!(encoded(&texts, 1..2), [0; 5]);
        let flags = BooleanArray::from(vec![Some(true), None, Some(false)]);
        assert_eq!(encoded(&flags, 0..3), [1, 0, 1, 1, 0, 0]);
    }

    #[test]
    fn only_columns_of_one_value_are_uniform() {
        assert!(is_uniform(&Int64Array::from(vec![5; 100])));
        assert!(is_uniform(&Int64Array::from(vec![None; 3])));
        assert!(!is_uniform(&Int64Array::from(vec![Some(5), None, Some(5)])));
        assert!(!is_uniform(&Float64Array::from(vec![0.0, -0.0])));
        assert!(is_uniform(&StringArray::from(vec!["a", "b", "b"]).slice(1, 2)));
        assert!(!is_uniform(&StringArray::from(vec!["ab", "a", "b"])));
        assert!(is_uniform(&Int64Array::from(Vec::<i64>::new())));
    }

    #[test]
    fn equal_keys_are_ordered_by_all_columns() {
        let table = Table::Schedule;
        let schema = table.schema();
        let rows = 6;
        let columns = schema.arrow().fields().iter().map(|field| -> ArrayRef {
            match field.data_type() {
                DataType::Utf8 if field.name() == "game_id" => {
                    Arc::new(StringArray::from(vec!["b", "a", "b", "a", "c", "b"]))
                }
                DataType::Date32 => Arc::new(Date32Array::from(vec![19_000; rows])),
                DataType::Int64 => Arc::new(Int64Array::from(vec![3, 2, 1, 2, 9, 2])),
                ty => arrow::array::new_null_array(ty, rows),
            }
        });
        // Nullable, so that most columns need no values.
        let fields = schema.arrow().fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
        let nullable = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let batch = RecordBatch::try_new(nullable, columns.collect()).expect("rows");
        let (sorted, duplicates) = sort_by_key(table, &batch).expect("sorted rows");
        let ids: Vec<_> = column(&sorted, "game_id").as_string::<i32>().iter().flatten().map(str::to_owned).collect();
        assert_eq!((ids.concat().as_str(), duplicates), ("aabbbc", 3));
        let number = schema.arrow().fields().iter().find(|field| field.data_type() == &DataType::Int64);
        let numbers = column(&sorted, number.expect("a number").name());
        assert_eq!(numbers.as_primitive::<Int64Type>().values(), &[2, 2, 1, 2, 3, 9]);
    }
}
