//! What an upload changes in a month.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::RecordBatch;
use arrow::compute::not;
use chrono::NaiveDate;

use super::lying::{Looks, Lying};
use super::record::{Published, PublishedDate, PublishedMonth};
use super::{DirTarget, repair};
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::judge::{RowsByDate, keep_vanished};
use crate::store::{FileEntry, hash_of_no_rows};
use crate::upload::{MonthPart, PublishSet, TableUpload};

/// A month's rows as they will be, and what that changes.
pub(super) struct Change {
    pub content: Content,
    pub published: PublishedMonth,
    /// A file of others that is replaced, or recorded as it lies.
    pub adopted: Option<String>,
    pub upload: TableUpload,
    /// Content hashes of the dates that change, as they will be; none where no row stays.
    pub after: BTreeMap<NaiveDate, String>,
    /// The same as they are; none where there are no rows.
    pub before: BTreeMap<NaiveDate, String>,
}

/// What becomes of a month's file.
pub(super) enum Content {
    /// It stays.
    Same,
    /// It is written anew.
    Rows(RecordBatch),
    /// It becomes one that a publication had replaced.
    Kept(FileEntry),
}

impl Content {
    pub fn is_new(&self) -> bool {
        !matches!(self, Self::Same)
    }

    /// Rows of the file that is made; 0 where the file stays.
    pub fn rows(&self) -> u64 {
        match self {
            Self::Same => 0,
            Self::Rows(rows) => rows.num_rows() as u64,
            Self::Kept(file) => file.rows,
        }
    }
}

/// What the record says, and what lies there.
#[derive(Clone, Copy)]
pub(super) struct Recorded<'a> {
    pub published: &'a Published,
    pub looks: &'a Looks,
}

impl DirTarget {
    /// The parts to compare and replace, and the rows that stay although the store has none of their dates.
    pub(super) fn judged(&self, set: &PublishSet<'_>, recorded: Recorded<'_>) -> Result<(Vec<MonthPart>, RowsByDate)> {
        let mut held = RowsByDate::new();
        let outputs = set.parts.iter().filter(|part| part.table != Table::PrecomputeFailures);
        for part in outputs.filter(|_| !set.terms().removes_vanished) {
            let empty = part.dates.iter().filter(|(_, token)| token.rows == 0).map(|(date, _)| *date);
            let empty: BTreeSet<NaiveDate> = empty.collect();
            if empty.is_empty() {
                continue;
            }
            let there: Vec<(NaiveDate, u64)> =
                self.row_counts(set, part, recorded)?.into_iter().filter(|(date, _)| empty.contains(date)).collect();
            if !there.is_empty() {
                held.entry(part.table).or_default().extend(there);
            }
        }
        Ok((keep_vanished(&set.parts, &held), held))
    }

    /// Rows by date of the month of a part, dates without rows left out.
    fn row_counts(
        &self,
        set: &PublishSet<'_>,
        part: &MonthPart,
        recorded: Recorded<'_>,
    ) -> Result<BTreeMap<NaiveDate, u64>> {
        let Recorded { published, looks } = recorded;
        let lying = &looks[&(part.table, part.month)];
        let recorded = published.month(part.table, part.month).filter(|_| matches!(lying, Lying::Recorded { .. }));
        let is_known = |recorded: &&PublishedMonth| {
            let empty = part.dates.iter().filter(|(_, token)| token.rows == 0);
            empty.map(|(date, _)| date).all(|date| recorded.dates.contains_key(date))
        };
        if let Some(recorded) = recorded.filter(is_known) {
            let rows = recorded.dates.iter().map(|(date, known)| (*date, known.rows));
            return Ok(rows.filter(|(_, rows)| *rows > 0).collect());
        }
        let rows = match self.rows(part.table, part.month, lying) {
            // What a damaged file held is told by the record.
            Err(error) if error.kind() == ErrorKind::Corrupt && set.terms().repairs => {
                let dates =
                    published.month(part.table, part.month).map(|month| month.dates.clone()).unwrap_or_default();
                return Ok(dates
                    .into_iter()
                    .map(|(date, known)| (date, known.rows))
                    .filter(|(_, rows)| *rows > 0)
                    .collect());
            }
            other => other?,
        };
        Ok(rows.by_date()?.into_iter().map(|(date, (_, rows))| (date, rows)).collect())
    }

