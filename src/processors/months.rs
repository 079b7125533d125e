//! Facts in the order of dates, month by month, and scoring them by runs of dates.

use std::ops::Range;

use arrow::array::{AsArray, Date32Array, RecordBatch, StringArray, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::Date32Type;
use chrono::NaiveDate;

use super::WindowEnd;
use super::facts::Facts;
use crate::calendar::Month;
use crate::engine::{Rows, Session};
use crate::error::Result;

/// About so many rows are scored and handed on at a time.
pub const RUN_ROWS: usize = 1 << 14;

/// Cuts a query's result, whose months ascend, into months.
pub struct MonthReader<'s> {
    rows: Rows<'s>,
    date: &'static str,
    ahead: Option<RecordBatch>,
}

impl<'s> MonthReader<'s> {
    pub fn new(rows: Rows<'s>, date: &'static str) -> Self {
        Self { rows, date, ahead: None }
    }

    /// The rows of the next month that has any, unless that month lies after `last`.
    pub fn up_to(&mut self, last: Month) -> Result<Option<(Month, RecordBatch)>> {
        let Some(first) = self.ahead()? else { return Ok(None) };
        let month = Month::of(crate::calendar::date_of_day(self.days(&first).value(0)));
        if month > last {
            self.ahead = Some(first);
            return Ok(None);
        }
        let [start, end] = [month.first_day(), month.last_day()].map(Date32Type::from_naive_date);
        let mut parts = Vec::new();
        let mut next = Some(first);
        while let Some(batch) = next {
            let days = self.days(&batch).values();
            let of_month = days.iter().position(|&day| day > end).unwrap_or(days.len());
            assert!(days[..of_month].iter().all(|&day| day >= start), "months ascend");
            parts.push(batch.slice(0, of_month));
            if of_month < batch.num_rows() {
                self.ahead = Some(batch.slice(of_month, batch.num_rows() - of_month));
                break;
            }
            next = self.ahead()?;
        }
        Ok(Some((month, concat_batches(self.rows.schema(), &parts)?)))
    }

    /// The rows of a month, which may be none; those of earlier months are passed over.
    pub fn month(&mut self, wanted: Month) -> Result<RecordBatch> {
        while let Some((month, rows)) = self.up_to(wanted)? {
            if month == wanted {
                return Ok(rows);
            }
        }
        Ok(RecordBatch::new_empty(self.rows.schema().clone()))
    }

    fn ahead(&mut self) -> Result<Option<RecordBatch>> {
        match self.ahead.take() {
            Some(batch) => Ok(Some(batch)),
            None => self.rows.fetch(),
        }
    }

    fn days<'b>(&self, batch: &'b RecordBatch) -> &'b Date32Array {
        batch.column_by_name(self.date).expect("the query's date column").as_primitive()
    }
}

/// A query of facts that runs for a few months at a time, because its joins and sorts hold their rows until the last.
pub struct Gathered<'s> {
    session: &'s Session,
    windows: WindowEnd,
    sql: String,
    reader: Option<MonthReader<'s>>,
    /// How many of the months were handed out, and how many the running query has.
    next: usize,
    until: usize,
}

impl<'s> Gathered<'s> {
    /// The query reads the session's table `plan` and returns `game_date` in ascending order.
    pub fn new(session: &'s Session, sql: String, windows: WindowEnd) -> Self {
        Self { session, windows, sql, reader: None, next: 0, until: 0 }
    }

    /// The rows of the next of `months`, which are the same at each call. A query runs for `at_a_time` of them.
    pub fn next(&mut self, months: &[(Month, &[NaiveDate])], at_a_time: usize) -> Result<RecordBatch> {
        if self.next == self.until {
            self.until = months.len().min(self.next + at_a_time.max(1));
            let dates: Vec<_> = months[self.next..self.until].iter().flat_map(|(_, dates)| *dates).copied().collect();
            drop(self.reader.take());
            self.session.set_plan(&dates, self.windows)?;
            self.reader = Some(MonthReader::new(self.session.stream(&self.sql)?, "game_date"));
        }
        let (month, _) = months[self.next];
        self.next += 1;
        self.reader.as_mut().expect("opened with the first of its months").month(month)
    }
}

