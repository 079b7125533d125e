//! Sync from a directory, the processors, and publishing in the store, on a generated season of fixed seed.

use std::path::Path;

use arrow::array::RecordBatch;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use putback::calendar::{DateRanges, Month, Season};
use putback::catalog::Table;
use putback::compute::{ComputeRequest, DailyCache, compute};
use putback::engine::EngineSettings;
use putback::processors::{ProcessorId, RunContext};
use putback::progress::Silent;
use putback::store::{Layer, Owner, Publication, Store, WriteLock, read_month_file};
use putback::synth::{SeasonSpec, write_warehouse};
use putback::warehouse::dir::DirWarehouse;
use tempfile::TempDir;

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
        daily_cache: DailyCache::Synced,
        force: true,
        processors,
        engine: EngineSettings { threads: THREADS, memory_limit: None, temp_dir: dir.join("spill") },
        context: RunContext { timestamp: "2026-01-01T12:00:00Z".parse().expect("a timestamp") },
    }
}

fn computed(dir: &TempDir) -> WriteLock {
    let warehouse = generated(dir.path());
    let lock = lock(&dir.path().join("store"));
    putback::sync::sync(&warehouse, &lock, &ranges(), &Silent).expect("a sync");
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
                putback::sync::sync(&warehouse, &lock, &ranges(), &Silent).expect("a sync");
                store
            },
            BatchSize::PerIteration,
        );
    });
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
            let mut publication = Publication::new(&lock, Layer::Phase4);
            for (&month, batch) in months.iter().zip(&batches) {
                publication.stage(table, month, batch).expect("a staged month");
            }
            publication.commit(&phase4).expect("a commit");
        });
    });
    group.finish();
}

criterion_group! {
    name = pipeline;
    config = Criterion::default().sample_size(10);
    targets = sync, processors, publish
}
criterion_main!(pipeline);
