//! The work of a check grows with the rows that it reads, not with their square.

use std::path::Path;

use super::files::MonthFiles;
use super::{Catalogue, Check, CheckRequest, Phase, Query, tables};
use crate::calendar::{DateRanges, ymd};
use crate::engine::{EngineSettings, Session, quote};
use crate::progress::Silent;
use crate::snapshot::Snapshot;
use crate::store::{Owner, Store, WriteLock};
use crate::sync::{SyncRequest, sync};
use crate::synth::{SeasonSpec, write_warehouse};
use crate::warehouse::dir::DirWarehouse;

/// Copies of the league, and how much more may be done than for one. Pairs of rows would make 2,500 times the work.
const LEAGUES: u64 = 50;
const AT_MOST: u64 = 2 * LEAGUES;

/// Fewer rows than this say nothing of growth.
const FEW_ROWS: u64 = 20_000;

#[test]
fn checks_of_many_leagues_do_as_much_more_work_as_there_are_rows() {
    let (one, many) = (rows_passed(1), rows_passed(LEAGUES));
    let sum = |of: &[(String, u64)]| of.iter().map(|(_, rows)| rows).sum::<u64>();
    assert!(sum(&one) > FEW_ROWS && sum(&many) > LEAGUES / 2 * sum(&one), "a profile has the rows that are passed on");
    let too_much: Vec<_> = one
        .iter()
        .zip(&many)
        .filter(|((_, one), (_, many))| *many > AT_MOST * (*one).max(FEW_ROWS))
        .map(|((id, one), (_, many))| format!("{id}: {one} rows of one league, {many} of {LEAGUES}"))
        .collect();
    assert!(too_much.is_empty(), "{too_much:#?}");
}

/// Each check of inputs with the rows that the operators of its query passed on, over tables that stay on disk: so many rows
/// are not held in memory, and the optimizer knows less of them.
fn rows_passed(leagues: u64) -> Vec<(String, u64)> {
    let temp = tempfile::tempdir().expect("a directory");
    let (store, ranges) = synced(temp.path(), leagues);
    let snapshot = Snapshot::load(&store).expect("a snapshot");
    let (dates, catalogue) = (snapshot.game_dates(&ranges), Catalogue::built_in());
    let request = CheckRequest {
        snapshot: &snapshot,
        dates: &dates,
        ranges: &ranges,
        phase: Phase::Inputs,
        catalogue: &catalogue,
        accepted: &[],
        left_out: &[],
        quarantines: false,
        engine: EngineSettings { threads: 2, memory_limit: None, temp_dir: temp.path().join("spill") },
    };
    let session = Session::open(&request.engine).expect("a session");
    let files = MonthFiles::intact(&request).expect("intact files");
    tables::prepare_holding(&session, &request, &files, &[]).expect("tables");
    let profile = temp.path().join("profile.json");
    let output = format!("PRAGMA enable_profiling = 'json'; PRAGMA profiling_output = {}", quote(&profile));
    session.execute(&output).expect("a profile");
    let of_inputs = catalogue.checks().iter().filter(|check| check.phase == Phase::Inputs);
    of_inputs.map(|check| (check.id.clone(), rows_of(&session, check, &profile))).collect()
}

fn rows_of(session: &Session, check: &Check, profile: &Path) -> u64 {
    let (Query::Rows(sql) | Query::Dates(sql)) = check.query();
    session.query(&sql).expect("a check");
    let profile = std::fs::read(profile).expect("a profile");
    rows_below(&serde_json::from_slice(&profile).expect("JSON"))
}

fn rows_below(operator: &serde_json::Value) -> u64 {
    let children = operator["children"].as_array().into_iter().flatten();
    operator["operator_cardinality"].as_u64().unwrap_or_default() + children.map(rows_below).sum::<u64>()
}

/// A store with the first ten days of a season.
fn synced(dir: &Path, leagues: u64) -> (Store, DateRanges) {
    let scale = usize::try_from(leagues).expect("a small number");
    let spec = SeasonSpec { scale, last_day: Some(ymd(2023, 11, 2)), ..SeasonSpec::default() };
    write_warehouse(&spec, &dir.join("warehouse")).expect("a warehouse");
    let source = DirWarehouse::open(&dir.join("warehouse")).expect("a warehouse");
    let store = Store::at(dir.join("store"));
    let owner = Owner { pid: 1, host: "host".to_owned(), command: "test".to_owned() };
    let lock = WriteLock::acquire(&store, &owner).expect("a lock");
    let ranges: DateRanges = [spec.seasons[0].range()].into_iter().collect();
    sync(&source, &lock, &SyncRequest::new(ranges.clone(), ymd(2026, 1, 1)), &Silent).expect("a sync");
    drop(lock);
    (store, ranges)
}
