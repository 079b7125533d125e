//! A bucket that is read as a warehouse.

use std::sync::Arc;

use arrow::array::RecordBatch;
use sha2::{Digest, Sha256};

use super::client::Client;
use super::mirror::Mirror;
use super::settings::BucketSettings;
use crate::catalog::Table;
use crate::error::Result;
use crate::numerics::hash::hex;
use crate::store::SourceFiles;
use crate::warehouse::dir::{DirWarehouse, MAGIC_BYTES, is_of_table, table_files};
use crate::warehouse::{ContentVersion, Selection, Source, TableDescription};

/// The objects of a table are those that a directory with the same names would have.
pub struct BucketWarehouse {
    mirror: Mirror,
    dir: DirWarehouse,
}

impl BucketWarehouse {
    /// Lists the bucket. Everything that follows is of the versions that the listing has.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Upstream`] for a bucket that does not exist or a service that does not answer,
    /// [`crate::error::ErrorKind::Auth`] without credentials or rights.
    pub fn open(settings: &BucketSettings) -> Result<Self> {
        let mirror = Mirror::of(&Arc::new(Client::open(settings)?), settings)?;
        stand_in_inputs(&mirror)?;
        let dir = DirWarehouse::open(mirror.root())?;
        Ok(Self { mirror, dir })
    }

    /// The objects of a table, by their names.
    fn names(&self, table: Table) -> Result<Vec<String>> {
        let files = table_files(self.mirror.root(), table)?;
        let name = |path: &std::path::PathBuf| path.strip_prefix(self.mirror.root()).ok()?.to_str().map(str::to_owned);
        Ok(files.iter().filter_map(name).collect())
    }

    fn bring(&self, table: Table) -> Result<()> {
        self.mirror.bring(self.names(table)?.iter().map(String::as_str))
    }

    fn told<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| self.mirror.told(error))
    }
}

/// Every object that may be of a table, so that the rules of directories say which are.
fn stand_in_inputs(mirror: &Mirror) -> Result<()> {
    for name in mirror.listing.keys() {
        let top = name.split('/').next().unwrap_or_default();
        if !Table::ALL.iter().any(|table| is_of_table(top, *table)) {
            continue;
        }
        let is_hidden = name.split('/').any(|part| part.starts_with(['_', '.']));
        match is_hidden || name.to_ascii_lowercase().ends_with(".parquet") {
            true => mirror.stand_in(&[name])?,
            false => mirror.stand_in_with_head(name, MAGIC_BYTES)?,
        }
    }
    Ok(())
}

impl Source for BucketWarehouse {
    fn name(&self) -> String {
        self.mirror.client.url.to_string()
    }

    fn describe(&self, table: Table) -> Result<Option<TableDescription>> {
        self.told(self.bring(table).and_then(|()| self.dir.describe(table)))
    }

    /// By ETags: what is remembered of files is not needed.
    fn version(&self, table: Table, _: &SourceFiles) -> Result<ContentVersion> {
        let mut digest = Sha256::new();
        for name in self.told(self.names(table))? {
            let listed = &self.mirror.listing[&name];
            digest.update(format!("{name}\0{}\0{}\0", listed.etag, listed.size));
        }
        Ok(ContentVersion { token: hex(&digest.finalize()), files: SourceFiles::new() })
    }

    fn read(
        &self,
        table: Table,
        selection: &Selection,
        sink: &mut dyn FnMut(RecordBatch) -> Result<()>,
    ) -> Result<u64> {
        self.told(self.bring(table).and_then(|()| self.dir.read(table, selection, sink)))
    }

    fn take_notes(&self) -> Vec<String> {
        self.dir.take_notes().iter().map(|note| self.mirror.shown(note)).collect()
    }
}
