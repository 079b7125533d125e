//! Files that are written beside their final name and renamed over it.
//!
//! A staged name is `<name>.<pid>-<n>.staged`. Such a file is created exclusively, so that nothing that
//! lies there is written to or through, and nobody else writes the same one.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};

const SUFFIX: &str = ".staged";
/// For everybody whom the user's umask lets.
const PUBLIC_MODE: u32 = 0o666;
/// For the user alone.
const PRIVATE_MODE: u32 = 0o600;

/// Whether a file name is one that this module gives.
pub(crate) fn is_staged_name(name: &str) -> bool {
    let Some((_, unique)) = name.strip_suffix(SUFFIX).and_then(|name| name.rsplit_once('.')) else { return false };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    unique.split_once('-').is_some_and(|(pid, number)| is_number(pid) && is_number(number))
}

/// A new staged name beside `path`.
pub(super) fn staged_name(path: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut name = path.file_name().expect("a file name").to_owned();
    name.push(format!(".{}-{}{SUFFIX}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    path.with_file_name(name)
}

/// Makes something under a staged name beside `path`, under another one where that is taken.
pub(super) fn under_staged_name<T>(
    path: &Path,
    make: impl Fn(&Path) -> std::io::Result<T>,
) -> std::io::Result<(PathBuf, T)> {
    // Names are taken only by what a process of the same id left behind.
    const TRIES: usize = 1000;
    for _ in 1..TRIES {
        let staged = staged_name(path);
        match make(&staged) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            other => return other.map(|made| (staged, made)),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

/// A staged file; removed when dropped, unless it was renamed.
#[derive(Debug)]
pub(super) struct Staged {
    path: PathBuf,
}

impl Staged {
    /// Creates a staged file beside `path`, and the directory where there is none.
    pub fn create(path: &Path) -> Result<(Self, File)> {
        let (staged, file) = create(path, PUBLIC_MODE)?;
        Ok((Self { path: staged }, file))
    }

    /// Something that was made under a staged name.
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn rename_to(self, path: &Path) -> Result<()> {
        std::fs::rename(&self.path, path).map_err(|error| Error::io("replace", path, error))?;
        std::mem::forget(self);
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // What cannot be removed now is swept by the next writer.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn create(path: &Path, mode: u32) -> Result<(PathBuf, File)> {
    let dir = path.parent().expect("the file lies in a directory");
    std::fs::create_dir_all(dir).map_err(|error| Error::io("create", dir, error))?;
    let open = |staged: &Path| OpenOptions::new().write(true).create_new(true).mode(mode).open(staged);
    under_staged_name(path, open).map_err(|error| Error::io("create a file beside", path, error))
}

/// Writes `bytes` beside `path`, syncs, and renames over it. Any number of processes may do so at once.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, bytes, PUBLIC_MODE)
}

/// As [`replace_file`], for what only the user may read.
pub(crate) fn replace_private_file(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, bytes, PRIVATE_MODE)
}

/// Creates a file that only the user may read.
///
/// # Errors
/// When there is anything under this name, or nothing can be created.
pub(crate) fn create_private(path: &Path) -> Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE_MODE).open(path);
    file.map_err(|error| Error::io("create", path, error))
}

fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let (staged, mut file) = create_locked(path, mode)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(|error| Error::io("write", path, error))?;
    // The lock is held until the name is gone: nobody takes the file for one that was left behind.
    staged.rename_to(path)?;
    drop(file);
    sync_dir(path.parent().expect("the file lies in a directory"))
}

/// A staged file whose lock says that somebody is at it.
fn create_locked(path: &Path, mode: u32) -> Result<(Staged, File)> {
    loop {
        let (staged, file) = create(path, mode)?;
        let staged = Staged { path: staged };
        file.lock().map_err(|error| Error::io("lock", staged.path(), error))?;
        // Between its creation and its lock it looked like one that was left behind.
        if is_at(&file, staged.path()) {
            return Ok((staged, file));
        }
    }
}

/// Whether an open file is what lies under a name.
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(open), Ok(there)) = (file.metadata(), std::fs::symlink_metadata(path)) else { return false };
    (open.dev(), open.ino()) == (there.dev(), there.ino())
}

/// Removes the staged files of a directory that no process is at. For directories that are written without a
/// lock of their own.
pub(crate) fn sweep_abandoned(dir: &Path) -> Result<()> {
    for path in super::files_in(dir)?.into_iter().filter(|path| is_staged_name(super::file_name(path))) {
        // A link or a pipe under such a name is nobody's work.
        let Ok(file) = open_regular(OpenOptions::new().read(true), &path) else { continue };
        match file.try_lock() {
            Ok(()) if is_at(&file, &path) => remove_if_present(&path)?,
            Ok(()) | Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path, error)),
        }
    }
    Ok(())
}

/// Opens a regular file: never through a link, and without waiting for the other end of a pipe.
pub(crate) fn open_regular(options: &mut OpenOptions, path: &Path) -> std::io::Result<File> {
    let file = options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    Ok(file)
}

/// Makes renames in `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|handle| handle.sync_all()).map_err(|error| Error::io("sync", dir, error))
}

pub(crate) fn remove_if_present(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path, error)),
        _ => Ok(()),
    }
}
