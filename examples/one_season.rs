//! The library without the command line: generate a season, sync it, compute it, read the result.
//!
//!     cargo run --release --example one_season

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, NaiveDate};
use putback::calendar::{DateRange, DateRanges};
use putback::compute::{ComputeRequest, DailyCache, compute};
use putback::engine::EngineSettings;
use putback::processors::{ProcessorId, RunContext};
use putback::progress::Silent;
use putback::store::{Owner, Store, WriteLock};
use putback::sync::{SyncRequest, sync};
use putback::synth::{SeasonSpec, write_warehouse};
use putback::warehouse::dir::DirWarehouse;
use putback::windows::WindowEnd;

fn main() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let last_day = NaiveDate::from_ymd_opt(2023, 12, 10).context("a date")?;
    let warehouse = scratch.path().join("warehouse");
    std::fs::create_dir(&warehouse)?;
    write_warehouse(&SeasonSpec { last_day: Some(last_day), ..SeasonSpec::default() }, &warehouse)?;

    let opening_night = NaiveDate::from_ymd_opt(2023, 10, 24).context("a date")?;
    let ranges: DateRanges = [DateRange { from: opening_night, to: last_day }].into_iter().collect();
    let store = Store::at(scratch.path().join("store"));
    let lock =
        WriteLock::acquire(&store, &Owner { pid: std::process::id(), host: "here".into(), command: "example".into() })?;

    let source = DirWarehouse::open(&warehouse)?;
    sync(&source, &lock, &SyncRequest::new(ranges.clone(), last_day), &Silent)
        .context("syncing the generated season")?;

    let engine = EngineSettings { threads: 2, memory_limit: None, temp_dir: scratch.path().join("spill") };
    let request = ComputeRequest {
        ranges,
        daily_cache: DailyCache::Computed,
        force: false,
        processors: ProcessorId::ALL.to_vec(),
        engine,
        context: RunContext { timestamp: DateTime::UNIX_EPOCH, windows: WindowEnd::Date, quarantine: false },
    };
    let report = compute(&lock, &request, &Silent)?;
    ensure!(report.computed() > 0, "no date was computed");

    let vectors: u64 = store.phase4()?.processors[&ProcessorId::Mlfs].values().map(|record| record.rows).sum();
    println!("{} game dates, {vectors} feature vectors", report.dates.len());
    Ok(())
}
