//! Compares two versions of the outputs, to the cell.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use chrono::NaiveDate;
use serde::Serialize;

use crate::calendar::{DateRange, DateRanges, Month, date_of_day};
use crate::catalog::{Column, ColumnType, Table};
use crate::destination::Destination;
use crate::engine::{EngineSettings, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::processors::ProcessorId;
use crate::processors::failures::rows_of;
use crate::snapshot::Snapshot;
use crate::store::{
    Phase4Manifest, SpillDir, Store, date_slices, partition_hash, read_month_file, sort_by_key, write_parquet,
};
use crate::warehouse::{Selection, Source, date_contents};

/// The column that is derived from the others of its row.
const HASH: &str = "data_hash";
/// Doubles closer than this, relative to their size, differ by noise.
const NOISE: f64 = 1e-9;

/// What is compared, and how closely.
#[derive(Debug, Clone, Copy)]
pub struct Closeness<'a> {
    /// Read every row of the other side, also where rows, keys and hashes of a date agree.
    pub full: bool,
    /// A Parquet file for every differing cell.
    pub cells: Option<&'a Destination>,
}

/// What the store's outputs are compared with.
pub enum Other<'a> {
    Store(&'a Store),
    Warehouse(&'a dyn Source),
}

/// The two versions.
#[derive(Clone, Copy)]
pub struct Sides<'a> {
    pub here: &'a Snapshot,
    pub there: &'a Other<'a>,
}

/// The rows of a table on both sides.
struct TableRows<'a> {
    table: Table,
    here: &'a RecordBatch,
    there: &'a RecordBatch,
}

