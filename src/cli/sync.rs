//! `putback sync`

use chrono::Days;
use clap::Args;

use super::context::Context;
use super::environment;
use super::exit::ExitCode;
use super::output::{Printer, counted, text_table, thousands};
use super::range::{RangeArgs, RequestedRange};
use super::receipt;
use super::settings::{GlobalArgs, Settings};
use super::vanished;
use crate::calendar::DateRanges;
use crate::error::{Error, ErrorKind, Result};
use crate::judge;
use crate::price::{Bill, size};
use crate::snapshot::Snapshot;
use crate::store::WriteLock;
use crate::sync::{SyncReport, SyncRequest, TableReport};
use crate::warehouse::{ColumnNote, Location, Source};

/// Pull Phase 3 of a range and its look-back into the store
///
/// Tables that have not changed since the last sync are skipped; of a BigQuery table, only changed partitions
/// are read. Schemas are compared before any row is read. The store changes only when everything has arrived.
/// Dates that vanished upstream keep their computed rows; the command then ends with status 3, everything pulled, until
/// `upload --remove-vanished` or `upload --accept vanished` decides.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  putback sync --year 2024 --warehouse dir:exports")]
pub struct SyncArgs {
    #[command(flatten)]
    range: RangeArgs,
    /// Warehouse to read: dir:PATH, gs://BUCKET/PREFIX, s3://BUCKET/PREFIX or bigquery:PROJECT
    #[arg(long, value_name = "WAREHOUSE")]
    warehouse: Option<Location>,
    #[command(flatten)]
    options: SyncOptions,
    /// Print what would be pulled and what it would cost; reads metadata only
    #[arg(long)]
    dry_run: bool,
}

/// Options of every command that syncs.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct SyncOptions {
    /// Continue although the warehouse lacks dates that the store has; they are removed from the store, and the run
    /// records it
    #[arg(long)]
    accept_shorter: bool,
}

impl SyncOptions {
    /// Of a warehouse that the command itself made.
    pub fn accepting_shorter() -> Self {
        Self { accept_shorter: true }
    }

    /// For the run's record.
    pub fn json(self) -> serde_json::Value {
        serde_json::json!({ "accept_shorter": self.accept_shorter })
    }
}

pub fn run(args: &SyncArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let settings = Settings::resolve(global, args.warehouse.as_ref(), None)?;
    let range = args.range.without_target()?.required(environment::yesterday())?;
    announce_clipping(&range, printer);
    if args.dry_run {
        return rehearse(&settings, &range.ranges, printer);
    }
    let lock = WriteLock::acquire(&settings.store(), &environment::owner())?;
    Context::new(&settings, printer).recording(&range.ranges, args.options.json(), |context| {
        let report = pull(context, &lock, &range.ranges, args.options)?;
        let vanished = judge::open_vanished(&Snapshot::locked(&lock)?, &range.ranges)?;
        if printer.is_json() {
            let tables: Vec<_> = report.tables.iter().map(json).collect();
            printer.json(&serde_json::json!({ "tables": tables, "vanished": vanished::json(&vanished) }));
        } else {
            printer.line(table(&report));
        }
        vanished::warn(&vanished, "the store", printer);
        Ok(if vanished.is_empty() { ExitCode::Done } else { ExitCode::FailedDates })
    })
}

fn rehearse(settings: &Settings, ranges: &DateRanges, printer: Printer) -> Result<ExitCode> {
    let source = settings.open_source()?;
    let store = settings.store();
    let plans = crate::sync::plan_sync(&*source, &store, &store.phase3()?, ranges)?;
    let price = |bytes: u64| Bill { read_bytes: bytes, ..Bill::default() }.price_usd();
    // The metadata that a sync looks at first was looked at here as well.
    let estimate = source.bill().map(|bill| Bill { read_bytes: plans.iter().map(|plan| plan.bytes).sum(), ..bill });
    receipt::give(source.bill(), Context::new(settings, printer));
    if printer.is_json() {
        let tables = plans.iter().map(|plan| {
            serde_json::json!({
                "table": plan.table.full_name(), "absent": plan.absent, "unchanged": plan.unchanged,
                "partitions": plan.partitions, "rows": plan.rows, "bytes": plan.bytes, "price_usd": price(plan.bytes),
            })
        });
        let estimate = estimate.map(|bill| bill.json());
        printer.json(&serde_json::json!({ "tables": tables.collect::<Vec<_>>(), "estimate": estimate }));
        return Ok(ExitCode::Done);
    }
    let rows = plans.iter().map(|plan| {
        let state = match (plan.absent, plan.unchanged) {
            (true, _) => "absent",
            (_, true) => "unchanged",
            _ => "to pull",
        };
        let known = |text: String| if plan.partitions.is_some() { text } else { "?".to_owned() };
        vec![
            plan.table.to_string(),
            state.to_owned(),
            known(plan.partitions.unwrap_or(0).to_string()),
            known(thousands(plan.rows)),
            known(format!("{:.1}", plan.bytes as f64 / 1e6)),
            known(format!("{:.4}", price(plan.bytes))),
        ]
    });
    printer.line(text_table(&["Table", "State", "Partitions", "Rows", "MB", "USD"], rows.collect(), 2));
    estimate.iter().for_each(|bill| printer.line(receipt::estimate(bill)));
    Ok(ExitCode::Done)
}

