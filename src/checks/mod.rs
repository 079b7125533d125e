//! Checks of inputs before a computation and of outputs after it: a catalogue, and one runner for it.

mod accounting;
mod by_date;
mod by_file;
mod by_month;
mod catalogue;
mod causes;
mod defaults;
mod faulty;
mod files;
#[cfg(test)]
mod growth;
mod memory;
mod months;
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

use self::defaults::Defaults;
use self::files::MonthFiles;
use self::memory::Memory;
use self::months::OnDates;
use self::parts::Part;
use self::tables::Spans;
use self::values::OddValues;
use self::verdicts::{PhaseFindings, QuarantineOfPart, SeasonOfInputs, Verdicts};
pub use accounting::{Accounting, Outcomes};
pub use catalogue::{Catalogue, Check, Phase, Query, Severity, Thresholds};
pub use causes::Cause;
pub use quarantine::{Extent, Quarantine};
pub use waivers::{Acceptance, AcceptedBy, Waiver, WaiverUse, acceptances};

use crate::calendar::{DateRanges, Season, SeasonCalendar, date_of_day};
use crate::catalog::Table;
use crate::daily_cache::DailyCache;
use crate::engine::{EngineSettings, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::parallel;
use crate::processors::ProcessorId;
use crate::snapshot::{Found, InputCounts, Snapshot};
use crate::store::DateRecord;

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
/// Inputs are checked season by season: what is found of one does not depend on others that were asked for. Outputs are checked
/// month by month. Which dates rest on faulty rows is found over all of them, because those of one season rest on rows of
/// others. What is found is remembered in the store with the content that it was found of, and looked for again only when that
/// has changed.
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
    let parts = parts::seasons(request);
    match request.phase {
        Phase::Inputs => {
            let found = of_inputs(request, &files, &parts)?;
            Ok(verdicts::report(request, &parts, found.into_iter().map(|of| of.verdicts).collect()))
        }
        Phase::Outputs => {
            let found = Memory::of_verdict(request, &files).or_find(|| of_outputs(request, &files, &parts))?;
            Ok(verdicts::report(request, &[parts::whole(request)], vec![found]))
        }
    }
}

/// What the checks of inputs say of each part.
fn of_inputs(request: &CheckRequest<'_>, files: &MonthFiles, parts: &[Part]) -> Result<Vec<SeasonOfInputs>> {
    let shares = parts::shares(&request.engine, parts.len());
    let odd_values = OddValues::find(request, files)?;
    let of_part = |part: &Part| {
        let request = part.of(request, &shares);
        let odd_values = odd_values.of(&request);
        Memory::of_inputs(&request, files, &odd_values).or_find(|| {
            let session = Session::open(&request.engine)?;
            tables::prepare(&session, &request, files)?;
            odd_values.put(&session)?;
            let found = run_inputs(&session, &request)?;
            let verdicts = verdicts_of(&session, &request, found.without_faulty_rows())?;
            Ok(SeasonOfInputs { found, verdicts })
        })
    };
    parallel::try_map(parts, shares.at_once, of_part)
}

/// What the checks of inputs and those of outputs say of the outputs of all parts.
fn of_outputs(request: &CheckRequest<'_>, files: &MonthFiles, parts: &[Part]) -> Result<Verdicts> {
    let inputs = CheckRequest { phase: Phase::Inputs, ..request.clone() };
    let inputs = of_inputs(&inputs, &files.of_inputs(), parts)?;
    let inputs = PhaseFindings::of_parts(parts, inputs.into_iter().map(|of| of.found).collect());
    let mut found = inputs.with_outputs(on_dates_of_outputs(request, files)?);
    let defaults = Defaults::find(request, files)?;
    let is_failed = |check: &Check| check.severity == Severity::Error && found.findings.contains_key(&check.id);
    let session = Session::open(&request.engine)?;
    match checks_of(request).any(is_failed) {
        true => tables::prepare_reach(&session, request, files)?,
        false => tables::prepare_range(&session, request, files)?,
    }
    accounting::put(&session, &found.accounting)?;
    defaults.put(&session)?;
    faulty::prepare(&session)?;
    found.scope.extend(read_scope(&session)?);
    found.findings.extend(run_side_by_side(&session, &of_range(request), request.engine.threads)?);
    faulty::put(&session, &found.faulty)?;
    verdicts_of(&session, request, found)
}

/// What the checks of outputs find on dates, and where the entities of the dates ended.
fn on_dates_of_outputs(request: &CheckRequest<'_>, files: &MonthFiles) -> Result<PhaseFindings> {
    let OnDates { mut findings, mut faulty, accounting } = months::find(request, files)?;
    let of_table = |table: Table| (table, request.snapshot.phase4.vanished_dates(table));
    let vanished: BTreeMap<Table, Vec<NaiveDate>> = Table::outputs().map(of_table).collect();
    let Spans { outputs, .. } = Spans::of(request);
    let is_seen = |table, date| outputs.contains(date) && !vanished[&table].contains(&date);
    let (of_rules, rows_of_rules) = by_date::find_in_outputs(request, files)?.on(is_seen);
    findings.extend(of_rules);
    faulty.extend(rows_of_rules);
    Ok(PhaseFindings { scope: BTreeSet::new(), findings, faulty, accounting })
}

/// The checks that say something of a range.
fn of_range<'a>(request: &CheckRequest<'a>) -> Vec<&'a Check> {
    request.catalogue.checks().iter().filter(|check| check.phase == request.phase && check.of_range).collect()
}

