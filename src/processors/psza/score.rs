//! The formulas of `player_shot_zone_analysis` §3 and the hash text of §5, as pure functions.

use crate::numerics::hash::HashText;
use crate::numerics::rounding::round_scaled_half_even;

/// Games in the window; a player with fewer gets no row (§3).
pub const GAMES_NEEDED: i64 = 10;

/// Sums over a player's last 10 and 20 qualifying games; NULL counts as 0. Zones are in the order
/// paint, mid-range, three-point.
#[derive(Debug, Clone, Default)]
pub struct ShotWindow {
    pub attempts_10: [i64; 3],
    pub makes_10: [i64; 3],
    pub fg_makes_10: i64,
    pub assisted_10: i64,
    pub unassisted_10: i64,
    pub attempts_20: [i64; 3],
    pub paint_makes_20: i64,
    /// Qualifying games of the season so far, 20 at most.
    pub games_20: i64,
}

/// The computed part of a row: rates in percent, pcts as fractions, all rounded.
#[derive(Debug, Clone, PartialEq)]
pub struct ZoneScore {
    pub rates_10: [Option<f64>; 3],
    pub pcts_10: [Option<f64>; 3],
    pub attempts_per_game: [f64; 3],
    pub total_shots: Option<i64>,
    pub assisted_rate: Option<f64>,
    pub unassisted_rate: Option<f64>,
    pub paint_rate_20: Option<f64>,
    pub paint_pct_20: Option<f64>,
    pub games_20: i64,
}

/// Games that values of the longer window need (§3.3).
pub const TREND_GAMES: i64 = 15;

impl ZoneScore {
    pub fn of(window: &ShotWindow) -> Self {
        let shots: i64 = window.attempts_10.iter().sum();
        let shots_20: i64 = window.attempts_20.iter().sum();
        let fg_makes = if shots > 0 { window.fg_makes_10 } else { 0 };
        let has_trend = window.games_20 >= TREND_GAMES;
        let zone = |zone: usize| pct(window.makes_10[zone], window.attempts_10[zone]);
        Self {
            rates_10: window.attempts_10.map(|attempts| rate(attempts, shots)),
            pcts_10: [zone(0), zone(1), zone(2)],
            attempts_per_game: window
                .attempts_10
                .map(|attempts| round_scaled_half_even(attempts as f64 / GAMES_NEEDED as f64, 1)),
            total_shots: (shots > 0).then_some(shots),
            assisted_rate: rate(window.assisted_10, fg_makes),
            unassisted_rate: rate(window.unassisted_10, fg_makes),
            paint_rate_20: if has_trend { rate(window.attempts_20[0], shots_20) } else { None },
            paint_pct_20: if has_trend { pct(window.paint_makes_20, window.attempts_20[0]) } else { None },
            games_20: window.games_20,
        }
    }

    /// §3.4: tested in this order on the rounded rates.
    pub fn primary_zone(&self) -> Option<&'static str> {
        let [paint, mid_range, three_pt] = self.rates_10.map(|rate| rate.unwrap_or(0.0));
        if paint == 0.0 && mid_range == 0.0 && three_pt == 0.0 {
            None
        } else if paint >= 40.0 {
            Some("paint")
        } else if three_pt >= 40.0 {
            Some("perimeter")
        } else if mid_range >= 35.0 {
            Some("mid_range")
        } else {
            Some("balanced")
        }
    }

    /// §3.3: `good` needs 14 games, the 20-game values 15.
    pub fn sample_quality_20(&self) -> &'static str {
        match self.games_20 {
            20.. => "excellent",
            14..20 => "good",
            _ => "limited",
        }
    }

    /// §5.1 without its first field, `analysis_date`.
    pub fn hash_text(&self, player: &str, universal_id: Option<&str>) -> String {
        let mut text = HashText::default();
        text.opt_f64("assisted_rate_last_10", self.assisted_rate);
        text.null("calculation_notes");
        text.str("data_quality_tier", "high");
        text.int("games_in_sample_10", GAMES_NEEDED);
        text.int("games_in_sample_20", self.games_20);
        text.f64("mid_range_attempts_per_game", self.attempts_per_game[1]);
        text.opt_f64("mid_range_pct_last_10", self.pcts_10[1]);
        text.opt_f64("mid_range_rate_last_10", self.rates_10[1]);
        text.f64("paint_attempts_per_game", self.attempts_per_game[0]);
        text.opt_f64("paint_pct_last_10", self.pcts_10[0]);
        text.opt_f64("paint_pct_last_20", self.paint_pct_20);
        text.opt_f64("paint_rate_last_10", self.rates_10[0]);
        text.opt_f64("paint_rate_last_20", self.paint_rate_20);
        text.str("player_lookup", player);
        text.null("player_position");
        text.opt_str("primary_scoring_zone", self.primary_zone());
        text.str("sample_quality_10", "excellent");
        text.str("sample_quality_20", self.sample_quality_20());
        text.f64("three_pt_attempts_per_game", self.attempts_per_game[2]);
        text.opt_f64("three_pt_pct_last_10", self.pcts_10[2]);
        text.opt_f64("three_pt_rate_last_10", self.rates_10[2]);
        text.opt_int("total_shots_last_10", self.total_shots);
        text.opt_f64("unassisted_rate_last_10", self.unassisted_rate);
        text.opt_str("universal_player_id", universal_id);
        text.as_str().to_owned()
    }
}

/// Percent with two decimals: divide first, then multiply. A sum below 0 counts as none (§3.2).
fn rate(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| round_scaled_half_even(part as f64 / whole as f64 * 100.0, 2))
}

/// Fraction with three decimals; not capped at 1 (§3.2).
fn pct(makes: i64, attempts: i64) -> Option<f64> {
    (attempts > 0).then(|| round_scaled_half_even(makes as f64 / attempts as f64, 3))
}

#[cfg(test)]
mod tests;
