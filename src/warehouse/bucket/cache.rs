//! Objects that were read before, so that unchanged ones are not requested again.
//!
//! `<key>-<sha256>`: the key is a digest of the object's ETag and size, and of its name where the ETag is no digest of the
//! content. The checksum is that of the file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::client::{Listed, Listing};
use super::url::BucketUrl;
use crate::numerics::hash::hex;
use crate::store::commit::{file_name, files_in, link_or_copy};
use crate::store::sha256_of_file;

/// Bytes of a digest that name an object or a bucket.
const KEY_BYTES: usize = 16;

/// The cache of one bucket. Whatever cannot be read or written in it counts as not there.
#[derive(Debug)]
pub(super) struct Cache {
    dir: Option<PathBuf>,
    known: BTreeMap<String, PathBuf>,
}

impl Cache {
    pub fn open(place: Option<&Path>, url: &BucketUrl) -> Self {
        let dir = place.map(|place| place.join(digest(&url.to_string())));
        let files = dir.as_ref().and_then(|dir| files_in(dir).ok()).unwrap_or_default();
        let known = files.into_iter().filter_map(|path| Some((file_name(&path).split_once('-')?.0.to_owned(), path)));
        Self { known: known.collect(), dir }
    }

    /// Gives `to` the content of an object; false: it is not there, or damaged.
    pub fn take(&self, name: &str, listed: &Listed, to: &Path) -> bool {
        let Some(path) = self.known.get(&key(name, listed)) else { return false };
        let is_whole = std::fs::metadata(path).is_ok_and(|meta| meta.len() == listed.size)
            && sha256_of_file(path).is_ok_and(|sha256| file_name(path).ends_with(&sha256));
        is_whole && link_or_copy(path, to).is_ok()
    }

    /// Remembers a file that was just read.
    pub fn keep(&self, name: &str, listed: &Listed, from: &Path) {
        let Some(dir) = &self.dir else { return };
        let keep = || -> crate::error::Result<()> {
            let sha256 = sha256_of_file(from).map_err(|error| crate::error::Error::io("read", from, error))?;
            std::fs::create_dir_all(dir).map_err(|error| crate::error::Error::io("create", dir, error))?;
            link_or_copy(from, &dir.join(format!("{}-{sha256}", key(name, listed))))
        };
        // Without it, the object is read once more.
        let _ = keep();
    }

    /// Forgets what the bucket does not have any more.
    pub fn prune(&self, listing: &Listing) {
        let present: BTreeSet<String> = listing.iter().map(|(name, listed)| key(name, listed)).collect();
        for (_, path) in self.known.iter().filter(|(key, _)| !present.contains(*key)) {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn key(name: &str, listed: &Listed) -> String {
    let place = if listed.content().is_some() { "" } else { name };
    digest(&format!("{place}\0{}\0{}", listed.etag, listed.size))
}

fn digest(text: &str) -> String {
    hex(&Sha256::digest(text)[..KEY_BYTES])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::warehouse::bucket::url::Service;

    #[test]
    fn only_whole_objects_of_the_same_version_are_taken() {
        let dir = tempfile::tempdir().expect("a directory");
        let url = BucketUrl::parse(Service::S3, "//b").expect("a bucket");
        let open = || Cache::open(Some(&dir.path().join("cache")), &url);
        let listed = |etag: &str| Listed { size: 4, etag: etag.to_owned(), modified: chrono::DateTime::UNIX_EPOCH };
        let (file, to) = (dir.path().join("file"), dir.path().join("to"));
        std::fs::write(&file, "rows").expect("a file");
        open().keep("a", &listed("one"), &file);
        assert!(open().take("a", &listed("one"), &to));
        assert_eq!(std::fs::read(&to).expect("a file"), b"rows");
        assert!(!open().take("a", &listed("two"), &to), "another version");
        assert!(!open().take("b", &listed("one"), &to), "another object");
        let kept = open().known.into_values().next().expect("a file");
        std::fs::remove_file(&kept).expect("removed");
        std::fs::write(&kept, "rowz").expect("a file");
        assert!(!open().take("a", &listed("one"), &to), "damaged");
        open().prune(&Listing::new());
        assert!(open().known.is_empty());
    }
}
