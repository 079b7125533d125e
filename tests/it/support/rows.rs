//! Rows as tests write them and read them back.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use chrono::DateTime;

/// A cell. Dates and timestamps are text: `2024-01-15`, `2024-01-15 00:00:00`.
#[derive(Debug, Clone)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    /// A FLOAT64, or a NUMERIC as the double nearest to it.
    Num(f64),
    Text(String),
    List(Vec<Value>),
}

pub const NULL: Value = Value::Null;

/// Numbers are equal when their bits are.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Num(a), Self::Num(b)) => a.to_bits() == b.to_bits(),
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            _ => false,
        }
    }
}

macro_rules! value_from {
    ($($from:ty => $make:expr),* $(,)?) => {
        $(impl From<$from> for Value {
            fn from(value: $from) -> Self {
                $make(value)
            }
        })*
    };
}

value_from! {
    bool => Value::Bool,
    i32 => |value| Value::Int(i64::from(value)),
    i64 => Value::Int,
    f64 => Value::Num,
    &str => |value: &str| Value::Text(value.to_owned()),
    String => Value::Text,
    chrono::NaiveDate => |date: chrono::NaiveDate| Value::Text(date.to_string()),
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(NULL, Into::into)
    }
}

impl<T: Into<Value>, const N: usize> From<[T; N]> for Value {
    fn from(values: [T; N]) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

impl Value {
    /// A cell as the specifications print it: `-` is NULL, then whole numbers, decimals, text.
    pub fn parse(text: &str) -> Self {
        if text == "-" {
            NULL
        } else if let Ok(int) = text.parse::<i64>() {
            Self::Int(int)
        } else if let Ok(num) = text.parse::<f64>() {
            Self::Num(num)
        } else {
            Self::Text(text.to_owned())
        }
    }

    /// Cells joined by `/`, as in `21/38`; `-` makes all of them NULL.
    pub fn parse_all<const N: usize>(text: &str) -> [Self; N] {
        if text == "-" {
            return [const { NULL }; N];
        }
        let cells: Vec<Self> = text.split('/').map(Self::parse).collect();
        cells.try_into().unwrap_or_else(|cells| panic!("{text:?} has not {N} cells but {cells:?}"))
    }

    fn read(array: &dyn Array, row: usize) -> Self {
        if array.is_null(row) {
            return NULL;
        }
        match array.data_type() {
            DataType::Utf8 => array.as_string::<i32>().value(row).into(),
            DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
            DataType::Float64 => array.as_primitive::<Float64Type>().value(row).into(),
            DataType::Boolean => array.as_boolean().value(row).into(),
            DataType::Date32 => {
                Date32Type::to_naive_date_opt(array.as_primitive::<Date32Type>().value(row)).expect("a date").into()
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
                let time = DateTime::from_timestamp_micros(micros).expect("a timestamp");
                time.format("%Y-%m-%d %H:%M:%S%.f").to_string().into()
            }
            DataType::Decimal128(_, scale) => {
                let scaled = array.as_primitive::<Decimal128Type>().value(row);
                (scaled as f64 / 10_f64.powi(i32::from(*scale))).into()
            }
            DataType::List(_) => {
                let list = array.as_list::<i32>().value(row);
                Self::List((0..list.len()).map(|index| Self::read(&list, index)).collect())
            }
            other => panic!("no table has a column of type {other}"),
        }
    }
}

/// Columns by name; a test names those it cares about.
pub type Row = BTreeMap<String, Value>;

/// `row! { player_lookup: "alpha", points: 12, minutes_played: NULL }`
macro_rules! row {
    ($($name:ident: $value:expr),* $(,)?) => {
        $crate::support::rows::Row::from([
            $((stringify!($name).to_owned(), $crate::support::rows::Value::from($value))),*
        ])
    };
}
pub(crate) use row;

/// `base` with the columns of `more` in place of its own.
pub fn with(base: &Row, more: Row) -> Row {
    base.clone().into_iter().chain(more).collect()
}

/// The rows of a batch, with all their columns.
pub fn rows_of(batch: &RecordBatch) -> Vec<Row> {
    let schema = batch.schema();
    let names = || schema.fields().iter().map(|field| field.name().clone());
    let cells = |row| batch.columns().iter().map(move |array| Value::read(array, row));
    (0..batch.num_rows()).map(|row| names().zip(cells(row)).collect()).collect()
}

/// The only row that has the columns of `key`.
#[track_caller]
pub fn the_row<'a>(rows: &'a [Row], key: &Row) -> &'a Row {
    let matching: Vec<&Row> = rows.iter().filter(|row| key.iter().all(|(name, value)| row[name] == *value)).collect();
    assert_eq!(matching.len(), 1, "rows with {key:?} among {}", rows.len());
    matching[0]
}

/// Compares the columns that `expected` names, doubles bit for bit.
#[track_caller]
pub fn assert_columns(actual: &Row, expected: &Row) {
    let differences: Vec<String> = expected
        .iter()
        .filter(|(name, value)| actual.get(*name) != Some(value))
        .map(|(name, value)| format!("{name}: {:?} instead of {value:?}", actual.get(name)))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
