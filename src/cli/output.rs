//! Prints results to standard output, errors and notes to standard error.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::io::Write;
use std::sync::OnceLock;

use chrono::NaiveDate;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table as TextTable};
use serde::Serialize;

use super::colors::{self, Style};
use super::settings::Format;
use super::shown::{shown, shown_json, shown_lines};
use crate::checks::Inputs;
use crate::daily_cache::DailyCache;
use crate::error::{Error, ErrorKind, Result};
use crate::processors::ProcessorId;
pub use crate::report::words::{counted, thousands};
use crate::report::words::{folded, percent};
use crate::report::{ByRule, FailureShare, NotDone, OpenDates, StatusReport, Verdict};

/// Intervals of dates of one kind shown before "and N more".
const LISTED_DATES: usize = 8;

/// The first error of standard output.
static LOST: OnceLock<(std::io::ErrorKind, String)> = OnceLock::new();

/// [`Printer::warn`], which no option changes.
pub fn warn(text: impl AsRef<str>) {
    let text = shown_lines(text.as_ref());
    let text = match text.strip_prefix("note:") {
        Some(rest) => format!("{}{rest}", colors::on_stderr(Style::Note, "note:")),
        None => text.into_owned(),
    };
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

fn write_data(text: &str) {
    if LOST.get().is_none()
        && let Err(error) = writeln!(std::io::stdout().lock(), "{text}")
    {
        let _ = LOST.set((error.kind(), error.to_string()));
    }
}

/// Prints the results, notes and errors of a command.
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

    /// A line of data, or several. [`Printer::finish`] tells whether it arrived.
    pub fn line(self, text: impl AsRef<str>) {
        write_data(&shown_lines(text.as_ref()));
    }

    /// A line of data in a colour, if there are colours.
    pub fn line_in(self, style: Style, text: impl AsRef<str>) {
        write_data(&colors::on_stdout(style, &shown_lines(text.as_ref())));
    }

    /// The result as one JSON document.
    pub fn json(self, value: &impl Serialize) {
        write_data(&shown_json(&serde_json::to_string_pretty(value).expect("results serialize")));
    }

    /// Text for a program, with none but our own words in it.
    pub fn verbatim(self, text: &str) {
        write_data(text);
    }

    /// Goes to the top of a terminal, and everything below goes.
    pub fn clear(self) {
        write_data("\x1b[H\x1b[J");
    }

    /// Whether standard output takes no more.
    pub fn is_lost(self) -> bool {
        LOST.get().is_some()
    }

    /// What becomes of the data that was printed.
    ///
    /// # Errors
    /// When not all of it could be written. That somebody reads no further is no error.
    pub fn finish(self) -> Result<()> {
        if let Err(error) = std::io::stdout().flush() {
            let _ = LOST.set((error.kind(), error.to_string()));
        }
        match LOST.get() {
            Some((kind, text)) => self.lost(std::io::Error::new(*kind, text.clone())),
            None => Ok(()),
        }
    }

    /// What an error of standard output means.
    ///
    /// # Errors
    /// Unless somebody reads no further.
    pub fn lost(self, error: std::io::Error) -> Result<()> {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Ok(());
        }
        let what = "the result could not be written to standard output";
        Err(Error::new(ErrorKind::Unexpected, what)
            .hint("what the command did stays; print the result again where there is room for it")
            .because(error))
    }

    /// A warning; printed even with `--quiet`.
    pub fn warn(self, text: impl AsRef<str>) {
        warn(text);
    }

    /// A note; not printed with `--quiet`.
    pub fn note(self, text: impl AsRef<str>) {
        if !self.quiet {
            self.warn(text);
        }
    }

    /// What is wrong with the arguments, as the parser says it.
    pub fn usage(self, message: &str) {
        let _ = write!(std::io::stderr().lock(), "{}", shown_lines(message));
    }

    /// What happened, why, and what to do.
    pub fn error(self, error: &Error) {
        let mut out = std::io::stderr().lock();
        let _ = writeln!(out, "{} {}", colors::on_stderr(Style::Bad, "error:"), shown(&error.to_string()));
        let mut cause = error.source();
        while let Some(source) = cause {
            // Others' errors may have several lines.
            let text: Vec<String> = source.to_string().lines().map(|line| shown(line).into_owned()).collect();
            let _ = writeln!(out, "  because: {}", text.join("\n    "));
            cause = source.source();
        }
        if let Some(hint) = error.hint_text() {
            let _ = writeln!(out, "  hint: {}", shown(hint));
        }
    }

    /// The status table, its explanations and the verdicts.
    pub fn status(self, report: &StatusReport) {
        if self.is_json() {
            return self.json(report);
        }
        self.status_table(report);
        self.verdicts(report);
    }

    /// The status table and its explanations.
    pub fn status_table(self, report: &StatusReport) {
        self.line(status_table(report));
        for line in explanations(report) {
            self.line(line);
        }
    }

    /// The verdict of every year, and what stands against it.
    pub fn verdicts(self, report: &StatusReport) {
        for verdict in &report.verdicts {
            let style = if verdict.complete { Style::Good } else { Style::Bad };
            self.line_in(style, verdict_line(verdict));
            against_lines(verdict, &report.game_dates).into_iter().for_each(|line| self.line(line));
        }
    }
}

