//! What players and teams did in the season before a game: the look-back of contexts and lines.

use chrono::{Days, NaiveDate};

use super::games::Game;
use super::league::PlayerNo;
use super::stats::ratio;
use super::teams::Team;
use crate::catalog::TEAMS;

/// A game in which a player was on the floor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outing {
    pub date: NaiveDate,
    pub minutes: i64,
    pub points: i64,
    pub usage_100: i64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct TeamOuting {
    pub date: NaiveDate,
    pub pace_10: i64,
    pub margin: i64,
}

/// Games of the season so far, oldest first.
#[derive(Default)]
pub(super) struct History {
    players: Vec<Vec<Outing>>,
    teams: [Vec<TeamOuting>; TEAMS.len()],
}

impl History {
    pub fn record(&mut self, game: &Game) {
        let date = game.fixture.date;
        for appearance in game.appearances.iter().filter(|appearance| appearance.part.is_on_floor()) {
            if self.players.len() <= appearance.player {
                self.players.resize_with(appearance.player + 1, Vec::new);
            }
            let stats = &appearance.stats;
            let usage_100 = stats.usage_100(game.total_around(appearance)).unwrap_or(0);
            let outing = Outing { date, minutes: stats.minutes, points: stats.points(), usage_100 };
            self.players[appearance.player].push(outing);
        }
        for side in 0..2 {
            let outing = TeamOuting { date, pace_10: game.pace_10(), margin: game.margin(side) };
            self.teams[game.team(side)].push(outing);
        }
    }

    pub fn player(&self, player: PlayerNo) -> &[Outing] {
        self.players.get(player).map_or(&[], Vec::as_slice)
    }

    pub fn team(&self, team: Team) -> &[TeamOuting] {
        &self.teams[team]
    }

    pub fn wins(&self) -> Vec<usize> {
        self.teams.iter().map(|games| games.iter().filter(|game| game.margin > 0).count()).collect()
    }
}

/// The last entries, at most `count`.
pub(super) fn last<T>(outings: &[T], count: usize) -> &[T] {
    &outings[outings.len().saturating_sub(count)..]
}

/// The mean of a scaled value, at the same scale; `None` of nothing.
pub(super) fn mean<T>(outings: &[T], value: impl Fn(&T) -> i64) -> Option<i64> {
    ratio(outings.iter().map(value).sum(), outings.len() as i64)
}

/// Games in the `days` days before `date`.
pub(super) fn within<T>(outings: &[T], date_of: impl Fn(&T) -> NaiveDate, date: NaiveDate, days: u64) -> &[T] {
    let first = outings.partition_point(|outing| date_of(outing) < date - Days::new(days));
    &outings[first..]
}

/// Days since the last game: 1 is a back-to-back.
pub(super) fn days_since(last: Option<NaiveDate>, date: NaiveDate) -> Option<i64> {
    last.map(|last| (date - last).num_days())
}
