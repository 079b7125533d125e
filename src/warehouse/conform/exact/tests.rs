use arrow::array::{
    BinaryArray, Date32Array, Date64Array, Decimal128Array, Decimal256Array, Float32Array, Float64Array, Int8Array,
    Int64Array, LargeStringArray, StringArray, StringViewArray, TimestampMillisecondArray, TimestampNanosecondArray,
    UInt64Array,
};
use arrow::datatypes::i256;

use super::*;

fn convert_to(to: &DataType, array: impl Array + 'static) -> Converted {
    convert(&(Arc::new(array) as ArrayRef), to).expect("a conversion")
}

/// Values as text, and the first misfit.
fn values(to: &DataType, array: impl Array + 'static) -> (String, Option<usize>) {
    let converted = convert_to(to, array);
    assert_eq!(converted.array.data_type(), to);
    let shown: Vec<String> = (0..converted.array.len()).map(|row| shown(&converted.array, row)).collect();
    (shown.join(" "), converted.misfit)
}

fn decimals(values: Vec<i128>, precision: u8, scale: i8) -> Decimal128Array {
    Decimal128Array::from(values).with_precision_and_scale(precision, scale).expect("a decimal type")
}

#[test]
fn whole_numbers_come_from_any_number_type() {
    let to = &DataType::Int64;
    assert_eq!(values(to, Int8Array::from(vec![Some(-3), None])), ("-3 NULL".to_owned(), None));
    assert_eq!(values(to, UInt64Array::from(vec![7, u64::MAX])), ("7 NULL".to_owned(), Some(1)));
    assert_eq!(values(to, Float64Array::from(vec![28.0, -0.0, 2.5])), ("28 0 NULL".to_owned(), Some(2)));
    assert_eq!(values(to, Float64Array::from(vec![1e16, f64::INFINITY])), ("NULL NULL".to_owned(), Some(0)));
    assert_eq!(values(to, Float32Array::from(vec![28.0, 0.1])), ("28 NULL".to_owned(), Some(1)));
    assert_eq!(values(to, decimals(vec![2_800, 2_850], 38, 2)), ("28 NULL".to_owned(), Some(1)));
    let huge = Decimal256Array::from(vec![i256::from_i128(5), i256::MAX]);
    let huge = huge.with_precision_and_scale(76, 0).expect("a decimal type");
    assert_eq!(values(to, huge), ("5 NULL".to_owned(), Some(1)));
}

#[test]
fn nan_in_a_column_of_whole_numbers_is_a_missing_value() {
    for to in [DataType::Int64, DataType::Decimal128(5, 1), DataType::Boolean] {
        let converted = convert_to(&to, Float64Array::from(vec![1.0, f64::NAN, 0.0, f64::NAN]));
        assert_eq!((converted.nans, converted.misfit, converted.array.null_count()), (2, None, 2), "{to}");
    }
    let converted = convert_to(&DataType::Float64, Float32Array::from(vec![f32::NAN]));
    assert_eq!((converted.nans, converted.array.null_count()), (0, 0));
}

#[test]
fn decimals_come_from_what_is_written_as_them() {
    let to = &DataType::Decimal128(5, 1);
    assert_eq!(values(to, Int64Array::from(vec![36, 9_999, 10_000])), ("36.0 9999.0 NULL".to_owned(), Some(2)));
    assert_eq!(values(to, Float64Array::from(vec![36.4, 0.1 + 0.2, 36.45])), ("36.4 0.3 NULL".to_owned(), Some(2)));
    assert_eq!(values(to, Float32Array::from(vec![36.4, 36.45])), ("36.4 NULL".to_owned(), Some(1)));
    assert_eq!(values(to, decimals(vec![36_400_000_000], 38, 9)), ("36.4".to_owned(), None));
    assert_eq!(values(to, decimals(vec![36_450_000_000], 38, 9)), ("NULL".to_owned(), Some(0)));
    assert_eq!(values(to, decimals(vec![36_455, 99_999], 5, 3)), ("NULL NULL".to_owned(), Some(0)));
    assert_eq!(values(to, decimals(vec![0, i128::from(i64::MAX)], 38, 0)), ("0.0 NULL".to_owned(), Some(1)));
}

