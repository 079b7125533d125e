//! What a store holds, as tables for people and JSON for machines. Nothing here prints.

mod shares;
mod status;
mod validation;

pub use shares::{FailureShare, failure_shares};
pub use status::{ByRule, CONTRADICTION, Evidence, NotDone, OpenDates, StatusReport, StatusRow, Verdict};
pub use validation::{Seen, Validations};
