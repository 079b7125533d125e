//! Values that the NUMERIC type of their column cannot hold.
//!
//! The reference's load of such a date is refused as a whole and the error swallowed
//! (`player_shot_zone_analysis` §7, `player_daily_cache` §7.2). The rows are as there: none. But the date
//! fails, and its state and a failure of [`DATE_LEVEL`] name the value.

use std::fmt;

use super::Failure;
use crate::catalog::Table;
use crate::numerics::decimal::Numeric;
use crate::numerics::text::f64_text;
use crate::store::{DateState, FailureKind};

/// `entity_id` of a failure of a whole date (`tables.md` §7.2).
pub const DATE_LEVEL: &str = "DATE_LEVEL";

/// `failure_category` of a value that is too large for its column.
pub const NUMERIC_OVERFLOW: &str = "NUMERIC_OVERFLOW";

/// A NUMERIC column of an output.
#[derive(Debug, Clone, Copy)]
pub struct NumericColumn {
    pub name: &'static str,
    pub numeric: Numeric,
}

impl NumericColumn {
    /// The column as the table's schema has it. Panics unless it is NUMERIC there.
    pub fn of(table: Table, name: &'static str) -> Self {
        let numeric = table.schema().column(name).and_then(|column| column.ty.numeric());
        Self { name, numeric: numeric.unwrap_or_else(|| panic!("{name} is a NUMERIC column of {table}")) }
    }

    /// The value, unless the column holds it; it is stored as `scaled` units of its last digit.
    pub fn overflow(self, value: f64, scaled: i128) -> Option<Overflow> {
        (!self.numeric.holds(scaled)).then_some(Overflow { column: self, value })
    }
}

/// A value that is too large for its column.
#[derive(Debug, Clone, Copy)]
pub struct Overflow {
    column: NumericColumn,
    value: f64,
}

impl fmt::Display for Overflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NumericColumn { name, numeric } = self.column;
        write!(f, "{name} is {}, too large for {numeric}", f64_text(self.value))
    }
}

/// Why a date is empty of which every player has such a value or another failure.
pub const EVERY_PLAYER_FAILED: &str = "every player of the date failed";

impl Overflow {
    /// The failure of the one entity that is left out, where the others keep their rows.
    pub fn of_entity(&self, entity: &str) -> Failure {
        Failure { entity_id: entity.to_owned(), category: NUMERIC_OVERFLOW, reason: self.to_string(), can_retry: false }
    }
}

/// How a date ends of which some entities have such a value: without rows. `entities` is not empty.
pub fn overflowed_date(entities: &[(&str, Overflow)]) -> (DateState, Failure) {
    let (entity, overflow) = entities[0];
    let more = match entities.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let reason = format!("{entity}: {overflow}{more}; as in the reference, the date has no rows");
    let failure = Failure {
        entity_id: DATE_LEVEL.to_owned(),
        category: NUMERIC_OVERFLOW,
        reason: reason.clone(),
        can_retry: false,
    };
    (DateState::Failed { reason, kind: FailureKind::Overflow }, failure)
}
