//! The command line turns arguments into settings, calls the library and returns an exit status.
//!
//! Printing, the environment, the clock and signals live here and nowhere else. Standard output is
//! data, standard error is for messages.

mod bars;
mod bench;
mod calendar;
mod causes;
mod checks;
mod colors;
mod command;
mod compute;
mod conditions;
mod config;
mod context;
mod coverage;
mod demo;
mod diff;
mod doctor;
mod environment;
mod exit;
mod impact;
#[cfg(test)]
mod loads;
mod locale;
mod merge;
mod metrics;
mod output;
mod preflight;
mod progress;
mod quarantined;
mod range;
mod receipt;
mod recorder;
mod reference;
mod rehearsal;
mod remote;
mod report;
mod run;
mod run_log;
mod runs;
mod runs_diff;
mod settings;
mod shell;
mod shown;
mod status;
mod suggested;
mod sync;
mod table_files;
mod undo;
mod unit;
mod unreadable;
mod upload;
mod upload_options;
mod vanished;
mod why;

use std::process::ExitCode as ProcessExitCode;

use clap::Parser;

use self::command::Cli;
use self::output::Printer;
use self::settings::Format;
use self::shown::shown;
use crate::error::Error;
pub use exit::ExitCode;

/// Keeps panics of the decoder over a damaged file off standard error: they become errors that name the file.
fn silence_caught_panics() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !crate::warehouse::dir::is_decoding() {
            tell(panic);
        }
    }));
}

/// Parses the process's arguments, runs the command and returns its exit status.
pub fn main() -> ProcessExitCode {
    silence_caught_panics();
    locale::choose();
    let cli = match parse() {
        Ok(cli) => cli,
        Err(message) => return explain(&message).into(),
    };
    colors::choose(cli.global.color);
    suggested::choose(cli.global.store.as_deref());
    let printer = Printer::new(cli.global.format).telling(cli.global.quiet, cli.global.verbose);
    let checked = environment::check().and_then(|()| cli.command.check_format(cli.global.format));
    let outcome = checked.and_then(|()| cli.command.run(&cli.global, &printer));
    let code = outcome.unwrap_or_else(|error| failed(printer, &error));
    match (printer.finish(), code) {
        (Err(error), ExitCode::Done) => failed(printer, &error),
        (Err(error), code) => {
            printer.error(&error);
            code
        }
        (Ok(()), code) => code,
    }
    .into()
}

/// The parser drops what looks like an escape sequence of a terminal from its messages: it is given words as they are
/// shown to make one.
fn parse() -> std::result::Result<Cli, clap::Error> {
    Cli::try_parse().map_err(|error| {
        let words = std::env::args_os().map(|word| shown(&word.to_string_lossy()).into_owned());
        let again = Cli::try_parse_from(words).err();
        again.filter(|again| again.kind() == error.kind()).unwrap_or(error)
    })
}

fn failed(printer: Printer, error: &Error) -> ExitCode {
    printer.error(error);
    ExitCode::of(error)
}

/// Help, the version, or what is wrong with the arguments.
fn explain(message: &clap::Error) -> ExitCode {
    let printer = Printer::new(Format::Text);
    if message.use_stderr() {
        printer.usage(&message.render().to_string());
        return ExitCode::Usage;
    }
    // Otherwise with the styles of a terminal.
    if locale::is_plain() {
        printer.line(message.render().to_string().trim_end());
        return printer.finish().map_or_else(|error| failed(printer, &error), |()| ExitCode::Done);
    }
    let written = message.print().or_else(|error| printer.lost(error));
    written.map_or_else(|error| failed(printer, &error), |()| ExitCode::Done)
}
