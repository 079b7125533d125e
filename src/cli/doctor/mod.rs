//! `putback doctor`

mod machine;
mod store;
mod warehouse;

use clap::Args;
use serde::Serialize;

use super::exit::ExitCode;
use super::output::Printer;
use super::settings::{GlobalArgs, Settings};
use crate::error::{Error, Result};
use crate::warehouse::Location;

/// Say what would stop a run, without writing anything
///
/// One line each: ✓ is fine, ✗ stops a run and has the fix, ? cannot be known without writing. Looks at store, lock, disk, memory
/// and clock, and at the warehouse and the target where they are named. Ends with the status that a run would end with, or 0.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  putback doctor\n  \
    putback doctor --warehouse dir:exports --to bigquery:my-project")]
pub struct DoctorArgs {
    /// Warehouse to read: dir:PATH, gs://BUCKET/PREFIX, s3://BUCKET/PREFIX or bigquery:PROJECT
    #[arg(long, value_name = "WAREHOUSE")]
    warehouse: Option<Location>,
    /// Target to publish into: dir:PATH, gs://BUCKET/PREFIX, s3://BUCKET/PREFIX or bigquery:PROJECT
    #[arg(long, value_name = "WAREHOUSE")]
    to: Option<Location>,
}

/// What is known of something that a run needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Mark {
    Fine,
    Stops,
    Unknown,
}

/// A line.
#[derive(Debug, Clone, Serialize)]
struct Finding {
    about: &'static str,
    mark: Mark,
    says: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
    /// The status that a run would end with.
    #[serde(skip)]
    code: ExitCode,
}

impl Finding {
    fn fine(about: &'static str, says: impl Into<String>) -> Self {
        Self { about, mark: Mark::Fine, says: says.into(), fix: None, code: ExitCode::Done }
    }

    fn unknown(about: &'static str, says: impl Into<String>) -> Self {
        Self { about, mark: Mark::Unknown, says: says.into(), fix: None, code: ExitCode::Done }
    }

    fn stops(about: &'static str, code: ExitCode, says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { about, mark: Mark::Stops, says: says.into(), fix: Some(fix.into()), code }
    }

    /// What an error says, with its hint.
    fn of_error(about: &'static str, error: &Error) -> Self {
        let because = std::error::Error::source(error).map_or_else(String::new, |cause| format!(": {cause}"));
        let says = format!("{error}{because}");
        let fix = error.hint_text().map(str::to_owned);
        Self { about, mark: Mark::Stops, says, fix, code: ExitCode::of(error) }
    }

    fn line(&self) -> String {
        let mark = match self.mark {
            Mark::Fine => '✓',
            Mark::Stops => '✗',
            Mark::Unknown => '?',
        };
        let fix = self.fix.as_ref().map_or_else(String::new, |fix| format!("; fix: {fix}"));
        // One line, whatever an error of others has in it.
        let says = format!("{}{fix}", self.says).split_whitespace().collect::<Vec<_>>().join(" ");
        format!("{mark} {:<12} {says}", self.about)
    }
}

pub fn run(args: &DoctorArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let settings = Settings::resolve(global, args.warehouse.as_ref(), args.to.as_ref())?;
    let manifests = store::Manifests::of(&settings.store());
    let mut findings = store::findings(&settings, &manifests);
    findings.extend(machine::findings(&settings, &manifests));
    findings.extend(warehouse::findings(&settings, &manifests));
    let stopping: Vec<&Finding> = findings.iter().filter(|finding| finding.mark == Mark::Stops).collect();
    if printer.is_json() {
        printer.json(&findings);
    } else {
        findings.iter().for_each(|finding| printer.line(finding.line()));
        printer.line(match stopping.len() {
            0 => "nothing stops a run".to_owned(),
            1 => "1 thing stops a run".to_owned(),
            more => format!("{more} things stop a run"),
        });
    }
    Ok(stopping.first().map_or(ExitCode::Done, |first| first.code))
}
