//! `putback upload`

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use clap::Args;
use serde_json::{Value, json as object};

use super::context::{Context, Locked};
use super::exit::ExitCode;
use super::output::{Printer, counted, text_table, thousands};
use super::range::RangeArgs;
use super::settings::{GlobalArgs, Setting, Settings};
use super::sync::announce_clipping;
use super::upload_options::UploadOptions;
use super::{causes, checks, conditions, environment, receipt, rehearsal, vanished};
use crate::calendar::DateRanges;
use crate::checks::Accounting;
use crate::error::{Error, ErrorKind, Result};
use crate::judge::{self, CONTRADICTION, Candidates, Eligible, HeldBack, Leave};
use crate::price::{size, storage_usd_per_month};
use crate::processors::{ProcessorId, RunContext};
use crate::progress::Event;
use crate::schedule::Schedule;
use crate::snapshot::{Excluded, InQuarantine, Snapshot, Validations};
use crate::store::{Store, WriteLock};
use crate::upload::{Done, KeptRows, PublishSet, Rehearsal, Reviewed, Settled, Target, Terms, UploadReport};
use crate::warehouse::Location;
use crate::windows::WindowEnd;

/// Publish finished dates into a warehouse
///
/// Publishes whole dates. In a directory or bucket, new months are written under names of their content and read back, the record
/// that names them is replaced, then the plain names are set; in BigQuery, rows are loaded into a staging table and put
/// in place by one transaction. Failed, stale and held-back dates stay unchanged in
/// the target. So do rows of dates that vanished upstream; the command then ends with status 3 until --remove-vanished
/// or --accept vanished is given. A second upload does nothing.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  putback upload --year 2024 --to dir:published\n  putback upload --year 2024 --to bigquery:my-project --dry-run"
)]
pub struct UploadArgs {
    #[command(flatten)]
    range: RangeArgs,
    #[command(flatten)]
    options: UploadOptions,
    /// Leave out only the players and teams whose rows rest on faulty rows: each gets a failure that names the cause, and the
    /// rest of the date is published; by default the date is held back. Ends with status 3 where a
    /// published date rests on faulty rows, with 4 where a date stays held back
    #[arg(long)]
    quarantine: bool,
    /// Print the statements and jobs that would run
    #[arg(long)]
    dry_run: bool,
    /// Publish exactly what the --dry-run with this plan id printed; ends with status 6, and publishes nothing, when that is not
    /// what would be published now
    #[arg(long, value_name = "ID", conflicts_with = "dry_run")]
    plan: Option<String>,
}

pub fn run(args: &UploadArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let settings = Settings::resolve(global, None, args.range.target()?)?;
    let context = Context::new(&settings, printer);
    let range = args.range.required(environment::yesterday())?;
    rehearsal::say_mapping(&settings, printer);
    announce_clipping(&range, printer);
    let options = args.options.clone().with_quarantine(args.quarantine);
    let ranges = publishable(context, &range.ranges, &options)?;
    checks::say_overridden(&settings.catalogue, printer);
    if args.dry_run {
        return rehearse(context, Order { ranges: &ranges, options: &options, reviewed: None });
    }
    let reviewed = args.plan.as_ref().map(|id| Reviewed::load(&settings.store(), id)).transpose()?;
    let lock = WriteLock::acquire(&settings.store(), &environment::owner())?;
    context.recording(&ranges, options.json(), |context| {
        context.fact("plan", object!(args.plan));
        let snapshot = Snapshot::locked(&lock)?;
        let order = Order { ranges: &ranges, options: &options, reviewed };
        let uploaded = publish(context, Locked { lock: &lock, snapshot: &snapshot }, order)?;
        show(context, &uploaded, &ranges)
    })
}

/// Shows what was published and says what was not.
fn show(context: Context<'_>, uploaded: &Uploaded, ranges: &DateRanges) -> Result<ExitCode> {
    let Context { settings, printer, .. } = context;
    let Uploaded { report, held_back, snapshot, .. } = uploaded;
    if printer.is_json() {
        printer.json(&json(report));
    } else {
        printer.line(table(report));
    }
    say_publication(report, settings, printer);
    if let Some(status) = judge::status_of_ranges(snapshot, &settings.catalogue, ranges)? {
        context.stands(&status);
    }
    Ok(exit_code(*held_back, note_not_computed(snapshot, ranges, printer)))
}

