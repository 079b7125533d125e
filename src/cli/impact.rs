//! `putback impact`

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use clap::Args;
use serde_json::json;

use super::exit::ExitCode;
use super::output::{Printer, text_table};
use super::quarantined;
use super::range::RangeArgs;
use super::settings::{GlobalArgs, Settings};
use super::upload::{say_mapping, stale_in};
use super::{receipt, vanished};
use crate::calendar::{DateRanges, Season};
use crate::catalog::{Role, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::judge::keep_vanished;
use crate::judge::reach::{self, Content};
use crate::processors::{self, Input, ProcessorId};
use crate::snapshot::Snapshot;
use crate::upload::PublishSet;

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
    if args.since_publish {
        let dates = since_publish(&settings, &snapshot, (&ranges, args.table), printer)?;
        match printer.is_json() {
            true => printer.json(&dates.into_iter().collect::<BTreeMap<_, _>>()),
            false => printer.line(text(&dates)),
        }
        return Ok(ExitCode::Done);
    }
    let reach = looking_back(&settings, &snapshot, &ranges, args.table)?;
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
fn since_publish(
    settings: &Settings,
    snapshot: &Snapshot,
    (ranges, table): (&DateRanges, Option<Table>),
    printer: Printer,
) -> Result<Dates> {
    if table.is_some() {
        return Err(Error::new(ErrorKind::Usage, "--table and --since-publish do not go together")
            .hint("leave --table out: what changed since the last publication is known for all of them"));
    }
    say_mapping(settings, printer);
    let vanished = vanished::in_store(snapshot, ranges);
    let mut set = PublishSet::collect(snapshot, ranges, &vanished)?;
    set.leave_out_unasked();
    set.parts = keep_vanished(&set.parts, &vanished);
    let target = settings.open_target()?;
    let open = target.unpublished(&set);
    receipt::give(target.bill(), None, printer);
    let mut open = open?;
    quarantined::note(&snapshot.validations, &target.name(), ranges, printer);
    let stale = with_readers(stale_in(snapshot, ranges));
    for (id, stale) in stale.into_iter().filter(|(id, _)| id.is_published_unasked()) {
        open.entry(id.output()).or_default().extend(stale);
    }
    let outputs = Table::outputs().filter_map(|table| Some((table.full_name().to_owned(), open.remove(&table)?)));
    Ok(outputs.collect())
}

/// Stale dates of each processor, and of those that read its rows.
fn with_readers(mut stale: BTreeMap<ProcessorId, BTreeSet<NaiveDate>>) -> BTreeMap<ProcessorId, BTreeSet<NaiveDate>> {
    for processor in processors::all() {
        let upstream = processor.upstream().iter().chain(processor.optional_upstream());
        let read: BTreeSet<NaiveDate> = upstream.filter_map(|id| stale.get(id)).flatten().copied().collect();
        stale.entry(processor.id()).or_default().extend(read);
    }
    stale
}

/// What a change reaches.
#[derive(Debug, Default, PartialEq, Eq)]
struct Reach {
    /// Dates whose look-back holds the change, and what reads them.
    again: BTreeSet<NaiveDate>,
    /// Of these, dates on which values may change.
    values: BTreeSet<NaiveDate>,
}

fn looking_back(
    settings: &Settings,
    snapshot: &Snapshot,
    ranges: &DateRanges,
    table: Option<Table>,
) -> Result<Vec<(String, Reach)>> {
    if let Some(table) = table.filter(|table| table.role() == Role::Output) {
        return Err(Error::new(ErrorKind::Usage, format!("{table} is an output"))
            .hint("name a Phase 3 table, like player_game_summary"));
    }
    let game_dates = snapshot.game_dates(&DateRanges::everything());
    let (Some(first), Some(last)) = (game_dates.first(), game_dates.last()) else {
        return Err(Error::new(ErrorKind::Upstream, "no schedule was synced").hint("run `putback sync` first"));
    };
    if ranges.iter().all(|range| range.from > *last || range.to < *first) {
        return Err(Error::new(
            ErrorKind::Upstream,
            format!("the synced schedule has games from {first} to {last} only"),
        )
        .hint("sync the range first, or name dates within it"));
    }
    if only_without_games(table, &game_dates, ranges) {
        return Err(Error::new(
            ErrorKind::Upstream,
            format!("the schedule has no games in {ranges}: no window includes it"),
        )
        .hint("name a date with games"));
    }
    // Bootstrap dates have no rows, whatever changes.
    let possible = game_dates.into_iter().filter(|date| !snapshot.calendar.is_bootstrap(*date).unwrap_or(false));
    let possible: Vec<NaiveDate> = possible.collect();
    let in_look_back = |input: &Input, date: NaiveDate| {
        let first = input.look_back.first_whole_day(date);
        ranges.iter().any(|range| range.from <= date && range.to >= first)
    };
    let again = affected(&possible, ranges, table, in_look_back);
    let mut values = values_of(settings, (snapshot, &possible), ranges, table)?;
    let of = |(id, mut again): (ProcessorId, BTreeSet<NaiveDate>)| {
        let values = values.remove(&id).unwrap_or_default();
        // What is carried into a season comes from before every look-back.
        again.extend(&values);
        (format!("{id} {}", id.output()), Reach { again, values })
    };
    Ok(again.into_iter().map(of).collect())
}

/// The dates with a value that rests on rows of the ranges, whatever these will be.
fn values_of(
    settings: &Settings,
    (snapshot, dates): (&Snapshot, &[NaiveDate]),
    ranges: &DateRanges,
    table: Option<Table>,
) -> Result<BTreeMap<ProcessorId, BTreeSet<NaiveDate>>> {
    let session = reach::tables::session(snapshot, dates, &settings.engine())?;
    reach::prepare(&session)?;
    let within = ranges.iter().map(|range| format!("day BETWEEN DATE '{}' AND DATE '{}'", range.from, range.to));
    let within = within.collect::<Vec<_>>().join(" OR ");
    for table in Table::inputs().filter(|of| table.is_none_or(|only| only == *of)) {
        // The rows that are there, and those that can come.
        reach::start_from(
            &session,
            Content::Any,
            &format!(
                "SELECT 'change' AS cause, '{}' AS in_table, day AS game_date, unnest([false, true]) AS is_missing \
                 FROM (SELECT DISTINCT game_date AS day FROM nbac_schedule) WHERE {within}",
                table.name()
            ),
        )?;
    }
    let mut values: BTreeMap<ProcessorId, BTreeSet<NaiveDate>> = BTreeMap::new();
    let reached = reach::follow(&session, Content::Any)?.into_values().flatten();
    for ((id, date), _) in reached.filter(|(_, reached)| !reached.only_lineage) {
        values.entry(id).or_default().insert(date);
    }
    Ok(values)
}

/// Whether nothing that is read by windows lies in the ranges; the schedule itself may gain a game there.
fn only_without_games(table: Option<Table>, game_dates: &[NaiveDate], ranges: &DateRanges) -> bool {
    table != Some(Table::Schedule) && !game_dates.iter().any(|date| ranges.contains(*date))
}

/// Whether a game date is one, and when the season opened, is for the schedule to say: of a season in which it
/// changes, every date is looked at again.
fn reads_schedule(date: NaiveDate, changed: &DateRanges) -> bool {
    changed.iter().any(|range| (Season::of(range.from)..=Season::of(range.to)).contains(&Season::of(date)))
}

/// Game dates that a change of an input reaches, by what `reaches` says of the input, and the same dates further down.
fn affected(
    game_dates: &[NaiveDate],
    changed: &DateRanges,
    only: Option<Table>,
    reaches: impl Fn(&Input, NaiveDate) -> bool,
) -> BTreeMap<ProcessorId, BTreeSet<NaiveDate>> {
    let mut by_processor: BTreeMap<ProcessorId, BTreeSet<NaiveDate>> = BTreeMap::new();
    for processor in processors::all() {
        let mut dates: BTreeSet<NaiveDate> = BTreeSet::new();
        for input in processor.inputs().iter().filter(|input| only.is_none_or(|table| table == input.table)) {
            dates.extend(game_dates.iter().filter(|date| reaches(input, **date)));
        }
        if only == Some(Table::Schedule) {
            dates.extend(game_dates.iter().filter(|date| reads_schedule(**date, changed)));
        }
        for upstream in processor.upstream().iter().chain(processor.optional_upstream()) {
            dates.extend(by_processor.get(upstream).into_iter().flatten());
        }
        by_processor.insert(processor.id(), dates);
    }
    by_processor
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::DateRange;

    #[test]
    fn a_change_reaches_later_dates_of_the_season_and_what_reads_them() {
        let date = |text: &str| text.parse::<NaiveDate>().expect("a date");
        let games = ["2023-12-01", "2024-01-15", "2024-02-20", "2024-11-05", "2027-01-20"].map(date);
        let changed: DateRanges = [DateRange { from: games[1], to: games[1] }].into_iter().collect();
        let in_look_back = |input: &Input, date: NaiveDate| {
            let first = input.look_back.first_whole_day(date);
            changed.iter().any(|range| range.from <= date && range.to >= first)
        };
        let dates = affected(&games, &changed, Some(Table::TeamDefenseGameSummary), in_look_back);
        let of = |id: ProcessorId| dates[&id].iter().copied().collect::<Vec<_>>();
        assert_eq!(of(ProcessorId::Tdza), [games[1], games[2]]);
        assert_eq!(of(ProcessorId::Psza), []);
        assert_eq!(of(ProcessorId::Mlfs), [games[1], games[2]]);
        let dates = affected(&games, &changed, None, in_look_back);
        // Three years of games against an opponent.
        assert_eq!(dates[&ProcessorId::Mlfs].len(), 3);
    }
}
