//! `team_defense_zone_analysis` §9, and the worked hashes of §5.3.

use chrono::Days;
use putback::catalog::Table;
use putback::processors::ProcessorId;

use crate::support::backfill::Backfill;
use crate::support::direct::{self, DirectOutput};
use crate::support::rows::{NULL, Row, Value, assert_columns, row, the_row, with};
use crate::support::tables::{Tables, date};

const DATE: &str = "2024-01-15";

/// §9.1: date, makes/attempts of paint, mid-range and three-point, points by zone, blocks by zone,
/// points, rating, pace. `-` is NULL.
const GAMES: [&str; 16] = [
    "2024-01-15 21/38 7/17  11/33 42 14 33 3/1/0 105 108.47 97.6",
    "2024-01-13 19/36 9/21  10/31 38 18 30 4/0/1 113 114.62 99.1",
    "2024-01-11 25/41 6/14  15/40 50 12 45 2/1/0 135 130.05 103.4",
    "2024-01-10 22/39 8/19  12/36 44 16 36 5/2/0 120 117.93 101.2",
    "2024-01-08 26/44 5/12  14/37 52 10 42 3/0/0 133 126.11 105.0",
    "2024-01-06 24/42 6/13  9/30  48 12 27 4/1/1 101 98.25  102.7",
    "2024-01-05 20/35 7/18  8/34  40 14 24 6/1/0 97  99.74  97.2",
    "2024-01-02 23/37 11/24 14/35 46 22 42 2/0/0 127 124.51 101.8",
    "2023-12-31 18/40 8/20  10/38 36 16 30 7/2/0 101 97.88  102.9",
    "2023-12-29 -     -     13/39 -  -  39 -     118 119.40 98.8",
    "2023-12-28 27/46 6/16  11/32 54 12 33 4/1/0 122 113.63 107.1",
    "2023-12-25 24/45 9/22  12/34 48 18 36 5/1/0 115 112.24 102.3",
    "2023-12-23 17/33 10/23 11/37 34 20 33 3/2/1 108 110.91 97.3",
    "2023-12-20 22/40 7/15  14/42 44 14 42 2/0/0 119 116.18 102.4",
    "2023-12-19 20/38 8/17  17/48 40 16 51 4/1/0 132 -      -",
    "2023-12-17 30/40 20/21 20/40 60 40 60 9/9/9 150 150.00 110.0",
];

fn game(team: &str, line: &str) -> Row {
    let cells: Vec<&str> = line.split_whitespace().collect();
    let [paint, mid_range, three_pt] = [1, 2, 3].map(|index| Value::parse_all::<2>(cells[index]));
    let [blocks_paint, blocks_mid_range, blocks_three_pt] = Value::parse_all(cells[7]);
    with(
        &row! {
            defending_team_abbr: team,
            game_date: cells[0],
            points_in_paint_allowed: Value::parse(cells[4]),
            mid_range_points_allowed: Value::parse(cells[5]),
            three_pt_points_allowed: Value::parse(cells[6]),
            blocks_paint: blocks_paint,
            blocks_mid_range: blocks_mid_range,
            blocks_three_pt: blocks_three_pt,
            points_allowed: Value::parse(cells[8]),
            defensive_rating: Value::parse(cells[9]),
            opponent_pace: Value::parse(cells[10]),
        },
        zones([paint, mid_range, three_pt]),
    )
}

/// Makes and attempts of paint, mid-range and three-point.
fn zones(makes_and_attempts: [[Value; 2]; 3]) -> Row {
    let [[paint_makes, paint], [mid_makes, mid], [three_makes, three]] = makes_and_attempts;
    row! {
        opp_paint_makes: paint_makes, opp_paint_attempts: paint,
        opp_mid_range_makes: mid_makes, opp_mid_range_attempts: mid,
        opp_three_pt_makes: three_makes, opp_three_pt_attempts: three,
    }
}

/// §9.1 with the NYK of §5.3 (no ratings, no pace) and WAS (the 14 most recent rows).
fn example_a() -> Backfill {
    let unrated = row! { defensive_rating: NULL, opponent_pace: NULL };
    let games = GAMES.iter().flat_map(|line| [game("BOS", line), with(&game("NYK", line), unrated.clone())]);
    let fourteen = GAMES[..14].iter().map(|line| game("WAS", line));
    let tables = Tables::default().with(Table::TeamDefenseGameSummary, games.chain(fourteen));
    Backfill::of(tables, date(DATE))
}

