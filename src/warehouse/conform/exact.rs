//! Values of one type as values of another, where they stay what they are.
//!
//! Exporters change types: pandas makes doubles of integers with gaps and timestamps of dates, Snowflake and
//! Oracle have one number type, DuckDB writes sums as doubles, Hive and CSV leave text. Every value is looked
//! at; one that would not be the same afterwards is a misfit.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanBuilder, PrimitiveBuilder, StringBuilder, new_null_array,
};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowNativeTypeOp, DataType, Date32Type, Date64Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type,
    Int64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt64Type, i256,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::DateTime;

use super::text;
use crate::error::Result;
use crate::schedule::normalized;

/// A converted column.
pub(super) struct Converted {
    /// Of the type asked for; NULL where a value does not fit.
    pub array: ArrayRef,
    /// The first row whose value does not fit.
    pub misfit: Option<usize>,
    /// Rows where NaN stands for a missing whole number or decimal.
    pub nans: u64,
}

/// Whether values of `from` can be values of `to`; whether each of them is, only its value tells.
pub(super) fn is_convertible(from: &DataType, to: &DataType) -> bool {
    use DataType as D;
    match (from, to) {
        (from, to) if from == to => true,
        (D::Null, _) => true,
        (D::Dictionary(_, value), to) => is_convertible(value, to),
        (from, D::Int64 | D::Float64 | D::Decimal128(..)) => is_number(from),
        (from, D::Boolean) => is_number(from),
        (from, D::Utf8) => is_text(from),
        (D::Date64 | D::Timestamp(..), D::Date32) | (D::Timestamp(..), D::Timestamp(..)) => true,
        (from, D::Date32 | D::Timestamp(..)) => is_text(from),
        (D::List(from) | D::LargeList(from), D::List(to)) => is_convertible(from.data_type(), to.data_type()),
        _ => false,
    }
}

/// Whether [`game_ids`] may be made of values of `from`.
pub(super) fn may_be_game_ids(from: &DataType) -> bool {
    match from {
        DataType::Dictionary(_, value) => may_be_game_ids(value),
        from => is_number(from) || is_convertible(from, &DataType::Utf8),
    }
}

/// Ids of games as text. A number has lost the zeros in front of its id, and gets them back.
pub(super) fn game_ids(array: &ArrayRef) -> Result<Converted> {
    let array = plain(array)?;
    if !is_number(array.data_type()) {
        return convert(&array, &DataType::Utf8);
    }
    let mut builder = StringBuilder::new();
    let id = |row| match number(&array, row).whole() {
        Fit::Value(whole) => Fit::Value(normalized(&whole.to_string())),
        Fit::Nan => Fit::Nan,
        Fit::Misfit => Fit::Misfit,
    };
    let (misfit, nans) = walk(&array, id, |value| builder.append_option(value));
    Ok(Converted { array: Arc::new(builder.finish()), misfit, nans })
}

fn is_number(ty: &DataType) -> bool {
    ty.is_integer() || ty.is_floating() || ty.is_decimal()
}

/// Old writers leave text as bytes.
fn is_text(ty: &DataType) -> bool {
    use DataType as D;
    matches!(
        ty,
        D::Utf8 | D::LargeUtf8 | D::Utf8View | D::Binary | D::LargeBinary | D::BinaryView | D::FixedSizeBinary(_)
    )
}

/// Converts a column of a type that [`is_convertible`]; a column without any value fits every type.
pub(super) fn convert(array: &ArrayRef, to: &DataType) -> Result<Converted> {
    use DataType as D;
    if array.data_type() == to {
        return Ok(Converted { array: Arc::clone(array), misfit: None, nans: 0 });
    }
    if array.null_count() == array.len() || array.data_type() == &D::Null {
        return Ok(Converted { array: new_null_array(to, array.len()), misfit: None, nans: 0 });
    }
    if !is_convertible(array.data_type(), to) {
        let misfit = (0..array.len()).find(|&row| array.is_valid(row));
        return Ok(Converted { array: new_null_array(to, array.len()), misfit, nans: 0 });
    }
    let array = plain(array)?;
    Ok(match to {
        D::Int64 => fit::<Int64Type>(&array, to, |row| number(&array, row).whole()),
        D::Decimal128(precision, scale) => {
            fit::<Decimal128Type>(&array, to, |row| number(&array, row).decimal(*precision, *scale))
        }
        D::Float64 => fit::<Float64Type>(&array, to, |row| number(&array, row).double()),
        D::Date32 => fit::<Date32Type>(&array, to, |row| day(&array, row)),
        D::Timestamp(..) => fit::<TimestampMicrosecondType>(&array, to, |row| micros(&array, row)),
        D::Boolean => booleans(&array),
        D::Utf8 => texts(&array),
        other => unreachable!("no table has a column of type {other}"),
    })
}

