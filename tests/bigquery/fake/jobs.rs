//! Jobs: an id is taken for good, and what ran stays run whatever was answered.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::http::{Reply, Request};
use super::sql::{Failure, Rows};
use super::tables::{Name, type_sql};
use super::{Core, LOCATION, cells};

/// Rows of a page of results.
const PAGE_ROWS: usize = 500;
/// Pieces of an upload, but the last, are multiples of it.
const CHUNK_BYTES: u64 = 256 << 10;

/// What goes wrong with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobFault {
    /// It is not accepted.
    Refused { status: u16, reason: &'static str },
    /// It ends in an error, and nothing ran.
    FailsBefore { reason: &'static str, message: &'static str },
    /// It ends in an error, and everything ran.
    FailsAfter { reason: &'static str, message: &'static str },
}

pub struct Job {
    pub resource: Value,
    rows: Option<Rows>,
    /// It is said to run for so many more looks.
    looks: u32,
    /// It is another account's.
    pub is_hidden: bool,
}

pub struct Upload {
    project: String,
    resource: Value,
    bytes: Vec<u8>,
    total: u64,
    /// The job that it became.
    done: Option<Value>,
}

impl Core {
    pub fn insert_job(&mut self, project: &str, resource: &Value) -> Reply {
        if resource["configuration"].get("query").is_none() {
            return Reply::error(400, "invalid", "the fake loads by resumable uploads only");
        }
        match self.start(project, resource, None) {
            Ok(job) => Reply::json(&job),
            Err(reply) => reply,
        }
    }

    /// Runs a job at once; the answer says that it runs still.
    fn start(&mut self, project: &str, resource: &Value, file: Option<&[u8]>) -> Result<Value, Reply> {
        self.refuse_if_malformed(project, resource)?;
        let configuration = &resource["configuration"];
        let id = resource["jobReference"]["jobId"].as_str().unwrap_or_default().to_owned();
        let sql = configuration["query"]["query"].as_str().unwrap_or_default().to_owned();
        let fault = self.take_fault(project, &id, &sql);
        if let Some(JobFault::Refused { status, reason }) = fault {
            return Err(Reply::error(status, reason, &format!("Job is not accepted: {reason}")));
        }
        if configuration["labels"]["tool"] == "putback" {
            self.log(&sql);
        }
        let mut statistics = json!({ "creationTime": self.tick().to_string() });
        let is_transaction = sql.starts_with("BEGIN TRANSACTION");
        let stays_open = is_transaction && self.overlapping.contains(project);
        let outcome = match fault {
            Some(JobFault::FailsBefore { reason, message }) => Err(Failure::new(reason, message)),
            _ => match file {
                Some(file) => self.load(configuration, file).map(|()| None),
                None if stays_open => self.begin_overlapping(project, &id, &sql).map(|()| None),
                None => self.run_query(configuration, &sql, &mut statistics),
            },
        };
        let outcome = match (fault, outcome) {
            (Some(JobFault::FailsAfter { reason, message }), Ok(_)) => Err(Failure::new(reason, message)),
            (_, outcome) => outcome,
        };
        let is_open = stays_open && outcome.is_ok();
        let mut status = json!({ "state": if is_open { "RUNNING" } else { "DONE" } });
        let rows = outcome.unwrap_or_else(|failure| {
            status["errorResult"] = json!({ "reason": failure.reason, "message": failure.message });
            status["errors"] = json!([status["errorResult"]]);
            None
        });
        let mut job = resource.clone();
        job["id"] = json!(format!("{project}:{LOCATION}.{id}"));
        job["status"] = status;
        job["statistics"] = statistics;
        job["user_email"] = json!("test@example.com");
        let mut running = job.clone();
        if configuration["dryRun"] != true {
            self.jobs.insert((project.to_owned(), id), Job { resource: job, rows, looks: 1, is_hidden: false });
            running["status"] = json!({ "state": "RUNNING" });
        }
        if is_transaction && !is_open {
            self.end_overlapping(project);
        }
        Ok(running)
    }

