//! The last validation of each date; it counts while the date's outputs and inputs are unchanged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::calendar::{DateRanges, Season};
use crate::error::Result;
use crate::numerics::hash::data_hash;
use crate::processors::ProcessorId;
use crate::store::commit::staged::replace_file;
use crate::store::{Phase3Manifest, Phase4Manifest, Store};

/// The dates that were validated.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Validations {
    /// Digest of the catalogue of checks; another catalogue has said nothing yet.
    catalogue: String,
    dates: BTreeMap<NaiveDate, Validated>,
    /// Dates that were left out of the last publication, with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    excluded: BTreeMap<NaiveDate, String>,
    /// Entities in quarantine in the last publication of a date, by target.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    quarantined: BTreeMap<String, BTreeMap<NaiveDate, u64>>,
    /// Digest of the file that this is the content of; `None`: there is no file.
    #[serde(skip)]
    file: Option<u64>,
    /// Whether the file cannot be read.
    #[serde(skip)]
    unreadable: Option<PathBuf>,
}

/// The real completeness of inputs, where the reference writes a constant 100: of TDZA, PSZA and PDC the games in
/// the windows of every team by the schedule, of PCF the contexts of the players, of MLFS the earlier games of the season of the teams of the date.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputCounts {
    pub expected: u64,
    /// That Phase 3 has.
    pub found: u64,
    /// That are clean as well: every column that is read is filled, and no row is there twice.
    pub clean: u64,
}

impl InputCounts {
    pub(crate) fn add(&mut self, other: Self) {
        self.expected += other.expected;
        self.found += other.found;
        self.clean += other.clean;
    }
}

/// What a validation found of a date.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Ids of the checks of severity error on whose faulty rows the date rests.
    pub failed: BTreeSet<String>,
    /// Those of them that a waiver accepts, with the waiver in words.
    pub waived: BTreeMap<String, String>,
    /// What the rows rest on, by processor.
    pub inputs: BTreeMap<ProcessorId, InputCounts>,
}

/// What a validation found, and what it saw.
#[derive(Debug)]
pub struct Findings<'a> {
    pub found: BTreeMap<NaiveDate, Found>,
    pub seen: &'a Seen<'a>,
}

/// Validations of other stores, and what one would see here.
#[derive(Debug, Clone, Copy)]
pub struct Others<'a> {
    pub validations: &'a [Validations],
    pub seen: &'a Seen<'a>,
}

/// What a publication of some ranges left out, with the reasons.
#[derive(Debug, Clone, Copy)]
pub struct Excluded<'a> {
    pub ranges: &'a DateRanges,
    pub dates: &'a BTreeMap<NaiveDate, String>,
}

/// What a target holds of some dates.
#[derive(Debug, Clone, Copy)]
pub struct InQuarantine<'a> {
    pub target: &'a str,
    /// Those of them without an entity in quarantine are whole.
    pub dates: &'a BTreeSet<NaiveDate>,
    pub entities: &'a BTreeMap<NaiveDate, u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Validated {
    /// Digest of what the processors made of the date, and of the inputs that checks look at.
    content: String,
    /// Ids of the checks of severity error on whose faulty rows the date rests.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    failed: BTreeSet<String>,
    /// Those of them that a waiver accepts, with the waiver in words.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    waived: BTreeMap<String, String>,
    /// What the rows rest on, by processor.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    inputs: BTreeMap<ProcessorId, InputCounts>,
}

impl Validations {
    /// What a store knows; nothing where the record is missing or cannot be read ([`Validations::unreadable`]).
    pub fn load(store: &Store) -> Self {
        Self::default().reloaded(store)
    }

