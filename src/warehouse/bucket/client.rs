//! Requests to a bucket.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::{
    Error as StoreError, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, UpdateVersion,
};
use tokio::runtime::Runtime;

use super::fault;
use super::settings::{BucketSettings, connect};
use super::url::{BucketUrl, Service};
use crate::error::{Error, ErrorKind, Result};

/// Objects are read in pieces of this many bytes.
const PIECE_BYTES: u64 = 8 << 20;
/// Requests on their way at once.
pub(super) const REQUESTS: usize = 8;

/// What a listing says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub size: u64,
    pub etag: String,
    pub modified: DateTime<Utc>,
}

impl Listed {
    /// The same of two objects with equal bytes; none where the ETag is not a digest of the content alone.
    pub fn content(&self) -> Option<(&str, u64)> {
        let digits = self.etag.trim_matches('"');
        let is_digest = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_digest.then_some((digits, self.size))
    }
}

/// Objects by their names below the prefix.
pub(super) type Listing = BTreeMap<String, Listed>;

/// An object that is read, and the file that it becomes.
pub(super) struct Wanted {
    pub name: String,
    pub listed: Listed,
    pub path: PathBuf,
}

/// When an object is written.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    /// Whatever is there.
    Always,
    /// When nothing is there.
    Absent,
    /// When it is still this version.
    Is(UpdateVersion),
}

/// A bucket that can be reached.
#[derive(Debug)]
pub(super) struct Client {
    pub url: BucketUrl,
    runtime: Runtime,
    store: Arc<dyn ObjectStore>,
}

