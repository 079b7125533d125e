//! `putback demo`

use std::path::PathBuf;

use clap::Args;

use super::compute::ComputeOptions;
use super::context::Context;
use super::environment;
use super::exit::ExitCode;
use super::output::Printer;
use super::run::{QUARANTINE, Steps, whole_path};
use super::settings::{GlobalArgs, Settings, parse_path};
use super::sync::SyncOptions;
use super::upload_options::UploadOptions;
use crate::calendar::Season;
use crate::error::Result;
use crate::synth::{DemoDir, SeasonSpec};
use crate::warehouse::Location;

/// Run the whole path on a generated season, with no account and no data of your own
///
/// Generates a realistic Phase 3 season as a directory warehouse, then syncs, computes and publishes it. The same
/// seed gives the same files. A rerun in the same place replaces what the demo wrote there, and nothing else without
/// --force.
#[derive(Debug, Args)]
#[command(
    mut_arg("quarantine", |arg| arg.help(QUARANTINE).long_help(None::<&str>)),
    after_help = "Example:\n  putback demo\n  putback demo --dir /tmp/demo --seed 7 --season 2024-25"
)]
pub struct DemoArgs {
    /// Directory for the generated warehouse, the store and the published tables
    #[arg(long, value_name = "DIR", default_value = "putback-demo", value_parser = parse_path)]
    dir: PathBuf,
    /// Seed of the generator
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Season to generate
    #[arg(long, value_name = "SEASON", default_value = "2023-24")]
    season: Season,
    /// Players per team
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u16).range(8..=30))]
    players: u16,
    #[command(flatten)]
    options: ComputeOptions,
}

pub fn run(args: &DemoArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let demo = DemoDir::at(&args.dir);
    let warehouse = demo.warehouse();
    let spec = SeasonSpec {
        seed: args.seed,
        seasons: vec![args.season],
        players_per_team: usize::from(args.players),
        ..SeasonSpec::default()
    };
    printer.note(format!("generating season {} (seed {}) into {}", args.season, args.seed, warehouse.display()));
    demo.write(&spec, args.options.force)?;
    let store = global.store.clone().unwrap_or_else(|| args.dir.join("store"));
    let global = GlobalArgs { store: Some(store), ..global.clone() };
    let (from, to) = (Location::Dir(warehouse), Location::Dir(args.dir.join("published")));
    let settings = Settings::resolve(&global, Some(&from), Some(&to))?;
    let upload = UploadOptions::default().with_quarantine(args.options.quarantine);
    let code = whole_path(
        Context::new(&settings, printer),
        &[args.season.range()].into_iter().collect(),
        Steps { sync: SyncOptions::accepting_shorter(), compute: &args.options, upload: &upload },
    )?;
    if !printer.is_json() {
        printer.line(look_further(&settings, args));
    }
    Ok(code)
}

fn look_further(settings: &Settings, args: &DemoArgs) -> String {
    let store = settings.store.value.display();
    let glob = args.dir.join("published/nba_predictions.ml_feature_store_v2/*.parquet");
    format!(
        "\nLook further:\n  \
         {program} status --store {store}\n  \
         {program} run --season {season} --warehouse dir:{dir}/warehouse --to dir:{dir}/published --store {store}   \
         # again: nothing to do\n  \
         duckdb -c \"SELECT game_date, player_lookup, features FROM '{glob}' LIMIT 5\"",
        program = environment::program(),
        season = args.season,
        dir = args.dir.display(),
        glob = glob.display(),
    )
}
