//! The preflight of a computation: the input checks, once for each version of the inputs.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::checks;
use super::context::Context;
use super::output::{Printer, counted};
use super::recorder::inputs_digest;
use super::settings::Settings;
use super::unreadable;
use crate::calendar::DateRanges;
use crate::checks::{ALL_INPUTS, Cause, CheckResult, Phase, Severity};
use crate::error::{ErrorKind, Result};
use crate::judge::{self, Purpose};
use crate::report::words::folded;
use crate::snapshot::Snapshot;
use crate::store::Store;
use crate::store::publish::replace_file;

/// Intervals of dates shown before "and N more".
const LISTED: usize = 3;

/// What was found for a version of the inputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Findings {
    /// Inputs, range and catalogue.
    key: String,
    errors: Vec<String>,
    warnings: Vec<String>,
}

/// Reports faults of the inputs. Dates are computed all the same, so that the rows can be inspected. Dates that are
/// computed from missing or contaminated inputs are held back from publishing (`holds_back` in the catalogue), and so
/// are dates whose windows lack a game.
pub fn run(context: Context<'_>, snapshot: &Snapshot, ranges: &DateRanges, skip: bool) -> Result<()> {
    let Context { settings, printer, .. } = context;
    checks::say_overridden(&settings.catalogue, printer);
    if skip {
        printer.note("note: --skip-validation: the inputs are not checked");
        context.fact("preflight", json!("skipped by --skip-validation"));
        return Ok(());
    }
    let findings = match findings(settings, snapshot, ranges, printer) {
        // Nothing synced, no games: the computation itself says it best.
        Err(error) if error.kind() == ErrorKind::Upstream => return Ok(()),
        other => other?,
    };
    context.fact("preflight", json!({ "errors": findings.errors, "warnings": findings.warnings }));
    findings.errors.iter().for_each(|line| printer.warn(format!("preflight error: {line}")));
    if !findings.warnings.is_empty() {
        let ids: Vec<&str> = findings.warnings.iter().filter_map(|line| line.split(' ').next()).collect();
        let (count, ids) = (counted(ids.len(), "warning"), ids.join(", "));
        printer.note(format!("preflight: {count}, {ids}; run `putback check` for details"));
    }
    Ok(())
}

/// What the last preflight found, if there was one.
fn read(store: &Store) -> std::io::Result<Option<Findings>> {
    match std::fs::read(path(store)) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Names the record of the last preflight, if there is one that cannot be read, and what helps.
pub fn warn_if_unreadable(store: &Store, printer: Printer) {
    if read(store).is_err() {
        unreadable::say(&path(store), "`putback compute` checks the inputs again and writes it anew", printer);
    }
}

fn path(store: &Store) -> PathBuf {
    store.runs().preflight()
}

fn findings(settings: &Settings, snapshot: &Snapshot, ranges: &DateRanges, printer: Printer) -> Result<Findings> {
    let store = &snapshot.store;
    let key = crate::numerics::hash::data_hash(&[
        inputs_digest(store).as_bytes(),
        ranges.to_string().as_bytes(),
        settings.catalogue.digest().as_bytes(),
    ]);
    let path = path(store);
    let known = match read(store) {
        Ok(known) => known,
        Err(_) => {
            unreadable::say(&path, "the inputs are checked again, and it is written anew", printer);
            None
        }
    };
    if let Some(known) = known.filter(|known| known.key == key) {
        return Ok(known);
    }
    let report = judge::check(snapshot, ranges, &Purpose::inspection(Phase::Inputs), &settings.checks())?;
    let line = |result: &CheckResult| {
        let dates: Vec<_> = result.findings.iter().map(|finding| finding.date).collect();
        let (id, title, spans) = (&result.id, &result.title, folded(&dates, &report.scope, LISTED));
        let consequence = result.consequence.as_deref().unwrap_or_default();
        let count = counted(dates.len(), "date");
        format!("{id} failed on {count}, {spans}; rule: {title}{}; consequence: {consequence}", example(result))
    };
    let also = |cause: &Cause| {
        let ids: Vec<&str> = cause.also_fails.keys().map(String::as_str).collect();
        if ids.is_empty() { String::new() } else { format!("; also fails {}", ids.join(", ")) }
    };
    // What follows from another check is told with it.
    let error = |result: &CheckResult| {
        let cause = report.causes.iter().find(|cause| cause.check == result.id)?;
        Some(format!("{}{}", line(result), also(cause)))
    };
    let errors = report.failed(Severity::Error).filter_map(error).collect();
    let warnings = report.failed(Severity::Warning).map(line).collect();
    let findings = Findings { key, errors, warnings };
    replace_file(&path, &serde_json::to_vec_pretty(&findings).expect("serializes"))?;
    Ok(findings)
}

/// A check over all inputs is not told by its name: a row says which table and column it is about.
fn example(result: &CheckResult) -> String {
    let first = result.findings.first().and_then(|finding| finding.examples.first());
    match first {
        Some(row) if result.table == ALL_INPUTS => format!("; for example {row}"),
        _ => String::new(),
    }
}
