//! What the store holds and in what state: the only thing a reader has to trust.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::Layer;
use super::commit::{Pin, Record};
use super::files::FileEntry;
use super::rule::Rule;
use crate::calendar::{DateRanges, Month};
use crate::catalog::{ProcessorId, Table};
use crate::daily_cache::DailyCache;
use crate::windows::WindowEnd;

/// The version of the store's layout that this build writes. Version 1 had no objects and no checksums.
pub(super) const FORMAT: u32 = 2;

/// Month files by month.
pub type TableFiles = BTreeMap<Month, FileEntry>;

/// Phase 3, as pulled by `sync`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Phase3Manifest {
    #[serde(with = "by_table_name")]
    pub tables: BTreeMap<Table, InputTable>,
    #[serde(skip)]
    pin: Option<Arc<Pin>>,
    #[serde(skip)]
    is_old: bool,
}

/// One pulled table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct InputTable {
    /// The days asked for; days without rows were looked at and found empty.
    pub synced: DateRanges,
    /// Where it came from and in which version.
    pub source: SourceVersion,
    #[serde(with = "by_month_name")]
    pub files: TableFiles,
    pub partitions: BTreeMap<NaiveDate, Partition>,
    /// What dates still see of the days before their season ([`crate::processors::carried`]).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub carried: BTreeMap<NaiveDate, String>,
    /// What is remembered of the warehouse's files, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub source_files: SourceFiles,
    /// Versions of the warehouse's own partitions when their rows were pulled, where it keeps track.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub source_partitions: BTreeMap<String, String>,
    /// Dates whose rows the warehouse no longer has and the store keeps.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub only_here: BTreeSet<NaiveDate>,
}

/// What a warehouse said of a table when it was pulled; equal values mean nothing has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceVersion {
    pub warehouse: String,
    pub version: String,
}

/// Files of a warehouse by their names in it.
pub type SourceFiles = BTreeMap<String, FileStamp>;

/// The hash of a file's content, and all by which a change of it shows: the hash counts while these are as they were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStamp {
    pub size_bytes: u64,
    /// Seconds and nanoseconds since 1970-01-01.
    pub modified: (i64, i64),
    /// The same of the last change of content or of properties, which no program can set.
    pub changed: (i64, i64),
    pub inode: u64,
    pub sha256: String,
}

impl FileStamp {
    /// The later of its times, in nanoseconds since 1970-01-01.
    pub fn newest(&self) -> i128 {
        const PER_SECOND: i128 = 1_000_000_000;
        let (seconds, nanos) = self.modified.max(self.changed);
        i128::from(seconds) * PER_SECOND + i128::from(nanos)
    }
}

/// One day of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    pub rows: u64,
    pub hash: String,
}

/// Phase 4, as computed: the state of every processor on every date.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Phase4Manifest {
    pub processors: BTreeMap<ProcessorId, BTreeMap<NaiveDate, DateRecord>>,
    #[serde(with = "by_table_then_month")]
    pub files: BTreeMap<Table, TableFiles>,
    #[serde(skip)]
    pin: Option<Arc<Pin>>,
    #[serde(skip)]
    is_old: bool,
}

/// The outcome of one processor on one date.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DateRecord {
    #[serde(flatten)]
    pub state: DateState,
    /// Output rows.
    pub rows: u64,
    /// By how many rows that is less than what the computation before made of the date.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fewer_rows: u64,
    /// Content hash of the output rows, volatile columns left out.
    pub hash: String,
    /// Failure rows by category.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failures: BTreeMap<String, u64>,
    /// Content hash of the failure rows.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub failures_hash: String,
    /// Fingerprint of everything that was read for this date.
    pub inputs: String,
    /// Version of the processor.
    pub version: u32,
    /// Where the windows of the computation ended, if not as in the reference.
    #[serde(default, skip_serializing_if = "WindowEnd::is_default")]
    pub windows: WindowEnd,
    /// Of MLFS, the `player_daily_cache` that it read; absent in records of before there was a choice to compute it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_cache: Option<DailyCache>,
    /// Timestamp of the run.
    pub computed_at: DateTime<Utc>,
}

