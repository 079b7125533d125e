//! From rows to the dates with a stored value that rests on them: by entity and window, through the chain of
//! processors, the hashes of what a row was made from included.
//!
//! One mechanism for checks, which name faulty rows, and for changes. The windows are those that the processors declare
//! ([`Processor::reads`]); everything is done by sets, in the database of a session.

pub mod tables;
mod windows;

pub(crate) use windows::entity_column;

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Date32Type, Int64Type};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::calendar::{BOOTSTRAP_DAYS, date_of_day};
use crate::catalog::{TEAMS, Table};
use crate::engine::Session;
use crate::error::Result;
use crate::processors::reads::{Entity, Read, Window};
use crate::processors::{self, Processor, ProcessorId};

/// What is known of the rows that a reach starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// The rows are exactly those that are stored. A row that a computation sees no more, because its team is none of the
    /// 30, went: it is named without a column.
    Stored,
    /// A cell of them is wrong, or the row is missing: what it should be is not known, and the row counts in every window
    /// that it has the date for. Of a game that is missing, windows of games and of days are told, and not the averages of
    /// a season or of years, which are off by a little (M5s and I24o tell them).
    Faulty,
    /// They will be others, processed later than all others.
    Any,
}

impl Content {
    fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Faulty => "faulty",
            Self::Any => "any",
        }
    }
}

/// What of a date rests on the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// The players or teams; `None`: all of the date.
    pub entities: Option<u64>,
    /// Only hashes of what rows were made from rest on them, and no value.
    pub only_lineage: bool,
}

/// By cause, processor and date.
pub type Reach = BTreeMap<String, BTreeMap<(ProcessorId, NaiveDate), Reached>>;

/// Makes the table `reach_rows`, which [`follow`] starts from: `cause`, `in_table`, `game_date`, `player_lookup`,
/// `team_abbr`, `in_column` and `is_missing` as in `data/checks/README.md`, and `content`.
pub fn prepare(session: &Session) -> Result<()> {
    session.execute(
        "CREATE OR REPLACE TABLE reach_rows (cause VARCHAR NOT NULL, in_table VARCHAR NOT NULL, game_date DATE NOT NULL, \
         player_lookup VARCHAR, team_abbr VARCHAR, in_column VARCHAR, is_missing BOOLEAN NOT NULL, content VARCHAR NOT NULL)",
    )
}

/// Adds rows, by a query that gives the columns of `reach_rows` without the last.
pub fn start_from(session: &Session, content: Content, sql: &str) -> Result<()> {
    session.execute(&format!(
        "INSERT INTO reach_rows BY NAME SELECT found.*, '{}' AS content FROM ({sql}) AS found",
        content.name()
    ))
}

/// Whether the queries here read a column of an input.
pub fn reads(table: Table, column: &str) -> bool {
    let counts = |read: &Read| match read.window {
        Window::LastRows { counted, .. } => read.table == table && counted.contains(column),
        _ => false,
    };
    let schema = table.schema();
    let is_named = |names: &[String]| names.iter().any(|name| name == column);
    ["processed_at", "data_hash", schema.partition_column()].contains(&column)
        || is_named(schema.key_columns())
        || windows::entity_column(table) == Some(column)
        || table.team_columns().contains(&column)
        || processors::all().iter().any(|processor| processor.reads().iter().any(counts))
}

/// Follows the rows of `reach_rows`, which are all of one kind, to the dates of the table `plan`.
///
/// The session has the tables of both layers under their names, and `plan`. The table `reached` has the result by entity:
/// `cause`, `processor`, `game_date`, `entity` (NULL: all of the date) and `rests` (0 values that others read, 1 other
/// values, 2 hashes only).
pub fn follow(session: &Session, content: Content) -> Result<Reach> {
    session.execute(
        "CREATE OR REPLACE TABLE reached (cause VARCHAR, processor VARCHAR, game_date DATE, entity VARCHAR, rests BIGINT)",
    )?;
    let tables = tables_of(session)?;
    if tables.is_empty() {
        return Ok(Reach::new());
    }
    windows::prepare(session)?;
    for name in &tables {
        match Table::of_view(name) {
            Some(table) => start_in(session, table)?,
            // What a check says of several outputs, or of the state of dates.
            None => seed_dates(session, &format!("in_table = '{name}'"))?,
        }
    }
    let mut numbered = BTreeSet::new();
    for processor in processors::all() {
        let of_tables =
            processor.reads().iter().filter(|read| tables.iter().any(|name| name == read.table.view_name()));
        for read in of_tables {
            windows::number_rows(session, read, &mut numbered)?;
            windows::follow(session, processor, read, content)?;
        }
        take_upstream(session, processor, content)?;
    }
    read(session)
}

fn tables_of(session: &Session) -> Result<Vec<String>> {
    let rows = session.query("SELECT DISTINCT in_table FROM reach_rows ORDER BY in_table")?;
    Ok(rows.column(0).as_string::<i32>().iter().flatten().map(str::to_owned).collect())
}

/// The whole date of rows that name no entity, and the rows of outputs themselves.
fn start_in(session: &Session, table: Table) -> Result<()> {
    let name = table.view_name();
    // Of a change, only what rests on it. A fault without an entity stands against its own date as well, and so does a row
    // that is missing, whoever it is of.
    let is_seed = match windows::entity_column(table) {
        Some(_) => "content = 'faulty' AND (is_missing OR (player_lookup IS NULL AND team_abbr IS NULL))",
        None => "player_lookup IS NULL AND team_abbr IS NULL",
    };
    seed_dates(session, &format!("in_table = '{name}' AND {is_seed}"))?;
    if table == Table::Schedule {
        return seed_openings(session);
    }
    if let Some(id) = ProcessorId::of_output(table) {
        return session.execute(&format!(
            "INSERT INTO reached SELECT DISTINCT cause, '{id}', game_date, coalesce(player_lookup, team_abbr), 0 FROM reach_rows \
             SEMI JOIN plan USING (game_date) WHERE in_table = '{name}' AND (player_lookup IS NOT NULL OR team_abbr IS NOT NULL)"
        ));
    }
    match windows::entity_column(table) {
        Some(_) => windows::name_entities(session, table),
        None => seed_dates(session, &format!("in_table = '{name}'")),
    }
}

