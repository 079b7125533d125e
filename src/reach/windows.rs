//! The windows of the processors as queries: from rows to the dates whose windows hold them.

use std::collections::BTreeSet;

use xxhash_rust::xxh3::xxh3_64;

use super::{Content, sides};
use crate::catalog::Table;
use crate::engine::Session;
use crate::error::Result;
use crate::processors::Processor;
use crate::processors::reads::{Contexts, Entity, ORDER, Read, Rests, Window};
use crate::processors::{ProcessorId, bound};

/// The column that says whose a row of the table is.
pub(crate) fn entity_column(table: Table) -> Option<&'static str> {
    Some(match table {
        Table::PlayerGameSummary
        | Table::UpcomingPlayerGameContext
        | Table::PlayerPointsProps
        | Table::PlayerBoxScores
        | Table::SyncedDailyCache
        | Table::PlayerDailyCache
        | Table::PlayerShotZoneAnalysis
        | Table::PlayerCompositeFactors
        | Table::MlFeatureStore => "player_lookup",
        Table::TeamDefenseGameSummary => "defending_team_abbr",
        Table::TeamOffenseGameSummary | Table::UpcomingTeamGameContext | Table::TeamDefenseZoneAnalysis => "team_abbr",
        Table::ReprocessAttempts => "entity_id",
        Table::Schedule | Table::PrecomputeFailures => return None,
    })
}

fn entity(table: Table) -> Entity {
    match table {
        Table::TeamDefenseGameSummary | Table::TeamOffenseGameSummary | Table::UpcomingTeamGameContext => Entity::Team,
        _ => Entity::Player,
    }
}

/// Rows that a computation sees.
fn is_seen(table: Table) -> String {
    let columns = table.team_columns().iter();
    let known = columns.map(|column| format!(" AND coalesce(list_contains({}, {column}), true)", sides()));
    format!("true{}", known.collect::<String>())
}

/// `reach_seen`: the contexts that count. `reach_contexts`: which of contexts and games makes the players of a date
/// (PCF §2.2). `reach_population`: the rows that PCF, PDC and MLFS have on a date. `reach_faults`: the rows to start from,
/// by entity.
pub(super) fn prepare(session: &Session) -> Result<()> {
    let (games, contexts) = (Table::PlayerGameSummary, Table::UpcomingPlayerGameContext);
    session.execute(&format!(
        "CREATE OR REPLACE TABLE reach_seen AS \
         SELECT game_date, player_lookup AS entity, opponent_team_abbr AS opponent, team_abbr AS team FROM {contexts} SEMI JOIN plan USING (game_date) WHERE {seen_contexts}; \
         CREATE OR REPLACE TABLE reach_contexts AS \
         SELECT game_date, coalesce(row_count, 0) = 0 AS is_absent, {is_synthetic} AS is_synthetic \
         FROM (SELECT DISTINCT game_date FROM plan) \
         LEFT JOIN (SELECT game_date, count(*) AS row_count FROM reach_seen GROUP BY game_date) USING (game_date) \
         LEFT JOIN (SELECT game_date, count(DISTINCT player_lookup) AS player_count FROM {games} WHERE {seen_games} GROUP BY game_date) USING (game_date); \
         CREATE OR REPLACE TABLE reach_population AS \
         WITH roster AS (SELECT DISTINCT game_date, player_lookup AS entity, opponent_team_abbr AS opponent, team_abbr AS team FROM {games} SEMI JOIN plan USING (game_date) WHERE {seen_games}), \
         contexts AS (SELECT DISTINCT * FROM reach_seen), \
         rows AS ( \
             SELECT '{mlfs}' AS processor, * FROM roster \
             UNION ALL SELECT '{pdc}', contexts.* FROM contexts \
             UNION ALL SELECT '{pdc}', roster.* FROM roster SEMI JOIN (FROM reach_contexts WHERE is_absent) AS absent USING (game_date) \
             UNION ALL SELECT '{pcf}', contexts.* FROM contexts SEMI JOIN (FROM reach_contexts WHERE NOT is_synthetic) AS of_table USING (game_date) \
             UNION ALL SELECT '{pcf}', roster.* FROM roster SEMI JOIN (FROM reach_contexts WHERE is_synthetic) AS synthetic USING (game_date)) \
         SELECT *, {season} AS season FROM rows; \
         CREATE OR REPLACE TABLE reach_faults (cause VARCHAR, in_table VARCHAR, entity VARCHAR, game_date DATE, season BIGINT, in_column VARCHAR, is_missing BOOLEAN, content VARCHAR)",
        is_synthetic = bound("{pcf.is_synthetic}"),
        games = games.name(),
        contexts = contexts.name(),
        seen_games = is_seen(games),
        seen_contexts = is_seen(contexts),
        mlfs = ProcessorId::Mlfs,
        pcf = ProcessorId::Pcf,
        pdc = ProcessorId::Pdc,
        season = "season_of(game_date)",
    ))
}

