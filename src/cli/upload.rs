//! `putback upload`

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{Days, NaiveDate};
use clap::Args;

use super::checks::{self, Checked, Purpose};
use super::environment;
use super::exit::ExitCode;
use super::output::{Printer, counted, text_table, thousands};
use super::range::RangeArgs;
use super::recorder::Recorder;
use super::settings::{GlobalArgs, Settings};
use super::status;
use super::sync::announce_clipping;
use super::undo::KeepOptions;
use super::{causes, conditions, receipt, vanished};
use crate::calendar::DateRanges;
use crate::catalog::Table;
use crate::checks::{Accounting, CheckReport, Phase};
use crate::error::{Error, ErrorKind, Result};
use crate::judge::{AcceptedVanished, RowsByDate};
use crate::price::{size, storage_usd_per_month};
use crate::processors::{ProcessorId, RunContext};
use crate::progress::{Event, Observer};
use crate::report::{CONTRADICTION, StatusReport};
use crate::schedule::Schedule;
use crate::snapshot::{InQuarantine, Snapshot, Validations};
use crate::store::{DateRecord, DateState, WriteLock};
use crate::upload::{KeptRows, MonthPart, PublishSet, Rehearsal, Reviewed, UploadReport};
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

/// Options of every command that publishes.
#[derive(Debug, Clone, Default, Args)]
pub struct UploadOptions {
    /// Publish today's and yesterday's dates (US Eastern) into BigQuery, which the daily pipeline normally writes
    #[arg(long)]
    include_recent: bool,
    /// Publish player_daily_cache as well, which is not one of the four tables of the reference's yearly run
    #[arg(long)]
    with_daily_cache: bool,
    /// Publish dates although this check, and what follows from it, fails on them, for this run; `vanished` keeps published
    /// rows of dates that vanished upstream; the run records it (repeatable)
    #[arg(long, value_name = "CHECK_ID")]
    accept: Vec<String>,
    /// Leave this date out of the publication; windows of other dates still hold its games (repeatable)
    #[arg(long, value_name = "DATE", requires = "reason")]
    pub(super) exclude: Vec<NaiveDate>,
    /// With --exclude: the reason, for the record and the verdict
    #[arg(long, value_name = "TEXT", requires = "exclude")]
    pub(super) reason: Option<String>,
    /// Remove rows of dates that vanished upstream or became empty, from target and store
    #[arg(long)]
    remove_vanished: bool,
    /// Write damaged files of a target directory or bucket again
    #[arg(long)]
    repair: bool,
    #[command(flatten)]
    keep: KeepOptions,
    /// `--quarantine`, which computing has as well.
    #[arg(skip)]
    quarantine: bool,
}

impl UploadOptions {
    /// For the run's record.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "accept": self.accept, "exclude": self.exclude, "reason": self.reason, "include_recent": self.include_recent,
            "remove_vanished": self.remove_vanished, "repair": self.repair, "with_daily_cache": self.with_daily_cache,
            "keep": self.keep.json(), "quarantine": self.quarantine,
        })
    }

    pub fn with_quarantine(self, quarantine: bool) -> Self {
        Self { quarantine, ..self }
    }

    fn accepts_vanished(&self) -> bool {
        self.accept.iter().any(|id| id == vanished::ACCEPT)
    }
}

pub fn run(args: &UploadArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let settings = Settings::resolve(global, None, args.range.target()?)?;
    let range = args.range.required(environment::yesterday())?;
    say_mapping(&settings, printer);
    announce_clipping(&range, printer);
    let options = args.options.clone().with_quarantine(args.quarantine);
    let ranges = publishable(&settings, &range.ranges, &options, printer)?;
    checks::say_overridden(&settings.catalogue, printer);
    if args.dry_run {
        return rehearse(&settings, &ranges, &options, printer);
    }
    let reviewed = args.plan.as_ref().map(|id| Reviewed::load(&settings.store(), id)).transpose()?;
    let lock = WriteLock::acquire(&settings.store(), &environment::owner())?;
    let recorder = Recorder::begin(&settings, &ranges, options.json(), printer)?;
    recorder.fact("plan", serde_json::json!(args.plan));
    let order = Order { ranges: &ranges, options: &options, reviewed };
    let published =
        Snapshot::locked(&lock).and_then(|snapshot| publish(&settings, (&lock, &snapshot), order, &recorder, printer));
    let outcome = published.and_then(|Uploaded { report, held_back, snapshot, .. }| {
        if printer.is_json() {
            printer.json(&json(&report));
        } else {
            printer.line(table(&report));
        }
        say_publication(&report, &settings, printer);
        if let Some(status) = status::of_ranges(&settings, &snapshot, &ranges)? {
            recorder.stands(&status);
        }
        let pending = note_not_computed(&snapshot, &ranges, printer);
        Ok(held_back.exit_code(pending))
    });
    recorder.end(outcome)
}

