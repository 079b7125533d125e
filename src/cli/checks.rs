//! `putback check` and `putback validate`: one catalogue, two phases.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use clap::Args;
use serde_json::{Value, json};

use super::causes;
use super::context::Context;
use super::exit::ExitCode;
use super::output::{Printer, counted, text_table, thousands, warn};
use super::range::RangeArgs;
use super::recorder::cannot_be_written;
use super::settings::{GlobalArgs, Settings};
use crate::calendar::DateRanges;
use crate::checks::{
    AcceptedBy, Accounting, Catalogue, Cause, CheckReport, CheckResult, Finding, Outcomes, Phase, Severity,
};
use crate::error::Result;
use crate::judge::{self, Purpose};
use crate::processors::{ProcessorId, bound};
use crate::report::words::{percent, runs};
use crate::snapshot::{Findings, Snapshot};

/// Intervals of offending dates that are listed before the rest is counted.
const LISTED: usize = 6;

/// Lines that fit on a screen. What is longer is shortened, unless all was asked for.
const SCREEN: usize = 40;

/// Errors that are listed where not everything fits.
const LISTED_ERRORS: usize = 15;

const HEADER: [&str; 6] = ["Check", "Table", "Rule", "Verdict", "Dates", "Cases"];

/// What the last columns of the accounting say, with the constants of the processors left open.
const INPUTS: &str = "Complete: share of the entities that have a row, without those that a rule skips. Inputs: share of the games or \
    contexts behind the rows that Phase 3 has (TDZA: the last {tdza.games} games of every team by the schedule; PSZA: the last {psza.games_long}; \
    PCF: the players' contexts; PDC: the last {pdc.team_games}; MLFS: the season's games of the date's teams). Clean: share that is filled and not \
    repeated. completeness_percentage is 100 in every row, as in the reference; that of PDC compares the whole season with {pdc.games} games.";

/// Check the synced inputs of a range and its look-back
///
/// Checks coverage against the schedule, teams per game, players per team, NULL shares, duplicates, contamination and
/// contexts. What is longer than a screen is shortened; -v prints it all. Ends with status 4 when a check of severity
/// error fails.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  putback check --year 2024\n  putback check --season 2023-24 --format json")]
pub struct CheckArgs {
    #[command(flatten)]
    range: RangeArgs,
    #[command(flatten)]
    options: CheckOptions,
}

/// Check the outputs, and account for every player and team
///
/// What is longer than a screen is shortened; -v prints it all. Ends with status 4 when a check of severity error fails.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  putback validate --year 2024\n  putback validate --inputs --date 2024-01-15")]
pub struct ValidateArgs {
    #[command(flatten)]
    range: RangeArgs,
    #[command(flatten)]
    options: CheckOptions,
    /// Check the inputs instead, as `putback check`
    #[arg(long)]
    inputs: bool,
}

#[derive(Debug, Clone, Default, Args)]
pub struct CheckOptions {
    /// Count failed warnings as errors
    #[arg(long)]
    strict: bool,
    /// Show passed checks as well
    #[arg(long)]
    all: bool,
}

pub fn check(args: &CheckArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    run(&Asked { range: &args.range, options: &args.options, phase: Phase::Inputs }, global, printer)
}

pub fn validate(args: &ValidateArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let phase = if args.inputs { Phase::Inputs } else { Phase::Outputs };
    run(&Asked { range: &args.range, options: &args.options, phase }, global, printer)
}

/// What either command was asked for.
struct Asked<'a> {
    range: &'a RangeArgs,
    options: &'a CheckOptions,
    phase: Phase,
}

