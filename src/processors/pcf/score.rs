//! The formulas of `player_composite_factors` §3, its JSON (§3.9) and its hash (§5.1), as pure functions.

use std::fmt::Write;

use chrono::NaiveDate;

use crate::numerics::hash::HashText;
use crate::numerics::rounding::{divide_half_away, numeric_mean, round_correct_half_even};
use crate::numerics::text::{push_f64, push_json_string};

pub const CALCULATION_VERSION: &str = "v1_4factors";

/// A player's context row as read: `None` is NULL.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PlayerContext {
    pub days_rest: Option<i64>,
    pub back_to_back: Option<bool>,
    pub games_last_7: Option<i64>,
    pub minutes_last_7: Option<f64>,
    pub avg_minutes_last_7: Option<f64>,
    pub back_to_backs_last_14: Option<i64>,
    pub player_age: Option<i64>,
    pub projected_usage: Option<f64>,
    pub avg_usage_last_7: Option<f64>,
    pub star_teammates_out: Option<i64>,
    pub pace_differential: Option<f64>,
}

/// What PGS says of the seven days before a date, for the synthetic context (§2.3).
#[derive(Debug, Clone, Copy, Default)]
pub struct RecentGames {
    /// Distinct rows of the player on the date itself.
    pub combinations: i64,
    pub games: i64,
    /// Sum of non-NULL minutes, in tenths.
    pub minutes_10: Option<i64>,
    /// Sum of non-NULL usage rates, in hundredths, and their number.
    pub usage_100: Option<i64>,
    pub usage_games: i64,
    pub played_yesterday: bool,
}

impl PlayerContext {
    /// The values as text, in the order of [`Filled::shown`].
    pub fn shown(&self) -> [Option<String>; 11] {
        let f64 = |value: Option<f64>| value.map(|value| format!("{value:?}"));
        let int = |value: Option<i64>| value.map(|value| value.to_string());
        [
            int(self.days_rest),
            self.back_to_back.map(|value| value.to_string()),
            int(self.games_last_7),
            f64(self.minutes_last_7),
            f64(self.avg_minutes_last_7),
            int(self.back_to_backs_last_14),
            int(self.player_age),
            f64(self.projected_usage),
            f64(self.avg_usage_last_7),
            int(self.star_teammates_out),
            f64(self.pace_differential),
        ]
    }

    pub fn filled(&self) -> Filled {
        Filled::from(self)
    }

    /// §2.3, field by field.
    pub fn synthetic(recent: &RecentGames) -> Self {
        let minutes_10 = recent.minutes_10.unwrap_or(0);
        let minutes = divide_half_away(i128::from(recent.combinations * minutes_10), 10) as f64;
        let has_minutes = recent.games > 0 && recent.minutes_10.is_some();
        Self {
            days_rest: Some(i64::from(!recent.played_yesterday)),
            back_to_back: Some(recent.played_yesterday),
            games_last_7: Some(recent.combinations * recent.games),
            minutes_last_7: Some(minutes),
            avg_minutes_last_7: Some(if has_minutes { numeric_mean(minutes_10, 1, recent.games) } else { 0.0 }),
            back_to_backs_last_14: Some(0),
            avg_usage_last_7: recent.usage_100.map(|sum| numeric_mean(sum, 2, recent.usage_games)),
            star_teammates_out: Some(0),
            player_age: None,
            projected_usage: None,
            pace_differential: None,
        }
    }
}

/// The player's PSZA row: label and rates in percent, paint, mid-range, three-point.
#[derive(Debug, Clone, Default)]
pub struct ShotZones<'a> {
    pub primary_zone: Option<&'a str>,
    pub rates: [Option<f64>; 3],
}

/// The opponent's TDZA row: label and differences in percentage points.
#[derive(Debug, Clone, Default)]
pub struct TeamDefense<'a> {
    pub weakest_zone: Option<&'a str>,
    pub vs_league: [Option<f64>; 3],
}

/// Everything a row is computed from; an absent side is `None` (§2.4).
#[derive(Debug, Clone, Default)]
pub struct FactorInputs<'a> {
    pub context: PlayerContext,
    pub shot_zones: Option<ShotZones<'a>>,
    pub defense: Option<TeamDefense<'a>>,
}