    fn refuse_if_malformed(&self, project: &str, resource: &Value) -> Result<(), Reply> {
        let reference = &resource["jobReference"];
        let invalid = |message: String| Err(Reply::error(400, "invalid", &message));
        let id = reference["jobId"].as_str().unwrap_or_default();
        let is_word = |text: &str| text.chars().all(|unit| unit.is_ascii_alphanumeric() || "_-".contains(unit));
        if id.is_empty() || id.len() > 1024 || !is_word(id) {
            return invalid(format!("Invalid job ID {id:?}"));
        }
        if reference["projectId"] != project {
            return invalid("the project of the address and of the job differ".to_owned());
        }
        if reference["location"] != LOCATION {
            let message = format!("Not found: no dataset lies in location {}", reference["location"]);
            return Err(Reply::error(404, "notFound", &message));
        }
        let configuration = &resource["configuration"];
        for (key, value) in configuration["labels"].as_object().into_iter().flatten() {
            let is_label = |text: &str| text.len() <= 63 && is_word(text) && text.to_lowercase() == *text;
            if key.is_empty() || !is_label(key) || !value.as_str().is_some_and(is_label) {
                return invalid(format!("Invalid label {key:?}: {value}"));
            }
        }
        if configuration.get("query").is_some() && configuration["query"]["useLegacySql"] != false {
            return invalid("legacy SQL is asked for, which is the default".to_owned());
        }
        if self.jobs.contains_key(&(project.to_owned(), id.to_owned())) {
            return Err(Reply::error(409, "duplicate", &format!("Already Exists: Job {project}:{LOCATION}.{id}")));
        }
        Ok(())
    }

    fn take_fault(&mut self, project: &str, id: &str, sql: &str) -> Option<JobFault> {
        let is_met = |mark: &str| id.contains(mark) || sql.contains(mark);
        let at = self.faults.iter().position(|(of, mark, _)| of == project && is_met(mark))?;
        Some(self.faults.remove(at).2)
    }

    fn run_query(&mut self, configuration: &Value, sql: &str, statistics: &mut Value) -> Result<Option<Rows>, Failure> {
        let bytes = self.estimate(sql)?;
        statistics["totalBytesProcessed"] = json!(bytes.to_string());
        statistics["query"] =
            json!({ "totalBytesProcessed": bytes.to_string(), "totalBytesBilled": bytes.to_string() });
        let limit = configuration["query"]["maximumBytesBilled"].as_str().and_then(|text| text.parse::<u64>().ok());
        if limit.is_some_and(|limit| bytes > limit) {
            let message =
                format!("Query exceeded limit for bytes billed: {}. {bytes} or higher required.", limit.unwrap_or(0));
            return Err(Failure::new("bytesBilledLimitExceeded", message));
        }
        if configuration["dryRun"] == true { Ok(None) } else { self.run_script(sql) }
    }

    /// A Parquet file into its table; names, types and modes must fit.
    fn load(&mut self, configuration: &Value, file: &[u8]) -> Result<(), Failure> {
        let load = &configuration["load"];
        let invalid = |message: String| Failure::new("invalid", message);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let destination = &load["destinationTable"];
        let name = Name::new(
            &text(&destination["projectId"]),
            &text(&destination["datasetId"]),
            &text(&destination["tableId"]),
        );
        let day = self.decorated(&name)?;
        let name = day.as_ref().map_or(name, |day| day.table.clone());
        if load["schema"]["fields"].as_array().into_iter().flatten().any(|field| field["type"] == "JSON") {
            return Err(invalid("Unsupported field type: JSON".to_owned()));
        }
        if load["sourceFormat"] != "PARQUET" {
            return Err(invalid("the fake loads Parquet only".to_owned()));
        }
        let Some(table) = self.tables.get(&name) else {
            return Err(Failure::new("notFound", format!("Not found: Table {name}")));
        };
        let path = tempfile::NamedTempFile::new().map_err(|error| invalid(error.to_string()))?;
        std::fs::write(path.path(), file).map_err(|error| invalid(error.to_string()))?;
        let source = format!("read_parquet('{}')", path.path().display());
        let columns = self.columns_of(&source).map_err(&invalid)?;
        let asked = load["schema"]["fields"].as_array().cloned().unwrap_or_else(|| table.fields().to_vec());
        let mut names = Vec::new();
        for (column, ty) in &columns {
            let field = asked.iter().find(|field| field["name"] == column.as_str());
            let Some(field) = field else { return Err(invalid(format!("no such field: {column}."))) };
            let expected = type_sql(field).unwrap_or_default();
            // The service widens decimals to a wider declared type; it never narrows.
            if !fits(ty, &expected) {
                return Err(invalid(format!(
                    "Provided schema does not match: field {column} is {ty} in the file and {expected} declared"
                )));
            }
            names.push(format!("\"{column}\""));
        }
        let names = names.join(", ");
        let target = name.quoted();
        let count = |condition: &str| -> Result<u64, Failure> {
            let sql = format!("SELECT COUNT(*) FROM {source} WHERE {condition}");
            self.database.query_row(&sql, [], |row| row.get(0)).map_err(|error| invalid(error.to_string()))
        };
        if count("true")? == 0 {
            return Err(invalid("the fake takes no file without rows: nothing says that the service does".to_owned()));
        }
        if let Some(day) = &day
            && count(&format!("({}) IS NOT TRUE", day.predicate()))? > 0
        {
            return Err(day.stray_rows());
        }
        let replaced = day.as_ref().map_or_else(|| "true".to_owned(), |day| day.predicate());
        let empty = match load["writeDisposition"] == "WRITE_TRUNCATE" {
            true => format!("DELETE FROM {target} WHERE {replaced};"),
            false => String::new(),
        };
        let sql = format!("BEGIN; {empty} INSERT INTO {target} ({names}) SELECT {names} FROM {source}; COMMIT");
        self.touch(&name);
        self.database.execute_batch(&sql).map_err(|error| {
            let _ = self.database.execute_batch("ROLLBACK");
            invalid(error.to_string())
        })
    }

