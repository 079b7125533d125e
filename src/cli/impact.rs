//! `putback impact`

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use clap::Args;

use super::exit::ExitCode;
use super::output::{Printer, text_table};
use super::range::RangeArgs;
use super::settings::{GlobalArgs, Settings};
use crate::calendar::DateRanges;
use crate::catalog::{Role, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::processors::{self, ProcessorId};
use crate::schedule::Schedule;
use crate::upload::PublishSet;

/// What must be computed and published again when Phase 3 of some dates changes
///
/// By the look-back of each processor, and from each processor to those that read it. With
/// --since-publish: what did change since this store last published.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  putback impact --date 2024-01-15\n  \
    putback impact --date 2024-01-15 --table team_defense_game_summary\n  \
    putback impact --year 2024 --since-publish --to dir:published")]
pub struct ImpactArgs {
    #[command(flatten)]
    range: RangeArgs,
    /// Only this Phase 3 table changes
    #[arg(long, value_name = "TABLE")]
    table: Option<Table>,
    /// What differs from what was last published into --to
    #[arg(long)]
    since_publish: bool,
}

type Dates = BTreeMap<String, BTreeSet<NaiveDate>>;

pub fn run(args: &ImpactArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let settings = Settings::resolve(global, None, args.range.target()?)?;
    let store = settings.store();
    let ranges = args.range.ranges()?;
    if ranges.is_empty() {
        return Err(Error::new(ErrorKind::Usage, "no range is given").hint("add --date 2024-01-15, or --year 2024"));
    }
    let dates = if args.since_publish {
        let set = PublishSet::collect(&store, &ranges)?;
        let open = settings.open_target()?.unpublished(&set)?;
        open.into_iter().map(|(table, dates)| (table.full_name().to_owned(), dates)).collect()
    } else {
        if let Some(table) = args.table.filter(|table| table.role() == Role::Output) {
            return Err(Error::new(ErrorKind::Usage, format!("{table} is an output"))
                .hint("name a Phase 3 table, like player_game_summary"));
        }
        let schedule = Schedule::load(&store, &store.phase3()?)?;
        affected(&schedule.game_dates(&DateRanges::everything()), &ranges, args.table)
    };
    if printer.is_json() {
        printer.json(&dates);
    } else {
        printer.line(text(&dates));
    }
    Ok(ExitCode::Done)
}

/// Game dates whose look-back holds a changed day, and the same dates further down.
fn affected(game_dates: &[NaiveDate], changed: &DateRanges, only: Option<Table>) -> Dates {
    let mut by_processor: BTreeMap<ProcessorId, BTreeSet<NaiveDate>> = BTreeMap::new();
    for processor in processors::all() {
        let mut dates: BTreeSet<NaiveDate> = BTreeSet::new();
        for input in processor.inputs().iter().filter(|input| only.is_none_or(|table| table == input.table)) {
            let reads = |date: &&NaiveDate| {
                let first = input.look_back.first_day(**date);
                changed.iter().any(|range| range.from <= **date && range.to >= first)
            };
            dates.extend(game_dates.iter().filter(reads));
        }
        for upstream in processor.upstream() {
            dates.extend(by_processor.get(upstream).into_iter().flatten());
        }
        by_processor.insert(processor.id(), dates);
    }
    by_processor.into_iter().map(|(id, dates)| (format!("{id} {}", id.output()), dates)).collect()
}

fn text(dates: &Dates) -> String {
    let rows = dates.iter().map(|(name, dates)| {
        let span = dates.first().zip(dates.last());
        let span = span.map_or_else(|| "nothing".to_owned(), |(first, last)| format!("{first} to {last}"));
        vec![name.clone(), span, dates.len().to_string()]
    });
    text_table(&["Output", "Between", "Game dates"], rows.collect(), 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_reaches_later_dates_of_the_season_and_what_reads_them() {
        let date = |text: &str| text.parse::<NaiveDate>().expect("a date");
        let games = ["2023-12-01", "2024-01-15", "2024-02-20", "2024-11-05", "2027-01-20"].map(date);
        let changed = [crate::calendar::DateRange { from: games[1], to: games[1] }].into_iter().collect();
        let dates = affected(&games, &changed, Some(Table::TeamDefenseGameSummary));
        let of = |id: ProcessorId| dates[&format!("{id} {}", id.output())].iter().copied().collect::<Vec<_>>();
        assert_eq!(of(ProcessorId::Tdza), [games[1], games[2]]);
        assert_eq!(of(ProcessorId::Psza), []);
        assert_eq!(of(ProcessorId::Mlfs), [games[1], games[2]]);
        let dates = affected(&games, &changed, None);
        // Three years of games against an opponent.
        assert_eq!(dates[&format!("MLFS {}", Table::MlFeatureStore)].len(), 3);
    }
}
