//! `player_shot_zone_analysis` §9.

use putback::catalog::Table;

use crate::support::backfill::Backfill;
use crate::support::rows::{NULL, Row, Value, assert_columns, row, the_row, with};
use crate::support::tables::{Tables, date};

const DATE: &str = "2024-01-15";

/// §9.1: date, active, minutes, makes/attempts of all shots, paint, mid-range and three-point,
/// assisted/unassisted makes, universal id. `-` is NULL.
const GAMES: [&str; 18] = [
    "2024-01-15 yes 36.2 11/20 6/9  2/4 3/7 7/4 jdoe_2",
    "2024-01-14 no  0.0  0/0   0/0  0/0 0/0 0/0 jdoe_2",
    "2024-01-13 yes 33.0 9/18  5/8  2/5 2/5 5/4 jdoe_2",
    "2024-01-11 yes 38.4 12/22 7/11 2/3 3/8 8/4 jdoe_2",
    "2024-01-09 yes -    7/17  4/7  1/4 2/6 4/3 jdoe_1",
    "2024-01-07 yes 35.1 8/19  -    -   2/6 -   jdoe_1",
    "2024-01-06 yes 0.0  0/0   0/0  0/0 0/0 0/0 jdoe_1",
    "2024-01-05 yes 34.0 10/18 6/10 1/3 3/5 6/4 jdoe_1",
    "2024-01-03 yes 31.7 8/16  6/9  1/2 1/5 5/3 jdoe_1",
    "2024-01-01 yes 37.9 10/21 5/8  3/6 2/7 6/4 jdoe_1",
    "2023-12-30 yes 36.0 9/19  5/9  2/4 2/6 6/3 jdoe_1",
    "2023-12-28 yes 32.5 7/15  5/9  0/1 2/5 4/3 jdoe_1",
    "2023-12-26 yes 30.0 6/14  3/6  1/3 2/5 3/3 jdoe_1",
    "2023-12-23 yes 35.5 8/18  4/7  2/5 2/6 5/3 jdoe_1",
    "2023-12-21 yes 34.4 9/17  6/8  2/4 1/5 6/3 jdoe_1",
    "2023-12-19 yes 28.0 5/12  3/5  1/3 1/4 3/2 jdoe_1",
    "2023-12-17 yes 33.3 7/16  4/7  1/4 2/5 4/3 jdoe_1",
    "2023-12-15 yes 31.0 6/15  3/6  2/4 1/5 4/2 jdoe_1",
];

fn game(player: &str, line: &str) -> Row {
    let cells: Vec<&str> = line.split_whitespace().collect();
    let [fg_makes, fg_attempts] = Value::parse_all(cells[3]);
    let [paint_makes, paint_attempts] = Value::parse_all(cells[4]);
    let [mid_range_makes, mid_range_attempts] = Value::parse_all(cells[5]);
    let [three_pt_makes, three_pt_attempts] = Value::parse_all(cells[6]);
    let [assisted_fg_makes, unassisted_fg_makes] = Value::parse_all(cells[7]);
    row! {
        player_lookup: player,
        universal_player_id: cells[8],
        game_date: cells[0],
        is_active: cells[1] == "yes",
        minutes_played: Value::parse(cells[2]),
        fg_makes: fg_makes, fg_attempts: fg_attempts,
        paint_makes: paint_makes, paint_attempts: paint_attempts,
        mid_range_makes: mid_range_makes, mid_range_attempts: mid_range_attempts,
        three_pt_makes: three_pt_makes, three_pt_attempts: three_pt_attempts,
        assisted_fg_makes: assisted_fg_makes, unassisted_fg_makes: unassisted_fg_makes,
    }
}

fn backfill(games: impl Iterator<Item = Row>) -> Backfill {
    Backfill::of(Tables::default().with(Table::PlayerGameSummary, games), date(DATE))
}

/// §9.1: `johndoe`, and `fewgames` with only the first nine of his rows.
fn example_a() -> Backfill {
    let few = GAMES[..9].iter().map(|line| game("fewgames", line));
    backfill(GAMES.iter().map(|line| game("johndoe", line)).chain(few))
}

/// The 11 most recent qualifying games: neither the inactive one nor the one without minutes.
fn recent_games(player: &str) -> impl Iterator<Item = Row> {
    let qualifies = |line: &&&str| !line.contains(" 0.0 ");
    GAMES.iter().filter(qualifies).take(11).map(move |line| game(player, line))
}

/// §9.2: `nozones` without paint, mid-range and assist data, `noshots` without a shot.
fn example_b() -> Backfill {
    let no_zones = row! {
        universal_player_id: NULL,
        paint_makes: NULL, paint_attempts: NULL, mid_range_makes: NULL, mid_range_attempts: NULL,
        assisted_fg_makes: NULL, unassisted_fg_makes: NULL,
    };
    let no_shots = row! {
        universal_player_id: "z_1", minutes_played: 5.0, fg_makes: 0, fg_attempts: 0,
        paint_makes: 0, paint_attempts: 0, mid_range_makes: 0, mid_range_attempts: 0,
        three_pt_makes: 0, three_pt_attempts: 0, assisted_fg_makes: 0, unassisted_fg_makes: 0,
    };
    let without_zones = recent_games("nozones").map(|game| with(&game, no_zones.clone()));
    let without_shots = recent_games("noshots").map(|game| with(&game, no_shots.clone()));
    backfill(without_zones.chain(without_shots))
}

