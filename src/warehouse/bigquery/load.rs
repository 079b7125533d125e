//! Parquet files into staging tables by resumable media upload.

use std::path::Path;

use reqwest::Method;
use reqwest::header::{CONTENT_RANGE, HeaderName, LOCATION, RANGE};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::api_error::ApiError;
use super::jobs::{Job, JobSite, Standing};
use super::rest::{Body, Call, Reply, Rest};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::{Event, Observer, Staged, check_cancelled};

/// A load job with the file that it loads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load<'a> {
    /// The job.
    pub resource: &'a Value,
    pub file: &'a Path,
    pub rows: u64,
    /// Bytes that are sent at once.
    pub chunk_bytes: u64,
}

impl Load<'_> {
    /// Rows lie evenly in the file, nearly enough for progress.
    fn progress(&self, bytes: u64, total_bytes: u64) -> Event {
        let rows = u128::from(self.rows) * u128::from(bytes) / u128::from(total_bytes.max(1));
        Event::Staged(Staged { rows: rows as u64, total_rows: self.rows, bytes, total_bytes: Some(total_bytes) })
    }
}

/// The state of an upload.
enum Progress {
    /// So many bytes have arrived.
    At(u64),
    /// The job was started.
    Done,
    /// The session has expired; a new one is needed.
    Gone,
}

/// Starts a load job with the bytes of its file and waits for its end.
///
/// A chunk that breaks is sent again from where the service says it is; a session that is gone is
/// opened anew under the same job id, so that the file is loaded once.
///
/// `None`: the id is taken by other work.
///
/// # Errors
/// When the bytes cannot be delivered, or the observer is cancelled; a job that ran and failed is no error here.
pub(super) async fn load_file(
    rest: &Rest,
    site: &JobSite,
    load: &Load<'_>,
    observer: &dyn Observer,
) -> Result<Option<Job>> {
    let resource = load.resource;
    let id = resource["jobReference"]["jobId"].as_str().expect("jobs have ids of ours").to_owned();
    let what = format!("uploading {} for job {id}", load.file.display());
    let mut failures = 0;
    loop {
        match send_file(rest, site, load, observer).await? {
            Ok(()) => break,
            Err(error) if error.is(409) => {
                return match site.standing(rest, resource, observer).await? {
                    Standing::Ours(job) => Ok(Some(job)),
                    Standing::Foreign | Standing::Free => Ok(None),
                };
            }
            Err(error) => {
                failures += 1;
                let again = error.is_transient() || error.is(404) || error.is(410);
                if !again || failures >= rest.attempts() {
                    return Err(error.describe(&what));
                }
                rest.pause(failures).await;
            }
        }
    }
    site.wait(rest, &id, observer).await.map(Some)
}

/// One session: the outer error is a local one, the inner the service's.
async fn send_file(
    rest: &Rest,
    site: &JobSite,
    load: &Load<'_>,
    observer: &dyn Observer,
) -> Result<Result<(), ApiError>> {
    let &Load { resource, file: path, .. } = load;
    let read = |error| Error::io("read", path, error);
    let mut file = tokio::fs::File::open(path).await.map_err(read)?;
    let total = file.metadata().await.map_err(read)?.len();
    let session = match open_session(rest, site, resource, total).await {
        Ok(session) => session,
        Err(error) => return Ok(Err(error)),
    };
    let (mut offset, mut failures, mut reauthorized) = (0, 0, false);
    loop {
        check_cancelled(observer)?;
        observer.on(load.progress(offset, total));
        file.seek(std::io::SeekFrom::Start(offset)).await.map_err(read)?;
        let mut chunk = vec![0; load.chunk_bytes.min(total - offset) as usize];
        file.read_exact(&mut chunk).await.map_err(read)?;
        let progress = match put(rest, &session, Chunk { bytes: chunk, offset, total }).await {
            Ok(reply) => progress_of(&reply),
            // A token that ran out in the middle is asked for once more.
            Err(error) if (error.is_transient() || (error.is(401) && !reauthorized)) && failures < rest.attempts() => {
                reauthorized |= error.is(401);
                failures += 1;
                rest.pause(failures).await;
                match put(rest, &session, Chunk { bytes: Vec::new(), offset: total, total }).await {
                    Ok(reply) => progress_of(&reply),
                    Err(error) if error.is_transient() => Progress::At(offset),
                    Err(error) => return Ok(Err(error)),
                }
            }
            Err(error) => return Ok(Err(error)),
        };
        match progress {
            Progress::Done => {
                observer.on(load.progress(total, total));
                return Ok(Ok(()));
            }
            Progress::Gone => {
                return Ok(Err(ApiError {
                    status: Some(410),
                    reason: "gone".into(),
                    message: "the upload session is gone".into(),
                }));
            }
            Progress::At(arrived) if arrived > total => {
                return Err(Error::new(
                    ErrorKind::Unexpected,
                    format!("the service received {arrived} of {total} bytes"),
                ));
            }
            Progress::At(arrived) if arrived > offset && arrived < total => {
                failures = 0;
                offset = arrived;
            }
            // No step forward, or all there and no answer yet: not for ever.
            Progress::At(arrived) => {
                failures += 1;
                if failures >= rest.attempts() {
                    let message = format!("the service received {arrived} of {total} bytes and no more");
                    return Ok(Err(ApiError { status: None, reason: "stalled".to_owned(), message }));
                }
                rest.pause(failures).await;
                offset = arrived;
            }
        }
    }
}

async fn open_session(rest: &Rest, site: &JobSite, resource: &Value, total: u64) -> Result<String, ApiError> {
    let call = Call {
        method: Method::POST,
        url: rest.upload_url(&format!("projects/{}/jobs?uploadType=resumable", site.project)),
        headers: vec![
            (HeaderName::from_static("x-upload-content-type"), "application/octet-stream".to_owned()),
            (HeaderName::from_static("x-upload-content-length"), total.to_string()),
        ],
        body: Body::Json(resource.clone()),
    };
    let reply = rest.send(&call).await?;
    let session = reply.headers.get(LOCATION).and_then(|value| value.to_str().ok());
    session.map(str::to_owned).ok_or_else(|| ApiError {
        status: Some(reply.status),
        reason: "invalid".to_owned(),
        message: "the upload session has no address".to_owned(),
    })
}

/// A part of a file.
struct Chunk {
    bytes: Vec<u8>,
    /// Where it begins in the file.
    offset: u64,
    /// The size of the file.
    total: u64,
}

/// Sends bytes, or without any asks for the state of the upload. Not retried here: after a failure the state must be
/// asked first.
async fn put(rest: &Rest, session: &str, Chunk { bytes, offset, total }: Chunk) -> Result<Reply, ApiError> {
    let range = match bytes.len() as u64 {
        0 => format!("bytes */{total}"),
        length => format!("bytes {offset}-{}/{total}", offset + length - 1),
    };
    let body = if bytes.is_empty() { Body::Empty } else { Body::Bytes(bytes) };
    let call = Call { method: Method::PUT, url: session.to_owned(), headers: vec![(CONTENT_RANGE, range)], body };
    rest.once(&call).await
}

fn progress_of(reply: &Reply) -> Progress {
    if reply.status != 308 {
        return if reply.body.is_null() { Progress::Gone } else { Progress::Done };
    }
    let range = reply.headers.get(RANGE).and_then(|value| value.to_str().ok());
    let last = range.and_then(|range| range.rsplit('-').next()).and_then(|last| last.parse::<u64>().ok());
    Progress::At(last.map_or(0, |last| last + 1))
}
