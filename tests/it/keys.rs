//! Rows that repeat a key: equal ones count as in the reference, others hold back what rests on them.

use putback::catalog::Table;

use crate::fixture::{Desk, RANGE};
use crate::incidents::{edit, run};
use crate::published;

/// The rows of a table, and some of December 1 once more, changed.
fn repeated(table: Table, key: &str, change: &str) -> Desk {
    let desk = Desk::new();
    let name = table.name();
    let select = format!(
        "FROM {name} UNION ALL (SELECT * REPLACE ({change}) FROM {name} WHERE game_date = DATE '2023-12-01' ORDER BY {key} LIMIT 2)"
    );
    edit(&desk, table, &select);
    desk
}

/// Every input with a key, an order of it, a change that makes no difference, and one that does.
const INPUTS: [(Table, &str, &str, &str); 6] = [
    (Table::PlayerGameSummary, "player_lookup", "points AS points", "points + 1 AS points"),
    (
        Table::TeamDefenseGameSummary,
        "defending_team_abbr",
        "points_allowed AS points_allowed",
        "opp_paint_makes + 1 AS opp_paint_makes",
    ),
    (Table::TeamOffenseGameSummary, "team_abbr", "pace AS pace", "(pace + 1)::DECIMAL(5,1) AS pace"),
    (Table::UpcomingPlayerGameContext, "player_lookup", "days_rest AS days_rest", "3 AS days_rest, 40 AS player_age"),
    (Table::UpcomingTeamGameContext, "team_abbr", "game_total AS game_total", "199.5::DECIMAL(5,1) AS game_total"),
    (
        Table::PlayerPointsProps,
        "is_active DESC, bet_side, player_lookup, bookmaker",
        "points_line AS points_line",
        "points_line + 1 AS points_line",
    ),
];

#[test]
fn equal_rows_of_a_key_are_a_warning() {
    for (table, key, same, _) in INPUTS {
        let desk = repeated(table, key, same);
        let done = run(&desk);
        assert_eq!(done.code, 0, "{table}: {}", done.stderr);
        let check = desk.run(&["check", "-v"], &RANGE);
        assert_eq!(check.code, 0, "{table}: {}", check.stdout);
        let told = format!("warning I6:\n  2023-12-01: 2: {} ", table.name());
        assert!(check.stdout.contains(&told), "{table}: {}", check.stdout);
    }
}

#[test]
fn rows_of_a_key_that_differ_are_held_back() {
    // On team contexts only lineage rests.
    for (table, key, _, other) in INPUTS.into_iter().filter(|(table, ..)| *table != Table::UpcomingTeamGameContext) {
        let desk = repeated(table, key, other);
        let done = run(&desk);
        let check = desk.run(&["check", "-v"], &RANGE);
        assert_eq!(check.code, 4, "{table}: {}", check.stdout);
        let told = format!("error I6d:\n  2023-12-01: 2: {} ", table.name());
        assert!(check.stdout.contains(&told), "{table}: {}", check.stdout);
        assert!(done.stderr.contains("preflight error: I6d failed on "), "{table}: {}", done.stderr);
        assert!(!published::dates(&desk).contains("2023-12-01"), "{table}: {}", done.stderr);
        assert!(published::dates(&desk).contains("2023-11-30"), "{table}: {}", done.stderr);
        assert_eq!(done.code, 4, "{table}: {}", done.stderr);
        let accepted = desk.run(&["upload", "-q", "--to", "dir:published", "--accept", "I6d"], &RANGE);
        assert_eq!(accepted.code, 0, "{table}: {}", accepted.stderr);
        assert!(published::dates(&desk).contains("2023-12-01"), "{table}");
    }
}

/// A rerun of an extract gives the rows again, processed later.
#[test]
fn when_a_row_was_processed_is_no_difference() {
    let desk = repeated(Table::PlayerGameSummary, "player_lookup", "processed_at + INTERVAL 1 HOUR AS processed_at");
    assert_eq!(run(&desk).code, 0);
}

#[test]
fn a_final_game_on_two_dates_is_held_back() {
    let desk = repeated(Table::Schedule, "game_id", "game_date + 2 AS game_date");
    let done = run(&desk);
    assert_eq!(done.code, 4, "{}", done.stderr);
    let told = "I6d failed on 2 dates, 2023-12-01, 2023-12-03";
    assert!(done.stderr.contains(told), "{}", done.stderr);
    let dates = published::dates(&desk);
    assert!(
        !dates.contains("2023-12-01") && !dates.contains("2023-12-03") && dates.contains("2023-11-30"),
        "{dates:?}"
    );
}

/// Two players of a team under one name, and two of different teams on different days.
#[test]
fn two_players_under_one_lookup_are_held_back() {
    let games = Table::PlayerGameSummary;
    let (one, other) = (player(0), player(1));
    for (date, check) in [("= DATE '2023-12-01'", "I6d"), (">= DATE '2023-11-20'", "I6u")] {
        let desk = Desk::new();
        let select = format!(
            "SELECT * REPLACE (CASE WHEN player_lookup = '{other}' AND game_date {date} THEN '{one}' ELSE player_lookup END AS player_lookup)
             FROM player_game_summary"
        );
        edit(&desk, games, &select);
        let done = run(&desk);
        assert_eq!(done.code, 4, "{check}: {}", done.stderr);
        assert!(done.stderr.contains(&format!("preflight error: {check} ")), "{check}: {}", done.stderr);
        assert!(published::dates(&desk).contains("2023-11-19"), "{check}: {}", done.stderr);
    }
}

/// A player of a game of December 1; both are of one team.
fn player(place: usize) -> String {
    let desk = Desk::new();
    let session = crate::incidents::session(&desk);
    let games = Table::PlayerGameSummary;
    session.view_whole(games, &[desk.warehouse_file(games)], crate::incidents::always()).expect("a view");
    let players = "SELECT player_lookup FROM player_game_summary WHERE game_date = DATE '2023-12-01' AND is_active
        ORDER BY game_id, team_abbr, player_lookup";
    let rows = session.query(players).expect("players");
    arrow::array::AsArray::as_string::<i32>(rows.column(0)).value(place).to_owned()
}