/// Names the datasets that are published into instead of the real ones. Always said: rows in another place than
/// expected are worse than a line too many.
pub fn say_mapping(settings: &Settings, printer: Printer) {
    if let Some(mapping) = settings.mapping() {
        printer.warn(format!("note: rehearsal: [datasets] maps {mapping}"));
    }
}

/// What stays in the target as it is.
#[derive(Debug, Default, Clone, Copy)]
pub struct HeldBack {
    /// Dates of processors that failed, and stale dates.
    failed: usize,
    /// Dates whose rows fail a check of severity error.
    invalid: usize,
    /// Dates that vanished upstream and whose rows the target holds, without a decision.
    vanished: usize,
    /// Dates that are published although open causes reach them, without the rows in quarantine.
    quarantined: usize,
}

impl HeldBack {
    pub fn exit_code(self, pending: usize) -> ExitCode {
        match self {
            Self { invalid: 1.., .. } => ExitCode::FailedValidation,
            _ if self.failed + self.vanished + self.quarantined + pending > 0 => ExitCode::FailedDates,
            _ => ExitCode::Done,
        }
    }
}

/// The ranges without the days that the daily pipeline may still write.
///
/// # Errors
/// [`ErrorKind::Usage`] when nothing else was asked for, or a check to accept does not exist.
pub fn publishable(
    settings: &Settings,
    ranges: &DateRanges,
    options: &UploadOptions,
    printer: Printer,
) -> Result<DateRanges> {
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
    if options.include_recent || settings.required_to()?.has_files() {
        return Ok(ranges.clone());
    }
    let last = environment::yesterday() - Days::new(1);
    let clipped = ranges.clipped_to(last);
    if clipped.is_empty() {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("{ranges} is today or yesterday, which the daily pipeline writes"),
        )
        .hint("add --include-recent if it does not, or wait"));
    }
    if clipped != *ranges {
        printer
            .note(format!("note: dates after {last} are left to the daily pipeline; --include-recent publishes them"));
    }
    Ok(clipped)
}

fn rehearse(settings: &Settings, ranges: &DateRanges, options: &UploadOptions, printer: Printer) -> Result<ExitCode> {
    let target = settings.open_target()?;
    let snapshot = &Snapshot::load(&settings.store())?;
    let store = &snapshot.store;
    let Selected { set, mut held_back, .. } = select(settings, snapshot, ranges, options, printer)?;
    let rehearsed = target.rehearse(&set);
    receipt::give(target.bill(), None, printer);
    let Rehearsal { lines, vanished, plan, estimate } = rehearsed?;
    let open = AcceptedVanished::load(store)?.open_of(&target.name(), &vanished);
    held_back.vanished = vanished::dates(&open).len();
    vanished::warn(&open, &target.name(), printer);
    target.take_notes().into_iter().for_each(|note| printer.note(format!("note: {note}")));
    let id = (!lines.is_empty()).then(|| plan.id());
    if printer.is_json() {
        let estimate = estimate.map(|bill| bill.json());
        printer.json(&serde_json::json!({ "plan": id, "lines": lines, "details": plan, "estimate": estimate }));
    } else if let Some(id) = &id {
        lines.iter().for_each(|line| printer.line(line));
        estimate.iter().for_each(|bill| printer.line(receipt::estimate(bill)));
        printer.line(format!("plan {id}: `putback upload --plan {id}` with the same options publishes exactly this"));
    } else {
        printer.line(nothing_to_publish(&set, &target.name()));
    }
    // Without it, a plan that does not hold any more cannot be explained.
    if let Some(error) = id.and_then(|_| plan.save(store).err()) {
        printer.note(format!("note: the plan is not remembered: {error}"));
    }
    Ok(held_back.exit_code(note_not_computed(snapshot, ranges, printer)))
}

