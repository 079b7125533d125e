//! What an upload changes in a month.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use arrow::array::RecordBatch;
use arrow::compute::not;
use chrono::NaiveDate;

use super::lying::{Looks, Lying};
use super::record::{Published, PublishedDate, PublishedMonth};
use super::{DirTarget, month, repair};
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::judge::{RowsByDate, keep_vanished};
use crate::store::{FileEntry, StoredMonth, hash_of_no_rows};
use crate::upload::{DateToken, MonthPart, PublishSet, TableUpload};

/// A month's rows as they will be, and what that changes.
pub(super) struct Change<'s> {
    pub content: Content<'s>,
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
pub(super) enum Content<'s> {
    /// It stays.
    Same,
    /// It becomes a copy of the store's.
    Stored(StoredMonth<'s>),
    /// It is written anew.
    Rows(RecordBatch),
    /// It becomes one that a publication had replaced.
    Kept(FileEntry),
}

impl Content<'_> {
    pub fn is_new(&self) -> bool {
        !matches!(self, Self::Same)
    }

    /// Rows of the file that is made; 0 where the file stays.
    pub fn rows(&self) -> u64 {
        match self {
            Self::Same => 0,
            Self::Stored(month) => month.entry.rows,
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

impl<'a> Recorded<'a> {
    fn lying(self, part: &MonthPart) -> &'a Lying {
        &self.looks[&(part.table, part.month)]
    }

    /// What the record says of the month of a part.
    fn month(self, part: &MonthPart) -> Cow<'a, PublishedMonth> {
        let known = self.published.month(part.table, part.month);
        known.map_or_else(|| Cow::Owned(PublishedMonth::nothing()), Cow::Borrowed)
    }
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
    pub(super) fn compare<'s>(
        &self,
        set: &PublishSet<'s>,
        part: &MonthPart,
        recorded: Recorded<'_>,
    ) -> Result<Option<Change<'s>>> {
        let (table, lying) = (part.table, recorded.lying(part));
        let known = recorded.month(part);
        let is_recorded = matches!(lying, Lying::Recorded { .. });
        let is_vouched =
            |date: &NaiveDate, token: &str| known.dates.get(date).is_some_and(|known| known.token == token);
        if is_recorded && part.dates.iter().all(|(date, token)| is_vouched(date, &token.content)) {
            return Ok(None);
        }
        let Months { before, after, content, rows_there, is_damaged } =
            match self.replaced_whole(set, part, recorded)? {
                Some(months) => months,
                None => self.merged(set, part, recorded)?,
            };
        let mut upload = count(part, &before, &after);
        let is_written = is_damaged || !upload.dates.is_empty();
        let content = if is_written { content } else { Content::Same };
        let found = |date: &NaiveDate| after.get(date).cloned().unwrap_or_else(|| (hash_of_no_rows(table), 0));
        let mut dates: BTreeMap<NaiveDate, PublishedDate> = BTreeMap::new();
        for (date, known) in known.dates.iter().filter(|(date, _)| !part.dates.contains_key(date)) {
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
            Lying::Recorded { .. } => (known.file.clone(), None),
            Lying::Other { file: Some(file) } => {
                let adopted = file.sha256.clone();
                (FileEntry { rows: rows_there, ..file.clone() }, Some(adopted))
            }
            Lying::Other { file: None } => (PublishedMonth::nothing().file, None),
        };
        let hashes = upload.dates.iter().filter_map(|date| Some((*date, after.get(date)?.0.clone()))).collect();
        let was = upload.dates.iter().filter_map(|date| Some((*date, before.get(date)?.0.clone()))).collect();
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

type ByDate = BTreeMap<NaiveDate, (String, u64)>;

/// A month of the target as it is and as it will be.
struct Months<'s> {
    /// Content hash and rows of each date.
    before: ByDate,
    after: ByDate,
    content: Content<'s>,
    /// Rows of the file that lies there.
    rows_there: u64,
    is_damaged: bool,
}

impl DirTarget {
    /// A month of which the part replaces every row by the store's file as it is; no row has to be read for that.
    fn replaced_whole<'s>(
        &self,
        set: &PublishSet<'s>,
        part: &MonthPart,
        recorded: Recorded<'_>,
    ) -> Result<Option<Months<'s>>> {
        let Some(stored) = set.whole_file(part).filter(|_| !set.terms().repairs) else { return Ok(None) };
        let Some(before) = self.vouched_rows(part, recorded)? else { return Ok(None) };
        let has_rows = |(date, token): (&NaiveDate, &DateToken)| {
            (token.rows > 0).then(|| (*date, (token.content.clone(), token.rows)))
        };
        let after = part.dates.iter().filter_map(has_rows).collect();
        let rows_there = before.values().map(|(_, rows)| rows).sum();
        Ok(Some(Months { before, after, content: Content::Stored(stored), rows_there, is_damaged: false }))
    }

    /// What the target has of a month, if the record vouches for every row and column of it, and all dates are those of
    /// the part.
    fn vouched_rows(&self, part: &MonthPart, recorded: Recorded<'_>) -> Result<Option<ByDate>> {
        let path = match recorded.lying(part) {
            Lying::Other { file: None } | Lying::Recorded { path: None } => return Ok(Some(ByDate::new())),
            Lying::Other { file: Some(_) } => return Ok(None),
            Lying::Recorded { path: Some(path) } => path,
        };
        let known = recorded.month(part);
        let has_rows = known.dates.iter().filter(|(_, of)| of.rows > 0);
        let dates: ByDate = has_rows.map(|(date, of)| (*date, (of.hash.clone(), of.rows))).collect();
        let is_all = dates.values().map(|(_, rows)| rows).sum::<u64>() == known.file.rows
            && dates.keys().all(|date| part.dates.contains_key(date))
            && month::has_columns_of(part.table, path)?;
        Ok(is_all.then_some(dates))
    }

    /// A month with the rows of the part in place of those of its dates.
    fn merged<'s>(&self, set: &PublishSet<'s>, part: &MonthPart, recorded: Recorded<'_>) -> Result<Months<'s>> {
        let (lying, recorded) = (recorded.lying(part), recorded.month(part));
        let (there, is_damaged) = match self.rows(part.table, part.month, lying) {
            Err(error) if error.kind() == ErrorKind::Corrupt && set.terms().repairs => {
                (repair::rows(self, set, part, &recorded).map_err(|unrepaired| unrepaired.because(error))?, true)
            }
            Ok(_) if set.terms().repairs && matches!(lying, Lying::Other { file: None }) => {
                (repair::rows(self, set, part, &recorded)?, true)
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
        let (after, rows_there) = (merged.by_date()?, there.all().num_rows() as u64);
        Ok(Months { before, after, content: Content::Rows(merged.all().clone()), rows_there, is_damaged })
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
