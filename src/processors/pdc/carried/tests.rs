//! Only what dates still see of earlier seasons changes a token.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int64Array, TimestampMicrosecondArray};
use arrow::datatypes::Date32Type;
use tempfile::TempDir;

use super::*;
use crate::store::write_parquet;

/// Player, date, team, season of the row, points.
type Game<'a> = (&'a str, &'a str, &'a str, i64, i64);

const GAMES: [Game<'_>; 6] = [
    ("ann", "2023-03-01", "BOS", 2022, 10),
    ("ann", "2023-04-01", "BOS", 2022, 20),
    ("ben", "2023-04-01", "LAL", 2022, 5),
    ("ann", "2023-11-10", "BOS", 2023, 11),
    ("ben", "2023-11-12", "LAL", 2023, 12),
    ("ann", "2023-11-12", "BOS", 2023, 13),
];

fn date(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn texts(values: impl Iterator<Item = String>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn ints(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).expect("columns of one length")
}

fn days<'a>(dates: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(Date32Array::from_iter_values(dates.map(|day| Date32Type::from_naive_date(date(day)))))
}

fn decimals(values: impl Iterator<Item = i128>, precision: u8, scale: i8) -> ArrayRef {
    let array = Decimal128Array::from_iter_values(values);
    Arc::new(array.with_precision_and_scale(precision, scale).expect("a NUMERIC"))
}

fn tokens(table: Table, rows: &RecordBatch) -> Tokens {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("rows.parquet");
    write_parquet(&path, rows).expect("a file");
    carried(table, &[path]).expect("readable rows").expect("a table of which something is carried")
}

fn of_players(games: &[Game<'_>]) -> Tokens {
    let mut games = games.to_vec();
    games.sort_by_key(|game| date(game.1));
    let rows = || games.iter();
    let zeros = || decimals(rows().map(|_| 0), 5, 1);
    let micros = TimestampMicrosecondArray::from_iter_values(rows().map(|_| 0)).with_timezone("UTC");
    tokens(
        Table::PlayerGameSummary,
        &batch(vec![
            ("game_date", days(rows().map(|game| game.1))),
            ("player_lookup", texts(rows().map(|game| game.0.to_owned()))),
            ("game_id", texts(rows().map(|game| format!("{}_{}", game.1, game.2)))),
            ("team_abbr", texts(rows().map(|game| game.2.to_owned()))),
            ("opponent_team_abbr", texts(rows().map(|_| "NYK".to_owned()))),
            ("season_year", ints(rows().map(|game| game.3))),
            ("is_active", Arc::new(rows().map(|_| Some(true)).collect::<BooleanArray>())),
            ("points", ints(rows().map(|game| game.4))),
            ("minutes_played", zeros()),
            ("usage_rate", zeros()),
            ("ts_pct", zeros()),
            ("fg_makes", ints(rows().map(|_| 0))),
            ("assisted_fg_makes", ints(rows().map(|_| 0))),
            ("processed_at", Arc::new(micros)),
        ]),
    )
}

/// What a date sees.
fn at<'t>(tokens: &'t Tokens, day: &str) -> &'t str {
    tokens.range(..=date(day)).next_back().map_or("", |(_, token)| token)
}

/// The days on which two histories are told apart.
fn differing(one: &Tokens, two: &Tokens) -> Vec<&'static str> {
    let days = ["2023-10-20", "2023-11-10", "2023-11-11", "2023-11-12", "2023-11-13", "2024-11-10"];
    days.into_iter().filter(|day| at(one, day) != at(two, day)).collect()
}

fn with(changed: Game<'static>, at: usize) -> Vec<Game<'static>> {
    let mut games = GAMES.to_vec();
    games[at] = changed;
    games
}

#[test]
fn figures_and_games_before_the_last_one_count_for_nothing() {
    let now = of_players(&GAMES);
    for games in [
        with(("ann", "2023-04-01", "BOS", 2022, 99), 1),
        with(("ann", "2023-03-01", "LAL", 2022, 10), 0),
        with(("ann", "2023-03-05", "BOS", 2022, 10), 0),
        GAMES[1..].to_vec(),
    ] {
        assert_eq!(differing(&now, &of_players(&games)), [] as [&str; 0]);
    }
}

#[test]
fn another_team_of_the_last_game_counts_on_the_first_date_of_the_season() {
    let traded = of_players(&with(("ben", "2023-04-01", "MIA", 2022, 5), 2));
    assert_eq!(differing(&of_players(&GAMES), &traded), ["2023-11-12", "2023-11-13"]);
}

#[test]
fn a_row_of_a_season_before_its_first_day_counts_all_season() {
    let early = of_players(&with(("ann", "2023-03-01", "BOS", 2023, 10), 0));
    assert_eq!(differing(&of_players(&GAMES), &early).len(), 5);
    let other_points = of_players(&with(("ann", "2023-03-01", "BOS", 2023, 12), 0));
    assert_eq!(differing(&early, &other_points).len(), 5);
}

/// Games of BOS on consecutive days, with these paces.
fn of_teams(first: &str, paces: &[i128]) -> RecordBatch {
    let first = date(first);
    let day = |index: usize| (first + chrono::Days::new(index as u64)).to_string();
    let dates: Vec<String> = (0..paces.len()).map(day).collect();
    batch(vec![
        ("game_date", days(dates.iter().map(String::as_str))),
        ("game_id", texts(dates.iter().cloned())),
        ("team_abbr", texts(dates.iter().map(|_| "BOS".to_owned()))),
        ("opponent_team_abbr", texts(dates.iter().map(|_| "NYK".to_owned()))),
        ("pace", decimals(paces.iter().copied(), 5, 1)),
        ("offensive_rating", decimals(paces.iter().copied(), 6, 2)),
    ])
}

#[test]
fn the_last_ten_games_of_a_team_count_until_it_has_ten_new_ones() {
    let season = |old: &[i128]| {
        let (old, new) = (of_teams("2023-04-01", old), of_teams("2023-11-01", &[1000; 12]));
        concat_batches(&old.schema(), [&old, &new]).expect("one schema")
    };
    let twelve = [1_i128, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    let now = tokens(Table::TeamOffenseGameSummary, &season(&twelve));
    let changed = |index: usize| {
        let mut paces = twelve;
        paces[index] = 99;
        tokens(Table::TeamOffenseGameSummary, &season(&paces))
    };
    let told_apart = |other: &Tokens| {
        let days = (1..=12).map(|day| format!("2023-11-{day:02}"));
        days.filter(|day| at(&now, day) != at(other, day)).count()
    };
    // The eleventh and twelfth newest count for nothing, the tenth on the first date, the newest on ten.
    assert_eq!([1, 2, 11].map(|index| told_apart(&changed(index))), [0, 1, 10]);
}
