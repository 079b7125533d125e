//! `player_composite_factors` §9.1 and §9.3.

use putback::catalog::Table;
use putback::processors::ProcessorId;
use putback::store::DateState;

use crate::support::direct::{self, DirectOutput};
use crate::support::rows::{NULL, Row, Value, assert_columns, row, the_row};
use crate::support::tables::{Tables, date};

const DATE: &str = "2022-01-15";

fn run(tables: Tables) -> DirectOutput {
    direct::run(ProcessorId::Pcf, date(DATE), &tables)
}

/// The row of a player on the date itself: opponent and game.
fn on_date(player: &str, id: Option<&str>, opponent: &str, game_id: &str) -> Row {
    row! {
        player_lookup: player, universal_player_id: id, game_date: DATE, opponent_team_abbr: opponent,
        game_id: game_id, minutes_played: 30, usage_rate: 22.2,
    }
}

/// Earlier games of a player as `date: minutes, usage`; `-` is NULL.
fn history(player: &str, games: &str) -> Vec<Row> {
    let game = |text: &str| {
        let (day, values) = text.trim().split_once(": ").expect("date: values");
        let (minutes, usage) = values.split_once(", ").expect("minutes, usage");
        row! {
            player_lookup: player, game_date: day,
            minutes_played: Value::parse(minutes), usage_rate: Value::parse(usage),
        }
    };
    games.split(';').map(game).collect()
}

/// A PSZA row: label and rates of paint, mid-range and three-point.
fn psza(player: &str, day: &str, label: &str, rates: &str) -> Row {
    let [paint, mid_range, three_pt] = Value::parse_all(rates);
    row! {
        player_lookup: player, analysis_date: day, primary_scoring_zone: Value::parse(label),
        paint_rate_last_10: paint, mid_range_rate_last_10: mid_range, three_pt_rate_last_10: three_pt,
    }
}

/// A TDZA row: differences of paint, mid-range and three-point, and the weakest zone.
fn tdza(team: &str, vs_league: [Option<f64>; 3], weakest: Option<&str>) -> Row {
    let [paint, mid_range, three_pt] = vs_league;
    row! {
        team_abbr: team, analysis_date: DATE, weakest_zone: weakest, paint_defense_vs_league_avg: paint,
        mid_range_defense_vs_league_avg: mid_range, three_pt_defense_vs_league_avg: three_pt,
    }
}

/// §9.1: alpha, beta, gamma, delta and eps.
fn five_players() -> DirectOutput {
    let games = [
        history(
            "alpha",
            "2022-01-14: 38, 28.3; 2022-01-12: 37, 31.1; 2022-01-10: 36, 22.6; 2022-01-08: 40, 27.7; \
             2022-01-07: 33, 20.0; 2022-01-01: 30, 19.9; 2021-12-31: 48, 19.9",
        ),
        history("gamma", "2022-01-13: 31, 24.1; 2022-01-11: -, -; 2022-01-09: 30, -"),
        history("delta", "2022-01-13: 31, 24.1; 2022-01-10: 30, 26.0; 2022-01-09: 20, 25.5"),
        vec![
            on_date("alpha", Some("alpha_001"), "DEN", "20220115_LAL_DEN"),
            on_date("beta", Some("beta_001"), "LAL", "20220115_LAL_DEN"),
            on_date("gamma", None, "CHI", "20220115_BOS_CHI"),
            on_date("delta", Some("delta_001"), "CHI", "20220115_BOS_CHI"),
            on_date("delta", Some("delta_001"), "CHI", "20220115_CHI_BOS"),
            on_date("eps", Some("eps_001"), "", "x1"),
        ],
    ];
    let shot_zones = [
        psza("alpha", DATE, "perimeter", "20.11/30.22/49.67"),
        psza("beta", DATE, "balanced", "38.50/30.00/31.50"),
        psza("gamma", DATE, "-", "-"),
        psza("delta", "2022-01-14", "paint", "60.0/20.0/20.0"),
    ];
    let defenses = [
        tdza("DEN", [Some(2.31), Some(-1.20), Some(3.47)], Some("perimeter")),
        tdza("LAL", [Some(-6.85), Some(1.00), None], Some("mid_range")),
        tdza("CHI", [None; 3], None),
    ];
    run(Tables::default()
        .with(Table::PlayerGameSummary, games.into_iter().flatten())
        .with(Table::PlayerShotZoneAnalysis, shot_zones)
        .with(Table::TeamDefenseZoneAnalysis, defenses))
}

