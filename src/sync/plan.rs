//! Plans a sync from metadata alone.

use std::collections::BTreeMap;

use super::report::{TablePlan, TableReport};
use crate::calendar::{DateRange, DateRanges, years};
use crate::catalog::{Role, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::processors;
use crate::store::{InputTable, Phase3Manifest, SourceFiles, SourceVersion, Store};
use crate::warehouse::{ContentVersion, Partitions, Selection, Source};

/// One table's share of a sync.
pub(super) struct Plan {
    pub table: Table,
    pub pull: Wanted,
    pub synced: DateRanges,
    pub version: SourceVersion,
    pub source_files: SourceFiles,
    pub source_partitions: BTreeMap<String, String>,
    /// The range and the look-back of its first date: what must not get shorter.
    pub needed: DateRange,
    /// Whether the store's copy is of this warehouse and version, and whole: rows that are not pulled stay.
    pub is_usable: bool,
    pub report: TableReport,
}

/// Which rows travel.
pub(super) enum Wanted {
    /// All of the range; what the store has is replaced.
    Whole(Selection),
    /// The days of partitions that are new, changed or gone; other days stay as they are.
    Partitions { ranges: DateRanges, count: usize, rows: u64, bytes: u64 },
}

impl Plan {
    pub fn summary(&self) -> TablePlan {
        let (partitions, rows, bytes) = match &self.pull {
            Wanted::Whole(_) => (None, 0, 0),
            Wanted::Partitions { count, rows, bytes, .. } => (Some(*count), *rows, *bytes),
        };
        let (unchanged, absent) = (self.report.unchanged, self.report.absent);
        TablePlan { table: self.table, partitions, rows, bytes, unchanged, absent }
    }

    /// Files of the same content that were touched or moved: what is remembered of them would otherwise never
    /// count again. What was not remembered before is not reason enough to write the manifest.
    pub fn remember_files(&mut self, manifest: &mut Phase3Manifest) {
        let Some(known) = manifest.tables.get_mut(&self.table) else { return };
        if known.source_files.iter().any(|(name, stamp)| self.source_files.get(name) != Some(stamp)) {
            known.source_files = std::mem::take(&mut self.source_files);
            self.report.files_touched = true;
        }
    }

    fn absent(table: Table, manifest: &Phase3Manifest) -> Self {
        let mut report = TableReport::new(table);
        report.absent = true;
        report.unchanged = !manifest.tables.contains_key(&table);
        Self {
            table,
            pull: Wanted::Whole(Selection::Everything),
            synced: DateRanges::default(),
            version: SourceVersion::default(),
            source_files: SourceFiles::new(),
            source_partitions: BTreeMap::new(),
            needed: everything(),
            is_usable: false,
            report,
        }
    }
}

pub(super) fn plan(
    source: &dyn Source,
    store: &Store,
    manifest: &Phase3Manifest,
    ranges: &DateRanges,
) -> Result<Vec<Plan>> {
    let Some(span) = ranges.span() else {
        return Err(Error::new(ErrorKind::Usage, "the range to sync is empty"));
    };
    let planning = Planning { source, store, manifest, span };
    Table::inputs().map(|table| planning.table(table)).collect()
}

/// What the plan of a table is made from.
struct Planning<'a> {
    source: &'a dyn Source,
    store: &'a Store,
    manifest: &'a Phase3Manifest,
    /// From the first date to sync to the last.
    span: DateRange,
}

