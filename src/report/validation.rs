//! The last validation of each date; it counts while the date's outputs and inputs are unchanged.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::path::PathBuf;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::calendar::{DateRanges, Season};
use crate::checks::{AcceptedBy, Accounting, Catalogue, CheckReport, Inputs};
use crate::error::{Error, Result};
use crate::numerics::hash::data_hash;
use crate::processors::ProcessorId;
use crate::store::commit::staged::{open_regular, replace_file};
use crate::store::{Phase3Manifest, Phase4Manifest, Store};

/// The dates that were validated.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    inputs: BTreeMap<ProcessorId, Inputs>,
}

impl Validations {
    /// What a store knows; nothing where the record is missing or cannot be read ([`Validations::unreadable`]).
    pub fn load(store: &Store, catalogue: &Catalogue) -> Self {
        let known = read(store).unwrap_or_default();
        let nothing = Self {
            catalogue: catalogue.digest().to_owned(),
            dates: BTreeMap::new(),
            excluded: BTreeMap::new(),
            quarantined: BTreeMap::new(),
        };
        match known {
            Some(known) if known.catalogue == catalogue.digest() => known,
            // What was left out is not for the catalogue to say.
            Some(Self { excluded, quarantined, .. }) => Self { excluded, quarantined, ..nothing },
            None => nothing,
        }
    }

    /// The record, if there is one that cannot be read.
    pub fn unreadable(store: &Store) -> Option<PathBuf> {
        read(store).is_err().then(|| path(store))
    }

    /// Takes in what a validation of `dates` found.
    pub fn take_in(&mut self, report: &CheckReport, catalogue: &Catalogue, dates: &[NaiveDate], seen: &Seen<'_>) {
        for &date in dates {
            let of_date = |(id, of): (&ProcessorId, &Accounting)| Some((*id, of.by_date.get(&date)?.inputs));
            let inputs = report.accounting.iter().filter_map(of_date).filter(|(_, inputs)| inputs.expected > 0);
            let validated = Validated {
                content: seen.content(date),
                failed: BTreeSet::new(),
                waived: BTreeMap::new(),
                inputs: inputs.collect(),
            };
            self.dates.insert(date, validated);
        }
        for cause in &report.causes {
            let waiver = match cause.accepted {
                Some(AcceptedBy::Waiver(number)) => catalogue.waivers().get(number),
                _ => None,
            };
            for date in cause.reach.keys() {
                let Some(validated) = self.dates.get_mut(date) else { continue };
                match waiver {
                    Some(waiver) => validated.waived.insert(cause.check.clone(), waiver.text()).is_none(),
                    None => validated.failed.insert(cause.check.clone()),
                };
            }
        }
    }

