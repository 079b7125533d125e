//! A directory with a generated warehouse, and the binary run in it against an emulator.

use std::path::PathBuf;
use std::process::{Command, Output};

use arrow::array::{AsArray, BooleanArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Date32Type;
use libtest_mimic::Failed;
use putback::catalog::Table;
use putback::store::{Phase3Manifest, Store, read_month_file, write_parquet};
use putback::synth::{SeasonSpec, write_warehouse};
use tempfile::TempDir;

use super::emulator::Emulator;

/// A few dates after bootstrap.
pub const RANGE: [&str; 4] = ["--from", "2023-11-28", "--to", "2023-12-02"];

pub struct Desk {
    dir: TempDir,
    /// Where the binary finds the service: the emulator, or a proxy before it.
    pub rest: String,
    pub grpc: Option<String>,
}

/// What a run of the binary showed.
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Desk {
    /// With a generated warehouse of this seed in `warehouse`.
    pub fn new(emulator: &'static Emulator, seed: u64) -> Result<Self, Failed> {
        let dir = tempfile::tempdir()?;
        let last_day = Some("2023-12-02".parse()?);
        let spec = SeasonSpec { seed, players_per_team: 8, last_day, ..SeasonSpec::default() };
        write_warehouse(&spec, &dir.path().join("warehouse"))?;
        Ok(Self { dir, rest: emulator.rest.clone(), grpc: Some(emulator.grpc.clone()) })
    }

    /// Synced from the directory and computed.
    pub fn computed(emulator: &'static Emulator, seed: u64) -> Result<Self, Failed> {
        let desk = Self::new(emulator, seed)?;
        desk.done(&["sync", "--warehouse", "dir:warehouse"])?;
        desk.done(&["compute"])?;
        Ok(desk)
    }

    /// The same, but for a date without player contexts upstream: two processors give other rows.
    pub fn computed_otherwise(emulator: &'static Emulator, seed: u64) -> Result<Self, Failed> {
        let desk = Self::new(emulator, seed)?;
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
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn phase3(&self, store: &str) -> Result<Phase3Manifest, Failed> {
        Ok(Store::at(self.path(store)).phase3()?)
    }

    pub fn run(&self, arguments: &[&str]) -> Result<Outcome, Failed> {
        self.run_range(arguments, &RANGE)
    }

    pub fn run_range(&self, arguments: &[&str], range: &[&str]) -> Result<Outcome, Failed> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_putback"));
        command.args(arguments).args(range).args(["-q"]).current_dir(self.dir.path());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PUTBACK_")) {
            command.env_remove(name);
        }
        command
            .env("BIGQUERY_EMULATOR_HOST", &self.rest)
            .env_remove("BIGQUERY_EMULATOR_GRPC_HOST")
            .env("SOURCE_DATE_EPOCH", "1700000000")
            .env("PUTBACK_RETRY_DELAY_MS", "2")
            .env("PUTBACK_UPLOAD_CHUNK_KIB", "256");
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