/// §4.1: what is the same in every row.
fn constants() -> Row {
    row! {
        analysis_date: DATE,
        games_in_sample: 15,
        data_quality_tier: "high",
        source_team_defense_last_updated: NULL,
        source_team_defense_rows_found: NULL,
        source_team_defense_completeness_pct: NULL,
        early_season_flag: NULL,
        insufficient_data_reason: NULL,
        expected_games_count: 15,
        actual_games_count: 15,
        completeness_percentage: 100.0,
        missing_games_count: 0,
        is_production_ready: true,
        data_quality_issues: Value::List(Vec::new()),
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

/// §9.1: the columns of BOS that NYK shares.
fn shooting_of_example_a() -> Row {
    row! {
        paint_pct_allowed_last_15: 0.555956678700361,
        paint_attempts_allowed_per_game: 36.93333333333333,
        paint_points_allowed_per_game: 41.06666666666667,
        paint_blocks_per_game: 3.6,
        paint_defense_vs_league_avg: -2.404332129963893,
        mid_range_pct_allowed_last_15: 0.4262948207171315,
        mid_range_attempts_allowed_per_game: 16.733333333333334,
        mid_range_blocks_per_game: 0.8666666666666667,
        mid_range_defense_vs_league_avg: 1.6294820717131508,
        three_pt_pct_allowed_last_15: 0.3315018315018315,
        three_pt_attempts_allowed_per_game: 36.4,
        three_pt_blocks_per_game: 0.2,
        three_pt_defense_vs_league_avg: -2.3498168498168495,
        opponent_points_per_game: 116.4,
        strongest_zone: "paint",
        weakest_zone: "mid_range",
        calculation_notes: NULL,
    }
}

#[test]
fn example_a_with_league_defaults_9_1() {
    let rows = example_a().rows(Table::TeamDefenseZoneAnalysis);
    let boston = the_row(&rows, &row! { team_abbr: "BOS" });
    assert_columns(boston, &constants());
    assert_columns(boston, &shooting_of_example_a());
    assert_columns(
        boston,
        &row! {
            defensive_rating_last_15: 113.5657142857143,
            opponent_pace: 101.34285714285714,
            data_hash: "43628f91370438b7",
        },
    );
}

#[test]
fn means_without_values_are_null_and_hashed_as_nan_5_3() {
    let rows = example_a().rows(Table::TeamDefenseZoneAnalysis);
    let new_york = the_row(&rows, &row! { team_abbr: "NYK" });
    assert_columns(new_york, &constants());
    assert_columns(new_york, &shooting_of_example_a());
    assert_columns(
        new_york,
        &row! { defensive_rating_last_15: NULL, opponent_pace: NULL, data_hash: "f7a653b947eb72af" },
    );
}

#[test]
fn a_team_with_14_games_fails_9_1() {
    let backfill = example_a();
    assert_eq!(backfill.rows(Table::TeamDefenseZoneAnalysis).len(), 2);
    let failures = backfill.rows(Table::PrecomputeFailures);
    let failure = the_row(&failures, &row! { processor_name: "TeamDefenseZoneAnalysisProcessor" });
    assert_columns(
        failure,
        &row! {
            analysis_date: DATE,
            entity_id: "WAS",
            failure_category: "INSUFFICIENT_DATA",
            failure_reason: "Only 14 games, need 15",
            can_retry: true,
            resolution_status: "UNRESOLVED",
            failure_type: NULL,
            is_correctable: NULL,
            expected_game_count: NULL,
            actual_game_count: NULL,
            missing_game_dates: NULL,
            raw_data_checked: NULL,
            resolved_at: NULL,
        },
    );
}

/// §9.2: a game so many days before d.
fn game_before(team: &str, days: u64, paint: Option<[i64; 2]>, mid: Option<[i64; 2]>, three: [i64; 2]) -> Row {
    let cells = |zone: Option<[i64; 2]>| zone.map_or([NULL, NULL], |zone| zone.map(Value::from));
    with(
        &row! {
            defending_team_abbr: team,
            game_date: date(DATE) - Days::new(days),
            points_in_paint_allowed: paint.map(|[makes, _]| 2 * makes),
            blocks_paint: 4,
            blocks_mid_range: 1,
            blocks_three_pt: 0,
            points_allowed: 110,
            defensive_rating: 112.50,
            opponent_pace: 99.5,
        },
        zones([cells(paint), cells(mid), cells(Some(three))]),
    )
}

/// T0 to T9: 15 games every other day, and one on d − 30.
fn league_team(i: i64) -> impl Iterator<Item = Row> {
    let team = format!("T{i}");
    let oldest = game_before(&team, 30, Some([30, 40]), Some([10, 20]), [15, 30]);
    (0..15)
        .map(move |game| game_before(&team, 2 * game, Some([20 + i, 40]), Some([8, 20]), [12, 30 + i]))
        .chain([oldest])
}

fn example_b() -> DirectOutput {
    let league = (0..10).flat_map(league_team);
    let tx = (0..15).map(|game| game_before("TX", 5 + 3 * game, Some([10, 40]), Some([2, 20]), [5, 40]));
    let ty = (0..15).map(|game| game_before("TY", 2 * game, None, None, [20, 40]));
    let tables = Tables::default().with(Table::TeamDefenseGameSummary, league.chain(tx).chain(ty));
    direct::run_with_any_team(ProcessorId::Tdza, date(DATE), &tables)
}

/// The three-point average is a computed one, whose last bits are open (§3.2).
#[track_caller]
fn assert_three_point_difference(actual: &Row, expected: f64) {
    let Value::Num(difference) = actual["three_pt_defense_vs_league_avg"] else { panic!("no difference") };
    assert!((difference - expected).abs() < 1e-9, "{difference} instead of {expected}");
}

#[test]
fn example_b_with_computed_league_averages_9_2() {
    let output = example_b();
    assert_eq!((output.rows.len(), output.failures.len()), (12, 0));
    for (team, three_pt_difference, expected) in [
        (
            "T0",
            4.160548637701661,
            row! {
                paint_pct_allowed_last_15: 0.5,
                paint_attempts_allowed_per_game: 40.0,
                paint_points_allowed_per_game: 40.0,
                paint_defense_vs_league_avg: -12.109375,
                mid_range_pct_allowed_last_15: 0.4,
                mid_range_defense_vs_league_avg: -0.6249999999999978,
                three_pt_pct_allowed_last_15: 0.4,
                three_pt_attempts_allowed_per_game: 30.0,
                strongest_zone: "paint",
                weakest_zone: "perimeter",
                calculation_notes: NULL,
            },
        ),
        (
            "T9",
            -5.07022059306757,
            row! {
                paint_pct_allowed_last_15: 0.725,
                paint_attempts_allowed_per_game: 40.0,
                paint_points_allowed_per_game: 58.0,
                paint_defense_vs_league_avg: 10.390624999999998,
                mid_range_pct_allowed_last_15: 0.4,
                mid_range_defense_vs_league_avg: -0.6249999999999978,
                three_pt_pct_allowed_last_15: 0.3076923076923077,
                three_pt_attempts_allowed_per_game: 39.0,
                strongest_zone: "perimeter",
                weakest_zone: "paint",
                calculation_notes: NULL,
            },
        ),
        (
            "TX",
            -23.33945136229834,
            row! {
                paint_pct_allowed_last_15: 0.25,
                paint_attempts_allowed_per_game: 40.0,
                paint_points_allowed_per_game: 20.0,
                paint_defense_vs_league_avg: -37.109375,
                mid_range_pct_allowed_last_15: 0.1,
                mid_range_defense_vs_league_avg: -30.625000000000004,
                three_pt_pct_allowed_last_15: 0.125,
                three_pt_attempts_allowed_per_game: 40.0,
                strongest_zone: "paint",
                weakest_zone: "perimeter",
                calculation_notes: NULL,
            },
        ),
        (
            "TY",
            14.160548637701659,
            row! {
                paint_pct_allowed_last_15: NULL,
                paint_attempts_allowed_per_game: 0.0,
                paint_points_allowed_per_game: 0.0,
                paint_defense_vs_league_avg: NULL,
                mid_range_pct_allowed_last_15: NULL,
                mid_range_defense_vs_league_avg: NULL,
                three_pt_pct_allowed_last_15: 0.5,
                three_pt_attempts_allowed_per_game: 40.0,
                strongest_zone: "perimeter",
                weakest_zone: "perimeter",
                calculation_notes: "No paint attempts; No mid-range attempts",
            },
        ),
    ] {
        let actual = the_row(&output.rows, &row! { team_abbr: team });
        assert_columns(actual, &expected);
        assert_three_point_difference(actual, three_pt_difference);
    }
}

#[test]
fn every_team_of_example_b_shares_the_rest_9_2() {
    for actual in example_b().rows {
        assert_columns(&actual, &constants());
        assert_columns(
            &actual,
            &row! {
                paint_blocks_per_game: 4.0,
                mid_range_blocks_per_game: 1.0,
                three_pt_blocks_per_game: 0.0,
                opponent_points_per_game: 110.0,
                defensive_rating_last_15: 112.5,
                opponent_pace: 99.5,
            },
        );
    }
}
