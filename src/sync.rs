//! Pulling Phase 3 from a warehouse into the store.

use std::collections::BTreeMap;
use std::sync::Mutex;

use arrow::array::{Array, AsArray, RecordBatch, StringArray, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::Date32Type;
use chrono::NaiveDate;

use crate::calendar::{DateRange, DateRanges, Month};
use crate::catalog::{Role, Table, is_nba_team};
use crate::error::{Error, ErrorKind, Result};
use crate::processors;
use crate::progress::{Event, Observer, TableOutcome, check_cancelled};
use crate::store::{
    InputTable, Layer, Partition, Phase3Manifest, Publication, SourceVersion, TableFiles, WriteLock, date_slices,
    partition_hash, sort_by_key,
};
use crate::warehouse::{ColumnNote, Source};

/// Inputs without which nothing can be computed; the others may have no row in a range.
const NEVER_EMPTY: [Table; 3] = [Table::PlayerGameSummary, Table::TeamDefenseGameSummary, Table::Schedule];

/// What a sync did.
#[derive(Debug, Default)]
pub struct SyncReport {
    pub tables: Vec<TableReport>,
}

/// What a sync did with one table.
#[derive(Debug)]
pub struct TableReport {
    pub table: Table,
    /// Not in the warehouse; only optional tables may be.
    pub absent: bool,
    /// The warehouse's version is the recorded one and the range was pulled before.
    pub unchanged: bool,
    /// Rows now in the store.
    pub rows: u64,
    pub changed_dates: Vec<NaiveDate>,
    /// Dates the store had and the warehouse no longer has.
    pub vanished_dates: Vec<NaiveDate>,
    /// Rows that repeat a logical key; kept, as the reference keeps them.
    pub duplicate_keys: u64,
    /// Rows by team code that is not one of the 30; kept in the store, left out of computations.
    pub foreign_teams: BTreeMap<String, u64>,
    pub notes: Vec<ColumnNote>,
}

impl TableReport {
    fn outcome(&self) -> TableOutcome {
        match (self.absent, self.unchanged) {
            (true, _) => TableOutcome::Absent,
            (false, true) => TableOutcome::Unchanged,
            (false, false) => TableOutcome::Pulled,
        }
    }

    fn new(table: Table) -> Self {
        Self {
            table,
            absent: false,
            unchanged: false,
            rows: 0,
            changed_dates: Vec::new(),
            vanished_dates: Vec::new(),
            duplicate_keys: 0,
            foreign_teams: BTreeMap::new(),
            notes: Vec::new(),
        }
    }
}

/// Pulls what computing `ranges` needs: every input table over the range and its look-back.
///
/// Schemas of all tables are compared before any row travels. Tables whose version and range are
/// already in the store are skipped. The store changes only by one commit at the end.
///
/// # Errors
/// [`ErrorKind::Upstream`] for a missing or empty table, [`ErrorKind::Schema`] for a column that is
/// read and missing or retyped, [`ErrorKind::Corrupt`] for an unreadable file. The store is then
/// what it was.
pub fn sync(source: &dyn Source, lock: &WriteLock, ranges: &DateRanges, observer: &dyn Observer) -> Result<SyncReport> {
    let mut manifest = lock.store().phase3()?;
    let plans = plan(source, lock, &manifest, ranges)?;
    let publication = Mutex::new(Publication::new(lock, Layer::Phase3));
    let mut report = SyncReport::default();
    let total = plans.len();
    for (index, plan) in plans.into_iter().enumerate() {
        check_cancelled(observer)?;
        observer.on(Event::TableStarted { table: plan.table, index, total });
        let table = plan.run(source, &mut manifest, &publication)?;
        observer.on(Event::TableFinished {
            table: table.table,
            index,
            total,
            rows: table.rows,
            changed_dates: table.changed_dates.len() + table.vanished_dates.len(),
            outcome: table.outcome(),
        });
        report.tables.push(table);
    }
    if report.tables.iter().any(|table| !table.unchanged) {
        publication.into_inner().expect("no thread panicked").commit(&manifest)?;
    }
    Ok(report)
}

/// One table's share of a sync.
struct Plan {
    table: Table,
    /// `None`: pull everything.
    range: Option<DateRange>,
    synced: DateRanges,
    version: SourceVersion,
    report: TableReport,
}

fn plan(source: &dyn Source, lock: &WriteLock, manifest: &Phase3Manifest, ranges: &DateRanges) -> Result<Vec<Plan>> {
    let Some(span) = ranges.span() else {
        return Err(Error::new(ErrorKind::Usage, "the range to sync is empty"));
    };
    let mut plans = Vec::new();
    for table in Table::inputs() {
        let mut report = TableReport::new(table);
        let Some(description) = source.describe(table)? else {
            if table.role() == Role::Input {
                return Err(missing_table(table, source));
            }
            report.absent = true;
            report.unchanged = !manifest.tables.contains_key(&table);
            plans.push(Plan {
                table,
                range: None,
                synced: DateRanges::default(),
                version: SourceVersion::default(),
                report,
            });
            continue;
        };
        let wanted = wanted_range(table, span);
        let version = SourceVersion { warehouse: source.name(), version: description.version };
        report.notes = description.schema.notes;
        if let Some(known) = manifest.tables.get(&table)
            && known.source == version
            && known.synced.covers(wanted)
            && files_are_present(lock, table, known)
        {
            report.unchanged = true;
            report.rows = known.partitions.values().map(|partition| partition.rows).sum();
        }
        let synced = manifest.tables.get(&table).filter(|known| known.source.warehouse == version.warehouse);
        let synced = synced.map(|known| known.synced.clone()).unwrap_or_default();
        let synced = synced.union(&[wanted].into_iter().collect());
        // What was pulled before is looked at again, so that the store is one version of the warehouse.
        let range = if table == Table::Schedule { None } else { synced.span() };
        plans.push(Plan { table, range, synced, version, report });
    }
    Ok(plans)
}

fn missing_table(table: Table, source: &dyn Source) -> Error {
    let warehouse = source.name();
    Error::new(ErrorKind::Upstream, format!("table {table} is not in the warehouse {warehouse}"))
        .hint(format!("a directory warehouse holds it as {table}.parquet or {table}/**/*.parquet; nothing was pulled"))
}

/// The range with the longest look-back of any processor, in whole months.
fn wanted_range(table: Table, span: DateRange) -> DateRange {
    let from = processors::all()
        .iter()
        .flat_map(|processor| processor.inputs())
        .filter(|input| input.table == table)
        .map(|input| input.look_back.first_day(span.from))
        .min()
        .unwrap_or(span.from);
    DateRange { from, to: span.to }.whole_months()
}

fn files_are_present(lock: &WriteLock, table: Table, known: &InputTable) -> bool {
    known.files.iter().all(|(&month, entry)| entry.matches(&lock.store().month_file(table, month)))
}

impl Plan {
    fn run(
        mut self,
        source: &dyn Source,
        manifest: &mut Phase3Manifest,
        publication: &Mutex<Publication<'_>>,
    ) -> Result<TableReport> {
        if self.report.unchanged {
            return Ok(self.report);
        }
        if self.report.absent {
            self.forget(manifest, publication)?;
            return Ok(self.report);
        }
        let months = self.pull(source)?;
        if months.is_empty() && NEVER_EMPTY.contains(&self.table) {
            return Err(self.empty_table(source));
        }
        self.store(months, manifest, publication)?;
        Ok(self.report)
    }

    /// An optional table that the warehouse no longer has leaves the store.
    fn forget(&mut self, manifest: &mut Phase3Manifest, publication: &Mutex<Publication<'_>>) -> Result<()> {
        if let Some(known) = manifest.tables.remove(&self.table) {
            self.report.vanished_dates = known.partitions.keys().copied().collect();
            let empty = RecordBatch::new_empty(self.table.schema().arrow().clone());
            for &month in known.files.keys() {
                publication.lock().expect("no thread panicked").stage(self.table, month, &empty)?;
            }
        }
        Ok(())
    }

    fn pull(&mut self, source: &dyn Source) -> Result<BTreeMap<Month, Vec<RecordBatch>>> {
        let mut months: BTreeMap<Month, Vec<RecordBatch>> = BTreeMap::new();
        let table = self.table;
        let foreign = &mut self.report.foreign_teams;
        source.read(table, self.range, &mut |batch| {
            count_foreign_teams(table, &batch, foreign);
            for (month, rows) in split_by_month(table, &batch)? {
                months.entry(month).or_default().push(rows);
            }
            Ok(())
        })?;
        Ok(months)
    }

    fn empty_table(&self, source: &dyn Source) -> Error {
        let range = self.range.map_or_else(|| "at all".to_owned(), |range| format!("in {range}"));
        Error::new(ErrorKind::Upstream, format!("table {} has no rows {range} in {}", self.table, source.name()))
            .hint("check the range and the export; nothing was pulled")
    }

    fn store(
        &mut self,
        months: BTreeMap<Month, Vec<RecordBatch>>,
        manifest: &mut Phase3Manifest,
        publication: &Mutex<Publication<'_>>,
    ) -> Result<()> {
        let known = manifest.tables.remove(&self.table).unwrap_or_default();
        let mut files = TableFiles::new();
        let mut partitions = BTreeMap::new();
        for (month, batches) in months {
            let batch = concat_batches(self.table.schema().arrow(), &batches)?;
            let (batch, duplicates) = sort_by_key(self.table, &batch)?;
            self.report.duplicate_keys += duplicates;
            self.report.rows += batch.num_rows() as u64;
            let days: BTreeMap<NaiveDate, Partition> = hash_days(self.table, &batch);
            let mut publication = publication.lock().expect("no thread panicked");
            let same = known.files.get(&month).filter(|entry| {
                let path = publication.path(self.table, month);
                month_of(&known.partitions, month).eq(days.iter()) && entry.matches(&path)
            });
            match same {
                Some(entry) => {
                    files.insert(month, entry.clone());
                }
                None => {
                    if let Some(entry) = publication.stage(self.table, month, &batch)? {
                        files.insert(month, entry);
                    }
                }
            }
            partitions.extend(days);
        }
        let empty = RecordBatch::new_empty(self.table.schema().arrow().clone());
        for &month in known.files.keys().filter(|month| !files.contains_key(month)) {
            publication.lock().expect("no thread panicked").stage(self.table, month, &empty)?;
        }
        self.compare(&known.partitions, &partitions);
        let input = InputTable { synced: self.synced.clone(), source: self.version.clone(), files, partitions };
        manifest.tables.insert(self.table, input);
        Ok(())
    }

    fn compare(&mut self, before: &BTreeMap<NaiveDate, Partition>, now: &BTreeMap<NaiveDate, Partition>) {
        let changed = now.iter().filter(|(date, day)| before.get(date) != Some(*day)).map(|(&date, _)| date);
        self.report.changed_dates = changed.collect();
        self.report.vanished_dates = before.keys().filter(|date| !now.contains_key(date)).copied().collect();
    }
}

fn month_of(days: &BTreeMap<NaiveDate, Partition>, month: Month) -> impl Iterator<Item = (&NaiveDate, &Partition)> {
    days.range(month.first_day()..=month.last_day())
}

fn hash_days(table: Table, batch: &RecordBatch) -> BTreeMap<NaiveDate, Partition> {
    date_slices(table, batch)
        .into_iter()
        .map(|(date, rows)| {
            let partition = Partition { rows: rows.len() as u64, hash: partition_hash(table, batch, rows) };
            (date, partition)
        })
        .collect()
}

fn split_by_month(table: Table, batch: &RecordBatch) -> Result<Vec<(Month, RecordBatch)>> {
    let dates = batch.column_by_name(table.schema().partition_column()).expect("partition column");
    let mut rows: BTreeMap<Month, Vec<u32>> = BTreeMap::new();
    for (row, &date) in dates.as_primitive::<Date32Type>().values().iter().enumerate() {
        rows.entry(Month::of(crate::calendar::date_of_day(date))).or_default().push(row as u32);
    }
    if rows.len() == 1 {
        return Ok(rows.into_keys().map(|month| (month, batch.clone())).collect());
    }
    rows.into_iter().map(|(month, rows)| Ok((month, take_record_batch(batch, &UInt32Array::from(rows))?))).collect()
}

/// An empty opponent means "unknown" and is allowed (`player_composite_factors` §2.1).
fn count_foreign_teams(table: Table, batch: &RecordBatch, foreign: &mut BTreeMap<String, u64>) {
    let columns: Vec<&StringArray> = table
        .team_columns()
        .iter()
        .map(|name| batch.column_by_name(name).expect("team columns are needed columns").as_string::<i32>())
        .collect();
    for row in 0..batch.num_rows() {
        let code = columns.iter().filter(|column| column.is_valid(row)).map(|column| column.value(row));
        if let Some(code) = code.into_iter().find(|code| !code.is_empty() && !is_nba_team(code)) {
            *foreign.entry(code.to_owned()).or_default() += 1;
        }
    }
}
