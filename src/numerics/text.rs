//! Text of a double as the hashes and JSON columns spell it.

use std::borrow::Cow;
use std::fmt::Write;

/// Appends the shortest digits of `value` that round-trip.
///
/// With e the decimal exponent of the first digit: positional for -4 <= e < 16, always with a
/// fractional part; otherwise scientific with a signed exponent of at least two digits
/// (`team_defense_zone_analysis` §5.2, `player_composite_factors` §3.0, `ml_feature_store` §6.2).
/// NaN is `nan`; infinities are `inf` and `-inf`.
pub fn push_f64(out: &mut String, value: f64) {
    if value.is_nan() {
        out.push_str("nan");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "inf" } else { "-inf" });
    } else if value == 0.0 || (1e-4..1e16).contains(&value.abs()) {
        match short_decimal(value) {
            Some(scaled) => push_short(out, scaled),
            None => push_positional(out, value),
        }
    } else {
        push_scientific(out, value);
    }
}

/// Decimals of a [`short_decimal`].
const SHORT_DIGITS: u32 = 4;

/// A double that few decimals tell, in units of the last of them. Up to 15 significant digits each decimal has a double
/// of its own, so that no shorter one stands for the same.
fn short_decimal(value: f64) -> Option<i64> {
    let unit = f64::from(10_u32.pow(SHORT_DIGITS));
    let scaled = (value * unit).round();
    (scaled != 0.0 && scaled.abs() < 1e15 && scaled / unit == value).then_some(scaled as i64)
}

/// As [`push_positional`], from an integer: it is called for every cell.
fn push_short(out: &mut String, scaled: i64) {
    let unit = 10_u64.pow(SHORT_DIGITS);
    let (whole, mut decimals) = (scaled.unsigned_abs() / unit, scaled.unsigned_abs() % unit);
    let mut digits = SHORT_DIGITS as usize;
    while digits > 1 && decimals.is_multiple_of(10) {
        decimals /= 10;
        digits -= 1;
    }
    if scaled < 0 {
        out.push('-');
    }
    out.push_str(itoa::Buffer::new().format(whole));
    out.push('.');
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(decimals);
    out.extend(std::iter::repeat_n('0', digits - text.len()));
    out.push_str(text);
}

/// Positional form, which ryu prints for every value from 1e-5 to below 1e16.
fn push_positional(out: &mut String, value: f64) {
    out.push_str(ryu::Buffer::new().format_finite(value));
}

fn push_scientific(out: &mut String, value: f64) {
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').expect("scientific form has an exponent");
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    write!(out, "{mantissa}e{sign}{digits:0>2}").expect("writing to a string");
}

/// [`push_f64`] into a new string.
pub fn f64_text(value: f64) -> String {
    let mut text = String::with_capacity(24);
    push_f64(&mut text, value);
    text
}

/// Appends `value` as a JSON string: quotes, escapes, non-ASCII as `\uXXXX`
/// (`player_composite_factors` §3.9).
pub fn push_json_string(out: &mut String, value: &str) {
    out.push('"');
    if value.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) {
        out.push_str(value);
        out.push('"');
        return;
    }
    for unit in value.chars() {
        match unit {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(unit),
            _ => {
                for code in unit.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{code:04x}").expect("writing to a string");
                }
            }
        }
    }
    out.push('"');
}

/// `text` without control characters other than tab, newline and carriage return
/// (`ml_feature_store` §8.2).
pub fn without_control(text: &str) -> Cow<'_, str> {
    let is_removed = |unit: char| (unit.is_ascii_control()) && !matches!(unit, '\t' | '\n' | '\r');
    if text.contains(is_removed) { Cow::Owned(text.replace(is_removed, "")) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_print_as_the_specification_spells_them() {
        for (value, expected) in [
            (40.0, "40.0"),
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (0.0001, "0.0001"),
            (113.565_714_285_714_3, "113.5657142857143"),
            (1e-5, "1e-05"),
            (5e-5, "5e-05"),
            (-5.551_115_123_125_783e-15, "-5.551115123125783e-15"),
            (1.000_000_082_740_371e-9, "1.000000082740371e-09"),
            (3.552_713_678_800_501e-15, "3.552713678800501e-15"),
            (1e16, "1e+16"),
            (1e15, "1000000000000000.0"),
            (9_007_199_254_740_993.0, "9007199254740992.0"),
            (1e100, "1e+100"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(f64_text(value), expected);
        }
    }

    #[test]
    fn digits_round_trip_and_ties_between_shortest_forms_go_to_the_even_digit() {
        // The reference's language does the same; the standard library prints 1971904543432099.3.
        assert_eq!(f64_text(7_887_618_173_728_397.0 / 4.0), "1971904543432099.2");
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for round in 0..200_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let value = if round % 2 == 0 { (state >> 40) as f64 / 1000.0 } else { f64::from_bits(state) };
            if value.is_finite() {
                let text = f64_text(value);
                assert_eq!(text.parse::<f64>().map(f64::to_bits), Ok(value.to_bits()), "{text}");
                assert_eq!(significant_digits(&text), significant_digits(&format!("{value:e}")), "{text}");
            }
        }
    }

    #[test]
    fn the_quick_way_to_print_gives_the_same_text() {
        let mut state = 7_u64;
        for _ in 0..200_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let integer = (state >> 14) as i64 % 10_i64.pow(1 + (state % 15) as u32) - 5000;
            for value in
                [integer as f64 / 1e4, integer as f64 / 1e2, f64::from_bits((integer as f64 / 1e4).to_bits() + 1)]
            {
                if value == 0.0 || (1e-4..1e16).contains(&value.abs()) {
                    assert_eq!(f64_text(value), ryu::Buffer::new().format_finite(value));
                }
            }
        }
    }

    fn significant_digits(text: &str) -> usize {
        let mantissa = text.split('e').next().unwrap_or_default();
        mantissa.chars().filter(char::is_ascii_digit).collect::<String>().trim_matches('0').len()
    }

    #[test]
    fn control_characters_go_but_line_breaks_stay() {
        assert_eq!(without_control("a\u{0}b\u{7f}c\td\n"), "abc\td\n");
        assert_eq!(without_control("zo\u{eb}"), "zo\u{eb}");
    }

    #[test]
    fn json_strings_escape_what_is_not_plain_ascii() {
        let mut out = String::new();
        push_json_string(&mut out, "a\"b\\c\u{e9}\u{1f600}\u{1}");
        assert_eq!(out, r#""a\"b\\c\u00e9\ud83d\ude00\u0001""#);
    }
}
