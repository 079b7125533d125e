//! What dates still see of the days before their season: the team of a player's last game, the last ten games of a team
//! and of the schedule (`player_daily_cache` §2.5, §3.6). A change of an older row that changes none of it is none.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Int64Type};
use arrow::util::display::array_value_to_string;
use chrono::NaiveDate;
use xxhash_rust::xxh3::xxh3_128;

use crate::calendar::Season;
use crate::catalog::{Table, is_nba_team};
use crate::error::Result;
use crate::store::{date_slices, read_columns};

/// §2.5, §3.6: games of a team that a window can hold.
const GAMES: usize = 10;

/// `game_status` of a finished game.
const FINAL: i64 = 3;

type Tokens = BTreeMap<NaiveDate, String>;

/// See [`crate::processors::carried`].
pub fn carried(table: Table, files: &[PathBuf]) -> Result<Option<Tokens>> {
    match table {
        Table::PlayerGameSummary => read(table, files, &PLAYER_COLUMNS, Players::default()).map(Some),
        Table::TeamOffenseGameSummary => {
            let columns = ["game_date", "game_id", "team_abbr", "opponent_team_abbr", "pace", "offensive_rating"];
            read(table, files, &columns, Teams::of(team_game)).map(Some)
        }
        Table::Schedule => {
            let columns = ["game_date", "game_status", "home_team_tricode", "away_team_tricode"];
            read(table, files, &columns, Teams::of(scheduled)).map(Some)
        }
        _ => Ok(None),
    }
}

/// Follows the dates of a table and says what is carried.
trait Carry {
    /// A season begins: what was this season's is from before now.
    fn enter(&mut self, season: Season);

    /// What the dates of the season from the next rows on see of the days before it.
    fn token(&self, next: Option<&RecordBatch>) -> String;

    /// Takes the rows of a date.
    fn take(&mut self, rows: &RecordBatch) -> Result<()>;
}

fn read(table: Table, files: &[PathBuf], columns: &[&str], mut carry: impl Carry) -> Result<Tokens> {
    let mut tokens = Tokens::new();
    let mut season: Option<Season> = None;
    for path in files {
        let batches = read_columns(table, path, columns)?;
        let Some(first) = batches.first() else { continue };
        let month = concat_batches(&first.schema(), &batches)?;
        for (date, rows) in date_slices(table, &month) {
            let rows = month.slice(rows.start, rows.len());
            let of = Season::of(date);
            while season.is_none_or(|season| season < of) {
                let next = season.map_or(of, following);
                season = Some(next);
                carry.enter(next);
                tokens.insert(next.window_start(), carry.token(None));
            }
            let token = carry.token(Some(&rows));
            if tokens.last_key_value().is_none_or(|(_, last)| *last != token) {
                tokens.insert(date, token);
            }
            carry.take(&rows)?;
        }
    }
    if let Some(next) = season.map(following) {
        carry.enter(next);
        tokens.insert(next.window_start(), carry.token(None));
    }
    Ok(tokens)
}

fn following(season: Season) -> Season {
    Season::starting_in(season.start_year() + 1)
}

/// Nothing is carried: an empty token.
fn token_of(parts: &BTreeSet<String>) -> String {
    if parts.is_empty() {
        return String::new();
    }
    let text: Vec<&str> = parts.iter().map(String::as_str).collect();
    format!("{:032x}", xxh3_128(text.join("\n").as_bytes()))
}

fn texts<'b>(batch: &'b RecordBatch, name: &str) -> &'b StringArray {
    batch.column_by_name(name).expect("a requested column").as_string()
}

fn text(column: &StringArray, row: usize) -> &str {
    if column.is_valid(row) { column.value(row) } else { "" }
}

fn ints(batch: &RecordBatch, name: &str) -> Vec<Option<i64>> {
    batch.column_by_name(name).expect("a requested column").as_primitive::<Int64Type>().iter().collect()
}

/// As the engine leaves rows out: an empty code is none.
fn is_counted(code: &str) -> bool {
    code.is_empty() || is_nba_team(code)
}

const PLAYER_COLUMNS: [&str; 14] = [
    "game_date",
    "player_lookup",
    "game_id",
    "team_abbr",
    "opponent_team_abbr",
    "season_year",
    "is_active",
    "points",
    "minutes_played",
    "usage_rate",
    "ts_pct",
    "fg_makes",
    "assisted_fg_makes",
    "processed_at",
];

/// The teams of last games, and rows that carry a later season than their date.
#[derive(Default)]
struct Players {
    season: Option<Season>,
    /// Team of the last game of every player so far.
    last_teams: HashMap<String, String>,
    /// Players with a row of the season.
    seen: BTreeSet<String>,
    /// Rows by the season that they carry.
    early: BTreeMap<i64, Vec<(String, String)>>,
    /// Of these, the ones that count in the season, with the teams of their players.
    early_now: BTreeSet<String>,
}

impl Carry for Players {
    fn enter(&mut self, season: Season) {
        self.season = Some(season);
        self.seen.clear();
        let year = i64::from(season.start_year());
        self.early.retain(|of, _| *of >= year);
        let early = self.early.get(&year).into_iter().flatten();
        let team = |player: &String| self.last_teams.get(player).cloned().unwrap_or_default();
        self.early_now = early.map(|(player, row)| format!("{row} {}", team(player))).collect();
    }

