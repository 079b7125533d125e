//! How the dates stand, in words: the coverage of every year, what is not as expected, the verdicts, and what helps.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::colors::Style;
use super::output::{Printer, counted, text_table, thousands};
use crate::daily_cache::DailyCache;
use crate::judge::{ByRule, FailureShare, NotDone, Open, StatusReport, StatusRow, Verdict, grouped, remedies};
use crate::processors::ProcessorId;
use crate::report::words::{folded, percent};
use crate::snapshot::InputCounts;

/// Intervals of dates of one kind shown before "and N more".
const LISTED_DATES: usize = 8;

/// Verdicts of more years say in a line what stands against each, without the dates.
const YEARS_IN_FULL: usize = 2;

/// Prints the status table, its explanations and the verdicts.
pub fn print(report: &StatusReport, printer: Printer) {
    if printer.is_json() {
        return printer.json(report);
    }
    print_table(report, printer);
    print_verdicts(report, printer);
}

/// Prints the status table and its explanations; with `--verbose` also what is normal.
pub fn print_table(report: &StatusReport, printer: Printer) {
    printer.line(table(report, printer.is_verbose()));
    printer.line("");
    explanations(report, printer.is_verbose()).into_iter().for_each(|line| printer.line(line));
}

/// Prints the verdict of every year, what stands against it, and what helps.
pub fn print_verdicts(report: &StatusReport, printer: Printer) {
    let is_short = !printer.is_verbose() && report.verdicts.len() > YEARS_IN_FULL;
    for verdict in &report.verdicts {
        let style = if verdict.complete { Style::Good } else { Style::Bad };
        if is_short {
            printer.line_in(style, short_verdict_line(verdict));
        } else {
            printer.line_in(style, verdict_line(verdict));
            against_lines(verdict, &report.game_dates).into_iter().for_each(|line| printer.line(line));
        }
    }
    if is_short && report.verdicts.iter().any(|verdict| !verdict.complete) {
        printer.line("-v, or a single --year, lists the dates");
    }
    next_steps(&report.verdicts).into_iter().for_each(|line| printer.line(line));
}

/// One year, or every figure, with a row for each processor; of several years a row for each.
fn table(report: &StatusReport, verbose: bool) -> String {
    let years: BTreeSet<i32> = report.rows.iter().map(|row| row.year).collect();
    if verbose || years.len() < 2 { by_processor(report) } else { by_year(report, &years) }
}

fn by_year(report: &StatusReport, years: &BTreeSet<i32>) -> String {
    let ids: BTreeSet<ProcessorId> = report.rows.iter().map(|row| row.processor).collect();
    let header = ["Year", "Dates"].map(str::to_owned).into_iter();
    let header = header.chain(ids.iter().map(ToString::to_string));
    let header: Vec<String> = header.chain(["Rows", "Failures"].map(str::to_owned)).collect();
    let row = |year: &i32| {
        let of_year = || report.rows.iter().filter(|row| row.year == *year);
        let dates = of_year().map(|row| row.dates).max().unwrap_or(0);
        let mut cells = vec![year.to_string(), dates.to_string()];
        let of_processor = |id| of_year().find(|row| row.processor == id);
        cells.extend(ids.iter().map(|&id| of_processor(id).map_or_else(String::new, done_of_possible)));
        cells.push(thousands(of_year().map(|row| row.rows).sum()));
        cells.push(thousands(of_year().flat_map(|row| row.failures.values()).sum()));
        cells
    };
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let table = text_table(&header, years.iter().map(row).collect(), 1);
    format!("{table}\ndates of each processor: done/possible")
}

fn done_of_possible(row: &StatusRow) -> String {
    format!("{}/{}", row.done, row.possible)
}

fn by_processor(report: &StatusReport) -> String {
    let header = [
        "Year",
        "Processor",
        "Dates",
        "Possible",
        "Done",
        "%",
        "Empty",
        "Failed",
        "Skipped",
        "Pending",
        "Stale",
        "Rows",
        "Failures",
    ];
    let rows = report.rows.iter().map(|row| {
        let failures: u64 = row.failures.values().sum();
        vec![
            row.year.to_string(),
            row.processor.to_string(),
            row.dates.to_string(),
            row.possible.to_string(),
            row.done.to_string(),
            if row.possible == 0 { String::new() } else { percent(row.done as u64, row.possible as u64) },
            row.empty.to_string(),
            row.failed.to_string(),
            row.skipped.to_string(),
            row.pending.to_string(),
            row.stale.to_string(),
            thousands(row.rows),
            thousands(failures),
        ]
    });
    text_table(&header, rows.collect(), 2)
}