    pub fn columns_of(&self, source: &str) -> Result<BTreeMap<String, String>, String> {
        let mut statement =
            self.database.prepare(&format!("DESCRIBE SELECT * FROM {source}")).map_err(|error| error.to_string())?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(|error| error.to_string())?;
        rows.collect::<Result<_, _>>().map_err(|error| error.to_string())
    }

    pub fn list_jobs(&self, project: &str) -> Reply {
        let jobs: Vec<&Value> =
            self.jobs.iter().filter(|((of, _), _)| of == project).map(|(_, job)| &job.resource).collect();
        Reply::json(&json!({ "jobs": jobs }))
    }

    pub fn get_job(&mut self, project: &str, id: &str, request: &Request) -> Reply {
        self.end_lonely(project);
        let job = self.jobs.get_mut(&(project.to_owned(), id.to_owned()));
        let is_here = request.query.get("location").is_some_and(|location| location == LOCATION);
        let Some(job) = job.filter(|_| is_here) else {
            return Reply::error(404, "notFound", &format!("Not found: Job {project}:{id}"));
        };
        if job.is_hidden {
            let message = format!("Access Denied: Job {project}:{id}: User does not have bigquery.jobs.get permission");
            return Reply::error(403, "accessDenied", &message);
        }
        let mut resource = job.resource.clone();
        if job.looks > 0 {
            job.looks -= 1;
            resource["status"] = json!({ "state": "RUNNING" });
        }
        Reply::json(&resource)
    }

    /// `jobs.query`: a job and the first page of its rows in one request.
    pub fn query(&mut self, project: &str, body: &Value) -> Reply {
        let id = format!("job_{}", self.tick());
        let resource = json!({
            "jobReference": { "projectId": project, "jobId": id, "location": LOCATION },
            "configuration": { "query": { "query": body["query"], "useLegacySql": body["useLegacySql"] } },
        });
        match self.start(project, &resource, None) {
            Ok(_) => self.page(project, &id, 0, PAGE_ROWS),
            Err(reply) => reply,
        }
    }

    pub fn query_results(&self, project: &str, id: &str, request: &Request) -> Reply {
        let number = |key: &str| request.query.get(key).and_then(|text| text.parse::<usize>().ok());
        if request.query.get("location").is_none_or(|location| location != LOCATION) {
            return Reply::error(404, "notFound", &format!("Not found: Job {project}:{id}"));
        }
        let first = number("pageToken").or(number("startIndex")).unwrap_or(0);
        self.page(project, id, first, number("maxResults").unwrap_or(PAGE_ROWS).min(PAGE_ROWS))
    }

    fn page(&self, project: &str, id: &str, first: usize, most: usize) -> Reply {
        let Some(job) = self.jobs.get(&(project.to_owned(), id.to_owned())) else {
            return Reply::error(404, "notFound", &format!("Not found: Job {project}:{id}"));
        };
        if let Some(error) = job.resource["status"].get("errorResult") {
            let text = |key: &str| error[key].as_str().unwrap_or_default();
            return Reply::error(400, text("reason"), text("message"));
        }
        let mut reply = json!({
            "jobComplete": true, "jobReference": job.resource["jobReference"], "totalRows": "0",
        });
        if let Some(rows) = &job.rows {
            let all = cells::rows(rows);
            let last = all.len().min(first + most);
            reply["schema"] = json!({ "fields": cells::fields(rows) });
            reply["totalRows"] = json!(all.len().to_string());
            reply["rows"] = json!(all[first.min(last)..last]);
            if last < all.len() {
                reply["pageToken"] = json!(last.to_string());
            }
        }
        Reply::json(&reply)
    }

