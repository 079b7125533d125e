//! The features of `ml_feature_store` §3, quality (§4) and hash (§6), as pure functions.

use chrono::NaiveDate;

use crate::numerics::hash::HashText;
use crate::numerics::rounding::{round_correct_half_even, round_scaled_half_even};

/// Names of the features, in order (§3).
pub const FEATURE_NAMES: [&str; 33] = [
    "points_avg_last_5",
    "points_avg_last_10",
    "points_avg_season",
    "points_std_last_10",
    "games_in_last_7_days",
    "fatigue_score",
    "shot_zone_mismatch_score",
    "pace_score",
    "usage_spike_score",
    "rest_advantage",
    "injury_risk",
    "recent_trend",
    "minutes_change",
    "opponent_def_rating",
    "opponent_pace",
    "home_away",
    "back_to_back",
    "playoff_game",
    "pct_paint",
    "pct_mid_range",
    "pct_three",
    "pct_free_throw",
    "team_pace",
    "team_off_rating",
    "team_win_pct",
    "vegas_points_line",
    "vegas_opening_line",
    "vegas_line_move",
    "has_vegas_line",
    "avg_points_vs_opponent",
    "games_vs_opponent",
    "minutes_avg_last_10",
    "ppm_avg_last_10",
];

pub const FEATURE_VERSION: &str = "v2_33features";

/// One game of read F; `None` is NULL.
#[derive(Debug, Clone, Copy, Default)]
pub struct RecentGame {
    pub points: Option<i64>,
    /// In tenths, as the column has one decimal.
    pub minutes_10: Option<i64>,
    pub ft_makes: Option<i64>,
}

/// Read G: means of the season before the date. A mean of points without any points is NaN (§2.1).
#[derive(Debug, Clone, Copy)]
pub struct SeasonMeans {
    pub points: f64,
    pub minutes: Option<f64>,
}

/// The PDC row of the date.
#[derive(Debug, Clone, Copy, Default)]
pub struct DailyCache {
    pub points_avg_last_5: Option<f64>,
    pub points_avg_last_10: Option<f64>,
    pub points_avg_season: Option<f64>,
    pub points_std_last_10: Option<f64>,
    pub minutes_avg_last_10: Option<f64>,
    pub team_pace_last_10: Option<f64>,
    pub team_off_rating_last_10: Option<f64>,
    pub games_in_last_7_days: Option<i64>,
    pub paint_rate_last_10: Option<f64>,
    pub three_pt_rate_last_10: Option<f64>,
}

/// The PCF row of the date.
#[derive(Debug, Clone, Copy, Default)]
pub struct Factors {
    pub fatigue: Option<f64>,
    pub shot_zone_mismatch: Option<f64>,
    pub pace: Option<f64>,
    pub usage_spike: Option<f64>,
}

/// The PSZA row of the date: rates in percent, paint, mid-range, three-point.
#[derive(Debug, Clone, Copy, Default)]
pub struct ZoneRates(pub [Option<f64>; 3]);

/// The TDZA row of the opponent.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpponentDefense {
    pub rating: Option<f64>,
    pub pace: Option<f64>,
}

/// The UPCG row of the date.
#[derive(Debug, Clone, Copy, Default)]
pub struct GameContext<'a> {
    pub home_game: Option<bool>,
    pub back_to_back: Option<bool>,
    pub season_phase: Option<&'a str>,
    pub player_status: Option<&'a str>,
    pub days_rest: Option<i64>,
    pub opponent_days_rest: Option<i64>,
}

/// Read H: means of the active over lines; without any opening line that mean is NaN.
#[derive(Debug, Clone, Copy)]
pub struct BettingLine {
    pub points: f64,
    pub opening: f64,
}

/// Read J: 30 days of games with minutes.
#[derive(Debug, Clone, Copy)]
pub struct MonthMeans {
    pub minutes: f64,
    pub points_per_minute: Option<f64>,
}

/// Read I: games against the opponent, and their mean points (NaN without any).
#[derive(Debug, Clone, Copy, Default)]
pub struct AgainstOpponent {
    pub games: i64,
    pub points: Option<f64>,
}

