//! The state of every processor on every date, as one word each.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::Serialize;

use crate::judge::{Standing, StatusReport};
use crate::processors::ProcessorId;
use crate::store::{DateRecord, DateState, Phase4Manifest};

/// What became of a date, for whoever looks at it: the first of these that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DayState {
    /// Rows are kept that nothing supports any more.
    Vanished,
    Failed,
    Pending,
    Stale,
    /// Done, and kept from publishing by a check or by the user.
    HeldBack,
    /// Done, and not known to be published.
    Done,
    /// Done, and the target holds these rows.
    Published,
    /// No row is possible, by a rule.
    Empty,
    Skipped,
}

impl DayState {
    pub const ALL: [Self; 9] = [
        Self::Published,
        Self::Done,
        Self::HeldBack,
        Self::Stale,
        Self::Failed,
        Self::Pending,
        Self::Vanished,
        Self::Empty,
        Self::Skipped,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Vanished => "vanished",
            Self::Failed => "failed",
            Self::Pending => "pending",
            Self::Stale => "stale",
            Self::HeldBack => "held back",
            Self::Done => "done",
            Self::Published => "published",
            Self::Empty => "empty by rule",
            Self::Skipped => "skipped",
        }
    }

    /// One letter, for the ids of a page.
    pub fn letter(self) -> char {
        match self {
            Self::Vanished => 'v',
            Self::Failed => 'f',
            Self::Pending => 'p',
            Self::Stale => 's',
            Self::HeldBack => 'h',
            Self::Done => 'd',
            Self::Published => 'u',
            Self::Empty => 'e',
            Self::Skipped => 'k',
        }
    }

    /// One character of plain text.
    pub fn sign(self) -> char {
        match self {
            Self::Vanished => 'v',
            Self::Failed => 'x',
            Self::Pending => '?',
            Self::Stale => '~',
            Self::HeldBack => 'h',
            Self::Done => '+',
            Self::Published => '#',
            Self::Empty => '-',
            Self::Skipped => '.',
        }
    }

    /// Whether somebody has to act.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Vanished | Self::Failed | Self::Pending | Self::Stale | Self::HeldBack)
    }
}

/// A date of a processor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Day {
    pub state: DayState,
    pub rows: u64,
    /// The rule, the reason it failed, or the checks that hold it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// By processor and date.
pub type Days = BTreeMap<ProcessorId, BTreeMap<NaiveDate, Day>>;

/// What decides about days besides their records.
#[derive(Debug)]
pub struct Circumstances<'a> {
    pub status: &'a StatusReport,
    /// Dates that may not be published, with the checks that fail.
    pub held_back: &'a BTreeMap<NaiveDate, BTreeSet<String>>,
    /// Dates that the target holds as they are, where a target was asked.
    pub published: Option<&'a BTreeMap<ProcessorId, BTreeSet<NaiveDate>>>,
}

/// The days of the status report's game dates, and those that vanished.
pub fn days(phase4: &Phase4Manifest, circumstances: &Circumstances<'_>) -> Days {
    ProcessorId::ALL.into_iter().map(|id| (id, of_processor(id, phase4, circumstances))).collect()
}

fn of_processor(
    id: ProcessorId,
    phase4: &Phase4Manifest,
    circumstances: &Circumstances<'_>,
) -> BTreeMap<NaiveDate, Day> {
    let status = circumstances.status;
    let vanished = status.vanished.get(id.output().full_name());
    let dates = status.game_dates.iter().chain(vanished.into_iter().flat_map(BTreeMap::keys));
    let dates: BTreeSet<NaiveDate> = dates.copied().collect();
    let damaged = open_dates(status, |what| *what == Standing::Damaged(id));
    let excluded = open_dates(status, |what| matches!(what, Standing::Excluded { .. }));
    let day = |date: NaiveDate| {
        if let Some(&rows) = vanished.and_then(|dates| dates.get(&date)) {
            let why = "the warehouse no longer has its inputs, or no row is possible any more";
            return Day { state: DayState::Vanished, rows, why: Some(why.to_owned()) };
        }
        let Some(record) = phase4.record(id, date) else {
            return match id == ProcessorId::Pdc && phase4.is_daily_cache_left_out(date) {
                true => Day { state: DayState::Skipped, rows: 0, why: Some("MLFS was computed without it".to_owned()) },
                false => Day { state: DayState::Pending, rows: 0, why: None },
            };
        };
        let what_is_done = Judge { id, date, damaged: &damaged, excluded: &excluded, circumstances };
        let (state, why) = what_is_done.of(record);
        Day { state, rows: record.rows, why }
    };
    dates.into_iter().map(|date| (date, day(date))).collect()
}

/// The dates that stand open for a reason, with it.
fn open_dates(status: &StatusReport, is: impl Fn(&Standing) -> bool) -> BTreeMap<NaiveDate, String> {
    let open = status.verdicts.iter().flat_map(|verdict| &verdict.open).filter(|open| is(&open.what));
    open.flat_map(|open| open.dates.iter().map(|date| (*date, open.what.to_string()))).collect()
}

/// A date with a record.
struct Judge<'a> {
    id: ProcessorId,
    date: NaiveDate,
    damaged: &'a BTreeMap<NaiveDate, String>,
    excluded: &'a BTreeMap<NaiveDate, String>,
    circumstances: &'a Circumstances<'a>,
}

impl Judge<'_> {
    fn of(&self, record: &DateRecord) -> (DayState, Option<String>) {
        let why = record.state.reason();
        match record.state {
            DateState::Failed { .. } => (DayState::Failed, why),
            DateState::Skipped { .. } => (DayState::Skipped, why),
            // Somebody accepted that its rows stay.
            DateState::Vanished { .. } => (DayState::Empty, why.map(|why| format!("{why}; its rows were kept"))),
            DateState::Empty { .. } => (DayState::Empty, why),
            DateState::Done => self.of_done(),
        }
    }

    fn of_done(&self) -> (DayState, Option<String>) {
        let Self { id, date, .. } = self;
        if let Some(damaged) = self.damaged.get(date) {
            return (DayState::Stale, Some(damaged.clone()));
        }
        if self.circumstances.status.stale.get(id).is_some_and(|dates| dates.contains(date)) {
            return (DayState::Stale, Some("its inputs or the processor's version changed".to_owned()));
        }
        if let Some(checks) = self.circumstances.held_back.get(date) {
            let checks: Vec<&str> = checks.iter().map(String::as_str).collect();
            return (DayState::HeldBack, Some(format!("fails {}", checks.join(", "))));
        }
        if let Some(excluded) = self.excluded.get(date) {
            return (DayState::HeldBack, Some(excluded.clone()));
        }
        let is_published = |published: &BTreeMap<ProcessorId, BTreeSet<NaiveDate>>| {
            published.get(id).is_some_and(|dates| dates.contains(date))
        };
        match self.circumstances.published.is_some_and(is_published) {
            true => (DayState::Published, None),
            false => (DayState::Done, None),
        }
    }
}
