//! Collects what a report says.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::super::checks;
use super::super::context::Context;
use super::super::environment;
use super::super::range::RangeArgs;
use super::super::settings::Settings;
use super::super::{receipt, rehearsal, unreadable};
use super::facts;
use crate::calendar::DateRanges;
use crate::checks::{CheckReport, Phase};
use crate::diff::{Closeness, Other, Sides, TableDiff, diff};
use crate::error::{Error, ErrorKind, Result};
use crate::judge::{self, Asked, DateSet, Purpose};
use crate::processors::ProcessorId;
use crate::report::page::{About, Checks, Circumstances, Features, Report, TargetState, days};
use crate::snapshot::{Findings, Snapshot};

/// Everything that a report says of a range.
///
/// # Errors
/// [`ErrorKind::Upstream`] when the store has no game dates in the range.
pub fn report(context: Context<'_>, range: &RangeArgs) -> Result<Report> {
    let Context { settings, printer, .. } = context;
    let store = settings.store();
    rehearsal::say_mapping(settings, printer);
    let ranges = range.or_everything()?;
    let snapshot = Snapshot::load(&store)?;
    let dates = snapshot.game_dates(&ranges);
    if dates.is_empty() && judge::vanished(&snapshot, &ranges).is_empty() {
        return Err(judge::no_game_dates(&snapshot, &ranges));
    }
    printer.note("checking inputs and outputs");
    let checks = checked(settings, &snapshot, &ranges)?;
    let status = judge::status(
        &knowing(&snapshot, settings, checks.outputs.as_ref()),
        &settings.catalogue,
        Asked { ranges: &ranges, dates: &dates },
    )?;
    let target = settings.to.is_some().then(|| {
        printer.note("comparing with the target");
        target(context, &snapshot, &ranges)
    });
    let held_back = checks.outputs.as_ref().map(CheckReport::held_back).unwrap_or_default();
    let published = target.as_ref().filter(|target| target.unreachable.is_none()).map(|target| &target.published);
    let circumstances = Circumstances { status: &status, held_back: &held_back, published };
    let days = days(&snapshot.phase4, &circumstances);
    let about = About {
        made_at: environment::timestamp()?,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        store: store.root().display().to_string(),
        range: if ranges == DateRanges::everything() { "every date".to_owned() } else { ranges.to_string() },
    };
    printer.note("reading the feature vectors");
    let features = Features::read(&snapshot, &dates, &settings.engine())?;
    let mut report = Report::new(about, status, days, checks);
    report.target = target;
    report.features = features;
    unreadable::warn_of_records(&store, printer)?;
    report.runs = facts::runs(&store)?;
    report.settings = facts::settings(settings, &store);
    Ok(report)
}

/// Both phases, as far as there is something to check.
fn checked(settings: &Settings, snapshot: &Snapshot, ranges: &DateRanges) -> Result<Checks> {
    let mut not_run = None;
    let check = |phase| {
        let report = judge::check(snapshot, ranges, &Purpose::inspection(phase), &settings.checks())?;
        checks::remembered(settings, snapshot.clone(), &report)?;
        Ok(report)
    };
    let mut of_phase = |phase| match check(phase) {
        // Nothing synced, or no games of the range: the rest of the report holds all the same.
        Err(error) if Error::kind(&error) == ErrorKind::Upstream => {
            not_run = Some(error.to_string());
            Ok(None)
        }
        other => other.map(Some),
    };
    let (outputs, inputs) = (of_phase(Phase::Outputs)?, of_phase(Phase::Inputs)?);
    Ok(Checks { inputs, outputs, not_run })
}

/// The state of the store with what checks of the outputs found, which may not have been remembered.
fn knowing(snapshot: &Snapshot, settings: &Settings, outputs: Option<&CheckReport>) -> Snapshot {
    let Some(outputs) = outputs else { return snapshot.clone() };
    let mut validations = snapshot.validations.under(settings.catalogue.digest());
    validations.take_in(Findings { found: outputs.found(&settings.catalogue), seen: &snapshot.seen() });
    snapshot.validated(validations)
}

/// What the target holds. A report is worth having without it.
fn target(context: Context<'_>, snapshot: &Snapshot, ranges: &DateRanges) -> TargetState {
    let Context { settings, printer, .. } = context;
    let name = settings.to.as_ref().map_or_else(String::new, |to| to.value.to_string());
    let mut state = TargetState {
        name,
        rehearsal: settings.mapping(),
        published: BTreeMap::new(),
        tables: Vec::new(),
        unreachable: None,
    };
    let published = published(context, snapshot, ranges);
    match published.and_then(|published| Ok((published, compared(context, snapshot, ranges)?))) {
        Ok((published, tables)) => {
            state.published = published;
            leave_out_differing(&mut state.published, &tables);
            state.tables = tables;
        }
        Err(error) => {
            let why = error_text(&error);
            printer.warn(format!("note: the target {} could not be asked: {why}", state.shown()));
            state.unreachable = Some(why);
        }
    }
    state
}

/// A record says what was published; rows that somebody changed since are not the ones of the store.
fn leave_out_differing(published: &mut BTreeMap<ProcessorId, BTreeSet<NaiveDate>>, tables: &[TableDiff]) {
    for (id, dates) in published {
        let of_table = tables.iter().filter(|table| table.table == id.output().full_name());
        let differing: BTreeSet<&NaiveDate> = of_table.flat_map(|table| table.dates.keys()).collect();
        dates.retain(|date| !differing.contains(date));
    }
}

fn error_text(error: &Error) -> String {
    match error.hint_text() {
        Some(hint) => format!("{error} ({hint})"),
        None => error.to_string(),
    }
}

/// The dates of each processor that the target holds as they are in the store, by its record or our receipts.
fn published(
    context: Context<'_>,
    snapshot: &Snapshot,
    ranges: &DateRanges,
) -> Result<BTreeMap<ProcessorId, BTreeSet<NaiveDate>>> {
    let set = match DateSet::collect(snapshot, ranges, &judge::vanished(snapshot, ranges)) {
        // Nothing was computed, so nothing was published.
        Err(error) if error.kind() == ErrorKind::Upstream => return Ok(BTreeMap::new()),
        set => set?,
    };
    let target = context.settings.open_target()?;
    let open = target.unpublished(&set);
    receipt::give(target.bill(), context);
    let open = open?;
    let mut published: BTreeMap<ProcessorId, BTreeSet<NaiveDate>> = BTreeMap::new();
    for id in ProcessorId::ALL {
        let of_processor = set.parts.iter().filter(|part| part.table == id.output());
        let dates = of_processor.flat_map(|part| part.dates.keys()).copied();
        let is_open = |date: &NaiveDate| open.get(&id.output()).is_some_and(|dates| dates.contains(date));
        published.insert(id, dates.filter(|date| !is_open(date)).collect());
    }
    Ok(published)
}

/// The comparison by rows; empty where nothing was published yet.
fn compared(context: Context<'_>, snapshot: &Snapshot, ranges: &DateRanges) -> Result<Vec<TableDiff>> {
    let settings = context.settings;
    let tables = settings.open_published().and_then(|source| {
        let closeness = Closeness { full: false, cells: None };
        let sides = Sides { here: snapshot, there: &Other::Warehouse(&*source) };
        let tables = diff(sides, ranges, &settings.engine(), closeness);
        receipt::give(source.bill(), context);
        tables
    });
    match tables {
        Err(error) if error.kind() == ErrorKind::Upstream => Ok(Vec::new()),
        tables => tables,
    }
}
