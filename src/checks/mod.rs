//! Checks of inputs before a computation and of outputs after it: a catalogue, and one runner for it.

mod accounting;
mod catalogue;
mod causes;
mod faulty;
mod files;
mod memory;
mod parts;
mod quarantine;
mod tables;
mod values;
mod verdicts;
mod waivers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use arrow::array::AsArray;
use arrow::datatypes::Date32Type;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use self::files::MonthFiles;
use self::memory::Memory;
use self::parts::Part;
use self::verdicts::{QuarantineOfPart, Verdicts};
pub use accounting::{Accounting, Outcomes};
pub use catalogue::{Catalogue, Check, Phase, Query, Severity, Thresholds};
pub use causes::Cause;
pub use quarantine::{Extent, Quarantine};
pub use waivers::{Acceptance, AcceptedBy, Waiver, WaiverUse, acceptances};

use crate::calendar::{DateRanges, Season, SeasonCalendar, date_of_day};
use crate::engine::{EngineSettings, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::parallel;
use crate::processors::ProcessorId;
use crate::snapshot::{Found, InputCounts, Snapshot};

/// Until this day of a season, checks of small samples do not apply.
pub const EARLY_DAYS: i64 = 42;

/// What is checked.
#[derive(Debug, Clone)]
pub struct CheckRequest<'a> {
    pub snapshot: &'a Snapshot,
    /// Game dates, ascending.
    pub dates: &'a [NaiveDate],
    /// What was asked for, days without games included.
    pub ranges: &'a DateRanges,
    pub phase: Phase,
    pub catalogue: &'a Catalogue,
    /// Which failed checks may be published all the same.
    pub accepted: &'a [Acceptance],
    /// Processors whose rows are not published: a fault that reaches nothing else holds back nothing.
    pub left_out: &'a [ProcessorId],
    /// Find the entities whose rows rest on faulty rows, to publish the rest of their dates.
    pub quarantines: bool,
    pub engine: EngineSettings,
}

/// The table of checks that are about every input.
pub const ALL_INPUTS: &str = "inputs";

/// An offending date of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub date: NaiveDate,
    pub count: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
    /// The check whose faulty rows all of it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consequence_of: Option<String>,
}

/// A check with what it found.
#[derive(Debug, Clone, Serialize)]
pub struct CheckResult {
    pub id: String,
    pub table: String,
    pub severity: Severity,
    pub title: String,
    pub source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consequence: Option<String>,
    pub thresholds: BTreeMap<String, f64>,
    /// Thresholds that the configuration set otherwise, with the value that they have without it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub overridden: BTreeMap<String, f64>,
    pub passed: bool,
    pub findings: Vec<Finding>,
}

/// Every check of a phase over a range.
#[derive(Debug, Clone, Serialize)]
pub struct CheckReport {
    pub phase: Phase,
    /// The dates that were checked, ascending, and how many there are.
    #[serde(skip)]
    pub checked: Vec<NaiveDate>,
    pub dates: usize,
    /// Earlier game dates of the same seasons: inputs are checked on them as well.
    pub look_back_dates: usize,
    /// The dates of both, ascending.
    #[serde(skip)]
    pub scope: Vec<NaiveDate>,
    pub results: Vec<CheckResult>,
    /// What stands behind the failed checks of severity error; which dates rest on it is known of outputs only.
    pub causes: Vec<Cause>,
    /// The waivers that say something of the range, and what became of them. Of outputs only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<(Waiver, WaiverUse)>,
    /// Where it was asked for: of outputs only.
    #[serde(skip)]
    pub quarantine: Option<Quarantine>,
    /// Of outputs only.
    pub accounting: BTreeMap<ProcessorId, Accounting>,
}

impl CheckReport {
    /// Checks of severity error that failed.
    pub fn errors(&self) -> impl Iterator<Item = &CheckResult> {
        self.failed(Severity::Error)
    }

