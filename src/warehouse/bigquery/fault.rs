//! What a failed call means, the same for REST and gRPC.

use tonic::Code;

use crate::error::ErrorKind;

/// Why a call failed, as far as the user has to act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// No connection, or it broke.
    NoAnswer,
    /// The service answers that it cannot.
    Outage,
    /// What was named does not exist.
    NotFound,
    /// No credentials, or not enough rights.
    Denied,
    /// A quota, a rate or a limit on costs.
    Quota,
    /// What the call rested on has changed.
    Changed,
    Other,
}

impl Fault {
    /// Of an HTTP status and the service's reason; no status means that no answer came.
    pub fn of_http(status: Option<u16>, reason: &str) -> Self {
        match (status, reason) {
            (_, "quotaExceeded" | "rateLimitExceeded" | "jobRateLimitExceeded" | "bytesBilledLimitExceeded") => {
                Self::Quota
            }
            (Some(429), _) => Self::Quota,
            (Some(401 | 403), _) | (_, "accessDenied") => Self::Denied,
            (Some(404), _) | (_, "notFound") => Self::NotFound,
            (Some(500..), _) | (_, "backendError" | "internalError" | "jobBackendError" | "jobInternalError") => {
                Self::Outage
            }
            (Some(409 | 412), _) => Self::Changed,
            (None, "") => Self::NoAnswer,
            _ => Self::Other,
        }
    }

    /// Of a gRPC status. A connection that is cut shows as unknown or internal.
    pub fn of_grpc(code: Code) -> Self {
        match code {
            Code::ResourceExhausted => Self::Quota,
            Code::Unauthenticated | Code::PermissionDenied => Self::Denied,
            Code::NotFound => Self::NotFound,
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => Self::NoAnswer,
            Code::Internal | Code::Unknown | Code::DataLoss => Self::Outage,
            Code::Aborted | Code::AlreadyExists | Code::FailedPrecondition => Self::Changed,
            _ => Self::Other,
        }
    }

    pub fn kind(self) -> ErrorKind {
        match self {
            Self::NoAnswer | Self::Outage | Self::NotFound => ErrorKind::Upstream,
            Self::Denied => ErrorKind::Auth,
            Self::Quota => ErrorKind::Quota,
            Self::Changed => ErrorKind::StalePlan,
            Self::Other => ErrorKind::Unexpected,
        }
    }

    /// What to do.
    pub fn hint(self) -> &'static str {
        match self {
            Self::NoAnswer => {
                "check the network (BIGQUERY_EMULATOR_HOST is for an emulator only), and run the same command again: \
                 it continues where it stopped"
            }
            Self::Outage => "the service fails; run the same command again later: it continues where it stopped",
            Self::NotFound => "check the names of project, dataset and table, and the location",
            Self::Denied => "check the credentials and the roles of the account; docs/bigquery.md lists them",
            Self::Quota => "wait for the quota to recover, or raise it, and run the same command again",
            Self::Changed | Self::Other => "run the same command again: it continues where it stopped",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_error_mapping_for_rest_and_grpc() {
        for (status, reason, code, kind) in [
            (Some(503), "backendError", Code::Internal, ErrorKind::Upstream),
            (None, "", Code::Unavailable, ErrorKind::Upstream),
            (Some(504), "", Code::DeadlineExceeded, ErrorKind::Upstream),
            (Some(404), "notFound", Code::NotFound, ErrorKind::Upstream),
            (Some(401), "", Code::Unauthenticated, ErrorKind::Auth),
            (Some(403), "accessDenied", Code::PermissionDenied, ErrorKind::Auth),
            (Some(403), "quotaExceeded", Code::ResourceExhausted, ErrorKind::Quota),
            (Some(412), "", Code::FailedPrecondition, ErrorKind::StalePlan),
            (Some(400), "invalid", Code::InvalidArgument, ErrorKind::Unexpected),
        ] {
            assert_eq!(Fault::of_http(status, reason).kind(), kind, "HTTP {status:?} {reason}");
            assert_eq!(Fault::of_grpc(code).kind(), kind, "{code:?}");
        }
    }
}
