//! Tables from rows that name only some of their columns.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray, RecordBatch,
    StringArray, TimestampMicrosecondArray, new_empty_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Date32Type, Field};
use chrono::{NaiveDate, NaiveDateTime};
use putback::calendar::Season;
use putback::catalog::{Column, ColumnType, Table};
use putback::store::{sort_by_key, write_parquet};

use super::rows::{NULL, Row, Value};

/// Rows by table: a warehouse before it is written, or inputs of a processor.
#[derive(Debug, Clone, Default)]
pub struct Tables(BTreeMap<Table, Vec<Row>>);

impl Tables {
    /// Adds rows to a table.
    pub fn with(mut self, table: Table, rows: impl IntoIterator<Item = Row>) -> Self {
        self.0.entry(table).or_default().extend(rows);
        self
    }

    /// Adds all rows of `more`.
    pub fn merge(self, more: Self) -> Self {
        more.0.into_iter().fold(self, |tables, (table, rows)| tables.with(table, rows))
    }

    pub fn contains(&self, table: Table) -> bool {
        self.0.contains_key(&table)
    }

    /// The rows of a table with its exact schema; none if the table was not given.
    pub fn batch(&self, table: Table) -> RecordBatch {
        batch(table, self.0.get(&table).map_or(&[], Vec::as_slice))
    }

    /// Writes each table as `<dataset>.<table>.parquet`.
    pub fn write_to(&self, dir: &Path) {
        for table in self.0.keys() {
            write_parquet(&file_of(dir, *table), &self.batch(*table)).expect("a table is written");
        }
    }

    /// As [`Tables::write_to`], with rows in the order of dates and keys, which is that of the store's files.
    pub fn write_in_order_to(&self, dir: &Path) {
        for table in self.0.keys() {
            let (rows, _) = sort_by_key(*table, &self.batch(*table)).expect("rows in order");
            write_parquet(&file_of(dir, *table), &rows).expect("a table is written");
        }
    }
}

/// Where a directory warehouse has a table.
pub fn file_of(dir: &Path, table: Table) -> PathBuf {
    dir.join(format!("{table}.parquet"))
}

/// Rows with the exact schema of their table. Columns that are not named are NULL, or a default
/// where the table requires a value.
pub fn batch(table: Table, rows: &[Row]) -> RecordBatch {
    let schema = table.schema();
    for name in rows.iter().flat_map(Row::keys) {
        assert!(schema.column(name).is_some(), "{table} has no column {name}");
    }
    let columns = schema
        .columns()
        .iter()
        .zip(schema.arrow().fields())
        .map(|(column, field)| {
            let cells: Vec<Value> = rows.iter().map(|row| cell(table, column, row)).collect();
            array(column, field, &cells)
        })
        .collect();
    RecordBatch::try_new(Arc::clone(schema.arrow()), columns).expect("rows that fit the table")
}

fn cell(table: Table, column: &Column, row: &Row) -> Value {
    match row.get(&column.name) {
        Some(value) => value.clone(),
        None if column.required => default_of(table, column, row),
        None => NULL,
    }
}

/// Something plausible for a required column: an active player of LAL at home to BOS.
fn default_of(table: Table, column: &Column, row: &Row) -> Value {
    let day = || text_of(row, &[table.schema().partition_column()]).expect("a row has its date");
    match (column.name.as_str(), column.ty) {
        ("season_year", _) => i64::from(Season::of(date(&day())).start_year()).into(),
        ("team_abbr" | "defending_team_abbr" | "home_team_tricode", _) => "LAL".into(),
        ("opponent_team_abbr" | "away_team_tricode", _) => "BOS".into(),
        ("game_id", _) => {
            let home = text_of(row, &["team_abbr", "defending_team_abbr", "home_team_tricode"]);
            let away = text_of(row, &["opponent_team_abbr", "away_team_tricode"]);
            let teams = [away.unwrap_or("BOS".into()), home.unwrap_or("LAL".into())];
            format!("{}_{}", day().replace('-', ""), teams.join("_")).into()
        }
        ("is_active", _) => true.into(),
        (_, ColumnType::String | ColumnType::Json) => "-".into(),
        (_, ColumnType::Int64) => 0.into(),
        (_, ColumnType::Float64 | ColumnType::Numeric { .. }) => 0.0.into(),
        (_, ColumnType::Bool) => false.into(),
        (_, ColumnType::Timestamp) => "2020-01-01 00:00:00".into(),
        (name, ColumnType::Date) => panic!("a row of {table} needs {name}"),
    }
}

/// The text of the first of these columns that the row names.
fn text_of(row: &Row, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| match row.get(*name) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    })
}

pub fn date(text: &str) -> NaiveDate {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is not a date"))
}

fn array(column: &Column, field: &Field, cells: &[Value]) -> ArrayRef {
    if let DataType::List(element) = field.data_type() {
        assert!(cells.iter().all(|cell| *cell == NULL), "{}: only empty lists are written", column.name);
        let offsets = OffsetBuffer::from_lengths(cells.iter().map(|_| 0));
        return Arc::new(ListArray::new(Arc::clone(element), offsets, new_empty_array(element.data_type()), None));
    }
    let mismatch = |value: &Value| -> ! { panic!("{value:?} does not fit {} {}", column.name, column.ty) };
    let text = |cell: &Value| match cell {
        Value::Null => None,
        Value::Text(text) => Some(text.clone()),
        other => mismatch(other),
    };
    let int = |cell: &Value| match cell {
        Value::Null => None,
        Value::Int(int) => Some(*int),
        other => mismatch(other),
    };
    let num = |cell: &Value| match cell {
        Value::Null => None,
        Value::Int(int) => Some(*int as f64),
        Value::Num(num) => Some(*num),
        other => mismatch(other),
    };
    let flag = |cell: &Value| match cell {
        Value::Null => None,
        Value::Bool(flag) => Some(*flag),
        other => mismatch(other),
    };
    let cells = cells.iter();
    match column.ty {
        ColumnType::String | ColumnType::Json => Arc::new(cells.map(text).collect::<StringArray>()),
        ColumnType::Int64 => Arc::new(cells.map(int).collect::<Int64Array>()),
        ColumnType::Float64 => Arc::new(cells.map(num).collect::<Float64Array>()),
        ColumnType::Bool => Arc::new(cells.map(flag).collect::<BooleanArray>()),
        ColumnType::Date => {
            let day = |cell| text(cell).map(|text| Date32Type::from_naive_date(date(&text)));
            Arc::new(cells.map(day).collect::<Date32Array>())
        }
        ColumnType::Timestamp => {
            let micros = |cell| text(cell).map(|text| timestamp_micros(&text));
            Arc::new(cells.map(micros).collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        }
        ColumnType::Numeric { precision, scale } => {
            let scaled = |cell| num(cell).map(|num| (num * 10_f64.powi(i32::from(scale))).round() as i128);
            let array = cells.map(scaled).collect::<Decimal128Array>();
            Arc::new(array.with_precision_and_scale(precision, scale).expect("a valid NUMERIC"))
        }
    }
}

fn timestamp_micros(text: &str) -> i64 {
    let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f");
    time.unwrap_or_else(|_| panic!("{text:?} is not a timestamp")).and_utc().timestamp_micros()
}
