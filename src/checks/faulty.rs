//! The faulty rows that checks name, in the table `faulty`.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Date32Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Int64Type};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::Finding;
use super::catalogue::{Check, Query};
use crate::calendar::date_of_day;
use crate::catalog::Table;
use crate::engine::Session;
use crate::error::{Error, ErrorKind, Result};
use crate::reach::entity_column;

/// Makes the table; its columns are those of `data/checks/README.md`.
pub(super) fn prepare(session: &Session) -> Result<()> {
    session.execute(
        "CREATE TABLE faulty (check_id VARCHAR NOT NULL, in_table VARCHAR, game_date DATE, player_lookup VARCHAR, \
         team_abbr VARCHAR, in_column VARCHAR, is_missing BOOLEAN, found_in DATE, example VARCHAR)",
    )
}

/// Runs a check: its faulty rows go into the table, and are counted by date.
pub(super) fn find(session: &Session, check: &Check) -> Result<Vec<Finding>> {
    let id = &check.id;
    match check.query() {
        Query::Rows(sql) => {
            let found = session.change(&format!(
                "INSERT INTO faulty BY NAME SELECT '{id}' AS check_id, found.* FROM ({sql}) AS found"
            ))?;
            if found == 0 {
                return Ok(Vec::new());
            }
            findings(&session.query(&format!(
                "SELECT game_date, count(*), min(DISTINCT coalesce(example, player_lookup, team_abbr), 3) \
                 FROM faulty WHERE check_id = '{id}' GROUP BY game_date"
            ))?)
        }
        Query::Dates(sql) => {
            let findings = findings(&session.query(&sql)?)?;
            let dates: Vec<String> = findings.iter().map(|of| format!("('{id}', DATE '{}')", of.date)).collect();
            if !dates.is_empty() {
                session.execute(&format!("INSERT INTO faulty (check_id, game_date) VALUES {}", dates.join(", ")))?;
            }
            Ok(findings)
        }
    }
}

/// A row of the table without its check and its example. Many are remembered: the names of their fields are short there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct FaultyRow {
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    in_table: Option<String>,
    #[serde(rename = "d")]
    pub date: NaiveDate,
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    player_lookup: Option<String>,
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    team_abbr: Option<String>,
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    in_column: Option<String>,
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    is_missing: Option<bool>,
    /// The first day of the month whose dates tell it, where that is not the month of the row.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub found_in: Option<NaiveDate>,
}

impl FaultyRow {
    /// Every row of a date in the table of the check.
    pub fn of_date(date: NaiveDate) -> Self {
        Self {
            in_table: None,
            date,
            player_lookup: None,
            team_abbr: None,
            in_column: None,
            is_missing: None,
            found_in: None,
        }
    }

    /// A row in the table of the check, whose columns can all be wrong.
    pub fn of_entity(date: NaiveDate, table: Table, entity: Option<String>) -> Self {
        match entity_column(table) {
            Some("player_lookup") => Self { player_lookup: entity, ..Self::of_date(date) },
            _ => Self { team_abbr: entity, ..Self::of_date(date) },
        }
    }

    /// The player or team of the row.
    pub fn entity(&self) -> Option<&str> {
        self.player_lookup.as_deref().or(self.team_abbr.as_deref())
    }
}

/// Faulty rows by check.
pub(super) type FaultyRows = BTreeMap<String, Vec<FaultyRow>>;

const COLUMNS: &str = "check_id, in_table, game_date, player_lookup, team_abbr, in_column, is_missing, found_in";

