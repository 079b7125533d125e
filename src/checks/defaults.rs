//! How often a feature of MLFS is its default on a date, and which features have one value there: the tables
//! `default_counts` and `constant_features`. Counted once for each month, whatever range is asked for.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Date32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Date32Type, Int64Type};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::CheckRequest;
use super::by_month::{ByMonth, Digest};
use super::files::MonthFiles;
use super::memory::Memory;
use super::tables::{self, Spans};
use crate::calendar::{DateRange, Month, Season, date_of_day};
use crate::catalog::Table;
use crate::engine::{LeftOut, NamedFiles, Session};
use crate::error::Result;
use crate::processors::{ProcessorId, bound, mlfs};
use crate::reach::tables::{set_daily_cache, unfiltered};

/// What is counted: the columns after the number of rows are named by the features.
const COUNTS: &str = include_str!("defaults.sql");

/// Where features come from.
const READ: [Table; 7] = [
    Table::MlFeatureStore,
    Table::PlayerDailyCache,
    Table::SyncedDailyCache,
    Table::PlayerCompositeFactors,
    Table::PlayerShotZoneAnalysis,
    Table::TeamDefenseZoneAnalysis,
    Table::UpcomingPlayerGameContext,
];

/// The dates of a month with rows of MLFS.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct OfMonth {
    dates: Vec<NaiveDate>,
    /// Of each of the dates.
    rows: Vec<i64>,
    /// Whether these are of several players.
    has_several: Vec<bool>,
    /// Rows with the default, of each of the dates, by feature.
    defaults: BTreeMap<String, Vec<i64>>,
    /// The dates on which all rows have the same value, by feature.
    constant: BTreeMap<String, Vec<NaiveDate>>,
}

/// Of the dates of a request, and of those before it that a check compares with.
#[derive(Debug)]
pub(super) struct Defaults {
    months: Vec<OfMonth>,
    range: DateRange,
}

impl Defaults {
    /// # Errors
    /// Those of the database.
    pub fn find(request: &CheckRequest<'_>, files: &MonthFiles) -> Result<Self> {
        let Spans { compared: range, .. } = Spans::of(request);
        let months: Vec<Month> = files.of(Table::MlFeatureStore, range).map(|(month, _)| *month).collect();
        let mut known: ByMonth<OfMonth> = ByMonth::read(Memory::of_defaults(request));
        let contents: Vec<Digest> = months.iter().map(|month| content(request, files, *month)).collect();
        let is_new = |(month, content): &(&Month, &Digest)| known.get(**month, content).is_none();
        let new: Vec<Month> = months.iter().zip(&contents).filter(is_new).map(|(month, _)| *month).collect();
        if !new.is_empty() {
            let mut found = count(request, files, &new)?;
            for (month, content) in months.iter().zip(&contents).filter(|(month, _)| new.contains(month)) {
                known.add(*month, content.clone(), found.remove(month).unwrap_or_default());
            }
            known.keep();
        }
        let of_month = |(month, content)| known.get(month, content).expect("every month was counted").clone();
        Ok(Self { months: months.into_iter().zip(&contents).map(of_month).collect(), range })
    }

