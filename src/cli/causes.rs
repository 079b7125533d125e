//! What stands behind failed checks, in words: one line for each cause.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::output::{Printer, counted, thousands};
use crate::checks::{AcceptedBy, Catalogue, Cause, CheckReport, Extent, Quarantine, WaiverUse};
use crate::judge::DateSet;

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
    line + &also_fails(cause)
}

fn also_fails(cause: &Cause) -> String {
    let ids: Vec<&str> = cause.also_fails.keys().map(String::as_str).collect();
    if ids.is_empty() { String::new() } else { format!("; also fails {}", ids.join(", ")) }
}

/// What a quarantine makes of an open cause.
pub struct QuarantineLine {
    /// In a word.
    pub what: &'static str,
    pub text: String,
    /// Whether anything is published that the cause reaches.
    pub publishes: bool,
}

/// The open causes of a publication with a quarantine: `... (I31): 1 date, 2023-12-01; leaves out 12 rows of 1 player
/// (aldodunara) on 10 dates, 2023-12-01 to 2023-12-10; holds back 1 date, 2023-12-03`. None without a quarantine.
pub fn quarantined(report: &CheckReport, set: &DateSet<'_>) -> Vec<QuarantineLine> {
    let Some(found) = &report.quarantine else { return Vec::new() };
    let published = set.dates();
    let line = |cause: &Cause| quarantine_line(cause, found, set.quarantined(), &published);
    report.causes.iter().filter(|cause| cause.is_open()).map(line).collect()
}

fn quarantine_line(
    cause: &Cause,
    found: &Quarantine,
    left_out: &Quarantine,
    published: &BTreeSet<NaiveDate>,
) -> QuarantineLine {
    let extent = left_out.of_check(&cause.check);
    let is_whole = |date: &&NaiveDate| found.whole.contains_key(*date);
    let held: BTreeSet<NaiveDate> = cause.reach.keys().filter(is_whole).copied().collect();
    let of_values = found.of_check(&cause.check).dates;
    let only_hashes = cause.reach.keys().filter(|date| published.contains(*date) && !of_values.contains(*date));
    let only_hashes: BTreeSet<NaiveDate> = only_hashes.copied().collect();
    let mut text = format!("{}: {}", cause.name, span(&cause.dates));
    if !extent.dates.is_empty() {
        text.push_str(&format!("; {} on {}", left_out_of(&extent), span(&extent.dates)));
    }
    if !held.is_empty() {
        text.push_str(&format!("; holds back {}", span(&held)));
    }
    if !only_hashes.is_empty() {
        text.push_str(&format!("; only hashes rest on it: {}", span(&only_hashes)));
    }
    let publishes = !extent.dates.is_empty() || !only_hashes.is_empty();
    let what = if publishes { "quarantined" } else { "not published" };
    QuarantineLine { what, text: text + &also_fails(cause), publishes }
}

/// Players or teams that are named before they are only counted.
const NAMED: usize = 3;

/// `leaves out 12 rows and replaces 3 failures of 1 player (aldodunara) and 14 teams`.
fn left_out_of(extent: &Extent) -> String {
    let named = |(entities, kind): (&BTreeSet<String>, &str)| {
        let names: Vec<&str> = entities.iter().map(String::as_str).collect();
        let names = if names.len() > NAMED { String::new() } else { format!(" ({})", names.join(", ")) };
        counted(entities.len(), kind) + &names
    };
    let kinds = [(&extent.players, "player"), (&extent.teams, "team")];
    let whose: Vec<String> = kinds.into_iter().filter(|(entities, _)| !entities.is_empty()).map(named).collect();
    let parts = [("leaves out", extent.rows, "row"), ("replaces", extent.failures, "failure")];
    let parts = parts.into_iter().filter(|(_, count, _)| *count > 0);
    let parts: Vec<String> =
        parts.map(|(does, count, what)| format!("{does} {}", counted(count as usize, what))).collect();
    format!("{} of {}", parts.join(" and "), whose.join(" and "))
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
pub fn say(report: &CheckReport, set: &DateSet<'_>, printer: Printer) {
    let holds_back = |cause: &&Cause| cause.check != Catalogue::NOT_DONE && !cause.reach.is_empty();
    let open: Vec<&Cause> = report.causes.iter().filter(|cause| cause.is_open()).collect();
    match report.quarantine {
        None => open.iter().for_each(|cause| printer.warn(format!("note: not published: {}", line(cause)))),
        Some(_) => {
            let lines = quarantined(report, set);
            lines.iter().for_each(|line| printer.warn(format!("note: {}: {}", line.what, line.text)));
        }
    }
    if !open.is_empty() {
        let ids: BTreeSet<&str> = open.iter().map(|cause| cause.check.as_str()).collect();
        let ids: Vec<&str> = ids.into_iter().collect();
        let (what, or) = match report.quarantine {
            Some(_) => ("all of it", ""),
            None => ("these dates", "; `--quarantine` publishes the rows of the other players and teams"),
        };
        printer.warn(format!(
            "note: `putback validate` explains; `--accept {}` publishes {what} once, a [[waiver]] in putback.toml until it expires{or}",
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