/// Fills `reach_faults` from the rows of a table: a team stands for its players, a date for all of its rows.
pub(super) fn name_entities(session: &Session, table: Table) -> Result<()> {
    let column = entity_column(table).expect("the table has entities");
    let (name, date) = (table.view_name(), table.schema().partition_column());
    let rows = format!("(FROM reach_rows WHERE in_table = '{name}')");
    let of_date = format!(
        "SELECT found.*, {name}.{column} AS entity FROM {rows} AS found JOIN {name} ON {name}.{date} = found.game_date \
         WHERE found.player_lookup IS NULL AND found.team_abbr IS NULL AND NOT is_missing"
    );
    let named = match entity(table) {
        Entity::Team => format!(
            "SELECT found.*, found.team_abbr AS entity FROM {rows} AS found WHERE found.team_abbr IS NOT NULL \
             UNION ALL SELECT found.*, teams.team FROM {rows} AS found JOIN {SCHEDULED} AS teams ON teams.game_date = found.game_date \
             WHERE found.team_abbr IS NULL AND is_missing"
        ),
        Entity::Player => {
            let teams = if table == Table::UpcomingPlayerGameContext { table } else { Table::PlayerGameSummary };
            format!(
                "SELECT found.*, found.player_lookup AS entity FROM {rows} AS found WHERE found.player_lookup IS NOT NULL \
                 UNION ALL SELECT found.*, games.player_lookup FROM {rows} AS found \
                 JOIN {teams} AS games ON games.game_date = found.game_date AND games.team_abbr = found.team_abbr \
                 WHERE found.player_lookup IS NULL AND NOT is_missing \
                 UNION ALL {missing}",
                teams = teams.name(),
                missing = missing_players(&rows),
            )
        }
    };
    // When a row was processed orders the rows that an entity has on a date, if there are several.
    let ordered = match table.schema().column("processed_at") {
        None => String::new(),
        Some(_) => format!(
            "; INSERT INTO reach_faults SELECT * REPLACE ('{ORDER}' AS in_column) FROM reach_faults AS faults \
             WHERE in_table = '{name}' AND in_column = 'processed_at' AND (entity, game_date) IN ( \
                 SELECT ({column}, {date}) FROM {name} GROUP BY {column}, {date} HAVING count(*) > 1)"
        ),
    };
    session.execute(&format!(
        "INSERT INTO reach_faults SELECT DISTINCT cause, '{name}', entity, game_date, {season}, in_column, is_missing, content \
         FROM ({named} UNION ALL {of_date}) WHERE entity IS NOT NULL{ordered}",
        season = "season_of(game_date)",
    ))
}

/// The teams that have a game on a date.
const SCHEDULED: &str = "(SELECT DISTINCT game_date, unnest([home_team_tricode, away_team_tricode]) AS team FROM nbac_schedule WHERE game_status = 3)";

/// Of a team that is missing on a date, or in part: who played for it last before, or first after, and has no row.
fn missing_players(rows: &str) -> String {
    let season = "season_of(game_date)";
    format!(
        "SELECT found.*, near.player_lookup FROM {rows} AS found JOIN ( \
             WITH games AS (SELECT DISTINCT {season} AS season, game_date, team_abbr, player_lookup FROM player_game_summary), \
             named AS (FROM {rows} WHERE is_missing AND player_lookup IS NULL), \
             lost AS ( \
                 SELECT game_date, {season} AS season, team_abbr FROM named WHERE team_abbr IS NOT NULL \
                 UNION SELECT game_date, {season} AS season, team FROM named JOIN {SCHEDULED} AS teams USING (game_date) WHERE team_abbr IS NULL) \
             SELECT lost.game_date, lost.team_abbr, games.player_lookup FROM lost \
             JOIN (SELECT DISTINCT season, team_abbr, player_lookup FROM games) AS members USING (season, team_abbr) \
             JOIN games ON games.season = members.season AND games.player_lookup = members.player_lookup \
             GROUP BY ALL \
             HAVING NOT bool_or(games.game_date = lost.game_date) \
                 AND (coalesce(arg_max(games.team_abbr, games.game_date) FILTER (games.game_date < lost.game_date) = lost.team_abbr, false) \
                     OR coalesce(arg_min(games.team_abbr, games.game_date) FILTER (games.game_date > lost.game_date) = lost.team_abbr, false))) AS near \
         ON near.game_date = found.game_date AND (found.team_abbr IS NULL OR near.team_abbr = found.team_abbr) \
         WHERE found.is_missing AND found.player_lookup IS NULL"
    )
}

