//! `putback bench`

mod child;
mod measure;
mod report;
mod workspace;

use std::path::PathBuf;

use clap::Args;

pub use self::child::{FloorArgs, GenerateArgs, floor, generate};
use self::measure::{Subject, measure_all};
use self::workspace::Workspace;
use super::exit::ExitCode;
use super::output::Printer;
use super::range::RangeArgs;
use super::settings::{GlobalArgs, Settings, parse_path};
use crate::error::{Error, ErrorKind, Result};
use crate::warehouse::Location;

/// Measure the processors on this machine, and the floor of reading and writing
///
/// Measures every processor alone, all together, a run with nothing changed, status, start-up, and the floor:
/// the embedded database's own COPY of the same input columns and output rows, Parquet to Parquet. Each run is a
/// process of its own; the subjects take turns. Everything happens in a scratch directory: store and warehouse stay
/// unchanged.
///
/// Without --warehouse or --scale it measures the computed dates of the store.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  putback bench --scale 1\n  putback bench --year 2024 --format json")]
pub struct BenchArgs {
    #[command(flatten)]
    range: RangeArgs,
    /// Measure on a directory warehouse: dir:PATH
    #[arg(long, value_name = "WAREHOUSE", conflicts_with = "scale")]
    warehouse: Option<Location>,
    /// Measure on a generated season with K copies of the league, 1 to 100
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(1..=100))]
    scale: Option<u16>,
    /// Seed of the generator
    #[arg(long, default_value_t = 1, requires = "scale")]
    seed: u64,
    /// Measured runs of each subject
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    runs: u16,
    /// Unmeasured runs before the first measured one
    #[arg(long, default_value_t = 1, value_name = "N")]
    warm_up: u16,
    /// Parent of the scratch directory [default: the system's directory for temporary files]
    #[arg(long, value_name = "DIR", value_parser = parse_path)]
    scratch: Option<PathBuf>,
}

pub fn run(args: &BenchArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let settings = Settings::resolve(global, args.warehouse.as_ref(), None)?;
    let workspace = Workspace::new(args.scratch.as_deref(), &settings)?;
    let (source, dates) = workspace.fill(args, &settings, printer)?;
    let (Some(&first), Some(&last)) = (dates.first(), dates.last()) else {
        return Err(Error::new(ErrorKind::Upstream, "there are no game dates to measure")
            .hint("choose another range, or measure generated data with --scale 1"));
    };
    printer.note(format!("measuring {} game dates, {first} to {last}, of {source}", dates.len()));
    workspace.compute(first, last)?;
    let subjects = Subject::all(&workspace, &dates)?;
    let measured = measure_all(&workspace, subjects, args.warm_up, args.runs, printer)?;
    let report = report::BenchReport::new(source, &dates, args.warm_up, args.runs, &settings, measured);
    if printer.is_json() {
        printer.json(&report);
    } else {
        printer.line(report.text());
    }
    Ok(ExitCode::Done)
}
