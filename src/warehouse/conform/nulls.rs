//! NULL where a table's schema has none: counted over all files, told once.

use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};

/// The rows without a value of the first required column that lacks one.
#[derive(Debug, Default)]
pub(in crate::warehouse) struct Nulls(Option<Found>);

#[derive(Debug)]
struct Found {
    column: String,
    rows: usize,
    first: String,
}

impl Nulls {
    pub fn are_found(&self) -> bool {
        self.0.is_some()
    }

    /// Counts `rows` of a column; `first` says which the first of them is. Of other columns than the first that was
    /// found nothing is counted.
    pub fn add(&mut self, column: &str, rows: usize, first: impl FnOnce() -> String) {
        let found = self.0.get_or_insert_with(|| Found { column: column.to_owned(), rows: 0, first: first() });
        if found.column == column {
            found.rows += rows;
        }
    }

    /// # Errors
    /// [`ErrorKind::Schema`] if any were found.
    pub fn refuse(&self, table: Table) -> Result<()> {
        let Some(Found { column, rows, first }) = &self.0 else { return Ok(()) };
        Err(Error::new(
            ErrorKind::Schema,
            format!("{table}: required column {column} is NULL in {rows} rows; the first is {first}"),
        )
        .hint(format!("repair the rows where {column} is NULL in the warehouse; nothing was pulled")))
    }
}
