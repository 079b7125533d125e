//! Errors of the library: what happened, to which table, date or file, why, and what to do.

use std::fmt;
use std::path::Path;

use crate::file_system;

/// What went wrong, coarse enough to decide an exit status (see [`crate::cli::ExitCode`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A value the user gave cannot be used: a range, an option, a setting.
    Usage,
    /// A season the calendar in `data/seasons.toml` does not know.
    UnknownSeason,
    /// Input is missing or incomplete: no table, no rows, no games, dates that were never synced. Or
    /// the service that holds it does not answer.
    Upstream,
    /// A column that is read is missing, has another type or a value that does not fit; or a file is in a form
    /// that is not read.
    Schema,
    /// A file cannot be read as Parquet, or its content is not what was recorded.
    Corrupt,
    /// The store is unreadable or was written by a newer version.
    Store,
    /// Another process writes the store.
    Locked,
    /// Only a person can decide: something is in the way that putback did not put there.
    Conflict,
    /// Something changed since it was looked at: the same command again looks anew.
    StalePlan,
    /// No credentials, or not enough rights.
    Auth,
    /// A quota or a limit on costs.
    Quota,
    /// The user stopped the run.
    Interrupted,
    /// The engine, the file system or putback itself failed.
    Unexpected,
}

/// An error with its kind and, where one exists, a hint that works.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, source: None }
    }

    /// A file-system error on `path`. A full disk is named with its file system.
    pub fn io(
        action: &str,
        path: &Path,
        source: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>,
    ) -> Self {
        let source = source.into();
        let hint = file_system::hint(path, &*source);
        let message = format!("cannot {action} {}", path.display());
        Self { kind: ErrorKind::Unexpected, message, hint, source: Some(source) }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn because(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// The same error, said of a file of the user's.
    #[must_use]
    pub fn in_file(self, path: &Path) -> Self {
        Self { message: format!("{}: {}", path.display(), self.message), ..self }
    }

    /// The same error with other texts, those of its causes included.
    #[must_use]
    pub(crate) fn map_texts(mut self, text: &dyn Fn(&str) -> String) -> Self {
        self.message = text(&self.message);
        self.hint = self.hint.map(|hint| text(&hint));
        self.source = self.source.map(|source| match source.downcast::<Self>() {
            Ok(cause) => Box::new(cause.map_texts(text)) as _,
            Err(other) => other,
        });
        self
    }

    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What the user can do about it; absent where nothing general can be said.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}

impl From<duckdb::Error> for Error {
    fn from(source: duckdb::Error) -> Self {
        if source.to_string().contains("Out of Memory Error") {
            return Self::new(ErrorKind::Unexpected, "the embedded database has too little memory")
                .hint("raise --memory-limit, or leave it out")
                .because(source);
        }
        Self::new(ErrorKind::Unexpected, "the embedded database failed").because(source)
    }
}

impl From<arrow::error::ArrowError> for Error {
    fn from(source: arrow::error::ArrowError) -> Self {
        Self::new(ErrorKind::Unexpected, "an Arrow operation failed").because(source)
    }
}
