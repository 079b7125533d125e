//! The options of `putback bench`.

use std::path::PathBuf;

use clap::Args;

use super::super::range::RangeArgs;
use super::super::settings::parse_path;
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
    pub range: RangeArgs,
    /// Measure on a directory warehouse: dir:PATH
    #[arg(long, value_name = "WAREHOUSE", conflicts_with = "scale")]
    pub warehouse: Option<Location>,
    /// Measure on a generated season with K copies of the league, 1 to 100
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(1..=100))]
    pub scale: Option<u16>,
    /// Seed of the generator
    #[arg(long, default_value_t = 1, requires = "scale")]
    pub seed: u64,
    /// Measured runs of each subject
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub runs: u16,
    /// Unmeasured runs before the first measured one
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub warm_up: u16,
    /// Parent of the scratch directory [default: the system's directory for temporary files]
    #[arg(long, value_name = "DIR", value_parser = parse_path)]
    pub scratch: Option<PathBuf>,
}
