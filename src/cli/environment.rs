//! Everything the process takes from its surroundings: variables, clock, host.

use std::path::PathBuf;

use chrono::{DateTime, Days, FixedOffset, NaiveDate, Utc};

use crate::error::{Error, ErrorKind, Result};
use crate::store::Owner;

/// Directory of the store.
pub const STORE: &str = "PUTBACK_STORE";
/// Warehouse to read, for example `dir:exports`.
pub const WAREHOUSE: &str = "PUTBACK_WAREHOUSE";
/// Warehouse to publish into.
pub const TO: &str = "PUTBACK_TO";
/// Threads of the embedded database.
pub const THREADS: &str = "PUTBACK_THREADS";
/// Memory limit of the embedded database.
pub const MEMORY_LIMIT: &str = "PUTBACK_MEMORY_LIMIT";
/// Settings file; default `putback.toml` in the working directory.
pub const CONFIG: &str = "PUTBACK_CONFIG";
/// Unix seconds that replace the clock in written timestamps, for reproducible files.
pub const SOURCE_DATE_EPOCH: &str = "SOURCE_DATE_EPOCH";

/// A variable that is set and not empty.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The settings file, if there is one.
pub fn config_path() -> PathBuf {
    variable(CONFIG).map_or_else(|| PathBuf::from("putback.toml"), PathBuf::from)
}

/// The timestamp of the run.
pub fn timestamp() -> Result<DateTime<Utc>> {
    let Some(text) = variable(SOURCE_DATE_EPOCH) else { return Ok(Utc::now()) };
    text.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0)).ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("{SOURCE_DATE_EPOCH} is {text:?}, not Unix seconds"))
            .hint(format!("unset {SOURCE_DATE_EPOCH} or give it a whole number"))
    })
}

/// The last day that is over. Eastern standard time all year round: in summer the day turns an hour
/// late, never early.
pub fn yesterday() -> NaiveDate {
    let eastern = FixedOffset::west_opt(5 * 3600).expect("an offset of hours");
    Utc::now().with_timezone(&eastern).date_naive() - Days::new(1)
}

/// Who writes a store.
pub fn owner() -> Owner {
    let host = hostname::get().map_or_else(|_| "this host".to_owned(), |name| name.to_string_lossy().into_owned());
    let command: Vec<String> = std::env::args().skip(1).collect();
    Owner { pid: std::process::id(), host, command: format!("putback {}", command.join(" ")) }
}

/// The binary as it was called, for commands to copy.
pub fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "putback".to_owned())
}

/// Threads the machine can run at once.
pub fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
