//! `putback report`

mod facts;
mod gather;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;

use super::context::Context;
use super::exit::ExitCode;
use super::output::Printer;
use super::range::RangeArgs;
use super::settings::{Format, GlobalArgs, Settings, parse_path};
use super::shown::{shown_json, shown_lines};
use crate::destination::Destination;
use crate::error::{Error, ErrorKind, Result};
use crate::price::size;
use crate::report::page::{Report, is_report};

/// Write everything about the store into one page: verdict, calendar, causes, checks, features, handoff
///
/// The page is one HTML file that needs no network. It runs the checks of inputs and outputs, and compares with the target
/// where one is named by --to or by a setting. --format markdown writes only the handoff, --format json the data; both go
/// to standard output without --out. The command ends with status 0 when the report is written, whatever it says.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  putback report --out report.html\n  \
    putback report --year 2024 --to dir:published --out 2024.html\n  putback report --format markdown")]
pub struct ReportArgs {
    #[command(flatten)]
    range: RangeArgs,
    /// Write the report to this file; an older report there is replaced
    #[arg(long, value_name = "FILE", value_parser = parse_path)]
    out: Option<PathBuf>,
    /// Replace FILE although putback did not write it
    #[arg(long, requires = "out")]
    force: bool,
}

/// Longest beginning of a file that is looked at.
const BEGIN: u64 = 64;

pub fn run(args: &ReportArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let settings = Settings::resolve(global, None, args.range.target()?)?;
    let form = global.format;
    let Some(path) = &args.out else {
        if form == Format::Text {
            return Err(Error::new(ErrorKind::Usage, "a page needs a file")
                .hint("add --out report.html, or --format markdown or --format json for standard output"));
        }
        let report = gather::report(Context::new(&settings, printer), &args.range)?;
        match form {
            Format::Json => printer.json(&report),
            Format::Markdown | Format::Text => printer.document(report.markdown().trim_end()),
        }
        return Ok(ExitCode::Done);
    };
    let destination = Destination::new(path, args.force || is_ours(path))?;
    let report = destination.write(|staged| {
        let report = gather::report(Context::new(&settings, printer), &args.range)?;
        std::fs::write(staged, text(&report, form)).map_err(|error| Error::io("write", staged, error))?;
        Ok(report)
    })?;
    say(&report, path, printer);
    Ok(ExitCode::Done)
}

/// The document; characters of data that a terminal or an editor would obey are spelt out.
fn text(report: &Report, form: Format) -> String {
    match form {
        Format::Text => shown_lines(&report.html()).into_owned(),
        Format::Markdown => shown_lines(&report.markdown()).into_owned(),
        Format::Json => {
            let json = serde_json::to_string_pretty(report).expect("reports serialize");
            format!("{}\n", shown_json(&json))
        }
    }
}

/// Whether a report of putback lies there.
fn is_ours(path: &Path) -> bool {
    let is_file = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file());
    let mut begin = Vec::new();
    is_file && File::open(path).and_then(|file| file.take(BEGIN).read_to_end(&mut begin)).is_ok() && is_report(&begin)
}

/// The verdicts, and where to read more.
fn say(report: &Report, path: &Path, printer: Printer) {
    for verdict in &report.status.verdicts {
        printer.line(format!("{}: {}", verdict.year, verdict.word()));
    }
    let bytes = std::fs::metadata(path).map_or(0, |meta| meta.len());
    printer.line(format!("wrote {} ({})", path.display(), size(bytes)));
}
