//! What a computation is asked for, and what it tells.

use std::time::Duration;

use chrono::NaiveDate;

use crate::calendar::DateRanges;
use crate::daily_cache::DailyCache;
use crate::engine::EngineSettings;
use crate::processors::{ProcessorId, RunContext};

/// What to compute, and with what.
#[derive(Debug, Clone)]
pub struct ComputeRequest {
    pub ranges: DateRanges,
    pub daily_cache: DailyCache,
    /// Compute again what is done under the present inputs and version.
    pub force: bool,
    /// The processors to run; what they read of others is taken as the store has it.
    pub processors: Vec<ProcessorId>,
    pub engine: EngineSettings,
    pub context: RunContext,
}

/// What a computation did; how the dates stand is in the store's manifest.
#[derive(Debug, Default)]
pub struct ComputeReport {
    /// The game dates of the ranges.
    pub dates: Vec<NaiveDate>,
    pub processors: Vec<ProcessorReport>,
}

impl ComputeRequest {
    pub(super) fn runs(&self, processor: ProcessorId) -> bool {
        self.processors.contains(&processor) && is_computed(processor, self.daily_cache)
    }
}

impl ComputeReport {
    /// Dates that were computed, over all processors; 0 when nothing had changed.
    pub fn computed(&self) -> usize {
        self.processors.iter().map(|processor| processor.computed).sum()
    }
}

#[derive(Debug)]
pub struct ProcessorReport {
    pub processor: ProcessorId,
    /// Dates computed now.
    pub computed: usize,
    /// Dates that were done under the same inputs and version.
    pub unchanged: usize,
    pub rows: u64,
    pub elapsed: Duration,
}

/// Whether a processor computes anything: PDC does where MLFS reads what it computes.
pub(super) fn is_computed(processor: ProcessorId, daily_cache: DailyCache) -> bool {
    processor != ProcessorId::Pdc || daily_cache == DailyCache::Computed
}
