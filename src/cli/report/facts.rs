//! Runs, settings, versions and fingerprints, as a report lists them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::output::{counted, thousands};
use super::super::recorder::{RunRecord, inputs_digest, records};
use super::super::settings::Settings;
use crate::catalog::Table;
use crate::error::Result;
use crate::processors::{self, ProcessorId};
use crate::report::page::{Fact, RunFacts};
use crate::store::Store;

/// Runs that are listed.
const LISTED: usize = 20;

/// The latest runs, oldest first.
pub fn runs(store: &Store) -> Result<Vec<RunFacts>> {
    let records = records(store)?;
    let surplus = records.len().saturating_sub(LISTED);
    Ok(records.iter().skip(surplus).map(run).collect())
}

fn run(record: &RunRecord) -> RunFacts {
    let seconds = record.finished_at.map(|end| (end - record.started_at).as_seconds_f64());
    RunFacts {
        id: record.id.clone(),
        command: record.command.clone(),
        started_at: record.started_at,
        seconds,
        outcome: record.outcome(),
        steps: steps(&record.summary),
        did: did(record),
    }
}

/// Seconds by processor.
fn steps(summary: &Value) -> BTreeMap<String, f64> {
    let of = |id: ProcessorId| Some((id.name().to_owned(), summary[id.name()]["seconds"].as_f64()?));
    ProcessorId::ALL.into_iter().filter_map(of).collect()
}

fn did(record: &RunRecord) -> Vec<String> {
    let summary = &record.summary;
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let mut did = Vec::new();
    for table in Table::inputs() {
        let changed = summary[table.full_name()]["changed_dates"].as_array().map_or(0, Vec::len);
        if changed > 0 {
            did.push(format!("pulled {} of {table}", counted(changed, "changed date")));
        }
    }
    for id in ProcessorId::ALL {
        let of = &summary[id.name()];
        if of.is_object() {
            let (computed, unchanged) = (counted(number(&of["computed"]) as usize, "date"), number(&of["unchanged"]));
            did.push(format!("{id}: computed {computed}, left {} as they were", thousands(unchanged)));
        }
    }
    for table in summary["published"]["tables"].as_array().into_iter().flatten() {
        let dates = table["dates"].as_array().map_or(0, Vec::len);
        let (name, rows) = (table["table"].as_str().unwrap_or_default(), number(&table["rows"]));
        if dates > 0 {
            did.push(format!("published {} of {name}, {} rows", counted(dates, "date"), thousands(rows)));
        }
    }
    if let (Some(failed), Some(invalid)) =
        (summary["held_back"]["failed"].as_u64(), summary["held_back"]["invalid"].as_u64())
        && failed + invalid > 0
    {
        did.push(format!("held back {failed} failed or stale dates, and {invalid} that fail a check"));
    }
    did.extend(record.error.iter().map(|error| format!("error: {error}")));
    did
}

/// Every setting and where it comes from, then versions and fingerprints.
pub fn settings(settings: &Settings, store: &Store) -> Vec<Fact> {
    let fact = |name: String, value: String, from: &str| Fact { name, value, from: from.to_owned() };
    let mut facts: Vec<Fact> =
        settings.rows().into_iter().map(|[name, value, from]| Fact { name, value, from }).collect();
    facts.push(fact("version of putback".to_owned(), env!("CARGO_PKG_VERSION").to_owned(), "this program"));
    for processor in processors::all() {
        facts.push(fact(format!("version of {}", processor.id()), processor.version().to_string(), "this program"));
    }
    facts.push(fact("catalogue of checks".to_owned(), settings.catalogue.digest().to_owned(), "digest"));
    facts.push(fact("synced inputs".to_owned(), inputs_digest(store), "digest of the manifest"));
    let overridden = settings.catalogue.overridden();
    facts.extend(overridden.into_iter().map(|line| fact("overridden threshold".to_owned(), line, "settings file")));
    facts
}
