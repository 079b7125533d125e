//! Where a row of an output comes from: the input rows it rests on, intermediate sums, and the rule by which
//! each value was taken; or the rule by which there is no row.

use arrow::array::{Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use chrono::{Months, NaiveDate};
use serde::Serialize;

use crate::calendar::{BOOTSTRAP_DAYS, DateRange, Month, Season, SeasonCalendar};
use crate::catalog::{TEAMS, Table};
use crate::engine::{EngineSettings, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::processors::ProcessorId;
use crate::store::{DateState, Layer, Store};

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    pub store: &'a Store,
    pub calendar: &'a SeasonCalendar,
    pub processor: ProcessorId,
    /// Player lookup, or team abbreviation for TDZA.
    pub key: &'a str,
    pub date: NaiveDate,
    pub engine: EngineSettings,
}

/// The answer.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    pub table: String,
    pub key: String,
    pub date: NaiveDate,
    pub has_row: bool,
    /// In one sentence.
    pub verdict: String,
    pub sections: Vec<Section>,
}

/// A part of the answer: rows with a heading that names the rule.
#[derive(Debug, Clone, Serialize)]
pub struct Section {
    pub heading: String,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// Explains a row or its absence.
///
/// # Errors
/// [`ErrorKind::Upstream`] when nothing was synced for the date.
pub fn why(question: &Question<'_>) -> Result<Explanation> {
    let session = open(question)?;
    let sections = parts(question.processor)
        .iter()
        .map(|(heading, sql)| section(&session, heading, &fill(sql, question)))
        .collect::<Result<Vec<_>>>()?;
    let has_row = sections.last().is_some_and(|stored| !stored.rows.is_empty());
    let verdict = verdict(question, &session, has_row)?;
    // A section without rows says nothing, but for the stored row.
    let sections = sections.into_iter().filter(|section| !section.rows.is_empty()).collect();
    Ok(Explanation {
        table: question.processor.output().full_name().to_owned(),
        key: question.key.to_owned(),
        date: question.date,
        has_row,
        verdict,
        sections,
    })
}

fn parts(processor: ProcessorId) -> Vec<(&'static str, &'static str)> {
    let text = match processor {
        ProcessorId::Tdza => include_str!("tdza.sql"),
        ProcessorId::Psza => include_str!("psza.sql"),
        ProcessorId::Pcf => include_str!("pcf.sql"),
        ProcessorId::Mlfs => include_str!("mlfs.sql"),
    };
    // Each part begins with a line `-- ## heading`.
    text.split("-- ## ").skip(1).filter_map(|part| part.split_once('\n')).collect()
}

fn fill(sql: &str, question: &Question<'_>) -> String {
    sql.replace("{key}", &question.key.replace('\'', "''"))
        .replace("{date}", &format!("DATE '{}'", question.date))
        .replace("{season_start}", &format!("DATE '{}'", Season::of(question.date).window_start()))
        .replace("{season_year}", &Season::of(question.date).start_year().to_string())
}

/// Every table over the longest look-back.
fn open(question: &Question<'_>) -> Result<Session> {
    let (phase3, phase4) = (question.store.phase3()?, question.store.phase4()?);
    let covers = phase3.tables.get(&Table::PlayerGameSummary).is_some_and(|table| table.synced.contains(question.date));
    if !covers {
        return Err(Error::new(ErrorKind::Upstream, format!("{} is not synced", question.date))
            .hint(format!("run `putback sync --date {0}` and `putback compute --date {0}` first", question.date)));
    }
    let session = Session::open(&question.engine)?;
    let range = DateRange { from: question.date - Months::new(36), to: question.date };
    for table in Table::ALL {
        let files = match Layer::of(table) {
            Layer::Phase3 => phase3.tables.get(&table).map(|input| &input.files),
            Layer::Phase4 => phase4.files_of(table),
        };
        let in_range = |month: Month| month.last_day() >= range.from && month.first_day() <= range.to;
        let files = match files {
            Some(files) => question.store.recorded_files(table, files, in_range)?,
            None => Vec::new(),
        };
        session.view_whole(table, &files, range)?;
    }
    let teams = TEAMS.map(|team| format!("('{team}')")).join(", ");
    session.execute(&format!("CREATE TEMP TABLE teams AS SELECT * FROM (VALUES {teams}) AS t(team_abbr)"))?;
    session.execute(&fill(include_str!("common.sql"), question))?;
    Ok(session)
}

fn section(session: &Session, heading: &str, sql: &str) -> Result<Section> {
    let rows = session.query(sql).map_err(|error| {
        Error::new(ErrorKind::Unexpected, format!("the explanation {heading:?} cannot be made")).because(error)
    })?;
    let columns = rows.schema().fields().iter().map(|field| field.name().clone()).collect();
    Ok(Section { heading: heading.trim().to_owned(), columns, rows: texts(&rows)? })
}

fn texts(rows: &RecordBatch) -> Result<Vec<Vec<String>>> {
    let columns = rows
        .columns()
        .iter()
        .map(|column| match column.data_type() {
            // A zone's name would need a table of zones.
            DataType::Timestamp(..) => Ok(cast(column, &DataType::Timestamp(TimeUnit::Microsecond, None))?),
            _ => Ok(column.clone()),
        })
        .collect::<Result<Vec<_>>>()?;
    let text = |column: &arrow::array::ArrayRef, row: usize| {
        if column.is_null(row) {
            return Ok("NULL".to_owned());
        }
        arrow::util::display::array_value_to_string(column, row)
    };
    (0..rows.num_rows())
        .map(|row| columns.iter().map(|column| Ok(text(column, row)?)).collect::<Result<Vec<_>>>())
        .collect()
}

/// The rule in one sentence, for rows and for their absence.
fn verdict(question: &Question<'_>, session: &Session, has_row: bool) -> Result<String> {
    let (id, key, date) = (question.processor, question.key, question.date);
    if has_row {
        return Ok(format!("{id} has a row of {key} on {date}"));
    }
    let because = |reason: String| Ok(format!("{id} has no row of {key} on {date}: {reason}"));
    let class = id.class_name();
    let failure = session.query(&format!(
        "SELECT concat(failure_category, ': ', failure_reason) FROM precompute_failures \
         WHERE processor_name = '{class}' AND analysis_date = DATE '{date}' AND entity_id = '{}' LIMIT 1",
        key.replace('\'', "''")
    ))?;
    if let Some(failure) = texts(&failure)?.into_iter().flatten().next() {
        return because(failure);
    }
    if question.calendar.is_bootstrap(date)? {
        return because(format!("bootstrap: the season's first {BOOTSTRAP_DAYS} days are skipped"));
    }
    match question.store.phase4()?.record(id, date).map(|record| record.state.clone()) {
        None => because("the date was not computed; run `putback compute` for it".to_owned()),
        Some(DateState::Empty { rule }) => because(format!("no row is possible on the date: {rule}")),
        Some(DateState::Skipped { reason } | DateState::Failed { reason }) => because(reason),
        Some(DateState::Done) => {
            let rule = match id {
                ProcessorId::Tdza => "the team has no game this season so far (§2.2)",
                ProcessorId::Psza => {
                    "the player has no qualifying game this season so far: active, and minutes or a shot (§2.2)"
                }
                ProcessorId::Pcf => {
                    "the player is in neither of the contexts of the date: see the context that was taken (§2.2)"
                }
                ProcessorId::Mlfs => {
                    "the player has no row in player_game_summary on the date: the roster is those who are there (§2.2)"
                }
            };
            because(rule.to_owned())
        }
    }
}