impl Planning<'_> {
    fn table(&self, table: Table) -> Result<Plan> {
        let &Self { source, store, manifest, span } = self;
        let Some(description) = source.describe(table)? else {
            if table.role() == Role::Input {
                return Err(missing_table(table, source));
            }
            return Ok(Plan::absent(table, manifest));
        };
        let mut report = TableReport::new(table);
        report.notes = description.schema.notes;
        let wanted = wanted_range(table, span);
        let known = manifest.tables.get(&table);
        let warehouse = source.name();
        let of_same_warehouse = known.filter(|known| known.source.warehouse == warehouse);
        let source_files = of_same_warehouse.map(|known| known.source_files.clone()).unwrap_or_default();
        let ContentVersion { token, files: source_files } = source.version(table, &source_files)?;
        let version = SourceVersion { warehouse, version: token };
        let synced = known.map(|known| known.synced.clone()).unwrap_or_default();
        let synced = synced.union(&[wanted].into_iter().collect());
        // What was pulled before is looked at again, so that the store is one version of the warehouse.
        let range = if table == Table::Schedule { None } else { synced.span() };
        let usable = known.filter(|known| known.source == version && files_are_present(store, table, known));
        let (pull, source_partitions) = match &description.partitions {
            None => (Wanted::Whole(range.map_or(Selection::Everything, Selection::range)), BTreeMap::new()),
            Some(partitions) => {
                report.placeholders = without_a_date(table, partitions, source)?;
                let recorded = usable.map(|known| &known.source_partitions).cloned().unwrap_or_default();
                let pull = changed_partitions(partitions, &recorded, range);
                (pull, tokens(partitions, range))
            }
        };
        let nothing_changed = match &pull {
            Wanted::Whole(_) => true,
            Wanted::Partitions { ranges, .. } => ranges.is_empty(),
        };
        if let Some(known) = usable.filter(|known| nothing_changed && known.synced.covers(wanted)) {
            report.unchanged = true;
            report.rows = known.partitions.values().map(|partition| partition.rows).sum();
        }
        let (needed, is_usable) = (needed_range(table, span), usable.is_some());
        Ok(Plan { table, pull, synced, version, source_files, source_partitions, needed, is_usable, report })
    }
}

/// Partitions whose date is outside the years that are taken. In the schedule such games are placeholders.
///
/// # Errors
/// [`ErrorKind::Schema`] for any other table.
fn without_a_date(table: Table, partitions: &Partitions, source: &dyn Source) -> Result<Option<String>> {
    let outside: Vec<&str> = partitions
        .iter()
        .filter(|(id, version)| id.is_outside_years() && version.rows > 0)
        .map(|(id, _)| id.0.as_str())
        .collect();
    if outside.is_empty() {
        return Ok(None);
    }
    let message = format!(
        "{table}: partitions {} in {} have rows outside the years {}",
        outside.join(", "),
        source.name(),
        years()
    );
    match table {
        Table::Schedule => Ok(Some(format!("{message}; they are left out"))),
        _ => Err(Error::new(ErrorKind::Schema, message).hint("correct or remove the rows; nothing was pulled")),
    }
}

fn missing_table(table: Table, source: &dyn Source) -> Error {
    let warehouse = source.name();
    let place = match warehouse.split_once(':') {
        Some(("dir", _)) => Some("directory warehouse"),
        Some(("gs" | "s3", _)) => Some("bucket"),
        _ => None,
    };
    let hint = match place {
        Some(place) => format!("a {place} holds it as {table}.parquet or {table}/**/*.parquet; nothing was pulled"),
        None => "check the project, and that the account may see the table; nothing was pulled".to_owned(),
    };
    Error::new(ErrorKind::Upstream, format!("table {table} is not in the warehouse {warehouse}")).hint(hint)
}

/// [`needed_range`] in whole months.
fn wanted_range(table: Table, span: DateRange) -> DateRange {
    needed_range(table, span).whole_months()
}

/// The range with the longest look-back of any processor.
fn needed_range(table: Table, span: DateRange) -> DateRange {
    let from = processors::all()
        .iter()
        .flat_map(|processor| processor.inputs())
        .filter(|input| input.table == table)
        .map(|input| input.look_back.first_day(span.from))
        .min()
        .unwrap_or(span.from);
    DateRange { from, to: span.to }
}

/// A table that is gone has lost every date.
fn everything() -> DateRange {
    DateRanges::everything().span().expect("not empty")
}