fn run(asked: &Asked<'_>, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let &Asked { range, options, phase } = asked;
    let settings = Settings::resolve(global, None, None)?;
    let ranges = range.without_target()?.or_everything()?;
    let context = Context::new(&settings, printer);
    context.recording_if_possible(&ranges, json!({ "strict": options.strict }), |context| {
        let (report, snapshot) = context.step(step_of(phase), || checked(&settings, &ranges, phase))?;
        context.summarize(phase.name(), summary(&report));
        context.fact("waivers", json!(report.waivers));
        if phase == Phase::Outputs && context.is_recorded() {
            let status = judge::status_of_ranges(&snapshot, &settings.catalogue, &ranges)?;
            status.iter().for_each(|status| context.stands(status));
        }
        causes::say_waivers(&report, printer);
        Ok(show(&report, &settings.catalogue, options, printer))
    })
}

/// The name of the step that runs a phase, as commands are called.
fn step_of(phase: Phase) -> &'static str {
    match phase {
        Phase::Inputs => "check",
        Phase::Outputs => "validate",
    }
}

/// What a validation came to, for a run's record.
fn summary(report: &CheckReport) -> Value {
    let ids = |severity| report.failed(severity).map(|result| result.id.as_str()).collect::<Vec<_>>();
    json!({
        "dates": report.dates,
        "checks": report.results.len(),
        "errors": ids(Severity::Error),
        "warnings": ids(Severity::Warning),
    })
}

fn show(report: &CheckReport, catalogue: &Catalogue, options: &CheckOptions, printer: Printer) -> ExitCode {
    if printer.is_json() {
        printer.json(report);
    } else {
        let all = lines(report, catalogue, options.all);
        let is_short = !options.all && !printer.is_verbose() && height(&all) > SCREEN;
        let shown = if is_short { short_lines(report, catalogue) } else { all };
        shown.into_iter().for_each(|line| printer.line(line));
    }
    let fails = report.errors().count() > 0 || (options.strict && report.failed(Severity::Warning).count() > 0);
    if fails { ExitCode::FailedValidation } else { ExitCode::Done }
}

/// Runs a phase, remembers what a validation of outputs finds, and returns the state of the store with it.
fn checked(settings: &Settings, ranges: &DateRanges, phase: Phase) -> Result<(CheckReport, Snapshot)> {
    let snapshot = Snapshot::load(&settings.store())?;
    let report = judge::check(&snapshot, ranges, &Purpose::inspection(phase), &settings.checks())?;
    let snapshot = remembered(settings, snapshot, &report)?;
    Ok((report, snapshot))
}

/// Remembers what a validation of outputs found, for the verdicts of `putback status`.
pub fn remembered(settings: &Settings, snapshot: Snapshot, report: &CheckReport) -> Result<Snapshot> {
    if report.phase != Phase::Outputs {
        return Ok(snapshot);
    }
    let Snapshot { store, validations, .. } = &snapshot;
    if let Some(path) = validations.unreadable() {
        warn(format!("note: {} cannot be read, and is written anew", path.display()));
    }
    let (catalogue, seen) = (&settings.catalogue, snapshot.seen());
    let findings = Findings { found: report.found(catalogue), seen: &seen };
    match validations.remember(store, catalogue.digest(), findings) {
        Err(error) if cannot_be_written(&error) => {
            warn(format!("note: `status` and `upload` will not know of this validation: {error}"));
            Ok(snapshot)
        }
        remembered => Ok(snapshot.validated(remembered?)),
    }
}

/// A table of the failed checks, the offending dates of each, and the accounting.
fn lines(report: &CheckReport, catalogue: &Catalogue, all: bool) -> Vec<String> {
    let shown: Vec<&CheckResult> = report.results.iter().filter(|result| all || !result.passed).collect();
    let mut lines = Vec::new();
    if !shown.is_empty() {
        lines.push(text_table(&HEADER, shown.iter().map(|result| row(result)).collect(), 4));
        lines.push(String::new());
    }
    for result in shown.iter().filter(|result| !result.passed) {
        lines.extend(explanation(result, &report.scope));
    }
    lines.extend(cause_lines(report));
    let overridden = catalogue.overridden().into_iter();
    lines.extend(overridden.map(|line| format!("threshold overridden: {line}")));
    lines.extend(accounting_lines(report));
    lines.push(summary_line(report));
    lines
}

