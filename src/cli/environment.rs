//! Everything the process reads from outside: environment variables, clock, host.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Days, FixedOffset, NaiveDate, Utc};

use crate::calendar::{is_taken, years};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{Owner, SpillDir, Store};
use crate::warehouse::bigquery::{BigQuerySettings, DatasetMap, Endpoint, RetryPolicy};
use crate::warehouse::bucket::{BucketSettings, BucketUrl};

/// Names of variables as constants, and all of them with their meaning.
macro_rules! variables {
    ($($(#[doc = $meaning:literal])+ $constant:ident = $name:literal;)+) => {
        $($(#[doc = $meaning])+ pub const $constant: &str = $name;)+

        /// Every variable that is read, with its meaning.
        pub const VARIABLES: &[(&str, &str)] = &[$(($name, concat!($($meaning),+))),+];
    };
}

variables! {
    /// Directory of the store.
    STORE = "PUTBACK_STORE";
    /// Warehouse to read, like `dir:exports`.
    WAREHOUSE = "PUTBACK_WAREHOUSE";
    /// Warehouse to publish into.
    TO = "PUTBACK_TO";
    /// Threads that compute, check, and read and write months.
    THREADS = "PUTBACK_THREADS";
    /// Memory of the embedded database, like `4GB`.
    MEMORY_LIMIT = "PUTBACK_MEMORY_LIMIT";
    /// Location of the BigQuery datasets, like `us-west2`.
    LOCATION = "PUTBACK_LOCATION";
    /// Settings file [default: `putback.toml` in the working directory].
    CONFIG = "PUTBACK_CONFIG";
    /// Unix seconds to write instead of the current time, for reproducible files.
    SOURCE_DATE_EPOCH = "SOURCE_DATE_EPOCH";
    /// Most bytes that one query may bill [default: 50 GiB].
    MAXIMUM_BYTES_BILLED = "PUTBACK_MAXIMUM_BYTES_BILLED";
    /// Most bytes that all queries and reads of a command together may bill, like `10GB`.
    BUDGET = "PUTBACK_BUDGET";
    /// Size of an upload chunk in KiB, a multiple of 256 [default: 8192].
    UPLOAD_CHUNK_KIB = "PUTBACK_UPLOAD_CHUNK_KIB";
    /// Delay before the first retry of a request, in milliseconds.
    RETRY_DELAY_MS = "PUTBACK_RETRY_DELAY_MS";
    /// File with credentials of Google Cloud [default: that of `gcloud auth application-default login`].
    CREDENTIALS = "GOOGLE_APPLICATION_CREDENTIALS";
    /// Home directory, below which `gcloud` keeps that file.
    HOME = "HOME";
    /// Project whose quota the requests use [default: the one in the credentials file].
    QUOTA_PROJECT = "GOOGLE_CLOUD_QUOTA_PROJECT";
    /// No colour, whatever the terminal; `--color` wins.
    NO_COLOR = "NO_COLOR";
    /// Colour also where output is no terminal, unless it is 0 or NO_COLOR is set.
    CLICOLOR_FORCE = "CLICOLOR_FORCE";
    /// Kind of terminal; `dumb` ones get no colour.
    TERM = "TERM";
    /// Locale: where its name is not one of UTF-8, text is shown in ASCII. LC_ALL comes before LC_CTYPE, and that before LANG.
    LC_ALL = "LC_ALL";
    /// As LC_ALL.
    LC_CTYPE = "LC_CTYPE";
    /// As LC_ALL.
    LANG = "LANG";
    /// Host and port of a BigQuery emulator; no credentials are used then.
    EMULATOR_HOST = "BIGQUERY_EMULATOR_HOST";
    /// Host and port of the emulator's Storage Read API.
    EMULATOR_GRPC_HOST = "BIGQUERY_EMULATOR_GRPC_HOST";
    /// Host and port of an emulator of Google Cloud Storage; no credentials are used then.
    STORAGE_EMULATOR_HOST = "STORAGE_EMULATOR_HOST";
    /// Key for `s3://`, with AWS_SECRET_ACCESS_KEY.
    AWS_ACCESS_KEY_ID = "AWS_ACCESS_KEY_ID";
    /// Secret of the key.
    AWS_SECRET_ACCESS_KEY = "AWS_SECRET_ACCESS_KEY";
    /// Token of temporary keys.
    AWS_SESSION_TOKEN = "AWS_SESSION_TOKEN";
    /// Region of the bucket [default: AWS_DEFAULT_REGION, or `us-east-1`].
    AWS_REGION = "AWS_REGION";
    /// Region of the bucket where AWS_REGION is not set.
    AWS_DEFAULT_REGION = "AWS_DEFAULT_REGION";
    /// Address of a service with the interface of S3 [default: that of the region].
    AWS_ENDPOINT_URL = "AWS_ENDPOINT_URL";
    /// The same, for S3 alone.
    AWS_ENDPOINT_URL_S3 = "AWS_ENDPOINT_URL_S3";
    /// File with a web identity token, for the role of a Kubernetes service account.
    AWS_WEB_IDENTITY_TOKEN_FILE = "AWS_WEB_IDENTITY_TOKEN_FILE";
    /// Role of the web identity.
    AWS_ROLE_ARN = "AWS_ROLE_ARN";
    /// Name of the session of the role.
    AWS_ROLE_SESSION_NAME = "AWS_ROLE_SESSION_NAME";
    /// Where a container of ECS asks for its role.
    AWS_CONTAINER_CREDENTIALS_RELATIVE_URI = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
    /// Where a pod of EKS asks for its role.
    AWS_CONTAINER_CREDENTIALS_FULL_URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    /// File with the token of a pod of EKS.
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
    /// Where a machine of EC2 asks for its role [default: the address of the service].
    AWS_METADATA_ENDPOINT = "AWS_METADATA_ENDPOINT";
    /// Profiles are not read: this one alone is refused.
    AWS_PROFILE = "AWS_PROFILE";
    /// `AES256`, `aws:kms` or `aws:kms:dsse`: how S3 encrypts what is written.
    AWS_SERVER_SIDE_ENCRYPTION = "AWS_SERVER_SIDE_ENCRYPTION";
    /// Key of that encryption.
    AWS_SSE_KMS_KEY_ID = "AWS_SSE_KMS_KEY_ID";
}

/// What is handed on to the client of S3.
const AWS: [&str; 17] = [
    AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY,
    AWS_SESSION_TOKEN,
    AWS_REGION,
    AWS_DEFAULT_REGION,
    AWS_ENDPOINT_URL,
    AWS_ENDPOINT_URL_S3,
    AWS_WEB_IDENTITY_TOKEN_FILE,
    AWS_ROLE_ARN,
    AWS_ROLE_SESSION_NAME,
    AWS_CONTAINER_CREDENTIALS_RELATIVE_URI,
    AWS_CONTAINER_CREDENTIALS_FULL_URI,
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE,
    AWS_METADATA_ENDPOINT,
    AWS_PROFILE,
    AWS_SERVER_SIDE_ENCRYPTION,
    AWS_SSE_KMS_KEY_ID,
];

/// # Errors
/// [`ErrorKind::Usage`] naming a variable that is set to something that is no text: it would count as not set.
pub fn check() -> Result<()> {
    let is_no_text = |name: &str| std::env::var_os(name).is_some_and(|value| value.to_str().is_none());
    // A home directory may have any name.
    let mut texts = VARIABLES.iter().filter(|(name, _)| *name != HOME);
    match texts.find(|(name, _)| is_no_text(name)) {
        None => Ok(()),
        Some((name, _)) => {
            Err(Error::new(ErrorKind::Usage, format!("{name} is not UTF-8")).hint(format!("set {name} to plain text")))
        }
    }
}

/// A variable that is set and not empty.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Where processes spill: in the store, and in the directory for temporary files where there is no store or it cannot
/// be written.
pub fn spill_place(store: &Store) -> PathBuf {
    let place = store.spill_place();
    if store.root().is_dir() && SpillDir::create(&place).is_ok() { place } else { std::env::temp_dir() }
}

/// The settings file, if there is one.
pub fn config_path() -> PathBuf {
    variable(CONFIG).map_or_else(|| PathBuf::from("putback.toml"), PathBuf::from)
}

/// The timestamp of the run.
pub fn timestamp() -> Result<DateTime<Utc>> {
    let Some(text) = variable(SOURCE_DATE_EPOCH) else { return Ok(Utc::now()) };
    let moment = text.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    moment.filter(|moment| is_taken(moment.date_naive())).ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("{SOURCE_DATE_EPOCH} is \"{text}\", not Unix seconds"))
            .hint(format!("unset {SOURCE_DATE_EPOCH} or give it a whole number, of the years {}", years()))
    })
}

/// How to reach a project of BigQuery.
///
/// # Errors
/// [`ErrorKind::Usage`] naming the variable whose value cannot be used.
pub fn bigquery(project: &str, location: Option<String>) -> Result<BigQuerySettings> {
    let endpoint = match variable(EMULATOR_HOST) {
        None => Endpoint::google(),
        Some(host) => Endpoint {
            rest: with_scheme(&host),
            storage: variable(EMULATOR_GRPC_HOST).map(|host| with_scheme(&host)),
            needs_credentials: false,
        },
    };
    let now = Utc::now();
    Ok(BigQuerySettings {
        project: project.to_owned(),
        datasets: DatasetMap::default(),
        location,
        endpoint,
        quota_project: variable(QUOTA_PROJECT).or_else(|| quota_project_in(&credentials_file()?)),
        retry: retry()?,
        budget: None,
        maximum_bytes_billed: number(MAXIMUM_BYTES_BILLED)?.unwrap_or(50 << 30),
        chunk_bytes: number(UPLOAD_CHUNK_KIB)?.unwrap_or(8 << 10).next_multiple_of(256).max(256) << 10,
        run_id: format!("{}_{}", now.format("%Y%m%dT%H%M%S%6f"), unique().replace('-', "_")),
        now,
    })
}

/// How to reach a bucket. Objects are kept in the store, if there is one.
///
/// # Errors
/// [`ErrorKind::Usage`] naming the variable whose value cannot be used.
pub fn bucket(url: &BucketUrl, store: &Store) -> Result<BucketSettings> {
    let aws = AWS.iter().filter_map(|name| Some((name.to_lowercase(), variable(name)?)));
    let cache = store.bucket_cache();
    Ok(BucketSettings {
        url: url.clone(),
        google_endpoint: variable(STORAGE_EMULATOR_HOST).map(|host| with_scheme(&host)),
        aws: aws.collect(),
        retry: retry()?,
        scratch: spill_place(store),
        cache: store.root().is_dir().then_some(cache),
    })
}

/// How requests are repeated.
fn retry() -> Result<RetryPolicy> {
    let mut retry = RetryPolicy { seed: u64::from(std::process::id()), ..RetryPolicy::default() };
    if let Some(delay_ms) = number(RETRY_DELAY_MS)? {
        retry.first_delay = Duration::from_millis(delay_ms);
    }
    Ok(retry)
}

/// The file of Application Default Credentials, as Google's own tools look for it.
fn credentials_file() -> Option<PathBuf> {
    const WELL_KNOWN: &str = ".config/gcloud/application_default_credentials.json";
    variable(CREDENTIALS).map(PathBuf::from).or_else(|| variable(HOME).map(|home| PathBuf::from(home).join(WELL_KNOWN)))
}

/// Which credentials of Google Cloud there are, and whose, without asking anybody; `None`: no file.
///
/// # Errors
/// [`ErrorKind::Auth`] for a file that is named and cannot be read.
pub fn credentials() -> Result<Option<String>> {
    for name in [EMULATOR_HOST, STORAGE_EMULATOR_HOST] {
        if let Some(host) = variable(name) {
            return Ok(Some(format!("none are needed: {name} names an emulator at {host}")));
        }
    }
    let Some(path) = credentials_file() else { return Ok(None) };
    let unusable = |why: &str| {
        Error::new(ErrorKind::Auth, format!("the credentials file {} {why}", path.display()))
            .hint(format!("run `gcloud auth application-default login`, or set {CREDENTIALS} to a credentials file"))
    };
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(_) if variable(CREDENTIALS).is_none() => return Ok(None),
        Err(error) => return Err(unusable("cannot be read").because(error)),
    };
    let known: serde_json::Value =
        serde_json::from_slice(&bytes).map_err(|error| unusable("is not JSON").because(error))?;
    Ok(Some(format!("{} in {}", whose(&known), path.display())))
}