    pub fn open_upload(&mut self, project: &str, request: &Request, own: &str) -> Reply {
        if request.query.get("uploadType").is_none_or(|kind| kind != "resumable") {
            return Reply::error(400, "invalid", "the fake takes resumable uploads only");
        }
        let resource = request.json();
        if let Err(reply) = self.refuse_if_malformed(project, &resource) {
            return reply;
        }
        let id = format!("upload-{}", self.tick());
        let upload = Upload { project: project.to_owned(), resource, bytes: Vec::new(), total: 0, done: None };
        self.uploads.insert(id.clone(), upload);
        let own = request.headers.get("host").map_or_else(|| own.to_owned(), |host| format!("http://{host}"));
        let session = format!("{own}/upload/bigquery/v2/projects/{project}/jobs?uploadType=resumable&upload_id={id}");
        Reply { status: 200, headers: vec![("location".to_owned(), session)], body: Vec::new() }
    }

    pub fn take_chunk(&mut self, request: &Request) -> Reply {
        let id = request.query.get("upload_id").cloned().unwrap_or_default();
        let Some(upload) = self.uploads.get_mut(&id) else {
            return Reply::error(404, "notFound", "no such upload session");
        };
        if let Some(done) = &upload.done {
            return Reply::json(done);
        }
        let Some(range) = request.headers.get("content-range").and_then(|text| range(text)) else {
            return Reply::error(400, "invalid", "no content range");
        };
        if let Err(message) = upload.take(range, &request.body) {
            return Reply::error(400, "invalid", &message);
        }
        if upload.total == 0 || (upload.bytes.len() as u64) < upload.total {
            return incomplete(upload.bytes.len());
        }
        let (project, resource, bytes) =
            (upload.project.clone(), upload.resource.clone(), std::mem::take(&mut upload.bytes));
        match self.start(&project, &resource, Some(&bytes)) {
            Ok(job) => {
                self.uploads.get_mut(&id).expect("looked up before").done = Some(job.clone());
                Reply::json(&job)
            }
            Err(reply) => {
                self.uploads.remove(&id);
                reply
            }
        }
    }
}

/// First and last byte, if any are sent, and how many there are in all, if known.
type ContentRange = (Option<(u64, u64)>, Option<u64>);

fn range(text: &str) -> Option<ContentRange> {
    let (span, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    if span == "*" {
        return Some((None, total));
    }
    let (first, last) = span.split_once('-')?;
    Some((Some((first.parse().ok()?, last.parse().ok()?)), total))
}

fn incomplete(arrived: usize) -> Reply {
    let mut reply = Reply::empty(308);
    if arrived > 0 {
        reply.headers.push(("range".to_owned(), format!("bytes=0-{}", arrived - 1)));
    }
    reply
}

impl Upload {
    fn take(&mut self, (span, total): ContentRange, body: &[u8]) -> Result<(), String> {
        self.total = total.unwrap_or(self.total);
        let Some((first, last)) = span else { return Ok(()) };
        if last + 1 - first != body.len() as u64 {
            return Err(format!("{} bytes came for {first}-{last}", body.len()));
        }
        let is_last = total == Some(last + 1);
        if !is_last && !(body.len() as u64).is_multiple_of(CHUNK_BYTES) {
            return Err("a piece that is not the last is no multiple of 256 KiB".to_owned());
        }
        // What is there already is not taken again, and a gap is not taken at all.
        let arrived = self.bytes.len() as u64;
        if first <= arrived && last >= arrived {
            self.bytes.extend_from_slice(&body[(arrived - first) as usize..]);
        }
        Ok(())
    }
}

/// Whether a type of a file may go into a declared one.
fn fits(file: &str, declared: &str) -> bool {
    let file = file.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ");
    if let (Some(a), Some(b)) = (digits(&file), digits(declared)) {
        let is_list = |text: &str| text.ends_with("[]");
        return is_list(&file) == is_list(declared) && a.1 <= b.1 && a.0 - a.1 <= b.0 - b.1;
    }
    file == declared || (file == "INTEGER" && declared == "BIGINT")
}

fn digits(ty: &str) -> Option<(u32, u32)> {
    let (precision, rest) = ty.strip_prefix("DECIMAL(")?.split_once(',')?;
    Some((precision.trim().parse().ok()?, rest.split_once(')')?.0.trim().parse().ok()?))
}
