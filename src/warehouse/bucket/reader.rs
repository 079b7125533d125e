//! Reading what was published into a bucket, by the record.

use std::sync::Arc;

use arrow::array::RecordBatch;

use super::client::Client;
use super::settings::BucketSettings;
use super::state::State;
use crate::catalog::Table;
use crate::error::Result;
use crate::store::SourceFiles;
use crate::warehouse::{ContentVersion, PublishedDir, Selection, Source, TableDescription};

/// A bucket that was published into, as a warehouse that is read.
pub struct PublishedBucket {
    state: State,
    dir: PublishedDir,
}

impl PublishedBucket {
    /// # Errors
    /// As [`super::BucketWarehouse::open`], and for a record that cannot be read.
    pub fn open(settings: &BucketSettings) -> Result<Self> {
        let state = State::look(&Arc::new(Client::open(settings)?), settings)?;
        let dir = PublishedDir::open(state.mirror.root()).map_err(|error| state.mirror.told(error))?;
        Ok(Self { state, dir })
    }

    fn of_table<T>(&self, table: Table, look: impl FnOnce(&PublishedDir) -> Result<T>) -> Result<T> {
        let found = self.state.bring_table(table).and_then(|()| look(&self.dir));
        found.map_err(|error| self.state.mirror.told(error))
    }
}

impl Source for PublishedBucket {
    fn name(&self) -> String {
        self.state.mirror.client.url.to_string()
    }

    fn describe(&self, table: Table) -> Result<Option<TableDescription>> {
        self.of_table(table, |dir| dir.describe(table))
    }

    fn version(&self, table: Table, known: &SourceFiles) -> Result<ContentVersion> {
        self.of_table(table, |dir| dir.version(table, known))
    }

    fn read(
        &self,
        table: Table,
        selection: &Selection,
        sink: &mut dyn FnMut(RecordBatch) -> Result<()>,
    ) -> Result<u64> {
        self.of_table(table, |dir| dir.read(table, selection, sink))
    }
}
