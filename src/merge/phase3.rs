//! Input tables of several stores as one.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::part::Part;
use super::{COPY_THREADS, TakenMonth, conflict, first_of};
use crate::calendar::{DateRange, Month};
use crate::catalog::Table;
use crate::error::{Error, Result};
use crate::parallel::try_map;
use crate::processors;
use crate::store::{InputTable, LayerWriter, Partition, Phase3Manifest, SourceVersion, StoredMonth};

/// Phase 3 of all parts, and what of it comes from which.
pub(super) struct Merged {
    pub manifest: Phase3Manifest,
    pub other_versions: Vec<Table>,
    taken: Vec<TakenMonth>,
}

impl Merged {
    /// # Errors
    /// A conflict, naming the first day of which two stores have different rows.
    pub fn of(parts: &[Part]) -> Result<Self> {
        let mut merged =
            Self { manifest: Phase3Manifest::clone(&parts[0].phase3), other_versions: Vec::new(), taken: Vec::new() };
        for table in Table::inputs() {
            for index in 1..parts.len() {
                merged.take_table(table, parts, index)?;
            }
        }
        merged.taken.sort_unstable();
        Ok(merged)
    }

    fn take_table(&mut self, table: Table, parts: &[Part], index: usize) -> Result<()> {
        let part = &parts[index];
        let holder = |has: bool| {
            parts[..index]
                .iter()
                .find(|part| !part.phase3.tables.is_empty() && part.phase3.tables.contains_key(&table) == has)
        };
        let known = self.manifest.tables.get_mut(&table);
        let (known, theirs) = match (known, part.phase3.tables.get(&table)) {
            (None, None) => return Ok(()),
            (Some(_), None) => return holder(true).map_or(Ok(()), |other| Err(lacks_table(table, other, part))),
            (None, Some(theirs)) => match holder(false) {
                Some(other) => return Err(lacks_table(table, part, other)),
                None => {
                    self.taken.extend(theirs.files.keys().map(|&month| (table, month, index)));
                    self.manifest.tables.insert(table, theirs.clone());
                    return Ok(());
                }
            },
            (Some(known), Some(theirs)) => (known, theirs),
        };
        refuse_difference(table, known, parts, index)?;
        let months: Vec<Month> =
            theirs.files.keys().filter(|month| !known.files.contains_key(month)).copied().collect();
        for &month in &months {
            known.files.insert(month, theirs.files[&month].clone());
            known.partitions.extend(of_month(&theirs.partitions, month).map(|(day, rows)| (*day, rows.clone())));
            self.taken.push((table, month, index));
        }
        if known.source != theirs.source {
            // Equal days, but nobody has seen all of them in one version.
            known.source = SourceVersion { version: String::new(), ..known.source.clone() };
            if !self.other_versions.contains(&table) {
                self.other_versions.push(table);
            }
        }
        join(known, theirs);
        Ok(())
    }

    /// Copies the months that are taken, and works out what is carried from one season into the next.
    pub fn copy(&mut self, parts: &[Part], layer: &LayerWriter<'_>) -> Result<()> {
        try_map(&self.taken, COPY_THREADS, |&(table, month, index)| {
            let part = &parts[index];
            let entry = &part.phase3.tables[&table].files[&month];
            layer.import(&StoredMonth { store: &part.store, table, month, entry })
        })?;
        let changed: BTreeSet<Table> = self.taken.iter().map(|(table, ..)| *table).collect();
        for table in changed {
            let input = self.manifest.tables.get_mut(&table).expect("months of it were taken");
            let file = |(&month, entry)| layer.store().stored_file(table, month, entry);
            let files: Vec<_> = input.files.iter().map(file).collect();
            input.carried = processors::carried(table, &files)?.unwrap_or_default();
        }
        Ok(())
    }

    pub fn differs_from(&self, before: &Phase3Manifest) -> bool {
        self.manifest.tables != before.tables
    }

    pub fn months_of(&self, part: usize) -> usize {
        self.taken.iter().filter(|(.., from)| *from == part).count()
    }
}

/// What is known besides the rows. A token that two stores have differently says nothing about what is kept.
fn join(known: &mut InputTable, theirs: &InputTable) {
    known.synced = known.synced.union(&theirs.synced);
    known.only_here.extend(&theirs.only_here);
    for (name, stamp) in &theirs.source_files {
        known.source_files.entry(name.clone()).or_insert_with(|| stamp.clone());
    }
    for (id, token) in &theirs.source_partitions {
        match known.source_partitions.get(id) {
            None => drop(known.source_partitions.insert(id.clone(), token.clone())),
            Some(ours) if ours != token => drop(known.source_partitions.remove(id)),
            Some(_) => {}
        }
    }
}

/// `known` is what the parts before have together.
fn refuse_difference(table: Table, known: &InputTable, parts: &[Part], index: usize) -> Result<()> {
    let part = &parts[index];
    let theirs = &part.phase3.tables[&table];
    let other = |differs: &dyn Fn(&InputTable) -> bool| {
        let of_table = |part: &&Part| part.phase3.tables.get(&table).is_some_and(differs);
        parts[..index].iter().find(of_table).unwrap_or(&parts[0])
    };
    if known.source.warehouse != theirs.source.warehouse {
        let (a, b) = (&known.source.warehouse, &theirs.source.warehouse);
        let other = other(&|input| input.source.warehouse == *a);
        return Err(conflict(other, part, &format!("{table} is from {a} in one and from {b} in the other"))
            .hint("sync all stores from one warehouse, named in the same way"));
    }
    let days = different_days(known, theirs);
    if days.is_empty() {
        return Ok(());
    }
    let other = other(&|input| different_days(input, theirs).first() == days.first());
    Err(conflict(other, part, &format!("rows of {table} on {}", first_of(&days)))
        .hint("sync and compute both from the warehouse as it is now, or leave one of them out"))
}

/// The days of months that both know and have different rows of.
fn different_days(a: &InputTable, b: &InputTable) -> Vec<NaiveDate> {
    let months: BTreeSet<Month> = a.partitions.keys().chain(b.partitions.keys()).map(|day| Month::of(*day)).collect();
    let shared = months.into_iter().filter(|month| knows(a, *month) && knows(b, *month));
    let differ = shared.flat_map(|month| {
        let days = of_month(&a.partitions, month).chain(of_month(&b.partitions, month)).map(|(day, _)| *day);
        days.filter(|day| a.partitions.get(day) != b.partitions.get(day))
    });
    differ.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Whether a store has rows of a month, or has looked for them.
fn knows(input: &InputTable, month: Month) -> bool {
    let of_month = DateRange { from: month.first_day(), to: month.last_day() };
    let has_looked = input.synced.iter().any(|range| range.from <= of_month.to && of_month.from <= range.to);
    has_looked || input.files.contains_key(&month)
}

fn of_month(
    partitions: &BTreeMap<NaiveDate, Partition>,
    month: Month,
) -> impl Iterator<Item = (&NaiveDate, &Partition)> {
    partitions.range(month.first_day()..=month.last_day())
}

fn lacks_table(table: Table, has: &Part, lacks: &Part) -> Error {
    conflict(has, lacks, &format!("the second was synced from a warehouse without {table}"))
        .hint("sync and compute both from the warehouse as it is now, or leave one of them out")
}
