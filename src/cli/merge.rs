//! `putback merge`

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::context::Context;
use super::environment;
use super::exit::ExitCode;
use super::output::{Printer, text_table};
use super::settings::{GlobalArgs, Settings};
use super::unreadable;
use crate::calendar::DateRanges;
use crate::error::Result;
use crate::merge::{MergeReport, merge, open, with_own};
use crate::store::{Store, WriteLock};

/// Take what other stores have into this one
///
/// Takes the months, states and validations that --store lacks, each file compared with its checksum. A day of an input
/// or a computed date that two stores have differently is a conflict: it is named, and nothing is taken. Stores of
/// single seasons come out as one store that computed them all.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  putback merge units/2021-22 units/2022-23 --store putback-store")]
pub struct MergeArgs {
    /// Directories of other stores; they are only read
    #[arg(required = true, value_name = "STORE")]
    stores: Vec<PathBuf>,
}

pub fn run(args: &MergeArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let settings = Settings::resolve(global, None, None)?;
    let stores: Vec<Store> = args.stores.iter().map(Store::at).collect();
    let names: Vec<String> = args.stores.iter().map(|path| path.display().to_string()).collect();
    let others = open(&stores)?;
    let lock = WriteLock::acquire(&settings.store(), &environment::owner())?;
    let asked = json!({ "stores": names });
    Context::new(&settings, printer).recording(&DateRanges::everything(), asked, |context| {
        let parts = with_own(&lock, others)?;
        parts.iter().for_each(|part| unreadable::warn_of_validations(part.validations(), printer));
        let report = merge(&lock, &parts, &settings.catalogue, context.observer())?;
        context.summarize("merge", as_json(&names, &report));
        show(&names, &report, printer);
        Ok(ExitCode::Done)
    })
}

fn as_json(names: &[String], report: &MergeReport) -> serde_json::Value {
    let stores = names.iter().zip(&report.taken).map(|(name, taken)| {
        json!({
            "store": name, "phase3_months": taken.phase3_months, "phase4_months": taken.phase4_months,
            "dates": taken.dates, "validations": taken.validations,
        })
    });
    let other_versions: Vec<_> = report.other_versions.iter().map(|table| table.full_name()).collect();
    json!({ "stores": stores.collect::<Vec<_>>(), "other_versions": other_versions })
}

fn show(names: &[String], report: &MergeReport, printer: Printer) {
    if !report.other_versions.is_empty() {
        let tables: Vec<_> = report.other_versions.iter().map(ToString::to_string).collect();
        let tables = tables.join(", ");
        printer.note(format!(
            "note: pulled in more than one version of the warehouse, the next sync reads all of: {tables}"
        ));
    }
    if printer.is_json() {
        return printer.json(&as_json(names, report));
    }
    let rows = names.iter().zip(&report.taken).map(|(name, taken)| {
        let counts = [taken.phase3_months, taken.phase4_months, taken.dates, taken.validations];
        std::iter::once(name.clone()).chain(counts.map(|count| count.to_string())).collect()
    });
    printer.line(text_table(&["Store", "Phase 3 months", "Phase 4 months", "Dates", "Validations"], rows.collect(), 1));
}
