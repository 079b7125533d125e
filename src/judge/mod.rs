//! What the state of a store means: which dates vanished, and which an export lacks. Functions of manifests that return
//! data; nothing here reads rows or prints.

mod accepted;
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
