//! What the catalogue of tables says of values and keys: the tables `odd_values` and `repeated_keys`, with the columns of
//! faulty rows and the rows' own names as examples.

use crate::catalog::{Bounds, Column, ColumnType, Table};
use crate::engine::{Session, of_known_teams};
use crate::error::Result;

/// The view of an input with every value as it was synced.
pub(super) fn raw(view: &str) -> String {
    format!("raw_{view}")
}

/// Makes the tables. Rows are looked at one by one only where a table has something to tell.
pub(super) fn prepare(session: &Session) -> Result<()> {
    session.execute(
        "CREATE TABLE odd_values (in_table VARCHAR, game_date DATE, player_lookup VARCHAR, team_abbr VARCHAR, \
             in_column VARCHAR, is_impossible BOOLEAN, example VARCHAR);
         CREATE TABLE repeated_keys (in_table VARCHAR, game_date DATE, player_lookup VARCHAR, team_abbr VARCHAR, \
             differs BOOLEAN, example VARCHAR)",
    )?;
    for table in Table::inputs() {
        let suspects = suspects(table);
        if has_rows(session, &suspect_rows(table, &suspects))? {
            session.execute(&format!("INSERT INTO odd_values {}", odd_values(table, &suspects)))?;
        }
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
    let any = if any.is_empty() { "false".to_owned() } else { any.join(" OR ") };
    format!("SELECT * FROM {} WHERE ({any}) AND {}", raw(table.view_name()), is_read(table))
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
        "SELECT '{name}' AS in_table, game_date, player_lookup, team_abbr, cell.name, cell.is_impossible, \
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
