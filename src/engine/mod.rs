//! An in-memory DuckDB session: Parquet and Arrow in, Arrow out.
//!
//! Nothing here is durable: a session is built from the store's files and discarded.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Date32Array, Int64Array, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Date32Type, Field, Schema, SchemaRef};
use chrono::NaiveDate;
use duckdb::{Config, Connection};

use crate::calendar::{DateRange, Season, season_macros};
use crate::catalog::{Column, Role, TEAMS, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::store::SpillDir;
use crate::windows::WindowEnd;

/// Resources of a session.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// Threads of the database; results do not depend on it.
    pub threads: usize,
    /// As DuckDB writes it, for example `4GB`; absent: the database's own default.
    pub memory_limit: Option<String>,
    /// Where the database spills, into a directory of each session.
    pub temp_dir: PathBuf,
}

/// Memory that each thread of the database needs, for the checks of a season: with less, they fail.
const THREAD_BYTES: f64 = 95e6;

/// Threads that do not exhaust a memory limit, which is told like `95.3 MiB`.
fn threads_within(limit: &str) -> usize {
    let (number, unit) = limit.split_once(' ').unwrap_or((limit, ""));
    let power = ["bytes", "KiB", "MiB", "GiB", "TiB"].iter().position(|known| *known == unit).unwrap_or(4);
    let bytes = number.parse::<f64>().unwrap_or(f64::MAX) * 1024_f64.powi(power as i32);
    ((bytes / THREAD_BYTES) as usize).max(1)
}

/// Month files of a table, and the name under which SQL reads their rows.
#[derive(Debug, Clone, Copy)]
pub struct NamedFiles<'a> {
    pub name: &'a str,
    pub table: Table,
    pub files: &'a [PathBuf],
}

impl<'a> NamedFiles<'a> {
    /// Under the table's own name.
    pub fn of(table: Table, files: &'a [PathBuf]) -> Self {
        Self { name: table.name(), table, files }
    }
}

/// What a view leaves out of a table.
#[derive(Debug, Clone, Copy, Default)]
pub struct LeftOut<'a> {
    /// The rows of these dates.
    pub dates: &'a [NaiveDate],
    /// A column; empty: none.
    pub column: &'a str,
}

/// A connection to the session's database.
pub struct Session {
    connection: Connection,
    has_limit: bool,
    /// Goes with the last connection.
    spill: Arc<SpillDir>,
}

impl Session {
    /// A new, empty database. Extensions are neither loaded nor installed from anywhere.
    pub fn open(settings: &EngineSettings) -> Result<Self> {
        let spill = Arc::new(SpillDir::create(&settings.temp_dir)?);
        let mut config = Config::default()
            .threads(settings.threads.try_into().unwrap_or(i64::MAX))?
            .enable_autoload_extension(false)?
            .with("autoinstall_known_extensions", "false")?
            .with("preserve_insertion_order", "false")?
            // The system has the files' pages already.
            .with("enable_external_file_cache", "false")?
            .with("temp_directory", as_path(spill.path()).to_string_lossy())?;
        if let Some(limit) = &settings.memory_limit {
            config = config.max_memory(limit).map_err(|error| {
                Error::new(ErrorKind::Usage, format!("\"{limit}\" is not a memory limit"))
                    .hint("write it like 4GB or 512MB")
                    .because(error)
            })?;
        }
        let connection = Connection::open_in_memory_with_flags(config)?;
        if settings.memory_limit.is_some() {
            let limit: String = connection.query_row("SELECT current_setting('memory_limit')", [], |row| row.get(0))?;
            let threads = threads_within(&limit).min(settings.threads);
            connection.execute_batch(&format!("SET threads = {threads}"))?;
        }
        connection.execute_batch(&season_macros())?;
        Ok(Self { connection, has_limit: settings.memory_limit.is_some(), spill })
    }

