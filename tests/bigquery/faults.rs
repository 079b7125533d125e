//! Requests of an upload and of a sync meet faults: afterwards rows are there exactly once, and
//! at no moment old and new together.
//!
//! Normally one request in three to the fake meets a fault, each kind in its turn. With `PUTBACK_FAULT_MATRIX=full`
//! (`make test-faults`) every request to the fake meets every fault, and one in 24 to the emulator meets one.

use std::sync::{Arc, Mutex};

use libtest_mimic::Failed;

use super::client::query;
use super::desk::{Desk, Outcome, ensure};
use super::fake::JobFault;
use super::proxy::{Fault, Proxy};
use super::service::Service;

const TABLES: [(&str, &str); 5] = [
    ("nba_precompute.team_defense_zone_analysis", "data_hash"),
    ("nba_precompute.player_shot_zone_analysis", "data_hash"),
    ("nba_precompute.player_composite_factors", "data_hash"),
    ("nba_predictions.ml_feature_store_v2", "data_hash"),
    ("nba_processing.precompute_failures", "CONCAT(entity_id, failure_reason)"),
];

/// Rows and content of all five tables, in one query: one moment.
pub fn content(service: &Service, project: &str) -> Result<String, Failed> {
    let each = TABLES.iter().map(|(table, value)| {
        format!("SELECT '{table}' AS t, COUNT(*) AS n, TO_HEX(SHA256(STRING_AGG({value}, '' ORDER BY {value}))) AS c FROM `{project}.{table}`")
    });
    let rows = query(service, project, &each.collect::<Vec<_>>().join(" UNION ALL "))?;
    let mut lines: Vec<String> = rows.into_iter().map(|row| row.join(" ")).collect();
    lines.sort();
    Ok(lines.join("\n"))
}

/// Normally, one request in so many to the fake meets a fault.
const STRIDE: usize = 3;

/// The same of the emulator, which is slow.
const EMULATOR_STRIDE: usize = 24;

/// Whether `make test-faults` runs.
pub fn is_full_matrix() -> bool {
    std::env::var("PUTBACK_FAULT_MATRIX").is_ok_and(|value| value == "full")
}

/// Which faults the request with this number meets.
pub fn faults_of(service: &Service, request: usize) -> Vec<Fault> {
    let is_fake = service.as_fake().is_ok();
    if is_fake && is_full_matrix() {
        return Fault::ALL.to_vec();
    }
    let every = if is_fake { STRIDE } else { EMULATOR_STRIDE };
    let is_met = request.is_multiple_of(every);
    if is_met { vec![Fault::ALL[request / every % Fault::ALL.len()]] } else { Vec::new() }
}

/// The fake takes the kinds in turn: with so many cases, each was met.
fn met_all_kinds(service: &Service, cases: usize) -> Result<(), Failed> {
    let least = if service.as_fake().is_ok() { Fault::ALL.len() } else { 1 };
    ensure(cases >= least, format!("only {cases} cases"))
}

pub fn uploads(service: &'static Service) -> Result<(), Failed> {
    let project = service.new_project();
    let mut desks = [Desk::computed(service, 1)?, Desk::computed_otherwise(service, 1)?];
    service.seed(&project, &desks[0].path("nothing"))?;
    let to = format!("bigquery:{project}");
    let proxy = Proxy::before(&service.rest)?;
    let mut contents = Vec::new();
    let mut requests = 0;
    for desk in &mut desks {
        desk.rest = proxy.address.clone();
        proxy.meddle(None);
        desk.done(&["upload", "--to", &to])?;
        requests = requests.max(proxy.seen());
        contents.push(content(service, &project)?);
    }
    ensure(contents[0] != contents[1], "the two versions do not differ")?;
    // What is in the target now; the other version goes next.
    let mut current = 1;
    let mut cases = 0;
    for request in 0..requests {
        for fault in faults_of(service, request) {
            let next = 1 - current;
            let case = format!("{fault:?} at request {request}");
            proxy.meddle(Some((request, fault)));
            let first = desks[next].run(&["upload", "--to", &to])?;
            let between = content(service, &project)?;
            ensure(contents.contains(&between), format!("{case}: a mixture:\n{between}"))?;
            check_end(&case, fault, &first, between == contents[next])?;
            proxy.meddle(None);
            desks[next].done(&["upload", "--to", &to]).map_err(|failed| format!("{case}: {failed:?}"))?;
            let after = content(service, &project)?;
            ensure(after == contents[next], format!("{case}: lost or doubled:\n{after}"))?;
            current = next;
            cases += 1;
        }
    }
    let place = if service.as_fake().is_ok() { "fake" } else { "emulator" };
    eprintln!("uploads to the {place}: {cases} cases over {requests} requests; 0 lost, 0 doubled, 0 mixed");
    met_all_kinds(service, cases)
}

/// A single fault is ridden out; an outage is told.
fn check_end(case: &str, fault: Fault, outcome: &Outcome, is_published: bool) -> Result<(), Failed> {
    if outcome.code == 0 {
        return ensure(is_published, format!("{case}: success without the rows"));
    }
    let is_told = outcome.stderr.starts_with("error: ") && outcome.stderr.contains("hint: ");
    ensure(fault == Fault::Down && is_told, format!("{case}: ended with {}: {}", outcome.code, outcome.stderr))
}

