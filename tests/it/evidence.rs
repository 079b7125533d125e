//! Partial evidence: games, teams, names and lines, where the date as a whole looks right.

use putback::catalog::Table;

use crate::fixture::{Desk, RANGE};
use crate::incidents::{edit, run, seeded};
use crate::published;

const GAMES: Table = Table::PlayerGameSummary;
const DEFENSE: Table = Table::TeamDefenseGameSummary;
const LINES: Table = Table::PlayerPointsProps;

/// Runs, and asserts what is said of a check, and that the date is not published.
fn assert_held_back(desk: &Desk, check: &str, held_back: &str) {
    let done = run(desk);
    assert_eq!(done.code, 4, "{}", done.stderr);
    assert!(done.stderr.contains(&format!("preflight error: {check} ")), "{}", done.stderr);
    let dates = published::dates(desk);
    assert!(!dates.contains(held_back), "{held_back} is published: {}", done.stderr);
}

/// Four of the games of a date, and so less than half of its rows.
const FOUR_GAMES: &str =
    "(SELECT DISTINCT game_id FROM player_game_summary WHERE game_date = DATE '2023-12-01' ORDER BY game_id LIMIT 4)";

#[test]
fn games_without_minutes_are_held_back_although_the_date_has_some() {
    for value in ["0", "NULL"] {
        let desk = seeded(
            GAMES,
            &format!(
                "SELECT * REPLACE (CASE WHEN game_id IN {FOUR_GAMES} THEN {value} ELSE minutes_played END::DECIMAL(5,1) AS minutes_played) FROM player_game_summary"
            ),
        );
        assert_held_back(&desk, "I9t", "2023-12-01");
        assert!(published::dates(&desk).iter().any(|date| date.as_str() < "2023-12-01"));
    }
}

#[test]
fn teams_without_zones_are_held_back_although_most_have_them() {
    let teams = "(SELECT defending_team_abbr FROM team_defense_game_summary WHERE game_date = DATE '2023-12-01' ORDER BY defending_team_abbr LIMIT 7)";
    let desk = seeded(
        DEFENSE,
        &format!("SELECT * REPLACE (CASE WHEN game_date = DATE '2023-12-01' AND defending_team_abbr IN {teams} THEN NULL ELSE opp_paint_attempts END AS opp_paint_attempts,
            CASE WHEN game_date = DATE '2023-12-01' AND defending_team_abbr IN {teams} THEN NULL ELSE opp_mid_range_attempts END AS opp_mid_range_attempts) FROM team_defense_game_summary"),
    );
    assert_held_back(&desk, "I15g", "2023-12-01");
    assert!(published::dates(&desk).contains("2023-11-30"));
}

/// Lines in UTC carry the day after their game.
#[test]
fn lines_of_the_day_before_are_held_back() {
    let desk = seeded(LINES, "SELECT * REPLACE (game_date + 1 AS game_date) FROM bettingpros_player_points_props");
    assert_held_back(&desk, "I22d", "2023-12-01");
}

#[test]
fn lines_of_names_that_do_not_play_are_a_warning() {
    let some = "player_lookup IN (SELECT player_lookup FROM bettingpros_player_points_props WHERE game_date = DATE '2023-12-01' GROUP BY ALL ORDER BY player_lookup LIMIT 40)";
    let desk = seeded(
        LINES,
        &format!(
            "SELECT * REPLACE (CASE WHEN game_date = DATE '2023-12-01' AND {some} THEN concat('x', player_lookup) ELSE player_lookup END AS player_lookup) FROM bettingpros_player_points_props"
        ),
    );
    let done = run(&desk);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stderr.contains("I22w"), "{}", done.stderr);
    let check = desk.run(&["check", "-v"], &RANGE).stdout;
    assert!(check.contains("warning I22w:\n  2023-12-01: "), "{check}");
}

