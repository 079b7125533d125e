//! Datasets, tables and partitions as the service describes them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::BigQuery;
use super::live_table::LiveTable;
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::warehouse::{PartitionId, PartitionVersion, Partitions};

impl BigQuery {
    /// `None`: there is no such table.
    pub(super) fn live_table(&self, dataset: &str, table: &str) -> Result<Option<LiveTable>> {
        let url = self.tables_url(dataset, table);
        match self.runtime.block_on(self.rest.get(url)) {
            Ok(reply) => Ok(Some(LiveTable { resource: reply.body })),
            Err(error) if error.is(404) => Ok(None),
            Err(error) => Err(error.describe(&format!("looking at table {}", self.full_name(dataset, table)))),
        }
    }

    /// The location of a dataset; `None` when it does not exist.
    pub(super) fn dataset_location(&self, dataset: &str) -> Result<Option<String>> {
        let (project, dataset) = self.place(dataset);
        let url = self.rest.url(&format!("projects/{project}/datasets/{dataset}"));
        match self.runtime.block_on(self.rest.get(url)) {
            Ok(reply) => Ok(reply.body["location"].as_str().map(str::to_owned)),
            Err(error) if error.is(404) => Ok(None),
            Err(error) => Err(error.describe(&format!("looking at dataset {project}.{dataset}"))),
        }
    }

    /// The partitions of a dataset's tables, by one query.
    pub(super) fn partitions(&self, dataset: &str) -> Result<BTreeMap<String, Partitions>> {
        let (project, place) = self.place(dataset);
        let names: Vec<String> = Table::ALL
            .into_iter()
            .filter_map(|table| table.full_name().split_once('.'))
            .filter(|(of, _)| *of == dataset)
            .map(|(_, name)| format!("'{name}'"))
            .collect();
        let sql = format!(
            "SELECT table_name, partition_id, total_rows, total_logical_bytes, UNIX_MICROS(last_modified_time) \
             FROM `{project}.{place}.INFORMATION_SCHEMA.PARTITIONS` WHERE table_name IN ({})",
            names.join(", ")
        );
        let mut tables: BTreeMap<String, Partitions> = BTreeMap::new();
        for row in self.query_rows(&sql, &format!("looking at the partitions of {project}.{place}"))? {
            let text = |index: usize| row.get(index).and_then(Value::as_str).unwrap_or_default().to_owned();
            let number = |index: usize| text(index).parse::<u64>().unwrap_or(0);
            let version = PartitionVersion {
                token: format!("{}|{}|{}", text(4), text(2), text(3)),
                rows: number(2),
                bytes: number(3),
            };
            tables.entry(text(0)).or_default().insert(PartitionId(text(1)), version);
        }
        Ok(tables)
    }

    /// A dataset's full name, and what is mapped to it.
    fn shown_place(&self, dataset: &str) -> String {
        let (project, place) = self.place(dataset);
        match self.settings.datasets.is_mapped(dataset) {
            true => format!("{project}.{place} ([datasets] maps {dataset} there)"),
            false => format!("{project}.{place}"),
        }
    }

    /// The common location of the datasets; jobs run there.
    ///
    /// # Errors
    /// [`ErrorKind::Upstream`] when a dataset is missing, or is not in the common or requested location.
    pub(super) fn verify_location(&self, datasets: BTreeSet<&str>) -> Result<String> {
        let mut known = self.settings.location.clone().map(|location| (location, "--location".to_owned()));
        for dataset in datasets {
            let Some(found) = self.dataset_location(dataset)? else {
                return Err(Error::new(
                    ErrorKind::Upstream,
                    format!("there is no dataset {}", self.shown_place(dataset)),
                )
                .hint("check the names, or that the account may see the dataset; nothing was changed"));
            };
            match &known {
                None => known = Some((found, format!("dataset {}", self.shown_place(dataset)))),
                Some((expected, by)) if !expected.eq_ignore_ascii_case(&found) => {
                    return Err(Error::new(
                        ErrorKind::Upstream,
                        format!("dataset {} lies in {found}, but {by} says {expected}", self.shown_place(dataset)),
                    )
                    .hint(format!("use --location {found}; BigQuery looks for datasets in one location at a time")));
                }
                Some(_) => {}
            }
        }
        Ok(known.map_or_else(|| "US".to_owned(), |(location, _)| location))
    }
}