    /// A second connection to the same database, for another thread.
    pub fn try_clone(&self) -> Result<Self> {
        let spill = Arc::clone(&self.spill);
        Ok(Self { connection: self.connection.try_clone()?, has_limit: self.has_limit, spill })
    }

    /// From now on, rows that a query of this database neither sorts nor joins keep the order of the files.
    ///
    /// Not the default: the tables that checks create take a quarter more memory so.
    pub fn keep_order_of_files(&self) -> Result<()> {
        self.execute("SET preserve_insertion_order = true")
    }

    /// Whether memory was limited by the user, so that little should be held at a time.
    pub fn has_memory_limit(&self) -> bool {
        self.has_limit
    }

    /// Makes the files of an input readable under the table's name: the needed columns of the rows in
    /// `range`. Rows stay on disk until a query asks for them.
    ///
    /// Rows with a team that is not one of the 30 are left out; an empty opponent stays.
    pub fn view_input(&self, table: Table, files: &[PathBuf], range: DateRange) -> Result<()> {
        let date = table.schema().partition_column();
        let mut condition = format!("{date} BETWEEN DATE '{}' AND DATE '{}'", range.from, range.to);
        if let Some(of_known_teams) = of_known_teams(table) {
            let _ = write!(condition, " AND {of_known_teams}");
        }
        self.view_columns(NamedFiles::of(table, files), &condition, &needed_columns(table))
    }

    /// [`Session::view_input`] of every date, under another name.
    pub fn view_input_as(&self, name: &str, table: Table, files: &[PathBuf]) -> Result<()> {
        let condition = of_known_teams(table).unwrap_or_else(|| "true".to_owned());
        self.view_columns(NamedFiles { name, table, files }, &condition, &needed_columns(table))
    }

    /// Makes the files of an output readable under the table's name, with the columns that processors
    /// read, but for the rows of some dates.
    pub fn view_output(&self, table: Table, files: &[PathBuf], left_out: &[NaiveDate]) -> Result<()> {
        self.view_columns(NamedFiles::of(table, files), &not_on(table, left_out), &needed_columns(table))
    }

    /// Makes every column and row of a table in `range` readable under its name.
    pub fn view_whole(&self, table: Table, files: &[PathBuf], range: DateRange) -> Result<()> {
        self.view_whole_as(NamedFiles::of(table, files), range, LeftOut::default())
    }

    /// [`Session::view_whole`] under another name, and without some of it.
    pub fn view_whole_as(&self, named: NamedFiles<'_>, range: DateRange, left_out: LeftOut<'_>) -> Result<()> {
        let schema = named.table.schema();
        let date = schema.partition_column();
        let others = not_on(named.table, left_out.dates);
        let condition = format!("{date} BETWEEN DATE '{}' AND DATE '{}' AND {others}", range.from, range.to);
        let columns: Vec<&Column> = schema.columns().iter().filter(|column| column.name != left_out.column).collect();
        self.view_columns(named, &condition, &columns)
    }

    /// [`Session::view_whole`] under another name, and with every value as the file has it.
    pub fn view_raw(&self, NamedFiles { name, table, files }: NamedFiles<'_>, range: DateRange) -> Result<()> {
        let date = table.schema().partition_column();
        let condition = format!("{date} BETWEEN DATE '{}' AND DATE '{}'", range.from, range.to);
        let columns: Vec<&Column> = table.schema().columns().iter().collect();
        let rows = rows_of(files, &condition, &columns, |column| column.name.clone());
        Ok(self.connection.execute_batch(&format!("CREATE OR REPLACE VIEW {name} AS SELECT {rows}"))?)
    }

    fn view_columns(&self, named: NamedFiles<'_>, condition: &str, columns: &[&Column]) -> Result<()> {
        let NamedFiles { name, table, files } = named;
        let is_input = table.role() != Role::Output;
        let value = |column: &Column| if is_input { guarded(table, column) } else { column.name.clone() };
        let rows = rows_of(files, condition, columns, value);
        Ok(self.connection.execute_batch(&format!("CREATE OR REPLACE VIEW {name} AS SELECT {rows}"))?)
    }

