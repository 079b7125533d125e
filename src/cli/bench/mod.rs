//! `putback bench`

mod args;
mod child;
mod measure;
mod report;
mod workspace;

pub use self::args::BenchArgs;
pub use self::child::{FloorArgs, GenerateArgs, floor, generate};
use self::measure::{Rounds, Subject, measure_all};
use self::workspace::{Filled, Workspace};
use super::exit::ExitCode;
use super::output::Printer;
use super::settings::{GlobalArgs, Settings};
use crate::error::{Error, ErrorKind, Result};

pub fn run(args: &BenchArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let settings = Settings::resolve(global, args.warehouse.as_ref(), None)?;
    let workspace = Workspace::new(args.scratch.as_deref(), &settings)?;
    let filled = workspace.fill(args, &settings, printer)?;
    let Filled { source, dates } = &filled;
    let (Some(&first), Some(&last)) = (dates.first(), dates.last()) else {
        return Err(Error::new(ErrorKind::Upstream, "there are no game dates to measure")
            .hint("choose another range, or measure generated data with --scale 1"));
    };
    printer.note(format!("measuring {} game dates, {first} to {last}, of {source}", dates.len()));
    workspace.compute(first, last)?;
    let subjects = Subject::all(&workspace, dates)?;
    let rounds = Rounds { warm_up: args.warm_up, runs: args.runs };
    let measured = measure_all(&workspace, subjects, rounds, printer)?;
    let report = report::BenchReport::new(filled, rounds, &settings, measured);
    if printer.is_json() {
        printer.json(&report);
    } else {
        printer.line(report.text());
    }
    Ok(ExitCode::Done)
}
