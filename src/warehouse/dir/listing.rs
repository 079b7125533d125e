//! Which files of a directory are a table's.
//!
//! A table is `<dataset>.<table>.parquet`, shards such as `<dataset>.<table>-000000000000.parquet`, or every Parquet
//! file below `<dataset>.<table>/`; the first and the last may be a folder or a file. As every reader of such folders
//! does, names that begin with `_` or `.` are skipped.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::Metadata;
use std::io::{ErrorKind as IoErrorKind, Read};
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
    let mut walk = Walk { table, seen: BTreeSet::new(), listing: Listing::default(), links: VecDeque::new() };
    let mut with_files: BTreeMap<Form, PathBuf> = BTreeMap::new();
    for (path, form) in entries_of(root, table)? {
        let before = walk.listing.files.len();
        walk.visit_all(&path)?;
        if walk.listing.files.len() > before {
            with_files.entry(form).or_insert(path);
        }
    }
    let mut places = with_files.values().map(|path| path.display());
    if let (Some(first), Some(second)) = (places.next(), places.next()) {
        return Err(Error::new(ErrorKind::Conflict, format!("{table} is in {first} and in {second} as well"))
            .hint("keep one of the two: every row would count twice"));
    }
    let mut listing = walk.listing;
    listing.files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(listing)
}

/// Whether an entry of a warehouse with this name may hold a table, or files of it.
pub(in crate::warehouse) fn is_of_table(name: &str, table: Table) -> bool {
    Form::of(name, table).is_some()
}

/// How an entry of a warehouse holds a table. Two forms are two copies of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    /// A file or folder with the whole table, by its name.
    Whole(String),
    /// One of several files, by the character before their numbers.
    Shard(char),
}

impl Form {
    /// `None` for an entry of another table. Names match without case.
    fn of(name: &str, table: Table) -> Option<Self> {
        let (start, end) = name.split_at_checked(table.full_name().len())?;
        if !start.eq_ignore_ascii_case(table.full_name()) {
            return None;
        }
        let end = end.to_ascii_lowercase();
        if end.is_empty() || end == ".parquet" {
            return Some(Self::Whole(name.to_owned()));
        }
        let number = end.strip_suffix(".parquet")?;
        let separator = number.chars().next().filter(|separator| "-_.".contains(*separator))?;
        let digits = &number[1..];
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then_some(Self::Shard(separator))
    }
}

/// What of a directory may be the table, in ascending order; nothing of a directory that is not there.
fn entries_of(root: &Path, table: Table) -> Result<Vec<(PathBuf, Form)>> {
    let list = |error| Error::io("list", root, error);
    let entries = match std::fs::read_dir(root) {
        Err(error) if error.kind() == IoErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(list)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(list)?.file_name();
        if let Some(form) = name.to_str().and_then(|text| Form::of(text, table)) {
            found.push((root.join(&name), form));
        }
    }
    found.sort();
    Ok(found)
}

/// A walk through folders: what lies in them comes before what links lead to.
struct Walk {
    table: Table,
    seen: BTreeSet<(u64, u64)>,
    listing: Listing,
    links: VecDeque<(PathBuf, Vec<Folder>)>,
}

impl Walk {
    fn visit_all(&mut self, path: &Path) -> Result<()> {
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
        if meta.is_file() && !is_named && !(self.has_no_extension(path) && is_parquet(path)) {
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

    /// The name of a table has a dot, after which nothing is an extension.
    fn has_no_extension(&self, path: &Path) -> bool {
        let is_table = |name: &std::ffi::OsStr| name.eq_ignore_ascii_case(self.table.full_name());
        path.extension().is_none() || path.file_name().is_some_and(is_table)
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

/// So many first bytes tell whether a file is Parquet.
pub(in crate::warehouse) const MAGIC_BYTES: u64 = 4;

/// Whether a file begins as Parquet does; what cannot be opened does not.
fn is_parquet(path: &Path) -> bool {
    let mut magic = [0; MAGIC_BYTES as usize];
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
    fn a_table_is_one_entry_or_numbered_ones() {
        let table = Table::Schedule;
        let form = |end: &str| Form::of(&format!("{table}{end}"), table);
        for end in ["", ".parquet", ".PARQUET"] {
            assert_eq!(form(end), Some(Form::Whole(format!("{table}{end}"))));
        }
        assert_eq!(
            Form::of("NBA_RAW.Nbac_Schedule.parquet", table),
            Some(Form::Whole("NBA_RAW.Nbac_Schedule.parquet".into()))
        );
        for (end, separator) in [("-000000000000.parquet", '-'), ("_1.parquet", '_'), (".07.Parquet", '.')] {
            assert_eq!(form(end), Some(Form::Shard(separator)), "{end}");
        }
        for end in
            ["_v2.parquet", "-.parquet", "-1", "-1.csv", "0.parquet", "-1-2.parquet", ".parquet.bak", "é1.parquet"]
        {
            assert_eq!(form(end), None, "{end}");
        }
        assert_eq!((Form::of("nba_raw", table), Form::of("x", table)), (None, None));
    }

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