/// What is not as expected; with `verbose` also what is.
fn explanations(report: &StatusReport, verbose: bool) -> Vec<String> {
    let mut lines = if verbose { normal(report) } else { normal_in_short(report) };
    let is_shown = |share: &&FailureShare| verbose || !share.above.is_empty();
    lines.extend(report.shares.iter().filter(is_shown).map(share_line));
    lines.extend(inputs_line(&report.inputs));
    // A failure upstream is told once.
    let is_root = |date: &&NotDone| verbose || date.follows.is_none();
    lines.extend(not_done_lines(report.not_done.iter().filter(is_root), &report.game_dates));
    lines.extend(unusual(report));
    lines.extend(report.last_computed_at.map(|at| format!("last computed at {}", at.format("%Y-%m-%d %H:%M:%S UTC"))));
    lines.extend(report.thresholds.iter().map(|line| format!("threshold overridden: {line}")));
    lines
}

/// The rules of dates without rows.
fn normal(report: &StatusReport) -> Vec<String> {
    let line = |ByRule { processor, rule, dates }: &ByRule| {
        format!("{processor}: {} without rows by rule: {rule}", counted(dates.len(), "date"))
    };
    report.by_rule.iter().map(line).collect()
}

/// How many dates have no rows by rule, and how many entities have none as expected.
fn normal_in_short(report: &StatusReport) -> Vec<String> {
    let mut by_rule: BTreeMap<ProcessorId, usize> = BTreeMap::new();
    for rule in &report.by_rule {
        *by_rule.entry(rule.processor).or_default() += rule.dates.len();
    }
    let dates: Vec<String> = by_rule.iter().map(|(id, dates)| format!("{id} {dates}")).collect();
    let expected = report.shares.iter().filter(|share| share.above.is_empty());
    let shares: Vec<String> =
        expected.map(|share| format!("{} {} %", share.processor, percent(share.failed, share.entities))).collect();
    let mut parts = Vec::new();
    if !dates.is_empty() {
        parts.push(format!("dates without rows by rule: {}", dates.join(", ")));
    }
    if !shares.is_empty() {
        parts.push(format!("entities without a row, as expected: {}", shares.join(", ")));
    }
    if parts.is_empty() { Vec::new() } else { vec![format!("{} (-v explains)", parts.join("; "))] }
}

/// What stale, foreign and vanished dates there are.
fn unusual(report: &StatusReport) -> Vec<String> {
    let mut lines = Vec::new();
    for (processor, dates) in &report.stale {
        let dates: Vec<NaiveDate> = dates.iter().copied().collect();
        if !dates.is_empty() {
            lines.push(format!(
                "{processor}: {} stale, {}: inputs changed; `putback compute` recomputes them",
                counted(dates.len(), "date"),
                folded(&dates, &report.game_dates, LISTED_DATES)
            ));
        }
    }
    for (processor, dates) in &report.without_same_day {
        let dates: Vec<NaiveDate> = dates.iter().copied().collect();
        lines.push(format!(
            "{processor}: windows end on the day before, unlike the reference's, on {}: {}",
            counted(dates.len(), "date"),
            folded(&dates, &report.game_dates, LISTED_DATES)
        ));
    }
    for (way, dates) in &report.other_daily_cache {
        let dates: Vec<NaiveDate> = dates.iter().copied().collect();
        lines.push(format!(
            "MLFS: computed with --daily-cache {way} on {}: {}; `putback compute` with the default, {}, computes them \
             again, --daily-cache {way} keeps them",
            counted(dates.len(), "date"),
            folded(&dates, &report.game_dates, LISTED_DATES),
            DailyCache::default(),
        ));
    }
    for (table, dates) in &report.vanished {
        let rows = counted(dates.values().sum::<u64>() as usize, "row");
        let dates: Vec<NaiveDate> = dates.keys().copied().collect();
        lines.push(format!(
            "{table}: {rows} kept on {} that vanished upstream or became empty: {}",
            counted(dates.len(), "date"),
            folded(&dates, &report.game_dates, LISTED_DATES)
        ));
    }
    lines
}

/// The verdict of a year. Part of a year is never called the year.
fn verdict_line(verdict: &Verdict) -> String {
    let Verdict { year, dates, dates_of_year, known_from, known_until, .. } = verdict;
    let is_whole = dates >= dates_of_year;
    let what = if is_whole { year.to_string() } else { format!("{year}, {dates} of {dates_of_year} game dates") };
    let known = match (known_from.filter(|_| is_whole), known_until.filter(|_| is_whole)) {
        (None, None) => String::new(),
        (Some(first), None) => format!(", from {first} on, where the schedule begins"),
        (None, Some(last)) => format!(", up to {last}, where the schedule ends"),
        (Some(first), Some(last)) => format!(", {first} to {last}, all that the schedule has"),
    };
    format!("{what}{known}: {}", verdict.word())
}

