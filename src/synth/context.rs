//! Rows of the two upcoming-context tables: what was known before a game.

use chrono::Datelike;

use super::draws::Draws;
use super::flaws::GameFlaws;
use super::games::{Appearance, Game, Part};
use super::history::{History, Outing, TeamOuting, days_since, last, mean, within};
use super::league::{League, PlayerNo};

/// Game days of a season on which no player has a context.
const MISSING_DAYS: [usize; 2] = [18, 40];
/// Game days on which only so many per mille of the players have one.
const PARTIAL_DAYS: [(usize, i64); 2] = [(27, 600), (52, 800)];

/// A player before a game. NUMERIC values carry their scale in the name.
#[derive(Debug)]
pub(super) struct PlayerContext {
    /// Place in the list of games.
    pub game: usize,
    pub player: PlayerNo,
    /// 0 home, 1 away.
    pub side: usize,
    pub season_phase: &'static str,
    pub status: Option<&'static str>,
    pub age: i64,
    pub days_rest: Option<i64>,
    pub opponent_days_rest: Option<i64>,
    pub games_7: i64,
    pub games_14: i64,
    pub minutes_7: i64,
    pub minutes_14: i64,
    pub back_to_backs_14: i64,
    pub minutes_avg_7_10: Option<i64>,
    pub usage_avg_100: Option<i64>,
    pub projected_usage_100: Option<i64>,
    pub points_avg_5_10: Option<i64>,
    pub points_avg_10_10: Option<i64>,
    pub pace_differential_10: Option<i64>,
    pub opponent_pace_10: Option<i64>,
    pub star_teammates_out: i64,
}

/// A team before a game.
#[derive(Debug)]
pub(super) struct TeamContext {
    pub game: usize,
    pub side: usize,
    pub game_number: i64,
    pub days_rest: Option<i64>,
    pub games_7: i64,
    pub games_14: i64,
    /// Won games in a row, or lost ones as a negative number.
    pub streak: i64,
    pub last_margin: Option<i64>,
    pub starters_out: i64,
    /// Home less away, in half points; negative for a favourite.
    pub spread_2: i64,
    pub total_2: i64,
}

/// Looks at a game with the knowledge of the day before.
pub(super) struct Preview<'a> {
    pub seed: u64,
    pub league: &'a League,
    pub history: &'a History,
    /// Place of the date among the game days of the season.
    pub game_day: usize,
    pub game: &'a Game,
    /// Its place in the list of games.
    pub index: usize,
}

