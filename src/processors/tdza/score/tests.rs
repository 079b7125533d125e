//! Rules and numbers of `team_defense_zone_analysis` §3 and §5.

use super::*;

fn date() -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 1, 15).unwrap()
}

/// A window with these makes and attempts by zone, and nothing else.
fn shooting(makes: [i64; 3], attempts: [i64; 3]) -> TeamWindow {
    TeamWindow { makes, attempts, ..TeamWindow::default() }
}

fn scored(window: &TeamWindow) -> TeamScore {
    TeamScore::of(window, &DEFAULT_AVERAGES)
}

/// The sums over ranks 1 to 15 of example A (§9.1).
fn example_a() -> TeamWindow {
    TeamWindow {
        makes: [308, 107, 181],
        attempts: [554, 251, 546],
        blocks: [54, 13, 3],
        paint_points: 616,
        points: 1746,
        rating_100: Some(158_992),
        rating_games: 14,
        pace_10: Some(14_188),
        pace_games: 14,
    }
}

/// The league window of team Ti of example B (§9.2): 15 games and the one on d − 30.
fn league_team(i: i64) -> LeagueWindow {
    LeagueWindow {
        makes: [Some(15 * (20 + i) + 30), Some(15 * 8 + 10), Some(15 * 12 + 15)],
        attempts: [Some(15 * 40 + 40), Some(15 * 20 + 20), Some(15 * (30 + i) + 30)],
    }
}

/// The averages of example B.
const EXAMPLE_B_AVERAGES: LeagueAverages = LeagueAverages([0.621_093_75, 0.406_25, 0.358_394_513_622_983_4]);

/// A team of example B whose 15 games are alike: sums of makes and attempts over them.
fn example_b(makes: [i64; 3], attempts: [i64; 3]) -> TeamWindow {
    TeamWindow {
        makes,
        attempts,
        blocks: [60, 15, 0],
        paint_points: 2 * makes[0],
        points: 1650,
        rating_100: Some(168_750),
        rating_games: 15,
        pace_10: Some(14_925),
        pace_games: 15,
    }
}

/// Strongest and weakest zone of a team that allows these percentages, against averages of zero.
fn extremes(percent: [Option<i64>; 3]) -> (Option<Zone>, Option<Zone>) {
    let window = shooting(percent.map(Option::unwrap_or_default), percent.map(|zone| zone.map_or(0, |_| 100)));
    let score = TeamScore::of(&window, &LeagueAverages([0.0; 3]));
    (score.strongest, score.weakest)
}

#[test]
fn percentages_are_unrounded_fractions_3_1() {
    assert_eq!(
        scored(&example_a()).pct,
        [Some(0.555_956_678_700_361), Some(0.426_294_820_717_131_5), Some(0.331_501_831_501_831_5)]
    );
}

#[test]
fn per_game_values_divide_the_sums_by_15_3_1() {
    let score = scored(&example_a());
    assert_eq!(score.attempts_per_game, [36.933_333_333_333_33, 16.733_333_333_333_334, 36.4]);
    assert_eq!(score.blocks_per_game, [3.6, 0.866_666_666_666_666_7, 0.2]);
    assert_eq!(score.paint_points_per_game, 41.066_666_666_666_67);
    assert_eq!(score.points_per_game, 116.4);
}

#[test]
fn a_zone_without_attempts_has_no_percentage_and_no_difference_3_1() {
    let score = scored(&shooting([0, 6, 5], [0, 20, 20]));
    assert_eq!(score.pct, [None, Some(0.3), Some(0.25)]);
    assert_eq!(score.vs_league[0], None);
    assert_eq!(score.attempts_per_game[0], 0.0);
}

#[test]
fn corners_of_the_reference_a_sum_of_attempts_below_zero_counts_as_none_3_1() {
    let score = scored(&shooting([3, 10, 10], [-5, 30, 20]));
    assert_eq!((score.pct[0], score.vs_league[0]), (None, None));
    assert_eq!(score.attempts_per_game[0], -5.0 / 15.0);
    // With attempts of -5 the share of -0.6 would make paint the strongest zone.
    assert_eq!((score.strongest, score.weakest), (Some(Zone::MidRange), Some(Zone::ThreePoint)));
    // §3.6: the note is for a sum of 0.
    assert_eq!(score.notes(), None);
}

#[test]
fn missing_makes_with_attempts_present_are_zero_percent_3_1() {
    assert_eq!(scored(&shooting([0, 0, 0], [10, 0, 0])).pct[0], Some(0.0));
}

#[test]
fn means_divide_the_exact_sum_by_the_games_with_a_value_3_3() {
    let score = scored(&example_a());
    assert_eq!(score.defensive_rating, Some(113.565_714_285_714_3));
    assert_eq!(score.opponent_pace, Some(101.342_857_142_857_14));
}