/// How many checks ended how.
fn summary_line(report: &CheckReport) -> String {
    let (errors, warnings) = (report.errors().count(), report.failed(Severity::Warning).count());
    let infos = report.failed(Severity::Info).count();
    let passed = report.results.iter().filter(|result| result.passed).count();
    let look_back = match (report.phase, report.look_back_dates) {
        (Phase::Outputs, _) | (_, 0) => String::new(),
        (Phase::Inputs, dates) => format!(" and {dates} before them"),
    };
    format!(
        "{} checks on {}{look_back}: {passed} passed, {}, {}, {}",
        report.results.len(),
        counted(report.dates, "game date"),
        counted(errors, "error"),
        counted(warnings, "warning"),
        counted(infos, "info")
    )
}

/// Lines of a screen.
fn height(lines: &[String]) -> usize {
    lines.iter().map(|line| line.lines().count().max(1)).sum()
}

/// What does not fit on a screen: errors a line each, the others by their ids, causes, and the accounting.
fn short_lines(report: &CheckReport, catalogue: &Catalogue) -> Vec<String> {
    let errors: Vec<&CheckResult> = report.errors().collect();
    let mut lines = Vec::new();
    if !errors.is_empty() {
        let rows = errors.iter().take(LISTED_ERRORS).map(|result| row(result)).collect();
        lines.push(text_table(&HEADER, rows, 4));
    }
    let rest = errors.len().saturating_sub(LISTED_ERRORS);
    lines.extend((rest > 0).then(|| format!("and {}", counted(rest, "more error"))));
    for (severity, name) in [(Severity::Warning, "warning"), (Severity::Info, "info")] {
        let ids: Vec<&str> = report.failed(severity).map(|result| result.id.as_str()).collect();
        lines.extend((!ids.is_empty()).then(|| format!("{}: {}", counted(ids.len(), name), ids.join(", "))));
    }
    lines.push("-v lists dates, examples and consequences of each".to_owned());
    lines.push(String::new());
    lines.extend(cause_lines(report));
    let overridden = catalogue.overridden().into_iter();
    lines.extend(overridden.map(|line| format!("threshold overridden: {line}")));
    if !report.accounting.is_empty() {
        lines.push(accounting_table(&report.accounting));
        lines.push(String::new());
    }
    lines.push(summary_line(report));
    lines
}

/// A check, and on how many dates it found how much.
fn row(result: &CheckResult) -> Vec<String> {
    let verdict = if result.passed { "ok".to_owned() } else { result.severity.name().to_owned() };
    let count: i64 = result.findings.iter().map(|finding| finding.count).sum();
    vec![
        result.id.clone(),
        result.table.clone(),
        result.title.clone(),
        verdict,
        result.findings.len().to_string(),
        thousands(count.unsigned_abs()),
    ]
}

/// What stands behind the errors, where one stands for others or reaches further dates.
fn cause_lines(report: &CheckReport) -> Vec<String> {
    let says_more = |cause: &&Cause| !cause.reach.is_empty() || !cause.also_fails.is_empty();
    let said: Vec<String> = report
        .causes
        .iter()
        .filter(says_more)
        .map(|cause| {
            let what = match cause.accepted {
                None => "cause",
                Some(AcceptedBy::Flag) => "accepted",
                Some(AcceptedBy::Waiver(_)) => "waived",
            };
            format!("{what}: {}", causes::line(cause))
        })
        .collect();
    if said.is_empty() { said } else { [said, vec![String::new()]].concat() }
}