/// What stays in the target as it is, and what was never computed, as a status.
pub fn exit_code(held_back: HeldBack, pending: usize) -> ExitCode {
    match held_back {
        HeldBack { invalid: 1.., .. } => ExitCode::FailedValidation,
        HeldBack { failed, vanished, quarantined, .. } if failed + vanished + quarantined + pending > 0 => {
            ExitCode::FailedDates
        }
        _ => ExitCode::Done,
    }
}

/// The ranges without the days that the daily pipeline may still write.
///
/// # Errors
/// [`ErrorKind::Usage`] when nothing else was asked for, or a check to accept does not exist.
pub fn publishable(context: Context<'_>, ranges: &DateRanges, options: &UploadOptions) -> Result<DateRanges> {
    let Context { settings, printer, .. } = context;
    if let Some(unknown) = options.accept.iter().find(|id| *id != vanished::ACCEPT && !settings.catalogue.has(id)) {
        return Err(Error::new(ErrorKind::Usage, format!("there is no check {unknown}"))
            .hint("`putback validate --all` lists the checks"));
    }
    if options.remove_vanished && options.accepts_vanished() {
        return Err(Error::new(ErrorKind::Usage, "--remove-vanished and --accept vanished contradict each other")
            .hint("give one of the two"));
    }
    if options.repair && !settings.required_to()?.has_files() {
        return Err(Error::new(ErrorKind::Usage, "--repair is for target directories and buckets")
            .hint("leave it out: an upload into BigQuery compares by content"));
    }
    if !settings.required_to()?.is_written_daily() {
        return Ok(ranges.clone());
    }
    let recent = options.recent();
    let clipped = recent.clip(ranges)?;
    if let Some(last) = recent.last_date().filter(|_| clipped != *ranges) {
        printer
            .note(format!("note: dates after {last} are left to the daily pipeline; --include-recent publishes them"));
    }
    Ok(clipped)
}

fn rehearse(context: Context<'_>, order: Order<'_>) -> Result<ExitCode> {
    let Context { settings, printer, .. } = context;
    let target = settings.open_target()?;
    let snapshot = &Snapshot::load(&settings.store())?;
    let Selected { eligible, .. } = select(context, snapshot, &order)?;
    let mut held_back = eligible.held_back();
    let ranges = order.ranges;
    let set = publish_set(eligible, order)?;
    let rehearsed = target.rehearse(&set);
    receipt::give(target.bill(), context);
    let rehearsed = rehearsed?;
    let open = snapshot.accepted()?.open_of(&target.name(), &rehearsed.vanished);
    held_back.vanished = judge::dates_of(&open).len();
    vanished::warn(&open, &target.name(), printer);
    target.take_notes().into_iter().for_each(|note| printer.note(format!("note: {note}")));
    show_rehearsal(&rehearsed, &snapshot.store, || nothing_to_publish(&set, &target.name()), printer);
    Ok(exit_code(held_back, note_not_computed(snapshot, ranges, printer)))
}

/// Shows what would be published, and remembers the plan.
fn show_rehearsal(rehearsed: &Rehearsal, store: &Store, nothing: impl Fn() -> String, printer: Printer) {
    let Rehearsal { lines, plan, estimate, .. } = rehearsed;
    let id = (!lines.is_empty()).then(|| plan.id());
    if printer.is_json() {
        let estimate = estimate.as_ref().map(|bill| bill.json());
        printer.json(&object!({ "plan": id, "lines": lines, "details": plan, "estimate": estimate }));
    } else if let Some(id) = &id {
        lines.iter().for_each(|line| printer.line(line));
        estimate.iter().for_each(|bill| printer.line(receipt::estimate(bill)));
        printer.line(format!("plan {id}: `putback upload --plan {id}` with the same options publishes exactly this"));
    } else {
        printer.line(nothing());
    }
    // Without it, a plan that does not hold any more cannot be explained.
    if let Some(error) = id.and_then(|_| plan.save(store).err()) {
        printer.note(format!("note: the plan is not remembered: {error}"));
    }
}

fn nothing_to_publish(set: &PublishSet<'_>, target: &str) -> String {
    match set.parts.is_empty() {
        true => "nothing to publish: no date of the range may be published".to_owned(),
        false => format!("nothing to publish: {target} already holds the dates that may be published"),
    }
}

/// What is to be published.
#[derive(Debug)]
pub struct Order<'a> {
    pub ranges: &'a DateRanges,
    pub options: &'a UploadOptions,
    /// Exactly this, or nothing.
    pub reviewed: Option<Reviewed>,
}

