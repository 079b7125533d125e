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
use crate::judge::{self, DateSet, RowsByDate, TargetRows};
use crate::processors::ProcessorId;
use crate::snapshot::Snapshot;
use crate::store::Phase4Manifest;
use crate::upload::Target;
use crate::warehouse::bigquery::BigQuery;
use crate::warehouse::{Location, Selection, Source};

/// Published dates that somebody else has changed since.
type Changed = BTreeMap<Table, BTreeSet<NaiveDate>>;

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
        let counts = counts(&bigquery, ranges)?;
        compare(&Compared { counts: &counts, phase4, dates: &dates, changed: &Changed::new() }, printer);
        let table = bigquery.write_progress(&judge::progress(snapshot, &counts, &dates))?;
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

fn counts(source: &dyn Source, ranges: &DateRanges) -> Result<TargetRows> {
    let ranges = ranges.clipped_to(environment::yesterday());
    let mut counts = TargetRows::new();
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
    counts: &'a TargetRows,
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
