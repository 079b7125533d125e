//! A directory of Parquet files that is published into.
//!
//! Tables are month files, `<dataset>.<table>/<YYYY-MM>.parquet`, replaced by rename. What was
//! published lies in `_putback/published.json`; a file that is not the recorded one is read and
//! compared, so a killed upload or a change by somebody else is found by content.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::compute::{concat_batches, filter_record_batch, not};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::dir::table_files;
use crate::calendar::Month;
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::{Event, Observer, check_cancelled};
use crate::store::lock::lock_patiently;
use crate::store::publish::{remove_if_present, rename, replace_file, stage_file, staged_path, sync_dir};
use crate::store::{FileEntry, date_slices, partition_hash, read_month_file, sort_by_key};
use crate::upload::{MonthPart, PublishSet, TableUpload, Target, UploadReport};

/// A directory that is written as a warehouse.
#[derive(Debug)]
pub struct DirTarget {
    root: PathBuf,
}

/// `_putback/published.json`: by table, then month.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Published {
    format: u32,
    tables: BTreeMap<String, BTreeMap<String, PublishedMonth>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct PublishedMonth {
    #[serde(flatten)]
    file: FileEntry,
    /// Content token of each date that putback published.
    dates: BTreeMap<NaiveDate, String>,
}

/// A month whose file is staged and verified.
struct StagedMonth {
    path: PathBuf,
    /// `None`: the month has no rows left and its file goes.
    file: Option<FileEntry>,
}

const FORMAT: u32 = 1;

impl DirTarget {
    /// Opens or creates the directory.
    pub fn open(root: &Path) -> Result<Self> {
        std::fs::create_dir_all(root).map_err(|error| Error::io("create", root, error))?;
        let root = root.canonicalize().map_err(|error| Error::io("resolve", root, error))?;
        Ok(Self { root })
    }

    fn control_dir(&self) -> PathBuf {
        self.root.join("_putback")
    }

    fn published_path(&self) -> PathBuf {
        self.control_dir().join("published.json")
    }

    fn month_file(&self, table: Table, month: Month) -> PathBuf {
        self.root.join(table.full_name()).join(format!("{month}.parquet"))
    }

    /// Held until the returned file is dropped.
    fn lock(&self) -> Result<std::fs::File> {
        let dir = self.control_dir();
        std::fs::create_dir_all(&dir).map_err(|error| Error::io("create", &dir, error))?;
        let path = dir.join("lock");
        let open = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = open.map_err(|error| Error::io("open", &path, error))?;
        if lock_patiently(&file).map_err(|error| Error::io("lock", &path, error))? {
            return Ok(file);
        }
        Err(Error::new(ErrorKind::Locked, format!("another upload into {} is running", self.root.display()))
            .hint("wait for it to end and run the same command again"))
    }

