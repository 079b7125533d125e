//! Rules and numbers of `ml_feature_store` §3, §4 and §6.

use super::*;

fn features(inputs: &FeatureInputs<'_>) -> [f64; 33] {
    FeatureVector::of(inputs).unwrap().values
}

fn quality(inputs: &FeatureInputs<'_>) -> f64 {
    FeatureVector::of(inputs).unwrap().quality_score
}

/// Games with these points, newest first.
fn scoring(points: &[i64]) -> Vec<RecentGame> {
    points.iter().map(|&points| RecentGame { points: Some(points), ..RecentGame::default() }).collect()
}

/// A game: points, minutes, free throws made.
fn game((points, minutes, ft_makes): (i64, i64, i64)) -> RecentGame {
    RecentGame { points: Some(points), minutes_10: Some(10 * minutes), ft_makes: Some(ft_makes) }
}

/// A PDC row whose season mean is known, so that there is a line to fall back to.
fn cache() -> DailyCache {
    DailyCache { points_avg_season: Some(16.2), ..DailyCache::default() }
}

fn with_context(context: GameContext<'_>) -> FeatureInputs<'_> {
    FeatureInputs { context: Some(context), ..FeatureInputs::default() }
}

/// Example 1 (§10): the normal case of the year backfill, without PDC.
fn alphaone() -> FeatureInputs<'static> {
    let recent = [
        (28, 36, 6),
        (22, 35, 4),
        (31, 38, 9),
        (19, 33, 2),
        (24, 34, 5),
        (27, 36, 3),
        (30, 37, 8),
        (17, 31, 2),
        (33, 40, 10),
        (21, 34, 4),
    ];
    FeatureInputs {
        recent: recent.map(game).to_vec(),
        season: Some(SeasonMeans { points: 316.0 / 13.0, minutes: Some(35.153_846_154) }),
        factors: Some(Factors {
            fatigue: Some(92.0),
            shot_zone_mismatch: Some(3.4),
            pace: Some(-0.5),
            usage_spike: Some(0.0),
        }),
        zones: Some(ZoneRates([Some(38.46), Some(17.95), Some(43.59)])),
        defense: Some(OpponentDefense { rating: Some(108.37), pace: Some(98.6) }),
        context: Some(GameContext {
            home_game: Some(true),
            back_to_back: Some(false),
            season_phase: Some("mid"),
            player_status: Some("questionable"),
            days_rest: Some(2),
            opponent_days_rest: Some(0),
        }),
        line: Some(BettingLine { points: 80.0 / 3.0, opening: 51.5 / 2.0 }),
        against: Some(AgainstOpponent { games: 3, points: Some(70.0 / 3.0) }),
        month: Some(MonthMeans { minutes: 35.363_636_364, points_per_minute: Some(0.708_952_793) }),
        ..FeatureInputs::default()
    }
}

/// Example 2 (§10): a PDC row, and many NULLs.
fn betatwo() -> FeatureInputs<'static> {
    FeatureInputs {
        recent: vec![
            game((14, 28, 2)),
            game((9, 24, 1)),
            RecentGame { ft_makes: None, ..game((21, 33, 0)) },
            RecentGame::default(),
        ],
        season: Some(SeasonMeans { points: 44.0 / 3.0, minutes: Some(28.333_333_333) }),
        cache: Some(DailyCache {
            points_avg_last_5: Some(18.4),
            points_avg_last_10: Some(17.9),
            points_avg_season: Some(16.2),
            points_std_last_10: None,
            minutes_avg_last_10: Some(30.6),
            team_pace_last_10: Some(99.8),
            team_off_rating_last_10: Some(110.25),
            games_in_last_7_days: Some(3),
            paint_rate_last_10: Some(30.0),
            three_pt_rate_last_10: Some(45.0),
        }),
        factors: Some(Factors { pace: Some(1.2), ..Factors::default() }),
        zones: Some(ZoneRates([None, None, Some(41.18)])),
        defense: Some(OpponentDefense { rating: Some(111.04), pace: Some(101.3) }),
        context: Some(GameContext {
            home_game: Some(false),
            back_to_back: Some(false),
            season_phase: Some("mid"),
            opponent_days_rest: Some(0),
            ..GameContext::default()
        }),
        line: Some(BettingLine { points: 13.0, opening: f64::NAN }),
        against: Some(AgainstOpponent::default()),
        month: Some(MonthMeans { minutes: 28.333_333_333, points_per_minute: Some(0.503_787_879) }),
    }
}

