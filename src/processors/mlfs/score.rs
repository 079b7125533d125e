//! The features of `ml_feature_store` §3, quality (§4) and hash (§6), as pure functions.

use std::sync::OnceLock;

use chrono::NaiveDate;

use crate::numerics::hash::HashText;
use crate::numerics::rounding::{round_correct_half_even, round_scaled_half_even};
use crate::processors::quality;

/// §4.3: no other value can occur.
pub const DATA_SOURCE: &str = "mixed";

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
pub struct FeatureInputs<'a> {
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

/// Where the value of a feature came from (§3.1, §4.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Label {
    #[default]
    Calculated,
    Phase4,
    Phase3,
    Default,
    /// Of features 25 to 28, a betting line.
    Vegas,
    OpponentHistory,
    /// Of features 31 and 32, games of 30 days.
    MinutesPpm,
    /// What stands in for a line, or for these games.
    Fallback,
}

impl Label {
    pub fn name(self) -> &'static str {
        match self {
            Self::Calculated => "calculated",
            Self::Phase4 => "phase4",
            Self::Phase3 => "phase3",
            Self::Default => "default",
            Self::Vegas => "vegas",
            Self::OpponentHistory => "opponent_history",
            Self::MinutesPpm => "minutes_ppm",
            Self::Fallback => "fallback",
        }
    }

    /// In the quality score (§4.1).
    pub fn weight(self) -> u32 {
        match self {
            Self::Calculated | Self::Phase4 => 100,
            Self::Phase3 => 75,
            Self::Default | Self::Vegas | Self::OpponentHistory | Self::MinutesPpm | Self::Fallback => 40,
        }
    }
}

impl Label {
    /// Whether the feature has Phase 4, Phase 3 or a default to take.
    fn is_choice(self) -> bool {
        matches!(self, Self::Phase4 | Self::Phase3 | Self::Default)
    }
}

/// The labels of a row of which nothing is known.
fn default_labels() -> [Label; 33] {
    FeatureVector::of(&FeatureInputs::default()).expect("without a row of PDC, the fallback line is a number").labels
}

/// What the features without a choice have in the quality score (§4.2).
pub fn fixed_weight() -> u32 {
    default_labels().iter().filter(|label| !label.is_choice()).map(|label| label.weight()).sum()
}

/// How many features have a choice.
pub fn features_with_choice() -> usize {
    default_labels().iter().filter(|label| label.is_choice()).count()
}

/// What features have of which nothing is known (§3.2 to §3.6), in percent for the shares of the zones; 0 where there is no default.
pub const DEFAULTS: [f64; 33] = [
    10.0, 10.0, 10.0, 5.0, 3.0, 50.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 112.0, 100.0, 0.0, 0.0, 0.0, 30.0, 20.0, 35.0,
    0.15, 100.0, 112.0, 0.5, 15.0, 15.0, 0.0, 0.0, 15.0, 0.0, 28.0, 0.4,
];

/// Recent games that a mean, a trend or a share needs.
pub const ENOUGH_GAMES: usize = 5;

/// A feature vector before NaN is replaced, and its quality.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureVector {
    pub values: [f64; 33],
    pub labels: [Label; 33],
    pub quality_score: f64,
}

/// §3.4: a PDC row without season mean leaves nothing to convert where the fallback line is taken; the player
/// fails with the reference's own text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoFallbackLine;

impl NoFallbackLine {
    pub const REASON: &'static str = "float() argument must be a string or a real number, not 'NoneType'";
}

/// Features while they are computed.
struct Features {
    values: [f64; 33],
    labels: [Label; 33],
}

impl Features {
    fn set(&mut self, feature: usize, value: f64, label: Label) {
        (self.values[feature], self.labels[feature]) = (value, label);
    }

    /// Rule FB: Phase 4, else Phase 3, else the default. NaN is not missing.
    fn fall_back(&mut self, feature: usize, phase4: Option<f64>, phase3: Option<f64>) {
        let (value, label) = match (phase4, phase3) {
            (Some(value), _) => (value, Label::Phase4),
            (None, Some(value)) => (value, Label::Phase3),
            (None, None) => (DEFAULTS[feature], Label::Default),
        };
        self.set(feature, value, label);
    }

    /// §4.2: the mean of the weights.
    fn quality_score(&self) -> f64 {
        let sum: u32 = self.labels.iter().map(|label| label.weight()).sum();
        round_scaled_half_even(f64::from(sum) / 33.0, 2)
    }
}

impl FeatureVector {
    /// # Errors
    /// [`NoFallbackLine`], which fails the player.
    pub fn of(inputs: &FeatureInputs<'_>) -> Result<Self, NoFallbackLine> {
        let mut features = Features { values: [0.0; 33], labels: [Label::Calculated; 33] };
        performance(inputs, &mut features);
        calculated(inputs, &mut features);
        matchup(inputs, &mut features);
        shot_zones(inputs, &mut features);
        vegas(inputs, &mut features)?;
        opponent_history(inputs, &mut features)?;
        minutes(inputs, &mut features);
        let quality_score = features.quality_score();
        let Features { values, labels } = features;
        Ok(Self { values, labels, quality_score })
    }

    /// §8.2: NaN becomes 0.0 in the stored array.
    pub fn stored(&self) -> [f64; 33] {
        self.values.map(|value| if value.is_finite() { value } else { 0.0 })
    }

    /// §4.3.
    pub fn quality_tier(&self) -> &'static str {
        quality::tier(self.quality_score)
    }
}

