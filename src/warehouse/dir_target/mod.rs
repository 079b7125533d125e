//! A directory of Parquet files that is published into.
//!
//! Tables are month files, `<dataset>.<table>/<YYYY-MM>.parquet`. They change by the commits of
//! [`crate::store::commit`]: content in `_putback/objects/`, the record `_putback/published.json` replaced by one rename,
//! then the plain names. The directory belongs to others too: a plain file that is not the recorded one is read and
//! compared by content, and the record keeps its word only on dates whose content it confirms.

mod change;
mod directory;
mod facts;
mod history;
mod load;
mod lying;
mod month;
mod reader;
mod record;
mod repair;
mod undo;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::RecordBatch;
use chrono::NaiveDate;

use self::change::{Change, Content, Recorded};
pub use self::directory::DirTarget;
use self::history::{Entered, ReplacedMonth, replaced_month};
use self::load::Found;
use self::lying::Lying;
use self::month::MonthRows;
pub use self::reader::PublishedDir;
use self::record::{Published, PublishedMonth};
use crate::calendar::Month;
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::parallel;
use crate::progress::{Event, Observer, Staged, check_cancelled};
use crate::publications::{Publication, UndoReport, UndoRequest};
use crate::store::commit::link_or_copy;
use crate::store::{FileEntry, StoredMonth, hash_of_no_rows};
use crate::upload::{DateSet, MonthPart, Plan, PlannedDate, PublishSet, Rehearsal, TableUpload, Target, UploadReport};

impl DirTarget {
    /// Writes the months as objects and reads them back, on all threads.
    fn write(
        &self,
        changes: Vec<(Table, Month, Change<'_>)>,
        known: &Published,
        observer: &dyn Observer,
    ) -> Result<Written> {
        let staging = Staging::of(&changes, observer);
        let files = parallel::try_map(&changes, self.threads, |(table, month, change)| {
            let file = self.write_content((*table, *month), change)?;
            file.iter().for_each(|file| staging.add(file));
            Ok(file)
        })?;
        let (mut record, has_changes, mut replaced) = (known.clone(), !changes.is_empty(), Vec::new());
        for ((table, month, mut change), file) in changes.into_iter().zip(files) {
            if let Some(file) = file {
                let before = std::mem::replace(&mut change.published.file, file);
                replaced.push(((table, month), replaced_month(&change, known.month(table, month), before)));
            }
            record.set(table, month, change.published);
        }
        Ok(Written { record, has_changes, replaced })
    }

    /// The new file of a month, as an object; `None` where the file stays.
    fn write_content(&self, (table, month): (Table, Month), change: &Change<'_>) -> Result<Option<FileEntry>> {
        if let Some(sha256) = &change.adopted {
            self.adopt(table, month, sha256)?;
        }
        match &change.content {
            Content::Same => Ok(None),
            Content::Stored(stored) => self.copy(stored).map(Some),
            Content::Kept(file) => self.take_kept(file).map(Some),
            Content::Rows(rows) => self.write_month(table, rows).map(Some),
        }
    }

    fn copy(&self, stored: &StoredMonth<'_>) -> Result<FileEntry> {
        stored.copy_to(&self.place)?;
        let path = self.place.object_path(&stored.entry.sha256);
        if stored.entry.matches(&path) { Ok(stored.entry.clone()) } else { Err(not_as_written(&path)) }
    }

    /// Makes what was written the state of the target. The id of the publication, unless nothing changed.
    fn commit(&self, found: &Found, written: Written, entered: &Entered<'_>) -> Result<Option<String>> {
        let &Found { record: ref known, is_written } = found;
        let Written { record: mut new, has_changes, replaced: months } = written;
        if has_changes {
            new.conditions = entered.conditions.to_vec();
        }
        if new == *known && months.is_empty() && is_written {
            return Ok(None);
        }
        if !is_written {
            self.adopt_all(known)?;
        }
        let replaced: Vec<(Table, Month)> = months.iter().map(|(of, _)| *of).collect();
        self.enter(&mut new, months, entered)?;
        self.place.commit(known, &new)?;
        self.sweep_kept(&new)?;
        for (table, month) in replaced {
            let path = self.place.plain_path(table, month);
            let published = new.month(table, month).and_then(PublishedMonth::file);
            let is_there = published.map_or_else(|| !path.exists(), |file| file.matches(&path));
            if !is_there {
                return Err(Error::new(
                    ErrorKind::StalePlan,
                    format!("{} is not what was just published: somebody else writes there", path.display()),
                )
                .hint("stop the other writer and run the same upload again"));
            }
        }
        let latest = new.publications.last().filter(|_| new.publications.len() != known.publications.len());
        Ok(latest.map(|publication| publication.id.clone()))
    }

    /// Makes a kept month an object again.
    fn take_kept(&self, file: &FileEntry) -> Result<FileEntry> {
        if file.rows > 0 {
            let object = self.place.object_path(&file.sha256);
            if !file.matches(&object) {
                link_or_copy(&self.kept_month(&file.sha256), &object)?;
            }
        }
        Ok(file.clone())
    }

    /// Takes a file of others for one of ours, so that it may be replaced.
    fn adopt(&self, table: Table, month: Month, sha256: &str) -> Result<()> {
        if self.place.adopt(table, month, sha256)? {
            return Ok(());
        }
        let path = self.place.plain_path(table, month);
        Err(Error::new(ErrorKind::StalePlan, format!("{} changed while it was compared", path.display()))
            .hint("stop the other writer and run the same command again; nothing was published"))
    }

    /// The files of a record that had no objects.
    fn adopt_all(&self, record: &Published) -> Result<()> {
        for (table, month, published) in record.months() {
            let Some(file) = published.file() else { continue };
            if !self.place.object_path(&file.sha256).exists() {
                self.adopt(table, month, &file.sha256)?;
            }
        }
        Ok(())
    }

    fn write_month(&self, table: Table, rows: &RecordBatch) -> Result<FileEntry> {
        if rows.num_rows() == 0 {
            return Ok(PublishedMonth::nothing().file);
        }
        let file = self.place.write_object(rows)?;
        let path = self.place.object_path(&file.sha256);
        if MonthRows::read(table, &path)?.all().columns() != rows.columns() {
            return Err(not_as_written(&path));
        }
        Ok(file)
    }
}

fn not_as_written(path: &Path) -> Error {
    Error::new(ErrorKind::Unexpected, format!("{} does not hold what was written", path.display()))
        .hint("check the disk; nothing was published")
}

impl DirTarget {
    /// [`DirTarget::compare`] of every part, on all threads.
    fn compare_all<'s>(
        &self,
        set: &PublishSet<'s>,
        parts: &[MonthPart],
        (recorded, observer): (Recorded<'_>, &dyn Observer),
    ) -> Result<Vec<Option<Change<'s>>>> {
        let (total, done) = (parts.len(), AtomicUsize::new(0));
        parallel::try_map(parts, self.threads, |part| {
            check_cancelled(observer)?;
            let change = self.compare(set, part, recorded)?;
            let index = done.fetch_add(1, Ordering::Relaxed) + 1;
            observer.on(Event::MonthCompared { table: part.table, index, total });
            Ok(change)
        })
    }