/// The rows of some checks, in an order of their own.
pub(super) fn read(session: &Session, checks: &[&Check]) -> Result<FaultyRows> {
    let ids: Vec<String> = checks.iter().map(|check| format!("'{}'", check.id)).collect();
    let sql = format!(
        "SELECT {COLUMNS} FROM faulty WHERE list_contains([{}]::VARCHAR[], check_id) ORDER BY ALL",
        ids.join(", ")
    );
    let rows = session.query(&sql)?;
    let text = |column: usize, row: usize| {
        let texts = rows.column(column).as_string::<i32>();
        texts.is_valid(row).then(|| texts.value(row).to_owned())
    };
    let (dates, missing) = (rows.column(2).as_primitive::<Date32Type>(), rows.column(6).as_boolean());
    let months = rows.column(7).as_primitive::<Date32Type>();
    let mut faulty = FaultyRows::new();
    for row in 0..rows.num_rows() {
        let of_row = FaultyRow {
            in_table: text(1, row),
            date: date_of_day(dates.value(row)),
            player_lookup: text(3, row),
            team_abbr: text(4, row),
            in_column: text(5, row),
            is_missing: missing.is_valid(row).then(|| missing.value(row)),
            found_in: months.is_valid(row).then(|| date_of_day(months.value(row))),
        };
        faulty.entry(text(0, row).expect("a check")).or_default().push(of_row);
    }
    Ok(faulty)
}

/// Puts rows into the table.
pub(super) fn put(session: &Session, faulty: &FaultyRows) -> Result<()> {
    let rows: Vec<(&String, &FaultyRow)> =
        faulty.iter().flat_map(|(check, rows)| rows.iter().map(move |row| (check, row))).collect();
    let text = |of: &dyn Fn(&FaultyRow) -> Option<&String>| -> ArrayRef {
        Arc::new(rows.iter().map(|(_, row)| of(row)).collect::<StringArray>())
    };
    let dates = rows.iter().map(|(_, row)| Date32Type::from_naive_date(row.date));
    let months = rows.iter().map(|(_, row)| row.found_in.map(Date32Type::from_naive_date));
    let columns: [ArrayRef; 9] = [
        Arc::new(rows.iter().map(|(check, _)| Some(check)).collect::<StringArray>()),
        text(&|row| row.in_table.as_ref()),
        Arc::new(Date32Array::from_iter_values(dates)),
        text(&|row| row.player_lookup.as_ref()),
        text(&|row| row.team_abbr.as_ref()),
        text(&|row| row.in_column.as_ref()),
        Arc::new(rows.iter().map(|(_, row)| row.is_missing).collect::<BooleanArray>()),
        Arc::new(months.collect::<Date32Array>()),
        text(&|_| None),
    ];
    let names = COLUMNS.split(", ").chain(["example"]);
    session.append(
        "faulty",
        &RecordBatch::try_from_iter_with_nullable(names.zip(columns).map(|(name, column)| (name, column, true)))?,
    )
}

/// What rows of a query say: the date, how many cases it has, and an example or a list of them.
pub(super) fn findings(rows: &RecordBatch) -> Result<Vec<Finding>> {
    let dates = cast(rows.column(0), &DataType::Date32)?;
    let counts = cast(rows.column(1), &DataType::Int64)?;
    let (dates, counts) = (dates.as_primitive::<Date32Type>(), counts.as_primitive::<Int64Type>());
    if dates.null_count() > 0 {
        return Err(Error::new(ErrorKind::Unexpected, "the check gives a case without a date"));
    }
    let finding = |row: usize| {
        Ok(Finding {
            date: date_of_day(dates.value(row)),
            count: if counts.is_valid(row) { counts.value(row) } else { 0 },
            examples: examples(rows.column(2), row)?,
            consequence_of: None,
        })
    };
    (0..rows.num_rows()).map(finding).collect()
}

/// The texts of a row: one, or a list of them.
fn examples(column: &ArrayRef, row: usize) -> Result<Vec<String>> {
    if column.is_null(row) {
        return Ok(Vec::new());
    }
    let of_row = match column.as_list_opt::<i32>() {
        Some(lists) => lists.value(row),
        None => column.slice(row, 1),
    };
    let texts = cast(&of_row, &DataType::Utf8)?;
    let mut texts: Vec<String> = texts.as_string::<i32>().iter().flatten().map(ToOwned::to_owned).collect();
    texts.dedup();
    Ok(texts)
}
