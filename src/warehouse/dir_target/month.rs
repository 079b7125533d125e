//! The rows of a month file of a target. The file belongs to others too: it may have columns that putback does not know.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, Int64Array, RecordBatch, UInt32Array, new_null_array};
use arrow::compute::{concat_batches, filter_record_batch, take, take_record_batch};
use arrow::datatypes::{Field, Int64Type, Schema};
use arrow::row::{RowConverter, SortField};
use chrono::NaiveDate;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::processors::failures::ours_only;
use crate::store::{date_slices, partition_hash, sort_by_key};
use crate::warehouse::conform::{ColumnNote, SchemaMatch, conform};

/// Name of a helper column that no table has.
const POSITION: &str = "putback position";

/// Rows sorted by key, with the columns of their table, then the columns of others.
#[derive(Debug, Clone)]
pub(super) struct MonthRows {
    table: Table,
    rows: RecordBatch,
}

impl MonthRows {
    pub fn none(table: Table) -> Self {
        Self { table, rows: RecordBatch::new_empty(table.schema().arrow().clone()) }
    }

    /// Rows with just the columns of the table.
    pub fn of(table: Table, rows: RecordBatch) -> Result<Self> {
        Ok(Self::sorted(table, rows)?.0)
    }

    /// Reads a month file. Text and numbers of other types are read where every value stays what it is.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] for a file that cannot be read as Parquet, [`ErrorKind::Schema`] for a column of
    /// another type.
    pub fn read(table: Table, path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
        let damaged = |error: parquet::errors::ParquetError| unreadable(table, path).because(error);
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(damaged)?;
        let live = Arc::clone(builder.schema());
        let reader = builder.with_batch_size(1 << 16).build().map_err(damaged)?;
        let batches = reader.collect::<Result<Vec<_>, _>>();
        let batches = batches.map_err(|error| unreadable(table, path).because(error))?;
        refuse_other_types(table, &live, path)?;
        let rows = concat_batches(&live, &batches)?;
        let own = conform(table, &rows, &path.display().to_string())?;
        let others = live.fields().iter().zip(rows.columns());
        let others = others.filter(|(field, _)| table.schema().column(field.name()).is_none());
        let mut fields: Vec<Arc<Field>> = own.schema().fields().iter().cloned().collect();
        let mut columns = own.columns().to_vec();
        for (field, column) in others {
            fields.push(Arc::new(field.as_ref().clone().with_nullable(true)));
            columns.push(Arc::clone(column));
        }
        let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?;
        Ok(Self::sorted(table, rows)?.0)
    }

    /// All columns.
    pub fn all(&self) -> &RecordBatch {
        &self.rows
    }

    /// The columns of the table.
    pub fn own(&self) -> RecordBatch {
        let schema = self.table.schema().arrow();
        let columns = self.rows.columns()[..schema.fields().len()].to_vec();
        RecordBatch::try_new(Arc::clone(schema), columns).expect("the first columns are those of the table")
    }

    pub fn filter(&self, keep: &BooleanArray) -> Result<Self> {
        Ok(Self { table: self.table, rows: filter_record_batch(&self.rows, keep)? })
    }

    /// These rows and new ones. A new row has the values that `before` had under its key in the columns of others, or
    /// NULL. Returns how many rows repeat a key as well.
    pub fn with(&self, new: &RecordBatch, before: &Self) -> Result<(Self, u64)> {
        let known = self.table.schema().arrow().fields().len();
        let mut columns = new.columns().to_vec();
        if self.rows.num_columns() > known {
            let places = before.places_of(new)?;
            for field in &self.rows.schema().fields()[known..] {
                columns.push(match before.rows.column_by_name(field.name()) {
                    Some(column) => take(column, &places, None)?,
                    None => new_null_array(field.data_type(), new.num_rows()),
                });
            }
        }
        let new = RecordBatch::try_new(self.rows.schema(), columns)?;
        Self::sorted(self.table, concat_batches(&self.rows.schema(), [&self.rows, &new])?)
    }