#[test]
fn a_float_is_the_decimal_that_is_at_most_four_steps_away() {
    let to = &DataType::Decimal128(6, 2);
    let up = |steps: u32| (0..steps).fold(16.33_f64, |value, _| value.next_up());
    let down = |steps: u32| (0..steps).fold(-16.33_f64, |value, _| value.next_down());
    assert_eq!(values(to, Float64Array::from(vec![up(4), down(4), up(5)])), ("16.33 -16.33 NULL".to_owned(), Some(2)));
    assert_eq!(values(to, Float64Array::from(vec![down(5)])).1, Some(0));
    let single = |steps: u32| (0..steps).fold(16.33_f32, |value, _| value.next_up());
    assert_eq!(values(to, Float32Array::from(vec![single(4), single(5)])), ("16.33 NULL".to_owned(), Some(1)));
    // Singles are so far apart here that a value between two decimals is near one of them.
    assert_eq!(values(to, Float32Array::from(vec![5_000.13, 5_000.13_f32.next_up()])).1, Some(1));
    // As many steps as a whole unit is wide say nothing.
    let wide = &DataType::Decimal128(38, 0);
    let large = 2_f64.powi(52) - 0.5;
    assert_eq!(values(wide, Float64Array::from(vec![large])).1, Some(0));
}

#[test]
fn bignumeric_is_what_its_value_is() {
    let wide = |texts: &[&str], scale: i8| {
        let texts: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
        cast(&texts, &DataType::Decimal256(76, scale)).expect("decimals").as_primitive::<Decimal256Type>().clone()
    };
    let to = &DataType::Decimal128(5, 1);
    let texts = ["40", "-36.4", "0", "9999.9", "36.45", "10000", "36.4000000000000000000000000001"];
    assert_eq!(values(to, wide(&texts, 38)), ("40.0 -36.4 0.0 9999.9 NULL NULL NULL".to_owned(), Some(4)));
    assert_eq!(values(to, wide(&["40", "0.5"], 70)), ("40.0 0.5".to_owned(), None));
    assert_eq!(values(&DataType::Int64, wide(&["28", "28.5"], 38)), ("28 NULL".to_owned(), Some(1)));
    assert_eq!(
        values(&DataType::Float64, wide(&["24.5", "1.000000000001"], 38)),
        ("24.5 1.000000000001".to_owned(), None)
    );
}

#[test]
fn ids_of_games_get_their_zeros_back() {
    let ids = |array: ArrayRef| {
        let converted = game_ids(&array).expect("ids");
        let shown: Vec<String> = (0..converted.array.len()).map(|row| shown(&converted.array, row)).collect();
        (shown.join(" "), converted.misfit)
    };
    assert_eq!(ids(Arc::new(Int64Array::from(vec![22_300_001, 7]))), ("0022300001 7".to_owned(), None));
    assert_eq!(ids(Arc::new(Float64Array::from(vec![22_300_001.0, 0.5]))), ("0022300001 NULL".to_owned(), Some(1)));
    let texts = StringArray::from(vec!["0022300001", "22300001", "2022300001"]);
    assert_eq!(ids(Arc::new(texts)), ("0022300001 22300001 2022300001".to_owned(), None));
}

#[test]
fn every_decimal_of_a_column_survives_as_a_double_and_as_a_single() {
    let unscaled: Vec<i128> = (-99_999..=99_999).step_by(7).collect();
    for (precision, scale) in [(5, 1), (6, 2), (5, 3)] {
        let to = DataType::Decimal128(precision, scale);
        let exact: ArrayRef = Arc::new(decimals(unscaled.clone(), precision, scale));
        for through in [DataType::Float64, DataType::Float32] {
            let floats = match through {
                DataType::Float64 => convert(&exact, &through).expect("doubles").array,
                _ => cast(&convert(&exact, &DataType::Float64).expect("doubles").array, &through).expect("singles"),
            };
            let back = convert(&floats, &to).expect("decimals");
            assert!(
                back.misfit.is_none() && back.array.as_ref() == exact.as_ref(),
                "NUMERIC({precision},{scale}) as {through}"
            );
        }
    }
}

#[test]
fn doubles_come_from_decimals_of_up_to_fifteen_digits() {
    let to = &DataType::Float64;
    assert_eq!(values(to, decimals(vec![24_500_000_000, 1], 38, 9)), ("24.5 1e-9".to_owned(), None));
    assert_eq!(values(to, Int64Array::from(vec![3, (1 << 53) + 1])), ("3.0 NULL".to_owned(), Some(1)));
}

