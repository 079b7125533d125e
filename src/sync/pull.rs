//! Pulls the rows of a table and stores them as sorted month files.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, StringArray, UInt32Array};
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use arrow::datatypes::Date32Type;
use chrono::{Datelike, NaiveDate};

use super::SyncRequest;
use super::month_rows::MonthRows;
use super::plan::{Plan, Wanted};
use super::report::TableReport;
use crate::calendar::{DateRange, DateRanges, Month, date_of_day};
use crate::catalog::{Table, is_nba_team};
use crate::error::{Error, ErrorKind, Result};
use crate::judge::keeps;
use crate::parallel::try_pipeline;
use crate::processors;
use crate::progress::{Event, Observer, check_cancelled};
use crate::store::{
    FileEntry, InputTable, LayerWriter, Partition, Phase3Manifest, date_slices, partition_hash, read_month_file,
    sort_by_key,
};
use crate::warehouse::{Selection, Source};

/// Inputs without which nothing can be computed; the others may have no row in a range.
const NEVER_EMPTY: [Table; 3] = [Table::PlayerGameSummary, Table::TeamDefenseGameSummary, Table::Schedule];

/// Pulls one table after another; nothing is visible before the layer is committed.
pub(super) struct Pull<'a, 'l> {
    pub source: &'a dyn Source,
    pub layer: &'a LayerWriter<'l>,
    pub request: &'a SyncRequest,
    pub observer: &'a dyn Observer,
}

impl Pull<'_, '_> {
    pub fn run(self, mut plan: Plan, manifest: &mut Phase3Manifest) -> Result<TableReport> {
        if plan.report.unchanged {
            plan.remember_files(manifest);
            return Ok(plan.report);
        }
        if plan.report.absent {
            self.forget(&mut plan, manifest)?;
            return Ok(plan.report);
        }
        let table = plan.table;
        let known = manifest.tables.get(&table).cloned().unwrap_or_default();
        let keeping = Keeping::new(&plan, self.request.today, &known);
        let mut renewal = Renewal { table, keeping, input: known.clone(), report: plan.report };
        match &plan.pull {
            Wanted::Whole(selection) => self.replace_whole(&mut renewal, selection)?,
            Wanted::Partitions { ranges, rows, bytes, .. } => {
                let expected = Expected { rows: *rows, bytes: *bytes };
                if !plan.is_usable {
                    // Of another warehouse or version, or damaged: nothing of it may stay.
                    renewal.input.files.clear();
                    renewal.input.partitions.clear();
                }
                self.replace_partitions(&mut renewal, ranges, &expected)?;
            }
        }
        let Renewal { keeping, mut input, mut report, .. } = renewal;
        input.only_here = keeping.only_here(&input);
        if input.files.is_empty() && NEVER_EMPTY.contains(&table) {
            return Err(self.empty_table(table, &plan.pull, &plan.synced));
        }
        input.synced = plan.synced;
        input.source = plan.version;
        input.source_files = plan.source_files;
        input.source_partitions = plan.source_partitions;
        input.carried = self.carried(table, &input)?;
        compare(&known.partitions, &input.partitions, &mut report);
        report.rows = input.partitions.values().map(|partition| partition.rows).sum();
        manifest.tables.insert(table, input);
        Ok(report)
    }

    /// An optional table that the warehouse no longer has leaves the store.
    fn forget(&self, plan: &mut Plan, manifest: &mut Phase3Manifest) -> Result<()> {
        if let Some(known) = manifest.tables.remove(&plan.table) {
            plan.report.vanished_dates = known.partitions.keys().copied().collect();
        }
        Ok(())
    }

    fn replace_whole(&self, renewal: &mut Renewal<'_>, selection: &Selection) -> Result<()> {
        let (mut rows, _) = self.read(renewal, selection)?;
        let mut months = rows.months();
        months.extend(renewal.keeping.months());
        renewal.input.files.retain(|month, _| months.contains(month));
        renewal.input.partitions.retain(|date, _| months.contains(&Month::of(*date)));
        self.store_months(renewal, &months, |month, keeping, _| {
            let mut batches = rows.take(month)?;
            let kept = keeping.dates_of(month, None, &batches);
            batches.extend(self.kept(keeping, month, kept)?);
            Ok(batches)
        })
    }