/// §4: what is the same in every row.
fn constants() -> Row {
    row! {
        analysis_date: DATE,
        games_in_sample_10: 10,
        sample_quality_10: "excellent",
        player_position: NULL,
        data_quality_tier: "high",
        calculation_notes: NULL,
        source_player_game_last_updated: "2024-01-15 00:00:00",
        source_player_game_rows_found: NULL,
        source_player_game_completeness_pct: NULL,
        early_season_flag: false,
        insufficient_data_reason: NULL,
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

#[test]
fn example_a_9_1() {
    let rows = example_a().rows(Table::PlayerShotZoneAnalysis);
    let [john] = &rows[..] else { panic!("{} rows", rows.len()) };
    assert_columns(john, &constants());
    assert_columns(
        john,
        &row! {
            player_lookup: "johndoe",
            universal_player_id: "jdoe_2",
            paint_rate_last_10: 46.51,
            mid_range_rate_last_10: 18.6,
            three_pt_rate_last_10: 34.88,
            total_shots_last_10: 172,
            paint_pct_last_10: 0.612,
            mid_range_pct_last_10: 0.438,
            three_pt_pct_last_10: 0.367,
            paint_attempts_per_game: 8.0,
            mid_range_attempts_per_game: 3.2,
            three_pt_attempts_per_game: 6.0,
            paint_rate_last_20: 45.08,
            paint_pct_last_20: 0.605,
            games_in_sample_20: 16,
            sample_quality_20: "good",
            assisted_rate_last_10: 56.04,
            unassisted_rate_last_10: 35.16,
            primary_scoring_zone: "paint",
            expected_games_count: 16,
            actual_games_count: 16,
            data_hash: "cb110a952c98e6f3",
        },
    );
}

#[test]
fn a_player_with_seven_qualifying_games_fails_9_1() {
    let failures = example_a().rows(Table::PrecomputeFailures);
    let failure = the_row(&failures, &row! { processor_name: "PlayerShotZoneAnalysisProcessor" });
    assert_columns(
        failure,
        &row! {
            analysis_date: DATE,
            entity_id: "fewgames",
            failure_category: "EXPECTED_INCOMPLETE",
            failure_reason: "Season bootstrap: 7/7 games (need 10)",
            can_retry: false,
            resolution_status: "UNRESOLVED",
        },
    );
}

/// §9.2: what both players share.
fn degenerate() -> Row {
    row! {
        paint_pct_last_10: NULL,
        mid_range_pct_last_10: NULL,
        paint_attempts_per_game: 0.0,
        mid_range_attempts_per_game: 0.0,
        paint_rate_last_20: NULL,
        paint_pct_last_20: NULL,
        games_in_sample_20: 11,
        sample_quality_20: "limited",
        expected_games_count: 11,
        actual_games_count: 11,
    }
}

#[test]
fn a_player_without_zone_data_9_2() {
    let rows = example_b().rows(Table::PlayerShotZoneAnalysis);
    let player = the_row(&rows, &row! { player_lookup: "nozones" });
    assert_columns(player, &constants());
    assert_columns(player, &degenerate());
    assert_columns(
        player,
        &row! {
            universal_player_id: NULL,
            paint_rate_last_10: 0.0,
            mid_range_rate_last_10: 0.0,
            three_pt_rate_last_10: 100.0,
            total_shots_last_10: 60,
            three_pt_pct_last_10: 0.367,
            three_pt_attempts_per_game: 6.0,
            assisted_rate_last_10: 0.0,
            unassisted_rate_last_10: 0.0,
            primary_scoring_zone: "perimeter",
            data_hash: "4659a8648f37abcd",
        },
    );
}

#[test]
fn a_player_without_shots_9_2() {
    let rows = example_b().rows(Table::PlayerShotZoneAnalysis);
    let player = the_row(&rows, &row! { player_lookup: "noshots" });
    assert_columns(player, &constants());
    assert_columns(player, &degenerate());
    assert_columns(
        player,
        &row! {
            universal_player_id: "z_1",
            paint_rate_last_10: NULL,
            mid_range_rate_last_10: NULL,
            three_pt_rate_last_10: NULL,
            total_shots_last_10: NULL,
            three_pt_pct_last_10: NULL,
            three_pt_attempts_per_game: 0.0,
            assisted_rate_last_10: NULL,
            unassisted_rate_last_10: NULL,
            primary_scoring_zone: NULL,
            data_hash: "dcac43691ef44432",
        },
    );
}
