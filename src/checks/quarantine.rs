//! The players and teams whose rows rest on faulty rows, so that the rest of a date can be published without them.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Int64Type};
use chrono::NaiveDate;
use serde::Serialize;

use super::CheckRequest;
use super::catalogue::Catalogue;
use crate::calendar::date_of_day;
use crate::engine::Session;
use crate::error::Result;
use crate::processors::ProcessorId;
use crate::processors::failures::{EXPECTED_INCOMPLETE, INSUFFICIENT_DATA};
use crate::reach::entity_column;

/// The checks that stand against an entity, by entity.
pub type Entities = BTreeMap<String, BTreeSet<String>>;

/// What of the stored rows rests on faulty rows that nobody accepts.
///
/// A row that keeps only a hash of what it was made from has the right values: it is not in quarantine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quarantine {
    /// The entities with such a row.
    pub entities: BTreeMap<(ProcessorId, NaiveDate), Entities>,
    /// The entities that have too few games for a row: whether that is so rests on faulty rows.
    pub failed: BTreeMap<(ProcessorId, NaiveDate), Entities>,
    /// Dates that stay held back, with the checks: all of the date rests on faulty rows, or no row of some processor
    /// would be left.
    pub whole: BTreeMap<NaiveDate, BTreeSet<String>>,
    /// The checks in words, with the id.
    names: BTreeMap<String, String>,
}

/// What a cause keeps in quarantine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Extent {
    pub rows: u64,
    /// Failures of entities without a row that are replaced.
    pub failures: u64,
    pub players: BTreeSet<String>,
    pub teams: BTreeSet<String>,
    pub dates: BTreeSet<NaiveDate>,
}

impl Quarantine {
    /// Nothing, and what the checks are called.
    pub(super) fn named(catalogue: &Catalogue) -> Self {
        Self { names: names(catalogue), ..Self::default() }
    }

    /// Entities that are published with a failure of the quarantine, whether they have a row or not.
    pub fn failures(&self, id: ProcessorId, date: NaiveDate) -> Entities {
        let of = |entities: &BTreeMap<_, Entities>| entities.get(&(id, date)).cloned().unwrap_or_default();
        of(&self.entities).into_iter().chain(of(&self.failed)).collect()
    }

    /// Where something of a processor's date is in quarantine.
    pub fn keys(&self) -> BTreeSet<(ProcessorId, NaiveDate)> {
        self.entities.keys().chain(self.failed.keys()).copied().collect()
    }

    /// Why entities have no row, for the table of failures. The same for every range of dates that is published.
    pub fn reason(&self, checks: &BTreeSet<String>) -> String {
        let names: Vec<&str> =
            checks.iter().map(|check| self.names.get(check).map_or(check.as_str(), String::as_str)).collect();
        format!("rests on faulty rows: {}", names.join("; "))
    }

    /// What a check keeps in quarantine. An entity that rests on the faulty rows of two counts with each.
    pub fn of_check(&self, check: &str) -> Extent {
        let mut extent = Extent::default();
        for (of, has_row) in [(&self.entities, true), (&self.failed, false)] {
            for ((id, date), entities) in of {
                for (entity, _) in entities.iter().filter(|(_, checks)| checks.contains(check)) {
                    let named = if *id == ProcessorId::Tdza { &mut extent.teams } else { &mut extent.players };
                    named.insert(entity.clone());
                    *(if has_row { &mut extent.rows } else { &mut extent.failures }) += 1;
                    extent.dates.insert(*date);
                }
            }
        }
        extent
    }

    /// The same for every check that keeps something in quarantine.
    pub fn by_check(&self) -> BTreeMap<String, Extent> {
        let all = self.entities.values().chain(self.failed.values());
        let checks: BTreeSet<&String> = all.flat_map(BTreeMap::values).flatten().collect();
        checks.into_iter().map(|check| (check.clone(), self.of_check(check))).collect()
    }

    /// Entities that are published with a failure of the quarantine, by date: each counts for each processor.
    pub fn by_date(&self) -> BTreeMap<NaiveDate, u64> {
        let mut counts = BTreeMap::new();
        for ((_, date), entities) in self.entities.iter().chain(&self.failed) {
            *counts.entry(*date).or_default() += entities.len() as u64;
        }
        counts
    }
}

/// Of the dates that the open causes reach, what may be published and what not.
pub(super) fn find(session: &Session, request: &CheckRequest<'_>) -> Result<Quarantine> {
    prepare(session, request)?;
    let mut quarantine = Quarantine::named(request.catalogue);
    let whole = session.query("SELECT DISTINCT game_date, cause FROM resting WHERE entity IS NULL")?;
    for row in 0..whole.num_rows() {
        quarantine.whole.entry(date(&whole, 0, row)).or_default().insert(text(&whole, 1, row));
    }
    quarantine.entities = reached_of(session, "stored")?;
    quarantine.failed = reached_of(session, "failed")?;
    hold_back_emptied(session, &mut quarantine)?;
    Ok(quarantine)
}

