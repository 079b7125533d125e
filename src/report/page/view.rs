//! The page as its template reads it: words, no decisions.

use std::collections::BTreeSet;

use askama::Template;
use chrono::NaiveDate;

use super::calendars::{self, Calendars};
use super::checks::{self, CauseRow, FailedCheck};
use super::days::{Day, DayState};
use super::detail::Detail;
use super::handoff::{self, Block};
use super::multiples::{self, Panel, number};
use super::{Fact, Report};
use crate::checks::{Accounting, Outcomes};
use crate::judge::{Remedy, Verdict, grouped};
use crate::processors::ProcessorId;
use crate::report::words::{counted, folded, percent, thousands};

/// Intervals of dates before "and N more".
const INTERVALS: usize = 6;

#[derive(Template)]
#[template(path = "report/page.html")]
pub struct Page<'a> {
    report: &'a Report,
    made_at: String,
    years: Vec<YearCard>,
    steps: Vec<Step>,
    legend: Vec<Legend>,
    calendars: Vec<Calendars>,
    causes: Vec<CauseRow>,
    days: Vec<DayRow>,
    more_days: usize,
    coverage: Vec<CoverageRow>,
    expected: Vec<String>,
    accounting: Vec<AccountingRow>,
    checks: Vec<FailedCheck>,
    check_counts: Vec<String>,
    waivers: Vec<(String, &'static str)>,
    comparison: Vec<ComparisonRow>,
    tiers: Vec<TierRow>,
    tier_names: Vec<String>,
    seasons: Vec<String>,
    fallbacks: Vec<FallbackRow>,
    panels: Vec<Panel>,
    quantiles: Vec<QuantileRow>,
    runs: Vec<RunRow>,
    facts: &'a [Fact],
    handoff: Vec<Part>,
}

/// The verdict of a year.
pub struct YearCard {
    year: i32,
    word: &'static str,
    is_complete: bool,
    scope: String,
    open: Vec<OpenRow>,
    waived: Vec<OpenRow>,
}

pub struct OpenRow {
    what: String,
    dates: String,
    when: String,
}

pub struct Step {
    command: String,
    does: Vec<Words>,
}

/// Words, or something to type.
pub struct Words {
    is_code: bool,
    text: String,
}

pub struct Legend {
    letter: char,
    name: &'static str,
    count: String,
}

pub struct DayRow {
    date: NaiveDate,
    processor: String,
    state: &'static str,
    letter: char,
    rows: u64,
    why: String,
}

pub struct CoverageRow {
    year: i32,
    processor: String,
    numbers: [u64; 7],
    percent: String,
    rows: String,
    failures: String,
}

pub struct AccountingRow {
    processor: String,
    numbers: Vec<String>,
    shares: [String; 3],
}

pub struct ComparisonRow {
    table: String,
    numbers: Vec<String>,
    is_equal: bool,
}

pub struct TierRow {
    season: String,
    rows: String,
    shares: Vec<String>,
    score: [String; 3],
}

pub struct FallbackRow {
    index: usize,
    name: &'static str,
    shares: Vec<Share>,
}

pub struct Share {
    percent: String,
    /// From 0 to 4, for the colour.
    level: u8,
}

pub struct QuantileRow {
    index: usize,
    name: &'static str,
    season: String,
    rows: String,
    quantiles: Vec<String>,
    drift: String,
}

pub struct RunRow {
    id: String,
    started: String,
    outcome: String,
    seconds: String,
    command: String,
    steps: String,
    did: Vec<String>,
}

/// A part of the handoff; exactly one of its fields says something.
#[derive(Default)]
pub struct Part {
    heading: Option<&'static str>,
    text: Option<String>,
    items: Vec<String>,
    steps: Vec<Step>,
}

