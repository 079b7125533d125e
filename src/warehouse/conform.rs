//! Maps rows of a warehouse to the schema of their table (`tables.md` T1, T2).

mod columns;
mod exact;
mod folders;
mod nulls;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, ListArray, RecordBatch, UInt64Array, new_empty_array, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{CastOptions, can_cast_types, cast_with_options, filter, nullif, take};
use arrow::datatypes::{DataType, Date32Type, Field, Int64Type, TimestampMicrosecondType};
use chrono::NaiveDate;

pub use columns::{ColumnNote, LiveColumn, SchemaMatch};
pub(super) use columns::{Found, LiveTable, arrow_type, find};
pub(super) use folders::Folder;
pub(super) use nulls::Nulls;

use self::columns::is_game_id;
use self::exact::{convert, game_ids, is_convertible, shown};
use self::folders::FolderColumn;
use crate::calendar::{DateRange, DateRanges, years};
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::schedule::FINAL;

/// Gives `batch` exactly the columns and types of `table`; columns it lacks become NULL or empty.
///
/// # Errors
/// [`ErrorKind::Schema`] for a value that does not fit the type of a column that is read, for a date in it outside the
/// years that are taken, and for NULL in a required column.
pub fn conform(table: Table, batch: &RecordBatch, place: &str) -> Result<RecordBatch> {
    let mut conformer = Conformer::new(table, place);
    let rows = conformer.fit(batch)?;
    conformer.finish()?;
    Ok(rows)
}

/// Whether anything of a live column can be kept in a column of ours that nothing reads.
pub(super) fn can_be_kept(from: &DataType, to: &DataType) -> bool {
    is_convertible(from, to) || can_cast_types(from, to)
}

/// Fits the rows of a file or stream, one batch after another.
#[derive(Debug)]
pub(super) struct Conformer<'a> {
    table: Table,
    place: &'a str,
    /// Rows before the next batch, where their order means something.
    rows_before: Option<u64>,
    folders: Vec<FolderColumn>,
    nans: BTreeMap<String, u64>,
    undated: LeftOut,
    without_teams: LeftOut,
    nulls: Nulls,
}

/// Where a value lies.
struct Cell<'a> {
    batch: &'a RecordBatch,
    field: &'a Field,
    row: usize,
}

/// Rows that were not taken, and the first of them.
#[derive(Debug, Default)]
struct LeftOut {
    rows: u64,
    first: String,
}

/// What is known of rows when all of them are fitted.
#[derive(Debug, Default)]
pub(super) struct Fitted {
    /// What should be known of them, in one line each.
    pub notes: Vec<String>,
    /// Rows of games on which nothing rests.
    pub left_out: u64,
    pub nulls: Nulls,
}

impl<'a> Conformer<'a> {
    /// `place` is where the rows lie, for errors.
    pub fn new(table: Table, place: &'a str) -> Self {
        Self {
            table,
            place,
            rows_before: None,
            folders: Vec::new(),
            nans: BTreeMap::new(),
            undated: LeftOut::default(),
            without_teams: LeftOut::default(),
            nulls: Nulls::default(),
        }
    }

    /// For the rows of a file in their order, below folders that give columns; `nulls` are those of other files.
    ///
    /// # Errors
    /// [`ErrorKind::Schema`] for a folder that does not give its column a value of its type.
    pub(super) fn of_file(table: Table, place: &'a str, folders: &[Folder], nulls: Nulls) -> Result<Self> {
        let folders = folders::columns_of(table, folders, place)?;
        Ok(Self { rows_before: Some(0), folders, nulls, ..Self::new(table, place) })
    }

    /// The date of all rows, where a folder says it.
    pub(super) fn date(&self) -> Option<NaiveDate> {
        self.folders.iter().find(|folder| folder.column == self.table.schema().partition_column())?.date()
    }

