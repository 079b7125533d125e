//! A directory with a generated warehouse, and the binary run in it against an service.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Mutex;

use arrow::array::{AsArray, BooleanArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Date32Type;
use libtest_mimic::Failed;
use putback::catalog::Table;
use putback::store::{Phase3Manifest, Store, read_month_file, write_parquet};
use putback::synth::{SeasonSpec, write_warehouse};
use tempfile::TempDir;

use super::service::Service;

/// A few dates after bootstrap.
pub const RANGE: [&str; 4] = ["--from", "2023-11-28", "--to", "2023-12-02"];

pub struct Desk {
    dir: TempDir,
    /// Where the binary finds the service: the service, or a proxy before it.
    pub rest: String,
    pub grpc: Option<String>,
    /// Set in addition for every run.
    pub variables: Vec<(&'static str, String)>,
}

/// What a run of the binary showed.
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Desk {
    /// With a generated warehouse of this seed in `warehouse`.
    pub fn new(service: &'static Service, seed: u64) -> Result<Self, Failed> {
        let dir = tempfile::tempdir()?;
        let last_day = Some("2023-12-02".parse()?);
        let spec = SeasonSpec { seed, players_per_team: 8, last_day, ..SeasonSpec::default() };
        write_warehouse(&spec, &dir.path().join("warehouse"))?;
        Ok(Self { dir, rest: service.rest.clone(), grpc: Some(service.grpc.clone()), variables: Vec::new() })
    }

    /// Synced from the directory and computed.
    pub fn computed(service: &'static Service, seed: u64) -> Result<Self, Failed> {
        Self::copied(service, (seed, false), || {
            let desk = Self::new(service, seed)?;
            desk.done(&["sync", "--warehouse", "dir:warehouse"])?;
            desk.done(&["compute"])?;
            Ok(desk)
        })
    }

    /// The same, but for a date without player contexts upstream: two processors give other rows.
    pub fn computed_otherwise(service: &'static Service, seed: u64) -> Result<Self, Failed> {
        Self::copied(service, (seed, true), || {
            let desk = Self::new(service, seed)?;
            let table = Table::UpcomingPlayerGameContext;
            let file = desk.path("warehouse").join(format!("{table}.parquet"));
            let rows = read_month_file(table, &file)?;
            let dates = rows.column_by_name("game_date").ok_or("no date")?.as_primitive::<Date32Type>();
            let day = Date32Type::from_naive_date("2023-11-29".parse()?);
            let keep: BooleanArray = dates.iter().map(|date| Some(date != Some(day))).collect();
            write_parquet(&file, &filter_record_batch(&rows, &keep)?)?;
            desk.done(&["sync", "--warehouse", "dir:warehouse"])?;
            desk.done(&["compute"])?;
            Ok(desk)
        })
    }

    /// A copy of a desk that is made once.
    fn copied(
        service: &'static Service,
        key: (u64, bool),
        make: impl FnOnce() -> Result<Self, Failed>,
    ) -> Result<Self, Failed> {
        static MADE: Mutex<BTreeMap<(u64, bool), TempDir>> = Mutex::new(BTreeMap::new());
        let mut made = MADE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let original = match made.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(make()?.dir),
        };
        let from = original.path().join(".");
        let dir = tempfile::tempdir()?;
        let is_copied = Command::new("cp").arg("-r").arg(from).arg(dir.path()).status()?.success();
        ensure(is_copied, "not copied")?;
        Ok(Self { dir, rest: service.rest.clone(), grpc: Some(service.grpc.clone()), variables: Vec::new() })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn phase3(&self, store: &str) -> Result<Phase3Manifest, Failed> {
        Ok(Store::at(self.path(store)).phase3()?)
    }

    /// Output tables that the store has rows of and that are published without being asked for.
    pub fn tables_with_rows(&self) -> Result<usize, Failed> {
        let mut tables = 0;
        for directory in std::fs::read_dir(self.path("putback-store/phase4"))?.flatten() {
            let name = directory.file_name().to_string_lossy().into_owned();
            if name == "objects" || name.ends_with(".player_daily_cache") {
                continue;
            }
            let has_files = directory.path().is_dir() && std::fs::read_dir(directory.path())?.next().is_some();
            tables += usize::from(has_files);
        }
        Ok(tables)
    }

    pub fn run(&self, arguments: &[&str]) -> Result<Outcome, Failed> {
        self.run_range(arguments, &RANGE)
    }

    pub fn run_range(&self, arguments: &[&str], range: &[&str]) -> Result<Outcome, Failed> {
        self.run_loudly(&[arguments, range, &["-q"]].concat())
    }

    /// With its notes, and without a range of its own.
    pub fn run_loudly(&self, arguments: &[&str]) -> Result<Outcome, Failed> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_putback"));
        command.args(arguments).current_dir(self.dir.path());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PUTBACK_")) {
            command.env_remove(name);
        }
        command
            .env("BIGQUERY_EMULATOR_HOST", &self.rest)
            .env_remove("BIGQUERY_EMULATOR_GRPC_HOST")
            .env("SOURCE_DATE_EPOCH", "1700000000")
            .env("PUTBACK_THREADS", "1")
            .env("PUTBACK_RETRY_DELAY_MS", "2")
            .env("PUTBACK_UPLOAD_CHUNK_KIB", "256");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        if let Some(grpc) = &self.grpc {
            command.env("BIGQUERY_EMULATOR_GRPC_HOST", grpc);
        }
        Outcome::new(command.output()?)
    }

    /// # Errors
    /// When the run does not end with status 0.
    pub fn done(&self, arguments: &[&str]) -> Result<Outcome, Failed> {
        let outcome = self.run(arguments)?;
        if outcome.code != 0 {
            return Err(format!("{arguments:?} ended with {}: {}", outcome.code, outcome.stderr).into());
        }
        Ok(outcome)
    }
}

impl Outcome {
    fn new(output: Output) -> Result<Self, Failed> {
        Ok(Self {
            code: output.status.code().ok_or("killed")?,
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    }
}

/// Fails a test with what was found.
pub fn ensure(holds: bool, found: impl std::fmt::Display) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(found.to_string().into()) }
}
