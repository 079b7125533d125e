//! What was found, remembered with what it was found of.
//!
//! `STORE/verdicts/<kind>-<season>-<key>.json`: a first line with the checksum of the rest. The key is a digest of the
//! code and of everything that is looked at: `verdict` and `inputs` are named by the first season and are of month files by
//! their own digests, the states of the dates, the catalogue, and for a verdict what is accepted. The others hold what was
//! found of each of many contents: `outputs` of the months of a season, `defaults` of months, `dates` and `values` of month
//! files. What cannot be read, or is not what its checksum says, counts for nothing.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use serde::Serialize;
use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::CheckRequest;
use super::files::MonthFiles;
use super::tables::{Spans, older_dates, state, vanished_days};
use super::values::OddValues;
use crate::calendar::Season;
use crate::catalog::Table;
use crate::error::Result;
use crate::processors::ProcessorId;
use crate::store::commit::staged::replace_file;

/// How many are remembered that begin in a season, of each kind: other ranges, and other terms. Of month files, for how
/// many catalogues.
const KEPT: usize = 8;

/// What is longer is looked for again: a season of which every row is faulty would fill memory and disk.
const LONGEST_BYTES: usize = 64 << 20;

/// The code that this is, and its catalogues.
const CODE: &str = env!("PUTBACK_CODE_DIGEST");

/// Where what is found of a part is remembered.
#[derive(Debug)]
pub(super) struct Memory {
    path: PathBuf,
    /// Kind, and season if it is of one.
    prefix: String,
}

impl Memory {
    /// Of what follows from the checks of inputs and of outputs.
    pub fn of_verdict(request: &CheckRequest<'_>, files: &MonthFiles) -> Self {
        Self::named(request, format!("verdict-{}-", first_season(request)), &everything(request, files))
    }

    /// Of what the checks of inputs say of a season.
    pub fn of_inputs(request: &CheckRequest<'_>, files: &MonthFiles, odd: &OddValues) -> Self {
        Self::named(request, format!("inputs-{}-", first_season(request)), &all_of_inputs(request, files, odd))
    }

    /// Of what the checks of outputs find in the months of a season.
    pub fn of_outputs(request: &CheckRequest<'_>, season: Season) -> Self {
        Self::named(request, format!("outputs-{season}-"), request.catalogue.digest())
    }

    /// Of rules for single dates.
    pub fn of_dates(request: &CheckRequest<'_>) -> Self {
        Self::named(request, "dates-".to_owned(), request.catalogue.digest())
    }

    /// Of odd values.
    pub fn of_values(request: &CheckRequest<'_>) -> Self {
        Self::named(request, "values-".to_owned(), "")
    }

    /// Of features that are their defaults.
    pub fn of_defaults(request: &CheckRequest<'_>) -> Self {
        Self::named(request, "defaults-".to_owned(), "")
    }

    /// What has a prefix is of one kind; the text says what it was found of.
    fn named(request: &CheckRequest<'_>, prefix: String, text: &str) -> Self {
        let name = format!("{prefix}{:032x}.json", xxh3_128(format!("{CODE}\n{text}").as_bytes()));
        Self { path: request.snapshot.store.verdicts_dir().join(name), prefix }
    }

    /// What is remembered, or else found now, and remembered.
    ///
    /// # Errors
    /// Those of `find`.
    pub fn or_find<T: Serialize + DeserializeOwned>(&self, find: impl FnOnce() -> Result<T>) -> Result<T> {
        if let Some(known) = self.read() {
            return Ok(known);
        }
        let found = find()?;
        self.keep(&found);
        Ok(found)
    }

    /// What was found of exactly this.
    pub fn read<T: DeserializeOwned>(&self) -> Option<T> {
        let text = std::fs::read_to_string(&self.path).ok()?;
        let (checksum, found) = text.split_once('\n')?;
        let is_whole = checksum == digest(found);
        is_whole.then(|| serde_json::from_str(found).ok()).flatten()
    }

    /// Remembers what was found. Where that is not possible, it is looked for again the next time.
    pub fn keep(&self, found: &impl Serialize) {
        let found = serde_json::to_string(found).expect("serializes");
        if found.len() > LONGEST_BYTES {
            return;
        }
        let dir = self.path.parent().expect("it lies in a directory");
        let kept = std::fs::create_dir_all(dir)
            .is_ok_and(|()| replace_file(&self.path, format!("{}\n{found}", digest(&found)).as_bytes()).is_ok());
        if kept {
            self.sweep(dir);
        }
    }

