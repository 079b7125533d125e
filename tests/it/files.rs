//! Files of the world: a warehouse may be written by anybody. The rows in the store are then byte for byte those
//! of the plain files, or the refusal names table, column, file and row and the store is as it was.

mod changes;
mod dates;
mod forms;
mod layout;
mod refusals;
mod schedule;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;

use crate::fixture::{Desk, Outcome, RANGE};

const SYNC: [&str; 3] = ["sync", "--warehouse", "dir:warehouse"];

/// The month files after a sync; the manifest beside them says where they came from.
fn stored(desk: &Desk) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = desk.files("putback-store/phase3");
    files.retain(|name, _| name.extension().is_some_and(|extension| extension == "parquet"));
    files
}

fn plain() -> &'static BTreeMap<PathBuf, Vec<u8>> {
    static PLAIN: OnceLock<BTreeMap<PathBuf, Vec<u8>>> = OnceLock::new();
    PLAIN.get_or_init(|| {
        let desk = Desk::new();
        assert_eq!(desk.run(&SYNC, &RANGE).code, 0);
        stored(&desk)
    })
}

/// Syncs the rewritten season: every row is that of the plain one.
fn assert_same_rows(rewrite: impl FnOnce(&Desk)) -> Outcome {
    let desk = Desk::new();
    rewrite(&desk);
    let outcome = desk.run(&SYNC, &RANGE);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let files = stored(&desk);
    assert!(plain().len() > 10);
    let differing: Vec<_> = plain().keys().filter(|name| files.get(*name) != plain().get(*name)).collect();
    assert!(differing.is_empty() && files.len() == plain().len(), "{differing:?} differ\n{}", outcome.stderr);
    outcome
}

/// A desk whose store holds the plain season.
fn synced() -> Desk {
    let desk = Desk::new();
    assert_eq!(desk.run(&SYNC, &RANGE).code, 0);
    desk
}

/// Syncs the rewritten season into a store that the plain one filled: the store stays as it was.
fn refused(rewrite: impl FnOnce(&Desk)) -> Outcome {
    let desk = synced();
    rewrite(&desk);
    refused_by(&desk)
}

fn refused_by(desk: &Desk) -> Outcome {
    let before = desk.files("putback-store");
    let outcome = desk.run(&[&SYNC[..], &["-q"]].concat(), &RANGE);
    assert!(before == desk.files("putback-store"), "the store changed");
    assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
    outcome
}