    /// What the store knows by now. The file is parsed only when it is not the one that this is the content of.
    fn reloaded(&self, store: &Store) -> Self {
        let path = store.runs().validations();
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Self::default(),
            Err(_) => return Self { unreadable: Some(path), ..Self::default() },
        };
        let file = Some(xxh3_64(&bytes));
        if self.file == file {
            return self.clone();
        }
        crate::store::loads::note(&path);
        match serde_json::from_slice(&bytes) {
            Ok(known) => Self { file, ..known },
            Err(_) => Self { file, unreadable: Some(path), ..Self::default() },
        }
    }

    /// What counts under a catalogue of checks, by its digest.
    pub fn under(&self, catalogue: &str) -> Self {
        let mut known = self.clone();
        if known.catalogue != catalogue {
            // What was left out is not for the catalogue to say.
            known.dates.clear();
            catalogue.clone_into(&mut known.catalogue);
        }
        known
    }

    /// The record, if there is one that cannot be read.
    pub fn unreadable(&self) -> Option<&Path> {
        self.unreadable.as_deref()
    }

    /// Takes in what a validation found, by date, under the catalogue of these validations.
    pub fn take_in(&mut self, Findings { found, seen }: Findings<'_>) {
        for (date, Found { failed, waived, inputs }) in found {
            self.dates.insert(date, Validated { content: seen.content(date), failed, waived, inputs });
        }
    }

    /// Remembers what a validation found, beside what others find at the same time.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn remember(&self, store: &Store, catalogue: &str, findings: Findings<'_>) -> Result<Self> {
        self.change(store, catalogue, |known| {
            known.take_in(findings);
            true
        })
    }

    /// Remembers which dates of a publication's ranges were left out, and why.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn remember_excluded(&self, store: &Store, catalogue: &str, excluded: Excluded<'_>) -> Result<Self> {
        self.change(store, catalogue, |known| {
            let before = known.excluded.clone();
            known.excluded.retain(|date, _| !excluded.ranges.contains(*date));
            known.excluded.extend(excluded.dates.iter().map(|(date, reason)| (*date, reason.clone())));
            known.excluded != before
        })
    }

    /// Changes the record as it is by now, under its lock; it is written where `change` says so.
    fn change(&self, store: &Store, catalogue: &str, change: impl FnOnce(&mut Self) -> bool) -> Result<Self> {
        let _lock = store.runs().lock()?;
        let mut known = self.reloaded(store).under(catalogue);
        if change(&mut known) {
            let bytes = serde_json::to_vec(&known).expect("serializes");
            replace_file(&store.runs().validations(), &bytes)?;
            (known.file, known.unreadable) = (Some(xxh3_64(&bytes)), None);
        }
        Ok(known)
    }

    /// Dates that were left out of the last publication, with the reason.
    pub fn excluded(&self) -> &BTreeMap<NaiveDate, String> {
        &self.excluded
    }

    /// Remembers how many entities of some dates are in quarantine in a target.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn remember_quarantined(&self, store: &Store, catalogue: &str, now: InQuarantine<'_>) -> Result<Self> {
        let current = self.reloaded(store);
        // Nothing is written where nothing changes: there need not be a store.
        if !current.clone().take_in_quarantine(now) {
            return Ok(current);
        }
        current.change(store, catalogue, |known| known.take_in_quarantine(now))
    }

    /// Returns whether something changed.
    fn take_in_quarantine(&mut self, now: InQuarantine<'_>) -> bool {
        let before = self.quarantined.clone();
        let of_target = self.quarantined.entry(now.target.to_owned()).or_default();
        of_target.retain(|date, _| !now.dates.contains(date));
        of_target.extend(now.entities);
        self.quarantined.retain(|_, dates| !dates.is_empty());
        self.quarantined != before
    }

    /// Entities in quarantine in the last publication of a date into a target.
    pub fn quarantined_in(&self, target: &str) -> BTreeMap<NaiveDate, u64> {
        self.quarantined.get(target).cloned().unwrap_or_default()
    }

    /// The same of all targets: of each date the most.
    pub fn quarantined(&self) -> BTreeMap<NaiveDate, u64> {
        let mut most: BTreeMap<NaiveDate, u64> = BTreeMap::new();
        for (date, entities) in self.quarantined.values().flatten() {
            let known = most.entry(*date).or_default();
            *known = (*known).max(*entities);
        }
        most
    }

    /// The error checks that a waiver accepts on a date, with the waiver in words.
    pub fn waived(&self, date: NaiveDate) -> impl Iterator<Item = (&String, &String)> {
        self.dates.get(&date).into_iter().flat_map(|validated| &validated.waived)
    }

    /// Takes what other stores' validations say of dates as they are here, and what their last publication
    /// left out or has in quarantine. Returns how many dates came from each.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn take_over(&self, store: &Store, catalogue: &str, others: Others<'_>) -> Result<Vec<usize>> {
        let Others { validations: others, seen } = others;
        let mut taken = Vec::with_capacity(others.len());
        self.change(store, catalogue, |known| {
            let mut left_out = 0;
            for other in others {
                taken.push(known.take_dates(other, seen));
                left_out += known.take_left_out(other);
            }
            taken.iter().sum::<usize>() + left_out > 0
        })?;
        Ok(taken)
    }

    /// Takes validations of dates as they are here; returns how many.
    fn take_dates(&mut self, other: &Self, seen: &Seen<'_>) -> usize {
        let counts = |date: NaiveDate, validated: &Validated| validated.content == seen.content(date);
        let new = other.dates.iter().filter(|(date, validated)| {
            counts(**date, validated) && !self.dates.get(date).is_some_and(|ours| counts(**date, ours))
        });
        let new: Vec<_> = new.map(|(date, validated)| (*date, validated.clone())).collect();
        let count = new.len();
        self.dates.extend(new);
        count
    }

    /// Takes what was left out of a publication or is in quarantine; returns how much of it is new.
    fn take_left_out(&mut self, other: &Self) -> usize {
        let mut new = 0;
        for (date, reason) in &other.excluded {
            new += usize::from(!self.excluded.contains_key(date));
            self.excluded.entry(*date).or_insert_with(|| reason.clone());
        }
        for (target, dates) in &other.quarantined {
            let ours = self.quarantined.entry(target.clone()).or_default();
            for (date, entities) in dates {
                new += usize::from(!ours.contains_key(date));
                ours.entry(*date).or_insert(*entities);
            }
        }
        new
    }

    /// The error checks that fail on a date as it is now; `None`: it was not validated as it is now.
    pub fn failed(&self, seen: &Seen<'_>, date: NaiveDate) -> Option<&BTreeSet<String>> {
        self.present(seen, date).map(|validated| &validated.failed)
    }

    /// What the rows of a date as it is now rest on, by processor; `None`: it was not validated as it is now.
    pub fn inputs(&self, seen: &Seen<'_>, date: NaiveDate) -> Option<&BTreeMap<ProcessorId, InputCounts>> {
        self.present(seen, date).map(|validated| &validated.inputs)
    }

    fn present(&self, seen: &Seen<'_>, date: NaiveDate) -> Option<&Validated> {
        self.dates.get(&date).filter(|validated| validated.content == seen.content(date))
    }
}

