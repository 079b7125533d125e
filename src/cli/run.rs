//! `putback run`

use std::collections::BTreeMap;

use clap::Args;

use super::checks::accounting_table;
use super::compute::{self, ComputeOptions};
use super::environment;
use super::exit::ExitCode;
use super::output::{Printer, thousands};
use super::range::RangeArgs;
use super::recorder::Recorder;
use super::settings::{GlobalArgs, Settings};
use super::status::Asked;
use super::sync::{SyncOptions, announce_clipping};
use super::upload::{Order, UploadOptions, Uploaded};
use super::{status, sync, upload};
use crate::calendar::DateRanges;
use crate::checks::Accounting;
use crate::error::Result;
use crate::processors::ProcessorId;
use crate::snapshot::Snapshot;
use crate::store::WriteLock;
use crate::upload::UploadReport;
use crate::warehouse::Location;

/// What `--quarantine` does in both steps that have it.
pub const QUARANTINE: &str = "Leave out only the players and teams whose rows rest on faulty rows, or whose value does not fit its \
    column: each gets a failure that names the cause, and the rest of the date is published; by default the date is held back. \
    Ends with status 3 where a published date rests on faulty rows, with 4 where a date stays held back";

/// Sync, check, compute, validate and upload
///
/// Prints the status of every processor and year at the end. Failed and held-back dates are listed and stay
/// unchanged in the target; all others are published.
#[derive(Debug, Args)]
#[command(
    mut_arg("quarantine", |arg| arg.help(QUARANTINE).long_help(None::<&str>)),
    after_help = "Example:\n  putback run --year 2021..2025 --warehouse dir:exports --to dir:published"
)]
pub struct RunArgs {
    #[command(flatten)]
    range: RangeArgs,
    /// Warehouse to read: dir:PATH, gs://BUCKET/PREFIX, s3://BUCKET/PREFIX or bigquery:PROJECT
    #[arg(long, value_name = "WAREHOUSE")]
    warehouse: Option<Location>,
    #[command(flatten)]
    sync: SyncOptions,
    #[command(flatten)]
    options: ComputeOptions,
    #[command(flatten)]
    upload: UploadOptions,
}

/// The options of each step.
#[derive(Debug, Clone, Copy)]
pub struct Steps<'a> {
    pub sync: SyncOptions,
    pub compute: &'a ComputeOptions,
    pub upload: &'a UploadOptions,
}

pub fn run(args: &RunArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let settings = Settings::resolve(global, args.warehouse.as_ref(), args.range.target()?)?;
    settings.required_warehouse()?;
    settings.required_to()?;
    upload::say_mapping(&settings, printer);
    let range = args.range.required(environment::yesterday())?;
    announce_clipping(&range, printer);
    let upload = args.upload.clone().with_quarantine(args.options.quarantine);
    let steps = Steps { sync: args.sync, compute: &args.options, upload: &upload };
    whole_path(&settings, &range.ranges, steps, printer)
}

/// The whole path, under one lock.
pub fn whole_path(settings: &Settings, ranges: &DateRanges, options: Steps<'_>, printer: Printer) -> Result<ExitCode> {
    let to_publish = upload::publishable(settings, ranges, options.upload, printer)?;
    let lock = WriteLock::acquire(&settings.store(), &environment::owner())?;
    let Steps { sync, compute, upload } = options;
    let asked = serde_json::json!({ "sync": sync.json(), "compute": compute.json(), "upload": upload.json() });
    let recorder = Recorder::begin(settings, ranges, asked, printer)?;
    let outcome = steps(settings, &lock, (ranges, &to_publish), options, &recorder, printer);
    recorder.end(outcome)
}

/// Sync, compute, validate, upload.
fn steps(
    settings: &Settings,
    lock: &WriteLock,
    (ranges, to_publish): (&DateRanges, &DateRanges),
    options: Steps<'_>,
    recorder: &Recorder,
    printer: Printer,
) -> Result<ExitCode> {
    let Steps { sync, compute, upload } = options;
    sync::pull(settings, lock, ranges, sync, (recorder, printer))?;
    let snapshot = Snapshot::locked(lock)?;
    let (computed, snapshot) = compute::process(settings, (lock, &snapshot), ranges, compute, recorder, printer)?;
    let order = Order { ranges: to_publish, options: upload, reviewed: None };
    let Uploaded { report: uploaded, held_back, accounting, snapshot } =
        upload::publish(settings, (lock, &snapshot), order, recorder, printer)?;
    upload::note_not_computed(&snapshot, to_publish, printer);
    let status = status::report(settings, &snapshot, Asked { ranges, dates: &computed.dates })?;
    recorder.stands(&status);
    if printer.is_json() {
        printer.json(
            &serde_json::json!({ "status": status, "upload": upload::json(&uploaded), "accounting": accounting }),
        );
        upload::say_publication(&uploaded, settings, printer);
    } else {
        printer.status_table(&status);
        compute::print_times(&computed, printer);
        print_publication(&uploaded, settings, printer);
        upload::say_publication(&uploaded, settings, printer);
        print_accounting(&accounting, printer);
        printer.line("");
        printer.verdicts(&status);
    }
    Ok(held_back.exit_code(status.unsettled()))
}

/// Dates and rows per table; in a line unless asked for more.
fn print_publication(uploaded: &UploadReport, settings: &Settings, printer: Printer) {
    if printer.is_verbose() {
        printer.line("");
        printer.line(upload::table(uploaded));
        return;
    }
    let to = settings.to.as_ref().map_or_else(String::new, |to| format!(" into {}", to.value));
    let tables = || uploaded.tables.values();
    let dates = |id: &ProcessorId| Some(format!("{id} {}", uploaded.tables.get(&id.output())?.dates.len()));
    let dates: Vec<String> = ProcessorId::ALL.iter().filter_map(dates).collect();
    let [rows, removed] = [tables().map(|table| table.rows).sum(), tables().map(|table| table.removed_rows).sum()];
    let unchanged: usize = tables().map(|table| table.unchanged).sum();
    printer.line(format!(
        "published{to}: {} dates; {} rows of {} tables, {} rows removed, {} dates unchanged",
        dates.join(", "),
        thousands(rows),
        uploaded.tables.len(),
        thousands(removed),
        thousands(unchanged as u64),
    ));
}

/// Where every player and team ended, if that is not as it should be or asked for.
fn print_accounting(accounting: &BTreeMap<ProcessorId, Accounting>, printer: Printer) {
    let is_open = |of: &Accounting| of.total.pending + of.total.unaccounted + of.total.twice + of.total.unexpected > 0;
    if printer.is_verbose() || accounting.values().any(is_open) {
        printer.line("");
        printer.line(accounting_table(accounting));
    }
}
