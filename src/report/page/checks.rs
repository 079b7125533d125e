//! Failed checks with examples, and the causes behind them.

use chrono::NaiveDate;

use super::{Checks, Report};
use crate::checks::{AcceptedBy, Catalogue, Cause, CheckReport, CheckResult, Finding, WaiverUse};
use crate::report::words::{counted, folded, thousands};

/// Findings of a check that are listed, and intervals of dates.
const LISTED: usize = 12;
const INTERVALS: usize = 4;

/// A failed check.
#[derive(Debug)]
pub struct FailedCheck {
    pub id: String,
    pub table: String,
    pub severity: &'static str,
    pub title: String,
    pub dates: usize,
    pub cases: String,
    pub consequence: Option<String>,
    /// Dates with cases and examples.
    pub findings: Vec<String>,
    pub more: usize,
}

/// What stands behind failed checks.
#[derive(Debug)]
pub struct CauseRow {
    pub name: String,
    pub dates: usize,
    pub when: String,
    /// Dates that rest on its rows.
    pub reaches: usize,
    pub rows: String,
    pub also_fails: String,
    /// `holds back`, `accepted`, `waived`.
    pub effect: &'static str,
}

/// The failed checks of both phases, errors first.
pub fn failed(checks: &Checks) -> Vec<FailedCheck> {
    let of_phase =
        |report: &CheckReport| report.results.iter().filter(|result| !result.passed).map(row).collect::<Vec<_>>();
    let mut rows: Vec<FailedCheck> = reports(checks).flat_map(of_phase).collect();
    let order = |severity: &str| ["error", "warning", "info"].iter().position(|name| *name == severity);
    rows.sort_by_key(|row| order(row.severity));
    // A check of inputs that holds back is one of outputs as well.
    let mut seen = std::collections::BTreeSet::new();
    rows.retain(|row| seen.insert(row.id.clone()));
    rows
}

/// How many checks ran and passed, by phase.
pub fn counts(checks: &Checks) -> Vec<String> {
    let of_phase = |report: &CheckReport| {
        let passed = report.results.iter().filter(|result| result.passed).count();
        let (all, dates) = (report.results.len(), counted(report.dates, "game date"));
        format!("{passed} of {all} checks of {} passed on {dates}", report.phase.name())
    };
    reports(checks).map(of_phase).collect()
}

/// Outputs first: what their checks find is judged by causes.
fn reports(checks: &Checks) -> impl Iterator<Item = &CheckReport> {
    checks.outputs.iter().chain(&checks.inputs)
}

fn row(result: &CheckResult) -> FailedCheck {
    let cases: i64 = result.findings.iter().map(|finding| finding.count).sum();
    FailedCheck {
        id: result.id.clone(),
        table: result.table.clone(),
        severity: result.severity.name(),
        title: result.title.clone(),
        dates: result.findings.len(),
        cases: thousands(cases.unsigned_abs()),
        consequence: result.consequence.clone(),
        findings: result.findings.iter().take(LISTED).map(finding).collect(),
        more: result.findings.len().saturating_sub(LISTED),
    }
}

fn finding(finding: &Finding) -> String {
    let cases = counted(finding.count.unsigned_abs() as usize, "case");
    let examples =
        if finding.examples.is_empty() { String::new() } else { format!(": {}", finding.examples.join(", ")) };
    let follows = finding.consequence_of.as_ref().map_or_else(String::new, |cause| format!(" (follows from {cause})"));
    format!("{}: {cases}{examples}{follows}", finding.date)
}

/// The causes of what the checks of outputs found. That dates are not done is said elsewhere.
pub fn causes(report: &Report) -> Vec<CauseRow> {
    let causes = report.checks.outputs.iter().flat_map(|report| &report.causes);
    causes.filter(|cause| cause.check != Catalogue::NOT_DONE).map(|cause| cause_row(report, cause)).collect()
}

fn cause_row(report: &Report, cause: &Cause) -> CauseRow {
    let dates: Vec<NaiveDate> = cause.dates.iter().copied().collect();
    let also: Vec<&str> = cause.also_fails.keys().map(String::as_str).collect();
    CauseRow {
        name: cause.name.clone(),
        dates: dates.len(),
        when: folded(&dates, &report.status.game_dates, INTERVALS),
        reaches: cause.reach.len(),
        rows: thousands(cause.rows),
        also_fails: also.join(", "),
        effect: match (cause.accepted, cause.reach.is_empty()) {
            (Some(AcceptedBy::Flag), _) => "accepted",
            (Some(AcceptedBy::Waiver(_)), _) => "waived",
            (None, true) => "holds nothing back",
            (None, false) => "holds back",
        },
    }
}

/// Waivers with what became of them.
pub fn waivers(checks: &Checks) -> Vec<(String, &'static str)> {
    let judged = checks.outputs.iter().flat_map(|report| &report.waivers);
    let word = |of: &WaiverUse| match of {
        WaiverUse::Used => "used",
        WaiverUse::Unused => "unused: no check of it fails",
        WaiverUse::Expired => "expired: it counts for nothing",
    };
    judged.map(|(waiver, of)| (waiver.text(), word(of))).collect()
}
