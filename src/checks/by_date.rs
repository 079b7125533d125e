//! Checks that are rules for single dates: what they say of a date follows from its rows in one table.
//!
//! Every rule for a table is asked at once, in one pass over its rows; a rule that some date breaks is then run by itself.
//! What is found in the outputs is remembered by month file, whatever range was asked for.

use std::collections::BTreeMap;
use std::path::PathBuf;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Date32Type;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::by_file::{ByFile, NewFile};
use super::catalogue::{Check, Query, Suspicion};
use super::faulty::{self, FaultyRow, FaultyRows};
use super::files::MonthFiles;
use super::memory::Memory;
use super::tables::Spans;
use super::{CheckRequest, Finding, Severity, cannot_run};
use crate::calendar::{DateRange, Month, date_of_day};
use crate::catalog::Table;
use crate::engine::{LeftOut, NamedFiles, Session};
use crate::error::Result;

/// The rows of the files that are looked at.
const VIEW: &str = "unchecked";

/// What the rules for a table found.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Found {
    /// By check.
    #[serde(rename = "f", default, skip_serializing_if = "BTreeMap::is_empty")]
    findings: BTreeMap<String, Vec<Finding>>,
    /// Of checks that name rows or are of severity error.
    #[serde(rename = "r", default, skip_serializing_if = "BTreeMap::is_empty")]
    faulty: FaultyRows,
}

/// What the rules of a phase found.
#[derive(Debug)]
pub(super) struct DateFindings(BTreeMap<Table, Vec<Found>>);

impl DateFindings {
    /// What is told of the dates that are wanted, by check.
    pub fn on(&self, is_wanted: impl Fn(Table, NaiveDate) -> bool) -> (BTreeMap<String, Vec<Finding>>, FaultyRows) {
        let mut findings: BTreeMap<String, Vec<Finding>> = BTreeMap::new();
        let mut faulty = FaultyRows::new();
        for (&table, found) in self.0.iter().flat_map(|(table, files)| files.iter().map(move |found| (table, found))) {
            for (check, of_check) in &found.findings {
                let wanted = of_check.iter().filter(|finding| is_wanted(table, finding.date));
                findings.entry(check.clone()).or_default().extend(wanted.cloned());
            }
            for (check, rows) in &found.faulty {
                let wanted = rows.iter().filter(|row| is_wanted(table, row.date));
                faulty.entry(check.clone()).or_default().extend(wanted.cloned());
            }
        }
        findings.retain(|_, of_check| !of_check.is_empty());
        faulty.retain(|_, rows| !rows.is_empty());
        (findings, faulty)
    }
}

/// What the rules of the request's phase find in the tables of the session.
///
/// # Errors
/// As [`super::run_checks`].
pub(super) fn find_in_tables(session: &Session, request: &CheckRequest<'_>) -> Result<DateFindings> {
    let of_table = |table: Table| {
        let mut found = Found::default();
        for check in suspected(session, request, table, table.view_name())? {
            let (findings, rows) = run(session, table, check, table.view_name())?;
            found.findings.insert(check.id.clone(), findings);
            found.faulty.insert(check.id.clone(), rows);
        }
        Ok((table, vec![found]))
    };
    Ok(DateFindings(tables(request).map(of_table).collect::<Result<_>>()?))
}

/// What the rules of the request's phase find in the files of its outputs.
///
/// # Errors
/// As [`super::run_checks`].
pub(super) fn find_in_outputs(request: &CheckRequest<'_>, files: &MonthFiles) -> Result<DateFindings> {
    let mut by_file = ByFile::read(Memory::of_dates(request));
    let Spans { outputs, .. } = Spans::of(request);
    let new = |table: Table| (table, by_file.new_files(files, table, outputs));
    let new: Vec<_> = tables(request).map(new).filter(|(_, new)| !new.is_empty()).collect();
    if !new.is_empty() {
        let session = Session::open(&request.engine)?;
        for (table, files) in new {
            let found = look_at(&session, request, table, &files)?;
            files.into_iter().zip(found).for_each(|(file, found)| by_file.add(file.checksum, found));
        }
        by_file.keep(request.snapshot);
    }
    let found = |table: Table| (table, by_file.of(files, table, outputs).cloned().collect());
    Ok(DateFindings(tables(request).map(found).collect()))
}

/// The tables that the phase has rules for.
fn tables(request: &CheckRequest<'_>) -> impl Iterator<Item = Table> {
    Table::ALL.into_iter().filter(|table| rules(request, *table).next().is_some())
}