/// §9.1: zeta, who plays against another DEN.
fn zeta() -> DirectOutput {
    let games =
        history("zeta", "2022-01-13: 31, 28.3; 2022-01-10: 30, 31.1; 2022-01-08: 34, 22.6; 2022-01-07: 44, 40.0");
    let defense = tdza("DEN", [Some(2.31), Some(-1.27), Some(3.47)], Some("perimeter"));
    run(Tables::default()
        .with(Table::PlayerGameSummary, games)
        .with(Table::PlayerGameSummary, [on_date("zeta", Some("zeta_001"), "DEN", "20220115_LAL_DEN")])
        .with(Table::PlayerShotZoneAnalysis, [psza("zeta", DATE, "mid_range", "30.11/36.22/33.67")])
        .with(Table::TeamDefenseZoneAnalysis, [defense]))
}

/// §4: what is the same in every row.
fn constants() -> Row {
    row! {
        game_date: DATE,
        analysis_date: DATE,
        referee_favorability_score: 0.0,
        look_ahead_pressure_score: 0.0,
        travel_impact_score: 0.0,
        opponent_strength_score: 0.0,
        calculation_version: "v1_4factors",
        source_player_context_last_updated: NULL,
        source_player_context_rows_found: NULL,
        source_player_context_completeness_pct: NULL,
        source_team_context_last_updated: NULL,
        source_team_context_rows_found: NULL,
        source_team_context_completeness_pct: NULL,
        source_player_shot_last_updated: NULL,
        source_player_shot_rows_found: NULL,
        source_player_shot_completeness_pct: NULL,
        source_team_defense_last_updated: NULL,
        source_team_defense_rows_found: NULL,
        source_team_defense_completeness_pct: NULL,
        early_season_flag: false,
        insufficient_data_reason: NULL,
        expected_games_count: 1,
        actual_games_count: 1,
        completeness_percentage: 100.0,
        missing_games_count: 0,
        is_production_ready: true,
        data_quality_issues: Value::List(Vec::new()),
        upstream_player_shot_ready: true,
        upstream_team_defense_ready: true,
        upstream_player_context_ready: true,
        upstream_team_context_ready: true,
        all_upstreams_ready: true,
        last_reprocess_attempt_at: NULL,
        reprocess_attempt_count: 0,
        circuit_breaker_active: false,
        circuit_breaker_until: NULL,
        manual_override_required: false,
        season_boundary_detected: false,
        backfill_bootstrap_mode: false,
        processing_decision_reason: "processed_successfully",
    }
}

/// Compares the constants, and that nothing warns, besides `expected`.
#[track_caller]
fn assert_player(output: &DirectOutput, player: &str, expected: &Row) {
    let actual = the_row(&output.rows, &row! { player_lookup: player });
    assert_columns(actual, &constants());
    assert_columns(actual, &row! { pace_score: 0.0, has_warnings: false, warning_details: NULL });
    assert_columns(actual, expected);
}

#[test]
fn synthetic_context_of_alpha_9_1() {
    let expected = row! {
        universal_player_id: "alpha_001",
        game_id: "20220115_LAL_DEN",
        fatigue_score: 67,
        shot_zone_mismatch_score: 3.4,
        usage_spike_score: -0.7,
        total_composite_adjustment: 1.07,
        data_completeness_pct: 60.0,
        missing_data_fields: "projected_usage_rate, pace_differential",
        data_hash: "775dacae9f94e3ba",
        fatigue_context_json: r#"{"days_rest": 0, "back_to_back": true, "games_last_7": 4, "minutes_last_7": 151.0, "avg_minutes_pg_last_7": 37.75, "back_to_backs_last_14": 0, "player_age": 25, "final_score": 67}"#,
        shot_zone_context_json: r#"{"player_primary_zone": "perimeter", "opponent_weak_zone": "perimeter", "final_score": 3.4470980000000004}"#,
        pace_context_json: r#"{"pace_differential": 0.0, "final_score": 0.0}"#,
        usage_context_json: r#"{"projected_usage_rate": 25.0, "avg_usage_last_7": 27.425, "usage_differential": -2.4250000000000007, "star_teammates_out": 0, "final_score": -0.7275000000000001}"#,
    };
    assert_player(&five_players(), "alpha", &expected);
}