/// Adds to `reached` what rests on the rows by one read of a processor.
pub(super) fn follow(session: &Session, processor: &dyn Processor, read: &Read, content: Content) -> Result<()> {
    let query = match read.window {
        Window::Population => population(read),
        Window::SameDay => before(processor, read, "rows.game_date = faults.game_date"),
        Window::LastRows { rows, .. } => of_population(processor, last_rows(read, rows)),
        Window::RowsBefore { rows, days } => rows_before(processor, read, rows, days),
        Window::DaysBefore(days) => before(
            processor,
            read,
            &format!("rows.game_date > faults.game_date AND rows.game_date <= faults.game_date + {days}"),
        ),
        Window::SeasonBefore => season(processor, read, "rows.game_date > first"),
        Window::SeasonToDate => season(processor, read, "plan.window_end >= first"),
        Window::RowBefore => rows_before(processor, read, 1, ANY_DAYS),
        Window::TeamRows(rows) => team_rows(processor, read, rows),
        Window::TeamGamesBefore { days } => team_games_before(processor, read, days),
        Window::AgainstOpponent { months } => against_opponent(processor, read, months),
        Window::LeagueDays(days) => league_days(processor, read, days, content),
        Window::NewestOfSeason { with_untimed } => newest_of_season(read, with_untimed),
        Window::NewestOfDay => first_of_day(read, true),
        Window::FirstOfDay => first_of_day(read, false),
    };
    let rests = match read.rests {
        Rests::Fed => 0,
        Rests::Own => 1,
        Rests::Lineage => 2,
    };
    // The spans of an entity are apart already.
    let distinct = if matches!(read.window, Window::LastRows { .. }) { "" } else { "DISTINCT " };
    session.execute(&format!(
        "INSERT INTO reached SELECT {distinct}cause, '{}', game_date, entity, {rests} FROM ({query})",
        processor.id()
    ))
}

/// The rows to start from whose columns are read.
fn faults(read: &Read) -> String {
    let columns = match read.columns {
        [] => String::new(),
        columns => {
            let quoted: Vec<String> = columns.iter().map(|column| format!("'{column}'")).collect();
            format!(" AND (in_column IS NULL OR in_column IN ({}))", quoted.join(", "))
        }
    };
    // In a window, a team only says whether a computation sees the row. Of a row that it sees, that is known.
    let seen = match read.window {
        Window::LastRows { .. }
        | Window::RowsBefore { .. }
        | Window::DaysBefore(_)
        | Window::SeasonBefore
        | Window::SeasonToDate => {
            " AND NOT coalesce(content = 'stored' AND in_column IN ('team_abbr', 'opponent_team_abbr'), false)"
        }
        _ => "",
    };
    // See `Content::Faulty`.
    let told_elsewhere = match read.window {
        Window::SeasonBefore | Window::SeasonToDate | Window::AgainstOpponent { .. } => {
            " AND NOT (is_missing AND content = 'faulty')"
        }
        _ => "",
    };
    format!(
        "(SELECT DISTINCT cause, entity, game_date, season, content FROM reach_faults WHERE in_table = '{}'{columns}{seen}{told_elsewhere})",
        read.table.view_name()
    )
}

/// The dates that take their contexts from where the read is of.
fn of_contexts(read: &Read) -> String {
    match read.contexts {
        None => "plan".to_owned(),
        Some(Contexts::Table) => "(FROM reach_contexts WHERE NOT is_synthetic)".to_owned(),
        Some(Contexts::Synthetic) => "(FROM reach_contexts WHERE is_synthetic)".to_owned(),
        Some(Contexts::Absent) => "(FROM reach_contexts WHERE is_absent)".to_owned(),
    }
}

fn population(read: &Read) -> String {
    format!(
        "SELECT faults.* FROM {} AS faults SEMI JOIN {} AS dates USING (game_date)",
        faults(read),
        of_contexts(read)
    )
}

