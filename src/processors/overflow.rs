//! Values that the NUMERIC of their column cannot hold.

use std::fmt;

use crate::catalog::{ColumnType, Table};
use crate::numerics::rounding::store_half_away;

/// Who stands for a whole date in `precompute_failures`.
pub const DATE_LEVEL: &str = "DATE_LEVEL";

/// The failure category of an entity, or of a date as a whole, with a value that its column cannot hold.
pub const VALUE_OUT_OF_RANGE: &str = "VALUE_OUT_OF_RANGE";

/// A computed value beyond the precision of its column.
#[derive(Debug, Clone, PartialEq)]
pub struct Overflow {
    pub entity_id: String,
    pub column: &'static str,
    pub value: f64,
    ty: ColumnType,
}

impl fmt::Display for Overflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { entity_id, column, value, ty } = self;
        write!(f, "{column} {value:?} of {entity_id} does not fit {ty}")
    }
}

/// The NUMERIC columns of a table by name, with what they hold.
#[derive(Debug, Clone, Copy)]
pub struct NumericColumn {
    name: &'static str,
    precision: u8,
    scale: u8,
}

impl NumericColumn {
    /// # Panics
    /// When the table has no NUMERIC column of that name, which is a defect.
    pub fn of(table: Table, name: &'static str) -> Self {
        match table.schema().column(name).map(|column| column.ty) {
            Some(ColumnType::Numeric { precision, scale }) => Self { name, precision, scale: scale.unsigned_abs() },
            other => panic!("{table}.{name} is no NUMERIC but {other:?}"),
        }
    }

    /// The value as stored, a scaled integer; NaN and NULL are NULL (`player_daily_cache` §3.0, ST).
    ///
    /// # Errors
    /// When the rounded value has more digits than the column.
    pub fn store(self, entity_id: &str, value: Option<f64>) -> Result<Option<i128>, Overflow> {
        let Some(value) = value.filter(|value| !value.is_nan()) else { return Ok(None) };
        let stored = store_half_away(value, self.scale);
        match stored.filter(|stored| stored.unsigned_abs() < 10_u128.pow(u32::from(self.precision))) {
            Some(stored) => Ok(Some(stored)),
            None => Err(Overflow {
                entity_id: entity_id.to_owned(),
                column: self.name,
                value,
                ty: ColumnType::Numeric { precision: self.precision, scale: self.scale as i8 },
            }),
        }
    }
}
