//! Credentials and access tokens.

use google_cloud_auth::credentials::{AccessTokenCredentials, Builder};

use super::api_error::ApiError;
use crate::error::{Error, ErrorKind, Result};

const BIGQUERY: &str = "https://www.googleapis.com/auth/bigquery";
/// Reading and writing objects, without their permissions.
const STORAGE: &str = "https://www.googleapis.com/auth/devstorage.read_write";

/// Where access tokens come from.
#[derive(Debug, Clone)]
pub enum Tokens {
    /// Emulators want none.
    Anonymous,
    /// Application Default Credentials: they are cached and refreshed by the library behind them.
    Google(AccessTokenCredentials),
}

impl Tokens {
    /// Application Default Credentials in their usual order: the file named by
    /// `GOOGLE_APPLICATION_CREDENTIALS` (service account, authorised user, external account,
    /// impersonation), the file of `gcloud auth application-default login`, the metadata server. Must
    /// be called within an asynchronous runtime.
    ///
    /// # Errors
    /// [`ErrorKind::Auth`] when there are none or they cannot be read.
    pub fn application_default() -> Result<Self> {
        Self::of_scope(BIGQUERY)
    }

    /// As [`Tokens::application_default`], for buckets.
    ///
    /// # Errors
    /// As [`Tokens::application_default`].
    pub(crate) fn application_default_for_storage() -> Result<Self> {
        Self::of_scope(STORAGE)
    }

    fn of_scope(scope: &str) -> Result<Self> {
        let credentials = Builder::default().with_scopes([scope]).build_access_token_credentials();
        credentials.map(Self::Google).map_err(|error| no_credentials().because(error))
    }

    /// The current token, or why there is none.
    pub(crate) async fn bearer(&self) -> Result<Option<String>, String> {
        self.token().await.map_err(|error| error.message)
    }

    /// The current token. The message of a failure never holds a secret.
    pub(super) async fn token(&self) -> Result<Option<String>, ApiError> {
        match self {
            Self::Anonymous => Ok(None),
            Self::Google(credentials) => match credentials.access_token().await {
                Ok(token) => Ok(Some(token.token)),
                Err(error) => {
                    Err(ApiError { status: Some(401), reason: "credentials".to_owned(), message: error.to_string() })
                }
            },
        }
    }
}

fn no_credentials() -> Error {
    Error::new(ErrorKind::Auth, "no usable Google credentials").hint(
        "run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to a credentials file",
    )
}
