//! Publishing finished dates into a warehouse.

mod plan;
mod settle;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use chrono::{DateTime, NaiveDate, Utc};

pub use self::plan::{Plan, PlannedDate, Reviewed};
pub use self::settle::{Done, Settled};
use crate::catalog::Table;
use crate::checks::Extent;
use crate::error::Result;
pub use crate::judge::{DateSet, DateToken, MonthPart};
use crate::judge::{Eligible, Recent};
use crate::price::Bill;
use crate::progress::Observer;
pub use crate::publications::TableUpload;
use crate::publications::{Keep, Publication, UndoReport, UndoRequest};
use crate::store::RowsByDate;

/// The whole dates of the store that are to be in the target: those that were found eligible, and no others.
///
/// ```compile_fail
/// // Dates that nobody checked are no publication.
/// fn publication<'s>(dates: putback::judge::DateSet<'s>) -> putback::upload::PublishSet<'s> {
///     putback::upload::PublishSet::new(dates, putback::upload::Terms::default())
/// }
/// ```
#[derive(Debug)]
pub struct PublishSet<'a> {
    eligible: Eligible<'a>,
    terms: Terms,
}

/// How a publication goes.
#[derive(Debug, Default)]
pub struct Terms {
    /// What was accepted, waived or left out, in words: recorded with what is published.
    pub conditions: Vec<String>,
    /// Remove rows that the target holds on dates that have none here; otherwise they stay.
    pub removes_vanished: bool,
    /// Write damaged months of the target again.
    pub repairs: bool,
    /// The moment of the publication, for the record of a directory.
    pub published_at: DateTime<Utc>,
    /// How long what is replaced is kept.
    pub keep: Keep,
    /// Dates that stay unpublished, with the cause.
    pub held_back_causes: Vec<String>,
    /// Publish exactly this, or nothing.
    pub reviewed: Option<Reviewed>,
    /// Whether a target that the daily pipeline writes takes its latest dates.
    pub recent: Recent,
}

impl<'a> PublishSet<'a> {
    pub fn new(eligible: Eligible<'a>, terms: Terms) -> Self {
        Self { eligible, terms }
    }

    pub fn eligible(&self) -> &Eligible<'a> {
        &self.eligible
    }

    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Refuses dates that the daily pipeline may still write. For targets that it writes.
    pub(crate) fn refuse_recent(&self) -> Result<()> {
        self.terms.recent.refuse(self.dates())
    }

    /// Refuses what is not the plan that was reviewed, if one was.
    pub(crate) fn refuse_unless_reviewed(&self, plan: &Plan) -> Result<()> {
        self.terms.reviewed.as_ref().map_or(Ok(()), |reviewed| reviewed.check(plan))
    }
}

/// The dates, to read.
impl<'a> Deref for PublishSet<'a> {
    type Target = DateSet<'a>;

    fn deref(&self) -> &DateSet<'a> {
        self.eligible.dates()
    }
}

/// What an upload did.
#[derive(Debug, Default)]
pub struct UploadReport {
    /// The publication; none where the target was already what it should be.
    pub publication: Option<String>,
    /// What is kept of what was replaced, where that costs something.
    pub kept: Option<KeptRows>,
    pub tables: BTreeMap<Table, TableUpload>,
    /// What each check keeps in quarantine.
    pub quarantined: BTreeMap<String, Extent>,
}

/// Replaced rows that are kept for an undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptRows {
    pub bytes: u64,
    pub until: Option<DateTime<Utc>>,
}

/// What an upload would do.
#[derive(Debug, Default)]
pub struct Rehearsal {
    /// What would run, in words to read; none: nothing to do.
    pub lines: Vec<String>,
    /// Rows that would stay in the target, as in [`TableUpload::vanished`].
    pub vanished: RowsByDate,
    /// The same for machines, with an id.
    pub plan: Plan,
    /// What it would be billed; `None`: nothing is billed.
    pub estimate: Option<Bill>,
}

impl UploadReport {
    /// Whether the target was already what it should be.
    pub fn is_nothing(&self) -> bool {
        self.tables.values().all(|table| table.dates.is_empty())
    }

    /// Rows that stay in the target although the store has none.
    pub fn vanished(&self) -> RowsByDate {
        let tables = self.tables.iter().filter(|(_, upload)| !upload.vanished.is_empty());
        tables.map(|(table, upload)| (*table, upload.vanished.clone())).collect()
    }
}

/// A warehouse that is written.
pub trait Target {
    /// As the user named it.
    fn name(&self) -> String;

    /// Replaces exactly the dates of the set: stage, verify, publish, verify. A second call does
    /// nothing; a killed one is completed by the next. Rows of dates that have none in the set stay, and are reported,
    /// unless the set removes them.
    fn publish(&self, set: &PublishSet<'_>, observer: &dyn Observer) -> Result<UploadReport>;

    /// What [`Target::publish`] would run; nothing is sent.
    fn rehearse(&self, set: &PublishSet<'_>) -> Result<Rehearsal>;

    /// Dates of the set whose content is not what this store last published there, by its receipts alone.
    fn unpublished(&self, set: &DateSet<'_>) -> Result<BTreeMap<Table, BTreeSet<NaiveDate>>>;

    /// What was published lately, the latest first.
    fn publications(&self) -> Result<Vec<Publication>>;

    /// Puts back what a publication replaced, and nothing else: a publication itself. Refused where somebody changed
    /// the dates since.
    fn undo(&self, request: &UndoRequest, observer: &dyn Observer) -> Result<UndoReport>;

    /// Of the dates of the set that were published, those that somebody else has changed since.
    fn changed_since(&self, set: &DateSet<'_>) -> Result<BTreeMap<Table, BTreeSet<NaiveDate>>>;

    /// What was billed so far; `None`: nothing is billed.
    fn bill(&self) -> Option<Bill> {
        None
    }

    /// Notes for the user since the last call.
    fn take_notes(&self) -> Vec<String> {
        Vec::new()
    }
}
