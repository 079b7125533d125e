//! Fingerprints of everything a processor reads for a date.

use chrono::NaiveDate;
use xxhash_rust::xxh3::Xxh3;

use crate::catalog::Table;
use crate::daily_cache::DailyCache;
use crate::processors::{LookBack, Processor, ProcessorId};
use crate::store::{DateState, Phase3Manifest, Phase4Manifest, hash_of_no_rows};
use crate::windows::WindowEnd;

/// Computes fingerprints from the partition hashes in the manifests; no row is read.
#[derive(Debug)]
pub(super) struct Fingerprints<'a> {
    phase3: &'a Phase3Manifest,
    phase4: &'a Phase4Manifest,
    daily_cache: DailyCache,
}

/// Whether a processor reads an input at all.
pub(super) fn is_read(table: Table, daily_cache: DailyCache) -> bool {
    table != Table::SyncedDailyCache || daily_cache == DailyCache::Synced
}

/// The optional upstreams that a processor reads. PDC is the only one of any.
pub(crate) fn optional_upstream(processor: &dyn Processor, daily_cache: DailyCache) -> &'static [ProcessorId] {
    if daily_cache == DailyCache::Computed { processor.optional_upstream() } else { &[] }
}

impl<'a> Fingerprints<'a> {
    pub fn new(phase3: &'a Phase3Manifest, phase4: &'a Phase4Manifest, daily_cache: DailyCache) -> Self {
        Self { phase3, phase4, daily_cache }
    }

    /// Whether the date was pulled, and nobody has a PGS row on it.
    pub fn lacks_player_rows(&self, date: NaiveDate) -> bool {
        let games = self.phase3.tables.get(&Table::PlayerGameSummary);
        games.is_some_and(|games| games.synced.contains(date) && !games.partitions.contains_key(&date))
    }

    /// Changes when a partition in the look-back of an input, an upstream row of the date or the end of the windows
    /// does.
    pub fn of(&self, processor: &dyn Processor, date: NaiveDate, windows: WindowEnd) -> String {
        let mut hasher = Xxh3::new();
        if !windows.is_default() {
            hasher.update(windows.to_string().as_bytes());
        }
        for input in processor.inputs() {
            if !is_read(input.table, self.daily_cache) {
                continue;
            }
            let Some(table) = self.phase3.tables.get(&input.table) else { continue };
            let mut days = table.partitions.range(input.look_back.first_whole_day(date)..=date).peekable();
            if days.peek().is_some() {
                hasher.update(input.table.full_name().as_bytes());
            }
            for (day, partition) in days {
                hasher.update(&chrono::Datelike::num_days_from_ce(day).to_le_bytes());
                hasher.update(partition.hash.as_bytes());
            }
            if input.look_back == LookBack::SeasonAndCarried
                && let Some((_, carried)) = table.carried.range(..=date).next_back()
            {
                hasher.update(carried.as_bytes());
            }
        }
        for &upstream in processor.upstream().iter().chain(optional_upstream(processor, self.daily_cache)) {
            hasher.update(upstream.name().as_bytes());
            match self.phase4.record(upstream, date) {
                // Its rows are there, and nobody reads them.
                Some(record) if matches!(record.state, DateState::Vanished { .. }) => {
                    hasher.update(hash_of_no_rows(upstream.output()).as_bytes());
                }
                Some(record) => hasher.update(record.hash.as_bytes()),
                None => {}
            }
        }
        format!("{:032x}", hasher.digest128())
    }
}
