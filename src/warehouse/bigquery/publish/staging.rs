//! Loading the rows of a publication into staging tables.

use std::path::Path;

use serde_json::{Value, json};

use super::part::Part;
use super::{GENERATIONS, Publication};
use crate::error::{Error, ErrorKind, Result};
use crate::warehouse::bigquery::load::load_file;
use crate::warehouse::bigquery::{BigQuery, dataset_of};

/// Staging tables go by themselves after so long.
const STAGING_HOURS: i64 = 24;

impl BigQuery {
    pub(super) fn staging_name(&self, publication: &Publication, part: &Part) -> String {
        format!("putback_staging_{}_{}", part.table.name(), publication.id)
    }

    pub(super) fn staging_reference(&self, publication: &Publication, part: &Part) -> String {
        let dataset = dataset_of(part.table);
        format!("`{}.{dataset}.{}`", self.settings.project, self.staging_name(publication, part))
    }

    pub(super) fn load_resource(&self, publication: &Publication, part: &Part, generation: u32) -> Value {
        let name = self.staging_name(publication, part);
        let id = format!("putback_{}_{}_g{generation}", publication.id, part.table.name());
        self.site().resource(
            &id,
            json!({
                "load": {
                    "sourceFormat": "PARQUET",
                    "writeDisposition": "WRITE_TRUNCATE",
                    "createDisposition": "CREATE_NEVER",
                    "schema": { "fields": part.load_fields() },
                    "parquetOptions": { "enableListInference": true },
                    "destinationTable": {
                        "projectId": self.settings.project,
                        "datasetId": dataset_of(part.table),
                        "tableId": name,
                    },
                }
            }),
        )
    }

    /// Loads a part into its staging table, once.
    pub(super) fn stage(&self, publication: &Publication, part: &Part, file: &Path) -> Result<()> {
        let dataset = dataset_of(part.table);
        let name = self.staging_name(publication, part);
        let expires = self.settings.now + chrono::TimeDelta::hours(STAGING_HOURS);
        let site = self.site();
        let what = format!("loading {} rows into {dataset}.{name}", part.rows.num_rows());
        for generation in 0..GENERATIONS {
            self.create_table(
                dataset,
                json!({
                    "tableReference": { "projectId": self.settings.project, "datasetId": dataset, "tableId": name },
                    "schema": { "fields": part.load_fields() },
                    "expirationTime": expires.timestamp_millis().to_string(),
                    "labels": { "tool": "putback" },
                }),
            )?;
            let resource = self.load_resource(publication, part, generation);
            let load = load_file(&self.rest, &site, &resource, file, self.settings.chunk_bytes);
            let Some(job) = self.runtime.block_on(load)? else { continue };
            match job.failure() {
                None if self.holds(dataset, &name, part.rows.num_rows() as u64)? => return Ok(()),
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

    fn holds(&self, dataset: &str, name: &str, rows: u64) -> Result<bool> {
        let live = self.live_table(dataset, name)?;
        let found = live.as_ref().and_then(|live| live.resource["numRows"].as_str()?.parse().ok());
        Ok(found == Some(rows))
    }

    /// Staging tables go; one that stays goes by itself after a day.
    pub(super) fn clean_up(&self, publication: &Publication) {
        for part in &publication.parts {
            let name = self.staging_name(publication, part);
            if let Err(error) = self.delete_table(dataset_of(part.table), &name) {
                self.note(format!("the staging table {name} is left, and expires: {error}"));
            }
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