#[test]
fn synthetic_context_of_beta_9_1() {
    let expected = row! {
        universal_player_id: "beta_001",
        game_id: "20220115_LAL_DEN",
        fatigue_score: 100,
        shot_zone_mismatch_score: -6.3,
        usage_spike_score: 0.0,
        total_composite_adjustment: -6.33,
        data_completeness_pct: 60.0,
        missing_data_fields: "projected_usage_rate, pace_differential",
        data_hash: "1125a00a2688e52f",
        // §9.1: no game in the week, so 0 games, 0 minutes and an average of 0.
        fatigue_context_json: r#"{"days_rest": 1, "back_to_back": false, "games_last_7": 0, "minutes_last_7": 0.0, "avg_minutes_pg_last_7": 0.0, "back_to_backs_last_14": 0, "player_age": 25, "final_score": 100}"#,
        shot_zone_context_json: r#"{"player_primary_zone": "balanced", "opponent_weak_zone": "mid_range", "final_score": -6.3294}"#,
        usage_context_json: r#"{"projected_usage_rate": 25.0, "avg_usage_last_7": 25.0, "usage_differential": 0.0, "star_teammates_out": 0, "final_score": 0.0}"#,
    };
    assert_player(&five_players(), "beta", &expected);
}

#[test]
fn synthetic_context_of_gamma_9_1() {
    let expected = row! {
        universal_player_id: NULL,
        game_id: "20220115_BOS_CHI",
        fatigue_score: 100,
        shot_zone_mismatch_score: 0.0,
        usage_spike_score: 0.3,
        total_composite_adjustment: 0.27,
        data_completeness_pct: 60.0,
        missing_data_fields: "projected_usage_rate, pace_differential",
        data_hash: "343ce1fe70aef53b",
        fatigue_context_json: r#"{"days_rest": 1, "back_to_back": false, "games_last_7": 3, "minutes_last_7": 61.0, "avg_minutes_pg_last_7": 20.333333333, "back_to_backs_last_14": 0, "player_age": 25, "final_score": 100}"#,
        shot_zone_context_json: r#"{"player_primary_zone": "unknown", "opponent_weak_zone": "unknown", "final_score": 0.0}"#,
        usage_context_json: r#"{"projected_usage_rate": 25.0, "avg_usage_last_7": 24.1, "usage_differential": 0.8999999999999986, "star_teammates_out": 0, "final_score": 0.2699999999999996}"#,
    };
    assert_player(&five_players(), "gamma", &expected);
}

#[test]
fn synthetic_context_of_delta_who_has_two_rows_9_1() {
    let expected = row! {
        universal_player_id: "delta_001",
        game_id: "20220115_BOS_CHI",
        fatigue_score: 90,
        shot_zone_mismatch_score: 0.0,
        usage_spike_score: -0.1,
        total_composite_adjustment: -0.56,
        data_completeness_pct: 40.0,
        missing_data_fields: "projected_usage_rate, pace_differential, player_shot_zone",
        data_hash: "4b2094b6bdec9026",
        fatigue_context_json: r#"{"days_rest": 1, "back_to_back": false, "games_last_7": 6, "minutes_last_7": 162.0, "avg_minutes_pg_last_7": 27.0, "back_to_backs_last_14": 0, "player_age": 25, "final_score": 90}"#,
        shot_zone_context_json: r#"{"missing_data": true}"#,
        usage_context_json: r#"{"projected_usage_rate": 25.0, "avg_usage_last_7": 25.2, "usage_differential": -0.1999999999999993, "star_teammates_out": 0, "final_score": -0.05999999999999978}"#,
    };
    assert_player(&five_players(), "delta", &expected);
}