impl Client {
    /// Nothing is requested yet.
    pub fn open(settings: &BucketSettings) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime =
            runtime.map_err(|error| Error::new(ErrorKind::Unexpected, "cannot start threads").because(error))?;
        let store = {
            let _guard = runtime.enter();
            connect(settings)?
        };
        Ok(Self { url: settings.url.clone(), runtime, store })
    }

    /// Everything below the prefix.
    pub fn list(&self) -> Result<Listing> {
        self.list_below("")
    }

    /// Everything below a folder of the prefix.
    pub fn list_below(&self, folder: &str) -> Result<Listing> {
        let prefix = self.key(folder)?;
        let prefix = (!prefix.as_ref().is_empty()).then_some(prefix);
        let found = self.runtime.block_on(self.store.list(prefix.as_ref()).try_collect::<Vec<ObjectMeta>>());
        let found = found.map_err(|error| fault::describe(&self.url, &format!("listing {}", self.url), error))?;
        let mut listing = Listing::new();
        for object in found {
            let Some(name) = self.url.name(object.location.as_ref()) else { continue };
            let etag = object.e_tag.ok_or_else(|| self.without_etags())?;
            let listed = Listed { size: object.size, etag, modified: object.last_modified };
            listing.insert(name.to_owned(), listed);
        }
        Ok(without_markers(listing))
    }

    fn without_etags(&self) -> Error {
        Error::new(ErrorKind::Upstream, format!("the service of {} lists no ETags", self.url))
            .hint("use a service that does: they tell what has changed")
    }

    /// An object and its version; `None` when there is none.
    pub fn read(&self, name: &str) -> Result<Option<(Vec<u8>, UpdateVersion)>> {
        let key = self.key(name)?;
        let read = async {
            let found = self.store.get(&key).await?;
            let version = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
            Ok((found.bytes().await?.to_vec(), version))
        };
        match self.runtime.block_on(read) {
            Ok(found) => Ok(Some(found)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("reading", name, error)),
        }
    }

    /// The version of an object; `None` when there is none.
    pub fn version(&self, name: &str) -> Result<Option<UpdateVersion>> {
        let key = self.key(name)?;
        match self.runtime.block_on(self.store.head(&key)) {
            Ok(meta) => Ok(Some(UpdateVersion { e_tag: meta.e_tag, version: meta.version })),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("looking at", name, error)),
        }
    }

    /// The condition that an object is what was listed. Google's conditions need the generation, which listings lack.
    /// `None`: it is something else by now.
    pub fn is_listed(&self, name: &str, listed: Option<&Listed>) -> Result<Option<Condition>> {
        let Some(listed) = listed else { return Ok(Some(Condition::Absent)) };
        if self.url.service == Service::S3 {
            let version = UpdateVersion { e_tag: Some(listed.etag.clone()), version: None };
            return Ok(Some(Condition::Is(version)));
        }
        let is_same = |etag: &String| etag.trim_matches('"') == listed.etag.trim_matches('"');
        let version = self.version(name)?.filter(|version| version.e_tag.as_ref().is_some_and(is_same));
        Ok(version.map(Condition::Is))
    }

    /// The first bytes of an object; fewer where it is shorter.
    pub fn first_bytes(&self, name: &str, listed: &Listed, count: u64) -> Result<Vec<u8>> {
        let end = count.min(listed.size);
        if end == 0 {
            return Ok(Vec::new());
        }
        self.runtime.block_on(self.piece(name, listed, 0..end))
    }

    /// Reads objects into files, large ones in pieces, all at once.
    ///
    /// # Errors
    /// [`ErrorKind::StalePlan`] when one is not any more what was listed.
    pub fn download(&self, wanted: &[Wanted]) -> Result<()> {
        let create =
            |wanted: &Wanted| File::create(&wanted.path).map_err(|error| Error::io("create", &wanted.path, error));
        let files = wanted.iter().map(create).collect::<Result<Vec<_>>>()?;
        let pieces = wanted
            .iter()
            .zip(&files)
            .flat_map(|(wanted, file)| pieces(wanted.listed.size).map(move |range| (wanted, file, range)));
        let work = stream::iter(pieces.collect::<Vec<_>>()).map(|(wanted, file, range)| async move {
            let start = range.start;
            let bytes = self.piece(&wanted.name, &wanted.listed, range).await?;
            file.write_all_at(&bytes, start).map_err(|error| Error::io("write", &wanted.path, error))
        });
        self.runtime.block_on(work.buffer_unordered(REQUESTS).try_collect::<()>())
    }

    async fn piece(&self, name: &str, listed: &Listed, range: Range<u64>) -> Result<Vec<u8>> {
        let key = self.key(name)?;
        let length = range.end - range.start;
        let options =
            GetOptions { if_match: Some(listed.etag.clone()), range: Some(range.into()), ..GetOptions::default() };
        let read = async { self.store.get_opts(&key, options).await?.bytes().await };
        match read.await {
            Ok(bytes) if bytes.len() as u64 == length => Ok(bytes.to_vec()),
            Ok(_) | Err(StoreError::NotFound { .. } | StoreError::Precondition { .. }) => Err(self.changed(name)),
            Err(error) => Err(self.failed("reading", name, error)),
        }
    }

    /// Writes an object; false: the condition does not hold. An answer that was lost is not told from a condition that does
    /// not hold: who needs to know reads the object back.
    pub fn put(&self, name: &str, bytes: Vec<u8>, condition: Condition) -> Result<bool> {
        let mode = match condition {
            Condition::Always => PutMode::Overwrite,
            Condition::Absent => PutMode::Create,
            Condition::Is(version) => PutMode::Update(version),
        };
        let key = self.key(name)?;
        let options = PutOptions { mode, ..PutOptions::default() };
        match self.runtime.block_on(self.store.put_opts(&key, bytes.into(), options)) {
            Ok(_) => Ok(true),
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => Ok(false),
            Err(error) => Err(self.failed("writing", name, error)),
        }
    }

    /// Deletes objects; one that is gone already is no error.
    pub fn delete(&self, names: &[String]) -> Result<()> {
        let keys = names.iter().map(|name| self.key(name)).collect::<Result<Vec<_>>>()?;
        let deleted = async {
            let mut results = self.store.delete_stream(stream::iter(keys.into_iter().map(Ok)).boxed());
            while let Some(result) = results.next().await {
                match result {
                    Ok(_) | Err(StoreError::NotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        };
        let what = format!("deleting objects of {}", self.url);
        self.runtime.block_on(deleted).map_err(|error| fault::describe(&self.url, &what, error))
    }

    /// As users know an object.
    pub fn shown(&self, name: &str) -> String {
        format!("{}/{name}", self.url)
    }

    /// An object is not what was listed.
    pub fn changed(&self, name: &str) -> Error {
        Error::new(ErrorKind::StalePlan, format!("{} changed or vanished while it was read", self.shown(name)))
            .hint("run the same command again: it looks anew")
    }

    fn failed(&self, action: &str, name: &str, error: StoreError) -> Error {
        fault::describe(&self.url, &format!("{action} {}", self.shown(name)), error)
    }

    fn key(&self, name: &str) -> Result<object_store::path::Path> {
        self.url.key(name).map_err(|error| {
            Error::new(ErrorKind::Usage, format!("{} is no name of an object", self.shown(name))).because(error)
        })
    }
}

/// Folders that consoles create as objects of no bytes are left out.
fn without_markers(mut listing: Listing) -> Listing {
    let folders: std::collections::BTreeSet<String> = listing
        .keys()
        .flat_map(|name| name.match_indices('/').map(|(at, _)| name[..at].to_owned()).collect::<Vec<_>>())
        .collect();
    listing.retain(|name, listed| listed.size > 0 || !folders.contains(name));
    listing
}

fn pieces(size: u64) -> impl Iterator<Item = Range<u64>> {
    (0..size.div_ceil(PIECE_BYTES)).map(move |piece| piece * PIECE_BYTES..((piece + 1) * PIECE_BYTES).min(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(size: u64, etag: &str) -> Listed {
        Listed { size, etag: etag.to_owned(), modified: DateTime::UNIX_EPOCH }
    }

    #[test]
    fn objects_are_read_in_pieces() {
        let of = |size: u64| pieces(size).map(|range| (range.start, range.end)).collect::<Vec<_>>();
        assert_eq!(of(0), []);
        assert_eq!(of(1), vec![(0, 1)]);
        assert_eq!(of(PIECE_BYTES), vec![(0, PIECE_BYTES)]);
        assert_eq!(of(PIECE_BYTES + 1), vec![(0, PIECE_BYTES), (PIECE_BYTES, PIECE_BYTES + 1)]);
    }

    #[test]
    fn only_digests_say_that_contents_are_equal() {
        let digest = "\"d41d8cd98f00b204e9800998ecf8427e\"";
        assert_eq!(listed(3, digest).content(), Some(("d41d8cd98f00b204e9800998ecf8427e", 3)));
        for other in ["\"d41d8cd98f00b204e9800998ecf8427e-2\"", "CJCoyNrn6vACEAE=", ""] {
            assert_eq!(listed(3, other).content(), None, "{other}");
        }
    }

    #[test]
    fn markers_of_folders_are_left_out() {
        let listing = [("a", 0), ("a/b", 0), ("a/b/c", 3), ("d", 0), ("e", 1), ("e/f", 1)];
        let listing = listing.into_iter().map(|(name, size)| (name.to_owned(), listed(size, "x"))).collect();
        let names: Vec<String> = without_markers(listing).into_keys().collect();
        assert_eq!(names, ["a/b/c", "d", "e", "e/f"]);
    }
}
