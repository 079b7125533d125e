//! Run records: what a command did, in a folder of its own below the store.
//!
//! `runs/<id>/run.json` holds the command, settings, versions, input fingerprint, outcome, figures and a summary;
//! `runs/<id>/log.jsonl` a line for every table, processor and date ([`super::run_log`]).

use std::error::Error as _;
use std::fs::File;
use std::io::{LineWriter, Write};
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::environment;
use super::exit::ExitCode;
use super::metrics::Metrics;
use super::output::Printer;
use super::progress::Progress;
use super::run_log::{Entry, Line};
use super::settings::Settings;
use crate::calendar::{DateRange, DateRanges};
use crate::error::{Error, ErrorKind, Result};
use crate::judge::{StatusReport, StatusRow, Verdict};
use crate::processors::{self, ProcessorId};
use crate::progress::{Event, Observer};
use crate::store::commit::staged::{create_private, replace_private_file, sweep_abandoned};
use crate::store::{RunDir, Store};

/// Older records are deleted.
const KEPT_RUNS: usize = 50;

/// `run.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunRecord {
    pub id: String,
    pub command: String,
    pub started_at: DateTime<Utc>,
    /// Absent while the command runs, and after it was killed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_status: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    pub version: String,
    pub processors: Value,
    pub settings: Value,
    /// The request: the range and the command's own options.
    #[serde(default)]
    pub options: Value,
    /// Digest of the store's Phase 3 manifest when the run ended.
    #[serde(default)]
    pub inputs: String,
    /// Facts of the run: preflight, accepted checks, figures.
    #[serde(default)]
    pub facts: Value,
    /// The result by table, processor and year.
    #[serde(default)]
    pub summary: Value,
    /// The result in the figures that every run has.
    #[serde(default)]
    pub metrics: Metrics,
}

impl RunRecord {
    /// How the run ended, in a word.
    pub fn outcome(&self) -> String {
        match self.exit_status {
            Some(0) => "done".to_owned(),
            Some(status) => format!("status {status}"),
            None => "unfinished".to_owned(),
        }
    }
}

/// Records a run while it goes on, and shows its progress.
pub struct Recorder {
    progress: Progress,
    dir: RunDir,
    store: Store,
    state: Mutex<State>,
}

struct State {
    record: RunRecord,
    log: LineWriter<File>,
}

impl Recorder {
    /// Begins the record of a command with its range and options; keeps the last 50 records.
    pub fn begin(settings: &Settings, ranges: &DateRanges, options: Value, printer: Printer) -> Result<Self> {
        let store = settings.store();
        let now = Utc::now();
        let id = format!("{}-{}", now.format("%Y%m%dT%H%M%S%3f"), environment::unique());
        let dir = store.runs().create(&id)?;
        let log = create_private(&dir.log())?;
        let versions: serde_json::Map<String, Value> = processors::all()
            .iter()
            .map(|processor| (processor.id().name().to_owned(), json!(processor.version())))
            .collect();
        let record = RunRecord {
            id,
            command: environment::owner().command,
            started_at: now,
            finished_at: None,
            exit_status: None,
            error: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            processors: Value::Object(versions),
            settings: json!({
                "threads": settings.threads.value,
                "memory_limit": settings.memory_limit.as_ref().map(|limit| limit.value.clone()),
                "warehouse": settings.warehouse.as_ref().map(|location| location.value.to_string()),
                "thresholds": settings.catalogue.overridden(),
                "datasets": settings.mapping(),
                "to": settings.to.as_ref().map(|location| location.value.to_string()),
            }),
            options: asked(ranges, options),
            inputs: String::new(),
            facts: json!({}),
            summary: json!({}),
            metrics: Metrics::default(),
        };
        let state = Mutex::new(State { record, log: LineWriter::new(log) });
        let recorder = Self { progress: Progress::new(printer), dir, store, state };
        recorder.write()?;
        // Old records that cannot be removed stop nothing.
        let _ = prune(&recorder.store);
        Ok(recorder)
    }

    /// Adds a fact.
    pub fn fact(&self, name: &str, value: Value) {
        self.state.lock().expect("no thread panicked").record.facts[name] = value;
    }

    /// Adds a part of the summary.
    pub fn summarize(&self, name: &str, value: Value) {
        self.state.lock().expect("no thread panicked").record.summary[name] = value;
    }

    /// Records how the dates stand.
    pub fn stands(&self, status: &StatusReport) {
        self.summarize("dates", summary(status));
        self.measure(|metrics| metrics.stands(status));
    }

    /// Adds to the figures.
    pub fn measure(&self, add: impl FnOnce(&mut Metrics)) {
        add(&mut self.state.lock().expect("no thread panicked").record.metrics);
    }

    /// Does a step, and records how long it took, whatever it came to.
    pub fn step<T>(&self, name: &str, act: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let done = act();
        self.progress.settle();
        self.measure(|metrics| metrics.took(name, started.elapsed().as_secs_f64()));
        done
    }

    /// Ends the record with the outcome, and returns the outcome.
    pub fn end(self, outcome: Result<ExitCode>) -> Result<ExitCode> {
        let (outcome, written) = self.close(outcome);
        outcome.and_then(|code| written.map(|()| code))
    }

    /// Ends the record, and hands on the outcome and whether the record could be written.
    pub fn close(self, outcome: Result<ExitCode>) -> (Result<ExitCode>, Result<()>) {
        {
            let mut state = self.state.lock().expect("no thread panicked");
            let record = &mut state.record;
            let finished_at = Utc::now();
            record.finished_at = Some(finished_at);
            record.metrics.took_in_all((finished_at - record.started_at).as_seconds_f64());
            let code = match &outcome {
                Ok(code) => *code,
                Err(error) => {
                    record.error = Some(error.to_string());
                    ExitCode::of(error)
                }
            };
            record.exit_status = Some(code as i32);
            record.inputs = inputs_digest(&self.store);
            let _ = state.log.flush();
        }
        let written = self.write();
        (outcome, written)
    }

