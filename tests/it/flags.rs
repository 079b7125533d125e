//! Schedule flags against game ids, and the days that nothing in the schedule counts.

use std::collections::BTreeMap;
use std::path::PathBuf;

use putback::catalog::Table;

use crate::fixture::{Desk, RANGE};
use crate::incidents::{edit, on_december_1, run, seeded};

const SCHEDULE: Table = Table::Schedule;

fn published_files(desk: &Desk) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = desk.files("published");
    files.retain(|name, _| name.extension().is_some_and(|extension| extension == "parquet"));
    files
}

fn verdict(desk: &Desk) -> String {
    let status = desk.run(&["status"], &RANGE).stdout;
    status[status.find("2023, ").expect("a verdict")..].to_owned()
}

/// Ids of a number column lack their leading zeros: the games and their kinds are the same.
#[test]
fn ids_without_leading_zeros_are_the_same_ids() {
    let desk = seeded(SCHEDULE, "SELECT * REPLACE (game_id::BIGINT::VARCHAR AS game_id) FROM nbac_schedule");
    let done = run(&desk);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(published_files(&Desk::computed()) == published_files(&desk), "other rows are published");
}

/// Which dates are computed is said by the flags; where the id says otherwise, the year is partial.
#[test]
fn a_game_whose_id_contradicts_its_flags_makes_the_year_partial() {
    for (id, flags) in [
        ("'0012399999'", "true AS is_regular_season"),
        ("'0042399999'", "true AS is_regular_season"),
        ("'62399999'", "true AS is_regular_season"),
        ("game_id", "false AS is_regular_season"),
        ("game_id", "NULL AS is_regular_season"),
        ("game_id", "true AS is_playoffs"),
    ] {
        let first = "(SELECT min(game_id) FROM nbac_schedule WHERE game_date = DATE '2023-12-01')";
        let desk = Desk::new();
        let (value, flag) = flags.split_once(" AS ").expect("a flag");
        edit(
            &desk,
            SCHEDULE,
            &format!(
                "SELECT * REPLACE (CASE WHEN game_id = {first} THEN {id} ELSE game_id END AS game_id,
                     CASE WHEN game_id = {first} THEN {value} ELSE {flag} END AS {flag}) FROM nbac_schedule"
            ),
        );
        let done = desk.run(&["run", "-q", "--warehouse", "dir:warehouse", "--to", "dir:published"], &RANGE);
        assert_eq!(done.code, 3, "{id} {flags}: {}{}", done.stdout, done.stderr);
        assert!(
            done.stderr.contains("note: game ids contradict the flags of the schedule: 1 date, 2023-12-01: 1 game"),
            "{}",
            done.stderr
        );
        let verdict = verdict(&desk);
        assert!(verdict.contains("2023, 32 of 46 game dates: partial"), "{verdict}");
        assert!(verdict.contains("game ids contradict the flags of the schedule on 1 date: 2023-12-01"), "{verdict}");
    }
}

#[test]
fn a_day_with_rows_and_no_counted_game_makes_the_year_partial() {
    // Regular games by their ids, and games of a preseason.
    for id in ["game_id", "concat('001', game_id[4:])"] {
        let desk = Desk::new();
        let select = on_december_1(SCHEDULE, "is_regular_season", "false");
        edit(&desk, SCHEDULE, &select);
        edit(&desk, SCHEDULE, &on_december_1(SCHEDULE, "game_id", id));
        let done = desk.run(&["run", "-q", "--warehouse", "dir:warehouse", "--to", "dir:published"], &RANGE);
        assert_eq!(done.code, 3, "{id}: {}{}", done.stdout, done.stderr);
        let told = "has rows, but no final game in the schedule";
        assert!(done.stderr.contains(told) && verdict(&desk).contains(told), "{id}: {}", done.stderr);
    }
}

/// The final of a cup counts nowhere, whoever has rows of it.
#[test]
fn the_final_of_a_cup_alone_is_no_reason() {
    let desk = Desk::new();
    edit(&desk, SCHEDULE, &on_december_1(SCHEDULE, "is_regular_season", "false"));
    edit(&desk, SCHEDULE, &on_december_1(SCHEDULE, "game_id", "concat('006', game_id[4:])"));
    let done = run(&desk);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(verdict(&desk).contains("game dates: complete"));
}

/// Play-in games may be flagged as playoffs, as the schedule of the reference does.
#[test]
fn a_play_in_game_is_one_of_the_playoffs_or_none() {
    for flags in ["true", "false", "NULL"] {
        let desk = Desk::new();
        edit(&desk, SCHEDULE, &on_december_1(SCHEDULE, "is_regular_season", "false"));
        edit(&desk, SCHEDULE, &on_december_1(SCHEDULE, "is_playoffs", flags));
        edit(&desk, SCHEDULE, &on_december_1(SCHEDULE, "game_id", "concat('5', game_id[4:])"));
        let done = run(&desk);
        assert_eq!(done.code, 0, "{flags}: {}", done.stderr);
    }
}

/// A schedule that keeps every scrape: the final state of a game counts.
#[test]
fn of_several_states_of_a_game_the_final_one_counts() {
    let desk = seeded(
        SCHEDULE,
        "FROM nbac_schedule UNION ALL (SELECT * REPLACE (1 AS game_status) FROM nbac_schedule)
         UNION ALL (SELECT * REPLACE (2 AS game_status, game_date - 1 AS game_date) FROM nbac_schedule WHERE game_date = DATE '2023-12-06')",
    );
    let done = run(&desk);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(published_files(&Desk::computed()) == published_files(&desk), "other rows are published");
}
