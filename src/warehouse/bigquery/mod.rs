//! BigQuery as a warehouse: Phase 3 by the Storage Read API, Phase 4 by load jobs and one transaction.
//!
//! The control plane is JSON over HTTPS with retries of our own (`rest.rs`): repetition must know the
//! HTTP status, and schemas must keep precision and scale. The Read API's protocol comes from
//! `gcp-bigquery-client`.

mod api_error;
mod auth;
mod cells;
mod cost;
mod datasets;
mod fault;
mod fit;
mod inspect;
mod jobs;
mod live_table;
mod load;
mod metadata;
mod meter;
mod progress;
mod publish;
mod read;
mod rest;
mod statements;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::FieldRef;
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tonic::Code;

pub use self::auth::Tokens;
pub use self::datasets::{DatasetMap, DatasetPlace};
pub use self::inspect::TableState;
use self::jobs::JobSite;
use self::live_table::LiveTable;
use self::meter::Meter;
use self::rest::Rest;
pub use self::rest::RetryPolicy;
use super::{ContentVersion, DateContent, Partitions, SchemaMatch, Selection, Source, TableDescription};
use crate::calendar::DateRanges;
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::price::Bill;
use crate::processors::ProcessorId;
use crate::store::SourceFiles;

/// Addresses of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Of the REST interface, without a path.
    pub rest: String,
    /// Of the Storage Read API; absent: rows come as query results.
    pub storage: Option<String>,
    /// Whether the service wants credentials.
    pub needs_credentials: bool,
}

impl Endpoint {
    /// Google's own.
    pub fn google() -> Self {
        Self {
            rest: "https://bigquery.googleapis.com".to_owned(),
            storage: Some("https://bigquerystorage.googleapis.com".to_owned()),
            needs_credentials: true,
        }
    }
}

/// How to reach a project.
#[derive(Debug, Clone)]
pub struct BigQuerySettings {
    pub project: String,
    /// Where published tables lie.
    pub datasets: DatasetMap,
    /// Where the datasets are expected; absent: where they are.
    pub location: Option<String>,
    pub endpoint: Endpoint,
    /// The project whose quota is used; absent: that of the credentials.
    pub quota_project: Option<String>,
    pub retry: RetryPolicy,
    /// A query that would cost more fails before it runs.
    pub maximum_bytes_billed: u64,
    /// All queries and reads together must not be billed more.
    pub budget: Option<u64>,
    /// Sent at once in an upload; a multiple of 256 KiB.
    pub chunk_bytes: u64,
    /// Makes ids of metadata queries unique to the run.
    pub run_id: String,
    /// The moment of the run.
    pub now: DateTime<Utc>,
}

/// A project's BigQuery.
pub struct BigQuery {
    settings: BigQuerySettings,
    runtime: Runtime,
    rest: Rest,
    tokens: Tokens,
    location: String,
    queries: AtomicU64,
    meter: Meter,
    described: Mutex<BTreeMap<Table, Option<LiveTable>>>,
    partitions: Mutex<BTreeMap<String, BTreeMap<String, Partitions>>>,
    notes: Mutex<Vec<String>>,
}

impl BigQuery {
    /// Connects to write: verifies that the datasets of the outputs, and of the ledger, lie in one location.
    ///
    /// # Errors
    /// As [`BigQuery::open`].
    pub fn open_to_publish(settings: BigQuerySettings) -> Result<Self> {
        let staging = settings.datasets.is_mapped(datasets::STAGING).then_some(datasets::STAGING);
        let datasets = DatasetMap::required().into_iter().chain(staging).collect();
        Self::open_datasets(settings, datasets)
    }

    /// Connects, and verifies that the datasets of `tables` lie in one location.
    ///
    /// # Errors
    /// [`ErrorKind::Auth`] without usable credentials, [`ErrorKind::Upstream`] for a missing dataset or
    /// one in another location.
    pub fn open(settings: BigQuerySettings, tables: impl Iterator<Item = Table>) -> Result<Self> {
        Self::open_datasets(settings, tables.map(dataset_of).collect())
    }