#[test]
fn flags_come_from_zero_and_one() {
    let to = &DataType::Boolean;
    assert_eq!(
        values(to, Int64Array::from(vec![Some(0), Some(1), None, Some(2)])),
        ("false true NULL NULL".to_owned(), Some(3))
    );
    assert_eq!(values(to, StringArray::from(vec!["true"])), ("NULL".to_owned(), Some(0)));
}

#[test]
fn dates_come_from_midnights_and_iso_text() {
    let to = &DataType::Date32;
    let day_ms = 86_400_000;
    assert_eq!(
        values(to, TimestampMillisecondArray::from(vec![19_668 * day_ms, -day_ms])),
        ("2023-11-07 1969-12-31".to_owned(), None)
    );
    assert_eq!(values(to, TimestampNanosecondArray::from(vec![1]).with_timezone("UTC")), ("NULL".to_owned(), Some(0)));
    assert_eq!(values(to, Date64Array::from(vec![day_ms, 1])), ("1970-01-02 NULL".to_owned(), Some(1)));
    assert_eq!(
        values(to, StringArray::from(vec!["2023-11-07", "11/07/2023"])),
        ("2023-11-07 NULL".to_owned(), Some(1))
    );
    assert_eq!(
        values(to, TimestampMillisecondArray::from(vec![i64::MAX - i64::MAX % day_ms])),
        ("NULL".to_owned(), Some(0))
    );
}

#[test]
fn timestamps_of_any_unit_and_clock_are_instants() {
    let to = &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let (shown, misfit) = values(to, TimestampNanosecondArray::from(vec![1_500, -1]));
    assert_eq!((shown.as_str(), misfit), ("1970-01-01T00:00:00.000001Z 1969-12-31T23:59:59.999999Z", None));
    let zoned = TimestampMillisecondArray::from(vec![5]).with_timezone("America/New_York");
    assert_eq!(values(to, zoned), ("1970-01-01T00:00:00.005Z".to_owned(), None));
    assert_eq!(values(to, TimestampMillisecondArray::from(vec![i64::MAX])), ("NULL".to_owned(), Some(0)));
    assert_eq!(
        values(to, StringArray::from(vec!["1970-01-01 00:00:01 UTC"])),
        ("1970-01-01T00:00:01Z".to_owned(), None)
    );
}

#[test]
fn text_comes_in_every_form() {
    let to = &DataType::Utf8;
    assert_eq!(values(to, LargeStringArray::from(vec![Some("a"), None])), ("a NULL".to_owned(), None));
    assert_eq!(values(to, StringViewArray::from(vec!["a text longer than twelve"])).1, None);
    assert_eq!(values(to, BinaryArray::from(vec![b"BOS".as_slice(), b"\xff"])), ("BOS NULL".to_owned(), Some(1)));
    let fixed = arrow::array::FixedSizeBinaryArray::try_from_iter([b"BOS", b"LAL"].into_iter()).expect("an array");
    assert_eq!(values(to, fixed), ("BOS LAL".to_owned(), None));
    let codes: arrow::array::DictionaryArray<arrow::datatypes::Int8Type> =
        vec!["BOS", "LAL", "BOS"].into_iter().collect();
    assert_eq!(values(to, codes), ("BOS LAL BOS".to_owned(), None));
    assert_eq!(values(to, Int64Array::from(vec![22_300_001])), ("NULL".to_owned(), Some(0)));
}

#[test]
fn a_column_without_a_value_fits_every_type() {
    for to in [DataType::Utf8, DataType::Int64, DataType::Date32, DataType::Boolean] {
        let converted = convert_to(&to, BinaryArray::from(vec![None::<&[u8]>, None]));
        assert_eq!((converted.misfit, converted.array.null_count()), (None, 2));
    }
}

#[test]
fn values_beyond_their_type_are_shown_as_numbers() {
    assert_eq!(shown(&Date32Array::from(vec![i32::MAX]), 0), "day 2147483647 from 1970-01-01");
    assert_eq!(shown(&StringArray::from(vec!["x".repeat(100)]), 0).len(), 63);
}
