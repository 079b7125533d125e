//! The state of a store as one value: loaded once by a command, read-only, and cheap to hand on.

mod accepted;
mod validations;

use std::sync::{Arc, OnceLock};

use chrono::NaiveDate;

pub use self::accepted::{AcceptedVanished, Decision, Vanished};
pub use self::validations::{Excluded, Findings, Found, InQuarantine, InputCounts, Others, Seen, Validations};
use crate::calendar::{DateRanges, SeasonCalendar};
use crate::error::Result;
use crate::schedule::Schedule;
use crate::store::{Phase3Manifest, Phase4Manifest, Store, WriteLock};

/// What a store held when it was looked at. Its files stay as long as a copy of the snapshot is held.
///
/// Only a store makes one: what may be published is judged by it.
///
/// ```compile_fail
/// // Two stores are no state of one.
/// fn forged(one: putback::snapshot::Snapshot, other: putback::snapshot::Snapshot) -> putback::snapshot::Snapshot {
///     putback::snapshot::Snapshot { phase4: other.phase4, ..one }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(crate) store: Store,
    pub(crate) phase3: Arc<Phase3Manifest>,
    pub(crate) phase4: Arc<Phase4Manifest>,
    pub(crate) schedule: Arc<Schedule>,
    /// The season table, overruled by the schedule.
    pub(crate) calendar: Arc<SeasonCalendar>,
    pub(crate) validations: Arc<Validations>,
    accepted: Arc<OnceLock<AcceptedVanished>>,
}

impl Snapshot {
    /// The state of a store that others may write.
    ///
    /// # Errors
    /// [`ErrorKind::Store`](crate::error::ErrorKind::Store) for a manifest that is damaged, lost or from a newer version,
    /// [`ErrorKind::Corrupt`](crate::error::ErrorKind::Corrupt) for a damaged file of the schedule.
    pub fn load(store: &Store) -> Result<Self> {
        Self::of(store, Arc::new(store.phase3()?), Arc::new(store.phase4()?))
    }

    /// The state of a locked store: its manifests were read when it was locked, or are what was committed since.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::error::ErrorKind::Corrupt) for a damaged file of the schedule.
    pub fn locked(lock: &WriteLock) -> Result<Self> {
        Self::of(lock.store(), lock.phase3(), lock.phase4())
    }

    fn of(store: &Store, phase3: Arc<Phase3Manifest>, phase4: Arc<Phase4Manifest>) -> Result<Self> {
        let schedule = Arc::new(Schedule::load(store, &phase3)?);
        let calendar = Arc::new(calendar(&schedule));
        let validations = Arc::new(Validations::load(store));
        Ok(Self { store: store.clone(), phase3, phase4, schedule, calendar, validations, accepted: Arc::default() })
    }

    /// The state after a commit to Phase 4.
    pub(crate) fn computed(&self, lock: &WriteLock) -> Self {
        Self { phase4: lock.phase4(), ..self.clone() }
    }

    /// The state after a change of the validations.
    pub(crate) fn validated(&self, validations: Validations) -> Self {
        Self { validations: Arc::new(validations), ..self.clone() }
    }

    /// The state after a decision on vanished dates.
    pub(crate) fn decided(&self, accepted: AcceptedVanished) -> Self {
        Self { accepted: Arc::new(OnceLock::from(accepted)), ..self.clone() }
    }

    /// What was decided of vanished dates. Read when it is first asked for: most commands need nothing of it.
    ///
    /// # Errors
    /// As [`AcceptedVanished::load`].
    pub fn accepted(&self) -> Result<&AcceptedVanished> {
        if let Some(accepted) = self.accepted.get() {
            return Ok(accepted);
        }
        let loaded = AcceptedVanished::load(&self.store)?;
        Ok(self.accepted.get_or_init(|| loaded))
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    pub fn phase3(&self) -> &Phase3Manifest {
        &self.phase3
    }

    pub fn phase4(&self) -> &Phase4Manifest {
        &self.phase4
    }

    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// The game dates of the ranges, ascending.
    pub fn game_dates(&self, ranges: &DateRanges) -> Vec<NaiveDate> {
        self.schedule.game_dates(ranges)
    }

    /// What a validation would see now.
    pub fn seen(&self) -> Seen<'_> {
        Seen::new(&self.phase3, &self.phase4)
    }
}

fn calendar(schedule: &Schedule) -> SeasonCalendar {
    let mut calendar = SeasonCalendar::built_in();
    calendar.overrule(schedule.opening_nights());
    calendar
}
