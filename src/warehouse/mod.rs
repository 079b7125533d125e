//! Where Phase 3 comes from and Phase 4 goes to.

mod conform;
pub mod dir;
mod dir_target;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use arrow::array::RecordBatch;

pub use conform::{ColumnNote, SchemaMatch};
pub use dir_target::DirTarget;

use crate::calendar::DateRange;
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::upload::Target;

/// A warehouse as the user names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// `dir:PATH`: a folder of Parquet.
    Dir(PathBuf),
}

impl FromStr for Location {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            Some(("dir", path)) if !path.is_empty() => Ok(Self::Dir(PathBuf::from(path))),
            _ => Err(Error::new(ErrorKind::Usage, format!("{text:?} does not name a warehouse"))
                .hint("write dir:PATH for a directory of Parquet files")),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dir(path) => write!(f, "dir:{}", path.display()),
        }
    }
}

/// A warehouse that is read.
pub trait Source: Sync {
    /// As the user named it; recorded in the store.
    fn name(&self) -> String;

    /// What is there of a table, without reading rows; `None` when the table does not exist.
    fn describe(&self, table: Table) -> Result<Option<TableDescription>>;

    /// Hands every row of `range` to `sink`, in any order, with exactly the columns of the table.
    fn read(
        &self,
        table: Table,
        range: Option<DateRange>,
        sink: &mut dyn FnMut(RecordBatch) -> Result<()>,
    ) -> Result<()>;
}

/// The live schema of a table, compared with ours, and a token that changes when its rows may have.
#[derive(Debug, Clone)]
pub struct TableDescription {
    pub version: String,
    pub schema: SchemaMatch,
}

/// Opens a warehouse for reading.
pub fn open(location: &Location) -> Result<Box<dyn Source>> {
    match location {
        Location::Dir(path) => Ok(Box::new(dir::DirWarehouse::open(path)?)),
    }
}

/// Opens a warehouse for publishing; a directory is created if needed.
pub fn open_target(location: &Location) -> Result<Box<dyn Target>> {
    match location {
        Location::Dir(path) => Ok(Box::new(DirTarget::open(path)?)),
    }
}
