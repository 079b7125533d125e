//! What has to run: every date that is not done under the present inputs and version.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::NaiveDate;

use super::fingerprint::Fingerprints;
use super::request::{ComputeRequest, ProcessorReport, is_computed};
use crate::calendar::{BOOTSTRAP_DAYS, DateRanges, Month, SeasonCalendar};
use crate::catalog::Table;
use crate::error::Result;
use crate::processors::overflow::NUMERIC_OVERFLOW;
use crate::processors::{self, Processor, ProcessorId};
use crate::progress::{Event, Observer};
use crate::store::{DateRecord, DateState, FailureKind, Phase4Manifest, Rule, Store};

/// One processor's share of a computation.
#[derive(Debug)]
pub(super) struct ProcessorPlan {
    pub id: ProcessorId,
    pub version: u32,
    /// Dates to compute, ascending, with the fingerprint of their inputs.
    pub to_run: Vec<NaiveDate>,
    pub fingerprints: Vec<String>,
    /// Dates whose state is known without computing and is new: bootstrap, an upstream failure, or no
    /// game any more.
    pub settled: Vec<(NaiveDate, DateState)>,
    pub unchanged: Vec<NaiveDate>,
}

impl ProcessorPlan {
    /// A plan that computes nothing.
    pub fn settling(id: ProcessorId, settled: Vec<(NaiveDate, DateState)>) -> Self {
        let version = processors::get(id).version();
        Self { id, version, to_run: Vec::new(), fingerprints: Vec::new(), settled, unchanged: Vec::new() }
    }

    pub fn is_idle(&self) -> bool {
        self.to_run.is_empty() && self.settled.is_empty()
    }

    pub fn report(&self) -> ProcessorReport {
        ProcessorReport {
            processor: self.id,
            computed: self.to_run.len(),
            unchanged: self.unchanged.len(),
            rows: 0,
            elapsed: Duration::ZERO,
        }
    }
}

/// What a plan is made from.
pub(super) struct Planning<'a> {
    pub request: &'a ComputeRequest,
    /// The game dates of the request, ascending.
    pub dates: &'a [NaiveDate],
    pub calendar: &'a SeasonCalendar,
    pub phase4: &'a Phase4Manifest,
    pub fingerprints: Fingerprints<'a>,
}

