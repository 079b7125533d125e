//! Which findings follow from another check, and which dates rest on the faulty rows of each cause.
//!
//! A finding is what a check found on a date. It follows from a cause only if every row it names does: a row of an input
//! if the cause names its game, a row of an output if it rests on rows of the cause, by entity and window.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::AsArray;
use arrow::datatypes::{Date32Type, Int64Type};
use chrono::NaiveDate;
use serde::{Serialize, Serializer};

use super::catalogue::{Catalogue, Check, Phase, Severity};
use super::verdicts::CauseOfPart;
use super::waivers::{Acceptance, AcceptedBy, Waiver, WaiverUse};
use super::{CheckRequest, Finding};
use crate::calendar::date_of_day;
use crate::engine::Session;
use crate::error::Result;
use crate::processors::ProcessorId;
use crate::reach::{self, Content, Reach, Reached};

/// A check of severity error that fails for its own sake, with what follows from it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Cause {
    pub check: String,
    /// In words, with the id.
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<AcceptedBy>,
    /// Where its faulty rows are.
    pub dates: BTreeSet<NaiveDate>,
    /// Checks that fail because of it, with the dates of their findings.
    pub also_fails: BTreeMap<String, BTreeSet<NaiveDate>>,
    /// The dates of the range with a stored value that rests on the rows, by processor.
    #[serde(rename = "reaches", serialize_with = "dates_only")]
    pub reach: BTreeMap<NaiveDate, BTreeMap<ProcessorId, Reached>>,
    /// What the published outputs have of these dates.
    pub tables: usize,
    pub rows: u64,
}

/// A check, and the acceptance that its rows fall under.
type Label = (String, Option<usize>);

type LabelledReach = BTreeMap<Label, BTreeMap<(ProcessorId, NaiveDate), Reached>>;

/// The causes of what the checks of severity error found, from the table `faulty`.
pub(super) fn find(
    session: &Session,
    request: &CheckRequest<'_>,
    findings: &mut BTreeMap<String, Vec<Finding>>,
) -> Result<Vec<CauseOfPart>> {
    let is_failed = |check: &&Check| check.severity == Severity::Error && findings.contains_key(&check.id);
    let failed: Vec<&Check> = request.catalogue.checks().iter().filter(is_failed).collect();
    if failed.is_empty() {
        return Ok(Vec::new());
    }
    take_rows(session, request, &failed)?;
    for (check, cause) in pairs(&failed) {
        assign_by_game(session, check, cause)?;
    }
    if request.phase == Phase::Inputs {
        return collect(session, request, findings, &mut LabelledReach::new());
    }
    label(session, request)?;
    let mut reach = follow(session)?;
    session.execute(
        // A hash of faulty rows explains no value.
        "CREATE TABLE rested AS SELECT DISTINCT split_part(cause, '#', 1) AS root, processor, game_date, entity FROM reached \
         SEMI JOIN (SELECT game_date FROM cause_rows JOIN output_tables USING (in_table)) AS of_outputs USING (game_date) \
         WHERE rests <= 1",
    )?;
    for (check, cause) in pairs(&failed) {
        assign_by_reach(session, check, cause)?;
    }
    // What follows from a cause that is accepted everywhere is accepted with it.
    session.execute(
        "UPDATE cause_rows SET acceptance = found.acceptance FROM ( \
             SELECT root, CASE WHEN count(*) = count(acceptance) THEN min(acceptance) END AS acceptance \
             FROM cause_rows WHERE check_id = root GROUP BY root) AS found \
         WHERE cause_rows.root = found.root AND check_id <> cause_rows.root AND in_table IN (SELECT in_table FROM output_tables)",
    )?;
    let mut causes = collect(session, request, findings, &mut reach)?;
    leave_out_harmless(request, findings, &mut causes);
    let stored = stored_rows(session, request.left_out)?;
    causes.iter_mut().for_each(|cause| cause.weigh(&stored));
    Ok(causes)
}

impl Cause {
    /// Whether it stands against dates: it reaches some, and nobody accepts it. A date that is not done is held back by its
    /// state already.
    pub fn is_open(&self) -> bool {
        self.accepted.is_none() && self.check != Catalogue::NOT_DONE && !self.reach.is_empty()
    }
}

