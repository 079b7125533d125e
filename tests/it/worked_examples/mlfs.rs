//! `ml_feature_store` §10.

use putback::catalog::Table;
use putback::processors::ProcessorId;
use putback::store::DateState;

use crate::support::direct::{self, DirectOutput};
use crate::support::rows::{NULL, Row, Value, assert_columns, row, the_row, with};
use crate::support::tables::{Tables, date};

/// The date of examples 1 to 6.
const DATE: &str = "2022-01-15";

/// Home and away in examples 1 to 6: `20220115_BOS_LAL`.
const HOME: [&str; 2] = ["LAL", "BOS"];
const AWAY: [&str; 2] = ["BOS", "LAL"];

/// The roster row: own team and opponent.
fn roster(player: &str, [team, opponent]: [&str; 2]) -> Row {
    row! {
        player_lookup: player, universal_player_id: format!("{player}_001"), game_date: DATE,
        game_id: "20220115_BOS_LAL", team_abbr: team, opponent_team_abbr: opponent, points: 25, minutes_played: 36,
    }
}

/// Earlier games as `date: opponent, points, minutes, free throws`; `-` is NULL.
fn history(player: &str, games: &str) -> Vec<Row> {
    let game = |text: &str| {
        let (day, values) = text.trim().split_once(": ").expect("date: values");
        let values: Vec<&str> = values.split(", ").collect();
        row! {
            player_lookup: player, game_date: day, opponent_team_abbr: values[0], points: Value::parse(values[1]),
            minutes_played: Value::parse(values[2]), ft_makes: Value::parse(values[3]),
        }
    };
    games.split(';').map(game).collect()
}

/// The UPCG row: team, home, back-to-back, days of rest and status in the mid season.
fn context(player: &str, team: &str, home: bool, b2b: bool, days_rest: Option<i64>, status: Option<&str>) -> Row {
    row! {
        player_lookup: player, game_date: DATE, team_abbr: team, home_game: home, back_to_back: b2b,
        season_phase: "mid", days_rest: days_rest, player_status: status, opponent_days_rest: 0,
    }
}

/// The PCF row: fatigue, mismatch, pace, usage.
fn pcf(player: &str, scores: &str) -> Row {
    let [fatigue, mismatch, pace, usage] = cells(scores);
    row! {
        player_lookup: player, game_date: DATE, is_production_ready: true, fatigue_score: fatigue,
        shot_zone_mismatch_score: mismatch, pace_score: pace, usage_spike_score: usage,
    }
}

/// The PSZA row: rates of paint, mid-range and three-point.
fn psza(player: &str, rates: &str) -> Row {
    let [paint, mid_range, three_pt] = cells(rates);
    row! {
        player_lookup: player, analysis_date: DATE, is_production_ready: true,
        paint_rate_last_10: paint, mid_range_rate_last_10: mid_range, three_pt_rate_last_10: three_pt,
    }
}

/// The PDC row: last five, last ten, season, deviation, minutes, pace, offensive rating, games in
/// seven days, paint and three-point rates.
fn pdc(player: &str, values: &str) -> Row {
    let [last_5, last_10, season, deviation, minutes, pace, rating, games, paint, three_pt] = cells(values);
    row! {
        player_lookup: player, cache_date: DATE, is_production_ready: true,
        points_avg_last_5: last_5, points_avg_last_10: last_10, points_avg_season: season,
        points_std_last_10: deviation, minutes_avg_last_10: minutes, team_pace_last_10: pace,
        team_off_rating_last_10: rating, games_in_last_7_days: games,
        paint_rate_last_10: paint, three_pt_rate_last_10: three_pt,
    }
}

fn tdza(team: &str, rating: f64, pace: f64) -> Row {
    row! {
        team_abbr: team, analysis_date: DATE, is_production_ready: true,
        defensive_rating_last_15: rating, opponent_pace: pace,
    }
}

/// A betting line: side, line, opening, whether it is active.
fn line(player: &str, side: &str, line: f64, opening: Option<f64>, is_active: bool) -> Row {
    row! {
        player_lookup: player, game_date: DATE, bet_side: side, points_line: line, opening_line: opening,
        is_active: is_active,
    }
}

/// Cells separated by commas; `-` is NULL.
fn cells<const N: usize>(text: &str) -> [Value; N] {
    let cells: Vec<Value> = text.split(", ").map(Value::parse).collect();
    cells.try_into().unwrap_or_else(|_| panic!("{text:?} has not {N} cells"))
}