/// Whose credentials these are. Nothing that is secret is shown.
fn whose(credentials: &serde_json::Value) -> String {
    let text = |key: &str| credentials[key].as_str().unwrap_or_default();
    match text("type") {
        "service_account" => format!("service account {}", text("client_email")),
        "authorized_user" => match text("account") {
            "" => "a user's credentials".to_owned(),
            account => format!("credentials of user {account}"),
        },
        "impersonated_service_account" => {
            let url = text("service_account_impersonation_url");
            let account = url.rsplit('/').next().unwrap_or_default().split(':').next().unwrap_or_default();
            format!("credentials that impersonate service account {account}")
        }
        "external_account" => format!("an external account of {}", text("audience")),
        "" => "credentials of no known type".to_owned(),
        other => format!("credentials of type {other}"),
    }
}

/// What `gcloud auth application-default set-quota-project` writes; nothing where it wrote none.
fn quota_project_in(file: &Path) -> Option<String> {
    let credentials: serde_json::Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    credentials["quota_project_id"].as_str().filter(|project| !project.is_empty()).map(str::to_owned)
}

fn with_scheme(host: &str) -> String {
    if host.contains("://") { host.to_owned() } else { format!("http://{host}") }
}

fn number(name: &str) -> Result<Option<u64>> {
    let Some(text) = variable(name) else { return Ok(None) };
    let number =
        text.parse().map_err(|_| Error::new(ErrorKind::Usage, format!("{name} is \"{text}\", not a whole number")))?;
    Ok(Some(number))
}

