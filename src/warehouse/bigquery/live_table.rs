//! A table as the service describes it.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use chrono::{DateTime, Utc};
use serde_json::Value;

/// A live table.
#[derive(Debug, Clone)]
pub(super) struct LiveTable {
    pub resource: Value,
}

impl LiveTable {
    pub fn fields(&self) -> &[Value] {
        self.resource["schema"]["fields"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The service's own name of a column's type.
    pub fn type_of(&self, column: &str) -> Option<&str> {
        self.fields().iter().find(|field| field["name"] == column)?["type"].as_str()
    }

    /// The columns as Arrow types; what we have no type for is binary.
    pub fn arrow(&self) -> Schema {
        Schema::new(self.fields().iter().map(arrow_field).collect::<Vec<_>>())
    }

    /// Changes when rows may have changed.
    pub fn version(&self) -> String {
        let text = |key: &str| self.resource[key].as_str().unwrap_or_default().to_owned();
        format!("{}|{}", text("lastModifiedTime"), text("numRows"))
    }

    /// After how many days the service deletes a partition; `None`: never.
    pub fn partition_expiry_days(&self) -> Option<u64> {
        let milliseconds: u64 = self.resource["timePartitioning"]["expirationMs"].as_str()?.parse().ok()?;
        Some(milliseconds / 86_400_000)
    }

    /// When the oldest row came that is still in the streaming buffer, where the service says so.
    pub fn streaming_since(&self) -> Option<DateTime<Utc>> {
        let milliseconds = self.resource["streamingBuffer"]["oldestEntryTime"].as_str()?.parse().ok()?;
        DateTime::from_timestamp_millis(milliseconds)
    }

    pub fn has_streaming_buffer(&self) -> bool {
        let rows = &self.resource["streamingBuffer"]["estimatedRows"];
        rows.as_str().and_then(|rows| rows.parse::<u64>().ok()).is_some_and(|rows| rows > 0)
    }
}

fn arrow_field(field: &Value) -> Field {
    let text = |key: &str| field[key].as_str().unwrap_or_default();
    let digits = |key: &str| field[key].as_str().and_then(|digits| digits.parse::<u8>().ok());
    let ty = match text("type") {
        "STRING" | "JSON" => DataType::Utf8,
        "INTEGER" | "INT64" => DataType::Int64,
        "FLOAT" | "FLOAT64" => DataType::Float64,
        "BOOLEAN" | "BOOL" => DataType::Boolean,
        "DATE" => DataType::Date32,
        "TIMESTAMP" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        "DATETIME" => DataType::Timestamp(TimeUnit::Microsecond, None),
        "NUMERIC" => match digits("precision") {
            Some(precision) => DataType::Decimal128(precision, digits("scale").unwrap_or(0).cast_signed()),
            None => DataType::Decimal128(38, 9),
        },
        "BIGNUMERIC" => match digits("precision") {
            Some(precision) => DataType::Decimal256(precision, digits("scale").unwrap_or(0).cast_signed()),
            None => DataType::Decimal256(76, 38),
        },
        _ => DataType::Binary,
    };
    match text("mode") {
        "REPEATED" => Field::new(text("name"), DataType::List(Arc::new(Field::new("element", ty, false))), false),
        mode => Field::new(text("name"), ty, mode != "REQUIRED"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn expiry_and_streaming_buffer_are_read() {
        let live = |resource| LiveTable { resource };
        let plain = live(json!({ "timePartitioning": { "type": "DAY", "field": "game_date" } }));
        assert_eq!((plain.partition_expiry_days(), plain.has_streaming_buffer()), (None, false));
        let expiring = live(json!({ "timePartitioning": { "expirationMs": "7776000000" } }));
        assert_eq!(expiring.partition_expiry_days(), Some(90));
        assert!(live(json!({ "streamingBuffer": { "estimatedRows": "3" } })).has_streaming_buffer());
        assert!(!live(json!({ "streamingBuffer": { "estimatedRows": "0" } })).has_streaming_buffer());
    }

    #[test]
    fn live_fields_have_their_arrow_types() {
        let live = LiveTable {
            resource: json!({ "schema": { "fields": [
                { "name": "a", "type": "NUMERIC", "precision": "9", "scale": "3" },
                { "name": "b", "type": "NUMERIC" },
                { "name": "c", "type": "STRING", "mode": "REPEATED" },
                { "name": "d", "type": "DATE", "mode": "REQUIRED" },
                { "name": "e", "type": "GEOGRAPHY" },
            ] } }),
        };
        let schema = live.arrow();
        assert_eq!(schema.field(0).data_type(), &DataType::Decimal128(9, 3));
        assert_eq!(schema.field(1).data_type(), &DataType::Decimal128(38, 9));
        assert!(matches!(schema.field(2).data_type(), DataType::List(_)));
        assert!(!schema.field(3).is_nullable());
        assert_eq!(schema.field(4).data_type(), &DataType::Binary);
    }
}