/// Accents in one table only: contexts and lines of the players are not found.
#[test]
fn names_that_are_spelt_otherwise_are_held_back() {
    let accent = "SELECT * REPLACE (CASE WHEN player_lookup LIKE '%oi%' AND game_date = DATE '2023-12-01' THEN replace(player_lookup, 'o', 'ö') ELSE player_lookup END AS player_lookup) FROM player_game_summary";
    let suffix = "SELECT * REPLACE (CASE WHEN player_lookup LIKE '%oi%' AND game_date = DATE '2023-12-01' THEN concat(player_lookup, 'jr') ELSE player_lookup END AS player_lookup) FROM upcoming_player_game_context";
    for (table, select) in [(GAMES, accent), (Table::UpcomingPlayerGameContext, suffix)] {
        let desk = seeded(table, select);
        let done = run(&desk);
        assert_eq!(done.code, 4, "{table}: {}", done.stderr);
        assert!(done.stderr.contains("preflight error: I35e "), "{table}: {}", done.stderr);
        assert!(!published::dates(&desk).contains("2023-12-01"), "{table}: {}", done.stderr);
        let check = desk.run(&["check", "-v"], &RANGE).stdout;
        assert!(check.contains("player_lookup ") && check.contains(" in upcoming_player_game_context"), "{check}");
    }
}

#[test]
fn a_single_name_that_is_spelt_otherwise_is_a_warning() {
    let first = "(SELECT min(player_lookup) FROM upcoming_player_game_context WHERE game_date = DATE '2023-12-01')";
    let desk = seeded(
        Table::UpcomingPlayerGameContext,
        &format!(
            "SELECT * REPLACE (CASE WHEN game_date = DATE '2023-12-01' AND player_lookup = {first} THEN concat(player_lookup, 'jr') ELSE player_lookup END AS player_lookup, CASE WHEN game_date = DATE '2023-12-01' AND player_lookup = {first} THEN NULL ELSE universal_player_id END AS universal_player_id) FROM upcoming_player_game_context"
        ),
    );
    let done = run(&desk);
    // With the player's id it would be one player of two names (I6v).
    assert_eq!(done.code, 0, "{}", done.stderr);
    let check = desk.run(&["check", "-v"], &RANGE).stdout;
    assert!(
        check.contains(
            "warning I35:\n  2023-12-01: 1: player_lookup aldodunara is aldodunarajr in upcoming_player_game_context"
        ),
        "{check}"
    );
}

/// `BRK` for `BKN` in one table or in all of them: windows lack the games, and league averages the team.
#[test]
fn codes_of_other_sources_are_held_back() {
    let alias = |column: &str| {
        format!("CASE {column} WHEN 'BKN' THEN 'BRK' WHEN 'CHA' THEN 'CHO' ELSE {column} END AS {column}")
    };
    let all: [(Table, &[&str]); 6] = [
        (GAMES, &["team_abbr", "opponent_team_abbr"]),
        (DEFENSE, &["defending_team_abbr", "opponent_team_abbr"]),
        (Table::TeamOffenseGameSummary, &["team_abbr", "opponent_team_abbr"]),
        (Table::UpcomingPlayerGameContext, &["team_abbr", "opponent_team_abbr"]),
        (Table::UpcomingTeamGameContext, &["team_abbr", "opponent_team_abbr"]),
        (Table::Schedule, &["home_team_tricode", "away_team_tricode"]),
    ];
    for tables in [&all[..1], &all[1..2], &all[..]] {
        let desk = Desk::new();
        for (table, columns) in tables {
            let columns: Vec<String> = columns.iter().map(|column| alias(column)).collect();
            edit(&desk, *table, &format!("SELECT * REPLACE ({}) FROM {}", columns.join(", "), table.name()));
        }
        let what = tables.iter().map(|(table, _)| table.name()).collect::<Vec<_>>().join(", ");
        let done = run(&desk);
        assert_eq!(done.code, 4, "{what}: {}", done.stderr);
        assert!(done.stderr.contains("preflight error: I28e "), "{what}: {}", done.stderr);
    }
}

/// A feature that never comes from its source is told of the season.
#[test]
fn a_feature_that_is_constant_for_most_of_a_season_is_told() {
    let desk = seeded(
        Table::UpcomingPlayerGameContext,
        "SELECT * REPLACE (false AS back_to_back, NULL AS days_rest) FROM upcoming_player_game_context",
    );
    assert_eq!(run(&desk).code, 0);
    let validate = desk.run(&["validate", "-v"], &RANGE).stdout;
    let told = validate.split("warning M13c:").nth(1).expect("the check");
    assert!(told.contains("back_to_back: one value on 32 of 32 dates"), "{told}");
    assert!(told.contains("rest_advantage: its default in 100 % of the rows"), "{told}");
    assert!(!told.contains("fatigue_score"), "{told}");
}
