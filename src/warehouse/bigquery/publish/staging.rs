//! Loading the rows of a publication into its staging table: one for all tables, in the ledger's dataset.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, RecordBatch, new_empty_array, new_null_array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Schema};
use serde_json::{Value, json};

use super::part::Part;
use super::publication::NamedPublication;
use super::tries::Step;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Observer;
use crate::store::{FileEntry, ParquetFile};
use crate::warehouse::bigquery::BigQuery;
use crate::warehouse::bigquery::datasets::STAGING;
use crate::warehouse::bigquery::load::{Load, load_file};

/// Staging tables go by themselves after so long.
const STAGING_HOURS: i64 = 24;

/// Rows of the file that are brought together at once.
const SLICE_ROWS: usize = 1 << 13;

impl NamedPublication {
    pub(super) fn staging_name(&self) -> String {
        format!("putback_staging_{}", self.id)
    }

    pub(super) fn rows(&self) -> u64 {
        self.parts.iter().map(|part| part.rows.num_rows() as u64).sum()
    }

    fn staged_fields(&self) -> Vec<Value> {
        self.parts.iter().flat_map(Part::staged_fields).collect()
    }
}

/// Writes the rows of all parts as one file: a row has the columns of its own table, and nothing in the others'.
///
/// One file is one load job, whatever the number of tables.
///
/// # Errors
/// As [`Part::fitted`].
pub(super) fn write_staging(path: &Path, parts: &[Part]) -> Result<FileEntry> {
    let rows = parts.iter().map(|part| Ok(&part.fitted(part.table.full_name())?.rows)).collect::<Result<Vec<_>>>()?;
    let staged = |(part, rows): (&Part, &&RecordBatch)| -> Vec<Field> {
        let schema = rows.schema();
        let field = |field: &Arc<Field>| {
            let is_list = matches!(field.data_type(), DataType::List(_));
            Field::new(part.staged_name(field.name()), field.data_type().clone(), !is_list)
        };
        schema.fields().iter().map(field).collect()
    };
    let fields: Vec<Field> = parts.iter().zip(&rows).flat_map(staged).collect();
    let absent: Vec<ArrayRef> = fields.iter().map(absent).collect();
    let schema = Arc::new(Schema::new(fields));
    let mut file = ParquetFile::create_wide(path, Arc::clone(&schema))?;
    let mut first_column = 0;
    for rows in &rows {
        let columns = first_column..first_column + rows.num_columns();
        for start in (0..rows.num_rows()).step_by(SLICE_ROWS) {
            let slice = rows.slice(start, SLICE_ROWS.min(rows.num_rows() - start));
            let mut arrays: Vec<ArrayRef> = absent.iter().map(|array| array.slice(0, slice.num_rows())).collect();
            arrays[columns.clone()].clone_from_slice(slice.columns());
            file.write(&RecordBatch::try_new(Arc::clone(&schema), arrays)?)?;
        }
        first_column = columns.end;
    }
    file.finish()
}

/// What rows of other tables have in a column: NULL, or an empty list, because the service has no NULL lists.
fn absent(field: &Field) -> ArrayRef {
    match field.data_type() {
        DataType::List(element) => {
            let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(0, SLICE_ROWS));
            Arc::new(ListArray::new(Arc::clone(element), offsets, new_empty_array(element.data_type()), None))
        }
        ty => new_null_array(ty, SLICE_ROWS),
    }
}

impl BigQuery {
    pub(super) fn staging_reference(&self, publication: &NamedPublication) -> String {
        format!("`{}`", self.full_name(STAGING, &publication.staging_name()))
    }

    pub(super) fn load_resource(&self, publication: &NamedPublication, generation: u32) -> Value {
        self.site().resource(
            &format!("putback_{}_load_g{generation}", publication.id),
            json!({
                "load": {
                    "sourceFormat": "PARQUET",
                    "writeDisposition": "WRITE_TRUNCATE",
                    "createDisposition": "CREATE_NEVER",
                    "schema": { "fields": publication.staged_fields() },
                    "parquetOptions": { "enableListInference": true },
                    "destinationTable": self.table_reference(STAGING, &publication.staging_name()),
                }
            }),
        )
    }