    /// Replaces the connection's table `plan`: the dates to compute, with their season and the last day that their
    /// windows reach.
    pub fn set_plan(&self, dates: &[NaiveDate], windows: WindowEnd) -> Result<()> {
        let columns = "game_date DATE, season_year BIGINT, window_end DATE";
        self.connection.execute_batch(&format!("CREATE OR REPLACE TEMP TABLE plan ({columns})"))?;
        let schema = Schema::new(vec![
            Field::new("game_date", DataType::Date32, false),
            Field::new("season_year", DataType::Int64, false),
            Field::new("window_end", DataType::Date32, false),
        ]);
        let days: Date32Array = dates.iter().map(|&date| Some(Date32Type::from_naive_date(date))).collect();
        let ends = dates.iter().map(|&date| Some(Date32Type::from_naive_date(windows.last_day(date))));
        let ends: Date32Array = ends.collect();
        let seasons: Int64Array = dates.iter().map(|&date| Some(Season::of(date).start_year().into())).collect();
        self.append(
            "plan",
            &RecordBatch::try_new(Arc::new(schema), vec![Arc::new(days), Arc::new(seasons), Arc::new(ends)])?,
        )
    }

    /// Runs a query and returns its whole result as one batch.
    pub fn query(&self, sql: &str) -> Result<RecordBatch> {
        let mut rows = self.stream(sql)?;
        let mut batches = Vec::new();
        while let Some(batch) = rows.fetch()? {
            batches.push(batch);
        }
        Ok(concat_batches(rows.schema(), &batches)?)
    }

    /// Runs one statement that changes rows, and returns their number.
    pub fn change(&self, sql: &str) -> Result<usize> {
        Ok(self.connection.execute(sql, [])?)
    }

    /// Runs a query whose result is fetched a few thousand rows at a time; the database keeps the
    /// rest, on disk where memory is short.
    pub fn stream(&self, sql: &str) -> Result<Rows<'_>> {
        let mut statement = self.connection.prepare(sql)?;
        let schema = statement.stream_arrow([])?.get_schema();
        Ok(Rows { statement, schema })
    }

    /// Writes the result of a query to a Parquet file with the compression of the store, as the database
    /// does it, and returns the number of rows.
    pub fn copy(&self, sql: &str, path: &Path) -> Result<u64> {
        let options = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1";
        let rows = self.connection.execute(&format!("COPY ({sql}) TO {} ({options})", quote(path)), [])?;
        Ok(rows as u64)
    }

    /// Sets a variable of the connection, which SQL reads as `getvariable('name')`.
    pub fn set_text(&self, name: &str, value: &str) -> Result<()> {
        self.connection.execute(&format!("SET VARIABLE {name} = ?"), [value])?;
        Ok(())
    }

    /// As [`Session::set_text`], a DATE.
    pub fn set_date(&self, name: &str, value: NaiveDate) -> Result<()> {
        self.connection.execute(&format!("SET VARIABLE {name} = ?::DATE"), [value.to_string()])?;
        Ok(())
    }

    /// As [`Session::set_text`], a BIGINT.
    pub fn set_number(&self, name: &str, value: i64) -> Result<()> {
        self.connection.execute(&format!("SET VARIABLE {name} = ?::BIGINT"), [value])?;
        Ok(())
    }

    /// Runs statements that return nothing.
    pub fn execute(&self, sql: &str) -> Result<()> {
        Ok(self.connection.execute_batch(sql)?)
    }

    /// Appends rows to a table, column by column.
    pub fn append(&self, table: &str, batch: &RecordBatch) -> Result<()> {
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
}

/// The result of a query, in its order.
pub struct Rows<'s> {
    statement: duckdb::Statement<'s>,
    schema: SchemaRef,
}

impl Rows<'_> {
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The next few thousand rows; `None` after the last.
    pub fn fetch(&mut self) -> Result<Option<RecordBatch>> {
        Ok(self.statement.step()?.map(RecordBatch::from))
    }
}