impl CauseOfPart {
    fn weigh(&mut self, stored: &StoredRows) {
        for (table, rows) in self.reach.keys().filter_map(|date| stored.get(date)).flatten() {
            *self.rows.entry(table.clone()).or_default() += rows;
        }
    }
}

/// Rows of the outputs, by date and table.
type StoredRows = BTreeMap<NaiveDate, BTreeMap<String, u64>>;

fn stored_rows(session: &Session, left_out: &[ProcessorId]) -> Result<StoredRows> {
    let none_of = |names: Vec<String>| format!("[{}]::VARCHAR[]", names.join(", "));
    let rows = session.query(&format!(
        "SELECT game_date, processor, rows FROM state WHERE rows > 0 AND NOT list_contains({}, processor) \
         UNION ALL SELECT analysis_date, 'failures', count(*) FROM precompute_failures \
         WHERE NOT list_contains({}, processor_name) GROUP BY analysis_date",
        none_of(left_out.iter().map(|id| format!("'{id}'")).collect()),
        none_of(left_out.iter().map(|id| format!("'{}'", id.class_name())).collect()),
    ))?;
    let mut stored = StoredRows::new();
    for row in 0..rows.num_rows() {
        let date = date_of_day(rows.column(0).as_primitive::<Date32Type>().value(row));
        let table = rows.column(1).as_string::<i32>().value(row).to_owned();
        let count = rows.column(2).as_primitive::<Int64Type>().value(row).unsigned_abs();
        stored.entry(date).or_default().insert(table, count);
    }
    Ok(stored)
}

fn dates_only<V, S: Serializer>(reach: &BTreeMap<NaiveDate, V>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(reach.keys())
}

/// Every failed check with each failed check that it can follow from, causes first.
fn pairs<'a>(failed: &[&'a Check]) -> Vec<(&'a Check, &'a str)> {
    fn depth(check: &Check, failed: &[&Check], left: usize) -> usize {
        let causes = check.consequence_of.iter().filter_map(|id| failed.iter().find(|of| of.id == *id));
        if left == 0 { 0 } else { causes.map(|of| 1 + depth(of, failed, left - 1)).max().unwrap_or(0) }
    }
    let mut ordered = failed.to_vec();
    ordered.sort_by_key(|check| depth(check, failed, failed.len()));
    let causes = |check: &&'a Check| {
        let check = *check;
        let failing = check.consequence_of.iter().filter(|id| failed.iter().any(|of| of.id == **id));
        failing.map(move |id| (check, id.as_str())).collect::<Vec<_>>()
    };
    ordered.iter().flat_map(causes).collect()
}

/// `cause_rows`: the faulty rows of the failed checks with what they follow from, at first themselves. `cause_games`: the
/// teams whose games they are of.
fn take_rows(session: &Session, request: &CheckRequest<'_>, failed: &[&Check]) -> Result<()> {
    let checks: Vec<String> =
        failed.iter().map(|check| format!("('{}', '{}', {})", check.id, check.table, check.early)).collect();
    let outputs: Vec<String> = ProcessorId::ALL.map(|id| format!("('{}', '{id}')", id.output().name())).to_vec();
    let early: Vec<String> = request.early_dates().map(|date| format!("DATE '{date}'")).collect();
    session.execute(&format!(
        "CREATE TABLE output_tables AS SELECT * FROM (VALUES {outputs}) AS t(in_table, processor); \
         CREATE TABLE cause_rows AS \
         SELECT row_number() OVER () AS id, check_id, check_id AS root, coalesce(in_table, of_check) AS in_table, game_date, player_lookup, team_abbr, \
             in_column, coalesce(is_missing, false) AS is_missing, NULL::BIGINT AS acceptance \
         FROM faulty JOIN (VALUES {checks}) AS checks(check_id, of_check, skips_early) USING (check_id) \
         WHERE NOT (skips_early AND list_contains([{early}]::DATE[], game_date)); \
         CREATE TABLE cause_games AS \
         SELECT id, team_abbr AS team FROM cause_rows WHERE team_abbr IS NOT NULL \
         UNION ALL SELECT id, games.team_abbr FROM cause_rows JOIN player_game_summary AS games USING (game_date, player_lookup) WHERE player_lookup IS NOT NULL \
         UNION ALL SELECT id, team_games.team_abbr FROM cause_rows JOIN team_games USING (game_date) WHERE player_lookup IS NULL AND cause_rows.team_abbr IS NULL",
        outputs = outputs.join(", "),
        checks = checks.join(", "),
        early = early.join(", "),
    ))
}