    /// For each row, the row here with the same key; NULL: none.
    fn places_of(&self, rows: &RecordBatch) -> Result<UInt32Array> {
        let schema = self.table.schema();
        let names = [schema.partition_column()].into_iter().chain(schema.key_columns().iter().map(String::as_str));
        let names: Vec<&str> = names.collect();
        let keys = |batch: &RecordBatch| -> Vec<_> {
            names.iter().map(|name| Arc::clone(batch.column_by_name(name).expect("a key column"))).collect()
        };
        let (here, there) = (keys(&self.rows), keys(rows));
        let fields = here.iter().map(|column| SortField::new(column.data_type().clone())).collect();
        let converter = RowConverter::new(fields)?;
        let (here, there) = (converter.convert_columns(&here)?, converter.convert_columns(&there)?);
        let places: HashMap<_, u32> = here.iter().zip(0..).collect();
        Ok(there.iter().map(|key| places.get(&key).copied()).collect())
    }

    /// By key and every other column of the table. Returns how many rows repeat a key as well.
    fn sorted(table: Table, rows: RecordBatch) -> Result<(Self, u64)> {
        let known = table.schema().arrow().fields().len();
        if rows.num_columns() == known {
            let (rows, repeated) = sort_by_key(table, &rows)?;
            return Ok((Self { table, rows }, repeated));
        }
        let schema = rows.schema();
        let mut fields: Vec<Arc<Field>> = schema.fields().iter().take(known).cloned().collect();
        fields.push(Arc::new(Field::new(POSITION, arrow::datatypes::DataType::Int64, false)));
        let mut columns = rows.columns()[..known].to_vec();
        columns.push(Arc::new(Int64Array::from_iter_values(0..rows.num_rows() as i64)));
        let numbered = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?;
        let (numbered, repeated) = sort_by_key(table, &numbered)?;
        let positions = numbered.column(known).as_primitive::<Int64Type>();
        let order: UInt32Array = positions.values().iter().map(|position| *position as u32).collect();
        Ok((Self { table, rows: take_record_batch(&rows, &order)? }, repeated))
    }

    /// Content hash and rows of each date, over the columns of the table. The failures table is shared: rows of other
    /// processors are not ours to vouch for.
    ///
    /// # Errors
    /// When rows cannot be filtered.
    pub fn by_date(&self) -> Result<BTreeMap<NaiveDate, (String, u64)>> {
        let own = ours_only(self.table, self.own())?;
        let slices = date_slices(self.table, &own).into_iter();
        let content =
            |rows: std::ops::Range<usize>| (partition_hash(self.table, &own, rows.clone()), rows.len() as u64);
        Ok(slices.map(|(date, rows)| (date, content(rows))).collect())
    }
}

/// Whether a file has exactly the columns of its table, by its footer.
///
/// # Errors
/// [`ErrorKind::Corrupt`] for a file that cannot be read as Parquet.
pub(super) fn has_columns_of(table: Table, path: &Path) -> Result<bool> {
    let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file);
    let builder = builder.map_err(|error| unreadable(table, path).because(error))?;
    let columns = |schema: &Schema| -> Vec<_> {
        schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect()
    };
    Ok(columns(builder.schema()) == columns(table.schema().arrow()))
}

fn unreadable(table: Table, path: &Path) -> Error {
    Error::new(ErrorKind::Corrupt, format!("{} ({table}) cannot be read as Parquet", path.display()))
        .hint("add --repair to the same `putback upload`: it writes the month again; nothing was published")
}

fn refuse_other_types(table: Table, live: &Schema, path: &Path) -> Result<()> {
    let place = path.display().to_string();
    let unusable = |what: String| {
        Error::new(ErrorKind::Schema, what)
            .hint("write the file with that column and type again, or move it away; nothing was published")
    };
    let notes = match SchemaMatch::compare(table, live, &place) {
        Ok(found) => found.notes,
        Err(error) => return Err(unusable(error.to_string())),
    };
    for note in notes {
        if let ColumnNote::Retyped { column, expected, found } = note {
            return Err(unusable(format!("{table}: column {column} is {found} in {place}, expected {expected}")));
        }
    }
    Ok(())
}
