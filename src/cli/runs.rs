//! `putback runs`

use std::collections::BTreeMap;
use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::exit::ExitCode;
use super::output::{Printer, text_table};
use super::recorder::{records, run_dir};
use super::settings::{GlobalArgs, Settings};
use crate::error::{Error, Result};

/// List the runs of the store, show one, or compare two
///
/// Every sync, compute, upload and run leaves a record: command, settings, versions, inputs, outcome, and a
/// line for every date and processor. The last 50 are kept.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  putback runs\n  putback runs show 20260117T101500123-4711\n  putback runs diff 20260117T101500123-4711"
)]
pub struct RunsArgs {
    #[command(subcommand)]
    action: Option<RunsAction>,
}

#[derive(Debug, Subcommand)]
enum RunsAction {
    /// Print the record of a run and how its dates ended
    Show {
        id: String,
        /// Print the log as well, one JSON object per line
        #[arg(long)]
        log: bool,
    },
    /// Compare what two runs made of their dates, or a run with the store as it is
    ///
    /// By state, number of rows and content of each date, volatile columns left out. The store keeps the rows
    /// of the last run only: to compare cells, keep a copy of the store and use `putback diff --with store:PATH`.
    /// Ends with status 9 when a date changed.
    #[command(
        after_help = "Examples:\n  putback runs diff 20260117T101500123-4711\n  putback runs diff 20260117T101500123-4711 20260118T090000456-815"
    )]
    Diff {
        /// The earlier run
        id: String,
        /// The later run [default: the store as it is]
        other: Option<String>,
    },
}

pub fn run(args: &RunsArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let settings = Settings::resolve(global, None, None)?;
    let store = settings.store();
    match &args.action {
        Some(RunsAction::Show { id, log }) => show(&run_dir(&store, id)?, *log, printer)?,
        Some(RunsAction::Diff { id, other }) => return super::runs_diff::run(&store, id, other.as_deref(), printer),
        None => {
            let records = records(&store)?;
            if printer.is_json() {
                printer.json(&records);
                return Ok(ExitCode::Done);
            }
            let rows = records.iter().map(|record| {
                let outcome = match (record.exit_status, &record.finished_at) {
                    (Some(0), _) => "done".to_owned(),
                    (Some(status), _) => format!("status {status}"),
                    (None, _) => "unfinished".to_owned(),
                };
                let seconds = record.finished_at.map(|end| (end - record.started_at).as_seconds_f64());
                let seconds = seconds.map_or_else(String::new, |seconds| format!("{seconds:.1} s"));
                vec![record.id.clone(), outcome, seconds, record.command.clone()]
            });
            printer.line(text_table(&["Run", "Outcome", "Time", "Command"], rows.collect(), 9));
        }
    }
    Ok(ExitCode::Done)
}

/// A run as one document, or for people: its record, how many dates ended how, and the log if asked for.
fn show(dir: &Path, with_log: bool, printer: Printer) -> Result<()> {
    let read = |name: &str| {
        let path = dir.join(name);
        std::fs::read_to_string(&path).map_err(|error| Error::io("read", &path, error))
    };
    let (record, log) = (read("run.json")?, read("log.jsonl")?);
    // A run that was killed may have left half a line.
    let events: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    if printer.is_json() {
        let record: Value = serde_json::from_str(&record).unwrap_or(Value::String(record));
        printer.json(&json!({ "record": record, "dates": ended(&events), "log": events }));
        return Ok(());
    }
    printer.line(record.trim_end());
    for (processor, states) in ended(&events) {
        let states: Vec<String> = states.iter().map(|(state, dates)| format!("{dates} {state}")).collect();
        printer.line(format!("{processor}: {}", states.join(", ")));
    }
    if with_log {
        printer.line(log.trim_end());
    }
    Ok(())
}

/// How many dates of each processor ended how.
fn ended(events: &[Value]) -> BTreeMap<String, BTreeMap<String, usize>> {
    let mut ended: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for event in events.iter().filter(|event| event["event"] == "date") {
        let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
        *ended.entry(text("processor")).or_default().entry(text("state")).or_default() += 1;
    }
    ended
}
