//! `player_daily_cache` §10: rules that no golden catches.

use chrono::Days;
use putback::catalog::Table;
use putback::processors::ProcessorId;
use putback::store::{DateState, FailureKind};

use crate::support::direct::{self, DirectOutput};
use crate::support::rows::{NULL, Row, Value, assert_columns, row, with};
use crate::support::tables::{Tables, date};

const DATE: &str = "2024-01-15";

/// So many days before the date.
fn before(days: u64) -> String {
    (date(DATE) - Days::new(days)).to_string()
}

/// A game of `one` so many days before the date.
fn game(days: u64) -> Row {
    row! {
        player_lookup: "one", game_date: before(days), minutes_played: 30.0, points: 10, usage_rate: 20.0, ts_pct: 0.5,
        fg_makes: 4, assisted_fg_makes: 2,
    }
}

fn games(count: u64) -> Vec<Row> {
    (1..=count).map(game).collect()
}

fn context(more: Row) -> Row {
    with(&row! { player_lookup: "one", game_date: DATE }, more)
}

fn tables(games: Vec<Row>, context: Row) -> Tables {
    Tables::default().with(Table::PlayerGameSummary, games).with(Table::UpcomingPlayerGameContext, [context])
}

fn run(tables: &Tables) -> DirectOutput {
    direct::run_with_any_team(ProcessorId::Pdc, date(DATE), tables)
}

/// The only row.
fn row_of(tables: &Tables) -> Row {
    let output = run(tables);
    let [row] =
        <[Row; 1]>::try_from(output.rows).unwrap_or_else(|rows| panic!("{} rows: {:?}", rows.len(), output.state));
    row
}

#[test]
fn the_game_list_has_the_newest_82_games_2_4() {
    // The oldest eight are left out.
    let games = (1..=90).map(|days| with(&game(days), row! { points: if days > 82 { 100 } else { 10 } }));
    assert_columns(
        &row_of(&tables(games.collect(), context(row! {}))),
        &row! { games_played_season: 82, points_avg_season: 10.0, actual_games_count: 90 },
    );
}

#[test]
fn an_inactive_game_with_minutes_takes_no_slot_2_4() {
    for (is_active, played) in [(false, 6), (true, 7)] {
        let mut games = games(6);
        games.push(with(&game(7), row! { is_active: is_active, points: 80 }));
        let row = row_of(&tables(games, context(row! {})));
        assert_columns(&row, &row! { games_played_season: played, actual_games_count: 7 });
    }
}

#[test]
fn the_season_of_a_game_is_its_column_and_not_its_date_2_4() {
    let of_season = |days: u64, season: i64| with(&game(days), row! { season_year: season });
    // Dated within the season, of another one: not in the list, and counted by its date.
    let mut other = games(6);
    other.push(of_season(7, 2022));
    assert_columns(&row_of(&tables(other, context(row! {}))), &row! { games_played_season: 6, actual_games_count: 7 });
    // Dated before October 1, of this season: the other way round.
    let mut early = games(6);
    early.push(of_season(200, 2023));
    assert_columns(&row_of(&tables(early, context(row! {}))), &row! { games_played_season: 7, actual_games_count: 6 });
}

#[test]
fn what_the_context_does_not_know_is_null_3_4() {
    let columns = [
        "universal_player_id",
        "games_in_last_7_days",
        "games_in_last_14_days",
        "minutes_in_last_7_days",
        "minutes_in_last_14_days",
        "back_to_backs_last_14_days",
        "avg_minutes_per_game_last_7",
        "fourth_quarter_minutes_last_7",
        "player_age",
    ];
    let row = row_of(&tables(games(6), context(row! {})));
    let nulls: Row = columns.iter().map(|name| ((*name).to_owned(), NULL)).collect();
    assert_columns(&row, &nulls);
}

#[test]
fn a_team_without_games_differs_in_the_hash_from_one_with_unknown_figures_3_3() {
    let without = tables(games(6), context(row! {}));
    let unknown = without.clone().with(
        Table::TeamOffenseGameSummary,
        [row! { team_abbr: "LAL", game_date: before(1), pace: NULL, offensive_rating: NULL }],
    );
    let (without, unknown) = (row_of(&without), row_of(&unknown));
    let nulls = row! { team_pace_last_10: NULL, team_off_rating_last_10: NULL };
    assert_columns(&without, &nulls);
    assert_columns(&unknown, &nulls);
    assert_ne!(without["data_hash"], unknown["data_hash"]);
}

