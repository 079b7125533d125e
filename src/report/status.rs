//! Per year and processor: how its dates stand (`orchestration.md` §10.3).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::Serialize;

use super::{FailureShare, Validations, failure_shares};
use crate::calendar::SeasonCalendar;
use crate::processors::ProcessorId;
use crate::store::{DateState, Phase4Manifest};

/// The check that a date is done.
const NOT_DONE: &str = "A2";

/// How the dates of a range stand, from the manifest alone.
#[derive(Debug, Clone, Serialize)]
pub struct StatusReport {
    pub rows: Vec<StatusRow>,
    /// Dates that failed or were not computed, ascending.
    pub not_done: Vec<NotDone>,
    /// Rules by which dates are empty or skipped, with their number, per processor.
    pub by_rule: Vec<(ProcessorId, String, usize)>,
    pub last_computed_at: Option<DateTime<Utc>>,
    /// Dates whose inputs or processor version changed after they were computed.
    pub stale: BTreeMap<ProcessorId, BTreeSet<NaiveDate>>,
    /// One per calendar year (`orchestration.md` §9); none where only counts were asked for.
    pub verdicts: Vec<Verdict>,
    /// Entities without a row, against what is expected by season time.
    pub shares: Vec<FailureShare>,
}

/// What a verdict needs besides the manifest.
#[derive(Debug)]
pub struct Evidence<'a> {
    pub stale: BTreeMap<ProcessorId, BTreeSet<NaiveDate>>,
    pub validations: &'a Validations,
    pub calendar: &'a SeasonCalendar,
}

/// Whether the dates of a year are complete: of every processor done or empty by rule, nothing stale, and every
/// check of severity error passed, the accounting of every player among them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    pub year: i32,
    pub complete: bool,
    /// What stands against it: one line per processor, then the checks.
    pub open: Vec<String>,
}

/// One calendar year of one processor.
#[derive(Debug, Clone, Serialize)]
pub struct StatusRow {
    pub year: i32,
    pub processor: ProcessorId,
    pub dates: usize,
    pub done: usize,
    pub empty: usize,
    pub failed: usize,
    pub skipped: usize,
    pub pending: usize,
    pub rows: u64,
    /// Failure rows by category.
    pub failures: BTreeMap<String, u64>,
    /// Dates on which a row is possible: not bootstrap and not empty by rule.
    pub possible: usize,
    /// Share of the possible dates that is done, in percent.
    pub percent: f64,
    pub stale: usize,
}

/// A date that has no result, and why.
#[derive(Debug, Clone, Serialize)]
pub struct NotDone {
    pub processor: ProcessorId,
    pub date: NaiveDate,
    /// The reason it failed; `None`: it was not computed.
    pub failed: Option<String>,
}

impl StatusReport {
    /// [`StatusReport::new`], judged by what else is known.
    pub fn judged(manifest: &Phase4Manifest, dates: &[NaiveDate], evidence: Evidence<'_>) -> Self {
        let mut report = Self::new(manifest, dates);
        for row in &mut report.rows {
            row.stale = evidence
                .stale
                .get(&row.processor)
                .map_or(0, |dates| dates.iter().filter(|date| date.year() == row.year).count());
        }
        report.verdicts = verdicts(&report.rows);
        for verdict in &mut report.verdicts {
            let of_year = dates.iter().copied().filter(|date| date.year() == verdict.year);
            let open = open_checks(manifest, of_year, evidence.validations);
            verdict.complete &= open.is_empty();
            verdict.open.extend(open);
        }
        report.shares = failure_shares(manifest, dates, evidence.calendar);
        report.stale = evidence.stale;
        report
    }