/// A finding whose rows are of inputs follows from a cause that names the games of all of them.
fn assign_by_game(session: &Session, check: &Check, cause: &str) -> Result<()> {
    session.execute(&format!(
        "UPDATE cause_rows SET root = found.root FROM ( \
             WITH named AS (SELECT DISTINCT game_date, team, root FROM cause_rows JOIN cause_games USING (id) WHERE check_id = '{cause}') \
             SELECT rows.game_date, min(named.root) AS root FROM cause_rows AS rows LEFT JOIN cause_games USING (id) \
             LEFT JOIN named ON named.game_date = rows.game_date AND named.team = cause_games.team \
             WHERE check_id = '{id}' \
             GROUP BY rows.game_date \
             HAVING bool_and(named.root IS NOT NULL) AND min(named.root) = max(named.root) AND bool_and(in_table NOT IN (SELECT in_table FROM output_tables))) AS found \
         WHERE cause_rows.check_id = '{id}' AND cause_rows.root = '{id}' AND cause_rows.game_date = found.game_date",
        id = check.id,
    ))
}

/// Says which rows are accepted: those of a check on the dates of an acceptance, and those that follow from them.
fn label(session: &Session, request: &CheckRequest<'_>) -> Result<()> {
    for (index, Acceptance { check, dates, .. }) in request.accepted.iter().enumerate() {
        session.execute(&format!(
            "UPDATE cause_rows SET acceptance = {index} WHERE root = '{check}' AND acceptance IS NULL AND game_date BETWEEN DATE '{}' AND DATE '{}'",
            dates.from, dates.to
        ))?;
    }
    Ok(())
}

fn follow(session: &Session) -> Result<LabelledReach> {
    reach::prepare(session)?;
    reach::start_from(
        session,
        Content::Faulty,
        "SELECT DISTINCT concat_ws('#', root, acceptance) AS cause, in_table, game_date, player_lookup, team_abbr, in_column, is_missing FROM cause_rows",
    )?;
    let reach: Reach = reach::follow(session, Content::Faulty)?;
    Ok(reach.into_iter().map(|(cause, dates)| (label_of(&cause), dates)).collect())
}

fn label_of(cause: &str) -> Label {
    match cause.split_once('#') {
        Some((check, index)) => (check.to_owned(), index.parse().ok()),
        None => (cause.to_owned(), None),
    }
}

/// A finding whose rows are of outputs follows from a cause that all of them rest on.
fn assign_by_reach(session: &Session, check: &Check, cause: &str) -> Result<()> {
    let open =
        format!("SELECT id FROM cause_rows JOIN output_tables USING (in_table) WHERE root = '{}' LIMIT 1", check.id);
    if session.query(&open)?.num_rows() == 0 {
        return Ok(());
    }
    session.execute(&format!(
        "UPDATE cause_rows SET root = found.root FROM ( \
             WITH roots AS (SELECT DISTINCT root FROM cause_rows WHERE check_id = '{cause}'), \
             rows AS (SELECT id, game_date, processor, coalesce(player_lookup, team_abbr) AS entity FROM cause_rows JOIN output_tables USING (in_table) WHERE check_id = '{id}'), \
             explained AS ( \
                 SELECT rows.game_date, rested.root, count(DISTINCT id) AS explained FROM rows \
                 JOIN rested ON rested.processor = rows.processor AND rested.game_date = rows.game_date AND (rested.entity IS NULL OR rested.entity = rows.entity) \
                 JOIN roots USING (root) GROUP BY ALL) \
             SELECT game_date, min(root) AS root FROM explained \
             JOIN (SELECT game_date, count(*) AS named FROM cause_rows WHERE check_id = '{id}' GROUP BY game_date) AS all_rows USING (game_date) \
             WHERE explained = named GROUP BY game_date) AS found \
         WHERE cause_rows.check_id = '{id}' AND cause_rows.root = '{id}' AND found.root <> '{id}' AND cause_rows.game_date = found.game_date",
        id = check.id,
    ))
}

