//! The earlier games of every player: reads F, G, I and J (§2.3), kept while the games are read
//! in the order of dates.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use arrow::array::RecordBatch;
use arrow::datatypes::Date32Type;
use chrono::{Months, NaiveDate};

use super::score::{AgainstOpponent, MonthMeans, RecentGame, SeasonMeans};
use crate::calendar::Season;
use crate::numerics::rounding::numeric_mean;
use crate::processors::facts::{Facts, Nullable, columns};
use crate::processors::months::{groups_in, nulls_last};

/// Read F: at most so many games, of at most so many days.
pub const RECENT_GAMES: usize = 10;
pub const RECENT_DAYS: i32 = 60;

/// Read J looks back so many days.
pub const MONTH_DAYS: i32 = 30;

/// Read I looks back three calendar years.
pub const OPPONENT_MONTHS: u32 = 36;

columns! {
    /// What `games.sql` returns.
    GameColumns {
        player_lookup: str,
        universal_player_id: str,
        game_id: str,
        game_date: date,
        team_abbr: str,
        opponent_team_abbr: str,
        season_year: int,
        points: int,
        ft_makes: int,
        minutes_10: int,
        processed_us: int,
        ppm_nano: int,
    }
}

impl<'a> GameColumns<'a> {
    /// §3.5: an empty text is no opponent.
    fn opponent(&self, row: usize) -> Option<&'a str> {
        self.opponent_team_abbr.at(row).filter(|opponent| !opponent.is_empty())
    }

    /// The order in which the reads see the games of one date; the roster takes the first (§8.3).
    fn in_order(&self, group: Range<usize>) -> Vec<usize> {
        let mut rows: Vec<usize> = group.collect();
        rows.sort_by_cached_key(|&row| {
            let texts = [self.opponent_team_abbr, self.team_abbr, self.universal_player_id];
            let numbers = [self.processed_us, self.points, self.minutes_10, self.ft_makes, self.season_year];
            (
                Reverse(self.game_id.at(row)),
                texts.map(|text| nulls_last(text.at(row))),
                numbers.map(|number| nulls_last(number.at(row))),
            )
        });
        rows
    }
}

/// The reads of a roster player, before the date.
#[derive(Debug, Clone)]
pub struct History {
    pub date: NaiveDate,
    pub player: String,
    /// Read F, newest first.
    pub recent: Vec<RecentGame>,
    /// Read G.
    pub season: Option<SeasonMeans>,
    /// Read J.
    pub month: Option<MonthMeans>,
    /// Read I; `None` when the player's row on the date names no opponent (§3.5).
    pub against: Option<AgainstOpponent>,
    /// What the means were made from.
    pub sums: ReadSums,
}

/// The sums behind reads G, I and J.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadSums {
    pub season: SeasonSums,
    /// Games against the opponent, each once, and how often each counts (§2.2).
    pub against_games: i64,
    pub repeats: i64,
    pub against_points: i64,
    pub against_with_points: i64,
    pub month_games: i64,
    pub month_minutes_10: i64,
    pub month_with_points: i64,
}

/// All players so far.
#[derive(Default)]
pub struct PlayerHistories {
    players: HashMap<String, PlayerHistory>,
}

impl PlayerHistories {
    /// Reads the games of a month. `each` is told of every player of every date in `dates`, in the order
    /// of the games, with what lies before that date.
    pub fn play(&mut self, games: &RecordBatch, dates: &[NaiveDate], mut each: impl FnMut(History)) {
        let columns = GameColumns::new(&Facts(games));
        let days = columns.game_date.values();
        let mut start = 0;
        while start < days.len() {
            let end = start + days[start..].partition_point(|&day| day == days[start]);
            let date = crate::calendar::date_of_day(days[start]);
            let is_wanted = dates.binary_search(&date).is_ok();
            for group in groups_in(columns.player_lookup, start..end) {
                self.play_date(&columns, group, is_wanted.then_some(&mut each));
            }
            start = end;
        }
    }

    /// Plays the games of a player on a date.
    fn play_date(&mut self, columns: &GameColumns<'_>, group: Range<usize>, each: Option<&mut impl FnMut(History)>) {
        let player = columns.player_lookup.value(group.start);
        if !self.players.contains_key(player) {
            self.players.insert(player.to_owned(), PlayerHistory::default());
        }
        let known = self.players.get_mut(player).expect("entered above");
        let rows = if group.len() == 1 { vec![group.start] } else { columns.in_order(group) };
        if let Some(each) = each {
            let date = columns.game_date.at(rows[0]).expect("games have dates");
            let opponent = columns.opponent(rows[0]);
            // §2.2: a self-join multiplies the roster rows of a player who has several on the date, and
            // each of them counts the games against its opponent again.
            let same = rows.iter().filter(|&&row| columns.opponent(row) == opponent).count();
            each(known.before(date, player, Against { opponent, repeats: (rows.len() * same) as i64 }));
        }
        rows.into_iter().for_each(|row| known.add(columns, row));
    }
}

/// The opponent of the date, and how often each game against it counts.
struct Against<'a> {
    opponent: Option<&'a str>,
    repeats: i64,
}

type DaysAndPoints = VecDeque<(i32, Option<i64>)>;

#[derive(Default)]
struct PlayerHistory {
    recent: VecDeque<(i32, RecentGame)>,
    month: VecDeque<MonthGame>,
    seasons: Vec<SeasonSums>,
    /// By opponent, the day and points of each game.
    opponents: Vec<(String, DaysAndPoints)>,
}

