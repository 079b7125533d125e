//! Google's own Python client at work, and plain requests.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::service::Service;

/// Runs a function of `client.py`.
pub fn python(service: &Service, arguments: &[&str]) -> Result<String, Failed> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bigquery/client.py");
    let python = service.python.as_ref().ok_or("there is no Python with Google's client")?;
    let output =
        Command::new(python).arg(script).args(arguments).env("BIGQUERY_EMULATOR_HOST", &service.rest).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// A request to the service; status and body.
pub fn request(service: &Service, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value), Failed> {
    let host = service.rest.trim_start_matches("http://");
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut stream = TcpStream::connect(host)?;
    write!(
        stream,
        "{method} /bigquery/v2/{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    let status = reply.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("no status")?;
    let body = reply.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok((status, serde_json::from_str(body).unwrap_or(Value::Null)))
}

/// The rows of a query, as text.
pub fn query(service: &Service, project: &str, sql: &str) -> Result<Vec<Vec<String>>, Failed> {
    let body = json!({ "query": sql, "useLegacySql": false, "timeoutMs": 60000 });
    let (status, reply) = request(service, "POST", &format!("projects/{project}/queries"), Some(&body))?;
    if status != 200 {
        return Err(format!("{sql}: {reply}").into());
    }
    let cells = |row: &Value| {
        let cells = row["f"].as_array().into_iter().flatten();
        cells.map(|cell| cell["v"].as_str().unwrap_or_default().to_owned()).collect()
    };
    Ok(reply["rows"].as_array().into_iter().flatten().map(cells).collect())
}

/// The ids of the jobs that ran in a project.
pub fn job_ids(service: &Service, project: &str) -> Result<Vec<String>, Failed> {
    let (_, reply) = request(service, "GET", &format!("projects/{project}/jobs?maxResults=10000"), None)?;
    let jobs = reply["jobs"].as_array().into_iter().flatten();
    let ids = jobs.filter_map(|job| job["jobReference"]["jobId"].as_str());
    Ok(ids.filter(|id| id.starts_with("putback_")).map(str::to_owned).collect())
}