    fn open_datasets(settings: BigQuerySettings, datasets: BTreeSet<&str>) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime =
            runtime.map_err(|error| Error::new(ErrorKind::Unexpected, "cannot start threads").because(error))?;
        let tokens = if settings.endpoint.needs_credentials {
            let _guard = runtime.enter();
            Tokens::application_default()?
        } else {
            Tokens::Anonymous
        };
        let rest = Rest::new(&settings.endpoint.rest, tokens.clone(), settings.quota_project.clone(), settings.retry)?;
        let mut bigquery = Self {
            settings,
            runtime,
            rest,
            tokens,
            location: String::new(),
            queries: AtomicU64::new(0),
            meter: Meter::default(),
            described: Mutex::default(),
            partitions: Mutex::default(),
            notes: Mutex::default(),
        };
        bigquery.location = bigquery.verify_location(datasets)?;
        Ok(bigquery)
    }

    /// The project and the name of a dataset, where it is mapped to.
    fn place(&self, dataset: &str) -> (String, String) {
        self.settings.datasets.place(&self.settings.project, dataset)
    }

    /// A table's full name with its project.
    pub fn full_name(&self, dataset: &str, table: &str) -> String {
        let (project, dataset) = self.place(dataset);
        format!("{project}.{dataset}.{table}")
    }

    /// [`BigQuery::full_name`] of a table of the catalog.
    fn name_of(&self, table: Table) -> String {
        self.full_name(dataset_of(table), table.name())
    }

    /// The address of the tables of a dataset, or of one of them.
    fn tables_url(&self, dataset: &str, table: &str) -> String {
        let (project, dataset) = self.place(dataset);
        let table = if table.is_empty() { String::new() } else { format!("/{table}") };
        self.rest.url(&format!("projects/{project}/datasets/{dataset}/tables{table}"))
    }

    /// What names a table in a request.
    fn table_reference(&self, dataset: &str, table: &str) -> Value {
        let (project, dataset) = self.place(dataset);
        json!({ "projectId": project, "datasetId": dataset, "tableId": table })
    }

    /// As the user named it, with the mapping if there is one.
    fn shown_name(&self) -> String {
        let BigQuerySettings { project, datasets, .. } = &self.settings;
        if datasets.is_empty() { format!("bigquery:{project}") } else { format!("bigquery:{project} ({datasets})") }
    }

    fn site(&self) -> JobSite {
        JobSite {
            project: self.settings.project.clone(),
            location: self.location.clone(),
            maximum_bytes_billed: self.limit(),
            meter: self.meter.clone(),
        }
    }

    /// The most that one query may bill.
    fn limit(&self) -> u64 {
        let BigQuerySettings { maximum_bytes_billed, budget, .. } = self.settings;
        budget.map_or(maximum_bytes_billed, |budget| budget.min(maximum_bytes_billed))
    }

    /// An id for a query of this run.
    fn next_query_id(&self) -> String {
        let number = self.queries.fetch_add(1, Ordering::Relaxed);
        format!("putback_{}_{number}", self.settings.run_id)
    }

    /// Runs a query under an id of this run and returns its rows.
    fn query_rows(&self, sql: &str, what: &str) -> Result<Vec<Vec<Value>>> {
        self.refuse_beyond_budget(sql, what)?;
        let id = self.next_query_id();
        let site = self.site();
        self.runtime.block_on(async {
            let job = site.run(&self.rest, &site.query(&id, sql)).await?.ok_or_else(|| taken(&id))?.succeeded(what)?;
            site.rows(&self.rest, &job.id).await
        })
    }

    /// The live table, looked at once.
    fn described(&self, table: Table) -> Result<Option<LiveTable>> {
        if let Some(known) = self.described.lock().expect("no thread panicked").get(&table) {
            return Ok(known.clone());
        }
        let (dataset, name) = table.full_name().split_once('.').expect("full names have a dataset");
        let live = self.live_table(dataset, name)?;
        self.described.lock().expect("no thread panicked").insert(table, live.clone());
        Ok(live)
    }

    fn partitions_of(&self, table: Table) -> Result<Partitions> {
        let (dataset, name) = table.full_name().split_once('.').expect("full names have a dataset");
        let mut known = self.partitions.lock().expect("no thread panicked");
        if !known.contains_key(dataset) {
            known.insert(dataset.to_owned(), self.partitions(dataset)?);
        }
        Ok(known[dataset].get(name).cloned().unwrap_or_default())
    }

    fn note(&self, text: String) {
        self.notes.lock().expect("no thread panicked").push(text);
    }
}

