//! Sync from a directory and from canned Arrow streams, the processors, and publishing in the store, on a generated season of fixed seed.
#![allow(clippy::pedantic, reason = "for the library: tests and benchmarks may repeat and spell out")]

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::writer::StreamWriter;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use putback::calendar::{DateRanges, Month, Season};
use putback::catalog::Table;
use putback::compute::{ComputeRequest, DailyCache, compute};
use putback::engine::EngineSettings;
use putback::processors::{ProcessorId, RunContext};
use putback::progress::Silent;
use putback::store::{Layer, LayerWriter, Owner, SourceFiles, Store, WriteLock, read_month_file};
use putback::sync::SyncRequest;
use putback::synth::{SeasonSpec, write_warehouse};
use putback::warehouse::dir::DirWarehouse;
use putback::warehouse::{ContentVersion, Selection, Source, TableDescription, conform};
use putback::windows::WindowEnd;
use tempfile::TempDir;

/// As in the command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const THREADS: usize = 2;

fn season() -> Season {
    Season::starting_in(2023)
}

fn ranges() -> DateRanges {
    [season().range()].into_iter().collect()
}

fn generated(dir: &Path) -> DirWarehouse {
    let warehouse = dir.join("warehouse");
    write_warehouse(&SeasonSpec { seasons: vec![season()], ..SeasonSpec::default() }, &warehouse).expect("a season");
    DirWarehouse::open(&warehouse).expect("a warehouse")
}

fn lock(root: &Path) -> WriteLock {
    let owner = Owner { pid: std::process::id(), host: "bench".into(), command: "bench".into() };
    WriteLock::acquire(&Store::at(root), &owner).expect("a free store")
}

fn request(dir: &Path, processors: Vec<ProcessorId>) -> ComputeRequest {
    ComputeRequest {
        ranges: ranges(),
        daily_cache: DailyCache::Computed,
        force: true,
        processors,
        engine: EngineSettings { threads: THREADS, memory_limit: None, temp_dir: dir.join("spill") },
        context: RunContext {
            timestamp: "2026-01-01T12:00:00Z".parse().expect("a timestamp"),
            windows: WindowEnd::default(),
            quarantine: false,
        },
    }
}

fn wanted() -> SyncRequest {
    SyncRequest::new(ranges(), "2026-01-01".parse().expect("a date"))
}

fn computed(dir: &TempDir) -> WriteLock {
    let warehouse = generated(dir.path());
    let lock = lock(&dir.path().join("store"));
    putback::sync::sync(&warehouse, &lock, &wanted(), &Silent).expect("a sync");
    compute(&lock, &request(dir.path(), ProcessorId::ALL.to_vec()), &Silent).expect("a computation");
    lock
}

fn sync(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let warehouse = generated(dir.path());
    let fresh = || {
        let store = tempfile::tempdir_in(dir.path()).expect("a temporary directory");
        let lock = lock(store.path());
        (store, lock)
    };
    criterion.bench_function("sync of a season from a directory", |bencher| {
        bencher.iter_batched(
            fresh,
            |(store, lock)| {
                putback::sync::sync(&warehouse, &lock, &wanted(), &Silent).expect("a sync");
                store
            },
            BatchSize::PerIteration,
        );
    });
}

/// What the Storage Read API sends for a table: a stream of encapsulated Arrow messages, in memory.
struct CannedStreams<'a> {
    described_by: &'a DirWarehouse,
    streams: BTreeMap<Table, Buffer>,
}

impl<'a> CannedStreams<'a> {
    fn of(warehouse: &'a DirWarehouse) -> Self {
        let mut streams = BTreeMap::new();
        for table in Table::inputs() {
            let mut batches = Vec::new();
            warehouse
                .read(table, &Selection::Everything, &mut |batch| {
                    batches.push(batch);
                    Ok(())
                })
                .expect("a table");
            let mut writer = StreamWriter::try_new(Vec::new(), table.schema().arrow()).expect("memory");
            for batch in &batches {
                // Messages of the service hold about a thousand rows.
                for first in (0..batch.num_rows()).step_by(1 << 10) {
                    let rows = batch.slice(first, (batch.num_rows() - first).min(1 << 10));
                    writer.write(&rows).expect("memory");
                }
            }
            streams.insert(table, Buffer::from(writer.into_inner().expect("memory")));
        }
        Self { described_by: warehouse, streams }
    }
}

impl Source for CannedStreams<'_> {
    fn name(&self) -> String {
        "canned".to_owned()
    }

    fn describe(&self, table: Table) -> putback::error::Result<Option<TableDescription>> {
        self.described_by.describe(table)
    }

    fn version(&self, table: Table, known: &SourceFiles) -> putback::error::Result<ContentVersion> {
        self.described_by.version(table, known)
    }

    fn read(
        &self,
        table: Table,
        _: &Selection,
        sink: &mut dyn FnMut(RecordBatch) -> putback::error::Result<()>,
    ) -> putback::error::Result<u64> {
        // Shared, as messages are handed over without a copy.
        let mut bytes = self.streams[&table].clone();
        let mut decoder = StreamDecoder::new();
        while let Some(batch) = decoder.decode(&mut bytes)? {
            sink(conform(table, &batch, "canned")?)?;
        }
        Ok(0)
    }
}

fn canned_sync(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let warehouse = generated(dir.path());
    let canned = CannedStreams::of(&warehouse);
    let bytes: usize = canned.streams.values().map(Buffer::len).sum();
    let fresh = || {
        let store = tempfile::tempdir_in(dir.path()).expect("a temporary directory");
        let lock = lock(store.path());
        (store, lock)
    };
    let mut group = criterion.benchmark_group("canned");
    group.throughput(Throughput::BytesDecimal(bytes as u64));
    group.bench_function("sync of a season from Arrow streams in memory", |bencher| {
        bencher.iter_batched(
            fresh,
            |(store, lock)| {
                putback::sync::sync(&canned, &lock, &wanted(), &Silent).expect("a sync");
                store
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn processors(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let lock = computed(&dir);
    let mut group = criterion.benchmark_group("compute a season");
    for id in ProcessorId::ALL {
        let request = request(dir.path(), vec![id]);
        group.bench_function(id.name(), |bencher| {
            bencher.iter(|| compute(&lock, &request, &Silent).expect("a computation"));
        });
    }
    let all = request(dir.path(), ProcessorId::ALL.to_vec());
    group.bench_function("all four", |bencher| {
        bencher.iter(|| compute(&lock, &all, &Silent).expect("a computation"));
    });
    group.finish();
}

fn publish(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let lock = computed(&dir);
    let table = Table::MlFeatureStore;
    let phase4 = lock.store().phase4().expect("a manifest");
    let months: Vec<Month> = phase4.files_of(table).expect("output").keys().copied().collect();
    let read = |&month: &Month| read_month_file(table, &lock.store().month_file(table, month)).expect("a month file");
    let batches: Vec<RecordBatch> = months.iter().map(read).collect();
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let mut group = criterion.benchmark_group("store");
    group.throughput(Throughput::Elements(rows as u64));
    group.bench_function("publish the months of a season of MLFS", |bencher| {
        bencher.iter(|| {
            let layer = LayerWriter::new(&lock, Layer::Phase4);
            for batch in &batches {
                layer.write(batch).expect("a month");
            }
            layer.commit(&phase4).expect("a commit");
        });
    });
    group.finish();
}

criterion_group! {
    name = pipeline;
    config = Criterion::default().sample_size(10);
    targets = sync, canned_sync, processors, publish
}
criterion_main!(pipeline);
