//! The content of files by their hashes, which are remembered only while nothing about a file has changed.

use std::fs::Metadata;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use super::listing::TableFile;
use crate::error::{Error, Result};
use crate::numerics::hash::hex;
use crate::store::{FileStamp, SourceFiles, sha256_of_file};
use crate::warehouse::ContentVersion;

/// The coarsest clock of a file system in use: FAT counts in steps of two seconds.
const CLOCK_STEP: Duration = Duration::from_secs(2);

/// What a table's files hold.
pub(super) struct Content<'a> {
    pub root: &'a Path,
    /// What was remembered of the files, by their names below the root.
    pub known: &'a SourceFiles,
    /// The present moment; `None` when nothing is to be remembered.
    pub now: Option<SystemTime>,
}

impl Content<'_> {
    /// A digest of names and contents. Names take part, because folders give columns.
    pub fn version(&self, files: &[TableFile]) -> Result<ContentVersion> {
        let mut digest = Sha256::new();
        let mut stamps = SourceFiles::new();
        for TableFile { path, .. } in files {
            let name = path.strip_prefix(self.root).unwrap_or(path).to_string_lossy().into_owned();
            let (sha256, stamp) = self.hash(&name, path)?;
            digest.update(format!("{name}\0{sha256}\0"));
            stamps.extend(stamp.map(|stamp| (name, stamp)));
        }
        Ok(ContentVersion { token: hex(&digest.finalize()), files: stamps })
    }

    /// The hash of a file, and its stamp if the hash may be remembered.
    fn hash(&self, name: &str, path: &Path) -> Result<(String, Option<FileStamp>)> {
        let failed = |error| Error::io("read", path, error);
        let meta = std::fs::metadata(path).map_err(failed)?;
        let remembered =
            self.known.get(name).filter(|stamp| self.now.is_some() && **stamp == stamp_of(&meta, stamp.sha256.clone()));
        if let Some(stamp) = remembered {
            return Ok((stamp.sha256.clone(), Some(stamp.clone())));
        }
        let sha256 = sha256_of_file(path).map_err(failed)?;
        // A file that is written again within a step of the clock keeps its times.
        let stamp = stamp_of(&meta, sha256.clone());
        let is_settled = self.now.is_some_and(|now| stamp.newest() + nanos(CLOCK_STEP) < since_epoch(now));
        Ok((sha256, is_settled.then_some(stamp)))
    }
}

fn since_epoch(moment: SystemTime) -> i128 {
    match moment.duration_since(UNIX_EPOCH) {
        Ok(after) => nanos(after),
        Err(before) => -nanos(before.duration()),
    }
}

fn nanos(duration: Duration) -> i128 {
    duration.as_nanos() as i128
}

#[cfg(unix)]
fn stamp_of(meta: &Metadata, sha256: String) -> FileStamp {
    use std::os::unix::fs::MetadataExt;
    FileStamp {
        size_bytes: meta.len(),
        modified: (meta.mtime(), meta.mtime_nsec()),
        changed: (meta.ctime(), meta.ctime_nsec()),
        inode: meta.ino(),
        sha256,
    }
}
