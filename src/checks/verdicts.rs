//! What the checks found of a part of a request, and one report of all parts.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::accounting::{Accounting, AccountingByDate};
use super::catalogue::Check;
use super::causes::{Cause, judged_waivers};
use super::faulty::FaultyRows;
use super::parts::Part;
use super::quarantine::{Entities, Quarantine};
use super::waivers::AcceptedBy;
use super::{CheckReport, CheckRequest, CheckResult, Finding, Phase, checks_of};
use crate::calendar::Season;
use crate::processors::ProcessorId;
use crate::reach::Reached;

/// What the checks of a phase found, before anything is made of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct PhaseFindings {
    /// The dates that were looked at: those that were asked for, and earlier ones of their seasons.
    pub scope: BTreeSet<NaiveDate>,
    /// Of every day that the checks name, by check.
    pub findings: BTreeMap<String, Vec<Finding>>,
    /// Of checks of severity error.
    pub faulty: FaultyRows,
    /// Of outputs, by processor and date.
    pub accounting: AccountingByDate,
}

/// What the checks of inputs say of a season.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SeasonOfInputs {
    pub found: PhaseFindings,
    pub verdicts: Verdicts,
}

impl PhaseFindings {
    /// What was found in the parts of a request. A day is told as its own season found it, a day of none of the seasons by
    /// the first part that names it.
    pub fn of_parts(parts: &[Part], found: Vec<Self>) -> Self {
        let asked: BTreeSet<Season> = parts.iter().flat_map(Part::seasons).collect();
        let mut all = Self::default();
        for (part, of_part) in parts.iter().zip(found) {
            let own: BTreeSet<Season> = part.seasons().collect();
            let is_told = |date: NaiveDate, told: &BTreeSet<NaiveDate>| {
                let season = Season::of(date);
                own.contains(&season) || (!asked.contains(&season) && !told.contains(&date))
            };
            all.scope.extend(of_part.scope);
            for (check, findings) in of_part.findings {
                let known = all.findings.entry(check).or_default();
                let told: BTreeSet<NaiveDate> = known.iter().map(|finding| finding.date).collect();
                known.extend(findings.into_iter().filter(|finding| is_told(finding.date, &told)));
            }
            for (check, rows) in of_part.faulty {
                let known = all.faulty.entry(check).or_default();
                let told: BTreeSet<NaiveDate> = known.iter().map(|row| row.date).collect();
                known.extend(rows.into_iter().filter(|row| is_told(row.date, &told)));
            }
        }
        all.findings.retain(|_, findings| !findings.is_empty());
        all.findings.values_mut().for_each(|findings| findings.sort_by_key(|finding| finding.date));
        all
    }

    /// The same for what follows from it, where the session has the faulty rows.
    pub fn without_faulty_rows(&self) -> Self {
        let Self { scope, findings, accounting, .. } = self;
        let faulty = FaultyRows::new();
        Self { scope: scope.clone(), findings: findings.clone(), faulty, accounting: accounting.clone() }
    }

    /// What was found of inputs, and of outputs.
    pub fn with_outputs(mut self, outputs: Self) -> Self {
        self.scope.extend(outputs.scope);
        self.findings.extend(outputs.findings);
        self.faulty.extend(outputs.faulty);
        Self { accounting: outputs.accounting, ..self }
    }
}

/// What is found of a part. Thresholds and titles are not kept: the catalogue has them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Verdicts {
    /// The dates that were looked at, ascending: those of the part, and earlier ones of their season.
    pub scope: BTreeSet<NaiveDate>,
    /// Of the checks that failed, by id.
    pub findings: BTreeMap<String, Vec<Finding>>,
    pub causes: Vec<CauseOfPart>,
    /// By processor and date.
    pub accounting: AccountingByDate,
    /// Where it was asked for.
    pub quarantine: Option<QuarantineOfPart>,
}

/// A cause with what it reaches of the part.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct CauseOfPart {
    pub check: String,
    pub accepted: Option<AcceptedBy>,
    pub dates: BTreeSet<NaiveDate>,
    pub also_fails: BTreeMap<String, BTreeSet<NaiveDate>>,
    pub reach: BTreeMap<NaiveDate, BTreeMap<ProcessorId, Reached>>,
    /// Rows of the dates that it reaches, by table.
    pub rows: BTreeMap<String, u64>,
}

/// A [`Quarantine`] of some dates, in lists.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct QuarantineOfPart {
    entities: Vec<(ProcessorId, NaiveDate, Entities)>,
    failed: Vec<(ProcessorId, NaiveDate, Entities)>,
    whole: BTreeMap<NaiveDate, BTreeSet<String>>,
}