#[test]
fn synthetic_context_of_eps_who_has_no_opponent_9_1() {
    let expected = row! {
        universal_player_id: "eps_001",
        game_id: "x1",
        fatigue_score: 100,
        shot_zone_mismatch_score: 0.0,
        usage_spike_score: 0.0,
        total_composite_adjustment: 0.0,
        data_completeness_pct: 20.0,
        missing_data_fields: "projected_usage_rate, pace_differential, player_shot_zone, team_defense_zone",
        data_hash: "80af9eda98be2f51",
        shot_zone_context_json: r#"{"missing_data": true}"#,
    };
    assert_player(&five_players(), "eps", &expected);
}

#[test]
fn synthetic_context_of_zeta_9_1() {
    let expected = row! {
        universal_player_id: "zeta_001",
        game_id: "20220115_LAL_DEN",
        fatigue_score: 100,
        shot_zone_mismatch_score: -0.9,
        usage_spike_score: -0.7,
        total_composite_adjustment: -1.62,
        data_completeness_pct: 60.0,
        missing_data_fields: "projected_usage_rate, pace_differential",
        data_hash: "52e44044ddae602a",
        fatigue_context_json: r#"{"days_rest": 1, "back_to_back": false, "games_last_7": 3, "minutes_last_7": 95.0, "avg_minutes_pg_last_7": 31.666666667, "back_to_backs_last_14": 0, "player_age": 25, "final_score": 100}"#,
        shot_zone_context_json: r#"{"player_primary_zone": "mid_range", "opponent_weak_zone": "perimeter", "final_score": -0.9199879999999999}"#,
        usage_context_json: r#"{"projected_usage_rate": 25.0, "avg_usage_last_7": 27.333333333, "usage_differential": -2.333333332999999, "star_teammates_out": 0, "final_score": -0.6999999998999996}"#,
    };
    assert_player(&zeta(), "zeta", &expected);
}

#[test]
fn every_distinct_player_gets_one_row_9_1() {
    let output = five_players();
    assert_eq!((output.rows.len(), output.failures.len()), (5, 0));
}

/// A context row that the synthetic context could not have.
fn upcg(player: &str) -> Row {
    row! { player_lookup: player, game_date: DATE, days_rest: 7 }
}

/// How many rows come of so many UPCG rows and ten players in PGS, and whether UPCG was used.
fn context_choice(upcg_rows: usize) -> (usize, bool) {
    let names: Vec<String> = (0..10).map(|index| format!("player{index}")).collect();
    let games = names.iter().map(|name| on_date(name, None, "BOS", "20220115_BOS_LAL"));
    let mut tables = Tables::default().with(Table::PlayerGameSummary, games);
    if upcg_rows > 0 {
        tables = tables.with(Table::UpcomingPlayerGameContext, names[..upcg_rows].iter().map(|name| upcg(name)));
    }
    let output = run(tables);
    let from_upcg = |row: &Row| row["fatigue_context_json"] != fatigue_of_unknown_player();
    let used = output.rows.iter().filter(|row| from_upcg(row)).count();
    assert!(used == 0 || used == output.rows.len(), "never blended");
    (output.rows.len(), used > 0)
}

/// The JSON of a synthetic context without history.
fn fatigue_of_unknown_player() -> Value {
    r#"{"days_rest": 1, "back_to_back": false, "games_last_7": 0, "minutes_last_7": 0.0, "avg_minutes_pg_last_7": 0.0, "back_to_backs_last_14": 0, "player_age": 25, "final_score": 100}"#.into()
}

#[test]
fn upcg_below_nine_tenths_of_the_players_goes_synthetic_9_3() {
    assert_eq!(context_choice(0), (10, false));
    assert_eq!(context_choice(8), (10, false));
    assert_eq!(context_choice(9), (9, true));
    assert_eq!(context_choice(10), (10, true));
}