    /// Gives `batch` exactly the columns and types of the table; columns it lacks become NULL or empty. Once a
    /// required column was NULL, rows are only counted, and none comes back.
    ///
    /// # Errors
    /// [`ErrorKind::Schema`] for a value that does not fit the type of a column that is read, or a date in it
    /// outside the years that are taken; with table, column, row and place.
    pub fn fit(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let schema = self.table.schema().arrow();
        let columns = schema.fields().iter().map(|field| self.fit_column(batch, field)).collect::<Result<Vec<_>>>()?;
        let nullable = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
        let nullable = Arc::new(arrow::datatypes::Schema::new(nullable.collect::<Vec<_>>()));
        let rows = RecordBatch::try_new(nullable, columns)?;
        let left_out = self.leave_out(&rows);
        for field in schema.fields() {
            self.check(&rows, field, left_out.as_ref())?;
        }
        self.rows_before = self.rows_before.map(|rows| rows + batch.num_rows() as u64);
        if self.nulls.are_found() {
            return Ok(RecordBatch::new_empty(Arc::clone(schema)));
        }
        let columns = match left_out {
            None => rows.columns().to_vec(),
            Some(left_out) => {
                let kept = arrow::compute::not(&left_out)?;
                rows.columns().iter().map(|column| filter(column, &kept)).collect::<Result<_, _>>()?
            }
        };
        Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
    }

    /// # Errors
    /// [`ErrorKind::Schema`] if a required column was NULL.
    pub(super) fn finish(self) -> Result<Fitted> {
        let table = self.table;
        let fitted = self.fitted();
        fitted.nulls.refuse(table)?;
        Ok(fitted)
    }

    /// As [`Conformer::finish`], if more files of the table follow.
    pub(super) fn fitted(self) -> Fitted {
        let (notes, left_out) = (self.notes(), self.undated.rows + self.without_teams.rows);
        Fitted { notes, left_out, nulls: self.nulls }
    }

    fn notes(&self) -> Vec<String> {
        let (table, place) = (self.table, self.place);
        let mut notes = Vec::new();
        if !self.nans.is_empty() {
            let nans: Vec<String> = self.nans.iter().map(|(column, rows)| format!("{column} ({rows})")).collect();
            let nans = nans.join(", ");
            notes.push(format!("{table}: NaN is taken as NULL in {place}, since these columns have none: {nans}"));
        }
        let no_date = format!("have no date of the years {}", years());
        for (LeftOut { rows, first }, lacks) in
            [(&self.undated, no_date.as_str()), (&self.without_teams, "lack a team")]
        {
            if *rows > 0 {
                notes.push(format!(
                    "{table}: {rows} rows of games that are not final {lacks}, and are left out; the first is {first}"
                ));
            }
        }
        notes
    }

    fn fit_column(&mut self, batch: &RecordBatch, field: &Field) -> Result<ArrayRef> {
        let folder = self.folders.iter().find(|folder| folder.column == field.name());
        let live = match batch.column_by_name(field.name()) {
            Some(array) => Some(array),
            None => match find(batch.schema_ref().fields().iter().map(|live| live.name().as_str()), field.name()) {
                Found::At(index) => Some(batch.column(index)),
                _ => None,
            },
        };
        let Some(array) = live else {
            return folder.map_or_else(|| Ok(filler(field, batch.num_rows())), |given| given.repeat(batch.num_rows()));
        };
        if !self.table.schema().is_needed(field.name()) {
            return Ok(kept(array, field));
        }
        let converted = match is_game_id(self.table, field.name()) {
            true => game_ids(array)?,
            false => convert(array, field.data_type())?,
        };
        if let Some(row) = converted.misfit {
            return Err(self.misfit(array, &Cell { batch, field, row }));
        }
        if let Some(folder) = folder
            && let Some(row) = folder.conflict(&converted.array)?
        {
            let contradiction = folder.contradiction(&converted.array, row);
            let (table, row) = (self.table, self.row(&Cell { batch, field, row }));
            return Err(Error::new(ErrorKind::Schema, format!("{table}: {contradiction} in {row}"))
                .hint("take the column out of the file, or move the file; nothing was pulled"));
        }
        if converted.nans > 0 {
            *self.nans.entry(field.name().clone()).or_default() += converted.nans;
        }
        Ok(converted.array)
    }

