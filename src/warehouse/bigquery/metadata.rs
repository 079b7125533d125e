//! Datasets, tables and partitions as the service describes them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::BigQuery;
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::warehouse::{PartitionId, PartitionVersion, Partitions};

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

impl BigQuery {
    /// `None`: there is no such table.
    pub(super) fn live_table(&self, dataset: &str, table: &str) -> Result<Option<LiveTable>> {
        let url = self.tables_url(dataset, table);
        match self.runtime.block_on(self.rest.get(url)) {
            Ok(reply) => Ok(Some(LiveTable { resource: reply.body })),
            Err(error) if error.is(404) => Ok(None),
            Err(error) => Err(error.describe(&format!("looking at table {}", self.full_name(dataset, table)))),
        }
    }

    /// The location of a dataset; `None` when it does not exist.
    pub(super) fn dataset_location(&self, dataset: &str) -> Result<Option<String>> {
        let (project, dataset) = self.place(dataset);
        let url = self.rest.url(&format!("projects/{project}/datasets/{dataset}"));
        match self.runtime.block_on(self.rest.get(url)) {
            Ok(reply) => Ok(reply.body["location"].as_str().map(str::to_owned)),
            Err(error) if error.is(404) => Ok(None),
            Err(error) => Err(error.describe(&format!("looking at dataset {project}.{dataset}"))),
        }
    }

    /// The partitions of a dataset's tables, by one query.
    pub(super) fn partitions(&self, dataset: &str) -> Result<BTreeMap<String, Partitions>> {
        let (project, place) = self.place(dataset);
        let names: Vec<String> = Table::ALL
            .into_iter()
            .filter_map(|table| table.full_name().split_once('.'))
            .filter(|(of, _)| *of == dataset)
            .map(|(_, name)| format!("'{name}'"))
            .collect();
        let sql = format!(
            "SELECT table_name, partition_id, total_rows, total_logical_bytes, UNIX_MICROS(last_modified_time) \
             FROM `{project}.{place}.INFORMATION_SCHEMA.PARTITIONS` WHERE table_name IN ({})",
            names.join(", ")
        );
        let mut tables: BTreeMap<String, Partitions> = BTreeMap::new();
        for row in self.query_rows(&sql, &format!("looking at the partitions of {project}.{place}"))? {
            let text = |index: usize| row.get(index).and_then(Value::as_str).unwrap_or_default().to_owned();
            let number = |index: usize| text(index).parse::<u64>().unwrap_or(0);
            let version = PartitionVersion {
                token: format!("{}|{}|{}", text(4), text(2), text(3)),
                rows: number(2),
                bytes: number(3),
            };
            tables.entry(text(0)).or_default().insert(PartitionId(text(1)), version);
        }
        Ok(tables)
    }

    /// A dataset's full name, and what is mapped to it.
    fn shown_place(&self, dataset: &str) -> String {
        let (project, place) = self.place(dataset);
        match self.settings.datasets.is_mapped(dataset) {
            true => format!("{project}.{place} ([datasets] maps {dataset} there)"),
            false => format!("{project}.{place}"),
        }
    }

    /// The common location of the datasets; jobs run there.
    ///
    /// # Errors
    /// [`ErrorKind::Upstream`] when a dataset is missing, or is not in the common or requested location.
    pub(super) fn verify_location(&self, datasets: BTreeSet<&str>) -> Result<String> {
        let mut known = self.settings.location.clone().map(|location| (location, "--location".to_owned()));
        for dataset in datasets {
            let Some(found) = self.dataset_location(dataset)? else {
                return Err(Error::new(
                    ErrorKind::Upstream,
                    format!("there is no dataset {}", self.shown_place(dataset)),
                )
                .hint("check the names, or that the account may see the dataset; nothing was changed"));
            };
            match &known {
                None => known = Some((found, format!("dataset {}", self.shown_place(dataset)))),
                Some((expected, by)) if !expected.eq_ignore_ascii_case(&found) => {
                    return Err(Error::new(
                        ErrorKind::Upstream,
                        format!("dataset {} lies in {found}, but {by} says {expected}", self.shown_place(dataset)),
                    )
                    .hint(format!("use --location {found}; BigQuery looks for datasets in one location at a time")));
                }
                Some(_) => {}
            }
        }
        Ok(known.map_or_else(|| "US".to_owned(), |(location, _)| location))
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
