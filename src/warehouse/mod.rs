//! Warehouses: sources of Phase 3 and targets of Phase 4.

pub mod bigquery;
pub mod bucket;
mod conform;
mod content;
pub mod dir;
mod dir_target;
mod partitions;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::SystemTime;

use arrow::array::RecordBatch;

pub use conform::{ColumnNote, SchemaMatch, conform};
pub use content::{DateContent, date_contents};
pub use dir_target::{DirTarget, PublishedDir};
pub use partitions::{PartitionId, PartitionVersion, Partitions};

use bigquery::{BigQuery, BigQuerySettings};
use bucket::{BucketSettings, BucketTarget, BucketUrl, BucketWarehouse, PublishedBucket, Service};

use crate::calendar::{DateRange, DateRanges};
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::price::Bill;
use crate::store::SourceFiles;
use crate::upload::Target;

/// A warehouse, as users name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// `dir:PATH`: a folder of Parquet.
    Dir(PathBuf),
    /// `bigquery:PROJECT`.
    BigQuery { project: String },
    /// `gs://BUCKET/PREFIX` or `s3://BUCKET/PREFIX`.
    Bucket(BucketUrl),
}

/// What names a warehouse, for help and hints.
pub const LOCATION_FORMS: &str = "dir:PATH, gs://BUCKET/PREFIX, s3://BUCKET/PREFIX or bigquery:PROJECT";

impl Location {
    /// Whether files lie there, in a directory or a bucket.
    pub fn has_files(&self) -> bool {
        matches!(self, Self::Dir(_) | Self::Bucket(_))
    }
}

impl FromStr for Location {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            Some(("dir", path)) if !path.is_empty() => Ok(Self::Dir(PathBuf::from(path))),
            Some(("bigquery", project)) if is_project(project) => Ok(Self::BigQuery { project: project.to_owned() }),
            Some((scheme, rest)) => bucket(scheme, rest).map(Self::Bucket).ok_or_else(|| no_location(text)),
            None => Err(no_location(text)),
        }
    }
}

fn bucket(scheme: &str, rest: &str) -> Option<BucketUrl> {
    let service = [Service::Google, Service::S3].into_iter().find(|service| service.scheme() == scheme)?;
    BucketUrl::parse(service, rest)
}

fn no_location(text: &str) -> Error {
    Error::new(ErrorKind::Usage, format!("\"{text}\" does not name a warehouse")).hint(
        "write dir:PATH for a directory of Parquet files, gs://BUCKET/PREFIX or s3://BUCKET/PREFIX for a bucket, or \
         bigquery:PROJECT",
    )
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dir(path) => write!(f, "dir:{}", path.display()),
            Self::BigQuery { project } => write!(f, "bigquery:{project}"),
            Self::Bucket(url) => write!(f, "{url}"),
        }
    }
}

/// Letters, digits and hyphens, perhaps after a domain.
pub(crate) fn is_project(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|unit| unit.is_ascii_alphanumeric() || "-.:".contains(unit))
}

/// Which rows of a table are read, by the partition column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    Everything,
    Ranges(DateRanges),
}

impl Selection {
    pub fn range(range: DateRange) -> Self {
        Self::Ranges([range].into_iter().collect())
    }

    pub fn contains(&self, date: chrono::NaiveDate) -> bool {
        match self {
            Self::Everything => true,
            Self::Ranges(ranges) => ranges.contains(date),
        }
    }
}

/// A warehouse that is read.
pub trait Source: Sync {
    /// As the user named it; recorded in the store.
    fn name(&self) -> String;

    /// What is there of a table, without reading rows; `None` when the table does not exist.
    fn describe(&self, table: Table) -> Result<Option<TableDescription>>;

    /// A token of the table's rows. `known` is what was remembered of its files last time. Of a table that was
    /// described.
    fn version(&self, table: Table, known: &SourceFiles) -> Result<ContentVersion>;

    /// Hands every selected row to `sink`, in any order, with exactly the columns of the table. Returns how many rows
    /// are left out, since nothing rests on them.
    fn read(&self, table: Table, selection: &Selection, sink: &mut dyn FnMut(RecordBatch) -> Result<()>)
    -> Result<u64>;

