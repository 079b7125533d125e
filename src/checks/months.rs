//! What the checks of outputs find on the dates of a month: remembered by the content that they read, and put together for
//! any range.
//!
//! Such a check says something of a date by what the season has up to it, never by what else was asked for. Checks that say
//! something of a range are asked anew each time (`of_range` in the catalogue).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

use super::accounting::{self, AccountingByDate};
use super::by_date;
use super::by_month::{ByMonth, Digest};
use super::catalogue::{Check, Phase, Severity};
use super::faulty::{self, FaultyRows};
use super::files::MonthFiles;
use super::memory::Memory;
use super::tables::{self, StateRow};
use super::{CheckRequest, Finding, run_side_by_side};
use crate::calendar::{DateRange, DateRanges, Month, Season};
use crate::catalog::Table;
use crate::engine::Session;
use crate::error::Result;
use crate::processors::ProcessorId;
use crate::store::Layer;

/// Months that are known are looked at again between others, unless they take up so many days: a session costs as much.
const WORTH_A_SESSION: Days = Days::new(180);

/// What is found on dates.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct OnDates {
    /// By check.
    #[serde(rename = "f")]
    pub findings: BTreeMap<String, Vec<Finding>>,
    /// Of checks of severity error.
    #[serde(rename = "r")]
    pub faulty: FaultyRows,
    #[serde(rename = "a")]
    pub accounting: AccountingByDate,
}

/// The dates of a month that are asked for.
#[derive(Debug, Clone)]
struct AskedMonth {
    month: Month,
    dates: Vec<NaiveDate>,
    content: Digest,
}

/// What the checks of outputs find on the dates of a request, but for rules and for checks of a range.
///
/// # Errors
/// As [`super::run_checks`].
pub(super) fn find(request: &CheckRequest<'_>, files: &MonthFiles) -> Result<OnDates> {
    let months = asked_months(request, files);
    let mut known: BTreeMap<Season, ByMonth<OnDates>> = BTreeMap::new();
    for asked in &months {
        let season = Season::of(asked.dates[0]);
        known.entry(season).or_insert_with(|| ByMonth::read(Memory::of_outputs(request, season)));
    }
    let of_month = |asked: &AskedMonth| Season::of(asked.dates[0]);
    let is_new = |asked: &&AskedMonth| known[&of_month(asked)].get(asked.month, &asked.content).is_none();
    let new: Vec<&AskedMonth> = months.iter().filter(is_new).collect();
    for some in sessions(&new) {
        let mut found = look_at(request, files, some)?;
        for asked in some {
            let found = found.remove(&asked.month).unwrap_or_default();
            let of_season = known.get_mut(&of_month(asked)).expect("every season was read");
            of_season.add(asked.month, asked.content.clone(), found);
        }
    }
    known.values_mut().for_each(ByMonth::keep);
    let found = |asked| known[&of_month(asked)].get(asked.month, &asked.content).expect("every month was looked at");
    Ok(OnDates::of_months(months.iter().map(found)))
}

impl OnDates {
    fn of_months<'a>(months: impl Iterator<Item = &'a Self>) -> Self {
        let mut all = Self::default();
        for of_month in months.cloned() {
            for (check, findings) in of_month.findings {
                all.findings.entry(check).or_default().extend(findings);
            }
            for (check, rows) in of_month.faulty {
                all.faulty.entry(check).or_default().extend(rows);
            }
            for (id, by_date) in of_month.accounting {
                all.accounting.entry(id).or_default().extend(by_date);
            }
        }
        all.tell_each_row_once();
        all
    }

    /// A row that dates of several months tell of is one.
    fn tell_each_row_once(&mut self) {
        for (check, rows) in &mut self.faulty {
            if rows.iter().all(|row| row.found_in.is_none()) {
                continue;
            }
            rows.iter_mut().for_each(|row| row.found_in = None);
            rows.sort();
            rows.dedup();
            rows.sort_by(|one, other| (one.date, one.entity()).cmp(&(other.date, other.entity())));
            self.findings.insert(check.clone(), by_date::findings_of(rows));
        }
    }
}

/// The months that game dates of the request lie in, ascending.
fn asked_months(request: &CheckRequest<'_>, files: &MonthFiles) -> Vec<AskedMonth> {
    let mut states: BTreeMap<Month, Vec<StateRow>> = BTreeMap::new();
    for row in tables::state(request) {
        states.entry(Month::of(row.date)).or_default().push(row);
    }
    let of_month = |dates: &[NaiveDate]| {
        let month = Month::of(dates[0]);
        let content = content(request, files, dates, states.get(&month).map_or(&[], Vec::as_slice));
        AskedMonth { month, dates: dates.to_vec(), content }
    };
    request.dates.chunk_by(|one, next| Month::of(*one) == Month::of(*next)).map(of_month).collect()
}

