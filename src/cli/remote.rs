//! `putback status --remote` and `--write-progress`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::context::Context;
use super::environment;
use super::output::{Printer, counted, listed, text_table, thousands};
use super::{receipt, rehearsal};
use crate::calendar::DateRanges;
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::judge::{DateSet, RowsByDate};
use crate::processors::ProcessorId;
use crate::snapshot::Snapshot;
use crate::store::{DateState, Phase4Manifest};
use crate::upload::Target;
use crate::warehouse::bigquery::BigQuery;
use crate::warehouse::{Location, Selection, Source};

/// Published dates that somebody else has changed since.
type Changed = BTreeMap<Table, BTreeSet<NaiveDate>>;

/// Rows per date of the outputs in the target.
type Counts = BTreeMap<ProcessorId, BTreeMap<NaiveDate, u64>>;

/// Compares rows per date with the target, and writes the progress table if asked.
pub fn run(context: Context<'_>, snapshot: &Snapshot, ranges: &DateRanges, write: bool) -> Result<()> {
    let Context { settings, printer, .. } = context;
    rehearsal::say_mapping(settings, printer);
    let phase4 = &snapshot.phase4;
    let dates = snapshot.game_dates(&ranges.clipped_to(environment::yesterday()));
    if dates.is_empty() {
        printer.note("note: no game dates to compare");
        return Ok(());
    }
    if write {
        let Location::BigQuery { project } = settings.required_to()? else {
            return Err(Error::new(ErrorKind::Usage, "--write-progress needs a BigQuery target")
                .hint("add --to bigquery:PROJECT"));
        };
        let bigquery = BigQuery::open_to_publish(settings.bigquery_to_publish(project)?)?;
        let table = bigquery.full_name("nba_backfill", "backfill_progress");
        let counts = counts(&bigquery, ranges)?;
        compare(&Compared { counts: &counts, phase4, dates: &dates, changed: &Changed::new() }, printer);
        bigquery.execute(&merge(&table, snapshot, &counts, &dates), &format!("writing {table}"))?;
        printer.note(format!("{table} has the state of {} game dates", dates.len()));
        return Ok(());
    }
    let source = settings.open_published()?;
    let counted = counts(&*source, ranges)?;
    let target = settings.open_target()?;
    let changed = changed_since(&*target, snapshot, ranges)?;
    compare(&Compared { counts: &counted, phase4, dates: &dates, changed: &changed }, printer);
    say_changed(&changed, &target.name(), printer);
    for bill in [source.bill(), target.bill()] {
        receipt::give(bill, context);
    }
    Ok(())
}

/// Published dates that somebody else has changed since; none where nothing was computed.
fn changed_since(target: &dyn Target, snapshot: &Snapshot, ranges: &DateRanges) -> Result<Changed> {
    match DateSet::collect(snapshot, ranges, &RowsByDate::new()) {
        Ok(mut set) => {
            // Only what receipts and records name counts, and they know what was published.
            set.held_back.clear();
            target.changed_since(&set)
        }
        Err(error) if error.kind() == ErrorKind::Upstream => Ok(Changed::new()),
        Err(error) => Err(error),
    }
}

fn say_changed(changed: &Changed, target: &str, printer: Printer) {
    for (table, dates) in changed {
        let dates: Vec<String> = dates.iter().map(NaiveDate::to_string).collect();
        printer.warn(format!(
            "note: somebody else changed {table} in {target} after it was published, on {}: {}; `putback diff` shows the \
             rows, an upload replaces them",
            counted(dates.len(), "date"),
            listed(dates),
        ));
    }
}

fn counts(source: &dyn Source, ranges: &DateRanges) -> Result<Counts> {
    let ranges = ranges.clipped_to(environment::yesterday());
    let mut counts = Counts::new();
    for id in ProcessorId::ALL {
        let of_table = source.count_rows(id.output(), &Selection::Ranges(ranges.clone()))?;
        counts.insert(id, of_table.unwrap_or_default());
    }
    Ok(counts)
}

fn local_rows(phase4: &Phase4Manifest, id: ProcessorId, date: NaiveDate) -> u64 {
    phase4.record(id, date).map_or(0, |record| record.rows)
}

/// The store and the target.
struct Compared<'a> {
    counts: &'a Counts,
    phase4: &'a Phase4Manifest,
    dates: &'a [NaiveDate],
    changed: &'a Changed,
}

