//! What the catalogue of tables says of values and keys: the tables `odd_values` and `repeated_keys`, with the columns of
//! faulty rows and the rows' own names as examples. Odd values are found once for each month file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Date32Array, RecordBatch, StringArray};
use arrow::datatypes::Date32Type;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::CheckRequest;
use super::by_file::{ByFile, NewFile};
use super::files::MonthFiles;
use super::memory::Memory;
use super::tables::Spans;
use crate::calendar::{DateRange, Month, date_of_day};
use crate::catalog::{Bounds, Column, ColumnType, Table};
use crate::engine::{NamedFiles, Session, of_known_teams};
use crate::error::Result;

/// The view of the rows that are looked at, with every value as it was synced.
const RAW: &str = "raw";

/// A value outside of what `data/tables.json` says is usual, with the entity of its row.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct OddValue {
    date: NaiveDate,
    player: Option<String>,
    team: Option<String>,
    column: String,
    is_impossible: bool,
    example: String,
}

/// By table.
#[derive(Debug, Default)]
pub(super) struct OddValues(BTreeMap<Table, Vec<OddValue>>);

impl OddValues {
    /// Those of the inputs that a request reads, with its look-back.
    ///
    /// # Errors
    /// Those of the database.
    pub fn find(request: &CheckRequest<'_>, files: &MonthFiles) -> Result<Self> {
        let mut by_file: ByFile<Vec<OddValue>> = ByFile::read(Memory::of_values(request));
        let Spans { older, .. } = Spans::of(request);
        let new = |table: Table| (table, by_file.new_files(files, table, older));
        let new: Vec<_> = Table::inputs().map(new).filter(|(_, new)| !new.is_empty()).collect();
        if !new.is_empty() {
            let session = Session::open(&request.engine)?;
            for (table, files) in new {
                let found = look_at(&session, table, &files)?;
                files.into_iter().zip(found).for_each(|(file, found)| by_file.add(file.checksum, found));
            }
            by_file.keep(request.snapshot);
        }
        let of_table = |table: Table| (table, by_file.of(files, table, older).flatten().cloned().collect());
        Ok(Self(Table::inputs().map(of_table).collect()))
    }

    /// Those that concern a part of the request. Of the warehouse's daily cache, on dates of which MLFS reads it.
    pub fn of(&self, request: &CheckRequest<'_>) -> Self {
        let Spans { older, .. } = Spans::of(request);
        let is_wanted = |table: Table, date: NaiveDate| match table {
            Table::SyncedDailyCache => request.reads_synced_cache(date),
            _ => older.contains(date),
        };
        let of_table = |(&table, values): (&Table, &Vec<OddValue>)| {
            (table, values.iter().filter(|value| is_wanted(table, value.date)).cloned().collect())
        };
        Self(self.0.iter().map(of_table).collect())
    }

    /// Puts them into the table `odd_values`.
    pub fn put(&self, session: &Session) -> Result<()> {
        let values: Vec<(Table, &OddValue)> =
            self.0.iter().flat_map(|(table, values)| values.iter().map(|value| (*table, value))).collect();
        if values.is_empty() {
            return Ok(());
        }
        let text = |of: &dyn Fn(&(Table, &OddValue)) -> Option<String>| -> ArrayRef {
            Arc::new(values.iter().map(of).collect::<StringArray>())
        };
        let dates = values.iter().map(|(_, value)| Date32Type::from_naive_date(value.date));
        let columns: [(&str, ArrayRef); 7] = [
            ("in_table", text(&|(table, _)| Some(table.view_name().to_owned()))),
            ("game_date", Arc::new(Date32Array::from_iter_values(dates))),
            ("player_lookup", text(&|(_, value)| value.player.clone())),
            ("team_abbr", text(&|(_, value)| value.team.clone())),
            ("in_column", text(&|(_, value)| Some(value.column.clone()))),
            (
                "is_impossible",
                Arc::new(values.iter().map(|(_, value)| Some(value.is_impossible)).collect::<BooleanArray>()),
            ),
            ("example", text(&|(_, value)| Some(value.example.clone()))),
        ];
        let columns = columns.into_iter().map(|(name, column)| (name, column, true));
        session.append("odd_values", &RecordBatch::try_from_iter_with_nullable(columns)?)
    }
}

