//! `player_daily_cache` §9.1.

use putback::catalog::Table;
use putback::processors::ProcessorId;
use putback::store::DateState;

use crate::support::direct::{self, DirectOutput};
use crate::support::rows::{NULL, Row, Value, assert_columns, row, the_row, with};
use crate::support::tables::{Tables, date};

const DATE: &str = "2024-01-15";
const SYNTHETIC: &str = "2024-01-17";

/// Date, active, minutes, points, usage, true shooting, makes/assisted makes. `-` is NULL.
const JOHNDOE: [&str; 18] = [
    "2024-01-17 yes 33.3 28 27.77 .600 10/6",
    "2024-01-15 yes 36.2 25 28.41 .612 9/5",
    "2024-01-14 no  0.0  0  -     -    0/0",
    "2024-01-13 yes 33.0 -  24.10 .533 7/4",
    "2024-01-11 yes 38.4 31 30.05 .655 11/7",
    "2024-01-09 yes -    18 -     .501 6/-",
    "2024-01-07 yes -    0  9.10  -    0/0",
    "2024-01-06 yes 0.0  0  -     -    0/0",
    "2024-01-05 yes 34.0 23 26.73 .588 8/6",
    "2024-01-03 yes 31.7 17 22.22 -    6/3",
    "2024-01-01 yes 37.9 24 27.15 .601 9/5",
    "2023-12-30 yes 36.0 20 25.00 .544 8/5",
    "2023-12-28 yes 32.5 15 21.37 .478 6/2",
    "2023-12-26 yes 30.0 12 19.98 .455 5/3",
    "2023-12-23 yes 35.5 19 23.46 .515 7/4",
    "2023-12-21 yes 34.4 21 24.61 .562 8/4",
    "2023-12-19 yes 28.0 9  18.02 .401 3/1",
    "2023-04-09 yes 35.0 50 40.00 .700 15/5",
];

const ROOKIE: [&str; 6] = [
    "2024-01-13 yes 12.5 4 15.55 .400 1/1",
    "2024-01-11 yes 9.5  7 18.20 .700 3/2",
    "2024-01-05 yes 14.5 2 11.11 -    1/0",
    "2024-01-01 yes 8.0  0 7.40  -    0/0",
    "2023-12-30 yes 10.0 5 16.66 .625 2/2",
    "2023-12-26 yes 6.5  3 21.00 .750 1/0",
];

const SIX_DATES: [&str; 6] = ["2024-01-15", "2024-01-13", "2024-01-11", "2024-01-09", "2024-01-07", "2024-01-05"];

/// Date, pace, rating of LAL.
const TEAM_GAMES: [&str; 12] = [
    "2024-01-17 101.0 112.00",
    "2024-01-15 99.1  104.55",
    "2024-01-13 101.4 118.02",
    "2024-01-11 97.7  -",
    "2024-01-09 100.2 121.75",
    "2024-01-05 98.9  99.87",
    "2024-01-03 103.3 110.00",
    "2024-01-01 -     113.64",
    "2023-12-30 99.9  125.00",
    "2023-04-09 100.5 107.77",
    "2023-04-07 96.8  111.11",
    "2023-04-04 110.0 130.00",
];

const FINAL_GAMES: [&str; 12] = [
    "2024-01-17",
    "2024-01-15",
    "2024-01-13",
    "2024-01-11",
    "2024-01-09",
    "2024-01-07",
    "2024-01-05",
    "2024-01-03",
    "2024-01-01",
    "2023-12-30",
    "2023-04-09",
    "2023-04-07",
];

/// Player, date, minutes; `empty` is no text, `-` NULL.
const BOX_SCORES: [&str; 12] = [
    "johndoe 2024-01-15 36",
    "johndoe 2024-01-14 00",
    "johndoe 2024-01-13 33",
    "johndoe 2024-01-11 38",
    "johndoe 2024-01-09 empty",
    "johndoe 2024-01-07 -",
    "johndoe 2024-01-05 34",
    "johndoe 2024-01-02 0",
    "johndoe 2023-12-20 0",
    "johndoe 2023-12-10 00",
    "rookie 2024-01-15 00",
    "rookie 2024-01-09 0",
];