/// Runs MLFS on the rows of one player, with the TDZA rows of examples 1 to 6.
fn run(tables: Tables) -> DirectOutput {
    let defenses = [tdza("BOS", 108.37, 98.6), tdza("LAL", 111.04, 101.3)];
    direct::run(ProcessorId::Mlfs, date(DATE), &tables.with(Table::TeamDefenseZoneAnalysis, defenses))
}

/// §4.4 and §5: what is the same in every row.
fn constants() -> Row {
    row! {
        feature_count: 33,
        feature_version: "v2_33features",
        feature_names: [
            "points_avg_last_5", "points_avg_last_10", "points_avg_season", "points_std_last_10",
            "games_in_last_7_days", "fatigue_score", "shot_zone_mismatch_score", "pace_score", "usage_spike_score",
            "rest_advantage", "injury_risk", "recent_trend", "minutes_change", "opponent_def_rating", "opponent_pace",
            "home_away", "back_to_back", "playoff_game", "pct_paint", "pct_mid_range", "pct_three", "pct_free_throw",
            "team_pace", "team_off_rating", "team_win_pct", "vegas_points_line", "vegas_opening_line",
            "vegas_line_move", "has_vegas_line", "avg_points_vs_opponent", "games_vs_opponent", "minutes_avg_last_10",
            "ppm_avg_last_10",
        ],
        data_source: "mixed",
        early_season_flag: false,
        insufficient_data_reason: NULL,
        completeness_percentage: 100.0,
        missing_games_count: 0,
        last_reprocess_attempt_at: NULL,
        reprocess_attempt_count: 0,
        circuit_breaker_active: false,
        circuit_breaker_until: NULL,
        manual_override_required: false,
        season_boundary_detected: false,
        backfill_bootstrap_mode: false,
        processing_decision_reason: "processed_successfully",
        updated_at: NULL,
    }
}

/// Compares the one row of an output, constants included.
#[track_caller]
fn assert_only_row(output: &DirectOutput, expected: &Row) {
    assert_eq!(output.failures, []);
    assert_eq!(output.rows.len(), 1);
    assert_columns(&output.rows[0], &constants());
    assert_columns(&output.rows[0], expected);
}

fn alphaone() -> Tables {
    let games = history(
        "alphaone",
        "2022-01-13: GSW, 28, 36, 6; 2022-01-11: MEM, 22, 35, 4; 2022-01-09: ATL, 31, 38, 9; \
         2022-01-07: SAC, 19, 33, 2; 2022-01-04: MIN, 24, 34, 5; 2022-01-02: PHX, 27, 36, 3; \
         2021-12-31: POR, 30, 37, 8; 2021-12-28: HOU, 17, 31, 2; 2021-12-25: BKN, 33, 40, 10; \
         2021-12-23: SAS, 21, 34, 4; 2021-12-21: PHX, 26, 35, 5; 2021-11-19: BOS, 18, 32, 4; \
         2021-11-02: HOU, 20, 30, 5; 2021-04-15: BOS, 12, 29, 2; 2019-01-15: BOS, 40, 39, 12; \
         2019-01-14: BOS, 50, 40, 12",
    );
    let lines = [
        line("alphaone", "over", 26.5, Some(25.5), true),
        line("alphaone", "over", 27.0, Some(26.0), true),
        line("alphaone", "over", 26.5, None, true),
        line("alphaone", "over", 30.5, Some(20.5), false),
        line("alphaone", "under", 26.5, Some(25.5), true),
    ];
    Tables::default()
        .with(Table::PlayerGameSummary, games)
        .with(Table::PlayerGameSummary, [roster("alphaone", HOME)])
        .with(
            Table::UpcomingPlayerGameContext,
            [context("alphaone", "LAL", true, false, Some(2), Some("questionable"))],
        )
        .with(Table::PlayerCompositeFactors, [pcf("alphaone", "92, 3.4, -0.5, 0.0")])
        .with(Table::PlayerShotZoneAnalysis, [psza("alphaone", "38.46, 17.95, 43.59")])
        .with(Table::PlayerPointsProps, lines)
}