    /// `array` is the column as it was found.
    fn misfit(&self, array: &ArrayRef, cell: &Cell<'_>) -> Error {
        let (table, column) = (self.table, cell.field.name());
        let needed = table.schema().column(column).expect("a column of the table").ty;
        let (value, found, row) = (shown(array, cell.row), array.data_type(), self.row(cell));
        Error::new(
            ErrorKind::Schema,
            format!("{table}: {column} is {value} in {row}; the column is {found}, and {needed} cannot hold this value exactly"),
        )
        .hint(format!("correct the value, or export the column as {needed}; nothing was pulled"))
    }

    /// Games that are not final and have no date that is taken, or whose teams are not known yet: placeholders, on
    /// which nothing rests.
    fn leave_out(&mut self, rows: &RecordBatch) -> Option<BooleanArray> {
        if self.table != Table::Schedule {
            return None;
        }
        let days = rows.column_by_name("game_date")?.as_primitive::<Date32Type>();
        let statuses = rows.column_by_name("game_status")?.as_primitive::<Int64Type>();
        let teams: Option<Vec<_>> = self.table.team_columns().iter().map(|name| rows.column_by_name(name)).collect();
        let teams = teams?;
        let taken = taken_days();
        let is_dated = |row: usize| days.is_valid(row) && taken.contains(&days.value(row));
        let is_final = |row: usize| statuses.is_valid(row) && statuses.value(row) == FINAL;
        let is_open = |row: usize| statuses.is_valid(row) && statuses.value(row) != FINAL;
        let has_teams = |row: usize| teams.iter().all(|team| team.is_valid(row));
        let all = 0..rows.num_rows();
        let undated: Vec<usize> = all.clone().filter(|&row| !is_dated(row) && !is_final(row)).collect();
        let without_teams: Vec<usize> = all.filter(|&row| is_dated(row) && is_open(row) && !has_teams(row)).collect();
        let field = rows.schema_ref().field_with_name("game_date").expect("a column of the table");
        if let Some(&first) = undated.first().filter(|_| self.undated.rows == 0) {
            self.undated.first =
                format!("{} in {}", shown(days, first), self.row(&Cell { batch: rows, field, row: first }));
        }
        if let Some(&first) = without_teams.first().filter(|_| self.without_teams.rows == 0) {
            self.without_teams.first = self.row(&Cell { batch: rows, field, row: first });
        }
        self.undated.rows += undated.len() as u64;
        self.without_teams.rows += without_teams.len() as u64;
        let mut left_out = vec![false; rows.num_rows()];
        undated.iter().chain(&without_teams).for_each(|&row| left_out[row] = true);
        left_out.contains(&true).then(|| BooleanArray::from(left_out))
    }

    /// Counts NULLs in a required column, and refuses dates outside the years that are taken.
    fn check(&mut self, rows: &RecordBatch, field: &Field, left_out: Option<&BooleanArray>) -> Result<()> {
        let array = rows.column_by_name(field.name()).expect("a column of the table");
        let counts = |row: &usize| left_out.is_none_or(|left_out| !left_out.value(*row));
        let (table, column) = (self.table, field.name());
        if !field.is_nullable() && array.null_count() > 0 {
            let nulls: Vec<usize> = (0..array.len()).filter(|&row| array.is_null(row)).filter(counts).collect();
            if let Some(&first) = nulls.first() {
                let first = self.row(&Cell { batch: rows, field, row: first });
                self.nulls.add(column, nulls.len(), || first);
            }
        }
        let outside = if table.schema().is_needed(column) { outside_years(array) } else { Vec::new() };
        match outside.into_iter().find(counts) {
            None => Ok(()),
            Some(row) => {
                let (value, row) = (shown(array, row), self.row(&Cell { batch: rows, field, row }));
                Err(Error::new(
                    ErrorKind::Schema,
                    format!("{table}: {column} is {value} in {row}; only the years {} are taken", years()),
                )
                .hint("correct or remove the row; nothing was pulled"))
            }
        }
    }

    /// A row by its number, where rows have one, and by its key without the column that is spoken of.
    fn row(&self, &Cell { batch, field, row }: &Cell<'_>) -> String {
        let names = || batch.schema_ref().fields().iter().map(|live| live.name().as_str());
        let key = self.table.schema().key_columns().iter().filter(|key| *key != field.name());
        let value = |key: &String| match find(names(), key) {
            Found::At(index) => Some(format!("{key} {}", shown(batch.column(index), row))),
            _ => None,
        };
        let key: Vec<String> = key.filter_map(value).collect();
        let number = match self.rows_before {
            Some(before) => format!("row {} of {}", before + row as u64 + 1, self.place),
            None => format!("a row of {}", self.place),
        };
        if key.is_empty() { number } else { format!("{number} ({})", key.join(", ")) }
    }
}

