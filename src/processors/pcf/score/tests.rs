//! Rules and numbers of `player_composite_factors` §3, §5 and §9.2.

use super::*;
use std::str::FromStr;

/// A cell of the specification's tables: `-` is NULL.
fn cell<T: FromStr<Err: std::fmt::Debug>>(text: &str) -> Option<T> {
    (text != "-").then(|| text.parse().unwrap())
}

/// A context row: days_rest / back_to_back / games / minutes / average / b2b-14 / age, then
/// projected / baseline / stars, then the pace differential.
fn context(fatigue: &str, usage: &str, pace: &str) -> PlayerContext {
    let fatigue: Vec<&str> = fatigue.split('/').map(str::trim).collect();
    let usage: Vec<&str> = usage.split('/').map(str::trim).collect();
    PlayerContext {
        days_rest: cell(fatigue[0]),
        back_to_back: cell(fatigue[1]),
        games_last_7: cell(fatigue[2]),
        minutes_last_7: cell(fatigue[3]),
        avg_minutes_last_7: cell(fatigue[4]),
        back_to_backs_last_14: cell(fatigue[5]),
        player_age: cell(fatigue[6]),
        projected_usage: cell(usage[0]),
        avg_usage_last_7: cell(usage[1]),
        star_teammates_out: cell(usage[2]),
        pace_differential: cell(pace),
    }
}

/// Paint, mid-range and three-point values.
fn zones(text: &str) -> [Option<f64>; 3] {
    let values: Vec<_> = text.split('/').map(cell).collect();
    values.try_into().unwrap()
}

/// A PSZA row: label (`-` is NULL) and rates.
fn psza<'a>(label: &'a str, rates: &str) -> ShotZones<'a> {
    ShotZones { primary_zone: Some(label).filter(|label| *label != "-"), rates: zones(rates) }
}

/// A TDZA row: differences and weakest zone (`-` is NULL).
fn tdza<'a>(vs_league: &str, weakest: &'a str) -> TeamDefense<'a> {
    TeamDefense { weakest_zone: Some(weakest).filter(|label| *label != "-"), vs_league: zones(vs_league) }
}

fn inputs<'a>(
    context: PlayerContext,
    shot: Option<ShotZones<'a>>,
    defense: Option<TeamDefense<'a>>,
) -> FactorInputs<'a> {
    FactorInputs { context, shot_zones: shot, defense }
}

fn date() -> NaiveDate {
    NaiveDate::from_ymd_opt(2023, 1, 10).unwrap()
}

/// What a row of §9.2 says of its result.
struct Expected<'a> {
    fatigue: i64,
    zone: f64,
    pace: f64,
    usage: f64,
    total: f64,
    completeness: f64,
    warnings: Option<&'a str>,
    data_hash: &'a str,
}

/// Compares with a row of §9.2, doubles by their bits, and returns the JSON columns.
#[track_caller]
fn assert_row(inputs: &FactorInputs<'_>, expected: &Expected<'_>) -> [String; 4] {
    let scores = Scores::of(inputs);
    let rounded = scores.rounded();
    let (completeness_pct, missing) = completeness(inputs);
    let warnings = scores.warnings();
    assert_eq!(scores.fatigue, expected.fatigue);
    let actual = [rounded.shot_zone, rounded.pace, rounded.usage, rounded.total, completeness_pct];
    let wanted = [expected.zone, expected.pace, expected.usage, expected.total, expected.completeness];
    assert_eq!(actual.map(f64::to_bits), wanted.map(f64::to_bits), "{actual:?} instead of {wanted:?}");
    assert_eq!(warnings.as_deref(), expected.warnings);
    let hashed = HashedRow {
        date: date(),
        game_id: "20230110_LAL_DEN",
        player: "x",
        universal_id: Some("x_001"),
        fatigue: scores.fatigue,
        scores: rounded,
        completeness_pct,
        missing: missing.as_deref(),
        warnings: warnings.as_deref(),
    };
    assert_eq!(hashed.data_hash(&mut HashText::default()), expected.data_hash);
    context_json(inputs, &scores)
}