#[test]
fn example_1_the_normal_case_without_pdc_10() {
    let expected = row! {
        player_lookup: "alphaone",
        universal_player_id: "alphaone_001",
        game_date: DATE,
        game_id: "20220115_BOS_LAL",
        features: [
            24.8, 25.2, 24.307692307692307, 5.0, 3.0, 92.0, 3.4, -0.5, 0.0, 2.0, 2.0, -2.0, 0.0, 108.37, 98.6, 1.0, 0.0,
            0.0, 0.3846, 0.1795, 0.4359, 0.21031746, 100.0, 112.0, 0.5, 26.666666666666668, 25.75, 0.9166666666666679,
            1.0, 23.333333333333332, 3.0, 35.363636364, 0.708952793,
        ],
        feature_quality_score: 73.64,
        quality_tier: "bronze",
        opponent_team_abbr: "BOS",
        is_home: true,
        days_rest: 2,
        expected_games_count: 10,
        actual_games_count: 10,
        is_production_ready: false,
        data_quality_issues: ["upstream_player_daily_cache_incomplete"],
        data_hash: "8e7e3e31b02acc5f",
    };
    assert_only_row(&run(alphaone()), &expected);
}

fn betatwo() -> Tables {
    let games = history(
        "betatwo",
        "2022-01-14: PHI, 14, 28, 2; 2022-01-12: IND, 9, 24, 1; 2022-01-10: IND, 21, 33, -; \
         2022-01-08: NYK, -, -, -",
    );
    let unknown_id = with(&roster("betatwo", AWAY), row! { universal_player_id: NULL });
    Tables::default()
        .with(Table::PlayerGameSummary, games)
        .with(Table::PlayerGameSummary, [unknown_id])
        .with(Table::UpcomingPlayerGameContext, [context("betatwo", "BOS", false, false, None, None)])
        .with(Table::SyncedDailyCache, [pdc("betatwo", "18.4, 17.9, 16.2, -, 30.6, 99.8, 110.25, 3, 30.00, 45.00")])
        .with(Table::PlayerCompositeFactors, [pcf("betatwo", "-, -, 1.2, -")])
        .with(Table::PlayerShotZoneAnalysis, [psza("betatwo", "-, -, 41.18")])
        .with(
            Table::PlayerPointsProps,
            [line("betatwo", "over", 12.5, None, true), line("betatwo", "over", 13.5, None, true)],
        )
}

#[test]
fn example_2_pdc_present_but_many_nulls_10() {
    let expected = row! {
        player_lookup: "betatwo",
        universal_player_id: NULL,
        features: [
            18.4, 17.9, 16.2, 5.0, 3.0, 50.0, 0.0, 1.2, 0.0, 0.0, 0.0, 0.0, 0.0, 111.04, 101.3, 0.0, 0.0, 0.0, 0.3, 0.2,
            0.4118, 0.15, 99.8, 110.25, 0.5, 13.0, 0.0, 0.0, 1.0, 0.0, 0.0, 28.333333333, 0.503787879,
        ],
        feature_quality_score: 72.27,
        quality_tier: "bronze",
        opponent_team_abbr: "LAL",
        is_home: false,
        days_rest: NULL,
        expected_games_count: 4,
        actual_games_count: 4,
        is_production_ready: true,
        data_quality_issues: Value::List(Vec::new()),
        data_hash: "6a7d636ba29c4525",
    };
    assert_only_row(&run(betatwo()), &expected);
}

fn gammathree() -> Tables {
    let debut = with(&roster("gammathree", HOME), row! { points: 2, minutes_played: 6 });
    Tables::default().with(Table::PlayerGameSummary, [debut])
}

#[test]
fn example_3_a_debut_of_which_nothing_is_known_10() {
    let expected = row! {
        features: [
            10.0, 10.0, 10.0, 5.0, 3.0, 50.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 108.37, 98.6, 0.0, 0.0, 0.0, 0.3, 0.2,
            0.35, 0.15, 100.0, 112.0, 0.5, 15.0, 15.0, 0.0, 0.0, 0.0, 0.0, 28.0, 0.4,
        ],
        feature_quality_score: 57.73,
        quality_tier: "bronze",
        is_home: true,
        days_rest: NULL,
        expected_games_count: 0,
        actual_games_count: 0,
        is_production_ready: false,
        data_quality_issues: [
            "upstream_player_daily_cache_incomplete",
            "upstream_player_composite_factors_incomplete",
            "upstream_player_shot_zone_incomplete",
        ],
        data_hash: "d18b5e34e7699779",
    };
    assert_only_row(&run(gammathree()), &expected);
}