/// Days of [`crate::calendar::YEARS`], as DATE counts them.
fn taken_days() -> std::ops::RangeInclusive<i32> {
    let DateRange { from, to } = DateRanges::everything().span().expect("years");
    Date32Type::from_naive_date(from)..=Date32Type::from_naive_date(to)
}

/// The rows whose date or timestamp lies outside the years that are taken.
fn outside_years(array: &ArrayRef) -> Vec<usize> {
    const MICROS_PER_DAY: i64 = 86_400_000_000;
    let days = taken_days();
    let outside = |is_outside: &dyn Fn(usize) -> bool| -> Vec<usize> {
        (0..array.len()).filter(|&row| array.is_valid(row) && is_outside(row)).collect()
    };
    if let Some(dates) = array.as_primitive_opt::<Date32Type>() {
        return outside(&|row| !days.contains(&dates.value(row)));
    }
    if let Some(instants) = array.as_primitive_opt::<TimestampMicrosecondType>() {
        let day = |row: usize| instants.value(row).div_euclid(MICROS_PER_DAY);
        return outside(&|row| !(i64::from(*days.start())..=i64::from(*days.end())).contains(&day(row)));
    }
    Vec::new()
}

/// A column that nothing reads, as far as it fits; the rest is NULL.
fn kept(array: &ArrayRef, field: &Field) -> ArrayRef {
    let nothing = || filler(field, array.len());
    if let DataType::List(element) = field.data_type() {
        return conform_list(array, element).unwrap_or_else(|_| nothing());
    }
    let to = field.data_type();
    let fitted = match is_convertible(array.data_type(), to) {
        true => convert(array, to).map(|converted| converted.array).ok(),
        false => cast_with_options(array, to, &CastOptions { safe: true, ..Default::default() }).ok(),
    };
    let Some(fitted) = fitted else { return nothing() };
    let outside = outside_years(&fitted);
    if outside.is_empty() {
        return fitted;
    }
    let mut is_outside = vec![false; fitted.len()];
    outside.into_iter().for_each(|row| is_outside[row] = true);
    nullif(&fitted, &BooleanArray::from(is_outside)).unwrap_or_else(|_| nothing())
}

/// A NULL list becomes an empty one, NULL elements are dropped: a repeated column has neither.
fn conform_list(array: &ArrayRef, element: &Arc<Field>) -> Result<ArrayRef> {
    let nullable = Arc::new(Field::new("element", element.data_type().clone(), true));
    let options = CastOptions { safe: true, ..Default::default() };
    let list = cast_with_options(array, &DataType::List(nullable), &options)?;
    let list = list.as_any().downcast_ref::<ListArray>().expect("cast to a list");
    let mut keep = Vec::with_capacity(list.values().len());
    let mut lengths = Vec::with_capacity(list.len());
    for row in 0..list.len() {
        let range = if list.is_null(row) { 0..0 } else { offset(list, row)..offset(list, row + 1) };
        let before = keep.len();
        keep.extend(range.filter(|&index| list.values().is_valid(index)).map(|index| index as u64));
        lengths.push(keep.len() - before);
    }
    let values = take(list.values(), &UInt64Array::from(keep), None)?;
    Ok(Arc::new(ListArray::try_new(
        Arc::clone(element),
        OffsetBuffer::from_lengths(lengths),
        values,
        None::<NullBuffer>,
    )?))
}

fn offset(list: &ListArray, row: usize) -> usize {
    list.value_offsets()[row] as usize
}

fn filler(field: &Field, rows: usize) -> ArrayRef {
    match field.data_type() {
        DataType::List(element) => {
            let values = new_empty_array(element.data_type());
            let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(0, rows));
            Arc::new(ListArray::new(Arc::clone(element), offsets, values, None))
        }
        ty => new_null_array(ty, rows),
    }
}
