//! Impossible values: no panic, no words of the database, and their dates are held back.

use putback::catalog::{Bounds, Column, ColumnType, Table};

use crate::fixture::{Desk, RANGE};
use crate::incidents::{run, seeded};
use crate::published;

/// From this day on, rows are made impossible.
const FROM: &str = "DATE '2023-12-05'";

const INPUTS: [Table; 7] = [
    Table::PlayerGameSummary,
    Table::TeamDefenseGameSummary,
    Table::TeamOffenseGameSummary,
    Table::UpcomingPlayerGameContext,
    Table::UpcomingTeamGameContext,
    Table::PlayerPointsProps,
    Table::Schedule,
];

/// Values that a column can hold and that mean nothing, as SQL.
fn impossible(column: &Column) -> Vec<String> {
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    match column.ty {
        ColumnType::Int64 => texts(&["(-9223372036854775808)", "9223372036854775807", "-1", "1000000000"]),
        ColumnType::Float64 => texts(&["'nan'::DOUBLE", "'inf'::DOUBLE", "'-inf'::DOUBLE", "1e300", "-1.0"]),
        ColumnType::Numeric { precision, scale } => {
            let digits = "9".repeat(usize::from(precision) - scale.unsigned_abs() as usize);
            vec![format!("{digits}.{}", "9".repeat(scale.unsigned_abs() as usize)), format!("-{digits}")]
        }
        // Days and times outside the calendar are refused where they are read: `files::dates`.
        ColumnType::Timestamp | ColumnType::Date => Vec::new(),
        ColumnType::String | ColumnType::Bool | ColumnType::Json => Vec::new(),
    }
}

fn sql_type(ty: ColumnType) -> String {
    match ty {
        ColumnType::Int64 => "BIGINT".to_owned(),
        ColumnType::Float64 => "DOUBLE".to_owned(),
        ColumnType::Numeric { precision, scale } => format!("DECIMAL({precision}, {scale})"),
        other => panic!("{other} is no number"),
    }
}

/// Columns that are read, with the values that are to be put into them. The bounds of a column may be wider than what
/// its type can hold.
fn columns(table: Table) -> Vec<(&'static Column, Vec<String>)> {
    let with_values = |(column, bounds, _): (&'static Column, Bounds, Option<Bounds>)| {
        let is_within =
            |value: &String| value.parse().is_ok_and(|value: f64| bounds.least <= value && value <= bounds.most);
        let mut values = impossible(column);
        values.retain(|value| !is_within(value));
        (column, values)
    };
    table.schema().bounds().map(with_values).filter(|(_, values)| !values.is_empty()).collect()
}

/// The rows of a table with the values in rows of their own, from [`FROM`] on. Of lines, in those that are asked for.
fn scattered(table: Table, columns: &[(&Column, Vec<String>)]) -> String {
    let mut place = 0;
    let mut replaced = Vec::new();
    for (Column { name, ty, .. }, values) in columns {
        let cases: Vec<String> = values
            .iter()
            .map(|value| {
                place += 1;
                format!("WHEN {place} THEN {value}")
            })
            .collect();
        replaced.push(format!("(CASE place {} ELSE {name} END)::{} AS {name}", cases.join(" "), sql_type(*ty)));
    }
    let (name, keys) = (table.name(), table.schema().key_columns().join(", "));
    let is_asked = match table {
        Table::PlayerPointsProps => "is_active AND bet_side = 'over'",
        Table::Schedule => "game_status = 3",
        _ => "team_abbr IS NOT NULL",
    };
    let is_asked = if table == Table::TeamDefenseGameSummary { "true" } else { is_asked };
    format!(
        "SELECT * EXCLUDE (place) REPLACE ({}) FROM (
             SELECT *, CASE WHEN game_date >= {FROM} AND {is_asked} THEN row_number() OVER (PARTITION BY game_date >= {FROM} AND {is_asked} ORDER BY {keys}) END AS place
             FROM {name})",
        replaced.join(", ")
    )
}

/// What holds whatever was put in.
fn assert_sound(desk: &Desk, what: &str) {
    let done = run(desk);
    let said = format!("{what}: exit status {}\n{}{}", done.code, done.stdout, done.stderr);
    assert!(matches!(done.code, 0 | 3 | 4), "{said}");
    for word in ["panicked", "Error:", "because:", "DuckDB", "Overflow", "Out of Range"] {
        assert!(!done.stderr.contains(word), "{word}: {said}");
    }
    assert!(
        published::dates(desk).contains("2023-12-04"),
        "a date that rests on nothing impossible is held back: {said}"
    );
    for command in [&["check", "-v"][..], &["validate", "-v"], &["status"]] {
        let said = desk.run(command, &RANGE);
        assert!(matches!(said.code, 0 | 4), "{what}: {command:?}: {}", said.stderr);
    }
}

#[test]
fn impossible_values_hold_back_what_rests_on_them() {
    for table in INPUTS {
        let columns = columns(table);
        let desk = seeded(table, &scattered(table, &columns));
        assert_sound(&desk, table.name());
        let check = desk.run(&["check", "--format", "json"], &RANGE);
        assert_eq!(check.code, 4, "{table}: {}", check.stdout);
        let report: serde_json::Value = serde_json::from_str(&check.stdout).expect("JSON");
        let found =
            report["results"].as_array().expect("checks").iter().find(|check| check["id"] == "I31").expect("I31");
        let cases: u64 =
            found["findings"].as_array().expect("dates").iter().map(|of| of["count"].as_u64().expect("a count")).sum();
        assert_eq!(cases as usize, columns.iter().map(|(_, values)| values.len()).sum::<usize>(), "{table}: {found}");
    }
}

