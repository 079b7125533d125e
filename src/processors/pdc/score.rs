//! The formulas of `player_daily_cache` §3 and the hash text of §5, as pure functions.

use std::fmt::Write;

use chrono::{Datelike, NaiveDate};

use super::completeness::Completeness;
use super::spans::GAMES_NEEDED;
use crate::numerics::hash::sha256_hex;
use crate::numerics::rounding::{divide_half_away, numeric_mean, round_correct_half_even};
use crate::numerics::text::{push_f64, push_json_string};
use crate::processors::failures;

/// Games from which on a row is not of the early season (§3.7).
pub const GAMES_WANTED: i64 = 10;

pub const CACHE_VERSION: &str = "v1";

/// Exact sum and number of the values that are not NULL; decimals are scaled. Sixty-four bits hold every sum of values that
/// the engine lets through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    pub total: i64,
    pub count: i64,
}

impl Sum {
    pub fn add(&mut self, value: Option<i64>) {
        self.total += value.unwrap_or(0);
        self.count += i64::from(value.is_some());
    }

    pub fn take_away(&mut self, value: Option<i64>) {
        self.total -= value.unwrap_or(0);
        self.count -= i64::from(value.is_some());
    }

    /// §3.0: the sum rounded once to double, then one division; NaN without any value.
    fn mean(self, digits: i32) -> f64 {
        self.total as f64 / 10_f64.powi(digits) / self.count as f64
    }
}

/// Sums over a player's game list (§2.4); minutes in tenths, usage in hundredths, true shooting in thousandths.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GameSums {
    /// Games in the list.
    pub games: i64,
    pub points_5: Sum,
    pub points_10: Sum,
    /// Of the squares of the points of the last ten.
    pub points_squared_10: i64,
    pub points_season: Sum,
    pub minutes_10: Sum,
    pub usage_10: Sum,
    pub ts_10: Sum,
    pub usage_season: Sum,
    /// NULL counts as 0.
    pub fg_makes_10: i64,
    pub assisted_10: i64,
}

/// Sums over a team's list (§2.5); pace in tenths, rating in hundredths.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TeamSums {
    pub pace: Sum,
    pub rating: Sum,
}

/// A player's rows of the 7 and 14 days before a date, for the synthetic context (§2.3).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RecentRows {
    pub games_7: i64,
    pub games_14: i64,
    /// In tenths.
    pub minutes_7: Sum,
    pub minutes_14: Sum,
}

/// A player's context row; `None` is NULL.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PlayerContext {
    pub games_7: Option<i64>,
    pub games_14: Option<i64>,
    pub minutes_7: Option<i64>,
    pub minutes_14: Option<i64>,
    pub back_to_backs_14: Option<i64>,
    /// A decimal as the nearest double.
    pub avg_minutes_7: Option<f64>,
    pub fourth_quarter_minutes_7: Option<i64>,
    pub player_age: Option<i64>,
}

impl PlayerContext {
    /// §2.3, field by field. `combinations`: distinct rows of the player on the date itself.
    pub fn synthetic(recent: &RecentRows, combinations: i64) -> Self {
        let minutes = |sum: Sum| {
            let whole = divide_half_away(i128::from(combinations) * i128::from(sum.total), 10);
            Some(i64::try_from(whole).unwrap_or(i64::MAX))
        };
        let has_games = recent.games_7 > 0;
        Self {
            games_7: Some(combinations * recent.games_7),
            games_14: Some(combinations * recent.games_14),
            minutes_7: minutes(recent.minutes_7),
            minutes_14: minutes(recent.minutes_14),
            back_to_backs_14: Some(0),
            avg_minutes_7: Some(if has_games { numeric_mean(recent.minutes_7.total, 1, recent.games_7) } else { 0.0 }),
            fourth_quarter_minutes_7: None,
            player_age: None,
        }
    }
}

/// The player's PSZA row: stored values, rates in percent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ShotZones<'a> {
    pub primary_zone: Option<&'a str>,
    pub paint_rate: Option<f64>,
    pub three_pt_rate: Option<f64>,
}

/// Everything a row is computed from.
#[derive(Debug, Clone, Default)]
pub struct CacheInputs<'a> {
    pub games: GameSums,
    /// `None` for a team without any game.
    pub team: Option<TeamSums>,
    pub context: PlayerContext,
    /// `None` without a row of PSZA.
    pub zones: Option<ShotZones<'a>>,
    pub completeness: Completeness,
}