impl<'a> Page<'a> {
    pub fn of(report: &'a Report, detail: Detail) -> Self {
        let (days, more_days) = open_days(report, detail);
        let (tier_names, tiers) = tiers(report);
        Self {
            made_at: report.about.made_at.format("%Y-%m-%d %H:%M UTC").to_string(),
            years: report.status.verdicts.iter().map(|verdict| year_card(report, verdict)).collect(),
            steps: handoff::steps(report).iter().map(step).collect(),
            legend: legend(report),
            calendars: calendars::of(&report.days, detail),
            causes: checks::causes(report),
            days,
            more_days,
            coverage: coverage(report),
            expected: handoff::expected(report),
            accounting: accounting(report),
            checks: checks::failed(&report.checks),
            check_counts: checks::counts(&report.checks),
            waivers: checks::waivers(&report.checks),
            comparison: comparison(report),
            tiers,
            tier_names,
            seasons: report.features.seasons.iter().map(|of| of.season.clone()).collect(),
            fallbacks: fallbacks(report),
            panels: multiples::of(&report.features),
            quantiles: quantiles(report),
            runs: report.runs.iter().rev().map(run_row).collect(),
            facts: &report.settings,
            handoff: handoff::of(report).into_iter().map(part).collect(),
            report,
        }
    }
}

fn year_card(report: &Report, verdict: &Verdict) -> YearCard {
    let row = |what: String, dates: Vec<NaiveDate>| OpenRow {
        what,
        dates: counted(dates.len(), "date"),
        when: folded(&dates, &report.status.game_dates, INTERVALS),
    };
    let open = grouped(&verdict.open).into_iter().map(|open| row(open.what, open.dates.into_iter().collect()));
    let waived = verdict
        .waived
        .iter()
        .map(|of| row(of.what.to_string().trim_end_matches(',').to_owned(), of.dates.iter().copied().collect()));
    YearCard {
        year: verdict.year,
        word: verdict.word(),
        is_complete: verdict.complete,
        scope: handoff::scope(verdict),
        open: open.collect(),
        waived: waived.collect(),
    }
}

fn step(remedy: &Remedy) -> Step {
    let parts = remedy.does.split('`').enumerate();
    let words = parts.map(|(index, text)| Words { is_code: index % 2 == 1, text: text.to_owned() });
    Step { command: remedy.command.clone(), does: words.filter(|words| !words.text.is_empty()).collect() }
}

fn part(block: Block) -> Part {
    match block {
        Block::Heading(heading) => Part { heading: Some(heading), ..Part::default() },
        Block::Text(text) => Part { text: Some(text), ..Part::default() },
        Block::List(items) => Part { items, ..Part::default() },
        Block::Steps(steps) => Part { steps: steps.iter().map(step).collect(), ..Part::default() },
    }
}

fn legend(report: &Report) -> Vec<Legend> {
    let all = || report.days.values().flat_map(|days| days.values());
    let count = |state: DayState| all().filter(|day| day.state == state).count() as u64;
    let entry = |state: DayState| Legend { letter: state.letter(), name: state.name(), count: thousands(count(state)) };
    DayState::ALL.into_iter().map(entry).collect()
}

/// The dates on which somebody has to act, and how many more there are than are listed.
fn open_days(report: &Report, detail: Detail) -> (Vec<DayRow>, usize) {
    let row = |id: &ProcessorId, date: NaiveDate, day: &Day| DayRow {
        date,
        processor: id.to_string(),
        state: day.state.name(),
        letter: day.state.letter(),
        rows: day.rows,
        why: day.why.clone().unwrap_or_default(),
    };
    let mut rows: Vec<DayRow> = Vec::new();
    for (id, days) in &report.days {
        rows.extend(days.iter().filter(|(_, day)| day.state.is_open()).map(|(date, day)| row(id, *date, day)));
    }
    rows.sort_by_key(|row| row.date);
    let more = rows.len().saturating_sub(detail.dates());
    rows.truncate(detail.dates());
    (rows, more)
}

fn coverage(report: &Report) -> Vec<CoverageRow> {
    let rows = report.status.rows.iter().map(|row| CoverageRow {
        year: row.year,
        processor: row.processor.to_string(),
        numbers: [row.dates, row.possible, row.done, row.empty, row.skipped, row.failed, row.pending].map(|n| n as u64),
        // Rounded down, so that only the whole is 100.
        percent: if row.possible == 0 { String::new() } else { format!("{:.1}", (row.percent * 10.0).floor() / 10.0) },
        rows: thousands(row.rows),
        failures: thousands(row.failures.values().sum()),
    });
    rows.collect()
}