/// What may be published, and the state of the store with what the checks found.
struct Selected<'s> {
    eligible: Eligible<'s>,
    snapshot: Snapshot,
}

/// Finds what may be published, and says what is held back.
fn select<'s>(context: Context<'_>, snapshot: &'s Snapshot, order: &Order<'_>) -> Result<Selected<'s>> {
    let (Context { settings, printer, .. }, Order { ranges, options, .. }) = (context, order);
    let mut candidates = Candidates::of(snapshot, ranges, options.with_daily_cache)?;
    say_stale(&candidates.to_compute(), printer);
    say_other_windows(&judge::other_windows(snapshot, ranges), printer);
    candidates.exclude(conditions::exclude(ranges, options, printer)?);
    let leave = Leave { accept: &options.accept, quarantines: options.quarantine };
    let checked = candidates.checked(leave, &settings.checks())?;
    let snapshot = match checked.report() {
        Some(report) => checks::remembered(settings, snapshot.clone(), report)?,
        None => snapshot.clone(),
    };
    let eligible = checked.eligible()?;
    if let Some(report) = eligible.report() {
        causes::say(report, eligible.dates(), printer);
        say_failed(&eligible, context)?;
        say_lost_cache(&eligible.lost_cache(), printer);
    }
    Ok(Selected { eligible, snapshot })
}

/// The set of a publication, with what is recorded of it.
fn publish_set<'s>(eligible: Eligible<'s>, Order { options, reviewed, .. }: Order<'_>) -> Result<PublishSet<'s>> {
    let terms = Terms {
        conditions: conditions::of(&eligible),
        removes_vanished: options.remove_vanished,
        repairs: options.repair,
        published_at: environment::timestamp()?,
        keep: options.keep.keep(),
        held_back_causes: eligible.held_back_causes(),
        reviewed,
        recent: options.recent(),
    };
    Ok(PublishSet::new(eligible, terms))
}

fn say_stale(to_compute: &BTreeSet<NaiveDate>, printer: Printer) {
    if let (Some(first), Some(last)) = (to_compute.first(), to_compute.last()) {
        let count = counted(to_compute.len(), "date");
        printer.warn(format!(
            "note: the inputs of {count} changed after they were computed ({first} to {last}); they are not \
             published: run `putback compute` first"
        ));
    }
}

/// Names the dates that failed.
fn say_failed(eligible: &Eligible<'_>, Context { settings, printer, .. }: Context<'_>) -> Result<()> {
    for (processor, dates) in &eligible.dates().held_back {
        printer.warn(format!(
            "note: {processor}: {} failed and not published; {} keeps what it has",
            counted(dates.len(), "date"),
            settings.required_to()?
        ));
    }
    Ok(())
}

/// Rows that the reference would not have made are published, and said to be.
fn say_other_windows(dates: &BTreeSet<NaiveDate>, printer: Printer) {
    if let (Some(first), Some(last)) = (dates.first(), dates.last()) {
        let count = counted(dates.len(), "date");
        printer
            .warn(format!("note: windows end on the day before, unlike the reference's: {count}, {first} to {last}"));
    }
}

/// Dates without PDC are published with what MLFS falls back to, and said to be.
fn say_lost_cache(lost: &BTreeSet<NaiveDate>, printer: Printer) {
    if let (Some(first), Some(last)) = (lost.first(), lost.last()) {
        let span = if first == last { first.to_string() } else { format!("{first} to {last}") };
        printer.warn(format!(
            "note: PDC failed on {}, {span}: MLFS falls back on them; `putback status` has the reasons",
            counted(lost.len(), "date")
        ));
    }
}

/// Game dates that were never computed are not published either, nor are days with rows that the schedule does not know,
/// and neither is passed over in silence.
pub fn note_not_computed(snapshot: &Snapshot, ranges: &DateRanges, printer: Printer) -> usize {
    let say = |what: &str, dates: &BTreeSet<NaiveDate>| {
        if let (Some(first), Some(last)) = (dates.first(), dates.last()) {
            let span = if first == last { first.to_string() } else { format!("{first} to {last}") };
            printer.warn(format!("note: {what}: {}, {span}", counted(dates.len(), "date")));
        }
        dates.len()
    };
    let unscheduled = judge::unscheduled(snapshot, ranges);
    say("not computed and not published", &judge::pending(snapshot, ranges))
        + say("has rows, but no final game in the schedule, so neither computed nor published now", &unscheduled)
        + say_contradictions(&snapshot.schedule, ranges, printer)
}