/// Whose rows rest on faulty rows, of a table of entities.
fn reached_of(session: &Session, table: &str) -> Result<BTreeMap<(ProcessorId, NaiveDate), Entities>> {
    let found = session.query(&format!(
        "SELECT DISTINCT game_date, processor, entity, cause FROM resting SEMI JOIN {table} USING (processor, game_date, entity) \
         ANTI JOIN (FROM resting WHERE entity IS NULL) AS whole USING (game_date)"
    ))?;
    let mut reached: BTreeMap<_, Entities> = BTreeMap::new();
    for row in 0..found.num_rows() {
        let entities = reached.entry((text(&found, 1, row).parse()?, date(&found, 0, row))).or_default();
        entities.entry(text(&found, 2, row)).or_default().insert(text(&found, 3, row));
    }
    Ok(reached)
}

/// `stored`: who has a row. `failed`: who has too few games for one. `resting`: whose rows rest on the faulty rows of an open
/// cause, NULL for all of the date.
fn prepare(session: &Session, request: &CheckRequest<'_>) -> Result<()> {
    let rows = ProcessorId::ALL.map(|id| {
        let table = id.output();
        let (date, key) = (table.schema().partition_column(), entity_column(table).expect("outputs have entities"));
        format!("SELECT DISTINCT '{id}' AS processor, {date} AS game_date, {key} AS entity FROM {}", table.name())
    });
    let left_out: Vec<String> = request.left_out.iter().map(|id| format!("'{id}'")).collect();
    session.execute(&format!(
        "CREATE TABLE stored AS {rows}; \
         CREATE TABLE failed AS \
         SELECT DISTINCT processor, analysis_date AS game_date, entity_id AS entity FROM precompute_failures \
         JOIN (VALUES {processors}) AS processors(processor, processor_name) USING (processor_name) \
         ANTI JOIN stored ON stored.processor = processors.processor AND stored.game_date = analysis_date AND stored.entity = entity_id \
         WHERE failure_category IN ('{INSUFFICIENT_DATA}', '{EXPECTED_INCOMPLETE}'); \
         CREATE TABLE resting AS \
         WITH follows AS (SELECT DISTINCT check_id AS cause, game_date FROM cause_rows WHERE check_id <> root) \
         SELECT DISTINCT cause, processor, game_date, entity FROM reached ANTI JOIN follows USING (cause, game_date) \
         WHERE rests <= 1 AND NOT contains(cause, '#') \
         UNION ALL \
         SELECT DISTINCT check_id, found.processor, found.game_date, NULL \
         FROM (SELECT *, coalesce(player_lookup, team_abbr) AS entity FROM cause_rows JOIN output_tables USING (in_table)) AS found \
         SEMI JOIN plan USING (game_date) ANTI JOIN stored USING (processor, game_date, entity) \
         WHERE check_id = root AND acceptance IS NULL AND entity IS NOT NULL; \
         DELETE FROM resting WHERE cause = '{not_done}' OR list_contains([{left_out}]::VARCHAR[], processor)",
        rows = rows.join(" UNION ALL "),
        processors = ProcessorId::ALL.map(|id| format!("('{id}', '{}')", id.class_name())).join(", "),
        not_done = Catalogue::NOT_DONE,
        left_out = left_out.join(", "),
    ))
}

/// A date of which a processor would have no row left is held back as a whole.
fn hold_back_emptied(session: &Session, quarantine: &mut Quarantine) -> Result<()> {
    let counts = session.query(
        "SELECT game_date, processor, count(*) FROM stored SEMI JOIN resting USING (processor, game_date) GROUP BY ALL",
    )?;
    let mut emptied: BTreeMap<NaiveDate, BTreeSet<String>> = BTreeMap::new();
    for row in 0..counts.num_rows() {
        let stored = counts.column(2).as_primitive::<Int64Type>().value(row).unsigned_abs();
        let key = (text(&counts, 1, row).parse()?, date(&counts, 0, row));
        if let Some(entities) = quarantine.entities.get(&key).filter(|entities| entities.len() as u64 >= stored) {
            emptied.entry(key.1).or_default().extend(entities.values().flatten().cloned());
        }
    }
    for reached in [&mut quarantine.entities, &mut quarantine.failed] {
        reached.retain(|(_, date), _| !emptied.contains_key(date));
    }
    quarantine.whole.extend(emptied);
    Ok(())
}

fn names(catalogue: &Catalogue) -> BTreeMap<String, String> {
    catalogue.checks().iter().map(|check| (check.id.clone(), check.cause())).collect()
}

fn text(rows: &RecordBatch, column: usize, row: usize) -> String {
    rows.column(column).as_string::<i32>().value(row).to_owned()
}

fn date(rows: &RecordBatch, column: usize, row: usize) -> NaiveDate {
    date_of_day(rows.column(column).as_primitive::<Date32Type>().value(row))
}
