//! The commands, one file each.

use clap::Subcommand;

use super::exit::ExitCode;
use super::output::Printer;
use super::settings::GlobalArgs;
use super::{compute, config, demo, run, status, sync, upload};
use crate::error::Result;

#[derive(Debug, Subcommand)]
pub enum Command {
    Sync(sync::SyncArgs),
    Compute(compute::ComputeArgs),
    Upload(upload::UploadArgs),
    Run(run::RunArgs),
    Status(status::StatusArgs),
    Demo(demo::DemoArgs),
    Config(config::ConfigArgs),
}

impl Command {
    pub fn run(&self, global: &GlobalArgs, printer: &Printer) -> Result<ExitCode> {
        match self {
            Self::Sync(args) => sync::run(args, global, *printer),
            Self::Compute(args) => compute::run(args, global, *printer),
            Self::Upload(args) => upload::run(args, global, *printer),
            Self::Run(args) => run::run(args, global, *printer),
            Self::Status(args) => status::run(args, global, *printer),
            Self::Demo(args) => demo::run(args, global, *printer),
            Self::Config(args) => config::run(args, global, *printer),
        }
    }
}