    fn load_published(&self) -> Result<Published> {
        let path = self.published_path();
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Published::default()),
            Err(error) => return Err(Error::io("read", &path, error)),
        };
        let published: Published = serde_json::from_slice(&bytes).map_err(|error| {
            Error::new(ErrorKind::Conflict, format!("{} cannot be read", path.display()))
                .hint("remove the file: the next upload compares by content and writes it anew")
                .because(error)
        })?;
        if published.format > FORMAT {
            return Err(Error::new(
                ErrorKind::Store,
                format!("{} was written by a newer version of putback", path.display()),
            )
            .hint("use that version, or another --to"));
        }
        Ok(published)
    }

    /// A table laid out in another way would be read twice beside our month files.
    fn refuse_foreign_layout(&self, table: Table) -> Result<()> {
        let dir = self.root.join(table.full_name());
        for path in table_files(&self.root, table)? {
            let is_month = path.parent() == Some(&dir)
                && path.file_stem().and_then(|stem| stem.to_str()).is_some_and(|stem| stem.parse::<Month>().is_ok());
            if !is_month {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!("{} holds rows of {table}, and putback publishes month files", path.display()),
                )
                .hint("publish into another directory, or move that file away; nothing was published"));
            }
        }
        Ok(())
    }

    /// What has to change for a part; `None` when the target already holds it.
    fn compare(&self, set: &PublishSet<'_>, part: &MonthPart, published: &Published) -> Result<Option<Change>> {
        let path = self.month_file(part.table, part.month);
        if is_published(published, part, &path) {
            return Ok(None);
        }
        let existing = if path.is_file() {
            read_month_file(part.table, &path).map(|batch| sort_by_key(part.table, &batch).map(|(rows, _)| rows))??
        } else {
            RecordBatch::new_empty(part.table.schema().arrow().clone())
        };
        let ours = set.rows(part)?;
        let kept = filter_record_batch(&existing, &not(&part.owned_rows(&existing))?)?;
        let merged = concat_batches(part.table.schema().arrow(), [&kept, &ours])?;
        let (merged, repeated) = sort_by_key(part.table, &merged)?;
        if repeated > 0 {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!(
                    "{} {}: {repeated} rows repeat the key ({})",
                    part.table,
                    part.month,
                    part.table.schema().key_columns().join(", ")
                ),
            )
            .hint("remove the repeated rows from the target or the store; nothing was published"));
        }
        Ok(Some(Change::new(part, &existing, merged)))
    }
}

/// A month's rows as they will be, and what that changes.
struct Change {
    merged: RecordBatch,
    upload: TableUpload,
}

impl Change {
    fn new(part: &MonthPart, existing: &RecordBatch, merged: RecordBatch) -> Self {
        let (before, after) = (hash_dates(part.table, existing), hash_dates(part.table, &merged));
        let mut upload = TableUpload::default();
        for date in part.dates.keys() {
            if before.get(date).map(|day| &day.0) == after.get(date).map(|day| &day.0) {
                upload.unchanged += 1;
                continue;
            }
            let rows = |days: &BTreeMap<NaiveDate, (String, u64)>| days.get(date).map_or(0, |day| day.1);
            upload.dates.push(*date);
            upload.rows += rows(&after);
            upload.removed_rows += rows(&before).saturating_sub(rows(&after));
        }
        Self { merged, upload }
    }
}

fn hash_dates(table: Table, batch: &RecordBatch) -> BTreeMap<NaiveDate, (String, u64)> {
    date_slices(table, batch)
        .into_iter()
        .map(|(date, rows)| (date, (partition_hash(table, batch, rows.clone()), rows.len() as u64)))
        .collect()
}

/// Cheap answer for a second upload: the recorded file is in place and every date has its token.
fn is_published(published: &Published, part: &MonthPart, path: &Path) -> bool {
    let month = published.tables.get(part.table.full_name()).and_then(|months| months.get(&part.month.to_string()));
    let Some(month) = month else { return false };
    let in_place = if month.file.rows == 0 { !path.exists() } else { month.file.matches(path) };
    in_place && part.dates.iter().all(|(date, token)| month.dates.get(date) == Some(&token.content))
}

impl Target for DirTarget {
    fn name(&self) -> String {
        format!("dir:{}", self.root.display())
    }

    fn unpublished(&self, set: &PublishSet<'_>) -> Result<BTreeMap<Table, BTreeSet<NaiveDate>>> {
        let published = self.load_published()?;
        let mut dates: BTreeMap<Table, BTreeSet<NaiveDate>> = BTreeMap::new();
        for part in &set.parts {
            let month =
                published.tables.get(part.table.full_name()).and_then(|months| months.get(&part.month.to_string()));
            let known = |date: &NaiveDate| month.and_then(|month| month.dates.get(date));
            let open = part.dates.iter().filter(|(date, token)| known(date) != Some(&token.content));
            dates.entry(part.table).or_default().extend(open.map(|(date, _)| *date));
        }
        Ok(dates)
    }

