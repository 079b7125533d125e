//! The way a user goes: a directory warehouse, `sync`, `compute`, and the store's Parquet.

use chrono::{DateTime, Days, NaiveDate, Utc};
use putback::calendar::{DateRange, DateRanges, Month, Season, SeasonCalendar};
use putback::catalog::{Role, Table};
use putback::compute::{ComputeRequest, DailyCache};
use putback::engine::EngineSettings;
use putback::processors::{ProcessorId, RunContext};
use putback::progress::Silent;
use putback::store::{DateState, Owner, Store, WriteLock, read_month_file};
use putback::sync::SyncRequest;
use putback::warehouse::dir::DirWarehouse;
use putback::windows::WindowEnd;
use tempfile::TempDir;

use super::rows::{Row, row, rows_of};
use super::tables::Tables;

/// A store in which a warehouse was synced and a date computed.
pub struct Backfill {
    dir: TempDir,
    store: Store,
}

impl Backfill {
    /// Syncs and computes `date`. The schedule, and inputs that were not given, are filled in with
    /// games that touch no result of the date.
    pub fn of(tables: Tables, date: NaiveDate) -> Self {
        Self::with(tables, date, run_context())
    }

    /// The same with `--quarantine`.
    pub fn quarantining(tables: Tables, date: NaiveDate) -> Self {
        Self::with(tables, date, RunContext { quarantine: true, ..run_context() })
    }

    fn with(tables: Tables, date: NaiveDate, context: RunContext) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let warehouse = dir.path().join("warehouse");
        std::fs::create_dir(&warehouse).expect("a directory");
        complete(tables, date).write_to(&warehouse);
        let store = Store::at(dir.path().join("store"));
        let backfill = Self { store, dir };
        backfill.sync_and_compute(&DirWarehouse::open(&warehouse).expect("a warehouse"), date, context);
        backfill
    }

    fn sync_and_compute(&self, warehouse: &DirWarehouse, date: NaiveDate, context: RunContext) {
        let owner = Owner { pid: std::process::id(), host: "test".into(), command: "test".into() };
        let lock = WriteLock::acquire(&self.store, &owner).expect("a free store");
        let ranges: DateRanges = [DateRange { from: date, to: date }].into_iter().collect();
        putback::sync::sync(
            warehouse,
            &lock,
            &SyncRequest::new(ranges.clone(), super::tables::date("2026-01-01")),
            &Silent,
        )
        .expect("a sync");
        let request = ComputeRequest {
            ranges,
            daily_cache: DailyCache::Synced,
            processors: ProcessorId::ALL.to_vec(),
            force: false,
            engine: engine_settings(self.dir.path()),
            context,
        };
        putback::compute::compute(&lock, &request, &Silent).expect("a computation");
    }

    /// How a date ended.
    pub fn state(&self, id: ProcessorId, date: NaiveDate) -> DateState {
        self.store.phase4().expect("a manifest").record(id, date).expect("a record").state.clone()
    }

    /// All stored rows of an output.
    pub fn rows(&self, table: Table) -> Vec<Row> {
        let manifest = self.store.phase4().expect("a manifest");
        let Some(files) = manifest.files_of(table) else { return Vec::new() };
        let paths = self.store.recorded_files(table, files, |_| true).expect("recorded files");
        let batch = |path: &std::path::PathBuf| read_month_file(table, path).expect("a month file");
        paths.iter().map(batch).flat_map(|batch| rows_of(&batch)).collect()
    }
}

pub fn engine_settings(dir: &std::path::Path) -> EngineSettings {
    EngineSettings { threads: 2, memory_limit: None, temp_dir: dir.join("spill") }
}

/// A run at noon of 2026-01-01.
pub fn run_context() -> RunContext {
    let timestamp: DateTime<Utc> = "2026-01-01T12:00:00Z".parse().expect("a timestamp");
    RunContext { timestamp, windows: WindowEnd::default(), quarantine: false }
}

/// Adds the schedule and one harmless row to every required input without rows.
fn complete(tables: Tables, date: NaiveDate) -> Tables {
    let missing: Vec<Table> =
        Table::inputs().filter(|table| table.role() == Role::Input && !tables.contains(*table)).collect();
    missing.into_iter().fold(tables, |tables, table| match table {
        Table::Schedule => tables.with(table, schedule(date)),
        _ => tables.with(table, [filler(table, date)]),
    })
}

/// Finished regular-season games on the opening night of the season and on `date`.
pub fn schedule(date: NaiveDate) -> [Row; 2] {
    let opening = SeasonCalendar::built_in().opening_night(Season::of(date)).expect("a known season");
    [opening, date].map(|date| row! { game_date: date, game_status: 3, is_regular_season: true })
}

/// A row of another day of the month, of a player or game that no test looks at.
fn filler(table: Table, date: NaiveDate) -> Row {
    let yesterday = date - Days::new(1);
    let other_day = if Month::of(yesterday) == Month::of(date) { yesterday } else { date + Days::new(1) };
    Row::from([(table.schema().partition_column().to_owned(), other_day.into())])
}
