//! What every player has done up to a date: the game list (§2.4), the rows of the last days (§2.3, §3.6) and the team of
//! the last game (§3.6), kept while the games are read in the order of dates.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use arrow::array::RecordBatch;
use arrow::datatypes::Date32Type;
use chrono::NaiveDate;

use super::score::{GameSums, RecentRows};
use super::spans::{GAMES_NEEDED, RECENT_GAMES, WINDOWS_OF_DAYS};
use crate::calendar::{Season, date_of_day};
use crate::processors::CARRIED_DAYS;
use crate::processors::facts::{Facts, Nullable, columns};
use crate::processors::months::{groups_in, nulls_last};

/// §2.4: the newest games of the season.
pub const SEASON_GAMES: usize = 82;

columns! {
    /// What `games.sql` returns.
    GameColumns {
        player_lookup: str,
        game_date: date,
        game_id: str,
        team_abbr: str,
        season_year: int,
        qualifies: bool,
        points: int,
        minutes_10: int,
        usage_100: int,
        ts_1000: int,
        fg_makes: int,
        assisted_fg_makes: int,
        processed_us: int,
    }
}

impl GameColumns<'_> {
    /// Oldest first: of equal dates the smaller game_id is the newer (§2.4); the further columns only make rows that share
    /// both take a fixed order.
    fn in_order(&self, group: Range<usize>) -> Vec<usize> {
        let mut rows: Vec<usize> = group.collect();
        rows.sort_by_cached_key(|&row| {
            let numbers = [
                self.processed_us,
                self.season_year,
                self.points,
                self.minutes_10,
                self.usage_100,
                self.ts_1000,
                self.fg_makes,
                self.assisted_fg_makes,
            ];
            (
                Reverse(self.game_id.at(row)),
                Reverse(self.team_abbr.at(row)),
                numbers.map(|number| nulls_last(number.at(row))),
                self.qualifies.at(row),
            )
        });
        rows
    }

    fn game(&self, row: usize) -> Game {
        Game {
            points: self.points.at(row),
            minutes_10: self.minutes_10.at(row),
            usage_100: self.usage_100.at(row),
            ts_1000: self.ts_1000.at(row),
            fg_makes: self.fg_makes.at(row).unwrap_or(0),
            assisted: self.assisted_fg_makes.at(row).unwrap_or(0),
        }
    }
}

columns! {
    /// What `last_teams.sql` returns.
    LastTeamColumns {
        player_lookup: str,
        game_date: date,
        team_abbr: str,
    }
}

/// A qualifying game; `None` is NULL.
#[derive(Debug, Clone, Copy)]
struct Game {
    points: Option<i64>,
    minutes_10: Option<i64>,
    usage_100: Option<i64>,
    ts_1000: Option<i64>,
    fg_makes: i64,
    assisted: i64,
}

impl Game {
    fn points_squared(self) -> i64 {
        self.points.map_or(0, |points| points * points)
    }
}

/// What a player stands at on a date.
#[derive(Debug, Default)]
pub struct PlayerStanding<'a> {
    pub games: GameSums,
    pub recent: RecentRows,
    /// §3.6: "actual" of all games of the season, and of the windows of 7 and 14 days.
    pub season_days: i64,
    pub week_days: i64,
    pub fortnight_days: i64,
    /// Team of the last game before the date.
    pub team: Option<&'a str>,
}

/// All players so far.
#[derive(Default)]
pub struct Players {
    players: HashMap<String, Player>,
}

impl Players {
    /// Starts from the teams of games that are not played again, one row for each player.
    pub fn with_last_teams(facts: &RecordBatch) -> Self {
        let columns = LastTeamColumns::new(&Facts(facts));
        let player = |row: usize| {
            let newest = columns.game_date.value(row);
            let team = columns.team_abbr.at(row).map(str::to_owned);
            let season = Some(season_of(newest));
            (columns.player_lookup.value(row).to_owned(), Player { newest, season, team, ..Player::new() })
        };
        Self { players: (0..facts.num_rows()).map(player).collect() }
    }

    /// Takes further games, in the order of dates and players.
    pub fn play(&mut self, games: &RecordBatch, rows: Range<usize>) {
        let columns = GameColumns::new(&Facts(games));
        let days = columns.game_date.values();
        let mut start = rows.start;
        while start < rows.end {
            let end = start + days[start..rows.end].partition_point(|&day| day == days[start]);
            for group in groups_in(columns.player_lookup, start..end) {
                let player = columns.player_lookup.value(group.start);
                if !self.players.contains_key(player) {
                    self.players.insert(player.to_owned(), Player::new());
                }
                let known = self.players.get_mut(player).expect("entered above");
                let rows = if group.len() == 1 { vec![group.start] } else { columns.in_order(group) };
                rows.into_iter().for_each(|row| known.add(&columns, row));
            }
            start = end;
        }
    }

    /// What a player stands at on `date`, of the games that were played so far.
    pub fn standing(&self, player: &str, date: NaiveDate) -> PlayerStanding<'_> {
        self.players.get(player).map(|player| player.standing(date)).unwrap_or_default()
    }
}

struct Player {
    /// Day of the newest row, its season, its team, and that of the newest row of an earlier day.
    newest: i32,
    season: Option<Season>,
    team: Option<String>,
    team_before: Option<String>,
    /// Qualifying games by season of the row; one season in consistent data.
    seasons: Vec<SeasonGames>,
    /// Days with a row since October 1 of the season of the newest.
    season_days: i64,
    /// Rows of the last days: day and minutes.
    recent: VecDeque<(i32, Option<i64>)>,
}