    /// Counts the game dates `dates`, and judges nothing.
    pub fn new(manifest: &Phase4Manifest, dates: &[NaiveDate]) -> Self {
        let mut rows: BTreeMap<(i32, ProcessorId), StatusRow> = BTreeMap::new();
        let mut by_rule: BTreeMap<(ProcessorId, String), usize> = BTreeMap::new();
        let mut not_done = Vec::new();
        let mut last_computed_at = None;
        for id in ProcessorId::ALL {
            for &date in dates {
                let row = rows.entry((date.year(), id)).or_insert_with(|| StatusRow::new(date.year(), id));
                row.dates += 1;
                let Some(record) = manifest.record(id, date) else {
                    row.pending += 1;
                    not_done.push(NotDone { processor: id, date, failed: None });
                    continue;
                };
                last_computed_at = last_computed_at.max(Some(record.computed_at));
                row.rows += record.rows;
                for (category, count) in &record.failures {
                    *row.failures.entry(category.clone()).or_default() += count;
                }
                match &record.state {
                    DateState::Done => row.done += 1,
                    DateState::Empty { rule } => {
                        row.empty += 1;
                        *by_rule.entry((id, rule_family(rule))).or_default() += 1;
                    }
                    DateState::Skipped { reason } => {
                        row.skipped += 1;
                        *by_rule.entry((id, reason.clone())).or_default() += 1;
                    }
                    DateState::Failed { reason } => {
                        row.failed += 1;
                        not_done.push(NotDone { processor: id, date, failed: Some(reason.clone()) });
                    }
                }
            }
        }
        not_done.sort_by_key(|date| (date.date, date.processor));
        let mut rows: Vec<StatusRow> = rows.into_values().collect();
        rows.iter_mut().for_each(StatusRow::finish);
        Self {
            verdicts: Vec::new(),
            shares: Vec::new(),
            stale: BTreeMap::new(),
            rows,
            not_done,
            by_rule: by_rule.into_iter().map(|((id, rule), count)| (id, rule, count)).collect(),
            last_computed_at,
        }
    }

    pub fn failed(&self) -> usize {
        self.rows.iter().map(|row| row.failed).sum()
    }

    pub fn pending(&self) -> usize {
        self.rows.iter().map(|row| row.pending).sum()
    }
}

fn verdicts(rows: &[StatusRow]) -> Vec<Verdict> {
    let mut verdicts: Vec<Verdict> = Vec::new();
    for row in rows {
        if verdicts.last().is_none_or(|verdict| verdict.year != row.year) {
            verdicts.push(Verdict { year: row.year, complete: true, open: Vec::new() });
        }
        let verdict = verdicts.last_mut().expect("pushed above");
        let open: Vec<String> = [(row.failed, "failed"), (row.pending, "pending"), (row.stale, "stale")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        if !open.is_empty() {
            verdict.complete = false;
            verdict.open.push(format!("{} {}", row.processor, open.join(", ")));
        }
    }
    verdicts
}

/// Dates with rows that fail checks of severity error, or of which nothing is known.
fn open_checks(
    manifest: &Phase4Manifest,
    dates: impl Iterator<Item = NaiveDate>,
    validations: &Validations,
) -> Vec<String> {
    let is_computed = |date: &NaiveDate| ProcessorId::ALL.iter().any(|id| manifest.record(*id, *date).is_some());
    let mut failed: BTreeMap<&str, usize> = BTreeMap::new();
    let mut unknown = 0;
    for date in dates.filter(is_computed) {
        match validations.failed(manifest, date) {
            None => unknown += 1,
            // A date that is not done says so itself.
            Some(ids) => ids.iter().filter(|id| *id != NOT_DONE).for_each(|id| *failed.entry(id).or_default() += 1),
        }
    }
    let mut open: Vec<String> = failed.iter().map(|(id, dates)| format!("check {id} fails on {dates} dates")).collect();
    if unknown > 0 {
        open.push(format!("{unknown} dates not validated"));
    }
    open
}

/// A rule without the figures of a single date.
fn rule_family(rule: &str) -> String {
    rule.split(" (most").next().unwrap_or(rule).to_owned()
}

impl StatusRow {
    fn new(year: i32, processor: ProcessorId) -> Self {
        Self {
            year,
            processor,
            dates: 0,
            done: 0,
            empty: 0,
            failed: 0,
            skipped: 0,
            pending: 0,
            rows: 0,
            failures: BTreeMap::new(),
            possible: 0,
            percent: 0.0,
            stale: 0,
        }
    }

    fn finish(&mut self) {
        self.possible = self.dates - self.empty - self.skipped;
        self.percent = 100.0 * self.done as f64 / self.possible.max(1) as f64;
    }
}