    /// Of a player who plays for the first time in the season.
    fn token(&self, next: Option<&RecordBatch>) -> String {
        let mut parts = self.early_now.clone();
        if let Some(rows) = next {
            let players = texts(rows, "player_lookup");
            let is_new = |player: &&str| !self.seen.contains(*player);
            let new = (0..rows.num_rows()).map(|row| text(players, row)).filter(is_new);
            parts.extend(new.filter_map(|player| Some(format!("{player} {}", self.last_teams.get(player)?))));
        }
        token_of(&parts)
    }

    fn take(&mut self, rows: &RecordBatch) -> Result<()> {
        let [players, games, teams, opponents] =
            ["player_lookup", "game_id", "team_abbr", "opponent_team_abbr"].map(|name| texts(rows, name));
        let season_years = ints(rows, "season_year");
        let current = i64::from(self.season.expect("entered before").start_year());
        // Of several games on the date the smallest game_id is the newest.
        let mut newest: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
        for (row, season_year) in season_years.iter().enumerate() {
            if !(is_counted(text(teams, row)) && is_counted(text(opponents, row))) {
                continue;
            }
            let (player, game) = (text(players, row), (text(games, row), text(teams, row)));
            newest.entry(player).and_modify(|known| *known = game.min(*known)).or_insert(game);
            if let Some(year) = season_year.filter(|year| *year > current) {
                // A timestamp by its number: a zone's name would need a table of zones.
                let plain = |column: &ArrayRef| match column.data_type() {
                    DataType::Timestamp(..) => cast(column, &DataType::Int64),
                    _ => Ok(Arc::clone(column)),
                };
                let cells = rows.columns().iter().map(|column| array_value_to_string(&plain(column)?, row));
                let cells = cells.collect::<Result<Vec<_>, _>>()?.join(" ");
                self.early.entry(year).or_default().push((player.to_owned(), cells));
            }
        }
        for (player, (_, team)) in newest {
            self.seen.insert(player.to_owned());
            self.last_teams.insert(player.to_owned(), team.to_owned());
        }
        Ok(())
    }
}

/// The team of a row and what is kept of it; nothing for a row that does not count.
type TeamFacts = fn(&RecordBatch) -> Result<Vec<(String, String)>>;

/// The last ten rows of every team.
struct Teams {
    facts: TeamFacts,
    before: HashMap<String, VecDeque<String>>,
    /// Rows of the season.
    now: HashMap<String, VecDeque<String>>,
}

impl Teams {
    fn of(facts: TeamFacts) -> Self {
        Self { facts, before: HashMap::new(), now: HashMap::new() }
    }
}

impl Carry for Teams {
    fn enter(&mut self, _: Season) {
        for (team, rows) in self.now.drain() {
            let known = self.before.entry(team).or_default();
            known.extend(rows);
            let surplus = known.len().saturating_sub(GAMES);
            known.drain(..surplus);
        }
    }

    /// As many rows of a team as its own of the season leave room for.
    fn token(&self, _: Option<&RecordBatch>) -> String {
        let parts = self.before.iter().filter_map(|(team, rows)| {
            let room = GAMES.saturating_sub(self.now.get(team).map_or(0, VecDeque::len));
            let carried: Vec<&str> = rows.iter().rev().take(room).map(String::as_str).collect();
            (room > 0).then(|| format!("{team} {}", carried.join(" ")))
        });
        token_of(&parts.collect())
    }

    fn take(&mut self, rows: &RecordBatch) -> Result<()> {
        for (team, kept) in (self.facts)(rows)? {
            let known = self.now.entry(team).or_default();
            known.push_back(kept);
            if known.len() > GAMES {
                known.pop_front();
            }
        }
        Ok(())
    }
}

/// Pace and rating of a team game.
fn team_game(rows: &RecordBatch) -> Result<Vec<(String, String)>> {
    let [games, teams, opponents] = ["game_id", "team_abbr", "opponent_team_abbr"].map(|name| texts(rows, name));
    let mut of_date = Vec::new();
    for row in (0..rows.num_rows()).filter(|&row| is_counted(text(teams, row)) && is_counted(text(opponents, row))) {
        let value = |name: &str| array_value_to_string(rows.column_by_name(name).expect("a requested column"), row);
        let kept = format!("{}/{}", value("pace")?, value("offensive_rating")?);
        of_date.push((std::cmp::Reverse(text(games, row)), text(teams, row).to_owned(), kept));
    }
    of_date.sort();
    Ok(of_date.into_iter().map(|(_, team, kept)| (team, kept)).collect())
}

/// That a team has a finished game at home, or away; its dates do not matter.
fn scheduled(rows: &RecordBatch) -> Result<Vec<(String, String)>> {
    let statuses = ints(rows, "game_status");
    let [home, away] = ["home_team_tricode", "away_team_tricode"].map(|name| texts(rows, name));
    let is_final =
        |&row: &usize| statuses[row] == Some(FINAL) && is_counted(text(home, row)) && is_counted(text(away, row));
    let dates: BTreeSet<(String, &str)> = (0..rows.num_rows())
        .filter(is_final)
        .flat_map(|row| [(text(home, row).to_owned(), "home"), (text(away, row).to_owned(), "away")])
        .collect();
    Ok(dates.into_iter().map(|(team, _)| (team, "game".to_owned())).collect())
}

#[cfg(test)]
mod tests;
