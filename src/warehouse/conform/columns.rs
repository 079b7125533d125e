//! The live columns of a table beside ours: by name, without regard to case or position.

use std::fmt;

use arrow::datatypes::{DataType, Schema};

use super::exact::{is_convertible, may_be_game_ids};
use crate::catalog::{Column, Table};
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
    /// There more than once, in names that differ in case at most; read by nothing, stored as NULL.
    Repeated { column: String, found: Vec<String> },
}

impl fmt::Display for ColumnNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Extra { column } => write!(f, "column {column} is not in putback's schema and is not pulled"),
            Self::Absent { column } => write!(f, "column {column} is absent; nothing reads it, it is stored as NULL"),
            Self::Retyped { column, expected, found } => {
                write!(
                    f,
                    "column {column} is {found} instead of {expected}; nothing reads it, and values that do not fit \
                     are stored as NULL"
                )
            }
            Self::Repeated { column, found } => {
                let found = found.join(", ");
                write!(f, "column {column} is there as {found}; nothing reads it, it is stored as NULL")
            }
        }
    }
}

/// A column of a warehouse.
#[derive(Debug)]
pub struct LiveColumn {
    pub name: String,
    /// Its type, or why it cannot be read.
    pub ty: Result<DataType, String>,
}

/// The columns of a table where it lies.
pub(in crate::warehouse) struct LiveTable<'a> {
    pub columns: &'a [LiveColumn],
    /// Names of columns whose values the folders say.
    pub in_folders: &'a [&'a str],
    /// Where that is, for people.
    pub place: &'a str,
    /// Whether a column, by its index, has any value.
    pub has_values: &'a dyn Fn(usize) -> Result<bool>,
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
    /// [`ErrorKind::Schema`] for a column that a processor reads and that is missing, there twice, or retyped.
    pub fn compare(table: Table, live: &Schema, place: &str) -> Result<Self> {
        let column = |field: &std::sync::Arc<arrow::datatypes::Field>| LiveColumn {
            name: field.name().clone(),
            ty: Ok(field.data_type().clone()),
        };
        let columns: Vec<LiveColumn> = live.fields().iter().map(column).collect();
        LiveTable { columns: &columns, in_folders: &[], place, has_values: &|_| Ok(true) }.compare(table)
    }
}

/// Where a column of ours is among live ones.
pub(in crate::warehouse) enum Found {
    Nowhere,
    At(usize),
    Repeated(Vec<usize>),
}

/// Looks for a name without regard to case, as BigQuery does.
pub(in crate::warehouse) fn find<'a>(names: impl Iterator<Item = &'a str>, column: &str) -> Found {
    let mut at: Vec<usize> =
        names.enumerate().filter(|(_, name)| name.eq_ignore_ascii_case(column)).map(|(index, _)| index).collect();
    match at.len() {
        0 => Found::Nowhere,
        1 => Found::At(at.remove(0)),
        _ => Found::Repeated(at),
    }
}

impl LiveTable<'_> {
    /// # Errors
    /// As [`SchemaMatch::compare`].
    pub fn compare(&self, table: Table) -> Result<SchemaMatch> {
        let schema = table.schema();
        let mut notes = Vec::new();
        for column in schema.columns() {
            notes.extend(self.compare_column(table, column)?);
        }
        let is_known = |name: &str| schema.columns().iter().any(|column| column.name.eq_ignore_ascii_case(name));
        let extra = self.columns.iter().filter(|live| !is_known(&live.name));
        notes.extend(extra.map(|live| ColumnNote::Extra { column: live.name.clone() }));
        Ok(SchemaMatch { notes })
    }

    fn compare_column(&self, table: Table, column: &Column) -> Result<Option<ColumnNote>> {
        let name = || column.name.clone();
        let is_needed = table.schema().is_needed(&column.name);
        let in_folders = self.in_folders.iter().any(|known| known.eq_ignore_ascii_case(&column.name));
        let index = match find(self.columns.iter().map(|live| live.name.as_str()), &column.name) {
            Found::At(index) => index,
            Found::Nowhere if in_folders => return Ok(None),
            Found::Nowhere if is_needed => return Err(self.missing(table, column)),
            Found::Nowhere => return Ok(Some(ColumnNote::Absent { column: name() })),
            Found::Repeated(at) => {
                let found: Vec<String> = at.into_iter().map(|index| self.columns[index].name.clone()).collect();
                if is_needed {
                    return Err(self.repeated(table, column, &found));
                }
                return Ok(Some(ColumnNote::Repeated { column: name(), found }));
            }
        };
        let expected = arrow_type(table, &column.name);
        let found = match &self.columns[index].ty {
            Ok(ty) if is_convertible(ty, &expected) => return Ok(None),
            Ok(ty) if is_game_id(table, &column.name) && may_be_game_ids(ty) => return Ok(None),
            Ok(ty) => ty.to_string(),
            Err(reason) if is_needed => return Err(self.unreadable(table, column, reason)),
            Err(reason) => reason.clone(),
        };
        if is_needed {
            // Exporters give a column without any value whatever type they like.
            return if (self.has_values)(index)? { Err(self.retyped(table, column, &found)) } else { Ok(None) };
        }
        Ok(Some(ColumnNote::Retyped { column: name(), expected: column.ty.to_string(), found }))
    }

    fn missing(&self, table: Table, column: &Column) -> Error {
        let (name, ty, place) = (&column.name, column.ty, self.place);
        let message = format!("{table}: column {name} is required but missing in {place}");
        let hint = match self.in_folders {
            [] => format!("restore the column ({ty}) in the warehouse; nothing was pulled"),
            keys => format!(
                "restore the column ({ty}) in the warehouse; the folders only say {}; nothing was pulled",
                keys.join(", ")
            ),
        };
        Error::new(ErrorKind::Schema, message).hint(hint)
    }

    fn retyped(&self, table: Table, column: &Column, found: &str) -> Error {
        let (name, ty, place) = (&column.name, column.ty, self.place);
        let message = format!("{table}: column {name} is {found} in {place}, expected {ty}");
        Error::new(ErrorKind::Schema, message).hint("restore the column's type in the warehouse; nothing was pulled")
    }

    fn unreadable(&self, table: Table, column: &Column, reason: &str) -> Error {
        let (name, place) = (&column.name, self.place);
        Error::new(ErrorKind::Schema, format!("{table}: column {name} in {place} cannot be read: it is {reason}"))
            .hint(format!("export the column as {} in a codec that is read; nothing was pulled", column.ty))
    }

    fn repeated(&self, table: Table, column: &Column, found: &[String]) -> Error {
        let (name, place) = (&column.name, self.place);
        let found = found.join(" and ");
        Error::new(
            ErrorKind::Schema,
            format!("{table}: columns {found} in {place} are both {name}, whose case is not told apart"),
        )
        .hint("keep one of them; nothing was pulled")
    }
}

/// Whether a column has ids of games as the league gives them, which may have been numbers on their way.
pub(super) fn is_game_id(table: Table, column: &str) -> bool {
    table == Table::Schedule && column == "game_id"
}

/// The type of a column of ours.
pub(in crate::warehouse) fn arrow_type(table: Table, column: &str) -> DataType {
    let schema = table.schema().arrow();
    schema.field_with_name(column).expect("a column of the table").data_type().clone()
}
