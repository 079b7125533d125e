//! Running the real path on golden inputs.

use std::collections::BTreeSet;
use std::path::Path;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::Date32Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use putback::calendar::{DateRange, DateRanges};
use putback::catalog::{Role, Table};
use putback::compute::{self, ComputeRequest, compute};
use putback::engine::EngineSettings;
use putback::processors::RunContext;
use putback::progress::Silent;
use putback::store::{Owner, Store, WriteLock, read_month_file};
use putback::sync::{SyncRequest, sync};
use putback::warehouse::dir::DirWarehouse;
use putback::windows::WindowEnd;

use crate::compare::{Comparison, compare};

/// Golden outputs and the inputs they were computed from.
pub struct GoldenSet {
    pub name: &'static str,
    pub phase3: &'static str,
    pub daily_cache: DailyCache,
    pub golden: &'static [&'static str],
}

/// Which daily cache MLFS reads.
pub enum DailyCache {
    Computed,
    /// That of this directory.
    Synced(&'static str),
    None,
}

impl DailyCache {
    fn option(&self) -> compute::DailyCache {
        match self {
            Self::Computed => compute::DailyCache::Computed,
            Self::Synced(_) => compute::DailyCache::Synced,
            Self::None => compute::DailyCache::None,
        }
    }
}

impl GoldenSet {
    /// Syncs, computes and compares; prints rows, cells and differences per table.
    pub fn check(&self, root: &Path) -> Result<(), String> {
        let work = tempfile::tempdir().map_err(|error| error.to_string())?;
        let warehouse = work.path().join("warehouse");
        self.link_inputs(root, &warehouse).map_err(|error| error.to_string())?;
        let store = Store::at(work.path().join("store"));
        run_everything(&warehouse, &store, self.daily_cache.option())?;
        // Without computing it there is nothing to compare with.
        let is_compared =
            |table: &Table| *table != Table::PlayerDailyCache || matches!(self.daily_cache, DailyCache::Computed);
        let mut differing = 0;
        for dir in self.golden {
            for table in Table::outputs().filter(is_compared) {
                let path = root.join(dir).join(format!("{table}.parquet"));
                if path.is_file() {
                    differing += self.check_table(&store, table, &root.join(dir))?;
                }
            }
        }
        if differing > 0 { Err(format!("{differing} cells or rows differ")) } else { Ok(()) }
    }

    /// A warehouse directory of links, so that the daily cache can join or not.
    fn link_inputs(&self, root: &Path, warehouse: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(warehouse)?;
        let link = |dir: &str, table: Table| {
            let name = format!("{table}.parquet");
            let from = root.join(dir).join(&name).canonicalize()?;
            std::os::unix::fs::symlink(from, warehouse.join(name))
        };
        let is_linked = |table: &Table| {
            let is_there = root.join(self.phase3).join(format!("{table}.parquet")).is_file();
            table.role() == Role::Input || (*table == Table::PlayerBoxScores && is_there)
        };
        for table in Table::inputs().filter(is_linked) {
            link(self.phase3, table)?;
        }
        match self.daily_cache {
            DailyCache::Synced(dir) => link(dir, Table::SyncedDailyCache),
            DailyCache::Computed | DailyCache::None => Ok(()),
        }
    }