fn game(player: &str, universal_id: Option<&str>, line: &str) -> Row {
    let cells: Vec<&str> = line.split_whitespace().collect();
    let (makes, assisted) = cells[6].split_once('/').expect("makes and assisted makes");
    row! {
        player_lookup: player,
        universal_player_id: universal_id,
        game_date: cells[0],
        is_active: cells[1] == "yes",
        minutes_played: Value::parse(cells[2]),
        points: Value::parse(cells[3]),
        usage_rate: Value::parse(cells[4]),
        ts_pct: Value::parse(cells[5]),
        fg_makes: Value::parse(makes),
        assisted_fg_makes: Value::parse(assisted),
    }
}

fn games() -> Vec<Row> {
    let john = JOHNDOE.iter().map(|line| game("johndoe", Some("jdoe_1"), line));
    let rookie = ROOKIE.iter().map(|line| game("rookie", None, line));
    let no_shots = SIX_DATES.iter().map(|day| {
        with(&game("noshots", Some("ns_1"), &format!("{day} yes 5.0 0 - - 0/0")), row! { team_abbr: "XXX" })
    });
    let no_points = SIX_DATES[..5].iter().map(|day| {
        let points = if *day == DATE { "11" } else { "-" };
        game("nopoints", Some("np_1"), &format!("{day} yes 20.0 {points} 20.00 .500 4/2"))
    });
    let few_games =
        SIX_DATES[..4].iter().map(|day| game("fewgames", Some("fg_1"), &format!("{day} yes 20.0 8 20.00 .500 3/1")));
    let last_day = [
        game("rookie", Some("rk_1"), "2024-01-17 no - - - - -/-"),
        game("debut", None, "2024-01-17 yes 3.0 2 - - -/-"),
    ];
    john.chain(rookie).chain(no_shots).chain(no_points).chain(few_games).chain(last_day).collect()
}

fn contexts() -> [Row; 5] {
    let base = row! { game_date: DATE, team_abbr: "LAL" };
    let context = |more: Row| with(&base, more);
    [
        context(row! {
            player_lookup: "johndoe", universal_player_id: "jdoe_9", games_in_last_7_days: 4, games_in_last_14_days: 8,
            minutes_in_last_7_days: 146, minutes_in_last_14_days: 300, back_to_backs_last_14_days: 1,
            avg_minutes_per_game_last_7: 36.5, player_age: 27,
        }),
        context(row! {
            player_lookup: "rookie", games_in_last_7_days: 2, games_in_last_14_days: 4, minutes_in_last_7_days: 22,
            minutes_in_last_14_days: 54, back_to_backs_last_14_days: 0, avg_minutes_per_game_last_7: 11.0,
        }),
        context(row! {
            player_lookup: "noshots", universal_player_id: "ns_1", team_abbr: "XXX", games_in_last_7_days: 0,
            games_in_last_14_days: 0, minutes_in_last_7_days: 0, minutes_in_last_14_days: 0,
            back_to_backs_last_14_days: 0, player_age: 22,
        }),
        context(row! { player_lookup: "nopoints" }),
        context(row! { player_lookup: "fewgames" }),
    ]
}

fn tables() -> Tables {
    let team_game = |line: &&str| {
        let cells: Vec<&str> = line.split_whitespace().collect();
        row! { team_abbr: "LAL", game_date: cells[0], pace: Value::parse(cells[1]), offensive_rating: Value::parse(cells[2]) }
    };
    let scheduled =
        |day: &&str| row! { game_date: *day, game_status: 3, home_team_tricode: "LAL", away_team_tricode: "BOS" };
    let box_score = |line: &&str| {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let minutes = match cells[2] {
            "-" => NULL,
            "empty" => Value::from(""),
            text => Value::from(text),
        };
        row! { player_lookup: cells[0], game_date: cells[1], minutes: minutes }
    };
    let open = row! { game_date: "2024-01-12", game_status: 1, home_team_tricode: "LAL", away_team_tricode: "BOS" };
    let zones = row! { analysis_date: DATE };
    Tables::default()
        .with(Table::PlayerGameSummary, games())
        .with(Table::TeamOffenseGameSummary, TEAM_GAMES.iter().map(team_game))
        .with(Table::Schedule, FINAL_GAMES.iter().map(scheduled).chain([open]))
        .with(Table::PlayerBoxScores, BOX_SCORES.iter().map(box_score))
        .with(Table::UpcomingPlayerGameContext, contexts())
        .with(
            Table::PlayerShotZoneAnalysis,
            [
                with(
                    &zones,
                    row! {
                        player_lookup: "johndoe", primary_scoring_zone: "paint", paint_rate_last_10: 46.51,
                        three_pt_rate_last_10: 34.88,
                    },
                ),
                with(&zones, row! { player_lookup: "noshots" }),
            ],
        )
}

