//! `putback runs diff`: compares the dates of two computations.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::Serialize;

use super::exit::ExitCode;
use super::output::{Printer, listed, text_table, thousands};
use super::recorder::run_dir;
use super::run_log::{self, DateOutcome, Entry};
use crate::error::{Error, ErrorKind, Result};
use crate::processors::ProcessorId;
use crate::store::Store;

type Outcomes = BTreeMap<ProcessorId, BTreeMap<NaiveDate, DateOutcome>>;

/// Before and after.
type Change = (DateOutcome, DateOutcome);

#[derive(Debug, Default, Serialize)]
struct Differences {
    same: usize,
    changed: BTreeMap<NaiveDate, Change>,
    /// Dates that only one of the runs computed.
    only_first: BTreeSet<NaiveDate>,
    only_second: BTreeSet<NaiveDate>,
}

/// Compares the dates that a run computed with what another run made of them, or with the store as it is.
pub fn run(store: &Store, before: &str, after: Option<&str>, printer: Printer) -> Result<ExitCode> {
    let earlier = outcomes_of(store, before)?;
    let later = match after {
        Some(id) => outcomes_of(store, id)?,
        None => stored(store, &earlier)?,
    };
    let processors: BTreeSet<ProcessorId> = earlier.keys().chain(later.keys()).copied().collect();
    let none = BTreeMap::new();
    let of = |side: &Outcomes, id| side.get(&id).unwrap_or(&none).clone();
    let compared: BTreeMap<ProcessorId, Differences> =
        processors.into_iter().map(|id| (id, compare(of(&earlier, id), of(&later, id)))).collect();
    if printer.is_json() {
        printer.json(&compared);
    } else {
        lines(&compared).into_iter().for_each(|line| printer.line(line));
    }
    let is_equal = compared.values().all(|differences| differences.changed.is_empty());
    Ok(if is_equal { ExitCode::Done } else { ExitCode::Conflict })
}

fn compare(before: BTreeMap<NaiveDate, DateOutcome>, mut after: BTreeMap<NaiveDate, DateOutcome>) -> Differences {
    let mut differences = Differences::default();
    for (date, before) in before {
        match after.remove(&date) {
            None => {
                differences.only_first.insert(date);
            }
            Some(after) if after == before => differences.same += 1,
            Some(after) => {
                differences.changed.insert(date, (before, after));
            }
        }
    }
    differences.only_second = after.into_keys().collect();
    differences
}

/// # Errors
/// [`ErrorKind::Usage`] for a run that is not there, or that computed nothing.
fn outcomes_of(store: &Store, id: &str) -> Result<Outcomes> {
    let mut outcomes = Outcomes::new();
    for line in run_log::read(&run_dir(store, id)?)? {
        if let Entry::Date { processor, date, outcome } = line.entry {
            outcomes.entry(processor).or_default().insert(date, outcome);
        }
    }
    if outcomes.is_empty() {
        return Err(Error::new(ErrorKind::Usage, format!("run {id} computed no dates, or an older putback wrote it"))
            .hint("`putback runs` lists the runs; compare those of `compute` and `run`"));
    }
    Ok(outcomes)
}

/// What the store holds now of the dates of a run.
fn stored(store: &Store, run: &Outcomes) -> Result<Outcomes> {
    let manifest = store.phase4()?;
    let now = |id, date| {
        let record = manifest.record(id, date)?;
        Some(DateOutcome {
            state: record.state.name().to_owned(),
            reason: record.state.reason(),
            rows: record.rows,
            hash: record.hash.clone(),
            failures_hash: record.failures_hash.clone(),
        })
    };
    let of_processor = |(&id, dates): (&ProcessorId, &BTreeMap<NaiveDate, DateOutcome>)| {
        (id, dates.keys().filter_map(|&date| Some((date, now(id, date)?))).collect())
    };
    Ok(run.iter().map(of_processor).collect())
}

fn lines(compared: &BTreeMap<ProcessorId, Differences>) -> Vec<String> {
    let rows = compared.iter().map(|(id, differences)| {
        let Differences { same, changed, only_first, only_second } = differences;
        let mut row = vec![id.to_string()];
        row.extend([*same, changed.len(), only_first.len(), only_second.len()].map(|count| count.to_string()));
        row
    });
    let header = ["Processor", "Same dates", "Changed", "Only in the first", "Only in the second"];
    let mut lines = vec![text_table(&header, rows.collect(), 1)];
    for (id, differences) in compared.iter().filter(|(_, differences)| !differences.changed.is_empty()) {
        let changed =
            differences.changed.iter().map(|(date, (before, after))| format!("{date} {}", said(before, after)));
        lines.push(format!("{id}: {}", listed(changed.collect())));
    }
    lines
}

fn said(before: &DateOutcome, after: &DateOutcome) -> String {
    let rows = |outcome: &DateOutcome| thousands(outcome.rows);
    if before.state != after.state {
        format!("({} to {})", before.state, after.state)
    } else if before.rows != after.rows {
        format!("({} to {} rows)", rows(before), rows(after))
    } else if before.hash != after.hash {
        format!("({} rows, different values)", rows(after))
    } else if before.failures_hash != after.failures_hash {
        "(other failures)".to_owned()
    } else {
        "(other reason)".to_owned()
    }
}
