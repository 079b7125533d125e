//! Text from data, paths, arguments and settings is text: no command obeys it, no terminal sees it raw.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use insta::assert_snapshot;
use putback::catalog::Table;

use super::assert_plain;
use crate::fixture::{Desk, RANGE, rows, season_start, with_column};

/// Names that a table, a query or a terminal might take for something else.
const NAMES: [&str; 6] = [
    "{key}{date}",
    "o'neal\"; drop table games; --",
    "\u{1b}[31mred\u{7}\u{1b}]0;title\u{7}",
    "new\nline\r\u{9b}31m\t\u{7f}",
    "\u{202e}desrever getvariable('key')",
    "<script>alert(1)</script>&amp;",
];

/// The first players of the season, by their new names.
fn renamed() -> BTreeMap<String, &'static str> {
    let games = rows(Table::PlayerGameSummary);
    let players = games.column_by_name("player_lookup").expect("a column").as_string::<i32>();
    let players: std::collections::BTreeSet<&str> = players.iter().flatten().collect();
    players.into_iter().map(str::to_owned).zip(NAMES).collect()
}

fn with_names(batch: &RecordBatch, names: &BTreeMap<String, &str>) -> RecordBatch {
    let Some(players) = batch.column_by_name("player_lookup") else { return batch.clone() };
    let players = players.as_string::<i32>().iter();
    let new: StringArray =
        players.map(|player| player.map(|player| names.get(player).copied().unwrap_or(player))).collect();
    with_column(batch, "player_lookup", Some(Arc::new(new) as ArrayRef))
}

#[test]
fn names_from_data_pass_through_every_command() {
    let desk = Desk::new();
    for (table, batch) in season_start() {
        desk.put(*table, &with_names(batch, &renamed()));
    }
    let all = ["run", "--warehouse", "dir:warehouse", "--to", "dir:published", "--accept", "X6"];
    let ran = desk.run(&all, &RANGE);
    assert_plain(&ran);
    assert!([0, 3, 4].contains(&ran.code), "{}", ran.shown());
    let handoff = desk.run(&["report", "-q", "--format", "markdown"], &RANGE);
    assert_plain(&handoff);
    assert_eq!(handoff.code, 0, "{}", handoff.shown());
    for format in ["text", "json"] {
        for args in [
            &["check", "--all"][..],
            &["validate", "--all"],
            &["diff", "--with", "dir:published"],
            &["status", "--dates"],
            &["impact"],
            &["upload", "--dry-run", "--to", "dir:published"],
            &["report", "--out", "report"],
        ] {
            let outcome = desk.run(&[args, &["--format", format]].concat(), &RANGE);
            assert_plain(&outcome);
            assert_ne!(outcome.code, 1, "{}", outcome.shown());
            if args[0] == "report" {
                let text = std::fs::read_to_string(desk.path("report")).expect("a report");
                assert!(!text.contains(|unit: char| unit != '\n' && unit.is_control()), "{format}");
                assert!(!text.contains('\u{202e}'), "{format}");
                assert!(format == "json" || !text.contains("<script>alert"), "{format}");
            }
        }
        for name in NAMES {
            for table in ["psza", "pcf", "mlfs"] {
                let outcome = desk.run(&["why", table, "--format", format, "--", name, "2023-12-05"], &[]);
                assert_plain(&outcome);
                assert_eq!(outcome.code, 0, "{}", outcome.shown());
                assert!(!outcome.stdout.contains("no player with that key"), "{}", outcome.shown());
            }
        }
    }
}

#[test]
fn a_key_is_never_part_of_a_query() {
    let desk = Desk::computed();
    for key in ["{key}{date}", "' or 1=1 --", "x' union select 'y", "getvariable('date')", "$1", "?", "{window_end}"] {
        let outcome = desk.run(&["why", "mlfs", "--", key, "2023-12-05"], &[]);
        assert_eq!(outcome.code, 0, "{}", outcome.shown());
        let expected =
            format!("MLFS has no row for {key} on 2023-12-05: no player with that key is in the synced inputs");
        assert!(outcome.stdout.starts_with(&expected), "{}", outcome.shown());
    }
}

#[test]
fn paths_may_have_any_name() {
    let desk = Desk::new();
    for name in ["\u{1b}[2J", "it's [a-z]* {x} ? $HOME `id`", "~", "a\nb", "dir:x", "é 中", "http:", "-rf"] {
        for kind in ["warehouse", "store", "published"] {
            std::fs::create_dir_all(desk.path(name).join(kind)).expect("a directory");
        }
        for (table, batch) in season_start() {
            let path = desk.path(name).join("warehouse").join(format!("{table}.parquet"));
            putback::store::write_parquet(&path, batch).expect("a file");
        }
        let (from, to) = (format!("dir:{name}/warehouse"), format!("dir:{name}/published"));
        let store = format!("--store={name}/store");
        let ran = desk.run(&["run", &store, "--warehouse", &from, "--to", &to], &["--date", "2023-12-05"]);
        assert_plain(&ran);
        assert_eq!(ran.code, 0, "{}", ran.shown());
        let compared = desk.run(&["diff", &store, "--full", "--with", &to], &["--date", "2023-12-05"]);
        assert_plain(&compared);
        assert_eq!(compared.code, 0, "{}", compared.shown());
        let why = desk.run(&["why", &store, "tdza", "BOS", "2023-12-05"], &[]);
        assert_eq!(why.code, 0, "{}", why.shown());
        std::fs::remove_dir_all(desk.path(name)).expect("a directory");
    }
}

#[test]
fn arguments_are_shown_as_text() {
    let desk = Desk::new();
    let outcome = desk.run(&["sync", "--warehouse", "dir:no\u{1b}[31mwhere\u{9b}"], &RANGE);
    assert_plain(&outcome);
    assert_snapshot!(outcome.shown(), @r"
    exit status: 5
    --- stdout
    --- stderr
    error: the warehouse no\x1b[31mwhere\x9b is not a directory
      hint: give --warehouse dir:PATH with the directory that holds <dataset>.<table>.parquet files
    ");
    let outcome = desk.run(&["status", "--year", "20\u{1b}[31m24\r"], &[]);
    assert_plain(&outcome);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("20\\x1b[31m24\\x0d"), "{}", outcome.shown());
}

#[test]
fn settings_are_shown_as_text() {
    let desk = Desk::new();
    std::fs::write(desk.path("putback.toml"), "store = \"st\\u001b[31more\\nx\"\n").expect("a file");
    for format in ["text", "json"] {
        let outcome = desk.run(&["config", "show", "--format", format], &[]);
        assert_plain(&outcome);
        assert_eq!(outcome.code, 0, "{}", outcome.shown());
    }
    std::fs::write(desk.path("putback.toml"), "\"st\\u001bore\" = 1\n").expect("a file");
    let outcome = desk.run(&["config", "show"], &[]);
    assert_plain(&outcome);
    assert_eq!(outcome.code, 2, "{}", outcome.shown());
}