    fn empty_plan(&self, set: &PublishSet<'_>, known: &Published) -> Plan {
        let parent = known.publications.last().map_or_else(String::new, |latest| latest.id.clone());
        Plan::of(set, self.name(), parent)
    }
}

impl Target for DirTarget {
    fn name(&self) -> String {
        self.shown.clone().unwrap_or_else(|| format!("dir:{}", self.root.display()))
    }

    fn unpublished(&self, set: &DateSet<'_>) -> Result<BTreeMap<Table, BTreeSet<NaiveDate>>> {
        let published = self.load()?.record;
        let mut dates: BTreeMap<Table, BTreeSet<NaiveDate>> = BTreeMap::new();
        for part in &set.parts {
            let month = published.month(part.table, part.month);
            let known = |date: &NaiveDate| Some(&month?.dates.get(date)?.token);
            let open = part.dates.iter().filter(|(date, token)| known(date) != Some(&token.content));
            dates.entry(part.table).or_default().extend(open.map(|(date, _)| *date));
        }
        Ok(dates)
    }

    fn rehearse(&self, set: &PublishSet<'_>) -> Result<Rehearsal> {
        let published = self.load()?.record;
        let mut lines = Vec::new();
        let mut plan = self.empty_plan(set, &published);
        let looks = self.look_all(&set.parts, &published, set.terms().repairs)?;
        let recorded = Recorded { published: &published, looks: &looks };
        let (parts, vanished) = self.judged(set, recorded)?;
        for part in &parts {
            let Some(change) = self.compare(set, part, recorded)? else { continue };
            add_to_plan(&mut plan, part, &change);
            if change.content.is_new() {
                let (dates, rows) = (change.upload.dates.len(), change.upload.rows);
                let path = self.place.plain_path(part.table, part.month);
                lines.push(format!("replace {} ({dates} dates differ, {rows} rows)", path.display()));
            }
        }
        Ok(Rehearsal { lines, vanished, plan, estimate: None })
    }

