//! Rows of the schedule that are none of ours, or not yet.

use arrow::array::{Array, AsArray};
use insta::assert_snapshot;
use putback::catalog::Table;

use super::{SYNC, assert_same_rows, refused};
use crate::fixture::{Desk, RANGE};
use crate::incidents::{edit, session};
use crate::published;

const SCHEDULE: Table = Table::Schedule;

/// The schedule, and its first game of some dates once more with other values.
fn with_games(desk: &Desk, dates: &str, change: &str) {
    let games = format!("(SELECT * FROM nbac_schedule WHERE game_date IN ({dates}))");
    let first =
        format!("(SELECT * FROM {games} QUALIFY row_number() OVER (PARTITION BY game_date ORDER BY game_id) = 1)");
    edit(desk, SCHEDULE, &format!("FROM nbac_schedule UNION ALL SELECT * REPLACE ({change}) FROM {first}"));
}

/// The opponents of later rounds, and of a cup's knockout games, are known when other games have ended.
#[test]
fn games_to_come_may_have_no_teams() {
    let teams = [
        "NULL AS home_team_tricode, NULL AS away_team_tricode",
        "NULL AS home_team_tricode",
        "NULL AS away_team_tricode, NULL AS game_date",
    ];
    for (teams, lacks) in teams.into_iter().zip(["lack a team", "lack a team", "have no date of the years"]) {
        let change = format!("{teams}, 1 AS game_status, '00422' || right(game_id, 5) AS game_id");
        let outcome = assert_same_rows(|desk| with_games(desk, "DATE '2023-11-20', DATE '2023-12-04'", &change));
        let told = format!("note: {SCHEDULE}: 2 rows of games that are not final {lacks}");
        assert!(outcome.stderr.contains(&told), "{}", outcome.stderr);
    }
}

#[test]
fn a_game_that_was_played_or_whose_state_is_unknown_has_teams() {
    for status in ["3", "NULL"] {
        let change = format!("NULL AS home_team_tricode, {status} AS game_status");
        let outcome = refused(|desk| with_games(desk, "DATE '2023-11-20'", &change));
        assert_eq!(outcome.code, 12, "{}", outcome.stderr);
        let told = format!("{SCHEDULE}: required column home_team_tricode is NULL in 1 rows");
        assert!(outcome.stderr.contains(&told), "{}", outcome.stderr);
    }
}

/// Games of the G League, the WNBA and the summer league, flagged as regular ones, of their own teams and of ours.
#[test]
fn games_of_other_leagues_are_no_games() {
    let teams = [
        "'SXF' AS home_team_tricode, 'CPS' AS away_team_tricode",
        "'BOS' AS home_team_tricode, 'LAL' AS away_team_tricode",
    ];
    for (league, teams) in [("20", teams[0]), ("10", teams[0]), ("15", teams[1])] {
        let desk = Desk::new();
        // A day without games, one with some.
        let change = format!(
            "{teams}, '{league}' || right(game_id, 8) AS game_id, true AS is_regular_season, \
             CASE game_date WHEN DATE '2023-12-02' THEN DATE '2023-11-23' ELSE game_date END AS game_date"
        );
        with_games(&desk, "DATE '2023-12-01', DATE '2023-12-02'", &change);
        let done = desk.run(&["run", "-q", "--warehouse", "dir:warehouse", "--to", "dir:published"], &RANGE);
        assert_eq!(done.code, 0, "{league}: {}", done.stderr);
        let session = session(&desk);
        session.view_whole(SCHEDULE, &[desk.warehouse_file(SCHEDULE)], crate::incidents::always()).expect("a view");
        let dates = session
            .query("SELECT DISTINCT game_date::VARCHAR FROM nbac_schedule WHERE game_id LIKE '00%' AND game_status = 3 AND game_date BETWEEN DATE '2023-11-07' AND DATE '2023-12-10'")
            .expect("dates");
        let dates = dates.column(0).as_string::<i32>();
        let published = published::dates(&desk);
        assert!(dates.len() == published.len() && dates.iter().flatten().all(|date| published.contains(date)));
        assert!(!published.contains("2023-11-23"));
    }
}

#[test]
fn the_note_names_the_first_row() {
    let desk = Desk::new();
    with_games(&desk, "DATE '2023-11-20'", "NULL AS home_team_tricode, 1 AS game_status, '0042299999' AS game_id");
    let outcome = desk.run(&SYNC, &RANGE);
    let notes: Vec<&str> = outcome.stderr.lines().filter(|line| line.contains("not final")).collect();
    assert_snapshot!(notes.join("\n"), @"note: nba_raw.nbac_schedule: 1 rows of games that are not final lack a team, and are left out; the first is row 353 of [DIR]/warehouse/nba_raw.nbac_schedule.parquet (game_id 0042299999)");
}
