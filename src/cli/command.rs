//! The commands, one file each.

use clap::{CommandFactory, Parser, Subcommand};

use super::exit::ExitCode;
use super::output::Printer;
use super::settings::{Format, GlobalArgs};
use super::{
    bench, checks, compute, config, demo, diff, doctor, impact, merge, reference, report, run, runs, shell, status,
    sync, table_files, undo, unit, upload, why,
};
use crate::error::{Error, ErrorKind, Result};

/// Recompute a year of NBA features in seconds, offline, and publish it once.
///
/// putback pulls Phase 3 tables into local Parquet, computes the Phase 4 tables for every date at once in an embedded
/// database, and publishes finished dates.
#[derive(Debug, Parser)]
#[command(name = "putback", version, max_term_width = 100, after_help = after_help())]
pub struct Cli {
    #[command(flatten)]
    pub global: GlobalArgs,
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Example, with no account and no data of your own:
  putback demo

Example, from one directory of Parquet to another:
  putback run --year 2024 --warehouse dir:exports --to dir:published";

/// Examples and exit statuses.
fn after_help() -> String {
    let statuses = ExitCode::ALL.map(|code| format!("  {:>3}  {}", code as u8, code.meaning().1));
    format!("{EXAMPLES}\n\nExit status:\n{}", statuses.join("\n"))
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Sync(sync::SyncArgs),
    Compute(compute::ComputeArgs),
    Check(checks::CheckArgs),
    Validate(checks::ValidateArgs),
    Diff(diff::DiffArgs),
    Why(why::WhyArgs),
    Impact(impact::ImpactArgs),
    Upload(upload::UploadArgs),
    Undo(undo::UndoArgs),
    Run(run::RunArgs),
    Unit(unit::UnitArgs),
    Merge(merge::MergeArgs),
    Status(status::StatusArgs),
    Report(report::ReportArgs),
    Runs(runs::RunsArgs),
    Doctor(doctor::DoctorArgs),
    Demo(demo::DemoArgs),
    Bench(bench::BenchArgs),
    Config(config::ConfigArgs),
    Completions(shell::CompletionsArgs),
    Man(shell::ManArgs),
    /// Print docs/reference.md
    #[command(hide = true)]
    Reference,
    #[command(hide = true)]
    TableFiles(table_files::TableFilesArgs),
    #[command(hide = true)]
    BenchGenerate(bench::GenerateArgs),
    #[command(hide = true)]
    BenchFloor(bench::FloorArgs),
}

impl Command {
    /// # Errors
    /// [`ErrorKind::Usage`] for a form that the command does not have.
    pub fn check_format(&self, format: Format) -> Result<()> {
        if format != Format::Markdown || matches!(self, Self::Report(_)) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Usage, "only `report` writes Markdown").hint("use --format text or json"))
    }

    pub fn run(&self, global: &GlobalArgs, printer: &Printer) -> Result<ExitCode> {
        match self {
            Self::Sync(args) => sync::run(args, global, *printer),
            Self::Compute(args) => compute::run(args, global, *printer),
            Self::Check(args) => checks::check(args, global, *printer),
            Self::Validate(args) => checks::validate(args, global, *printer),
            Self::Diff(args) => diff::run(args, global, *printer),
            Self::Impact(args) => impact::run(args, global, *printer),
            Self::Why(args) => why::run(args, global, *printer),
            Self::Upload(args) => upload::run(args, global, *printer),
            Self::Undo(args) => undo::run(args, global, *printer),
            Self::Run(args) => run::run(args, global, *printer),
            Self::Report(args) => report::run(args, global, *printer),
            Self::Runs(args) => runs::run(args, global, *printer),
            Self::Unit(args) => unit::run(args, global, *printer),
            Self::Merge(args) => merge::run(args, global, *printer),
            Self::Status(args) => status::run(args, global, *printer),
            Self::Doctor(args) => doctor::run(args, global, *printer),
            Self::Demo(args) => demo::run(args, global, *printer),
            Self::Bench(args) => bench::run(args, global, *printer),
            Self::BenchGenerate(args) => bench::generate(args),
            Self::BenchFloor(args) => bench::floor(args, global, *printer),
            Self::TableFiles(args) => table_files::run(args, global, *printer),
            Self::Reference => reference::run(Cli::command(), *printer),
            Self::Completions(args) => shell::completions(args, Cli::command(), *printer),
            Self::Man(args) => shell::man(args, Cli::command(), *printer),
            Self::Config(args) => config::run(args, global, *printer),
        }
    }
}
