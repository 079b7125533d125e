//! Stores of version 1: plain month files beside a manifest, and nothing else.

use super::commit::staged::remove_if_present;
use super::commit::{Place, Record, file_name, files_in};
use crate::catalog::Table;
use crate::error::Result;

/// Takes the month files that the manifest records for objects, and removes what a killed writer left behind. A
/// month whose file is another one stays recorded without an object, which is damage.
pub(super) fn from_plain_files(place: &Place, manifest: &impl Record) -> Result<()> {
    for (table, month, entry) in manifest.month_files() {
        place.adopt(table, month, &entry.sha256)?;
    }
    let mut left = files_in(&place.control)?;
    left.retain(|path| file_name(path) == format!("{}.staged", place.record));
    for table in Table::ALL {
        let of_table = files_in(&place.table_dir(table))?.into_iter();
        left.extend(of_table.filter(|path| file_name(path).ends_with(".parquet.staged")));
    }
    left.iter().try_for_each(|path| remove_if_present(path))
}