/// Everything a feature vector is computed from. Absent rows are `None`, defaults leave all absent.
#[derive(Debug, Clone, Default)]
pub struct Inputs<'a> {
    /// Read F, newest first: up to ten games in the 60 days before the date.
    pub recent: Vec<RecentGame>,
    pub season: Option<SeasonMeans>,
    pub cache: Option<DailyCache>,
    pub factors: Option<Factors>,
    pub zones: Option<ZoneRates>,
    pub defense: Option<OpponentDefense>,
    pub context: Option<GameContext<'a>>,
    pub line: Option<BettingLine>,
    /// Read I; `None` when the roster row names no opponent.
    pub against: Option<AgainstOpponent>,
    pub month: Option<MonthMeans>,
}

/// Where the value of a feature with fallbacks came from (§3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    Phase4,
    Phase3,
    Default,
}

/// A feature vector before NaN is replaced, and its quality.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureVector {
    pub values: [f64; 33],
    pub quality_score: f64,
}

/// §3.4: a PDC row without season mean leaves nothing to convert where the fallback line is taken; the player
/// fails with the reference's own text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoFallbackLine;

impl NoFallbackLine {
    pub const REASON: &'static str = "float() argument must be a string or a real number, not 'NoneType'";
}

/// Counts labels of the 19 features that have a choice.
#[derive(Default)]
struct Labels {
    phase4: u32,
    phase3: u32,
    default: u32,
}

impl Labels {
    /// Rule FB: Phase 4, else Phase 3, else the default. NaN is not missing.
    fn fall_back(&mut self, phase4: Option<f64>, phase3: Option<f64>, default: f64) -> f64 {
        let (value, label) = match (phase4, phase3) {
            (Some(value), _) => (value, Label::Phase4),
            (None, Some(value)) => (value, Label::Phase3),
            (None, None) => (default, Label::Default),
        };
        self.count(label);
        value
    }

    fn count(&mut self, label: Label) {
        match label {
            Label::Phase4 => self.phase4 += 1,
            Label::Phase3 => self.phase3 += 1,
            Label::Default => self.default += 1,
        }
    }

    /// §4.2: six calculated features at 100 and eight at 40 make the constant 920.
    fn quality_score(&self) -> f64 {
        let sum = 920 + 100 * self.phase4 + 75 * self.phase3 + 40 * self.default;
        round_scaled_half_even(f64::from(sum) / 33.0, 2)
    }
}

impl FeatureVector {
    /// # Errors
    /// [`NoFallbackLine`], which fails the player.
    pub fn of(inputs: &Inputs<'_>) -> Result<Self, NoFallbackLine> {
        let mut values = [0.0; 33];
        let mut labels = Labels::default();
        performance(inputs, &mut labels, &mut values);
        calculated(inputs, &mut values);
        matchup(inputs, &mut labels, &mut values);
        shot_zones(inputs, &mut labels, &mut values);
        vegas(inputs, &mut values)?;
        opponent_history(inputs, &mut values)?;
        values[31] = inputs.month.map_or(28.0, |month| month.minutes);
        values[32] = inputs.month.and_then(|month| month.points_per_minute).unwrap_or(0.4);
        Ok(Self { values, quality_score: labels.quality_score() })
    }

    /// §8.2: NaN becomes 0.0 in the stored array.
    pub fn stored(&self) -> [f64; 33] {
        self.values.map(|value| if value.is_finite() { value } else { 0.0 })
    }

    /// §4.3.
    pub fn quality_tier(&self) -> &'static str {
        match self.quality_score {
            95.0.. => "gold",
            75.0..95.0 => "silver",
            50.0..75.0 => "bronze",
            25.0..50.0 => "poor",
            _ => "unusable",
        }
    }
}

