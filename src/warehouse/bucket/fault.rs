//! What failures of a bucket mean, and what helps.

use object_store::Error as StoreError;

use super::url::{BucketUrl, Service};
use crate::error::{Error, ErrorKind, Result};

/// Where programs on a machine of AWS, or of Google Cloud, ask for their role.
const METADATA: [&str; 5] =
    ["169.254.169.254", "169.254.170.2", "metadata.google.internal", "/latest/api/token", "/latest/meta-data"];

const PROFILES: &str = "profiles, ~/.aws and SSO are not read: \
    `eval \"$(aws configure export-credentials --profile NAME --format env)\"` sets the variables";

/// Refuses a profile that would be left aside in silence.
///
/// # Errors
/// [`ErrorKind::Auth`] when one is named and nothing else says who the user is.
pub(super) fn refuse_profiles(url: &BucketUrl, aws: &[(String, String)]) -> Result<()> {
    const OTHERS: [&str; 4] = [
        "aws_access_key_id",
        "aws_web_identity_token_file",
        "aws_container_credentials_relative_uri",
        "aws_container_credentials_full_uri",
    ];
    let is_set = |name: &str| aws.iter().any(|(key, value)| key == name && !value.is_empty());
    if !is_set("aws_profile") || OTHERS.into_iter().any(is_set) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Auth, format!("AWS_PROFILE is set, and no credentials for {url} are")).hint(PROFILES))
}

pub(super) fn unusable_settings(url: &BucketUrl, error: StoreError) -> Error {
    let variables = match url.service {
        Service::Google => "GOOGLE_APPLICATION_CREDENTIALS and STORAGE_EMULATOR_HOST",
        Service::S3 => "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, which go together, and the other variables AWS_*",
    };
    Error::new(ErrorKind::Usage, format!("{url} cannot be used with these settings: {}", causes(&error)))
        .hint(format!("check {variables}"))
}

/// A failed request; `what` names the attempt.
pub(super) fn describe(url: &BucketUrl, what: &str, error: StoreError) -> Error {
    let told = causes(&error);
    let answer = Answer::of(&told);
    let (kind, hint) = match answer.status {
        _ if is_without_credentials(&told) || matches!(error, StoreError::Unauthenticated { .. }) => {
            return no_credentials(url).because(error);
        }
        Some(401) => return no_credentials(url).because(error),
        _ if answer.code == "NoSuchBucket" => return no_bucket(url),
        _ if answer.is_refused_key() => (ErrorKind::Auth, refused_key(url)),
        Some(403) => (ErrorKind::Auth, rights(url)),
        Some(404) => (ErrorKind::Upstream, "run the same command again: it looks anew".to_owned()),
        _ if told.contains("configured region") || answer.code == "PermanentRedirect" => {
            (ErrorKind::Usage, "set AWS_REGION to the region of the bucket".to_owned())
        }
        _ => (ErrorKind::Upstream, "check the network and run the same command again".to_owned()),
    };
    Error::new(kind, format!("{what}: {}", answer.text)).hint(hint)
}

/// A bucket that the service does not know.
fn no_bucket(url: &BucketUrl) -> Error {
    let place = format!("{}://{}", url.service.scheme(), url.bucket);
    let create = match url.service {
        Service::Google => format!("gcloud storage buckets create {place}"),
        Service::S3 => format!("aws s3 mb {place}"),
    };
    Error::new(ErrorKind::Upstream, format!("the bucket {place} does not exist"))
        .hint(format!("correct the name, or create the bucket: `{create}`"))
}

fn no_credentials(url: &BucketUrl) -> Error {
    let hint = match url.service {
        Service::Google => "run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to a \
                            credentials file"
            .to_owned(),
        Service::S3 => {
            format!("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role is attached; {PROFILES}")
        }
    };
    Error::new(ErrorKind::Auth, format!("no usable credentials for {url}")).hint(hint)
}