/// Every job of an upload fails in every way.
pub fn jobs(service: &'static Service) -> Result<(), Failed> {
    let fake = service.as_fake()?;
    let project = service.new_project();
    let desks = [Desk::computed(service, 1)?, Desk::computed_otherwise(service, 1)?];
    service.seed(&project, &desks[0].path("nothing"))?;
    let to = format!("bigquery:{project}");
    let mut contents = Vec::new();
    for desk in &desks {
        desk.done(&["upload", "--to", &to])?;
        contents.push(content(service, &project)?);
    }
    let (reason, message) = ("backendError", "The job encountered an error during execution");
    let faults = [
        JobFault::Refused { status: 403, reason: "quotaExceeded" },
        JobFault::Refused { status: 503, reason: "backendError" },
        JobFault::FailsBefore { reason, message },
        JobFault::FailsAfter { reason, message },
        JobFault::FailsBefore { reason: "invalidQuery", message: "Transaction is aborted due to concurrent update" },
        JobFault::FailsBefore { reason: "quotaExceeded", message: "Quota exceeded" },
    ];
    let marks = ["SELECT -1 AS part", "_load_g0", "BEGIN TRANSACTION", "AS part, day"];
    let (mut current, mut cases) = (1, 0);
    for mark in marks {
        for fault in faults {
            let next = 1 - current;
            let case = format!("{fault:?} of {mark}");
            fake.next_job(&project, mark, fault);
            let first = desks[next].run(&["upload", "--to", &to])?;
            let is_met = fake.has_met_all(&project);
            fake.forget_faults(&project);
            let between = content(service, &project)?;
            ensure(contents.contains(&between), format!("{case}: a mixture:\n{between}"))?;
            ensure(first.code != 0 || between == contents[next], format!("{case}: success without the rows"))?;
            desks[next].done(&["upload", "--to", &to]).map_err(|failed| format!("{case}: {failed:?}"))?;
            ensure(content(service, &project)? == contents[next], format!("{case}: lost or doubled"))?;
            current = next;
            cases += usize::from(is_met);
        }
    }
    eprintln!("jobs: {cases} cases; 0 lost, 0 doubled, 0 mixed");
    ensure(cases >= 3 * faults.len(), format!("only {cases} faults were met"))
}

pub fn syncs(service: &'static Service) -> Result<(), Failed> {
    let mut desk = Desk::new(service, 1)?;
    let project = service.new_project();
    service.seed(&project, &desk.path("warehouse"))?;
    let warehouse = format!("bigquery:{project}");
    desk.done(&["sync", "--warehouse", "dir:warehouse", "--store", "directory"])?;
    let proxy = Proxy::before(&service.rest)?;
    desk.rest = proxy.address.clone();
    desk.done(&["sync", "--warehouse", &warehouse, "--store", "clean"])?;
    let requests = proxy.seen();
    let expected = desk.phase3("directory")?;
    let mut cases = 0;
    for request in 0..requests {
        for fault in faults_of(service, request) {
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
    let place = if service.as_fake().is_ok() { "fake" } else { "emulator" };
    eprintln!("syncs from the {place}: {cases} cases over {requests} requests; 0 lost, 0 doubled, 0 mixed");
    met_all_kinds(service, cases)
}

/// Another publisher publishes before a request of an upload; in `make test-faults` before each. The rows of one of both
/// are there, whole, and the upload can be run again.
pub fn publishers(service: &'static Service) -> Result<(), Failed> {
    let base = Desk::computed(service, 1)?;
    let mut mine = Desk::computed_otherwise(service, 1)?;
    let other = Arc::new(Desk::computed(service, 2)?);
    let project = service.new_project();
    service.seed(&project, &base.path("nothing"))?;
    let to = format!("bigquery:{project}");
    let proxy = Proxy::before(&service.rest)?;
    mine.rest = proxy.address.clone();
    let published = |desk: &Desk| {
        desk.done(&["upload", "--to", &to])?;
        content(service, &project)
    };
    let (others, before) = (published(&other)?, published(&base)?);
    proxy.meddle(None);
    let mines = published(&mine)?;
    let requests = proxy.seen();
    ensure(published(&base)? == before && mines != others && mines != before, "the versions do not differ")?;
    let mut cases = 0;
    for request in (0..requests).step_by(if is_full_matrix() { 1 } else { 20 }) {
        let committed = Arc::new(Mutex::new(None));
        let (told, desk) = (Arc::clone(&committed), Arc::clone(&other));
        let (of, target, mut seen) = (project.clone(), to.clone(), 0);
        proxy.on_request(move |_| {
            if seen == request {
                let found = content(service, &of).unwrap_or_default();
                let outcome = desk.run(&["upload", "--to", &target]);
                let is_done = outcome.is_ok_and(|outcome| outcome.code == 0);
                *told.lock().expect("no thread panicked") = is_done.then_some(found);
            }
            seen += 1;
        });
        let first = mine.run(&["upload", "--to", &to])?;
        proxy.on_request(|_| ());
        let case = format!("another publisher before request {request}");
        let found = committed.lock().expect("no thread panicked").take();
        let found = found.ok_or_else(|| format!("{case}: it did not publish"))?;
        let between = content(service, &project)?;
        ensure(between == mines || between == others, format!("{case}: lost, doubled or mixed:\n{between}"))?;
        match first.code {
            // The other one came after the transaction, or before the plan.
            0 => ensure(between == mines || found == mines, format!("{case}: success without the rows"))?,
            6 => ensure(between == others, format!("{case}: {}", first.stderr))?,
            code => return Err(format!("{case}: ended with {code}: {}", first.stderr).into()),
        }
        ensure(published(&mine)? == mines, format!("{case}: the upload cannot be run again"))?;
        ensure(published(&base)? == before, format!("{case}: rows were lost or doubled"))?;
        cases += 1;
    }
    eprintln!("two publishers: {cases} cases over {requests} requests; 0 lost, 0 doubled, 0 mixed");
    ensure(cases > 0, "no case")
}