/// The computed part of a row. Scores are unrounded; the columns hold [`Scores::rounded`].
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    pub fatigue: i64,
    pub shot_zone: f64,
    pub pace: f64,
    pub usage: f64,
    pub total: f64,
    usage_differential: f64,
}

/// Scores as stored and hashed; the sign of a negative zero is kept for the hash.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoundedScores {
    pub shot_zone: f64,
    pub pace: f64,
    pub usage: f64,
    pub total: f64,
}

/// A context after the defaults of §3.0.
pub struct Filled {
    days_rest: i64,
    back_to_back: bool,
    games_last_7: i64,
    minutes_last_7: f64,
    avg_minutes_last_7: f64,
    back_to_backs_last_14: i64,
    player_age: i64,
    pub projected_usage: f64,
    pub avg_usage_last_7: f64,
    pub star_teammates_out: i64,
    pub pace_differential: f64,
}

impl Filled {
    /// The names of the columns, with the values as text.
    pub fn shown(&self) -> [(&'static str, String); 11] {
        [
            ("days_rest", self.days_rest.to_string()),
            ("back_to_back", self.back_to_back.to_string()),
            ("games_in_last_7_days", self.games_last_7.to_string()),
            ("minutes_in_last_7_days", self.minutes_last_7.to_string()),
            ("avg_minutes_per_game_last_7", self.avg_minutes_last_7.to_string()),
            ("back_to_backs_last_14_days", self.back_to_backs_last_14.to_string()),
            ("player_age", self.player_age.to_string()),
            ("projected_usage_rate", self.projected_usage.to_string()),
            ("avg_usage_rate_last_7_games", self.avg_usage_last_7.to_string()),
            ("star_teammates_out", self.star_teammates_out.to_string()),
            ("pace_differential", self.pace_differential.to_string()),
        ]
    }
}

impl From<&PlayerContext> for Filled {
    fn from(context: &PlayerContext) -> Self {
        Self {
            days_rest: context.days_rest.unwrap_or(1),
            back_to_back: context.back_to_back.unwrap_or(false),
            games_last_7: context.games_last_7.unwrap_or(3),
            minutes_last_7: context.minutes_last_7.unwrap_or(200.0),
            avg_minutes_last_7: context.avg_minutes_last_7.unwrap_or(30.0),
            back_to_backs_last_14: context.back_to_backs_last_14.unwrap_or(0),
            player_age: context.player_age.unwrap_or(25),
            projected_usage: context.projected_usage.unwrap_or(25.0),
            avg_usage_last_7: context.avg_usage_last_7.unwrap_or(25.0),
            star_teammates_out: context.star_teammates_out.unwrap_or(0),
            pace_differential: context.pace_differential.unwrap_or(0.0),
        }
    }
}

impl Scores {
    pub fn of(inputs: &FactorInputs<'_>) -> Self {
        let context = Filled::from(&inputs.context);
        let fatigue = (RESTED + fatigue_steps(&context).iter().sum::<i64>()).clamp(0, 100);
        let shot_zone = mismatch(inputs).map_or(0.0, |steps| steps.score);
        let pace = clamp(context.pace_differential / PACE_DIVISOR, PACE_LIMIT);
        let spike = usage_spike(&context);
        let usage = clamp(spike.spike * spike.boost, USAGE_LIMIT);
        let usage_differential = spike.differential;
        let mut scores = Self { fatigue, shot_zone, pace, usage, total: 0.0, usage_differential };
        // §3.6: left to right, then the four deferred factors, which turn -0.0 into 0.0.
        scores.total = scores.fatigue_adjustment() + shot_zone + pace + usage + 0.0;
        scores
    }

    /// §3.6: what fatigue takes from the total.
    pub fn fatigue_adjustment(&self) -> f64 {
        (self.fatigue - RESTED) as f64 / FATIGUE_SHARE
    }

    pub fn rounded(&self) -> RoundedScores {
        RoundedScores {
            shot_zone: round_correct_half_even(self.shot_zone, 1),
            pace: round_correct_half_even(self.pace, 1),
            usage: round_correct_half_even(self.usage, 1),
            total: round_correct_half_even(self.total, 2),
        }
    }