fn nothing_to_publish(set: &PublishSet<'_>, target: &str) -> String {
    match set.parts.is_empty() {
        true => "nothing to publish: no date of the range may be published".to_owned(),
        false => format!("nothing to publish: {target} already holds the dates that may be published"),
    }
}

/// What may be published, and what was held back, which is said.
struct Selected<'s> {
    set: PublishSet<'s>,
    held_back: HeldBack,
    /// The dates that fail checks, with the checks.
    invalid: BTreeMap<NaiveDate, BTreeSet<String>>,
    /// Those that fail accepted checks only, likewise.
    accepted: BTreeMap<NaiveDate, BTreeSet<String>>,
    /// Those that the user leaves out, with the reason.
    excluded: BTreeMap<NaiveDate, String>,
    /// What the checks found; nothing where no date was checked.
    report: Option<CheckReport>,
    /// Rows of the store on dates that vanished.
    vanished: RowsByDate,
    /// The validations, with what the checks found.
    validations: Arc<Validations>,
}

fn select<'s>(
    settings: &Settings,
    snapshot: &'s Snapshot,
    ranges: &DateRanges,
    options: &UploadOptions,
    printer: Printer,
) -> Result<Selected<'s>> {
    let vanished = vanished::in_store(snapshot, ranges);
    let mut set = PublishSet::collect(snapshot, ranges, &vanished)?;
    if !options.with_daily_cache {
        set.leave_out_unasked();
    }
    set.removes_vanished = options.remove_vanished;
    set.repairs = options.repair;
    set.keep = options.keep.keep();
    set.published_at = environment::timestamp()?;
    let schedule = &snapshot.schedule;
    let mut stale: BTreeSet<NaiveDate> = stale_in(snapshot, ranges).into_values().flatten().collect();
    // Nothing will be computed for a date that has no games any more.
    let vanished_dates = vanished::dates(&vanished);
    stale.retain(|date| schedule.has_games_on(*date) || !vanished_dates.contains(date));
    // A date without a game is told by `note_not_computed`.
    let to_compute: BTreeSet<NaiveDate> = stale.iter().copied().filter(|date| schedule.has_games_on(*date)).collect();
    if let (Some(first), Some(last)) = (to_compute.first(), to_compute.last()) {
        let count = counted(to_compute.len(), "date");
        printer.warn(format!(
            "note: the inputs of {count} changed after they were computed ({first} to {last}); they are not \
             published: run `putback compute` first"
        ));
    }
    set.leave_out(&stale);
    set.leave_out(&status::unscheduled(snapshot, ranges));
    say_other_windows(snapshot, ranges, printer);
    let excluded = conditions::exclude(ranges, options, printer)?;
    set.leave_out(&excluded.keys().copied().collect());
    if schedule.game_dates(ranges).is_empty() && !vanished.is_empty() {
        let (invalid, accepted) = (BTreeMap::new(), BTreeMap::new());
        return Ok(Selected {
            set,
            held_back: HeldBack::default(),
            invalid,
            accepted,
            excluded,
            report: None,
            vanished,
            validations: Arc::clone(&snapshot.validations),
        });
    }
    let left_out = if options.with_daily_cache { Vec::new() } else { ProcessorId::unasked() };
    let purpose = Purpose { phase: Phase::Outputs, accept: &options.accept, left_out, quarantines: options.quarantine };
    let Checked { report, snapshot: checked } = checks::report(settings, snapshot, ranges, &purpose)?;
    let (mut invalid, mut accepted) = (report.held_back(), report.accepted());
    invalid.retain(|date, _| !stale.contains(date));
    accepted.retain(|date, _| !stale.contains(date));
    set.leave_out(&invalid.keys().copied().collect());
    if let Some(quarantine) = &report.quarantine {
        set.quarantine(quarantine.clone())?;
    }
    causes::say(&report, &set, printer);
    // A date that failed is told as such, whatever else stands against it.
    let failed: BTreeSet<NaiveDate> = set.held_back.values().flatten().copied().collect();
    let invalid_dates = invalid.keys().filter(|date| !failed.contains(date)).count();
    let mut held_back = HeldBack {
        failed: stale.len(),
        invalid: invalid_dates,
        vanished: 0,
        quarantined: quarantined_dates(&report, &set).len(),
    };
    for (processor, dates) in &set.held_back {
        held_back.failed += dates.len();
        printer.warn(format!(
            "note: {processor}: {} failed and not published; {} keeps what it has",
            counted(dates.len(), "date"),
            settings.required_to()?
        ));
    }
    if !options.with_daily_cache {
        held_back.failed += say_lost_cache(snapshot, ranges, printer);
    }
    set.conditions = conditions::daily_cache(&set);
    let conditions = conditions::of(&report, &set, &excluded);
    set.conditions.extend(conditions);
    set.held_back_causes = held_back_causes(&set, &stale, &invalid);
    let validations = checked.validations;
    Ok(Selected { set, held_back, invalid, accepted, excluded, report: Some(report), vanished, validations })
}

