//! A directory that looks like a bucket, for the code that reads and writes directories.
//!
//! What is read is there as it is. Of what only has to be there by its name, a file of the same size without content is:
//! a stand-in.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::cache::Cache;
use super::client::{Client, Listing, Wanted};
use super::settings::BucketSettings;
use crate::error::{Error, Result};
use crate::store::SpillDir;
use crate::store::commit::link_or_copy;

/// How a file lies in the mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lies {
    Whole,
    StandIn,
}

/// Removed when dropped.
#[derive(Debug)]
pub(super) struct Mirror {
    pub client: Arc<Client>,
    pub listing: Listing,
    _scratch: SpillDir,
    root: PathBuf,
    cache: Cache,
    files: Mutex<BTreeMap<String, Lies>>,
}

impl Mirror {
    /// Lists the bucket; nothing lies in the mirror yet.
    pub fn of(client: &Arc<Client>, settings: &BucketSettings) -> Result<Self> {
        let listing = client.list()?;
        let scratch = SpillDir::create(&settings.scratch)?;
        let root = scratch.path().join("bucket");
        std::fs::create_dir(&root).map_err(|error| Error::io("create", &root, error))?;
        let root = root.canonicalize().map_err(|error| Error::io("resolve", &root, error))?;
        let cache = Cache::open(settings.cache.as_deref(), &settings.url);
        cache.prune(&listing);
        let (client, files) = (Arc::clone(client), Mutex::default());
        Ok(Self { client, listing, _scratch: scratch, root, cache, files })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Puts objects into the mirror. One whose content lies there or in the cache is not requested.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::StalePlan`] when one is not any more what was listed.
    pub fn bring<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let mut whole: BTreeMap<(&str, u64), PathBuf> = BTreeMap::new();
        let (mut requested, mut twins) = (Vec::new(), Vec::new());
        for name in names {
            let Some((name, listed)) = self.listing.get_key_value(name) else { continue };
            if self.lies(name) == Some(Lies::Whole) {
                continue;
            }
            let path = self.make_room(name)?;
            if self.cache.take(name, listed, &path) {
                self.note(name, Lies::Whole);
                whole.extend(listed.content().map(|content| (content, path)));
            } else if listed.content().is_some_and(|content| whole.contains_key(&content)) {
                twins.push((name, listed, path));
            } else {
                whole.extend(listed.content().map(|content| (content, path.clone())));
                requested.push(Wanted { name: name.clone(), listed: listed.clone(), path });
            }
        }
        self.client.download(&requested)?;
        for Wanted { name, listed, path } in &requested {
            self.cache.keep(name, listed, path);
            self.note(name, Lies::Whole);
        }
        for (name, listed, path) in twins {
            let content = listed.content().expect("twins have the same content");
            link_or_copy(&whole[&content], &path)?;
            self.note(name, Lies::Whole);
        }
        Ok(())
    }

    /// Puts one file without content under the names, of the size of the first. What lies there stays.
    pub fn stand_in(&self, names: &[&str]) -> Result<()> {
        let missing: Vec<&str> = names.iter().copied().filter(|name| self.lies(name).is_none()).collect();
        let Some(first) = missing.first() else { return Ok(()) };
        let path = self.make_room(first)?;
        let create = || File::create_new(&path)?.set_len(self.listing[*first].size);
        create().map_err(|error| Error::io("create", &path, error))?;
        self.note(first, Lies::StandIn);
        for name in &missing[1..] {
            link_or_copy(&path, &self.make_room(name)?)?;
            self.note(name, Lies::StandIn);
        }
        Ok(())
    }

    /// As [`Mirror::stand_in`], with the first bytes of the object, which say what kind of file it is.
    pub fn stand_in_with_head(&self, name: &str, count: u64) -> Result<()> {
        if self.lies(name).is_some() {
            return Ok(());
        }
        let path = self.make_room(name)?;
        if self.cache.take(name, &self.listing[name], &path) {
            self.note(name, Lies::Whole);
            return Ok(());
        }
        let head = self.client.first_bytes(name, &self.listing[name], count)?;
        self.stand_in(&[name])?;
        let write = || File::options().write(true).open(&path)?.write_all_at(&head, 0);
        write().map_err(|error| Error::io("write", &path, error))
    }

    /// The same text, with names in the bucket instead of paths of the mirror.
    pub fn shown(&self, text: &str) -> String {
        let root = self.root.display().to_string();
        text.replace(&format!("dir:{root}"), &self.client.url.to_string()).replace(&root, &self.client.url.to_string())
    }

    /// As [`Mirror::shown`], of an error.
    pub fn told(&self, error: Error) -> Error {
        error.map_texts(&|text| self.shown(text))
    }

    fn lies(&self, name: &str) -> Option<Lies> {
        self.files.lock().expect("no thread panicked").get(name).copied()
    }

    fn note(&self, name: &str, lies: Lies) {
        self.files.lock().expect("no thread panicked").insert(name.to_owned(), lies);
    }

    /// The path of a name, with its folders, and nothing there.
    fn make_room(&self, name: &str) -> Result<PathBuf> {
        let path = self.path(name);
        let dir = path.parent().expect("names lie below the root");
        std::fs::create_dir_all(dir).map_err(|error| Error::io("create", dir, error))?;
        crate::store::commit::staged::remove_if_present(&path)?;
        Ok(path)
    }
}