fn files_are_present(store: &Store, table: Table, known: &InputTable) -> bool {
    known.files.iter().all(|(&month, entry)| store.intact_file(table, month, entry).is_some())
}

/// Partitions of the range with a token other than the recorded one, and recorded ones that are gone.
/// Neighbours are joined across days without a partition.
fn changed_partitions(
    partitions: &Partitions,
    recorded: &BTreeMap<String, String>,
    range: Option<DateRange>,
) -> Wanted {
    let (mut count, mut rows, mut bytes) = (0, 0, 0);
    // Every partition that is or was there, with whether it has to be looked at.
    let mut days: BTreeMap<DateRange, bool> = BTreeMap::new();
    for (id, version) in partitions {
        let Some(of_partition) = id.days().filter(|days| in_range(*days, range)) else { continue };
        let changed = recorded.get(&id.0) != Some(&version.token);
        if changed {
            count += 1;
            rows += version.rows;
            bytes += version.bytes;
        }
        days.insert(of_partition, changed);
    }
    for id in recorded.keys() {
        let id = crate::warehouse::PartitionId(id.clone());
        let gone = id.days().filter(|days| in_range(*days, range) && !partitions.contains_key(&id));
        days.extend(gone.map(|days| (days, true)));
    }
    let mut ranges: Vec<DateRange> = Vec::new();
    let mut after_unchanged = true;
    for (days, changed) in days {
        match ranges.last_mut().filter(|_| !after_unchanged) {
            _ if !changed => {}
            Some(last) => last.to = days.to,
            None => ranges.push(days),
        }
        after_unchanged = !changed;
    }
    Wanted::Partitions { ranges: ranges.into_iter().collect(), count, rows, bytes }
}

fn tokens(partitions: &Partitions, range: Option<DateRange>) -> BTreeMap<String, String> {
    let of_range = partitions.iter().filter(|(id, _)| id.days().is_some_and(|days| in_range(days, range)));
    of_range.map(|(id, version)| (id.0.clone(), version.token.clone())).collect()
}

fn in_range(days: DateRange, range: Option<DateRange>) -> bool {
    range.is_none_or(|range| days.to >= range.from && days.from <= range.to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::warehouse::{PartitionId, PartitionVersion};

    fn partitions(of: &[(&str, &str)]) -> Partitions {
        let version = |token: &str| PartitionVersion { token: token.to_owned(), rows: 10, bytes: 100 };
        of.iter().map(|(id, token)| (PartitionId((*id).to_owned()), version(token))).collect()
    }

    fn changed(now: &[(&str, &str)], before: &[(&str, &str)]) -> (String, usize, u64) {
        let recorded = before.iter().map(|(id, token)| ((*id).to_owned(), (*token).to_owned())).collect();
        match changed_partitions(&partitions(now), &recorded, None) {
            Wanted::Partitions { ranges, count, rows, .. } => (ranges.to_string(), count, rows),
            Wanted::Whole(_) => unreachable!("partitions are known"),
        }
    }

    #[test]
    fn only_what_is_new_changed_or_gone_is_wanted() {
        let now = [("20240101", "a"), ("20240103", "b"), ("20240105", "c"), ("20240108", "d")];
        assert_eq!(changed(&now, &now).1, 0);
        assert_eq!(changed(&now, &[]), ("2024-01-01 to 2024-01-08".to_owned(), 4, 40));
        let before = [("20240101", "a"), ("20240103", "x"), ("20240105", "x"), ("20240108", "d")];
        assert_eq!(changed(&now, &before), ("2024-01-03 to 2024-01-05".to_owned(), 2, 20));
        let before = [("20240101", "x"), ("20240103", "b"), ("20240105", "c"), ("20240106", "x"), ("20240108", "d")];
        assert_eq!(changed(&now, &before), ("2024-01-01, 2024-01-06".to_owned(), 1, 10));
    }
}
