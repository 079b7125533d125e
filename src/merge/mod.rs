//! Taking the months, states and validations of other stores into one.
//!
//! Stores agree where both know a day of an input and have the same rows of it, and where both computed a date and made
//! the same of it from the same inputs. Whatever only one of them knows is taken from there. Stores that agree
//! nowhere else than in what they know are one store that was computed in pieces: dates read other dates only in
//! Phase 3 ([`crate::processors::Processor::upstream`]).

mod part;
mod phase3;
mod phase4;

use std::collections::BTreeSet;

use chrono::NaiveDate;

pub use self::part::Part;
use crate::calendar::Month;
use crate::catalog::Table;
use crate::checks::Catalogue;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::{Observer, check_cancelled};
use crate::snapshot::{Others, Seen, Validations};
use crate::store::{Layer, LayerWriter, Store, WriteLock};

/// Threads that copy months.
const COPY_THREADS: usize = 4;

/// What a merge took from one store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    pub phase3_months: usize,
    pub phase4_months: usize,
    /// Dates with their states.
    pub dates: usize,
    /// Dates whose validation counts here.
    pub validations: usize,
}

/// What a merge did.
#[derive(Debug, Default)]
pub struct MergeReport {
    /// In the order of the stores that were given.
    pub taken: Vec<Taken>,
    /// Input tables that the stores pulled in different versions: the next sync looks at all of them.
    pub other_versions: Vec<Table>,
}

/// Looks at the stores that [`merge`] takes in, before there is one to write into.
///
/// # Errors
/// As [`Part::open`].
pub fn open(stores: &[Store]) -> Result<Vec<Part>> {
    stores.iter().map(Part::open).collect()
}

/// The store that is written, and those that [`merge`] takes in.
///
/// # Errors
/// When the manifests of the store cannot be read.
pub fn with_own(lock: &WriteLock, others: Vec<Part>) -> Result<Vec<Part>> {
    Ok(std::iter::once(Part::own(lock)?).chain(others).collect())
}

/// Takes what other stores have and the locked store lacks. Phase 3 is one commit, and Phase 4 is one commit after it; a
/// merge that is killed in between is completed by the next one.
///
/// # Errors
/// With nothing taken: [`ErrorKind::Conflict`] naming what two stores have differently, [`ErrorKind::Store`] for a
/// store or processors of another version, [`ErrorKind::Upstream`] for a directory that is no store,
/// [`ErrorKind::Locked`] for a store that is written, [`ErrorKind::StalePlan`] for one that changed meanwhile,
/// [`ErrorKind::Corrupt`] for a file that is not the recorded one.
pub fn merge(lock: &WriteLock, parts: &[Part], catalogue: &Catalogue, observer: &dyn Observer) -> Result<MergeReport> {
    refuse_repeated(parts)?;
    let taken = take(lock, parts, catalogue, observer);
    // What does not fit together may be a store that is written: that is said first.
    match taken {
        Err(error) if !matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::StalePlan) => {
            parts[1..].iter().try_for_each(Part::refuse_changed)?;
            Err(error)
        }
        taken => taken,
    }
}

fn take(lock: &WriteLock, parts: &[Part], catalogue: &Catalogue, observer: &dyn Observer) -> Result<MergeReport> {
    let mut inputs = phase3::Merged::of(parts)?;
    let mut outputs = phase4::Merged::of(parts)?;
    let (phase3, phase4) = (LayerWriter::new(lock, Layer::Phase3), LayerWriter::new(lock, Layer::Phase4));
    check_cancelled(observer)?;
    inputs.copy(parts, &phase3)?;
    check_cancelled(observer)?;
    outputs.copy(parts, &phase4)?;
    parts[1..].iter().try_for_each(Part::refuse_changed)?;
    check_cancelled(observer)?;
    if inputs.differs_from(&parts[0].phase3) {
        phase3.commit(&inputs.manifest)?;
    }
    if outputs.differs_from(&parts[0].phase4) {
        phase4.commit(&outputs.manifest)?;
    }
    let seen = Seen::new(&inputs.manifest, &outputs.manifest);
    let others: Vec<Validations> = parts[1..].iter().map(|part| part.validations.under(catalogue.digest())).collect();
    let validations = parts[0].validations.take_over(
        lock.store(),
        catalogue.digest(),
        Others { validations: &others, seen: &seen },
    )?;
    let taken = (1..parts.len()).map(|part| Taken {
        phase3_months: inputs.months_of(part),
        phase4_months: outputs.months_of(part),
        dates: outputs.dates_of(part),
        validations: validations[part - 1],
    });
    Ok(MergeReport { taken: taken.collect(), other_versions: inputs.other_versions.clone() })
}

fn refuse_repeated(parts: &[Part]) -> Result<()> {
    let mut known = BTreeSet::new();
    for Part { store, .. } in parts {
        // What cannot be found is reported as no store.
        let Ok(path) = std::fs::canonicalize(store.root()) else { continue };
        if !known.insert(path) {
            let message = format!("the store {} is named twice", store.root().display());
            return Err(Error::new(ErrorKind::Usage, message).hint("name each store once, and --store not among them"));
        }
    }
    Ok(())
}

/// What two stores have differently.
fn conflict(a: &Part, b: &Part, what: &str) -> Error {
    Error::new(ErrorKind::Conflict, format!("{} and {} differ: {what}; nothing was merged", a.name, b.name))
}

/// A month of a table, and the store that it is taken from.
type TakenMonth = (Table, Month, usize);

/// The first of some dates, and how many there are.
fn first_of(dates: &[NaiveDate]) -> String {
    match dates {
        [] => String::new(),
        [one] => one.to_string(),
        [first, ..] => format!("{first} and {} more dates", dates.len() - 1),
    }
}
