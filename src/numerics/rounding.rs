//! The three rounding families of the specification.

/// Scaled half-even rounding: multiply by 10^`digits`, nearest integer with ties to even, divide.
///
/// Each step rounds to double, as the numeric library of the reference does it
/// (`player_shot_zone_analysis` §3.0). 0.6125 at three digits is 0.612, 0.0375 is 0.038.
pub fn round_scaled_half_even(value: f64, digits: u8) -> f64 {
    let scale = pow10(digits) as f64;
    (value * scale).round_ties_even() / scale
}

/// Correctly rounded half-even: the decimal nearest to the exact binary value, exact ties to even.
///
/// Small negative values give negative zero (`player_composite_factors` §3.0).
pub fn round_correct_half_even(value: f64, digits: u8) -> f64 {
    let scale = pow10(digits) as f64;
    let scaled = value * scale;
    // The product is off by half a unit in the last place at most: below 2^32 that moves nothing across
    // a tie that is a thousandth away, and the quotient of two integers is the nearest double.
    let from_tie = (scaled.abs().fract() - 0.5).abs();
    if scaled.abs() < (1_u64 << 32) as f64 && from_tie > 1e-3 {
        return scaled.round_ties_even() / scale;
    }
    round_correct_by_text(value, digits)
}

/// Fixed-precision formatting in std works on the exact binary value and breaks ties to even.
fn round_correct_by_text(value: f64, digits: u8) -> f64 {
    format!("{value:.*}", usize::from(digits)).parse().expect("a formatted double parses")
}

/// Integer division rounded half away from zero: the quotient of two scaled decimals.
///
/// `denominator` must be positive. Used for the warehouse's NUMERIC means and quotients, which
/// keep nine decimals (`player_composite_factors` §2.3, `ml_feature_store` §2.4).
pub fn divide_half_away(numerator: i128, denominator: i128) -> i128 {
    assert!(denominator > 0);
    let doubled = 2 * numerator.abs() + denominator;
    let magnitude = doubled / (2 * denominator);
    if numerator < 0 { -magnitude } else { magnitude }
}

/// The mean of `count` scaled decimals (scale `10^sum_digits`) as a NUMERIC with nine decimals,
/// read back as the nearest double.
pub fn numeric_mean(scaled_sum: i64, sum_digits: u8, count: i64) -> f64 {
    let nano = divide_half_away(i128::from(scaled_sum) * i128::from(pow10(9 - sum_digits)), i128::from(count));
    nano as f64 / 1e9
}

/// The double nearest to a scaled decimal: exact for every value met here (below 2^53).
pub fn decimal_to_f64(scaled: i64, digits: u8) -> f64 {
    scaled as f64 / pow10(digits) as f64
}

/// A rounded double as the scaled integer of a NUMERIC column with `digits` decimals.
///
/// The double already has at most that many decimals, so this only undoes binary noise. It is a number: NaN has no
/// decimal form, and a column's missing value is `None`.
pub fn f64_to_decimal(value: f64, digits: u8) -> i128 {
    assert!(!value.is_nan(), "NaN has no decimal form");
    (value * pow10(digits) as f64).round() as i128
}

/// The shortest decimal text of `value` that round-trips, rounded half away from zero to `digits` decimals, as a scaled
/// integer: what a NUMERIC column stores of a double (`player_daily_cache` §3.0, ST). 113.675 at two digits is 11368.
///
/// What has no scaled integer of 128 bits is the greatest or least of them, which no column holds; NaN is 0.
pub fn store_half_away(value: f64, digits: u8) -> i128 {
    /// A double with that few decimals is told by its scaled integer.
    const SHORT_DIGITS: u8 = 4;
    let scaled = (value * pow10(SHORT_DIGITS) as f64).round();
    if digits <= SHORT_DIGITS && scaled.abs() < 1e15 && scaled / pow10(SHORT_DIGITS) as f64 == value {
        // As `divide_half_away`, in a machine word: it is called for every cell.
        let (scaled, unit) = (scaled as i64, pow10(SHORT_DIGITS - digits));
        let magnitude = (2 * scaled.abs() + unit) / (2 * unit);
        return i128::from(if scaled < 0 { -magnitude } else { magnitude });
    }
    store_half_away_by_text(value, digits)
}

