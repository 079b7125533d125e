//! `putback diff`

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use chrono::Datelike;
use clap::Args;

use super::context::Context;
use super::exit::ExitCode;
use super::output::{Printer, counted, listed, text_table, thousands};
use super::quarantined;
use super::range::RangeArgs;
use super::settings::{GlobalArgs, Settings, check_store, parse_path};
use super::{receipt, rehearsal, vanished};
use crate::calendar::DateRanges;
use crate::catalog::Table;
use crate::destination::Destination;
use crate::diff::{Closeness, Other, Sides, TableDiff, diff};
use crate::error::{Error, ErrorKind, Result};
use crate::judge;
use crate::price::Bill;
use crate::snapshot::Snapshot;
use crate::store::Store;
use crate::warehouse::{LOCATION_FORMS, Location};

/// Compare the outputs with a warehouse or another store, to the cell
///
/// Dates are compared by content first, then rows and columns of those that differ. BigQuery sends only dates
/// that differ. Rows that differ only in lineage hashes, in the last digits of doubles or in volatile columns are
/// counted separately. Ends with status 9 when anything else differs, and with 3 when the only difference is dates that
/// vanished upstream.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  putback diff --year 2024 --with dir:published\n  \
    putback diff --with store:other-store --cells cells.parquet")]
pub struct DiffArgs {
    #[command(flatten)]
    range: RangeArgs,
    /// What to compare with: store:PATH, dir:PATH, gs://BUCKET/PREFIX, s3://BUCKET/PREFIX or bigquery:PROJECT [default: the setting `to`]
    #[arg(long = "with", value_name = "OTHER")]
    other: Option<OtherSide>,
    /// Read every row from BigQuery, to compare columns that no hash covers as well
    #[arg(long)]
    full: bool,
    /// Write every differing cell to this Parquet file
    #[arg(long, value_name = "FILE", value_parser = parse_path)]
    cells: Option<PathBuf>,
    /// Print what the comparison would be billed; compares nothing
    #[arg(long)]
    dry_run: bool,
    /// Replace FILE where it is there already
    #[arg(long, requires = "cells")]
    force: bool,
}

#[derive(Debug, Clone)]
enum OtherSide {
    Store(PathBuf),
    Warehouse(Location),
}

impl fmt::Display for OtherSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(path) => write!(f, "store:{}", path.display()),
            Self::Warehouse(location) => location.fmt(f),
        }
    }
}

impl FromStr for OtherSide {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            Some(("store", path)) if !path.is_empty() => Ok(Self::Store(PathBuf::from(path))),
            _ => text
                .parse()
                .map(Self::Warehouse)
                .map_err(|_: Error| Error::new(ErrorKind::Usage, format!("write store:PATH, {LOCATION_FORMS}"))),
        }
    }
}

pub fn run(args: &DiffArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let to = match &args.other {
        Some(OtherSide::Warehouse(location)) => Some(location),
        _ => None,
    };
    let settings = Settings::resolve(global, None, to)?;
    let ranges = args.range.without_target()?.or_everything()?;
    if args.other.is_none() && settings.to.is_none() {
        return Err(Error::new(ErrorKind::Usage, "nothing to compare with is given")
            .hint(format!("add --with store:PATH, {LOCATION_FORMS}, or set to in putback.toml")));
    }
    if !matches!(args.other, Some(OtherSide::Store(_))) {
        rehearsal::say_mapping(&settings, printer);
    }
    if args.dry_run {
        return estimate(&settings, &ranges, args, printer);
    }
    let cells = args.cells.as_deref().map(|path| Destination::new(path, args.force)).transpose()?;
    let with = args.other.as_ref().map(OtherSide::to_string);
    let options = serde_json::json!({ "with": with, "full": args.full, "cells": args.cells });
    Context::new(&settings, printer).recording_if_possible(&ranges, options, |context| {
        let snapshot = Snapshot::load(&settings.store())?;
        let comparison = Comparison { other: args.other.as_ref(), full: args.full, cells: cells.as_ref() };
        let tables = comparison.run(context, &snapshot, &ranges)?;
        tables.iter().for_each(|table| context.summarize(&table.table, summary(table)));
        note_stale(&snapshot, &ranges, printer);
        let vanished = judge::open_vanished(&snapshot, &ranges)?;
        vanished::warn(&vanished, "the store", printer);
        if printer.is_json() {
            printer.json(&tables);
        } else {
            lines(&tables).into_iter().for_each(|line| printer.line(line));
        }
        Ok(match (tables.iter().all(TableDiff::is_equal), vanished.is_empty()) {
            (true, true) => ExitCode::Done,
            (true, false) => ExitCode::FailedDates,
            (false, _) => ExitCode::Conflict,
        })
    })
}

/// What is compared, and how closely.
struct Comparison<'a> {
    other: Option<&'a OtherSide>,
    full: bool,
    cells: Option<&'a Destination>,
}