    fn rehearse(&self, set: &PublishSet<'_>) -> Result<Vec<String>> {
        let published = self.load_published()?;
        let mut lines = Vec::new();
        for part in &set.parts {
            if let Some(change) = self.compare(set, part, &published)? {
                let (dates, rows) = (change.upload.dates.len(), change.upload.rows);
                let path = self.month_file(part.table, part.month);
                lines.push(format!("replace {} ({dates} dates differ, {rows} rows)", path.display()));
            }
        }
        Ok(lines)
    }

    fn publish(&self, set: &PublishSet<'_>, observer: &dyn Observer) -> Result<UploadReport> {
        let _lock = self.lock()?;
        let is_published = |table: &Table| set.parts.iter().any(|part| part.table == *table);
        for table in Table::outputs().filter(|table| *table != Table::PlayerDailyCache || is_published(table)) {
            self.refuse_foreign_layout(table)?;
        }
        let mut published = self.load_published()?;
        published.format = FORMAT;
        let mut report = UploadReport::default();
        let mut staged = Vec::new();
        let total = set.parts.len();
        for (index, part) in set.parts.iter().enumerate() {
            check_cancelled(observer)?;
            let table = report.tables.entry(part.table).or_default();
            match self.compare(set, part, &published)? {
                None => table.unchanged += part.dates.len(),
                Some(change) => {
                    add(table, &change.upload);
                    staged.push(self.stage(part, &change.merged, &mut published)?);
                }
            }
            observer.on(Event::MonthPublished { table: part.table, index: index + 1, total });
        }
        if !staged.is_empty() {
            self.replace(&staged, &published)?;
        }
        Ok(report)
    }
}

fn add(table: &mut TableUpload, month: &TableUpload) {
    table.dates.extend(&month.dates);
    table.unchanged += month.unchanged;
    table.rows += month.rows;
    table.removed_rows += month.removed_rows;
}

impl DirTarget {
    /// Writes a month beside its final name and reads it back before anything is replaced.
    fn stage(&self, part: &MonthPart, merged: &RecordBatch, published: &mut Published) -> Result<StagedMonth> {
        let path = self.month_file(part.table, part.month);
        let file = if merged.num_rows() == 0 { None } else { Some(stage_file(&path, merged)?) };
        if file.is_some() {
            verify_staged(part, &staged_path(&path), merged)?;
        }
        let months = published.tables.entry(part.table.full_name().to_owned()).or_default();
        let empty = FileEntry { rows: 0, size_bytes: 0, sha256: String::new() };
        let entry = months
            .entry(part.month.to_string())
            .or_insert_with(|| PublishedMonth { file: empty.clone(), dates: BTreeMap::new() });
        entry.file = file.clone().unwrap_or(empty);
        entry.dates.extend(part.dates.iter().map(|(date, token)| (*date, token.content.clone())));
        Ok(StagedMonth { path, file })
    }

    /// Renames everything into place, records it, and checks what lies there.
    fn replace(&self, staged: &[StagedMonth], published: &Published) -> Result<()> {
        for month in staged {
            match &month.file {
                Some(_) => rename(&staged_path(&month.path), &month.path)?,
                None => remove_if_present(&month.path)?,
            }
        }
        for dir in staged.iter().filter_map(|month| month.path.parent()).filter(|dir| dir.is_dir()) {
            sync_dir(dir)?;
        }
        let bytes = serde_json::to_vec_pretty(published).expect("serializes");
        replace_file(&self.published_path(), &bytes)?;
        for month in staged {
            if let Some(file) = &month.file
                && !file.matches(&month.path)
            {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!("{} is not what was just published: somebody else writes there", month.path.display()),
                )
                .hint("stop the other writer and run the same upload again"));
            }
        }
        Ok(())
    }
}

/// Reads the staged file back: rows and the content of every date.
fn verify_staged(part: &MonthPart, path: &Path, merged: &RecordBatch) -> Result<()> {
    let staged = read_month_file(part.table, path)?;
    if hash_dates(part.table, &staged) != hash_dates(part.table, merged) {
        return Err(Error::new(ErrorKind::Unexpected, format!("{} does not hold what was written", path.display()))
            .hint("check the disk; nothing was published"));
    }
    Ok(())
}