impl From<Quarantine> for QuarantineOfPart {
    fn from(Quarantine { entities, failed, whole, .. }: Quarantine) -> Self {
        let list = |map: BTreeMap<(ProcessorId, NaiveDate), Entities>| {
            map.into_iter().map(|((id, date), entities)| (id, date, entities)).collect()
        };
        Self { entities: list(entities), failed: list(failed), whole }
    }
}

/// One report of what was found of the parts of a request, in their order.
pub(super) fn report(request: &CheckRequest<'_>, parts: &[Part], found: Vec<Verdicts>) -> CheckReport {
    let scope: BTreeSet<NaiveDate> = found.iter().flat_map(|of| of.scope.iter().copied()).collect();
    let asked: BTreeSet<Season> = parts.iter().flat_map(Part::seasons).collect();
    let mut findings: BTreeMap<String, BTreeMap<NaiveDate, Finding>> = BTreeMap::new();
    let mut causes: BTreeMap<(String, Option<AcceptedBy>), CauseOfPart> = BTreeMap::new();
    let mut accounting = AccountingByDate::new();
    let mut quarantine: Option<Quarantine> = None;
    for (part, verdicts) in parts.iter().zip(found) {
        let own: BTreeSet<Season> = part.seasons().collect();
        // A date is told as its own season found it.
        let is_told = |season: &Season| own.contains(season) || !asked.contains(season);
        for (id, of_check) in verdicts.findings {
            let told = of_check.into_iter().filter(|finding| is_told(&Season::of(finding.date)));
            findings.entry(id).or_default().extend(told.map(|finding| (finding.date, finding)));
        }
        for cause in verdicts.causes {
            causes.entry((cause.check.clone(), cause.accepted)).or_default().add(cause);
        }
        for (id, dates) in verdicts.accounting {
            accounting.entry(id).or_default().extend(dates);
        }
        if let Some(of_part) = verdicts.quarantine {
            quarantine.get_or_insert_with(|| Quarantine::named(request.catalogue)).add(of_part);
        }
    }
    let mut causes: Vec<Cause> = causes.into_values().map(|cause| cause.named(request)).collect();
    // The one that holds back most is told first.
    causes.sort_by_key(|cause| std::cmp::Reverse((cause.reach.len(), cause.rows)));
    let results = checks_of(request).map(|check| {
        let findings = findings.remove(&check.id).unwrap_or_default().into_values().collect();
        result(check, findings)
    });
    let results = results.collect();
    let waivers = match request.phase {
        Phase::Inputs => Vec::new(),
        Phase::Outputs => judged_waivers(request, &causes),
    };
    CheckReport {
        phase: request.phase,
        checked: request.dates.to_vec(),
        dates: request.dates.len(),
        look_back_dates: scope.len() - request.dates.len(),
        scope: scope.into_iter().collect(),
        results,
        causes,
        waivers,
        quarantine,
        accounting: accounting.into_iter().map(|(id, by_date)| (id, Accounting::of(by_date))).collect(),
    }
}

fn result(check: &Check, findings: Vec<Finding>) -> CheckResult {
    CheckResult {
        id: check.id.clone(),
        table: check.table.clone(),
        severity: check.severity,
        title: check.title(),
        source: check.source.clone(),
        consequence: check.consequence.clone(),
        thresholds: check.thresholds.clone(),
        overridden: check.built_in.clone(),
        passed: findings.is_empty(),
        findings,
    }
}

impl CauseOfPart {
    fn add(&mut self, other: Self) {
        self.check = other.check;
        self.accepted = other.accepted;
        self.dates.extend(other.dates);
        for (check, dates) in other.also_fails {
            self.also_fails.entry(check).or_default().extend(dates);
        }
        for (date, processors) in other.reach {
            self.reach.entry(date).or_default().extend(processors);
        }
        for (table, rows) in other.rows {
            *self.rows.entry(table).or_default() += rows;
        }
    }

    fn named(self, request: &CheckRequest<'_>) -> Cause {
        let check = request.catalogue.checks().iter().find(|check| check.id == self.check).expect("a known check");
        Cause {
            name: check.cause(),
            check: self.check,
            accepted: self.accepted,
            dates: self.dates,
            also_fails: self.also_fails,
            reach: self.reach,
            tables: self.rows.len(),
            rows: self.rows.values().sum(),
        }
    }
}

impl Quarantine {
    fn add(&mut self, QuarantineOfPart { entities, failed, whole }: QuarantineOfPart) {
        self.entities.extend(entities.into_iter().map(|(id, date, entities)| ((id, date), entities)));
        self.failed.extend(failed.into_iter().map(|(id, date, entities)| ((id, date), entities)));
        self.whole.extend(whole);
    }
}
