//! The command line: arguments to plain settings to a library call to an exit status.
//!
//! Printing, the environment, the clock and signals live here and nowhere else. Standard output is
//! data, standard error is talk.

mod bench;
mod checks;
mod command;
mod compute;
mod config;
mod dates;
mod demo;
mod diff;
mod environment;
mod exit;
mod impact;
mod output;
mod preflight;
mod progress;
mod range;
mod recorder;
mod reference;
mod remote;
mod run;
mod run_log;
mod runs;
mod runs_diff;
mod settings;
mod status;
mod sync;
mod upload;
mod why;

use std::process::ExitCode as ProcessExitCode;

use clap::Parser;

use self::command::Command;
use self::output::Printer;
use self::settings::GlobalArgs;
pub use exit::ExitCode;

/// Recompute a year of NBA features in seconds, offline, and publish it once.
///
/// putback pulls Phase 3 tables into local Parquet, runs the five Phase 4 processors over every
/// date at once in an embedded database, and publishes the finished tables.
#[derive(Debug, Parser)]
#[command(name = "putback", version, max_term_width = 100, after_help = after_help())]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
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

/// Parses the process's arguments, runs the command and returns its exit status.
pub fn main() -> ProcessExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::Usage } else { ExitCode::Done }.into();
        }
    };
    let printer = Printer::new(cli.global.format, cli.global.quiet);
    match cli.command.run(&cli.global, &printer) {
        Ok(code) => code.into(),
        Err(error) => {
            printer.error(&error);
            ExitCode::of(&error).into()
        }
    }
}