/// Intervals with their cases and the first examples, and what they mean.
fn explanation(result: &CheckResult, scope: &[NaiveDate]) -> Vec<String> {
    let findings = &result.findings;
    let offending: Vec<NaiveDate> = findings.iter().map(|finding| finding.date).collect();
    let runs = runs(&offending, scope);
    let mut lines = vec![format!("{} {}:", result.severity.name(), result.id)];
    for &(first, last) in runs.iter().take(LISTED) {
        let span = match last - first {
            0 => offending[first].to_string(),
            more => format!("{} to {} ({} dates)", offending[first], offending[last], more + 1),
        };
        let cases: i64 = findings[first..=last].iter().map(|finding| finding.count).sum();
        let worst = findings[first..=last].iter().max_by_key(|finding| finding.count).expect("not empty");
        let examples = match (worst.examples.as_slice(), first == last) {
            ([], _) => String::new(),
            (examples, true) => format!(": {}", examples.join(", ")),
            (examples, false) => format!(", on {}: {}", worst.date, examples.join(", ")),
        };
        lines.push(format!("  {span}: {}{examples}", thousands(cases.unsigned_abs())));
    }
    let rest = runs.len().saturating_sub(LISTED);
    if let (Some(last), 1..) = (findings.last(), rest) {
        let what = if rest == 1 { "interval" } else { "intervals" };
        lines.push(format!("  and {rest} more {what}, to {} (--format json)", last.date));
    }
    lines.extend(follows(findings));
    lines.extend(result.consequence.as_ref().map(|consequence| format!("  consequence: {consequence}")));
    lines
}

/// What the findings follow from, and on how many dates.
fn follows(findings: &[Finding]) -> Vec<String> {
    let mut dates: BTreeMap<&str, usize> = BTreeMap::new();
    for cause in findings.iter().filter_map(|finding| finding.consequence_of.as_deref()) {
        *dates.entry(cause).or_default() += 1;
    }
    let line = |(cause, count): (&str, usize)| match count == findings.len() {
        true => format!("  follows from {cause}"),
        false => format!("  follows from {cause} on {}", counted(count, "date")),
    };
    dates.into_iter().map(line).collect()
}

/// Says that judgements are by other thresholds.
pub fn say_overridden(catalogue: &Catalogue, printer: Printer) {
    for line in catalogue.overridden() {
        printer.warn(format!("note: threshold overridden: {line}"));
    }
}

fn accounting_lines(report: &CheckReport) -> Vec<String> {
    if report.accounting.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![accounting_table(&report.accounting)];
    for (id, Accounting { total, .. }) in &report.accounting {
        for (what, reasons) in [("failed", &total.failed), ("skipped", &total.skipped)] {
            lines.extend(reasons.iter().map(|(reason, count)| format!("{id}: {} {what}: {reason}", thousands(*count))));
        }
    }
    lines.push(bound(INPUTS));
    lines.push(String::new());
    lines
}

/// Something to count of a processor.
type Count = fn(&Outcomes) -> u64;

/// Where the entities of each processor ended, and how much of what they rest on is there.
pub fn accounting_table(accounting: &BTreeMap<ProcessorId, Accounting>) -> String {
    let share = |part: u64, of: u64| if of == 0 { "-".to_owned() } else { format!("{} %", percent(part, of)) };
    // What should be nothing has a column where it is something.
    let others: [(&str, Count); 3] =
        [("Pending", |of| of.pending), ("Twice", |of| of.twice), ("Unexpected", |of| of.unexpected)];
    let others: Vec<_> =
        others.into_iter().filter(|(_, count)| accounting.values().any(|of| count(&of.total) > 0)).collect();
    let rows = accounting.iter().map(|(id, Accounting { dates, total, .. })| {
        let mut row = vec![id.to_string(), dates.to_string()];
        row.extend([total.expected, total.written, total.failed_entities(), total.skipped_entities()].map(thousands));
        row.push(thousands(total.unaccounted));
        row.extend(others.iter().map(|(_, count)| thousands(count(total))));
        row.push(share(total.written, total.required()));
        row.push(share(total.inputs.found, total.inputs.expected));
        row.push(share(total.inputs.clean, total.inputs.expected));
        row
    });
    let mut header = vec!["Accounting", "Dates", "Expected", "Written", "Failed", "Skipped", "Unaccounted"];
    header.extend(others.iter().map(|(name, _)| *name));
    header.extend(["Complete", "Inputs", "Clean"]);
    text_table(&header, rows.collect(), 1)
}
