//! A query's rows, handed out up to a date.

use std::ops::Range;

use arrow::array::{AsArray, Date32Array, RecordBatch};
use arrow::datatypes::Date32Type;
use chrono::NaiveDate;

use crate::calendar::Month;
use crate::engine::Session;
use crate::error::Result;
use crate::processors::months::{MonthReader, in_order_of_players};

/// Rows in ascending order of `game_date`, each handed out once.
pub struct Feed<'s> {
    reader: MonthReader<'s>,
    order: Order,
    month: Option<RecordBatch>,
    next: usize,
}

/// Who brings rows into order.
#[derive(Clone, Copy)]
pub enum Order {
    /// The query, by date at least.
    Sorted,
    /// The feed, by date and player: a month at a time, where the query would hold every row.
    OfPlayers,
}

impl<'s> Feed<'s> {
    pub fn new(session: &'s Session, sql: &str, order: Order) -> Result<Self> {
        Ok(Self { reader: MonthReader::new(session.stream(sql)?, "game_date"), order, month: None, next: 0 })
    }

    /// Hands out the rows up to and including those of `last`, whole dates at a time.
    pub fn up_to(&mut self, last: NaiveDate, mut take: impl FnMut(&RecordBatch, Range<usize>)) -> Result<()> {
        loop {
            let Some(batch) = &self.month else {
                let Some((_, batch)) = self.reader.up_to(Month::of(last))? else { return Ok(()) };
                self.month = Some(match self.order {
                    Order::Sorted => batch,
                    Order::OfPlayers => in_order_of_players(&batch, |_| true)?,
                });
                self.next = 0;
                continue;
            };
            let days: &Date32Array = batch.column_by_name("game_date").expect("a column of the query").as_primitive();
            let rest = &days.values()[self.next..];
            let end = self.next + rest.partition_point(|&day| day <= Date32Type::from_naive_date(last));
            take(batch, self.next..end);
            self.next = end;
            if end < batch.num_rows() {
                return Ok(());
            }
            self.month = None;
        }
    }
}
