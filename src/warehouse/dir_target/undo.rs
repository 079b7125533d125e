//! Taking a publication back: its dates get the rows that they had before.

use std::collections::{BTreeMap, BTreeSet};

use arrow::compute::{filter_record_batch, not};
use chrono::NaiveDate;

use super::DirTarget;
use super::change::{Change, Content, count};
use super::history::{Entered, ReplacedMonth};
use super::lying::Lying;
use super::month::MonthRows;
use super::record::{Published, PublishedMonth, RecordedPublication};
use crate::calendar::Month;
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::processors::ProcessorId;
use crate::progress::Observer;
use crate::publications::{
    Keep, Publication, UndoReport, UndoRequest, Undoable, changed_since, nothing_published, unknown,
};
use crate::store::hash_of_no_rows;
use crate::upload::{DateToken, MonthPart, Target};

impl DirTarget {
    /// The publications that the record names, the latest first.
    pub(super) fn list(&self) -> Result<Vec<Publication>> {
        let record = self.load()?.record;
        let shown = |(index, of): (usize, &RecordedPublication)| Publication {
            id: of.id.clone(),
            parent: of.parent.clone(),
            published_at: of.published_at,
            first_date: of.first_date,
            last_date: of.last_date,
            rows: of.rows,
            undoes: of.undoes.clone(),
            summary: of.conditions.join("; "),
            undo: match of.replaced.is_empty() {
                true => Undoable::No,
                false => Undoable::ForPublications(Keep::default().publications.saturating_sub(index).max(1)),
            },
        };
        Ok(record.publications.iter().rev().enumerate().map(shown).collect())
    }

    pub(super) fn take_back(&self, request: &UndoRequest, observer: &dyn Observer) -> Result<UndoReport> {
        if !self.place.record_path().exists() {
            return Err(nothing_published(&self.name()));
        }
        let _lock = self.lock()?;
        let found = self.load()?;
        let known = &found.record;
        if found.is_written {
            self.place.recover(known)?;
        }
        let publication = match &request.publication {
            Some(id) => known.publications.iter().find(|of| of.id == *id).ok_or_else(|| unknown(id, &self.name()))?,
            None => known.publications.last().ok_or_else(|| nothing_published(&self.name()))?,
        };
        let id = publication.id.clone();
        // A command whose end nobody saw may be repeated.
        if let Some(last) = known.publications.last().filter(|last| last.undoes.as_ref() == Some(&id)) {
            let publication = last.id.clone();
            return Ok(UndoReport { undone: id, publication, was_done: true, tables: BTreeMap::new() });
        }
        let replaced = self.replaced_by(publication)?;
        let mut changes = Vec::new();
        let mut changed: BTreeMap<Table, BTreeSet<NaiveDate>> = BTreeMap::new();
        for (table, month, of_month) in replaced.months() {
            match self.restored(known, (table, month), of_month)? {
                Ok(change) => changes.push((table, month, change)),
                Err(dates) => changed.entry(table).or_default().extend(dates),
            }
        }
        if !changed.is_empty() {
            return Err(changed_since(&id, &changed));
        }
        let mut report = UndoReport { undone: id.clone(), ..UndoReport::default() };
        for (table, _, change) in &changes {
            super::add(report.tables.entry(*table).or_default(), &change.upload);
        }
        let conditions = [format!("undo of {id}")];
        let entered =
            Entered { conditions: &conditions, now: request.now, keep: request.keep, undoes: Some(id.as_str()) };
        let written = self.write(changes, known, observer)?;
        report.publication = self.commit(&found, written, &entered)?.unwrap_or_default();
        Ok(report)
    }

    /// The month with the dates of a publication as they were before it; the dates that changed since, if any did.
    fn restored(
        &self,
        known: &Published,
        (table, month): (Table, Month),
        replaced: &ReplacedMonth,
    ) -> Result<Result<Change<'static>, Vec<NaiveDate>>> {
        let lying = self.look(known, table, month)?;
        let there = self.rows(table, month, &lying)?;
        let now = there.by_date()?;
        let none = hash_of_no_rows(table);
        let is_changed = |date: &NaiveDate, after: &str| {
            let hash = now.get(date).map_or(none.as_str(), |(hash, _)| hash.as_str());
            hash != if after.is_empty() { none.as_str() } else { after }
        };
        let changed = replaced.dates.iter().filter(|(date, of)| is_changed(date, &of.after)).map(|(date, _)| *date);
        let changed: Vec<NaiveDate> = changed.collect();
        if !changed.is_empty() {
            return Ok(Err(changed));
        }
        let nothing = PublishedMonth::nothing();
        let recorded = known.month(table, month).unwrap_or(&nothing);
        let mut published = PublishedMonth { file: nothing.file.clone(), dates: recorded.dates.clone() };
        let others = |date: &NaiveDate| !replaced.dates.contains_key(date);
        published.dates.retain(|date, of| others(date) && !is_changed(date, &of.hash));
        let was = replaced.dates.iter().filter_map(|(date, of)| Some((*date, of.recorded.clone()?)));
        published.dates.extend(was);
        let before = match replaced.before.rows {
            0 => MonthRows::none(table),
            _ => MonthRows::read(table, &self.kept_month(&replaced.before.sha256))?,
        };
        let part = part(table, month, replaced);
        let is_untouched = matches!(lying, Lying::Recorded { .. }) && recorded.file.sha256 == replaced.after;
        let (content, restored) = match is_untouched {
            // Byte for byte.
            true => (Content::Kept(replaced.before.clone()), before.by_date()?),
            false => {
                let own = before.own();
                let own = filter_record_batch(&own, &part.owned_rows(&own))?;
                let rest = there.filter(&not(&part.owned_rows(there.all()))?)?;
                let (merged, _) = rest.with(&own, &before)?;
                let restored = merged.by_date()?;
                (Content::Rows(merged.all().clone()), restored)
            }
        };
        let was = before.by_date()?;
        if let Some(date) = replaced.dates.keys().find(|date| restored.get(date) != was.get(date)) {
            return Err(Error::new(
                ErrorKind::Unexpected,
                format!("{table} {date} would not be what it was before; nothing was changed"),
            )
            .hint("publish the rows again from a store that has them"));
        }
        let (file, adopted) = match &lying {
            Lying::Recorded { .. } => (recorded.file.clone(), None),
            Lying::Other { file: Some(file) } => (
                crate::store::FileEntry { rows: there.all().num_rows() as u64, ..file.clone() },
                Some(file.sha256.clone()),
            ),
            Lying::Other { file: None } => (nothing.file, None),
        };
        published.file = file;
        let after = replaced.dates.keys().filter_map(|date| Some((*date, restored.get(date)?.0.clone()))).collect();
        let upload = count(&part, &now, &restored);
        Ok(Ok(Change { content, published, adopted, upload, after, before: BTreeMap::new() }))
    }
}

/// The dates of a replaced month, with the failures of every processor.
fn part(table: Table, month: Month, replaced: &ReplacedMonth) -> MonthPart {
    let token = DateToken::of_processors(ProcessorId::ALL.to_vec());
    MonthPart { table, month, dates: replaced.dates.keys().map(|date| (*date, token.clone())).collect() }
}