    /// §3.8, on unrounded values.
    pub fn warnings(&self) -> Option<String> {
        let conditions = self.warning_conditions().into_iter();
        let texts: Vec<&str> = conditions.filter_map(|(holds, text)| holds.then_some(text)).collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }

    /// Of fatigue, mismatch and total, whether it warns, and the warning.
    pub fn warning_conditions(&self) -> [(bool, &'static str); 3] {
        [
            (self.fatigue < LOW_FATIGUE, "EXTREME_FATIGUE: Player showing severe fatigue"),
            (self.shot_zone.abs() > EXTREME_MISMATCH, "EXTREME_MATCHUP: Unusual zone mismatch"),
            (self.total.abs() > EXTREME_TOTAL, "EXTREME_ADJUSTMENT: Very large composite adjustment"),
        ]
    }
}

/// Scores lie within these, of either sign.
pub const MISMATCH_LIMIT: f64 = 10.0;
pub const PACE_LIMIT: f64 = 3.0;
pub const USAGE_LIMIT: f64 = 3.0;

/// The fatigue score of a rested player, from which steps are taken.
pub const RESTED: i64 = 100;

/// §3.6: points of fatigue that take one from the total.
pub const FATIGUE_SHARE: f64 = 20.0;

/// §3.2: the rate that counts in full, the mismatch that is boosted when it is exceeded, and by how much.
pub const FULL_RATE: f64 = 50.0;
pub const GREAT_MISMATCH: f64 = 5.0;
pub const MISMATCH_BOOST: f64 = 1.2;

/// §3.3.
pub const PACE_DIVISOR: f64 = 2.0;

/// §3.4: the share of the difference, and what one star out, or more, makes of it.
pub const USAGE_SHARE: f64 = 0.3;
pub const ONE_STAR_BOOST: f64 = 1.15;
pub const STARS_BOOST: f64 = 1.3;

/// §3.7: percent for each of the checks.
pub const CHECKS: usize = 5;

/// §3.8: what is beyond these is warned of.
pub const LOW_FATIGUE: i64 = 50;
pub const EXTREME_MISMATCH: f64 = 8.0;
pub const EXTREME_TOTAL: f64 = 12.0;

const LONG_REST_DAYS: i64 = 3;
const MANY_GAMES: i64 = 4;
const MANY_MINUTES: f64 = 240.0;
const LONG_GAME_MINUTES: f64 = 35.0;
const MANY_BACK_TO_BACKS: i64 = 2;
const OLD_AGE: i64 = 35;
const OLDER_AGE: i64 = 30;

/// §3.1: additive, clamped once at the end. In the order of [`fatigue_step_names`].
pub fn fatigue_steps(context: &Filled) -> [i64; 7] {
    let when = |holds: bool, points: i64| if holds { points } else { 0 };
    [
        when(context.back_to_back, -15),
        when(!context.back_to_back && context.days_rest >= LONG_REST_DAYS, 5),
        when(context.games_last_7 >= MANY_GAMES, -10),
        when(context.minutes_last_7 > MANY_MINUTES, -10),
        when(context.avg_minutes_last_7 > LONG_GAME_MINUTES, -8),
        match context.back_to_backs_last_14 {
            MANY_BACK_TO_BACKS.. => -12,
            1 => -5,
            _ => 0,
        },
        match context.player_age {
            OLD_AGE.. => -10,
            OLDER_AGE..OLD_AGE => -5,
            _ => 0,
        },
    ]
}

/// What the steps of fatigue are taken for.
pub fn fatigue_step_names() -> [String; 7] {
    [
        "back to back".to_owned(),
        format!("{LONG_REST_DAYS} days of rest or more, not back to back"),
        format!("{MANY_GAMES} games in 7 days or more"),
        format!("more than {MANY_MINUTES} minutes in 7 days"),
        format!("more than {LONG_GAME_MINUTES} minutes a game"),
        format!("back to backs in 14 days: {MANY_BACK_TO_BACKS} or more, or 1"),
        format!("age {OLD_AGE} or more, or {OLDER_AGE}"),
    ]
}

/// The steps of §3.2.
#[derive(Debug, Clone, Copy)]
pub struct Mismatch {
    /// Place in the order paint, mid-range, three-point.
    zone: usize,
    pub rate: f64,
    pub weight: f64,
    pub defense: f64,
    pub weighted: f64,
    pub boost: f64,
    pub score: f64,
}

impl Mismatch {
    pub fn zone_name(&self) -> &'static str {
        ["paint", "mid_range", "three_pt"][self.zone]
    }
}

/// §3.2; `None` without a row of the player or of the opponent, which counts as 0.
pub fn mismatch(inputs: &FactorInputs<'_>) -> Option<Mismatch> {
    Some(zone_mismatch(inputs.shot_zones.as_ref()?, inputs.defense.as_ref()?))
}

/// §3.2: any label but `mid_range` and `perimeter` is scored as paint.
fn zone_mismatch(shot: &ShotZones<'_>, defense: &TeamDefense<'_>) -> Mismatch {
    let zone = match shot.primary_zone {
        Some("mid_range") => 1,
        Some("perimeter") => 2,
        _ => 0,
    };
    let rate = shot.rates[zone].unwrap_or(FULL_RATE);
    let defense = defense.vs_league[zone].unwrap_or(0.0);
    let share = rate / FULL_RATE;
    let weight = if share < 1.0 { share } else { 1.0 };
    let weighted = defense * weight;
    let boost = if weighted.abs() > GREAT_MISMATCH { MISMATCH_BOOST } else { 1.0 };
    Mismatch { zone, rate, weight, defense, weighted, boost, score: clamp(weighted * boost, MISMATCH_LIMIT) }
}

/// The steps of §3.4.
#[derive(Debug, Clone, Copy)]
pub struct UsageSpike {
    /// Δ, which is 0.0 when the baseline is exactly 0.
    pub differential: f64,
    pub spike: f64,
    /// Only positive spikes are amplified.
    pub boost: f64,
}

pub fn usage_spike(context: &Filled) -> UsageSpike {
    let has_baseline = context.avg_usage_last_7 != 0.0;
    let differential = if has_baseline { context.projected_usage - context.avg_usage_last_7 } else { 0.0 };
    let spike = differential * USAGE_SHARE;
    let boost = match context.star_teammates_out {
        2.. if spike > 0.0 => STARS_BOOST,
        1 if spike > 0.0 => ONE_STAR_BOOST,
        _ => 1.0,
    };
    UsageSpike { differential, spike, boost }
}

/// Into [-limit, limit]; the sign of a zero is kept.
fn clamp(value: f64, limit: f64) -> f64 {
    if value < -limit {
        -limit
    } else if value > limit {
        limit
    } else {
        value
    }
}

/// §3.7: percent of the five checks passed, and the names of those that failed.
pub fn completeness(inputs: &FactorInputs<'_>) -> (f64, Option<String>) {
    let checks = completeness_checks(inputs);
    let missing: Vec<&str> = checks.iter().filter_map(|&(present, name)| (!present).then_some(name)).collect();
    let pct = (CHECKS - missing.len()) as f64 / CHECKS as f64 * 100.0;
    (pct, (!missing.is_empty()).then(|| missing.join(", ")))
}

/// Whether what a check asks for is there, and its name.
pub fn completeness_checks(inputs: &FactorInputs<'_>) -> [(bool, &'static str); CHECKS] {
    let context = &inputs.context;
    [
        (context.days_rest.is_some(), "days_rest"),
        (context.projected_usage.is_some(), "projected_usage_rate"),
        (context.pace_differential.is_some(), "pace_differential"),
        (inputs.shot_zones.is_some(), "player_shot_zone"),
        (inputs.defense.is_some(), "team_defense_zone"),
    ]
}

