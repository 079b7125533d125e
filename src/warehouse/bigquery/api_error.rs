//! A failed call of the REST interface.

use serde_json::Value;

use super::fault::Fault;
use crate::error::Error;

/// A failure as the service or the connection reported it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    /// Absent when no answer arrived.
    pub status: Option<u16>,
    /// The service's word for it, for example `rateLimitExceeded`; empty where it gave none.
    pub reason: String,
    pub message: String,
}

impl ApiError {
    pub fn transport(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let mut message = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(source) = cause {
            message = format!("{message}: {source}");
            cause = source.source();
        }
        Self { status: None, reason: String::new(), message }
    }

    pub fn from_body(status: u16, body: &[u8]) -> Self {
        let json: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let error = &json["error"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let reason = text(&error["errors"][0]["reason"]);
        let reason = if reason.is_empty() { text(&error["status"]) } else { reason };
        let mut message = text(&error["message"]);
        if message.is_empty() {
            message = String::from_utf8_lossy(body).chars().take(200).collect();
        }
        Self { status: Some(status), reason, message }
    }

    /// Whether a retry may succeed.
    pub fn is_transient(&self) -> bool {
        match self.status {
            None => true,
            Some(408 | 429 | 500 | 502 | 503 | 504) => true,
            Some(403) => self.reason == "rateLimitExceeded" || self.reason == "jobRateLimitExceeded",
            _ => false,
        }
    }

    pub fn is(&self, status: u16) -> bool {
        self.status == Some(status)
    }

    /// An error of the library; `what` names the attempt.
    pub fn describe(self, what: &str) -> Error {
        let fault = Fault::of_http(self.status, &self.reason);
        let place = match (self.status, self.reason.as_str()) {
            (None, _) => "no answer".to_owned(),
            (Some(status), "") => format!("HTTP {status}"),
            (Some(status), reason) => format!("HTTP {status}, {reason}"),
        };
        Error::new(fault.kind(), format!("{what}: {} ({place})", self.message)).hint(fault.hint())
    }
}