impl Player {
    fn new() -> Self {
        Self {
            newest: i32::MIN,
            season: None,
            team: None,
            team_before: None,
            seasons: Vec::new(),
            season_days: 0,
            recent: VecDeque::new(),
        }
    }

    fn add(&mut self, columns: &GameColumns<'_>, row: usize) {
        let day = columns.game_date.value(row);
        self.be_of_team(day, columns.team_abbr.at(row));
        self.recent.push_back((day, columns.minutes_10.at(row)));
        if columns.qualifies.at(row) == Some(true)
            && let Some(season_year) = columns.season_year.at(row)
        {
            self.season(season_year, day).add(columns.game(row));
        }
    }

    /// A row of an older day than the newest says nothing of the last game.
    fn be_of_team(&mut self, day: i32, team: Option<&str>) {
        if day > self.newest {
            let season = Some(season_of(day));
            self.season_days = if self.season == season { self.season_days + 1 } else { 1 };
            (self.newest, self.season) = (day, season);
            self.team_before.clone_from(&self.team);
            while self.recent.front().is_some_and(|(of, _)| i64::from(day - of) > CARRIED_DAYS as i64) {
                self.recent.pop_front();
            }
        }
        if day == self.newest && self.team.as_deref() != team {
            self.team = team.map(str::to_owned);
        }
    }

    /// The games of a season; those of seasons that are over are dropped.
    fn season(&mut self, season_year: i64, day: i32) -> &mut SeasonGames {
        if let Some(known) = self.seasons.iter().position(|season| season.season_year == season_year) {
            return &mut self.seasons[known];
        }
        let current = i64::from(season_of(day).start_year());
        self.seasons.retain(|season| season.season_year >= current);
        self.seasons.push(SeasonGames { season_year, ..SeasonGames::default() });
        self.seasons.last_mut().expect("pushed above")
    }

    fn standing(&self, date: NaiveDate) -> PlayerStanding<'_> {
        let day = Date32Type::from_naive_date(date);
        let season = Season::of(date);
        let season_year = i64::from(season.start_year());
        let of_season = self.seasons.iter().find(|season| season.season_year == season_year);
        let days_since = |days: i32| changes(self.recent.iter().map(|(of, _)| *of).filter(|of| *of >= day - days));
        PlayerStanding {
            games: of_season.map(|season| season.sums.clone()).unwrap_or_default(),
            recent: self.recent_rows(day),
            season_days: if self.season == Some(season) { self.season_days } else { 0 },
            week_days: days_since(WINDOWS_OF_DAYS[0]),
            fortnight_days: days_since(WINDOWS_OF_DAYS[1]),
            team: if self.newest < day { self.team.as_deref() } else { self.team_before.as_deref() },
        }
    }

    /// §2.3: rows of the 7 and 14 days before the date.
    fn recent_rows(&self, day: i32) -> RecentRows {
        let [week, fortnight] = WINDOWS_OF_DAYS;
        let mut rows = RecentRows::default();
        for &(of, minutes_10) in self.recent.iter().filter(|(of, _)| (day - fortnight..day).contains(of)) {
            rows.games_14 += 1;
            rows.minutes_14.add(minutes_10);
            if of >= day - week {
                rows.games_7 += 1;
                rows.minutes_7.add(minutes_10);
            }
        }
        rows
    }
}

/// How many different days there are, of which equal ones are beside each other.
pub(super) fn changes(days: impl Iterator<Item = i32>) -> i64 {
    let mut last = None;
    days.filter(|day| last.replace(*day) != Some(*day)).count() as i64
}

fn season_of(day: i32) -> Season {
    Season::of(date_of_day(day))
}

/// The newest qualifying games of a season, oldest first, with the sums over all of them, the last ten and the last five.
#[derive(Default)]
struct SeasonGames {
    season_year: i64,
    games: VecDeque<Game>,
    sums: GameSums,
}

impl SeasonGames {
    fn add(&mut self, game: Game) {
        if self.games.len() == SEASON_GAMES {
            let oldest = self.games.pop_front().expect("a full season");
            self.sums.points_season.take_away(oldest.points);
            self.sums.usage_season.take_away(oldest.usage_100);
        }
        if let Some(sixth) = self.leaving(GAMES_NEEDED as usize) {
            self.sums.points_5.take_away(sixth.points);
        }
        if let Some(eleventh) = self.leaving(RECENT_GAMES) {
            self.leave_recent(eleventh);
        }
        self.games.push_back(game);
        self.sums.games = self.games.len() as i64;
        self.sums.points_season.add(game.points);
        self.sums.usage_season.add(game.usage_100);
        self.sums.points_5.add(game.points);
        self.enter_recent(game);
    }

    /// The game that leaves a window of so many games when another one enters.
    fn leaving(&self, games: usize) -> Option<Game> {
        self.games.len().checked_sub(games).map(|index| self.games[index])
    }

    fn enter_recent(&mut self, game: Game) {
        let sums = &mut self.sums;
        sums.points_10.add(game.points);
        sums.points_squared_10 += game.points_squared();
        sums.minutes_10.add(game.minutes_10);
        sums.usage_10.add(game.usage_100);
        sums.ts_10.add(game.ts_1000);
        sums.fg_makes_10 += game.fg_makes;
        sums.assisted_10 += game.assisted;
    }

    fn leave_recent(&mut self, game: Game) {
        let sums = &mut self.sums;
        sums.points_10.take_away(game.points);
        sums.points_squared_10 -= game.points_squared();
        sums.minutes_10.take_away(game.minutes_10);
        sums.usage_10.take_away(game.usage_100);
        sums.ts_10.take_away(game.ts_1000);
        sums.fg_makes_10 -= game.fg_makes;
        sums.assisted_10 -= game.assisted;
    }
}