#[test]
fn a_mean_without_values_is_missing_3_3() {
    let score = scored(&TeamWindow { rating_100: None, pace_10: None, ..example_a() });
    assert_eq!((score.defensive_rating, score.opponent_pace), (None, None));
}

#[test]
fn nine_league_teams_leave_all_three_defaults_3_2() {
    assert_eq!(LeagueAverages::of((0..9).map(league_team)), LeagueAverages([0.580, 0.410, 0.355]));
}

#[test]
fn ten_league_teams_average_their_ratios_with_equal_weight_3_2() {
    let averages = LeagueAverages::of((0..10).map(league_team));
    // The order of the sum is open, so its last bits are (tolerance of the specification: 1e-9).
    for (average, expected) in averages.0.into_iter().zip(EXAMPLE_B_AVERAGES.0) {
        assert!((average - expected).abs() < 1e-15, "{average} instead of {expected}");
    }
    // §3.2: a team with many more attempts weighs no more than the others.
    let busy = LeagueWindow { makes: [Some(9_000); 3], attempts: [Some(10_000); 3] };
    let quiet = LeagueWindow { makes: [Some(4); 3], attempts: [Some(10); 3] };
    let teams = std::iter::once(busy).chain(std::iter::repeat_n(quiet, 9));
    assert_eq!(LeagueAverages::of(teams), LeagueAverages([0.45; 3]));
}

#[test]
fn a_team_without_any_one_zone_is_not_in_the_league_average_3_2() {
    let no_makes = LeagueWindow { makes: [None, Some(1), Some(1)], ..league_team(9) };
    let no_attempts = LeagueWindow { attempts: [Some(1), None, Some(1)], ..league_team(9) };
    let zero_attempts = LeagueWindow { attempts: [Some(1), Some(1), Some(0)], ..league_team(9) };
    for incomplete in [no_makes, no_attempts, zero_attempts] {
        let nine = (0..9).map(league_team);
        assert_eq!(LeagueAverages::of(nine.clone().chain([incomplete])), DEFAULT_AVERAGES);
        let ten = nine.chain([league_team(9)]);
        assert_eq!(LeagueAverages::of(ten.clone().chain([incomplete])), LeagueAverages::of(ten));
    }
}

#[test]
fn zero_makes_are_a_ratio_like_any_other_3_2() {
    let cold = LeagueWindow { makes: [Some(0); 3], ..league_team(0) };
    assert_eq!(LeagueAverages::of(std::iter::repeat_n(cold, 10)), LeagueAverages([0.0; 3]));
}

#[test]
fn differences_subtract_first_and_then_multiply_3_4() {
    assert_eq!(
        scored(&example_a()).vs_league,
        [Some(-2.404_332_129_963_893), Some(1.629_482_071_713_150_8), Some(-2.349_816_849_816_849_5)]
    );
}

#[test]
fn differences_are_the_unrounded_doubles_of_production_4_2() {
    assert_eq!(scored(&shooting([0, 0, 192], [0, 0, 534])).vs_league[2], Some(0.455_056_179_775_281_7));
}

#[test]
fn strongest_is_the_smallest_and_weakest_the_largest_difference_3_5() {
    assert_eq!(extremes([Some(40), Some(20), Some(50)]), (Some(Zone::MidRange), Some(Zone::ThreePoint)));
    let score = scored(&example_a());
    assert_eq!((score.strongest, score.weakest), (Some(Zone::Paint), Some(Zone::MidRange)));
}

#[test]
fn ties_go_to_the_first_zone_in_order_for_both_3_5() {
    assert_eq!(extremes([Some(50), Some(50), Some(40)]), (Some(Zone::ThreePoint), Some(Zone::Paint)));
    assert_eq!(extremes([Some(50), Some(40), Some(40)]), (Some(Zone::MidRange), Some(Zone::Paint)));
    assert_eq!(extremes([Some(50); 3]), (Some(Zone::Paint), Some(Zone::Paint)));
}

#[test]
fn only_zones_with_a_difference_are_candidates_3_5() {
    assert_eq!(extremes([None; 3]), (None, None));
    assert_eq!(extremes([None, None, Some(90)]), (Some(Zone::ThreePoint), Some(Zone::ThreePoint)));
    assert_eq!(extremes([None, Some(50), Some(50)]), (Some(Zone::MidRange), Some(Zone::MidRange)));
}

#[test]
fn the_three_point_zone_is_called_perimeter_3_5() {
    assert_eq!(Zone::ALL.map(Zone::label), ["paint", "mid_range", "perimeter"]);
}

