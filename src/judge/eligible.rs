//! What may be published, and what is held back.
//!
//! In three steps, so that each can be told before the next: [`Candidates`] are done, current and scheduled; [`Checked`]
//! knows what the checks say of them; [`Eligible`] is what passes, and the only thing that a publication is made of.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::{CheckSettings, DateSet, Purpose, check, dates_of, lost_cache, stale, unscheduled, vanished};
use crate::calendar::DateRanges;
use crate::checks::{CheckReport, Phase};
use crate::error::Result;
use crate::processors::ProcessorId;
use crate::snapshot::Snapshot;
use crate::store::RowsByDate;

/// Dates, with the checks that fail on them.
type FailedChecks = BTreeMap<NaiveDate, BTreeSet<String>>;

/// Settled dates that are current and that the schedule knows.
#[derive(Debug)]
pub struct Candidates<'s> {
    snapshot: &'s Snapshot,
    ranges: DateRanges,
    with_daily_cache: bool,
    dates: DateSet<'s>,
    stale: BTreeSet<NaiveDate>,
    excluded: BTreeMap<NaiveDate, String>,
    vanished: RowsByDate,
}

/// What may be published although a check fails.
#[derive(Debug, Clone, Copy)]
pub struct Leave<'a> {
    /// Checks that may fail for this run.
    pub accept: &'a [String],
    /// Whether the rest of a date is published where entities rest on faulty rows.
    pub quarantines: bool,
}

/// Candidates, and what the checks say of them.
#[derive(Debug)]
pub struct Checked<'s> {
    candidates: Candidates<'s>,
    /// Nothing where no date was checked.
    report: Option<CheckReport>,
}

/// What may be published of a snapshot. Nothing else makes one than [`Checked::eligible`].
#[derive(Debug)]
pub struct Eligible<'s> {
    candidates: Candidates<'s>,
    report: Option<CheckReport>,
    invalid: FailedChecks,
    accepted: FailedChecks,
}

/// How many dates stay in the target as they are.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct HeldBack {
    /// Dates of processors that failed, and stale dates.
    pub failed: usize,
    /// Dates whose rows fail a check of severity error.
    pub invalid: usize,
    /// Dates that vanished upstream and whose rows the target holds, without a decision.
    pub vanished: usize,
    /// Dates that are published although open causes reach them, without the rows in quarantine.
    pub quarantined: usize,
}

impl<'s> Candidates<'s> {
    /// The candidates of the ranges; `player_daily_cache` is left out unless it is asked for.
    ///
    /// # Errors
    /// [`ErrorKind::Upstream`](crate::error::ErrorKind::Upstream) when nothing was computed in the ranges.
    pub fn of(snapshot: &'s Snapshot, ranges: &DateRanges, with_daily_cache: bool) -> Result<Self> {
        let vanished = vanished(snapshot, ranges);
        let mut dates = DateSet::collect(snapshot, ranges, &vanished)?;
        if !with_daily_cache {
            dates.leave_out_unasked();
        }
        let mut stale: BTreeSet<NaiveDate> = stale(snapshot, ranges).into_values().flatten().collect();
        // Nothing will be computed for a date that has no games any more.
        let vanished_dates = dates_of(&vanished);
        stale.retain(|date| snapshot.schedule.has_games_on(*date) || !vanished_dates.contains(date));
        dates.leave_out(&stale);
        dates.leave_out(&unscheduled(snapshot, ranges));
        let (ranges, excluded) = (ranges.clone(), BTreeMap::new());
        Ok(Self { snapshot, ranges, with_daily_cache, dates, stale, excluded, vanished })
    }

    /// Stale dates with games: a computation makes them current.
    pub fn to_compute(&self) -> BTreeSet<NaiveDate> {
        self.stale.iter().copied().filter(|date| self.snapshot.schedule.has_games_on(*date)).collect()
    }

    /// Leaves out the dates that the user leaves out, with the reasons.
    pub fn exclude(&mut self, excluded: BTreeMap<NaiveDate, String>) {
        self.dates.leave_out(&excluded.keys().copied().collect());
        self.excluded = excluded;
    }

    /// Runs the checks of the outputs.
    ///
    /// # Errors
    /// As [`check`].
    pub fn checked(self, leave: Leave<'_>, settings: &CheckSettings<'_>) -> Result<Checked<'s>> {
        if self.snapshot.game_dates(&self.ranges).is_empty() && !self.vanished.is_empty() {
            return Ok(Checked { candidates: self, report: None });
        }
        let left_out = if self.with_daily_cache { Vec::new() } else { ProcessorId::unasked() };
        let Leave { accept, quarantines } = leave;
        let purpose = Purpose { phase: Phase::Outputs, accept, left_out, quarantines };
        let report = check(self.snapshot, &self.ranges, &purpose, settings)?;
        Ok(Checked { candidates: self, report: Some(report) })
    }
}

