//! What one table says against another: rows that look right alone.

use putback::catalog::Table;

use crate::fixture::{Desk, RANGE};
use crate::incidents::{edit, run, seeded};
use crate::published;

const GAMES: Table = Table::PlayerGameSummary;
const DEFENSE: Table = Table::TeamDefenseGameSummary;
const OFFENSE: Table = Table::TeamOffenseGameSummary;
const CONTEXTS: Table = Table::UpcomingPlayerGameContext;
const LINES: Table = Table::PlayerPointsProps;

/// Runs, and asserts that a check alone holds back a date and nothing before the faulty rows.
fn assert_alone(desk: &Desk, check: &str, faulty: &str) {
    let done = run(desk);
    assert_eq!(done.code, 4, "{check}: {}", done.stderr);
    let told: Vec<&str> = done.stderr.lines().filter(|line| line.starts_with("note: not published: ")).collect();
    assert!(told.len() == 1 && told[0].contains(&format!(" ({check}): ")), "{check}: {}", done.stderr);
    assert!(done.stderr.contains(&format!("preflight error: {check} failed on ")), "{}", done.stderr);
    let dates = published::dates(desk);
    assert!(!dates.contains(faulty) && dates.contains("2023-11-19"), "{check}: {dates:?}");
    let accepted = desk.run(&["upload", "-q", "--to", "dir:published", "--accept", check], &RANGE);
    assert_eq!(accepted.code, 0, "{check}: {}", accepted.stderr);
}

/// Runs, and asserts that a warning names the rows of December 1.
fn assert_told(desk: &Desk, check: &str, example: &str) {
    let done = run(desk);
    assert_eq!(done.code, 0, "{check}: {}", done.stderr);
    assert!(done.stderr.contains(check), "{check}: {}", done.stderr);
    let shown = desk.run(&["check", "-v"], &RANGE).stdout;
    let told = shown.split(&format!("warning {check}:\n")).nth(1).unwrap_or_else(|| panic!("{check}: {shown}"));
    assert!(told.starts_with("  2023-12-01: ") && told.lines().next().expect("a line").contains(example), "{told}");
}

const GAME: &str = "(SELECT min(game_id) FROM team_defense_game_summary WHERE game_date = DATE '2023-12-01')";

#[test]
fn team_rows_of_one_game_that_are_exchanged_are_held_back() {
    let swap = |team: &str| {
        format!(
            "CASE WHEN game_date = DATE '2023-12-01' AND game_id = {GAME} THEN opponent_team_abbr ELSE {team} END AS {team},
             CASE WHEN game_date = DATE '2023-12-01' AND game_id = {GAME} THEN {team} ELSE opponent_team_abbr END AS opponent_team_abbr"
        )
    };
    for (table, team) in [(DEFENSE, "defending_team_abbr"), (OFFENSE, "team_abbr")] {
        let select = format!("SELECT * REPLACE ({}) FROM {}", swap(team), table.name());
        let select = select.replace(GAME, &GAME.replace(DEFENSE.name(), table.name()));
        assert_alone(&seeded(table, &select), "I5r", "2023-12-01");
    }
    let desk = Desk::new();
    for (table, team) in [(DEFENSE, "defending_team_abbr"), (OFFENSE, "team_abbr")] {
        let select = format!("SELECT * REPLACE ({}) FROM {}", swap(team), table.name());
        edit(&desk, table, &select.replace(GAME, &GAME.replace(DEFENSE.name(), table.name())));
    }
    assert_alone(&desk, "I5r", "2023-12-01");
}

#[test]
fn a_team_row_of_another_game_is_held_back() {
    let desk = seeded(
        DEFENSE,
        "WITH team AS (SELECT min(defending_team_abbr) AS team FROM team_defense_game_summary WHERE game_date = DATE '2023-12-01'),
             before AS (SELECT * FROM team_defense_game_summary JOIN team ON team = defending_team_abbr WHERE game_date < DATE '2023-12-01' ORDER BY game_date DESC LIMIT 1)
         SELECT * FROM team_defense_game_summary WHERE NOT (game_date = DATE '2023-12-01' AND defending_team_abbr = (SELECT team FROM team))
         UNION ALL
         SELECT before.* EXCLUDE (team) REPLACE (now.game_date AS game_date, now.game_id AS game_id, now.opponent_team_abbr AS opponent_team_abbr)
         FROM before, (FROM team_defense_game_summary JOIN team ON team = defending_team_abbr WHERE game_date = DATE '2023-12-01') AS now",
    );
    assert_alone(&desk, "I5r", "2023-12-01");
}