#[test]
fn a_team_twice_on_a_date_has_two_games_and_one_day_3_6() {
    let scheduled = |days: u64, home: &str, away: &str| {
        row! { game_date: before(days), game_status: 3, home_team_tricode: home, away_team_tricode: away }
    };
    let schedule = [scheduled(2, "LAL", "BOS"), scheduled(2, "MIA", "LAL")];
    let row = row_of(&tables(games(6), context(row! {})).with(Table::Schedule, schedule));
    // Six games that were played, of two by the count of games and of one by the count of days.
    assert_columns(
        &row,
        &row! {
            expected_games_count: 2, actual_games_count: 6, l5_completeness_pct: 300.0, l10_completeness_pct: 300.0,
            l7d_completeness_pct: 600.0, l14d_completeness_pct: 600.0,
        },
    );
}

#[test]
fn a_team_that_the_schedule_does_not_know_is_expected_nowhere_3_6() {
    let row = row_of(&tables(games(6), context(row! {})));
    assert_columns(
        &row,
        &row! { expected_games_count: 0, completeness_percentage: 100.0, missing_games_count: 0, all_windows_complete: true },
    );
}

/// The error of the date whose games have these values in turns, if it fails.
fn overflow(column: &str, values: [f64; 2], games: u64) -> Option<String> {
    let value = |days: u64| Row::from([(column.to_owned(), number(column, values[days as usize % 2]))]);
    let games = (1..=games).map(|days| with(&game(days), value(days))).collect();
    overflow_of(&tables(games, context(row! {})))
}

fn number(column: &str, value: f64) -> Value {
    if column == "points" { Value::Int(value as i64) } else { Value::Num(value) }
}

fn overflow_of(tables: &Tables) -> Option<String> {
    match run(tables).state {
        DateState::Failed { reason, kind: FailureKind::Overflow } => Some(reason),
        DateState::Done => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_mean_overflows_from_the_value_on_that_rounds_to_one_digit_more_7_2() {
    // The mean of ten is 999.99, and 999.995, which is stored as 1000.00.
    assert_eq!(overflow("usage_rate", [999.99, 999.99], 10), None);
    let reason = overflow("usage_rate", [999.99, 1000.0], 10).expect("a failed date");
    assert!(reason.contains("one: usage_rate_last_10 is 999.995, too large for NUMERIC(5,2)"), "{reason}");
    // Below the edge by the fourth place: 999.9933 is stored as 999.99.
    assert_eq!(overflow("usage_rate", [999.99, 999.99], 6), None);
}

#[test]
fn every_numeric_column_can_overflow_7_2() {
    for (column, values, stored) in [
        ("points", [10_000.0, 10_000.0], "points_avg_last_5 is 10000.0, too large for NUMERIC(5,1)"),
        ("points", [0.0, 9_000.0], "points_std_last_10 is 4743.4165, too large for NUMERIC(5,2)"),
        ("usage_rate", [1_000.0, 1_000.0], "usage_rate_last_10 is 1000.0, too large for NUMERIC(5,2)"),
    ] {
        let reason = overflow(column, values, 10).unwrap_or_else(|| panic!("{column} {values:?} fits"));
        assert!(reason.contains(stored), "{reason}");
    }
    // Only the season's mean has the old games.
    let games = (1..=20).map(|days| with(&game(days), row! { usage_rate: if days > 10 { 2_000.0 } else { 20.0 } }));
    let reason = overflow_of(&tables(games.collect(), context(row! {}))).expect("a failed date");
    assert!(reason.contains("player_usage_rate_season is 1010.0, too large for NUMERIC(5,2)"), "{reason}");
    let reason = overflow_of(&tables(
        (1..=10).map(|days| with(&game(days), row! { fg_makes: 1, assisted_fg_makes: 1000 })).collect(),
        context(row! {}),
    ));
    let reason = reason.expect("a failed date");
    assert!(reason.contains("assisted_rate_last_10 is 1000.0, too large for NUMERIC(5,2)"), "{reason}");
}