/// Puts together what was found, and says of each finding what it follows from.
fn collect(
    session: &Session,
    request: &CheckRequest<'_>,
    findings: &mut BTreeMap<String, Vec<Finding>>,
    reach: &mut LabelledReach,
) -> Result<Vec<CauseOfPart>> {
    let mut causes: BTreeMap<Label, CauseOfPart> = BTreeMap::new();
    let mut follows: BTreeMap<(String, NaiveDate), String> = BTreeMap::new();
    let rows =
        session.query("SELECT DISTINCT check_id, root, concat_ws('#', root, acceptance), game_date FROM cause_rows")?;
    let text = |column: usize, row: usize| rows.column(column).as_string::<i32>().value(row);
    for row in 0..rows.num_rows() {
        let (check, root) = (text(0, row), text(1, row));
        let date = date_of_day(rows.column(3).as_primitive::<Date32Type>().value(row));
        let cause = causes.entry(label_of(text(2, row))).or_default();
        if check == root {
            cause.dates.insert(date);
        } else {
            cause.also_fails.entry(check.to_owned()).or_default().insert(date);
            follows.insert((check.to_owned(), date), root.to_owned());
        }
    }
    for (label, dates) in std::mem::take(reach) {
        // The outputs of a date that follows from another cause are held back by that one.
        let is_own = |date: NaiveDate| !follows.contains_key(&(label.0.clone(), date));
        let Some(cause) = causes.get_mut(&label) else { continue };
        let holds_back = |processor: ProcessorId, date| !request.left_out.contains(&processor) && is_own(date);
        for ((processor, date), reached) in dates.into_iter().filter(|(of, _)| holds_back(of.0, of.1)) {
            cause.reach.entry(date).or_default().insert(processor, reached);
        }
    }
    for (id, findings) in findings.iter_mut() {
        for finding in findings {
            finding.consequence_of = follows.get(&(id.clone(), finding.date)).cloned();
        }
    }
    let named = causes.into_iter().map(|((check, acceptance), cause)| (check, acceptance, cause));
    let accepted_by = |index: usize| request.accepted[index].by;
    Ok(named.map(|(check, index, cause)| CauseOfPart { check, accepted: index.map(accepted_by), ..cause }).collect())
}

/// Faulty rows before the range that no date of the range rests on are none of its.
fn leave_out_harmless(
    request: &CheckRequest<'_>,
    findings: &mut BTreeMap<String, Vec<Finding>>,
    causes: &mut Vec<CauseOfPart>,
) {
    let is_of_range = |date: &NaiveDate| request.dates.binary_search(date).is_ok() || request.ranges.contains(*date);
    causes.retain(|cause| {
        let mut dates = cause.dates.iter().chain(cause.also_fails.values().flatten());
        !cause.reach.is_empty() || dates.any(is_of_range)
    });
    let reaching: BTreeSet<&str> =
        causes.iter().filter(|cause| !cause.reach.is_empty()).map(|cause| cause.check.as_str()).collect();
    let errors = request.catalogue.checks().iter().filter(|check| check.severity == Severity::Error);
    for check in errors {
        let Some(of_check) = findings.get_mut(&check.id) else { continue };
        let root = |finding: &Finding| finding.consequence_of.clone().unwrap_or_else(|| check.id.clone());
        of_check.retain(|finding| is_of_range(&finding.date) || reaching.contains(root(finding).as_str()));
    }
    findings.retain(|_, findings| !findings.is_empty());
}

/// The waivers that say something of the range. Faulty rows before the range count where dates of it rest on them.
pub(super) fn judged_waivers(request: &CheckRequest<'_>, causes: &[Cause]) -> Vec<(Waiver, WaiverUse)> {
    let is_used = |number| causes.iter().any(|cause| cause.accepted == Some(AcceptedBy::Waiver(number)));
    let judge = |(number, waiver): (usize, &Waiver)| match is_used(number) {
        true => Some((waiver.clone(), WaiverUse::Used)),
        false => {
            request.ranges.iter().any(|range| waiver.concerns(*range)).then(|| (waiver.clone(), WaiverUse::Unused))
        }
    };
    let expired = request.catalogue.expired_waivers().iter().map(|waiver| (waiver.clone(), WaiverUse::Expired));
    request.catalogue.waivers().iter().enumerate().filter_map(judge).chain(expired).collect()
}
