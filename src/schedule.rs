//! Game dates and opening nights, from the schedule table (`orchestration.md` §1.4).

mod league_id;

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Date32Type, Int64Type};
use chrono::NaiveDate;

use league_id::{Flags, Kind, is_of_other_league};
pub(crate) use league_id::{normalized, sql_macros};

use crate::calendar::{DateRanges, Season, ymd};
use crate::catalog::{Table, is_nba_team};
use crate::error::Result;
use crate::store::{Phase3Manifest, Store, read_columns};

/// `game_status` of a finished game.
pub(crate) const FINAL: i64 = 3;

/// What the schedule says of dates and seasons.
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    game_dates: BTreeSet<NaiveDate>,
    team_dates: BTreeMap<String, BTreeSet<NaiveDate>>,
    /// Dates with a finished game that is by its id none of the season's, and may have rows all the same: the final of
    /// a cup, an All-Star game.
    extra_dates: BTreeSet<NaiveDate>,
    /// Finished games whose id contradicts their flags, by date.
    contradictions: BTreeMap<NaiveDate, BTreeSet<String>>,
    opening_nights: BTreeMap<Season, NaiveDate>,
}

impl Schedule {
    /// Reads the pulled schedule; empty when none was pulled.
    pub fn load(store: &Store, manifest: &Phase3Manifest) -> Result<Self> {
        let mut schedule = Self::default();
        let Some(input) = manifest.tables.get(&Table::Schedule) else { return Ok(schedule) };
        crate::store::loads::note(&store.table_dir(Table::Schedule));
        for path in store.recorded_files(Table::Schedule, &input.files, |_| true)? {
            for batch in read_columns(Table::Schedule, &path, &COLUMNS)? {
                schedule.take(&batch);
            }
        }
        Ok(schedule)
    }

    fn take(&mut self, batch: &arrow::array::RecordBatch) {
        let column = |name: &str| batch.column_by_name(name).expect("the requested columns");
        let text = |name: &str, row: usize| {
            let values = column(name).as_string::<i32>();
            if values.is_valid(row) { values.value(row) } else { "" }
        };
        let flag = |name: &str, row: usize| {
            let values = column(name).as_boolean();
            values.is_valid(row) && values.value(row)
        };
        let int = |name: &str, row: usize| {
            let values = column(name).as_primitive::<Int64Type>();
            values.is_valid(row).then(|| values.value(row))
        };
        for row in 0..batch.num_rows() {
            if int("game_status", row) != Some(FINAL) {
                continue;
            }
            let date = crate::calendar::date_of_day(column("game_date").as_primitive::<Date32Type>().value(row));
            let game_id = text("game_id", row);
            if is_of_other_league(game_id) {
                continue;
            }
            let kind = Kind::of(game_id);
            let flags = Flags {
                is_regular_season: flag("is_regular_season", row),
                is_playoffs: flag("is_playoffs", row),
                is_all_star: flag("is_all_star", row),
            };
            if flags.is_regular_season
                && let Some(season) = int("season_year", row).and_then(Season::of_column)
            {
                self.note_regular_game(season, date);
            }
            if kind.is_some_and(|kind| !kind.agrees_with(flags)) {
                self.contradictions.entry(date).or_default().insert(game_id.to_owned());
            } else if matches!(kind, Some(Kind::CupFinal | Kind::AllStar)) {
                self.extra_dates.insert(date);
            }
            let counts = flags.is_regular_season || flags.is_playoffs || kind == Some(Kind::PlayIn);
            let both_nba = is_nba_team(text("home_team_tricode", row)) && is_nba_team(text("away_team_tricode", row));
            if counts && both_nba && !flags.is_all_star {
                self.game_dates.insert(date);
                for team in ["home_team_tricode", "away_team_tricode"] {
                    self.note_team_game(text(team, row), date);
                }
            }
        }
    }

    fn note_team_game(&mut self, team: &str, date: NaiveDate) {
        match self.team_dates.get_mut(team) {
            Some(dates) => dates.insert(date),
            None => self.team_dates.entry(team.to_owned()).or_default().insert(date),
        };
    }

    /// The earliest finished regular-season game on or after July 1 opens the season.
    fn note_regular_game(&mut self, season: Season, date: NaiveDate) {
        if date >= ymd(season.start_year(), 7, 1) {
            let opening = self.opening_nights.entry(season).or_insert(date);
            *opening = date.min(*opening);
        }
    }

    /// Dates with a finished regular-season, play-in or playoff game between two of the 30 teams.
    pub fn game_dates(&self, ranges: &DateRanges) -> Vec<NaiveDate> {
        self.game_dates.iter().copied().filter(|&date| ranges.contains(date)).collect()
    }

    /// Games of the season up to a date, of the team that has most.
    pub fn most_games(&self, date: NaiveDate) -> usize {
        let season = Season::of(date).window_start()..=date;
        self.team_dates.values().map(|dates| dates.range(season.clone()).count()).max().unwrap_or(0)
    }

    pub fn opening_nights(&self) -> &BTreeMap<Season, NaiveDate> {
        &self.opening_nights
    }

    /// Whether a finished game of the date is none of the season's and may have rows: the final of a cup, an All-Star
    /// game.
    pub fn has_extra_games_on(&self, date: NaiveDate) -> bool {
        self.extra_dates.contains(&date)
    }

    /// Finished games whose id contradicts their flags, by date. Which dates are computed is said by the flags.
    pub fn contradictions(&self) -> &BTreeMap<NaiveDate, BTreeSet<String>> {
        &self.contradictions
    }

    pub fn has_games_on(&self, date: NaiveDate) -> bool {
        self.game_dates.contains(&date)
    }
}

const COLUMNS: [&str; 9] = [
    "game_id",
    "season_year",
    "game_date",
    "game_status",
    "home_team_tricode",
    "away_team_tricode",
    "is_regular_season",
    "is_playoffs",
    "is_all_star",
];
