//! Nothing published is removed without being asked: exports that get shorter, rows that the warehouse purges, dates
//! that vanish upstream.

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Date32Type;
use chrono::NaiveDate;
use insta::assert_snapshot;
use putback::catalog::Table;
use putback::store::read_month_file;

use crate::fixture::{Desk, Outcome, RANGE, rows};

const FEATURES: &str = "nba_predictions.ml_feature_store_v2";
const DAY: &str = "2023-12-05";
const OF_A_DATE: [Table; 7] = [
    Table::PlayerGameSummary,
    Table::TeamDefenseGameSummary,
    Table::TeamOffenseGameSummary,
    Table::UpcomingPlayerGameContext,
    Table::PlayerPointsProps,
    Table::PlayerBoxScores,
    Table::Schedule,
];

fn date(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn only(table: Table, keep: impl Fn(NaiveDate) -> bool) -> RecordBatch {
    let batch = rows(table);
    let dates = batch.column_by_name("game_date").expect("a column").as_primitive::<Date32Type>();
    let days = dates.values().iter().map(|day| Date32Type::to_naive_date_opt(*day).expect("a date"));
    let kept: BooleanArray = days.map(|day| Some(keep(day))).collect();
    filter_record_batch(&batch, &kept).expect("rows")
}

fn run(desk: &Desk, more: &[&str]) -> Outcome {
    let arguments = ["run", "-q", "--warehouse", "dir:warehouse", "--to", "dir:published"];
    desk.run(&[&arguments[..], more].concat(), &RANGE)
}

fn sync(desk: &Desk, more: &[&str]) -> Outcome {
    desk.run(&[&["sync", "--warehouse", "dir:warehouse"][..], more].concat(), &RANGE)
}

fn upload(desk: &Desk, more: &[&str]) -> Outcome {
    desk.run(&[&["upload", "-q", "--to", "dir:published"][..], more].concat(), &RANGE)
}

/// The files of the store but for staged ones, which the next writer sweeps.
fn kept(desk: &Desk) -> std::collections::BTreeMap<std::path::PathBuf, Vec<u8>> {
    let mut files = desk.files("putback-store");
    files.retain(|path, _| path.extension().is_none_or(|extension| extension != "staged"));
    files
}

/// Rows of a table on a day.
fn rows_on(desk: &Desk, place: &str, day: &str) -> usize {
    let file = desk.path(place).join(FEATURES).join(format!("{}.parquet", &day[..7]));
    let batch = read_month_file(Table::MlFeatureStore, &file).expect("a month file");
    let days = batch.column_by_name("game_date").expect("a column").as_primitive::<Date32Type>();
    let day = Date32Type::from_naive_date(date(day));
    days.values().iter().filter(|value| **value == day).count()
}

/// A desk on which a date vanished upstream after it was published.
fn with_vanished_date() -> Desk {
    let desk = Desk::computed();
    OF_A_DATE.into_iter().for_each(|table| desk.put(table, &only(table, |day| day != date(DAY))));
    desk
}

#[test]
fn an_export_that_is_shorter_than_the_store_stops_the_sync() {
    let desk = Desk::computed();
    let (store, published) = (kept(&desk), desk.published());
    for table in [Table::PlayerGameSummary, Table::PlayerPointsProps, Table::Schedule] {
        desk.put(table, &only(table, |day| day <= date("2023-12-01")));
    }
    let outcome = run(&desk, &[]);
    assert_snapshot!(outcome.shown(), @r"
    exit status: 5
    --- stdout
    --- stderr
    error: dir:[DIR]/warehouse lacks dates that the store has: nba_analytics.player_game_summary ends on 2023-12-01: 9 dates, 2023-12-02 to 2023-12-10 (1185 rows); nba_raw.nbac_schedule ends on 2023-12-01: 9 dates, 2023-12-02 to 2023-12-10 (69 rows); nba_raw.bettingpros_player_points_props ends on 2023-12-01: 9 dates, 2023-12-02 to 2023-12-10 (6568 rows); nothing was changed
      hint: complete the export, or add --accept-shorter to go on without these dates
    ");
    assert!(store == kept(&desk) && published == desk.published());
    // An export that begins later, of a table that no other table replaces.
    let desk = Desk::computed();
    desk.put(Table::PlayerPointsProps, &only(Table::PlayerPointsProps, |day| day >= date("2023-11-17")));
    let outcome = sync(&desk, &[]);
    assert_eq!(outcome.code, 5, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("props begins on 2023-11-17: "), "{}", outcome.stderr);
    // One that lacks a week in the middle.
    let hole = date("2023-11-20")..=date("2023-11-26");
    desk.put(Table::PlayerPointsProps, &only(Table::PlayerPointsProps, |day| !hole.contains(&day)));
    let outcome = sync(&desk, &[]);
    assert_eq!(outcome.code, 5, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("props has a gap: "), "{}", outcome.stderr);
    assert!(store == kept(&desk));
}

#[test]
fn a_shorter_export_is_taken_when_it_is_accepted_and_the_rows_stay() {
    let desk = Desk::computed();
    let published = desk.published();
    OF_A_DATE.into_iter().for_each(|table| desk.put(table, &only(table, |day| day <= date("2023-12-01"))));
    assert_eq!(run(&desk, &[]).code, 5);
    let outcome = run(&desk, &["--accept-shorter"]);
    assert_eq!(outcome.code, 3, "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("vanished upstream or became empty, and the rows stay in dir:[DIR]/published: 9 dates"),
        "{}",
        outcome.stderr
    );
    assert!(published == desk.published());
    let runs = desk.run(&["runs", "--format", "json"], &[]);
    assert!(runs.stdout.contains("accepted_shorter"), "{}", runs.stdout);
}

#[test]
fn rows_that_the_warehouse_purges_stay_in_the_store() {
    let desk = Desk::computed();
    let (store, published) = (desk.files("putback-store/phase4"), desk.published());
    for table in [Table::UpcomingPlayerGameContext, Table::UpcomingTeamGameContext] {
        desk.put(table, &only(table, |day| day >= date("2023-12-04")));
    }
    let outcome = sync(&desk, &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let told = "only in this store, no longer in the warehouse: ";
    assert_eq!(outcome.stderr.matches(told).count(), 2, "{}", outcome.stderr);
    // They are counted as long as they are there.
    assert_eq!(sync(&desk, &[]).stderr.matches(told).count(), 2);
    assert_eq!(run(&desk, &[]).code, 0);
    assert!(store == desk.files("putback-store/phase4") && published == desk.published());
    // Purged to the last row.
    for table in [Table::UpcomingPlayerGameContext, Table::UpcomingTeamGameContext] {
        desk.put(table, &only(table, |_| false));
    }
    assert_eq!(run(&desk, &[]).code, 0);
    assert!(store == desk.files("putback-store/phase4") && published == desk.published());
}

#[test]
fn a_fresh_store_from_a_later_export_does_not_empty_what_was_published() {
    let desk = Desk::computed();
    let table = "published/nba_precompute.team_defense_zone_analysis";
    let published = desk.files(table);
    OF_A_DATE.into_iter().for_each(|table| desk.put(table, &only(table, |day| day >= date("2023-11-25"))));
    let arguments = ["run", "-q", "--warehouse", "dir:warehouse", "--to", "dir:published", "--store", "fresh"];
    let outcome = desk.run(&arguments, &["--from", "2023-11-27", "--to", "2023-12-10"]);
    assert!(matches!(outcome.code, 3 | 4), "{}: {}", outcome.code, outcome.stderr);
    assert!(
        outcome.stderr.contains("vanished upstream or became empty, and the rows stay in dir:[DIR]/published"),
        "{}",
        outcome.stderr
    );
    assert!(published == desk.files(table), "no team has enough games in the new store");
}

#[test]
fn past_dates_outside_the_range_stay_in_the_store() {
    let desk = Desk::computed();
    let before = desk.files("putback-store/phase3/nba_raw.bettingpros_player_points_props");
    desk.put(Table::PlayerPointsProps, &only(Table::PlayerPointsProps, |day| day >= date("2023-12-01")));
    let outcome = desk.run(&["sync", "--warehouse", "dir:warehouse"], &["--from", "2023-12-01", "--to", "2023-12-10"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("only in this store"), "{}", outcome.stderr);
    assert!(before == desk.files("putback-store/phase3/nba_raw.bettingpros_player_points_props"));
}

#[test]
fn a_vanished_date_stays_until_it_is_accepted() {
    let desk = with_vanished_date();
    let published = desk.published();
    let outcome = sync(&desk, &["-q"]);
    assert_snapshot!(outcome.shown(), @"
    exit status: 3
    --- stdout
    Table                                           Dates    Rows
    nba_analytics.player_game_summary           1 changed   5,952
    nba_analytics.team_defense_game_summary     1 changed     686
    nba_analytics.team_offense_game_summary     1 changed     686
    nba_analytics.upcoming_player_game_context  0 changed   4,838
    nba_analytics.upcoming_team_game_context    0 changed     590
    nba_raw.nbac_schedule                       1 changed     346
    nba_raw.bettingpros_player_points_props     1 changed  18,430
    nba_raw.bdl_player_boxscores                1 changed   5,875
    --- stderr
    note: vanished upstream or became empty, and the rows stay in the store: 1 date
      nba_precompute.team_defense_zone_analysis: 30 rows on 1 date, 2023-12-05
      nba_precompute.player_shot_zone_analysis: 263 rows on 1 date, 2023-12-05
      nba_precompute.player_composite_factors: 102 rows on 1 date, 2023-12-05
      nba_precompute.player_daily_cache: 101 rows on 1 date, 2023-12-05
      nba_predictions.ml_feature_store_v2: 102 rows on 1 date, 2023-12-05
      `putback upload --remove-vanished` removes them, `putback upload --accept vanished` keeps them
    ");
    let outcome = run(&desk, &[]);
    assert_eq!(outcome.code, 3, "{}", outcome.stderr);
    assert_eq!(rows_on(&desk, "putback-store/phase4", DAY), rows_on(&desk, "published", DAY));
    assert!(rows_on(&desk, "published", DAY) > 0);
    let outcome = upload(&desk, &["--dry-run"]);
    let told = "nba_predictions.ml_feature_store_v2: 102 rows on 1 date, 2023-12-05";
    assert!(outcome.code == 3 && outcome.stderr.contains(told), "{}: {}", outcome.code, outcome.stderr);
    assert_eq!(upload(&desk, &[]).code, 3);
    let status = desk.run(&["status"], &RANGE).stdout;
    assert!(status.contains("rows kept on 1 date that vanished upstream or became empty: 2023-12-05"), "{status}");
    assert!(
        status.contains("partial") && status.contains("vanished upstream or became empty, rows kept on 1 date"),
        "{status}"
    );
    let diff = desk.run(&["diff", "-q", "--with", "dir:published"], &RANGE);
    assert!(diff.code == 3 && diff.stderr.contains("vanished upstream"), "{}: {}", diff.code, diff.stderr);
    let accepted = upload(&desk, &["--accept", "vanished"]);
    assert_eq!(accepted.code, 0, "{}", accepted.stderr);
    assert_eq!(upload(&desk, &[]).code, 0, "the decision is recorded");
    let decided = sync(&desk, &["-q"]);
    assert!(decided.code == 0 && !decided.stderr.contains("vanished"), "{}", decided.stderr);
    assert_eq!(run(&desk, &[]).code, 0);
    assert_eq!(desk.run(&["diff", "-q", "--with", "dir:published"], &RANGE).code, 0);
    assert!(!desk.run(&["status"], &RANGE).stdout.contains("vanished"));
    let month = |files: &std::collections::BTreeMap<std::path::PathBuf, Vec<u8>>| {
        files[&std::path::PathBuf::from(format!("{FEATURES}/2023-12.parquet"))].clone()
    };
    // Dates after the vanished one have other windows; the date itself is what it was.
    assert!(rows_on(&desk, "published", DAY) > 0 && month(&published).len() > 100);
}

#[test]
fn a_vanished_date_is_removed_when_it_is_asked_for() {
    let desk = with_vanished_date();
    assert_eq!(run(&desk, &[]).code, 3);
    let both = upload(&desk, &["--remove-vanished", "--accept", "vanished"]);
    assert!(both.code == 2 && both.stderr.contains("contradict each other"), "{}", both.stderr);
    assert_eq!(sync(&desk, &["-q"]).code, 3);
    let outcome = upload(&desk, &["--remove-vanished"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(sync(&desk, &["-q"]).code, 0);
    for place in ["putback-store/phase4", "published"] {
        assert_eq!(rows_on(&desk, place, DAY), 0, "{place}");
        assert!(rows_on(&desk, place, "2023-12-06") > 0, "{place}");
    }
    let outcome = run(&desk, &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(desk.run(&["diff", "-q", "--with", "dir:published"], &RANGE).code, 0);
}

/// What stays in the target stays in the store: a table without any date to publish is not asked about.
#[test]
fn removing_vanished_dates_leaves_what_is_held_back() {
    let desk = with_vanished_date();
    assert_eq!(run(&desk, &[]).code, 3);
    let store = desk.files("putback-store/phase4");
    let published = desk.published();
    let day = ["--date", DAY];
    let remove = ["upload", "-q", "--to", "dir:published", "--remove-vanished"];
    let exclude = [&remove[..], &["--exclude", DAY, "--reason", "a test"]].concat();
    // The date is the only one of the range: no table has any to publish, player_daily_cache neither.
    for more in [&[][..], &["--with-daily-cache"]] {
        let outcome = desk.run(&[&exclude[..], more].concat(), &day);
        assert!(outcome.code < 4, "{}", outcome.stderr);
        assert!(store == desk.files("putback-store/phase4"), "{more:?}");
        assert!(published == desk.published(), "{more:?}");
    }
    // Beside others that are published.
    let outcome = desk.run(&exclude, &RANGE);
    assert!(outcome.code < 4, "{}", outcome.stderr);
    assert!(rows_on(&desk, "putback-store/phase4", DAY) > 0 && rows_on(&desk, "published", DAY) > 0);
    let outcome = desk.run(&remove, &day);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(rows_on(&desk, "putback-store/phase4", DAY) + rows_on(&desk, "published", DAY), 0);
}

#[test]
fn a_date_that_comes_back_is_computed_again() {
    let desk = with_vanished_date();
    let published = desk.published();
    assert_eq!(run(&desk, &[]).code, 3);
    OF_A_DATE.into_iter().for_each(|table| desk.put(table, &rows(table)));
    let outcome = run(&desk, &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(published == desk.published());
}

#[test]
fn a_date_that_became_empty_keeps_its_rows() {
    let desk = Desk::computed();
    let published = desk.published();
    // Windows that end a day earlier hold too few games on the first dates with rows.
    assert_eq!(desk.run(&["compute", "-q", "--windows", "day-before"], &RANGE).code, 0);
    let outcome = upload(&desk, &[]);
    let told = "vanished upstream or became empty, and the rows stay in dir:[DIR]/published: ";
    assert!(outcome.code == 3 && outcome.stderr.contains(told), "{}: {}", outcome.code, outcome.stderr);
    assert_eq!(desk.run(&["compute", "-q"], &RANGE).code, 0);
    assert_eq!(upload(&desk, &[]).code, 0);
    assert!(published == desk.published());
}
