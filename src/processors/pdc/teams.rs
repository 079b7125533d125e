//! What every team has done up to a date: the team list (§2.5) and the finished games of the schedule (§3.6), kept while
//! both are read in the order of dates.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use arrow::array::RecordBatch;
use arrow::datatypes::Date32Type;
use chrono::NaiveDate;

use super::score::{Sum, TeamSums};
use super::spans::{WINDOWS_OF_DAYS, WINDOWS_OF_GAMES};
use crate::processors::facts::{Facts, Nullable, columns};

/// §2.5: games in the team list.
pub const TEAM_GAMES: usize = 10;

columns! {
    /// What `team_games.sql` returns.
    TeamGameColumns {
        team_abbr: str,
        pace_10: int,
        rating_100: int,
    }
}

columns! {
    /// What `schedule.sql` returns.
    ScheduleColumns {
        game_date: date,
        home_team: str,
        away_team: str,
    }
}

/// Pace times 10, and offensive rating times 100.
type TeamGame = (Option<i64>, Option<i64>);

/// Pace and rating of the last games of every team.
#[derive(Default)]
pub struct TeamForm {
    teams: HashMap<String, VecDeque<TeamGame>>,
}

impl TeamForm {
    /// Takes further games, in the order of dates.
    pub fn play(&mut self, games: &RecordBatch, rows: Range<usize>) {
        let columns = TeamGameColumns::new(&Facts(games));
        for row in rows {
            let games = entry(&mut self.teams, columns.team_abbr.value(row));
            if games.len() == TEAM_GAMES {
                games.pop_front();
            }
            games.push_back((columns.pace_10.at(row), columns.rating_100.at(row)));
        }
    }

    /// The sums over a team's list; `None` for a team without any game.
    pub fn of(&self, team: &str) -> Option<TeamSums> {
        let games = self.teams.get(team)?;
        let mut sums = TeamSums { pace: Sum::default(), rating: Sum::default() };
        for &(pace_10, rating_100) in games {
            sums.pace.add(pace_10);
            sums.rating.add(rating_100);
        }
        Some(sums)
    }
}

/// Finished games of every team before a date.
#[derive(Default)]
pub struct TeamSchedule {
    teams: HashMap<String, TeamDates>,
}

#[derive(Default)]
struct TeamDates {
    /// Dates at home, and away.
    games: i64,
    /// The last of either.
    last: [Option<i32>; 2],
    /// Days with a game of the last 14, ascending.
    recent: VecDeque<i32>,
}

impl TeamDates {
    /// Several games of a date at home count once, and so away.
    fn play(&mut self, side: usize, day: i32) {
        if self.last[side].replace(day) == Some(day) {
            return;
        }
        self.games += 1;
        if self.recent.back() != Some(&day) {
            self.recent.push_back(day);
        }
        while self.recent.front().is_some_and(|of| *of < day - WINDOWS_OF_DAYS[1]) {
            self.recent.pop_front();
        }
    }
}

impl TeamSchedule {
    /// Takes further games, in the order of dates.
    pub fn play(&mut self, games: &RecordBatch, rows: Range<usize>) {
        let columns = ScheduleColumns::new(&Facts(games));
        for row in rows {
            let day = columns.game_date.value(row);
            for (side, team) in [columns.home_team, columns.away_team].into_iter().enumerate() {
                if let Some(team) = team.at(row) {
                    entry(&mut self.teams, team).play(side, day);
                }
            }
        }
    }

    /// §3.6, "expected" of the windows of 5 and 10 games, and of 7 and 14 days before `date`.
    pub fn expected(&self, team: Option<&str>, date: NaiveDate) -> [i64; 4] {
        let Some(dates) = team.and_then(|team| self.teams.get(team)) else { return [0; 4] };
        let day = Date32Type::from_naive_date(date);
        let within = |days: i32| dates.recent.iter().filter(|of| (day - days..day).contains(of)).count() as i64;
        let ([short, long], [week, fortnight]) = (WINDOWS_OF_GAMES.map(|games| games as i64), WINDOWS_OF_DAYS);
        [dates.games.min(short), dates.games.min(long), within(week), within(fortnight)]
    }
}

fn entry<'m, V: Default>(map: &'m mut HashMap<String, V>, key: &str) -> &'m mut V {
    if !map.contains_key(key) {
        map.insert(key.to_owned(), V::default());
    }
    map.get_mut(key).expect("entered above")
}
