//! What stands behind failed checks, in words: one line for each cause.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::output::{Printer, counted, thousands};
use crate::checks::{AcceptedBy, Catalogue, Cause, CheckReport, WaiverUse};

/// `zones missing upstream (I15): 280 dates, 2022-01-07 to 2025-06-22; holds back 5 tables, 412,000 rows; also fails P12`.
pub fn line(cause: &Cause) -> String {
    let mut line = format!("{}: {}", cause.name, span(&cause.dates));
    let reached: BTreeSet<NaiveDate> = cause.reach.keys().copied().collect();
    if !reached.is_empty() {
        let dates = if reached == cause.dates { String::new() } else { format!("{}, ", span(&reached)) };
        let verb = if cause.accepted.is_some() { "reaches" } else { "holds back" };
        let (tables, rows) = (counted(cause.tables, "table"), thousands(cause.rows));
        line.push_str(&format!("; {verb} {dates}{tables}, {rows} rows"));
    }
    if !cause.also_fails.is_empty() {
        let ids: Vec<&str> = cause.also_fails.keys().map(String::as_str).collect();
        line.push_str(&format!("; also fails {}", ids.join(", ")));
    }
    line
}

/// `3 dates, 2024-01-15 to 2024-01-17`.
fn span(dates: &BTreeSet<NaiveDate>) -> String {
    let count = counted(dates.len(), "date");
    match (dates.first(), dates.last()) {
        (Some(first), Some(last)) if first != last => format!("{count}, {first} to {last}"),
        (Some(only), _) => format!("{count}, {only}"),
        _ => count,
    }
}

/// Why dates are not published, and what publishes them all the same; and what is published although it fails.
pub fn say(report: &CheckReport, printer: Printer) {
    let holds_back = |cause: &&Cause| cause.check != Catalogue::NOT_DONE && !cause.reach.is_empty();
    let held: Vec<&Cause> = report.causes.iter().filter(holds_back).filter(|cause| cause.accepted.is_none()).collect();
    held.iter().for_each(|cause| printer.warn(format!("note: not published: {}", line(cause))));
    if !held.is_empty() {
        let ids: BTreeSet<&str> = held.iter().map(|cause| cause.check.as_str()).collect();
        let ids: Vec<&str> = ids.into_iter().collect();
        printer.warn(format!(
            "note: `putback validate` explains; `--accept {}` publishes these dates once, a [[waiver]] in putback.toml until it expires",
            ids.join(" --accept ")
        ));
    }
    for cause in report.causes.iter().filter(holds_back) {
        match cause.accepted {
            None => {}
            Some(AcceptedBy::Flag) => printer.warn(format!("note: accepted for this run: {}", line(cause))),
            Some(AcceptedBy::Waiver(_)) => printer.warn(format!("note: waived: {}", line(cause))),
        }
    }
    say_waivers(report, printer);
}

/// Waivers that count for nothing.
pub fn say_waivers(report: &CheckReport, printer: Printer) {
    for (waiver, of) in &report.waivers {
        match of {
            WaiverUse::Used => {}
            WaiverUse::Unused => printer.warn(format!("note: unused waiver: no check of it fails: {}", waiver.text())),
            WaiverUse::Expired => {
                printer.warn(format!("note: expired waiver, which counts for nothing: {}", waiver.text()));
            }
        }
    }
}