/// Names games of which the schedule says two things; returns the number of their days.
fn say_contradictions(schedule: &Schedule, ranges: &DateRanges, printer: Printer) -> usize {
    let games = judge::contradictions(schedule, ranges);
    let ids: Vec<&str> = games.values().flatten().map(String::as_str).collect();
    if let (Some((first, _)), Some((last, _))) = (games.first_key_value(), games.last_key_value()) {
        let span = if first == last { first.to_string() } else { format!("{first} to {last}") };
        let (days, some) = (counted(games.len(), "date"), ids.iter().take(3).copied().collect::<Vec<_>>().join(", "));
        printer.warn(format!("note: {CONTRADICTION}: {days}, {span}: {} such as {some}", counted(ids.len(), "game")));
    }
    games.len()
}

/// What an upload came to.
pub struct Uploaded {
    pub report: UploadReport,
    pub held_back: HeldBack,
    pub accounting: BTreeMap<ProcessorId, Accounting>,
    /// The store as it is now.
    pub snapshot: Snapshot,
}

/// Publishes what is done and passes the checks, and says what was held back.
pub fn publish(context: Context<'_>, locked: Locked<'_>, order: Order<'_>) -> Result<Uploaded> {
    let Context { settings, printer, .. } = context;
    let target = settings.open_target()?;
    context.observer().on(Event::Waiting { what: "the checks of the outputs".to_owned() });
    let Selected { eligible, snapshot } = context.step("validate", || select(context, locked.snapshot, &order))?;
    let (ranges, accepts_vanished) = (order.ranges, order.options.accepts_vanished());
    // For the verdicts, until the dates are published.
    let (store, catalogue, excluded) = (&snapshot.store, settings.catalogue.digest(), eligible.excluded());
    let validations = snapshot.validations.remember_excluded(store, catalogue, Excluded { ranges, dates: excluded })?;
    let (mut held_back, accounting) = (eligible.held_back(), accounting_of(&eligible));
    record(&eligible, &accounting, context);
    let set = publish_set(eligible, order)?;
    context.fact("quarantined", object!(set.quarantined().by_check()));
    let (report, validations) = send(&set, &*target, context, &validations)?;
    context.summarize("published", json(&report));
    context.measure(|metrics| metrics.published(report.tables.values()));
    let done = Done { set: &set, ranges, target: &target.name(), report: &report };
    let settled = settle(&done, locked.lock, accepts_vanished, context)?;
    held_back.vanished = judge::dates_of(&settled.open).len();
    target.take_notes().into_iter().for_each(|note| printer.note(format!("note: {note}")));
    say_changed_by_others(&report, &target.name(), printer);
    if report.is_nothing() {
        printer.note(nothing_to_publish(&set, &target.name()));
    }
    let snapshot = snapshot.computed(locked.lock).validated(validations).decided(settled.decisions);
    Ok(Uploaded { report, held_back, accounting, snapshot })
}

fn accounting_of(eligible: &Eligible<'_>) -> BTreeMap<ProcessorId, Accounting> {
    eligible.report().map(|report| report.accounting.clone()).unwrap_or_default()
}

/// Records what is published and what is not.
fn record(eligible: &Eligible<'_>, accounting: &BTreeMap<ProcessorId, Accounting>, context: Context<'_>) {
    context.fact("excluded", object!(eligible.excluded()));
    if let Some(report) = eligible.report() {
        context.fact("causes", object!(report.causes));
        context.fact("waivers", object!(report.waivers));
    }
    context.fact("held_back_by_checks", object!(eligible.invalid()));
    context.fact("published_although_checks_fail", object!(eligible.accepted()));
    let totals = accounting.iter().map(|(id, of)| (id.name().to_owned(), object!(of.total)));
    context.summarize("accounting", Value::Object(totals.collect()));
    let HeldBack { failed, invalid, .. } = eligible.held_back();
    context.summarize("held_back", object!({ "failed": failed, "invalid": invalid }));
}

