//! What the state of a store means: which dates vanished, which an export lacks, and which rest on which rows. Functions
//! that return data; nothing here prints.

mod accepted;
pub mod reach;
mod shorter;
mod vanished;

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::catalog::Table;

pub use accepted::{AcceptedVanished, Decision};
pub(crate) use shorter::keeps;
pub use shorter::{Lost, LostDates, lost_dates};
pub use vanished::{keep_vanished, vanished_rows};

/// Rows by output table and date.
pub type RowsByDate = BTreeMap<Table, BTreeMap<NaiveDate, u64>>;
