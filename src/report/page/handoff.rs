//! The handoff: what a colleague needs to know and to do, in prose.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::NaiveDate;

use super::days::DayState;
use super::{Report, checks};
use crate::judge::{Remedy, Verdict, grouped, remedies};
use crate::processors::ProcessorId;
use crate::report::words::{counted, folded, percent, thousands};

/// Intervals of dates before "and N more".
const INTERVALS: usize = 4;

/// A part of the text.
#[derive(Debug, PartialEq, Eq)]
pub enum Block {
    Heading(&'static str),
    Text(String),
    List(Vec<String>),
    Steps(Vec<Remedy>),
}

/// The whole text.
pub fn of(report: &Report) -> Vec<Block> {
    let mut blocks = vec![Block::Text(introduction(report)), Block::Heading("Is it complete?")];
    blocks.push(Block::List(report.status.verdicts.iter().map(|verdict| verdict_line(report, verdict)).collect()));
    blocks.push(Block::Heading("What stands against it"));
    blocks.extend(against(report));
    blocks.push(Block::Heading("What to do next"));
    let steps = steps(report);
    blocks.push(match steps.is_empty() {
        true => Block::Text(report.nothing_to_do()),
        false => Block::Steps(steps),
    });
    blocks.push(Block::Heading("What is published"));
    blocks.push(Block::List(published(report)));
    blocks.push(Block::Heading("What is expected and no fault"));
    blocks.push(Block::List(expected(report)));
    blocks
}

fn introduction(report: &Report) -> String {
    let about = &report.about;
    let dates = counted(report.status.game_dates.len(), "game date");
    let rows: u64 = report.status.rows.iter().map(|row| row.rows).sum();
    format!(
        "The store {} holds {} of the five processors for {dates} ({}). This report was made at {} by putback {}.",
        about.store,
        counted(rows as usize, "row"),
        about.range,
        about.made_at.format("%Y-%m-%d %H:%M UTC"),
        about.version,
    )
}

/// Which dates of a year the verdict is about.
pub fn scope(verdict: &Verdict) -> String {
    let Verdict { dates, dates_of_year, known_from, known_until, .. } = verdict;
    if dates < dates_of_year {
        return format!("{dates} of its {}", counted(*dates_of_year, "game date"));
    }
    let known = match (known_from, known_until) {
        (None, None) => String::new(),
        (Some(first), None) => format!(", from {first} on, where the schedule begins"),
        (None, Some(last)) => format!(", up to {last}, where the schedule ends"),
        (Some(first), Some(last)) => format!(", {first} to {last}, all that the schedule has"),
    };
    format!("{}{known}", counted(*dates, "game date"))
}

fn verdict_line(report: &Report, verdict: &Verdict) -> String {
    let mut line = format!("{} is {} ({}).", verdict.year, verdict.word(), scope(verdict));
    let open = grouped(&verdict.open);
    if !open.is_empty() {
        let open: Vec<String> =
            open.iter().map(|open| format!("{} on {}", open.what, counted(open.dates.len(), "date"))).collect();
        write!(line, " Against it: {}.", open.join("; ")).expect("writing to a string");
    }
    if !verdict.waived.is_empty() {
        let dates: Vec<NaiveDate> = verdict.waived.iter().flat_map(|waived| &waived.dates).copied().collect();
        let when = folded(&dates, &report.status.game_dates, INTERVALS);
        write!(line, " Waived on {}: {when}.", counted(dates.len(), "date")).expect("writing to a string");
    }
    line
}

/// Reasons of failed dates, causes of failed checks, and everything else that is open.
fn against(report: &Report) -> Vec<Block> {
    let mut lines = failed(report);
    for cause in checks::causes(report) {
        let also =
            if cause.also_fails.is_empty() { String::new() } else { format!(" {} fail with it.", cause.also_fails) };
        let held = match cause.reaches {
            0 => String::new(),
            reaches => format!(
                " It {} {} with {} rows.",
                if cause.effect == "holds back" { "holds back" } else { "reaches" },
                counted(reaches, "date"),
                cause.rows
            ),
        };
        let accepted = match cause.effect {
            "accepted" | "waived" => format!(" It is {}.", cause.effect),
            _ => String::new(),
        };
        lines.push(format!("{}: {}, {}.{held}{also}{accepted}", cause.name, counted(cause.dates, "date"), cause.when));
    }
    for open in grouped(report.status.verdicts.iter().flat_map(|verdict| &verdict.open)) {
        if open.standing.is_told_by_itself() {
            let dates: Vec<NaiveDate> = open.dates.iter().copied().collect();
            let when = folded(&dates, &report.status.game_dates, INTERVALS);
            lines.push(format!("{}: {}, {when}.", open.what, counted(dates.len(), "date")));
        }
    }
    lines.extend(report.checks.not_run.iter().map(|why| format!("The checks did not run: {why}.")));
    match lines.is_empty() {
        true => vec![Block::Text("Nothing.".to_owned())],
        false => vec![Block::List(lines)],
    }
}

/// Failed dates by reason, with the processors; what an upstream failed on is told with the upstream.
fn failed(report: &Report) -> Vec<String> {
    let mut reasons: BTreeMap<String, BTreeMap<ProcessorId, Vec<NaiveDate>>> = BTreeMap::new();
    for date in &report.status.not_done {
        let Some(reason) = &date.failed else { continue };
        let reason = reason.replace(&date.date.to_string(), "the date");
        reasons.entry(reason).or_default().entry(date.processor).or_default().push(date.date);
    }
    let line = |(reason, processors): (String, BTreeMap<ProcessorId, Vec<NaiveDate>>)| {
        let ids: Vec<String> = processors.keys().map(ToString::to_string).collect();
        let mut dates: Vec<NaiveDate> = processors.into_values().flatten().collect();
        dates.sort_unstable();
        dates.dedup();
        let when = folded(&dates, &report.status.game_dates, INTERVALS);
        format!("{} failed on {}, {when}: {reason}.", ids.join(", "), counted(dates.len(), "date"))
    };
    reasons.into_iter().map(line).collect()
}

/// What helps, in the order in which it is done; at the end, publishing what may be published.
pub fn steps(report: &Report) -> Vec<Remedy> {
    let mut steps = remedies(report.status.verdicts.iter().flat_map(|verdict| &verdict.open));
    let Some(target) = report.target.as_ref().filter(|target| target.unreachable.is_none()) else { return steps };
    let is_left = |id: &ProcessorId| id.is_published_unasked();
    let done = report.days.iter().filter(|(id, _)| is_left(id)).flat_map(|(_, days)| days);
    let mut dates: Vec<NaiveDate> =
        done.filter(|(_, day)| day.state == DayState::Done).map(|(date, _)| *date).collect();
    dates.sort_unstable();
    if let (Some(first), Some(last)) = (dates.first(), dates.last()) {
        let to = shlex::try_quote(&target.name).expect("an argument has no NUL");
        steps.push(Remedy {
            command: format!("putback upload --from {first} --until {last} --to {to}"),
            does: "publishes the finished dates that the target does not hold".to_owned(),
        });
    }
    steps
}

fn published(report: &Report) -> Vec<String> {
    let Some(target) = &report.target else {
        return vec!["No target was named, so this report does not know. Name it with --to.".to_owned()];
    };
    if let Some(why) = &target.unreachable {
        return vec![format!("The target {} could not be asked: {why}", target.shown())];
    }
    let line = |id: &ProcessorId| {
        let days = report.days.get(id)?;
        let rows_of = |state: DayState| {
            let of_state = days.values().filter(move |day| day.state == state);
            (of_state.clone().count(), of_state.map(|day| day.rows).sum::<u64>())
        };
        let (published, rows) = rows_of(DayState::Published);
        let (held, _) = rows_of(DayState::HeldBack);
        let (done, _) = rows_of(DayState::Done);
        let unasked = if id.is_published_unasked() { "" } else { " (published only with --with-daily-cache)" };
        Some(format!(
            "{id}: {} are in {} with {} rows; {} held back, {} done and not published{unasked}.",
            counted(published, "date"),
            target.name,
            thousands(rows),
            thousands(held as u64),
            thousands(done as u64),
        ))
    };
    let rehearsal = target.rehearsal.iter().map(|mapping| format!("This is a rehearsal: [datasets] maps {mapping}."));
    rehearsal.chain(ProcessorId::ALL.iter().filter_map(line)).collect()
}

pub fn expected(report: &Report) -> Vec<String> {
    let mut by_rule: BTreeMap<&str, (Vec<String>, usize)> = BTreeMap::new();
    for rule in &report.status.by_rule {
        let (ids, dates) = by_rule.entry(&rule.rule).or_default();
        ids.push(rule.processor.to_string());
        *dates = (*dates).max(rule.dates.len());
    }
    let mut lines: Vec<String> = by_rule
        .into_iter()
        .map(|(rule, (ids, dates))| {
            format!("No rows by rule on up to {}: {rule} ({}).", counted(dates, "date"), ids.join(", "))
        })
        .collect();
    lines.extend(report.status.shares.iter().filter(|share| share.failed > 0).map(|share| {
        let above = match share.above.len() {
            0 => String::new(),
            dates => format!("; more than expected on {}", counted(dates, "date")),
        };
        format!(
            "{}: {} % of the entities have no row ({}); expected at this time of the season: {:.0} to {:.0} %{above}.",
            share.processor,
            percent(share.failed, share.entities),
            share.category,
            share.expected_low,
            share.expected_high
        )
    }));
    if lines.is_empty() {
        lines.push("Nothing is left out by a rule.".to_owned());
    }
    lines
}

/// The text as Markdown.
pub fn markdown(blocks: &[Block]) -> String {
    let mut text = "# Handoff: putback report\n".to_owned();
    for block in blocks {
        text.push('\n');
        match block {
            Block::Heading(heading) => text.push_str(&format!("## {heading}\n")),
            Block::Text(paragraph) => text.push_str(&format!("{}\n", escaped(paragraph))),
            Block::List(items) => items.iter().for_each(|item| text.push_str(&format!("* {}\n", escaped(item)))),
            Block::Steps(steps) => {
                for (number, Remedy { command, does }) in (1..).zip(steps) {
                    text.push_str(&format!("{number}. {}: {}\n", code(command), does));
                }
            }
        }
    }
    text
}

/// Text in which nothing is markup.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for unit in text.chars() {
        match unit {
            '\n' | '\r' => out.push(' '),
            '\\' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '!' | '`' => out.extend(['\\', unit]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            other => out.push(other),
        }
    }
    out
}

/// A command as code: within it, only a back-tick means something.
fn code(command: &str) -> String {
    let command = command.replace(['\n', '\r'], " ");
    if command.contains('`') { format!("`` {command} ``") } else { format!("`{command}`") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_markup() {
        assert_eq!(
            escaped("a_b *c* `d` <img src=x> [l](u)\n# h"),
            "a\\_b \\*c\\* \\`d\\` &lt;img src=x&gt; \\[l\\](u) \\# h"
        );
        let steps = [Remedy { command: "putback x".to_owned(), does: "does".to_owned() }];
        let text = markdown(&[Block::Heading("Next"), Block::Steps(steps.to_vec())]);
        assert_eq!(text, "# Handoff: putback report\n\n## Next\n\n1. `putback x`: does\n");
    }
}