/// Dates of the set that open causes reach: published, but for the rows in quarantine.
fn quarantined_dates(report: &CheckReport, set: &PublishSet<'_>) -> BTreeSet<NaiveDate> {
    let open = report.quarantine.iter().flat_map(|_| report.causes.iter().filter(|cause| cause.is_open()));
    let dates = open.flat_map(|cause| cause.reach.keys()).copied();
    dates.filter(|date| set.parts.iter().any(|part| part.dates.contains_key(date))).collect()
}

/// Dates that stay unpublished, with the cause of each.
fn held_back_causes(
    set: &PublishSet<'_>,
    stale: &BTreeSet<NaiveDate>,
    invalid: &BTreeMap<NaiveDate, BTreeSet<String>>,
) -> Vec<String> {
    let failed =
        set.held_back.iter().flat_map(|(id, dates)| dates.iter().map(move |date| format!("{date}: {id} failed")));
    let stale = stale.iter().map(|date| format!("{date}: stale"));
    let checks = |checks: &BTreeSet<String>| checks.iter().cloned().collect::<Vec<_>>().join(", ");
    let invalid = invalid.iter().map(|(date, of)| format!("{date}: {}", checks(of)));
    failed.chain(stale).chain(invalid).collect()
}

/// Game dates that were never computed are not published either, nor are days with rows that the schedule does not know,
/// and neither is passed over in silence.
pub fn note_not_computed(snapshot: &Snapshot, ranges: &DateRanges, printer: Printer) -> usize {
    let report = StatusReport::new(&snapshot.phase4, &snapshot.game_dates(ranges));
    let pending = report.not_done.iter().filter(|date| date.failed.is_none()).map(|date| date.date).collect();
    let unscheduled = status::unscheduled(snapshot, ranges);
    let say = |what: &str, dates: &BTreeSet<NaiveDate>| {
        if let (Some(first), Some(last)) = (dates.first(), dates.last()) {
            let span = if first == last { first.to_string() } else { format!("{first} to {last}") };
            printer.warn(format!("note: {what}: {}, {span}", counted(dates.len(), "date")));
        }
        dates.len()
    };
    say("not computed and not published", &pending)
        + say("has rows, but no final game in the schedule, so neither computed nor published now", &unscheduled)
        + say_contradictions(&snapshot.schedule, ranges, printer)
}

/// Names games of which the schedule says two things; returns the number of their days.
fn say_contradictions(schedule: &Schedule, ranges: &DateRanges, printer: Printer) -> usize {
    let games = status::contradictions(schedule, ranges);
    let ids: Vec<&str> = games.values().flatten().map(String::as_str).collect();
    if let (Some((first, _)), Some((last, _))) = (games.first_key_value(), games.last_key_value()) {
        let span = if first == last { first.to_string() } else { format!("{first} to {last}") };
        let (days, some) = (counted(games.len(), "date"), ids.iter().take(3).copied().collect::<Vec<_>>().join(", "));
        printer.warn(format!("note: {CONTRADICTION}: {days}, {span}: {} such as {some}", counted(ids.len(), "game")));
    }
    games.len()
}

