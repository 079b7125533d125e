//! Explains a row of an output: its input rows, intermediate sums, and the rule for each value; or the rule by
//! which there is no row.

use arrow::array::{Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use chrono::{NaiveDate, NaiveTime};
use serde::Serialize;

use crate::calendar::{BOOTSTRAP_DAYS, DateRange, Month, Season};
use crate::catalog::{TEAMS, Table, is_nba_team};
use crate::compute::{DailyCache, InputsRead, computed_with, open_session, optional_upstream};
use crate::engine::{EngineSettings, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::processors::{self, Explained, LookBack, PlannedSession, ProcessorId, RunContext, bound, mlfs};
use crate::snapshot::Snapshot;
use crate::store::{DateState, Layer, Phase3Manifest, Phase4Manifest};
use crate::windows::WindowEnd;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    pub snapshot: &'a Snapshot,
    pub processor: ProcessorId,
    /// Player lookup, or team abbreviation for TDZA.
    pub key: &'a str,
    pub date: NaiveDate,
    /// Where the windows of the date ended when it was computed.
    pub windows: WindowEnd,
    pub engine: EngineSettings,
}

impl Question<'_> {
    /// The last day that the windows reach.
    fn last_day(&self) -> NaiveDate {
        self.windows.last_day(self.date)
    }
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
    let Snapshot { phase3, phase4, .. } = question.snapshot;
    let record = phase4.record(question.processor, question.date).filter(|record| !record.inputs.is_empty());
    let way = record.map(|_| computed_with(phase3, phase4, question.processor, question.date));
    let daily_cache = way.flatten().unwrap_or_default();
    refuse_unless_synced(question, phase3)?;
    let explained = explained(question, daily_cache)?;
    let session = open(question, phase3, phase4, daily_cache)?;
    set_told(&session, &explained)?;
    session.execute(&with_variables(include_str!("common.sql")))?;
    let sections = parts(question.processor)
        .iter()
        .map(|part| part.section(&said(part.heading, question), &session, &explained))
        .collect::<Result<Vec<_>>>()?;
    let has_row = sections.last().is_some_and(|stored| !stored.rows.is_empty());
    let note = match way {
        Some(None) => {
            "; the inputs have changed since, and what follows may not be what was read: compute the date again"
        }
        Some(Some(DailyCache::None)) if question.processor == ProcessorId::Mlfs => {
            "; computed without player_daily_cache"
        }
        Some(Some(DailyCache::Synced)) if question.processor == ProcessorId::Mlfs => {
            "; computed with player_daily_cache as the warehouse has it"
        }
        _ => "",
    };
    let verdict = verdict(question, &session, phase4, has_row)? + note;
    // A section without rows says nothing, and none says anything of a key that nobody has.
    let is_known = has_row || is_known(question, &session)?;
    let sections = sections.into_iter().filter(|section| is_known && !section.rows.is_empty()).collect();
    Ok(Explanation {
        table: question.processor.output().full_name().to_owned(),
        key: question.key.to_owned(),
        date: question.date,
        has_row,
        verdict,
        sections,
    })
}

/// Where the windows of a date ended when a processor computed it; as in the reference where it did not.
pub fn recorded_windows(phase4: &Phase4Manifest, processor: ProcessorId, date: NaiveDate) -> WindowEnd {
    phase4.record(processor, date).map(|record| record.windows).unwrap_or_default()
}

/// Scores the date again as it was scored, and tells what the rules of the key's row came to.
///
/// # Errors
/// When rows of the store cannot be read.
fn explained(question: &Question<'_>, daily_cache: DailyCache) -> Result<Explained> {
    let Snapshot { store, phase3, phase4, .. } = question.snapshot;
    let date = question.date;
    let processor = processors::get(question.processor);
    let daily_cache = if question.processor == ProcessorId::Pdc { DailyCache::Computed } else { daily_cache };
    let read = InputsRead { first: date, last: date, daily_cache };
    let session = open_session(store, phase3, read, &question.engine)?;
    let optional = optional_upstream(processor, daily_cache);
    for table in processor.upstream().iter().chain(optional).map(|id| id.output()) {
        let files = match phase4.files_of(table) {
            Some(files) => store.recorded_files(table, files, |month| month == Month::of(date))?,
            None => Vec::new(),
        };
        session.view_output(table, &files, &phase4.vanished_dates(table))?;
    }
    session.set_plan(&[date], question.windows)?;
    let computed_at = phase4.record(question.processor, date).map(|record| record.computed_at);
    let timestamp = computed_at.unwrap_or_else(|| date.and_time(NaiveTime::MIN).and_utc());
    // Another entity's value out of range says nothing of this one.
    let context = RunContext { timestamp, windows: question.windows, quarantine: true };
    processor.explain(PlannedSession { session: &session, dates: &[date] }, &context, question.key)
}