/// Rows of the processor of the entity, where a condition on both dates holds.
fn before(processor: &dyn Processor, read: &Read, condition: &str) -> String {
    format!(
        "SELECT cause, rows.game_date, rows.entity FROM {} AS faults \
         JOIN reach_population AS rows ON rows.processor = '{}' AND rows.entity = faults.entity AND {condition} \
         SEMI JOIN {} AS dates ON dates.game_date = rows.game_date",
        faults(read),
        processor.id(),
        of_contexts(read),
    )
}

/// Of the rows of a season, those of the entity for which a condition on the first of them holds.
fn season(processor: &dyn Processor, read: &Read, condition: &str) -> String {
    format!(
        "SELECT cause, rows.game_date, rows.entity \
         FROM (SELECT cause, entity, season, min(game_date) AS first FROM {} GROUP BY ALL) AS faults \
         JOIN reach_population AS rows ON rows.processor = '{}' AND rows.entity = faults.entity AND rows.season = faults.season \
         JOIN plan ON plan.game_date = rows.game_date AND {condition}",
        faults(read),
        processor.id(),
    )
}

fn against_opponent(processor: &dyn Processor, read: &Read, months: u32) -> String {
    let (table, date) = (read.table.view_name(), read.table.schema().partition_column());
    let column = entity_column(read.table).expect("the table has entities");
    format!(
        "SELECT cause, rows.game_date, rows.entity FROM {faults} AS faults \
         JOIN (SELECT DISTINCT {date} AS game_date, {column} AS entity, opponent_team_abbr FROM {table}) AS games \
             ON games.game_date = faults.game_date AND games.entity = faults.entity \
         JOIN reach_population AS rows ON rows.processor = '{id}' AND rows.entity = faults.entity \
             AND rows.opponent IS NOT DISTINCT FROM opponent_team_abbr \
             AND rows.game_date > faults.game_date AND faults.game_date >= rows.game_date - INTERVAL {months} MONTHS",
        faults = faults(read),
        id = processor.id(),
    )
}

/// No game is further away than this.
const ANY_DAYS: u32 = 100_000;

/// Of the entities of a query, those that have a row, where a processor does not make one for everybody.
fn of_population(processor: &dyn Processor, query: String) -> String {
    let chosen = processor.reads().iter().any(|read| read.window == Window::Population);
    if !chosen {
        return query;
    }
    format!(
        "SELECT * FROM ({query}) SEMI JOIN (FROM reach_population WHERE processor = '{}') AS rows USING (game_date, entity)",
        processor.id()
    )
}

/// From the date of a team's row until as many have followed as the window holds: the rows of its players.
fn team_rows(processor: &dyn Processor, read: &Read, rows: usize) -> String {
    format!(
        "WITH {numbered}, \
         leaving AS ( \
             SELECT cause, faults.entity, faults.game_date, coalesce(last.number, 0) + {rows} AS number FROM {faults} AS faults \
             ASOF LEFT JOIN last ON last.entity = faults.entity AND faults.game_date >= last.game_date), \
         spans AS ( \
             SELECT cause, entity, leaving.game_date AS first, numbered.game_date AS leaves \
             FROM leaving LEFT JOIN numbered USING (entity, number)) \
         SELECT cause, plan.game_date, of_team.entity FROM spans \
         JOIN reach_population AS of_team ON of_team.processor = '{id}' AND of_team.team = spans.entity \
         JOIN plan ON plan.game_date = of_team.game_date AND plan.window_end >= first AND coalesce(plan.window_end < leaves, true)",
        numbered = numbered(read),
        faults = faults(read),
        id = processor.id(),
    )
}

/// A row of the schedule without a team stands for all of its date.
fn team_games_before(processor: &dyn Processor, read: &Read, days: u32) -> String {
    format!(
        "WITH faults AS (SELECT DISTINCT cause, game_date, team_abbr FROM reach_rows WHERE in_table = '{schedule}'), \
         of_day AS (SELECT DISTINCT game_date, unnest([home_team_tricode, away_team_tricode]) AS team FROM {schedule}), \
         named AS ( \
             SELECT cause, game_date, team_abbr AS team FROM faults WHERE team_abbr IS NOT NULL \
             UNION SELECT cause, game_date, of_day.team FROM faults JOIN of_day USING (game_date) WHERE team_abbr IS NULL), \
         games AS (SELECT DISTINCT player_lookup, game_date, team_abbr FROM player_game_summary), \
         teams AS ( \
             SELECT rows.game_date, rows.entity, games.team_abbr AS team FROM (FROM reach_population WHERE processor = '{id}') AS rows \
             ASOF JOIN games ON games.player_lookup = rows.entity AND rows.game_date > games.game_date) \
         SELECT cause, teams.game_date, teams.entity FROM named JOIN teams ON teams.team = named.team \
             AND teams.game_date > named.game_date AND teams.game_date <= named.game_date + {days}",
        schedule = read.table.name(),
        id = processor.id(),
    )
}

