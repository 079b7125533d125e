//! Loading the rows of a publication into its staging table: one for all tables, in the ledger's dataset.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, RecordBatch, new_empty_array, new_null_array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Schema};
use serde_json::{Value, json};

use super::part::Part;
use super::{GENERATIONS, Publication};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Observer;
use crate::store::{FileEntry, ParquetFile};
use crate::warehouse::bigquery::BigQuery;
use crate::warehouse::bigquery::load::load_file;
use crate::warehouse::bigquery::statements::LEDGER;

/// The dataset of staging tables: the one where putback creates its ledger, so that no other needs the right
/// to create tables.
const STAGING: &str = LEDGER.0;
/// Staging tables go by themselves after so long.
const STAGING_HOURS: i64 = 24;

/// Rows of the file that are brought together at once.
const SLICE_ROWS: usize = 1 << 13;

impl Publication {
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
    let rows = parts.iter().map(|part| part.fitted(part.table.full_name())).collect::<Result<Vec<_>>>()?;
    let staged = |(part, rows): (&Part, &RecordBatch)| -> Vec<Field> {
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
    let mut file = ParquetFile::create(path, Arc::clone(&schema))?;
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
    pub(super) fn staging_reference(&self, publication: &Publication) -> String {
        format!("`{}.{STAGING}.{}`", self.settings.project, publication.staging_name())
    }

    pub(super) fn load_resource(&self, publication: &Publication, generation: u32) -> Value {
        self.site().resource(
            &format!("putback_{}_load_g{generation}", publication.id),
            json!({
                "load": {
                    "sourceFormat": "PARQUET",
                    "writeDisposition": "WRITE_TRUNCATE",
                    "createDisposition": "CREATE_NEVER",
                    "schema": { "fields": publication.staged_fields() },
                    "parquetOptions": { "enableListInference": true },
                    "destinationTable": {
                        "projectId": self.settings.project,
                        "datasetId": STAGING,
                        "tableId": publication.staging_name(),
                    },
                }
            }),
        )
    }

    /// Loads a publication's rows into its staging table, once.
    pub(super) fn stage(&self, publication: &Publication, file: &Path, observer: &dyn Observer) -> Result<()> {
        let name = publication.staging_name();
        let expires = self.settings.now + chrono::TimeDelta::hours(STAGING_HOURS);
        let site = self.site();
        let rows = publication.rows();
        let what = format!("loading {rows} rows into {STAGING}.{name}");
        for generation in 0..GENERATIONS {
            self.create_table(
                STAGING,
                json!({
                    "tableReference": { "projectId": self.settings.project, "datasetId": STAGING, "tableId": name },
                    "schema": { "fields": publication.staged_fields() },
                    "expirationTime": expires.timestamp_millis().to_string(),
                    "labels": { "tool": "putback" },
                }),
            )?;
            let resource = self.load_resource(publication, generation);
            let load = load_file(&self.rest, &site, &resource, file, self.settings.chunk_bytes, observer);
            let Some(job) = self.runtime.block_on(load)? else { continue };
            match job.failure() {
                None if self.holds(&name, rows)? => return Ok(()),
                // An earlier run's job was adopted, but its table is gone: load again.
                None => {}
                // A job that an earlier run saw fail has burnt its id and says nothing of now.
                Some(_) if job.adopted => {}
                Some(failure) if failure.is_transient() => self.runtime.block_on(self.rest.pause(generation + 1)),
                Some(failure) => return Err(failure.describe(&what, &job.id)),
            }
        }
        Err(Error::new(ErrorKind::Unexpected, format!("{what} failed {GENERATIONS} times"))
            .hint("run the same command again; nothing was published"))
    }

    fn holds(&self, name: &str, rows: u64) -> Result<bool> {
        let live = self.live_table(STAGING, name)?;
        let found = live.as_ref().and_then(|live| live.resource["numRows"].as_str()?.parse().ok());
        Ok(found == Some(rows))
    }

    /// The staging table goes; one that stays goes by itself after a day.
    pub(super) fn clean_up(&self, publication: &Publication) {
        let name = publication.staging_name();
        if let Err(error) = self.delete_table(STAGING, &name) {
            self.note(format!("the staging table {STAGING}.{name} is left, and expires: {error}"));
        }
    }

    /// Creates a table; one that is there already, perhaps by a try whose answer was lost, is taken.
    pub(super) fn create_table(&self, dataset: &str, resource: Value) -> Result<()> {
        let project = &self.settings.project;
        let name = resource["tableReference"]["tableId"].as_str().unwrap_or_default().to_owned();
        let url = self.rest.url(&format!("projects/{project}/datasets/{dataset}/tables"));
        match self.runtime.block_on(self.rest.post(url, resource)) {
            Ok(_) => Ok(()),
            Err(error) if error.is(409) => Ok(()),
            Err(error) => Err(error.describe(&format!("creating table {project}.{dataset}.{name}"))),
        }
    }

    fn delete_table(&self, dataset: &str, name: &str) -> Result<()> {
        let project = &self.settings.project;
        let url = self.rest.url(&format!("projects/{project}/datasets/{dataset}/tables/{name}"));
        match self.runtime.block_on(self.rest.delete(url)) {
            Ok(_) => Ok(()),
            Err(error) if error.is(404) => Ok(()),
            Err(error) => Err(error.describe(&format!("deleting table {project}.{dataset}.{name}"))),
        }
    }
}
