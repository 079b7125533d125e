//! Prints results to standard output, errors and notes to standard error.

use std::error::Error as _;
use std::io::Write;
use std::sync::OnceLock;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table as TextTable};
use serde::Serialize;

use super::colors::{self, Style};
use super::coverage;
use super::settings::Format;
use super::shown::{shown, shown_json, shown_lines};
use crate::error::{Error, ErrorKind, Result};
use crate::report::StatusReport;
pub use crate::report::words::{counted, thousands};

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
    verbose: bool,
}

impl Printer {
    pub fn new(format: Format) -> Self {
        Self { format, quiet: false, verbose: false }
    }

    /// Prints no notes with `quiet`, and what is normal with `verbose`.
    pub fn telling(self, quiet: bool, verbose: bool) -> Self {
        Self { quiet, verbose, ..self }
    }

    pub fn is_verbose(self) -> bool {
        self.verbose
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

    /// The status table and its explanations; with `--verbose` also what is normal.
    pub fn status_table(self, report: &StatusReport) {
        self.line(coverage::table(report, self.verbose));
        self.line("");
        coverage::explanations(report, self.verbose).into_iter().for_each(|line| self.line(line));
    }

    /// The verdict of every year, what stands against it, and what helps.
    pub fn verdicts(self, report: &StatusReport) {
        for verdict in &report.verdicts {
            let style = if verdict.complete { Style::Good } else { Style::Bad };
            self.line_in(style, coverage::verdict_line(verdict));
            coverage::against_lines(verdict, &report.game_dates).into_iter().for_each(|line| self.line(line));
        }
        coverage::next_steps(&report.verdicts).into_iter().for_each(|line| self.line(line));
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
