//! A strict stand-in for BigQuery, for what emulators do not do: job ids that are taken, jobs that fail
//! before or after they committed, quotas, streaming buffers, bytes and their limit, partition filters,
//! locations, and streams that break at a given row.
//!
//! Tables live in an embedded database of the fake's own. It knows the statements that putback and the
//! tests send, and refuses every other one.

mod cells;
mod decorators;
mod http;
mod jobs;
mod overlap;
mod rest;
mod seed;
mod sql;
mod storage;
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use duckdb::Connection;
use serde_json::Value;

pub use jobs::JobFault;

/// Where every dataset of the fake lies.
pub const LOCATION: &str = "us-west2";

/// A fake that serves on loopback ports until the process ends.
#[derive(Clone)]
pub struct Fake {
    /// `http://127.0.0.1:PORT`.
    pub rest: String,
    /// `127.0.0.1:PORT`.
    pub grpc: String,
    core: Arc<Mutex<Core>>,
}

/// Everything that the service knows.
pub struct Core {
    database: Connection,
    /// By project and dataset.
    datasets: BTreeMap<(String, String), Value>,
    tables: BTreeMap<tables::Name, tables::Table>,
    jobs: BTreeMap<(String, String), jobs::Job>,
    uploads: BTreeMap<String, jobs::Upload>,
    sessions: storage::Sessions,
    /// By project and mark.
    faults: Vec<(String, String, JobFault)>,
    /// Projects whose next transaction stays open until another one has ended.
    overlapping: BTreeSet<String>,
    /// One for each project at most.
    open: BTreeMap<String, overlap::OpenTransaction>,
    /// Every script that putback sent, with the columns of the tables that it names.
    sent: Vec<Value>,
    /// Projects of which committed transactions are kept, and these: `{"sql", "tables": {name: {"fields", "before", "after"}}}`.
    watched: BTreeMap<String, Vec<Value>>,
    /// Milliseconds that go on by one with every change.
    clock_ms: u64,
}

impl Fake {
    pub fn start() -> Result<Self, String> {
        let database = Connection::open_in_memory().map_err(|error| error.to_string())?;
        database.execute_batch(&format!("{}{}", sql::SESSION, sql::MACROS)).map_err(|error| error.to_string())?;
        let core = Arc::new(Mutex::new(Core {
            database,
            datasets: BTreeMap::new(),
            tables: BTreeMap::new(),
            jobs: BTreeMap::new(),
            uploads: BTreeMap::new(),
            sessions: storage::Sessions::default(),
            faults: Vec::new(),
            overlapping: BTreeSet::new(),
            open: BTreeMap::new(),
            sent: Vec::new(),
            watched: BTreeMap::new(),
            clock_ms: 1_700_000_000_000,
        }));
        let rest = http::serve(Arc::clone(&core)).map_err(|error| error.to_string())?;
        let grpc = storage::serve(Arc::clone(&core)).map_err(|error| error.to_string())?;
        Ok(Self { rest, grpc, core })
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().expect("no thread panicked")
    }

    /// What happens to the project's next job whose id or statement contains `mark`.
    pub fn next_job(&self, project: &str, mark: &str, fault: JobFault) {
        self.core().faults.push((project.to_owned(), mark.to_owned(), fault));
    }

    /// From now on the project's jobs so far are those of another account.
    pub fn change_account(&self, project: &str) {
        let mut core = self.core();
        let jobs = core.jobs.iter_mut().filter(|((of, _), _)| of == project);
        jobs.for_each(|(_, job)| job.is_hidden = true);
    }

    /// Every script that putback sent so far and whose tables existed: `{"sql", "tables": {name: fields}}`.
    pub fn sent(&self) -> Vec<Value> {
        self.core().sent.clone()
    }

    /// From now on the transactions that commit in the project are kept.
    pub fn watch(&self, project: &str) {
        self.core().watched.insert(project.to_owned(), Vec::new());
    }

    /// Transactions that committed, with the rows of their tables before and after.
    pub fn committed(&self, project: &str) -> Vec<Value> {
        self.core().watched.get(project).cloned().unwrap_or_default()
    }

    /// Changes the resource of a dataset as its owner would.
    pub fn alter_dataset(&self, project: &str, dataset: &str, change: impl FnOnce(&mut Value)) {
        let mut core = self.core();
        change(core.datasets.get_mut(&(project.to_owned(), dataset.to_owned())).expect("a dataset"));
    }

    pub fn forget_faults(&self, project: &str) {
        self.core().faults.retain(|(of, _, _)| of != project);
    }

    /// Whether every fault was met.
    pub fn has_met_all(&self, project: &str) -> bool {
        self.core().faults.iter().all(|(of, _, _)| of != project)
    }

    /// Changes the resource of a table as its owner would, for example its schema.
    pub fn alter(&self, project: &str, table: &str, change: impl FnOnce(&mut Value)) {
        let mut core = self.core();
        let name = tables::Name::parse(&format!("{project}.{table}")).expect("a full name");
        change(&mut core.tables.get_mut(&name).expect("a table").resource);
    }

    /// A project's streams of the Storage Read API end with an error after so many rows, the next `times` that
    /// are read.
    pub fn break_streams(&self, project: &str, after_rows: i64, times: usize, code: tonic::Code) {
        self.core().sessions.breaks.insert(project.to_owned(), vec![(after_rows, code); times]);
    }

    /// Breaks of [`Fake::break_streams`] that no stream has met yet.
    pub fn breaks_left(&self, project: &str) -> usize {
        self.core().sessions.breaks.get(project).map_or(0, Vec::len)
    }
}