fn zetasix() -> Tables {
    let games = history("zetasix", "2022-01-14: PHI, 7, 18, 1; 2022-01-12: IND, 4, 15, 0; 2022-01-10: LAL, 11, 21, 3");
    Tables::default()
        .with(Table::PlayerGameSummary, games)
        .with(Table::PlayerGameSummary, [roster("zetasix", AWAY)])
        .with(Table::UpcomingPlayerGameContext, [context("zetasix", "BOS", false, true, Some(1), Some("out"))])
}

#[test]
fn example_4_three_games_and_only_upcg_and_tdza_10() {
    let expected = row! {
        features: [
            10.0, 7.333333333333333, 7.333333333333333, 5.0, 3.0, 50.0, 0.0, 0.0, 0.0, 1.0, 3.0, 0.0, 0.0, 111.04, 101.3,
            0.0, 1.0, 0.0, 0.3, 0.2, 0.35, 0.15, 100.0, 112.0, 0.5, 7.333333333333333, 7.333333333333333, 0.0, 0.0,
            11.0, 1.0, 18.0, 0.393121693,
        ],
        feature_quality_score: 59.85,
        quality_tier: "bronze",
        is_home: false,
        days_rest: 1,
        expected_games_count: 3,
        actual_games_count: 3,
        data_hash: "1953eef7284fa113",
    };
    assert_only_row(&run(zetasix()), &expected);
}

fn etaseven() -> Tables {
    let games = history(
        "etaseven",
        "2022-01-13: GSW, 10, 20, 2; 2022-01-11: MEM, 12, 22, 1; 2022-01-09: ATL, 8, 18, 0; \
         2022-01-07: SAC, 6, 16, 2; 2022-01-05: SAC, 4, 14, 0",
    );
    Tables::default()
        .with(Table::PlayerGameSummary, games)
        .with(Table::PlayerGameSummary, [roster("etaseven", HOME)])
        .with(Table::UpcomingPlayerGameContext, [context("etaseven", "LAL", true, false, Some(2), Some("probable"))])
        .with(Table::SyncedDailyCache, [pdc("etaseven", "8.0, 8.2, 8.2, 2.86, 21.7, 100.0, 112.10, -, 30.30, 45.45")])
        .with(Table::PlayerCompositeFactors, [pcf("etaseven", "100, 1.0, -, 0.0")])
}

#[test]
fn example_5_pdc_present_psza_missing_no_line_10() {
    let expected = row! {
        features: [
            8.0, 8.2, 8.2, 2.86, 3.0, 100.0, 1.0, 0.0, 0.0, 2.0, 1.0, -2.0, 2.0, 108.37, 98.6, 1.0, 0.0, 0.0, 0.303, 0.2,
            0.4545, 0.125, 100.0, 112.1, 0.5, 8.2, 8.2, 0.0, 0.0, 0.0, 0.0, 18.0, 0.430122655,
        ],
        feature_quality_score: 77.73,
        quality_tier: "silver",
        is_production_ready: false,
        data_quality_issues: ["upstream_player_shot_zone_incomplete"],
        data_hash: "542fb18bb393101c",
    };
    assert_only_row(&run(etaseven()), &expected);
}

fn epsilonfive() -> Tables {
    Tables::default()
        .with(Table::PlayerGameSummary, history("epsilonfive", "2022-01-13: PHI, 9, 20, 1"))
        .with(Table::PlayerGameSummary, [roster("epsilonfive", AWAY)])
        .with(Table::SyncedDailyCache, [pdc("epsilonfive", "-, -, -, -, -, -, -, -, -, -")])
}

#[test]
fn example_6_a_pdc_row_of_nulls_without_a_line_fails_10() {
    let output = run(epsilonfive());
    assert_eq!(output.rows, Vec::<Row>::new());
    // §1.5: every player failed, and the date is a success all the same.
    assert!(matches!(output.state, DateState::Empty { .. }), "{:?}", output.state);
    let [failure] = &output.failures[..] else { panic!("{:?}", output.failures) };
    assert_eq!((failure.entity_id.as_str(), failure.category), ("epsilonfive", "calculation_error"));
    assert_eq!(failure.reason, "float() argument must be a string or a real number, not 'NoneType'");
    assert!(!failure.can_retry);
}