#[test]
fn upcg_is_used_when_pgs_has_no_player_2_2() {
    let output = run(Tables::default().with(Table::UpcomingPlayerGameContext, [upcg("alone")]));
    assert_eq!(output.rows.len(), 1);
    assert_ne!(output.rows[0]["fatigue_context_json"], fatigue_of_unknown_player());
}

fn attempt(player: &str, number: i64, tripped: bool, until: Option<&str>) -> Row {
    row! {
        processor_name: "player_composite_factors", entity_id: player, analysis_date: DATE,
        attempt_number: number, circuit_breaker_tripped: tripped, circuit_breaker_until: until,
    }
}

#[test]
fn an_active_circuit_breaker_takes_the_place_of_the_row_9_3() {
    let contexts = ["blocked", "expired", "untripped", "plain"].map(upcg);
    let attempts = [
        attempt("blocked", 1, true, Some("2099-01-01 00:00:00")),
        attempt("expired", 2, true, Some("2099-01-01 00:00:00")),
        attempt("expired", 3, true, Some("2020-01-01 00:00:00")),
        attempt("untripped", 1, false, None),
    ];
    let output = run(Tables::default()
        .with(Table::UpcomingPlayerGameContext, contexts)
        .with(Table::ReprocessAttempts, attempts));
    let counts: Vec<(&Value, &Value)> =
        output.rows.iter().map(|row| (&row["player_lookup"], &row["reprocess_attempt_count"])).collect();
    let expected = [("expired", 3), ("plain", 0), ("untripped", 1)].map(|(name, n)| (name.into(), n.into()));
    assert_eq!(counts, expected.iter().map(|(name, n): &(Value, Value)| (name, n)).collect::<Vec<_>>());
    let [failure] = &output.failures[..] else { panic!("{:?}", output.failures) };
    assert_eq!((failure.entity_id.as_str(), failure.category), ("blocked", "CIRCUIT_BREAKER_ACTIVE"));
    assert_eq!(failure.reason, "Circuit breaker active until 2099-01-01 00:00:00+00:00");
    assert!(!failure.can_retry);
}

#[test]
fn a_date_of_which_every_player_is_blocked_is_empty_1_6() {
    let output = run(Tables::default()
        .with(Table::UpcomingPlayerGameContext, [upcg("blocked")])
        .with(Table::ReprocessAttempts, [attempt("blocked", 1, true, Some("2099-01-01 00:00:00"))]));
    assert_eq!((output.rows.len(), output.failures.len()), (0, 1));
    assert!(matches!(output.state, DateState::Empty { .. }), "{:?}", output.state);
}

#[test]
fn a_date_without_any_context_fails_1_6() {
    let output = run(Tables::default());
    assert_eq!((output.rows.len(), output.failures.len()), (0, 0));
    assert!(matches!(output.state, DateState::Failed { .. }), "{:?}", output.state);
}

#[test]
fn the_rest_bonus_pays_for_a_back_to_back_in_14_days_9_3() {
    let context = row! {
        player_lookup: "rested", game_date: DATE, days_rest: 3, games_in_last_7_days: 3, minutes_in_last_7_days: 100,
        avg_minutes_per_game_last_7: 33.3, back_to_backs_last_14_days: 1,
    };
    let output = run(Tables::default().with(Table::UpcomingPlayerGameContext, [context]));
    assert_columns(&output.rows[0], &row! { fatigue_score: 100 });
}

#[test]
fn a_negative_zero_is_shown_in_json_and_stored_as_zero_9_3() {
    let output = run(Tables::default()
        .with(Table::UpcomingPlayerGameContext, [upcg("shooter")])
        .with(Table::PlayerShotZoneAnalysis, [psza("shooter", DATE, "perimeter", "70.0/30.0/0.0")])
        .with(Table::TeamDefenseZoneAnalysis, [tdza("BOS", [Some(0.0), Some(0.0), Some(-2.5)], Some("paint"))]));
    assert_columns(
        &output.rows[0],
        &row! {
            shot_zone_context_json:
                r#"{"player_primary_zone": "perimeter", "opponent_weak_zone": "paint", "final_score": -0.0}"#,
            shot_zone_mismatch_score: 0.0,
            total_composite_adjustment: 0.0,
        },
    );
}