/// Features 0 to 8.
fn performance(inputs: &FeatureInputs<'_>, features: &mut Features) {
    let cache = inputs.cache.unwrap_or_default();
    let factors = inputs.factors.unwrap_or_default();
    let games = inputs.recent.len();
    let last_5 = (games >= ENOUGH_GAMES).then(|| points(&inputs.recent[..ENOUGH_GAMES]) as f64 / ENOUGH_GAMES as f64);
    let last_10 = (games >= 1).then(|| points(&inputs.recent) as f64 / games as f64);
    features.fall_back(0, cache.points_avg_last_5, last_5);
    features.fall_back(1, cache.points_avg_last_10, last_10);
    features.fall_back(2, cache.points_avg_season, inputs.season.map(|season| season.points));
    features.fall_back(3, cache.points_std_last_10, None);
    features.fall_back(4, cache.games_in_last_7_days.map(|games| games as f64), None);
    features.fall_back(5, factors.fatigue, None);
    features.fall_back(6, factors.shot_zone_mismatch, None);
    features.fall_back(7, factors.pace, None);
    features.fall_back(8, factors.usage_spike, None);
}

/// Features 9 to 12, 21 and 24 (§3.3).
fn calculated(inputs: &FeatureInputs<'_>, Features { values, .. }: &mut Features) {
    let context = inputs.context.unwrap_or_default();
    values[9] = rest_advantage(context.days_rest, context.opponent_days_rest);
    values[10] = injury_risk(context.player_status);
    values[11] = recent_trend(&inputs.recent);
    values[12] = minutes_change(inputs);
    values[21] = pct_free_throw(&inputs.recent);
    // The list of team games is never loaded: always the default.
    values[24] = DEFAULTS[24];
}

/// Features 13 to 17, 22 and 23.
fn matchup(inputs: &FeatureInputs<'_>, features: &mut Features) {
    let defense = inputs.defense.unwrap_or_default();
    let context = inputs.context.unwrap_or_default();
    let cache = inputs.cache.unwrap_or_default();
    let is_playoff = context.season_phase.is_some_and(|phase| phase.to_lowercase() == "playoffs");
    features.fall_back(13, defense.rating, None);
    features.fall_back(14, defense.pace, None);
    features.set(15, flag(context.home_game == Some(true)), Label::Phase3);
    features.set(16, flag(context.back_to_back == Some(true)), Label::Phase3);
    features.set(17, flag(is_playoff), Label::Phase3);
    features.fall_back(22, cache.team_pace_last_10, None);
    features.fall_back(23, cache.team_off_rating_last_10, None);
}

/// Features 18 to 20. A PSZA row hides PDC's rates even where its own are NULL (§2.5).
fn shot_zones(inputs: &FeatureInputs<'_>, features: &mut Features) {
    let cache = inputs.cache.unwrap_or_default();
    let [paint, mid_range, three_pt] = match inputs.zones {
        Some(ZoneRates(rates)) => rates,
        None => [cache.paint_rate_last_10, None, cache.three_pt_rate_last_10],
    };
    features.fall_back(18, paint, None);
    features.fall_back(19, mid_range, None);
    features.fall_back(20, three_pt, None);
    features.values[18..=20].iter_mut().for_each(|percent| *percent /= 100.0);
}

/// Features 25 to 28 (§3.4).
fn vegas(inputs: &FeatureInputs<'_>, Features { values, labels }: &mut Features) -> Result<(), NoFallbackLine> {
    labels[25..=28].fill(if inputs.line.is_some() { Label::Vegas } else { Label::Fallback });
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
fn opponent_history(
    inputs: &FeatureInputs<'_>,
    Features { values, labels }: &mut Features,
) -> Result<(), NoFallbackLine> {
    labels[29..=30].fill(Label::OpponentHistory);
    (values[29], values[30]) = match inputs.against {
        Some(AgainstOpponent { games, points }) => (points.unwrap_or(f64::NAN), games as f64),
        None => (fallback_line(inputs)?, 0.0),
    };
    Ok(())
}

/// Features 31 and 32 (§3.6).
fn minutes(inputs: &FeatureInputs<'_>, Features { values, labels }: &mut Features) {
    labels[31..=32].fill(if inputs.month.is_some() { Label::MinutesPpm } else { Label::Fallback });
    values[31] = inputs.month.map_or(DEFAULTS[31], |month| month.minutes);
    values[32] = inputs.month.and_then(|month| month.points_per_minute).unwrap_or(DEFAULTS[32]);
}

/// §3.4: L.
fn fallback_line(inputs: &FeatureInputs<'_>) -> Result<f64, NoFallbackLine> {
    match (&inputs.cache, &inputs.season) {
        (Some(cache), _) => cache.points_avg_season.ok_or(NoFallbackLine),
        (None, Some(season)) => Ok(season.points),
        (None, None) => Ok(DEFAULTS[25]),
    }
}

fn flag(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

/// NULL points count as 0.
pub fn points(games: &[RecentGame]) -> i64 {
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
    if recent.len() < ENOUGH_GAMES {
        return 0.0;
    }
    let newer = points(&recent[..3]) as f64 / 3.0;
    let older = points(&recent[3..5]) as f64 / 2.0;
    step(older - newer, 2.0, 5.0)
}

/// §3.3, 12: boundaries follow binary doubles exactly.
fn minutes_change(inputs: &FeatureInputs<'_>) -> f64 {
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
    if recent.len() < ENOUGH_GAMES || total == 0 {
        return DEFAULTS[21];
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
        text.str("data_source", DATA_SOURCE);
        text.opt_int("days_rest", self.days_rest);
        text.bool("early_season_flag", false);
        text.int("feature_count", 33);
        text.str("feature_names", feature_names_text());
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

/// `['points_avg_last_5', …]` as the hash spells it.
pub fn feature_names_text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let quoted: Vec<String> = FEATURE_NAMES.iter().map(|name| format!("'{name}'")).collect();
        format!("[{}]", quoted.join(", "))
    })
}

#[cfg(test)]
mod tests;