    /// The stored rows of dates of a month that stay although the warehouse does not have them.
    fn kept(&self, keeping: &mut Keeping<'_>, month: Month, dates: BTreeSet<NaiveDate>) -> Result<Option<RecordBatch>> {
        let table = keeping.table;
        let Some(entry) = keeping.known.files.get(&month).filter(|_| !dates.is_empty()) else { return Ok(None) };
        let Some(path) = self.layer.store().intact_file(table, month, entry) else { return Ok(None) };
        let stored = read_month_file(table, &path)?;
        let is_kept: BooleanArray = days(table, &stored).map(|day| Some(dates.contains(&day))).collect();
        keeping.kept.extend(dates);
        Ok(Some(filter_record_batch(&stored, &is_kept)?))
    }

    /// A calendar year at a time.
    fn replace_partitions(&self, renewal: &mut Renewal<'_>, ranges: &DateRanges, expected: &Expected) -> Result<()> {
        let table = renewal.table;
        let mut pulled = 0;
        let is_replaced = renewal.input.files.is_empty();
        let mut left = if is_replaced { renewal.keeping.months() } else { BTreeSet::new() };
        for year in by_year(ranges) {
            check_cancelled(self.observer)?;
            let selection = Selection::Ranges(year.clone());
            let (mut rows, left_out) = self.read(renewal, &selection)?;
            pulled += rows.num_rows() + left_out;
            let months = months_of(&year);
            left.retain(|month| !months.contains(month));
            self.store_months(renewal, &months, |month, keeping, input| {
                let mut batches = rows.take(month)?;
                // Rows outside the ranges are there as they were, unless everything is replaced.
                let kept = keeping.dates_of(month, Some(&year).filter(|_| !is_replaced), &batches);
                batches.extend(self.kept(keeping, month, kept)?);
                if let Some(entry) = input.files.get(&month) {
                    let stored = read_month_file(table, &self.layer.store().stored_file(table, month, entry))?;
                    batches.push(filter_record_batch(&stored, &outside(table, &stored, &year))?);
                }
                Ok(batches)
            })?;
            let (rows, total_rows, total_bytes) = (pulled, expected.rows, expected.bytes);
            self.observer.on(Event::RowsPulled { table, rows, total_rows, total_bytes });
        }
        self.store_months(renewal, &left, |month, keeping, _| {
            let dates = keeping.dates_of(month, None, &[]);
            Ok(self.kept(keeping, month, dates)?.into_iter().collect())
        })?;
        if pulled != expected.rows {
            return Err(Error::new(
                ErrorKind::Upstream,
                format!(
                    "table {table} in {}: {pulled} rows arrived, but its partitions were said to hold {}",
                    self.source.name(),
                    expected.rows
                ),
            )
            .hint("somebody wrote to it while it was read: run the same command again; nothing was changed"));
        }
        Ok(())
    }

    fn carried(&self, table: Table, input: &InputTable) -> Result<BTreeMap<NaiveDate, String>> {
        let file = |(&month, entry)| self.layer.store().stored_file(table, month, entry);
        let files: Vec<_> = input.files.iter().map(file).collect();
        Ok(processors::carried(table, &files)?.unwrap_or_default())
    }

    /// Rows by month, and how many rows are left out.
    fn read(&self, renewal: &mut Renewal<'_>, selection: &Selection) -> Result<(MonthRows, u64)> {
        let (table, report) = (renewal.table, &mut renewal.report);
        let mut months = MonthRows::new(&self.layer.store().spill_place());
        let (foreign, arrived) = (&mut report.foreign_teams, &mut report.arrived);
        let left_out = self.source.read(table, selection, &mut |batch| {
            count_foreign_teams(table, &batch, foreign);
            arrived.rows += batch.num_rows() as u64;
            for (month, rows) in split_by_month(table, &batch)? {
                months.add(month, rows)?;
            }
            Ok(())
        })?;
        Ok((months, left_out))
    }