    fn write(&self) -> Result<()> {
        let record = &self.state.lock().expect("no thread panicked").record;
        let bytes = serde_json::to_vec_pretty(record).expect("serializes");
        replace_private_file(&self.dir.record(), &bytes)
    }
}

/// Whether the place is read-only, full, or somebody else's: no reason for a command that only reads to fail.
pub fn cannot_be_written(error: &Error) -> bool {
    use std::io::ErrorKind as Io;
    let kind = error.source().and_then(crate::file_system::io_kind);
    matches!(kind, Some(Io::PermissionDenied | Io::ReadOnlyFilesystem | Io::StorageFull | Io::QuotaExceeded))
}

/// How the dates stand by processor, and the verdicts, for a run's record.
fn summary(report: &StatusReport) -> Value {
    let of_processor = |id: ProcessorId| {
        let rows = report.rows.iter().filter(|row| row.processor == id);
        let sum = |count: fn(&StatusRow) -> usize| rows.clone().map(count).sum::<usize>();
        let states = json!({
            "done": sum(|row| row.done), "empty": sum(|row| row.empty), "failed": sum(|row| row.failed),
            "skipped": sum(|row| row.skipped), "pending": sum(|row| row.pending), "stale": sum(|row| row.stale),
            "rows": rows.clone().map(|row| row.rows).sum::<u64>(),
        });
        (id.name().to_owned(), states)
    };
    let verdict = |verdict: &Verdict| {
        let open = verdict.open.iter().map(|open| (open.what.to_string(), json!(open.dates.len())));
        let fields = json!({
            "dates": verdict.dates, "complete": verdict.complete,
            "open_dates": open.collect::<serde_json::Map<_, _>>(),
        });
        (verdict.year.to_string(), fields)
    };
    json!({
        "by_processor": ProcessorId::ALL.into_iter().map(of_processor).collect::<serde_json::Map<_, _>>(),
        "verdicts": report.verdicts.iter().map(verdict).collect::<serde_json::Map<_, _>>(),
    })
}

fn asked(ranges: &DateRanges, mut options: Value) -> Value {
    let interval = |range: &DateRange| json!({ "from": range.from, "to": range.to });
    options["range"] = match *ranges == DateRanges::everything() {
        true => json!("everything"),
        false => ranges.iter().map(interval).collect(),
    };
    options
}

/// A digest of the Phase 3 manifest.
pub fn inputs_digest(store: &Store) -> String {
    let manifest = std::fs::read(store.layer_dir(crate::store::Layer::Phase3).join("manifest.json"));
    manifest.map(|bytes| crate::numerics::hash::data_hash(&[&bytes])).unwrap_or_default()
}

impl Observer for Recorder {
    fn on(&self, event: Event) {
        self.measure(|metrics| metrics.see(&event));
        if let Some(entry) = Entry::of(&event) {
            let line = Line { at: Some(Utc::now()), entry };
            let line = serde_json::to_string(&line).expect("serializes");
            let mut state = self.state.lock().expect("no thread panicked");
            let _ = writeln!(state.log, "{line}");
        }
        self.progress.on(event);
    }

    fn is_cancelled(&self) -> bool {
        self.progress.is_cancelled()
    }
}

/// The records of a store, oldest first; unreadable ones are left out ([`unreadable_records`]).
pub fn records(store: &Store) -> Result<Vec<RunRecord>> {
    let dirs = store.runs().list()?;
    let read = |dir: &RunDir| serde_json::from_slice(&std::fs::read(dir.record()).ok()?).ok();
    let mut records: Vec<RunRecord> = dirs.iter().filter_map(read).collect();
    records.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(records)
}

/// Records that are no records, in the order of their runs. A run that was killed at once has none.
///
/// # Errors
/// When the directory of the runs cannot be listed.
pub fn unreadable_records(store: &Store) -> Result<Vec<RunDir>> {
    let is_unreadable = |path: &Path| match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice::<RunRecord>(&bytes).is_err(),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    };
    let mut dirs = store.runs().list()?;
    dirs.retain(|dir| is_unreadable(&dir.record()));
    Ok(dirs)
}

/// Other directories of the store whose files any number of commands may replace at once.
const UNLOCKED_DIRS: [&str; 3] = ["plans", "published", "verdicts"];

fn prune(store: &Store) -> Result<()> {
    let runs = store.runs();
    let dirs = runs.list()?;
    UNLOCKED_DIRS.iter().try_for_each(|name| sweep_abandoned(&store.root().join(name)))?;
    sweep_abandoned(runs.path())?;
    dirs.iter().try_for_each(|dir| sweep_abandoned(dir.path()))?;
    let surplus = dirs.len().saturating_sub(KEPT_RUNS);
    for dir in &dirs[..surplus] {
        std::fs::remove_dir_all(dir.path()).map_err(|error| Error::io("remove", dir.path(), error))?;
    }
    Ok(())
}

/// The directory of a run, for `runs show`.
///
/// # Errors
/// [`ErrorKind::Usage`] when there is no such run.
pub fn run_dir(store: &Store, id: &str) -> Result<RunDir> {
    store.runs().find(id).ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("there is no run {id} in {}", store.root().display()))
            .hint("`putback runs` lists them")
    })
}