/// A digest of everything that is looked at on dates of a month.
fn content(request: &CheckRequest<'_>, files: &MonthFiles, dates: &[NaiveDate], states: &[StateRow]) -> Digest {
    let month = Month::of(dates[0]).range();
    let season = DateRange { from: Season::of(dates[0]).window_start(), to: month.to };
    let phase4 = &request.snapshot.phase4;
    let mut text = format!("{dates:?}\n{states:?}\n");
    let mut add = |line: std::fmt::Arguments<'_>| writeln!(text, "{line}").expect("text takes every line");
    for table in Table::ALL {
        let range = if Layer::of(table) == Layer::Phase3 { season } else { month };
        let content: Vec<String> = files.content(table, range).collect();
        let vanished: Vec<NaiveDate> =
            phase4.vanished_dates(table).into_iter().filter(|date| month.contains(*date)).collect();
        add(format_args!("{table:?} {content:?} {vanished:?}"));
    }
    for date in dates {
        let records = ProcessorId::ALL.map(|id| phase4.record(id, *date));
        let read = records.map(|record| record.map(|record| (record.windows, record.daily_cache)));
        add(format_args!("{date} {read:?} {}", request.reads_synced_cache(*date)));
    }
    Digest::of(&text)
}

/// The months in groups, each of which is looked at in one session.
fn sessions<'a, 'b>(months: &'a [&'b AskedMonth]) -> impl Iterator<Item = &'a [&'b AskedMonth]> {
    months.chunk_by(|one, next| next.month.first_day() - WORTH_A_SESSION <= one.month.last_day())
}

/// What is found on the dates of some months, with those that have something to tell.
fn look_at(request: &CheckRequest<'_>, files: &MonthFiles, months: &[&AskedMonth]) -> Result<BTreeMap<Month, OnDates>> {
    let dates: Vec<NaiveDate> = months.iter().flat_map(|asked| asked.dates.iter().copied()).collect();
    let (first, last) = (dates.first().expect("a month has dates"), dates.last().expect("a month has dates"));
    let ranges: DateRanges = [DateRange { from: *first, to: *last }].into_iter().collect();
    let request = CheckRequest { dates: &dates, ranges: &ranges, ..request.clone() };
    let session = Session::open(&request.engine)?;
    tables::prepare(&session, &request, files)?;
    Ok(by_month(&dates, run(&session, &request)?))
}

fn run(session: &Session, request: &CheckRequest<'_>) -> Result<OnDates> {
    faulty::prepare(session)?;
    let accounting = accounting::read(session)?;
    accounting::put(session, &accounting)?;
    let is_asked = |check: &&Check| check.phase == Phase::Outputs && check.suspicion().is_none() && !check.of_range;
    let checks: Vec<&Check> = request.catalogue.checks().iter().filter(is_asked).collect();
    let findings = run_side_by_side(session, &checks, request.engine.threads)?;
    let of_errors: Vec<&Check> = checks.into_iter().filter(|check| check.severity == Severity::Error).collect();
    Ok(OnDates { findings, faulty: faulty::read(session, &of_errors)?, accounting })
}

/// What was found on some dates, by the month of the date that tells it.
fn by_month(dates: &[NaiveDate], found: OnDates) -> BTreeMap<Month, OnDates> {
    let dates: BTreeSet<NaiveDate> = dates.iter().copied().collect();
    let mut months: BTreeMap<Month, OnDates> = BTreeMap::new();
    for (check, findings) in found.findings {
        for finding in findings.into_iter().filter(|finding| dates.contains(&finding.date)) {
            let of_month = months.entry(Month::of(finding.date)).or_default();
            of_month.findings.entry(check.clone()).or_default().push(finding);
        }
    }
    for (check, rows) in found.faulty {
        for row in rows.into_iter().filter(|row| row.found_in.is_some() || dates.contains(&row.date)) {
            let month = Month::of(row.found_in.unwrap_or(row.date));
            months.entry(month).or_default().faulty.entry(check.clone()).or_default().push(row);
        }
    }
    for (id, by_date) in found.accounting {
        for (date, outcomes) in by_date {
            months.entry(Month::of(date)).or_default().accounting.entry(id).or_default().insert(date, outcomes);
        }
    }
    months
}