/// Every value alone: minutes, not seconds.
#[test]
#[ignore = "some 300 runs; `cargo test --release --test it every_impossible_value -- --ignored`"]
fn every_impossible_value_of_every_column() {
    for table in INPUTS {
        for (column, values) in columns(table) {
            for value in values {
                let desk = seeded(table, &scattered(table, &[(column, vec![value.clone()])]));
                assert_sound(&desk, &format!("{}.{} = {value}", table.name(), column.name));
            }
        }
    }
}

#[test]
fn an_impossible_value_is_told_with_table_row_and_column() {
    let desk = seeded(
        Table::PlayerGameSummary,
        "SELECT * REPLACE (CASE WHEN game_date = DATE '2023-12-01' AND player_lookup = (SELECT min(player_lookup) FROM player_game_summary WHERE game_date = DATE '2023-12-01') THEN -1 ELSE points END AS points) FROM player_game_summary",
    );
    let done = run(&desk);
    assert_eq!(done.code, 4, "{}", done.stderr);
    let check = desk.run(&["check", "-v"], &RANGE);
    let told = "error I31:\n  2023-12-01: 1: player_game_summary 20231201_NYK_CHA aldodunara points = -1\n";
    assert!(check.stdout.contains(told), "{}", check.stdout);
    assert!(published::dates(&desk).contains("2023-11-30"));
    let accepted = desk.run(&["upload", "-q", "--to", "dir:published", "--accept", "I31"], &RANGE);
    assert!(published::dates(&desk).contains("2023-12-01"), "{}", accepted.stderr);
}

#[test]
fn an_odd_value_is_a_warning() {
    let desk = seeded(
        Table::PlayerGameSummary,
        "SELECT * REPLACE (CASE WHEN game_date = DATE '2023-12-01' AND player_lookup = (SELECT min(player_lookup) FROM player_game_summary WHERE game_date = DATE '2023-12-01') THEN 61 ELSE fg_attempts END AS fg_attempts) FROM player_game_summary",
    );
    assert_eq!(run(&desk).code, 0);
    let check = desk.run(&["check", "-v"], &RANGE);
    assert_eq!(check.code, 0);
    let told = "warning I31u:\n  2023-12-01: 1: player_game_summary 20231201_NYK_CHA aldodunara fg_attempts = 61\n";
    assert!(check.stdout.contains(told), "{}", check.stdout);
}

/// A row of attempts, as SQL.
fn attempt(player: &str, number: &str, until: &str) -> String {
    format!(
        "SELECT 'ml_feature_store_v2' AS processor_name, '{player}' AS entity_id, DATE '2023-12-05' AS analysis_date, {number} AS attempt_number,
             TIMESTAMPTZ '2023-12-05 00:00:00+00' AS attempted_at, true AS circuit_breaker_tripped, TIMESTAMPTZ '{until}' AS circuit_breaker_until"
    )
}

/// A store of the range whose attempts have one row more.
fn seeded_with(attempt: &str) -> Desk {
    let desk = Desk::new();
    let attempts = Table::ReprocessAttempts;
    let session = crate::incidents::session(&desk);
    session.view_whole(attempts, &[], crate::incidents::always()).expect("a view");
    desk.put(attempts, &session.query(&format!("FROM reprocess_attempts UNION ALL BY NAME {attempt}")).expect("rows"));
    desk
}

#[test]
fn impossible_attempts_are_told() {
    let desk = seeded_with(&attempt("aldodunara", "(-9223372036854775808)", "2023-12-06 00:00:00+00"));
    let done = run(&desk);
    assert_eq!(done.code, 4, "{}", done.stderr);
    let check = desk.run(&["check", "-v"], &RANGE).stdout;
    assert!(
        check.contains("error I31:\n  2023-12-05: 1: reprocess_attempts ml_feature_store_v2 aldodunara "),
        "{check}"
    );
    assert!(published::dates(&desk).contains("2023-12-04") && !published::dates(&desk).contains("2023-12-05"));
}

#[test]
fn a_circuit_breaker_beyond_the_calendar_is_refused() {
    for until in ["infinity", "9999-12-31 00:00:00+00"] {
        let done = run(&seeded_with(&attempt("aldoingund", "1", until)));
        assert_eq!(done.code, 12, "{until}: {}", done.stderr);
        assert!(done.stderr.contains("circuit_breaker_until is "), "{}", done.stderr);
    }
}

/// Minutes of box scores are a text.
#[test]
fn minutes_of_box_scores_may_be_any_text() {
    let texts =
        ["''", "'-1'", "':'", "'1e308'", "'9999999999999999999'", "'nan'", "'infinity'", "'12:99:00'", "'DNP'", "NULL"];
    let cases: Vec<String> =
        texts.iter().enumerate().map(|(place, text)| format!("WHEN {place} THEN {text}")).collect();
    let desk = seeded(
        Table::PlayerBoxScores,
        &format!(
            "SELECT * EXCLUDE (place) REPLACE (CASE WHEN game_date >= {FROM} THEN CASE place % 11 {} ELSE \"minutes\" END ELSE \"minutes\" END AS \"minutes\")
             FROM (SELECT *, row_number() OVER (ORDER BY game_date, game_id, player_lookup) AS place FROM bdl_player_boxscores)",
            cases.join(" ")
        ),
    );
    assert_sound(&desk, "bdl_player_boxscores");
}