/// How a date ended. Pending dates have no record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum DateState {
    /// Rows were written.
    Done,
    /// No row is possible, by the named rule.
    Empty { rule: Rule },
    /// Nothing could be computed.
    Failed {
        reason: String,
        #[serde(default, skip_serializing_if = "FailureKind::is_default")]
        kind: FailureKind,
    },
    /// Not attempted, by the named rule.
    Skipped { reason: String },
    /// Rows were written once and no row is possible any more, by the named rule; the rows stay until somebody asks for
    /// their removal.
    Vanished { rule: Rule },
}

/// What made a date fail, as far as others act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureKind {
    /// Its own inputs.
    #[default]
    Inputs,
    /// An upstream that failed, was skipped or was not computed.
    Upstream,
    /// A value that is too large for its column. The reference loses the rows without a word, and goes on.
    Overflow,
}

impl FailureKind {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl DateState {
    /// Failed because of the date's own inputs.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self::Failed { reason: reason.into(), kind: FailureKind::Inputs }
    }

    /// The word for it, as in the manifest.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Empty { .. } => "empty",
            Self::Failed { .. } => "failed",
            Self::Skipped { .. } => "skipped",
            Self::Vanished { .. } => "vanished",
        }
    }

    /// The rule or reason, where there is one.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Done => None,
            Self::Empty { rule } | Self::Vanished { rule } => Some(rule.to_string()),
            Self::Failed { reason, .. } | Self::Skipped { reason } => Some(reason.clone()),
        }
    }

    /// As [`DateState::reason`], a rule without the figure of a single date.
    pub fn family(&self) -> Option<&str> {
        match self {
            Self::Done => None,
            Self::Empty { rule } | Self::Vanished { rule } => Some(rule.family()),
            Self::Failed { reason, .. } | Self::Skipped { reason } => Some(reason),
        }
    }

    /// Empty because nobody has enough games; `most` is what anybody has.
    pub fn too_few_games(rule: impl Into<String>, most: i64) -> Self {
        Self::Empty { rule: Rule::too_few_games(rule, most) }
    }

    /// Whether the date has what it can have: its rows, or none by a rule.
    pub fn is_settled(&self) -> bool {
        matches!(self, Self::Done | Self::Empty { .. } | Self::Vanished { .. })
    }

    /// Whether a processor further down may run on this date.
    pub fn lets_others_run(&self) -> bool {
        self.is_settled() || matches!(self, Self::Failed { kind: FailureKind::Overflow, .. })
    }
}

impl Phase4Manifest {
    pub fn record(&self, processor: ProcessorId, date: NaiveDate) -> Option<&DateRecord> {
        self.processors.get(&processor)?.get(&date)
    }

    /// Whether PDC has no part in a date, because MLFS was computed before it could be and so reads no row of it.
    pub fn is_daily_cache_left_out(&self, date: NaiveDate) -> bool {
        self.record(ProcessorId::Mlfs, date).is_some_and(|record| {
            record.daily_cache.is_none() && !record.inputs.is_empty() && self.record(ProcessorId::Pdc, date).is_none()
        })
    }

    pub fn files_of(&self, table: Table) -> Option<&TableFiles> {
        self.files.get(&table)
    }

    /// Dates of an output whose rows are kept although no row is possible any more: readers of results leave them out.
    pub fn vanished_dates(&self, table: Table) -> Vec<NaiveDate> {
        let of_table = self.processors.iter().filter(|(id, _)| id.output() == table);
        let is_vanished = |record: &DateRecord| matches!(record.state, DateState::Vanished { .. });
        let records = of_table.flat_map(|(_, records)| records).filter(|(_, record)| is_vanished(record));
        records.map(|(date, _)| *date).collect()
    }
}

impl Record for Phase3Manifest {
    fn month_files(&self) -> Vec<(Table, Month, &FileEntry)> {
        month_files(self.tables.iter().map(|(&table, input)| (table, &input.files)))
    }
}

