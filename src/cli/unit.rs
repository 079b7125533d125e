//! `putback unit`: one season of many, for batch services that start a task by its index.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::checks;
use super::compute::{ComputeOptions, Computed};
use super::context::{Context, Locked};
use super::exit::ExitCode;
use super::output::{Printer, counted};
use super::range::parse_seasons;
use super::settings::{GlobalArgs, Settings};
use super::sync::SyncOptions;
use super::{compute, coverage, environment, sync};
use crate::calendar::{DateRanges, Season};
use crate::checks::Phase;
use crate::error::{Error, ErrorKind, Result};
use crate::judge::{self, Asked, Purpose, StatusReport};
use crate::merge::{merge, open, with_own};
use crate::progress::Silent;
use crate::snapshot::Snapshot;
use crate::store::commit::staged::{replace_file, sync_dir};
use crate::store::{Store, WriteLock};
use crate::warehouse::Location;

/// Sync, compute and validate one season of many, in a store of its own
///
/// For batch services that start tasks by index. The season is computed in a scratch directory. Its store appears as
/// UNITS/SEASON only when it is whole, so a task may be killed and started again, or run twice. A unit that is there is
/// not computed again. `putback merge UNITS/*` then makes one store of all. Ends with status 3 when dates failed and 4
/// when a check failed: the store is there all the same.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  putback unit --index 0 --of 2021-22..2025-26 --warehouse dir:exports --units units"
)]
pub struct UnitArgs {
    /// Number of the season among those of --of, from 0
    #[arg(long, value_name = "N", required_unless_present = "list")]
    index: Option<usize>,
    /// The seasons, like 2021-22..2025-26 or 2021-22,2023-24
    #[arg(long, value_name = "SEASONS")]
    of: String,
    /// Directory that gets the finished stores, which all tasks see
    #[arg(long, value_name = "DIR", required_unless_present = "list")]
    units: Option<PathBuf>,
    /// Print the seasons with their numbers, and compute nothing
    #[arg(long, conflicts_with_all = ["index", "units"])]
    list: bool,
    /// Directory for the work [default: that for temporary files]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Warehouse to read: dir:PATH, gs://BUCKET/PREFIX, s3://BUCKET/PREFIX or bigquery:PROJECT
    #[arg(long, value_name = "WAREHOUSE")]
    warehouse: Option<Location>,
    #[command(flatten)]
    options: ComputeOptions,
}

/// `unit.json`: what a unit was made of, and how its dates ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Unit {
    season: String,
    version: String,
    warehouse: String,
    options: Value,
    exit_status: i32,
}

pub fn run(args: &UnitArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    if global.store.is_some() {
        return Err(Error::new(ErrorKind::Usage, "a unit has a store of its own")
            .hint("leave out --store; --units names the directory of all stores"));
    }
    let seasons =
        parse_seasons(&args.of).map_err(|message| Error::new(ErrorKind::Usage, format!("--of: {message}")))?;
    let (Some(index), Some(units)) = (args.index, &args.units) else {
        list(&seasons, printer);
        return Ok(ExitCode::Done);
    };
    if units.symlink_metadata().is_ok() && !units.is_dir() {
        return Err(Error::new(ErrorKind::Usage, format!("--units: {} is not a directory", units.display())));
    }
    let season = *seasons.get(index).ok_or_else(|| no_such_unit(index, seasons.len()))?;
    let mut settings = Settings::resolve(global, args.warehouse.as_ref(), None)?;
    let place = units.join(season.to_string());
    let unit = Unit {
        season: season.to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        warehouse: settings.required_warehouse()?.to_string(),
        options: args.options.json(),
        exit_status: 0,
    };
    if let Some(finished) = finished(&place, &unit)? {
        return Ok(show(&finished, &place, None, printer));
    }
    let scratch =
        Scratch::create(args.scratch.as_deref().unwrap_or(&std::env::temp_dir()), &format!("putback-{season}"))?;
    settings.store.value = scratch.0.join("store");
    let Worked { status, code } = work(&settings, season, &args.options, printer)?;
    let unit = Unit { exit_status: code as i32, ..unit };
    let unit = hand_over(&settings, units, unit)?;
    Ok(show(&unit, &place, Some(&status), printer))
}

fn list(seasons: &[Season], printer: Printer) {
    let numbered = || seasons.iter().map(ToString::to_string).enumerate();
    if printer.is_json() {
        let units: Vec<_> = numbered().map(|(index, season)| json!({ "index": index, "season": season })).collect();
        return printer.json(&json!({ "units": units }));
    }
    numbered().for_each(|(index, season)| printer.line(format!("{index} {season}")));
}

fn no_such_unit(index: usize, count: usize) -> Error {
    Error::new(ErrorKind::Usage, format!("--of names {} from 0, and there is no {index}", counted(count, "season")))
        .hint(format!("start a task for each of 0 to {}", count - 1))
}