fn run(day: &str) -> DirectOutput {
    direct::run_with_any_team(ProcessorId::Pdc, date(day), &tables())
}

fn of_player(output: &DirectOutput, player: &str) -> Row {
    the_row(&output.rows, &row! { player_lookup: player }).clone()
}

/// Percentage and completeness of the windows of 5 and 10 games, of 7 and 14 days.
fn windows(row: &Row) -> [(Value, Value); 4] {
    ["l5", "l10", "l7d", "l14d"].map(|window| {
        (row[&format!("{window}_completeness_pct")].clone(), row[&format!("{window}_is_complete")].clone())
    })
}

fn pct(pct: f64, is_complete: bool) -> (Value, Value) {
    (pct.into(), is_complete.into())
}

/// §4: what is the same in every row.
fn constants() -> Row {
    row! {
        source_player_game_last_updated: NULL,
        source_player_game_hash: NULL,
        source_team_offense_hash: NULL,
        source_upcoming_context_hash: NULL,
        source_shot_zone_hash: NULL,
        missing_games_count: 0,
        quality_tier: "gold",
        quality_score: NULL,
        data_quality_issues: Value::List(Vec::new()),
        last_reprocess_attempt_at: NULL,
        reprocess_attempt_count: 0,
        circuit_breaker_active: false,
        circuit_breaker_until: NULL,
        manual_override_required: false,
        season_boundary_detected: false,
        backfill_bootstrap_mode: true,
        processing_decision_reason: "processed_successfully",
        cache_version: "v1",
    }
}

#[test]
fn a_normal_row_9_1() {
    let row = of_player(&run(DATE), "johndoe");
    assert_columns(&row, &constants());
    assert_columns(
        &row,
        &row! {
            cache_date: DATE, universal_player_id: "jdoe_9",
            points_avg_last_5: 24.3, points_avg_last_10: 20.6, points_avg_season: 19.5, points_std_last_10: 5.81,
            minutes_avg_last_10: 34.4, usage_rate_last_10: 25.0, ts_pct_last_10: 0.552, games_played_season: 13,
            team_pace_last_10: 99.8, team_off_rating_last_10: 112.41, player_usage_rate_season: 24.26,
            games_in_last_7_days: 4, games_in_last_14_days: 8, minutes_in_last_7_days: 146, minutes_in_last_14_days: 300,
            back_to_backs_last_14_days: 1, avg_minutes_per_game_last_7: 36.5, fourth_quarter_minutes_last_7: NULL,
            player_age: 27, primary_scoring_zone: "paint", paint_rate_last_10: 46.51, three_pt_rate_last_10: 34.88,
            shot_zone_data_available: true, assisted_rate_last_10: 0.53, early_season_flag: false,
            insufficient_data_reason: NULL, expected_games_count: 5, actual_games_count: 16,
            completeness_percentage: 800.0, cache_quality_score: 800.0, is_production_ready: true, all_windows_complete: true,
            data_hash: "005dc8620cd6970e3293407daca971f8ed54c3300fe359f159a8a50c6ccf8daa",
        },
    );
    assert_eq!(windows(&row), [pct(800.0, true), pct(320.0, true), pct(500.0, true), pct(333.3, true)]);
}

#[test]
fn an_early_row_without_shot_zones_9_1() {
    let row = of_player(&run(DATE), "rookie");
    assert_columns(&row, &constants());
    assert_columns(
        &row,
        &row! {
            universal_player_id: NULL, points_avg_last_5: 3.6, points_avg_last_10: 3.5, points_avg_season: 3.5,
            points_std_last_10: 2.43, minutes_avg_last_10: 10.2, usage_rate_last_10: 14.99, ts_pct_last_10: 0.619,
            games_played_season: 6, team_pace_last_10: 99.8, team_off_rating_last_10: 112.41,
            player_usage_rate_season: 14.99, primary_scoring_zone: NULL, paint_rate_last_10: NULL,
            three_pt_rate_last_10: NULL, shot_zone_data_available: false, assisted_rate_last_10: 0.63,
            early_season_flag: true, insufficient_data_reason: "Only 6 games played, need 10 minimum",
            expected_games_count: 5, actual_games_count: 6, completeness_percentage: 150.0, is_production_ready: false,
            data_hash: "0616f37fa5c7c66f7fd4fdbab770d11bc72a7bbdbe3c041cc3ca4ea743b2f9f5",
        },
    );
    assert_eq!(windows(&row), [pct(150.0, true), pct(66.7, false), pct(100.0, true), pct(66.7, false)]);
}

