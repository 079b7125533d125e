//! `putback status`

use std::time::Duration;

use chrono::Utc;
use clap::Args;
use serde_json::json;

use super::context::Context;
use super::exit::ExitCode;
use super::output::Printer;
use super::range::RangeArgs;
use super::recorder::{RunRecord, records, run_dir};
use super::settings::{GlobalArgs, Settings};
use super::{calendar, coverage, environment, preflight, remote, run_log, unreadable};
use crate::calendar::Month;
use crate::catalog::Table;
use crate::error::Result;
use crate::judge::{self, Asked, ByRule, CONTRADICTION, Standing, StatusReport};
use crate::processors::ProcessorId;
use crate::report::page::{Circumstances, days};
use crate::snapshot::Snapshot;
use crate::store::{Closeness, Owner, Store, WriteLock};

/// Show the state of every date of the store, per year and processor
///
/// Reads the store only, also while another process writes it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  putback status --year 2024\n  putback status --dates --processor mlfs")]
pub struct StatusArgs {
    #[command(flatten)]
    range: RangeArgs,
    /// List dates that failed, are pending, stale or unvalidated, or fail a check, one per line
    #[arg(long)]
    dates: bool,
    /// With --dates: list dates that are empty by rule as well, with the rule
    #[arg(long, requires = "dates")]
    empty: bool,
    /// Show only this processor, without verdicts: tdza, psza, pcf, pdc or mlfs
    #[arg(long, value_name = "PROCESSOR")]
    processor: Option<ProcessorId>,
    /// Compare every file of the store with its checksum, not only files that were written to since
    #[arg(long)]
    verify: bool,
    /// Draw a calendar instead: a month a row, a day a character, the worst of all processors or of --processor
    #[arg(long, conflicts_with_all = ["dates", "remote", "write_progress"])]
    calendar: bool,
    /// End with status 4 when a date fails a check or is not validated, else with 3 when a year is partial
    #[arg(long, conflicts_with_all = ["processor", "watch"])]
    check: bool,
    /// Refresh until the process that writes the store ends
    #[arg(long)]
    watch: bool,
    /// Compare rows per date and table with the warehouse of --to; as JSON, print only that
    #[arg(long)]
    remote: bool,
    /// Set and clear the flags of nba_backfill.backfill_progress in the project of --to, in one merge
    #[arg(long)]
    write_progress: bool,
}

pub fn run(args: &StatusArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let settings = Settings::resolve(global, None, args.range.target()?)?;
    let store = settings.store();
    if args.watch {
        return watch(args, &settings, &store, printer);
    }
    let is_remote = args.remote || args.write_progress;
    // One document: with --remote, that is the comparison.
    let is_shown = !(is_remote && printer.is_json());
    let mut code = ExitCode::Done;
    let snapshot = Snapshot::load(&store)?;
    if is_shown || args.check {
        let report = stands(args, &settings, &snapshot, printer)?;
        if args.check {
            code = checked(&report);
        }
        if is_shown {
            show(args, report, &snapshot, printer);
        }
    }
    if is_remote {
        let context = Context::new(&settings, printer);
        remote::run(context, &snapshot, &args.range.or_everything()?, args.write_progress)?;
    }
    Ok(code)
}

/// What `--check` ends with: as an upload, which tells of checks first.
fn checked(report: &StatusReport) -> ExitCode {
    let mut open = report.verdicts.iter().flat_map(|verdict| &verdict.open).map(|open| &open.what).peekable();
    let is_complete = open.peek().is_none();
    let of_checks = |what: &Standing| matches!(what, Standing::Fails { .. } | Standing::NotValidated);
    match (is_complete, open.any(of_checks)) {
        (true, _) => ExitCode::Done,
        (false, true) => ExitCode::FailedValidation,
        (false, false) => ExitCode::FailedDates,
    }
}

/// How the dates that were asked for stand; names files that are missing or altered.
fn stands(args: &StatusArgs, settings: &Settings, snapshot: &Snapshot, printer: Printer) -> Result<StatusReport> {
    let ranges = args.range.or_everything()?;
    let dates = snapshot.game_dates(&ranges);
    if dates.is_empty() && judge::vanished(snapshot, &ranges).is_empty() {
        return Err(judge::no_game_dates(snapshot, &ranges));
    }
    let closeness = if args.verify { Closeness::Verified } else { Closeness::Noticed };
    let altered = snapshot.store.altered_months(&snapshot.phase3, &snapshot.phase4, closeness)?;
    say_altered(&snapshot.store, &altered, printer);
    unreadable::warn_of_validations(&snapshot.validations, printer);
    preflight::warn_if_unreadable(&snapshot.store, printer);
    unreadable::warn_of_records(&snapshot.store, printer)?;
    let asked = Asked { ranges: &ranges, dates: &dates };
    judge::status_knowing(&altered, snapshot, &settings.catalogue, asked)
}

fn show(args: &StatusArgs, mut report: StatusReport, snapshot: &Snapshot, printer: Printer) {
    if args.calendar {
        return draw(&report, snapshot, args.processor, printer);
    }
    if let Some(only) = args.processor {
        report.rows.retain(|row| row.processor == only);
        report.not_done.retain(|date| date.processor == only);
        report.by_rule.retain(|rule| rule.processor == only);
        // A verdict is one of all processors.
        report.verdicts.clear();
        report.stale.retain(|processor, _| *processor == only);
        report.shares.retain(|share| share.processor == only);
    }
    if args.dates {
        list_dates(&report, args.empty, printer);
    } else {
        coverage::print(&report, printer);
    }
}