impl Record for Phase4Manifest {
    fn month_files(&self) -> Vec<(Table, Month, &FileEntry)> {
        month_files(self.files.iter().map(|(&table, files)| (table, files)))
    }
}

fn month_files<'a>(tables: impl Iterator<Item = (Table, &'a TableFiles)>) -> Vec<(Table, Month, &'a FileEntry)> {
    tables.flat_map(|(table, files)| files.iter().map(move |(&month, entry)| (table, month, entry))).collect()
}

/// The manifests as they lie on disk, for whoever holds the lock: nobody else replaces them.
#[derive(Debug, Default)]
pub struct Manifests {
    phase3: Mutex<Arc<Phase3Manifest>>,
    phase4: Mutex<Arc<Phase4Manifest>>,
}

/// The record of a layer.
pub trait Manifest: Record + Clone {
    const LAYER: Layer;

    /// Where the holder of the lock keeps it.
    fn slot(manifests: &Manifests) -> &Mutex<Arc<Self>>;

    /// Whether an older version of putback wrote it.
    fn is_old(&self) -> bool;

    fn set_old(&mut self, is_old: bool);

    /// Keeps the files of the manifest as long as it is held.
    fn hold(&mut self, pin: Pin);
}

impl Manifest for Phase3Manifest {
    const LAYER: Layer = Layer::Phase3;

    fn slot(manifests: &Manifests) -> &Mutex<Arc<Self>> {
        &manifests.phase3
    }

    fn is_old(&self) -> bool {
        self.is_old
    }

    fn set_old(&mut self, is_old: bool) {
        self.is_old = is_old;
    }

    fn hold(&mut self, pin: Pin) {
        self.pin = Some(Arc::new(pin));
    }
}

impl Manifest for Phase4Manifest {
    const LAYER: Layer = Layer::Phase4;

    fn slot(manifests: &Manifests) -> &Mutex<Arc<Self>> {
        &manifests.phase4
    }

    fn is_old(&self) -> bool {
        self.is_old
    }

    fn set_old(&mut self, is_old: bool) {
        self.is_old = is_old;
    }

    fn hold(&mut self, pin: Pin) {
        self.pin = Some(Arc::new(pin));
    }
}

/// Maps keyed by something with a text form: JSON objects need string keys.
macro_rules! keyed_by_text {
    ($module:ident, $key:ty) => {
        mod $module {
            use super::*;
            use serde::{Deserializer, Serializer};

            pub fn serialize<V: Serialize, S: Serializer>(
                map: &BTreeMap<$key, V>,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                serializer.collect_map(map.iter().map(|(key, value)| (key.to_string(), value)))
            }

            pub fn deserialize<'de, V: Deserialize<'de>, D: Deserializer<'de>>(
                deserializer: D,
            ) -> Result<BTreeMap<$key, V>, D::Error> {
                let map = BTreeMap::<String, V>::deserialize(deserializer)?;
                let parse = |(key, value): (String, V)| {
                    let parsed = key.parse().map_err(|_| serde::de::Error::custom(format!("unknown key {key}")))?;
                    Ok((parsed, value))
                };
                map.into_iter().map(parse).collect()
            }
        }
    };
}

keyed_by_text!(by_table_name, Table);
keyed_by_text!(by_month_name, Month);

mod by_table_then_month {
    use super::*;
    use serde::{Deserializer, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    struct Months(#[serde(with = "by_month_name")] TableFiles);

    pub fn serialize<S: Serializer>(map: &BTreeMap<Table, TableFiles>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(map.iter().map(|(table, files)| (table.to_string(), Months(files.clone()))))
    }

    /// These are tables that were computed, also where an input has the same name.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Table, TableFiles>, D::Error> {
        let parse = |(name, Months(files)): (String, Months)| {
            let table = Table::output_named(&name);
            Ok((table.ok_or_else(|| serde::de::Error::custom(format!("unknown key {name}")))?, files))
        };
        BTreeMap::<String, Months>::deserialize(deserializer)?.into_iter().map(parse).collect()
    }
}
