//! Files of a directory, by their names.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The regular files and links directly in a directory, in no order; none where there is no directory.
pub(crate) fn files_in(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("list", dir, error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| Error::io("list", dir, error))?;
        if !entry.file_type().map_err(|error| Error::io("list", dir, error))?.is_dir() {
            files.push(entry.path());
        }
    }
    Ok(files)
}

/// Empty for a name that is not text.
pub(crate) fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}
