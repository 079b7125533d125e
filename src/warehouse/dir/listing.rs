//! Which files of a directory are a table's.
//!
//! A table is `<dataset>.<table>.parquet` or every `*.parquet` below `<dataset>.<table>/`; either may be a
//! folder or a file where it is named like one. As every reader of such folders does, names that begin with
//! `_` or `.` are skipped.

use std::collections::{BTreeSet, VecDeque};
use std::fs::Metadata;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::super::conform::Folder;
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};

/// The files of a table.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// In ascending order of their paths.
    pub files: Vec<TableFile>,
    /// What is not read although it lies there, and why.
    pub skipped: Vec<String>,
}

/// A file of a table and the folders with values above it.
#[derive(Debug)]
pub(super) struct TableFile {
    pub path: PathBuf,
    pub folders: Vec<Folder>,
}

/// Lists the files of a table.
///
/// # Errors
/// [`ErrorKind::Conflict`] when it is there in two ways, [`ErrorKind::Schema`] for a table of a format in
/// which a log says what files count.
pub(super) fn list(root: &Path, table: Table) -> Result<Listing> {
    let named = root.join(format!("{table}.parquet"));
    let folder = root.join(table.full_name());
    let mut walk = Walk { table, seen: BTreeSet::new(), listing: Listing::default(), links: VecDeque::new() };
    walk.start(&named)?;
    let of_named = walk.listing.files.len();
    walk.start(&folder)?;
    let mut listing = walk.listing;
    if of_named > 0 && listing.files.len() > of_named {
        let (file, dir) = (named.display(), folder.display());
        return Err(Error::new(ErrorKind::Conflict, format!("{table} is in {file} and in {dir} as well"))
            .hint("keep one of the two: every row would count twice"));
    }
    listing.files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(listing)
}

/// A walk through folders: what lies in them comes before what links lead to.
struct Walk {
    table: Table,
    seen: BTreeSet<(u64, u64)>,
    listing: Listing,
    links: VecDeque<(PathBuf, Vec<Folder>)>,
}

impl Walk {
    fn start(&mut self, path: &Path) -> Result<()> {
        if std::fs::symlink_metadata(path).is_err() {
            return Ok(());
        }
        self.visit(path, &[])?;
        while let Some((path, folders)) = self.links.pop_front() {
            self.visit(&path, &folders)?;
        }
        Ok(())
    }

    fn visit(&mut self, path: &Path, folders: &[Folder]) -> Result<()> {
        let meta = match std::fs::metadata(path) {
            Ok(meta) => meta,
            Err(_) if path.is_symlink() && !path.exists() => return self.skip(path, "is a link that leads nowhere"),
            Err(error) => return Err(Error::io("read", path, error)),
        };
        if !meta.is_dir() && !meta.is_file() {
            return self.skip(path, &format!("is {}, not a file or folder", kind_of(&meta)));
        }
        let is_named = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"));
        if meta.is_file() && !is_named {
            return if is_parquet(path) { self.skip(path, "has a name that does not end in .parquet") } else { Ok(()) };
        }
        if !self.seen.insert(identity(&meta)) {
            return self.skip(path, "is a link to what is read already");
        }
        if meta.is_dir() {
            return self.visit_folder(path, folders);
        }
        self.listing.files.push(TableFile { path: path.to_owned(), folders: folders.to_vec() });
        Ok(())
    }

    fn visit_folder(&mut self, dir: &Path, folders: &[Folder]) -> Result<()> {
        let list = |error| Error::io("list", dir, error);
        let entries = std::fs::read_dir(dir).map_err(list)?.collect::<Result<Vec<_>, _>>().map_err(list)?;
        let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
        paths.sort();
        self.refuse_logs(dir, &paths)?;
        for path in paths.into_iter().filter(|path| !is_hidden(path)) {
            let mut folders = folders.to_vec();
            if !path.is_file() {
                folders.extend(folder_of(&path));
            }
            if path.is_symlink() {
                self.links.push_back((path, folders));
            } else {
                self.visit(&path, &folders)?;
            }
        }
        Ok(())
    }

    /// Formats that keep files which no longer count beside those that do.
    fn refuse_logs(&self, dir: &Path, paths: &[PathBuf]) -> Result<()> {
        let is_there = |name: &str| paths.iter().any(|path| path.ends_with(name) && path.is_dir());
        let is_iceberg = || {
            std::fs::read_dir(dir.join("metadata")).is_ok_and(|entries| {
                entries.flatten().any(|entry| entry.file_name().to_string_lossy().ends_with(".metadata.json"))
            })
        };
        let format = match () {
            () if is_there("_delta_log") => "a Delta Lake table",
            () if is_there(".hoodie") => "a Hudi table",
            () if is_there("metadata") && is_iceberg() => "an Iceberg table",
            () => return Ok(()),
        };
        let (table, dir) = (self.table, dir.display());
        Err(Error::new(ErrorKind::Schema, format!("{table}: {dir} is {format}, whose log says which files count"))
            .hint("export its present rows as plain Parquet files; nothing was pulled"))
    }

    fn skip(&mut self, path: &Path, why: &str) -> Result<()> {
        self.listing.skipped.push(format!("{}: {} {why}, and is not read", self.table, path.display()));
        Ok(())
    }
}

fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.starts_with(b"_") || name.starts_with(b".")
}

/// Whether a file begins as Parquet does; what cannot be opened does not.
fn is_parquet(path: &Path) -> bool {
    let mut magic = [0; 4];
    std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && &magic == b"PAR1"
}

/// `key=value`, in which characters may be escaped as `%3A`.
fn folder_of(path: &Path) -> Option<Folder> {
    /// Hive's name for NULL, and that of every writer after it.
    const NULL: &str = "__HIVE_DEFAULT_PARTITION__";
    let name = path.file_name()?.to_str()?;
    let (key, value) = name.split_once('=').filter(|(key, _)| !key.is_empty())?;
    let value = (value != NULL).then(|| unescaped(value)).map_or(Some(None), |value| value.map(Some))?;
    Some(Folder { name: name.to_owned(), key: unescaped(key)?, value })
}

/// `None` for what is no UTF-8 afterwards.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = tail.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(unix)]
fn identity(meta: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (meta.dev(), meta.ino())
}

#[cfg(unix)]
fn kind_of(meta: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    let kind = meta.file_type();
    match () {
        () if kind.is_fifo() => "a named pipe",
        () if kind.is_socket() => "a socket",
        () => "a device",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_unescaped() {
        let folder = |name: &str| folder_of(Path::new(name)).map(|folder| (folder.key, folder.value));
        let some = |key: &str, value: &str| Some((key.to_owned(), Some(value.to_owned())));
        assert_eq!(folder("w/game_date=2023-11-07"), some("game_date", "2023-11-07"));
        assert_eq!(folder("game_date=2023-11-07 00%3A00%3A00"), some("game_date", "2023-11-07 00:00:00"));
        assert_eq!(folder("a%3Db=c=%C3%A9%2"), some("a=b", "c=é%2"));
        assert_eq!(folder("team="), some("team", ""));
        assert_eq!(folder("team=__HIVE_DEFAULT_PARTITION__"), Some(("team".to_owned(), None)));
        assert_eq!((folder("=x"), folder("plain"), folder("a=%FF")), (None, None, None));
    }
}