    /// Remembers which dates of a publication's ranges were left out, and why.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn remember_excluded(
        store: &Store,
        catalogue: &Catalogue,
        ranges: &DateRanges,
        excluded: &BTreeMap<NaiveDate, String>,
    ) -> Result<()> {
        let _lock = Self::locked(store)?;
        let mut known = Self::load(store, catalogue);
        let before = known.excluded.clone();
        known.excluded.retain(|date, _| !ranges.contains(*date));
        known.excluded.extend(excluded.iter().map(|(date, reason)| (*date, reason.clone())));
        match known.excluded == before {
            true => Ok(()),
            false => replace_file(&path(store), &serde_json::to_vec(&known).expect("serializes")),
        }
    }

    /// Dates that were left out of the last publication, with the reason.
    pub fn excluded(&self) -> &BTreeMap<NaiveDate, String> {
        &self.excluded
    }

    /// Remembers how many entities of some dates are in quarantine in a target.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn remember_quarantined(store: &Store, catalogue: &Catalogue, now: InQuarantine<'_>) -> Result<()> {
        // Nothing is written where nothing changes: there need not be a store.
        if !Self::load(store, catalogue).take_in_quarantine(now) {
            return Ok(());
        }
        let _lock = Self::locked(store)?;
        let mut known = Self::load(store, catalogue);
        known.take_in_quarantine(now);
        replace_file(&path(store), &serde_json::to_vec(&known).expect("serializes"))
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

    /// Remembers what a validation of `dates` found, beside what others find at the same time.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn remember(
        store: &Store,
        catalogue: &Catalogue,
        report: &CheckReport,
        seen: (&[NaiveDate], Seen<'_>),
    ) -> Result<()> {
        let _lock = Self::locked(store)?;
        let mut known = Self::load(store, catalogue);
        known.take_in(report, catalogue, seen.0, &seen.1);
        replace_file(&path(store), &serde_json::to_vec(&known).expect("serializes"))
    }

    /// Takes what other stores' validations say of dates as they are here, and what their last publication
    /// left out or has in quarantine. Returns how many dates came from each.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn take_over(store: &Store, catalogue: &Catalogue, others: &[Self], seen: &Seen<'_>) -> Result<Vec<usize>> {
        let _lock = Self::locked(store)?;
        let mut known = Self::load(store, catalogue);
        let (mut taken, mut left_out) = (Vec::with_capacity(others.len()), 0);
        for other in others {
            let counts = |date: NaiveDate, validated: &Validated| validated.content == seen.content(date);
            let new = other.dates.iter().filter(|(date, validated)| {
                counts(**date, validated) && !known.dates.get(date).is_some_and(|ours| counts(**date, ours))
            });
            let new: Vec<_> = new.map(|(date, validated)| (*date, validated.clone())).collect();
            taken.push(new.len());
            known.dates.extend(new);
            for (date, reason) in &other.excluded {
                left_out += usize::from(!known.excluded.contains_key(date));
                known.excluded.entry(*date).or_insert_with(|| reason.clone());
            }
            for (target, dates) in &other.quarantined {
                let ours = known.quarantined.entry(target.clone()).or_default();
                for (date, entities) in dates {
                    left_out += usize::from(!ours.contains_key(date));
                    ours.entry(*date).or_insert(*entities);
                }
            }
        }
        if taken.iter().sum::<usize>() + left_out > 0 {
            replace_file(&path(store), &serde_json::to_vec(&known).expect("serializes"))?;
        }
        Ok(taken)
    }

    /// Held from reading the record to replacing it.
    fn locked(store: &Store) -> Result<File> {
        let path = path(store).with_file_name("lock");
        let dir = path.parent().expect("it lies in a directory");
        std::fs::create_dir_all(dir).map_err(|error| Error::io("create", dir, error))?;
        let mut options = OpenOptions::new();
        let file = open_regular(options.read(true).write(true).create(true).truncate(false), &path);
        let file = file.map_err(|error| Error::io("open", &path, error))?;
        file.lock().map_err(|error| Error::io("lock", &path, error))?;
        Ok(file)
    }

    /// The error checks that fail on a date as it is now; `None`: it was not validated as it is now.
    pub fn failed(&self, seen: &Seen<'_>, date: NaiveDate) -> Option<&BTreeSet<String>> {
        self.present(seen, date).map(|validated| &validated.failed)
    }

    /// What the rows of a date as it is now rest on, by processor; `None`: it was not validated as it is now.
    pub fn inputs(&self, seen: &Seen<'_>, date: NaiveDate) -> Option<&BTreeMap<ProcessorId, Inputs>> {
        self.present(seen, date).map(|validated| &validated.inputs)
    }

    fn present(&self, seen: &Seen<'_>, date: NaiveDate) -> Option<&Validated> {
        self.dates.get(&date).filter(|validated| validated.content == seen.content(date))
    }
}

/// The record, if there is one.
fn read(store: &Store) -> std::io::Result<Option<Validations>> {
    match std::fs::read(path(store)) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn path(store: &Store) -> PathBuf {
    store.root().join("runs").join("validations.json")
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