#[test]
fn zones_that_exceed_the_shots_are_held_back() {
    let desk = seeded(
        GAMES,
        "SELECT * REPLACE (CASE WHEN game_date = DATE '2023-12-01' THEN coalesce(three_pt_attempts, 0) + coalesce(fg_attempts, 0) ELSE three_pt_attempts END AS three_pt_attempts) FROM player_game_summary",
    );
    assert_alone(&desk, "I8o", "2023-12-01");
}

#[test]
fn a_value_that_one_team_lacks_all_season_is_held_back() {
    for (table, team, column) in [
        (OFFENSE, "team_abbr", "offensive_rating"),
        (OFFENSE, "team_abbr", "pace"),
        (DEFENSE, "defending_team_abbr", "defensive_rating"),
        (DEFENSE, "defending_team_abbr", "opp_paint_attempts"),
    ] {
        let select = format!(
            "SELECT * REPLACE (CASE WHEN {team} = 'BOS' THEN NULL ELSE {column} END AS {column}) FROM {}",
            table.name()
        );
        let done = run(&seeded(table, &select));
        assert_eq!(done.code, 4, "{column}: {}", done.stderr);
        assert!(done.stderr.contains("values of a team missing upstream (I17t)"), "{column}: {}", done.stderr);
    }
}

/// No team has ever had a pace of 0 in a game.
#[test]
fn a_pace_or_rating_of_nought_is_impossible() {
    for (table, team, column) in [(OFFENSE, "team_abbr", "pace"), (DEFENSE, "defending_team_abbr", "defensive_rating")]
    {
        let select = format!(
            "SELECT * REPLACE ((CASE WHEN game_date = DATE '2023-12-01' AND {team} = (SELECT min({team}) FROM {name} WHERE game_date = DATE '2023-12-01') THEN 0 ELSE {column} END)::DECIMAL(6,2) AS {column}) FROM {name}",
            name = table.name()
        );
        assert_alone(&seeded(table, &select), "I31", "2023-12-01");
    }
}

#[test]
fn contexts_that_contradict_the_games_are_held_back() {
    for change in [
        "0 AS days_rest",
        "CASE WHEN game_date = DATE '2023-12-01' THEN days_rest + 1 ELSE days_rest END AS days_rest",
        "CASE WHEN game_date = DATE '2023-12-01' THEN true ELSE back_to_back END AS back_to_back",
        "CASE WHEN game_date = DATE '2023-12-01' THEN 0 ELSE games_in_last_7_days END AS games_in_last_7_days",
        "CASE WHEN game_date = DATE '2023-12-01' THEN games_in_last_14_days - 2 ELSE games_in_last_14_days END AS games_in_last_14_days",
    ] {
        let desk = seeded(CONTEXTS, &format!("SELECT * REPLACE ({change}) FROM upcoming_player_game_context"));
        let done = run(&desk);
        assert_eq!(done.code, 4, "{change}: {}", done.stderr);
        assert!(done.stderr.contains("contexts that contradict the games played (I36)"), "{change}: {}", done.stderr);
        assert!(!published::dates(&desk).contains("2023-12-01"), "{change}: {}", done.stderr);
    }
}

/// The reference's own placeholder.
#[test]
fn back_to_backs_that_are_false_everywhere_are_no_contradiction() {
    let desk = seeded(CONTEXTS, "SELECT * REPLACE (false AS back_to_back) FROM upcoming_player_game_context");
    let done = run(&desk);
    assert_eq!(done.code, 0, "{}", done.stderr);
}

#[test]
fn contexts_and_lines_that_end_before_the_games_are_held_back() {
    for table in [CONTEXTS, LINES] {
        let desk = seeded(table, &format!("SELECT * FROM {} WHERE game_date <= DATE '2023-12-03'", table.name()));
        let done = run(&desk);
        assert_eq!(done.code, 4, "{table}: {}", done.stderr);
        let told = "contexts or lines that end before the games (I37): 7 dates, 2023-12-04 to 2023-12-10; holds back";
        assert!(done.stderr.contains(told), "{table}: {}", done.stderr);
        assert!(done.stderr.contains(&format!("{} ends on 2023-12-03", table.name())), "{table}: {}", done.stderr);
        let dates = published::dates(&desk);
        assert!(dates.contains("2023-12-03") && !dates.contains("2023-12-04"), "{table}: {dates:?}");
    }
}

