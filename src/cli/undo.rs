//! `putback undo`

use std::collections::BTreeMap;

use clap::Args;
use serde_json::json;

use super::context::Context;
use super::environment;
use super::exit::ExitCode;
use super::output::{Printer, text_table, thousands};
use super::settings::{GlobalArgs, Settings};
use super::upload_options::KeepOptions;
use super::{receipt, rehearsal, upload};
use crate::calendar::DateRanges;
use crate::error::Result;
use crate::publications::{Publication, UndoReport, UndoRequest, Undoable};
use crate::snapshot::{InQuarantine, Validations};
use crate::upload::UploadReport;
use crate::warehouse::Location;

/// Take a publication back
///
/// Puts back what the publication replaced, whole dates in all tables at once, as an upload does. An undo is a publication
/// itself and can be undone. Ends with status 6 and changes nothing where somebody changed one of the dates since. A
/// directory keeps the months that its last publications replaced; BigQuery keeps the replaced rows in a table that
/// expires.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  putback undo --list --to dir:published\n  putback undo --to bigquery:my-project 3f5a0c1b9d2e4f60718a"
)]
pub struct UndoArgs {
    /// Publication to take back, as --list names it [default: the latest]
    #[arg(value_name = "PUBLICATION")]
    publication: Option<String>,
    /// Warehouse that was published into: dir:PATH, gs://BUCKET/PREFIX, s3://BUCKET/PREFIX or bigquery:PROJECT
    #[arg(long, value_name = "WAREHOUSE")]
    to: Option<Location>,
    /// List the publications, and how long each can be undone
    #[arg(long, conflicts_with = "publication")]
    list: bool,
    #[command(flatten)]
    keep: KeepOptions,
}

pub fn run(args: &UndoArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let settings = Settings::resolve(global, None, args.to.as_ref())?;
    settings.required_to()?;
    rehearsal::say_mapping(&settings, printer);
    if args.list {
        let target = settings.open_target()?;
        list(&target.publications()?, &target.name(), printer);
        return Ok(ExitCode::Done);
    }
    let options = json!({ "publication": args.publication, "keep": args.keep.json() });
    let context = Context::new(&settings, printer);
    context.recording_if_possible(&DateRanges::everything(), options, |context| {
        let target = settings.open_target()?;
        let request = UndoRequest {
            publication: args.publication.clone(),
            now: environment::timestamp()?,
            keep: args.keep.keep(),
        };
        let undone = context.step("undo", || target.undo(&request, context.observer()));
        receipt::give(target.bill(), context);
        let report = undone?;
        context.summarize("undone", json(&report));
        context.measure(|metrics| metrics.published(report.tables.values()));
        target.take_notes().into_iter().for_each(|note| printer.note(format!("note: {note}")));
        let dates = report.tables.values().flat_map(|table| &table.dates).copied().collect();
        print(report, &settings, printer);
        // The target holds what it held before: that is not known to be in quarantine.
        let now = InQuarantine { target: &target.name(), dates: &dates, entities: &BTreeMap::new() };
        let store = settings.store();
        Validations::default().remember_quarantined(&store, settings.catalogue.digest(), now)?;
        Ok(ExitCode::Done)
    })
}

fn print(report: UndoReport, settings: &Settings, printer: Printer) {
    if printer.is_json() {
        return printer.json(&json(&report));
    }
    let UndoReport { undone, publication, was_done, tables } = report;
    if was_done {
        printer.line(format!("publication {undone} was undone before, by {publication}; nothing to do"));
        return;
    }
    let report = UploadReport { tables, ..UploadReport::default() };
    printer.line(upload::table(&report));
    let target = &settings.to.as_ref().expect("an undo has a target").value;
    printer.line(format!("publication {undone} is undone: {target} holds what it replaced"));
    printer.note(format!(
        "note: this undo is publication {publication}; `{}` takes it back; an upload of these dates publishes the store's \
         rows again",
        upload::undo_command(settings, &publication)
    ));
}

fn json(report: &UndoReport) -> serde_json::Value {
    let UndoReport { undone, publication, was_done, tables } = report;
    let tables = UploadReport { tables: tables.clone(), ..UploadReport::default() };
    let tables = upload::json(&tables)["tables"].take();
    json!({ "undone": undone, "publication": publication, "was_done": was_done, "tables": tables })
}

fn list(publications: &[Publication], target: &str, printer: Printer) {
    if printer.is_json() {
        return printer.json(&publications);
    }
    if publications.is_empty() {
        return printer.line(format!("{target} remembers no publication"));
    }
    let rows = publications.iter().map(|of| {
        let what = of.undoes.as_ref().map_or_else(|| "upload".to_owned(), |undone| format!("undo of {undone}"));
        vec![
            of.id.clone(),
            of.published_at.format("%Y-%m-%d %H:%M:%S").to_string(),
            what,
            format!("{} to {}", of.first_date, of.last_date),
            until(&of.undo),
            thousands(of.rows),
        ]
    });
    let header = ["Publication", "At (UTC)", "What", "Dates", "Can be undone", "Rows"];
    printer.line(text_table(&header, rows.collect(), 5));
}

fn until(undo: &Undoable) -> String {
    match undo {
        Undoable::ForPublications(0) | Undoable::No => "no".to_owned(),
        Undoable::ForPublications(1) => "until the next publication".to_owned(),
        Undoable::ForPublications(more) => format!("until {more} more publications"),
        Undoable::Until(end) => format!("until {}", end.format("%Y-%m-%d %H:%M")),
    }
}
