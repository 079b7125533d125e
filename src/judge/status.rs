//! The state of dates, per year and processor (`orchestration.md` §10.3).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::Serialize;

use super::{
    AcceptedVanished, FailureShare, OpenDates, Standing, contradictions, failure_shares, unscheduled, vanished,
};
use crate::calendar::{DateRanges, Month, SeasonCalendar};
use crate::catalog::Table;
use crate::checks::Catalogue;
use crate::daily_cache::DailyCache;
use crate::error::Result;
use crate::processors::{self, ProcessorId};
use crate::schedule::Schedule;
use crate::snapshot::{InputCounts, Seen, Snapshot, Validations};
use crate::store::{Closeness, DateState, FailureKind, Phase4Manifest, RowsByDate};
use crate::windows::WindowEnd;

/// Why PDC has no record of a date that was computed before it could be.
const LEFT_OUT: &str = "MLFS was computed without it";

/// How the dates of a range stand, from the manifest alone.
#[derive(Debug, Clone, Serialize)]
pub struct StatusReport {
    pub rows: Vec<StatusRow>,
    /// Dates that failed or were not computed, ascending.
    pub not_done: Vec<NotDone>,
    /// Dates that are empty or skipped, by rule.
    pub by_rule: Vec<ByRule>,
    pub last_computed_at: Option<DateTime<Utc>>,
    /// Dates whose inputs or processor version changed after they were computed.
    pub stale: BTreeMap<ProcessorId, BTreeSet<NaiveDate>>,
    /// Dates whose windows end on the day before, unlike those of the reference.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub without_same_day: BTreeMap<ProcessorId, BTreeSet<NaiveDate>>,
    /// Dates of which MLFS reads another `player_daily_cache` than the default, which would compute them again.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub other_daily_cache: BTreeMap<DailyCache, BTreeSet<NaiveDate>>,
    /// Thresholds of checks that the configuration set otherwise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<String>,
    /// Days with rows of players or of outputs that the schedule has no final game for: they are not computed.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub unscheduled: BTreeSet<NaiveDate>,
    /// Days with a final game whose id contradicts its flags in the schedule, with the ids of such games.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub contradictions: BTreeMap<NaiveDate, BTreeSet<String>>,
    /// Rows by table on dates that vanished upstream: they stay until somebody decides.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub vanished: BTreeMap<String, BTreeMap<NaiveDate, u64>>,
    /// One per calendar year (`orchestration.md` §9); none where only counts were asked for.
    pub verdicts: Vec<Verdict>,
    /// Dates that fail checks of severity error, with the checks.
    pub failing: BTreeMap<NaiveDate, BTreeSet<String>>,
    /// Computed dates that no validation has seen as they are.
    pub not_validated: BTreeSet<NaiveDate>,
    /// What the rows of the validated dates really rest on, whatever percentages they have (`orchestration.md` §5).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<ProcessorId, InputCounts>,
    /// Entities without a row, against what is expected by season time.
    pub shares: Vec<FailureShare>,
    /// Every game date that was looked at, ascending.
    #[serde(skip)]
    pub game_dates: Vec<NaiveDate>,
}

/// What a verdict needs besides the manifest.
#[derive(Debug)]
pub struct Evidence<'a> {
    pub stale: BTreeMap<ProcessorId, BTreeSet<NaiveDate>>,
    /// By what MLFS reads, if not the default.
    pub other_daily_cache: BTreeMap<DailyCache, BTreeSet<NaiveDate>>,
    pub validations: &'a Validations,
    /// What a validation would see now.
    pub seen: &'a Seen<'a>,
    /// Days with rows of players or of outputs, and without a final game in the schedule.
    pub unscheduled: BTreeSet<NaiveDate>,
    /// Final games of the ranges whose id contradicts their flags in the schedule, by date.
    pub contradictions: BTreeMap<NaiveDate, BTreeSet<String>>,
    /// Rows of the store on dates that vanished, and what was decided of them.
    pub vanished: RowsByDate,
    pub accepted: &'a AcceptedVanished,
    pub ranges: &'a DateRanges,
    /// Months of outputs whose file is not the recorded one.
    pub damaged: BTreeSet<(ProcessorId, Month)>,
    pub calendar: &'a SeasonCalendar,
    pub schedule: &'a Schedule,
}

