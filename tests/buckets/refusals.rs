//! What cannot work says what to do, and leaves nothing behind.

use libtest_mimic::Failed;

use super::desk::{Desk, bucket_tree, ensure};
use super::fake::{Fake, Interface};
use super::upload::PREFIX;

/// Ends with this status, saying all of this.
fn refused(desk: &Desk, arguments: &[&str], code: i32, texts: &[&str]) -> Result<(), Failed> {
    let outcome = desk.run(arguments)?;
    let says = |text: &&&str| !outcome.stderr.contains(**text);
    let missing: Vec<&&str> = texts.iter().filter(says).collect();
    ensure(
        outcome.code == Some(code) && missing.is_empty(),
        format!("{arguments:?} ended with {:?} and does not say {missing:?}: {}", outcome.code, outcome.stderr),
    )
}

pub fn all(fake: &Fake) -> Result<(), Failed> {
    let mut desk = Desk::computed(fake)?;
    let scheme = if fake.interface == Interface::Google { "gs" } else { "s3" };
    let missing = format!("{scheme}://no-such-bucket/nba");
    let upload = |to: &str| vec!["upload".to_owned(), "--to".to_owned(), to.to_owned()];
    let url = fake.url(PREFIX);
    let to_missing = upload(&missing);
    let to_missing: Vec<&str> = to_missing.iter().map(String::as_str).collect();
    let says = [format!("the bucket {scheme}://no-such-bucket does not exist"), "create the bucket".to_owned()];
    let says: Vec<&str> = says.iter().map(String::as_str).collect();
    refused(&desk, &to_missing, 5, &says)?;
    refused(&desk, &["sync", "--warehouse", &missing], 5, &says)?;
    let (private, members) = (format!("{scheme}://private/nba"), format!("{scheme}://members/nba"));
    let role = if fake.interface == Interface::Google { "roles/storage.objectUser" } else { "s3:ListBucket" };
    refused(&desk, &["upload", "--to", &private], 7, &["ccess denied", role])?;
    refused(&desk, &["upload", "--to", &members], 7, &["no usable credentials"])?;
    for no_name in ["gs:", "gs://", "s3:///x", "gs://b//x", "s3://b/../x", "gcs://b", "s3a://b/x"] {
        refused(&desk, &["upload", "--to", no_name], 2, &["gs://BUCKET/PREFIX"])?;
    }
    let set = |desk: &mut Desk, variables: &[(&str, &str)]| {
        desk.variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    };
    match fake.interface {
        Interface::Google => {
            set(&mut desk, &[("GOOGLE_APPLICATION_CREDENTIALS", "no-such-file.json")]);
            refused(&desk, &["upload", "--to", &url], 7, &["gcloud auth application-default login"])?;
            set(&mut desk, &[("STORAGE_EMULATOR_HOST", "127.0.0.1:9")]);
            refused(&desk, &["upload", "--to", &url], 5, &["check the network"])?;
        }
        Interface::S3 => {
            let endpoint = ("AWS_ENDPOINT_URL", fake.address.as_str());
            let secret = ("AWS_SECRET_ACCESS_KEY", "secret");
            set(&mut desk, &[endpoint, secret, ("AWS_ACCESS_KEY_ID", "denied")]);
            refused(&desk, &["upload", "--to", &url], 7, &["Access Denied", "s3:ListBucket"])?;
            set(&mut desk, &[endpoint, secret, ("AWS_ACCESS_KEY_ID", "unknown")]);
            refused(&desk, &["upload", "--to", &url], 7, &["InvalidAccessKeyId", "AWS_SESSION_TOKEN"])?;
            set(&mut desk, &[endpoint, secret]);
            refused(&desk, &["upload", "--to", &url], 2, &["AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"])?;
            set(&mut desk, &[endpoint, ("AWS_PROFILE", "work")]);
            let profile = ["AWS_PROFILE is set", "SSO are not read", "aws configure export-credentials"];
            refused(&desk, &["upload", "--to", &url], 7, &profile)?;
            // Where no role is attached, nobody answers.
            set(&mut desk, &[endpoint, ("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")]);
            refused(&desk, &["upload", "--to", &url], 7, &["no usable credentials", "SSO are not read"])?;
        }
    }
    ensure(bucket_tree(fake, PREFIX).is_empty(), "something was left behind")
}