#[test]
fn lines_of_another_market_are_held_back() {
    for (dates, line) in [("= DATE '2023-12-01'", "points_line + 20"), (">= DATE '2023-12-01'", "points_line * 2")] {
        let select = format!(
            "SELECT * REPLACE ((CASE WHEN game_date {dates} THEN {line} ELSE points_line END)::DECIMAL(6,1) AS points_line) FROM bettingpros_player_points_props"
        );
        assert_alone(&seeded(LINES, &select), "I38", "2023-12-01");
    }
}

#[test]
fn minutes_of_other_players_are_held_back() {
    let desk = seeded(
        GAMES,
        "SELECT games.* REPLACE (coalesce(others.minutes, minutes_played) AS minutes_played) FROM
             (SELECT *, row_number() OVER (PARTITION BY game_date ORDER BY player_lookup) AS place FROM player_game_summary) AS games
         LEFT JOIN (SELECT game_date, minutes_played AS minutes, row_number() OVER (PARTITION BY game_date ORDER BY hash(player_lookup)) AS place
             FROM player_game_summary WHERE game_date = DATE '2023-12-01') AS others USING (game_date, place)"
            .replace("games.* REPLACE", "games.* EXCLUDE (place) REPLACE")
            .as_str(),
    );
    let done = run(&desk);
    assert_eq!(done.code, 4, "{}", done.stderr);
    assert!(done.stderr.contains("minutes of other players (I27e): 1 date, 2023-12-01"), "{}", done.stderr);
    assert!(!published::dates(&desk).contains("2023-12-01"));
}

#[test]
fn ids_that_a_date_lacks_are_a_warning() {
    let desk = seeded(
        GAMES,
        "SELECT * REPLACE (CASE WHEN game_date = DATE '2023-12-01' AND length(player_lookup) % 2 = 0 THEN NULL ELSE universal_player_id END AS universal_player_id) FROM player_game_summary",
    );
    assert_told(&desk, "I6n", "");
}

/// A player of the box scores of December 1.
const STARTER: &str = "(SELECT arg_max(player_lookup, (minutes_played, player_lookup)) FROM player_game_summary WHERE game_date = DATE '2023-12-01' AND minutes_played > 20)";

#[test]
fn a_row_that_only_the_box_scores_have_is_a_warning() {
    let desk = seeded(
        GAMES,
        &format!(
            "SELECT * FROM player_game_summary WHERE NOT (game_date = DATE '2023-12-01' AND player_lookup = {STARTER})"
        ),
    );
    assert_told(&desk, "I39", "");
}

/// Whose points are few: those of a star are missed (I5e).
const SUBSTITUTE: &str = "(SELECT arg_min(player_lookup, (points, player_lookup)) FROM player_game_summary WHERE game_date = DATE '2023-12-01' AND minutes_played > 5 AND points >= 0)";

#[test]
fn a_player_under_the_opponents_team_is_a_warning() {
    let desk = seeded(
        GAMES,
        &format!(
            "SELECT * REPLACE (CASE WHEN game_date = DATE '2023-12-01' AND player_lookup = {SUBSTITUTE} THEN opponent_team_abbr ELSE team_abbr END AS team_abbr,
                 CASE WHEN game_date = DATE '2023-12-01' AND player_lookup = {SUBSTITUTE} THEN team_abbr ELSE opponent_team_abbr END AS opponent_team_abbr) FROM player_game_summary"
        ),
    );
    assert_told(&desk, "I40", ", by the context for ");
}

#[test]
fn a_row_on_a_later_date_holds_back_the_date_of_its_game() {
    let desk = seeded(
        GAMES,
        &format!(
            "SELECT * REPLACE (CASE WHEN game_date = DATE '2023-12-01' AND player_lookup = {STARTER} THEN DATE '2023-12-03' ELSE game_date END AS game_date) FROM player_game_summary"
        ),
    );
    let done = run(&desk);
    assert_eq!(done.code, 4, "{}", done.stderr);
    assert!(
        done.stderr.contains("rows filed on another date than their game's (I29d): 2 dates, 2023-12-01 to 2023-12-03"),
        "{}",
        done.stderr
    );
    let dates = published::dates(&desk);
    assert!(!dates.contains("2023-12-01") && dates.contains("2023-11-30"), "{dates:?}");
}