fn store_half_away_by_text(value: f64, digits: u8) -> i128 {
    if !value.is_finite() {
        return value as i128;
    }
    // Digits and exponent: -1.2345e-7 is -12345 and -11.
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').expect("scientific form has an exponent");
    let decimals = mantissa.split_once('.').map_or(0, |(_, decimals)| decimals.len() as i32);
    let mantissa: i128 = mantissa.replace('.', "").parse().expect("digits");
    let shift = exponent.parse::<i32>().expect("an exponent") - decimals + i32::from(digits);
    match 10_i128.checked_pow(shift.unsigned_abs()) {
        Some(factor) if shift >= 0 => mantissa.saturating_mul(factor),
        Some(factor) => divide_half_away(mantissa, factor),
        None if shift >= 0 => value as i128,
        None => 0,
    }
}

fn pow10(digits: u8) -> i64 {
    10_i64.pow(u32::from(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaled_half_even_follows_the_table_of_psza_3_0() {
        for (value, expected) in [
            (49.0 / 80.0, 0.612),
            (3.0 / 80.0, 0.038),
            (1.0 / 80.0, 0.012),
            (14.0 / 32.0, 0.438),
            (1.0 / 16.0, 0.062),
            (203.0 / 400.0, 0.507),
        ] {
            assert_eq!(round_scaled_half_even(value, 3), expected, "{value}");
        }
        for (part, whole, expected) in [
            (1.0, 32.0, 3.12),
            (3.0, 32.0, 9.38),
            (43.0, 160.0, 26.88),
            (23.0, 160.0, 14.37),
            (49.0, 160.0, 30.63),
            (51.0, 160.0, 31.87),
        ] {
            assert_eq!(round_scaled_half_even(part / whole * 100.0, 2), expected, "{part}/{whole}");
        }
    }

    #[test]
    fn correct_half_even_follows_pcf_3_0() {
        for (value, digits, expected) in [
            (1.25, 1, 1.2),
            (0.75, 1, 0.8),
            (0.25, 1, 0.2),
            (-0.25, 1, -0.2),
            (0.15, 1, 0.1),
            (0.45, 1, 0.5),
            (2.675, 2, 2.67),
        ] {
            assert_eq!(round_correct_half_even(value, digits), expected, "{value}");
        }
        let negative_zero = round_correct_half_even(-0.04, 1);
        assert_eq!(negative_zero, 0.0);
        assert!(negative_zero.is_sign_negative());
    }

    #[test]
    fn the_quick_way_to_round_gives_the_same_bits() {
        let mut state = 1_u64;
        for _ in 0..200_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let value = ((state >> 20) as f64 / 1e10 - 800.0) / f64::from(1 << (state % 12) as u32);
            // Cut to few digits as well, where ties and near ties are.
            for value in [value, (value * 16.0).trunc() / 16.0, (value * 1000.0).trunc() / 1000.0] {
                for digits in [0, 1, 2, 3] {
                    let (quick, text) = (round_correct_half_even(value, digits), round_correct_by_text(value, digits));
                    assert_eq!(quick.to_bits(), text.to_bits(), "{value} at {digits}");
                }
            }
        }
    }

    #[test]
    fn storing_follows_the_examples_of_pdc_3_0() {
        for (value, digits, expected) in [
            (110.65, 1, 1107),
            (7.05, 1, 71),
            (113.675, 2, 11368),
            (17.505, 2, 1751),
            (24.25, 1, 243),
            (-24.25, 1, -243),
            (0.533_333_333, 2, 53),
            (0.625, 2, 63),
            (999.9949, 2, 99_999),
            (999.995, 2, 100_000),
            (1e-7, 2, 0),
            (1e20, 1, 1_000_000_000_000_000_000_000),
        ] {
            assert_eq!(store_half_away(value, digits), expected, "{value} at {digits}");
        }
        assert_eq!([f64::MAX, f64::MIN].map(|value| store_half_away(value, 2)), [i128::MAX, i128::MIN]);
        assert_eq!(store_half_away(f64::MIN_POSITIVE, 2), 0);
    }

    #[test]
    fn the_quick_way_to_store_gives_the_same_integer() {
        let mut state = 7_u64;
        for _ in 0..100_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let value = round_correct_half_even((state >> 24) as f64 / 1e8 - 5000.0, (state % 6) as u8);
            for digits in [1, 2, 3] {
                assert_eq!(
                    store_half_away(value, digits),
                    store_half_away_by_text(value, digits),
                    "{value} at {digits}"
                );
            }
        }
    }

    #[test]
    fn numeric_means_keep_nine_decimals_half_away() {
        assert_eq!(numeric_mean(610, 1, 3), 20.333_333_333);
        assert_eq!(numeric_mean(950, 1, 3), 31.666_666_667);
        assert_eq!(numeric_mean(8_200, 2, 3), 27.333_333_333);
        assert_eq!(divide_half_away(5, 2), 3);
        assert_eq!(divide_half_away(-5, 2), -3);
        assert_eq!(divide_half_away(4, 3), 1);
    }
}
