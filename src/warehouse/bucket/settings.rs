//! How to reach a bucket.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder};
use object_store::{BackoffConfig, ClientOptions, CredentialProvider, ObjectStore, RetryConfig};

use super::fault;
use super::url::{BucketUrl, Service};
use crate::error::Result;
use crate::warehouse::bigquery::{RetryPolicy, Tokens};

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest wait for an answer with its body.
const TIMEOUT: Duration = Duration::from_secs(300);
/// No retry begins later. Requests are signed once, and signatures expire.
const RETRY_TIMEOUT: Duration = Duration::from_secs(180);

/// How to reach a bucket, and where copies of its objects lie meanwhile.
#[derive(Debug, Clone)]
pub struct BucketSettings {
    pub url: BucketUrl,
    /// Another address than that of the service: an emulator, which wants no credentials of Google.
    pub google_endpoint: Option<String>,
    /// The variables `AWS_*`, as names in lower case and values.
    pub aws: Vec<(String, String)>,
    pub retry: RetryPolicy,
    /// Where a directory is made that is gone afterwards.
    pub scratch: PathBuf,
    /// Objects that were read before; absent: none are kept.
    pub cache: Option<PathBuf>,
}

/// The object store behind the settings. Must be called within an asynchronous runtime.
///
/// # Errors
/// [`crate::error::ErrorKind::Auth`] without credentials, [`crate::error::ErrorKind::Usage`] for a setting that
/// cannot be used.
pub(super) fn connect(settings: &BucketSettings) -> Result<Arc<dyn ObjectStore>> {
    match settings.url.service {
        Service::Google => google(settings),
        Service::S3 => s3(settings),
    }
}

fn google(settings: &BucketSettings) -> Result<Arc<dyn ObjectStore>> {
    let tokens = match settings.google_endpoint {
        Some(_) => Tokens::Anonymous,
        None => Tokens::application_default_for_storage()?,
    };
    let options = options().with_allow_http(settings.google_endpoint.is_some());
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(&settings.url.bucket)
        .with_credentials(Arc::new(GoogleTokens(tokens)))
        .with_client_options(options)
        .with_retry(retry(&settings.retry));
    if let Some(endpoint) = &settings.google_endpoint {
        builder = builder.with_base_url(endpoint.trim_end_matches('/'));
    }
    let store = builder.build().map_err(|error| fault::unusable_settings(&settings.url, error))?;
    Ok(Arc::new(store))
}

fn s3(settings: &BucketSettings) -> Result<Arc<dyn ObjectStore>> {
    fault::refuse_profiles(&settings.url, &settings.aws)?;
    let is_set = |name: &str| settings.aws.iter().any(|(key, value)| key == name && !value.is_empty());
    let endpoint = |name: &str| settings.aws.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let endpoint = endpoint("aws_endpoint_url_s3").or(endpoint("aws_endpoint_url"));
    let is_plain_http = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&settings.url.bucket)
        .with_client_options(options().with_allow_http(is_plain_http))
        .with_retry(retry(&settings.retry));
    for (name, value) in &settings.aws {
        // The default region of the command line tools counts where no other is set.
        let is_overridden = name == "aws_default_region" && is_set("aws_region");
        if let Ok(key) = name.parse::<AmazonS3ConfigKey>()
            && !is_overridden
        {
            builder = builder.with_config(key, value);
        }
    }
    let store = builder.with_bucket_name(&settings.url.bucket).build();
    Ok(Arc::new(store.map_err(|error| fault::unusable_settings(&settings.url, error))?))
}

fn options() -> ClientOptions {
    ClientOptions::new().with_connect_timeout(CONNECT_TIMEOUT).with_timeout(TIMEOUT)
}

fn retry(policy: &RetryPolicy) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig { init_backoff: policy.first_delay, max_backoff: policy.longest_delay, base: 2.0 },
        max_retries: policy.attempts.saturating_sub(1) as usize,
        retry_timeout: RETRY_TIMEOUT,
    }
}

/// The tokens that BigQuery uses as well.
#[derive(Debug)]
struct GoogleTokens(Tokens);

#[async_trait]
impl CredentialProvider for GoogleTokens {
    type Credential = GcpCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<GcpCredential>> {
        let token = self
            .0
            .bearer()
            .await
            .map_err(|message| object_store::Error::Unauthenticated { path: String::new(), source: message.into() })?;
        Ok(Arc::new(GcpCredential { bearer: token.unwrap_or_default() }))
    }
}
