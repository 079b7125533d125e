//! Values in the types of a live table, as the service itself stores them: rounded to the scale of the column, half away
//! from zero.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, Field, Float64Type};
use arrow::util::display::array_value_to_string;
use serde_json::Value;

use crate::error::Result;

/// Why a column cannot be written in the live type.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    /// There is no such conversion of our type, which this names.
    Type(DataType),
    /// The first value that the type cannot hold.
    Value { row: usize, value: String },
    /// Rows without a value of a column that requires one.
    Nulls(usize),
}

/// A column in the live type. Every value must fit: nothing becomes NULL.
pub(super) fn fit(array: &ArrayRef, field: &Field) -> Result<ArrayRef, Misfit> {
    let fitted = if array.data_type() == field.data_type() { ArrayRef::clone(array) } else { converted(array, field)? };
    if !field.is_nullable() && fitted.null_count() > 0 {
        return Err(Misfit::Nulls(fitted.null_count()));
    }
    Ok(fitted)
}

fn converted(array: &ArrayRef, field: &Field) -> Result<ArrayRef, Misfit> {
    let no_type = |_| Misfit::Type(array.data_type().clone());
    let options = CastOptions { safe: true, ..Default::default() };
    let fitted = cast_with_options(array, field.data_type(), &options).map_err(no_type)?;
    match (0..array.len()).find(|&row| array.is_valid(row) && fitted.is_null(row)) {
        Some(row) => Err(Misfit::Value { row, value: array_value_to_string(array, row).map_err(no_type)? }),
        None => Ok(fitted),
    }
}

/// Rows of ours as a live column would give them back; as they are where it cannot hold them.
pub(super) fn as_stored(array: &ArrayRef, field: &Field) -> Result<ArrayRef> {
    match fit(array, field) {
        Ok(fitted) => Ok(cast(&fitted, array.data_type())?),
        Err(_) => Ok(ArrayRef::clone(array)),
    }
}

/// The service's name of a type.
pub(super) fn type_name(ty: &DataType) -> String {
    match ty {
        DataType::Decimal128(precision, scale) => format!("NUMERIC({precision}, {scale})"),
        DataType::Decimal256(precision, scale) => format!("BIGNUMERIC({precision}, {scale})"),
        DataType::Float64 => "FLOAT64".to_owned(),
        DataType::Int64 => "INT64".to_owned(),
        DataType::Utf8 => "STRING".to_owned(),
        DataType::Boolean => "BOOL".to_owned(),
        DataType::Date32 => "DATE".to_owned(),
        DataType::Timestamp(_, None) => "DATETIME".to_owned(),
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP".to_owned(),
        other => other.to_string(),
    }
}

/// Texts of JSON in one form: keys in order, numbers as doubles. What is no JSON stays as it is.
pub(super) fn json_values(array: &ArrayRef) -> ArrayRef {
    let Some(texts) = array.as_string_opt::<i32>() else { return ArrayRef::clone(array) };
    let one_form = |text: &str| match serde_json::from_str::<Value>(text) {
        Ok(value) => as_doubles(value).to_string(),
        Err(_) => text.to_owned(),
    };
    Arc::new(texts.iter().map(|text| text.map(one_form)).collect::<StringArray>())
}

fn as_doubles(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or(Value::Number(number), Value::from),
        Value::Array(values) => values.into_iter().map(as_doubles).collect(),
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (key, as_doubles(value))).collect(),
        other => other,
    }
}

/// A column whose values the live type rounds.
#[derive(Debug, PartialEq)]
pub(super) struct Rounded {
    column: String,
    there: DataType,
    values: usize,
    /// The largest change of a value.
    largest: f64,
}