    /// Rows per date of a table; `None` when the table does not exist.
    fn count_rows(&self, table: Table, selection: &Selection) -> Result<Option<BTreeMap<chrono::NaiveDate, u64>>> {
        if self.describe(table)?.is_none() {
            return Ok(None);
        }
        let mut counts = BTreeMap::new();
        self.read(table, selection, &mut |batch| {
            let dates = batch.column_by_name(table.schema().partition_column()).expect("partition column");
            for &day in arrow::array::AsArray::as_primitive::<arrow::datatypes::Date32Type>(dates).values() {
                *counts.entry(crate::calendar::date_of_day(day)).or_default() += 1;
            }
            Ok(())
        })?;
        Ok(Some(counts))
    }

    /// The content of each date of a table that has rows, where the warehouse can tell it without sending
    /// them; of the failures table, that of our processors. `None`: the rows must be read.
    fn date_contents(
        &self,
        _table: Table,
        _ranges: &DateRanges,
    ) -> Result<Option<BTreeMap<chrono::NaiveDate, DateContent>>> {
        Ok(None)
    }

    /// Rows as the warehouse gives them back once they are published, to compare them by value: its types may round, and
    /// texts of JSON have one form.
    fn as_stored(&self, _table: Table, rows: RecordBatch) -> Result<RecordBatch> {
        Ok(rows)
    }

    /// What comparing the dates of a table would be billed, in full or by their contents; `None`: nothing is billed.
    fn estimate(&self, _table: Table, _ranges: &DateRanges, _full: bool) -> Result<Option<Bill>> {
        Ok(None)
    }

    /// What was billed so far; `None`: nothing is billed.
    fn bill(&self) -> Option<Bill> {
        None
    }

    /// Notes for the user since the last call.
    fn take_notes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The live schema of a table, compared with ours.
#[derive(Debug, Clone)]
pub struct TableDescription {
    pub schema: SchemaMatch,
    /// Where the warehouse keeps track of it: the table's partitions and their versions. The table's own
    /// version then says nothing of rows.
    pub partitions: Option<Partitions>,
}

/// What a table holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContentVersion {
    /// Another one when rows may be others.
    pub token: String,
    /// Files whose hashes may be remembered.
    pub files: SourceFiles,
}

/// How to reach what is not on this machine.
#[derive(Clone, Copy)]
pub struct Connect<'a> {
    pub bigquery: &'a dyn Fn(&str) -> Result<BigQuerySettings>,
    pub bucket: &'a dyn Fn(&BucketUrl) -> Result<BucketSettings>,
}

/// Opens a warehouse for reading at the moment `now`.
pub fn open(location: &Location, now: SystemTime, connect: Connect<'_>) -> Result<Box<dyn Source>> {
    match location {
        Location::Dir(path) => Ok(Box::new(dir::DirWarehouse::open(path)?.remembering(now))),
        Location::Bucket(url) => Ok(Box::new(BucketWarehouse::open(&(connect.bucket)(url)?)?)),
        Location::BigQuery { project } => {
            let required = Table::inputs().filter(|table| table.role() == crate::catalog::Role::Input);
            Ok(Box::new(BigQuery::open((connect.bigquery)(project)?, required)?))
        }
    }
}

/// Opens a warehouse to read what was published into it.
pub fn open_outputs(location: &Location, connect: Connect<'_>) -> Result<Box<dyn Source>> {
    match location {
        Location::Dir(path) => Ok(Box::new(PublishedDir::open(path)?)),
        Location::Bucket(url) => Ok(Box::new(PublishedBucket::open(&(connect.bucket)(url)?)?)),
        Location::BigQuery { project } => Ok(Box::new(BigQuery::open((connect.bigquery)(project)?, Table::outputs())?)),
    }
}

/// Opens a warehouse for publishing. A directory is created when something is published; a bucket has to exist.
pub fn open_target(location: &Location, connect: Connect<'_>) -> Result<Box<dyn Target>> {
    match location {
        Location::Dir(path) => Ok(Box::new(DirTarget::open(path)?)),
        Location::Bucket(url) => Ok(Box::new(BucketTarget::open((connect.bucket)(url)?)?)),
        Location::BigQuery { project } => Ok(Box::new(BigQuery::open_to_publish((connect.bigquery)(project)?)?)),
    }
}
