//! What a store holds, as tables for people and JSON for machines. Nothing here prints.

pub mod page;
mod shares;
mod standing;
mod status;
pub mod words;

pub use shares::{FailureShare, failure_shares};
pub use standing::{CONTRADICTION, Open, Remedy, Standing, grouped, remedies};
pub use status::{ByRule, Evidence, NotDone, OpenDates, StatusReport, StatusRow, Verdict};
