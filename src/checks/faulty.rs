//! The faulty rows that checks name, in the table `faulty`.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Int64Type};

use super::Finding;
use super::catalogue::{Check, Query};
use crate::calendar::date_of_day;
use crate::engine::Session;
use crate::error::{Error, ErrorKind, Result};

/// Makes the table; its columns are those of `data/checks/README.md`.
pub(super) fn prepare(session: &Session) -> Result<()> {
    session.execute(
        "CREATE TABLE faulty (check_id VARCHAR NOT NULL, in_table VARCHAR, game_date DATE, player_lookup VARCHAR, \
         team_abbr VARCHAR, in_column VARCHAR, is_missing BOOLEAN, example VARCHAR)",
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

fn findings(rows: &RecordBatch) -> Result<Vec<Finding>> {
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