/// Inputs in which every feature that can come from Phase 4 does.
fn everything() -> FeatureInputs<'static> {
    FeatureInputs {
        cache: Some(DailyCache { points_std_last_10: Some(2.5), ..betatwo().cache.unwrap() }),
        zones: Some(ZoneRates([Some(50.0); 3])),
        factors: alphaone().factors,
        ..betatwo()
    }
}

#[test]
fn a_player_of_whom_nothing_is_known_takes_the_defaults_3_2() {
    let nothing = FeatureInputs { against: Some(AgainstOpponent::default()), ..FeatureInputs::default() };
    let vector = FeatureVector::of(&nothing).unwrap();
    assert_eq!(
        vector.stored(),
        [
            10.0, 10.0, 10.0, 5.0, 3.0, 50.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 112.0, 100.0, 0.0, 0.0, 0.0, 0.3, 0.2,
            0.35, 0.15, 100.0, 112.0, 0.5, 15.0, 15.0, 0.0, 0.0, 0.0, 0.0, 28.0, 0.4
        ]
    );
    assert!(vector.values[29].is_nan());
}

#[test]
fn phase_4_comes_before_phase_3_before_the_default_3_1() {
    let recent = scoring(&[1, 2, 3, 4, 5]);
    let phase3 = FeatureInputs { recent: recent.clone(), ..FeatureInputs::default() };
    assert_eq!(features(&phase3)[..2], [3.0, 3.0]);
    let cache = DailyCache { points_avg_last_5: Some(20.0), ..cache() };
    let both = FeatureInputs { recent, cache: Some(cache), ..FeatureInputs::default() };
    assert_eq!(features(&both)[..3], [20.0, 3.0, 16.2]);
}

#[test]
fn the_five_game_mean_needs_five_games_and_null_points_count_as_zero_2_5() {
    let mut recent = scoring(&[6, 8, 10]);
    recent.push(RecentGame::default());
    let four = FeatureInputs { recent: recent.clone(), ..FeatureInputs::default() };
    assert_eq!(features(&four)[..2], [10.0, 6.0]);
    recent.extend(scoring(&[1, 5]));
    let six = FeatureInputs { recent, ..FeatureInputs::default() };
    assert_eq!(features(&six)[..2], [5.0, 5.0]);
}

#[test]
fn a_season_mean_of_nan_is_present_2_1() {
    let inputs =
        FeatureInputs { season: Some(SeasonMeans { points: f64::NAN, minutes: None }), ..FeatureInputs::default() };
    let vector = FeatureVector::of(&inputs).unwrap();
    assert!(vector.values[2].is_nan() && vector.values[25].is_nan() && vector.values[26].is_nan());
    assert_eq!((vector.stored()[2], vector.stored()[25]), (0.0, 0.0));
}

#[test]
fn rest_advantage_is_the_clamped_difference_3_3() {
    let rest = |own, opponent| {
        features(&with_context(GameContext { days_rest: own, opponent_days_rest: opponent, ..GameContext::default() }))
            [9]
    };
    assert_eq!(rest(Some(1), Some(0)), 1.0);
    assert_eq!(rest(Some(5), Some(0)), 2.0);
    assert_eq!(rest(Some(0), Some(3)), -2.0);
    assert_eq!(rest(None, Some(3)), 0.0);
    assert_eq!(rest(Some(3), None), 0.0);
}

