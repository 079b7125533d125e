//! The dates of one table and month, with the content of each.

use std::collections::BTreeMap;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::datatypes::Date32Type;
use chrono::NaiveDate;

use crate::calendar::{Month, date_of_day};
use crate::catalog::Table;
use crate::processors::ProcessorId;

/// The dates of one table and month.
#[derive(Debug, Clone)]
pub struct MonthPart {
    pub table: Table,
    pub month: Month,
    /// Content of each date as a token: equal tokens mean equal rows.
    pub dates: BTreeMap<NaiveDate, DateToken>,
}

/// The content of a date and whose it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DateToken {
    pub content: String,
    /// Output rows; 0 for the failures table.
    pub rows: u64,
    /// The processors whose rows are replaced; failures of others on the date stay.
    pub processors: Vec<ProcessorId>,
    /// The content of the failures of each, in that order.
    failures: Vec<String>,
}

impl MonthPart {
    /// Rows that a publication of this part replaces: those of its dates, and in the failures table
    /// only those of the date's processors.
    pub fn owned_rows(&self, rows: &RecordBatch) -> BooleanArray {
        let dates = rows.column_by_name(self.table.schema().partition_column()).expect("partition column");
        let dates = dates.as_primitive::<Date32Type>();
        let owner = rows.column_by_name("processor_name").filter(|_| self.table == Table::PrecomputeFailures);
        let is_owned = |row: usize| {
            let Some(token) = self.dates.get(&date_of_day(dates.value(row))) else { return false };
            owner.is_none_or(|owner| {
                let name = owner.as_string::<i32>().value(row);
                token.processors.iter().any(|id| id.class_name() == name)
            })
        };
        (0..rows.num_rows()).map(|row| Some(is_owned(row))).collect()
    }
}

impl DateToken {
    /// A date on which the rows of these processors are replaced.
    pub(crate) fn of_processors(processors: Vec<ProcessorId>) -> Self {
        Self { processors, ..Self::default() }
    }

    pub(super) fn rows(id: ProcessorId, rows: u64, hash: &str) -> Self {
        Self { content: hash.to_owned(), rows, processors: vec![id], failures: Vec::new() }
    }

    pub(super) fn add(&mut self, id: ProcessorId, failures_hash: &str) {
        self.processors.push(id);
        self.failures.push(failures_hash.to_owned());
        self.name_failures();
    }

    /// Adds checksums of further failures.
    pub(super) fn add_failures(&mut self, of: impl Fn(ProcessorId) -> Option<String>) {
        for (id, hash) in self.processors.iter().zip(&mut self.failures) {
            if let Some(added) = of(*id) {
                hash.push_str(&format!("+{added}"));
            }
        }
        self.name_failures();
    }

    /// Takes the failures of a processor out.
    pub(crate) fn leave_out(&mut self, id: ProcessorId) {
        if let Some(index) = self.processors.iter().position(|known| *known == id) {
            self.processors.remove(index);
            self.failures.remove(index);
            self.name_failures();
        }
    }

    fn name_failures(&mut self) {
        let each = self.processors.iter().zip(&self.failures);
        self.content = each.map(|(id, hash)| format!("{id}:{hash};")).collect::<Vec<_>>().concat();
    }
}