    /// The dates that may not be published, with the checks that stand against them. With a quarantine, only those that it
    /// holds back as a whole.
    pub fn held_back(&self) -> BTreeMap<NaiveDate, BTreeSet<String>> {
        match &self.quarantine {
            Some(quarantine) => quarantine.whole.clone(),
            None => self.resting_on(|cause| cause.accepted.is_none()),
        }
    }

    /// The dates that rest on faulty rows and may be published, because all of these are accepted, with the checks.
    pub fn accepted(&self) -> BTreeMap<NaiveDate, BTreeSet<String>> {
        let held_back = self.held_back();
        let mut accepted = self.resting_on(|cause| cause.accepted.is_some());
        accepted.retain(|date, _| !held_back.contains_key(date));
        accepted
    }

    fn resting_on(&self, which: impl Fn(&Cause) -> bool) -> BTreeMap<NaiveDate, BTreeSet<String>> {
        let mut dates: BTreeMap<NaiveDate, BTreeSet<String>> = BTreeMap::new();
        // A date that is not done is held back by its state already.
        for cause in self.causes.iter().filter(|cause| cause.check != Catalogue::NOT_DONE && which(cause)) {
            cause.reach.keys().for_each(|date| {
                dates.entry(*date).or_default().insert(cause.check.clone());
            });
        }
        dates
    }

    /// What is remembered of the dates that were checked: the waivers are those of the catalogue.
    pub fn found(&self, catalogue: &Catalogue) -> BTreeMap<NaiveDate, Found> {
        let inputs_of = |date: NaiveDate| -> BTreeMap<ProcessorId, InputCounts> {
            let of_date = |(id, of): (&ProcessorId, &Accounting)| Some((*id, of.by_date.get(&date)?.inputs));
            self.accounting.iter().filter_map(of_date).filter(|(_, inputs)| inputs.expected > 0).collect()
        };
        let found = |date: &NaiveDate| (*date, Found { inputs: inputs_of(*date), ..Found::default() });
        let mut found: BTreeMap<NaiveDate, Found> = self.checked.iter().map(found).collect();
        for cause in &self.causes {
            let waiver = match cause.accepted {
                Some(AcceptedBy::Waiver(number)) => catalogue.waivers().get(number),
                _ => None,
            };
            for date in cause.reach.keys() {
                let Some(found) = found.get_mut(date) else { continue };
                match waiver {
                    Some(waiver) => found.waived.insert(cause.check.clone(), waiver.text()).is_none(),
                    None => found.failed.insert(cause.check.clone()),
                };
            }
        }
        found
    }

    pub fn failed(&self, severity: Severity) -> impl Iterator<Item = &CheckResult> {
        self.results.iter().filter(move |result| !result.passed && result.severity == severity)
    }
}

/// Runs the checks of a phase. A check that cannot run is an error, never an empty result.
///
/// Inputs are checked season by season: what is found of one does not depend on others that were asked for. What is found is
/// remembered in the store with the content that it was found of, and looked for again only when that has changed.
///
/// # Errors
/// [`ErrorKind::Corrupt`] for a damaged file of the store, [`ErrorKind::Unexpected`] naming a check whose
/// query fails.
pub fn run_checks(request: &CheckRequest<'_>) -> Result<CheckReport> {
    if request.dates.is_empty() {
        return Err(Error::new(ErrorKind::Upstream, "there are no game dates to check")
            .hint("choose a range with games, or sync it first"));
    }
    let files = MonthFiles::intact(request)?;
    let parts = parts::parts(request);
    let shares = parts::shares(&request.engine, parts.len());
    let of_part = |part: &Part| {
        let request = part.of(request, &shares);
        let memory = Memory::of(&request, &files);
        if let Some(known) = memory.read() {
            return Ok(known);
        }
        let found = find(&request, &files)?;
        memory.keep(&found);
        Ok(found)
    };
    let found = parallel::try_map(&parts, shares.at_once, of_part)?;
    Ok(verdicts::report(request, &parts, found))
}

