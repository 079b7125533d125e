//! The record as it was found: in the present format, in an older one, or lost.

use std::collections::BTreeMap;
use std::path::Path;

use super::DirTarget;
use super::lying::entry_of;
use super::month::MonthRows;
use super::record::{FORMAT, Published, PublishedDate, PublishedMonth};
use crate::catalog::Table;
use crate::error::Result;
use crate::store::hash_of_no_rows;

/// The record as it was found.
pub(super) struct Found {
    /// In the present format.
    pub record: Published,
    /// Whether it was written so.
    pub is_written: bool,
}

impl DirTarget {
    /// A record of format 1 vouches for what its files
    /// confirm; where there is none any more, the objects that are there are taken for published, and no date for checked.
    pub(super) fn load(&self) -> Result<Found> {
        let (record, is_written) = match self.place.load::<Published>()? {
            Some(loaded) if loaded.format == FORMAT => (loaded.record, true),
            Some(loaded) => (self.confirmed(&loaded.record)?, false),
            None => (self.found()?, false),
        };
        Ok(Found { record, is_written })
    }

    /// What of a record of format 1 is so.
    fn confirmed(&self, old: &Published) -> Result<Published> {
        let mut new = Published::default();
        for (table, month, published) in old.months() {
            let path = self.place.plain_path(table, month);
            let is_there = match published.file() {
                Some(file) => file.matches(&path),
                None => !path.exists(),
            };
            if !is_there {
                continue;
            }
            let rows = match published.file() {
                Some(_) => MonthRows::read(table, &path)?.by_date()?,
                None => BTreeMap::new(),
            };
            let nothing = (hash_of_no_rows(table), 0);
            let checked = published.dates.iter().filter_map(|(date, known)| {
                let (hash, rows) = rows.get(date).unwrap_or(&nothing);
                // The token of failures is not one of rows.
                let is_so = table != Table::PrecomputeFailures && known.token == *hash;
                is_so.then(|| (*date, PublishedDate { token: hash.clone(), hash: hash.clone(), rows: *rows }))
            });
            let dates = checked.collect();
            new.set(table, month, PublishedMonth { file: published.file.clone(), dates });
        }
        Ok(new)
    }

    /// Month files whose record is lost: those that have objects.
    fn found(&self) -> Result<Published> {
        let mut found = Published::default();
        for path in self.place.unrecorded(&found)? {
            let name = path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
            let month = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            if let (Some(table), Some(month)) = (Table::output_named(name), month)
                && self.place.is_ours(&path)?
            {
                let rows = MonthRows::read(table, &path)?.all().num_rows() as u64;
                let file = entry_of(&path, rows)?;
                found.set(table, month, PublishedMonth { file, dates: BTreeMap::new() });
            }
        }
        Ok(found)
    }
}