/// What is to be published.
#[derive(Debug)]
pub struct Order<'a> {
    pub ranges: &'a DateRanges,
    pub options: &'a UploadOptions,
    /// Exactly this, or nothing.
    pub reviewed: Option<Reviewed>,
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
pub fn publish(
    settings: &Settings,
    (lock, snapshot): (&WriteLock, &Snapshot),
    Order { ranges, options, reviewed }: Order<'_>,
    recorder: &Recorder,
    printer: Printer,
) -> Result<Uploaded> {
    let target = settings.open_target()?;
    let (store, catalogue) = (lock.store(), settings.catalogue.digest());
    recorder.on(Event::Waiting { what: "the checks of the outputs".to_owned() });
    let selected = recorder.step("validate", || select(settings, snapshot, ranges, options, printer))?;
    let Selected { mut set, mut held_back, invalid, accepted, excluded, report: checked, vanished, validations } =
        selected;
    // For the verdicts, until the dates are published.
    let validations = validations.remember_excluded(store, catalogue, (ranges, &excluded))?;
    recorder.fact("excluded", serde_json::json!(excluded));
    if let Some(checked) = &checked {
        recorder.fact("causes", serde_json::json!(checked.causes));
        recorder.fact("waivers", serde_json::json!(checked.waivers));
    }
    let accounting = checked.map(|checked| checked.accounting).unwrap_or_default();
    recorder.fact("held_back_by_checks", serde_json::json!(invalid));
    recorder.fact("published_although_checks_fail", serde_json::json!(accepted));
    let totals = accounting.iter().map(|(id, of)| (id.name().to_owned(), serde_json::json!(of.total)));
    recorder.summarize("accounting", serde_json::Value::Object(totals.collect()));
    recorder.summarize("held_back", serde_json::json!({ "failed": held_back.failed, "invalid": held_back.invalid }));
    recorder.fact("quarantined", serde_json::json!(set.quarantined().by_check()));
    set.reviewed = reviewed;
    let remember = |known: &Validations, dates: &BTreeSet<NaiveDate>, entities: &BTreeMap<NaiveDate, u64>| {
        known.remember_quarantined(store, catalogue, InQuarantine { target: &target.name(), dates, entities })
    };
    let before = validations.quarantined_in(&target.name());
    let quarantined = set.quarantined().by_date();
    // First, so that a publication that is killed is known as well.
    let validations = remember(&validations, &BTreeSet::new(), &quarantined)?;
    let published = recorder.step("upload", || target.publish(&set, recorder));
    receipt::give(target.bill(), Some(recorder), printer);
    if published.as_ref().is_err_and(publishes_nothing) {
        remember(&validations, &quarantined.into_keys().collect(), &before)?;
        return Err(published.expect_err("it failed"));
    }
    let report = UploadReport { quarantined: set.quarantined().by_check(), ..published? };
    let validations = remember(&validations, &set.dates(), &quarantined)?;
    recorder.summarize("published", json(&report));
    recorder.measure(|metrics| metrics.published(report.tables.values()));
    let decided = Decided { lock, ranges, options, target: target.name(), set: &set };
    held_back.vanished = decided.take_in(&report, vanished, recorder, printer)?;
    target.take_notes().into_iter().for_each(|note| printer.note(format!("note: {note}")));
    say_changed_by_others(&report, &target.name(), printer);
    if report.is_nothing() {
        printer.note(nothing_to_publish(&set, &target.name()));
    }
    let snapshot = snapshot.computed(lock).validated(validations);
    Ok(Uploaded { report, held_back, accounting, snapshot })
}

/// Whether an error of a publication says that the target is as it was.
fn publishes_nothing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::StalePlan | ErrorKind::Conflict | ErrorKind::Usage)
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

/// What is decided of dates that vanished.
struct Decided<'a> {
    lock: &'a WriteLock,
    ranges: &'a DateRanges,
    options: &'a UploadOptions,
    target: String,
    set: &'a PublishSet<'a>,
}

impl Decided<'_> {
    /// Records the decision, and removes from the store what was removed from the target. Returns how many dates are open.
    fn take_in(
        &self,
        report: &UploadReport,
        mut in_store: RowsByDate,
        recorder: &Recorder,
        printer: Printer,
    ) -> Result<usize> {
        let store = self.lock.store();
        let found = report.vanished();
        if self.options.remove_vanished {
            // What was not asked for goes with the date in the tables that are published; what is held back stays.
            let is_in_set = |table: Table, date: &NaiveDate| {
                let is_meant = |part: &MonthPart| part.table == table || self.set.is_unasked(table);
                self.set.parts.iter().any(|part| is_meant(part) && part.dates.contains_key(date))
            };
            in_store.iter_mut().for_each(|(table, dates)| dates.retain(|date, _| is_in_set(*table, date)));
            let context =
                RunContext { timestamp: environment::timestamp()?, windows: WindowEnd::default(), quarantine: false };
            crate::compute::remove_vanished(self.lock, &in_store, context)?;
            recorder.fact("removed_vanished", vanished::json(&in_store));
            in_store.clear();
        }
        let mut decisions = AcceptedVanished::load(store)?;
        if !(decisions.is_empty() && found.is_empty() && in_store.is_empty()) {
            let accept = self.options.accepts_vanished();
            decisions.take_in(&self.target, self.ranges, (&found, &in_store), accept);
            decisions.save(store)?;
            recorder.fact(if accept { "accepted_vanished" } else { "vanished" }, vanished::json(&found));
        }
        let open = decisions.open_of(&self.target, &found);
        vanished::warn(&open, &self.target, printer);
        Ok(vanished::dates(&open).len())
    }
}

