//! The objects of a fake, and what both interfaces do with them. Whoever holds it holds its lock: a condition is checked
//! and the object changed in one step.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use md5::Md5;
use sha2::{Digest as _, Sha256};

use super::Interface;
use super::http::{Reply, Request};

/// Objects that a page of a listing has.
const PAGE: usize = 100;

#[derive(Clone)]
pub struct Object {
    pub bytes: Vec<u8>,
    pub etag: String,
    generation: u64,
    modified: SystemTime,
}

pub struct Objects {
    interface: Interface,
    pub buckets: BTreeMap<String, BTreeMap<String, Object>>,
    next_generation: u64,
    /// ETags that are no digests, as with keys of one's own or parts.
    pub opaque_etags: bool,
}

impl Objects {
    pub fn new(interface: Interface) -> Self {
        let buckets = BTreeMap::from([("bucket".to_owned(), BTreeMap::new())]);
        Self { interface, buckets, next_generation: 1_700_000_000_000_001, opaque_etags: false }
    }

    pub fn put(&mut self, bucket: &str, key: &str, bytes: Vec<u8>) -> Object {
        self.next_generation += 1;
        let generation = self.next_generation;
        let etag = match self.opaque_etags {
            true => format!("\"opaque-{generation}\""),
            false => format!("\"{}\"", hex(&<Md5 as md5::Digest>::digest(&bytes))),
        };
        let object = Object { bytes, etag, generation, modified: SystemTime::now() };
        let bucket = self.buckets.get_mut(bucket).expect("a bucket");
        bucket.insert(key.to_owned(), object.clone());
        object
    }

    /// As if everything had been written earlier.
    pub fn age(&mut self, by: Duration) {
        let objects = self.buckets.values_mut().flat_map(BTreeMap::values_mut);
        objects.for_each(|object| object.modified -= by);
    }

    pub fn answer(&mut self, request: &Request) -> Reply {
        if let Some(refused) = self.refused(request) {
            return refused;
        }
        let path = request.path.trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        match bucket {
            "private" => return Reply::error(403, "AccessDenied", "Access denied."),
            "members" => return Reply::error(401, "AuthenticationRequired", "Authentication required."),
            _ => {}
        }
        if !self.buckets.contains_key(bucket) {
            return Reply::error(404, "NoSuchBucket", "The specified bucket does not exist");
        }
        match (request.method.as_str(), key) {
            ("GET", "") if request.query.get("list-type").is_some_and(|kind| kind == "2") => self.list(bucket, request),
            ("POST", "") if request.query.contains_key("delete") && self.interface == Interface::S3 => {
                self.delete_many(bucket, request)
            }
            ("GET" | "HEAD", key) if !key.is_empty() => self.get(bucket, key, request),
            ("PUT", key) if !key.is_empty() && request.query.is_empty() => self.put_request(bucket, key, request),
            ("DELETE", key) if !key.is_empty() && self.interface == Interface::Google => {
                match self.buckets.get_mut(bucket).and_then(|objects| objects.remove(key)) {
                    Some(_) => Reply::empty(204),
                    None => no_such_key(),
                }
            }
            _ => Reply::error(501, "NotImplemented", "the fake does not do that"),
        }
    }

    /// Credentials that are missing or wrong, and headers of the other interface.
    fn refused(&self, request: &Request) -> Option<Reply> {
        let authorization = request.header("authorization").unwrap_or_default();
        let names = |part: &str| request.headers.keys().any(|name| name.starts_with(part));
        match self.interface {
            // Emulators get no token.
            Interface::Google if !matches!(authorization.trim(), "" | "Bearer") => {
                Some(Reply::error(400, "InvalidArgument", "credentials for an emulator"))
            }
            Interface::Google if names("x-amz-") => Some(Reply::error(400, "InvalidArgument", "a header of S3")),
            Interface::S3 if !authorization.starts_with("AWS4-HMAC-SHA256 Credential=") => {
                Some(Reply::error(403, "AccessDenied", "Access Denied"))
            }
            Interface::S3 if authorization.contains("Credential=denied/") => {
                Some(Reply::error(403, "AccessDenied", "Access Denied"))
            }
            Interface::S3 if authorization.contains("Credential=unknown/") => Some(Reply::error(
                403,
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.",
            )),
            Interface::S3 if names("x-goog-") => Some(Reply::error(400, "InvalidArgument", "a header of Google")),
            Interface::S3 => {
                let claimed = request.header("x-amz-content-sha256").unwrap_or_default();
                let is_so = claimed == hex(&Sha256::digest(&request.body));
                (!is_so).then(|| Reply::error(400, "XAmzContentSHA256Mismatch", "the body is not what was signed"))
            }
            Interface::Google => None,
        }
    }

