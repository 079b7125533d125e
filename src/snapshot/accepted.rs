//! What was decided of vanished dates, by target (`STORE/published/vanished.json`).

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::calendar::DateRanges;
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::store::publish::replace_file;
use crate::store::{RowsByDate, Store};

const FORMAT: u32 = 1;

/// The vanished dates that uploads found, and those that somebody accepted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AcceptedVanished {
    format: u32,
    /// By target, then table.
    targets: BTreeMap<String, BTreeMap<String, BTreeMap<NaiveDate, Decision>>>,
}

/// What a target holds of a vanished date, and whether it is to stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub rows: u64,
    pub accepted: bool,
}

/// What an upload found of dates that vanished.
#[derive(Debug, Clone, Copy)]
pub struct Vanished<'a> {
    /// What the target holds.
    pub found: &'a RowsByDate,
    pub in_store: &'a RowsByDate,
    /// Whether the rows that the target holds are to stay.
    pub accept: bool,
}

impl AcceptedVanished {
    /// What the store knows; nothing where there is no record.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] for a record that cannot be understood or that a newer putback wrote.
    pub fn load(store: &Store) -> Result<Self> {
        let path = path(store);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { format: FORMAT, targets: BTreeMap::new() });
            }
            Err(error) => return Err(Error::io("read", &path, error)),
        };
        crate::store::loads::note(&path);
        let unusable = |why: &str| {
            Error::new(ErrorKind::Store, format!("{} {why}", path.display()))
                .hint("remove the file: the next upload asks again about the vanished dates")
        };
        let known: Self = serde_json::from_slice(&bytes).map_err(|error| unusable("cannot be read").because(error))?;
        if known.format > FORMAT { Err(unusable("was written by a newer putback")) } else { Ok(known) }
    }

    /// Of what a target holds, the dates that nobody accepted with these rows.
    pub fn open_of(&self, target: &str, found: &RowsByDate) -> RowsByDate {
        let decision = |table: Table, date: &NaiveDate| self.targets.get(target)?.get(table.full_name())?.get(date);
        let mut open = found.clone();
        for (table, dates) in &mut open {
            dates.retain(|date, rows| {
                decision(*table, date).is_none_or(|decision| !decision.accepted || decision.rows != *rows)
            });
        }
        open.retain(|_, dates| !dates.is_empty());
        open
    }

    /// Takes in what an upload of `ranges` found in a target of the dates that vanished, with the store's rows of them.
    /// What the target does not hold needs no decision.
    pub fn take_in(&mut self, target: &str, ranges: &DateRanges, vanished: Vanished<'_>) {
        let Vanished { found, in_store, accept } = vanished;
        let open = self.open_of(target, found);
        let tables = self.targets.entry(target.to_owned()).or_default();
        tables.values_mut().for_each(|dates| dates.retain(|date, _| !ranges.contains(*date)));
        for (table, dates) in in_store {
            let absent = dates.keys().map(|date| (*date, Decision { rows: 0, accepted: true }));
            tables.entry(table.full_name().to_owned()).or_default().extend(absent);
        }
        for (table, dates) in found {
            let is_open = |date: &NaiveDate| open.get(table).is_some_and(|dates| dates.contains_key(date));
            let decided =
                dates.iter().map(|(date, &rows)| (*date, Decision { rows, accepted: accept || !is_open(date) }));
            tables.entry(table.full_name().to_owned()).or_default().extend(decided);
        }
        tables.retain(|_, dates| !dates.is_empty());
        self.targets.retain(|_, tables| !tables.is_empty());
    }

    /// Vanished dates that stand open: found in a target and not accepted, or in the store and in no target's record.
    pub fn open(&self, in_store: &RowsByDate, ranges: &DateRanges) -> RowsByDate {
        let mut open = in_store.clone();
        for (name, dates) in self.targets.values().flatten() {
            // An input may have the name of an output.
            let Some(table) = Table::outputs().find(|table| table.full_name() == name) else { continue };
            let of_table = open.entry(table).or_default();
            for (date, decision) in dates.iter().filter(|(date, _)| ranges.contains(**date)) {
                if decision.accepted {
                    of_table.remove(date)
                } else {
                    of_table.insert(*date, decision.rows)
                };
            }
        }
        open.retain(|_, dates| !dates.is_empty());
        open
    }

    /// Whether anything was ever found.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// # Errors
    /// When the record cannot be written.
    pub fn save(&self, store: &Store) -> Result<()> {
        replace_file(&path(store), &serde_json::to_vec_pretty(self).expect("serializes"))
    }
}

fn path(store: &Store) -> PathBuf {
    store.root().join("published").join("vanished.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accepted_date_stays_accepted_until_its_rows_change() {
        let day: NaiveDate = "2024-01-05".parse().expect("a date");
        let found = |rows: u64| RowsByDate::from([(Table::MlFeatureStore, BTreeMap::from([(day, rows)]))]);
        let mut known = AcceptedVanished { format: FORMAT, targets: BTreeMap::new() };
        let everything = DateRanges::everything();
        known.take_in("dir:/a", &everything, Vanished { found: &found(7), in_store: &found(7), accept: false });
        assert_eq!(known.open_of("dir:/a", &found(7)), found(7));
        assert_eq!(known.open(&found(7), &everything), found(7));
        known.take_in("dir:/a", &everything, Vanished { found: &found(7), in_store: &found(7), accept: true });
        known.take_in("dir:/a", &everything, Vanished { found: &found(7), in_store: &found(7), accept: false });
        assert!(known.open_of("dir:/a", &found(7)).is_empty() && known.open(&found(7), &everything).is_empty());
        assert_eq!(known.open_of("dir:/a", &found(8)), found(8));
        assert_eq!(known.open_of("dir:/b", &found(7)), found(7));
        known.take_in(
            "dir:/a",
            &everything,
            Vanished { found: &RowsByDate::new(), in_store: &found(7), accept: false },
        );
        assert!(known.open(&found(7), &everything).is_empty());
        known.take_in(
            "dir:/a",
            &everything,
            Vanished { found: &RowsByDate::new(), in_store: &RowsByDate::new(), accept: false },
        );
        assert!(known.is_empty());
    }
}
