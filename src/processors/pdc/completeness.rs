//! How complete a player's windows are (`player_daily_cache` §3.6).

use super::spans::{WINDOWS_OF_DAYS, WINDOWS_OF_GAMES};
use crate::numerics::rounding::round_correct_half_even;
use crate::processors::explained::Steps;
use crate::processors::quality;

/// §3.6: from this unrounded percentage on a window is complete.
pub const COMPLETE_PCT: f64 = 70.0;

/// Games of a window, by the schedule, by PGS, and those of which raw box scores say that the player did not play.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    pub expected: i64,
    pub actual: i64,
    pub did_not_play: i64,
}

impl Window {
    fn needed(self) -> i64 {
        (self.expected - self.did_not_play).max(0)
    }

    /// Not capped: "actual" of the windows of games are all games of the season (Q2).
    fn pct(self) -> f64 {
        match self.needed() {
            0 => 100.0,
            needed => self.actual as f64 / needed as f64 * 100.0,
        }
    }

    pub fn rounded_pct(self) -> f64 {
        round_correct_half_even(self.pct(), 1)
    }

    pub fn is_complete(self) -> bool {
        self.pct() >= COMPLETE_PCT
    }
}

/// The windows of 5 and 10 games, of 7 and 14 days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Completeness(pub [Window; 4]);

impl Completeness {
    /// By the counts of each window, in the order of the windows.
    pub fn new(expected: [i64; 4], actual: [i64; 4], did_not_play: [i64; 4]) -> Self {
        let window = |index: usize| Window {
            expected: expected[index],
            actual: actual[index],
            did_not_play: did_not_play[index],
        };
        Self([0, 1, 2, 3].map(window))
    }

    /// The windows one by one, with the team by whose schedule games are expected.
    pub fn steps(&self, team: Option<&str>) -> Steps {
        let all = || self.0.iter();
        let ([short, long], [week, fortnight]) = (WINDOWS_OF_GAMES, WINDOWS_OF_DAYS);
        let names = [format!("l{short}"), format!("l{long}"), format!("l{week}d"), format!("l{fortnight}d")];
        let capped = |window: &Window| (window.needed() > 0).then(|| window.rounded_pct().min(100.0));
        Steps::default()
            .text("window", names.map(Some))
            .text("team_of_last_game", [team; 4])
            .int("expected", all().map(|window| Some(window.expected)))
            .int("did_not_play", all().map(|window| Some(window.did_not_play)))
            .int("actual", all().map(|window| Some(window.actual)))
            .f64("pct", all().map(|window| Some(window.rounded_pct())))
            .bool("is_complete", all().map(|window| Some(window.is_complete())))
            .f64("capped_pct", all().map(capped))
    }

    /// The window that the columns without a window's name tell.
    pub fn five_games(&self) -> Window {
        self.0[0]
    }

    pub fn missing_games(&self) -> i64 {
        (self.five_games().needed() - self.five_games().actual).max(0)
    }

    /// `cache_quality_score`, which the hash holds too.
    pub fn quality_score(&self) -> f64 {
        self.five_games().rounded_pct()
    }

    pub fn quality_tier(&self) -> &'static str {
        quality::tier(self.quality_score())
    }

    pub fn all_complete(&self) -> bool {
        self.0.iter().all(|window| window.is_complete())
    }
}
