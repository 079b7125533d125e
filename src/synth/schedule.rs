//! Who plays whom and when: 82 games for each team, fitted into the days of a season.

use chrono::{Datelike, Days, NaiveDate, Weekday};

use super::draws::Draws;
use super::league::year_key;
use super::teams::{Team, conferences};
use crate::calendar::{Season, ymd};
use crate::catalog::TEAMS;

/// From opening night to the last day of the regular season, in every season since 2021.
const SEASON_DAYS: usize = 174;
const OPENING_NIGHT_GAMES: usize = 2;
const GAMES_A_DAY: std::ops::RangeInclusive<i64> = 2..=15;

/// What kind of game, after the third digit of its id (`orchestration.md` §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Preseason,
    Regular,
    AllStar,
    /// Round 1 to 4.
    Playoffs(u64),
    PlayIn,
}

impl Kind {
    pub fn is_postseason(self) -> bool {
        matches!(self, Self::Playoffs(_) | Self::PlayIn)
    }

    fn digit(self) -> u64 {
        match self {
            Self::Preseason => 1,
            Self::Regular => 2,
            Self::AllStar => 3,
            Self::Playoffs(_) => 4,
            Self::PlayIn => 5,
        }
    }
}

/// A game between two of the 30 teams.
#[derive(Debug, Clone)]
pub(super) struct Fixture {
    pub season: Season,
    pub kind: Kind,
    /// The last five digits of the id.
    pub number: u64,
    pub date: NaiveDate,
    pub home: Team,
    pub away: Team,
}

impl Fixture {
    /// The ten-digit league id.
    pub fn league_id(&self) -> String {
        league_game_id(self.season, self.kind, self.number)
    }

    /// Names the game among the random streams.
    pub fn key(&self) -> u64 {
        year_key(self.season) * 1_000_000 + self.kind.digit() * 100_000 + self.number
    }
}

pub(super) fn league_game_id(season: Season, kind: Kind, number: u64) -> String {
    format!("00{}{:02}{number:05}", kind.digit(), season.start_year().rem_euclid(100))
}

pub(super) fn last_regular_day(opening_night: NaiveDate) -> NaiveDate {
    opening_night + Days::new(SEASON_DAYS as u64 - 1)
}

/// The Sunday of the All-Star game: the third of February.
pub(super) fn all_star_day(season: Season) -> NaiveDate {
    nth_weekday(season.start_year() + 1, 2, Weekday::Sun, 3)
}

/// The regular season in order of its dates.
pub(super) fn regular_season(seed: u64, season: Season, opening_night: NaiveDate) -> Vec<Fixture> {
    let mut draws = Draws::of(seed, "schedule", &[year_key(season)]);
    let mut pairings = pairings();
    draws.shuffle(&mut pairings);
    let days = Placement::new(&mut draws, season, opening_night).fit(&pairings);
    let mut games: Vec<(usize, (Team, Team))> = days.into_iter().zip(pairings).collect();
    games.sort_unstable();
    let fixture = |(index, (day, (home, away))): (usize, (usize, (Team, Team)))| Fixture {
        season,
        kind: Kind::Regular,
        number: index as u64 + 1,
        date: opening_night + Days::new(day as u64),
        home,
        away,
    };
    games.into_iter().enumerate().map(fixture).collect()
}

/// Home and away team of each game: four or three meetings within a conference, two across.
fn pairings() -> Vec<(Team, Team)> {
    let conferences = conferences();
    let mut games = Vec::new();
    for teams in conferences {
        let size = teams.len();
        for (place, &team) in teams.iter().enumerate() {
            for step in 1..=size / 2 {
                let other = teams[(place + step) % size];
                games.extend([(team, other), (other, team), (team, other)]);
                if step > 2 {
                    games.push((other, team));
                }
            }
        }
    }
    for &east in &conferences[0] {
        for &west in &conferences[1] {
            games.extend([(east, west), (west, east)]);
        }
    }
    games
}

/// Fits games into days; days are counted from opening night.
struct Placement {
    busy: Vec<[bool; SEASON_DAYS]>,
    games: [i64; SEASON_DAYS],
    /// Wanted games of each day; 0 on days without games.
    targets: [i64; SEASON_DAYS],
    /// In which days are looked at, so that equally good ones take turns.
    order: Vec<usize>,
}

impl Placement {
    fn new(draws: &mut Draws, season: Season, opening_night: NaiveDate) -> Self {
        let targets = std::array::from_fn(|day| {
            let date = opening_night + Days::new(day as u64);
            if is_day_off(season, date) { 0 } else { wanted_games(date.weekday()) }
        });
        // Day 0 has its own rule.
        let mut order: Vec<usize> = (1..SEASON_DAYS).filter(|&day| targets[day] > 0).collect();
        draws.shuffle(&mut order);
        Self { busy: vec![[false; SEASON_DAYS]; TEAMS.len()], games: [0; SEASON_DAYS], targets, order }
    }