/// Syncs and tells what should be known about the data.
pub fn pull(context: Context<'_>, lock: &WriteLock, ranges: &DateRanges, options: SyncOptions) -> Result<SyncReport> {
    let Context { settings, printer, .. } = context;
    let source = settings.open_source()?;
    let today = environment::yesterday() + Days::new(1);
    let threads = settings.threads.value;
    let request = SyncRequest { ranges: ranges.clone(), today, accept_shorter: options.accept_shorter, threads };
    refuse_beyond_budget(settings, &*source, lock, ranges)?;
    let synced = context.step("sync", || crate::sync::sync(&*source, lock, &request, context.observer()));
    if let Some(bill) = source.bill() {
        context.summarize("billed_by_sync", bill.json());
        context.measure(|metrics| metrics.billed(&bill));
        printer.note(format!("note: billed by the sync: {bill}"));
    }
    let report = synced?;
    context.measure(|metrics| metrics.pulled(&report));
    let accepted = report
        .accepted
        .iter()
        .map(|lost| serde_json::json!({ "table": lost.table.full_name(), "dates": lost.dates, "rows": lost.rows }));
    context.fact("accepted_shorter", accepted.collect());
    for table in &report.tables {
        context.summarize(table.table.full_name(), json(table));
        for note in notes(table, printer.is_verbose()) {
            printer.note(format!("note: {}: {note}", table.table));
        }
    }
    Ok(report)
}

/// Refuses what would be more than the budget before any row is read.
fn refuse_beyond_budget(settings: &Settings, source: &dyn Source, lock: &WriteLock, ranges: &DateRanges) -> Result<()> {
    let (Some(budget), Some(_)) = (&settings.budget, source.bill()) else { return Ok(()) };
    let plans = crate::sync::plan_sync(source, lock.store(), &lock.phase3(), ranges)?;
    let spent = source.bill().unwrap_or_default();
    let bill = Bill { read_bytes: plans.iter().map(|plan| plan.bytes).sum(), ..spent };
    if bill.bytes() <= budget.value {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Quota,
        format!(
            "the sync would bill {}, more than the budget of {}; no row was read",
            size(bill.bytes()),
            size(budget.value)
        ),
    )
    .hint("raise --budget, or choose fewer dates"))
}

/// Tells that a range was clipped to yesterday.
pub fn announce_clipping(range: &RequestedRange, printer: Printer) {
    if let Some(asked) = &range.clipped_from {
        printer.note(format!("note: {asked} is clipped to yesterday (US Eastern): {}", range.ranges));
    }
}

/// What should be known of a table; with `verbose` also what is normal.
fn notes(table: &TableReport, verbose: bool) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    if table.rows == 0 && !table.absent {
        notes.push("no rows in the range; values that depend on it are defaults".to_owned());
    }
    if !table.unchanged {
        notes.extend(column_notes(&table.notes, verbose));
    }
    notes.extend(table.placeholders.clone());
    if table.duplicate_keys > 0 {
        let key = table.table.schema().key_columns().join(", ");
        notes.push(format!(
            "{} rows repeat a key ({key}); they are kept, as the reference counts them",
            table.duplicate_keys
        ));
    }
    if !table.foreign_teams.is_empty() {
        let codes: Vec<String> = table.foreign_teams.iter().map(|(code, rows)| format!("{code} ({rows})")).collect();
        notes.push(format!("rows of teams outside the 30 are left out of computations: {}", codes.join(", ")));
    }
    if !table.vanished_dates.is_empty() {
        let (first, last) = (table.vanished_dates[0], table.vanished_dates[table.vanished_dates.len() - 1]);
        let count = counted(table.vanished_dates.len(), "date");
        notes.push(format!("vanished from the warehouse, and removed from the store: {count}, {first} to {last}"));
    }
    if let (Some(first), Some(last)) = (table.only_here.first(), table.only_here.last()) {
        let (rows, count) = (thousands(table.only_here_rows), counted(table.only_here.len(), "date"));
        notes
            .push(format!("only in this store, no longer in the warehouse: {rows} rows on {count}, {first} to {last}"));
    }
    notes
}

/// One line per kind; retyped columns one each, since their types matter.
fn column_notes(notes: &[ColumnNote], verbose: bool) -> Vec<String> {
    let extra: Vec<&str> = notes
        .iter()
        .filter_map(|note| if let ColumnNote::Extra { column } = note { Some(column.as_str()) } else { None })
        .collect();
    let absent: Vec<&str> = notes
        .iter()
        .filter_map(|note| if let ColumnNote::Absent { column } = note { Some(column.as_str()) } else { None })
        .collect();
    let mut lines = Vec::new();
    if !extra.is_empty() {
        lines.push(format!("columns unknown to putback, not pulled: {}", extra.join(", ")));
    }
    if verbose && !absent.is_empty() {
        lines.push(format!("unused columns that are absent, stored as NULL: {}", absent.join(", ")));
    }
    let is_told_alone = |note: &&ColumnNote| matches!(note, ColumnNote::Retyped { .. } | ColumnNote::Repeated { .. });
    lines.extend(notes.iter().filter(is_told_alone).map(ToString::to_string));
    lines
}

fn table(report: &SyncReport) -> String {
    let rows = report.tables.iter().filter(|table| !table.absent).map(|table| {
        let changed = table.changed_dates.len() + table.vanished_dates.len();
        let state = if table.unchanged { "unchanged".to_owned() } else { format!("{changed} changed") };
        vec![table.table.to_string(), state, thousands(table.rows)]
    });
    text_table(&["Table", "Dates", "Rows"], rows.collect(), 1)
}

fn json(table: &TableReport) -> serde_json::Value {
    serde_json::json!({
        "table": table.table.full_name(),
        "absent": table.absent,
        "unchanged": table.unchanged,
        "rows": table.rows,
        "changed_dates": table.changed_dates,
        "vanished_dates": table.vanished_dates,
        "only_here": table.only_here,
        "only_here_rows": table.only_here_rows,
        "duplicate_keys": table.duplicate_keys,
        "foreign_teams": table.foreign_teams,
        "notes": table.notes.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
