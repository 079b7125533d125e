//! Prints results to standard output, errors and notes to standard error.

use std::error::Error as _;
use std::io::Write;
use std::sync::OnceLock;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table as TextTable};
use serde::Serialize;

use super::colors::{self, Style};
use super::locale::{shown_here, width};
use super::settings::Format;
use super::shown::{shown, shown_json, shown_lines};
use super::suggested::complete;
use crate::error::{Error, ErrorKind, Result};
pub use crate::report::words::{counted, thousands};

/// The first error of standard output.
static LOST: OnceLock<(std::io::ErrorKind, String)> = OnceLock::new();

/// [`Printer::warn`], which no option changes.
pub fn warn(text: impl AsRef<str>) {
    let text = complete(text.as_ref());
    let text = shown_lines(&text);
    let text = shown_here(&text);
    let text = match text.strip_prefix("note:") {
        Some(rest) => format!("{}{rest}", colors::on_stderr(Style::Note, "note:")),
        None => text.into_owned(),
    };
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

fn write_data(text: &str) {
    #[expect(clippy::print_stdout, reason = "a test captures what is printed, not what is written")]
    if cfg!(test) {
        println!("{text}");
        return;
    }
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
        write_data(&shown_here(&shown_lines(&complete(text.as_ref()))));
    }

    /// A document that is read elsewhere: UTF-8, whatever the locale.
    pub fn document(self, text: &str) {
        write_data(&shown_lines(text));
    }

    /// A line of data in a colour, if there are colours.
    pub fn line_in(self, style: Style, text: impl AsRef<str>) {
        write_data(&colors::on_stdout(style, &shown_here(&shown_lines(&complete(text.as_ref())))));
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
        let _ = write!(std::io::stderr().lock(), "{}", shown_here(&shown_lines(message)));
    }

    /// What happened, why, and what to do.
    pub fn error(self, error: &Error) {
        let mut out = std::io::stderr().lock();
        let text = error.to_string();
        let text = complete(&text);
        let _ = writeln!(out, "{} {}", colors::on_stderr(Style::Bad, "error:"), shown_here(&shown(&text)));
        let mut cause = error.source();
        while let Some(source) = cause {
            // Others' errors may have several lines.
            let text: Vec<String> = source.to_string().lines().map(|line| shown(line).into_owned()).collect();
            let _ = writeln!(out, "  because: {}", shown_here(&text.join("\n    ")));
            cause = source.source();
        }
        if let Some(hint) = error.hint_text() {
            let _ = writeln!(out, "  hint: {}", shown_here(&shown(&complete(hint))));
        }
    }
}

/// Items shown before "and N more".
const LISTED: usize = 12;

/// The first items, and how many more there are.
pub fn listed(items: Vec<String>) -> String {
    let rest = items.len().saturating_sub(LISTED);
    let shown = items[..items.len().min(LISTED)].join(", ");
    if rest > 0 { format!("{shown} and {rest} more") } else { shown }
}

/// A plain table: right-aligned from the column `first_number` on. Where the terminal is narrower, its rows are blocks.
pub fn text_table(header: &[&str], rows: Vec<Vec<String>>, first_number: usize) -> String {
    let Some(width) = width() else { return wide_table(header, rows, first_number) };
    let table = wide_table(header, rows.clone(), first_number);
    match table.lines().any(|line| line.chars().count() > width) {
        true => blocks(header, &rows, first_number, width),
        false => table,
    }
}

/// A row is a line with its first cells, then the others with their names, indented and wrapped.
fn blocks(header: &[&str], rows: &[Vec<String>], first_number: usize, width: usize) -> String {
    const INDENT: &str = "  ";
    let names = first_number.clamp(1, header.len());
    let mut lines = Vec::new();
    for row in rows {
        let (heads, cells) = row.split_at(names.min(row.len()));
        lines.push(heads.iter().map(|cell| shown(cell)).collect::<Vec<_>>().join(" "));
        let cells = header[names..].iter().zip(cells).filter(|(_, cell)| !cell.is_empty());
        let mut line = INDENT.to_owned();
        for (name, cell) in cells {
            let cell = format!("{name} {}", shown(cell));
            let is_first = line == INDENT;
            if !is_first && line.chars().count() + 2 + cell.chars().count() > width {
                lines.push(std::mem::replace(&mut line, format!("{INDENT}{cell}")));
            } else {
                line.push_str(if is_first { "" } else { ", " });
                line.push_str(&cell);
            }
        }
        lines.extend((line != INDENT).then_some(line));
    }
    lines.join("\n")
}

fn wide_table(header: &[&str], rows: Vec<Vec<String>>, first_number: usize) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_too_wide_is_shown_in_blocks() {
        let rows =
            vec![vec!["2024".to_owned(), "TDZA".to_owned(), "120".to_owned(), String::new(), "3,600".to_owned()]];
        let header = ["Year", "Processor", "Dates", "%", "Rows"];
        assert_eq!(blocks(&header, &rows, 2, 40), "2024 TDZA\n  Dates 120, Rows 3,600");
        assert_eq!(blocks(&header, &rows, 2, 14), "2024 TDZA\n  Dates 120\n  Rows 3,600");
    }
}