/// Publishes the set, and remembers what is in quarantine in the target.
fn send(
    set: &PublishSet<'_>,
    target: &dyn Target,
    context: Context<'_>,
    validations: &Validations,
) -> Result<(UploadReport, Validations)> {
    let (store, catalogue, name) = (context.store(), context.settings.catalogue.digest(), target.name());
    let remember = |known: &Validations, dates: &BTreeSet<NaiveDate>, entities: &BTreeMap<NaiveDate, u64>| {
        known.remember_quarantined(&store, catalogue, InQuarantine { target: &name, dates, entities })
    };
    let before = validations.quarantined_in(&name);
    let quarantined = set.quarantined().by_date();
    // First, so that a publication that is killed is known as well.
    let validations = remember(validations, &BTreeSet::new(), &quarantined)?;
    let published = context.step("upload", || target.publish(set, context.observer()));
    receipt::give(target.bill(), context);
    if published.as_ref().is_err_and(publishes_nothing) {
        remember(&validations, &quarantined.into_keys().collect(), &before)?;
        return Err(published.expect_err("it failed"));
    }
    let report = UploadReport { quarantined: set.quarantined().by_check(), ..published? };
    let validations = remember(&validations, &set.dates(), &quarantined)?;
    Ok((report, validations))
}

/// Whether an error of a publication says that the target is as it was.
fn publishes_nothing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::StalePlan | ErrorKind::Conflict | ErrorKind::Usage)
}

/// Records what is decided of dates that vanished, and says what is open.
fn settle(done: &Done<'_>, lock: &WriteLock, accepts: bool, context: Context<'_>) -> Result<Settled> {
    let run = RunContext { timestamp: environment::timestamp()?, windows: WindowEnd::default(), quarantine: false };
    let settled = done.settle(lock, accepts, run)?;
    if let Some(removed) = &settled.removed {
        context.fact("removed_vanished", vanished::json(removed));
    }
    if let Some(recorded) = &settled.recorded {
        context.fact(if accepts { "accepted_vanished" } else { "vanished" }, vanished::json(recorded));
    }
    vanished::warn(&settled.open, done.target, context.printer);
    Ok(settled)
}

/// Names dates that somebody else changed beside those that were published now.
fn say_changed_by_others(report: &UploadReport, target: &str, printer: Printer) {
    for (table, upload) in &report.tables {
        if let (Some(first), Some(last)) = (upload.changed_by_others.first(), upload.changed_by_others.last()) {
            let span = if first == last { first.to_string() } else { format!("{first} to {last}") };
            let count = counted(upload.changed_by_others.len(), "date");
            printer.warn(format!(
                "note: somebody else changed {table} in {target} on {count}, {span}; the rows stay as they are: \
                 `putback diff` shows them, an upload of these dates replaces them"
            ));
        }
    }
}

/// Dates and rows written per table.
pub fn table(report: &UploadReport) -> String {
    let rows = report.tables.iter().map(|(table, upload)| {
        vec![
            table.to_string(),
            upload.dates.len().to_string(),
            upload.unchanged.to_string(),
            thousands(upload.rows),
            thousands(upload.removed_rows),
        ]
    });
    text_table(&["Table", "Dates published", "Unchanged", "Rows", "Rows removed"], rows.collect(), 1)
}

/// Names the publication, and how it is taken back.
pub fn say_publication(report: &UploadReport, settings: &Settings, printer: Printer) {
    let Some(id) = &report.publication else { return };
    let kept = report.kept.and_then(|KeptRows { bytes, until }| {
        let (size, price) = (size(bytes), storage_usd_per_month(bytes));
        until.map(|until| format!(" until {} ({size} kept, {price:.4} USD a month)", until.format("%Y-%m-%d")))
    });
    let undo = format!("`{}` takes it back{}", undo_command(settings, id), kept.unwrap_or_default());
    printer.note(format!("note: publication {id}; {undo}"));
}

/// The command that takes a publication back.
pub fn undo_command(settings: &Settings, id: &str) -> String {
    let to = |to: &Setting<Location>| {
        format!(" --to {}", shlex::try_quote(&to.value.to_string()).expect("an argument has no NUL"))
    };
    format!("putback undo{} {id}", settings.to.as_ref().map(to).unwrap_or_default())
}

/// [`table`] for machines.
pub fn json(report: &UploadReport) -> Value {
    let tables = report.tables.iter().map(|(table, upload)| {
        object!({
            "table": table.full_name(),
            "dates": upload.dates,
            "unchanged": upload.unchanged,
            "rows": upload.rows,
            "removed_rows": upload.removed_rows,
            "vanished": upload.vanished,
            "changed_by_others": upload.changed_by_others,
        })
    });
    let kept = report.kept.map(|kept| object!({ "bytes": kept.bytes, "until": kept.until }));
    object!({
        "tables": tables.collect::<Vec<_>>(), "publication": report.publication, "kept": kept,
        "quarantined": report.quarantined,
    })
}