fn accounting(report: &Report) -> Vec<AccountingRow> {
    let share = |part: u64, of: u64| if of == 0 { "–".to_owned() } else { percent(part, of) };
    let row = |(id, Accounting { total, .. }): (&ProcessorId, &Accounting)| {
        let Outcomes { expected, written, pending, unaccounted, twice, unexpected, inputs, .. } = total;
        let numbers = [*expected, *written, total.failed_entities(), total.skipped_entities(), *pending, *unaccounted];
        AccountingRow {
            processor: id.to_string(),
            numbers: numbers.into_iter().chain([*twice, *unexpected]).map(thousands).collect(),
            shares: [
                share(*written, total.required()),
                share(inputs.found, inputs.expected),
                share(inputs.clean, inputs.expected),
            ],
        }
    };
    report.checks.outputs.iter().flat_map(|report| &report.accounting).map(row).collect()
}

fn comparison(report: &Report) -> Vec<ComparisonRow> {
    let tables = report.target.iter().flat_map(|target| &target.tables);
    let row = |table: &crate::diff::TableDiff| ComparisonRow {
        table: table.table.clone(),
        numbers: [table.equal_dates as u64, table.dates.len() as u64, table.added, table.removed, table.changed]
            .into_iter()
            .chain([table.lineage_only, table.noise_only])
            .map(thousands)
            .collect(),
        is_equal: table.is_equal(),
    };
    tables.map(row).collect()
}

fn tiers(report: &Report) -> (Vec<String>, Vec<TierRow>) {
    const KNOWN: [&str; 5] = ["gold", "silver", "bronze", "poor", "unusable"];
    let seasons = &report.features.seasons;
    let others = seasons.iter().flat_map(|of| of.tiers.keys()).filter(|tier| !KNOWN.contains(&tier.as_str()));
    let others: BTreeSet<String> = others.cloned().collect();
    let names: Vec<String> = KNOWN.iter().map(|name| (*name).to_owned()).chain(others).collect();
    let row = |of: &super::features::SeasonQuality| TierRow {
        season: of.season.clone(),
        rows: thousands(of.rows),
        shares: names.iter().map(|tier| percent(of.tiers.get(tier).copied().unwrap_or(0), of.rows)).collect(),
        score: of.score.map(|score| format!("{score:.2}")),
    };
    let rows = seasons.iter().map(row).collect();
    (names, rows)
}

fn fallbacks(report: &Report) -> Vec<FallbackRow> {
    let share = |of: &super::features::Distribution| {
        let level = match 100.0 * of.fallbacks as f64 / of.rows.max(1) as f64 {
            50.0.. => 4,
            20.0..50.0 => 3,
            5.0..20.0 => 2,
            p if p > 0.0 => 1,
            _ => 0,
        };
        Share { percent: percent(of.fallbacks, of.rows), level }
    };
    let features = report.features.features.iter().filter(|of| of.can_fall_back);
    let row = |of: &super::features::Feature| FallbackRow {
        index: of.index,
        name: of.name,
        shares: of.seasons.iter().map(share).collect(),
    };
    features.filter(|of| !of.seasons.is_empty()).map(row).collect()
}

fn quantiles(report: &Report) -> Vec<QuantileRow> {
    let of_feature = |feature: &super::features::Feature| {
        let (index, name) = (feature.index, feature.name);
        let row = move |of: &super::features::Distribution| QuantileRow {
            index,
            name,
            season: of.season.clone(),
            rows: thousands(of.rows),
            quantiles: of.quantiles.map(number).to_vec(),
            drift: of.drift.map_or_else(String::new, |drift| format!("{drift:.3}")),
        };
        feature.seasons.iter().map(row).collect::<Vec<_>>()
    };
    report.features.features.iter().flat_map(of_feature).collect()
}

fn run_row(run: &super::RunFacts) -> RunRow {
    let steps: Vec<String> = run.steps.iter().map(|(step, seconds)| format!("{step} {seconds:.2} s")).collect();
    RunRow {
        id: run.id.clone(),
        started: run.started_at.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
        outcome: run.outcome.clone(),
        seconds: run.seconds.map_or_else(String::new, |seconds| format!("{seconds:.1}")),
        command: run.command.clone(),
        steps: steps.join(", "),
        did: run.did.clone(),
    }
}