impl Evidence<'_> {
    /// Whether a row is possible on a date that was not computed: not in bootstrap, and with as many games of some team as
    /// a row needs. Whether a player has played in ten of them is for the computation to say.
    fn is_possible(&self, processor: ProcessorId, date: NaiveDate) -> bool {
        let games = processors::get(processor).games_needed();
        !self.calendar.is_bootstrap(date).unwrap_or(false) && self.schedule.most_games(date) >= games
    }
}

/// Whether the dates of a year that were asked for are complete: of every processor done or empty by rule, nothing stale, and every
/// check of severity error passed, the accounting of every player among them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    pub year: i32,
    /// Game dates that were looked at, and that the schedule has of the year.
    pub dates: usize,
    pub dates_of_year: usize,
    /// The schedule's last game date, if it lies in the year: nothing is known of later ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_until: Option<NaiveDate>,
    /// The schedule's first game date, likewise: nothing is known of earlier ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_from: Option<NaiveDate>,
    /// Of the dates that were looked at.
    pub complete: bool,
    /// What stands against it: by processor, then by check.
    pub open: Vec<OpenDates>,
    /// What would stand against it, and is waived.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waived: Vec<OpenDates>,
}

impl Verdict {
    /// Whether the dates are complete, in a word.
    pub fn word(&self) -> &'static str {
        match (self.complete, self.waived.is_empty()) {
            (true, true) => "complete",
            (true, false) => "complete with waivers",
            (false, _) => "partial",
        }
    }
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
    /// Pending dates on which no row is possible.
    #[serde(skip)]
    impossible: usize,
    /// Dates on which a row is possible: not bootstrap and not empty by rule.
    pub possible: usize,
    /// Share of the possible dates that is done, in percent.
    pub percent: f64,
    pub stale: usize,
}

/// Dates without rows by the same rule.
#[derive(Debug, Clone, Serialize)]
pub struct ByRule {
    pub processor: ProcessorId,
    pub rule: String,
    pub dates: Vec<NaiveDate>,
}

/// A date that has no result, and why.
#[derive(Debug, Clone, Serialize)]
pub struct NotDone {
    pub processor: ProcessorId,
    pub date: NaiveDate,
    /// The reason it failed; `None`: it was not computed.
    pub failed: Option<String>,
    /// The upstream whose failure is the reason.
    #[serde(skip)]
    pub follows: Option<ProcessorId>,
}

/// What is to be judged.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub ranges: &'a DateRanges,
    /// Their game dates.
    pub dates: &'a [NaiveDate],
}

/// How the dates of a store stand, and the verdicts of their years.
///
/// # Errors
/// When the files of the store cannot be looked at, or the record of vanished dates is unusable.
pub fn status(snapshot: &Snapshot, catalogue: &Catalogue, asked: Asked<'_>) -> Result<StatusReport> {
    let altered = snapshot.store.altered_months(&snapshot.phase3, &snapshot.phase4, Closeness::Noticed)?;
    status_knowing(&altered, snapshot, catalogue, asked)
}

/// [`status`] of every game date of the ranges; `None` where the schedule has none.
///
/// # Errors
/// As [`status`].
pub fn status_of_ranges(
    snapshot: &Snapshot,
    catalogue: &Catalogue,
    ranges: &DateRanges,
) -> Result<Option<StatusReport>> {
    match snapshot.game_dates(ranges).as_slice() {
        [] => Ok(None),
        dates => status(snapshot, catalogue, Asked { ranges, dates }).map(Some),
    }
}

