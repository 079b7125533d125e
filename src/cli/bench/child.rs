//! Hidden commands that the benchmark runs as separate processes.

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::Args;

use super::super::exit::ExitCode;
use super::super::output::Printer;
use super::super::settings::{GlobalArgs, Settings};
use crate::bench::{FloorRequest, copy_floor};
use crate::calendar::{DateRange, Season};
use crate::compute::DailyCache;
use crate::error::Result;
use crate::schedule::Schedule;
use crate::synth::{self, SeasonSpec};

/// Write a generated warehouse
#[derive(Debug, Args)]
pub struct GenerateArgs {
    #[arg(long)]
    dir: PathBuf,
    #[arg(long)]
    seed: u64,
    #[arg(long)]
    scale: usize,
    #[arg(long)]
    season: Vec<Season>,
}

pub fn generate(args: &GenerateArgs) -> Result<ExitCode> {
    let spec = SeasonSpec { seed: args.seed, scale: args.scale, seasons: args.season.clone(), ..SeasonSpec::default() };
    synth::write_warehouse(&spec, &args.dir)?;
    Ok(ExitCode::Done)
}

/// Copy the inputs and outputs of computed dates
#[derive(Debug, Args)]
pub struct FloorArgs {
    #[arg(long)]
    from: NaiveDate,
    #[arg(long)]
    to: NaiveDate,
    #[arg(long)]
    scratch: PathBuf,
}

pub fn floor(args: &FloorArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let settings = Settings::resolve(global, None, None)?;
    let store = settings.store();
    let ranges = [DateRange::new(args.from, args.to)?].into_iter().collect();
    let dates = Schedule::load(&store, &store.phase3()?)?.game_dates(&ranges);
    let request =
        FloorRequest { store: &store, dates: &dates, daily_cache: DailyCache::Computed, engine: settings.engine() };
    let report = copy_floor(&request, &args.scratch)?;
    printer.line(format!("{} {}", report.input_rows, report.output_rows));
    Ok(ExitCode::Done)
}