/// A condition that holds on all dates but these.
fn not_on(table: Table, dates: &[NaiveDate]) -> String {
    if dates.is_empty() {
        return "true".to_owned();
    }
    let dates: Vec<String> = dates.iter().map(|date| format!("DATE '{date}'")).collect();
    format!("{} NOT IN ({})", table.schema().partition_column(), dates.join(", "))
}

/// Key, partition and everything a processor reads, in the order of the schema.
fn needed_columns(table: Table) -> Vec<&'static Column> {
    let schema = table.schema();
    let needed =
        |column: &&Column| schema.is_needed(&column.name) || table.team_columns().contains(&column.name.as_str());
    schema.columns().iter().filter(needed).collect()
}

/// What stands after SELECT: the columns of the files' rows that meet the condition.
fn rows_of(files: &[PathBuf], condition: &str, columns: &[&Column], value: impl Fn(&Column) -> String) -> String {
    if files.is_empty() {
        let null = |column: &&Column| format!("NULL::{} AS {}", sql_type(column), column.name);
        return format!("{} WHERE false", columns.iter().map(null).collect::<Vec<_>>().join(", "));
    }
    let values: Vec<String> = columns.iter().map(|column| value(column)).collect();
    format!("{} FROM read_parquet({}) WHERE {condition}", values.join(", "), file_list(files))
}

/// The column, with NULL for what no formula can be trusted with: sums and products of greater numbers leave 64 bits,
/// and NaN, infinity and moments outside the calendar are no values. What checks say of impossible values
/// (`data/tables.json`) is narrower; whatever rests on those is computed as the reference does, and held back.
fn guarded(table: Table, column: &Column) -> String {
    use crate::catalog::ColumnType as T;
    let name = &column.name;
    // Numbers without bounds are read by no formula; identifiers are among them.
    let greatest = if table.schema().has_bounds(name) { GREATEST } else { GREATEST_UNREAD };
    match column.ty {
        _ if column.repeated => name.clone(),
        T::Int64 | T::Float64 => {
            format!("CASE WHEN {name} BETWEEN -{greatest} AND {greatest} THEN {name} END AS {name}")
        }
        T::Timestamp => format!("CASE WHEN {name} {MOMENTS} THEN {name} END AS {name}"),
        _ => name.clone(),
    }
}

/// The greatest number that is read, of either sign; NUMERIC columns that are read hold none.
const GREATEST: u64 = 1_000_000;
const GREATEST_UNREAD: u64 = 1_000_000_000_000_000;

/// The moments that BigQuery can hold.
const MOMENTS: &str = "BETWEEN TIMESTAMPTZ '0001-01-01 00:00:00+00' AND TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'";

/// The condition that a row is of the 30 teams, or of an opponent that is not known; `None` where rows name no team.
pub fn of_known_teams(table: Table) -> Option<String> {
    let teams = TEAMS.map(|team| format!("'{team}'")).join(", ");
    // Measured: half the cost of IN over the coalesced text.
    let is_known = |column: &&str| format!("coalesce(list_contains(['', {teams}], {column}), true)");
    let conditions: Vec<String> = table.team_columns().iter().map(is_known).collect();
    (!conditions.is_empty()).then(|| conditions.join(" AND "))
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

/// Paths as an SQL list of strings.
pub fn file_list(files: &[PathBuf]) -> String {
    let quoted: Vec<String> = files.iter().map(|path| quote(path)).collect();
    format!("[{}]", quoted.join(", "))
}

/// A path as an SQL string.
pub fn quote(path: &Path) -> String {
    format!("'{}'", as_path(path).to_string_lossy().replace('\'', "''"))
}

/// A path that the database takes for no address and no home directory, whatever it begins with.
fn as_path(path: &Path) -> PathBuf {
    if path.is_relative() { Path::new(".").join(path) } else { path.to_owned() }
}