/// The averages are in rows only: a date without any has none, unless its rows are still to come.
fn league_days(processor: &dyn Processor, read: &Read, days: u32, content: Content) -> String {
    let output = processor.id().output();
    let there = match content {
        Content::Any => String::new(),
        Content::Stored | Content::Faulty => {
            format!(
                " SEMI JOIN {} AS rows ON rows.{} = plan.game_date",
                output.name(),
                output.schema().partition_column()
            )
        }
    };
    format!(
        "SELECT cause, plan.game_date, NULL AS entity FROM (SELECT DISTINCT cause, game_date FROM {}) AS faults \
         JOIN plan ON faults.game_date BETWEEN plan.game_date - {days} AND plan.window_end{there}",
        faults(read),
    )
}

/// Which rows of a window are numbered, and within what besides the entity.
fn numbering(read: &Read) -> Option<(&'static str, String)> {
    match read.window {
        Window::LastRows { counted, .. } => {
            Some((counted, format!("season_of({})", read.table.schema().partition_column())))
        }
        Window::RowsBefore { .. } | Window::RowBefore | Window::TeamRows(_) => Some(("true", "0".to_owned())),
        _ => None,
    }
}

/// Makes the tables of [`numbered`] for a read, unless one before it needed the same.
pub(super) fn number_rows(session: &Session, read: &Read, made: &mut BTreeSet<String>) -> Result<()> {
    let Some(sql) = numbered_rows(read) else { return Ok(()) };
    let name = name_of(&sql);
    if !made.insert(name.clone()) {
        return Ok(());
    }
    session.execute(&format!(
        "CREATE OR REPLACE TABLE numbered_{name} AS {sql}; \
         CREATE OR REPLACE TABLE last_{name} AS \
         SELECT entity, season, game_date, max(number) AS number FROM numbered_{name} GROUP BY ALL"
    ))
}

fn numbered_rows(read: &Read) -> Option<String> {
    let (counted, season) = numbering(read)?;
    let (table, date) = (read.table.view_name(), read.table.schema().partition_column());
    let column = entity_column(read.table).expect("the table has entities");
    Some(format!(
        "SELECT {column} AS entity, {season} AS season, {date} AS game_date, \
             row_number() OVER (PARTITION BY {column}, {season} ORDER BY {date}) AS number \
         FROM {table} WHERE ({counted}) AND {seen} AND {column} IN (SELECT entity FROM reach_faults WHERE in_table = '{table}')",
        seen = is_seen(read.table),
    ))
}

fn name_of(sql: &str) -> String {
    format!("{:016x}", xxh3_64(sql.as_bytes()))
}

/// The rows of a table that count, numbered for each entity in the order of dates; and the number of the last of each date.
fn numbered(read: &Read) -> String {
    let name = name_of(&numbered_rows(read).expect("the window is of numbered rows"));
    format!("numbered AS (FROM numbered_{name}), last AS (FROM last_{name})")
}

/// From the date of a row until as many rows have followed as the window holds.
fn last_rows(read: &Read, rows: usize) -> String {
    format!(
        "WITH {numbered}, \
         faults AS ( \
             SELECT cause, entity, season, game_date FROM {faults} AS faults \
             WHERE content <> 'stored' OR (entity, game_date) IN (SELECT (entity, game_date) FROM last)), \
         leaving AS ( \
             SELECT cause, faults.entity, faults.season, faults.game_date, coalesce(last.number, 0) + {rows} AS number FROM faults \
             ASOF LEFT JOIN last ON last.entity = faults.entity AND last.season = faults.season AND faults.game_date >= last.game_date), \
         spans AS ( \
             SELECT cause, entity, season, leaving.game_date AS first, coalesce(numbered.game_date, season_start(season + 1)) AS leaves \
             FROM leaving LEFT JOIN numbered USING (entity, season, number)), \
         {merged} \
         SELECT cause, plan.game_date, entity FROM merged \
         JOIN plan ON plan.season_year = merged.season AND plan.window_end >= first AND plan.window_end < leaves",
        numbered = numbered(read),
        faults = faults(read),
        merged = MERGED,
    )
}

