//! A file of the user's that is written as a whole, and replaces nothing unless that is asked for.

use std::fs::OpenOptions;
use std::io::ErrorKind::{AlreadyExists, NotFound};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

const ELSEWHERE: &str = "name a file in a directory that can be written";

/// Where to write a file.
#[derive(Debug, Clone)]
pub struct Destination {
    path: PathBuf,
    replaces: bool,
}

impl Destination {
    /// `replaces`: whether a file that is there may go.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the path can take no file, or has one that may not be replaced.
    pub fn new(path: &Path, replaces: bool) -> Result<Self> {
        let refused = |what: &str| Error::new(ErrorKind::Usage, format!("{} {what}", path.display()));
        if path.file_name().is_none() {
            return Err(refused("does not name a file"));
        }
        match std::fs::symlink_metadata(path) {
            Ok(meta) if !meta.is_file() => {
                Err(refused("is there already, and is not a file").hint("name another file"))
            }
            Ok(_) if !replaces => {
                Err(refused("is there already").hint("name another file, or add --force to replace this one"))
            }
            Ok(_) => Ok(()),
            Err(error) if error.kind() == NotFound && directory_of(path).is_dir() => Ok(()),
            Err(error) if error.kind() == NotFound => {
                Err(refused("lies in a directory that does not exist").hint("create the directory first"))
            }
            Err(error) => Err(refused("cannot be written").hint(ELSEWHERE).because(error)),
        }?;
        Ok(Self { path: path.to_owned(), replaces })
    }

    /// Has a file written beside the path, and gives it its name when it is whole.
    pub fn write<T>(&self, write: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
        let staged = Staged::beside(&self.path)?;
        let written = write(&staged.0)?;
        self.name(&staged.0).map_err(|error| Error::io("create", &self.path, error))?;
        Ok(written)
    }

    /// A link fails where a name is taken; a rename takes it.
    fn name(&self, staged: &Path) -> std::io::Result<()> {
        if self.replaces {
            return std::fs::rename(staged, &self.path);
        }
        match std::fs::hard_link(staged, &self.path) {
            Err(error) if error.kind() == AlreadyExists => Err(error),
            // Not every file system has links.
            Err(_) if std::fs::symlink_metadata(&self.path).is_err() => std::fs::rename(staged, &self.path),
            other => other,
        }
    }
}

/// The directory in which a path lies.
fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file of ours under a name of its own; gone when dropped.
struct Staged(PathBuf);

impl Staged {
    fn beside(path: &Path) -> Result<Self> {
        let mut name = path.file_name().expect("a destination names a file").to_owned();
        name.push(format!(".{}.staged", std::process::id()));
        let staged = path.with_file_name(name);
        let created = OpenOptions::new().write(true).create_new(true).open(&staged);
        created.map(|_| Self(staged.clone())).map_err(|error| {
            let error = Error::io("create", path, error);
            let is_explained = error.hint_text().is_some();
            if is_explained { error } else { error.hint(ELSEWHERE) }
        })
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // After a rename nothing is there.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(destination: &Destination, text: &str) -> Result<()> {
        destination.write(|path| std::fs::write(path, text).map_err(|error| Error::io("write", path, error)))
    }

    #[test]
    fn nothing_is_replaced_unless_asked_for() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("cells.parquet");
        let new = Destination::new(&path, false).expect("a free name");
        put(&new, "first").expect("a file");
        // Somebody was quicker.
        assert!(put(&new, "second").is_err());
        assert_eq!(Destination::new(&path, false).expect_err("taken").kind(), ErrorKind::Usage);
        assert_eq!(std::fs::read_to_string(&path).expect("a file"), "first");
        put(&Destination::new(&path, true).expect("a file"), "third").expect("a file");
        assert_eq!(std::fs::read_to_string(&path).expect("a file"), "third");
        let failed = Destination::new(&path, true)
            .expect("a file")
            .write(|_| Err::<(), _>(Error::new(ErrorKind::Unexpected, "no")));
        assert!(failed.is_err());
        assert_eq!(std::fs::read_dir(dir.path()).expect("a directory").count(), 1);
    }

    #[test]
    fn what_is_no_file_is_never_replaced() {
        let dir = tempfile::tempdir().expect("a directory");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), &link).expect("a link");
        for path in [dir.path(), &link, Path::new("/dev/null"), &dir.path().join("no/where"), Path::new("/")] {
            assert_eq!(
                Destination::new(path, true).expect_err("no file").kind(),
                ErrorKind::Usage,
                "{}",
                path.display()
            );
        }
    }
}