/// Types that Arrow widens exactly, widened: fewer to tell apart.
fn plain(array: &ArrayRef) -> Result<ArrayRef> {
    use DataType as D;
    let array = match array.data_type() {
        D::Dictionary(_, value) => &cast(array, value)?,
        _ => array,
    };
    Ok(match array.data_type() {
        D::Int8 | D::Int16 | D::Int32 | D::UInt8 | D::UInt16 | D::UInt32 => cast(array, &D::Int64)?,
        D::Float16 => cast(array, &D::Float32)?,
        D::Decimal32(precision, scale) | D::Decimal64(precision, scale) => {
            cast(array, &D::Decimal128(*precision, *scale))?
        }
        D::LargeUtf8 | D::Utf8View => cast(array, &D::Utf8)?,
        D::LargeBinary | D::BinaryView | D::FixedSizeBinary(_) => cast(array, &D::Binary)?,
        _ => Arc::clone(array),
    })
}

/// What becomes of a value.
enum Fit<T> {
    Value(T),
    /// NaN where the type has none: the exporter's mark of a missing value.
    Nan,
    Misfit,
}

impl<T> Fit<T> {
    fn of(value: Option<T>) -> Self {
        value.map_or(Self::Misfit, Self::Value)
    }
}

fn fit<T: ArrowPrimitiveType>(array: &ArrayRef, to: &DataType, of: impl Fn(usize) -> Fit<T::Native>) -> Converted {
    let mut builder = PrimitiveBuilder::<T>::with_capacity(array.len()).with_data_type(to.clone());
    let (misfit, nans) = walk(array, of, |value| builder.append_option(value));
    Converted { array: Arc::new(builder.finish()), misfit, nans }
}

fn booleans(array: &ArrayRef) -> Converted {
    let mut builder = BooleanBuilder::with_capacity(array.len());
    let (misfit, nans) = walk(array, |row| number(array, row).flag(), |value| builder.append_option(value));
    Converted { array: Arc::new(builder.finish()), misfit, nans }
}

fn texts(array: &ArrayRef) -> Converted {
    if array.data_type() == &DataType::Utf8 {
        return Converted { array: Arc::clone(array), misfit: None, nans: 0 };
    }
    let mut builder = StringBuilder::new();
    let (misfit, nans) = walk(array, |row| Fit::of(text_at(array, row)), |value| builder.append_option(value));
    Converted { array: Arc::new(builder.finish()), misfit, nans }
}

/// Calls `of` for every value and `put` for every row. Returns the first misfit, and how many are NaN.
fn walk<T>(array: &ArrayRef, of: impl Fn(usize) -> Fit<T>, mut put: impl FnMut(Option<T>)) -> (Option<usize>, u64) {
    let (mut misfit, mut nans) = (None, 0);
    for row in 0..array.len() {
        if array.is_null(row) {
            put(None);
            continue;
        }
        match of(row) {
            Fit::Value(value) => put(Some(value)),
            Fit::Nan => {
                nans += 1;
                put(None);
            }
            Fit::Misfit => {
                misfit = misfit.or(Some(row));
                put(None);
            }
        }
    }
    (misfit, nans)
}

/// A number as it is stored.
enum Number {
    /// A multiple of 10^−scale.
    Scaled {
        unscaled: i128,
        scale: i8,
    },
    Single(f32),
    Double(f64),
    /// Beyond every type of ours.
    Huge,
}

/// Whole numbers up to it are told apart by a double.
const LARGEST_EXACT_DOUBLE: u64 = 1 << f64::MANTISSA_DIGITS;

/// A float is the decimal that is so many of its steps away or fewer: exporters multiply by 0.01, and sum, and leave
/// 16.330000000000002 of 16.33.
const MOST_STEPS: u64 = 4;

/// So many of a float's digits must be left beyond the last of a decimal, so that no value lies within
/// [`MOST_STEPS`] of it by chance.
const SPARE_DIGITS: u32 = 7;

/// Digits after the point that NUMERIC has, and so every decimal column of ours.
const NUMERIC_SCALE: i8 = 9;