/// The months of ascending dates.
pub fn by_month(dates: &[NaiveDate]) -> impl Iterator<Item = (Month, &[NaiveDate])> {
    dates.chunk_by(|a, b| Month::of(*a) == Month::of(*b)).map(|dates| (Month::of(dates[0]), dates))
}

/// The facts of a month's dates.
pub struct MonthFacts {
    pub dates: Vec<NaiveDate>,
    /// In the order of `date`.
    pub rows: RecordBatch,
    /// The name of the date column.
    pub date: &'static str,
}

impl MonthFacts {
    /// The facts in runs of whole dates.
    pub fn into_runs(self) -> impl Iterator<Item = (RecordBatch, Vec<NaiveDate>)> {
        let (mut next_row, mut next_date) = (0, 0);
        std::iter::from_fn(move || {
            let (first_row, first_date) = (next_row, next_date);
            let last_date = self.dates.len();
            if first_date == last_date {
                return None;
            }
            let starts = (first_date + 1..last_date).map(|date| (self.row_before(self.dates[date]), date));
            let mut full = starts.skip_while(|(row, _)| row - first_row < RUN_ROWS);
            (next_row, next_date) = full.next().unwrap_or((self.rows.num_rows(), last_date));
            let rows = self.rows.slice(first_row, next_row - first_row);
            Some((rows, self.dates[first_date..next_date].to_vec()))
        })
    }

    /// The number of rows before a date.
    fn row_before(&self, date: NaiveDate) -> usize {
        let days: &Date32Array = self.rows.column_by_name(self.date).expect("the query's date column").as_primitive();
        days.values().partition_point(|&day| day < Date32Type::from_naive_date(date))
    }
}

/// The rows of some dates, in ascending order of dates and players. Rows that share both stay as they come.
pub fn in_order_of_players(rows: &RecordBatch, dates: impl Fn(i32) -> bool) -> Result<RecordBatch> {
    let facts = Facts(rows);
    let (days, players) = (facts.date("game_date").values(), facts.str("player_lookup"));
    let wanted = 0..u32::try_from(rows.num_rows()).expect("a month's rows");
    let mut order: Vec<u32> = wanted.filter(|&row| dates(days[row as usize])).collect();
    let key = |row: u32| (days[row as usize], players.value(row as usize));
    order.sort_by(|&a, &b| key(a).cmp(&key(b)));
    Ok(take_record_batch(rows, &UInt32Array::from(order))?)
}

/// The rows of each date and entity in facts that are sorted by both.
pub fn groups<'a>(days: &'a Date32Array, entities: &'a StringArray) -> impl Iterator<Item = Range<usize>> + 'a {
    let mut start = 0;
    std::iter::from_fn(move || {
        let day = (start < days.len()).then(|| days.value(start))?;
        let end = start + days.values()[start..].partition_point(|&other| other == day);
        let date = start..end;
        start = end;
        Some(date)
    })
    .flat_map(move |date| groups_in(entities, date))
}

/// The rows of each entity within a date.
pub fn groups_in(entities: &StringArray, date: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut start = date.start;
    std::iter::from_fn(move || {
        let entity = (start < date.end).then(|| entities.value(start))?;
        let end = (start + 1..date.end).find(|&row| entities.value(row) != entity).unwrap_or(date.end);
        let group = start..end;
        start = end;
        Some(group)
    })
}

/// A sort key that puts NULL last, as the SQL of the specification's tie-breaks is read.
pub fn nulls_last<T>(value: Option<T>) -> (bool, Option<T>) {
    (value.is_none(), value)
}
