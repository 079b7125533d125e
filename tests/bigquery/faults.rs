//! Every request of an upload and of a sync meets a fault: afterwards rows are there exactly once, and
//! at no moment old and new together.
//!
//! Normally every twelfth request meets one fault, each in its turn; with `PUTBACK_FAULT_MATRIX=full` (`make
//! test-faults`) every request meets every fault.

use libtest_mimic::Failed;

use super::client::{query, seed};
use super::desk::{Desk, Outcome, ensure};
use super::emulator::Emulator;
use super::proxy::{Fault, Proxy};

const TABLES: [(&str, &str); 5] = [
    ("nba_precompute.team_defense_zone_analysis", "data_hash"),
    ("nba_precompute.player_shot_zone_analysis", "data_hash"),
    ("nba_precompute.player_composite_factors", "data_hash"),
    ("nba_predictions.ml_feature_store_v2", "data_hash"),
    ("nba_processing.precompute_failures", "CONCAT(entity_id, failure_reason)"),
];

/// Rows and content of all five tables, in one query: one moment.
fn content(emulator: &Emulator, project: &str) -> Result<String, Failed> {
    let each = TABLES.iter().map(|(table, value)| {
        format!("SELECT '{table}' AS t, COUNT(*) AS n, TO_HEX(SHA256(STRING_AGG({value}, '' ORDER BY {value}))) AS c FROM `{project}.{table}`")
    });
    let rows = query(emulator, project, &each.collect::<Vec<_>>().join(" UNION ALL "))?;
    let mut lines: Vec<String> = rows.into_iter().map(|row| row.join(" ")).collect();
    lines.sort();
    Ok(lines.join("\n"))
}

/// Which faults the request with this number meets.
fn faults_of(request: usize) -> Vec<Fault> {
    if std::env::var("PUTBACK_FAULT_MATRIX").is_ok_and(|value| value == "full") {
        return Fault::ALL.to_vec();
    }
    if request.is_multiple_of(12) { vec![Fault::ALL[request / 12 % Fault::ALL.len()]] } else { Vec::new() }
}

pub fn uploads(emulator: &'static Emulator) -> Result<(), Failed> {
    let project = emulator.new_project();
    let mut desks = [Desk::computed(emulator, 1)?, Desk::computed_otherwise(emulator, 1)?];
    seed(emulator, &project, &desks[0].path("nothing"))?;
    let to = format!("bigquery:{project}");
    let proxy = Proxy::before(&emulator.rest)?;
    let mut contents = Vec::new();
    let mut requests = 0;
    for desk in &mut desks {
        desk.rest = proxy.address.clone();
        proxy.meddle(None);
        desk.done(&["upload", "--to", &to])?;
        requests = requests.max(proxy.seen());
        contents.push(content(emulator, &project)?);
    }
    ensure(contents[0] != contents[1], "the two versions do not differ")?;
    // What is in the target now; the other version goes next.
    let mut current = 1;
    let mut cases = 0;
    for request in 0..requests {
        for fault in faults_of(request) {
            let next = 1 - current;
            let case = format!("{fault:?} at request {request}");
            proxy.meddle(Some((request, fault)));
            let first = desks[next].run(&["upload", "--to", &to])?;
            let between = content(emulator, &project)?;
            ensure(contents.contains(&between), format!("{case}: a mixture:\n{between}"))?;
            check_end(&case, fault, &first, between == contents[next])?;
            proxy.meddle(None);
            desks[next].done(&["upload", "--to", &to]).map_err(|failed| format!("{case}: {failed:?}"))?;
            let after = content(emulator, &project)?;
            ensure(after == contents[next], format!("{case}: lost or doubled:\n{after}"))?;
            current = next;
            cases += 1;
        }
    }
    eprintln!("uploads: {cases} cases over {requests} requests; 0 lost, 0 doubled, 0 mixed");
    Ok(())
}

/// A single fault is ridden out; an outage is told.
fn check_end(case: &str, fault: Fault, outcome: &Outcome, is_published: bool) -> Result<(), Failed> {
    if outcome.code == 0 {
        return ensure(is_published, format!("{case}: success without the rows"));
    }
    let is_told = outcome.stderr.starts_with("error: ") && outcome.stderr.contains("hint: ");
    ensure(fault == Fault::Down && is_told, format!("{case}: ended with {}: {}", outcome.code, outcome.stderr))
}

pub fn syncs(emulator: &'static Emulator) -> Result<(), Failed> {
    let mut desk = Desk::new(emulator, 1)?;
    let project = emulator.new_project();
    seed(emulator, &project, &desk.path("warehouse"))?;
    let warehouse = format!("bigquery:{project}");
    desk.done(&["sync", "--warehouse", "dir:warehouse", "--store", "directory"])?;
    let proxy = Proxy::before(&emulator.rest)?;
    desk.rest = proxy.address.clone();
    desk.done(&["sync", "--warehouse", &warehouse, "--store", "clean"])?;
    let requests = proxy.seen();
    let expected = desk.phase3("directory")?;
    let mut cases = 0;
    for request in 0..requests {
        for fault in faults_of(request) {
            let case = format!("{fault:?} at request {request}");
            let store = format!("store-{cases}");
            proxy.meddle(Some((request, fault)));
            let first = desk.run(&["sync", "--warehouse", &warehouse, "--store", &store])?;
            ensure(first.code == 0 || fault == Fault::Down, format!("{case}: {}", first.stderr))?;
            let between = desk.phase3(&store)?;
            let is_whole = |table| between.tables.get(table).map(|input| &input.partitions);
            let is_all = expected.tables.iter().all(|(table, input)| is_whole(table) == Some(&input.partitions));
            ensure(between.tables.is_empty() || is_all, format!("{case}: half a sync"))?;
            proxy.meddle(None);
            desk.done(&["sync", "--warehouse", &warehouse, "--store", &store])?;
            let after = desk.phase3(&store)?;
            let is_same = expected.tables.iter().all(|(table, input)| {
                after.tables.get(table).is_some_and(|other| other.partitions == input.partitions)
            });
            ensure(is_same, format!("{case}: another store"))?;
            std::fs::remove_dir_all(desk.path(&store))?;
            cases += 1;
        }
    }
    eprintln!("syncs: {cases} cases over {requests} requests; 0 lost, 0 doubled, 0 mixed");
    Ok(())
}
