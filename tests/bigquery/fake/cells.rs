//! Values as the REST interface spells them.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Date32Type, Field, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use serde_json::{Value, json};

use super::sql::Rows;

/// The schema of a result.
pub fn fields(rows: &Rows) -> Vec<Value> {
    let field = |field: &std::sync::Arc<Field>| {
        let (ty, mode) = match field.data_type() {
            DataType::List(element) => (name(element.data_type()), "REPEATED"),
            ty => (name(ty), "NULLABLE"),
        };
        json!({ "name": field.name(), "type": ty, "mode": mode })
    };
    rows.schema.fields().iter().map(field).collect()
}

fn name(ty: &DataType) -> &'static str {
    match ty {
        DataType::Int64 | DataType::Int32 | DataType::Decimal128(38, 0) => "INTEGER",
        DataType::Float64 => "FLOAT",
        DataType::Boolean => "BOOLEAN",
        DataType::Date32 => "DATE",
        DataType::Timestamp(..) => "TIMESTAMP",
        DataType::Decimal128(..) => "NUMERIC",
        _ => "STRING",
    }
}

/// Every row of a result.
pub fn rows(rows: &Rows) -> Vec<Value> {
    let mut found = Vec::new();
    for batch in &rows.batches {
        for row in 0..batch.num_rows() {
            let cells: Vec<Value> = batch.columns().iter().map(|column| json!({ "v": cell(column, row) })).collect();
            found.push(json!({ "f": cells }));
        }
    }
    found
}

fn cell(column: &ArrayRef, row: usize) -> Value {
    if let DataType::List(_) = column.data_type() {
        // NULL lists are empty ones there.
        let list = column.as_list::<i32>();
        let items = if list.is_null(row) { None } else { Some(list.value(row)) };
        let cells = items.iter().flat_map(|items| (0..items.len()).map(|item| json!({ "v": cell(items, item) })));
        return Value::Array(cells.collect());
    }
    if column.is_null(row) {
        return Value::Null;
    }
    let text = match column.data_type() {
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Float64 => format!("{:?}", column.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        DataType::Date32 => {
            column.as_primitive::<Date32Type>().value_as_date(row).map_or_else(String::new, |date| date.to_string())
        }
        DataType::Timestamp(..) => column.as_primitive::<TimestampMicrosecondType>().value(row).to_string(),
        DataType::Decimal128(..) => column.as_primitive::<arrow::datatypes::Decimal128Type>().value_as_string(row),
        _ => column.as_string::<i32>().value(row).to_owned(),
    };
    Value::String(text)
}
