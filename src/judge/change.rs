//! What a change of Phase 3 reaches.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::calendar::{DateRanges, Season};
use crate::catalog::{Role, Table};
use crate::engine::EngineSettings;
use crate::error::{Error, ErrorKind, Result};
use crate::processors::{self, Input, ProcessorId};
use crate::reach::{self, Content};
use crate::snapshot::Snapshot;

/// Rows that change.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    pub ranges: &'a DateRanges,
    /// Only this table changes.
    pub table: Option<Table>,
}

/// What a change reaches.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Dates whose look-back holds the change, and what reads them.
    pub again: BTreeSet<NaiveDate>,
    /// Of these, dates on which values may change.
    pub values: BTreeSet<NaiveDate>,
}

/// What a change of Phase 3 reaches, by processor.
///
/// # Errors
/// [`ErrorKind::Usage`] for a table that is an output, [`ErrorKind::Upstream`] where the schedule has no games of the
/// ranges.
pub fn reach_of(
    change: Change<'_>,
    snapshot: &Snapshot,
    engine: &EngineSettings,
) -> Result<BTreeMap<ProcessorId, Reach>> {
    let Change { ranges, table } = change;
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
    let again = affected(&possible, change, in_look_back);
    let mut values = values_of(change, snapshot, &possible, engine)?;
    let of = |(id, mut again): (ProcessorId, BTreeSet<NaiveDate>)| {
        let values = values.remove(&id).unwrap_or_default();
        // What is carried into a season comes from before every look-back.
        again.extend(&values);
        (id, Reach { again, values })
    };
    Ok(again.into_iter().map(of).collect())
}

/// The dates with a value that rests on rows of the ranges, whatever these will be.
fn values_of(
    Change { ranges, table }: Change<'_>,
    snapshot: &Snapshot,
    dates: &[NaiveDate],
    engine: &EngineSettings,
) -> Result<BTreeMap<ProcessorId, BTreeSet<NaiveDate>>> {
    let session = reach::tables::session(snapshot, dates, engine)?;
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
    Change { ranges: changed, table: only }: Change<'_>,
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
        let of_table = |table| Change { ranges: &changed, table };
        let dates = affected(&games, of_table(Some(Table::TeamDefenseGameSummary)), in_look_back);
        let of = |id: ProcessorId| dates[&id].iter().copied().collect::<Vec<_>>();
        assert_eq!(of(ProcessorId::Tdza), [games[1], games[2]]);
        assert_eq!(of(ProcessorId::Psza), []);
        assert_eq!(of(ProcessorId::Mlfs), [games[1], games[2]]);
        let dates = affected(&games, of_table(None), in_look_back);
        // Three years of games against an opponent.
        assert_eq!(dates[&ProcessorId::Mlfs].len(), 3);
    }
}