impl Preview<'_> {
    pub fn players(&self, flaws: &GameFlaws) -> Vec<PlayerContext> {
        let game = self.game;
        if MISSING_DAYS.contains(&self.game_day) {
            return Vec::new();
        }
        let kept = PARTIAL_DAYS.iter().find(|(day, _)| *day == self.game_day).map_or(1000, |(_, kept)| *kept);
        let appearances = game.appearances.iter().zip(&flaws.players).filter(|(_, flaws)| flaws.has_context);
        appearances
            .filter_map(|(appearance, _)| {
                let mut draws = Draws::of(self.seed, "context", &[game.fixture.key(), appearance.player as u64]);
                draws.per_mille(kept).then(|| self.player(&mut draws, appearance))
            })
            .collect()
    }

    fn player(&self, draws: &mut Draws, appearance: &Appearance) -> PlayerContext {
        let &Self { game, index, .. } = self;
        let date = game.fixture.date;
        let outings = self.history.player(appearance.player);
        let date_of = |outing: &Outing| outing.date;
        let (week, fortnight) = (within(outings, date_of, date, 7), within(outings, date_of, date, 14));
        let [own, opponent] = [appearance.side, 1 - appearance.side].map(|side| self.history.team(game.team(side)));
        let [own_pace, opponent_pace_10] = [own, opponent].map(|games| mean(last(games, 10), |game| game.pace_10));
        let usage_avg_100 = mean(last(outings, 7), |outing| outing.usage_100);
        let projection = draws.between(-250, 450);
        PlayerContext {
            game: index,
            player: appearance.player,
            side: appearance.side,
            season_phase: season_phase(game),
            status: status(draws, appearance.part),
            age: i64::from(date.year() - self.league.players[appearance.player].birth_year),
            days_rest: days_since(outings.last().map(date_of), date),
            opponent_days_rest: days_since(opponent.last().map(|game| game.date), date),
            games_7: week.len() as i64,
            games_14: fortnight.len() as i64,
            minutes_7: week.iter().map(|outing| outing.minutes).sum(),
            minutes_14: fortnight.iter().map(|outing| outing.minutes).sum(),
            back_to_backs_14: back_to_backs(fortnight),
            minutes_avg_7_10: mean(week, |outing| 10 * outing.minutes),
            usage_avg_100,
            // The reference has a projection for few players.
            projected_usage_100: usage_avg_100.filter(|_| draws.one_in(5)).map(|usage| (usage + projection).max(0)),
            points_avg_5_10: mean(last(outings, 5), |outing| 10 * outing.points),
            points_avg_10_10: mean(last(outings, 10), |outing| 10 * outing.points),
            pace_differential_10: own_pace.zip(opponent_pace_10).map(|(own, opponent)| own - opponent),
            opponent_pace_10,
            star_teammates_out: star_teammates_out(game, appearance),
        }
    }

    pub fn teams(&self) -> [TeamContext; 2] {
        let &Self { game, index, .. } = self;
        let mut draws = Draws::of(self.seed, "team context", &[game.fixture.key()]);
        let spread = draws.between(-24, 20);
        let total_2 = 2 * draws.between(210, 240) + draws.between(0, 1);
        [(0, spread), (1, -spread)].map(|(side, spread_2)| {
            let date = game.fixture.date;
            let outings = self.history.team(game.team(side));
            let date_of = |outing: &TeamOuting| outing.date;
            TeamContext {
                game: index,
                side,
                game_number: outings.len() as i64 + 1,
                days_rest: days_since(outings.last().map(date_of), date),
                games_7: within(outings, date_of, date, 7).len() as i64,
                games_14: within(outings, date_of, date, 14).len() as i64,
                streak: streak(outings),
                last_margin: outings.last().map(|outing| outing.margin),
                starters_out: absentees(game, 0, side, 5),
                spread_2,
                total_2,
            }
        })
    }
}

fn season_phase(game: &Game) -> &'static str {
    match game.fixture.date.month() {
        _ if game.fixture.kind.is_postseason() => "playoffs",
        10 | 11 => "early",
        12 | 1 => "mid",
        _ => "late",
    }
}

fn status(draws: &mut Draws, part: Part) -> Option<&'static str> {
    let weights = if part == Part::Injured { [5, 5, 20, 30, 40, 0] } else { [700, 60, 70, 15, 5, 150] };
    let reports = [Some("available"), Some("probable"), Some("questionable"), Some("doubtful"), Some("out"), None];
    reports[draws.weighted(&weights)]
}

fn back_to_backs(outings: &[Outing]) -> i64 {
    outings.windows(2).filter(|pair| (pair[1].date - pair[0].date).num_days() == 1).count() as i64
}

/// The best three of the team, himself excepted.
fn star_teammates_out(game: &Game, of: &Appearance) -> i64 {
    const STARS: usize = 3;
    let is_out_himself = of.rank < STARS && of.part == Part::Injured;
    absentees(game, of.copy, of.side, STARS) - i64::from(is_out_himself)
}

/// Injured players among the best of a side.
fn absentees(game: &Game, copy: usize, side: usize, best: usize) -> i64 {
    let is_absent = |other: &&Appearance| {
        other.copy == copy && other.side == side && other.rank < best && other.part == Part::Injured
    };
    game.appearances.iter().filter(is_absent).count() as i64
}

fn streak(outings: &[TeamOuting]) -> i64 {
    let Some(won) = outings.last().map(|outing| outing.margin > 0) else { return 0 };
    let length = outings.iter().rev().take_while(|outing| (outing.margin > 0) == won).count() as i64;
    if won { length } else { -length }
}
