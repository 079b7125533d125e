//! What publications replaced, kept so that they can be undone: `_putback/kept/`.
//!
//! A replaced month is kept under the name of its content, apart from the objects: a plain file with the content of an
//! object counts as ours, and one that somebody restored from an old month must not. What a publication replaced, date by
//! date, is a file of its own, named by its content as well; the record names both.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::DirTarget;
use super::change::Change;
use super::record::{Published, PublishedDate, PublishedMonth, RecordedPublication};
use crate::calendar::Month;
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::numerics::hash::hex;
use crate::publications::Keep;
use crate::store::FileEntry;
use crate::store::commit::staged::{remove_if_present, replace_file, sync_dir};
use crate::store::commit::{files_in, link_or_copy};

/// Publications that the record names; only the last of them can be undone.
const REMEMBERED: usize = 50;

/// What a publication replaced, by table and month.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Replaced {
    pub tables: BTreeMap<String, BTreeMap<String, ReplacedMonth>>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ReplacedMonth {
    /// The file that was replaced; without rows there was none.
    pub before: FileEntry,
    /// The checksum of the file that replaced it; empty: none.
    pub after: String,
    /// Rows of the dates that changed, as they are after it.
    pub rows: u64,
    /// The dates that changed.
    pub dates: BTreeMap<NaiveDate, ReplacedDate>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ReplacedDate {
    /// What the record said of the date before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<PublishedDate>,
    /// Content hash of the date's rows after the publication.
    pub after: String,
}

/// How a publication is entered into the record.
pub(super) struct Entered<'a> {
    pub conditions: &'a [String],
    pub now: DateTime<Utc>,
    pub keep: Keep,
    /// The publication that it takes back.
    pub undoes: Option<&'a str>,
}

impl Replaced {
    /// Months of tables that this version knows.
    pub fn months(&self) -> impl Iterator<Item = (Table, Month, &ReplacedMonth)> {
        self.tables.iter().flat_map(|(name, months)| {
            let table = Table::output_named(name);
            months.iter().filter_map(move |(month, replaced)| Some((table?, month.parse().ok()?, replaced)))
        })
    }

    fn add(&mut self, (table, month): (Table, Month), replaced: ReplacedMonth) {
        self.tables.entry(table.full_name().to_owned()).or_default().insert(month.to_string(), replaced);
    }
}

/// A month whose file is replaced: what was there, and what comes.
pub(super) fn replaced_month(
    change: &Change<'_>,
    recorded: Option<&PublishedMonth>,
    before: FileEntry,
) -> ReplacedMonth {
    let date = |date: &NaiveDate| ReplacedDate {
        recorded: recorded.and_then(|month| month.dates.get(date)).cloned(),
        after: change.after.get(date).cloned().unwrap_or_default(),
    };
    let dates = change.upload.dates.iter().map(|day| (*day, date(day))).collect();
    ReplacedMonth { before, after: change.published.file.sha256.clone(), rows: change.upload.rows, dates }
}

impl DirTarget {
    fn kept_dir(&self) -> PathBuf {
        self.place.control.join("kept")
    }

    /// Where a replaced month lies or would lie.
    pub(super) fn kept_month(&self, sha256: &str) -> PathBuf {
        self.kept_dir().join(format!("{sha256}.parquet"))
    }

    fn kept_replaced(&self, sha256: &str) -> PathBuf {
        self.kept_dir().join(format!("{sha256}.json"))
    }

    /// Enters a publication into the record that is to be committed, and keeps what it replaces. Without that it can be
    /// entered all the same, and not undone.
    pub(super) fn enter(
        &self,
        new: &mut Published,
        months: Vec<((Table, Month), ReplacedMonth)>,
        entered: &Entered<'_>,
    ) -> Result<()> {
        let dates = || months.iter().flat_map(|(_, month)| month.dates.keys().copied());
        let (Some(first_date), Some(last_date)) = (dates().min(), dates().max()) else { return Ok(()) };
        let parent = new.publications.last().map_or_else(String::new, |last| last.id.clone());
        let id = id_of(&parent, &months, entered);
        let rows = months.iter().map(|(_, month)| month.rows).sum();
        let mut kept = BTreeSet::new();
        let mut replaced = Replaced::default();
        let mut is_kept = entered.keep.publications > 0;
        for ((table, month), of_month) in months {
            if is_kept && of_month.before.rows > 0 {
                is_kept = self.keep((table, month), &of_month.before)?;
                kept.insert(of_month.before.sha256.clone());
            }
            replaced.add((table, month), of_month);
        }
        let replaced = if is_kept { self.write_replaced(&replaced)? } else { String::new() };
        if replaced.is_empty() {
            kept.clear();
        }
        new.publications.push(RecordedPublication {
            id,
            parent,
            published_at: entered.now,
            first_date,
            last_date,
            rows,
            undoes: entered.undoes.map(str::to_owned),
            conditions: entered.conditions.to_vec(),
            replaced,
            kept,
        });
        let forgotten = new.publications.len().saturating_sub(REMEMBERED);
        new.publications.drain(..forgotten);
        let older = new.publications.len().saturating_sub(entered.keep.publications);
        for publication in &mut new.publications[..older] {
            publication.replaced.clear();
            publication.kept.clear();
        }
        Ok(())
    }

