//! Rows of the REST interface as Arrow columns.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, Float64Array, Int64Array, ListArray,
    RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Date32Type, Field, Schema, TimeUnit, i256};
use chrono::NaiveDate;
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};

/// Rows as a batch of `schema`, whose columns are in the order of the cells.
///
/// # Errors
/// [`ErrorKind::Corrupt`] naming the column of a value that is not of its type.
pub(super) fn batch_of(schema: &Arc<Schema>, rows: &[Vec<Value>]) -> Result<RecordBatch> {
    let column = |(index, field): (usize, &Arc<Field>)| {
        let cells: Vec<&Value> = rows.iter().map(|row| row.get(index).unwrap_or(&Value::Null)).collect();
        array_of(field.data_type(), &cells).ok_or_else(|| {
            Error::new(
                ErrorKind::Corrupt,
                format!("column {} holds a value that is not {}", field.name(), field.data_type()),
            )
        })
    };
    let columns = schema.fields().iter().enumerate().map(column).collect::<Result<Vec<_>>>()?;
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

fn array_of(ty: &DataType, cells: &[&Value]) -> Option<ArrayRef> {
    Some(match ty {
        DataType::Utf8 => Arc::new(parse(cells, |text| Some(text.to_owned()))?.into_iter().collect::<StringArray>()),
        DataType::Int64 => Arc::new(parse(cells, |text| text.parse().ok())?.into_iter().collect::<Int64Array>()),
        DataType::Float64 => Arc::new(parse(cells, |text| text.parse().ok())?.into_iter().collect::<Float64Array>()),
        DataType::Boolean => Arc::new(parse(cells, |text| text.parse().ok())?.into_iter().collect::<BooleanArray>()),
        DataType::Date32 => {
            let day = |text: &str| text.parse::<NaiveDate>().ok().map(Date32Type::from_naive_date);
            Arc::new(parse(cells, day)?.into_iter().collect::<Date32Array>())
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let micros = parse(cells, |text| text.parse::<i64>().ok())?;
            let array = micros.into_iter().collect::<TimestampMicrosecondArray>();
            Arc::new(array.with_timezone_opt(zone.clone()))
        }
        &DataType::Decimal128(precision, scale) => {
            let values = parse(cells, |text| unscaled(text, scale.unsigned_abs())?.parse().ok())?;
            let array = values.into_iter().collect::<Decimal128Array>();
            Arc::new(array.with_precision_and_scale(precision, scale).ok()?)
        }
        &DataType::Decimal256(precision, scale) => {
            let values = parse(cells, |text| i256::from_string(&unscaled(text, scale.unsigned_abs())?))?;
            let array = values.into_iter().collect::<Decimal256Array>();
            Arc::new(array.with_precision_and_scale(precision, scale).ok()?)
        }
        DataType::List(element) => {
            let lists: Vec<Vec<&Value>> = cells
                .iter()
                .map(|cell| cell.as_array().into_iter().flatten().map(|item| &item["v"]).collect())
                .collect();
            let offsets = OffsetBuffer::from_lengths(lists.iter().map(Vec::len));
            let values: Vec<&Value> = lists.into_iter().flatten().collect();
            let values = array_of(element.data_type(), &values)?;
            Arc::new(ListArray::try_new(Arc::clone(element), offsets, values, None).ok()?)
        }
        _ => return None,
    })
}

/// Values by `read`; `None` as a whole when one of them cannot be read.
fn parse<T>(cells: &[&Value], read: impl Fn(&str) -> Option<T>) -> Option<Vec<Option<T>>> {
    cells
        .iter()
        .map(|cell| match cell {
            Value::Null => Some(None),
            Value::String(text) => read(text).map(Some),
            other => read(&other.to_string()).map(Some),
        })
        .collect()
}

/// `-12.5` with three digits is `-12500`.
fn unscaled(text: &str, digits: u8) -> Option<String> {
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > usize::from(digits) {
        return None;
    }
    Some(format!("{sign}{whole}{fraction:0<width$}", width = usize::from(digits)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::{Decimal128Type, Float64Type};
    use serde_json::json;

    #[test]
    fn cells_become_columns() {
        let element = Arc::new(Field::new("element", DataType::Float64, false));
        let schema = Arc::new(Schema::new(vec![
            Field::new("amount", DataType::Decimal128(9, 3), true),
            Field::new("list", DataType::List(element), false),
        ]));
        let rows = [vec![json!("-0.25"), json!([{ "v": "1.5" }, { "v": "2" }])], vec![Value::Null, json!([])]];
        let batch = batch_of(&schema, &rows).unwrap();
        let amounts = batch.column(0).as_primitive::<Decimal128Type>();
        assert_eq!((amounts.value(0), amounts.is_null(1)), (-250, true));
        let lists = batch.column(1).as_list::<i32>();
        assert_eq!(lists.value(0).as_primitive::<Float64Type>().values(), &[1.5, 2.0]);
        assert_eq!(lists.value(1).len(), 0);
        assert!(batch_of(&schema, &[vec![json!("0.1234"), json!([])]]).is_err());
    }

    #[test]
    fn decimals_are_scaled_exactly() {
        let scaled = |text: &str, ty: DataType| {
            let column = array_of(&ty, &[&json!(text)])?;
            arrow::util::display::array_value_to_string(&column, 0).ok()
        };
        for ty in [DataType::Decimal128(9, 3), DataType::Decimal256(76, 3)] {
            for (text, shown) in [("12", "12.000"), ("12.5", "12.500"), ("-0.001", "-0.001"), ("0.100000000", "0.100")]
            {
                assert_eq!(scaled(text, ty.clone()).as_deref(), Some(shown), "{text} as {ty}");
            }
            assert_eq!((scaled("x", ty.clone()), scaled("0.0001", ty)), (None, None));
        }
        let widest = "40.00000000000000000000000000000000000001";
        assert_eq!(scaled(widest, DataType::Decimal256(76, 38)).as_deref(), Some(widest));
    }
}
