//! `putback check` and `putback validate`: one catalogue, two phases.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use clap::Args;

use super::exit::ExitCode;
use super::output::{Printer, text_table, thousands};
use super::range::RangeArgs;
use super::settings::{GlobalArgs, Settings};
use crate::calendar::DateRanges;
use crate::checks::{CheckReport, CheckRequest, CheckResult, Phase, Severity, run_checks};
use crate::error::{Error, ErrorKind, Result};
use crate::processors::ProcessorId;
use crate::progress::Silent;
use crate::report::Validations;
use crate::schedule::Schedule;
use crate::store::Store;

/// Offending dates that are listed before the rest is counted.
const LISTED_DATES: usize = 6;

/// Check the synced inputs of a range and of its history before computing
///
/// Coverage against the schedule, teams per game, players per team, NULL shares, duplicates,
/// contamination, contexts. Ends with status 4 when a check of severity error fails.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  putback check --year 2024\n  putback check --season 2023-24 --format json")]
pub struct CheckArgs {
    #[command(flatten)]
    range: RangeArgs,
    #[command(flatten)]
    options: CheckOptions,
}

/// Validate what was computed: the catalogue of checks on the outputs, and where every player ended
///
/// Ends with status 4 when a check of severity error fails.
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
    /// Failed warnings count as errors
    #[arg(long)]
    strict: bool,
    /// Show checks that passed as well
    #[arg(long)]
    all: bool,
}

pub fn check(args: &CheckArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    run(&args.range, &args.options, Phase::Inputs, global, printer)
}

pub fn validate(args: &ValidateArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let phase = if args.inputs { Phase::Inputs } else { Phase::Outputs };
    run(&args.range, &args.options, phase, global, printer)
}

fn run(
    range: &RangeArgs,
    options: &CheckOptions,
    phase: Phase,
    global: &GlobalArgs,
    printer: Printer,
) -> Result<ExitCode> {
    let settings = Settings::resolve(global, None, None)?;
    let report = report(&settings, &settings.store(), &range.without_target()?.or_everything()?, phase)?;
    if printer.is_json() {
        printer.json(&report);
    } else {
        lines(&report, options.all).into_iter().for_each(|line| printer.line(line));
    }
    let fails = report.errors().count() > 0 || (options.strict && report.failed(Severity::Warning).count() > 0);
    Ok(if fails { ExitCode::FailedValidation } else { ExitCode::Done })
}

/// Runs a phase over the game dates of the ranges that the store has inputs for. What a validation of outputs
/// finds is remembered for the verdicts of `putback status`.
pub fn report(settings: &Settings, store: &Store, ranges: &DateRanges, phase: Phase) -> Result<CheckReport> {
    let phase3 = store.phase3()?;
    let schedule = Schedule::load(store, &phase3)?;
    let pulled = phase3.tables.get(&crate::catalog::Table::PlayerGameSummary);
    let Some(pulled) = pulled else {
        return Err(Error::new(ErrorKind::Upstream, format!("nothing was synced into {}", store.root().display()))
            .hint("run `putback sync` for the range first"));
    };
    let mut dates = schedule.game_dates(ranges);
    dates.retain(|date| pulled.synced.contains(*date));
    let calendar = crate::compute::calendar(&schedule, &Silent);
    let report =
        run_checks(&CheckRequest { store, dates: &dates, calendar: &calendar, phase, engine: settings.engine() })?;
    if phase == Phase::Outputs {
        let mut validations = Validations::load(store);
        validations.take_in(&report, &dates, &store.phase4()?);
        validations.save(store)?;
    }
    Ok(report)
}

/// Dates with an error, by table of the outputs, with the ids of the checks that failed.
pub fn failed_dates(report: &CheckReport, accepted: &[String]) -> BTreeMap<NaiveDate, BTreeSet<String>> {
    let mut dates: BTreeMap<NaiveDate, BTreeSet<String>> = BTreeMap::new();
    // A date that is not done is held back by its state already.
    let checks = report.errors().filter(|result| result.id != "A2" && !accepted.contains(&result.id));
    for result in checks {
        for finding in &result.findings {
            dates.entry(finding.date).or_default().insert(result.id.clone());
        }
    }
    dates
}

/// A table of the failed checks, the offending dates of each, and the accounting.
pub fn lines(report: &CheckReport, all: bool) -> Vec<String> {
    let shown: Vec<&CheckResult> = report.results.iter().filter(|result| all || !result.passed).collect();
    let rows = shown.iter().map(|result| {
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
    });
    let mut lines = Vec::new();
    if !shown.is_empty() {
        lines.push(text_table(&["Check", "Table", "Rule", "Verdict", "Dates", "Cases"], rows.collect(), 4));
        lines.push(String::new());
    }
    for result in shown.iter().filter(|result| !result.passed) {
        lines.extend(explanation(result));
    }
    lines.extend(accounting_lines(report));
    let (errors, warnings) = (report.errors().count(), report.failed(Severity::Warning).count());
    let infos = report.failed(Severity::Info).count();
    let passed = report.results.iter().filter(|result| result.passed).count();
    lines.push(format!(
        "{} checks on {} game dates: {passed} passed, {errors} errors, {warnings} warnings, {infos} infos",
        report.results.len(),
        report.dates
    ));
    lines
}

fn explanation(result: &CheckResult) -> Vec<String> {
    let listed = result.findings.iter().take(LISTED_DATES).map(|finding| match &finding.example {
        Some(example) => format!("{} ({}; {example})", finding.date, finding.count),
        None => format!("{} ({})", finding.date, finding.count),
    });
    let listed: Vec<String> = listed.collect();
    let rest = result.findings.len().saturating_sub(LISTED_DATES);
    let last = result.findings.last().filter(|_| rest > 0);
    let rest = last.map_or_else(String::new, |last| format!(" and {rest} more, to {} (--format json)", last.date));
    let mut lines = vec![format!("{} {}: {}{rest}", result.severity.name(), result.id, listed.join(", "))];
    lines.extend(result.consequence.as_ref().map(|consequence| format!("  consequence: {consequence}")));
    lines
}

fn accounting_lines(report: &CheckReport) -> Vec<String> {
    if report.accounting.is_empty() {
        return Vec::new();
    }
    let rows =
        ProcessorId::ALL.into_iter().filter_map(|id| report.accounting.get(&id).map(|of| (id, of))).map(|(id, of)| {
            vec![
                id.to_string(),
                thousands(of.dates),
                thousands(of.expected),
                thousands(of.written),
                thousands(of.failed),
                thousands(of.skipped),
                thousands(of.unaccounted),
                format!("{:.1} %", of.completeness()),
            ]
        });
    let header = ["Accounting", "Dates", "Expected", "Written", "Failed", "Skipped", "Unaccounted", "Completeness"];
    vec![text_table(&header, rows.collect(), 1), String::new()]
}
