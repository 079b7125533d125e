//! What a target holds.

use std::collections::BTreeSet;
use std::path::PathBuf;

use arrow::array::AsArray;
use putback::catalog::Table;

use crate::fixture::Desk;
use crate::incidents::{always, session};

/// Dates of MLFS in `published`, below the directory of a desk.
pub fn dates(desk: &Desk) -> BTreeSet<String> {
    let session = session(desk);
    let table = Table::MlFeatureStore;
    let dir = std::fs::read_dir(desk.path("published").join(table.full_name()));
    let files: Vec<PathBuf> = dir.into_iter().flatten().map(|entry| entry.expect("an entry").path()).collect();
    session.view_whole(table, &files, always()).expect("a view");
    let rows = session.query(&format!("SELECT DISTINCT game_date::VARCHAR FROM {}", table.name())).expect("rows");
    rows.column(0).as_string::<i32>().iter().flatten().map(str::to_owned).collect()
}