/// [`status`], where the months with a missing or altered file are known.
///
/// # Errors
/// When the record of vanished dates is unusable.
pub fn status_knowing(
    altered: &[(Table, Month)],
    snapshot: &Snapshot,
    catalogue: &Catalogue,
    asked: Asked<'_>,
) -> Result<StatusReport> {
    let Snapshot { phase3, phase4, schedule, .. } = snapshot;
    let evidence = Evidence {
        stale: crate::compute::stale_dates(phase3, phase4, asked.dates),
        other_daily_cache: crate::compute::other_daily_cache(phase3, phase4, asked.dates),
        validations: &snapshot.validations.under(catalogue.digest()),
        seen: &snapshot.seen(),
        unscheduled: unscheduled(snapshot, asked.ranges),
        contradictions: contradictions(schedule, asked.ranges),
        vanished: vanished(snapshot, asked.ranges),
        accepted: snapshot.accepted()?,
        ranges: asked.ranges,
        damaged: damaged(altered),
        calendar: &snapshot.calendar,
        schedule,
    };
    let mut report = StatusReport::judged(phase4, asked.dates, evidence);
    report.thresholds = catalogue.overridden();
    Ok(report)
}

/// Months with a missing or altered file, by the processors whose dates rest on it.
fn damaged(altered: &[(Table, Month)]) -> BTreeSet<(ProcessorId, Month)> {
    let of_table = |&(table, month): &(Table, Month)| {
        let rests_on =
            move |id: &ProcessorId| id.output() == table || !ProcessorId::ALL.iter().any(|id| id.output() == table);
        ProcessorId::ALL.into_iter().filter(rests_on).map(move |id| (id, month))
    };
    altered.iter().flat_map(of_table).collect()
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
        report.leave_out_impossible(&evidence);
        report.take_validations(manifest, dates, &evidence);
        let scheduled = evidence.schedule.game_dates(&DateRanges::everything());
        let vanished = evidence.accepted.open(&evidence.vanished, evidence.ranges);
        report.vanished = vanished.into_iter().map(|(table, dates)| (table.full_name().to_owned(), dates)).collect();
        let others = evidence.unscheduled.iter().chain(report.vanished.values().flat_map(BTreeMap::keys));
        let others = others.chain(evidence.contradictions.keys());
        let others: BTreeSet<NaiveDate> = others.copied().collect();
        report.verdicts = years(dates, &others).map(|year| report.verdict(year, &scheduled, &evidence)).collect();
        report.shares = failure_shares(manifest, dates, evidence.calendar);
        report.stale = evidence.stale;
        report.other_daily_cache = evidence.other_daily_cache;
        report.unscheduled = evidence.unscheduled;
        report.contradictions = evidence.contradictions;
        report
    }

    /// Counts the game dates `dates`, and judges nothing.
    pub fn new(manifest: &Phase4Manifest, dates: &[NaiveDate]) -> Self {
        let mut rows: BTreeMap<(i32, ProcessorId), StatusRow> = BTreeMap::new();
        let mut by_rule: BTreeMap<(ProcessorId, String), Vec<NaiveDate>> = BTreeMap::new();
        let mut not_done = Vec::new();
        let mut without_same_day: BTreeMap<ProcessorId, BTreeSet<NaiveDate>> = BTreeMap::new();
        let mut last_computed_at = None;
        for id in ProcessorId::ALL {
            for &date in dates {
                let row = rows.entry((date.year(), id)).or_insert_with(|| StatusRow::new(date.year(), id));
                row.dates += 1;
                if id == ProcessorId::Pdc && manifest.is_daily_cache_left_out(date) {
                    row.skipped += 1;
                    by_rule.entry((id, LEFT_OUT.to_owned())).or_default().push(date);
                    continue;
                }
                let Some(record) = manifest.record(id, date) else {
                    row.pending += 1;
                    not_done.push(NotDone { processor: id, date, failed: None, follows: None });
                    continue;
                };
                last_computed_at = last_computed_at.max(Some(record.computed_at));
                if record.windows == WindowEnd::DayBefore {
                    without_same_day.entry(id).or_default().insert(date);
                }
                row.rows += record.rows;
                for (category, count) in &record.failures {
                    *row.failures.entry(category.clone()).or_default() += count;
                }
                match &record.state {
                    DateState::Done => row.done += 1,
                    DateState::Empty { rule } | DateState::Vanished { rule } => {
                        row.empty += 1;
                        by_rule.entry((id, rule.family().to_owned())).or_default().push(date);
                    }
                    DateState::Skipped { reason } => {
                        row.skipped += 1;
                        by_rule.entry((id, reason.clone())).or_default().push(date);
                    }
                    DateState::Failed { reason, .. } => {
                        row.failed += 1;
                        let follows = failed_upstream(manifest, id, date);
                        not_done.push(NotDone { processor: id, date, failed: Some(reason.clone()), follows });
                    }
                }
            }
        }
        not_done.sort_by_key(|date| (date.date, date.processor));
        let mut rows: Vec<StatusRow> = rows.into_values().collect();
        rows.iter_mut().for_each(StatusRow::finish);
        Self {
            verdicts: Vec::new(),
            failing: BTreeMap::new(),
            not_validated: BTreeSet::new(),
            inputs: BTreeMap::new(),
            shares: Vec::new(),
            without_same_day,
            other_daily_cache: BTreeMap::new(),
            thresholds: Vec::new(),
            unscheduled: BTreeSet::new(),
            contradictions: BTreeMap::new(),
            vanished: BTreeMap::new(),
            stale: BTreeMap::new(),
            game_dates: dates.to_vec(),
            rows,
            not_done,
            by_rule: by_rule.into_iter().map(|((processor, rule), dates)| ByRule { processor, rule, dates }).collect(),
            last_computed_at,
        }
    }

    /// Pending dates on which no row is possible are none of the possible ones.
    fn leave_out_impossible(&mut self, evidence: &Evidence<'_>) {
        let pending = self.not_done.iter().filter(|date| date.failed.is_none());
        for date in pending.filter(|date| !evidence.is_possible(date.processor, date.date)) {
            let is_of = |row: &&mut StatusRow| row.processor == date.processor && row.year == date.date.year();
            if let Some(row) = self.rows.iter_mut().find(is_of) {
                row.impossible += 1;
            }
        }
        self.rows.iter_mut().for_each(StatusRow::finish);
    }

    fn verdict(&self, year: i32, schedule: &[NaiveDate], evidence: &Evidence<'_>) -> Verdict {
        let is_of_year = |date: &&NaiveDate| date.year() == year;
        let open = self.open(year, evidence);
        Verdict {
            year,
            dates: self.game_dates.iter().filter(is_of_year).count(),
            dates_of_year: schedule.iter().filter(is_of_year).count(),
            known_from: schedule.first().filter(is_of_year).copied(),
            known_until: schedule.last().filter(is_of_year).copied(),
            complete: open.is_empty(),
            open,
            waived: self.waived(year, evidence),
        }
    }

    /// Checks that fail and are waived, on dates of which that is still known.
    fn waived(&self, year: i32, evidence: &Evidence<'_>) -> Vec<OpenDates> {
        let mut waived: BTreeMap<(&String, &String), BTreeSet<NaiveDate>> = BTreeMap::new();
        let is_known = |date: &&NaiveDate| date.year() == year && !self.not_validated.contains(date);
        for date in self.game_dates.iter().filter(is_known) {
            for of_date in evidence.validations.waived(*date) {
                waived.entry(of_date).or_default().insert(*date);
            }
        }
        let named =
            |(check, waiver): (&String, &String)| Standing::Waived { check: check.clone(), waiver: waiver.clone() };
        waived.into_iter().map(|(of, dates)| OpenDates { what: named(of), dates }).collect()
    }

    /// What stands against a year.
    fn open(&self, year: i32, evidence: &Evidence<'_>) -> Vec<OpenDates> {
        let mut open: Vec<OpenDates> = Vec::new();
        let mut add = |what: Standing, dates: BTreeSet<NaiveDate>| {
            let dates: BTreeSet<NaiveDate> = dates.into_iter().filter(|date| date.year() == year).collect();
            if !dates.is_empty() {
                open.push(OpenDates { what, dates });
            }
        };
        for id in ProcessorId::ALL {
            let not_done = |failed: bool| -> BTreeSet<NaiveDate> {
                let is_of = |date: &&NotDone| date.processor == id && date.failed.is_some() == failed;
                self.not_done.iter().filter(is_of).map(|date| date.date).collect()
            };
            add(Standing::Failed(id), not_done(true));
            add(Standing::Pending(id), not_done(false));
            add(Standing::Stale(id), evidence.stale.get(&id).cloned().unwrap_or_default());
            let is_damaged = |date: &&NaiveDate| evidence.damaged.contains(&(id, Month::of(**date)));
            let damaged = self.game_dates.iter().filter(is_damaged).copied();
            add(Standing::Damaged(id), damaged.collect());
        }
        let ids: BTreeSet<&String> = self.failing.values().flatten().collect();
        for id in ids {
            let fails = self.failing.iter().filter(|(_, ids)| ids.contains(id));
            add(Standing::Fails { check: id.clone() }, fails.map(|(date, _)| *date).collect());
        }
        add(Standing::NotValidated, self.not_validated.clone());
        let mut excluded: BTreeMap<&String, BTreeSet<NaiveDate>> = BTreeMap::new();
        for (date, reason) in evidence.validations.excluded() {
            if self.game_dates.binary_search(date).is_ok() {
                excluded.entry(reason).or_default().insert(*date);
            }
        }
        for (reason, dates) in excluded {
            add(Standing::Excluded { reason: reason.clone() }, dates);
        }
        let of_year = |date: &NaiveDate| date.year() == year && self.game_dates.binary_search(date).is_ok();
        let mut quarantined = evidence.validations.quarantined();
        quarantined.retain(|date, _| of_year(date));
        add(Standing::Quarantined { entities: quarantined.values().sum() }, quarantined.into_keys().collect());
        add(Standing::Unscheduled, evidence.unscheduled.clone());
        let vanished = self.vanished.values().flat_map(BTreeMap::keys).copied();
        add(Standing::Vanished, vanished.collect());
        add(Standing::Contradiction, evidence.contradictions.keys().copied().collect());
        open
    }

    /// Dates with rows that fail checks of severity error, or of which nothing is known.
    fn take_validations(&mut self, manifest: &Phase4Manifest, dates: &[NaiveDate], evidence: &Evidence<'_>) {
        let is_computed = |date: &NaiveDate| ProcessorId::ALL.iter().any(|id| manifest.record(*id, *date).is_some());
        for date in dates.iter().copied().filter(is_computed) {
            let Some(ids) = evidence.validations.failed(evidence.seen, date) else {
                self.not_validated.insert(date);
                continue;
            };
            for (id, inputs) in evidence.validations.inputs(evidence.seen, date).into_iter().flatten() {
                self.inputs.entry(*id).or_default().add(*inputs);
            }
            // A date that is not done says so itself.
            let ids: BTreeSet<String> = ids.iter().filter(|id| **id != *Catalogue::NOT_DONE).cloned().collect();
            if !ids.is_empty() {
                self.failing.insert(date, ids);
            }
        }
    }

    pub fn failed(&self) -> usize {
        self.rows.iter().map(|row| row.failed).sum()
    }

    pub fn pending(&self) -> usize {
        self.rows.iter().map(|row| row.pending).sum()
    }

    /// Dates of processors, and days of the schedule, that keep a run from being done.
    pub fn unsettled(&self) -> usize {
        self.failed() + self.pending() + self.unscheduled.len() + self.contradictions.len()
    }
}

fn years(dates: &[NaiveDate], others: &BTreeSet<NaiveDate>) -> impl Iterator<Item = i32> {
    dates.iter().chain(others).map(Datelike::year).collect::<BTreeSet<i32>>().into_iter()
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
            impossible: 0,
            possible: 0,
            percent: 0.0,
            stale: 0,
        }
    }

    fn finish(&mut self) {
        self.possible = self.dates - self.empty - self.skipped - self.impossible;
        self.percent = 100.0 * self.done as f64 / self.possible.max(1) as f64;
    }
}

/// The upstream whose own inputs made the date fail; `None` where it failed for another reason.
fn failed_upstream(manifest: &Phase4Manifest, id: ProcessorId, date: NaiveDate) -> Option<ProcessorId> {
    let kind_of = |id| match manifest.record(id, date)?.state {
        DateState::Failed { kind, .. } => Some(kind),
        _ => None,
    };
    if kind_of(id) != Some(FailureKind::Upstream) {
        return None;
    }
    processors::get(id).upstream().iter().find_map(|&upstream| match kind_of(upstream)? {
        FailureKind::Inputs => Some(upstream),
        FailureKind::Upstream => failed_upstream(manifest, upstream, date),
        FailureKind::Overflow => None,
    })
}