fn number(array: &ArrayRef, row: usize) -> Number {
    let whole = |value: i128| Number::Scaled { unscaled: value, scale: 0 };
    match array.data_type() {
        DataType::Int64 => whole(array.as_primitive::<Int64Type>().value(row).into()),
        DataType::UInt64 => whole(array.as_primitive::<UInt64Type>().value(row).into()),
        DataType::Decimal128(_, scale) => {
            Number::Scaled { unscaled: array.as_primitive::<Decimal128Type>().value(row), scale: *scale }
        }
        DataType::Decimal256(_, scale) => wide(array.as_primitive::<Decimal256Type>().value(row), *scale),
        DataType::Float32 => Number::Single(array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => Number::Double(array.as_primitive::<Float64Type>().value(row)),
        other => unreachable!("{other} is no number"),
    }
}

/// BIGNUMERIC has 38 digits after the point, of which most are zeros.
fn wide(value: i256, scale: i8) -> Number {
    if let Some(unscaled) = value.to_i128() {
        return Number::Scaled { unscaled, scale };
    }
    // All at once first: one digit after another takes long.
    let surplus = scale.saturating_sub(NUMERIC_SCALE).max(0);
    if let Some(unscaled) = shortened(value, surplus).and_then(i256::to_i128) {
        return Number::Scaled { unscaled, scale: scale - surplus };
    }
    let (mut value, mut scale) = (value, scale);
    while let Some(shorter) = shortened(value, 1).filter(|_| scale > 0) {
        (value, scale) = (shorter, scale - 1);
        if let Some(unscaled) = value.to_i128() {
            return Number::Scaled { unscaled, scale };
        }
    }
    Number::Huge
}

/// Divided by 10^`digits` where nothing is lost.
fn shortened(value: i256, digits: i8) -> Option<i256> {
    let divisor = i256::from_i128(10).pow_checked(digits.unsigned_abs().into()).ok()?;
    let quotient = value.checked_div(divisor)?;
    (quotient.checked_mul(divisor) == Some(value)).then_some(quotient)
}

/// Whether a float is the decimal `unscaled`, which is written as `nearest`; bits of neighbours differ by one.
fn is_near(steps: u64, unscaled: f64, digits: u32) -> bool {
    steps == 0 || steps <= MOST_STEPS && unscaled.abs() < (1_u64 << (digits - SPARE_DIGITS)) as f64
}

impl Number {
    fn is_nan(&self) -> bool {
        matches!(self, Self::Single(value) if value.is_nan()) || matches!(self, Self::Double(value) if value.is_nan())
    }

    /// In units of 10^−scale, if it is a multiple of that. A float is taken for the decimal that [`is_near`]:
    /// 36.4 is 36.4, though no double is exactly that.
    fn scaled(&self, scale: i8) -> Option<i128> {
        match *self {
            Self::Scaled { unscaled, scale: from } => rescale(unscaled, i32::from(scale) - i32::from(from)),
            Self::Double(value) => {
                let unscaled = (value * 10_f64.powi(scale.into())).round();
                let nearest = unscaled / 10_f64.powi(scale.into());
                let steps = if nearest == value { 0 } else { nearest.to_bits().abs_diff(value.to_bits()) };
                let is_same = is_near(steps, unscaled, f64::MANTISSA_DIGITS);
                (unscaled.abs() < LARGEST_EXACT_DOUBLE as f64 && is_same).then_some(unscaled as i128)
            }
            Self::Single(value) => {
                let unscaled = (f64::from(value) * 10_f64.powi(scale.into())).round();
                let nearest: f32 = format!("{unscaled}e-{scale}").parse().unwrap_or(f32::NAN);
                let steps = if nearest == value { 0 } else { nearest.to_bits().abs_diff(value.to_bits()) };
                let is_same = is_near(steps.into(), unscaled, f32::MANTISSA_DIGITS);
                (unscaled.abs() < LARGEST_EXACT_DOUBLE as f64 && is_same).then_some(unscaled as i128)
            }
            Self::Huge => None,
        }
    }

    fn whole(&self) -> Fit<i64> {
        match self.is_nan() {
            true => Fit::Nan,
            false => Fit::of(self.scaled(0).and_then(|value| value.try_into().ok())),
        }
    }

    fn decimal(&self, precision: u8, scale: i8) -> Fit<i128> {
        if self.is_nan() {
            return Fit::Nan;
        }
        let limit = 10_u128.pow(precision.into());
        Fit::of(self.scaled(scale).filter(|unscaled| unscaled.unsigned_abs() < limit))
    }

    /// A decimal becomes the double that is written as it.
    fn double(&self) -> Fit<f64> {
        match *self {
            Self::Double(value) => Fit::Value(value),
            Self::Single(value) => Fit::Value(value.into()),
            Self::Scaled { unscaled, scale } => {
                // Trailing zeros say nothing, and may be many.
                let (mut unscaled, mut scale) = (unscaled, scale);
                while scale > 0 && unscaled % 10 == 0 {
                    (unscaled, scale) = (unscaled / 10, scale - 1);
                }
                let is_exact = unscaled.unsigned_abs() <= LARGEST_EXACT_DOUBLE.into() && (0..=22).contains(&scale);
                Fit::of(is_exact.then(|| unscaled as f64 / 10_f64.powi(scale.into())))
            }
            Self::Huge => Fit::Misfit,
        }
    }

    fn flag(&self) -> Fit<bool> {
        match self.whole() {
            Fit::Value(value @ 0..=1) => Fit::Value(value == 1),
            Fit::Nan => Fit::Nan,
            _ => Fit::Misfit,
        }
    }
}

/// Times 10^`digits`, or divided by it where nothing is lost.
fn rescale(unscaled: i128, digits: i32) -> Option<i128> {
    if unscaled == 0 {
        return Some(0);
    }
    let factor = 10_i128.checked_pow(digits.unsigned_abs())?;
    if digits >= 0 {
        return unscaled.checked_mul(factor);
    }
    (unscaled % factor == 0).then(|| unscaled / factor)
}

fn text_at(array: &ArrayRef, row: usize) -> Option<&str> {
    match array.data_type() {
        DataType::Utf8 => Some(array.as_string::<i32>().value(row)),
        DataType::Binary => std::str::from_utf8(array.as_binary::<i32>().value(row)).ok(),
        other => unreachable!("{other} is no text"),
    }
}

/// A timestamp and how many of its units make a second.
fn instant(array: &ArrayRef, row: usize) -> Option<(i64, i64)> {
    match array.data_type() {
        DataType::Date64 => Some((array.as_primitive::<Date64Type>().value(row), 1_000)),
        DataType::Timestamp(unit, _) => Some(match unit {
            TimeUnit::Second => (array.as_primitive::<TimestampSecondType>().value(row), 1),
            TimeUnit::Millisecond => (array.as_primitive::<TimestampMillisecondType>().value(row), 1_000),
            TimeUnit::Microsecond => (array.as_primitive::<TimestampMicrosecondType>().value(row), 1_000_000),
            TimeUnit::Nanosecond => (array.as_primitive::<TimestampNanosecondType>().value(row), 1_000_000_000),
        }),
        _ => None,
    }
}

/// The day of a timestamp at midnight UTC, or of an ISO text.
fn day(array: &ArrayRef, row: usize) -> Fit<i32> {
    const SECONDS_PER_DAY: i64 = 86_400;
    let Some((value, per_second)) = instant(array, row) else {
        return Fit::of(text_at(array, row).and_then(text::day));
    };
    let per_day = per_second * SECONDS_PER_DAY;
    let is_midnight = value.rem_euclid(per_day) == 0;
    Fit::of(is_midnight.then(|| value.div_euclid(per_day)).and_then(|day| day.try_into().ok()))
}

/// Microseconds; what is finer is cut off, as BigQuery does when it loads such a file.
fn micros(array: &ArrayRef, row: usize) -> Fit<i64> {
    const PER_SECOND: i64 = 1_000_000;
    let Some((value, per_second)) = instant(array, row) else {
        return Fit::of(text_at(array, row).and_then(text::micros));
    };
    match per_second > PER_SECOND {
        true => Fit::Value(value.div_euclid(per_second / PER_SECOND)),
        false => Fit::of(value.checked_mul(PER_SECOND / per_second)),
    }
}

/// A value for people. What its type cannot show, such as a day beyond the calendar, is shown as its number.
pub(super) fn shown(array: &dyn Array, row: usize) -> String {
    const LONGEST: usize = 60;
    if array.is_null(row) {
        return "NULL".to_owned();
    }
    if let Some(instants) = array.as_primitive_opt::<TimestampMicrosecondType>() {
        let micros = instants.value(row);
        return DateTime::from_timestamp_micros(micros).map_or_else(
            || format!("{micros} microseconds from 1970-01-01"),
            |moment| moment.format("%FT%T%.fZ").to_string(),
        );
    }
    let options = FormatOptions::default();
    let formatted = ArrayFormatter::try_new(array, &options).and_then(|all| all.value(row).try_to_string());
    let text = formatted.unwrap_or_else(|_| match array.data_type() {
        DataType::Date32 => format!("day {} from 1970-01-01", array.as_primitive::<Date32Type>().value(row)),
        other => format!("a value of type {other}"),
    });
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests;