/// Dates of the ranges that `compute` would compute again.
pub(super) fn stale_in(snapshot: &Snapshot, ranges: &DateRanges) -> BTreeMap<ProcessorId, BTreeSet<NaiveDate>> {
    let Snapshot { phase3, phase4, .. } = snapshot;
    let computed = phase4.processors.values().flat_map(|records| records.keys()).copied();
    let dates: BTreeSet<NaiveDate> = computed.filter(|date| ranges.contains(*date)).collect();
    crate::compute::stale_dates(phase3, phase4, &dates.into_iter().collect::<Vec<_>>())
}

/// Rows that the reference would not have made are published, and said to be.
fn say_other_windows(snapshot: &Snapshot, ranges: &DateRanges, printer: Printer) {
    let records = snapshot.phase4.processors.values().flatten();
    let is_other = |date: &NaiveDate, record: &DateRecord| ranges.contains(*date) && !record.windows.is_default();
    let dates: BTreeSet<NaiveDate> =
        records.filter(|(date, record)| is_other(date, record)).map(|(date, _)| *date).collect();
    if let (Some(first), Some(last)) = (dates.first(), dates.last()) {
        let count = counted(dates.len(), "date");
        printer
            .warn(format!("note: windows end on the day before, unlike the reference's: {count}, {first} to {last}"));
    }
}

/// Dates without PDC are published with what MLFS falls back to, and said to be. Returns how many there are.
fn say_lost_cache(snapshot: &Snapshot, ranges: &DateRanges, printer: Printer) -> usize {
    let phase4 = &snapshot.phase4;
    let is_lost = |(date, record): &(&NaiveDate, &DateRecord)| {
        ranges.contains(**date) && matches!(record.state, DateState::Failed { .. })
    };
    let lost = phase4.processors.get(&ProcessorId::Pdc).into_iter().flatten().filter(is_lost);
    // Of a date that failed further up, MLFS says so itself.
    let is_published = |date: &NaiveDate| phase4.record(ProcessorId::Mlfs, *date).is_some_and(|r| r.state.is_settled());
    let lost: BTreeSet<NaiveDate> = lost.map(|(date, _)| *date).filter(is_published).collect();
    if let (Some(first), Some(last)) = (lost.first(), lost.last()) {
        let span = if first == last { first.to_string() } else { format!("{first} to {last}") };
        printer.warn(format!(
            "note: PDC failed on {}, {span}: MLFS falls back on them; `putback status` has the reasons",
            counted(lost.len(), "date")
        ));
    }
    lost.len()
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
    let to = settings.to.as_ref().map_or_else(String::new, |to| format!(" --to {}", to.value));
    let undo = format!("`putback undo{to} {id}` takes it back{}", kept.unwrap_or_default());
    printer.note(format!("note: publication {id}; {undo}"));
}

/// [`table`] for machines.
pub fn json(report: &UploadReport) -> serde_json::Value {
    let tables = report.tables.iter().map(|(table, upload)| {
        serde_json::json!({
            "table": table.full_name(),
            "dates": upload.dates,
            "unchanged": upload.unchanged,
            "rows": upload.rows,
            "removed_rows": upload.removed_rows,
            "vanished": upload.vanished,
            "changed_by_others": upload.changed_by_others,
        })
    });
    let kept = report.kept.map(|kept| serde_json::json!({ "bytes": kept.bytes, "until": kept.until }));
    serde_json::json!({
        "tables": tables.collect::<Vec<_>>(), "publication": report.publication, "kept": kept,
        "quarantined": report.quarantined,
    })
}
