//! A made-up league with the shape of the real one: whole seasons of the Phase 3 tables, from a seed.
//!
//! Schedule, rosters, injuries, trades, box scores, contexts and betting lines follow from one
//! another, so that totals, ratings, rest days and averages agree across tables. On top lie the
//! flaws that real rows have: NULL minutes, points, zones and ratings, repeated rows, days without
//! player contexts. The same specification gives the same rows on every platform; a shorter
//! schedule gives the first days of a longer one.

mod columns;
mod context;
mod demo_dir;
mod draws;
mod flaws;
mod games;
mod history;
mod league;
mod lines;
mod names;
mod postseason;
mod schedule;
mod season;
mod stats;
mod table_box_scores;
mod table_contexts;
mod tables;
mod teams;

use std::path::Path;

pub use demo_dir::DemoDir;

use arrow::array::RecordBatch;
use chrono::NaiveDate;

use crate::calendar::Season;
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::store::write_parquet;

/// What to make up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeasonSpec {
    pub seed: u64,
    /// Consecutive and known to [`crate::calendar::SeasonCalendar::built_in`].
    pub seasons: Vec<Season>,
    /// On each roster, 8 to 30; 15 make 450 players.
    pub players_per_team: usize,
    /// Copies of the league that play the same schedule side by side, 1 to 100. It multiplies the
    /// tables with a row per player and the betting lines; the tables with a row per team or game
    /// keep the size of the league and describe the first copy.
    pub scale: usize,
    /// Nothing happens after this day.
    pub last_day: Option<NaiveDate>,
}

impl Default for SeasonSpec {
    /// The season 2023-24 with 450 players.
    fn default() -> Self {
        Self { seed: 1, seasons: vec![Season::starting_in(2023)], players_per_team: 15, scale: 1, last_day: None }
    }
}

impl SeasonSpec {
    fn check(&self) -> Result<()> {
        let is_consecutive = self.seasons.windows(2).all(|pair| pair[1].start_year() == pair[0].start_year() + 1);
        if self.seasons.is_empty() || !is_consecutive {
            return Err(unusable("the seasons to make up are not consecutive").hint("name at least one season"));
        }
        if !(8..=30).contains(&self.players_per_team) || !(1..=100).contains(&self.scale) {
            return Err(unusable("that league cannot be made up")
                .hint("a roster has 8 to 30 players, and a league 1 to 100 copies"));
        }
        Ok(())
    }
}

fn unusable(message: &str) -> Error {
    Error::new(ErrorKind::Usage, message)
}

type Build = fn(&season::Record) -> Result<RecordBatch>;

/// What is made up.
const TABLES: [(Table, Build); 8] = [
    (Table::PlayerGameSummary, tables::player_game_summary),
    (Table::TeamDefenseGameSummary, tables::team_defense_game_summary),
    (Table::TeamOffenseGameSummary, tables::team_offense_game_summary),
    (Table::UpcomingPlayerGameContext, table_contexts::upcoming_player_game_context),
    (Table::UpcomingTeamGameContext, table_contexts::upcoming_team_game_context),
    (Table::Schedule, table_contexts::schedule),
    (Table::PlayerPointsProps, table_contexts::player_points_props),
    (Table::PlayerBoxScores, table_box_scores::player_box_scores),
];

/// Makes up every input table ([`crate::catalog::Role::Input`]) and raw box scores, with exactly the schema of the table.
///
/// # Errors
/// [`ErrorKind::Usage`] for a specification that gives no league or no game,
/// [`ErrorKind::UnknownSeason`] for a season without a known opening night.
pub fn generate(spec: &SeasonSpec) -> Result<Vec<(Table, RecordBatch)>> {
    spec.check()?;
    let record = season::play(spec)?;
    if record.games.is_empty() {
        return Err(unusable("there is no game to make up").hint("choose a last day after opening night"));
    }
    TABLES.into_iter().map(|(table, build)| Ok((table, build(&record)?))).collect()
}

/// Writes the tables of [`generate`] into `dir`, which is created, as a directory warehouse:
/// one `<dataset>.<table>.parquet` each.
///
/// # Errors
/// As [`generate`], and [`ErrorKind::Unexpected`] when a file cannot be written.
pub fn write_warehouse(spec: &SeasonSpec, dir: &Path) -> Result<()> {
    let tables = generate(spec)?;
    std::fs::create_dir_all(dir).map_err(|error| Error::io("create", dir, error))?;
    for (table, batch) in tables {
        write_parquet(&dir.join(format!("{table}.parquet")), &batch)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