/// How the dates of a unit stand, and the status that it ends with.
struct Worked {
    status: StatusReport,
    code: ExitCode,
}

/// Syncs, computes and validates.
fn work(settings: &Settings, season: Season, options: &ComputeOptions, printer: Printer) -> Result<Worked> {
    let ranges: DateRanges = [season.range()].into_iter().collect();
    let ranges = ranges.clipped_to(environment::yesterday());
    if ranges.is_empty() {
        return Err(Error::new(ErrorKind::Usage, format!("the season {season} is in the future")).hint("leave it out"));
    }
    let lock = WriteLock::acquire(&settings.store(), &environment::owner())?;
    let mut worked = None;
    Context::new(settings, printer)
        .recording(&ranges, options.json(), |context| {
            let Worked { status, code } = steps(context, &lock, &ranges, options)?;
            worked = Some(status);
            Ok(code)
        })
        .map(|code| Worked { status: worked.expect("it worked"), code })
}

fn steps(context: Context<'_>, lock: &WriteLock, ranges: &DateRanges, options: &ComputeOptions) -> Result<Worked> {
    let settings = context.settings;
    sync::pull(context, lock, ranges, SyncOptions::default())?;
    let snapshot = Snapshot::locked(lock)?;
    let Computed { report, snapshot } =
        compute::process(context, Locked { lock, snapshot: &snapshot }, ranges, options)?;
    let purpose = Purpose::inspection(Phase::Outputs);
    let (checked, snapshot) = context.step("validate", || {
        let checked = judge::check(&snapshot, ranges, &purpose, &settings.checks())?;
        let snapshot = checks::remembered(settings, snapshot.clone(), &checked)?;
        Ok::<_, Error>((checked, snapshot))
    })?;
    let status = judge::status(&snapshot, &settings.catalogue, Asked { ranges, dates: &report.dates })?;
    context.stands(&status);
    let code = match compute::exit_code(&status) {
        ExitCode::Done if checked.errors().count() > 0 => ExitCode::FailedValidation,
        code => code,
    };
    Ok(Worked { status, code })
}

/// Gives the store its name among the others. Of two attempts that get here, the first one counts.
fn hand_over(settings: &Settings, units: &Path, unit: Unit) -> Result<Unit> {
    std::fs::create_dir_all(units).map_err(|error| Error::io("create", units, error))?;
    let place = units.join(&unit.season);
    let staged = Scratch::create(units, &format!(".{}", unit.season))?;
    let lock = WriteLock::acquire(&Store::at(&staged.0), &environment::owner())?;
    let parts = with_own(&lock, open(&[settings.store()])?)?;
    merge(&lock, &parts, &settings.catalogue, &Silent)?;
    replace_file(&staged.0.join("unit.json"), &serde_json::to_vec_pretty(&unit).expect("serializes"))?;
    drop(lock);
    match std::fs::rename(&staged.0, &place) {
        Ok(()) => sync_dir(units).map(|()| unit),
        Err(error) => match finished(&place, &unit)? {
            Some(first) => Ok(first),
            None => Err(Error::io("create", &place, error)),
        },
    }
}

/// The unit that is there; `None`: there is none.
fn finished(place: &Path, asked: &Unit) -> Result<Option<Unit>> {
    let path = place.join("unit.json");
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", &path, error)),
    };
    let hint = format!("move {} away, or use another --units", place.display());
    let found: Unit = serde_json::from_slice(&bytes).map_err(|error| {
        Error::new(ErrorKind::Corrupt, format!("{} is damaged", path.display())).because(error).hint(&hint)
    })?;
    if (Unit { exit_status: 0, ..found.clone() }) != (Unit { exit_status: 0, ..asked.clone() }) {
        let message =
            format!("{} was made from another warehouse, with other options or by another version", place.display());
        return Err(Error::new(ErrorKind::Conflict, message).hint(hint));
    }
    Ok(Some(found))
}

fn show(unit: &Unit, place: &Path, status: Option<&StatusReport>, printer: Printer) -> ExitCode {
    let code = ExitCode::ALL.into_iter().find(|code| *code as i32 == unit.exit_status).unwrap_or(ExitCode::Unexpected);
    if printer.is_json() {
        printer.json(&json!({
            "unit": unit.season, "store": place, "exit_status": unit.exit_status, "computed_now": status.is_some(),
            "status": status,
        }));
        return code;
    }
    if let Some(status) = status {
        coverage::print(status, printer);
    } else {
        printer.note(format!("note: {} was there already, and is not computed again", place.display()));
    }
    printer.line(place.display().to_string());
    code
}

/// A directory of one attempt, removed when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn create(parent: &Path, name: &str) -> Result<Self> {
        let dir = parent.join(format!("{name}-{}", environment::unique()));
        std::fs::create_dir_all(&dir).map_err(|error| Error::io("create", &dir, error))?;
        Ok(Self(dir))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It may have become the unit; what cannot be removed is nobody's store.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
