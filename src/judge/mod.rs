//! What the state of a store means: what is stale, pending, unscheduled, damaged or vanished, what may be published and
//! what is held back, what a change reaches, and the verdict of a year. Functions of a [`Snapshot`](crate::snapshot::Snapshot)
//! that return data; nothing here prints.

mod change;
mod checked;
mod date_set;
mod eligible;
mod parts;
mod progress;
mod quarantine;
mod recent;
mod schedule;
mod shares;
mod shorter;
mod stale;
mod standing;
mod status;
mod vanished;

pub use change::{Change, Reach, reach_of};
pub use checked::{CheckSettings, Purpose, check};
pub use date_set::DateSet;
pub use eligible::{Candidates, Checked, Eligible, HeldBack, Leave};
pub use parts::{DateToken, MonthPart};
pub use progress::{DateProgress, TargetRows, progress};
pub use quarantine::QUARANTINED;
pub use recent::Recent;
pub use schedule::{contradictions, no_game_dates, unscheduled};
pub use shares::{FailureShare, failure_shares};
pub(crate) use shorter::keeps;
pub use shorter::{Lost, LostDates, lost_dates};
pub use stale::{lost_cache, other_windows, pending, stale, stale_with_readers};
pub use standing::{CONTRADICTION, Open, OpenDates, Remedy, Standing, grouped, remedies};
pub use status::{
    Asked, ByRule, Evidence, NotDone, StatusReport, StatusRow, Verdict, status, status_knowing, status_of_ranges,
};
pub use vanished::{dates_of, keep_vanished, open_vanished, vanished};

pub use crate::snapshot::{AcceptedVanished, Decision, Vanished};
pub use crate::store::RowsByDate;
