//! The five processors, one folder each: `query.sql` gathers facts for every date of a range in one
//! pass, `mod.rs` scores them on Arrow batches.
//!
//! A processor is added by adding such a folder and one line in [`all`].

pub mod mlfs;
pub mod pcf;
pub mod pdc;
pub mod psza;
pub mod tdza;

mod columns;
mod constants;
mod dated;
mod explained;
mod facts;
pub(crate) mod failures;
mod months;
mod output;
pub mod overflow;
mod quality;
pub mod reads;

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, Days, Months, NaiveDate, Utc};

pub use constants::{Constants, bound};
pub use explained::Explained;
pub use output::{DateOutput, Failure, ProcessorOutput};
use reads::Read;

use crate::calendar::{Month, Season};
pub use crate::catalog::ProcessorId;
use crate::catalog::Table;
use crate::engine::Session;
use crate::error::Result;
use crate::windows::WindowEnd;

/// How far back a processor reads an input for a date. The date itself always belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookBack {
    /// Exactly the date.
    SameDay,
    /// So many days before the date.
    Days(u64),
    /// From October 1 of the date's season.
    Season,
    /// From October 1 of the date's season, and at least so many days.
    SeasonAndDays(u64),
    /// So many calendar years before the date.
    Years(u32),
    /// From October 1 of the date's season, and at least [`CARRIED_DAYS`] before the date; of every earlier day only what
    /// still counts then, like the team of a player's last game ([`carried`]).
    SeasonAndCarried,
}

/// See [`LookBack::SeasonAndCarried`]: the longest window of days in `player_daily_cache` §2.3 and §3.6.
pub const CARRIED_DAYS: u64 = 14;

/// No game is older.
const FIRST_DAY: NaiveDate = NaiveDate::from_ymd_opt(1946, 1, 1).expect("a date");

impl LookBack {
    /// The first day that is read for `date`.
    pub fn first_day(self, date: NaiveDate) -> NaiveDate {
        match self {
            Self::SeasonAndCarried => FIRST_DAY,
            _ => self.first_whole_day(date),
        }
    }

    /// The first day of which every row counts for `date`.
    pub fn first_whole_day(self, date: NaiveDate) -> NaiveDate {
        let season_start = Season::of(date).window_start();
        match self {
            Self::SameDay => date,
            Self::Days(days) => date - Days::new(days),
            Self::Season => season_start,
            Self::SeasonAndDays(days) => season_start.min(date - Days::new(days)),
            Self::Years(years) => date - Months::new(12 * years),
            Self::SeasonAndCarried => season_start.min(date - Days::new(CARRIED_DAYS)),
        }
    }
}

/// An input table and how far back it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input {
    pub table: Table,
    pub look_back: LookBack,
}

/// What a computation is given besides its data.
#[derive(Debug, Clone, Copy)]
pub struct RunContext {
    /// The run's one timestamp: every volatile column takes it, and circuit breakers are compared with it.
    pub timestamp: DateTime<Utc>,
    /// Where windows end that hold the games of the date itself.
    pub windows: WindowEnd,
    /// Whether an entity whose value its column cannot hold is left out, instead of its date.
    pub quarantine: bool,
}

/// A session that holds the input tables, the upstream tables, and the table `plan` of the dates and the last days of
/// their windows.
#[derive(Clone, Copy)]
pub struct PlannedSession<'a> {
    pub session: &'a Session,
    /// The dates of `plan`: ascending, none of them bootstrap.
    pub dates: &'a [NaiveDate],
}

/// Facts in, rows out, for a set of dates at once.
pub trait Processor: Sync {
    fn id(&self) -> ProcessorId;

    /// Part of every date's fingerprint: raise it when values can change.
    fn version(&self) -> u32;

    /// Phase 3 tables that are read.
    fn inputs(&self) -> &'static [Input];

    /// The windows over these tables that a row rests on.
    fn reads(&self) -> &'static [Read];

    /// Games of a team in the season, up to the date, without which no row is possible.
    fn games_needed(&self) -> usize {
        0
    }

    /// What is carried of an input that is read by [`LookBack::SeasonAndCarried`], see [`carried`]; `None`: nothing.
    ///
    /// # Errors
    /// When a file cannot be read.
    fn carried(&self, _table: Table, _files: &[PathBuf]) -> Result<Option<BTreeMap<NaiveDate, String>>> {
        Ok(None)
    }

    /// Whether its rows keep the hashes of what they were made from.
    fn keeps_lineage(&self) -> bool {
        true
    }

    /// Processors whose rows of the same date are read; a date on which one of them failed does not run.
    fn upstream(&self) -> &'static [ProcessorId];

    /// Processors whose rows of the same date are read where there are any.
    fn optional_upstream(&self) -> &'static [ProcessorId] {
        &[]
    }

    /// Gathers the facts of the planned dates, by sets of dates, in the order of dates, and emits each month's as soon
    /// as they are complete, with the formulas to apply to them. Every month of the dates is emitted once.
    fn gather(&self, planned: PlannedSession<'_>, context: &RunContext, emit: &mut Emit<'_>) -> Result<()>;

    /// The constants of its rules, by the names under which SQL and texts have them: see [`bound`].
    fn constants(&self) -> Constants;

    /// Scores a date, and tells of one key what its rules came to. The plan has that date only, which may be one of
    /// bootstrap.
    fn explain(&self, planned: PlannedSession<'_>, context: &RunContext, key: &str) -> Result<Explained>;
}

/// Takes the work of a month.
pub type Emit<'a> = dyn FnMut(MonthWork) -> Result<()> + 'a;

/// Scored dates in ascending order, some thousand rows at a time.
pub type Outputs = Box<dyn Iterator<Item = Result<ProcessorOutput>>>;

/// The facts of a month's dates with the formulas: work for any thread.
pub struct MonthWork {
    pub month: Month,
    score: Box<dyn FnOnce() -> Outputs + Send>,
}

impl MonthWork {
    fn new<I>(month: Month, score: impl FnOnce() -> I + Send + 'static) -> Self
    where
        I: Iterator<Item = Result<ProcessorOutput>> + 'static,
    {
        Self { month, score: Box::new(|| Box::new(score())) }
    }

    /// The dates, scored as they are asked for.
    pub fn outputs(self) -> Outputs {
        (self.score)()
    }
}

/// Every processor, in an order in which each comes after what it needs.
pub fn all() -> [&'static dyn Processor; 5] {
    [&tdza::Tdza, &psza::Psza, &pcf::Pcf, &pdc::Pdc, &mlfs::Mlfs]
}

/// What dates still see of the days before their season, as tokens: one counts from its date to the next within the
/// season. Equal tokens mean equal values. `None` for tables of which nothing is carried.
///
/// `files` are the month files of an input, in ascending order.
///
/// # Errors
/// When a file cannot be read.
pub fn carried(table: Table, files: &[PathBuf]) -> Result<Option<BTreeMap<NaiveDate, String>>> {
    let carries = |input: &&Input| input.table == table && input.look_back == LookBack::SeasonAndCarried;
    let mut carrying = all().into_iter().filter(|processor| processor.inputs().iter().find(carries).is_some());
    let Some(processor) = carrying.next() else { return Ok(None) };
    assert!(carrying.next().is_none(), "what {table} carries is said by one processor");
    processor.carried(table, files)
}

/// The processor with this id.
pub fn get(id: ProcessorId) -> &'static dyn Processor {
    all().into_iter().find(|processor| processor.id() == id).expect("every id has a processor")
}