impl Planning<'_> {
    /// Sorts dates into computed, settled without computing, and unchanged.
    pub fn plan(&self, processor: &'static dyn Processor) -> Result<ProcessorPlan> {
        let mut plan = ProcessorPlan::settling(processor.id(), Vec::new());
        for &date in self.dates {
            let known = self.phase4.record(processor.id(), date);
            if let Some(state) = self.state_without_running(processor, date)? {
                if known.is_some_and(|record| record.state == state) {
                    plan.unchanged.push(date);
                } else {
                    plan.settled.push((date, state));
                }
                continue;
            }
            let inputs = self.fingerprints.of(processor, date, self.request.context.windows);
            // A date that failed on the same inputs would fail again.
            let is_current = known.is_some_and(|record| {
                record.version == processor.version() && record.inputs == inputs && is_as_asked(record, self.request)
            });
            if is_current && !self.request.force {
                plan.unchanged.push(date);
            } else {
                plan.to_run.push(date);
                plan.fingerprints.push(inputs);
            }
        }
        plan.settled.extend(self.dates_without_games(processor.id()));
        plan.settled.sort_by_key(|(date, _)| *date);
        Ok(plan)
    }

    /// Dates computed once that neither the schedule nor the player rows have any more. Their rows stay, and the date
    /// counts as vanished; without rows it is empty. With player rows left, the schedule may be the one at fault, and
    /// nothing changes.
    fn dates_without_games(&self, id: ProcessorId) -> Vec<(NaiveDate, DateState)> {
        let rule = || Rule::from("no finished game in the schedule");
        let state = |record: &DateRecord| match record.rows {
            0 => DateState::Empty { rule: rule() },
            _ => DateState::Vanished { rule: rule() },
        };
        let records = self.phase4.processors.get(&id).into_iter().flatten();
        records
            .filter(|(date, record)| {
                self.request.ranges.contains(**date)
                    && self.dates.binary_search(date).is_err()
                    && self.fingerprints.lacks_player_rows(**date)
                    && record.state != state(record)
            })
            .map(|(date, record)| (*date, state(record)))
            .collect()
    }

    /// Bootstrap days are skipped; a date does not run when an upstream neither wrote rows nor was empty
    /// by rule (`orchestration.md` §3).
    fn state_without_running(&self, processor: &dyn Processor, date: NaiveDate) -> Result<Option<DateState>> {
        let daily_cache = self.request.daily_cache;
        if !is_computed(processor.id(), daily_cache) {
            return Ok(Some(DateState::Skipped { reason: format!("left out by --daily-cache {daily_cache}") }));
        }
        if self.calendar.is_bootstrap(date)? {
            let reason = format!("bootstrap: one of the season's first {BOOTSTRAP_DAYS} days");
            return Ok(Some(DateState::Skipped { reason }));
        }
        let blocked = processor.upstream().iter().find_map(|&upstream| match self.phase4.record(upstream, date) {
            Some(record) if record.state.lets_others_run() => None,
            Some(record) => match &record.state {
                // The root cause is told once, not once per level.
                DateState::Failed { reason, kind: FailureKind::Upstream } => Some(reason.clone()),
                DateState::Failed { reason, .. } => Some(format!("upstream {upstream} failed: {reason}")),
                _ => Some(format!("upstream {upstream} was skipped")),
            },
            None => Some(format!("upstream {upstream} was not computed")),
        });
        Ok(blocked.map(|reason| DateState::Failed { reason, kind: FailureKind::Upstream }))
    }
}

/// A value that its column cannot hold loses the date, or with `--quarantine` only its entity.
fn is_as_asked(record: &DateRecord, request: &ComputeRequest) -> bool {
    let is_kept = matches!(record.state, DateState::Done | DateState::Empty { .. });
    !record.failures.contains_key(NUMERIC_OVERFLOW) || is_kept == request.context.quarantine
}

/// Drops the records of months whose files are not the recorded ones; returns their dates, which have
/// to run again, also those outside the ranges.
pub(super) fn forget_damaged_months(
    store: &Store,
    phase4: &mut Phase4Manifest,
    ranges: &DateRanges,
    observer: &dyn Observer,
) -> BTreeSet<NaiveDate> {
    let mut forgotten = BTreeSet::new();
    let is_touched =
        |month: &Month| ranges.iter().any(|range| range.from <= month.last_day() && month.first_day() <= range.to);
    for table in Table::outputs() {
        let Some(files) = phase4.files.get(&table) else { continue };
        let damaged = store.damaged_months(table, files, is_touched);
        for month in damaged {
            observer.on(Event::Note(format!(
                "{} is not the file that was recorded; its dates are computed again",
                store.month_file(table, month).display()
            )));
            forget_month(phase4, table, month, &mut forgotten);
        }
    }
    forgotten
}

fn forget_month(phase4: &mut Phase4Manifest, table: Table, month: Month, forgotten: &mut BTreeSet<NaiveDate>) {
    if let Some(files) = phase4.files.get_mut(&table) {
        files.remove(&month);
    }
    let affected = |id: &ProcessorId| id.output() == table || table == Table::PrecomputeFailures;
    for (_, records) in phase4.processors.iter_mut().filter(|(id, _)| affected(id)) {
        records.retain(|&date, record| {
            let lost = table != Table::PrecomputeFailures || !record.failures.is_empty();
            let stays = Month::of(date) != month || !lost;
            if !stays {
                forgotten.insert(date);
            }
            stays
        });
    }
}