/// The four JSON columns: fatigue, shot zone, pace, usage.
pub fn context_json(inputs: &FactorInputs<'_>, scores: &Scores) -> [String; 4] {
    let context = Filled::from(&inputs.context);
    [
        fatigue_json(&context, scores),
        shot_zone_json(inputs, scores),
        json(|out| {
            key(out, "pace_differential", |out| push_f64(out, context.pace_differential));
            key(out, "final_score", |out| push_f64(out, scores.pace));
        }),
        json(|out| {
            key(out, "projected_usage_rate", |out| push_f64(out, context.projected_usage));
            key(out, "avg_usage_last_7", |out| push_f64(out, context.avg_usage_last_7));
            key(out, "usage_differential", |out| push_f64(out, scores.usage_differential));
            key(out, "star_teammates_out", |out| push_int(out, context.star_teammates_out));
            key(out, "final_score", |out| push_f64(out, scores.usage));
        }),
    ]
}

fn fatigue_json(context: &Filled, scores: &Scores) -> String {
    json(|out| {
        key(out, "days_rest", |out| push_int(out, context.days_rest));
        key(out, "back_to_back", |out| out.push_str(if context.back_to_back { "true" } else { "false" }));
        key(out, "games_last_7", |out| push_int(out, context.games_last_7));
        key(out, "minutes_last_7", |out| push_f64(out, context.minutes_last_7));
        key(out, "avg_minutes_pg_last_7", |out| push_f64(out, context.avg_minutes_last_7));
        key(out, "back_to_backs_last_14", |out| push_int(out, context.back_to_backs_last_14));
        key(out, "player_age", |out| push_int(out, context.player_age));
        key(out, "final_score", |out| push_int(out, scores.fatigue));
    })
}

