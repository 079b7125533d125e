//! Month files under the names of their content.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::staged::{Staged, sync_dir, under_staged_name};
use super::{Place, exists};
use crate::calendar::Month;
use crate::catalog::Table;
use crate::error::{Error, Result};
use crate::store::files::{FileEntry, HashingWriter, ParquetFile, sha256_of_file};

/// The checksum that an object is named by.
pub(super) fn checksum_of(name: &str) -> Option<&str> {
    let is_hex =
        |text: &&str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
    name.strip_suffix(".parquet").filter(is_hex)
}

/// A Parquet file that is being written and becomes an object. Dropped before, it is removed.
pub struct ObjectFile {
    dir: PathBuf,
    staged: Staged,
    file: ParquetFile,
}

impl ObjectFile {
    /// Adds rows after those that are there. Equal rows give equal bytes, however they are cut into batches.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        self.file.write(rows)
    }

    /// Syncs the file and gives it the name of its content.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(self) -> Result<FileEntry> {
        let entry = self.file.finish()?;
        let path = self.dir.join(format!("{}.parquet", entry.sha256));
        // An object that is there already may have a plain name, which would not be its link any more.
        if !entry.matches(&path) {
            self.staged.rename_to(&path)?;
        }
        Ok(entry)
    }
}

impl Place {
    /// Begins an object whose rows come in pieces. Many may be written at once, on any threads.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn create_object(&self, schema: SchemaRef) -> Result<ObjectFile> {
        self.begin(|path, file| Ok(ParquetFile::into_file(path, file, schema)))
    }

    /// Writes an object with the bytes that [`Place::create_object`] would give it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_object(&self, rows: &RecordBatch) -> Result<FileEntry> {
        let mut object = self.create_object(rows.schema())?;
        object.write(rows)?;
        object.finish()
    }

    /// Writes an object of just these rows: each column is encoded as suits its values.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_fitted_object(&self, rows: &RecordBatch) -> Result<FileEntry> {
        let mut object = self.begin(|path, file| ParquetFile::into_file_for(path, file, rows))?;
        object.write(rows)?;
        object.finish()
    }

    /// Copies a file of another place as an object. False when it is not byte for byte what is recorded, or not there.
    ///
    /// # Errors
    /// When the object cannot be written.
    pub fn import(&self, from: &Path, entry: &FileEntry) -> Result<bool> {
        let path = self.object_path(&entry.sha256);
        if entry.matches(&path) {
            return Ok(true);
        }
        let mut source = match File::open(from) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Error::io("open", from, error)),
        };
        self.create_objects_dir()?;
        let (staged, file) = Staged::create(&self.objects_dir().join("object"))?;
        let mut copy = HashingWriter::new(file);
        std::io::copy(&mut source, &mut copy).map_err(|error| Error::io("copy", from, error))?;
        let (size_bytes, sha256) = copy.finish().map_err(|error| Error::io("sync", staged.path(), error))?;
        if (size_bytes, &sha256) != (entry.size_bytes, &entry.sha256) {
            return Ok(false);
        }
        staged.rename_to(&path)?;
        Ok(true)
    }

    fn begin(&self, open: impl FnOnce(&Path, File) -> Result<ParquetFile>) -> Result<ObjectFile> {
        self.create_objects_dir()?;
        let dir = self.objects_dir();
        let (staged, file) = Staged::create(&dir.join("object"))?;
        let file = open(staged.path(), file)?;
        Ok(ObjectFile { dir, staged, file })
    }

    pub(super) fn create_objects_dir(&self) -> Result<()> {
        let dir = self.objects_dir();
        if dir.is_dir() {
            return Ok(());
        }
        std::fs::create_dir_all(&self.control).map_err(|error| Error::io("create", &self.control, error))?;
        // Before there is anything to read.
        self.open_readers()?;
        std::fs::create_dir_all(&dir).map_err(|error| Error::io("create", &dir, error))?;
        sync_dir(&self.control)
    }

    /// Takes a month file as it lies under its plain name for an object. False when it is not a file of this
    /// checksum.
    ///
    /// # Errors
    /// When the object cannot be linked or copied.
    pub fn adopt(&self, table: Table, month: Month, sha256: &str) -> Result<bool> {
        let (plain, object) = (self.plain_path(table, month), self.object_path(sha256));
        let is_file = std::fs::symlink_metadata(&plain).is_ok_and(|meta| meta.is_file());
        if !is_file || !sha256_of_file(&plain).is_ok_and(|found| found == sha256) {
            return Ok(false);
        }
        if !exists(&object)? {
            self.create_objects_dir()?;
            link_or_copy(&plain, &object)?;
        }
        Ok(true)
    }

    /// Replaces an object that is damaged by the plain file of its month. False when that is not what is recorded either.
    ///
    /// # Errors
    /// When the object cannot be linked or copied.
    pub fn restore_object(&self, table: Table, month: Month, entry: &FileEntry) -> Result<bool> {
        let plain = self.plain_path(table, month);
        let is_file = std::fs::symlink_metadata(&plain).is_ok_and(|meta| meta.is_file());
        if !is_file || !entry.matches(&plain) {
            return Ok(false);
        }
        link_or_copy(&plain, &self.object_path(&entry.sha256))?;
        Ok(true)
    }
}

/// Makes `to` the same file as `from`, or a copy where links are not possible. Replaces what
/// is there.
pub(crate) fn link_or_copy(from: &Path, to: &Path) -> Result<()> {
    let failed = |error| Error::io("replace", to, error);
    let linked = under_staged_name(to, |staged| std::fs::hard_link(from, staged));
    let staged = match linked {
        Ok((path, ())) => Staged::at(path),
        Err(error) if is_of_the_file(&error) => return Err(failed(error)),
        Err(_) => copy(from, to)?,
    };
    staged.rename_to(to)
}

/// Whether a copy would fail in the same way as the link did.
fn is_of_the_file(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{NotFound, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), NotFound | StorageFull | ReadOnlyFilesystem) || error.raw_os_error() == Some(libc::EIO)
}

fn copy(from: &Path, to: &Path) -> Result<Staged> {
    let (staged, mut file) = Staged::create(to)?;
    let mut fill = || -> std::io::Result<()> {
        let mut source = File::open(from)?;
        std::io::copy(&mut source, &mut file)?;
        file.sync_all()
    };
    fill().map_err(|error| Error::io("write", to, error))?;
    Ok(staged)
}
