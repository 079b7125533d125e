//! What is read: a warehouse, and what it says of its tables.

use std::collections::BTreeMap;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Date32Type;
use chrono::NaiveDate;

use super::conform::SchemaMatch;
use super::content::DateContent;
use super::partitions::Partitions;
use crate::calendar::{DateRange, DateRanges, date_of_day};
use crate::catalog::Table;
use crate::error::Result;
use crate::price::Bill;
use crate::store::SourceFiles;

/// Which rows of a table are read, by the partition column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    Everything,
    Ranges(DateRanges),
}

impl Selection {
    pub fn range(range: DateRange) -> Self {
        Self::Ranges([range].into_iter().collect())
    }

    pub fn contains(&self, date: NaiveDate) -> bool {
        match self {
            Self::Everything => true,
            Self::Ranges(ranges) => ranges.contains(date),
        }
    }
}

/// A warehouse that is read.
pub trait Source: Sync {
    /// As the user named it; recorded in the store.
    fn name(&self) -> String;

    /// What is there of a table, without reading rows; `None` when the table does not exist.
    fn describe(&self, table: Table) -> Result<Option<TableDescription>>;

    /// A token of the table's rows. `known` is what was remembered of its files last time. Of a table that was
    /// described.
    fn version(&self, table: Table, known: &SourceFiles) -> Result<ContentVersion>;

    /// Hands every selected row to `sink`, in any order, with exactly the columns of the table. Returns how many rows
    /// are left out, since nothing rests on them.
    fn read(&self, table: Table, selection: &Selection, sink: &mut dyn FnMut(RecordBatch) -> Result<()>)
    -> Result<u64>;

    /// Rows per date of a table; `None` when the table does not exist.
    fn count_rows(&self, table: Table, selection: &Selection) -> Result<Option<BTreeMap<NaiveDate, u64>>> {
        if self.describe(table)?.is_none() {
            return Ok(None);
        }
        let mut counts = BTreeMap::new();
        self.read(table, selection, &mut |batch| {
            let dates = batch.column_by_name(table.schema().partition_column()).expect("partition column");
            for &day in dates.as_primitive::<Date32Type>().values() {
                *counts.entry(date_of_day(day)).or_default() += 1;
            }
            Ok(())
        })?;
        Ok(Some(counts))
    }

    /// The content of each date of a table that has rows, where the warehouse can tell it without sending
    /// them; of the failures table, that of our processors. `None`: the rows must be read.
    fn date_contents(&self, _table: Table, _ranges: &DateRanges) -> Result<Option<BTreeMap<NaiveDate, DateContent>>> {
        Ok(None)
    }

    /// Rows as the warehouse gives them back once they are published, to compare them by value: its types may round, and
    /// texts of JSON have one form.
    fn as_stored(&self, _table: Table, rows: RecordBatch) -> Result<RecordBatch> {
        Ok(rows)
    }

    /// What comparing the dates of a table would be billed, in full or by their contents; `None`: nothing is billed.
    fn estimate(&self, _table: Table, _ranges: &DateRanges, _full: bool) -> Result<Option<Bill>> {
        Ok(None)
    }

    /// What was billed so far; `None`: nothing is billed.
    fn bill(&self) -> Option<Bill> {
        None
    }

    /// Notes for the user since the last call.
    fn take_notes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The live schema of a table, compared with ours.
#[derive(Debug, Clone)]
pub struct TableDescription {
    pub schema: SchemaMatch,
    /// Where the warehouse keeps track of it: the table's partitions and their versions. The table's own
    /// version then says nothing of rows.
    pub partitions: Option<Partitions>,
}

/// What a table holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContentVersion {
    /// Another one when rows may be others.
    pub token: String,
    /// Files whose hashes may be remembered.
    pub files: SourceFiles,
}