/// A game with minutes.
struct MonthGame {
    day: i32,
    minutes_10: i64,
    ppm_nano: Option<i64>,
}

/// A player's games of a season, by the column.
#[derive(Debug, Clone, Copy, Default)]
pub struct SeasonSums {
    season_year: i64,
    pub points: i64,
    pub points_games: i64,
    pub minutes_10: i64,
    pub minutes_games: i64,
}

impl PlayerHistory {
    fn before(&mut self, date: NaiveDate, player: &str, Against { opponent, repeats }: Against<'_>) -> History {
        let day = Date32Type::from_naive_date(date);
        let mut sums = ReadSums { repeats, ..ReadSums::default() };
        let against = opponent.map(|opponent| self.against(opponent, date, &mut sums));
        let (recent, season, month) = (self.recent(day), self.season(date, &mut sums), self.month(day, &mut sums));
        History { date, player: player.to_owned(), recent, season, month, against, sums }
    }

    fn recent(&self, day: i32) -> Vec<RecentGame> {
        let is_recent = |(of, _): &&(i32, RecentGame)| *of >= day - RECENT_DAYS;
        self.recent.iter().rev().take_while(is_recent).map(|(_, game)| *game).collect()
    }

    fn season(&self, date: NaiveDate, of_reads: &mut ReadSums) -> Option<SeasonMeans> {
        let season_year = i64::from(Season::of(date).start_year());
        let sums = self.seasons.iter().find(|sums| sums.season_year == season_year)?;
        of_reads.season = *sums;
        let has_points = sums.points_games > 0;
        Some(SeasonMeans {
            points: if has_points { sums.points as f64 / sums.points_games as f64 } else { f64::NAN },
            minutes: (sums.minutes_games > 0).then(|| numeric_mean(sums.minutes_10, 1, sums.minutes_games)),
        })
    }

    fn month(&mut self, day: i32, sums: &mut ReadSums) -> Option<MonthMeans> {
        while self.month.front().is_some_and(|game| game.day < day - MONTH_DAYS) {
            self.month.pop_front();
        }
        let games = i64::try_from(self.month.len()).expect("a month of games");
        let quotients = || self.month.iter().filter_map(|game| game.ppm_nano);
        let quotient_count = quotients().count() as i64;
        let minutes_10 = self.month.iter().map(|game| game.minutes_10).sum();
        (sums.month_games, sums.month_minutes_10, sums.month_with_points) = (games, minutes_10, quotient_count);
        (games > 0).then(|| MonthMeans {
            minutes: numeric_mean(minutes_10, 1, games),
            points_per_minute: (quotient_count > 0).then(|| numeric_mean(quotients().sum(), 9, quotient_count)),
        })
    }

    /// Games against an opponent as they count, and their mean points where any is known.
    fn against(&mut self, opponent: &str, date: NaiveDate, sums: &mut ReadSums) -> AgainstOpponent {
        let Some((_, games)) = self.opponents.iter_mut().find(|(of, _)| of == opponent) else {
            return AgainstOpponent::default();
        };
        let first = Date32Type::from_naive_date(date - Months::new(OPPONENT_MONTHS));
        while games.front().is_some_and(|(day, _)| *day < first) {
            games.pop_front();
        }
        let points = || games.iter().filter_map(|(_, points)| *points);
        let (count, total) = (points().count(), points().sum::<i64>());
        let mean = (count > 0).then(|| total as f64 / count as f64);
        sums.against_games = games.len() as i64;
        (sums.against_points, sums.against_with_points) = (total, count as i64);
        AgainstOpponent { games: sums.against_games * sums.repeats, points: mean }
    }

    fn add(&mut self, columns: &GameColumns<'_>, row: usize) {
        let day = columns.game_date.value(row);
        let (points, minutes_10) = (columns.points.at(row), columns.minutes_10.at(row));
        if self.recent.len() == RECENT_GAMES {
            self.recent.pop_front();
        }
        let game = RecentGame { points, minutes_10, ft_makes: columns.ft_makes.at(row) };
        self.recent.push_back((day, game));
        if let Some(minutes_10) = minutes_10.filter(|&minutes| minutes > 0) {
            self.month.push_back(MonthGame { day, minutes_10, ppm_nano: columns.ppm_nano.at(row) });
        }
        if let Some(season_year) = columns.season_year.at(row) {
            self.add_to_season(season_year, day, &game);
        }
        let Some(opponent) = columns.opponent(row) else { return };
        match self.opponents.iter_mut().find(|(of, _)| of == opponent) {
            Some((_, games)) => games.push_back((day, points)),
            None => self.opponents.push((opponent.to_owned(), VecDeque::from([(day, points)]))),
        }
    }

    /// Read G goes by the season column and from its October 1.
    fn add_to_season(&mut self, season_year: i64, day: i32, game: &RecentGame) {
        let start = i32::try_from(season_year).ok().and_then(Season::first_day);
        if start.is_none_or(|start| day < Date32Type::from_naive_date(start)) {
            return;
        }
        let known = self.seasons.iter().position(|sums| sums.season_year == season_year);
        let known = known.unwrap_or_else(|| {
            self.seasons.push(SeasonSums { season_year, ..SeasonSums::default() });
            self.seasons.len() - 1
        });
        let sums = &mut self.seasons[known];
        sums.points += game.points.unwrap_or(0);
        sums.points_games += i64::from(game.points.is_some());
        sums.minutes_10 += game.minutes_10.unwrap_or(0);
        sums.minutes_games += i64::from(game.minutes_10.is_some());
    }
}
