//! Which records were parsed: a command parses each state of a store once, which a test counts.

use std::path::Path;

#[cfg(test)]
static LOADS: std::sync::Mutex<Vec<std::path::PathBuf>> = std::sync::Mutex::new(Vec::new());

/// Notes that a file was parsed.
#[cfg(test)]
pub(crate) fn note(path: &Path) {
    LOADS.lock().expect("no test panicked here").push(path.to_owned());
}

/// Only tests count.
#[cfg(not(test))]
pub(crate) fn note(_: &Path) {}

/// The files below a directory that were parsed since the last call.
#[cfg(test)]
pub(crate) fn take(below: &Path) -> Vec<std::path::PathBuf> {
    LOADS.lock().expect("no test panicked here").extract_if(.., |path| path.starts_with(below)).collect()
}
