//! Jobs with client-generated ids, so that a lost answer never runs anything twice.

use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::api_error::ApiError;
use super::fault::Fault;
use super::meter::Meter;
use super::rest::Rest;
use crate::error::{Error, ErrorKind, Result};
use crate::numerics::hash::hex;
use crate::progress::{Event, Observer, Silent, check_cancelled};

/// Labels every job of ours: what it is, and a digest of its configuration.
const TOOL_LABEL: (&str, &str) = ("tool", "putback");
const CONTENT_LABEL: &str = "putback_content";

/// Where jobs run and what they may cost.
#[derive(Debug, Clone)]
pub(super) struct JobSite {
    pub project: String,
    pub location: String,
    pub maximum_bytes_billed: u64,
    /// Takes in what jobs were billed.
    pub meter: Meter,
}

/// A job that ended, well or not.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub id: String,
    pub resource: Value,
    /// Started by an earlier try, whose answer we may not have seen.
    pub adopted: bool,
}

/// What stands under a job id.
#[derive(Debug, Clone)]
pub(super) enum Standing {
    Free,
    /// The same work, and how it ended.
    Ours(Job),
    /// Other work, or a job of another account that we may not look at: the id is of no use.
    Foreign,
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JobFailure {
    pub reason: String,
    pub message: String,
}

impl Job {
    pub fn failure(&self) -> Option<JobFailure> {
        let error = self.resource["status"].get("errorResult")?;
        let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
        Some(JobFailure { reason: text("reason"), message: text("message") })
    }

    /// # Errors
    /// When the job failed; the message names it.
    pub fn succeeded(self, what: &str) -> Result<Self> {
        match self.failure() {
            None => Ok(self),
            Some(failure) => Err(failure.describe(what, &self.id)),
        }
    }
}

impl JobFailure {
    /// Failed for no fault of the statement: the same work under a new id may succeed.
    pub fn is_transient(&self) -> bool {
        const REASONS: [&str; 6] = [
            "backendError",
            "internalError",
            "jobBackendError",
            "jobInternalError",
            "rateLimitExceeded",
            "jobRateLimitExceeded",
        ];
        let message = self.message.to_ascii_lowercase();
        REASONS.contains(&self.reason.as_str())
            || message.contains("could not serialize")
            || message.contains("aborted due to concurrent update")
            || message.contains("too many dml statements outstanding")
    }

    pub fn describe(&self, what: &str, job_id: &str) -> Error {
        let kind = Fault::of_http(None, &self.reason).kind();
        let hint = match kind {
            ErrorKind::Quota => {
                "wait for the quota to recover, or raise --budget or PUTBACK_MAXIMUM_BYTES_BILLED, and run the command again"
            }
            ErrorKind::Auth => "grant the roles that docs/bigquery.md lists",
            _ => "look the job up in the BigQuery console for more",
        };
        Error::new(kind, format!("{what}: job {job_id} failed: {} ({})", self.message, self.reason)).hint(hint)
    }
}

impl JobSite {
    /// The resource of a query job; `id` is chosen by the caller.
    pub fn query(&self, id: &str, sql: &str) -> Value {
        self.resource(
            id,
            json!({
                "query": {
                    "query": sql,
                    "useLegacySql": false,
                    "maximumBytesBilled": self.maximum_bytes_billed.to_string(),
                }
            }),
        )
    }

    /// The resource of a job with the labels of ours.
    pub fn resource(&self, id: &str, mut configuration: Value) -> Value {
        let content = content_of(&configuration);
        configuration["labels"] = json!({ TOOL_LABEL.0: TOOL_LABEL.1, CONTENT_LABEL: content });
        json!({
            "jobReference": { "projectId": self.project, "jobId": id, "location": self.location },
            "configuration": configuration,
        })
    }

    pub async fn get(&self, rest: &Rest, id: &str) -> Result<Job, ApiError> {
        let url = rest.url(&format!("projects/{}/jobs/{id}?location={}", self.project, self.location));
        Ok(Job { id: id.to_owned(), resource: rest.get(url).await?.body, adopted: false })
    }

    /// Starts a job and waits for its end. A job that was started before under the same id is adopted
    /// if its configuration is ours; `None` if the id is taken by other work.
    ///
    /// # Errors
    /// When it cannot be started or looked up; a job that ran and failed is no error here.
    pub async fn run(&self, rest: &Rest, resource: &Value) -> Result<Option<Job>> {
        let id = resource["jobReference"]["jobId"].as_str().expect("jobs have ids of ours").to_owned();
        let what = format!("starting job {id} in {}", self.project);
        let url = rest.url(&format!("projects/{}/jobs", self.project));
        match rest.post(url, resource.clone()).await {
            Ok(_) => Ok(Some(self.wait(rest, &id, &Silent).await?)),
            Err(error) if error.is(409) => match self.standing(rest, resource, &Silent).await? {
                Standing::Ours(job) => Ok(Some(job)),
                Standing::Foreign => Ok(None),
                Standing::Free => self.find_taken(rest, resource).await,
            },
            Err(error) => Err(error.describe(&what)),
        }
    }

