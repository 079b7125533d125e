//! No file holds a decimal that has more digits than its column's type.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Decimal128Type, Decimal256Type};
use arrow::error::ArrowError;

/// # Errors
/// Names the first column that has such a value, and the value.
pub(super) fn check(rows: &RecordBatch) -> Result<(), ArrowError> {
    for (field, column) in rows.schema_ref().fields().iter().zip(rows.columns()) {
        let checked = match *column.data_type() {
            DataType::Decimal128(precision, _) => {
                column.as_primitive::<Decimal128Type>().validate_decimal_precision(precision)
            }
            DataType::Decimal256(precision, _) => {
                column.as_primitive::<Decimal256Type>().validate_decimal_precision(precision)
            }
            _ => Ok(()),
        };
        checked.map_err(|error| ArrowError::InvalidArgumentError(format!("column {}: {error}", field.name())))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Decimal128Array};

    use super::*;
    use crate::store::write_parquet;

    fn rows(values: &[Option<i128>]) -> RecordBatch {
        let column = values.iter().copied().collect::<Decimal128Array>().with_precision_and_scale(5, 3);
        let column: ArrayRef = Arc::new(column.expect("a type"));
        RecordBatch::try_from_iter_with_nullable([("pct", column, true)]).expect("a column")
    }

    #[test]
    fn corners_of_the_reference_no_writer_stores_a_decimal_beyond_its_precision() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file.parquet");
        assert!(write_parquet(&path, &rows(&[Some(99_999), None, Some(-99_999)])).is_ok());
        for beyond in [100_000, -100_000, i128::MAX] {
            let error = write_parquet(&path, &rows(&[None, Some(beyond)])).expect_err("too large");
            let cause = std::error::Error::source(&error).expect("a cause").to_string();
            assert!(cause.contains("column pct: "), "{cause}");
        }
    }
}