impl<'s> Checked<'s> {
    /// What the checks found; nothing where no date was checked.
    pub fn report(&self) -> Option<&CheckReport> {
        self.report.as_ref()
    }

    /// Leaves out what the checks hold back.
    ///
    /// # Errors
    /// As [`DateSet::quarantine`].
    pub fn eligible(self) -> Result<Eligible<'s>> {
        let Self { mut candidates, report } = self;
        let (mut invalid, mut accepted) = match &report {
            Some(report) => (report.held_back(), report.accepted()),
            None => (FailedChecks::new(), FailedChecks::new()),
        };
        invalid.retain(|date, _| !candidates.stale.contains(date));
        accepted.retain(|date, _| !candidates.stale.contains(date));
        candidates.dates.leave_out(&invalid.keys().copied().collect());
        if let Some(quarantine) = report.as_ref().and_then(|report| report.quarantine.as_ref()) {
            candidates.dates.quarantine(quarantine.clone())?;
        }
        Ok(Eligible { candidates, report, invalid, accepted })
    }
}

impl<'s> Eligible<'s> {
    pub fn dates(&self) -> &DateSet<'s> {
        &self.candidates.dates
    }

    /// What the checks found; nothing where no date was checked.
    pub fn report(&self) -> Option<&CheckReport> {
        self.report.as_ref()
    }

    /// The dates that fail checks, with the checks.
    pub fn invalid(&self) -> &FailedChecks {
        &self.invalid
    }

    /// Those that fail accepted checks only, likewise.
    pub fn accepted(&self) -> &FailedChecks {
        &self.accepted
    }

    /// Those that the user leaves out, with the reason.
    pub fn excluded(&self) -> &BTreeMap<NaiveDate, String> {
        &self.candidates.excluded
    }

    /// Rows of the store on dates that vanished.
    pub fn vanished(&self) -> &RowsByDate {
        &self.candidates.vanished
    }

    /// Dates that are published although PDC, which is left out, failed on them.
    pub fn lost_cache(&self) -> BTreeSet<NaiveDate> {
        let Candidates { snapshot, ranges, with_daily_cache, .. } = &self.candidates;
        if *with_daily_cache { BTreeSet::new() } else { lost_cache(snapshot, ranges) }
    }

    /// How many dates stay in the target as they are; nothing is known yet of those that vanished.
    pub fn held_back(&self) -> HeldBack {
        let Some(report) = &self.report else { return HeldBack::default() };
        let by_processor = &self.dates().held_back;
        // A date that failed is told as such, whatever else stands against it.
        let failed: BTreeSet<NaiveDate> = by_processor.values().flatten().copied().collect();
        HeldBack {
            failed: self.candidates.stale.len()
                + by_processor.values().map(Vec::len).sum::<usize>()
                + self.lost_cache().len(),
            invalid: self.invalid.keys().filter(|date| !failed.contains(date)).count(),
            vanished: 0,
            quarantined: self.quarantined(report).len(),
        }
    }

    /// Dates of the set that open causes reach: published, but for the rows in quarantine.
    fn quarantined(&self, report: &CheckReport) -> BTreeSet<NaiveDate> {
        let open = report.quarantine.iter().flat_map(|_| report.causes.iter().filter(|cause| cause.is_open()));
        let dates = open.flat_map(|cause| cause.reach.keys()).copied();
        dates.filter(|date| self.dates().parts.iter().any(|part| part.dates.contains_key(date))).collect()
    }

    /// Dates that stay unpublished, with the cause of each.
    pub fn held_back_causes(&self) -> Vec<String> {
        if self.report.is_none() {
            return Vec::new();
        }
        let failed = self.dates().held_back.iter();
        let failed = failed.flat_map(|(id, dates)| dates.iter().map(move |date| format!("{date}: {id} failed")));
        let stale = self.candidates.stale.iter().map(|date| format!("{date}: stale"));
        let checks = |checks: &BTreeSet<String>| checks.iter().cloned().collect::<Vec<_>>().join(", ");
        let invalid = self.invalid.iter().map(|(date, of)| format!("{date}: {}", checks(of)));
        failed.chain(stale).chain(invalid).collect()
    }
}