#[test]
fn injury_risk_reads_the_lower_cased_status_without_trimming_3_3() {
    for (status, expected) in [
        (Some("available"), 0.0),
        (Some("Probable"), 1.0),
        (Some("questionable"), 2.0),
        (Some("DOUBTFUL"), 3.0),
        (Some("out"), 3.0),
        (Some(" out"), 0.0),
        (Some(""), 0.0),
        (None, 0.0),
    ] {
        let inputs = with_context(GameContext { player_status: status, ..GameContext::default() });
        assert_eq!(features(&inputs)[10], expected, "{status:?}");
    }
}

#[test]
fn recent_trend_is_older_minus_newer_3_3() {
    for (points, expected) in [
        ([28, 22, 31, 19, 24], -2.0),
        ([12, 11, 14, 22, 20], 2.0),
        ([10, 10, 10, 15, 15], 2.0),
        ([10, 10, 10, 15, 14], 1.0),
        ([10, 10, 10, 12, 12], 1.0),
        ([10, 10, 10, 12, 11], 0.0),
        ([12, 12, 12, 10, 10], -1.0),
        ([12, 12, 12, 10, 11], 0.0),
        ([15, 15, 15, 10, 10], -2.0),
    ] {
        assert_eq!(recent_trend(&scoring(&points)), expected, "{points:?}");
    }
    assert_eq!(recent_trend(&scoring(&[0, 0, 0, 30])), 0.0);
}

#[test]
fn recent_trend_looks_at_the_five_newest_games_and_counts_null_as_zero_3_3() {
    let mut games = scoring(&[10, 10, 10, 12, 12, 99]);
    assert_eq!(recent_trend(&games), 1.0);
    games[0].points = None;
    assert_eq!(recent_trend(&games), 2.0);
}

#[test]
fn minutes_change_follows_the_doubles_at_its_boundaries_3_3() {
    for (recent, season, expected) in [
        (33.0, 30.0, 1.0),
        (36.0, 30.0, 2.0),
        (24.0, 30.0, -2.0),
        (27.0, 30.0, -1.0),
        (13.2, 12.0, 0.0),
        (26.4, 22.0, 1.0),
        (39.6, 33.0, 2.0),
        (30.6, 28.333_333_333, 0.0),
        (30.0, 0.0, 0.0),
        (0.0, 30.0, 0.0),
    ] {
        let inputs = FeatureInputs {
            cache: Some(DailyCache { minutes_avg_last_10: Some(recent), ..cache() }),
            season: Some(SeasonMeans { points: 10.0, minutes: Some(season) }),
            ..FeatureInputs::default()
        };
        assert_eq!(minutes_change(&inputs), expected, "{recent} after {season}");
    }
}

#[test]
fn minutes_change_falls_back_to_the_listed_games_and_counts_null_as_zero_3_3() {
    let season = Some(SeasonMeans { points: 10.0, minutes: Some(20.0) });
    let recent = vec![game((0, 40, 0)), game((0, 26, 0)), RecentGame::default()];
    let inputs = FeatureInputs { recent, season, ..FeatureInputs::default() };
    assert_eq!(minutes_change(&inputs), 1.0);
    assert_eq!(minutes_change(&FeatureInputs { season, ..FeatureInputs::default() }), 0.0);
    assert_eq!(minutes_change(&FeatureInputs { season: None, ..inputs }), 0.0);
}

#[test]
fn free_throw_share_needs_five_games_and_points_3_3() {
    let share = |games: &[(i64, i64, i64)]| pct_free_throw(&games.iter().copied().map(game).collect::<Vec<_>>());
    assert_eq!(pct_free_throw(&alphaone().recent), 0.210_317_46);
    assert_eq!(share(&[(10, 20, 2), (12, 22, 1), (8, 18, 0), (6, 16, 2), (4, 14, 0)]), 0.125);
    assert_eq!(share(&[(10, 20, 9); 4]), 0.15);
    assert_eq!(share(&[(0, 20, 0); 5]), 0.15);
    assert_eq!(share(&[(10, 20, 9); 5]), 0.5);
    assert_eq!(share(&[(3, 20, 1); 5]), 0.333_333_333);
}