    fn list(&self, bucket: &str, request: &Request) -> Reply {
        let text = |name: &str| request.query.get(name).map_or("", String::as_str);
        let (prefix, after) = (text("prefix"), text("continuation-token"));
        let objects = self.buckets[bucket].iter().filter(|(key, _)| key.starts_with(prefix) && key.as_str() > after);
        let page: Vec<(&String, &Object)> = objects.clone().take(PAGE).collect();
        let mut body = String::from("<?xml version='1.0'?><ListBucketResult>");
        for (key, object) in &page {
            let modified = httpdate(object.modified, "%Y-%m-%dT%H:%M:%S%.3fZ");
            body += &format!(
                "<Contents><Key>{}</Key><Size>{}</Size><LastModified>{modified}</LastModified><ETag>{}</ETag></Contents>",
                escaped(key),
                object.bytes.len(),
                escaped(&object.etag),
            );
        }
        if objects.count() > PAGE {
            let last = escaped(page.last().expect("a full page").0);
            body += &format!("<IsTruncated>true</IsTruncated><NextContinuationToken>{last}</NextContinuationToken>");
        }
        Reply::xml(body + "</ListBucketResult>")
    }

    fn get(&self, bucket: &str, key: &str, request: &Request) -> Reply {
        let Some(object) = self.buckets[bucket].get(key) else { return no_such_key() };
        if request.header("if-match").is_some_and(|etag| etag != object.etag) {
            return precondition_failed();
        }
        let length = object.bytes.len();
        let mut reply = Reply::empty(200);
        reply.headers = self.headers(object);
        reply.headers.push(("last-modified", httpdate(object.modified, "%a, %d %b %Y %H:%M:%S GMT")));
        reply.body.clone_from(&object.bytes);
        if let Some(range) = request.header("range").and_then(|range| range.strip_prefix("bytes=")) {
            let (start, end) = range.split_once('-').unwrap_or_default();
            let start: usize = start.parse().unwrap_or(0);
            let end = end.parse::<usize>().map_or(length, |end| end + 1).min(length);
            if start >= length {
                return Reply::error(416, "InvalidRange", "The requested range is not satisfiable");
            }
            reply.status = 206;
            reply.headers.push(("content-range", format!("bytes {start}-{}/{length}", end - 1)));
            reply.body = object.bytes[start..end].to_vec();
        }
        reply
    }

    fn headers(&self, object: &Object) -> Vec<(&'static str, String)> {
        let mut headers = vec![("etag", object.etag.clone())];
        if self.interface == Interface::Google {
            headers.push(("x-goog-generation", object.generation.to_string()));
        }
        headers
    }

    fn put_request(&mut self, bucket: &str, key: &str, request: &Request) -> Reply {
        let present = self.buckets[bucket].get(key);
        let conditions = match self.interface {
            Interface::Google => ["x-goog-if-generation-match", ""],
            Interface::S3 => ["if-match", "if-none-match"],
        };
        let is_foreign = |name: &&str| !conditions.contains(name) && request.headers.contains_key(*name);
        if ["x-goog-if-generation-match", "if-match", "if-none-match", "x-amz-copy-source"].iter().any(is_foreign) {
            return Reply::error(400, "InvalidArgument", "this condition has no meaning here");
        }
        let holds = match self.interface {
            Interface::Google => request.header("x-goog-if-generation-match").is_none_or(|generation| {
                generation == present.map_or_else(|| "0".to_owned(), |object| object.generation.to_string())
            }),
            Interface::S3 => {
                let is_other = |etag: &str| present.is_none_or(|object| object.etag != etag);
                !(request.header("if-match").is_some_and(is_other)
                    || request.header("if-none-match").is_some_and(|_| present.is_some()))
            }
        };
        if !holds {
            return precondition_failed();
        }
        let object = self.put(bucket, key, request.body.clone());
        Reply { headers: self.headers(&object), ..Reply::empty(200) }
    }

    fn delete_many(&mut self, bucket: &str, request: &Request) -> Reply {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let keys = body.split("<Key>").skip(1).filter_map(|rest| Some(rest.split_once("</Key>")?.0.to_owned()));
        let mut deleted = String::new();
        for key in keys {
            self.buckets.get_mut(bucket).expect("a bucket").remove(&key.replace("&amp;", "&"));
            deleted += &format!("<Deleted><Key>{key}</Key></Deleted>");
        }
        Reply::xml(format!("<?xml version='1.0'?><DeleteResult>{deleted}</DeleteResult>"))
    }
}

fn no_such_key() -> Reply {
    Reply::error(404, "NoSuchKey", "The specified key does not exist.")
}

fn precondition_failed() -> Reply {
    Reply::error(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn httpdate(moment: SystemTime, format: &str) -> String {
    chrono::DateTime::<chrono::Utc>::from(moment).format(format).to_string()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
