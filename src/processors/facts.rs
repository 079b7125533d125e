//! Typed access to the columns of a query's result.

use arrow::array::{
    Array, AsArray, BooleanArray, Date32Array, Float64Array, Int64Array, ListArray, RecordBatch, StringArray,
};
use arrow::datatypes::{Date32Type, Float64Type, Int64Type};
use chrono::NaiveDate;

use crate::numerics::rounding::decimal_to_f64;

/// A query's result: columns by name. Names and types are fixed by the SQL beside the caller, so a
/// mismatch is a defect and panics.
#[derive(Debug)]
pub struct Facts<'a>(pub &'a RecordBatch);

impl<'a> Facts<'a> {
    pub fn rows(&self) -> usize {
        self.0.num_rows()
    }

    fn column(&self, name: &str) -> &'a dyn Array {
        self.0.column_by_name(name).unwrap_or_else(|| panic!("the query returns {name}"))
    }

    pub fn int(&self, name: &str) -> &'a Int64Array {
        self.column(name).as_primitive_opt::<Int64Type>().unwrap_or_else(|| panic!("{name} is BIGINT"))
    }

    pub fn f64(&self, name: &str) -> &'a Float64Array {
        self.column(name).as_primitive_opt::<Float64Type>().unwrap_or_else(|| panic!("{name} is DOUBLE"))
    }

    pub fn bool(&self, name: &str) -> &'a BooleanArray {
        self.column(name).as_boolean_opt().unwrap_or_else(|| panic!("{name} is BOOLEAN"))
    }

    pub fn str(&self, name: &str) -> &'a StringArray {
        self.column(name).as_string_opt::<i32>().unwrap_or_else(|| panic!("{name} is VARCHAR"))
    }

    pub fn date(&self, name: &str) -> &'a Date32Array {
        self.column(name).as_primitive_opt::<Date32Type>().unwrap_or_else(|| panic!("{name} is DATE"))
    }

    pub fn list(&self, name: &str) -> &'a ListArray {
        self.column(name).as_list_opt::<i32>().unwrap_or_else(|| panic!("{name} is a list"))
    }
}

/// Declares the columns of a query once: `columns! { Name { column: type, … } }` makes a struct of typed
/// arrays, where a type is the name of a method of [`Facts`].
macro_rules! columns {
    ($(#[$meta:meta])* $name:ident { $($column:ident: $ty:ident),* $(,)? }) => {
        $(#[$meta])*
        struct $name<'a> { $($column: $crate::processors::facts::columns!(@array 'a $ty)),* }

        impl<'a> $name<'a> {
            fn new(facts: &$crate::processors::facts::Facts<'a>) -> Self {
                Self { $($column: facts.$ty(stringify!($column))),* }
            }
        }
    };
    (@array $a:lifetime int) => { &$a arrow::array::Int64Array };
    (@array $a:lifetime f64) => { &$a arrow::array::Float64Array };
    (@array $a:lifetime bool) => { &$a arrow::array::BooleanArray };
    (@array $a:lifetime str) => { &$a arrow::array::StringArray };
    (@array $a:lifetime date) => { &$a arrow::array::Date32Array };
    (@array $a:lifetime list) => { &$a arrow::array::ListArray };
}
pub(super) use columns;

/// The value of a row, `None` for NULL.
pub trait Nullable {
    type Value;
    fn at(&self, row: usize) -> Option<Self::Value>;
}

impl Nullable for Int64Array {
    type Value = i64;
    fn at(&self, row: usize) -> Option<i64> {
        self.is_valid(row).then(|| self.value(row))
    }
}

impl Nullable for Float64Array {
    type Value = f64;
    fn at(&self, row: usize) -> Option<f64> {
        self.is_valid(row).then(|| self.value(row))
    }
}

impl Nullable for BooleanArray {
    type Value = bool;
    fn at(&self, row: usize) -> Option<bool> {
        self.is_valid(row).then(|| self.value(row))
    }
}

impl Nullable for Date32Array {
    type Value = NaiveDate;
    fn at(&self, row: usize) -> Option<NaiveDate> {
        self.is_valid(row).then(|| crate::calendar::date_of_day(self.value(row)))
    }
}

impl<'a> Nullable for &'a StringArray {
    type Value = &'a str;
    fn at(&self, row: usize) -> Option<&'a str> {
        self.is_valid(row).then(|| self.value(row))
    }
}

/// A scaled decimal of a row as the nearest double.
pub trait Decimal {
    fn decimal(&self, row: usize, digits: u8) -> Option<f64>;
}

impl Decimal for Int64Array {
    fn decimal(&self, row: usize, digits: u8) -> Option<f64> {
        self.at(row).map(|scaled| decimal_to_f64(scaled, digits))
    }
}
