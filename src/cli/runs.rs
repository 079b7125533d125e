//! `putback runs`

use std::collections::BTreeMap;

use chrono::NaiveDate;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::exit::ExitCode;
use super::output::{Printer, counted, text_table};
use super::recorder::{RunRecord, records, run_dir};
use super::run_log::{self, DateOutcome, Entry, Line};
use super::settings::{GlobalArgs, Settings};
use super::unreadable;
use crate::error::{Error, ErrorKind, Result};
use crate::processors::ProcessorId;
use crate::store::{RunDir, Store};

/// Dates that are listed one by one.
const LISTED_DATES: usize = 5;

/// List the runs of the store, show one, or compare two
///
/// Every sync, compute, upload, run, check, validate and diff is recorded: command, settings, versions, inputs,
/// outcome, a summary, and the outcome of every date and processor. The last 50 records are kept.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  putback runs\n  putback runs show\n  putback runs diff 20260117T101500123-4711-0c9a31f2"
)]
pub struct RunsArgs {
    #[command(subcommand)]
    action: Option<RunsAction>,
}

#[derive(Debug, Subcommand)]
enum RunsAction {
    /// Print the record of a run and the outcome of its dates
    #[command(after_help = "Examples:\n  putback runs show\n  putback runs show --dates | grep Failed")]
    Show {
        /// The run [default: the last]
        id: Option<String>,
        /// Print one line for each date instead, per processor and in their order; as JSON, only of dates that were computed
        #[arg(long, conflicts_with = "log")]
        dates: bool,
        /// Print the log as well, one JSON object per line
        #[arg(long)]
        log: bool,
    },
    /// Compare the dates of two runs, or of a run and the present store
    ///
    /// Compares state, number of rows and content of each date, without volatile columns. The store keeps the rows
    /// of the last run only: to compare cells, keep a copy of the store and use `putback diff --with store:PATH`.
    /// Ends with status 9 when a date differs.
    #[command(
        after_help = "Examples:\n  putback runs diff 20260117T101500123-4711-0c9a31f2\n  putback runs diff 20260117T101500123-4711-0c9a31f2 20260118T090000456-815-77e01b4d"
    )]
    Diff {
        /// The earlier run
        id: String,
        /// The later run [default: the present store]
        other: Option<String>,
    },
}

pub fn run(args: &RunsArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let settings = Settings::resolve(global, None, None)?;
    let store = settings.store();
    unreadable::warn_of_records(&store, printer)?;
    match &args.action {
        Some(RunsAction::Show { id, dates, log }) => {
            let id = id.clone().map_or_else(|| last_run(&store), Ok)?;
            let dir = run_dir(&store, &id)?;
            match dates {
                true => date_lines(&dir, printer)?,
                false => show(&dir, *log, printer)?,
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
                let seconds = record.finished_at.map(|end| (end - record.started_at).as_seconds_f64());
                let seconds = seconds.map_or_else(String::new, |seconds| format!("{seconds:.1} s"));
                vec![record.id.clone(), record.outcome(), seconds, record.command.clone()]
            });
            printer.line(text_table(&["Run", "Outcome", "Time", "Command"], rows.collect(), 9));
        }
    }
    Ok(ExitCode::Done)
}

/// # Errors
/// [`ErrorKind::Upstream`] when nothing ran yet.
fn last_run(store: &Store) -> Result<String> {
    let last = records(store)?.pop().map(|record| record.id);
    last.ok_or_else(|| {
        Error::new(ErrorKind::Upstream, format!("the store {} has no runs", store.root().display()))
            .hint("run `putback run` or `putback sync` first, or name another --store")
    })
}

/// The outcome of every date of a run, a line each, in the words that operators search for.
fn date_lines(dir: &RunDir, printer: Printer) -> Result<()> {
    let log = run_log::read(dir)?;
    let mut dates: BTreeMap<ProcessorId, Vec<(NaiveDate, &DateOutcome)>> = BTreeMap::new();
    for line in &log {
        if let Entry::Date { processor, date, outcome } = &line.entry {
            dates.entry(*processor).or_default().push((*date, outcome));
        }
    }
    if printer.is_json() {
        let of_date = |(date, outcome): &(NaiveDate, &DateOutcome)| json!({ "date": date, "outcome": outcome });
        let of_processor = dates.iter().map(|(id, dates)| (id.to_string(), dates.iter().map(of_date).collect()));
        printer.json(&of_processor.collect::<serde_json::Map<_, _>>());
        return Ok(());
    }
    let mut said = unchanged(&log);
    for (id, dates) in dates {
        said.entry(id).or_default().extend(dates.into_iter().map(|(date, outcome)| (date, outcome.words())));
    }
    for (id, dates) in said {
        let all = dates.len();
        for (number, (date, words)) in (1..).zip(dates) {
            printer.line(format!("{id} Processing game date {number}/{all}: {date} {words}"));
        }
    }
    Ok(())
}