fn shot_zone_json(inputs: &FactorInputs<'_>, scores: &Scores) -> String {
    let (Some(shot), Some(defense)) = (&inputs.shot_zones, &inputs.defense) else {
        return r#"{"missing_data": true}"#.to_owned();
    };
    json(|out| {
        key(out, "player_primary_zone", |out| push_json_string(out, shot.primary_zone.unwrap_or("unknown")));
        key(out, "opponent_weak_zone", |out| push_json_string(out, defense.weakest_zone.unwrap_or("unknown")));
        key(out, "final_score", |out| push_f64(out, scores.shot_zone));
    })
}

fn json(fill: impl FnOnce(&mut String)) -> String {
    let mut out = String::with_capacity(200);
    out.push('{');
    fill(&mut out);
    out.push('}');
    out
}

fn key(out: &mut String, name: &str, value: impl FnOnce(&mut String)) {
    if out.len() > 1 {
        out.push_str(", ");
    }
    out.push('"');
    out.push_str(name);
    out.push_str("\": ");
    value(out);
}

fn push_int(out: &mut String, value: i64) {
    write!(out, "{value}").expect("writing to a string");
}

/// What the hash covers besides the scores.
#[derive(Debug, Clone)]
pub struct HashedRow<'a> {
    pub date: NaiveDate,
    pub game_id: &'a str,
    pub player: &'a str,
    pub universal_id: Option<&'a str>,
    pub fatigue: i64,
    pub scores: RoundedScores,
    pub completeness_pct: f64,
    pub missing: Option<&'a str>,
    pub warnings: Option<&'a str>,
}

impl HashedRow<'_> {
    /// §5.1: rounded scores before storage, so a negative zero enters with its sign.
    pub fn data_hash(&self, text: &mut HashText) -> String {
        text.clear();
        text.date("analysis_date", self.date);
        text.str("calculation_version", CALCULATION_VERSION);
        text.f64("data_completeness_pct", self.completeness_pct);
        text.bool("early_season_flag", false);
        text.int("fatigue_score", self.fatigue);
        text.date("game_date", self.date);
        text.str("game_id", self.game_id);
        text.bool("has_warnings", self.warnings.is_some());
        text.null("insufficient_data_reason");
        text.f64("look_ahead_pressure_score", 0.0);
        text.opt_str("missing_data_fields", self.missing);
        text.f64("opponent_strength_score", 0.0);
        text.f64("pace_score", self.scores.pace);
        text.str("player_lookup", self.player);
        text.f64("referee_favorability_score", 0.0);
        text.f64("shot_zone_mismatch_score", self.scores.shot_zone);
        text.f64("total_composite_adjustment", self.scores.total);
        text.f64("travel_impact_score", 0.0);
        text.opt_str("universal_player_id", self.universal_id);
        text.f64("usage_spike_score", self.scores.usage);
        text.opt_str("warning_details", self.warnings);
        text.data_hash()
    }
}

#[cfg(test)]
mod tests;