impl Source for BigQuery {
    fn name(&self) -> String {
        self.shown_name()
    }

    fn describe(&self, table: Table) -> Result<Option<TableDescription>> {
        let Some(live) = self.described(table)? else { return Ok(None) };
        let place = self.name_of(table);
        let schema = SchemaMatch::compare(table, &live.arrow(), &place)?;
        let partitions = if is_partitioned(table, &live) { Some(self.partitions_of(table)?) } else { None };
        Ok(Some(TableDescription { schema, partitions }))
    }

    fn version(&self, table: Table, _: &SourceFiles) -> Result<ContentVersion> {
        let live = self.described(table)?.expect("only tables that were described have a version");
        // Partitions say what changed; without them the table as a whole does.
        let token = if is_partitioned(table, &live) {
            crate::numerics::hash::data_hash(&[live.resource["schema"].to_string().as_bytes()])
        } else {
            live.version()
        };
        Ok(ContentVersion { token, files: SourceFiles::new() })
    }

    fn read(
        &self,
        table: Table,
        selection: &Selection,
        sink: &mut dyn FnMut(RecordBatch) -> Result<()>,
    ) -> Result<u64> {
        self.read_rows(table, selection, sink)
    }

    fn count_rows(&self, table: Table, selection: &Selection) -> Result<Option<BTreeMap<NaiveDate, u64>>> {
        if self.described(table)?.is_none() {
            return Ok(None);
        }
        let date = table.schema().partition_column();
        let filter = match selection {
            Selection::Everything => "TRUE".to_owned(),
            Selection::Ranges(ranges) => read::restriction(table, ranges),
        };
        let sql = format!(
            "SELECT CAST({date} AS STRING), COUNT(*) FROM `{}` WHERE {filter} GROUP BY {date}",
            self.name_of(table)
        );
        let rows = self.query_rows(&sql, &format!("counting the rows of {table}"))?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(Some(
            rows.iter().filter_map(|row| Some((text(&row[0]).parse().ok()?, text(&row[1]).parse().ok()?))).collect(),
        ))
    }

    fn date_contents(&self, table: Table, ranges: &DateRanges) -> Result<Option<BTreeMap<NaiveDate, DateContent>>> {
        if self.described(table)?.is_none() || ranges.is_empty() {
            return Ok(None);
        }
        let mut filter = format!("({})", read::restriction(table, ranges));
        if table == Table::PrecomputeFailures {
            let names = ProcessorId::ALL.map(|id| format!("'{}'", id.class_name())).join(", ");
            filter = format!("{filter} AND processor_name IN ({names})");
        }
        let sql = statements::dates_sql(table, &format!("`{}`", self.name_of(table)), &filter);
        let rows = self.query_rows(&sql, &format!("comparing {table} by its dates"))?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let content = |row: &Vec<Value>| {
            let content = DateContent { rows: text(&row[1]).parse().ok()?, checksum: text(&row[2]) };
            Some((text(&row[0]).parse().ok()?, content))
        };
        Ok(Some(rows.iter().filter_map(content).collect()))
    }

