//! `putback runs`

use clap::{Args, Subcommand};

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
    /// Print the record and the log of a run
    Show { id: String },
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
        Some(RunsAction::Show { id }) => {
            let dir = run_dir(&store, id)?;
            for name in ["run.json", "log.jsonl"] {
                let path = dir.join(name);
                let text = std::fs::read_to_string(&path).map_err(|error| Error::io("read", &path, error))?;
                printer.line(text.trim_end());
            }
        }
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