/// Runs the checks of inputs, rules for single dates among them.
fn run_inputs(session: &Session, request: &CheckRequest<'_>) -> Result<PhaseFindings> {
    faulty::prepare(session)?;
    let scope = read_scope(session)?;
    let rules = by_date::find_in_tables(session, request)?;
    let (of_rules, rows_of_rules) = rules.on(|_, date| scope.contains(&date));
    if !rows_of_rules.is_empty() {
        faulty::put(session, &rows_of_rules)?;
    }
    let checks: Vec<&Check> = checks_of(request).collect();
    let queries: Vec<&Check> = checks.iter().copied().filter(|check| check.suspicion().is_none()).collect();
    let mut findings = run_side_by_side(session, &queries, request.engine.threads)?;
    findings.extend(of_rules);
    let of_errors: Vec<&Check> = checks.into_iter().filter(|check| check.severity == Severity::Error).collect();
    Ok(PhaseFindings { scope, findings, faulty: faulty::read(session, &of_errors)?, accounting: BTreeMap::new() })
}

/// What follows from what was found, whose faulty rows the session has.
fn verdicts_of(session: &Session, request: &CheckRequest<'_>, found: PhaseFindings) -> Result<Verdicts> {
    let mut verdicts = verdicts_without_causes(request, found);
    verdicts.causes = causes::find(session, request, &mut verdicts.findings)?;
    if verdicts.quarantine.is_some() && !verdicts.causes.is_empty() {
        verdicts.quarantine = Some(quarantine::find(session, request)?.into());
    }
    Ok(verdicts)
}

/// What was found of the days that were asked for, as if nothing followed from it.
fn verdicts_without_causes(request: &CheckRequest<'_>, found: PhaseFindings) -> Verdicts {
    let PhaseFindings { scope, mut findings, accounting, .. } = found;
    leave_out_other_days(request, &mut findings);
    let is_asked = request.quarantines && request.phase == Phase::Outputs;
    let quarantine = is_asked.then(QuarantineOfPart::default);
    Verdicts { scope, findings, causes: Vec::new(), accounting, quarantine }
}

/// The checks of the phase in the order of the catalogue.
fn checks_of<'a>(request: &CheckRequest<'a>) -> impl Iterator<Item = &'a Check> {
    let phase = request.phase;
    request.catalogue.checks().iter().filter(move |check| check.is_of(phase))
}

fn read_scope(session: &Session) -> Result<BTreeSet<NaiveDate>> {
    let rows = session.query("SELECT game_date FROM scope")?;
    Ok(rows.column(0).as_primitive::<Date32Type>().values().iter().map(|&day| date_of_day(day)).collect())
}

/// What checks found. Most are queries that do not keep one thread busy.
fn run_side_by_side(session: &Session, checks: &[&Check], threads: usize) -> Result<BTreeMap<String, Vec<Finding>>> {
    let threads = threads.max(1);
    let idle = Mutex::new((0..threads).map(|_| session.try_clone()).collect::<Result<Vec<_>>>()?);
    let found = parallel::try_map(checks, threads, |check| {
        let session = idle.lock().expect("no check panicked").pop().expect("one for each thread");
        let findings = run_check(&session, check);
        idle.lock().expect("no check panicked").push(session);
        Ok((check.id.clone(), findings?))
    })?;
    Ok(found.into_iter().filter(|(_, findings)| !findings.is_empty()).collect())
}

fn run_check(session: &Session, check: &Check) -> Result<Vec<Finding>> {
    let mut findings =
        faulty::find(session, check).map_err(|error| cannot_run(&format!("check {}", check.id), error))?;
    findings.sort_by_key(|finding| finding.date);
    Ok(findings)
}

fn cannot_run(what: &str, error: Error) -> Error {
    let failed = Error::new(ErrorKind::Unexpected, format!("{what} cannot run"));
    let hint = error.hint_text().map(str::to_owned);
    hint.into_iter().fold(failed, Error::hint).because(error)
}

/// Leaves the findings that say something of what was asked for.
fn leave_out_other_days(request: &CheckRequest<'_>, findings: &mut BTreeMap<String, Vec<Finding>>) {
    let is_wanted = |check: &Check, date: NaiveDate| {
        // Faulty rows of earlier dates count where dates of the range rest on them, which is known later.
        let may_reach = request.phase == Phase::Outputs && check.severity == Severity::Error && check.names_rows();
        let is_asked = request.dates.binary_search(&date).is_ok() || check.reaches_beyond(request.phase) || may_reach;
        is_asked && !(check.early && is_early(&request.snapshot.calendar, date))
    };
    let checks: BTreeMap<&str, &Check> = checks_of(request).map(|check| (check.id.as_str(), check)).collect();
    findings.retain(|id, of_check| {
        let Some(check) = checks.get(id.as_str()) else { return false };
        of_check.retain(|finding| is_wanted(check, finding.date));
        !of_check.is_empty()
    });
}

impl CheckRequest<'_> {
    /// Whether MLFS read the warehouse's daily cache on a date of the range. A record of before there was a choice did.
    fn reads_synced_cache(&self, date: NaiveDate) -> bool {
        let record = self.snapshot.phase4.record(ProcessorId::Mlfs, date);
        let reads = |record: &DateRecord| record.daily_cache.unwrap_or(DailyCache::Synced) == DailyCache::Synced;
        self.dates.binary_search(&date).is_ok() && record.is_some_and(reads)
    }

    /// The dates of the range on which checks of small samples do not apply.
    fn early_dates(&self) -> impl Iterator<Item = NaiveDate> {
        self.dates.iter().copied().filter(|date| is_early(&self.snapshot.calendar, *date))
    }
}

fn is_early(calendar: &SeasonCalendar, date: NaiveDate) -> bool {
    calendar.opening_night(Season::of(date)).is_ok_and(|opening| (date - opening).num_days() < EARLY_DAYS)
}
