//! BigQuery schemas and their Arrow form.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use serde::Deserialize;

use crate::numerics::decimal::Numeric;

/// A column type of BigQuery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    String,
    Int64,
    Float64,
    Bool,
    Date,
    Timestamp,
    Numeric { precision: u8, scale: i8 },
    Json,
}

impl ColumnType {
    /// What a NUMERIC column holds; `None` for other types.
    pub fn numeric(self) -> Option<Numeric> {
        match self {
            Self::Numeric { precision, scale } => Some(Numeric { precision, scale: scale.unsigned_abs() }),
            _ => None,
        }
    }

    /// NUMERIC → DECIMAL, FLOAT64 → DOUBLE, TIMESTAMP → microseconds UTC, JSON → text.
    pub fn arrow(self) -> DataType {
        match self {
            Self::String | Self::Json => DataType::Utf8,
            Self::Int64 => DataType::Int64,
            Self::Float64 => DataType::Float64,
            Self::Bool => DataType::Boolean,
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Numeric { precision, scale } => DataType::Decimal128(precision, scale),
        }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String => f.write_str("STRING"),
            Self::Int64 => f.write_str("INT64"),
            Self::Float64 => f.write_str("FLOAT64"),
            Self::Bool => f.write_str("BOOL"),
            Self::Date => f.write_str("DATE"),
            Self::Timestamp => f.write_str("TIMESTAMP"),
            Self::Numeric { precision, scale } => write!(f, "NUMERIC({precision},{scale})"),
            Self::Json => f.write_str("JSON"),
        }
    }
}

/// One column of a table.
#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    pub ty: ColumnType,
    pub required: bool,
    pub repeated: bool,
}

impl Column {
    /// An ARRAY is a LIST that is never NULL and has no NULL elements.
    fn arrow(&self, required: bool) -> Field {
        if self.repeated {
            let element = Arc::new(Field::new("element", self.ty.arrow(), false));
            Field::new(&self.name, DataType::List(element), false)
        } else {
            Field::new(&self.name, self.ty.arrow(), !required)
        }
    }
}

/// The least and the greatest value of a column, both included. NaN and infinity lie outside.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(from = "[f64; 2]")]
pub struct Bounds {
    pub least: f64,
    pub most: f64,
}

impl From<[f64; 2]> for Bounds {
    fn from([least, most]: [f64; 2]) -> Self {
        assert!(least < most, "bounds {least} to {most}");
        Self { least, most }
    }
}

/// Columns, key and partition of a table.
#[derive(Debug)]
pub struct TableSchema {
    columns: Vec<Column>,
    roles: Roles,
    arrow: SchemaRef,
}

impl TableSchema {
    /// An input column that nothing reads may be NULL or absent whatever the schema declares.
    pub(super) fn parse(full_name: &str, json: &str, is_output: bool) -> Self {
        let fields: Vec<JsonField> = serde_json::from_str(json).expect("embedded schemas are valid");
        let columns: Vec<Column> = fields.into_iter().map(JsonField::column).collect();
        let roles = all_roles().get(full_name).expect("every table is in data/tables.json").clone();
        let arrow = |column: &Column| column.arrow(column.required && (is_output || roles.needs(&column.name)));
        let arrow = Arc::new(Schema::new(columns.iter().map(arrow).collect::<Vec<_>>()));
        Self { columns, roles, arrow }
    }

    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The DATE column by which the table is partitioned.
    pub fn partition_column(&self) -> &str {
        &self.roles.partition_column
    }

    /// The logical key; it need not be unique in an input.
    pub fn key_columns(&self) -> &[String] {
        &self.roles.key_columns
    }

    /// What a processor reads.
    pub fn columns_read(&self) -> &[String] {
        &self.roles.columns_read
    }

    /// Whether the numbers of a column are bounded: those of every column that is read.
    pub fn has_bounds(&self, column: &str) -> bool {
        self.roles.bounds.contains_key(column)
    }

    /// Columns that are read with the values that are possible in them, and those that are usual where that is narrower.
    pub fn bounds(&self) -> impl Iterator<Item = (&Column, Bounds, Option<Bounds>)> {
        let bounds = |column: &'_ Column| self.roles.bounds.get(&column.name).copied();
        self.columns.iter().filter_map(move |column| {
            bounds(column).map(|possible| (column, possible, self.roles.usual.get(&column.name).copied()))
        })
    }

    /// Whether a table without this column, or with another type for it, cannot be used.
    pub fn is_needed(&self, column: &str) -> bool {
        self.roles.needs(column)
    }

    /// Days after which the warehouse itself removes rows of this table; `None`: it keeps them.
    pub fn purged_after_days(&self) -> Option<u64> {
        self.roles.purged_after_days
    }

    pub fn arrow(&self) -> &SchemaRef {
        &self.arrow
    }
}

#[derive(Deserialize)]
struct JsonField {
    name: String,
    #[serde(rename = "type")]
    ty: String,
    mode: Option<String>,
    precision: Option<String>,
    scale: Option<String>,
}

impl JsonField {
    fn column(self) -> Column {
        let ty = match self.ty.as_str() {
            "STRING" => ColumnType::String,
            "INTEGER" => ColumnType::Int64,
            "FLOAT" => ColumnType::Float64,
            "BOOLEAN" => ColumnType::Bool,
            "DATE" => ColumnType::Date,
            "TIMESTAMP" => ColumnType::Timestamp,
            "JSON" => ColumnType::Json,
            "NUMERIC" => ColumnType::Numeric {
                precision: self.precision.as_deref().map_or(38, |digits| digits.parse().expect("precision")),
                scale: self.scale.as_deref().map_or(9, |digits| digits.parse().expect("scale")),
            },
            other => panic!("unknown column type {other} in an embedded schema"),
        };
        let mode = self.mode.as_deref().unwrap_or("NULLABLE");
        Column { name: self.name, ty, required: mode == "REQUIRED", repeated: mode == "REPEATED" }
    }
}

#[derive(Debug, Clone, Deserialize)]
struct Roles {
    partition_column: String,
    key_columns: Vec<String>,
    columns_read: Vec<String>,
    #[serde(default)]
    bounds: BTreeMap<String, Bounds>,
    #[serde(default)]
    usual: BTreeMap<String, Bounds>,
    purged_after_days: Option<u64>,
}

impl Roles {
    fn needs(&self, column: &str) -> bool {
        self.partition_column == column
            || self.key_columns.iter().chain(&self.columns_read).any(|needed| needed == column)
    }
}

fn all_roles() -> &'static BTreeMap<String, Roles> {
    #[derive(Deserialize)]
    struct File {
        tables: BTreeMap<String, Roles>,
    }
    static ROLES: OnceLock<BTreeMap<String, Roles>> = OnceLock::new();
    ROLES.get_or_init(|| {
        let file: File =
            serde_json::from_str(include_str!("../../data/tables.json")).expect("data/tables.json is valid");
        file.tables
    })
}
