//! `putback impact`

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use clap::Args;
use serde_json::json;

use super::context::Context;
use super::exit::ExitCode;
use super::output::{Printer, text_table};
use super::quarantined;
use super::range::RangeArgs;
use super::settings::{GlobalArgs, Settings};
use super::{receipt, rehearsal};
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::judge::{self, Change, DateSet, Reach};
use crate::processors::ProcessorId;
use crate::snapshot::Snapshot;

/// List the dates that a change of Phase 3 invalidates
///
/// Follows the look-back of each processor, and the processors that read its output. Also lists on which of these
/// dates values may change, by the players and teams in the windows. With --since-publish: lists what has changed since the last
/// upload.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  putback impact --date 2024-01-15\n  \
    putback impact --date 2024-01-15 --table team_defense_game_summary\n  \
    putback impact --year 2024 --since-publish --to dir:published")]
pub struct ImpactArgs {
    #[command(flatten)]
    range: RangeArgs,
    /// Assume that only this Phase 3 table changes
    #[arg(long, value_name = "TABLE")]
    table: Option<Table>,
    /// List what differs from what was last published into --to
    #[arg(long)]
    since_publish: bool,
}

/// By output, in the order in which they are computed.
type Dates = Vec<(String, BTreeSet<NaiveDate>)>;

pub fn run(args: &ImpactArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let settings = Settings::resolve(global, None, args.range.target()?)?;
    let snapshot = Snapshot::load(&settings.store())?;
    let ranges = args.range.ranges()?;
    if ranges.is_empty() {
        return Err(Error::new(ErrorKind::Usage, "no range is given").hint("add --date 2024-01-15, or --year 2024"));
    }
    let change = Change { ranges: &ranges, table: args.table };
    if args.since_publish {
        let dates = since_publish(Context::new(&settings, printer), &snapshot, change)?;
        match printer.is_json() {
            true => printer.json(&dates.into_iter().collect::<BTreeMap<_, _>>()),
            false => printer.line(text(&dates)),
        }
        return Ok(ExitCode::Done);
    }
    let reach = judge::reach_of(change, &snapshot, &settings.engine())?;
    let named = |(id, reach): (ProcessorId, Reach)| (format!("{id} {}", id.output()), reach);
    let reach: Vec<(String, Reach)> = reach.into_iter().map(named).collect();
    if printer.is_json() {
        let of =
            |(name, Reach { again, values })| (name, json!({ "computed_again": again, "values_can_change": values }));
        printer.json(&reach.into_iter().map(of).collect::<BTreeMap<_, _>>());
    } else {
        printer.line(reach_text(&reach));
        if reach.iter().any(|(_, reach)| reach.again != reach.values) {
            printer.line("");
            printer.line("On the other dates no value can change: at most hashes of what the rows were made from.");
        }
    }
    Ok(ExitCode::Done)
}

/// Unpublished dates, and dates that must be computed again before.
fn since_publish(context: Context<'_>, snapshot: &Snapshot, change: Change<'_>) -> Result<Dates> {
    let (Context { settings, printer, .. }, Change { ranges, table }) = (context, change);
    if table.is_some() {
        return Err(Error::new(ErrorKind::Usage, "--table and --since-publish do not go together")
            .hint("leave --table out: what changed since the last publication is known for all of them"));
    }
    rehearsal::say_mapping(settings, printer);
    let set = DateSet::by_default(snapshot, ranges)?;
    let target = settings.open_target()?;
    let open = target.unpublished(&set);
    receipt::give(target.bill(), context);
    let mut open = open?;
    quarantined::note(&snapshot.validations, &target.name(), ranges, printer);
    let stale = judge::stale_with_readers(snapshot, ranges);
    for (id, stale) in stale.into_iter().filter(|(id, _)| id.is_published_unasked()) {
        open.entry(id.output()).or_default().extend(stale);
    }
    let outputs = Table::outputs().filter_map(|table| Some((table.full_name().to_owned(), open.remove(&table)?)));
    Ok(outputs.collect())
}

fn span(dates: &BTreeSet<NaiveDate>) -> String {
    let span = dates.first().zip(dates.last());
    span.map_or_else(|| "nothing".to_owned(), |(first, last)| format!("{first} to {last}"))
}

fn reach_text(reach: &[(String, Reach)]) -> String {
    let rows = reach.iter().map(|(name, Reach { again, values })| {
        vec![name.clone(), span(again), again.len().to_string(), span(values), values.len().to_string()]
    });
    let header = ["Output", "Computed again", "Game dates", "Values can change", "Game dates"];
    text_table(&header, rows.collect(), 5)
}

fn text(dates: &Dates) -> String {
    let rows = dates.iter().map(|(name, dates)| vec![name.clone(), span(dates), dates.len().to_string()]);
    text_table(&["Output", "Between", "Game dates"], rows.collect(), 2)
}
