//! What is said of files below `runs` that cannot be read: they count for nothing, and never quietly.

use std::path::Path;

use super::output::Printer;
use super::recorder::unreadable_records;
use crate::error::Result;
use crate::snapshot::Validations;
use crate::store::Store;

/// Of the validations only.
pub fn warn_of_validations(validations: &Validations, printer: Printer) {
    if let Some(path) = validations.unreadable() {
        say(path, "no date counts as validated until `putback validate` writes it anew", printer);
    }
}

/// Of the records of runs only.
///
/// # Errors
/// When the directory of the runs cannot be listed.
pub fn warn_of_records(store: &Store, printer: Printer) -> Result<()> {
    for run in unreadable_records(store)? {
        let dir = run.path().display().to_string();
        let dir = shlex::try_quote(&dir).expect("a path has no NUL");
        say(&run.record(), &format!("the run is left out; `rm -r {dir}` removes it"), printer);
    }
    Ok(())
}

/// Of one file.
pub fn say(path: &Path, what_helps: &str, printer: Printer) {
    printer.warn(format!("note: {} cannot be read: {what_helps}", path.display()));
}
