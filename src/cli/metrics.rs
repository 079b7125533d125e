//! The figures of a run, for schedulers and collectors of metrics: flat, in base units, the same for every command.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::judge::{StatusReport, StatusRow};
use crate::price::Bill;
use crate::progress::{Event, Staged};
use crate::sync::SyncReport;
use crate::upload::TableUpload;

/// `metrics` of `run.json`. A figure of a step that did not run is 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Wall time of the command.
    pub seconds: f64,
    /// Wall time of its steps.
    pub seconds_by_step: BTreeMap<String, f64>,
    pub rows: Rows,
    pub bytes: Bytes,
    /// Dates by state, each counted once for every processor; `None`: the command did not look at them.
    pub dates: Option<Dates>,
    /// Whether every year that was asked for is complete; `None` as for the dates.
    pub verdict: Option<Word>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// Read from the warehouse.
    pub pulled: u64,
    pub computed: u64,
    /// Rows of dates that the target gained or replaced.
    pub published: u64,
    /// Rows that the target no longer has.
    pub removed: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes {
    /// Size of the month files that a sync wrote into the store.
    pub pulled: u64,
    /// Written or sent, also for rows of a month that only move with those that changed.
    pub staged: u64,
    pub billed: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dates {
    pub done: usize,
    pub empty: usize,
    pub skipped: usize,
    pub failed: usize,
    pub pending: usize,
    /// Also counted under the state that they have.
    pub stale: usize,
}

/// A verdict in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    Complete,
    Partial,
}

impl Metrics {
    /// Takes in what an upload wrote or sent: a later event of the same file has the larger figure.
    pub fn see(&mut self, event: &Event) {
        if let Event::Staged(Staged { bytes, .. }) = event {
            self.bytes.staged = self.bytes.staged.max(*bytes);
        }
    }

    pub fn pulled(&mut self, report: &SyncReport) {
        self.rows.pulled += report.tables.iter().map(|table| table.arrived.rows).sum::<u64>();
        self.bytes.pulled += report.tables.iter().map(|table| table.arrived.bytes).sum::<u64>();
    }

    pub fn published<'t>(&mut self, tables: impl Iterator<Item = &'t TableUpload>) {
        for table in tables {
            self.rows.published += table.rows;
            self.rows.removed += table.removed_rows;
        }
    }

    pub fn billed(&mut self, bill: &Bill) {
        self.bytes.billed += bill.bytes();
    }

    pub fn stands(&mut self, status: &StatusReport) {
        let sum = |count: fn(&StatusRow) -> usize| status.rows.iter().map(count).sum();
        self.dates = Some(Dates {
            done: sum(|row| row.done),
            empty: sum(|row| row.empty),
            skipped: sum(|row| row.skipped),
            failed: sum(|row| row.failed),
            pending: sum(|row| row.pending),
            stale: sum(|row| row.stale),
        });
        let is_complete = status.verdicts.iter().all(|verdict| verdict.complete);
        self.verdict = Some(if is_complete { Word::Complete } else { Word::Partial });
    }

    pub fn took(&mut self, step: &str, seconds: f64) {
        *self.seconds_by_step.entry(step.to_owned()).or_default() += rounded(seconds);
    }

    pub fn took_in_all(&mut self, seconds: f64) {
        self.seconds = rounded(seconds);
    }
}

/// To the millisecond.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