#[test]
fn context_flags_need_a_true_value_and_the_phase_playoffs_3_2() {
    let flags = |context| features(&with_context(context))[15..18].to_vec();
    let playoffs = GameContext {
        home_game: Some(true),
        back_to_back: Some(true),
        season_phase: Some("Playoffs"),
        ..GameContext::default()
    };
    assert_eq!(flags(playoffs), [1.0, 1.0, 1.0]);
    let other = GameContext { home_game: Some(false), season_phase: Some("late"), ..GameContext::default() };
    assert_eq!(flags(other), [0.0, 0.0, 0.0]);
}

#[test]
fn rates_are_divided_by_100_as_doubles_3_2() {
    let inputs =
        FeatureInputs { zones: Some(ZoneRates([Some(15.79), Some(29.55), Some(43.59)])), ..FeatureInputs::default() };
    assert_eq!(features(&inputs)[18..21], [0.157_899_999_999_999_98, 0.2955, 0.4359]);
}

#[test]
fn a_psza_row_hides_the_rates_of_pdc_even_with_nulls_2_5() {
    let cache = DailyCache { paint_rate_last_10: Some(55.0), three_pt_rate_last_10: Some(20.0), ..cache() };
    let without = FeatureInputs { cache: Some(cache), ..FeatureInputs::default() };
    assert_eq!(features(&without)[18..21], [0.55, 0.2, 0.2]);
    let with = FeatureInputs { zones: Some(ZoneRates([None, None, Some(41.18)])), ..without };
    assert_eq!(features(&with)[18..21], [0.3, 0.2, 0.4118]);
}

#[test]
fn win_share_of_the_team_is_constant_3_3() {
    assert_eq!(features(&FeatureInputs::default())[24], 0.5);
    assert_eq!(features(&everything())[24], 0.5);
}

/// Features 25 to 28.
fn vegas_of(inputs: &FeatureInputs<'_>) -> [f64; 4] {
    features(inputs)[25..29].try_into().unwrap()
}

fn line(points: f64, opening: f64) -> FeatureInputs<'static> {
    FeatureInputs { line: Some(BettingLine { points, opening }), ..FeatureInputs::default() }
}

#[test]
fn a_line_moves_from_its_opening_without_rounding_3_4() {
    assert_eq!(vegas_of(&alphaone()), [26.666_666_666_666_668, 25.75, 0.916_666_666_666_667_9, 1.0]);
    assert_eq!(vegas_of(&line(15.5, 16.5)), [15.5, 16.5, -1.0, 1.0]);
}

#[test]
fn an_opening_of_nan_stays_nan_and_is_stored_as_zero_3_4() {
    let vector = FeatureVector::of(&line(13.0, f64::NAN)).unwrap();
    assert!(vector.values[26].is_nan() && vector.values[27].is_nan());
    assert_eq!(vector.stored()[25..29], [13.0, 0.0, 0.0, 1.0]);
}

#[test]
fn an_opening_of_exactly_zero_means_no_move_3_4() {
    assert_eq!(vegas_of(&line(13.0, 0.0)), [13.0, 0.0, 0.0, 1.0]);
}

#[test]
fn without_a_line_pdc_decides_before_the_season_mean_before_15_3_4() {
    let season = Some(SeasonMeans { points: 8.0, minutes: None });
    assert_eq!(vegas_of(&FeatureInputs::default()), [15.0, 15.0, 0.0, 0.0]);
    assert_eq!(vegas_of(&FeatureInputs { season, ..FeatureInputs::default() }), [8.0, 8.0, 0.0, 0.0]);
    assert_eq!(
        vegas_of(&FeatureInputs { season, cache: Some(cache()), ..FeatureInputs::default() }),
        [16.2, 16.2, 0.0, 0.0]
    );
}