    fn publish(&self, set: &PublishSet<'_>, observer: &dyn Observer) -> Result<UploadReport> {
        if set.parts.is_empty() {
            set.refuse_unless_reviewed(&self.empty_plan(set, &self.load()?.record))?;
            return Ok(UploadReport::default());
        }
        let _lock = self.lock()?;
        // What is not published may lie there as an input.
        let is_published = |table: &Table| set.parts.iter().any(|part| part.table == *table);
        for table in Table::outputs().filter(|table| *table != Table::PlayerDailyCache || is_published(table)) {
            self.refuse_foreign_layout(table)?;
        }
        let found = self.load()?;
        let known = &found.record;
        if set.terms().repairs {
            self.repair_objects(known)?;
        }
        if found.is_written {
            self.place.recover(known)?;
        }
        self.sweep_old_staged()?;
        self.sweep_kept(known)?;
        let mut report = UploadReport::default();
        let looks = self.look_all(&set.parts, known, set.terms().repairs)?;
        let recorded = Recorded { published: known, looks: &looks };
        let (parts, vanished) = self.judged(set, recorded)?;
        for (table, dates) in vanished {
            report.tables.entry(table).or_default().vanished = dates;
        }
        let compared = self.compare_all(set, &parts, (recorded, observer))?;
        let (mut changes, mut plan) = (Vec::new(), self.empty_plan(set, known));
        for (part, change) in parts.iter().zip(compared) {
            let table = report.tables.entry(part.table).or_default();
            match change {
                None => table.unchanged += part.dates.len(),
                Some(change) => {
                    add_to_plan(&mut plan, part, &change);
                    add(table, &change.upload);
                    changes.push((part.table, part.month, change));
                }
            }
        }
        set.refuse_unless_reviewed(&plan)?;
        let entered = Entered {
            conditions: &set.terms().conditions,
            now: set.terms().published_at,
            keep: set.terms().keep,
            undoes: None,
        };
        let written = self.write(changes, known, observer)?;
        report.publication = self.commit(&found, written, &entered)?;
        Ok(report)
    }

    fn changed_since(&self, set: &DateSet<'_>) -> Result<BTreeMap<Table, BTreeSet<NaiveDate>>> {
        let published = self.load()?.record;
        let looks = self.look_all(&set.parts, &published, false)?;
        let mut changed: BTreeMap<Table, BTreeSet<NaiveDate>> = BTreeMap::new();
        for part in &set.parts {
            let lying = &looks[&(part.table, part.month)];
            let (Lying::Other { .. }, Some(month)) = (lying, published.month(part.table, part.month)) else { continue };
            let found = self.rows(part.table, part.month, lying)?.by_date()?;
            let none = hash_of_no_rows(part.table);
            let is_other = |date: &NaiveDate, hash: &str| {
                part.dates.contains_key(date) && found.get(date).map_or(none.as_str(), |(found, _)| found) != hash
            };
            let dates: BTreeSet<NaiveDate> =
                month.dates.iter().filter(|(date, of)| is_other(date, &of.hash)).map(|(date, _)| *date).collect();
            if !dates.is_empty() {
                changed.entry(part.table).or_default().extend(dates);
            }
        }
        Ok(changed)
    }

    fn publications(&self) -> Result<Vec<Publication>> {
        self.list()
    }

    fn undo(&self, request: &UndoRequest, observer: &dyn Observer) -> Result<UndoReport> {
        self.take_back(request, observer)
    }
}

/// Months that are written and not yet committed.
struct Written {
    /// The record that names them.
    record: Published,
    has_changes: bool,
    replaced: Vec<((Table, Month), ReplacedMonth)>,
}

/// What a publication has written so far, told from any thread.
struct Staging<'o> {
    staged: Mutex<Staged>,
    observer: &'o dyn Observer,
}

impl<'o> Staging<'o> {
    fn of(changes: &[(Table, Month, Change<'_>)], observer: &'o dyn Observer) -> Self {
        let total_rows = changes.iter().map(|(_, _, change)| change.content.rows()).sum();
        Self { staged: Mutex::new(Staged { rows: 0, total_rows, bytes: 0, total_bytes: None }), observer }
    }

    fn add(&self, file: &FileEntry) {
        let mut staged = self.staged.lock().expect("no observer panicked");
        staged.rows += file.rows;
        staged.bytes += file.size_bytes;
        self.observer.on(Event::Staged(*staged));
    }
}

/// The dates of a change that are written, as they are reviewed.
fn add_to_plan(plan: &mut Plan, part: &MonthPart, change: &Change<'_>) {
    for date in change.upload.dates.iter().filter(|_| change.content.is_new()) {
        let content = part.dates.get(date).map_or_else(String::new, |token| token.content.clone());
        let replaces = change.before.get(date).cloned().unwrap_or_default();
        plan.add(part.table, *date, PlannedDate { content, replaces });
    }
}

fn add(table: &mut TableUpload, month: &TableUpload) {
    table.dates.extend(&month.dates);
    table.unchanged += month.unchanged;
    table.rows += month.rows;
    table.removed_rows += month.removed_rows;
    table.changed_by_others.extend(&month.changed_by_others);
}