fn compare(compared: &Compared<'_>, printer: Printer) {
    let &Compared { counts, phase4, dates, changed } = compared;
    let mut rows = Vec::new();
    let mut json = Vec::new();
    let is_there = |id: &ProcessorId| id.is_published_unasked() || !counts[id].is_empty();
    for id in ProcessorId::ALL.into_iter().filter(is_there) {
        let there = |date: NaiveDate| counts[&id].get(&date).copied().unwrap_or(0);
        let differing: Vec<NaiveDate> =
            dates.iter().copied().filter(|&date| there(date) != local_rows(phase4, id, date)).collect();
        let total = |of: &dyn Fn(NaiveDate) -> u64| dates.iter().map(|&date| of(date)).sum::<u64>();
        let (here_rows, there_rows) = (total(&|date| local_rows(phase4, id, date)), total(&there));
        let span = differing.first().zip(differing.last());
        rows.push(vec![
            id.to_string(),
            thousands(here_rows),
            thousands(there_rows),
            differing.len().to_string(),
            span.map_or_else(String::new, |(first, last)| format!("{first} to {last}")),
        ]);
        json.push(serde_json::json!({
            "processor": id, "local_rows": here_rows, "remote_rows": there_rows, "differing_dates": differing,
            "changed_by_others": changed.get(&id.output()).cloned().unwrap_or_default(),
        }));
    }
    if printer.is_json() {
        return printer.json(&json);
    }
    printer.line("");
    printer.line(text_table(&["Remote", "Rows here", "Rows there", "Dates that differ", "Between"], rows, 1));
}

/// One merge for all dates. A flag means complete: as many rows as in the store, or empty by rule
/// (`orchestration.md` §10.3); `phase4_complete` is about the tables that are published by default. Phase 3 flags: the
/// table has rows of the date here.
fn merge(table: &str, Snapshot { phase3, phase4, .. }: &Snapshot, counts: &Counts, dates: &[NaiveDate]) -> String {
    const PHASE3: [(&str, Table); 5] = [
        ("phase3_pgs_complete", Table::PlayerGameSummary),
        ("phase3_togs_complete", Table::TeamOffenseGameSummary),
        ("phase3_tdgs_complete", Table::TeamDefenseGameSummary),
        ("phase3_upgc_complete", Table::UpcomingPlayerGameContext),
        ("phase3_utgc_complete", Table::UpcomingTeamGameContext),
    ];
    const PHASE4: [(&str, ProcessorId); 5] = [
        ("phase4_tdza_complete", ProcessorId::Tdza),
        ("phase4_psza_complete", ProcessorId::Psza),
        ("phase4_pcf_complete", ProcessorId::Pcf),
        ("phase4_pdc_complete", ProcessorId::Pdc),
        ("phase4_mlfs_complete", ProcessorId::Mlfs),
    ];
    let row = |date: &NaiveDate| {
        let has = |table: Table| phase3.tables.get(&table).is_some_and(|table| table.partitions.contains_key(date));
        let is_complete = |id: ProcessorId| match phase4.record(id, *date).map(|record| &record.state) {
            Some(DateState::Done) => counts[&id].get(date).copied().unwrap_or(0) == local_rows(phase4, id, *date),
            Some(DateState::Empty { .. } | DateState::Skipped { .. }) => true,
            _ => false,
        };
        let inputs = PHASE3.map(|(_, table)| has(table));
        let outputs = PHASE4.map(|(_, id)| is_complete(id));
        let mut flags = vec![("phase3_complete", inputs.iter().all(|&flag| flag))];
        flags.extend(PHASE3.iter().zip(inputs).map(|((name, _), flag)| (*name, flag)));
        let published = PHASE4.iter().zip(outputs).filter(|((_, id), _)| id.is_published_unasked());
        flags.push(("phase4_complete", published.into_iter().all(|(_, flag)| flag)));
        flags.extend(PHASE4.iter().zip(outputs).map(|((name, _), flag)| (*name, flag)));
        let flags: Vec<String> = flags.iter().map(|(name, flag)| format!("{flag} AS {name}")).collect();
        format!("STRUCT(DATE '{date}' AS game_date, {})", flags.join(", "))
    };
    let names: Vec<&str> = std::iter::once("phase3_complete")
        .chain(PHASE3.map(|(name, _)| name))
        .chain(std::iter::once("phase4_complete"))
        .chain(PHASE4.map(|(name, _)| name))
        .collect();
    let set = names.iter().map(|name| format!("{name} = made.{name}")).collect::<Vec<_>>().join(", ");
    let values = names.iter().map(|name| format!("made.{name}")).collect::<Vec<_>>().join(", ");
    let (first, last) = (dates.first().copied().unwrap_or_default(), dates.last().copied().unwrap_or_default());
    format!(
        "MERGE `{table}` AS known USING (SELECT * FROM UNNEST([{rows}])) AS made \
         ON known.game_date = made.game_date AND known.game_date BETWEEN DATE '{first}' AND DATE '{last}' \
         WHEN MATCHED THEN UPDATE SET {set}, last_updated = CURRENT_TIMESTAMP() \
         WHEN NOT MATCHED THEN INSERT (game_date, {names}, last_updated) VALUES (made.game_date, {values}, CURRENT_TIMESTAMP())",
        rows = dates.iter().map(row).collect::<Vec<_>>().join(", "),
        names = names.join(", "),
    )
}