const ALL_NULL: &str = "-/-/-/-/-/-/-";
const RESTED: &str = "1/false/-/-/-/-/-";
const MATCHUP: &str = "EXTREME_MATCHUP: Unusual zone mismatch";
const ADJUSTMENT: &str = "EXTREME_ADJUSTMENT: Very large composite adjustment";

#[test]
fn row_1_everything_missing_takes_the_defaults_9_2() {
    let inputs = inputs(context(ALL_NULL, "-/-/-", "-"), None, None);
    let expected = Expected {
        fatigue: 100,
        zone: 0.0,
        pace: 0.0,
        usage: 0.0,
        total: 0.0,
        completeness: 0.0,
        warnings: None,
        data_hash: "def64f05ef7ff417",
    };
    let [fatigue, zone, pace, usage] = assert_row(&inputs, &expected);
    assert_eq!(
        fatigue,
        r#"{"days_rest": 1, "back_to_back": false, "games_last_7": 3, "minutes_last_7": 200.0, "avg_minutes_pg_last_7": 30.0, "back_to_backs_last_14": 0, "player_age": 25, "final_score": 100}"#
    );
    assert_eq!(zone, r#"{"missing_data": true}"#);
    assert_eq!(pace, r#"{"pace_differential": 0.0, "final_score": 0.0}"#);
    assert_eq!(
        usage,
        r#"{"projected_usage_rate": 25.0, "avg_usage_last_7": 25.0, "usage_differential": 0.0, "star_teammates_out": 0, "final_score": 0.0}"#
    );
    assert_eq!(
        completeness(&inputs).1.as_deref(),
        Some("days_rest, projected_usage_rate, pace_differential, player_shot_zone, team_defense_zone")
    );
}

#[test]
fn row_2_every_penalty_and_all_three_warnings_9_2() {
    let context = context("0/true/5/241/35.1/2/35", "15.0/31.5/1", "-7.4");
    let inputs = inputs(context, Some(psza("paint", "65/20/15")), Some(tdza("-7.2/1/1", "mid_range")));
    let warnings = "EXTREME_FATIGUE: Player showing severe fatigue; EXTREME_MATCHUP: Unusual zone mismatch; \
                    EXTREME_ADJUSTMENT: Very large composite adjustment";
    let expected = Expected {
        fatigue: 35,
        zone: -8.6,
        pace: -3.0,
        usage: -3.0,
        total: -17.89,
        completeness: 100.0,
        warnings: Some(warnings),
        data_hash: "0b2c3f04967a388a",
    };
    let [_, zone, ..] = assert_row(&inputs, &expected);
    assert_eq!(zone, r#"{"player_primary_zone": "paint", "opponent_weak_zone": "mid_range", "final_score": -8.64}"#);
    assert_eq!(completeness(&inputs).1, None);
}

#[test]
fn row_3_values_at_their_thresholds_9_2() {
    let context = context("4/false/4/240/35.0/1/30", "27.5/24.0/1", "2.5");
    let inputs = inputs(context, Some(psza("mid_range", "30/36.5/33.5")), Some(tdza("4/3.33/-1", "paint")));
    let expected = Expected {
        fatigue: 85,
        zone: 2.4,
        pace: 1.2,
        usage: 1.2,
        total: 4.14,
        completeness: 100.0,
        warnings: None,
        data_hash: "209fc264766b5d1d",
    };
    let [_, zone, pace, usage] = assert_row(&inputs, &expected);
    assert_eq!(zone, r#"{"player_primary_zone": "mid_range", "opponent_weak_zone": "paint", "final_score": 2.4309}"#);
    assert_eq!(pace, r#"{"pace_differential": 2.5, "final_score": 1.25}"#);
    assert_eq!(
        usage,
        r#"{"projected_usage_rate": 27.5, "avg_usage_last_7": 24.0, "usage_differential": 3.5, "star_teammates_out": 1, "final_score": 1.2075}"#
    );
}

#[test]
fn row_4_scores_are_clamped_9_2() {
    let context = context("1/false/3/110/36.7/0/29", "33.0/24.5/3", "6.1");
    let inputs = inputs(context, Some(psza("perimeter", "20/20/60")), Some(tdza("0/0/9.0", "perimeter")));
    let warnings = format!("{MATCHUP}; {ADJUSTMENT}");
    let expected = Expected {
        fatigue: 92,
        zone: 10.0,
        pace: 3.0,
        usage: 3.0,
        total: 15.6,
        completeness: 100.0,
        warnings: Some(&warnings),
        data_hash: "7b2b6faef0ce178c",
    };
    let [_, zone, ..] = assert_row(&inputs, &expected);
    assert_eq!(zone, r#"{"player_primary_zone": "perimeter", "opponent_weak_zone": "perimeter", "final_score": 10.0}"#);
}

#[test]
fn row_5_a_weighted_value_of_exactly_5_is_not_boosted_9_2() {
    let context = context("1/false/3/110/30.0/0/29", "28.0/24.5/2", "1.5");
    let inputs = inputs(context, Some(psza("perimeter", "20/20/25")), Some(tdza("0/0/10.0", "perimeter")));
    let expected = Expected {
        fatigue: 100,
        zone: 5.0,
        pace: 0.8,
        usage: 1.4,
        total: 7.12,
        completeness: 100.0,
        warnings: None,
        data_hash: "6be66682ec4d8140",
    };
    let [_, _, pace, usage] = assert_row(&inputs, &expected);
    assert!(pace.ends_with(r#""final_score": 0.75}"#), "{pace}");
    assert!(usage.ends_with(r#""final_score": 1.3650000000000002}"#), "{usage}");
}

#[test]
fn row_6_a_small_negative_score_rounds_to_negative_zero_9_2() {
    let context = context("2/false/3/96/32.0/0/-", "25.0/25.0/0", "0.0");
    let inputs = inputs(context, Some(psza("paint", "45/30/25")), Some(tdza("-0.04/0.5/0.1", "mid_range")));
    let expected = Expected {
        fatigue: 100,
        zone: -0.0,
        pace: 0.0,
        usage: 0.0,
        total: -0.04,
        completeness: 100.0,
        warnings: None,
        data_hash: "1b93622c5e6bb4dc",
    };
    let [_, zone, ..] = assert_row(&inputs, &expected);
    assert!(zone.ends_with(r#""final_score": -0.036000000000000004}"#), "{zone}");
}

#[test]
fn row_7_a_back_to_back_suppresses_the_rest_bonus_9_2() {
    let context = context("3/true/-/-/-/-/-", "25.0/0/2", "-0.5");
    let inputs = inputs(context, None, Some(tdza("1/1/1", "paint")));
    let expected = Expected {
        fatigue: 85,
        zone: 0.0,
        pace: -0.2,
        usage: 0.0,
        total: -1.0,
        completeness: 80.0,
        warnings: None,
        data_hash: "238553440e28e663",
    };
    let [_, zone, pace, usage] = assert_row(&inputs, &expected);
    assert_eq!(zone, r#"{"missing_data": true}"#);
    assert_eq!(pace, r#"{"pace_differential": -0.5, "final_score": -0.25}"#);
    assert_eq!(
        usage,
        r#"{"projected_usage_rate": 25.0, "avg_usage_last_7": 0.0, "usage_differential": 0.0, "star_teammates_out": 2, "final_score": 0.0}"#
    );
}

#[test]
fn row_8_tiny_doubles_are_written_in_scientific_form_9_2() {
    let context = context("1/false/3/96/31.666666667/-/-", "-/24.999999999/0", "-");
    let inputs = inputs(context, Some(psza("balanced", "-/30/25")), Some(tdza("2.31/-/-", "-")));
    let expected = Expected {
        fatigue: 100,
        zone: 2.3,
        pace: 0.0,
        usage: 0.0,
        total: 2.31,
        completeness: 60.0,
        warnings: None,
        data_hash: "e4d28ccfd66065cb",
    };
    let [_, zone, _, usage] = assert_row(&inputs, &expected);
    assert_eq!(zone, r#"{"player_primary_zone": "balanced", "opponent_weak_zone": "unknown", "final_score": 2.31}"#);
    assert_eq!(
        usage,
        r#"{"projected_usage_rate": 25.0, "avg_usage_last_7": 24.999999999, "usage_differential": 1.000000082740371e-09, "star_teammates_out": 0, "final_score": 3.000000248221113e-10}"#
    );
}

#[test]
fn row_9_at_5_there_is_no_boost_9_2() {
    let context = context(RESTED, "-/-/-", "-");
    let inputs = inputs(context, Some(psza("paint", "50/20/30")), Some(tdza("5.0/0/0", "paint")));
    let expected = Expected {
        fatigue: 100,
        zone: 5.0,
        pace: 0.0,
        usage: 0.0,
        total: 5.0,
        completeness: 60.0,
        warnings: None,
        data_hash: "3305e7f0aeab0de7",
    };
    assert_row(&inputs, &expected);
}

#[test]
fn row_10_just_above_5_the_score_jumps_to_6_012_9_2() {
    let context = context(RESTED, "-/-/-", "-");
    let inputs = inputs(context, Some(psza("paint", "50/20/30")), Some(tdza("5.01/0/0", "paint")));
    let expected = Expected {
        fatigue: 100,
        zone: 6.0,
        pace: 0.0,
        usage: 0.0,
        total: 6.01,
        completeness: 60.0,
        warnings: None,
        data_hash: "c358e75585919717",
    };
    let [_, zone, ..] = assert_row(&inputs, &expected);
    assert!(zone.ends_with(r#""final_score": 6.012}"#), "{zone}");
}

#[test]
fn row_11_an_unknown_label_is_scored_as_paint_and_shown_as_it_is_9_2() {
    let context = context(RESTED, "-/-/-", "-");
    let inputs = inputs(context, Some(psza("three_pt", "44.44/20/30")), Some(tdza("1.7/0/9", "perimeter")));
    let expected = Expected {
        fatigue: 100,
        zone: 1.5,
        pace: 0.0,
        usage: 0.0,
        total: 1.51,
        completeness: 60.0,
        warnings: None,
        data_hash: "5124e3b2b626f21a",
    };
    let [_, zone, ..] = assert_row(&inputs, &expected);
    assert_eq!(
        zone,
        r#"{"player_primary_zone": "three_pt", "opponent_weak_zone": "perimeter", "final_score": 1.5109599999999999}"#
    );
}

/// The fatigue score of days_rest / back_to_back / games / minutes / average / b2b-14 / age.
fn fatigue(text: &str) -> i64 {
    Scores::of(&inputs(context(text, "-/-/-", "-"), None, None)).fatigue
}

#[test]
fn each_fatigue_rule_and_its_threshold_3_1() {
    for (text, expected, rule) in [
        (ALL_NULL, 100, "defaults"),
        ("0/true/-/-/-/-/-", 85, "back-to-back"),
        ("-/-/3/-/-/-/-", 100, "3 games"),
        ("-/-/4/-/-/-/-", 90, "4 games"),
        ("-/-/-/240/-/-/-", 100, "240 minutes"),
        ("-/-/-/240.1/-/-/-", 90, "more than 240 minutes"),
        ("-/-/-/-/35.0/-/-", 100, "average 35"),
        ("-/-/-/-/35.1/-/-", 92, "average above 35"),
        ("-/-/-/-/-/0/-", 100, "no back-to-back in 14 days"),
        ("-/-/-/-/-/1/-", 95, "1 back-to-back in 14 days"),
        ("-/-/-/-/-/2/-", 88, "2 back-to-backs in 14 days"),
        ("-/-/-/-/-/3/-", 88, "3 back-to-backs in 14 days"),
        ("-/-/-/-/-/-/29", 100, "age 29"),
        ("-/-/-/-/-/-/30", 95, "age 30"),
        ("-/-/-/-/-/-/34", 95, "age 34"),
        ("-/-/-/-/-/-/35", 90, "age 35"),
    ] {
        assert_eq!(fatigue(text), expected, "{rule}");
    }
}

#[test]
fn the_rest_bonus_offsets_penalties_but_never_exceeds_100_3_1() {
    assert_eq!(fatigue("3/false/-/-/-/-/-"), 100);
    assert_eq!(fatigue("3/false/4/-/-/-/-"), 95);
    assert_eq!(fatigue("2/false/4/-/-/-/-"), 90);
    assert_eq!(fatigue("3/true/4/-/-/-/-"), 75);
    // §9.3: 105 − 5.
    assert_eq!(fatigue("3/-/3/100/33.3/1/-"), 100);
}

/// The unrounded zone score of a label and rates against differences.
fn zone_score(label: &str, rates: &str, vs_league: &str) -> f64 {
    zone_mismatch(&psza(label, rates), &tdza(vs_league, "-")).score
}

#[test]
fn the_label_chooses_the_zone_and_everything_else_is_paint_3_2() {
    let score = |label| zone_score(label, "50/50/50", "1/2/3");
    assert_eq!(score("mid_range"), 2.0);
    assert_eq!(score("perimeter"), 3.0);
    for label in ["paint", "balanced", "-", "three_pt", "PERIMETER"] {
        assert_eq!(score(label), 1.0, "{label}");
    }
}

#[test]
fn the_rate_weights_up_to_one_and_defaults_to_one_3_2() {
    assert_eq!(zone_score("paint", "25/0/0", "4/0/0"), 2.0);
    assert_eq!(zone_score("paint", "50/0/0", "4/0/0"), 4.0);
    assert_eq!(zone_score("paint", "80/0/0", "4/0/0"), 4.0);
    assert_eq!(zone_score("paint", "-/0/0", "4/0/0"), 4.0);
    assert_eq!(zone_score("paint", "25/0/0", "-/9/9"), 0.0);
}

#[test]
fn the_boost_is_strict_on_the_weighted_value_3_2() {
    assert_eq!(zone_score("paint", "50/0/0", "5.0/0/0"), 5.0);
    assert_eq!(zone_score("paint", "50/0/0", "5.01/0/0"), 6.012);
    assert_eq!(zone_score("paint", "50/0/0", "-5.0/0/0"), -5.0);
    assert_eq!(zone_score("paint", "50/0/0", "-5.01/0/0"), -6.012);
    assert_eq!(zone_score("paint", "25/0/0", "10.0/0/0"), 5.0);
    assert_eq!(zone_score("paint", "50/0/0", "-9.0/0/0"), -10.0);
}

#[test]
fn zone_scores_of_the_end_to_end_players_9_1() {
    assert_eq!(zone_score("perimeter", "20.11/30.22/49.67", "2.31/-1.20/3.47"), 3.447_098_000_000_000_4);
    assert_eq!(zone_score("balanced", "38.50/30.00/31.50", "-6.85/1.00/-"), -6.3294);
    assert_eq!(zone_score("mid_range", "30.11/36.22/33.67", "2.31/-1.27/3.47"), -0.919_987_999_999_999_9);
}

#[test]
fn an_absent_side_scores_zero_3_2() {
    let context = context(ALL_NULL, "-/-/-", "-");
    let shot = Some(psza("paint", "50/0/0"));
    let defense = Some(tdza("4/0/0", "paint"));
    assert_eq!(Scores::of(&inputs(context.clone(), shot.clone(), None)).shot_zone, 0.0);
    assert_eq!(Scores::of(&inputs(context.clone(), None, defense.clone())).shot_zone, 0.0);
    assert_eq!(Scores::of(&inputs(context, shot, defense)).shot_zone, 4.0);
}

#[test]
fn a_negative_zero_shows_in_json_but_not_in_the_total_9_3() {
    let context = context(RESTED, "-/-/-", "-");
    let inputs = inputs(context, Some(psza("perimeter", "0/0/0")), Some(tdza("0/0/-2.5", "-")));
    let scores = Scores::of(&inputs);
    assert_eq!(scores.shot_zone.to_bits(), (-0.0_f64).to_bits());
    assert_eq!(scores.rounded().total.to_bits(), 0.0_f64.to_bits());
    assert!(context_json(&inputs, &scores)[1].ends_with(r#""final_score": -0.0}"#));
}

#[test]
fn pace_is_half_the_differential_within_3_3_3() {
    let pace = |differential| Scores::of(&inputs(context(ALL_NULL, "-/-/-", differential), None, None)).pace;
    for (differential, expected) in
        [("-", 0.0), ("2.5", 1.25), ("5.9", 2.95), ("6.1", 3.0), ("-5.9", -2.95), ("-7.4", -3.0)]
    {
        assert_eq!(pace(differential), expected, "{differential}");
    }
}

/// The unrounded usage score of projected / baseline / stars.
fn usage(text: &str) -> f64 {
    Scores::of(&inputs(context(ALL_NULL, text, "-"), None, None)).usage
}

#[test]
fn only_positive_usage_spikes_are_amplified_3_4() {
    assert_eq!(usage("26/24/0"), 0.6);
    assert_eq!(usage("26/24/1"), 0.6 * 1.15);
    assert_eq!(usage("26/24/2"), 0.6 * 1.30);
    assert_eq!(usage("26/24/5"), 0.6 * 1.30);
    assert_eq!(usage("22/24/1"), -0.6);
    assert_eq!(usage("22/24/2"), -0.6);
}

#[test]
fn usage_saturates_at_3_and_a_zero_baseline_means_no_spike_3_4() {
    assert_eq!(usage("40/20/0"), 3.0);
    assert_eq!(usage("20/40/0"), -3.0);
    assert_eq!(usage("25/0/0"), 0.0);
    assert_eq!(usage("-/-/-"), 0.0);
}

#[test]
fn usage_scores_of_the_end_to_end_players_9_1() {
    for (baseline, expected) in [
        ("27.425", -0.727_500_000_000_000_1),
        ("24.1", 0.269_999_999_999_999_6),
        ("25.2", -0.059_999_999_999_999_78),
        ("27.333333333", -0.699_999_999_899_999_6),
    ] {
        assert_eq!(usage(&format!("-/{baseline}/0")), expected);
    }
}

#[test]
fn completeness_counts_five_checks_on_the_raw_row_3_7() {
    let shot = || Some(psza("-", "-/-/-"));
    let defense = || Some(tdza("-/-/-", "-"));
    let check = |inputs: &FactorInputs<'_>| completeness(inputs);
    let full = context("1/-/-/-/-/-/-", "20/-/-", "0");
    assert_eq!(check(&inputs(full.clone(), shot(), defense())), (100.0, None));
    assert_eq!(check(&inputs(full.clone(), None, defense())), (80.0, Some("player_shot_zone".to_owned())));
    assert_eq!(check(&inputs(full, shot(), None)), (80.0, Some("team_defense_zone".to_owned())));
    let partial = context("1/-/-/-/-/-/-", "-/-/-", "-");
    assert_eq!(
        check(&inputs(partial.clone(), shot(), defense())),
        (60.0, Some("projected_usage_rate, pace_differential".to_owned()))
    );
    assert_eq!(check(&inputs(partial.clone(), None, defense())).0, 40.0);
    assert_eq!(check(&inputs(partial, None, None)).0, 20.0);
    let no_rest = context("-/-/-/-/-/-/-", "20/-/-", "0");
    assert_eq!(check(&inputs(no_rest, shot(), defense())), (80.0, Some("days_rest".to_owned())));
}

#[test]
fn warnings_are_strict_on_unrounded_values_3_8() {
    let scores = Scores { fatigue: 50, shot_zone: -8.0, pace: 0.0, usage: 0.0, total: 12.0, usage_differential: 0.0 };
    assert_eq!(scores.warnings(), None);
    let tired = Scores { fatigue: 49, ..scores.clone() };
    assert_eq!(tired.warnings().as_deref(), Some("EXTREME_FATIGUE: Player showing severe fatigue"));
    assert_eq!(Scores { shot_zone: -8.01, ..scores.clone() }.warnings().as_deref(), Some(MATCHUP));
    assert_eq!(Scores { total: -12.001, ..scores }.warnings().as_deref(), Some(ADJUSTMENT));
}

/// What PGS says of a player with one row on the date: games, minutes and usage in the week, the usage of every game
/// known.
fn recent(games: i64, minutes_10: Option<i64>, usage_100: Option<i64>) -> RecentGames {
    let usage_games = if usage_100.is_some() { games } else { 0 };
    RecentGames { combinations: 1, games, minutes_10, usage_100, usage_games, played_yesterday: false }
}

#[test]
fn synthetic_fields_of_the_end_to_end_players_9_1() {
    let alpha = RecentGames { played_yesterday: true, ..recent(4, Some(1_510), Some(10_970)) };
    let gamma = RecentGames { usage_games: 1, ..recent(3, Some(610), Some(2_410)) };
    let delta = RecentGames { combinations: 2, ..recent(3, Some(810), Some(7_560)) };
    for (player, games, expected) in [
        ("alpha", alpha, "0/true/4/151/37.75/0/- -/27.425/0"),
        ("beta", recent(0, None, None), "1/false/0/0/0/0/- -/-/0"),
        ("gamma", gamma, "1/false/3/61/20.333333333/0/- -/24.1/0"),
        ("delta", delta, "1/false/6/162/27/0/- -/25.2/0"),
        ("zeta", recent(3, Some(950), Some(8_200)), "1/false/3/95/31.666666667/0/- -/27.333333333/0"),
    ] {
        let (fatigue, usage) = expected.split_once(' ').unwrap();
        assert_eq!(PlayerContext::synthetic(&games), context(fatigue, usage, "-"), "{player}");
    }
}

#[test]
fn synthetic_minutes_round_half_away_and_count_rows_without_minutes_2_3() {
    let half = PlayerContext::synthetic(&recent(2, Some(305), None));
    assert_eq!((half.minutes_last_7, half.avg_minutes_last_7), (Some(31.0), Some(15.25)));
    let none = PlayerContext::synthetic(&recent(2, None, None));
    assert_eq!((none.games_last_7, none.minutes_last_7, none.avg_minutes_last_7), (Some(2), Some(0.0), Some(0.0)));
}

/// Player `alpha` of §9.1 as it is hashed.
fn alpha() -> HashedRow<'static> {
    HashedRow {
        date: NaiveDate::from_ymd_opt(2022, 1, 15).unwrap(),
        game_id: "20220115_LAL_DEN",
        player: "alpha",
        universal_id: Some("alpha_001"),
        fatigue: 67,
        scores: RoundedScores { shot_zone: 3.4, pace: 0.0, usage: -0.7, total: 1.07 },
        completeness_pct: 60.0,
        missing: Some("projected_usage_rate, pace_differential"),
        warnings: None,
    }
}

#[test]
fn hash_of_example_a_5_2() {
    let mut text = HashText::default();
    assert_eq!(alpha().data_hash(&mut text), "775dacae9f94e3ba");
    assert_eq!(
        text.as_str(),
        "analysis_date:2022-01-15|calculation_version:v1_4factors|data_completeness_pct:60.0|\
         early_season_flag:False|fatigue_score:67|game_date:2022-01-15|game_id:20220115_LAL_DEN|\
         has_warnings:False|insufficient_data_reason:NULL|look_ahead_pressure_score:0.0|\
         missing_data_fields:projected_usage_rate, pace_differential|opponent_strength_score:0.0|\
         pace_score:0.0|player_lookup:alpha|referee_favorability_score:0.0|shot_zone_mismatch_score:3.4|\
         total_composite_adjustment:1.07|travel_impact_score:0.0|universal_player_id:alpha_001|\
         usage_spike_score:-0.7|warning_details:NULL"
    );
}

#[test]
fn a_negative_zero_is_hashed_with_its_sign_5_2() {
    let row = HashedRow {
        date: date(),
        game_id: "20230110_LAL_DEN",
        player: "x",
        universal_id: Some("x_001"),
        fatigue: 100,
        scores: RoundedScores { shot_zone: -0.0, pace: 0.0, usage: 0.0, total: -0.04 },
        completeness_pct: 100.0,
        missing: None,
        warnings: None,
    };
    let mut text = HashText::default();
    assert_eq!(row.data_hash(&mut text), "1b93622c5e6bb4dc");
    assert!(text.as_str().contains("|shot_zone_mismatch_score:-0.0|total_composite_adjustment:-0.04|"));
}

#[test]
fn a_missing_player_id_is_hashed_as_null_5_2() {
    let row = HashedRow {
        game_id: "20220115_BOS_CHI",
        player: "gamma",
        universal_id: None,
        fatigue: 100,
        scores: RoundedScores { shot_zone: 0.0, pace: 0.0, usage: 0.3, total: 0.27 },
        ..alpha()
    };
    let mut text = HashText::default();
    assert_eq!(row.data_hash(&mut text), "343ce1fe70aef53b");
    assert!(text.as_str().ends_with("|universal_player_id:NULL|usage_spike_score:0.3|warning_details:NULL"));
}
