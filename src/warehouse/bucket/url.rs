//! Names of buckets: `gs://BUCKET/PREFIX` and `s3://BUCKET/PREFIX`.

use std::fmt;

use object_store::path::Path;

/// Whose interface a bucket has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Google Cloud Storage.
    Google,
    /// Amazon S3, or another service with its interface.
    S3,
}

impl Service {
    /// The scheme of its names.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Google => "gs",
            Self::S3 => "s3",
        }
    }
}

/// A bucket, and the prefix below which everything lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketUrl {
    pub service: Service,
    pub bucket: String,
    /// Without slashes at its ends; empty: the whole bucket.
    pub prefix: String,
}

impl BucketUrl {
    /// Reads what follows the scheme; `None` for what names no bucket.
    pub(crate) fn parse(service: Service, rest: &str) -> Option<Self> {
        let (bucket, prefix) = rest.strip_prefix("//")?.split_once('/').unwrap_or((&rest[2..], ""));
        let is_unit = |unit: char| unit.is_ascii_alphanumeric() || "-_.".contains(unit);
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let is_named = !bucket.is_empty() && bucket.starts_with(|unit: char| unit.is_ascii_alphanumeric());
        let is_usable = is_named && bucket.chars().all(is_unit) && is_prefix(prefix);
        is_usable.then(|| Self { service, bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }

    /// The key of a name below the prefix; of no name, that of the prefix.
    pub(super) fn key(&self, name: &str) -> Result<Path, object_store::path::Error> {
        match (self.prefix.as_str(), name) {
            ("", name) => Path::parse(name),
            (prefix, "") => Path::parse(prefix),
            (prefix, name) => Path::parse(format!("{prefix}/{name}")),
        }
    }

    /// The name of a key; `None` for a key outside the prefix.
    pub(super) fn name<'a>(&self, key: &'a str) -> Option<&'a str> {
        if self.prefix.is_empty() { Some(key) } else { key.strip_prefix(&self.prefix)?.strip_prefix('/') }
    }
}

fn is_prefix(prefix: &str) -> bool {
    prefix.is_empty() || (!prefix.starts_with('/') && Path::parse(prefix).is_ok_and(|path| path.as_ref() == prefix))
}

impl fmt::Display for BucketUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.service.scheme(), self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_may_have_a_prefix() {
        let url = |rest: &str| BucketUrl::parse(Service::Google, rest);
        for (rest, shown) in [
            ("//b", "gs://b"),
            ("//b/", "gs://b"),
            ("//my-bucket.example/nba/phase 4", "gs://my-bucket.example/nba/phase 4"),
            ("//b/a/b/", "gs://b/a/b"),
        ] {
            assert_eq!(url(rest).expect(rest).to_string(), shown);
        }
        for rest in ["", "b", "/b", "//", "///b", "//b//a", "//b/a//c", "//b/../c", "//b/a//", "//B ü", "//-b", "//b?x"]
        {
            assert_eq!(url(rest), None, "{rest}");
        }
    }

    #[test]
    fn keys_and_names_belong_together() {
        let url = BucketUrl::parse(Service::S3, "//b/nba").expect("a bucket");
        assert_eq!(url.key("a/b.parquet").expect("a key").as_ref(), "nba/a/b.parquet");
        assert_eq!(url.key("").expect("a key").as_ref(), "nba");
        assert_eq!(url.name("nba/a/b.parquet"), Some("a/b.parquet"));
        assert_eq!((url.name("nbadata/a"), url.name("other")), (None, None));
    }
}