#[test]
fn notes_name_zones_without_attempts_in_order_3_6() {
    let notes = |attempts| scored(&shooting([0; 3], attempts)).notes();
    assert_eq!(notes([1, 1, 1]), None);
    assert_eq!(notes([0, 1, 1]).as_deref(), Some("No paint attempts"));
    assert_eq!(notes([1, 0, 1]).as_deref(), Some("No mid-range attempts"));
    assert_eq!(notes([1, 1, 0]).as_deref(), Some("No three-point attempts"));
    assert_eq!(notes([0, 0, 0]).as_deref(), Some("No paint attempts; No mid-range attempts; No three-point attempts"));
}

#[test]
fn hash_of_example_a_5_3() {
    let score = scored(&example_a());
    assert_eq!(
        score.hash_text("BOS", date()).as_str(),
        "analysis_date:2024-01-15|calculation_notes:NULL|data_quality_tier:high|\
         defensive_rating_last_15:113.5657142857143|games_in_sample:15|\
         mid_range_attempts_allowed_per_game:16.733333333333334|mid_range_blocks_per_game:0.8666666666666667|\
         mid_range_defense_vs_league_avg:1.6294820717131508|mid_range_pct_allowed_last_15:0.4262948207171315|\
         opponent_pace:101.34285714285714|opponent_points_per_game:116.4|\
         paint_attempts_allowed_per_game:36.93333333333333|paint_blocks_per_game:3.6|\
         paint_defense_vs_league_avg:-2.404332129963893|paint_pct_allowed_last_15:0.555956678700361|\
         paint_points_allowed_per_game:41.06666666666667|strongest_zone:paint|team_abbr:BOS|\
         three_pt_attempts_allowed_per_game:36.4|three_pt_blocks_per_game:0.2|\
         three_pt_defense_vs_league_avg:-2.3498168498168495|three_pt_pct_allowed_last_15:0.3315018315018315|\
         weakest_zone:mid_range"
    );
    assert_eq!(score.data_hash("BOS", date()), "43628f91370438b7");
}

#[test]
fn a_missing_mean_is_hashed_as_nan_5_3() {
    let score = scored(&TeamWindow { rating_100: None, pace_10: None, ..example_a() });
    assert!(score.hash_text("NYK", date()).as_str().contains("|defensive_rating_last_15:nan|"));
    assert_eq!(score.data_hash("NYK", date()), "f7a653b947eb72af");
}

#[test]
fn missing_percentages_are_hashed_as_null_and_notes_as_text_5_3() {
    let score = TeamScore::of(&example_b([0, 0, 300], [0, 0, 600]), &EXAMPLE_B_AVERAGES);
    assert_eq!(
        score.hash_text("TY", date()).as_str(),
        "analysis_date:2024-01-15|calculation_notes:No paint attempts; No mid-range attempts|\
         data_quality_tier:high|defensive_rating_last_15:112.5|games_in_sample:15|\
         mid_range_attempts_allowed_per_game:0.0|mid_range_blocks_per_game:1.0|\
         mid_range_defense_vs_league_avg:NULL|mid_range_pct_allowed_last_15:NULL|opponent_pace:99.5|\
         opponent_points_per_game:110.0|paint_attempts_allowed_per_game:0.0|paint_blocks_per_game:4.0|\
         paint_defense_vs_league_avg:NULL|paint_pct_allowed_last_15:NULL|paint_points_allowed_per_game:0.0|\
         strongest_zone:perimeter|team_abbr:TY|three_pt_attempts_allowed_per_game:40.0|\
         three_pt_blocks_per_game:0.0|three_pt_defense_vs_league_avg:14.160548637701659|\
         three_pt_pct_allowed_last_15:0.5|weakest_zone:perimeter"
    );
    assert_eq!(score.data_hash("TY", date()), "eeb3f326971b9721");
}

#[test]
fn differences_and_hashes_of_example_b_given_its_averages_9_2() {
    for (team, makes, attempts, vs_league, hash) in [
        (
            "T0",
            [300, 120, 180],
            [600, 300, 450],
            [-12.109_375, -0.624_999_999_999_997_8, 4.160_548_637_701_661],
            "44ce44876847395d",
        ),
        (
            "T9",
            [435, 120, 180],
            [600, 300, 585],
            [10.390_624_999_999_998, -0.624_999_999_999_997_8, -5.070_220_593_067_57],
            "23a52c74aaee7a0c",
        ),
        (
            "TX",
            [150, 30, 75],
            [600, 300, 600],
            [-37.109_375, -30.625_000_000_000_004, -23.339_451_362_298_34],
            "7eab37ebf90acd08",
        ),
    ] {
        let score = TeamScore::of(&example_b(makes, attempts), &EXAMPLE_B_AVERAGES);
        assert_eq!(score.vs_league, vs_league.map(Some), "{team}");
        assert_eq!(score.data_hash(team, date()), hash, "{team}");
    }
}
