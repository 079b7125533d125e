//! `putback status`

use std::time::Duration;

use clap::Args;

use super::exit::ExitCode;
use super::output::Printer;
use super::range::RangeArgs;
use super::settings::{GlobalArgs, Settings};
use crate::calendar::{DateRange, DateRanges};
use crate::error::{Error, ErrorKind, Result};
use crate::processors::ProcessorId;
use crate::report::StatusReport;
use crate::schedule::Schedule;
use crate::store::Store;

/// Show how the dates of the store stand, per year and processor
///
/// Reads the store only, and works while another process writes it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  putback status --year 2024\n  putback status --dates --processor mlfs")]
pub struct StatusArgs {
    #[command(flatten)]
    range: RangeArgs,
    /// List every date that is not done, one per line
    #[arg(long)]
    dates: bool,
    /// Only this processor: tdza, psza, pcf, mlfs
    #[arg(long, value_name = "PROCESSOR")]
    processor: Option<ProcessorId>,
}

pub fn run(args: &StatusArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let settings = Settings::resolve(global, None, None)?;
    let store = settings.store();
    let schedule = load_schedule(&store)?;
    let dates = schedule.game_dates(&ranges(args)?);
    if dates.is_empty() {
        return Err(Error::new(
            ErrorKind::Upstream,
            format!("the store {} has no game dates here", store.root().display()),
        )
        .hint("run `putback sync` first, or name another --store or range"));
    }
    let mut report = StatusReport::new(&store.phase4()?, &dates);
    if let Some(only) = args.processor {
        report.rows.retain(|row| row.processor == only);
        report.not_done.retain(|date| date.processor == only);
        report.by_rule.retain(|(processor, _, _)| *processor == only);
    }
    if args.dates {
        list_dates(&report, printer);
    } else {
        printer.status(&report);
    }
    Ok(ExitCode::Done)
}

/// A sync that commits at this moment has renamed files before its manifest: look again.
fn load_schedule(store: &Store) -> Result<Schedule> {
    const TRIES: u32 = 20;
    let mut tries = 0;
    loop {
        tries += 1;
        match Schedule::load(store, &store.phase3()?) {
            Err(error) if error.kind() == ErrorKind::Corrupt && tries < TRIES => {
                std::thread::sleep(Duration::from_millis(50));
            }
            result => return result,
        }
    }
}

/// Everything when no range is given.
fn ranges(args: &StatusArgs) -> Result<DateRanges> {
    let ranges = args.range.without_target()?.ranges()?;
    if !ranges.is_empty() {
        return Ok(ranges);
    }
    Ok([DateRange { from: DateRange::year(1946).from, to: DateRange::year(2200).to }].into_iter().collect())
}

fn list_dates(report: &StatusReport, printer: Printer) {
    if printer.is_json() {
        return printer.json(&report.not_done);
    }
    for date in &report.not_done {
        let what = date.failed.as_ref().map_or_else(|| "pending".to_owned(), |reason| format!("failed: {reason}"));
        printer.line(format!("{} {} {what}", date.date, date.processor));
    }
}