#[test]
fn players_of_a_date_do_not_affect_each_other_10() {
    let tables = [alphaone(), betatwo(), gammathree(), zetasix(), etaseven(), epsilonfive()];
    let together = run(tables.into_iter().fold(Tables::default(), Tables::merge));
    assert_eq!((together.rows.len(), together.failures.len()), (5, 1));
    for (player, hash) in [
        ("alphaone", "8e7e3e31b02acc5f"),
        ("betatwo", "6a7d636ba29c4525"),
        ("gammathree", "d18b5e34e7699779"),
        ("zetasix", "1953eef7284fa113"),
        ("etaseven", "542fb18bb393101c"),
    ] {
        assert_columns(the_row(&together.rows, &row! { player_lookup: player }), &row! { data_hash: hash });
    }
}

fn deltafour() -> Tables {
    const DAY: &str = "2022-05-10";
    let games = history(
        "deltafour",
        "2022-05-08: DAL, 12, 30, 1; 2022-05-06: DAL, 11, 31, 0; 2022-05-04: DAL, 14, 29, 2; \
         2022-05-02: DAL, 22, 26, 6; 2022-04-28: NOP, 20, 25, 5; 2022-04-26: NOP, 16, 24, 3; \
         2021-11-20: UTA, 6, 15, 0",
    );
    let game = with(&roster("deltafour", ["PHX", "DAL"]), row! { game_date: DAY, game_id: "20220510_DAL_PHX" });
    let context = with(
        &context("deltafour", "PHX", true, true, Some(5), Some("Doubtful")),
        row! { game_date: DAY, season_phase: "playoffs" },
    );
    let cache = pdc("deltafour", "15.8, 15.8, 14.4, 4.49, 27.5, 98.4, 114.86, 3, 55.00, 20.00");
    let on_day = row! { analysis_date: DAY };
    Tables::default()
        .with(Table::PlayerGameSummary, games)
        .with(Table::PlayerGameSummary, [game])
        .with(Table::UpcomingPlayerGameContext, [context])
        .with(Table::SyncedDailyCache, [with(&cache, row! { cache_date: DAY })])
        .with(Table::PlayerCompositeFactors, [with(&pcf("deltafour", "64, -2.1, 0.7, 1.5"), row! { game_date: DAY })])
        .with(Table::PlayerShotZoneAnalysis, [with(&psza("deltafour", "52.27, 29.55, 18.18"), on_day.clone())])
        .with(Table::TeamDefenseZoneAnalysis, [with(&tdza("DAL", 109.60, 95.7), on_day)])
        .with(
            Table::PlayerPointsProps,
            [with(&line("deltafour", "over", 15.5, Some(16.5), true), row! { game_date: DAY })],
        )
}

#[test]
fn example_7_everything_present_in_the_playoffs_10() {
    let output = direct::run(ProcessorId::Mlfs, date("2022-05-10"), &deltafour());
    let expected = row! {
        features: [
            15.8, 15.8, 14.4, 4.49, 3.0, 64.0, -2.1, 0.7, 1.5, 2.0, 3.0, 2.0, 0.0, 109.6, 95.7, 1.0, 1.0, 1.0, 0.5227,
            0.2955, 0.1818, 0.178947368, 98.4, 114.86, 0.5, 15.5, 16.5, -1.0, 1.0, 14.75, 4.0, 27.5, 0.591736307,
        ],
        game_date: "2022-05-10",
        feature_quality_score: 83.18,
        quality_tier: "silver",
        expected_games_count: 6,
        actual_games_count: 6,
        is_production_ready: true,
        data_quality_issues: Value::List(Vec::new()),
        data_hash: "545c89fa4ba659f9",
    };
    assert_only_row(&output, &expected);
}

#[test]
fn the_season_mean_needs_both_the_season_column_and_the_date_2_3() {
    let game = |day: &str, season: i64, points: i64| {
        row! { player_lookup: "gammathree", game_date: day, season_year: season, points: points }
    };
    let games = [game("2021-11-01", 2021, 10), game("2021-09-30", 2021, 30), game("2021-11-03", 2020, 50)];
    let output = run(gammathree().with(Table::PlayerGameSummary, games));
    let Value::List(features) = &output.rows[0]["features"] else { panic!("no features") };
    assert_eq!(features[2], Value::Num(10.0));
}
