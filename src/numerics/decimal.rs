//! NUMERIC(p,s): which values a column of that type holds.

use std::fmt;

/// The type NUMERIC(precision, scale) of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numeric {
    /// Digits in all.
    pub precision: u8,
    /// Digits after the point.
    pub scale: u8,
}

impl Numeric {
    /// Whether a value, given in units of 10^-scale, has no more digits than the type: its magnitude is below
    /// 10^(precision - scale) (`player_shot_zone_analysis` §7, `player_daily_cache` §7.2).
    pub fn holds(self, scaled: i128) -> bool {
        scaled.unsigned_abs() < 10_u128.pow(u32::from(self.precision))
    }
}

impl fmt::Display for Numeric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NUMERIC({},{})", self.precision, self.scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_holds_what_has_no_more_digits() {
        let numeric = Numeric { precision: 5, scale: 3 };
        assert!([0, 99_999, -99_999].into_iter().all(|scaled| numeric.holds(scaled)));
        assert!([100_000, -100_000, i128::MAX, i128::MIN].into_iter().all(|scaled| !numeric.holds(scaled)));
        assert_eq!(numeric.to_string(), "NUMERIC(5,3)");
    }
}