    /// Loads a publication's rows into its staging table, once. Without rows the empty table is enough.
    pub(super) fn stage(&self, publication: &NamedPublication, file: &Path, observer: &dyn Observer) -> Result<()> {
        let name = publication.staging_name();
        let (site, rows) = (self.site(), publication.rows());
        let what = format!("loading {rows} rows into {}", self.full_name(STAGING, &name));
        self.create_staging(publication)?;
        if rows == 0 {
            return self.keep_staging(&name);
        }
        let resource = |generation| self.load_resource(publication, generation);
        let run = self.in_generations(resource, observer, |resource, earlier| {
            if let Some(job) = earlier {
                let is_there = job.failure().is_none() && self.holds(&name, rows)?;
                // Otherwise it failed, or its table is gone.
                return if is_there { self.keep_staging(&name).map(Step::Done) } else { Ok(Step::NextId) };
            }
            let load = Load { resource, file, rows, chunk_bytes: self.settings.chunk_bytes };
            let loaded = load_file(&self.rest, &site, &load, observer);
            let Some(job) = self.runtime.block_on(loaded)? else { return Ok(Step::NextId) };
            match job.failure() {
                None if self.holds(&name, rows)? => return self.keep_staging(&name).map(Step::Done),
                // Somebody took the table away.
                None => self.create_staging(publication)?,
                Some(failure) if failure.is_transient() || job.adopted => {}
                Some(failure) => return Err(failure.describe(&what, &job.id)),
            }
            Ok(Step::Failed)
        })?;
        run.map_err(|failures| {
            Error::new(ErrorKind::Unexpected, format!("{what} failed {failures} times"))
                .hint("run the same command again; nothing was published")
        })
    }

    fn create_staging(&self, publication: &NamedPublication) -> Result<()> {
        self.create_table(
            STAGING,
            json!({
                "tableReference": self.table_reference(STAGING, &publication.staging_name()),
                "schema": { "fields": publication.staged_fields() },
                "expirationTime": self.staging_expiry(STAGING_HOURS),
                "labels": { "tool": "putback" },
            }),
        )
        .map(|_| ())
    }

    /// So many hours from now, as the service writes times.
    fn staging_expiry(&self, hours: i64) -> String {
        (self.settings.now + chrono::TimeDelta::hours(hours)).timestamp_millis().to_string()
    }

    fn holds(&self, name: &str, rows: u64) -> Result<bool> {
        let live = self.live_table(STAGING, name)?;
        let found = live.as_ref().and_then(|live| live.resource["numRows"].as_str()?.parse().ok());
        Ok(found == Some(rows))
    }

    /// Puts the end of a staging table off that an earlier try created, or whose end the load took away.
    fn keep_staging(&self, name: &str) -> Result<()> {
        let live = self.live_table(STAGING, name)?;
        let end: Option<i64> = live.as_ref().and_then(|live| live.resource["expirationTime"].as_str()?.parse().ok());
        let soon: i64 = self.staging_expiry(STAGING_HOURS / 2).parse().expect("a number");
        if end.is_some_and(|end| end > soon) {
            return Ok(());
        }
        let url = self.tables_url(STAGING, name);
        let change = json!({ "expirationTime": self.staging_expiry(STAGING_HOURS) });
        let kept = self.runtime.block_on(self.rest.patch(url, change));
        kept.map(|_| ()).map_err(|error| {
            error.describe(&format!("extending the expiration of table {}", self.full_name(STAGING, name)))
        })
    }

    /// The staging table goes; one that stays goes by itself after a day.
    pub(super) fn clean_up(&self, publication: &NamedPublication) {
        let name = publication.staging_name();
        if let Err(error) = self.delete_table(STAGING, &name) {
            self.note(format!(
                "could not delete the staging table {}, which expires: {error}",
                self.full_name(STAGING, &name)
            ));
        }
    }

    /// Drops a staging table that does not hold what was sent.
    pub(super) fn drop_staging(&self, publication: &NamedPublication) -> Result<()> {
        let name = publication.staging_name();
        let place = self.full_name(STAGING, &name);
        self.note(format!("{place} does not hold what was sent; it is dropped and loaded again"));
        self.delete_table(STAGING, &name)
    }

    /// Says that a job id is taken by work that is not ours; the next one is used.
    pub(super) fn note_foreign(&self, job: &Value) {
        let id = job["jobReference"]["jobId"].as_str().unwrap_or_default();
        self.note(format!("job {id} is another account's or does other work; the next id is used"));
    }

    /// Creates a table; one that is there already, perhaps by a try whose answer was lost, is taken: false.
    pub(super) fn create_table(&self, dataset: &str, resource: Value) -> Result<bool> {
        let name = resource["tableReference"]["tableId"].as_str().unwrap_or_default().to_owned();
        let url = self.tables_url(dataset, "");
        match self.runtime.block_on(self.rest.post(url, resource)) {
            Ok(_) => Ok(true),
            Err(error) if error.is(409) => Ok(false),
            Err(error) => Err(error.describe(&format!("creating table {}", self.full_name(dataset, &name)))),
        }
    }

    fn delete_table(&self, dataset: &str, name: &str) -> Result<()> {
        let url = self.tables_url(dataset, name);
        match self.runtime.block_on(self.rest.delete(url)) {
            Ok(_) => Ok(()),
            Err(error) if error.is(404) => Ok(()),
            Err(error) => Err(error.describe(&format!("deleting table {}", self.full_name(dataset, name)))),
        }
    }
}