/// The present moment by the clock.
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// Yesterday in Eastern standard time, all year round: in summer the day changes an hour late, never early.
pub fn yesterday() -> NaiveDate {
    let eastern = FixedOffset::west_opt(5 * 3600).expect("an offset of hours");
    Utc::now().with_timezone(&eastern).date_naive() - Days::new(1)
}

/// The day after [`yesterday`].
pub fn today() -> NaiveDate {
    yesterday() + Days::new(1)
}

/// Who writes a store.
pub fn owner() -> Owner {
    let host = hostname::get().map_or_else(|_| "this host".to_owned(), |name| name.to_string_lossy().into_owned());
    let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    let command = std::iter::once("putback".to_owned()).chain(words).collect::<Vec<_>>().join(" ");
    Owner { pid: std::process::id(), host, command }
}

/// The path by which the binary was called, for commands that users copy.
pub fn program() -> String {
    std::env::args_os().next().map_or_else(|| "putback".to_owned(), |word| word.to_string_lossy().into_owned())
}

/// What no other process has, on no machine: machines in one cluster have the same process ids and moments.
pub fn unique() -> String {
    // Keyed by the system's randomness.
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), std::process::id());
    format!("{}-{:08x}", std::process::id(), random as u32)
}

/// Threads the machine can run at once.
pub fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_named_without_their_secrets() {
        let of = |text: &str| whose(&serde_json::from_str(text).expect("JSON"));
        let account = r#"{"type":"service_account","client_email":"a@b.example","private_key":"SECRET"}"#;
        assert_eq!(of(account), "service account a@b.example");
        assert_eq!(of(r#"{"type":"authorized_user","refresh_token":"SECRET"}"#), "a user's credentials");
        let url = "https://iam.example/v1/projects/-/serviceAccounts/c@d.example:generateAccessToken";
        let impersonated =
            format!(r#"{{"type":"impersonated_service_account","service_account_impersonation_url":"{url}"}}"#);
        assert_eq!(of(&impersonated), "credentials that impersonate service account c@d.example");
        assert_eq!(of("{}"), "credentials of no known type");
    }

    #[test]
    fn the_credentials_file_names_the_quota_project() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("credentials.json");
        assert_eq!(quota_project_in(&file), None);
        std::fs::write(&file, r#"{"type":"authorized_user","quota_project_id":"paying"}"#).expect("a file");
        assert_eq!(quota_project_in(&file).as_deref(), Some("paying"));
        std::fs::write(&file, r#"{"type":"service_account"}"#).expect("a file");
        assert_eq!(quota_project_in(&file), None);
    }
}