/// What a validation sees.
#[derive(Debug)]
pub struct Seen<'a> {
    phase4: &'a Phase4Manifest,
    /// Digests of every input of the season up to each day of the schedule: a game that the schedule gains stands against
    /// the dates after it as well.
    inputs: BTreeMap<NaiveDate, String>,
}

impl<'a> Seen<'a> {
    pub fn new(phase3: &Phase3Manifest, phase4: &'a Phase4Manifest) -> Self {
        let mut days: BTreeMap<NaiveDate, Vec<&str>> = BTreeMap::new();
        for (day, partition) in phase3.tables.values().flat_map(|table| &table.partitions) {
            days.entry(*day).or_default().push(&partition.hash);
        }
        let mut inputs = BTreeMap::new();
        let (mut season, mut so_far) = (None, Xxh3::new());
        for (day, hashes) in days {
            if season.replace(Season::of(day)) != Some(Season::of(day)) {
                so_far = Xxh3::new();
            }
            hashes.iter().for_each(|hash| so_far.update(hash.as_bytes()));
            inputs.insert(day, format!("{:016x}", so_far.digest()));
        }
        Self { phase4, inputs }
    }

    fn content(&self, date: NaiveDate) -> String {
        let mut parts = vec![self.inputs.get(&date).cloned().unwrap_or_default()];
        for id in ProcessorId::ALL {
            let record = self.phase4.record(id, date);
            parts.push(record.map_or_else(String::new, |record| {
                format!("{:?}|{}|{}|{}|{}", record.state, record.rows, record.hash, record.failures_hash, record.inputs)
            }));
        }
        data_hash(&parts.iter().map(String::as_bytes).collect::<Vec<_>>())
    }
}
