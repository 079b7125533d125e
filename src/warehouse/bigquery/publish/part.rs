//! The share of a table in a publication, and its rows in the live table's columns and types.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Schema};
use chrono::NaiveDate;
use serde_json::Value;

use crate::catalog::{Column, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::upload::TableUpload;
use crate::warehouse::bigquery::fit::{Misfit, Rounded, fit, type_name};
use crate::warehouse::bigquery::live_table::LiveTable;
use crate::warehouse::bigquery::statements::Scope;
use crate::warehouse::{DateContent, date_contents};

/// The share of a table in a publication.
pub(super) struct Part {
    pub(super) table: Table,
    pub(super) live: LiveTable,
    pub(super) scope: Scope,
    pub(super) rows: RecordBatch,
    /// Tokens by date for the receipt.
    pub(super) tokens: BTreeMap<NaiveDate, String>,
    /// Dates that are sent even if keys and hashes agree.
    pub(super) forced: BTreeSet<NaiveDate>,
    pub(super) sent: BTreeMap<NaiveDate, DateContent>,
    pub(super) planned: BTreeMap<NaiveDate, DateContent>,
    /// See [`Part::fitted`]; of the rows as they are now.
    fitted: OnceLock<FittedRows>,
}

/// Rows in the live table's columns and types.
pub(super) struct FittedRows {
    pub(super) rows: RecordBatch,
    /// The columns whose values the types round.
    pub(super) rounded: Vec<Rounded>,
}

impl Part {
    pub(super) fn new(table: Table, live: LiveTable) -> Self {
        Self {
            table,
            live,
            scope: Scope::new(table),
            rows: RecordBatch::new_empty(table.schema().arrow().clone()),
            tokens: BTreeMap::new(),
            forced: BTreeSet::new(),
            sent: BTreeMap::new(),
            planned: BTreeMap::new(),
            fitted: OnceLock::new(),
        }
    }

    /// How many rows the dates will have.
    pub(super) fn sent_rows(&self) -> u64 {
        self.sent.values().map(|content| content.rows).sum()
    }

    /// The rows of the dates that are sent.
    pub(super) fn wanted(&self, rows: &RecordBatch) -> Vec<RecordBatch> {
        let slices = crate::store::date_slices(self.table, rows).into_iter();
        let wanted = slices.filter(|(date, _)| self.tokens.contains_key(date));
        wanted.map(|(_, range)| rows.slice(range.start, range.len())).collect()
    }

    /// Takes the rows of all dates that are sent.
    pub(super) fn take_rows(&mut self, rows: &[RecordBatch]) -> Result<()> {
        self.rows = concat_batches(self.table.schema().arrow(), rows)?;
        self.fitted = OnceLock::new();
        self.sent = date_contents(self.table, &self.rows);
        Ok(())
    }

    /// Takes out the dates whose content the target holds already, and returns their tokens.
    pub(super) fn drop_held(&mut self) -> BTreeMap<NaiveDate, String> {
        let is_held = |date: &NaiveDate| self.planned.get(date) == self.sent.get(date) && !self.forced.contains(date);
        let held: BTreeMap<NaiveDate, String> =
            self.tokens.iter().filter(|(date, _)| is_held(date)).map(|(date, token)| (*date, token.clone())).collect();
        self.scope.remove(&held);
        self.tokens.retain(|date, _| !held.contains_key(date));
        self.planned.retain(|date, _| !held.contains_key(date));
        self.sent.retain(|date, _| !held.contains_key(date));
        let kept = crate::store::date_slices(self.table, &self.rows)
            .into_iter()
            .filter(|(date, _)| !held.contains_key(date))
            .map(|(_, range)| self.rows.slice(range.start, range.len()))
            .collect::<Vec<_>>();
        self.rows = concat_batches(self.table.schema().arrow(), &kept).expect("slices of one batch");
        self.fitted = OnceLock::new();
        held
    }

    /// Columns that the live table and ours share, in the live order.
    pub(super) fn columns(&self) -> Vec<String> {
        let names = self.live.fields().iter().filter_map(|field| field["name"].as_str());
        names.filter(|name| self.table.schema().column(name).is_some()).map(str::to_owned).collect()
    }

    /// What an `INSERT` selects for those columns. JSON is staged as text, the form in which Parquet holds it
    /// and the only one in which the service loads it.
    pub(super) fn values(&self) -> Vec<String> {
        let value = |name: String| match self.live.type_of(&name) {
            Some("JSON") => format!("PARSE_JSON({name}, wide_number_mode=>'round')"),
            _ => name,
        };
        self.columns().into_iter().map(value).collect()
    }

    /// The name of a column in the staging table, which has the columns of all tables.
    pub(super) fn staged_name(&self, column: &str) -> String {
        format!("{}__{column}", self.table.name())
    }

    /// The live table's own words for those columns, as they are staged: rows of other tables lie beside them,
    /// so that none is required there.
    pub(super) fn staged_fields(&self) -> Vec<Value> {
        let columns = self.columns();
        let live = self.live.fields().iter().filter_map(|field| field["name"].as_str().map(|name| (name, field)));
        live.filter(|(name, _)| columns.iter().any(|column| column == name))
            .map(|(name, field)| {
                let mut field = field.clone();
                field["name"] = self.staged_name(name).into();
                if field["type"] == "JSON" {
                    field["type"] = "STRING".into();
                }
                if field["mode"] == "REQUIRED" {
                    field["mode"] = "NULLABLE".into();
                }
                if let Some(object) = field.as_object_mut() {
                    object.retain(|key, _| ["name", "type", "mode", "precision", "scale"].contains(&key.as_str()));
                }
                field
            })
            .collect()
    }

    /// The part's rows of the staging table under their own names, to select from. Other tables' rows have no
    /// date there.
    pub(super) fn staged_rows(&self, staging: &str) -> String {
        let column = |name: String| format!("{} AS {name}", self.staged_name(&name));
        let columns: Vec<String> = self.columns().into_iter().map(column).collect();
        let date = self.staged_name(self.table.schema().partition_column());
        format!("(SELECT {} FROM {staging} WHERE {date} IS NOT NULL)", columns.join(", "))
    }

    /// How many values each column holds: an aggregate over the staging table, and what it must be.
    pub(super) fn staged_values(&self) -> impl Iterator<Item = (String, u64)> {
        self.columns().into_iter().map(|name| {
            let values = self.rows.column_by_name(&name).expect("a column of ours");
            let staged = self.staged_name(&name);
            match values.as_list_opt::<i32>() {
                Some(lists) => {
                    let elements: usize = (0..lists.len()).map(|row| lists.value_length(row) as usize).sum();
                    (format!("IFNULL(SUM(ARRAY_LENGTH({staged})), 0)"), elements as u64)
                }
                None => (format!("COUNT({staged})"), (values.len() - values.null_count()) as u64),
            }
        })
    }

    /// The rows in the live table's columns and types, made once.
    ///
    /// # Errors
    /// [`ErrorKind::Schema`] for a required live column that we do not have, a column of ours that the
    /// live table lacks and that holds values, and a value that does not fit the live type.
    pub(super) fn fitted(&self, place: &str) -> Result<&FittedRows> {
        if let Some(fitted) = self.fitted.get() {
            return Ok(fitted);
        }
        let fitted = self.fit(place)?;
        Ok(self.fitted.get_or_init(|| fitted))
    }

    fn fit(&self, place: &str) -> Result<FittedRows> {
        let live = self.live.arrow();
        for field in live.fields() {
            if self.table.schema().column(field.name()).is_none() && !field.is_nullable() {
                return Err(unfit(format!("{place}: required column {} is not one that putback writes", field.name())));
            }
        }
        if let Some(column) = self.columns_missing_there().first() {
            return Err(unfit(format!("{place}: column {} does not exist in the live table", column.name)));
        }
        let mut fields = Vec::new();
        let mut arrays = Vec::new();
        let mut rounded = Vec::new();
        for name in self.columns() {
            let field = live.field_with_name(&name).expect("a live column");
            let array = self.rows.column_by_name(&name).expect("a column of ours");
            let fitted = fit(array, field).map_err(|misfit| self.unfit_value(place, field, misfit))?;
            rounded.extend(Rounded::between(array, &fitted, &name)?);
            fields.push(Field::new(&name, fitted.data_type().clone(), field.is_nullable()));
            arrays.push(fitted);
        }
        Ok(FittedRows { rows: RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?, rounded })
    }

    fn unfit_value(&self, place: &str, field: &Field, misfit: Misfit) -> Error {
        let (name, there) = (field.name(), type_name(field.data_type()));
        unfit(match misfit {
            Misfit::Type(here) => {
                format!("{place}: column {name} is {there} there and {} here", type_name(&here))
            }
            Misfit::Value { row, value } => {
                let key = self.key_of(row);
                format!("{place}: the value {value} of column {name} does not fit {there}: {key}")
            }
            Misfit::Nulls(rows) => format!("{place}: required column {name} is NULL in {rows} rows"),
        })
    }

    /// Date and entity of a row, as text.
    fn key_of(&self, row: usize) -> String {
        let cell = |name: &String| {
            let column = self.rows.column_by_name(name).expect("a key column");
            arrow::util::display::array_value_to_string(column, row).unwrap_or_default()
        };
        self.table.schema().key_columns().iter().map(cell).collect::<Vec<_>>().join(" ")
    }

    /// Columns that hold values and that the live table lacks.
    pub(super) fn columns_missing_there(&self) -> Vec<&'static Column> {
        let live = self.live.arrow();
        let is_missing = |column: &&Column| {
            let array = self.rows.column_by_name(&column.name).expect("a column of ours");
            live.field_with_name(&column.name).is_err() && array.null_count() < array.len()
        };
        self.table.schema().columns().iter().filter(is_missing).collect()
    }

    pub(super) fn add_to(&self, upload: &mut TableUpload) {
        for date in self.scope.dates() {
            let rows = |dates: &BTreeMap<NaiveDate, DateContent>| dates.get(&date).map_or(0, |content| content.rows);
            upload.dates.push(date);
            upload.rows += rows(&self.sent);
            upload.removed_rows += rows(&self.planned).saturating_sub(rows(&self.sent));
        }
    }
}

fn unfit(message: String) -> Error {
    Error::new(ErrorKind::Schema, message).hint("align the live table's schema with putback's; nothing was published")
}
