//! Results on standard output, errors and notes on standard error.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::io::Write;

use chrono::NaiveDate;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table as TextTable};
use serde::Serialize;

use super::dates::folded;
use super::settings::Format;
use crate::daily_cache::DailyCache;
use crate::error::Error;
use crate::report::{ByRule, FailureShare, NotDone, OpenDates, StatusReport, Verdict};

/// How many intervals of dates of one kind are listed before the rest is counted.
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
    for ByRule { processor, rule, dates } in &report.by_rule {
        lines.push(format!("{processor}: {} without rows by rule: {rule}", counted(dates.len(), "date")));
    }
    lines.extend(report.shares.iter().map(share_line));
    lines.extend(not_done_lines(&report.not_done, &report.game_dates));
    for (processor, dates) in &report.stale {
        let dates: Vec<NaiveDate> = dates.iter().copied().collect();
        if !dates.is_empty() {
            lines.push(format!(
                "{processor}: {} stale, {}: inputs changed since; `putback compute` renews them",
                counted(dates.len(), "date"),
                folded(&dates, &report.game_dates, LISTED_DATES)
            ));
        }
    }
    for (processor, dates) in &report.without_same_day {
        let dates: Vec<NaiveDate> = dates.iter().copied().collect();
        lines.push(format!(
            "{processor}: windows end on the day before, unlike the reference's, on {}: {}",
            counted(dates.len(), "date"),
            folded(&dates, &report.game_dates, LISTED_DATES)
        ));
    }
    for (way, dates) in &report.other_daily_cache {
        let dates: Vec<NaiveDate> = dates.iter().copied().collect();
        lines.push(format!(
            "MLFS: computed with --daily-cache {way} on {}: {}; `putback compute` with the default, {}, computes them \
             again, --daily-cache {way} keeps them",
            counted(dates.len(), "date"),
            folded(&dates, &report.game_dates, LISTED_DATES),
            DailyCache::default(),
        ));
    }
    lines.push(String::new());
    lines.extend(report.last_computed_at.map(|at| format!("last computed at {}", at.format("%Y-%m-%d %H:%M:%S UTC"))));
    let thresholds = report.thresholds.iter();
    lines.extend(thresholds.map(|line| format!("judged by another threshold than the catalogue's: {line}")));
    lines.extend(report.verdicts.iter().flat_map(|verdict| verdict_lines(verdict, &report.game_dates)));
    lines
}

/// The verdict of a year, then what stands against it, with its dates. A part of a year is never called the year.
fn verdict_lines(verdict: &Verdict, game_dates: &[NaiveDate]) -> Vec<String> {
    let Verdict { year, dates, dates_of_year, known_from, known_until, complete, open } = verdict;
    let is_whole = dates >= dates_of_year;
    let what = if is_whole { year.to_string() } else { format!("{year}, {dates} of {dates_of_year} game dates") };
    let known = match (known_from.filter(|_| is_whole), known_until.filter(|_| is_whole)) {
        (None, None) => String::new(),
        (Some(first), None) => format!(", from {first} on, where the schedule begins"),
        (None, Some(last)) => format!(", up to {last}, where the schedule ends"),
        (Some(first), Some(last)) => format!(", {first} to {last}, all that the schedule has"),
    };
    let mut lines = vec![format!("{what}{known}: {}", if *complete { "complete" } else { "partial" })];
    lines.extend(open.iter().map(|OpenDates { what, dates }| {
        let dates: Vec<NaiveDate> = dates.iter().copied().collect();
        format!("  {what} on {}: {}", counted(dates.len(), "date"), folded(&dates, game_dates, LISTED_DATES))
    }));
    lines
}

fn share_line(share: &FailureShare) -> String {
    let FailureShare { processor, category, failed, entities, share, expected_low, expected_high, above } = share;
    let expected = match *expected_high {
        0.0 => "none is expected".to_owned(),
        high => format!("{expected_low:.0} to {high:.0} % are expected by season time"),
    };
    let above = match (above.first(), above.last()) {
        (Some(first), Some(last)) => {
            format!("; more than expected on {}, {first} to {last}", counted(above.len(), "date"))
        }
        _ => String::new(),
    };
    let (failed, entities) = (thousands(*failed), thousands(*entities));
    format!("{processor}: {failed} of {entities} entities without a row ({share:.1} %): {category}; {expected}{above}")
}

/// A number with its noun: 1 date, 2 dates.
pub fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(count as u64))
}

/// Rounded down, so that only what is whole says 100.
fn percent(share: f64, of: usize) -> String {
    if of == 0 { String::new() } else { format!("{:.1}", (share * 10.0).floor() / 10.0) }
}

fn not_done_lines(dates: &[NotDone], game_dates: &[NaiveDate]) -> Vec<String> {
    let mut groups: BTreeMap<(String, String), Vec<NaiveDate>> = BTreeMap::new();
    for date in dates {
        let what = match &date.failed {
            Some(reason) => format!("failed: {}", reason.replace(&date.date.to_string(), "the date")),
            None => "pending".to_owned(),
        };
        groups.entry((date.processor.to_string(), what)).or_default().push(date.date);
    }
    let line = |((processor, what), dates): ((String, String), Vec<NaiveDate>)| {
        format!("{processor}: {} {what}: {}", counted(dates.len(), "date"), folded(&dates, game_dates, LISTED_DATES))
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