    fn check_table(&self, store: &Store, table: Table, dir: &Path) -> Result<u64, String> {
        let golden_of = |table: Table| read(&dir.join(format!("{table}.parquet")));
        let golden = golden_of(table)?;
        let mut dates = dates_of(table, &golden);
        if table == Table::PlayerDailyCache {
            // A date that the reference lost has failures, and must have no row here either.
            dates.extend(dates_of(Table::PrecomputeFailures, &golden_of(Table::PrecomputeFailures)?));
        }
        let ours = rows_on(store, table, &dates)?;
        let (golden, ours) = match table {
            Table::PrecomputeFailures => common_failures(&golden, &ours),
            _ => (golden, ours),
        };
        let Comparison { rows, cells, differences } = compare(table, &golden, &ours)?;
        println!(
            "{} {table}: {} dates, {rows} rows, {cells} cells compared, {} differ",
            self.name,
            dates.len(),
            differences.len()
        );
        for difference in differences.iter().take(10) {
            println!("    {difference}");
        }
        Ok(differences.len() as u64)
    }
}

fn run_everything(warehouse: &Path, store: &Store, daily_cache: compute::DailyCache) -> Result<(), String> {
    let text = |error: putback::error::Error| format!("{error} {:?}", error.hint_text());
    let owner = Owner { pid: std::process::id(), host: "test".to_owned(), command: "parity".to_owned() };
    let lock = WriteLock::acquire(store, &owner).map_err(text)?;
    let source = DirWarehouse::open(warehouse).map_err(text)?;
    let ranges: DateRanges =
        [DateRange { from: DateRange::year(2021).from, to: DateRange::year(2026).to }].into_iter().collect();
    let today = "2026-06-30".parse().expect("a date");
    sync(&source, &lock, &SyncRequest::new(ranges.clone(), today), &Silent).map_err(text)?;
    let request = ComputeRequest {
        ranges,
        daily_cache,
        processors: putback::processors::ProcessorId::ALL.to_vec(),
        force: false,
        engine: EngineSettings { threads: 2, memory_limit: None, temp_dir: store.root().join("spill") },
        context: RunContext {
            timestamp: chrono::DateTime::UNIX_EPOCH,
            windows: WindowEnd::default(),
            quarantine: false,
        },
    };
    compute(&lock, &request, &Silent).map_err(text).map(drop)
}

fn read(path: &Path) -> Result<RecordBatch, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| error.to_string())?;
    let schema = builder.schema().clone();
    let batches: Vec<RecordBatch> = builder
        .build()
        .map_err(|error| error.to_string())?
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    concat_batches(&schema, &batches).map_err(|error| error.to_string())
}

/// Failures of the processors that both have, but for ours of a date as a whole, which the reference does not record.
fn common_failures(golden: &RecordBatch, ours: &RecordBatch) -> (RecordBatch, RecordBatch) {
    let texts = |batch: &RecordBatch, name: &str| -> Vec<String> {
        let column =
            arrow::compute::cast(batch.column_by_name(name).unwrap(), &arrow::datatypes::DataType::Utf8).unwrap();
        column.as_string::<i32>().iter().map(|text| text.unwrap_or_default().to_owned()).collect()
    };
    let processors = |batch: &RecordBatch| texts(batch, "processor_name").into_iter().collect::<BTreeSet<_>>();
    let common: BTreeSet<String> = processors(golden).intersection(&processors(ours)).cloned().collect();
    let kept = |batch: &RecordBatch| {
        let names = texts(batch, "processor_name").into_iter().zip(texts(batch, "entity_id"));
        let is_kept = names.map(|(name, entity)| Some(common.contains(&name) && entity != "DATE_LEVEL"));
        filter_record_batch(batch, &is_kept.collect()).unwrap()
    };
    (kept(golden), kept(ours))
}

fn dates_of(table: Table, batch: &RecordBatch) -> BTreeSet<i32> {
    let dates = batch.column_by_name(table.schema().partition_column()).unwrap();
    dates.as_primitive::<Date32Type>().values().iter().copied().collect()
}

fn rows_on(store: &Store, table: Table, dates: &BTreeSet<i32>) -> Result<RecordBatch, String> {
    let manifest = store.phase4().map_err(|error| error.to_string())?;
    let mut parts = Vec::new();
    for month in manifest.files_of(table).into_iter().flat_map(|files| files.keys()) {
        let batch = read_month_file(table, &store.month_file(table, *month)).map_err(|error| error.to_string())?;
        let days = batch.column_by_name(table.schema().partition_column()).unwrap();
        let wanted = days.as_primitive::<Date32Type>().iter().map(|day| day.map(|day| dates.contains(&day))).collect();
        parts.push(filter_record_batch(&batch, &wanted).map_err(|error| error.to_string())?);
    }
    concat_batches(table.schema().arrow(), &parts).map_err(|error| error.to_string())
}
