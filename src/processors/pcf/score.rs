//! The formulas of `player_composite_factors` §3, its JSON (§3.9) and its hash (§5.1), as pure functions.

use std::fmt::Write;

use chrono::NaiveDate;

use crate::numerics::hash::HashText;
use crate::numerics::rounding::{divide_half_away, numeric_mean, round_correct_half_even};
use crate::numerics::text::{push_f64, push_json_string};

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
pub struct Inputs<'a> {
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
struct Filled {
    days_rest: i64,
    back_to_back: bool,
    games_last_7: i64,
    minutes_last_7: f64,
    avg_minutes_last_7: f64,
    back_to_backs_last_14: i64,
    player_age: i64,
    projected_usage: f64,
    avg_usage_last_7: f64,
    star_teammates_out: i64,
    pace_differential: f64,
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
    pub fn of(inputs: &Inputs<'_>) -> Self {
        let context = Filled::from(&inputs.context);
        let fatigue = fatigue_score(&context);
        let shot_zone = match (&inputs.shot_zones, &inputs.defense) {
            (Some(shot), Some(defense)) => shot_zone_score(shot, defense),
            _ => 0.0,
        };
        let pace = clamp(context.pace_differential / 2.0, 3.0);
        let usage_differential = usage_differential(&context);
        let usage = usage_score(usage_differential, context.star_teammates_out);
        // §3.6: left to right, then the four deferred factors, which turn -0.0 into 0.0.
        let total = (fatigue - 100) as f64 / 20.0 + shot_zone + pace + usage + 0.0;
        Self { fatigue, shot_zone, pace, usage, total, usage_differential }
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
        let conditions = [
            (self.fatigue < 50, "EXTREME_FATIGUE: Player showing severe fatigue"),
            (self.shot_zone.abs() > 8.0, "EXTREME_MATCHUP: Unusual zone mismatch"),
            (self.total.abs() > 12.0, "EXTREME_ADJUSTMENT: Very large composite adjustment"),
        ];
        let texts: Vec<&str> = conditions.into_iter().filter_map(|(holds, text)| holds.then_some(text)).collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }
}

/// §3.1: additive, clamped once at the end.
fn fatigue_score(context: &Filled) -> i64 {
    let mut score = 100;
    if context.back_to_back {
        score -= 15;
    } else if context.days_rest >= 3 {
        score += 5;
    }
    if context.games_last_7 >= 4 {
        score -= 10;
    }
    if context.minutes_last_7 > 240.0 {
        score -= 10;
    }
    if context.avg_minutes_last_7 > 35.0 {
        score -= 8;
    }
    score -= match context.back_to_backs_last_14 {
        2.. => 12,
        1 => 5,
        _ => 0,
    };
    score -= match context.player_age {
        35.. => 10,
        30..35 => 5,
        _ => 0,
    };
    score.clamp(0, 100)
}

/// §3.2: any label but `mid_range` and `perimeter` is scored as paint.
fn shot_zone_score(shot: &ShotZones<'_>, defense: &TeamDefense<'_>) -> f64 {
    let zone = match shot.primary_zone {
        Some("mid_range") => 1,
        Some("perimeter") => 2,
        _ => 0,
    };
    let rate = shot.rates[zone].unwrap_or(50.0);
    let value = defense.vs_league[zone].unwrap_or(0.0);
    let share = rate / 50.0;
    let weight = if share < 1.0 { share } else { 1.0 };
    let weighted = value * weight;
    let boosted = if weighted.abs() > 5.0 { weighted * 1.2 } else { weighted };
    clamp(boosted, 10.0)
}

/// §3.4: Δ, which is 0.0 when the baseline is exactly 0.
fn usage_differential(context: &Filled) -> f64 {
    if context.avg_usage_last_7 == 0.0 { 0.0 } else { context.projected_usage - context.avg_usage_last_7 }
}

/// §3.4: only positive spikes are amplified.
fn usage_score(differential: f64, stars_out: i64) -> f64 {
    let base = differential * 0.3;
    let boosted = match stars_out {
        2.. if base > 0.0 => base * 1.30,
        1 if base > 0.0 => base * 1.15,
        _ => base,
    };
    clamp(boosted, 3.0)
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
pub fn completeness(inputs: &Inputs<'_>) -> (f64, Option<String>) {
    let context = &inputs.context;
    let checks = [
        (context.days_rest.is_some(), "days_rest"),
        (context.projected_usage.is_some(), "projected_usage_rate"),
        (context.pace_differential.is_some(), "pace_differential"),
        (inputs.shot_zones.is_some(), "player_shot_zone"),
        (inputs.defense.is_some(), "team_defense_zone"),
    ];
    let missing: Vec<&str> = checks.iter().filter_map(|&(present, name)| (!present).then_some(name)).collect();
    let pct = (5 - missing.len()) as f64 / 5.0 * 100.0;
    (pct, (!missing.is_empty()).then(|| missing.join(", ")))
}

/// The four JSON columns: fatigue, shot zone, pace, usage.
pub fn context_json(inputs: &Inputs<'_>, scores: &Scores) -> [String; 4] {
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

fn shot_zone_json(inputs: &Inputs<'_>, scores: &Scores) -> String {
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
        text.str("calculation_version", super::CALCULATION_VERSION);
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
