//! Betting lines on points for the players whom bookmakers follow.

use super::context::Preview;
use super::draws::Draws;
use super::history::{last, mean};
use super::league::PlayerNo;

/// Bookmakers and their numbers.
pub(super) const BOOKMAKERS: [(i64, &str); 4] = [(10, "FanDuel"), (12, "DraftKings"), (13, "Caesars"), (19, "BetMGM")];
/// The best players of a team have lines.
const PLAYERS: usize = 8;
/// Game days of a season before the first lines.
const DAYS_WITHOUT_LINES: usize = 20;

/// One side of one bookmaker's offer; points are in halves.
#[derive(Debug)]
pub(super) struct Line {
    /// Place in the list of games.
    pub game: usize,
    pub player: PlayerNo,
    /// 0 home, 1 away.
    pub side: usize,
    /// Place in [`BOOKMAKERS`].
    pub book: usize,
    pub bet_side: &'static str,
    pub points_2: i64,
    pub opening_2: Option<i64>,
    pub odds: i64,
    pub is_active: bool,
    pub is_best: bool,
}

/// Lines around the average of a player's last ten games.
pub(super) fn of_game(preview: &Preview<'_>) -> Vec<Line> {
    let &Preview { seed, history, game_day, game, index, .. } = preview;
    let mut lines = Vec::new();
    if game_day < DAYS_WITHOUT_LINES {
        return lines;
    }
    for appearance in game.appearances.iter().filter(|appearance| appearance.rank < PLAYERS) {
        let Some(average_2) = mean(last(history.player(appearance.player), 10), |outing| 2 * outing.points) else {
            continue;
        };
        let mut draws = Draws::of(seed, "lines", &[game.fixture.key(), appearance.player as u64]);
        let mut books: Vec<usize> = (0..BOOKMAKERS.len()).collect();
        draws.shuffle(&mut books);
        books.truncate(draws.between(2, 4) as usize);
        for (place, book) in books.into_iter().enumerate() {
            let points_2 = (average_2 + draws.between(-2, 2)).max(1);
            let opening_2 = (!draws.one_in(6)).then(|| (points_2 + draws.between(-3, 3)).max(1));
            let is_active = !draws.one_in(12);
            lines.extend(["over", "under"].map(|bet_side| Line {
                game: index,
                player: appearance.player,
                side: appearance.side,
                book,
                bet_side,
                points_2,
                opening_2,
                odds: -(100 + 5 * draws.between(0, 6)),
                is_active,
                is_best: place == 0,
            }));
        }
    }
    lines
}