/// The odd values of each of some files. Rows are looked at one by one only where one of them has something to tell.
fn look_at(session: &Session, table: Table, files: &[NewFile]) -> Result<Vec<Vec<OddValue>>> {
    let (first, last) = (files.first().expect("there are files").month, files.last().expect("there are files").month);
    let paths: Vec<PathBuf> = files.iter().map(|file| file.path.clone()).collect();
    let range = DateRange { from: first.first_day(), to: last.last_day() };
    let mut by_month: BTreeMap<Month, Vec<OddValue>> = files.iter().map(|file| (file.month, Vec::new())).collect();
    let suspects = suspects(table);
    if !suspects.is_empty() {
        session.view_raw(NamedFiles { name: RAW, table, files: &paths }, range)?;
        if has_rows(session, &suspect_rows(table, &suspects))? {
            for value in read(&session.query(&odd_values(table, &suspects))?) {
                by_month.get_mut(&Month::of(value.date)).expect("a file has the dates of its month").push(value);
            }
        }
    }
    Ok(by_month.into_values().collect())
}

fn read(rows: &RecordBatch) -> Vec<OddValue> {
    let dates = rows.column(0).as_primitive::<Date32Type>();
    let text = |column: usize, row: usize| {
        let texts = rows.column(column).as_string::<i32>();
        texts.is_valid(row).then(|| texts.value(row).to_owned())
    };
    let value = |row: usize| OddValue {
        date: date_of_day(dates.value(row)),
        player: text(1, row),
        team: text(2, row),
        column: text(3, row).expect("a column"),
        is_impossible: rows.column(4).as_boolean().value(row),
        example: text(5, row).expect("an example"),
    };
    (0..rows.num_rows()).map(value).collect()
}

/// Makes the tables, the one of odd values without rows.
pub(super) fn prepare(session: &Session) -> Result<()> {
    session.execute(
        "CREATE TABLE odd_values (in_table VARCHAR, game_date DATE, player_lookup VARCHAR, team_abbr VARCHAR, \
             in_column VARCHAR, is_impossible BOOLEAN, example VARCHAR);
         CREATE TABLE repeated_keys (in_table VARCHAR, game_date DATE, player_lookup VARCHAR, team_abbr VARCHAR, \
             differs BOOLEAN, example VARCHAR)",
    )?;
    for table in Table::inputs() {
        if has_rows(session, &repeated_keys(table))? {
            session.execute(&format!("INSERT INTO repeated_keys {}", repeated_rows(table)))?;
        }
    }
    session.execute(include_str!("players.sql"))
}

fn has_rows(session: &Session, sql: &str) -> Result<bool> {
    Ok(session.query(&format!("SELECT 1 FROM ({sql}) LIMIT 1"))?.num_rows() > 0)
}

/// A column with the conditions that a value of it is impossible (never NULL), and that it is told.
struct Suspect {
    column: &'static str,
    is_impossible: String,
    is_odd: String,
}

fn suspects(table: Table) -> Vec<Suspect> {
    let suspect = |(column, possible, usual): (&'static Column, Bounds, Option<Bounds>)| Suspect {
        column: &column.name,
        is_impossible: format!("coalesce({}, false)", outside(&column.name, possible)),
        is_odd: outside(&column.name, usual.unwrap_or(possible)),
    };
    table.schema().bounds().map(suspect).collect()
}

/// NULL, not false, of a NULL; NaN is greater than every number.
fn outside(column: &str, Bounds { least, most }: Bounds) -> String {
    format!("({column} < {least} OR {column} > {most})")
}

/// The rows that are read and have an odd value.
fn suspect_rows(table: Table, suspects: &[Suspect]) -> String {
    let any: Vec<&str> = suspects.iter().map(|of| of.is_odd.as_str()).collect();
    format!("SELECT * FROM {RAW} WHERE ({}) AND {}", any.join(" OR "), is_read(table))
}

/// One row for each odd value of them.
fn odd_values(table: Table, suspects: &[Suspect]) -> String {
    let cell = |Suspect { column, is_impossible, is_odd }: &Suspect| {
        format!(
            "CASE WHEN {is_odd} THEN {{'name': '{column}', 'text': {column}::VARCHAR, 'is_impossible': {is_impossible}}} END"
        )
    };
    let cells: Vec<String> = suspects.iter().map(cell).collect();
    let Entity { player, team } = entity(table);
    format!(
        "SELECT game_date, player_lookup, team_abbr, cell.name, cell.is_impossible, \
             concat_ws(' ', '{name}', entity, concat(cell.name, ' = ', cell.text)) AS example \
         FROM (SELECT {date} AS game_date, {player} AS player_lookup, {team} AS team_abbr, {row} AS entity, \
                 unnest([{cells}]) AS cell \
             FROM ({rows})) WHERE cell IS NOT NULL",
        name = table.view_name(),
        date = table.schema().partition_column(),
        row = row_name(table),
        cells = cells.join(", "),
        rows = suspect_rows(table, suspects),
    )
}

