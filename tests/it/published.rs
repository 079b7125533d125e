//! What a target holds, against what it should hold.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::OnceLock;

use arrow::array::AsArray;
use putback::catalog::Table;

use crate::fixture::Desk;
use crate::incidents::{always, session};

/// Tables with the columns of their date and entity.
const TABLES: [(Table, &str, &str); 4] = [
    (Table::TeamDefenseZoneAnalysis, "analysis_date", "team_abbr"),
    (Table::PlayerShotZoneAnalysis, "analysis_date", "player_lookup"),
    (Table::PlayerCompositeFactors, "game_date", "player_lookup"),
    (Table::MlFeatureStore, "game_date", "player_lookup"),
];

/// By table and date, the entities with the hash of their row.
pub type Rows = BTreeMap<(Table, String), BTreeMap<String, String>>;

/// What the untouched season publishes.
pub fn clean() -> &'static Rows {
    static ROWS: OnceLock<Rows> = OnceLock::new();
    ROWS.get_or_init(|| of(&Desk::computed()))
}

/// The rows of `published`, below the directory of a desk.
pub fn of(desk: &Desk) -> Rows {
    let session = session(desk);
    let mut rows = Rows::new();
    for (table, date, entity) in TABLES {
        let dir = desk.path("published").join(table.full_name());
        let files: Vec<PathBuf> =
            std::fs::read_dir(dir).into_iter().flatten().map(|entry| entry.expect("an entry").path()).collect();
        session.view_whole(table, &files, always()).expect("a view");
        let sql = format!("SELECT {date}::VARCHAR, {entity}, data_hash FROM {}", table.name());
        let found = session.query(&sql).expect("rows");
        let text = |column: usize, row: usize| found.column(column).as_string::<i32>().value(row).to_owned();
        for row in 0..found.num_rows() {
            rows.entry((table, text(0, row))).or_default().insert(text(1, row), text(2, row));
        }
    }
    rows
}

/// Published dates whose rows are not those of the untouched season, with how many are not.
pub fn wrong(desk: &Desk) -> Vec<String> {
    let mut wrong = Vec::new();
    for ((table, date), rows) in of(desk) {
        let right = clean().get(&(table, date.clone())).cloned().unwrap_or_default();
        let keys: BTreeSet<&String> = rows.keys().chain(right.keys()).collect();
        let differing = keys.into_iter().filter(|key| rows.get(*key) != right.get(*key)).count();
        if differing > 0 {
            wrong.push(format!("{} {date}: {differing} rows", table.name()));
        }
    }
    wrong
}

/// Dates of MLFS that are published.
pub fn dates(desk: &Desk) -> BTreeSet<String> {
    of(desk).into_keys().filter(|(table, _)| *table == Table::MlFeatureStore).map(|(_, date)| date).collect()
}
