//! `putback runs diff`: what two computations made of the same dates.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::diff::listed;
use super::exit::ExitCode;
use super::output::{Printer, text_table, thousands};
use super::recorder::run_dir;
use crate::error::{Error, ErrorKind, Result};
use crate::processors::ProcessorId;
use crate::store::Store;

/// What became of a date: equal outcomes mean equal rows, volatile columns left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Outcome {
    state: String,
    rows: u64,
    hash: String,
    failures_hash: String,
}

type Outcomes = BTreeMap<ProcessorId, BTreeMap<NaiveDate, Outcome>>;

/// Before and after.
type Change = (Outcome, Outcome);

#[derive(Debug, Default, Serialize)]
struct Differences {
    same: usize,
    changed: BTreeMap<NaiveDate, Change>,
    /// Dates that only one of the runs computed.
    only_first: BTreeSet<NaiveDate>,
    only_second: BTreeSet<NaiveDate>,
}

/// A line of a run's log; other lines have other events.
#[derive(Deserialize)]
struct LogLine {
    event: String,
    processor: Option<ProcessorId>,
    date: Option<NaiveDate>,
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

fn compare(before: BTreeMap<NaiveDate, Outcome>, mut after: BTreeMap<NaiveDate, Outcome>) -> Differences {
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
    let path = run_dir(store, id)?.join("log.jsonl");
    let outcomes = read_log(&path)?;
    if outcomes.is_empty() {
        return Err(Error::new(ErrorKind::Usage, format!("run {id} computed no dates"))
            .hint("`putback runs` lists the runs; compare those of `compute` and `run`"));
    }
    Ok(outcomes)
}

fn read_log(path: &Path) -> Result<Outcomes> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::io("read", path, error))?;
    let mut outcomes = Outcomes::new();
    // A run that was killed may have left half a line.
    for (line, text) in text.lines().filter_map(|text| Some((serde_json::from_str::<LogLine>(text).ok()?, text))) {
        let (Some(processor), Some(date), "date") = (line.processor, line.date, line.event.as_str()) else { continue };
        let outcome = serde_json::from_str(text).map_err(|error| {
            Error::new(ErrorKind::Usage, format!("{} does not say what the dates held", path.display()))
                .hint("it is of an older putback; `putback diff --with store:PATH` compares two stores")
                .because(error)
        })?;
        outcomes.entry(processor).or_default().insert(date, outcome);
    }
    Ok(outcomes)
}

/// What the store holds now of the dates of a run.
fn stored(store: &Store, run: &Outcomes) -> Result<Outcomes> {
    let manifest = store.phase4()?;
    let now = |id, date| {
        let record = manifest.record(id, date)?;
        Some(Outcome {
            state: record.state.name().to_owned(),
            rows: record.rows,
            hash: record.hash.clone(),
            failures_hash: record.failures_hash.clone(),
        })
    };
    let of_processor = |(&id, dates): (&ProcessorId, &BTreeMap<NaiveDate, Outcome>)| {
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

fn said(before: &Outcome, after: &Outcome) -> String {
    let rows = |outcome: &Outcome| thousands(outcome.rows);
    if before.state != after.state {
        format!("({} to {})", before.state, after.state)
    } else if before.rows != after.rows {
        format!("({} to {} rows)", rows(before), rows(after))
    } else if before.hash != after.hash {
        format!("({} rows, other values)", rows(after))
    } else {
        "(other failures)".to_owned()
    }
}
