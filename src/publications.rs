//! Publications as targets remember them, and what taking one back means.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::catalog::Table;
use crate::error::{Error, ErrorKind};

/// Dates named before the rest is counted.
const LISTED: usize = 6;

/// What an upload did with one table.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct TableUpload {
    /// Dates written because the target differed.
    pub dates: Vec<NaiveDate>,
    /// Dates the target already held with the same content.
    pub unchanged: usize,
    /// Rows in the dates written.
    pub rows: u64,
    /// Rows of those dates that the target no longer has.
    pub removed_rows: u64,
    /// Rows that stay in the target, by date: it holds them, and the store has none.
    pub vanished: BTreeMap<NaiveDate, u64>,
    /// Dates that were published once, are none of the set, and hold something else now.
    pub changed_by_others: BTreeSet<NaiveDate>,
}

/// How long a target can take a publication back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Of a directory or bucket: so many publications.
    pub publications: usize,
    /// Of BigQuery: so many days; 0 keeps nothing.
    pub days: u32,
}

impl Default for Keep {
    fn default() -> Self {
        Self { publications: 3, days: 30 }
    }
}

/// A publication that a target remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Publication {
    pub id: String,
    /// The one before it; empty: none.
    pub parent: String,
    pub published_at: DateTime<Utc>,
    pub first_date: NaiveDate,
    pub last_date: NaiveDate,
    /// Rows that it wrote.
    pub rows: u64,
    /// The publication that it took back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
    /// What it was, where the target says more.
    pub summary: String,
    pub undo: Undoable,
}

/// Whether a publication can be taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Undoable {
    /// Until so many more publications were made.
    ForPublications(usize),
    Until(DateTime<Utc>),
    /// What it replaced is not kept any more, or never was.
    No,
}

/// What is to be taken back.
#[derive(Debug, Clone)]
pub struct UndoRequest {
    /// Absent: the latest publication.
    pub publication: Option<String>,
    pub now: DateTime<Utc>,
    /// For the undo itself, which can be taken back as well.
    pub keep: Keep,
}

/// What an undo did.
#[derive(Debug, Default)]
pub struct UndoReport {
    /// The publication that was taken back.
    pub undone: String,
    /// The undo, which is a publication itself.
    pub publication: String,
    /// An earlier command has done it.
    pub was_done: bool,
    pub tables: BTreeMap<Table, TableUpload>,
}

/// The refusal to take back what others have changed since.
pub(crate) fn changed_since(publication: &str, changed: &BTreeMap<Table, BTreeSet<NaiveDate>>) -> Error {
    let each = changed.iter().map(|(table, dates)| format!("{table} on {}", listed(dates)));
    Error::new(
        ErrorKind::StalePlan,
        format!(
            "publication {publication} cannot be undone: changed since: {}; nothing was changed",
            each.collect::<Vec<_>>().join("; ")
        ),
    )
    .hint("`putback undo --list` names later publications, which are undone first; `putback diff` shows the rows")
}

fn listed(dates: &BTreeSet<NaiveDate>) -> String {
    let mut some: Vec<String> = dates.iter().take(LISTED).map(NaiveDate::to_string).collect();
    if dates.len() > LISTED {
        some.push(format!("and {} more", dates.len() - LISTED));
    }
    some.join(", ")
}

pub(crate) fn unknown(publication: &str, target: &str) -> Error {
    Error::new(ErrorKind::Usage, format!("there is no publication {publication} in {target}"))
        .hint("`putback undo --list` names the publications")
}

pub(crate) fn nothing_published(target: &str) -> Error {
    Error::new(ErrorKind::Usage, format!("nothing was published into {target} that could be undone"))
        .hint("name the target with --to")
}
