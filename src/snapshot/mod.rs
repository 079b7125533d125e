//! The state of a store as one value: loaded once by a command, read-only, and cheap to hand on.

mod validations;

use std::sync::Arc;

use chrono::NaiveDate;

pub use self::validations::{Excluded, Findings, Found, InQuarantine, InputCounts, Others, Seen, Validations};
use crate::calendar::{DateRanges, SeasonCalendar};
use crate::error::Result;
use crate::schedule::Schedule;
use crate::store::{Phase3Manifest, Phase4Manifest, Store, WriteLock};

/// What a store held when it was looked at. Its files stay as long as a copy of the snapshot is held.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub store: Store,
    pub phase3: Arc<Phase3Manifest>,
    pub phase4: Arc<Phase4Manifest>,
    pub schedule: Arc<Schedule>,
    /// The season table, overruled by the schedule.
    pub calendar: Arc<SeasonCalendar>,
    pub validations: Arc<Validations>,
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
        Ok(Self { store: store.clone(), phase3, phase4, schedule, calendar, validations })
    }

    /// The state after a commit to Phase 4.
    pub fn computed(&self, lock: &WriteLock) -> Self {
        Self { phase4: lock.phase4(), ..self.clone() }
    }

    /// The state after a change of the validations.
    pub fn validated(&self, validations: Validations) -> Self {
        Self { validations: Arc::new(validations), ..self.clone() }
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
