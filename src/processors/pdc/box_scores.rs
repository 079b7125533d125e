//! On which of the last days raw box scores say that a player did not play (§3.6).

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use arrow::array::RecordBatch;
use arrow::datatypes::Date32Type;
use chrono::NaiveDate;

use super::players::changes;
use super::spans::{WINDOWS_OF_DAYS, WINDOWS_OF_GAMES};
use crate::processors::facts::{Facts, Nullable, columns};

/// No row is older.
pub const DAYS: i32 = 30;

columns! {
    /// What `box_scores.sql` returns.
    BoxScoreColumns {
        player_lookup: str,
        game_date: date,
        did_not_play: bool,
    }
}

/// The rows of the last 30 days of every player, oldest first.
#[derive(Default)]
pub struct BoxScores {
    players: HashMap<String, VecDeque<(i32, bool)>>,
}

impl BoxScores {
    /// Takes further rows, in the order of dates.
    pub fn play(&mut self, scores: &RecordBatch, rows: Range<usize>) {
        let columns = BoxScoreColumns::new(&Facts(scores));
        for row in rows {
            let (player, day) = (columns.player_lookup.value(row), columns.game_date.value(row));
            if !self.players.contains_key(player) {
                self.players.insert(player.to_owned(), VecDeque::new());
            }
            let known = self.players.get_mut(player).expect("entered above");
            while known.front().is_some_and(|(of, _)| *of < day - DAYS) {
                known.pop_front();
            }
            known.push_back((day, columns.did_not_play.at(row) == Some(true)));
        }
    }

    /// "dnp" of the windows of 5 and 10 games, and of 7 and 14 days before `date`: distinct dates.
    pub fn did_not_play(&self, player: &str, date: NaiveDate) -> [i64; 4] {
        let Some(rows) = self.players.get(player) else { return [0; 4] };
        let day = Date32Type::from_naive_date(date);
        let newest_first = || rows.iter().rev().filter(|(of, _)| (day - DAYS..day).contains(of));
        let of_games = |games: usize| distinct(newest_first().take(games));
        let of_days = |days: i32| distinct(newest_first().take_while(|(of, _)| *of >= day - days));
        let ([short, long], [week, fortnight]) = (WINDOWS_OF_GAMES, WINDOWS_OF_DAYS);
        [of_games(short), of_games(long), of_days(week), of_days(fortnight)]
    }
}

/// Days on which a player did not play; rows of a day are beside each other.
fn distinct<'r>(rows: impl Iterator<Item = &'r (i32, bool)>) -> i64 {
    changes(rows.filter(|(_, did_not_play)| *did_not_play).map(|(day, _)| *day))
}