/// What is said of dates that a run left as they were.
fn unchanged(log: &[Line]) -> BTreeMap<ProcessorId, BTreeMap<NaiveDate, String>> {
    let mut unchanged: BTreeMap<ProcessorId, BTreeMap<NaiveDate, String>> = BTreeMap::new();
    for line in log {
        if let Entry::Unchanged { processor, dates } = &line.entry {
            let said = dates.iter().map(|date| (*date, "· Unchanged".to_owned()));
            unchanged.entry(*processor).or_default().extend(said);
        }
    }
    unchanged
}

/// A run as one document, or for people: its record, how many dates ended how, and the log if asked for.
fn show(dir: &RunDir, with_log: bool, printer: Printer) -> Result<()> {
    let path = dir.record();
    let record = std::fs::read(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::new(ErrorKind::Upstream, format!("{} is not there", path.display()))
            .hint("the run was killed before it wrote its record; `putback runs` lists those that have one"),
        _ => Error::io("read", &path, error),
    })?;
    let record = String::from_utf8_lossy(&record).into_owned();
    let log = run_log::read(dir)?;
    if printer.is_json() {
        let record: Value = serde_json::from_str(&record).unwrap_or(Value::String(record));
        printer.json(&json!({ "record": record, "dates": run_log::ended(&log), "log": log }));
        return Ok(());
    }
    match serde_json::from_str::<RunRecord>(&record) {
        Ok(record) => record_lines(&record).into_iter().for_each(|line| printer.line(line)),
        // Of another putback: as it is.
        Err(_) => printer.line(record.trim_end()),
    }
    for (processor, states) in run_log::ended(&log) {
        let states: Vec<String> = states.iter().map(|(state, dates)| format!("{dates} {state}")).collect();
        printer.line(format!("{processor}: {}", states.join(", ")));
    }
    if with_log {
        log.iter().for_each(|line| printer.line(serde_json::to_string(line).expect("serializes")));
    }
    Ok(())
}

/// What a record says, one fact to a line.
fn record_lines(record: &RunRecord) -> Vec<String> {
    let ended = match (record.finished_at, record.exit_status) {
        (Some(end), Some(status)) => {
            format!("ended with status {status} after {:.1} s", (end - record.started_at).as_seconds_f64())
        }
        _ => "still running, or killed".to_owned(),
    };
    let mut lines = vec![
        record.command.clone(),
        format!("started at {}, {ended}", record.started_at.format("%Y-%m-%d %H:%M:%S UTC")),
        format!("putback {}, processors {}, inputs {}", record.version, record.processors, record.inputs),
    ];
    lines.extend(record.error.iter().map(|error| format!("error: {error}")));
    for (title, value) in
        [("settings", &record.settings), ("options", &record.options), ("", &record.facts), ("", &record.summary)]
    {
        for (name, value) in value.as_object().into_iter().flatten().filter(|(_, value)| !is_nothing(value)) {
            let name = if title.is_empty() { name.clone() } else { format!("{title} {name}") };
            fact_lines(&name, value, &mut lines);
        }
    }
    lines
}

/// Lists one item to a line; many dates as their number, the first and the last; everything else as JSON.
fn fact_lines(name: &str, value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::Object(fields) if fields.len() > LISTED_DATES && fields.keys().all(|key| is_date(key)) => {
            let mut same: BTreeMap<String, Vec<&str>> = BTreeMap::new();
            fields.iter().for_each(|(date, value)| same.entry(shown(value)).or_default().push(date));
            lines.extend(same.into_iter().map(|(value, dates)| format!("{name}: {value} on {}", span(&dates))));
        }
        Value::Object(fields) if fields.values().any(|value| value.is_array() || value.is_object()) => {
            for (field, value) in fields.iter().filter(|(_, value)| !is_nothing(value)) {
                fact_lines(&format!("{name} {field}"), value, lines);
            }
        }
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            let are_dates = texts.len() > LISTED_DATES && texts.iter().all(|text| is_date(text));
            match texts.iter().any(|text| text.contains(' ')) {
                _ if are_dates => lines.push(format!("{name}: {}", span(&texts))),
                true => lines.extend(texts.iter().map(|text| format!("{name}: {text}"))),
                false => lines.push(format!("{name}: {}", texts.join(", "))),
            }
        }
        Value::Array(items) if items.iter().all(Value::is_object) => {
            for item in items {
                let of_check = item["check"].as_str().map(|check| format!("{name} {check}"));
                fact_lines(of_check.as_deref().unwrap_or(name), item, lines);
            }
        }
        other => lines.push(format!("{name}: {other}")),
    }
}

/// A text as it is, several in a row, everything else as JSON.
fn shown(value: &Value) -> String {
    let texts = value.as_array().map(|items| items.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
    match (value, texts) {
        (Value::String(text), _) => text.clone(),
        (_, Some(Some(texts))) => texts.join(", "),
        (other, _) => other.to_string(),
    }
}

fn is_date(text: &str) -> bool {
    text.parse::<NaiveDate>().is_ok()
}

/// Dates in ascending order.
fn span(dates: &[&str]) -> String {
    match dates {
        [first, .., last] => format!("{}, {first} to {last}", counted(dates.len(), "date")),
        _ => dates.concat(),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}