/// Why a player gets no row (§6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRow {
    TooFewGames(i64),
    NoPoints,
}

impl NoRow {
    pub fn category(self) -> &'static str {
        match self {
            Self::TooFewGames(_) => failures::INSUFFICIENT_DATA,
            Self::NoPoints => "PROCESSING_ERROR",
        }
    }

    pub fn reason(self) -> String {
        match self {
            Self::TooFewGames(games) => format!("Only {games} games played, need {GAMES_NEEDED} minimum"),
            // The reference's own text.
            Self::NoPoints => "float() argument must be a string or a real number, not 'NAType'".to_owned(),
        }
    }

    pub fn can_retry(self) -> bool {
        matches!(self, Self::TooFewGames(_))
    }
}

/// The computed part of a row, before values are fitted to their columns: `None` is NULL, which is not NaN (§5).
#[derive(Debug, Clone, PartialEq)]
pub struct Cache<'a> {
    pub points_avg_last_5: f64,
    pub points_avg_last_10: f64,
    pub points_avg_season: f64,
    pub points_std_last_10: f64,
    pub minutes_avg_last_10: f64,
    pub usage_rate_last_10: f64,
    pub ts_pct_last_10: f64,
    pub games_played_season: i64,
    pub team_pace_last_10: Option<f64>,
    pub team_off_rating_last_10: Option<f64>,
    pub player_usage_rate_season: f64,
    pub avg_minutes_per_game_last_7: Option<f64>,
    /// A fraction, while PSZA's column of that name is a percentage.
    pub assisted_rate_last_10: Option<f64>,
    pub context: PlayerContext,
    pub zones: Option<ShotZones<'a>>,
    pub completeness: Completeness,
}

impl<'a> Cache<'a> {
    /// # Errors
    /// By §6, in its order.
    pub fn of(inputs: &CacheInputs<'a>) -> Result<Self, NoRow> {
        let games = &inputs.games;
        if games.games < GAMES_NEEDED {
            return Err(NoRow::TooFewGames(games.games));
        }
        if games.points_5.count == 0 || games.points_10.count < 2 {
            return Err(NoRow::NoPoints);
        }
        let mean = |sum: Sum, digits: i32| round_4(sum.mean(digits));
        Ok(Self {
            points_avg_last_5: mean(games.points_5, 0),
            points_avg_last_10: mean(games.points_10, 0),
            points_avg_season: mean(games.points_season, 0),
            points_std_last_10: round_4(standard_deviation(games.points_10, games.points_squared_10)),
            minutes_avg_last_10: mean(games.minutes_10, 1),
            usage_rate_last_10: mean(games.usage_10, 2),
            ts_pct_last_10: mean(games.ts_10, 3),
            games_played_season: games.games,
            team_pace_last_10: inputs.team.map(|team| mean(team.pace, 1)),
            team_off_rating_last_10: inputs.team.map(|team| mean(team.rating, 2)),
            player_usage_rate_season: mean(games.usage_season, 2),
            avg_minutes_per_game_last_7: inputs.context.avg_minutes_7.map(round_4),
            assisted_rate_last_10: assisted_rate(games),
            context: inputs.context,
            zones: inputs.zones,
            completeness: inputs.completeness,
        })
    }

