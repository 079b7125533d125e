//! Columns whose values are in the names of folders: `game_date=2023-11-07/`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, StringArray, UInt32Array, new_null_array};
use arrow::array::{Date32Array, TimestampMicrosecondArray};
use arrow::compute::kernels::cmp::distinct;
use arrow::compute::take;
use arrow::datatypes::{DataType, Date32Type};
use chrono::NaiveDate;

use super::columns::arrow_type;
use super::exact::{convert, shown};
use super::text;
use crate::calendar::date_of_day;
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};

/// A folder named `<key>=<value>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::warehouse) struct Folder {
    /// As it lies in the directory.
    pub name: String,
    pub key: String,
    /// `None` for the name that stands for NULL.
    pub value: Option<String>,
}

/// A column of ours that a folder gives.
#[derive(Debug)]
pub(super) struct FolderColumn {
    pub column: &'static str,
    folder: String,
    is_needed: bool,
    /// The value, alone in an array of the column's type.
    value: ArrayRef,
}

/// The columns of `table` that the folders of a file give.
///
/// # Errors
/// [`ErrorKind::Schema`] for a value that is none of the column's type, or two values for one column.
pub(super) fn columns_of(table: Table, folders: &[Folder], place: &str) -> Result<Vec<FolderColumn>> {
    let mut columns: Vec<FolderColumn> = Vec::new();
    for folder in folders {
        let known = table.schema().columns().iter().find(|column| column.name.eq_ignore_ascii_case(&folder.key));
        let Some(known) = known else { continue };
        let ty = arrow_type(table, &known.name);
        let is_needed = table.schema().is_needed(&known.name);
        let value = match folder.value.as_deref().map(|text| value_of(text, &ty)) {
            None => new_null_array(&ty, 1),
            Some(Some(value)) => value,
            Some(None) if is_needed => return Err(no_value(table, folder, &known.ty.to_string(), place)),
            Some(None) => continue,
        };
        let column = FolderColumn { column: known.name.as_str(), folder: folder.name.clone(), is_needed, value };
        if let Some(other) = columns.iter().find(|other| other.column == column.column) {
            if distinct(&other.value, &column.value)?.value(0) {
                let (a, b, column) = (&other.folder, &column.folder, column.column);
                let message = format!("{table}: folders {a} and {b} of {place} give {column} two values");
                return Err(Error::new(ErrorKind::Schema, message).hint("move the file; nothing was pulled"));
            }
            continue;
        }
        columns.push(column);
    }
    Ok(columns)
}

fn no_value(table: Table, folder: &Folder, ty: &str, place: &str) -> Error {
    let name = &folder.name;
    Error::new(ErrorKind::Schema, format!("{table}: folder {name} of {place} does not give {} a {ty}", folder.key))
        .hint("rename the folder; nothing was pulled")
}

fn value_of(text: &str, ty: &DataType) -> Option<ArrayRef> {
    let array: ArrayRef = match ty {
        DataType::Utf8 => Arc::new(StringArray::from(vec![text])),
        DataType::Date32 => Arc::new(Date32Array::from(vec![text::day(text)?])),
        DataType::Timestamp(..) => {
            Arc::new(TimestampMicrosecondArray::from(vec![text::micros(text)?]).with_timezone("UTC"))
        }
        DataType::Boolean => Arc::new(BooleanArray::from(vec![text.to_ascii_lowercase().parse::<bool>().ok()?])),
        DataType::Int64 | DataType::Float64 | DataType::Decimal128(..) => {
            let number: ArrayRef = Arc::new(Float64Array::from(vec![text.parse::<f64>().ok()?]));
            let converted = convert(&number, ty).ok()?;
            (converted.misfit.is_none() && converted.nans == 0).then_some(converted.array)?
        }
        _ => return None,
    };
    Some(array)
}

impl FolderColumn {
    /// The date, if this is a date.
    pub fn date(&self) -> Option<NaiveDate> {
        let days = self.value.as_primitive_opt::<Date32Type>()?;
        days.is_valid(0).then(|| date_of_day(days.value(0)))
    }

    /// The value for so many rows.
    pub fn repeat(&self, rows: usize) -> Result<ArrayRef> {
        Ok(take(&self.value, &UInt32Array::from(vec![0; rows]), None)?)
    }

    /// The first row whose own value is another one; what nothing reads is not compared.
    pub fn conflict(&self, array: &ArrayRef) -> Result<Option<usize>> {
        if !self.is_needed {
            return Ok(None);
        }
        let differing = distinct(array, &self.repeat(array.len())?)?;
        Ok(differing.values().set_indices().next())
    }

    /// Says how a row contradicts the folder.
    pub fn contradiction(&self, array: &ArrayRef, row: usize) -> String {
        let (column, folder) = (self.column, &self.folder);
        format!("{column} is {} by its folder {folder}, and {}", shown(&self.value, 0), shown(array, row))
    }
}