/// The calendar, by what the store knows: not what is published.
fn draw(report: &StatusReport, snapshot: &Snapshot, only: Option<ProcessorId>, printer: Printer) {
    let circumstances = Circumstances { status: report, held_back: &report.failing, published: None };
    let mut days = days(&snapshot.phase4, &circumstances);
    days.retain(|id, _| only.is_none_or(|only| only == *id));
    match printer.is_json() {
        true => printer.json(&days),
        false => calendar::lines(&days, only).iter().for_each(|line| printer.line(line)),
    }
}

/// Names the files of months that are missing or altered, and what repairs them.
fn say_altered(store: &Store, altered: &[(Table, Month)], printer: Printer) {
    for &(table, month) in altered {
        let file = store.month_file(table, month);
        printer.warn(format!("note: {} is missing or damaged: {}", file.display(), Store::repair(table)));
    }
}

/// Shows the status again and again while another process writes the store.
fn watch(args: &StatusArgs, settings: &Settings, store: &Store, printer: Printer) -> Result<ExitCode> {
    const EVERY: Duration = Duration::from_secs(2);
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stdout());
    loop {
        let holder = WriteLock::holder(store)?;
        if is_terminal {
            printer.clear();
        }
        let snapshot = Snapshot::load(store)?;
        show(args, stands(args, settings, &snapshot, printer)?, &snapshot, printer);
        if printer.is_lost() {
            return Ok(ExitCode::Done);
        }
        let Some(holder) = holder else {
            printer.note("no process is writing the store");
            return Ok(ExitCode::Done);
        };
        let Running { so_far, stands_still } = Running::of(store, &holder)?;
        printer.note(format!("process {} (`{}`) is writing{so_far}", holder.pid, holder.command));
        if let Some(minutes) = stands_still {
            printer.warn(format!(
                "note: nothing has moved for {minutes} minutes: look at process {} on {}; a killed run is completed by the same command",
                holder.pid, holder.host
            ));
        }
        std::thread::sleep(EVERY);
    }
}

/// What is said of the run of the process that writes the store, by its log.
#[derive(Debug, Default)]
struct Running {
    /// How far it is, and what it did last.
    so_far: String,
    /// Minutes without a new line of its log, where that is long.
    stands_still: Option<u64>,
}

impl Running {
    /// A computation of a whole step writes no line: a few minutes of silence mean nothing.
    const LONG: Duration = Duration::from_secs(600);

    fn of(store: &Store, holder: &Owner) -> Result<Self> {
        let pid = holder.pid.to_string();
        // Ids are the time, the process and random digits.
        let is_theirs = |run: &RunRecord| run.finished_at.is_none() && run.id.split('-').nth(1) == Some(&pid);
        let Some(run) = records(store)?.into_iter().rev().find(is_theirs) else { return Ok(Self::default()) };
        let dir = run_dir(store, &run.id)?;
        let log = run_log::read(&dir).unwrap_or_default();
        let elapsed = (Utc::now() - run.started_at).as_seconds_f64();
        let far = match run_log::progress(&log) {
            (0, 0) => String::new(),
            (0, planned) => format!(": 0 of about {planned} dates"),
            (done, planned) => {
                let left = elapsed / done as f64 * planned.saturating_sub(done) as f64;
                format!(": {done} of about {planned} dates, about {left:.0} s left")
            }
        };
        let silence = run_log::silence(&dir, environment::now());
        let last = log
            .last()
            .map_or_else(String::new, |line| format!("; {} s ago: {}", silence.as_secs(), line.entry.words()));
        let stands_still = (silence >= Self::LONG).then_some(silence.as_secs() / 60);
        Ok(Self { so_far: format!(" for {elapsed:.0} s{far}{last}"), stands_still })
    }
}

fn list_dates(report: &StatusReport, with_empty: bool, printer: Printer) {
    if printer.is_json() {
        return printer.json(&json!({
            "not_done": report.not_done, "stale": report.stale, "failing_checks": report.failing,
            "not_validated": report.not_validated, "by_rule": report.by_rule,
            "unscheduled": report.unscheduled, "contradictions": report.contradictions, "vanished": report.vanished,
        }));
    }
    for date in &report.not_done {
        let what = date.failed.as_ref().map_or_else(|| "pending".to_owned(), |reason| format!("failed: {reason}"));
        printer.line(format!("{} {} {what}", date.date, date.processor));
    }
    for (processor, dates) in &report.stale {
        dates.iter().for_each(|date| printer.line(format!("{date} {processor} stale: inputs changed")));
    }
    for (date, ids) in &report.failing {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        printer.line(format!("{date} fails checks: {}", ids.join(", ")));
    }
    report.not_validated.iter().for_each(|date| printer.line(format!("{date} not validated")));
    let unscheduled = report.unscheduled.iter();
    unscheduled.for_each(|date| printer.line(format!("{date} has rows, but no final game in the schedule")));
    for (table, dates) in &report.vanished {
        let line = |(date, rows)| {
            printer.line(format!("{date} vanished upstream or became empty: rows of {table} kept: {rows}"));
        };
        dates.iter().for_each(line);
    }
    for (date, ids) in &report.contradictions {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        printer.line(format!("{date} {CONTRADICTION}: {}", ids.join(", ")));
    }
    for ByRule { processor, rule, dates } in report.by_rule.iter().filter(|_| with_empty) {
        dates.iter().for_each(|date| printer.line(format!("{date} {processor} no row is possible: {rule}")));
    }
}