/// Runs the checks over the dates of a part.
fn find(request: &CheckRequest<'_>, files: &MonthFiles) -> Result<Verdicts> {
    let session = Session::open(&request.engine)?;
    tables::prepare(&session, request, files)?;
    faulty::prepare(&session)?;
    let accounting = match request.phase {
        Phase::Inputs => BTreeMap::new(),
        Phase::Outputs => accounting::read(&session)?,
    };
    let scope = read_scope(&session)?;
    let mut findings = run_side_by_side(&session, request)?;
    let causes = causes::find(&session, request, &mut findings)?;
    let is_asked = request.quarantines && request.phase == Phase::Outputs;
    let quarantine = match (is_asked, causes.is_empty()) {
        (true, false) => Some(quarantine::find(&session, request)?.into()),
        (true, true) => Some(QuarantineOfPart::default()),
        (false, _) => None,
    };
    Ok(Verdicts { scope, findings, causes, accounting, quarantine })
}

/// The checks of the phase in the order of the catalogue.
fn checks_of<'a>(request: &CheckRequest<'a>) -> impl Iterator<Item = &'a Check> {
    let phase = request.phase;
    request.catalogue.checks().iter().filter(move |check| check.is_of(phase))
}

fn read_scope(session: &Session) -> Result<Vec<NaiveDate>> {
    let rows = session.query("SELECT game_date FROM scope ORDER BY game_date")?;
    Ok(rows.column(0).as_primitive::<Date32Type>().values().iter().map(|&day| date_of_day(day)).collect())
}

/// What the checks of the phase found. Most are queries that do not keep one thread busy.
fn run_side_by_side(session: &Session, request: &CheckRequest<'_>) -> Result<BTreeMap<String, Vec<Finding>>> {
    let wanted: BTreeSet<NaiveDate> = request.dates.iter().copied().collect();
    let checks: Vec<&Check> = checks_of(request).collect();
    let threads = request.engine.threads.max(1);
    let idle = Mutex::new((0..threads).map(|_| session.try_clone()).collect::<Result<Vec<_>>>()?);
    let found = parallel::try_map(&checks, threads, |check| {
        let session = idle.lock().expect("no check panicked").pop().expect("one for each thread");
        let findings = run_check(&session, check, request, &wanted);
        idle.lock().expect("no check panicked").push(session);
        Ok((check.id.clone(), findings?))
    })?;
    Ok(found.into_iter().filter(|(_, findings)| !findings.is_empty()).collect())
}

fn run_check(
    session: &Session,
    check: &Check,
    request: &CheckRequest<'_>,
    wanted: &BTreeSet<NaiveDate>,
) -> Result<Vec<Finding>> {
    let cannot_run = |error: Error| {
        let failed = Error::new(ErrorKind::Unexpected, format!("check {} cannot run", check.id));
        let hint = error.hint_text().map(str::to_owned);
        hint.into_iter().fold(failed, Error::hint).because(error)
    };
    let mut findings = faulty::find(session, check).map_err(cannot_run)?;
    // Faulty rows of earlier dates count where dates of the range rest on them, which is known later.
    let may_reach = request.phase == Phase::Outputs && check.severity == Severity::Error && check.names_rows();
    findings.retain(|finding| wanted.contains(&finding.date) || check.reaches_beyond(request.phase) || may_reach);
    if check.early {
        findings.retain(|finding| !is_early(&request.snapshot.calendar, finding.date));
    }
    findings.sort_by_key(|finding| finding.date);
    Ok(findings)
}

impl CheckRequest<'_> {
    /// The dates of the range on which checks of small samples do not apply.
    fn early_dates(&self) -> impl Iterator<Item = NaiveDate> {
        self.dates.iter().copied().filter(|date| is_early(&self.snapshot.calendar, *date))
    }
}

fn is_early(calendar: &SeasonCalendar, date: NaiveDate) -> bool {
    calendar.opening_night(Season::of(date)).is_ok_and(|opening| (date - opening).num_days() < EARLY_DAYS)
}