impl Rounded {
    /// What fitting did to a column; `None`: nothing.
    pub(super) fn between(ours: &ArrayRef, fitted: &ArrayRef, column: &str) -> Result<Option<Self>> {
        if !ours.data_type().is_numeric() || ours.data_type() == fitted.data_type() {
            return Ok(None);
        }
        let back = cast(fitted, ours.data_type())?;
        let (before, after) = (cast(ours, &DataType::Float64)?, cast(fitted, &DataType::Float64)?);
        let (before, after) = (before.as_primitive::<Float64Type>(), after.as_primitive::<Float64Type>());
        let is_changed = |row: &usize| ours.is_valid(*row) && ours.slice(*row, 1) != back.slice(*row, 1);
        let changes: Vec<f64> =
            (0..ours.len()).filter(is_changed).map(|row| (before.value(row) - after.value(row)).abs()).collect();
        let largest = changes.iter().copied().fold(0.0, f64::max);
        let there = fitted.data_type().clone();
        Ok((!changes.is_empty()).then(|| Self { column: column.to_owned(), there, values: changes.len(), largest }))
    }

    /// In words, for a table.
    pub(super) fn note(&self, place: &str) -> String {
        let Self { column, there, values, largest } = self;
        let values = if *values == 1 { "1 value is".to_owned() } else { format!("{values} values are") };
        let there = type_name(there);
        format!("{place}: column {column} is {there} there: {values} rounded, by at most {largest:.3e}")
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Decimal128Array, Float64Array};

    use super::*;

    fn ours(values: &[Option<i128>]) -> ArrayRef {
        let values: Decimal128Array = values.iter().copied().collect();
        Arc::new(values.with_precision_and_scale(5, 2).expect("NUMERIC(5,2)"))
    }

    fn field(ty: DataType) -> Field {
        Field::new("points", ty, true)
    }

    #[test]
    fn a_smaller_scale_rounds_half_away_from_zero() {
        let array = ours(&[Some(1235), Some(-1235), Some(1230), None, Some(1234)]);
        let field = field(DataType::Decimal128(4, 1));
        let fitted = fit(&array, &field).expect("values that fit");
        let values = fitted.as_primitive::<arrow::datatypes::Decimal128Type>();
        assert_eq!(values.iter().collect::<Vec<_>>(), [Some(124), Some(-124), Some(123), None, Some(123)]);
        let rounded = Rounded::between(&array, &fitted, "points").expect("numbers").expect("a change");
        assert_eq!((rounded.values, (1000.0 * rounded.largest).round()), (3, 50.0));
        assert!(as_stored(&array, &field).expect("ours").slice(0, 1) != array.slice(0, 1));
    }

    #[test]
    fn json_is_compared_by_value() {
        let texts = |texts: [&str; 2]| -> ArrayRef { Arc::new(StringArray::from(texts.to_vec())) };
        let ours = json_values(&texts(["{\"b\": 1, \"a\": [1.50, null]}", "no json"]));
        let theirs = json_values(&texts(["{\"a\":[1.5,null],\"b\":1.0}", "no json"]));
        assert!(ours == theirs);
        assert!(ours != json_values(&texts(["{\"a\":[1.5,null],\"b\":2}", "no json"])));
    }

    #[test]
    fn doubles_hold_our_decimals() {
        let array = ours(&[Some(1235), Some(-1), None]);
        let field = field(DataType::Float64);
        let fitted = fit(&array, &field).expect("values that fit");
        assert_eq!(Rounded::between(&array, &fitted, "points").expect("numbers"), None);
        assert!(as_stored(&array, &field).expect("ours") == array);
    }

    #[test]
    fn what_the_type_cannot_hold_is_named_with_its_row() {
        let array = ours(&[Some(10), Some(99_999)]);
        let misfit = fit(&array, &field(DataType::Decimal128(2, 1)));
        assert_eq!(misfit, Err(Misfit::Value { row: 1, value: "999.99".to_owned() }));
        let doubles: ArrayRef = Arc::new(Float64Array::from(vec![1.5, f64::NAN]));
        assert!(matches!(fit(&doubles, &field(DataType::Decimal128(38, 9))), Err(Misfit::Value { row: 1, .. })));
    }
}