/// Keys that a table has more than once.
fn repeated_keys(table: Table) -> String {
    format!("SELECT {keys} FROM {} GROUP BY ALL HAVING count(*) > 1", source(table), keys = key(table).join(", "))
}

/// One row for each date of such a key, with whether its rows differ in a column that is read. When a row was processed
/// is no content.
fn repeated_rows(table: Table) -> String {
    let (name, schema) = (table.view_name(), table.schema());
    let keys = key(table).join(", ");
    let is_content = |column: &&&Column| column.ty != ColumnType::Timestamp;
    let read: Vec<&Column> = schema.columns().iter().filter(|column| schema.is_needed(&column.name)).collect();
    let differs = |Column { name, .. }: &&Column| {
        format!("CASE WHEN count(DISTINCT {name}) > 1 OR count({name}) NOT IN (0, count(*)) THEN '{name}' END")
    };
    let differing: Vec<String> = read.iter().filter(is_content).map(differs).collect();
    let Entity { player, team } = entity(table);
    format!(
        "SELECT '{name}' AS in_table, unnest(dates) AS game_date, player AS player_lookup, team AS team_abbr, \
             differing <> '' AS differs, \
             concat_ws(' ', '{name}', entity, CASE WHEN differing <> '' THEN concat('(', differing, ')') END) AS example \
         FROM (SELECT list(DISTINCT {date}) AS dates, min({player}) AS player, min({team}) AS team, min({row}) AS entity, \
                 concat_ws(', ', {differing}) AS differing \
             FROM {source} SEMI JOIN ({repeated}) USING ({keys}) GROUP BY {keys})",
        date = schema.partition_column(),
        row = row_name(table),
        differing = differing.join(", "),
        source = source(table),
        repeated = repeated_keys(table),
    )
}

/// What makes a row one of a kind. A team plays once a day, whatever its game is called.
fn key(table: Table) -> Vec<&'static str> {
    match table {
        Table::TeamDefenseGameSummary => vec!["game_date", "defending_team_abbr"],
        Table::TeamOffenseGameSummary => vec!["game_date", "team_abbr"],
        _ => table.schema().key_columns().iter().map(String::as_str).collect(),
    }
}

/// The rows of a table that count: those of the 30 teams, of lines those that are asked for, of the states of a game the
/// final one.
fn source(table: Table) -> String {
    let (name, read) = (table.view_name(), is_read(table));
    match table {
        Table::Schedule => {
            format!("(SELECT * REPLACE (league_id(game_id) AS game_id) FROM {name} WHERE {read} AND game_status = 3)")
        }
        Table::PlayerPointsProps => {
            format!("(SELECT * FROM {name} WHERE is_active AND bet_side = 'over' AND points_line IS NOT NULL)")
        }
        _ => format!("(SELECT * FROM {name} WHERE {read})"),
    }
}

fn is_read(table: Table) -> String {
    of_known_teams(table).unwrap_or_else(|| "true".to_owned())
}

/// Whose row it is, as SQL: NULL where a table has no player or no team.
struct Entity {
    player: &'static str,
    team: &'static str,
}

fn entity(table: Table) -> Entity {
    let schema = table.schema();
    let first_of = |names: &[&'static str]| names.iter().find(|name| schema.column(name).is_some()).copied();
    Entity {
        player: first_of(&["player_lookup", "entity_id"]).unwrap_or("NULL::VARCHAR"),
        team: first_of(&["team_abbr", "defending_team_abbr"]).unwrap_or("NULL::VARCHAR"),
    }
}

/// What a row is called in examples: its key without the date.
fn row_name(table: Table) -> String {
    let schema = table.schema();
    let keys = schema.key_columns().iter().filter(|key| *key != schema.partition_column());
    format!("concat_ws(' ', {})", keys.cloned().collect::<Vec<_>>().join(", "))
}