#[test]
fn a_row_without_team_or_attempts_9_1() {
    let row = of_player(&run(DATE), "noshots");
    assert_columns(&row, &constants());
    assert_columns(
        &row,
        &row! {
            universal_player_id: "ns_1", points_avg_last_5: 0.0, points_std_last_10: 0.0, minutes_avg_last_10: 5.0,
            usage_rate_last_10: NULL, ts_pct_last_10: NULL, player_usage_rate_season: NULL, games_played_season: 6,
            team_pace_last_10: NULL, team_off_rating_last_10: NULL, primary_scoring_zone: NULL,
            shot_zone_data_available: true, assisted_rate_last_10: NULL, early_season_flag: true,
            expected_games_count: 0, actual_games_count: 6, completeness_percentage: 100.0, is_production_ready: true,
            data_hash: "004eb87fede2742264c8cd64178974ac92efe62bcae7aab580906b0508d8e31c",
        },
    );
    assert_eq!(windows(&row), [(); 4].map(|()| pct(100.0, true)));
}

#[test]
fn failures_of_the_date_9_1() {
    let output = run(DATE);
    let failures = output
        .failures
        .iter()
        .map(|failure| (failure.entity_id.as_str(), failure.category, failure.reason.as_str(), failure.can_retry));
    let none = "float() argument must be a string or a real number, not 'NAType'";
    assert_eq!(
        failures.collect::<Vec<_>>(),
        [
            ("fewgames", "INSUFFICIENT_DATA", "Only 4 games played, need 5 minimum", true),
            ("nopoints", "PROCESSING_ERROR", none, false),
        ]
    );
    assert_eq!((output.state, output.rows.len()), (DateState::Done, 3));
}

#[test]
fn the_synthetic_context_of_a_date_without_contexts_9_1() {
    let output = run(SYNTHETIC);
    let john = of_player(&output, "johndoe");
    assert_columns(
        &john,
        &row! {
            universal_player_id: "jdoe_1", player_age: NULL, fourth_quarter_minutes_last_7: NULL,
            games_in_last_7_days: 4, games_in_last_14_days: 9, minutes_in_last_7_days: 108, minutes_in_last_14_days: 173,
            avg_minutes_per_game_last_7: 26.9, back_to_backs_last_14_days: 0, points_avg_last_5: 25.5,
            team_pace_last_10: 100.2, team_off_rating_last_10: 112.51, assisted_rate_last_10: 0.54,
            shot_zone_data_available: false, games_played_season: 14, is_production_ready: true,
            data_hash: "4091e4d072640190cfc858e32f416b199a46db2c189d45b41aad425975b70a4f",
        },
    );
    assert_eq!(windows(&john), [pct(566.7, true), pct(340.0, true), pct(250.0, true), pct(250.0, true)]);
    let rookie = of_player(&output, "rookie");
    assert_columns(
        &rookie,
        &row! {
            universal_player_id: "rk_1", games_in_last_7_days: 2, games_in_last_14_days: 3, minutes_in_last_7_days: 22,
            minutes_in_last_14_days: 37, avg_minutes_per_game_last_7: 11.0, games_played_season: 6,
            is_production_ready: true,
            data_hash: "54ffb68ad5386ae01913ad78c3e615429365e1f6186dacf67c1099f13a4da937",
        },
    );
    assert_eq!(windows(&rookie), [pct(233.3, true), pct(87.5, true), pct(150.0, true), pct(80.0, true)]);
    let failed: Vec<(&str, &str)> =
        output.failures.iter().map(|failure| (failure.entity_id.as_str(), failure.reason.as_str())).collect();
    assert_eq!(failed, [("debut", "Only 1 games played, need 5 minimum")]);
}