/// The row that the processor makes of its inputs now; `None`: the key gets none.
///
/// # Errors
/// [`ErrorKind::Upstream`] when nothing was synced for the date.
pub fn scored_row(question: &Question<'_>) -> Result<Option<RecordBatch>> {
    let Snapshot { phase3, phase4, .. } = question.snapshot;
    refuse_unless_synced(question, phase3)?;
    let way = computed_with(phase3, phase4, question.processor, question.date);
    Ok(explained(question, way.unwrap_or_default())?.row)
}

/// A part of an explanation: rows behind, or what a rule came to.
struct Part {
    heading: &'static str,
    rows: RowsFrom,
}

/// Where the rows of a part come from.
enum RowsFrom {
    /// The query that fetches the rows behind.
    Query(&'static str),
    /// The name under which the processor tells them.
    Told(&'static str),
}

impl Part {
    fn section(&self, heading: &str, session: &Session, explained: &Explained) -> Result<Section> {
        let told = match self.rows {
            RowsFrom::Query(sql) => return section(session, heading, &with_variables(sql)),
            RowsFrom::Told(name) => explained.part(name),
        };
        match told {
            Some(rows) => section_of(heading, rows),
            None => Ok(Section { heading: heading.trim().to_owned(), columns: Vec::new(), rows: Vec::new() }),
        }
    }
}

/// The values of the context as the processor tells them, as variables of the connection: text, or NULL.
fn set_told(session: &Session, explained: &Explained) -> Result<()> {
    let Some(told) = explained.part("context") else { return Ok(()) };
    for (field, column) in told.schema().fields().iter().zip(told.columns()).filter(|(_, column)| column.is_valid(0)) {
        let value = arrow::util::display::array_value_to_string(column, 0)?;
        session.set_text(&format!("told_{}", field.name()), &value)?;
    }
    Ok(())
}

fn parts(processor: ProcessorId) -> Vec<Part> {
    let text = match processor {
        ProcessorId::Tdza => include_str!("tdza.sql"),
        ProcessorId::Psza => include_str!("psza.sql"),
        ProcessorId::Pcf => include_str!("pcf.sql"),
        ProcessorId::Pdc => include_str!("pdc.sql"),
        ProcessorId::Mlfs => include_str!("mlfs.sql"),
    };
    // Each part begins with a line `-- ## heading`, and has a query, or a line `-- told: name`.
    let parts = text.split("-- ## ").skip(1).filter_map(|part| part.split_once('\n'));
    let part = |(heading, source): (&'static str, &'static str)| {
        let told = source.strip_prefix("-- told: ").map(|name| RowsFrom::Told(name.trim()));
        Part { heading, rows: told.unwrap_or(RowsFrom::Query(source)) }
    };
    parts.map(part).collect()
}

/// A heading, with dates as people write them.
fn said(heading: &str, question: &Question<'_>) -> String {
    bound(heading).replace("{window_end}", &question.last_day().to_string())
}

/// The question as variables of the connection: its values are bound, and never part of the text of SQL.
fn set_variables(session: &Session, question: &Question<'_>) -> Result<()> {
    let season = Season::of(question.date);
    session.set_text("key", question.key)?;
    session.set_date("date", question.date)?;
    session.set_date("window_end", question.last_day())?;
    session.set_date("season_start", season.window_start())?;
    session.set_number("season_year", i64::from(season.start_year()))
}

/// The SQL of this module, with the variables where it names them.
fn with_variables(sql: &str) -> String {
    let mut sql = bound(sql).replace("'{key}'", "getvariable('key')");
    for name in ["games_7", "games_14", "minutes_7", "minutes_14", "b2b_14", "avg_minutes_7"] {
        sql = sql.replace(&format!("{{told.{name}}}"), &format!("getvariable('told_{name}')"));
    }
    for name in ["date", "window_end", "season_start", "season_year"] {
        sql = sql.replace(&format!("{{{name}}}"), &format!("getvariable('{name}')"));
    }
    sql
}

fn refuse_unless_synced(question: &Question<'_>, phase3: &Phase3Manifest) -> Result<()> {
    let covers = phase3.tables.get(&Table::PlayerGameSummary).is_some_and(|table| table.synced.contains(question.date));
    if covers {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Upstream, format!("{} is not synced", question.date))
        .hint(format!("run `putback sync --date {0}` and `putback compute --date {0}` first", question.date)))
}

/// Every table over the longest look-back.
fn open(
    question: &Question<'_>,
    phase3: &Phase3Manifest,
    phase4: &Phase4Manifest,
    daily_cache: DailyCache,
) -> Result<Session> {
    let session = Session::open(&question.engine)?;
    let is_pdc = question.processor == ProcessorId::Pdc;
    let longest = if is_pdc { LookBack::SeasonAndCarried } else { mlfs::GAMES_LOOK_BACK };
    let range = DateRange { from: longest.first_day(question.date), to: question.date };
    // Both have the name.
    let shows_computed = is_pdc || daily_cache == DailyCache::Computed;
    let other_cache = if shows_computed { Table::SyncedDailyCache } else { Table::PlayerDailyCache };
    for table in Table::ALL.into_iter().filter(|table| *table != other_cache) {
        let files = match Layer::of(table) {
            Layer::Phase3 if table == Table::SyncedDailyCache && daily_cache != DailyCache::Synced => None,
            Layer::Phase3 => phase3.tables.get(&table).map(|input| &input.files),
            Layer::Phase4 => phase4.files_of(table),
        };
        let in_range = |month: Month| month.last_day() >= range.from && month.first_day() <= range.to;
        let files = match files {
            Some(files) => question.snapshot.store.recorded_files(table, files, in_range)?,
            None => Vec::new(),
        };
        session.view_whole(table, &files, range)?;
    }
    let teams = TEAMS.map(|team| format!("('{team}')")).join(", ");
    session.execute(&format!("CREATE TEMP TABLE teams AS SELECT * FROM (VALUES {teams}) AS t(team_abbr)"))?;
    set_variables(&session, question)?;
    Ok(session)
}

fn section(session: &Session, heading: &str, sql: &str) -> Result<Section> {
    let rows = session.query(sql).map_err(|error| {
        Error::new(ErrorKind::Unexpected, format!("the explanation {heading:?} cannot be made")).because(error)
    })?;
    section_of(heading, &rows)
}

fn section_of(heading: &str, rows: &RecordBatch) -> Result<Section> {
    let columns = rows.schema().fields().iter().map(|field| field.name().clone()).collect();
    Ok(Section { heading: heading.trim().to_owned(), columns, rows: texts(rows)? })
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

/// Whether the key is a team of the 30, or a player of the inputs.
fn is_known(question: &Question<'_>, session: &Session) -> Result<bool> {
    match question.processor {
        ProcessorId::Tdza => Ok(is_nba_team(question.key)),
        _ => Ok(session.query(&with_variables(UNKNOWN_PLAYER))?.num_rows() == 0),
    }
}

/// The rule in one sentence, for rows and for their absence.
fn verdict(question: &Question<'_>, session: &Session, phase4: &Phase4Manifest, has_row: bool) -> Result<String> {
    let (id, key, date) = (question.processor, question.key, question.date);
    if has_row {
        return Ok(format!("{id} has a row for {key} on {date}"));
    }
    let because = |reason: String| Ok(format!("{id} has no row for {key} on {date}: {reason}"));
    if id == ProcessorId::Tdza && !is_nba_team(key) {
        return because("that is not one of the 30 teams; a key is like BOS".to_owned());
    }
    let class = id.class_name();
    let first = |sql: &str| Ok::<_, Error>(texts(&session.query(&with_variables(sql))?)?.into_iter().flatten().next());
    let failure = first(&format!(
        "SELECT concat(failure_category, ': ', failure_reason, \
             CASE WHEN failure_category = 'calculation_error' THEN ' (MLFS §3.4: no line, and the season mean of the daily cache is NULL)' END) \
         FROM precompute_failures \
         WHERE processor_name = '{class}' AND analysis_date = {{date}} AND entity_id = '{{key}}' ORDER BY ALL"
    ))?;
    if let Some(failure) = failure {
        return because(failure);
    }
    if question.snapshot.calendar.is_bootstrap(date)? {
        return because(format!("bootstrap: the season's first {BOOTSTRAP_DAYS} days are skipped"));
    }
    if id != ProcessorId::Tdza
        && let Some(unknown) = texts(&session.query(&with_variables(UNKNOWN_PLAYER))?)?.into_iter().flatten().next()
    {
        return because(unknown);
    }
    match phase4.record(id, date).map(|record| record.state.clone()) {
        None if !question.snapshot.schedule.has_games_on(date) => {
            because("the schedule has no finished game between two of the 30 teams on the date".to_owned())
        }
        None => because("the date was not computed; run `putback compute` for it".to_owned()),
        Some(DateState::Empty { rule }) => because(format!("no row is possible on the date: {rule}")),
        Some(DateState::Vanished { rule }) => {
            because(format!("no row is possible on the date any more: {rule}; the rows of before are kept"))
        }
        Some(DateState::Skipped { reason } | DateState::Failed { reason, .. }) => because(reason),
        Some(DateState::Done) => {
            let rule = match id {
                ProcessorId::Tdza => Some("the team has no game this season so far (TDZA §2.2)".to_owned()),
                ProcessorId::Psza => Some(
                    "the player has no qualifying game this season so far: active, and minutes or a shot (PSZA §2.2)"
                        .to_owned(),
                ),
                ProcessorId::Pcf => first(NOT_IN_CONTEXT)?,
                ProcessorId::Pdc => first(NOT_A_CANDIDATE)?,
                ProcessorId::Mlfs => first(LEFT_OUT_OF_ROSTER)?,
            };
            because(rule.unwrap_or_else(|| {
                "the player is not on the roster: no row in player_game_summary on the date (MLFS §2.2)".to_owned()
            }))
        }
    }
}

/// A key that no input of the look-back has; nothing for one that is there.
const UNKNOWN_PLAYER: &str = "
    WITH known AS (
        SELECT player_lookup FROM player_game_summary UNION SELECT player_lookup FROM upcoming_player_game_context)
    SELECT concat('no player with that key is in the synced inputs of three years',
        (SELECT '; closest: ' || string_agg(player_lookup, ', ' ORDER BY near DESC, player_lookup) FROM (
            SELECT player_lookup, jaro_winkler_similarity(player_lookup, '{key}') AS near
            FROM known WHERE near > 0.85 ORDER BY near DESC, player_lookup LIMIT 3)))
    WHERE NOT EXISTS (FROM known WHERE player_lookup = '{key}')";

/// Why a player has no row of PCF on a date that was computed.
const NOT_IN_CONTEXT: &str = "
    SELECT CASE WHEN is_synthetic THEN
        concat('the date takes the synthetic context, and the player has no row in player_game_summary on it',
            CASE WHEN EXISTS (FROM contexts WHERE player_lookup = '{key}') THEN '; the row in upcoming_player_game_context is left out' END)
    ELSE
        concat('the date takes upcoming_player_game_context, and the player has no row in it',
            CASE WHEN EXISTS (FROM games WHERE game_date = {date} AND player_lookup = '{key}') THEN '; the row in player_game_summary counts for the synthetic context only' END)
    END || ' (PCF §2.2)'
    FROM context_taken";

/// Why a player has no row of PDC on a date that was computed.
const NOT_A_CANDIDATE: &str = "
    SELECT CASE WHEN EXISTS (FROM contexts) THEN
        concat('the players of the date are those of upcoming_player_game_context, which has no row of this one',
            CASE WHEN EXISTS (FROM games WHERE game_date = {date} AND player_lookup = '{key}')
                THEN '; the row in player_game_summary counts only where it has nobody' END)
    ELSE
        'upcoming_player_game_context has nobody on the date, and the player has no row in player_game_summary on it'
    END || ' (PDC §2.2, §2.3)'";

/// Why a row of PGS does not make a roster player; nothing where there is none.
const LEFT_OUT_OF_ROSTER: &str = "
    SELECT concat('the row in player_game_summary is left out: ', team_abbr, ' against ', opponent_team_abbr, ' is not between two of the 30 teams')
    FROM player_game_summary WHERE game_date = {date} AND player_lookup = '{key}' ORDER BY game_id";