    fn as_stored(&self, table: Table, rows: RecordBatch) -> Result<RecordBatch> {
        let Some(live) = self.described(table)? else { return Ok(rows) };
        let (schema, types) = (rows.schema(), live.arrow());
        let column = |(array, field): (&ArrayRef, &FieldRef)| match types.field_with_name(field.name()) {
            Ok(_) if live.type_of(field.name()) == Some("JSON") => Ok(fit::json_values(array)),
            Ok(there) => fit::as_stored(array, there),
            Err(_) => Ok(ArrayRef::clone(array)),
        };
        let columns = rows.columns().iter().zip(schema.fields()).map(column).collect::<Result<Vec<_>>>()?;
        Ok(RecordBatch::try_new(schema.clone(), columns)?)
    }

    fn estimate(&self, table: Table, ranges: &DateRanges, full: bool) -> Result<Option<Bill>> {
        if self.described(table)?.is_none() || ranges.is_empty() {
            return Ok(Some(Bill::default()));
        }
        let (reference, filter) = (format!("`{}`", self.name_of(table)), read::restriction(table, ranges));
        let what = format!("comparing {table}");
        let dates = self.dry_run(&statements::dates_sql(table, &reference, &format!("({filter})")), &what)?;
        let mut bill = Bill { query_bytes: crate::price::billed(dates), statements: 1, ..Bill::default() };
        if full {
            bill = Bill::default();
            bill.read_bytes = self.dry_run(&format!("SELECT * FROM {reference} WHERE {filter}"), &what)?;
        }
        Ok(Some(bill))
    }

    fn bill(&self) -> Option<Bill> {
        Some(self.meter.bill())
    }

    fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.notes.lock().expect("no thread panicked"))
    }
}

/// Whether BigQuery keeps track of the table's dates.
fn is_partitioned(table: Table, live: &LiveTable) -> bool {
    live.resource["timePartitioning"]["field"] == table.schema().partition_column()
}

fn dataset_of(table: Table) -> &'static str {
    table.full_name().split_once('.').expect("full names have a dataset").0
}

fn taken(id: &str) -> Error {
    Error::new(ErrorKind::StalePlan, format!("job id {id} belongs to a job that putback did not start"))
        .hint("run the same command again")
}

/// Whether a call may succeed if it is retried, after this many consecutive failures. A connection that is cut shows
/// as unknown or internal; a token that was just refused is asked for once more.
fn retry_later(code: Code, failures: u32) -> bool {
    let is_first_refusal = code == Code::Unauthenticated && failures == 1;
    is_first_refusal
        || matches!(
            code,
            Code::Unavailable
                | Code::Internal
                | Code::Unknown
                | Code::Aborted
                | Code::Cancelled
                | Code::DeadlineExceeded
                | Code::ResourceExhausted
        )
}

/// Waits before retries as the service's documentation advises.
impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 7, first_delay: Duration::from_millis(500), longest_delay: Duration::from_secs(32), seed: 0 }
    }
}

impl BigQuery {
    /// Runs a statement that changes rows, under an id of this run; a transaction that lost against another
    /// writer is tried again.
    pub fn execute(&self, sql: &str, what: &str) -> Result<()> {
        self.refuse_beyond_budget(sql, what)?;
        let site = self.site();
        for attempt in 0..self.settings.retry.attempts {
            let id = self.next_query_id();
            let job = self.runtime.block_on(site.run(&self.rest, &site.query(&id, sql)))?.ok_or_else(|| taken(&id))?;
            match job.failure() {
                None => return Ok(()),
                Some(failure) if failure.is_transient() => self.runtime.block_on(self.rest.pause(attempt + 1)),
                Some(failure) => return Err(failure.describe(what, &job.id)),
            }
        }
        Err(Error::new(ErrorKind::StalePlan, format!("{what}: another writer keeps changing it"))
            .hint("stop the other writer and run the same command again"))
    }
}
