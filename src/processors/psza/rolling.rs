//! The last 20 qualifying games of every player, kept while a season is read in the order of dates.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};

use arrow::array::RecordBatch;
use chrono::NaiveDate;

use super::score::{GAMES_NEEDED, ShotWindow};
use crate::calendar::Season;
use crate::processors::facts::{Facts, Nullable, columns};
use crate::processors::months::{groups, nulls_last};

/// Games in the longer window (§3).
pub const GAMES_KEPT: usize = 20;

columns! {
    /// What `query.sql` returns.
    GameColumns {
        player_lookup: str,
        universal_player_id: str,
        game_date: date,
        game_id: str,
        paint_attempts: int,
        paint_makes: int,
        mid_range_attempts: int,
        mid_range_makes: int,
        three_pt_attempts: int,
        three_pt_makes: int,
        fg_makes: int,
        assisted_fg_makes: int,
        unassisted_fg_makes: int,
        processed_us: int,
    }
}

impl GameColumns<'_> {
    fn counts(&self, row: usize) -> [Option<i64>; 9] {
        [
            self.paint_attempts,
            self.mid_range_attempts,
            self.three_pt_attempts,
            self.paint_makes,
            self.mid_range_makes,
            self.three_pt_makes,
            self.fg_makes,
            self.assisted_fg_makes,
            self.unassisted_fg_makes,
        ]
        .map(|count| count.at(row))
    }

    /// Oldest first. Ranking is by date descending, then game_id ascending; the further columns only
    /// make rows that share both take a fixed order.
    fn in_order(&self, group: std::ops::Range<usize>) -> Vec<usize> {
        let mut rows: Vec<usize> = group.collect();
        rows.sort_by_cached_key(|&row| {
            (
                Reverse(self.game_id.at(row)),
                nulls_last(self.processed_us.at(row)),
                nulls_last(self.universal_player_id.at(row)),
                self.counts(row).map(nulls_last),
            )
        });
        rows
    }
}

/// A player's games up to and including those of `from`.
pub struct GameWindow {
    pub player: String,
    pub universal_id: Option<String>,
    pub from: NaiveDate,
    /// Qualifying games of the season so far.
    pub games: i64,
    pub sums: ShotWindow,
}

/// The players of a season so far.
#[derive(Default)]
pub struct PlayerWindows {
    season: Option<Season>,
    players: HashMap<String, PlayerGames>,
}

struct PlayerGames {
    last: VecDeque<[i64; 9]>,
    games: i64,
    universal_id: Option<String>,
    newest: NaiveDate,
}

impl PlayerWindows {
    /// Takes further games, in the order of dates and players, and tells of every player's window after
    /// each of their dates.
    pub fn play(&mut self, season: Season, games: &RecordBatch, mut each: impl FnMut(GameWindow)) {
        self.enter(season);
        let columns = GameColumns::new(&Facts(games));
        for group in groups(columns.game_date, columns.player_lookup) {
            let player = columns.player_lookup.value(group.start);
            if !self.players.contains_key(player) {
                self.players.insert(player.to_owned(), PlayerGames::none());
            }
            let known = self.players.get_mut(player).expect("entered above");
            known.newest = columns.game_date.at(group.start).expect("a game has a date");
            let rows = if group.len() == 1 { vec![group.start] } else { columns.in_order(group) };
            for &row in &rows {
                known.add(columns.counts(row).map(|count| count.unwrap_or(0)));
            }
            let newest = *rows.last().expect("a group has a row");
            known.universal_id = columns.universal_player_id.at(newest).map(str::to_owned);
            each(known.window(player));
        }
    }

    /// The window of everybody who has played in the season.
    pub fn standing(&mut self, season: Season) -> Vec<GameWindow> {
        self.enter(season);
        self.players.iter().map(|(player, games)| games.window(player)).collect()
    }

    fn enter(&mut self, season: Season) {
        if self.season != Some(season) {
            self.season = Some(season);
            self.players.clear();
        }
    }
}

impl PlayerGames {
    fn none() -> Self {
        Self { last: VecDeque::with_capacity(GAMES_KEPT), games: 0, universal_id: None, newest: NaiveDate::MIN }
    }

    fn add(&mut self, counts: [i64; 9]) {
        if self.last.len() == GAMES_KEPT {
            self.last.pop_front();
        }
        self.last.push_back(counts);
        self.games += 1;
    }

    fn window(&self, player: &str) -> GameWindow {
        let sum = |games: usize| {
            let mut sums = [0; 9];
            for counts in self.last.iter().rev().take(games) {
                sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            }
            sums
        };
        let ([paint, mid_range, three_pt, makes @ .., fg_makes, assisted_10, unassisted_10], last_20) =
            (sum(GAMES_NEEDED as usize), sum(GAMES_KEPT));
        let sums = ShotWindow {
            attempts_10: [paint, mid_range, three_pt],
            makes_10: makes,
            fg_makes_10: fg_makes,
            assisted_10,
            unassisted_10,
            attempts_20: [last_20[0], last_20[1], last_20[2]],
            paint_makes_20: last_20[3],
            games_20: self.games.min(GAMES_KEPT as i64),
        };
        let (player, universal_id) = (player.to_owned(), self.universal_id.clone());
        GameWindow { player, universal_id, from: self.newest, games: self.games, sums }
    }
}