    /// §5: SHA-256 of one JSON object whose keys are in the order of their code points, over the values before storing.
    pub fn data_hash(&self, key: &HashedKey<'_>, text: &mut String) -> String {
        let mut json = Json::begin(text);
        let context = &self.context;
        json.f64("assisted_rate_last_10", self.assisted_rate_last_10);
        json.f64("avg_minutes_per_game_last_7", self.avg_minutes_per_game_last_7);
        json.int("back_to_backs_last_14_days", context.back_to_backs_14);
        json.date("cache_date", key.date);
        json.f64("cache_quality_score", Some(self.completeness.quality_score()));
        json.str("cache_version", Some(CACHE_VERSION));
        json.int("fourth_quarter_minutes_last_7", context.fourth_quarter_minutes_7);
        json.int("games_in_last_14_days", context.games_14);
        json.int("games_in_last_7_days", context.games_7);
        json.int("games_played_season", Some(self.games_played_season));
        json.f64("minutes_avg_last_10", Some(self.minutes_avg_last_10));
        json.int("minutes_in_last_14_days", context.minutes_14);
        json.int("minutes_in_last_7_days", context.minutes_7);
        json.f64("paint_rate_last_10", self.zones.and_then(|zones| zones.paint_rate));
        json.int("player_age", context.player_age);
        json.str("player_lookup", Some(key.player));
        json.f64("player_usage_rate_season", Some(self.player_usage_rate_season));
        json.f64("points_avg_last_10", Some(self.points_avg_last_10));
        json.f64("points_avg_last_5", Some(self.points_avg_last_5));
        json.f64("points_avg_season", Some(self.points_avg_season));
        json.f64("points_std_last_10", Some(self.points_std_last_10));
        json.str("primary_scoring_zone", self.zones.and_then(|zones| zones.primary_zone));
        json.f64("team_off_rating_last_10", self.team_off_rating_last_10);
        json.f64("team_pace_last_10", self.team_pace_last_10);
        json.f64("three_pt_rate_last_10", self.zones.and_then(|zones| zones.three_pt_rate));
        json.f64("ts_pct_last_10", Some(self.ts_pct_last_10));
        json.str("universal_player_id", key.universal_id);
        json.f64("usage_rate_last_10", Some(self.usage_rate_last_10));
        sha256_hex(json.end().as_bytes())
    }
}

/// What the hash holds besides the computed values.
#[derive(Debug, Clone, Copy)]
pub struct HashedKey<'a> {
    pub date: NaiveDate,
    pub player: &'a str,
    pub universal_id: Option<&'a str>,
}

/// §3.7, by `games_played_season`.
pub fn early_season_flag(games: i64) -> bool {
    games < GAMES_WANTED
}

/// §3.7, by `games_played_season`.
pub fn insufficient_data_reason(games: i64) -> Option<String> {
    early_season_flag(games).then(|| format!("Only {games} games played, need {GAMES_WANTED} minimum"))
}

/// §3.7: the flag goes by the month alone.
pub fn is_season_boundary(date: NaiveDate) -> bool {
    matches!(date.month(), 10 | 11 | 4)
}

/// R4 of §3.0; NaN stays NaN.
fn round_4(value: f64) -> f64 {
    if value.is_nan() { value } else { round_correct_half_even(value, 4) }
}

/// §3.1: divisor one less than the number of values, of which there are two at least.
fn standard_deviation(points: Sum, squares: i64) -> f64 {
    let [count, total, squares] = [points.count, points.total, squares].map(i128::from);
    let spread = count * squares - total * total;
    (spread as f64 / (count * (count - 1)) as f64).sqrt()
}

/// §3.5: NULL assists count as 0.
fn assisted_rate(games: &GameSums) -> Option<f64> {
    (games.fg_makes_10 > 0).then(|| round_correct_half_even(games.assisted_10 as f64 / games.fg_makes_10 as f64, 9))
}

/// One JSON object, members joined by a comma and a space (§5.1).
struct Json<'t> {
    text: &'t mut String,
}

impl<'t> Json<'t> {
    fn begin(text: &'t mut String) -> Self {
        text.clear();
        text.push('{');
        Self { text }
    }

    fn key(&mut self, key: &str) -> &mut String {
        if self.text.len() > 1 {
            self.text.push_str(", ");
        }
        self.text.push('"');
        self.text.push_str(key);
        self.text.push_str("\": ");
        self.text
    }

    fn int(&mut self, key: &str, value: Option<i64>) {
        let text = self.key(key);
        match value {
            Some(value) => text.push_str(itoa::Buffer::new().format(value)),
            None => text.push_str("null"),
        }
    }

    fn f64(&mut self, key: &str, value: Option<f64>) {
        let text = self.key(key);
        match value {
            Some(value) if value.is_nan() => text.push_str("NaN"),
            Some(value) => push_f64(text, value),
            None => text.push_str("null"),
        }
    }

    fn str(&mut self, key: &str, value: Option<&str>) {
        let text = self.key(key);
        match value {
            Some(value) => push_json_string(text, value),
            None => text.push_str("null"),
        }
    }

    fn date(&mut self, key: &str, value: NaiveDate) {
        write!(self.key(key), "\"{value}\"").expect("writing to a string");
    }

    fn end(self) -> &'t str {
        self.text.push('}');
        self.text
    }
}

#[cfg(test)]
mod tests;
