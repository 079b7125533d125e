//! Authorised requests to the REST interface. They are retried where repetition is harmless, and errors keep
//! their HTTP status.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName};
use serde_json::Value;

use super::api_error::ApiError;
use super::auth::Tokens;
use crate::error::{Error, ErrorKind, Result};

/// Retries of a request: how many, with exponential backoff and jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts, including the first.
    pub attempts: u32,
    /// Longest delay before the first retry.
    pub first_delay: Duration,
    /// Longest delay.
    pub longest_delay: Duration,
    /// Seed of the jitter.
    pub seed: u64,
}

impl RetryPolicy {
    /// The wait after `failures` failed tries: between half and all of the doubled first delay.
    pub fn delay(&self, failures: u32, draw: u64) -> Duration {
        let full = self.first_delay.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(self.longest_delay);
        let mixed = (self.seed ^ draw).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31);
        full / 2 + (full / 2).mul_f64((mixed >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

/// A request that can be sent more than once.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub method: Method,
    pub url: String,
    pub headers: Vec<(HeaderName, String)>,
    pub body: Body,
}

#[derive(Debug, Clone)]
pub(super) enum Body {
    Empty,
    Json(Value),
    Bytes(Vec<u8>),
}

/// An answer that is not a failure: 2xx, or 308 of an upload that goes on.
#[derive(Debug)]
pub(super) struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

/// The REST interface of one endpoint.
#[derive(Debug)]
pub(super) struct Rest {
    client: reqwest::Client,
    root: String,
    tokens: Tokens,
    quota_project: Option<String>,
    retry: RetryPolicy,
    draws: AtomicU64,
}

impl Rest {
    pub fn new(root: &str, tokens: Tokens, quota_project: Option<String>, retry: RetryPolicy) -> Result<Self> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(20))
            .timeout(Duration::from_secs(300))
            .build()
            .map_err(|error| Error::new(ErrorKind::Unexpected, "cannot set up HTTPS").because(error))?;
        Ok(Self {
            client,
            root: root.trim_end_matches('/').to_owned(),
            tokens,
            quota_project,
            retry,
            draws: AtomicU64::new(0),
        })
    }

    /// `path` below `/bigquery/v2/`.
    pub fn url(&self, path: &str) -> String {
        format!("{}/bigquery/v2/{path}", self.root)
    }

    /// `path` below `/upload/bigquery/v2/`.
    pub fn upload_url(&self, path: &str) -> String {
        format!("{}/upload/bigquery/v2/{path}", self.root)
    }

    pub async fn get(&self, url: String) -> Result<Reply, ApiError> {
        self.send(&Call { method: Method::GET, url, headers: Vec::new(), body: Body::Empty }).await
    }

    pub async fn post(&self, url: String, body: Value) -> Result<Reply, ApiError> {
        self.send(&Call { method: Method::POST, url, headers: Vec::new(), body: Body::Json(body) }).await
    }

    pub async fn patch(&self, url: String, body: Value) -> Result<Reply, ApiError> {
        self.send(&Call { method: Method::PATCH, url, headers: Vec::new(), body: Body::Json(body) }).await
    }

    pub async fn delete(&self, url: String) -> Result<Reply, ApiError> {
        self.send(&Call { method: Method::DELETE, url, headers: Vec::new(), body: Body::Empty }).await
    }

    /// Sends, and retries transient failures; a refused token is renewed once.
    pub async fn send(&self, call: &Call) -> Result<Reply, ApiError> {
        let (mut failures, mut reauthorized) = (0, false);
        loop {
            let error = match self.once(call).await {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            failures += 1;
            let refused = error.is(401) && !reauthorized;
            let may_pass = error.is_transient() && failures < self.retry.attempts;
            if !refused && !may_pass {
                return Err(error);
            }
            reauthorized |= refused;
            self.pause(failures).await;
        }
    }

    /// Waits before a retry.
    pub async fn pause(&self, failures: u32) {
        let draw = self.draws.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(self.retry.delay(failures, draw)).await;
    }

    pub fn attempts(&self) -> u32 {
        self.retry.attempts
    }

    /// One attempt.
    pub async fn once(&self, call: &Call) -> Result<Reply, ApiError> {
        let mut request = self.client.request(call.method.clone(), &call.url);
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        if let Some(token) = self.tokens.token().await? {
            request = request.bearer_auth(token);
        }
        if let Some(project) = &self.quota_project {
            request = request.header("x-goog-user-project", project);
        }
        request = match &call.body {
            Body::Empty if call.method == Method::GET || call.method == Method::DELETE => request,
            Body::Empty => request.header("content-length", "0"),
            Body::Json(json) => request.json(json),
            Body::Bytes(bytes) => request.body(bytes.clone()),
        };
        let response = request.send().await.map_err(ApiError::transport)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.map_err(ApiError::transport)?;
        if !(200..300).contains(&status) && status != 308 {
            return Err(ApiError::from_body(status, &body));
        }
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Ok(Reply { status, headers, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_repeated() {
        let error = |status: u16, body: &str| ApiError::from_body(status, body.as_bytes());
        let google = |reason: &str| format!(r#"{{"error":{{"message":"m","errors":[{{"reason":"{reason}"}}]}}}}"#);
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(error(status, "<html>Bad Gateway</html>").is_transient(), "{status}");
        }
        assert!(error(403, &google("rateLimitExceeded")).is_transient());
        for (status, reason) in
            [(403, "quotaExceeded"), (403, "accessDenied"), (400, "invalid"), (404, "notFound"), (409, "duplicate")]
        {
            assert!(!error(status, &google(reason)).is_transient(), "{status} {reason}");
        }
    }

    #[test]
    fn errors_keep_status_reason_and_meaning() {
        let body = r#"{"error":{"message":"Not found: Table p:d.t","errors":[{"reason":"notFound"}]}}"#;
        let error = ApiError::from_body(404, body.as_bytes()).describe("reading table p.d.t");
        assert_eq!(error.kind(), ErrorKind::Upstream);
        assert_eq!(error.to_string(), "reading table p.d.t: Not found: Table p:d.t (HTTP 404, notFound)");
        let page = ApiError::from_body(502, b"<html>Bad Gateway</html>").describe("x");
        assert_eq!(page.to_string(), "x: <html>Bad Gateway</html> (HTTP 502)");
        assert_eq!(page.kind(), ErrorKind::Upstream);
        let silence = ApiError { status: None, reason: String::new(), message: "connection refused".to_owned() };
        let silence = silence.describe("x");
        assert_eq!(silence.kind(), ErrorKind::Upstream);
        assert!(silence.hint_text().is_some_and(|hint| hint.contains("network")), "{silence}");
    }

    #[test]
    fn waits_double_within_bounds_and_are_cut_at_random() {
        let policy = RetryPolicy {
            attempts: 6,
            first_delay: Duration::from_millis(100),
            longest_delay: Duration::from_secs(1),
            seed: 7,
        };
        for (failures, most) in [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1000), (40, 1000)] {
            for draw in 0..50 {
                let delay = policy.delay(failures, draw).as_millis();
                assert!((most / 2..=most).contains(&delay), "{failures}: {delay}");
            }
        }
        assert_ne!(policy.delay(1, 1), policy.delay(1, 2));
    }
}
