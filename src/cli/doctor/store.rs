//! The store: its manifests and files, who writes it, and what only it has.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::super::output::{counted, thousands};
use super::super::settings::Settings;
use super::{ExitCode, Finding};
use crate::calendar::DateRanges;
use crate::catalog::Table;
use crate::error::{Error, Result};
use crate::judge;
use crate::schedule::Schedule;
use crate::store::{Closeness, Phase3Manifest, Phase4Manifest, Store, WriteLock};

/// The manifests of the store, as far as they can be read.
pub struct Manifests {
    pub phase3: Result<Phase3Manifest>,
    pub phase4: Result<Phase4Manifest>,
}

impl Manifests {
    pub fn of(store: &Store) -> Self {
        Self { phase3: store.phase3(), phase4: store.phase4() }
    }

    fn both(&self) -> std::result::Result<(&Phase3Manifest, &Phase4Manifest), &Error> {
        Ok((self.phase3.as_ref()?, self.phase4.as_ref()?))
    }
}

pub fn findings(settings: &Settings, manifests: &Manifests) -> Vec<Finding> {
    let store = settings.store();
    let mut findings = vec![place(&store)];
    if !store.root().is_dir() {
        return findings;
    }
    findings.push(lock(&store).unwrap_or_else(|error| Finding::of_error("lock", &error)));
    match manifests.both() {
        Ok((phase3, phase4)) => {
            findings
                .push(contents(&store, phase3, phase4).unwrap_or_else(|error| Finding::of_error("contents", &error)));
            findings.extend(files(&store, phase3, phase4));
            findings.push(only_here(phase3));
        }
        Err(error) => findings.push(Finding::of_error("contents", error)),
    }
    findings
}

/// Whether the store, or the directory in which it will lie, can be written.
fn place(store: &Store) -> Finding {
    const ABOUT: &str = "store";
    let root = store.root();
    let (dir, says) = match root.is_dir() {
        true => (root.to_owned(), format!("{} is a directory that can be written", root.display())),
        false => (existing(root), format!("{} is not there yet; `putback sync` creates it", root.display())),
    };
    match access(&dir, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => Finding::fine(ABOUT, says),
        Err(error) => Finding::stops(
            ABOUT,
            ExitCode::Unexpected,
            format!("{} cannot be written: {error}", dir.display()),
            "change its permissions, or name another --store",
        ),
    }
}

/// The path, or the nearest directory above it that exists.
pub fn existing(path: &Path) -> PathBuf {
    let above = path.ancestors().find(|above| above.is_dir()).map(Path::to_owned);
    above.unwrap_or_else(|| PathBuf::from("."))
}

fn lock(store: &Store) -> Result<Finding> {
    Ok(match WriteLock::holder(store)? {
        None => Finding::fine("lock", "no process is writing the store"),
        Some(owner) => Finding::stops(
            "lock",
            ExitCode::Locked,
            format!("process {} on {} (`{}`) is writing the store", owner.pid, owner.host, owner.command),
            "wait for it to end; `putback status --watch` shows how far it is",
        ),
    })
}

fn contents(store: &Store, phase3: &Phase3Manifest, phase4: &Phase4Manifest) -> Result<Finding> {
    const ABOUT: &str = "contents";
    let schedule = Schedule::load(store, phase3)?;
    let everything = DateRanges::everything();
    let dates = schedule.game_dates(&everything);
    let (Some(first), Some(last)) = (dates.first(), dates.last()) else {
        return Ok(Finding::unknown(ABOUT, "nothing is synced yet, so there is nothing to compute"));
    };
    let computed = dates.iter().filter(|date| phase4.processors.values().any(|records| records.contains_key(date)));
    let says = format!(
        "{} are synced, {first} to {last}; {} computed",
        counted(dates.len(), "game date"),
        thousands(computed.count() as u64)
    );
    let contradictions = judge::contradictions(&schedule, &everything);
    Ok(match contradictions.first_key_value() {
        None => Finding::fine(ABOUT, says),
        Some((date, _)) => Finding::stops(
            ABOUT,
            ExitCode::FailedDates,
            format!(
                "{says}; game ids contradict the flags of the schedule on {}, first {date}",
                counted(contradictions.len(), "date")
            ),
            "mend the schedule upstream and sync it",
        ),
    })
}

/// Files that are missing or were written to.
fn files(store: &Store, phase3: &Phase3Manifest, phase4: &Phase4Manifest) -> Vec<Finding> {
    const ABOUT: &str = "files";
    let altered = match store.altered_months(phase3, phase4, Closeness::Noticed) {
        Ok(altered) => altered,
        Err(error) => return vec![Finding::of_error(ABOUT, &error)],
    };
    if altered.is_empty() {
        return vec![Finding::fine(ABOUT, "every month file is as it was written")];
    }
    let finding = |&(table, month)| {
        let says = format!("{} is missing or damaged", store.month_file(table, month).display());
        Finding::stops(ABOUT, ExitCode::Corrupt, says, Store::repair(table))
    };
    altered.iter().map(finding).collect()
}

/// Rows that the warehouse has purged: a removed store could not be synced again.
fn only_here(phase3: &Phase3Manifest) -> Finding {
    const ABOUT: &str = "only here";
    let purged = |table: Table| {
        let dates = &phase3.tables.get(&table)?.only_here;
        let (first, last) = (dates.first()?, dates.last()?);
        Some(format!("{table} on {}, {first} to {last}", counted(dates.len(), "date")))
    };
    let purged: Vec<String> = Table::inputs().filter_map(purged).collect();
    match purged.is_empty() {
        true => Finding::fine(ABOUT, "the warehouse has purged nothing that the store holds"),
        false => Finding::fine(
            ABOUT,
            format!(
                "the warehouse has purged rows that only this store holds; keep a copy of it: {}",
                purged.join("; ")
            ),
        ),
    }
}