/// A plain table: right-aligned from the column `first_number` on.
pub fn text_table(header: &[&str], rows: Vec<Vec<String>>, first_number: usize) -> String {
    let mut table = TextTable::new();
    table.load_preset(NOTHING).set_header(header);
    for row in rows {
        table.add_row(row.iter().map(|cell| shown(cell)).collect::<Vec<_>>());
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
            if row.possible == 0 { String::new() } else { percent(row.done as u64, row.possible as u64) },
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
    lines.extend(inputs_line(&report.inputs));
    lines.extend(not_done_lines(&report.not_done, &report.game_dates));
    for (processor, dates) in &report.stale {
        let dates: Vec<NaiveDate> = dates.iter().copied().collect();
        if !dates.is_empty() {
            lines.push(format!(
                "{processor}: {} stale, {}: inputs changed; `putback compute` recomputes them",
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
    for (table, dates) in &report.vanished {
        let rows = counted(dates.values().sum::<u64>() as usize, "row");
        let dates: Vec<NaiveDate> = dates.keys().copied().collect();
        lines.push(format!(
            "{table}: {rows} kept on {} that vanished upstream or became empty: {}",
            counted(dates.len(), "date"),
            folded(&dates, &report.game_dates, LISTED_DATES)
        ));
    }
    lines.push(String::new());
    lines.extend(report.last_computed_at.map(|at| format!("last computed at {}", at.format("%Y-%m-%d %H:%M:%S UTC"))));
    let thresholds = report.thresholds.iter();
    lines.extend(thresholds.map(|line| format!("threshold overridden: {line}")));
    lines
}

/// The verdict of a year. Part of a year is never called the year.
fn verdict_line(verdict: &Verdict) -> String {
    let Verdict { year, dates, dates_of_year, known_from, known_until, .. } = verdict;
    let is_whole = dates >= dates_of_year;
    let what = if is_whole { year.to_string() } else { format!("{year}, {dates} of {dates_of_year} game dates") };
    let known = match (known_from.filter(|_| is_whole), known_until.filter(|_| is_whole)) {
        (None, None) => String::new(),
        (Some(first), None) => format!(", from {first} on, where the schedule begins"),
        (None, Some(last)) => format!(", up to {last}, where the schedule ends"),
        (Some(first), Some(last)) => format!(", {first} to {last}, all that the schedule has"),
    };
    format!("{what}{known}: {}", verdict.word())
}

/// The reasons against "complete", with their dates.
fn against_lines(verdict: &Verdict, game_dates: &[NaiveDate]) -> Vec<String> {
    let line = |OpenDates { what, dates }: &OpenDates| {
        let dates: Vec<NaiveDate> = dates.iter().copied().collect();
        format!("  {what} on {}: {}", counted(dates.len(), "date"), folded(&dates, game_dates, LISTED_DATES))
    };
    verdict.open.iter().chain(&verdict.waived).map(line).collect()
}

fn share_line(share: &FailureShare) -> String {
    let FailureShare { processor, category, failed, entities, share, expected_low, expected_high, above } = share;
    let expected = match *expected_high {
        0.0 => "none expected".to_owned(),
        high => format!("expected at this time of the season: {expected_low:.0} to {high:.0} %"),
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

/// The real completeness of inputs, beside the percentages that the rows have.
fn inputs_line(inputs: &BTreeMap<ProcessorId, Inputs>) -> Option<String> {
    let share = |(id, inputs): (&ProcessorId, &Inputs)| format!("{id} {} %", percent(inputs.found, inputs.expected));
    let shares: Vec<String> = inputs.iter().map(share).collect();
    (!shares.is_empty()).then(|| format!("expected inputs that Phase 3 has: {}", shares.join(", ")))
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