    /// Stages months, whose rows `rows_of` gives in ascending order.
    fn store_months(
        &self,
        renewal: &mut Renewal<'_>,
        months: &BTreeSet<Month>,
        mut rows_of: impl FnMut(Month, &mut Keeping<'_>, &InputTable) -> Result<Vec<RecordBatch>> + Send,
    ) -> Result<()> {
        let Renewal { table, keeping, input, report } = renewal;
        let (table, layer, stored) = (*table, self.layer, &*input);
        let produce =
            |emit: &mut Emit<'_>| months.iter().try_for_each(|&month| emit((month, rows_of(month, keeping, stored)?)));
        let stage = |(month, rows): (Month, Vec<RecordBatch>)| {
            stage_month(layer, (table, month), stored, &rows).map(|staged| (month, staged))
        };
        let staged: BTreeMap<Month, StagedMonth> =
            try_pipeline(vec![produce], self.request.threads, stage)?.into_iter().collect();
        for (month, StagedMonth { duplicates, changed }) in staged {
            report.duplicate_keys += duplicates;
            let Some((days, file)) = changed else { continue };
            input.partitions.retain(|date, _| Month::of(*date) != month);
            input.partitions.extend(days);
            report.arrived.bytes += file.as_ref().map_or(0, |entry| entry.size_bytes);
            match file {
                Some(entry) => input.files.insert(month, entry),
                None => input.files.remove(&month),
            };
        }
        Ok(())
    }

    fn empty_table(&self, table: Table, pull: &Wanted, synced: &DateRanges) -> Error {
        let range = match pull {
            Wanted::Whole(Selection::Everything) => "at all".to_owned(),
            Wanted::Whole(Selection::Ranges(range)) => format!("in {range}"),
            Wanted::Partitions { .. } => format!("in {synced}"),
        };
        Error::new(ErrorKind::Upstream, format!("table {table} has no rows {range} in {}", self.source.name()))
            .hint("check the range and the export; nothing was pulled")
    }
}

type Emit<'e> = dyn FnMut((Month, Vec<RecordBatch>)) -> Result<()> + 'e;

/// A month of a table, written if it is not what the store has.
struct StagedMonth {
    duplicates: u64,
    /// Its dates and its file; a month without rows has none.
    changed: Option<(BTreeMap<NaiveDate, Partition>, Option<FileEntry>)>,
}

/// Stages the rows of a month unless the store has the same, on any thread.
fn stage_month(
    layer: &LayerWriter<'_>,
    (table, month): (Table, Month),
    stored: &InputTable,
    rows: &[RecordBatch],
) -> Result<StagedMonth> {
    let (batch, duplicates) = sort_by_key(table, &concat_batches(table.schema().arrow(), rows)?)?;
    let days = hash_days(table, &batch);
    let is_same = stored.files.get(&month).is_some_and(|entry| {
        month_of(&stored.partitions, month).eq(days.iter()) && layer.store().intact_file(table, month, entry).is_some()
    });
    let changed = if is_same { None } else { Some((days, layer.write(&batch)?)) };
    Ok(StagedMonth { duplicates, changed })
}

/// A table of the store while its rows are replaced.
struct Renewal<'k> {
    table: Table,
    keeping: Keeping<'k>,
    /// What the store will have.
    input: InputTable,
    report: TableReport,
}

/// What stays of a table although the warehouse does not have it.
struct Keeping<'k> {
    table: Table,
    needed: DateRange,
    today: NaiveDate,
    /// What the store has so far.
    known: &'k InputTable,
    kept: BTreeSet<NaiveDate>,
    pulled: BTreeSet<NaiveDate>,
}

impl<'k> Keeping<'k> {
    fn new(plan: &Plan, today: NaiveDate, known: &'k InputTable) -> Self {
        let (kept, pulled) = (BTreeSet::new(), BTreeSet::new());
        Self { table: plan.table, needed: plan.needed, today, known, kept, pulled }
    }

    fn is_kept(&self, date: NaiveDate) -> bool {
        keeps(self.table, self.needed, self.today, date)
    }