/// Spans of an entity that overlap become one.
const MERGED: &str = "runs AS ( \
         SELECT *, coalesce(first > max(leaves) OVER (PARTITION BY cause, entity, season ORDER BY first, leaves ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), true) AS is_new \
         FROM spans), \
     of_run AS (SELECT *, sum(is_new::BIGINT) OVER (PARTITION BY cause, entity, season ORDER BY first, leaves ROWS UNBOUNDED PRECEDING) AS run FROM runs), \
     merged AS (SELECT cause, entity, season, min(first) AS first, max(leaves) AS leaves FROM of_run GROUP BY cause, entity, season, run)";

/// As [`last_rows`], without the date itself and across seasons, for so many days at most.
fn rows_before(processor: &dyn Processor, read: &Read, rows: usize, days: u32) -> String {
    format!(
        "WITH {numbered}, \
         leaving AS ( \
             SELECT cause, faults.entity, faults.game_date, coalesce(last.number, 0) + {rows} AS number FROM {faults} AS faults \
             ASOF LEFT JOIN last ON last.entity = faults.entity AND faults.game_date >= last.game_date), \
         spans AS ( \
             SELECT cause, entity, leaving.game_date AS first, least(numbered.game_date, leaving.game_date + {days}) AS last \
             FROM leaving LEFT JOIN numbered USING (entity, number)) \
         SELECT cause, of_processor.game_date, of_processor.entity FROM spans \
         JOIN reach_population AS of_processor ON of_processor.processor = '{id}' AND of_processor.entity = spans.entity \
             AND of_processor.game_date > first AND of_processor.game_date <= last",
        numbered = numbered(read),
        faults = faults(read),
        id = processor.id(),
    )
}

/// Where a row to start from is the one that was processed last.
fn newest_of_season(read: &Read, with_untimed: bool) -> String {
    let (table, date) = (read.table.view_name(), read.table.schema().partition_column());
    let column = entity_column(read.table).expect("the table has entities");
    let timed = if with_untimed { "" } else { " AND processed_at IS NOT NULL" };
    let season = format!("season_of({date})");
    format!(
        "WITH hashed AS ( \
             SELECT {column} AS entity, {season} AS season, {date} AS game_date, {{'at': processed_at, 'hash': data_hash}} AS hashed \
             FROM {table} WHERE data_hash IS NOT NULL{timed} AND {seen}), \
         newest AS ( \
             SELECT season, game_date, max(max(hashed)) OVER of_season AS hashed, \
                 coalesce(lead(game_date) OVER of_season, season_start(season + 1)) AS next \
             FROM hashed GROUP BY season, game_date WINDOW of_season AS (PARTITION BY season ORDER BY game_date)) \
         SELECT cause, plan.game_date, NULL AS entity FROM {faults} AS faults \
         JOIN hashed USING (entity, game_date, season) JOIN newest ON newest.season = faults.season AND newest.hashed = hashed.hashed \
         JOIN plan ON plan.season_year = newest.season AND plan.window_end >= newest.game_date AND plan.window_end < next \
         WHERE content <> 'any' \
         UNION ALL SELECT cause, plan.game_date, NULL FROM (SELECT cause, season, min(game_date) AS first FROM {faults} AS faults WHERE content = 'any' GROUP BY ALL) AS others \
         JOIN plan ON plan.season_year = season AND plan.window_end >= first",
        seen = is_seen(read.table),
        faults = faults(read),
    )
}

/// Where a row to start from is the first by entity of its date, or of those that were processed last.
fn first_of_day(read: &Read, only_newest: bool) -> String {
    let (table, date) = (read.table.view_name(), read.table.schema().partition_column());
    let column = entity_column(read.table).expect("the table has entities");
    let first = if only_newest {
        format!(
            "min_by({column}, {{'at': processed_at IS NULL, 'since': -epoch_us(processed_at), 'entity': {column}}})"
        )
    } else {
        format!("min({column})")
    };
    format!(
        "SELECT cause, faults.game_date, NULL AS entity FROM {faults} AS faults SEMI JOIN plan USING (game_date) \
         LEFT JOIN (SELECT {date} AS game_date, {first} AS entity FROM {table} WHERE data_hash IS NOT NULL AND {seen} GROUP BY ALL) AS first \
             ON first.game_date = faults.game_date \
         WHERE content = 'any' OR first.entity = faults.entity",
        faults = faults(read),
        seen = is_seen(read.table),
    )
}