/// Features 0 to 8.
fn performance(inputs: &Inputs<'_>, labels: &mut Labels, values: &mut [f64; 33]) {
    let cache = inputs.cache.unwrap_or_default();
    let factors = inputs.factors.unwrap_or_default();
    let games = inputs.recent.len();
    let last_5 = (games >= 5).then(|| points(&inputs.recent[..5]) as f64 / 5.0);
    let last_10 = (games >= 1).then(|| points(&inputs.recent) as f64 / games as f64);
    values[0] = labels.fall_back(cache.points_avg_last_5, last_5, 10.0);
    values[1] = labels.fall_back(cache.points_avg_last_10, last_10, 10.0);
    values[2] = labels.fall_back(cache.points_avg_season, inputs.season.map(|season| season.points), 10.0);
    values[3] = labels.fall_back(cache.points_std_last_10, None, 5.0);
    values[4] = labels.fall_back(cache.games_in_last_7_days.map(|games| games as f64), None, 3.0);
    values[5] = labels.fall_back(factors.fatigue, None, 50.0);
    values[6] = labels.fall_back(factors.shot_zone_mismatch, None, 0.0);
    values[7] = labels.fall_back(factors.pace, None, 0.0);
    values[8] = labels.fall_back(factors.usage_spike, None, 0.0);
}

/// Features 9 to 12, 21 and 24 (§3.3).
fn calculated(inputs: &Inputs<'_>, values: &mut [f64; 33]) {
    let context = inputs.context.unwrap_or_default();
    values[9] = rest_advantage(context.days_rest, context.opponent_days_rest);
    values[10] = injury_risk(context.player_status);
    values[11] = recent_trend(&inputs.recent);
    values[12] = minutes_change(inputs);
    values[21] = pct_free_throw(&inputs.recent);
    // The list of team games is never loaded: always the default.
    values[24] = 0.5;
}

/// Features 13 to 17, 22 and 23.
fn matchup(inputs: &Inputs<'_>, labels: &mut Labels, values: &mut [f64; 33]) {
    let defense = inputs.defense.unwrap_or_default();
    let context = inputs.context.unwrap_or_default();
    let cache = inputs.cache.unwrap_or_default();
    let is_playoff = context.season_phase.is_some_and(|phase| phase.to_lowercase() == "playoffs");
    values[13] = labels.fall_back(defense.rating, None, 112.0);
    values[14] = labels.fall_back(defense.pace, None, 100.0);
    values[15] = flag(context.home_game == Some(true));
    values[16] = flag(context.back_to_back == Some(true));
    values[17] = flag(is_playoff);
    for _ in 15..=17 {
        labels.count(Label::Phase3);
    }
    values[22] = labels.fall_back(cache.team_pace_last_10, None, 100.0);
    values[23] = labels.fall_back(cache.team_off_rating_last_10, None, 112.0);
}

/// Features 18 to 20. A PSZA row hides PDC's rates even where its own are NULL (§2.5).
fn shot_zones(inputs: &Inputs<'_>, labels: &mut Labels, values: &mut [f64; 33]) {
    let cache = inputs.cache.unwrap_or_default();
    let [paint, mid_range, three_pt] = match inputs.zones {
        Some(ZoneRates(rates)) => rates,
        None => [cache.paint_rate_last_10, None, cache.three_pt_rate_last_10],
    };
    values[18] = labels.fall_back(paint, None, 30.0) / 100.0;
    values[19] = labels.fall_back(mid_range, None, 20.0) / 100.0;
    values[20] = labels.fall_back(three_pt, None, 35.0) / 100.0;
}

/// Features 25 to 28 (§3.4).
fn vegas(inputs: &Inputs<'_>, values: &mut [f64; 33]) -> Result<(), NoFallbackLine> {
    if let Some(line) = inputs.line {
        values[25] = line.points;
        values[26] = line.opening;
        values[27] = line.points - if line.opening == 0.0 { line.points } else { line.opening };
        values[28] = 1.0;
        return Ok(());
    }
    let fallback = fallback_line(inputs)?;
    values[25] = fallback;
    values[26] = fallback;
    Ok(())
}

/// Features 29 and 30 (§3.5): without an opponent the fallback line and no games.
fn opponent_history(inputs: &Inputs<'_>, values: &mut [f64; 33]) -> Result<(), NoFallbackLine> {
    (values[29], values[30]) = match inputs.against {
        Some(AgainstOpponent { games, points }) => (points.unwrap_or(f64::NAN), games as f64),
        None => (fallback_line(inputs)?, 0.0),
    };
    Ok(())
}

/// §3.4: L.
fn fallback_line(inputs: &Inputs<'_>) -> Result<f64, NoFallbackLine> {
    match (&inputs.cache, &inputs.season) {
        (Some(cache), _) => cache.points_avg_season.ok_or(NoFallbackLine),
        (None, Some(season)) => Ok(season.points),
        (None, None) => Ok(15.0),
    }
}