    /// Months with a date that stays if the warehouse does not have it.
    fn months(&self) -> BTreeSet<Month> {
        let dates = self.known.partitions.keys().copied();
        dates.filter(|date| self.is_kept(*date)).map(Month::of).collect()
    }

    /// The dates of a month that stay, given what was pulled of it.
    fn dates_of(&mut self, month: Month, within: Option<&DateRanges>, pulled: &[RecordBatch]) -> BTreeSet<NaiveDate> {
        for rows in pulled {
            let mut last = None;
            self.pulled.extend(days(self.table, rows).filter(|day| last.replace(*day) != Some(*day)));
        }
        let known = month_of(&self.known.partitions, month).map(|(&date, _)| date);
        let is_asked = |date: NaiveDate| within.is_none_or(|ranges| ranges.contains(date));
        known.filter(|&date| is_asked(date) && self.is_kept(date) && !self.pulled.contains(&date)).collect()
    }

    /// The dates that the store has and the warehouse does not.
    fn only_here(&self, now: &InputTable) -> BTreeSet<NaiveDate> {
        let dates = self.known.only_here.union(&self.kept).copied();
        dates.filter(|date| now.partitions.contains_key(date) && !self.pulled.contains(date)).collect()
    }
}

/// What the warehouse says of the partitions to pull.
struct Expected {
    rows: u64,
    bytes: u64,
}

/// The ranges cut at the turn of the years.
fn by_year(ranges: &DateRanges) -> Vec<DateRanges> {
    let mut years: BTreeMap<i32, Vec<DateRange>> = BTreeMap::new();
    for range in ranges.iter() {
        for year in range.from.year()..=range.to.year() {
            let whole = DateRange::year(year);
            let part = DateRange { from: range.from.max(whole.from), to: range.to.min(whole.to) };
            years.entry(year).or_default().push(part);
        }
    }
    years.into_values().map(|parts| parts.into_iter().collect()).collect()
}

fn months_of(ranges: &DateRanges) -> BTreeSet<Month> {
    let days = |range: &DateRange| {
        range.from.iter_days().take_while({
            let to = range.to;
            move |day| *day <= to
        })
    };
    ranges.iter().flat_map(days).map(Month::of).collect()
}

fn outside(table: Table, batch: &RecordBatch, ranges: &DateRanges) -> BooleanArray {
    days(table, batch).map(|day| Some(!ranges.contains(day))).collect()
}

/// The date of each row.
fn days(table: Table, batch: &RecordBatch) -> impl Iterator<Item = NaiveDate> {
    let dates = batch.column_by_name(table.schema().partition_column()).expect("partition column");
    dates.as_primitive::<Date32Type>().values().iter().map(|&day| date_of_day(day))
}

fn compare(before: &BTreeMap<NaiveDate, Partition>, now: &BTreeMap<NaiveDate, Partition>, report: &mut TableReport) {
    let changed = now.iter().filter(|(date, day)| before.get(date) != Some(*day)).map(|(&date, _)| date);
    report.changed_dates = changed.collect();
    report.vanished_dates = before.keys().filter(|date| !now.contains_key(date)).copied().collect();
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
    let days = dates.as_primitive::<Date32Type>().values();
    let mut rows: BTreeMap<Month, Vec<Range<usize>>> = BTreeMap::new();
    let mut first = 0;
    // Neighbours are often of one day.
    for of_day in days.chunk_by(|a, b| a == b) {
        let last = first + of_day.len();
        let of_month = rows.entry(Month::of(date_of_day(of_day[0]))).or_default();
        match of_month.last_mut().filter(|rows| rows.end == first) {
            Some(rows) => rows.end = last,
            None => of_month.push(first..last),
        }
        first = last;
    }
    let part = |(month, parts): (Month, Vec<Range<usize>>)| match parts.as_slice() {
        [rows] => Ok((month, batch.slice(rows.start, rows.len()))),
        _ => {
            let rows = parts.into_iter().flatten().map(|row| row as u32).collect::<Vec<_>>();
            Ok((month, take_record_batch(batch, &UInt32Array::from(rows))?))
        }
    };
    rows.into_iter().map(part).collect()
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