/// The verdict of a year, with the reasons against it, in one line.
fn short_verdict_line(verdict: &Verdict) -> String {
    let reason =
        |Open { what, dates, .. }: Open| format!("{} on {}", what.trim_end_matches(','), counted(dates.len(), "date"));
    let reasons: Vec<String> = grouped(verdict.open.iter().chain(&verdict.waived)).into_iter().map(reason).collect();
    let line = verdict_line(verdict);
    if reasons.is_empty() { line } else { format!("{line}: {}", reasons.join("; ")) }
}

/// The reasons against "complete", with their dates.
fn against_lines(verdict: &Verdict, game_dates: &[NaiveDate]) -> Vec<String> {
    let line = |Open { what, dates, .. }: Open| {
        let dates: Vec<NaiveDate> = dates.into_iter().collect();
        format!("  {what} on {}: {}", counted(dates.len(), "date"), folded(&dates, game_dates, LISTED_DATES))
    };
    grouped(verdict.open.iter().chain(&verdict.waived)).into_iter().map(line).collect()
}

/// The commands that help, in their order.
fn next_steps(verdicts: &[Verdict]) -> Vec<String> {
    let steps = remedies(verdicts.iter().flat_map(|verdict| &verdict.open));
    let lines = steps.into_iter().map(|step| format!("next: `{}` {}", step.command, step.does));
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() { lines } else { [vec![String::new()], lines].concat() }
}

fn share_line(share: &FailureShare) -> String {
    let FailureShare { processor, category, failed, entities, expected_low, expected_high, above, .. } = share;
    let share = percent(*failed, *entities);
    let expected = match *expected_high {
        0.0 => "none expected".to_owned(),
        high => format!("expected at this time of the season: {expected_low:.0} to {high:.0} %"),
    };
    let above = match (above.first(), above.last()) {
        (Some(first), Some(last)) => {
            format!("; more than expected on {}, {first} to {last}", counted(above.len(), "date"))
        }
        _ => String::new(),
    };
    let (failed, entities) = (thousands(*failed), thousands(*entities));
    format!("{processor}: {failed} of {entities} entities without a row ({share} %): {category}; {expected}{above}")
}

/// The real completeness of inputs, beside the percentages that the rows have.
fn inputs_line(inputs: &BTreeMap<ProcessorId, InputCounts>) -> Option<String> {
    let share =
        |(id, inputs): (&ProcessorId, &InputCounts)| format!("{id} {} %", percent(inputs.found, inputs.expected));
    let shares: Vec<String> = inputs.iter().map(share).collect();
    (!shares.is_empty()).then(|| format!("expected inputs that Phase 3 has: {}", shares.join(", ")))
}

fn not_done_lines<'d>(dates: impl Iterator<Item = &'d NotDone>, game_dates: &[NaiveDate]) -> Vec<String> {
    let mut groups: BTreeMap<(String, String), Vec<NaiveDate>> = BTreeMap::new();
    for date in dates {
        let what = match &date.failed {
            Some(reason) => format!("failed: {}", reason.replace(&date.date.to_string(), "the date")),
            None => "pending".to_owned(),
        };
        groups.entry((date.processor.to_string(), what)).or_default().push(date.date);
    }
    let line = |((processor, what), dates): ((String, String), Vec<NaiveDate>)| {
        format!("{processor}: {} {what}: {}", counted(dates.len(), "date"), folded(&dates, game_dates, LISTED_DATES))
    };
    groups.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Phase4Manifest;

    #[test]
    fn several_years_are_a_row_each_unless_more_is_asked_for() {
        let dates = ["2023-12-30", "2023-12-31", "2024-01-02"].map(|date| date.parse().expect("a date"));
        let report = StatusReport::new(&Phase4Manifest::default(), &dates);
        let rows =
            |text: &str| text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        let rows: Vec<String> = rows(&table(&report, false));
        let expected = [
            "Year Dates TDZA PSZA PCF PDC MLFS Rows Failures",
            "2023 2 0/2 0/2 0/2 0/2 0/2 0 0",
            "2024 1 0/1 0/1 0/1 0/1 0/1 0 0",
            "dates of each processor: done/possible",
        ];
        assert_eq!(rows, expected);
        assert_eq!(table(&report, true).lines().count(), 11);
        let one = StatusReport::new(&Phase4Manifest::default(), &dates[2..]);
        assert_eq!(table(&one, false), table(&one, true));
    }
}