    /// Makes the tables.
    pub fn put(&self, session: &Session) -> Result<()> {
        session.execute(
            "CREATE TABLE default_counts (game_date DATE, season_year BIGINT, feature VARCHAR, rows BIGINT, defaults BIGINT);
             CREATE TABLE constant_features (game_date DATE, season_year BIGINT, feature VARCHAR, is_constant BOOLEAN)",
        )?;
        let (keys, counts): (Vec<Key<'_>>, Vec<Count>) = self.counts().into_iter().unzip();
        let numbers = |of: fn(&Count) -> i64| -> ArrayRef { Arc::new(counts.iter().map(of).collect::<Int64Array>()) };
        let columns = [("rows", numbers(|count| count.rows)), ("defaults", numbers(|count| count.defaults))];
        session.append("default_counts", &table(&keys, columns)?)?;
        let (keys, constants): (Vec<Key<'_>>, Vec<bool>) = self.constants().into_iter().unzip();
        let is_constant: ArrayRef = Arc::new(BooleanArray::from(constants));
        session.append("constant_features", &table(&keys, [("is_constant", is_constant)])?)
    }

    fn counts(&self) -> Vec<(Key<'_>, Count)> {
        let mut counts = Vec::new();
        for (month, at, date) in self.dates() {
            let of_date = month.defaults.iter().map(|(feature, defaults)| {
                ((date, feature.as_str()), Count { rows: month.rows[at], defaults: defaults[at] })
            });
            counts.extend(of_date);
        }
        counts
    }

    /// Of dates with several players: one row has one value of everything.
    fn constants(&self) -> Vec<(Key<'_>, bool)> {
        let mut constants = Vec::new();
        for (month, _, date) in self.dates().filter(|(month, at, _)| month.has_several[*at]) {
            let of_date =
                month.constant.iter().map(|(feature, dates)| ((date, feature.as_str()), dates.contains(&date)));
            constants.extend(of_date);
        }
        constants
    }

    fn dates(&self) -> impl Iterator<Item = (&OfMonth, usize, NaiveDate)> {
        let of_month = |month| OfMonth::dates(month).map(move |(at, date)| (month, at, date));
        self.months.iter().flat_map(of_month).filter(|(_, _, date)| self.range.contains(*date))
    }
}

impl OfMonth {
    fn dates(&self) -> impl Iterator<Item = (usize, NaiveDate)> {
        self.dates.iter().copied().enumerate()
    }
}

/// A date and a feature.
type Key<'a> = (NaiveDate, &'a str);

struct Count {
    rows: i64,
    defaults: i64,
}

/// Columns after those of the keys.
fn table<const N: usize>(keys: &[Key<'_>], columns: [(&str, ArrayRef); N]) -> Result<RecordBatch> {
    let dates = keys.iter().map(|(date, _)| Date32Type::from_naive_date(*date));
    let seasons = keys.iter().map(|(date, _)| i64::from(Season::of(*date).start_year()));
    let keys: [(&str, ArrayRef); 3] = [
        ("game_date", Arc::new(Date32Array::from_iter_values(dates))),
        ("season_year", Arc::new(Int64Array::from_iter_values(seasons))),
        ("feature", Arc::new(StringArray::from_iter_values(keys.iter().map(|(_, feature)| feature)))),
    ];
    Ok(RecordBatch::try_from_iter(keys.into_iter().chain(columns))?)
}

/// A digest of everything that is counted in a month.
fn content(request: &CheckRequest<'_>, files: &MonthFiles, month: Month) -> Digest {
    let phase4 = &request.snapshot.phase4;
    let range = month.range();
    let mut text = String::new();
    let mut add = |line: std::fmt::Arguments<'_>| writeln!(text, "{line}").expect("text takes every line");
    for table in READ {
        let vanished: Vec<NaiveDate> =
            phase4.vanished_dates(table).into_iter().filter(|date| range.contains(*date)).collect();
        add(format_args!("{table:?} {:?} {vanished:?}", files.content(table, range).collect::<Vec<_>>()));
    }
    for date in computed_dates(request, range) {
        let record = phase4.record(ProcessorId::Mlfs, date).expect("the date was computed");
        add(format_args!("{date} {:?}", record.daily_cache));
    }
    Digest::of(&text)
}

/// The dates of a range of which MLFS has a record.
fn computed_dates(request: &CheckRequest<'_>, range: DateRange) -> impl Iterator<Item = NaiveDate> {
    let records = request.snapshot.phase4.processors.get(&ProcessorId::Mlfs);
    records.into_iter().flat_map(move |records| records.range(range.from..=range.to)).map(|(date, _)| *date)
}

/// Counts in whole months, those with rows.
fn count(request: &CheckRequest<'_>, files: &MonthFiles, months: &[Month]) -> Result<BTreeMap<Month, OfMonth>> {
    let session = Session::open(&request.engine)?;
    let phase4 = &request.snapshot.phase4;
    let ranges: Vec<DateRange> = months.iter().map(|month| month.range()).collect();
    let (first, last) = (ranges.first().expect("there are months"), ranges.last().expect("there are months"));
    let span = DateRange { from: first.from, to: last.to };
    for table in READ {
        let paths: Vec<PathBuf> = ranges.iter().flat_map(|range| files.paths(table, *range)).collect();
        let named = NamedFiles { name: unfiltered(table), table, files: &paths };
        let left_out = LeftOut { dates: &phase4.vanished_dates(table), ..LeftOut::default() };
        session.view_whole_as(named, span, left_out)?;
    }
    set_daily_cache(&session, &computed_dates(request, span).collect::<Vec<_>>(), phase4)?;
    session.execute(tables::DAILY_CACHE)?;
    let constants = mlfs::FEATURE_NAMES.iter().enumerate().map(|(number, feature)| {
        let value = format!("features[{}]", number + 1);
        format!("coalesce(min({value}) = max({value}), false) AS \"{IS_CONSTANT}{feature}\"")
    });
    let constants = constants.collect::<Vec<_>>().join(",\n    ");
    let counts = bound(COUNTS).replace("{constants}", &constants);
    Ok(read(&session.query(&format!("{counts} ORDER BY store.game_date"))?))
}

/// Before the name of a feature, what is said of its values.
const IS_CONSTANT: &str = "is constant: ";

fn read(counts: &RecordBatch) -> BTreeMap<Month, OfMonth> {
    let dates = counts.column(0).as_primitive::<Date32Type>();
    let number = |column: usize, row: usize| counts.column(column).as_primitive::<Int64Type>().value(row);
    let schema = counts.schema();
    let mut months: BTreeMap<Month, OfMonth> = BTreeMap::new();
    for row in 0..counts.num_rows() {
        let date = date_of_day(dates.value(row));
        let of_month = months.entry(Month::of(date)).or_default();
        of_month.dates.push(date);
        of_month.rows.push(number(1, row));
        of_month.has_several.push(counts.column(2).as_boolean().value(row));
        for (column, field) in schema.fields().iter().enumerate().skip(3) {
            match field.name().strip_prefix(IS_CONSTANT) {
                Some(feature) => {
                    let dates = of_month.constant.entry(feature.to_owned()).or_default();
                    dates.extend(counts.column(column).as_boolean().value(row).then_some(date));
                }
                None => of_month.defaults.entry(field.name().clone()).or_default().push(number(column, row)),
            }
        }
    }
    months
}
