//! `putback run`

use std::collections::BTreeMap;

use clap::Args;

use super::checks::accounting_table;
use super::compute::{self, ComputeOptions};
use super::context::{Context, Locked};
use super::exit::ExitCode;
use super::output::{Printer, thousands};
use super::range::RangeArgs;
use super::settings::{GlobalArgs, Settings};
use super::sync::{SyncOptions, announce_clipping};
use super::upload::{Order, Uploaded};
use super::upload_options::UploadOptions;
use super::{coverage, environment, rehearsal, sync, upload};
use crate::calendar::DateRanges;
use crate::checks::Accounting;
use crate::compute::ComputeReport;
use crate::error::Result;
use crate::judge::{self, Asked, StatusReport};
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
    rehearsal::say_mapping(&settings, printer);
    let range = args.range.required(environment::yesterday())?;
    announce_clipping(&range, printer);
    let upload = args.upload.clone().with_quarantine(args.options.quarantine);
    let steps = Steps { sync: args.sync, compute: &args.options, upload: &upload };
    whole_path(Context::new(&settings, printer), &range.ranges, steps)
}

/// The whole path, under one lock.
pub fn whole_path(context: Context<'_>, ranges: &DateRanges, options: Steps<'_>) -> Result<ExitCode> {
    let to_publish = upload::publishable(context, ranges, options.upload)?;
    let lock = WriteLock::acquire(&context.store(), &environment::owner())?;
    let Steps { sync, compute, upload } = options;
    let asked = serde_json::json!({ "sync": sync.json(), "compute": compute.json(), "upload": upload.json() });
    let path = Path { ranges, to_publish: &to_publish, options };
    context.recording(ranges, asked, |context| path.go(context, &lock))
}

/// What is synced and computed, and what of it is published.
struct Path<'a> {
    ranges: &'a DateRanges,
    to_publish: &'a DateRanges,
    options: Steps<'a>,
}

impl Path<'_> {
    /// Sync, compute, validate, upload.
    fn go(&self, context: Context<'_>, lock: &WriteLock) -> Result<ExitCode> {
        let Self { ranges, to_publish, options: Steps { sync, compute, upload } } = *self;
        sync::pull(context, lock, ranges, sync)?;
        let snapshot = Snapshot::locked(lock)?;
        let computed = compute::process(context, Locked { lock, snapshot: &snapshot }, ranges, compute)?;
        let order = Order { ranges: to_publish, options: upload, reviewed: None };
        let uploaded = upload::publish(context, Locked { lock, snapshot: &computed.snapshot }, order)?;
        upload::note_not_computed(&uploaded.snapshot, to_publish, context.printer);
        let asked = Asked { ranges, dates: &computed.report.dates };
        let status = judge::status(&uploaded.snapshot, &context.settings.catalogue, asked)?;
        context.stands(&status);
        show(context, &computed.report, &uploaded, &status);
        Ok(upload::exit_code(uploaded.held_back, status.unsettled()))
    }
}

fn show(context: Context<'_>, computed: &ComputeReport, uploaded: &Uploaded, status: &StatusReport) {
    let Context { settings, printer, .. } = context;
    let Uploaded { report, accounting, .. } = uploaded;
    if printer.is_json() {
        printer
            .json(&serde_json::json!({ "status": status, "upload": upload::json(report), "accounting": accounting }));
        upload::say_publication(report, settings, printer);
    } else {
        coverage::print_table(status, printer);
        compute::print_times(computed, printer);
        print_publication(report, settings, printer);
        upload::say_publication(report, settings, printer);
        print_accounting(accounting, printer);
        printer.line("");
        coverage::print_verdicts(status, printer);
    }
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