fn flag(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

/// NULL points count as 0.
fn points(games: &[RecentGame]) -> i64 {
    games.iter().map(|game| game.points.unwrap_or(0)).sum()
}

fn rest_advantage(own: Option<i64>, opponent: Option<i64>) -> f64 {
    match (own, opponent) {
        (Some(own), Some(opponent)) => (own - opponent).clamp(-2, 2) as f64,
        _ => 0.0,
    }
}

fn injury_risk(status: Option<&str>) -> f64 {
    match status.map(str::to_lowercase).as_deref() {
        Some("probable") => 1.0,
        Some("questionable") => 2.0,
        Some("doubtful" | "out") => 3.0,
        _ => 0.0,
    }
}

/// Older minus newer: an improving player gets a negative number, as in the reference.
fn recent_trend(recent: &[RecentGame]) -> f64 {
    if recent.len() < 5 {
        return 0.0;
    }
    let newer = points(&recent[..3]) as f64 / 3.0;
    let older = points(&recent[3..5]) as f64 / 2.0;
    step(older - newer, 2.0, 5.0)
}

/// §3.3, 12: boundaries follow binary doubles exactly.
fn minutes_change(inputs: &Inputs<'_>) -> f64 {
    let cached = inputs.cache.and_then(|cache| cache.minutes_avg_last_10);
    let games = inputs.recent.len();
    let recent = cached.unwrap_or_else(|| {
        // The reference divides decimals and converts the quotient: one rounding.
        let tenths: i64 = inputs.recent.iter().map(|game| game.minutes_10.unwrap_or(0)).sum();
        if games == 0 { 0.0 } else { tenths as f64 / (10 * games) as f64 }
    });
    let season = inputs.season.and_then(|season| season.minutes).unwrap_or(0.0);
    if recent == 0.0 || season == 0.0 {
        return 0.0;
    }
    step((recent - season) / season, 0.10, 0.20)
}

/// 0, ±1 from `small` on, ±2 from `large` on.
fn step(value: f64, small: f64, large: f64) -> f64 {
    if value >= large {
        2.0
    } else if value >= small {
        1.0
    } else if value <= -large {
        -2.0
    } else if value <= -small {
        -1.0
    } else {
        0.0
    }
}

fn pct_free_throw(recent: &[RecentGame]) -> f64 {
    let total = points(recent);
    if recent.len() < 5 || total == 0 {
        return 0.15;
    }
    let makes: i64 = recent.iter().map(|game| game.ft_makes.unwrap_or(0)).sum();
    // Adding 0.0 turns -0.0 into 0.0, as the reference's clamp does.
    round_correct_half_even((makes as f64 / total as f64).clamp(0.0, 0.5) + 0.0, 9)
}

/// What the hash covers besides the features.
#[derive(Debug, Clone)]
pub struct HashedRow<'a> {
    pub date: NaiveDate,
    pub game_id: &'a str,
    pub player: &'a str,
    pub universal_id: Option<&'a str>,
    pub opponent: Option<&'a str>,
    pub is_home: bool,
    pub days_rest: Option<i64>,
}

impl HashedRow<'_> {
    /// §6.1: taken before NaN is replaced.
    pub fn data_hash(&self, vector: &FeatureVector, text: &mut HashText) -> String {
        text.clear();
        text.str("data_source", super::DATA_SOURCE);
        text.opt_int("days_rest", self.days_rest);
        text.bool("early_season_flag", false);
        text.int("feature_count", 33);
        text.str("feature_names", super::feature_names_text());
        text.f64("feature_quality_score", vector.quality_score);
        text.str("feature_version", FEATURE_VERSION);
        text.f64_list("features", &vector.values);
        text.date("game_date", self.date);
        text.str("game_id", self.game_id);
        text.null("insufficient_data_reason");
        text.bool("is_home", self.is_home);
        text.opt_str("opponent_team_abbr", self.opponent);
        text.str("player_lookup", self.player);
        text.opt_str("universal_player_id", self.universal_id);
        text.data_hash()
    }
}

#[cfg(test)]
mod tests;
