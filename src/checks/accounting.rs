//! Where the entities of a processor ended, and what its dates rest on (`orchestration.md` §5, §8.3).

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Date32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Date32Type, Int64Type};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::calendar::date_of_day;
use crate::engine::Session;
use crate::error::Result;
use crate::processors::ProcessorId;
use crate::snapshot::InputCounts;

/// Where entities ended. Every expected one is in exactly one of `written`, `failed` and `skipped`; the others should be 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    pub expected: u64,
    pub written: u64,
    /// By category.
    pub failed: BTreeMap<String, u64>,
    /// By reason.
    pub skipped: BTreeMap<String, u64>,
    /// Of dates that were not computed.
    pub pending: u64,
    /// Neither written nor failed nor skipped.
    pub unaccounted: u64,
    /// Written, and failed as well.
    pub twice: u64,
    /// Written, and not expected.
    pub unexpected: u64,
    /// What the rows rest on.
    pub inputs: InputCounts,
}

/// The outcomes of a processor over all dates, and of each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Accounting {
    pub dates: usize,
    #[serde(flatten)]
    pub total: Outcomes,
    pub by_date: BTreeMap<NaiveDate, Outcomes>,
}

/// The outcomes of each processor and date.
pub(super) type AccountingByDate = BTreeMap<ProcessorId, BTreeMap<NaiveDate, Outcomes>>;

impl Accounting {
    pub(super) fn of(by_date: BTreeMap<NaiveDate, Outcomes>) -> Self {
        let mut total = Outcomes::default();
        by_date.values().for_each(|of_date| total.add(of_date));
        Self { dates: by_date.len(), total, by_date }
    }
}

impl Outcomes {
    pub fn failed_entities(&self) -> u64 {
        self.failed.values().sum()
    }

    pub fn skipped_entities(&self) -> u64 {
        self.skipped.values().sum()
    }

    /// Entities that no rule skips.
    pub fn required(&self) -> u64 {
        self.expected.saturating_sub(self.skipped_entities())
    }

    fn add(&mut self, other: &Self) {
        self.expected += other.expected;
        self.written += other.written;
        self.pending += other.pending;
        self.unaccounted += other.unaccounted;
        self.twice += other.twice;
        self.unexpected += other.unexpected;
        for (mine, theirs) in [(&mut self.failed, &other.failed), (&mut self.skipped, &other.skipped)] {
            theirs.iter().for_each(|(reason, count)| *mine.entry(reason.clone()).or_default() += count);
        }
        self.inputs.add(other.inputs);
    }
}

/// Reads the tables `outcomes` and `input_shares`.
pub(super) fn read(session: &Session) -> Result<AccountingByDate> {
    let mut accounting = AccountingByDate::new();
    let rows = session.query("SELECT processor, game_date, outcome, reason, entities FROM outcomes")?;
    let text = |column: usize, row: usize| rows.column(column).as_string::<i32>().value(row);
    for row in 0..rows.num_rows() {
        let date = date_of_day(rows.column(1).as_primitive::<Date32Type>().value(row));
        let entities = rows.column(4).as_primitive::<Int64Type>().value(row).unsigned_abs();
        let of_date = accounting.entry(text(0, row).parse()?).or_default().entry(date).or_default();
        if text(2, row) != "unexpected" {
            of_date.expected += entities;
        }
        let reason = || if rows.column(3).is_valid(row) { text(3, row).to_owned() } else { String::new() };
        match text(2, row) {
            "written" => of_date.written += entities,
            "failed" => *of_date.failed.entry(reason()).or_default() += entities,
            "skipped" => *of_date.skipped.entry(reason()).or_default() += entities,
            "pending" => of_date.pending += entities,
            "twice" => of_date.twice += entities,
            "unexpected" => of_date.unexpected += entities,
            _ => of_date.unaccounted += entities,
        }
    }
    read_inputs(session, &mut accounting)?;
    Ok(accounting)
}

/// Makes the table `accounting`: expected and written entities, of dates that are done.
pub(super) fn put(session: &Session, accounting: &AccountingByDate) -> Result<()> {
    session.execute(
        "CREATE TABLE entities_of_date (processor VARCHAR, game_date DATE, expected BIGINT, written BIGINT);
         CREATE VIEW accounting AS SELECT * FROM entities_of_date
             SEMI JOIN (SELECT processor, game_date FROM state WHERE state = 'done') AS done USING (processor, game_date)",
    )?;
    let of_processor = |(id, dates): (&ProcessorId, &'_ BTreeMap<NaiveDate, Outcomes>)| {
        dates.iter().map(|(date, outcomes)| (*id, *date, outcomes.expected, outcomes.written)).collect::<Vec<_>>()
    };
    let rows: Vec<_> = accounting.iter().flat_map(of_processor).collect();
    let dates = rows.iter().map(|(_, date, ..)| Date32Type::from_naive_date(*date));
    let columns: [(&str, ArrayRef); 4] = [
        ("processor", Arc::new(StringArray::from_iter_values(rows.iter().map(|(id, ..)| id.to_string())))),
        ("game_date", Arc::new(Date32Array::from_iter_values(dates))),
        (
            "expected",
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|(.., expected, _)| expected.cast_signed()))),
        ),
        ("written", Arc::new(Int64Array::from_iter_values(rows.iter().map(|(.., written)| written.cast_signed())))),
    ];
    session.append("entities_of_date", &RecordBatch::try_from_iter(columns)?)
}

fn read_inputs(session: &Session, accounting: &mut AccountingByDate) -> Result<()> {
    let rows = session.query("SELECT processor, game_date, expected, found, clean FROM input_shares")?;
    let number = |column: usize, row: usize| rows.column(column).as_primitive::<Int64Type>().value(row).unsigned_abs();
    for row in 0..rows.num_rows() {
        let processor = rows.column(0).as_string::<i32>().value(row).parse()?;
        let date = date_of_day(rows.column(1).as_primitive::<Date32Type>().value(row));
        let of_date = accounting.entry(processor).or_default().entry(date).or_default();
        of_date.inputs = InputCounts { expected: number(2, row), found: number(3, row), clean: number(4, row) };
    }
    Ok(())
}
