//! `putback upload`

use std::collections::BTreeSet;

use chrono::NaiveDate;
use clap::Args;

use super::environment;
use super::exit::ExitCode;
use super::output::{Printer, text_table, thousands};
use super::progress::Progress;
use super::range::RangeArgs;
use super::settings::{GlobalArgs, Settings};
use super::sync::announce_clipping;
use crate::calendar::DateRanges;
use crate::error::Result;
use crate::report::StatusReport;
use crate::schedule::Schedule;
use crate::store::{Store, WriteLock};
use crate::upload::{PublishSet, UploadReport};
use crate::warehouse;

/// Publish finished dates into a warehouse
///
/// Whole dates only: rows are staged, read back, and put in place by rename. Failed dates stay as the
/// target has them. A second upload does nothing.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  putback upload --year 2024 --to dir:published")]
pub struct UploadArgs {
    #[command(flatten)]
    range: RangeArgs,
}

pub fn run(args: &UploadArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let settings = Settings::resolve(global, None, args.range.target()?)?;
    let range = args.range.required(environment::yesterday())?;
    announce_clipping(&range, printer);
    let lock = WriteLock::acquire(&settings.store(), &environment::owner())?;
    let (report, held_back) = publish(&settings, lock.store(), &range.ranges, printer)?;
    if printer.is_json() {
        printer.json(&json(&report));
    } else {
        printer.line(table(&report));
    }
    let pending = note_pending(lock.store(), &range.ranges, printer)?;
    Ok(if held_back + pending > 0 { ExitCode::FailedDates } else { ExitCode::Done })
}

/// Game dates that were never computed are not published either, and are not passed over in silence.
fn note_pending(store: &Store, ranges: &DateRanges, printer: Printer) -> Result<usize> {
    let dates = Schedule::load(store, &store.phase3()?)?.game_dates(ranges);
    let report = StatusReport::new(&store.phase4()?, &dates);
    let pending: BTreeSet<NaiveDate> =
        report.not_done.iter().filter(|date| date.failed.is_none()).map(|date| date.date).collect();
    if let (Some(first), Some(last)) = (pending.first(), pending.last()) {
        let count = pending.len();
        printer.note(format!("note: {count} game dates are not computed and not published: {first} to {last}"));
    }
    Ok(pending.len())
}

/// Publishes and says what was held back; returns how many (processor, date) that is.
pub fn publish(
    settings: &Settings,
    store: &Store,
    ranges: &DateRanges,
    printer: Printer,
) -> Result<(UploadReport, usize)> {
    let target = warehouse::open_target(settings.required_to()?)?;
    let set = PublishSet::collect(store, ranges)?;
    let report = target.publish(&set, &Progress::new(printer))?;
    let mut held_back = 0;
    for (processor, dates) in &set.held_back {
        held_back += dates.len();
        printer.note(format!(
            "note: {processor}: {} failed dates are not published; {} keeps what it has",
            dates.len(),
            target.name()
        ));
    }
    if report.is_nothing() {
        printer.note(format!("nothing to publish: {} already holds these dates", target.name()));
    }
    Ok((report, held_back))
}

/// Dates and rows written per table.
pub fn table(report: &UploadReport) -> String {
    let rows = report.tables.iter().map(|(table, upload)| {
        vec![
            table.to_string(),
            upload.dates.len().to_string(),
            upload.unchanged.to_string(),
            thousands(upload.rows),
            thousands(upload.removed_rows),
        ]
    });
    text_table(&["Table", "Dates published", "Unchanged", "Rows", "Rows removed"], rows.collect(), 1)
}

/// [`table`] for machines.
pub fn json(report: &UploadReport) -> serde_json::Value {
    let tables = report.tables.iter().map(|(table, upload)| {
        serde_json::json!({
            "table": table.full_name(),
            "dates": upload.dates,
            "unchanged": upload.unchanged,
            "rows": upload.rows,
            "removed_rows": upload.removed_rows,
        })
    });
    serde_json::json!({ "tables": tables.collect::<Vec<_>>() })
}
