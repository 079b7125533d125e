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

#[cfg(test)]
mod tests {
    use super::*;

    fn version(root: &Path, known: &SourceFiles, after: Duration) -> ContentVersion {
        let path = root.join("rows.parquet");
        let written = std::fs::metadata(&path).and_then(|meta| meta.modified()).expect("a file");
        let files = [TableFile { path, folders: Vec::new() }];
        Content { root, known, now: Some(written + after) }.version(&files).expect("a version")
    }

    #[test]
    fn a_hash_is_remembered_while_nothing_about_the_file_has_changed() {
        const LATER: Duration = Duration::from_secs(3600);
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("rows.parquet");
        std::fs::write(&file, "rows").expect("a file");
        let first = version(dir.path(), &SourceFiles::new(), LATER);
        assert_eq!(version(dir.path(), &first.files, LATER), first);
        // A hash that is remembered is taken without a look at the file.
        let mut other = first.files.clone();
        other.get_mut("rows.parquet").expect("a stamp").sha256 = "remembered".to_owned();
        assert_ne!(version(dir.path(), &other, LATER).token, first.token);
        let changes: [fn(&mut FileStamp); 4] = [
            |stamp| stamp.size_bytes += 1,
            |stamp| stamp.modified.1 ^= 1,
            |stamp| stamp.changed.1 ^= 1,
            |stamp| stamp.inode += 1,
        ];
        for change in changes {
            let mut stamps = other.clone();
            change(stamps.get_mut("rows.parquet").expect("a stamp"));
            assert_eq!(version(dir.path(), &stamps, LATER), first);
        }
    }

    #[test]
    fn nothing_is_remembered_of_a_file_that_was_just_written() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("rows.parquet"), "rows").expect("a file");
        for after in [Duration::ZERO, CLOCK_STEP] {
            assert!(version(dir.path(), &SourceFiles::new(), after).files.is_empty());
        }
        assert_eq!(version(dir.path(), &SourceFiles::new(), CLOCK_STEP * 2).files.len(), 1);
    }
}
