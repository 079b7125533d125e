//! A bucket that is published into.
//!
//! What is decided about a directory is decided about a bucket by the same code ([`DirTarget`]), on a mirror of what it
//! looks at; [`Changes`] carries the result into the bucket.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;

use super::changes::{Before, Changes};
use super::client::Client;
use super::settings::BucketSettings;
use super::state::State;
use crate::calendar::Month;
use crate::catalog::Table;
use crate::error::Result;
use crate::progress::Observer;
use crate::publications::{Publication, UndoReport, UndoRequest};
use crate::upload::{DateSet, PublishSet, Rehearsal, Target, UploadReport};

/// Nothing is requested before something is asked.
#[derive(Debug)]
pub struct BucketTarget {
    client: Arc<Client>,
    settings: BucketSettings,
}

impl BucketTarget {
    /// # Errors
    /// [`crate::error::ErrorKind::Auth`] without credentials, [`crate::error::ErrorKind::Usage`] for settings that
    /// cannot be used.
    pub fn open(settings: BucketSettings) -> Result<Self> {
        Ok(Self { client: Arc::new(Client::open(&settings)?), settings })
    }

    fn look(&self) -> Result<State> {
        State::look(&self.client, &self.settings)
    }

    /// The record, and the months of a set.
    fn look_at(&self, set: &DateSet<'_>) -> Result<State> {
        let state = self.look()?;
        let months: BTreeSet<(Table, Month)> = set.parts.iter().map(|part| (part.table, part.month)).collect();
        state.bring(&|table, month| months.contains(&(table, month)), false)?;
        Ok(state)
    }

    /// Lets `change` change the mirror, then the bucket in the same way.
    fn change<T>(&self, state: &State, change: impl FnOnce() -> Result<T>) -> Result<T> {
        let before = Before::of(state)?;
        let report = change().map_err(|error| state.mirror.told(error))?;
        Changes::since(&before, state)?.push(&self.client)?;
        Ok(report)
    }
}

impl Target for BucketTarget {
    fn name(&self) -> String {
        self.client.url.to_string()
    }

    fn publish(&self, set: &PublishSet<'_>, observer: &dyn Observer) -> Result<UploadReport> {
        let state = self.look_at(set)?;
        self.change(&state, || state.target.publish(set, observer))
    }

    fn rehearse(&self, set: &PublishSet<'_>) -> Result<Rehearsal> {
        let state = self.look_at(set)?;
        let mut rehearsal = state.target.rehearse(set).map_err(|error| state.mirror.told(error))?;
        rehearsal.lines.iter_mut().for_each(|line| *line = state.mirror.shown(line));
        Ok(rehearsal)
    }

    fn unpublished(&self, set: &DateSet<'_>) -> Result<BTreeMap<Table, BTreeSet<NaiveDate>>> {
        let state = self.look()?;
        state.target.unpublished(set).map_err(|error| state.mirror.told(error))
    }

    fn publications(&self) -> Result<Vec<Publication>> {
        let state = self.look()?;
        state.target.publications().map_err(|error| state.mirror.told(error))
    }

    fn undo(&self, request: &UndoRequest, observer: &dyn Observer) -> Result<UndoReport> {
        let state = self.look()?;
        let known = state.target.publications().map_err(|error| state.mirror.told(error))?;
        let undone = match &request.publication {
            Some(id) => known.iter().find(|publication| publication.id == *id),
            None => known.first(),
        };
        // Of a publication that is not known, the directory says why it cannot be undone.
        let span = undone.map(|undone| (Month::of(undone.first_date), Month::of(undone.last_date)));
        let is_of_it = |_, month| span.is_some_and(|(first, last)| (first..=last).contains(&month));
        state.bring(&is_of_it, span.is_some())?;
        self.change(&state, || state.target.undo(request, observer))
    }

    fn changed_since(&self, set: &DateSet<'_>) -> Result<BTreeMap<Table, BTreeSet<NaiveDate>>> {
        let state = self.look_at(set)?;
        state.target.changed_since(set).map_err(|error| state.mirror.told(error))
    }
}