    /// Keeps the content of a month that is about to be replaced. False: it is not there as recorded.
    fn keep(&self, (table, month): (Table, Month), file: &FileEntry) -> Result<bool> {
        let kept = self.kept_month(&file.sha256);
        if file.matches(&kept) {
            return Ok(true);
        }
        let object = self.place.object_path(&file.sha256);
        let source = if file.has_size_of(&object) { object } else { self.place.plain_path(table, month) };
        if !file.has_size_of(&source) {
            return Ok(false);
        }
        self.create_kept_dir()?;
        link_or_copy(&source, &kept)?;
        Ok(true)
    }

    fn create_kept_dir(&self) -> Result<()> {
        let dir = self.kept_dir();
        std::fs::create_dir_all(&dir).map_err(|error| Error::io("create", &dir, error))
    }

    fn write_replaced(&self, replaced: &Replaced) -> Result<String> {
        let bytes = serde_json::to_vec(replaced).expect("serializes");
        let sha256 = hex(&Sha256::digest(&bytes));
        self.create_kept_dir()?;
        replace_file(&self.kept_replaced(&sha256), &bytes)?;
        sync_dir(&self.kept_dir())?;
        Ok(sha256)
    }

    /// What a publication replaced.
    ///
    /// # Errors
    /// [`ErrorKind::Upstream`] when it is not kept any more, [`ErrorKind::Corrupt`] when it is damaged.
    pub(super) fn replaced_by(&self, publication: &RecordedPublication) -> Result<Replaced> {
        let id = &publication.id;
        let gone = |why: &str| {
            Error::new(ErrorKind::Upstream, format!("publication {id} cannot be undone: {why}"))
                .hint("`putback undo --list` names those that can be undone; `upload --keep N` keeps more of them")
        };
        if publication.replaced.is_empty() {
            return Err(gone("what it replaced is not kept any more"));
        }
        let path = self.kept_replaced(&publication.replaced);
        let bytes = std::fs::read(&path).map_err(|error| gone("what it replaced was removed").because(error))?;
        if hex(&Sha256::digest(&bytes)) != publication.replaced {
            return Err(self.damaged(id, &path));
        }
        let replaced: Replaced =
            serde_json::from_slice(&bytes).map_err(|error| self.damaged(id, &path).because(error))?;
        for (_, _, month) in replaced.months().filter(|(_, _, month)| month.before.rows > 0) {
            let path = self.kept_month(&month.before.sha256);
            match path.exists() {
                false => return Err(gone(&format!("{} is missing", path.display()))),
                true if !month.before.matches(&path) => return Err(self.damaged(id, &path)),
                true => {}
            }
        }
        Ok(replaced)
    }

    fn damaged(&self, id: &str, path: &std::path::Path) -> Error {
        Error::new(
            ErrorKind::Corrupt,
            format!("publication {id} cannot be undone: {} is damaged; nothing was changed", path.display()),
        )
        .hint("publish the rows again from a store that has them")
    }

    /// Removes what no publication of the record can be undone with any more.
    pub(super) fn sweep_kept(&self, record: &Published) -> Result<()> {
        let named = self.kept_files(record);
        let unnamed = files_in(&self.kept_dir())?.into_iter().filter(|path| !named.contains(path));
        unnamed.into_iter().try_for_each(|path| remove_if_present(&path))
    }

    /// What publications of the record can be undone with.
    pub(super) fn kept_files(&self, record: &Published) -> BTreeSet<PathBuf> {
        let mut named = BTreeSet::new();
        for publication in record.publications.iter().filter(|publication| !publication.replaced.is_empty()) {
            named.insert(self.kept_replaced(&publication.replaced));
            named.extend(publication.kept.iter().map(|sha256| self.kept_month(sha256)));
        }
        named
    }
}

/// A digest of what a publication changes, and after which one.
fn id_of(parent: &str, months: &[((Table, Month), ReplacedMonth)], entered: &Entered<'_>) -> String {
    let mut digest = Sha256::new();
    digest.update(format!("{parent}|{}", entered.undoes.unwrap_or_default()));
    for ((table, month), replaced) in months {
        digest.update(format!("|{table}|{month}|{}|{}", replaced.before.sha256, replaced.after));
        replaced.dates.iter().for_each(|(date, of)| digest.update(format!("|{date}|{}", of.after)));
    }
    entered.conditions.iter().for_each(|condition| digest.update(format!("|{condition}")));
    hex(&digest.finalize()[..10])
}
