//! What the catalogue of tables says of values and keys, as views over the inputs: `impossible_values`,
//! `unusual_values` and `repeated_keys`, with the columns of faulty rows and the rows' own names as examples.

use crate::catalog::{Bounds, Column, ColumnType, Table};
use crate::engine::{Session, of_known_teams};
use crate::error::Result;

/// Moments of processing outside of these are no values. A circuit breaker may stay open for longer.
const MOMENTS: &str = "BETWEEN TIMESTAMPTZ '1946-01-01 00:00:00+00' AND TIMESTAMPTZ '2100-12-31 23:59:59+00'";
const OPEN_ENDED: &str = "circuit_breaker_until";

/// Makes the views, from those of the tables and, for values that no formula is given, the raw ones.
pub(super) fn prepare(session: &Session) -> Result<()> {
    let every = |rows: &dyn Fn(Table) -> String| Table::inputs().map(rows).collect::<Vec<_>>().join("\nUNION ALL ");
    let impossible = every(&|table| cells(table, &impossible_cells(table)));
    let unusual = every(&|table| cells(table, &unusual_cells(table)));
    session.execute(&format!("CREATE VIEW impossible_values AS {impossible}"))?;
    session.execute(&format!("CREATE VIEW unusual_values AS {unusual}"))?;
    session.execute(&format!("CREATE VIEW repeated_keys AS {}", every(&repeated)))?;
    session.execute(include_str!("players.sql"))
}

/// A column with the condition that its value is one to tell of.
struct Suspect<'a> {
    column: &'a Column,
    condition: String,
}

fn impossible_cells(table: Table) -> Vec<Suspect<'static>> {
    let schema = table.schema();
    let numbers = schema.bounds().map(|(column, possible, _)| Suspect { column, condition: outside(column, possible) });
    let is_moment = |column: &&Column| column.ty == ColumnType::Timestamp && schema.is_needed(&column.name);
    let moments = schema.columns().iter().filter(is_moment).filter(|column| column.name != OPEN_ENDED);
    let moments =
        moments.map(|column| Suspect { column, condition: format!("NOT coalesce({} {MOMENTS}, true)", column.name) });
    numbers.chain(moments).collect()
}

fn unusual_cells(table: Table) -> Vec<Suspect<'static>> {
    let usual = table.schema().bounds().filter_map(|(column, possible, usual)| usual.map(|usual| (column, possible, usual)));
    let unusual = |(column, possible, usual)| Suspect {
        column,
        condition: format!("{} AND NOT {}", outside(column, usual), outside(column, possible)),
    };
    usual.map(unusual).collect()
}

/// NULL lies in all bounds; NaN is greater than every number.
fn outside(column: &Column, Bounds { least, most }: Bounds) -> String {
    format!("NOT coalesce({} BETWEEN {least} AND {most}, true)", column.name)
}

/// One row for each suspect cell of a table, of those rows that are read.
fn cells(table: Table, suspects: &[Suspect<'_>]) -> String {
    let name = table.name();
    let any: Vec<String> = suspects.iter().map(|of| format!("({})", of.condition)).collect();
    let any = if any.is_empty() { "false".to_owned() } else { any.join(" OR ") };
    let cell = |Suspect { column, condition }: &Suspect<'_>| {
        format!("CASE WHEN {condition} THEN {{'in_column': '{0}', 'value': {0}::VARCHAR}} END", column.name)
    };
    let cells: Vec<String> = suspects.iter().map(cell).collect();
    let cells = if cells.is_empty() { "NULL::STRUCT(in_column VARCHAR, \"value\" VARCHAR)".to_owned() } else { cells.join(", ") };
    let (date, Entity { player, team }) = (table.schema().partition_column(), entity(table));
    format!(
        "SELECT '{name}' AS in_table, game_date, player_lookup, team_abbr, cell.in_column AS in_column, \
             concat_ws(' ', '{name}', entity, concat(cell.in_column, ' = ', cell.value)) AS example \
         FROM (SELECT {date} AS game_date, {player} AS player_lookup, {team} AS team_abbr, {row} AS entity, unnest([{cells}]) AS cell \
             FROM raw_{name} WHERE ({any}) AND {read}) WHERE cell IS NOT NULL",
        row = row_name(table),
        read = is_read(table),
    )
}

/// One row for each date of a key that a table has more than once, with whether its rows differ in a column that is read.
fn repeated(table: Table) -> String {
    let name = table.name();
    let keys = key(table).join(", ");
    let differs = |column: &String| {
        format!("CASE WHEN count(DISTINCT {column}) > 1 OR count({column}) NOT IN (0, count(*)) THEN '{column}' END")
    };
    let differing: Vec<String> = table.schema().columns_read().iter().map(differs).collect();
    let entity = entity(table);
    format!(
        "SELECT '{name}' AS in_table, unnest(dates) AS game_date, player AS player_lookup, team AS team_abbr, copies, \
             differing <> '' AS differs, \
             concat_ws(' ', '{name}', entity, CASE WHEN differing <> '' THEN concat('(', differing, ')') END) AS example \
         FROM (SELECT list(DISTINCT {date}) AS dates, min({player}) AS player, min({team}) AS team, min({row}) AS entity, \
                 count(*) AS copies, concat_ws(', ', {differing}) AS differing \
             FROM {source} SEMI JOIN (SELECT {keys} FROM {source} GROUP BY ALL HAVING count(*) > 1) USING ({keys}) GROUP BY {keys})",
        date = table.schema().partition_column(),
        player = entity.player,
        team = entity.team,
        row = row_name(table),
        differing = differing.join(", "),
        source = source(table),
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
    let (name, read) = (table.name(), is_read(table));
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