fn refused_key(url: &BucketUrl) -> String {
    match url.service {
        Service::Google => "run `gcloud auth application-default login` again".to_owned(),
        Service::S3 => format!(
            "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or fetch new ones; {PROFILES}"
        ),
    }
}

fn rights(url: &BucketUrl) -> String {
    match url.service {
        Service::Google => {
            "reading needs roles/storage.objectViewer on the bucket, publishing roles/storage.objectUser; \
                            the account is that of `putback doctor`"
                .to_owned()
        }
        Service::S3 => "reading needs s3:ListBucket and s3:GetObject, publishing s3:PutObject and s3:DeleteObject as \
                        well; the account is that of `aws sts get-caller-identity`"
            .to_owned(),
    }
}

fn is_without_credentials(told: &str) -> bool {
    METADATA.iter().any(|place| told.contains(place))
}

/// The messages of an error and its causes, each once.
fn causes(error: &StoreError) -> String {
    let mut told = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        let text = source.to_string();
        if !told.contains(&text) {
            told = format!("{told}: {text}");
        }
        cause = source.source();
    }
    told
}

/// What a service said: its status, and out of its XML.
struct Answer {
    status: Option<u16>,
    code: String,
    text: String,
}

impl Answer {
    fn of(told: &str) -> Self {
        let code = element(told, "Code").unwrap_or_default().to_owned();
        let text = match element(told, "Message") {
            Some(message) if code.is_empty() => message.to_owned(),
            Some(message) => format!("{message} ({code})"),
            None => told.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        let status = told.split_once("status code: ").and_then(|(_, after)| after.get(..3)?.parse().ok());
        Self { status, code, text }
    }

    fn is_refused_key(&self) -> bool {
        matches!(self.code.as_str(), "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken" | "InvalidToken")
    }
}

fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = text.split_once(&format!("<{name}>"))?;
    Some(after.split_once(&format!("</{name}>"))?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(service: Service) -> BucketUrl {
        BucketUrl::parse(service, "//b/p").expect("a bucket")
    }

    fn denied(body: &str) -> StoreError {
        let source = format!("Server returned non-2xx status code: 403 Forbidden: {body}").into();
        StoreError::PermissionDenied { path: "p/x".to_owned(), source }
    }

    #[test]
    fn denied_requests_name_the_right_that_is_missing() {
        let body = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
        let error = describe(&url(Service::S3), "reading s3://b/p/x", denied(body));
        assert_eq!(error.kind(), ErrorKind::Auth);
        assert_eq!(error.to_string(), "reading s3://b/p/x: Access Denied (AccessDenied)");
        assert!(error.hint_text().is_some_and(|hint| hint.contains("s3:ListBucket")));
        let body = "<Error><Code>ExpiredToken</Code><Message>The token has expired</Message></Error>";
        let error = describe(&url(Service::S3), "reading s3://b/p/x", denied(body));
        assert!(error.hint_text().is_some_and(|hint| hint.contains("AWS_SESSION_TOKEN")));
        let error = describe(&url(Service::Google), "reading gs://b/p/x", denied("Forbidden"));
        assert!(error.hint_text().is_some_and(|hint| hint.contains("roles/storage.objectViewer")));
    }

    #[test]
    fn a_machine_without_a_role_has_no_credentials() {
        let source = "Error performing PUT http://169.254.169.254/latest/api/token in 1s".to_owned().into();
        let error = describe(&url(Service::S3), "listing s3://b/p", StoreError::Generic { store: "S3", source });
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Auth, "no usable credentials for s3://b/p"));
        assert!(error.hint_text().is_some_and(|hint| hint.contains("SSO are not read")));
    }

    #[test]
    fn a_profile_alone_is_refused() {
        let set = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect::<Vec<_>>();
        let refused = |names: &[&str]| refuse_profiles(&url(Service::S3), &set(names)).is_err();
        assert!(refused(&["aws_profile"]) && refused(&["aws_profile", "aws_region"]));
        assert!(!refused(&["aws_profile", "aws_access_key_id"]) && !refused(&[]));
    }
}
