//! Fingerprints of everything a processor reads for a date.

use chrono::NaiveDate;
use xxhash_rust::xxh3::Xxh3;

use super::DailyCache;
use crate::catalog::Table;
use crate::processors::Processor;
use crate::store::{Phase3Manifest, Phase4Manifest};
use crate::windows::WindowEnd;

/// Computes fingerprints from the partition hashes in the manifests; no row is read.
#[derive(Debug)]
pub(super) struct Fingerprints<'a> {
    phase3: &'a Phase3Manifest,
    phase4: &'a Phase4Manifest,
    daily_cache: DailyCache,
}

impl<'a> Fingerprints<'a> {
    pub fn new(phase3: &'a Phase3Manifest, phase4: &'a Phase4Manifest, daily_cache: DailyCache) -> Self {
        Self { phase3, phase4, daily_cache }
    }

    /// Whether anybody has a PGS row on the date.
    pub fn has_player_rows(&self, date: NaiveDate) -> bool {
        self.phase3.tables.get(&Table::PlayerGameSummary).is_some_and(|table| table.partitions.contains_key(&date))
    }

    /// Changes when a partition in the look-back of an input, an upstream row of the date or the end of the windows
    /// does.
    pub fn of(&self, processor: &dyn Processor, date: NaiveDate, windows: WindowEnd) -> String {
        let mut hasher = Xxh3::new();
        if !windows.is_default() {
            hasher.update(windows.to_string().as_bytes());
        }
        for input in processor.inputs() {
            if input.table == Table::PlayerDailyCache && self.daily_cache == DailyCache::None {
                continue;
            }
            let Some(table) = self.phase3.tables.get(&input.table) else { continue };
            let mut days = table.partitions.range(input.look_back.first_day(date)..=date).peekable();
            if days.peek().is_some() {
                hasher.update(input.table.full_name().as_bytes());
            }
            for (day, partition) in days {
                hasher.update(&chrono::Datelike::num_days_from_ce(day).to_le_bytes());
                hasher.update(partition.hash.as_bytes());
            }
        }
        for &upstream in processor.upstream() {
            hasher.update(upstream.name().as_bytes());
            if let Some(record) = self.phase4.record(upstream, date) {
                hasher.update(record.hash.as_bytes());
            }
        }
        format!("{:032x}", hasher.digest128())
    }
}