#[test]
fn a_pdc_row_without_season_mean_fails_a_player_without_a_line_3_4() {
    let season = Some(SeasonMeans { points: 8.0, minutes: None });
    let inputs = FeatureInputs { season, cache: Some(DailyCache::default()), ..FeatureInputs::default() };
    assert_eq!(FeatureVector::of(&inputs), Err(NoFallbackLine));
    let line = Some(BettingLine { points: 9.5, opening: 9.5 });
    let without_opponent = FeatureInputs { line, ..inputs.clone() };
    assert_eq!(FeatureVector::of(&without_opponent), Err(NoFallbackLine));
    let with_line = FeatureInputs { line, against: Some(AgainstOpponent::default()), ..inputs };
    assert_eq!(vegas_of(&with_line), [9.5, 9.5, 0.0, 1.0]);
    assert_eq!(NoFallbackLine::REASON, "float() argument must be a string or a real number, not 'NoneType'");
}

#[test]
fn opponent_history_without_points_is_nan_and_stored_as_zero_3_5() {
    let against = Some(AgainstOpponent { games: 2, points: None });
    let vector = FeatureVector::of(&FeatureInputs { against, ..FeatureInputs::default() }).unwrap();
    assert!(vector.values[29].is_nan());
    assert_eq!(vector.stored()[29..31], [0.0, 2.0]);
}

#[test]
fn corners_of_the_reference_without_an_opponent_the_fallback_line_3_5() {
    let of = |inputs: &FeatureInputs<'_>| features(inputs)[29..31].to_vec();
    let season = Some(SeasonMeans { points: 8.0, minutes: None });
    assert_eq!(of(&FeatureInputs::default()), [15.0, 0.0]);
    assert_eq!(of(&FeatureInputs { season, ..FeatureInputs::default() }), [8.0, 0.0]);
    assert_eq!(of(&FeatureInputs { season, cache: Some(cache()), ..FeatureInputs::default() }), [16.2, 0.0]);
    // A line is no fallback line.
    assert_eq!(
        of(&FeatureInputs {
            season,
            line: Some(BettingLine { points: 9.5, opening: 9.5 }),
            ..FeatureInputs::default()
        }),
        [8.0, 0.0]
    );
}

#[test]
fn corners_of_the_reference_a_clamp_never_leaves_a_negative_zero_3_3() {
    let recent = vec![RecentGame { points: Some(-1), minutes_10: Some(300), ft_makes: Some(0) }; 5];
    let pct = features(&FeatureInputs { recent, ..FeatureInputs::default() })[21];
    assert_eq!(pct.to_bits(), 0.0_f64.to_bits());
}

#[test]
fn minutes_and_points_per_minute_have_their_own_fallbacks_3_6() {
    let month = |points_per_minute| {
        let month = Some(MonthMeans { minutes: 18.0, points_per_minute });
        features(&FeatureInputs { month, ..FeatureInputs::default() })[31..33].to_vec()
    };
    assert_eq!(month(Some(0.430_122_655)), [18.0, 0.430_122_655]);
    assert_eq!(month(None), [18.0, 0.4]);
    assert_eq!(features(&FeatureInputs::default())[31..33], [28.0, 0.4]);
}

#[test]
fn quality_lies_between_54_09_and_83_18_4_2() {
    assert_eq!(quality(&FeatureInputs::default()), 54.09);
    assert_eq!(quality(&everything()), 83.18);
}

#[test]
fn quality_of_the_normal_case_without_pdc_is_73_64_4_2() {
    assert_eq!(quality(&alphaone()), 73.64);
}

#[test]
fn quality_of_the_case_with_nulls_is_72_27_10() {
    assert_eq!(quality(&betatwo()), 72.27);
}

#[test]
fn tiers_start_at_95_75_50_and_25_4_3() {
    for (score, tier) in [
        (95.0, "gold"),
        (94.99, "silver"),
        (83.18, "silver"),
        (75.0, "silver"),
        (74.99, "bronze"),
        (73.64, "bronze"),
        (50.0, "bronze"),
        (49.99, "poor"),
        (25.0, "poor"),
        (24.99, "unusable"),
        (0.0, "unusable"),
    ] {
        assert_eq!(
            FeatureVector { values: [0.0; 33], labels: [Label::Calculated; 33], quality_score: score }.quality_tier(),
            tier,
            "{score}"
        );
    }
}