/// How a table differs.
#[derive(Debug, Clone, Default, Serialize)]
pub struct TableDiff {
    pub table: String,
    /// Whether the other side does not have the table at all.
    pub is_absent_there: bool,
    /// Dates whose content is equal, without looking at rows.
    pub equal_dates: usize,
    /// Of these, dates that the other side was only asked for rows, keys and hashes of; columns that no hash
    /// covers were not compared.
    pub trusted_dates: usize,
    /// Rows that only this store has.
    pub added: u64,
    /// Rows that only the other side has.
    pub removed: u64,
    /// Rows with a value that differs by more than noise, or with another hash and no cause for it.
    pub changed: u64,
    /// Rows that differ only in hashes of what they were made from: their values are the same.
    pub lineage_only: u64,
    /// Rows that differ in noise only.
    pub noise_only: u64,
    /// Rows that differ in volatile columns only.
    pub volatile_only: u64,
    pub columns: BTreeMap<String, u64>,
    pub dates: BTreeMap<NaiveDate, DateDiff>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DateDiff {
    pub added: u64,
    pub removed: u64,
    pub changed: u64,
    pub lineage_only: u64,
}

impl TableDiff {
    /// Whether anything differs that is not noise or volatile.
    pub fn is_equal(&self) -> bool {
        self.added + self.removed + self.changed + self.lineage_only == 0
    }
}

/// Compares the outputs of the ranges, first by content per date, then by rows and columns of the dates
/// that differ. Every differing cell goes to `cells`, where one is given.
///
/// # Errors
/// [`ErrorKind::Upstream`] when the other side has none of the tables.
pub fn diff(
    Sides { here: snapshot, there: other }: Sides<'_>,
    ranges: &DateRanges,
    engine: &EngineSettings,
    closeness: Closeness<'_>,
) -> Result<Vec<TableDiff>> {
    let session = Session::open(engine)?;
    session.execute(
        "CREATE TABLE cells (table_name VARCHAR, day DATE, key VARCHAR, column_name VARCHAR, here VARCHAR, there VARCHAR, reason VARCHAR)",
    )?;
    let scratch = SpillDir::create(&engine.temp_dir)?;
    // Once for all tables, and held while they are read.
    let Snapshot { store, phase4: ours, .. } = snapshot;
    let theirs = match other {
        Other::Store(other) => Some((*other, other.phase4()?)),
        Other::Warehouse(_) => None,
    };
    let mut tables = Vec::new();
    let mut is_there = false;
    // A processor whose rows have to be asked for may have published none: then that is no difference.
    let mut compared = ProcessorId::ALL.to_vec();
    for table in Table::outputs() {
        let mut here = rows_of(table, rows_of_store(store, ours, table, ranges)?, &compared)?;
        let mut trusted_dates = 0;
        let there = match (other, &theirs) {
            (Other::Store(_), Some((other, theirs))) if !theirs.processors.is_empty() => {
                Some(rows_of(table, rows_of_store(other, theirs, table, ranges)?, &compared)?)
            }
            (Other::Store(_), _) => None,
            (Other::Warehouse(source), _) => {
                let open = if closeness.full { None } else { differing_dates(*source, table, &here, ranges)? };
                if let Some(open) = &open {
                    trusted_dates = date_slices(table, &here).len();
                    here = only(table, &here, open)?;
                    trusted_dates -= date_slices(table, &here).len();
                }
                here = source.as_stored(table, here)?;
                let rows = rows_of_warehouse(*source, table, open.as_ref().unwrap_or(ranges))?;
                let sorted = |rows| -> Result<RecordBatch> {
                    let rows = source.as_stored(table, rows_of(table, rows, &compared)?)?;
                    Ok(sort_by_key(table, &rows)?.0)
                };
                rows.map(sorted).transpose()?
            }
        };
        let asked_for = compared.iter().position(|id| id.output() == table && !id.is_published_unasked());
        if let Some(index) = asked_for.filter(|_| trusted_dates == 0 && there.as_ref().is_none_or(is_empty)) {
            compared.remove(index);
            continue;
        }
        is_there |= there.is_some();
        let nothing = RecordBatch::new_empty(here.schema());
        let rows = TableRows { table, here: &here, there: there.as_ref().unwrap_or(&nothing) };
        let mut differing = diff_table(&session, &rows, scratch.path())?;
        differing.is_absent_there = there.is_none();
        differing.equal_dates += trusted_dates;
        differing.trusted_dates = trusted_dates;
        tables.push(differing);
    }
    if tables.iter().all(|table| table.equal_dates == 0 && table.dates.is_empty()) && is_there {
        return Err(Error::new(ErrorKind::Upstream, format!("neither side has rows in {ranges}"))
            .hint("compute the range first, or name another one"));
    }
    if !is_there {
        return Err(Error::new(ErrorKind::Upstream, "the other side has none of the output tables")
            .hint("check --with: it names a warehouse or store that was published or computed into"));
    }
    if let Some(cells) = closeness.cells {
        let copy = |path: &Path| session.copy("SELECT * FROM cells ORDER BY ALL", path);
        cells.write(copy)?;
    }
    Ok(tables)
}

fn rows_of_store(store: &Store, manifest: &Phase4Manifest, table: Table, ranges: &DateRanges) -> Result<RecordBatch> {
    let empty = RecordBatch::new_empty(table.schema().arrow().clone());
    let (Some(files), Some(span)) = (manifest.files_of(table), ranges.span()) else { return Ok(empty) };
    let in_range = |month: Month| month.last_day() >= span.from && month.first_day() <= span.to;
    let mut parts = vec![empty];
    for path in store.recorded_files(table, files, in_range)? {
        let batch = read_month_file(table, &path)?;
        let wanted = date_slices(table, &batch).into_iter().filter(|(date, _)| ranges.contains(*date));
        parts.extend(wanted.map(|(_, rows)| batch.slice(rows.start, rows.len())));
    }
    Ok(arrow::compute::concat_batches(table.schema().arrow(), &parts)?)
}

/// Dates on which rows, keys or hashes differ; `None`: the other side cannot tell.
fn differing_dates(
    source: &dyn Source,
    table: Table,
    here: &RecordBatch,
    ranges: &DateRanges,
) -> Result<Option<DateRanges>> {
    let Some(theirs) = source.date_contents(table, ranges)? else { return Ok(None) };
    let ours = date_contents(table, here);
    let dates: BTreeSet<NaiveDate> = ours.keys().chain(theirs.keys()).copied().collect();
    let differing = dates.into_iter().filter(|date| ours.get(date) != theirs.get(date));
    Ok(Some(differing.map(|date| DateRange { from: date, to: date }).collect()))
}

/// The rows of some dates.
fn only(table: Table, rows: &RecordBatch, dates: &DateRanges) -> Result<RecordBatch> {
    let wanted = date_slices(table, rows).into_iter().filter(|(date, _)| dates.contains(*date));
    let mut parts = vec![RecordBatch::new_empty(rows.schema())];
    parts.extend(wanted.map(|(_, range)| rows.slice(range.start, range.len())));
    Ok(arrow::compute::concat_batches(&rows.schema(), &parts)?)
}

fn rows_of_warehouse(source: &dyn Source, table: Table, ranges: &DateRanges) -> Result<Option<RecordBatch>> {
    if source.describe(table)?.is_none() {
        return Ok(None);
    }
    let mut parts = vec![RecordBatch::new_empty(table.schema().arrow().clone())];
    if !ranges.is_empty() {
        source.read(table, &Selection::Ranges(ranges.clone()), &mut |batch| {
            parts.push(batch);
            Ok(())
        })?;
    }
    Ok(Some(arrow::compute::concat_batches(table.schema().arrow(), &parts)?))
}

fn is_empty(rows: &RecordBatch) -> bool {
    rows.num_rows() == 0
}

fn hashes(table: Table, rows: &RecordBatch) -> BTreeMap<NaiveDate, String> {
    let slices = date_slices(table, rows).into_iter();
    slices.map(|(date, range)| (date, partition_hash(table, rows, range))).collect()
}

fn diff_table(session: &Session, rows: &TableRows<'_>, scratch: &Path) -> Result<TableDiff> {
    let &TableRows { table, here, there } = rows;
    let (ours, theirs) = (hashes(table, here), hashes(table, there));
    let differing: Vec<NaiveDate> =
        ours.keys().chain(theirs.keys()).filter(|date| ours.get(date) != theirs.get(date)).copied().collect();
    let mut report = TableDiff {
        table: table.full_name().to_owned(),
        equal_dates: ours.iter().filter(|(date, hash)| theirs.get(date) == Some(hash)).count(),
        ..TableDiff::default()
    };
    let dates: DateRanges = differing.iter().map(|&date| DateRange { from: date, to: date }).collect();
    if dates.is_empty() {
        return Ok(report);
    }
    for (name, rows) in [("here", here), ("there", there)] {
        let path: PathBuf = scratch.join(format!("{table}.{name}.parquet"));
        write_parquet(&path, &only(table, rows, &dates)?)?;
        session.execute(&numbered(table, name, &path))?;
    }
    compare_rows(session, table)?;
    count(session, &mut report)?;
    Ok(report)
}

/// Rows with their key as text; rows that repeat a key are numbered in the order of the file, which is one
/// over all their columns.
fn numbered(table: Table, name: &str, path: &Path) -> String {
    let date = table.schema().partition_column();
    let keys: Vec<&str> =
        table.schema().key_columns().iter().map(String::as_str).filter(|column| *column != date).collect();
    let key = keys.iter().map(|column| format!("coalesce({column}, '')")).collect::<Vec<_>>().join(", ");
    format!(
        "CREATE OR REPLACE TEMP TABLE {name} AS SELECT *, the_name || CASE WHEN the_number > 1 THEN ' #' || the_number ELSE '' END \
         AS the_key FROM (SELECT *, {date} AS the_day, concat_ws(' ', {key}) AS the_name, \
         row_number() OVER (PARTITION BY {date}, {key} ORDER BY file_row_number) AS the_number \
         FROM read_parquet({}, file_row_number = true))",
        crate::engine::quote(path)
    )
}

/// Why the values of a column differ, as an expression over `here` and `there`.
fn reason(table: Table, column: &Column) -> String {
    let name = &column.name;
    let is_near = |here: &str, there: &str| format!("abs({here} - {there}) <= {NOISE} * greatest(1, abs({here}))");
    if table.volatile_columns().contains(&name.as_str()) {
        return "'volatile'".to_owned();
    }
    if name == HASH {
        return "'hash'".to_owned();
    }
    if name.starts_with("source_") && name.ends_with("hash") {
        return "'lineage'".to_owned();
    }
    let is_noise = match (column.ty, column.repeated) {
        (ColumnType::Float64, false) => is_near(&format!("here.{name}"), &format!("there.{name}")),
        (ColumnType::Float64, true) => format!(
            "len(here.{name}) = len(there.{name}) AND list_bool_and([{} FOR i IN range(1, len(here.{name}) + 1)])",
            is_near(&format!("here.{name}[i]"), &format!("there.{name}[i]"))
        ),
        _ => return "'value'".to_owned(),
    };
    format!("CASE WHEN {is_noise} THEN 'noise' ELSE 'value' END")
}

fn compare_rows(session: &Session, table: Table) -> Result<()> {
    let join = "here FULL JOIN there ON here.the_day = there.the_day AND here.the_key = there.the_key";
    let name = table.full_name();
    session.execute(&format!(
        "INSERT INTO cells SELECT '{name}', coalesce(here.the_day, there.the_day), coalesce(here.the_key, there.the_key), \
         NULL, NULL, NULL, CASE WHEN there.the_key IS NULL THEN 'new' ELSE 'vanished' END \
         FROM {join} WHERE here.the_key IS NULL OR there.the_key IS NULL"
    ))?;
    let inner = join.replace("FULL JOIN", "JOIN");
    for column in table.schema().columns() {
        let column_name = &column.name;
        let reason = reason(table, column);
        session.execute(&format!(
            "INSERT INTO cells SELECT '{name}', here.the_day, here.the_key, '{column_name}', \
             here.{column_name}::VARCHAR, there.{column_name}::VARCHAR, {reason} \
             FROM {inner} WHERE here.{column_name} IS DISTINCT FROM there.{column_name}"
        ))?;
    }
    Ok(())
}

fn count(session: &Session, report: &mut TableDiff) -> Result<()> {
    let of_table = format!("FROM cells WHERE table_name = '{}'", report.table);
    // A hash is derived: it counts where nothing that it covers is seen to differ.
    let rows = session.query(&format!(
        "SELECT day, count(*) FILTER (is_new)::BIGINT, count(*) FILTER (is_gone)::BIGINT, \
         count(*) FILTER (has_value OR (has_hash AND NOT has_noise))::BIGINT, \
         count(*) FILTER (has_noise AND NOT (has_value OR has_lineage))::BIGINT, \
         count(*) FILTER (NOT (is_new OR is_gone OR has_value OR has_hash OR has_noise OR has_lineage))::BIGINT, \
         count(*) FILTER (has_lineage AND NOT (has_value OR (has_hash AND NOT has_noise)))::BIGINT \
         FROM (SELECT day, key, bool_or(reason = 'new') AS is_new, bool_or(reason = 'vanished') AS is_gone, \
         bool_or(reason = 'value') AS has_value, bool_or(reason = 'hash') AS has_hash, \
         bool_or(reason = 'noise') AS has_noise, bool_or(reason = 'lineage') AS has_lineage {of_table} GROUP BY day, key) GROUP BY day ORDER BY day"
    ))?;
    let number = |column: usize, row: usize| rows.column(column).as_primitive::<Int64Type>().value(row).unsigned_abs();
    for row in 0..rows.num_rows() {
        let date = date_of_day(rows.column(0).as_primitive::<arrow::datatypes::Date32Type>().value(row));
        let of_date = DateDiff {
            added: number(1, row),
            removed: number(2, row),
            changed: number(3, row),
            lineage_only: number(6, row),
        };
        report.added += of_date.added;
        report.removed += of_date.removed;
        report.changed += of_date.changed;
        report.lineage_only += of_date.lineage_only;
        report.noise_only += number(4, row);
        report.volatile_only += number(5, row);
        if of_date != DateDiff::default() {
            report.dates.insert(date, of_date);
        }
    }
    let rows = session.query(&format!(
        "SELECT column_name, count(*)::BIGINT {of_table} AND column_name IS NOT NULL AND reason IN ('value', 'hash', 'lineage') GROUP BY column_name"
    ))?;
    for row in 0..rows.num_rows() {
        let name = rows.column(0).as_string::<i32>().value(row).to_owned();
        report.columns.insert(name, rows.column(1).as_primitive::<Int64Type>().value(row).unsigned_abs());
    }
    Ok(())
}
