//! Rules and numbers of `player_shot_zone_analysis` §3 and §5.

use super::*;
use crate::numerics::hash::data_hash;

/// Ten games with these attempts and makes by zone, and nothing else.
fn shots(attempts: [i64; 3], makes: [i64; 3]) -> ShotWindow {
    ShotWindow { attempts_10: attempts, makes_10: makes, games_20: 10, ..ShotWindow::default() }
}

fn scored(attempts: [i64; 3], makes: [i64; 3]) -> ZoneScore {
    ZoneScore::of(&shots(attempts, makes))
}

/// The sums of `johndoe` (§9.1).
fn example_a() -> ShotWindow {
    ShotWindow {
        attempts_10: [80, 32, 60],
        makes_10: [49, 14, 22],
        fg_makes_10: 91,
        assisted_10: 51,
        unassisted_10: 32,
        attempts_20: [119, 55, 90],
        paint_makes_20: 72,
        games_20: 16,
    }
}

/// The 20-game part of example A, over so many games.
fn trend(games: i64) -> ZoneScore {
    ZoneScore::of(&ShotWindow { games_20: games, ..example_a() })
}

/// The zone for rounded paint, mid-range and three-point rates.
fn zone_of(rates: [f64; 3]) -> Option<&'static str> {
    ZoneScore { rates_10: rates.map(Some), ..scored([0; 3], [0; 3]) }.primary_zone()
}

/// §5.1: the date is the first of the hashed fields.
fn hash_on(date: &str, text: &str) -> String {
    data_hash(&[b"analysis_date:", date.as_bytes(), b"|", text.as_bytes()])
}

#[test]
fn percentages_round_the_scaled_value_half_to_even_3_0() {
    for (makes, attempts, expected) in
        [(49, 80, 0.612), (3, 80, 0.038), (1, 80, 0.012), (14, 32, 0.438), (1, 16, 0.062), (203, 400, 0.507)]
    {
        let score = scored([attempts, 0, 0], [makes, 0, 0]);
        assert_eq!(score.pcts_10[0], Some(expected), "{makes}/{attempts}");
    }
}

#[test]
fn corners_of_the_reference_sums_below_zero_count_as_none_3_2() {
    let negative = ShotWindow { attempts_10: [-9, 4, 3], attempts_20: [-9, 4, 3], games_20: 15, ..example_a() };
    let score = ZoneScore::of(&negative);
    assert_eq!((score.rates_10, score.total_shots), ([None; 3], None));
    assert_eq!((score.assisted_rate, score.unassisted_rate), (None, None));
    assert_eq!((score.pcts_10[0], score.paint_rate_20, score.paint_pct_20), (None, None, None));
    assert_eq!(score.pcts_10[1], Some(3.5));
    assert_eq!(score.attempts_per_game[0], -0.9);
    let no_makes = ZoneScore::of(&ShotWindow { fg_makes_10: -1, ..example_a() });
    assert_eq!((no_makes.assisted_rate, no_makes.unassisted_rate), (None, None));
}

#[test]
fn rates_divide_first_and_then_multiply_3_0() {
    for (part, whole, expected) in
        [(1, 32, 3.12), (3, 32, 9.38), (43, 160, 26.88), (23, 160, 14.37), (49, 160, 30.63), (51, 160, 31.87)]
    {
        let score = scored([part, whole - part, 0], [0; 3]);
        assert_eq!(score.rates_10[0], Some(expected), "{part}/{whole}");
    }
}

#[test]
fn ten_game_values_of_example_a_9_1() {
    let score = ZoneScore::of(&example_a());
    assert_eq!(score.rates_10, [Some(46.51), Some(18.6), Some(34.88)]);
    assert_eq!(score.pcts_10, [Some(0.612), Some(0.438), Some(0.367)]);
    assert_eq!(score.attempts_per_game, [8.0, 3.2, 6.0]);
    assert_eq!(score.total_shots, Some(172));
    assert_eq!((score.assisted_rate, score.unassisted_rate), (Some(56.04), Some(35.16)));
    assert_eq!((score.paint_rate_20, score.paint_pct_20), (Some(45.08), Some(0.605)));
}

#[test]
fn without_shots_everything_but_attempts_per_game_is_missing_3_2() {
    let score =
        ZoneScore::of(&ShotWindow { fg_makes_10: 5, assisted_10: 3, unassisted_10: 2, ..shots([0; 3], [0; 3]) });
    assert_eq!(score.rates_10, [None; 3]);
    assert_eq!(score.pcts_10, [None; 3]);
    assert_eq!(score.total_shots, None);
    assert_eq!(score.attempts_per_game, [0.0; 3]);
    // §3.2: also when there are field goal makes.
    assert_eq!((score.assisted_rate, score.unassisted_rate), (None, None));
    assert_eq!(score.primary_zone(), None);
}

#[test]
fn assisted_rates_are_missing_without_field_goal_makes_3_2() {
    let score = scored([10, 0, 0], [0; 3]);
    assert_eq!((score.assisted_rate, score.unassisted_rate), (None, None));
}

#[test]
fn assisted_rates_divide_by_all_field_goal_makes_q6() {
    let window = ShotWindow { fg_makes_10: 8, assisted_10: 3, unassisted_10: 1, ..shots([20, 0, 0], [8, 0, 0]) };
    let score = ZoneScore::of(&window);
    assert_eq!((score.assisted_rate, score.unassisted_rate), (Some(37.5), Some(12.5)));
}