/// The hashed text of a row, without the constant list of names, and its hash.
fn hashed(row: &HashedRow<'_>, inputs: &FeatureInputs<'_>) -> (String, String) {
    let mut text = HashText::default();
    let hash = row.data_hash(&FeatureVector::of(inputs).unwrap(), &mut text);
    let names = format!("feature_names:{}|", feature_names_text());
    assert!(text.as_str().contains(&names));
    (text.as_str().replace(&names, ""), hash)
}

/// The row of example 1.
fn alphaone_row() -> HashedRow<'static> {
    HashedRow {
        date: NaiveDate::from_ymd_opt(2022, 1, 15).unwrap(),
        game_id: "20220115_BOS_LAL",
        player: "alphaone",
        universal_id: Some("alphaone_001"),
        opponent: Some("BOS"),
        is_home: true,
        days_rest: Some(2),
    }
}

#[test]
fn hash_of_example_1_6_4() {
    let (text, hash) = hashed(&alphaone_row(), &alphaone());
    assert_eq!(
        text,
        "data_source:mixed|days_rest:2|early_season_flag:False|feature_count:33|feature_quality_score:73.64|\
         feature_version:v2_33features|features:[24.8, 25.2, 24.307692307692307, 5.0, 3.0, 92.0, 3.4, -0.5, 0.0, 2.0, \
         2.0, -2.0, 0.0, 108.37, 98.6, 1.0, 0.0, 0.0, 0.3846, 0.1795, 0.4359, 0.21031746, 100.0, 112.0, 0.5, \
         26.666666666666668, 25.75, 0.9166666666666679, 1.0, 23.333333333333332, 3.0, 35.363636364, 0.708952793]|\
         game_date:2022-01-15|game_id:20220115_BOS_LAL|insufficient_data_reason:NULL|is_home:True|\
         opponent_team_abbr:BOS|player_lookup:alphaone|universal_player_id:alphaone_001"
    );
    assert_eq!(hash, "8e7e3e31b02acc5f");
}

#[test]
fn hash_of_example_2_sees_nan_6_5() {
    let row = HashedRow {
        player: "betatwo",
        universal_id: None,
        opponent: Some("LAL"),
        is_home: false,
        days_rest: None,
        ..alphaone_row()
    };
    let (text, hash) = hashed(&row, &betatwo());
    assert_eq!(
        text,
        "data_source:mixed|days_rest:NULL|early_season_flag:False|feature_count:33|feature_quality_score:72.27|\
         feature_version:v2_33features|features:[18.4, 17.9, 16.2, 5.0, 3.0, 50.0, 0.0, 1.2, 0.0, 0.0, 0.0, 0.0, 0.0, \
         111.04, 101.3, 0.0, 0.0, 0.0, 0.3, 0.2, 0.4118, 0.15, 99.8, 110.25, 0.5, 13.0, nan, nan, 1.0, nan, 0.0, \
         28.333333333, 0.503787879]|game_date:2022-01-15|game_id:20220115_BOS_LAL|insufficient_data_reason:NULL|\
         is_home:False|opponent_team_abbr:LAL|player_lookup:betatwo|universal_player_id:NULL"
    );
    assert_eq!(hash, "6a7d636ba29c4525");
}

#[test]
fn feature_names_are_hashed_as_a_quoted_list_6_4() {
    let text = feature_names_text();
    assert!(text.starts_with("['points_avg_last_5', 'points_avg_last_10', 'points_avg_season', "), "{text}");
    assert!(text.ends_with(", 'minutes_avg_last_10', 'ppm_avg_last_10']"), "{text}");
    assert_eq!(text.matches('\'').count(), 66);
}
