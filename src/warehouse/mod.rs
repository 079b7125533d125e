//! Warehouses: sources of Phase 3 and targets of Phase 4.

pub mod bigquery;
pub mod bucket;
mod conform;
mod content;
pub mod dir;
mod dir_target;
mod partitions;
mod source;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::SystemTime;

pub use conform::{ColumnNote, SchemaMatch, conform};
pub use content::{DateContent, date_contents};
pub use dir_target::{DirTarget, PublishedDir};
pub use partitions::{PartitionId, PartitionVersion, Partitions};
pub use source::{ContentVersion, Selection, Source, TableDescription};

use bigquery::{BigQuery, BigQuerySettings};
use bucket::{BucketSettings, BucketTarget, BucketUrl, BucketWarehouse, PublishedBucket, Service};

use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
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

    /// Whether a daily pipeline writes the latest dates there.
    pub fn is_written_daily(&self) -> bool {
        matches!(self, Self::BigQuery { .. })
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

/// Opens a warehouse for publishing. A directory is created when something is published, and is written on so many threads;
/// a bucket has to exist.
pub fn open_target(location: &Location, connect: Connect<'_>, threads: usize) -> Result<Box<dyn Target>> {
    match location {
        Location::Dir(path) => Ok(Box::new(DirTarget::open(path)?.with_threads(threads))),
        Location::Bucket(url) => Ok(Box::new(BucketTarget::open((connect.bucket)(url)?)?)),
        Location::BigQuery { project } => Ok(Box::new(BigQuery::open_to_publish((connect.bigquery)(project)?)?)),
    }
}