#[test]
fn a_zone_without_attempts_has_rate_zero_and_no_percentage_q5() {
    let score = scored([0, 0, 60], [0, 0, 22]);
    assert_eq!(score.rates_10, [Some(0.0), Some(0.0), Some(100.0)]);
    assert_eq!(score.pcts_10, [None, None, Some(0.367)]);
    assert_eq!(score.primary_zone(), Some("perimeter"));
}

#[test]
fn percentages_are_not_capped_q13() {
    assert_eq!(scored([4, 0, 0], [6, 0, 0]).pcts_10[0], Some(1.5));
}

#[test]
fn twenty_game_values_need_15_games_3_3() {
    let (below, at) = (trend(14), trend(15));
    assert_eq!((below.paint_rate_20, below.paint_pct_20), (None, None));
    assert_eq!((at.paint_rate_20, at.paint_pct_20), (Some(45.08), Some(0.605)));
}

#[test]
fn twenty_game_values_are_missing_without_shots_3_3() {
    let none = ZoneScore::of(&ShotWindow { attempts_20: [0; 3], ..example_a() });
    assert_eq!((none.paint_rate_20, none.paint_pct_20), (None, None));
    let no_paint = ZoneScore::of(&ShotWindow { attempts_20: [0, 5, 5], ..example_a() });
    assert_eq!((no_paint.paint_rate_20, no_paint.paint_pct_20), (Some(0.0), None));
}

#[test]
fn sample_quality_is_good_from_14_and_excellent_from_20_games_3_3() {
    for (games, label) in
        [(10, "limited"), (13, "limited"), (14, "good"), (15, "good"), (19, "good"), (20, "excellent")]
    {
        assert_eq!(trend(games).sample_quality_20(), label, "{games}");
    }
}

#[test]
fn zones_are_tested_in_order_3_4() {
    assert_eq!(zone_of([40.0, 20.0, 40.0]), Some("paint"));
    assert_eq!(zone_of([40.0, 0.0, 60.0]), Some("paint"));
    assert_eq!(zone_of([25.0, 35.0, 40.0]), Some("perimeter"));
    assert_eq!(zone_of([30.0, 35.0, 35.0]), Some("mid_range"));
    assert_eq!(zone_of([35.0, 30.0, 35.0]), Some("balanced"));
    assert_eq!(zone_of([39.99, 34.99, 25.02]), Some("balanced"));
    assert_eq!(zone_of([0.0, 0.0, 0.0]), None);
}

#[test]
fn zones_look_at_rounded_rates_3_4() {
    let score = scored([7_999, 6_001, 6_000], [0; 3]);
    assert_eq!(score.rates_10[0], Some(40.0));
    assert_eq!(score.primary_zone(), Some("paint"));
}

#[test]
fn hash_of_example_a_5_2() {
    let text = ZoneScore::of(&example_a()).hash_text("johndoe", Some("jdoe_2"));
    assert_eq!(
        text,
        "assisted_rate_last_10:56.04|calculation_notes:NULL|data_quality_tier:high|games_in_sample_10:10|\
         games_in_sample_20:16|mid_range_attempts_per_game:3.2|mid_range_pct_last_10:0.438|\
         mid_range_rate_last_10:18.6|paint_attempts_per_game:8.0|paint_pct_last_10:0.612|\
         paint_pct_last_20:0.605|paint_rate_last_10:46.51|paint_rate_last_20:45.08|player_lookup:johndoe|\
         player_position:NULL|primary_scoring_zone:paint|sample_quality_10:excellent|sample_quality_20:good|\
         three_pt_attempts_per_game:6.0|three_pt_pct_last_10:0.367|three_pt_rate_last_10:34.88|\
         total_shots_last_10:172|unassisted_rate_last_10:35.16|universal_player_id:jdoe_2"
    );
    assert_eq!(hash_on("2024-01-15", &text), "cb110a952c98e6f3");
}

#[test]
fn hash_of_a_player_without_shots_5_2() {
    let score = ZoneScore::of(&ShotWindow { games_20: 11, ..ShotWindow::default() });
    let text = score.hash_text("noshots", Some("z_1"));
    assert_eq!(
        text,
        "assisted_rate_last_10:NULL|calculation_notes:NULL|data_quality_tier:high|games_in_sample_10:10|\
         games_in_sample_20:11|mid_range_attempts_per_game:0.0|mid_range_pct_last_10:NULL|\
         mid_range_rate_last_10:NULL|paint_attempts_per_game:0.0|paint_pct_last_10:NULL|\
         paint_pct_last_20:NULL|paint_rate_last_10:NULL|paint_rate_last_20:NULL|player_lookup:noshots|\
         player_position:NULL|primary_scoring_zone:NULL|sample_quality_10:excellent|\
         sample_quality_20:limited|three_pt_attempts_per_game:0.0|three_pt_pct_last_10:NULL|\
         three_pt_rate_last_10:NULL|total_shots_last_10:NULL|unassisted_rate_last_10:NULL|\
         universal_player_id:z_1"
    );
    assert_eq!(hash_on("2024-01-15", &text), "dcac43691ef44432");
}