/// Every processor on the dates of the rows themselves.
fn seed_dates(session: &Session, condition: &str) -> Result<()> {
    for id in ProcessorId::ALL {
        session.execute(&format!(
            "INSERT INTO reached SELECT DISTINCT cause, '{id}', game_date, NULL, 0 FROM reach_rows SEMI JOIN plan USING (game_date) \
             WHERE {condition}"
        ))?;
    }
    Ok(())
}

/// The first game of a season says which days are bootstrap.
fn seed_openings(session: &Session) -> Result<()> {
    for id in ProcessorId::ALL {
        session.execute(&format!(
            "INSERT INTO reached SELECT DISTINCT cause, '{id}', plan.game_date, NULL, 0 FROM reach_rows \
             JOIN (SELECT {season} AS of_season, min(game_date) AS opening FROM nbac_schedule \
                 WHERE game_status = 3 AND is_regular_season GROUP BY ALL) AS openings \
                 ON of_season = {of_row} AND reach_rows.game_date <= opening \
             JOIN plan ON plan.season_year = of_season AND plan.game_date <= opening + 2 * {BOOTSTRAP_DAYS} \
             WHERE in_table = 'nbac_schedule'",
            season = "season_of(game_date)",
            of_row = "season_of(reach_rows.game_date)",
        ))?;
    }
    Ok(())
}

/// On which dates of `reached` MLFS read the computed daily cache.
const READS_COMPUTED: &str = "game_date IN (SELECT game_date FROM cache_of_date WHERE daily_cache = 'computed')";

/// What the rows of upstream processors reach on the same date.
fn take_upstream(session: &Session, processor: &dyn Processor, content: Content) -> Result<()> {
    let id = processor.id();
    let needed = processor.upstream().iter().map(|id| (id, "true"));
    // MLFS says of each date whether it read PDC.
    let optional = processor.optional_upstream().iter().map(|id| (id, READS_COMPUTED));
    for (&upstream, is_read) in needed.chain(optional) {
        let joined = match upstream.entity() {
            Entity::Player => "rows.entity = reached.entity",
            Entity::Team => "rows.opponent = reached.entity",
        };
        let (table, date) = (upstream.output().name(), upstream.output().schema().partition_column());
        let key = windows::entity_column(upstream.output()).expect("outputs have entities");
        // A row that is not there feeds nobody, unless it should be there.
        let there = match content {
            Content::Stored => format!(
                "SEMI JOIN (SELECT {date} AS game_date, {key} AS entity FROM {table}) AS there \
                     ON there.game_date = reached.game_date AND there.entity = reached.entity "
            ),
            Content::Faulty | Content::Any => String::new(),
        };
        session.execute(&format!(
            "INSERT INTO reached \
             WITH reached AS (SELECT * FROM reached WHERE processor = '{upstream}' AND {is_read}), \
             whole AS (SELECT DISTINCT cause, game_date FROM reached WHERE rests = 0 AND entity IS NULL) \
             SELECT DISTINCT cause, '{id}', reached.game_date, rows.entity, 0 FROM reached ANTI JOIN whole USING (cause, game_date) {there}\
             JOIN reach_population AS rows ON rows.processor = '{id}' AND rows.game_date = reached.game_date AND {joined} \
             WHERE rests = 0 \
             UNION ALL SELECT cause, '{id}', game_date, NULL, 0 FROM whole \
             UNION ALL SELECT DISTINCT cause, '{id}', reached.game_date, NULL, 2 FROM reached \
             JOIN (SELECT {date} AS game_date, min({key}) AS entity FROM {table} GROUP BY ALL) AS first \
                 ON first.game_date = reached.game_date AND coalesce(reached.entity, first.entity) = first.entity \
             WHERE rests <= 1 AND {keeps_lineage}",
            keeps_lineage = processor.keeps_lineage(),
        ))?;
    }
    Ok(())
}

fn read(session: &Session) -> Result<Reach> {
    let rows = session.query(
        "SELECT cause, processor, game_date, CASE WHEN bool_and(entity IS NOT NULL) THEN count(DISTINCT entity) END, min(rests) \
         FROM reached GROUP BY ALL",
    )?;
    let text = |column: usize, row: usize| rows.column(column).as_string::<i32>().value(row);
    let entities = rows.column(3).as_primitive::<Int64Type>();
    let mut reach = Reach::new();
    for row in 0..rows.num_rows() {
        let date = date_of_day(rows.column(2).as_primitive::<Date32Type>().value(row));
        let reached = Reached {
            entities: entities.is_valid(row).then(|| entities.value(row).unsigned_abs()),
            only_lineage: rows.column(4).as_primitive::<Int64Type>().value(row) == 2,
        };
        reach.entry(text(0, row).to_owned()).or_default().insert((text(1, row).parse()?, date), reached);
    }
    Ok(reach)
}

/// The 30 teams, and none: rows of others are left out of every computation.
fn sides() -> String {
    format!("['', {}]", TEAMS.map(|team| format!("'{team}'")).join(", "))
}