fn rules<'a>(request: &CheckRequest<'a>, table: Table) -> impl Iterator<Item = &'a Check> {
    let phase = request.phase;
    request.catalogue.checks().iter().filter(move |check| check.phase == phase && check.is_rule_of(table))
}

/// What the rules for a table find in each of some files.
fn look_at(session: &Session, request: &CheckRequest<'_>, table: Table, files: &[NewFile]) -> Result<Vec<Found>> {
    let (first, last) = (files.first().expect("there are files").month, files.last().expect("there are files").month);
    let paths: Vec<PathBuf> = files.iter().map(|file| file.path.clone()).collect();
    let range = DateRange { from: first.first_day(), to: last.last_day() };
    session.view_whole_as(NamedFiles { name: VIEW, table, files: &paths }, range, LeftOut::default())?;
    let mut of_months: BTreeMap<Month, Found> = files.iter().map(|file| (file.month, Found::default())).collect();
    for check in suspected(session, request, table, VIEW)? {
        let (findings, rows) = run(session, table, check, VIEW)?;
        for finding in findings {
            of_month(&mut of_months, finding.date).findings.entry(check.id.clone()).or_default().push(finding);
        }
        for row in rows {
            of_month(&mut of_months, row.date).faulty.entry(check.id.clone()).or_default().push(row);
        }
    }
    Ok(of_months.into_values().collect())
}

fn of_month(of_months: &mut BTreeMap<Month, Found>, date: NaiveDate) -> &mut Found {
    of_months.get_mut(&Month::of(date)).expect("a file has the dates of its month")
}

/// The rules for a table that some date breaks, and those that are alone.
fn suspected<'a>(session: &Session, request: &CheckRequest<'a>, table: Table, view: &str) -> Result<Vec<&'a Check>> {
    suspected_of(session, &rules(request, table).collect::<Vec<_>>(), view)
}

fn suspected_of<'a>(session: &Session, rules: &[&'a Check], view: &str) -> Result<Vec<&'a Check>> {
    if let [_] = rules {
        return Ok(rules.to_vec());
    }
    let mut by_counted: BTreeMap<String, Vec<(&Check, String)>> = BTreeMap::new();
    for check in rules {
        let Suspicion { counted, fails } = check.suspicion().expect("the check is a rule");
        by_counted.entry(counted).or_default().push((check, fails));
    }
    let table = rules.first().and_then(|check| check.of_table()).expect("there are rules");
    let date = table.schema().partition_column();
    let mut suspected = Vec::new();
    for (counted, rules) in by_counted {
        let fails = |(number, (_, fails)): (usize, &(&Check, String))| format!("({fails}) AS fails_{number}");
        let any = |number: usize| format!("coalesce(bool_or(fails_{number}), false)");
        let pass = format!(
            "SELECT {} FROM (SELECT {} FROM {view} WHERE {counted} GROUP BY {date})",
            (0..rules.len()).map(any).collect::<Vec<_>>().join(", "),
            rules.iter().enumerate().map(fails).collect::<Vec<_>>().join(", "),
        );
        let found = session.query(&pass).map_err(|error| cannot_run(&format!("the checks of {table}"), error))?;
        let is_broken = |number: &usize| found.column(*number).as_boolean().value(0);
        suspected.extend((0..rules.len()).filter(is_broken).map(|number| rules[number].0));
    }
    Ok(suspected)
}

/// What a rule finds, by date, and the faulty rows.
fn run(session: &Session, table: Table, check: &Check, view: &str) -> Result<(Vec<Finding>, Vec<FaultyRow>)> {
    let query = |sql: &str| session.query(sql).map_err(|error| cannot_run(&format!("check {}", check.id), error));
    match check.query_of(view) {
        Query::Dates(sql) => {
            let mut findings = faulty::findings(&query(&sql)?)?;
            findings.sort_by_key(|finding| finding.date);
            let is_error = check.severity == Severity::Error;
            let rows = findings.iter().filter(|_| is_error).map(|finding| FaultyRow::of_date(finding.date)).collect();
            Ok((findings, rows))
        }
        Query::Rows(sql) => {
            let found = query(&format!("{sql} ORDER BY ALL"))?;
            let (dates, entities) = (found.column(0).as_primitive::<Date32Type>(), found.column(1).as_string::<i32>());
            let row = |row: usize| {
                let entity = entities.is_valid(row).then(|| entities.value(row).to_owned());
                FaultyRow::of_entity(date_of_day(dates.value(row)), table, entity)
            };
            let rows: Vec<FaultyRow> = (0..found.num_rows()).map(row).collect();
            Ok((findings_of(&rows), rows))
        }
    }
}

