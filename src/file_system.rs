//! What an error of the file system means, and where.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// What can be done about an error on `path`, where anything general can be said.
pub fn hint(path: &Path, error: &(dyn Error + 'static)) -> Option<String> {
    let place = || match mount_point(path) {
        Some(mount) => format!("the file system at {}", mount.display()),
        None => format!("the file system of {}", path.display()),
    };
    match io_kind(error)? {
        ErrorKind::StorageFull => {
            Some(format!("{} is full: free space there and run the command again; what was committed stays", place()))
        }
        ErrorKind::QuotaExceeded => Some(format!(
            "the quota on {} is used up: free space there and run the command again; what was committed stays",
            place()
        )),
        ErrorKind::ReadOnlyFilesystem => Some(format!("{} is read-only", place())),
        _ => None,
    }
}

/// Of the first error of the file system among an error and its causes.
pub fn io_kind(error: &(dyn Error + 'static)) -> Option<ErrorKind> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}

/// Where the file system is mounted that a path lies on, or will lie on: the mount of the kernel's table that is
/// closest, else where the device begins.
#[cfg(unix)]
fn mount_point(path: &Path) -> Option<PathBuf> {
    use std::os::unix::fs::MetadataExt;

    let absolute = std::path::absolute(path).ok()?;
    let existing = absolute.ancestors().find(|path| path.exists())?.canonicalize().ok()?;
    if let Ok(table) = std::fs::read_to_string("/proc/self/mountinfo") {
        let mounts = table.lines().filter_map(|line| line.split(' ').nth(4)).map(unescaped);
        let closest = mounts.filter(|mount| existing.starts_with(mount)).max_by_key(|mount| mount.as_os_str().len());
        if closest.is_some() {
            return closest;
        }
    }
    let device = |path: &Path| std::fs::metadata(path).ok().map(|meta| meta.dev());
    let of_path = device(&existing)?;
    existing.ancestors().take_while(|path| device(path) == Some(of_path)).last().map(Path::to_path_buf)
}

/// The kernel writes white space and backslashes in octal.
#[cfg(unix)]
fn unescaped(mount: &str) -> PathBuf {
    let octal = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    PathBuf::from(octal.iter().fold(mount.to_owned(), |text, (code, unit)| text.replace(code, unit)))
}

#[cfg(not(unix))]
fn mount_point(_path: &Path) -> Option<PathBuf> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_full_disk_is_named_with_its_file_system() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("not/there/yet");
        let mount = mount_point(&path).expect("a mount point");
        assert!(dir.path().canonicalize().expect("a path").starts_with(&mount), "{}", mount.display());
        let full = io::Error::from(ErrorKind::StorageFull);
        let text = hint(&path, &full).expect("a hint");
        assert!(text.starts_with(&format!("the file system at {} is full: ", mount.display())), "{text}");
        let wrapped = parquet::errors::ParquetError::External(Box::new(io::Error::from(ErrorKind::StorageFull)));
        assert_eq!(hint(&path, &wrapped), Some(text));
        assert_eq!(hint(&path, &io::Error::from(ErrorKind::NotFound)), None);
    }
}
