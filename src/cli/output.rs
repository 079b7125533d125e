//! Results on standard output, errors and notes on standard error.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::io::Write;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table as TextTable};
use serde::Serialize;

use super::settings::Format;
use crate::error::Error;
use crate::report::{FailureShare, NotDone, StatusReport, Verdict};

/// How many dates of one kind are listed before the rest is counted.
const LISTED_DATES: usize = 8;

/// Writes what a command has to say.
#[derive(Debug, Clone, Copy)]
pub struct Printer {
    format: Format,
    quiet: bool,
}

impl Printer {
    pub fn new(format: Format, quiet: bool) -> Self {
        Self { format, quiet }
    }

    pub fn is_quiet(self) -> bool {
        self.quiet
    }

    pub fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// A line of data; a closed pipe is not an error.
    pub fn line(self, text: impl AsRef<str>) {
        let _ = writeln!(std::io::stdout().lock(), "{}", text.as_ref());
    }

    /// The result as one JSON document.
    pub fn json(self, value: &impl Serialize) {
        self.line(serde_json::to_string_pretty(value).expect("results serialize"));
    }

    /// What stands against success: said even when talk is not wanted.
    pub fn warn(self, text: impl AsRef<str>) {
        let _ = writeln!(std::io::stderr().lock(), "{}", text.as_ref());
    }

    /// A line of talk.
    pub fn note(self, text: impl AsRef<str>) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr().lock(), "{}", text.as_ref());
        }
    }

    /// What happened, why, and what to do.
    pub fn error(self, error: &Error) {
        let mut out = std::io::stderr().lock();
        let _ = writeln!(out, "error: {error}");
        let mut cause = error.source();
        while let Some(source) = cause {
            let _ = writeln!(out, "  because: {source}");
            cause = source.source();
        }
        if let Some(hint) = error.hint_text() {
            let _ = writeln!(out, "  hint: {hint}");
        }
    }

    /// The status table and what is behind its figures.
    pub fn status(self, report: &StatusReport) {
        if self.is_json() {
            return self.json(report);
        }
        self.line(status_table(report));
        for line in explanations(report) {
            self.line(line);
        }
    }
}

/// A plain table: right-aligned from the column `first_number` on.
pub fn text_table(header: &[&str], rows: Vec<Vec<String>>, first_number: usize) -> String {
    let mut table = TextTable::new();
    table.load_preset(NOTHING).set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index >= first_number {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn status_table(report: &StatusReport) -> String {
    let header = [
        "Year",
        "Processor",
        "Dates",
        "Possible",
        "Done",
        "%",
        "Empty",
        "Failed",
        "Skipped",
        "Pending",
        "Stale",
        "Rows",
        "Failures",
    ];
    let rows = report.rows.iter().map(|row| {
        let failures: u64 = row.failures.values().sum();
        vec![
            row.year.to_string(),
            row.processor.to_string(),
            row.dates.to_string(),
            row.possible.to_string(),
            row.done.to_string(),
            percent(row.percent, row.possible),
            row.empty.to_string(),
            row.failed.to_string(),
            row.skipped.to_string(),
            row.pending.to_string(),
            row.stale.to_string(),
            thousands(row.rows),
            thousands(failures),
        ]
    });
    text_table(&header, rows.collect(), 2)
}

/// Rules of empty and skipped dates, failures by category, failed and pending dates.
fn explanations(report: &StatusReport) -> Vec<String> {
    let mut lines = vec![String::new()];
    for (processor, rule, count) in &report.by_rule {
        lines.push(format!("{processor}: {count} dates without rows by rule: {rule}"));
    }
    let mut categories: BTreeMap<(String, &str), u64> = BTreeMap::new();
    for row in &report.rows {
        for (category, count) in &row.failures {
            *categories.entry((row.processor.to_string(), category)).or_default() += count;
        }
    }
    for ((processor, category), count) in categories {
        lines.push(format!("{processor}: {} entities without a row: {category}", thousands(count)));
    }
    lines.extend(report.shares.iter().map(share_line));
    lines.extend(not_done_lines(&report.not_done));
    for (processor, dates) in &report.stale {
        if let (Some(first), Some(last)) = (dates.first(), dates.last()) {
            let count = dates.len();
            lines.push(format!("{processor}: {count} dates are stale, {first} to {last}: inputs changed since; `putback compute` renews them"));
        }
    }
    lines.push(String::new());
    lines.extend(report.last_computed_at.map(|at| format!("last computed at {}", at.format("%Y-%m-%d %H:%M:%S UTC"))));
    lines.extend(report.verdicts.iter().map(verdict_line));
    lines
}

/// A part of a year is never called the year.
fn verdict_line(verdict: &Verdict) -> String {
    let Verdict { year, dates, dates_of_year, known_until, complete, open } = verdict;
    let what = match dates < dates_of_year {
        true => format!("{year}, {dates} of {dates_of_year} game dates"),
        false => year.to_string(),
    };
    let until = known_until.filter(|_| dates >= dates_of_year);
    let until = until.map_or_else(String::new, |last| format!(" up to {last}, the schedule's last game date"));
    match complete {
        true => format!("{what}: complete{until}"),
        false => format!("{what}: partial: {}", open.join("; ")),
    }
}

fn share_line(share: &FailureShare) -> String {
    let FailureShare { processor, share, expected_low, expected_high, above, .. } = share;
    let expected = match *expected_high {
        0.0 => "none is expected".to_owned(),
        high => format!("{expected_low:.0} to {high:.0} % are expected by season time"),
    };
    let above = match (above.first(), above.last()) {
        (Some(first), Some(last)) => format!("; more than expected on {} dates, {first} to {last}", above.len()),
        _ => String::new(),
    };
    format!("{processor}: {share:.1} % of entities without a row; {expected}{above}")
}

/// Rounded down, so that only what is whole says 100.
fn percent(share: f64, of: usize) -> String {
    if of == 0 { String::new() } else { format!("{:.1}", (share * 10.0).floor() / 10.0) }
}

fn not_done_lines(dates: &[NotDone]) -> Vec<String> {
    let mut groups: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for date in dates {
        let what = match &date.failed {
            Some(reason) => format!("failed: {}", reason.replace(&date.date.to_string(), "the date")),
            None => "pending".to_owned(),
        };
        groups.entry((date.processor.to_string(), what)).or_default().push(date.date.to_string());
    }
    let line = |((processor, what), dates): ((String, String), Vec<String>)| {
        let listed = dates[..dates.len().min(LISTED_DATES)].join(", ");
        let rest = dates.len().saturating_sub(LISTED_DATES);
        let rest = if rest > 0 { format!(" and {rest} more (putback status --dates)") } else { String::new() };
        format!("{processor}: {} dates {what}: {listed}{rest}", dates.len())
    };
    groups.into_iter().map(line).collect()
}

/// 1234567 → 1,234,567.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