impl Comparison<'_> {
    fn run(&self, context: Context<'_>, snapshot: &Snapshot, ranges: &DateRanges) -> Result<Vec<TableDiff>> {
        let Context { settings, printer, .. } = context;
        let engine = settings.engine();
        let closeness = Closeness { full: self.full, cells: self.cells };
        if let Some(OtherSide::Store(path)) = self.other {
            check_store(path)?;
            let there = Other::Store(&Store::at(path));
            return diff(Sides { here: snapshot, there: &there }, ranges, &engine, closeness);
        }
        let source = settings.open_published()?;
        let sides = Sides { here: snapshot, there: &Other::Warehouse(&*source) };
        let compared = diff(sides, ranges, &engine, closeness);
        receipt::give(source.bill(), context);
        quarantined::note(&snapshot.validations, &source.name(), ranges, printer);
        compared
    }
}

/// What comparing would be billed, by dry runs.
fn estimate(settings: &Settings, ranges: &DateRanges, args: &DiffArgs, printer: Printer) -> Result<ExitCode> {
    let mut estimate = None;
    if !matches!(args.other, Some(OtherSide::Store(_))) {
        let source = settings.open_published()?;
        for table in Table::outputs() {
            if let Some(bill) = source.estimate(table, ranges, args.full)? {
                *estimate.get_or_insert_with(Bill::default) += bill;
            }
        }
    }
    match (printer.is_json(), &estimate) {
        (true, bill) => printer.json(&serde_json::json!({ "estimate": bill.as_ref().map(Bill::json) })),
        (false, None) => printer.line("nothing is billed"),
        (false, Some(bill)) => {
            printer.line(receipt::estimate(bill));
            if !args.full {
                printer.line("rows of dates that differ are read in addition");
            }
        }
    }
    Ok(ExitCode::Done)
}

/// For the run's record.
fn summary(table: &TableDiff) -> serde_json::Value {
    serde_json::json!({
        "equal_dates": table.equal_dates, "differing_dates": table.dates.len(), "added": table.added,
        "removed": table.removed, "changed": table.changed,
    })
}

/// Rows of stale dates are compared as stored; `compute` may produce others now.
fn note_stale(snapshot: &Snapshot, ranges: &DateRanges, printer: Printer) {
    let stale: BTreeSet<_> = judge::stale(snapshot, ranges).into_values().flatten().collect();
    if let (Some(first), Some(last)) = (stale.first(), stale.last()) {
        let count = counted(stale.len(), "date");
        printer.warn(format!(
            "note: the inputs of {count} changed after they were computed ({first} to {last}): \
             `putback compute` may make other rows of them"
        ));
    }
}

fn lines(tables: &[TableDiff]) -> Vec<String> {
    let header = [
        "Table",
        "Equal dates",
        "Differing",
        "New",
        "Vanished",
        "Changed",
        "Lineage only",
        "Noise only",
        "Volatile only",
    ];
    let rows = tables.iter().map(|table| {
        let mut row = vec![table.table.clone(), table.equal_dates.to_string(), table.dates.len().to_string()];
        row.extend(
            [table.added, table.removed, table.changed, table.lineage_only, table.noise_only, table.volatile_only]
                .map(thousands),
        );
        row
    });
    let mut lines = vec![text_table(&header, rows.collect(), 1)];
    let trusted: usize = tables.iter().map(|table| table.trusted_dates).sum();
    if trusted > 0 {
        lines.push(format!("{trusted} dates are equal by rows, keys and hashes; --full compares every column"));
    }
    let absent = tables.iter().filter(|table| table.is_absent_there && !table.is_equal());
    lines.extend(absent.map(|table| format!("{} does not exist on the other side", table.table)));
    for table in tables.iter().filter(|table| !table.is_equal()) {
        lines.push(String::new());
        let mut years: BTreeMap<i32, (usize, u64)> = BTreeMap::new();
        for (date, of_date) in &table.dates {
            let year = years.entry(date.year()).or_default();
            year.0 += 1;
            year.1 += of_date.added + of_date.removed + of_date.changed + of_date.lineage_only;
        }
        let years =
            years.iter().map(|(year, (dates, rows))| format!("{year}: {dates} dates, {} rows", thousands(*rows)));
        lines.push(format!("{}: {}", table.table, years.collect::<Vec<_>>().join("; ")));
        let dates =
            table.dates.iter().map(|(date, of)| format!("{date} (+{} -{} ~{})", of.added, of.removed, of.changed));
        lines.push(format!("  dates: {}", listed(dates.collect())));
        let mut columns: Vec<(&String, &u64)> = table.columns.iter().collect();
        columns.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), (*name).clone()));
        let columns: Vec<String> =
            columns.into_iter().map(|(name, count)| format!("{name} {}", thousands(*count))).collect();
        if !columns.is_empty() {
            lines.push(format!("  columns: {}", listed(columns)));
        }
    }
    lines
}
