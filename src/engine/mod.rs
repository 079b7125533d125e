//! An in-memory DuckDB session: Parquet and Arrow in, Arrow out.
//!
//! Nothing durable lives here; a session is built from the store's files and thrown away.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Date32Array, Int64Array, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Date32Type, Field, Schema};
use chrono::NaiveDate;
use duckdb::{Config, Connection};

use crate::calendar::{DateRange, Season};
use crate::catalog::{Column, TEAMS, Table};
use crate::error::{Error, ErrorKind, Result};

/// Resources of a session.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// Threads of the database; results do not depend on it.
    pub threads: usize,
    /// As DuckDB writes it, for example `4GB`; absent: the database's own default.
    pub memory_limit: Option<String>,
    /// Where the database spills.
    pub temp_dir: PathBuf,
}

/// A connection to the session's database.
pub struct Session {
    connection: Connection,
}

impl Session {
    /// A new, empty database. Extensions are neither loaded nor installed from anywhere.
    pub fn open(settings: &EngineSettings) -> Result<Self> {
        let mut config = Config::default()
            .threads(settings.threads.try_into().unwrap_or(i64::MAX))?
            .enable_autoload_extension(false)?
            .with("autoinstall_known_extensions", "false")?
            .with("preserve_insertion_order", "false")?
            .with("temp_directory", settings.temp_dir.to_string_lossy())?;
        if let Some(limit) = &settings.memory_limit {
            config = config.max_memory(limit).map_err(|error| {
                Error::new(ErrorKind::Usage, format!("{limit:?} is not a memory limit"))
                    .hint("write it like 4GB or 512MB")
                    .because(error)
            })?;
        }
        Ok(Self { connection: Connection::open_in_memory_with_flags(config)? })
    }

    /// A second connection to the same database, for another thread.
    pub fn try_clone(&self) -> Result<Self> {
        Ok(Self { connection: self.connection.try_clone()? })
    }

    /// Loads the needed columns of an input over `range` into a table named after it.
    ///
    /// Rows with a team that is not one of the 30 are left out; an empty opponent stays.
    pub fn load_input(&self, table: Table, files: &[PathBuf], range: DateRange) -> Result<()> {
        let columns = needed_columns(table);
        if files.is_empty() {
            return self.create_table(table.name(), &columns);
        }
        let mut sql = format!(
            "CREATE TABLE {} AS SELECT {} FROM read_parquet({}) WHERE {} BETWEEN DATE '{}' AND DATE '{}'",
            table.name(),
            names(&columns),
            file_list(files),
            table.schema().partition_column(),
            range.from,
            range.to,
        );
        let teams = TEAMS.map(|team| format!("'{team}'")).join(", ");
        for column in table.team_columns() {
            let _ = write!(sql, " AND (coalesce({column}, '') IN ('', {teams}))");
        }
        Ok(self.connection.execute_batch(&sql)?)
    }

    /// Creates an empty table named after an output, with the columns that processors read.
    pub fn create_output(&self, table: Table) -> Result<()> {
        self.create_table(table.name(), &needed_columns(table))
    }

    /// Adds rows of an output that lie in the store, for the dates of `dates`.
    pub fn load_output(&self, table: Table, files: &[PathBuf], dates: &[NaiveDate]) -> Result<()> {
        if files.is_empty() || dates.is_empty() {
            return Ok(());
        }
        let dates: Vec<String> = dates.iter().map(|date| format!("DATE '{date}'")).collect();
        let sql = format!(
            "INSERT INTO {} SELECT {} FROM read_parquet({}) WHERE {} IN ({})",
            table.name(),
            names(&needed_columns(table)),
            file_list(files),
            table.schema().partition_column(),
            dates.join(", "),
        );
        Ok(self.connection.execute_batch(&sql)?)
    }

    /// Adds freshly computed rows of an output, handed over as Arrow.
    pub fn append_output(&self, table: Table, batch: &RecordBatch) -> Result<()> {
        let indices: Vec<usize> = needed_columns(table)
            .iter()
            .map(|column| batch.schema().index_of(&column.name).expect("batches have the columns of their table"))
            .collect();
        self.append(table.name(), &batch.project(&indices)?)
    }

    /// Replaces the connection's table `plan`: the dates to compute, with their season.
    pub fn set_plan(&self, dates: &[NaiveDate]) -> Result<()> {
        self.connection.execute_batch("CREATE OR REPLACE TEMP TABLE plan (game_date DATE, season_year BIGINT)")?;
        let schema = Schema::new(vec![
            Field::new("game_date", DataType::Date32, false),
            Field::new("season_year", DataType::Int64, false),
        ]);
        let days: Date32Array = dates.iter().map(|&date| Some(Date32Type::from_naive_date(date))).collect();
        let seasons: Int64Array = dates.iter().map(|&date| Some(Season::of(date).start_year().into())).collect();
        self.append("plan", &RecordBatch::try_new(Arc::new(schema), vec![Arc::new(days), Arc::new(seasons)])?)
    }

    /// Runs a query and returns its whole result as one batch.
    pub fn query(&self, sql: &str) -> Result<RecordBatch> {
        let mut statement = self.connection.prepare(sql)?;
        let result = statement.query_arrow([])?;
        let schema = result.get_schema();
        let batches: Vec<RecordBatch> = result.collect();
        Ok(concat_batches(&schema, &batches)?)
    }

    /// Runs statements that return nothing.
    pub fn execute(&self, sql: &str) -> Result<()> {
        Ok(self.connection.execute_batch(sql)?)
    }

    fn append(&self, table: &str, batch: &RecordBatch) -> Result<()> {
        const SLICE_ROWS: usize = 1 << 16;
        let mut appender = self.connection.appender(table)?;
        let mut start = 0;
        while start < batch.num_rows() {
            let length = SLICE_ROWS.min(batch.num_rows() - start);
            appender.append_record_batch(batch.slice(start, length))?;
            start += length;
        }
        Ok(appender.flush()?)
    }

    fn create_table(&self, name: &str, columns: &[&Column]) -> Result<()> {
        let definitions: Vec<String> =
            columns.iter().map(|column| format!("{} {}", column.name, sql_type(column))).collect();
        Ok(self.connection.execute_batch(&format!("CREATE TABLE {name} ({})", definitions.join(", ")))?)
    }
}

/// Key, partition and everything a processor reads, in the order of the schema.
fn needed_columns(table: Table) -> Vec<&'static Column> {
    let schema = table.schema();
    let needed =
        |column: &&Column| schema.is_needed(&column.name) || table.team_columns().contains(&column.name.as_str());
    schema.columns().iter().filter(needed).collect()
}

fn names(columns: &[&Column]) -> String {
    columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn sql_type(column: &Column) -> String {
    use crate::catalog::ColumnType as T;
    let element = match column.ty {
        T::String | T::Json => "VARCHAR".to_owned(),
        T::Int64 => "BIGINT".to_owned(),
        T::Float64 => "DOUBLE".to_owned(),
        T::Bool => "BOOLEAN".to_owned(),
        T::Date => "DATE".to_owned(),
        T::Timestamp => "TIMESTAMPTZ".to_owned(),
        T::Numeric { precision, scale } => format!("DECIMAL({precision}, {scale})"),
    };
    if column.repeated { format!("{element}[]") } else { element }
}

fn file_list(files: &[PathBuf]) -> String {
    let quoted: Vec<String> = files.iter().map(|path| quote(path)).collect();
    format!("[{}]", quoted.join(", "))
}

/// A path as an SQL string.
pub fn quote(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', "''"))
}
