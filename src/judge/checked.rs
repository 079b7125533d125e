//! What the checks say of a snapshot.

use chrono::NaiveDate;

use crate::calendar::DateRanges;
use crate::catalog::Table;
use crate::checks::{Acceptance, AcceptedBy, Catalogue, CheckReport, CheckRequest, Phase, acceptances, run_checks};
use crate::engine::EngineSettings;
use crate::error::{Error, ErrorKind, Result};
use crate::processors::ProcessorId;
use crate::snapshot::Snapshot;

/// What checks are run with.
#[derive(Debug, Clone)]
pub struct CheckSettings<'a> {
    pub catalogue: &'a Catalogue,
    pub engine: EngineSettings,
}

/// What a phase is run for.
#[derive(Debug)]
pub struct Purpose<'a> {
    pub phase: Phase,
    /// Checks that may fail for this run.
    pub accept: &'a [String],
    /// Processors whose rows are not published.
    pub left_out: Vec<ProcessorId>,
    /// Whether the rest of a date is published where entities rest on faulty rows.
    pub quarantines: bool,
}

impl Purpose<'_> {
    /// To know, and not to publish.
    pub fn inspection(phase: Phase) -> Self {
        Self { phase, accept: &[], left_out: ProcessorId::unasked(), quarantines: false }
    }
}

/// Runs a phase over the game dates of the ranges that the store has inputs for.
///
/// # Errors
/// [`ErrorKind::Upstream`] when nothing was synced, or there are no game dates; otherwise as [`run_checks`].
pub fn check(
    snapshot: &Snapshot,
    ranges: &DateRanges,
    purpose: &Purpose<'_>,
    settings: &CheckSettings<'_>,
) -> Result<CheckReport> {
    if !snapshot.phase3.tables.contains_key(&Table::PlayerGameSummary) {
        let root = snapshot.store.root().display();
        return Err(Error::new(ErrorKind::Upstream, format!("nothing was synced into {root}"))
            .hint("run `putback sync` for the range first"));
    }
    // What a waiver says holds for more than this run.
    let mut accepted = acceptances(settings.catalogue.waivers());
    let everything = DateRanges::everything().span().expect("a range");
    let by_flag = |check: &String| Acceptance { check: check.clone(), dates: everything, by: AcceptedBy::Flag };
    accepted.extend(purpose.accept.iter().map(by_flag));
    run_checks(&CheckRequest {
        ranges,
        snapshot,
        dates: &checkable(snapshot, ranges),
        phase: purpose.phase,
        catalogue: settings.catalogue,
        accepted: &accepted,
        left_out: &purpose.left_out,
        quarantines: purpose.quarantines,
        engine: settings.engine.clone(),
    })
}

/// The game dates that the store has inputs for.
fn checkable(snapshot: &Snapshot, ranges: &DateRanges) -> Vec<NaiveDate> {
    let synced = snapshot.phase3.tables.get(&Table::PlayerGameSummary).map(|games| &games.synced);
    let mut dates = snapshot.game_dates(ranges);
    dates.retain(|date| synced.is_some_and(|synced| synced.contains(*date)));
    dates
}