/// One finding for each date of rows that are in the order of dates and entities.
pub(super) fn findings_of(rows: &[FaultyRow]) -> Vec<Finding> {
    const EXAMPLES: usize = 3;
    let finding = |rows: &[FaultyRow]| {
        let mut examples: Vec<String> = rows.iter().filter_map(FaultyRow::entity).map(str::to_owned).collect();
        examples.dedup();
        examples.truncate(EXAMPLES);
        let count = i64::try_from(rows.len()).expect("few rows");
        Finding { date: rows[0].date, count, examples, consequence_of: None }
    };
    rows.chunk_by(|one, next| one.date == next.date).map(finding).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::catalog::{Column, ColumnType};
    use crate::checks::{Catalogue, Phase};
    use crate::engine::EngineSettings;

    /// A value of about a dozen for each row `i`, or NULL in a share of the rows that the seed decides.
    fn value(column: &Column, seed: u64) -> String {
        let random = format!("hash(i, '{}', {seed})", column.name);
        let value = match column.ty {
            ColumnType::Bool => format!("{random} % 2 = 0"),
            ColumnType::Int64 => format!("({random} % 12)::BIGINT"),
            ColumnType::Float64 => format!("({random} % 120)::DOUBLE"),
            ColumnType::Numeric { .. } => format!("({random} % 120)::DECIMAL(9, 2)"),
            ColumnType::Date => "DATE '2024-01-01' + (i % 20)::INTEGER".to_owned(),
            ColumnType::Timestamp => "TIMESTAMPTZ '2024-01-01 00:00:00+00'".to_owned(),
            ColumnType::String | ColumnType::Json => {
                format!("(['paint', 'mid_range', 'over', 'gold', 'mixed', '{{}}'])[1 + ({random} % 6)::INTEGER]")
            }
        };
        let value = if column.repeated { format!("[{value}, {value}]") } else { value };
        match column.ty {
            ColumnType::Date => format!("{value} AS {}", column.name),
            _ => format!("CASE WHEN hash({random}) % 16 >= {seed} THEN {value} END AS {}", column.name),
        }
    }

    /// What one pass says of all rules is what the query of each says.
    #[test]
    fn rules_are_suspected_exactly_where_they_find_something() {
        let catalogue = Catalogue::built_in();
        let temp = tempfile::tempdir().expect("a directory");
        let settings = EngineSettings { threads: 1, memory_limit: None, temp_dir: temp.path().join("spill") };
        let session = Session::open(&settings).expect("a session");
        let (mut broken, mut kept) = (BTreeSet::new(), BTreeSet::new());
        for (table, seed) in Table::ALL.into_iter().flat_map(|table| (0..16).step_by(3).map(move |seed| (table, seed)))
        {
            let rules: Vec<&Check> = catalogue.checks().iter().filter(|of| of.is_rule_of(table)).collect();
            if rules.is_empty() {
                continue;
            }
            let values: Vec<String> = table.schema().columns().iter().map(|column| value(column, seed)).collect();
            // Of some seeds, so few rows that dates have one or none.
            let rows = if seed % 2 == 0 { 15 } else { 400 };
            let sql =
                format!("CREATE OR REPLACE TABLE {VIEW} AS SELECT {} FROM range({rows}) AS r(i)", values.join(", "));
            session.execute(&sql).expect("a table");
            let suspected: Vec<&str> = suspected_of(&session, &rules, VIEW)
                .expect("a pass")
                .into_iter()
                .map(|check| check.id.as_str())
                .collect();
            // One that is alone is run without being suspected.
            let is_asked = rules.len() > 1;
            for check in rules {
                let (findings, rows) = run(&session, table, check, VIEW).expect("a query");
                let found = !findings.is_empty();
                assert_eq!(suspected.contains(&check.id.as_str()), found || !is_asked, "{} {seed}", check.id);
                assert!(check.phase == Phase::Inputs || check.severity != Severity::Error || found != rows.is_empty());
                if found {
                    broken.insert(check.id.clone())
                } else {
                    kept.insert(check.id.clone())
                };
            }
        }
        assert!(broken.len() > 50 && broken.intersection(&kept).count() > 20, "{} {}", broken.len(), kept.len());
    }
}