    /// Removes the oldest of too many.
    fn sweep(&self, dir: &Path) {
        let Ok(entries) = std::fs::read_dir(dir) else { return };
        // A staged name has another end.
        let is_ours = |name: &str| {
            let rest = name.strip_prefix(&self.prefix).and_then(|rest| rest.split_once('.'));
            rest.is_some_and(|(_, end)| end == "json")
        };
        let ours = entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_ours));
        let dated = ours.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())));
        let mut dated: Vec<_> = dated.collect();
        dated.sort();
        let too_many = dated.len().saturating_sub(KEPT);
        dated.into_iter().take(too_many).for_each(|(_, path)| drop(std::fs::remove_file(path)));
    }
}

fn first_season(request: &CheckRequest<'_>) -> Season {
    Season::of(*request.dates.first().expect("there are dates to check"))
}

fn digest(text: &str) -> String {
    format!("{:016x}", xxh3_64(text.as_bytes()))
}

/// A text of everything that is looked at when the inputs of a season are checked. Of older rows of players, only the dates
/// and the odd values are; of other inputs, only the odd values.
fn all_of_inputs(request: &CheckRequest<'_>, files: &MonthFiles, odd: &OddValues) -> String {
    let mut text = settings(request, files);
    let mut add = |line: std::fmt::Arguments<'_>| writeln!(text, "{line}").expect("text takes every line");
    let Spans { season, older, .. } = Spans::of(request);
    for table in Table::inputs() {
        let range = if table == Table::Schedule { older } else { season };
        let content: Vec<String> = files.content(table, range).collect();
        add(format_args!("{table:?} {}", content.join(" ")));
    }
    add(format_args!("{:?}", older_dates(request).collect::<Vec<_>>()));
    add(format_args!("{odd:?}"));
    text
}

/// A text of everything that is looked at.
fn everything(request: &CheckRequest<'_>, files: &MonthFiles) -> String {
    let mut text = settings(request, files);
    let mut add = |line: std::fmt::Arguments<'_>| writeln!(text, "{line}").expect("text takes every line");
    let Spans { season, older, compared, .. } = Spans::of(request);
    for table in Table::ALL {
        for range in [season, older, compared] {
            let content: Vec<String> = files.content(table, range).collect();
            add(format_args!("{table:?} {}", content.join(" ")));
        }
    }
    let records = request.snapshot.phase4.processors.get(&ProcessorId::Mlfs).into_iter().flatten();
    let read = records.filter(|(date, _)| compared.contains(**date)).map(|(date, record)| (date, record.daily_cache));
    add(format_args!("{:?}", read.collect::<Vec<_>>()));
    add(format_args!("{:?}", state(request)));
    add(format_args!("{:?} {:?} {}", request.accepted, request.left_out, request.quarantines));
    text
}

/// A text of all but the content of tables and states.
fn settings(request: &CheckRequest<'_>, files: &MonthFiles) -> String {
    let mut text = format!("{}\n{:?}\n", request.catalogue.digest(), request.dates);
    let mut add = |line: std::fmt::Arguments<'_>| writeln!(text, "{line}").expect("text takes every line");
    add(format_args!("{}", request.ranges));
    let Spans { season, older, outputs, compared } = Spans::of(request);
    add(format_args!("{season} {older} {outputs} {compared}"));
    let snapshot = request.snapshot;
    add(format_args!("{:?}", snapshot.calendar));
    add(format_args!("{:?}", vanished_days(request)));
    for table in Table::ALL {
        add(format_args!("{:?}", snapshot.phase4.vanished_dates(table)));
    }
    for id in ProcessorId::ALL {
        let has_windows =
            |date: &&NaiveDate| snapshot.phase4.record(id, **date).is_some_and(|record| !record.windows.is_default());
        add(format_args!("{:?}", request.dates.iter().filter(has_windows).collect::<Vec<_>>()));
    }
    if files.rows(Table::SyncedDailyCache, older) > 0 {
        let synced = request.dates.iter().filter(|date| request.reads_synced_cache(**date));
        add(format_args!("{:?}", synced.collect::<Vec<_>>()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_not_kept() {
        let dir = tempfile::tempdir().expect("a directory");
        let memory = Memory { path: dir.path().join("inputs-2023-24-0.json"), prefix: "inputs-2023-24-".to_owned() };
        // With its two quotes, of the greatest length.
        let longest = "x".repeat(LONGEST_BYTES - 2);
        memory.keep(&format!("{longest}x"));
        assert_eq!(memory.read::<String>(), None);
        memory.keep(&longest);
        assert_eq!(memory.read::<String>(), Some(longest));
    }
}
