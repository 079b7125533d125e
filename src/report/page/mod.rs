//! The report of a store as one document: a page for a browser, a handoff in Markdown, or its data.
//!
//! Everything in it comes from its arguments: the same store gives the same bytes at the same moment.

mod calendars;
mod checks;
mod days;
mod detail;
mod features;
mod handoff;
mod multiples;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

pub use days::{Circumstances, Day, DayState, Days, days};
pub use features::Features;

use crate::checks::CheckReport;
use crate::diff::TableDiff;
use crate::judge::StatusReport;
use crate::processors::ProcessorId;

/// A page is not larger, unless even its short form is.
pub const MOST_BYTES: usize = 2_000_000;

/// What our documents begin with: no other file is taken for one.
const MARKS: [&str; 3] = [HTML_MARK, MARKDOWN_MARK, "{\n  \"putback_report\": "];
const HTML_MARK: &str = "<!doctype html>\n<!-- putback report -->\n";
const MARKDOWN_MARK: &str = "<!-- putback report -->\n";

/// Version of the form of the data.
const FORMAT: u32 = 1;

/// Everything that a report says.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Version of this form.
    putback_report: u32,
    pub about: About,
    pub status: StatusReport,
    /// Rows on dates of the report, by processor.
    pub days: Days,
    pub checks: Checks,
    /// `None`: no target was named.
    pub target: Option<TargetState>,
    pub features: Features,
    /// The latest, last.
    pub runs: Vec<RunFacts>,
    pub settings: Vec<Fact>,
}

/// What the report is about.
#[derive(Debug, Clone, Serialize)]
pub struct About {
    pub made_at: DateTime<Utc>,
    pub version: String,
    pub store: String,
    pub range: String,
}

/// What the checks found.
#[derive(Debug, Serialize)]
pub struct Checks {
    pub inputs: Option<CheckReport>,
    pub outputs: Option<CheckReport>,
    /// Why a phase could not be checked.
    pub not_run: Option<String>,
}

/// What the target holds.
#[derive(Debug, Serialize)]
pub struct TargetState {
    /// As `--to` takes it.
    pub name: String,
    /// The datasets that stand in for the real ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<String>,
    /// Dates that it holds as they are here.
    pub published: BTreeMap<ProcessorId, BTreeSet<NaiveDate>>,
    /// The comparison to the row; none where it could not be made.
    pub tables: Vec<TableDiff>,
    /// Why the target could not be asked.
    pub unreachable: Option<String>,
}

impl TargetState {
    /// The name, with the datasets that a rehearsal publishes into.
    pub fn shown(&self) -> String {
        match &self.rehearsal {
            None => self.name.clone(),
            Some(mapping) => format!("{} (rehearsal: {mapping})", self.name),
        }
    }
}

/// A run of a command.
#[derive(Debug, Clone, Serialize)]
pub struct RunFacts {
    pub id: String,
    pub command: String,
    pub started_at: DateTime<Utc>,
    pub seconds: Option<f64>,
    pub outcome: String,
    /// Seconds by step, where the run measured them.
    pub steps: BTreeMap<String, f64>,
    /// What it did, a fact each.
    pub did: Vec<String>,
}

/// A setting, a version or a fingerprint.
#[derive(Debug, Clone, Serialize)]
pub struct Fact {
    pub name: String,
    pub value: String,
    pub from: String,
}

impl Report {
    pub fn new(about: About, status: StatusReport, days: Days, checks: Checks) -> Self {
        Self {
            putback_report: FORMAT,
            about,
            status,
            days,
            checks,
            target: None,
            features: Features::default(),
            runs: Vec::new(),
            settings: Vec::new(),
        }
    }

    /// What is said where no step is left; `published` only where the target said so.
    pub fn nothing_to_do(&self) -> String {
        match &self.target {
            None => "Nothing: every year is complete.".to_owned(),
            Some(TargetState { unreachable: Some(_), .. }) => {
                "Every year is complete. Whether it is published is not known: the target could not be asked.".to_owned()
            }
            Some(TargetState { rehearsal: Some(_), .. }) => {
                "Every year is complete and published in the rehearsal. Take [datasets] out of putback.toml and upload to \
                 publish for real."
                    .to_owned()
            }
            Some(_) => "Nothing: every year is complete and published.".to_owned(),
        }
    }

    /// The page. Where it would be larger than [`MOST_BYTES`], it lists fewer dates and says so.
    pub fn html(&self) -> String {
        let whole = self.page(detail::Detail::Full);
        if whole.len() <= MOST_BYTES { whole } else { self.page(detail::Detail::Short) }
    }

    fn page(&self, detail: detail::Detail) -> String {
        let page = view::Page::of(self, detail);
        format!("{HTML_MARK}{}", page.render().expect("nothing in the template can fail"))
    }

    /// The handoff, for a ticket or a pull request.
    pub fn markdown(&self) -> String {
        format!("{MARKDOWN_MARK}{}", handoff::markdown(&handoff::of(self)))
    }
}

/// Whether a file that begins with these bytes is a report that putback wrote.
pub fn is_report(begin: &[u8]) -> bool {
    MARKS.iter().any(|mark| begin.starts_with(mark.as_bytes()))
}