    /// An id that is taken although no job shows under it yet: looked for again for some seconds, because the service
    /// may accept a job a moment before it finds it.
    async fn find_taken(&self, rest: &Rest, resource: &Value) -> Result<Option<Job>> {
        for look in 1..rest.attempts() {
            rest.pause(look).await;
            match self.standing(rest, resource, &Silent).await? {
                Standing::Ours(job) => return Ok(Some(job)),
                Standing::Foreign => return Ok(None),
                Standing::Free => {}
            }
        }
        Ok(None)
    }

    /// Looks up the id of a job before it is started, and waits for the end of a job with the same work.
    pub async fn standing(&self, rest: &Rest, resource: &Value, observer: &dyn Observer) -> Result<Standing> {
        let id = resource["jobReference"]["jobId"].as_str().expect("jobs have ids of ours");
        let ours = &resource["configuration"]["labels"][CONTENT_LABEL];
        match self.get(rest, id).await {
            Ok(job) if &job.resource["configuration"]["labels"][CONTENT_LABEL] == ours => {
                Ok(Standing::Ours(Job { adopted: true, ..self.wait(rest, id, observer).await? }))
            }
            Ok(_) => Ok(Standing::Foreign),
            Err(error) if error.is(404) => Ok(Standing::Free),
            // Only its creator may look at a job without further rights.
            Err(error) if error.is(403) && error.reason == "accessDenied" => Ok(Standing::Foreign),
            Err(error) => Err(error.describe(&format!("looking up job {id}"))),
        }
    }

    /// Polls until the job has ended or the observer is cancelled; a job continues after that.
    pub async fn wait(&self, rest: &Rest, id: &str, observer: &dyn Observer) -> Result<Job> {
        let mut pause = Duration::from_millis(50);
        observer.on(Event::Waiting { what: format!("job {id} of BigQuery") });
        loop {
            check_cancelled(observer)?;
            let job = self.get(rest, id).await.map_err(|error| error.describe(&format!("waiting for job {id}")))?;
            if job.resource["status"]["state"] == "DONE" {
                self.meter.job(id, &job.resource);
                return Ok(job);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    /// Every row of a query job's result, values as the service spells them.
    pub async fn rows(&self, rest: &Rest, id: &str) -> Result<Vec<Vec<Value>>> {
        let base = format!(
            "projects/{}/queries/{id}?location={}&maxResults=50000&formatOptions.useInt64Timestamp=true",
            self.project, self.location
        );
        let mut rows = Vec::new();
        let mut token = String::new();
        loop {
            let page = if token.is_empty() { String::new() } else { format!("&pageToken={token}") };
            let what = format!("reading the result of job {id}");
            let reply = rest.get(rest.url(&format!("{base}{page}"))).await.map_err(|error| error.describe(&what))?;
            for row in reply.body["rows"].as_array().into_iter().flatten() {
                let cells = row["f"].as_array().into_iter().flatten();
                rows.push(cells.map(|cell| cell["v"].clone()).collect());
            }
            match reply.body["pageToken"].as_str() {
                Some(next) if !next.is_empty() => next.clone_into(&mut token),
                _ => return Ok(rows),
            }
        }
    }
}

/// 32 hexadecimal characters of the SHA-256 of a configuration, its cost limit left out.
fn content_of(configuration: &Value) -> String {
    let mut configuration = configuration.clone();
    if let Some(query) = configuration["query"].as_object_mut() {
        query.remove("maximumBytesBilled");
    }
    hex(&Sha256::digest(configuration.to_string().as_bytes())[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_carries_labels_and_a_digest_of_its_configuration() {
        let site = JobSite {
            project: "p".into(),
            location: "us-west2".into(),
            maximum_bytes_billed: 5,
            meter: Meter::default(),
        };
        let job = |sql: &str| site.query("id", sql);
        assert_eq!(job("SELECT 1")["configuration"]["labels"]["tool"], "putback");
        assert_eq!(job("SELECT 1")["configuration"]["query"]["maximumBytesBilled"], "5");
        assert_eq!(job("SELECT 1"), job("SELECT 1"));
        let content = |sql: &str| job(sql)["configuration"]["labels"][CONTENT_LABEL].clone();
        assert_ne!(content("SELECT 1"), content("SELECT 2"));
    }

    #[test]
    fn conflicts_of_transactions_are_transient() {
        let failure = |reason: &str, message: &str| JobFailure { reason: reason.into(), message: message.into() };
        assert!(failure("invalidQuery", "Transaction is aborted due to concurrent update").is_transient());
        assert!(failure("backendError", "").is_transient());
        let queued = "Resources exceeded: Too many DML statements outstanding against table p:d.t, limit is 20.";
        assert!(failure("quotaExceeded", queued).is_transient());
        assert!(!failure("invalidQuery", "putback: stale plan").is_transient());
    }
}