    /// The day of each game. Each takes the cheapest day, and later has chances to change its mind.
    fn fit(mut self, pairings: &[(Team, Team)]) -> Vec<usize> {
        const SECOND_THOUGHTS: usize = 2;
        let mut days = vec![usize::MAX; pairings.len()];
        for (day, &pair) in days.iter_mut().zip(pairings) {
            *day = if self.takes_opening_night(pair) { 0 } else { self.cheapest_day(pair) };
            self.set(pair, *day, true);
        }
        for _ in 0..SECOND_THOUGHTS {
            for (day, &pair) in days.iter_mut().zip(pairings).filter(|(day, _)| **day > 0) {
                self.set(pair, *day, false);
                *day = self.cheapest_day(pair);
                self.set(pair, *day, true);
            }
        }
        days
    }

    fn takes_opening_night(&self, (home, away): (Team, Team)) -> bool {
        self.games[0] < OPENING_NIGHT_GAMES as i64 && !self.busy[home][0] && !self.busy[away][0]
    }

    fn set(&mut self, (home, away): (Team, Team), day: usize, busy: bool) {
        self.busy[home][day] = busy;
        self.busy[away][day] = busy;
        self.games[day] += if busy { 1 } else { -1 };
    }

    fn cheapest_day(&self, (home, away): (Team, Team)) -> usize {
        let cost = |&day: &usize| self.load_cost(day) + self.rest_cost(home, day) + self.rest_cost(away, day);
        self.order.iter().copied().min_by_key(cost).expect("a season has days")
    }

    fn load_cost(&self, day: usize) -> i64 {
        if self.games[day] >= *GAMES_A_DAY.end() {
            return IMPOSSIBLE;
        }
        CROWDED_DAY * (self.games[day] - self.targets[day])
    }

    /// Two days in a row are a burden, three or two games a day are out of the question.
    fn rest_cost(&self, team: Team, day: usize) -> i64 {
        let busy =
            |shift: isize| day.checked_add_signed(shift).is_some_and(|day| self.busy[team].get(day) == Some(&true));
        if busy(0) || busy(-2) && busy(-1) || busy(-1) && busy(1) || busy(1) && busy(2) {
            return IMPOSSIBLE;
        }
        BACK_TO_BACK * i64::from(busy(-1) || busy(1))
    }
}

const IMPOSSIBLE: i64 = 1_000_000;
/// Weighed against each other so that about one game in six follows a game of the day before.
const CROWDED_DAY: i64 = 2;
const BACK_TO_BACK: i64 = 1;

fn wanted_games(weekday: Weekday) -> i64 {
    match weekday {
        Weekday::Mon | Weekday::Sat | Weekday::Sun => 8,
        Weekday::Tue => 6,
        Weekday::Wed | Weekday::Fri => 10,
        Weekday::Thu => 4,
    }
}

/// Election day, Thanksgiving, Christmas Eve and the All-Star break, Friday to Wednesday
/// (`orchestration.md` §1.2).
fn is_day_off(season: Season, date: NaiveDate) -> bool {
    let year = season.start_year();
    let election_day = nth_weekday(year, 11, Weekday::Mon, 1) + Days::new(1);
    let thanksgiving = nth_weekday(year, 11, Weekday::Thu, 4);
    let all_star = all_star_day(season);
    [election_day, thanksgiving, ymd(year, 12, 24)].contains(&date)
        || (all_star - Days::new(2)..=all_star + Days::new(3)).contains(&date)
}

fn nth_weekday(year: i32, month: u32, weekday: Weekday, nth: u8) -> NaiveDate {
    NaiveDate::from_weekday_of_month_opt(year, month, weekday, nth).expect("every month has four of each weekday")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::calendar::SeasonCalendar;

    fn check_season(year: i32) {
        let season = Season::starting_in(year);
        let opening_night = SeasonCalendar::built_in().opening_night(season).unwrap();
        let games = regular_season(1, season, opening_night);
        assert_eq!(games.len(), 1230);
        let mut by_team: BTreeMap<Team, Vec<NaiveDate>> = BTreeMap::new();
        let mut by_date: BTreeMap<NaiveDate, i64> = BTreeMap::new();
        for game in &games {
            assert!(!is_day_off(season, game.date), "{}", game.date);
            *by_date.entry(game.date).or_default() += 1;
            by_team.entry(game.home).or_default().push(game.date);
            by_team.entry(game.away).or_default().push(game.date);
        }
        assert_eq!(by_date.first_key_value(), Some((&opening_night, &2)));
        assert!(by_date.values().all(|games| GAMES_A_DAY.contains(games)), "{by_date:?}");
        assert!((160..=168).contains(&by_date.len()), "{}", by_date.len());
        let mut back_to_backs = 0;
        for (team, dates) in by_team {
            assert_eq!(dates.len(), 82);
            assert_eq!(games.iter().filter(|game| game.home == team).count(), 41);
            assert!(dates.windows(3).all(|days| (days[2] - days[0]).num_days() > 2), "three days in a row");
            back_to_backs += dates.windows(2).filter(|days| (days[1] - days[0]).num_days() == 1).count();
        }
        let share = back_to_backs * 100 / 2460;
        assert!((15..=20).contains(&share), "{share}% of the games follow a game of the day before");
    }

    #[test]
    fn every_known_season_has_82_games_for_each_team_on_playable_days() {
        (2021..=2025).for_each(check_season);
    }
}
