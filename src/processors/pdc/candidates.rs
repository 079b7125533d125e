//! The candidates of each month's dates: the players whom UPCG has or, where it has nobody, those of PGS (§2.3), with their
//! rows of PSZA. Nothing is sorted or joined over more than a month.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take};
use arrow::datatypes::{Date32Type, Field, Schema};
use chrono::NaiveDate;

use crate::calendar::Month;
use crate::engine::Session;
use crate::error::Result;
use crate::processors::facts::{Facts, columns};
use crate::processors::months::{MonthReader, in_order_of_players};

columns! {
    /// What candidates and rows of PSZA are matched by.
    KeyColumns {
        game_date: date,
        player_lookup: str,
    }
}

impl KeyColumns<'_> {
    fn key(&self, row: usize) -> (i32, &str) {
        (self.game_date.value(row), self.player_lookup.value(row))
    }
}

/// Candidates, month by month.
pub struct Candidates<'s> {
    context: MonthReader<'s>,
    synthetic: MonthReader<'s>,
    zones: MonthReader<'s>,
}

impl<'s> Candidates<'s> {
    /// The sessions have the same plan.
    pub fn open([context, synthetic, zones]: &'s [Session; 3]) -> Result<Self> {
        Ok(Self {
            context: read(context, include_str!("context.sql"))?,
            synthetic: read(synthetic, include_str!("synthetic.sql"))?,
            zones: read(zones, include_str!("zones.sql"))?,
        })
    }

    /// The candidates of a month's dates in the order of dates and players. Months are asked for in ascending order.
    pub fn of(&mut self, month: Month, dates: &[NaiveDate]) -> Result<RecordBatch> {
        let (context, synthetic) = (self.context.month(month)?, self.synthetic.month(month)?);
        let names =
            |rows: &RecordBatch| -> Vec<_> { rows.schema().fields().iter().map(|it| it.name().clone()).collect() };
        assert_eq!(names(&context), names(&synthetic), "the columns of both queries are the same");
        let candidates = concat_batches(&context.schema(), [&context, &synthetic])?;
        let days: Vec<i32> = dates.iter().map(|&date| Date32Type::from_naive_date(date)).collect();
        let of_dates = |day: i32| days.binary_search(&day).is_ok();
        let candidates = in_order_of_players(&candidates, of_dates)?;
        with_zones(&candidates, &in_order_of_players(&self.zones.month(month)?, of_dates)?)
    }
}

fn read<'s>(session: &'s Session, sql: &str) -> Result<MonthReader<'s>> {
    Ok(MonthReader::new(session.stream(sql)?, "game_date"))
}

/// Adds the columns of PSZA's rows, NULL where a candidate has none. Both are in the order of dates and players.
fn with_zones(candidates: &RecordBatch, zones: &RecordBatch) -> Result<RecordBatch> {
    let rows = zones_of(candidates, zones);
    let mut fields = candidates.schema().fields().to_vec();
    let mut arrays = candidates.columns().to_vec();
    let mut add = |name: &str, values: ArrayRef| {
        fields.push(Arc::new(Field::new(name, values.data_type().clone(), true)));
        arrays.push(values);
    };
    let has_zones: BooleanArray = (0..rows.len()).map(|row| Some(rows.is_valid(row))).collect();
    add("has_zones", Arc::new(has_zones));
    for name in ["primary_scoring_zone", "paint_rate_100", "three_pt_rate_100"] {
        add(name, take(zones.column_by_name(name).expect("a column of the query"), &rows, None)?);
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
}

/// The row of PSZA of each candidate.
fn zones_of(candidates: &RecordBatch, zones: &RecordBatch) -> UInt32Array {
    let (wanted, known) = (KeyColumns::new(&Facts(candidates)), KeyColumns::new(&Facts(zones)));
    let mut next = 0;
    let row = |candidate: usize| {
        let key = wanted.key(candidate);
        while next < zones.num_rows() {
            match known.key(next).cmp(&key) {
                Ordering::Less => next += 1,
                Ordering::Equal => return Some(next as u32),
                Ordering::Greater => return None,
            }
        }
        None
    };
    (0..candidates.num_rows()).map(row).collect()
}

#[cfg(test)]
mod tests;