    /// What has to change for a part; `None` when the record vouches for all of it.
    pub(super) fn compare(
        &self,
        set: &PublishSet<'_>,
        part: &MonthPart,
        recorded: Recorded<'_>,
    ) -> Result<Option<Change>> {
        let Recorded { published, looks } = recorded;
        let (table, month) = (part.table, part.month);
        let lying = &looks[&(table, month)];
        let nothing = PublishedMonth::nothing();
        let recorded = published.month(table, month).unwrap_or(&nothing);
        let is_recorded = matches!(lying, Lying::Recorded { .. });
        let is_vouched =
            |date: &NaiveDate, token: &str| recorded.dates.get(date).is_some_and(|known| known.token == token);
        if is_recorded && part.dates.iter().all(|(date, token)| is_vouched(date, &token.content)) {
            return Ok(None);
        }
        let (there, is_damaged) = match self.rows(table, month, lying) {
            Err(error) if error.kind() == ErrorKind::Corrupt && set.terms().repairs => {
                (repair::rows(self, set, part, recorded).map_err(|unrepaired| unrepaired.because(error))?, true)
            }
            Ok(_) if set.terms().repairs && matches!(lying, Lying::Other { file: None }) => {
                (repair::rows(self, set, part, recorded)?, true)
            }
            other => (other?, false),
        };
        let before = if is_damaged { BTreeMap::new() } else { there.by_date()? };
        let ours = set.rows(part)?;
        let kept = there.filter(&not(&part.owned_rows(there.all()))?)?;
        let (merged, repeated) = kept.with(&ours, &there)?;
        if repeated > 0 {
            return Err(repeated_keys(part, repeated));
        }
        let after = merged.by_date()?;
        let mut upload = count(part, &before, &after);
        let is_written = is_damaged || !upload.dates.is_empty();
        let found = |date: &NaiveDate| after.get(date).cloned().unwrap_or_else(|| (hash_of_no_rows(table), 0));
        let mut dates: BTreeMap<NaiveDate, PublishedDate> = BTreeMap::new();
        for (date, known) in recorded.dates.iter().filter(|(date, _)| !part.dates.contains_key(date)) {
            if found(date).0 == known.hash {
                dates.insert(*date, known.clone());
            } else {
                upload.changed_by_others.insert(*date);
            }
        }
        for (date, token) in &part.dates {
            let (hash, rows) = found(date);
            dates.insert(*date, PublishedDate { token: token.content.clone(), hash, rows });
        }
        let (file, adopted) = match lying {
            Lying::Recorded { .. } => (recorded.file.clone(), None),
            Lying::Other { file: Some(file) } => {
                let adopted = file.sha256.clone();
                (FileEntry { rows: there.all().num_rows() as u64, ..file.clone() }, Some(adopted))
            }
            Lying::Other { file: None } => (nothing.file, None),
        };
        let hashes = upload.dates.iter().filter_map(|date| Some((*date, after.get(date)?.0.clone()))).collect();
        let was = upload.dates.iter().filter_map(|date| Some((*date, before.get(date)?.0.clone()))).collect();
        let content = if is_written { Content::Rows(merged.all().clone()) } else { Content::Same };
        Ok(Some(Change {
            content,
            after: hashes,
            before: was,
            published: PublishedMonth { file, dates },
            adopted,
            upload,
        }))
    }
}

fn repeated_keys(part: &MonthPart, repeated: u64) -> Error {
    let key = part.table.schema().key_columns().join(", ");
    Error::new(ErrorKind::Corrupt, format!("{} {}: {repeated} rows repeat the key ({key})", part.table, part.month))
        .hint("remove the repeated rows from the target or the store; nothing was published")
}

/// What the dates of a part lose and gain.
pub(super) fn count(
    part: &MonthPart,
    before: &BTreeMap<NaiveDate, (String, u64)>,
    after: &BTreeMap<NaiveDate, (String, u64)>,
) -> TableUpload {
    let mut upload = TableUpload::default();
    for date in part.dates.keys() {
        if before.get(date).map(|day| &day.0) == after.get(date).map(|day| &day.0) {
            upload.unchanged += 1;
            continue;
        }
        let rows = |days: &BTreeMap<NaiveDate, (String, u64)>| days.get(date).map_or(0, |day| day.1);
        upload.dates.push(*date);
        upload.rows += rows(after);
        upload.removed_rows += rows(before).saturating_sub(rows(after));
    }
    upload
}
