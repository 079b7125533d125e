//! What only the fake can stage.

use std::sync::{Arc, Mutex};

use libtest_mimic::Failed;
use putback::processors::ProcessorId;
use serde_json::{Value, json};
use tonic::Code;

use super::client::{job_ids, query, request};
use super::desk::{Desk, ensure};
use super::fake::JobFault;
use super::proxy::{Fault, Proxy};
use super::service::Service;
use super::sync::{same_rows, seeded};
use super::upload::{UPLOAD_JOBS, with_target};

const FEATURES: &str = "nba_predictions.ml_feature_store_v2";
const TABLES: [&str; 5] = [
    "nba_precompute.team_defense_zone_analysis",
    "nba_precompute.player_shot_zone_analysis",
    "nba_precompute.player_composite_factors",
    FEATURES,
    "nba_processing.precompute_failures",
];

fn rows(service: &Service, project: &str, table: &str) -> Result<String, Failed> {
    let rows = query(service, project, &format!("SELECT COUNT(*) FROM `{project}.{table}`"))?;
    Ok(rows[0][0].clone())
}

pub fn nothing_is_published(service: &Service, project: &str) -> Result<(), Failed> {
    for table in TABLES {
        let rows = rows(service, project, table)?;
        ensure(rows == "0", format!("half published: {table} has {rows} rows"))?;
    }
    Ok(())
}

pub fn broken_streams(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = seeded(service)?;
    let fake = service.as_fake()?;
    desk.done(&["sync", "--warehouse", "dir:warehouse", "--store", "directory"])?;
    let cases = [
        (0, Code::Unavailable),
        (1, Code::Unavailable),
        (299, Code::Internal),
        (300, Code::Aborted),
        (301, Code::Unknown),
        (999, Code::ResourceExhausted),
        (17, Code::Unauthenticated),
    ];
    for (number, (after, code)) in cases.into_iter().enumerate() {
        fake.break_streams(&project, after, 4, code);
        let store = format!("store-{number}");
        desk.done(&["sync", "--warehouse", &format!("bigquery:{project}"), "--store", &store])?;
        ensure(fake.breaks_left(&project) == 0, "a break was not met")?;
        same_rows(&desk, &store)?;
    }
    // What no repetition mends is told, and nothing is kept of it.
    fake.break_streams(&project, 10, 1, Code::PermissionDenied);
    let outcome = desk.run(&["sync", "--warehouse", &format!("bigquery:{project}"), "--store", "refused"])?;
    ensure(outcome.code == 7 && outcome.stderr.contains("the stream broke (PermissionDenied)"), &outcome.stderr)?;
    ensure(desk.phase3("refused")?.tables.is_empty(), "half a sync")
}

pub fn estimates(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = seeded(service)?;
    let plan = desk.done(&["sync", "--warehouse", &format!("bigquery:{project}"), "--dry-run", "--format", "json"])?;
    let plan: Value = serde_json::from_str(&plan.stdout)?;
    for table in plan["tables"].as_array().into_iter().flatten() {
        let name = table["table"].as_str().unwrap_or_default();
        let path = format!("projects/{project}/datasets/{}", name.replacen('.', "/tables/", 1));
        let (status, resource) = request(service, "GET", &path, None)?;
        if status != 200 || resource["numRows"] == "0" {
            continue;
        }
        let all: u64 = resource["numBytes"].as_str().unwrap_or_default().parse()?;
        let planned = table["bytes"].as_u64().unwrap_or(0);
        ensure(planned > 0 && planned <= all, format!("{table}: {planned} of {all} bytes"))?;
    }
    Ok(())
}

pub fn too_many_bytes(service: &'static Service) -> Result<(), Failed> {
    let (mut desk, project) = seeded(service)?;
    desk.variables.push(("PUTBACK_MAXIMUM_BYTES_BILLED", "1000".to_owned()));
    desk.grpc = None;
    let outcome = desk.run(&["sync", "--warehouse", &format!("bigquery:{project}")])?;
    ensure(
        outcome.code == 8
            && outcome.stderr.contains("bytesBilledLimitExceeded")
            && outcome.stderr.contains("PUTBACK_MAXIMUM_BYTES_BILLED"),
        format!("{}: {}", outcome.code, outcome.stderr),
    )
}

pub fn read_back_by_google(service: &'static Service) -> Result<(), Failed> {
    let desk = Desk::computed(service, 1)?;
    let project = service.new_project();
    service.seed_by_google(&project, &desk.path("nothing"))?;
    desk.done(&["upload", "--to", &format!("bigquery:{project}")])?;
    let tables = service.holds_by_google(&project, &desk.path("putback-store"))?;
    ensure(tables == desk.tables_with_rows()?, format!("{tables} tables"))
}

/// Does something right before the transaction is sent.
pub fn meanwhile(
    service: &'static Service,
    desk: &mut Desk,
    mut act: impl FnMut() + Send + 'static,
) -> Result<Proxy, Failed> {
    let proxy = Proxy::before(&service.rest)?;
    let mut is_done = false;
    proxy.on_request(move |request| {
        if request.contains("BEGIN TRANSACTION") && !std::mem::replace(&mut is_done, true) {
            act();
        }
    });
    desk.rest.clone_from(&proxy.address);
    Ok(proxy)
}

pub fn late_streaming_buffer(service: &'static Service) -> Result<(), Failed> {
    let (mut desk, project) = with_target(service)?;
    let (fake, theirs) = (service.as_fake()?.clone(), project.clone());
    let _proxy = meanwhile(service, &mut desk, move || {
        fake.alter(&theirs, FEATURES, |table| table["streamingBuffer"] = json!({ "estimatedRows": "12" }));
    })?;
    let to = format!("bigquery:{project}");
    let outcome = desk.run(&["upload", "--to", &to])?;
    ensure(outcome.code != 0 && outcome.stderr.contains("streaming buffer"), &outcome.stderr)?;
    nothing_is_published(service, &project)?;
    service.as_fake()?.alter(&project, FEATURES, |table| {
        table.as_object_mut().expect("an object").remove("streamingBuffer");
    });
    desk.done(&["upload", "--to", &to])?;
    service.holds(&project, &desk.path("putback-store"))
}

pub fn schema_changes(service: &'static Service) -> Result<(), Failed> {
    // A column goes.
    let (mut desk, project) = with_target(service)?;
    let (fake, theirs) = (service.as_fake()?.clone(), project.clone());
    let _proxy = meanwhile(service, &mut desk, move || {
        fake.alter_columns(&theirs, FEATURES, "DROP COLUMN feature_version", |fields| {
            fields.retain(|field| field["name"] != "feature_version");
        });
    })?;
    let to = format!("bigquery:{project}");
    let outcome = desk.run(&["upload", "--to", &to])?;
    ensure(outcome.code != 0 && outcome.stderr.contains("feature_version"), &outcome.stderr)?;
    nothing_is_published(service, &project)?;
    let outcome = desk.run(&["upload", "--to", &to])?;
    ensure(
        outcome.code == 12 && outcome.stderr.contains("column feature_version does not exist in the live table"),
        format!("{}: {}", outcome.code, outcome.stderr),
    )?;
    // A column comes.
    let (mut desk, project) = with_target(service)?;
    let (fake, theirs) = (service.as_fake()?.clone(), project.clone());
    let _proxy = meanwhile(service, &mut desk, move || {
        let sql = "ADD COLUMN owner VARCHAR";
        fake.alter_columns(&theirs, FEATURES, sql, |fields| {
            fields.push(json!({ "name": "owner", "type": "STRING", "mode": "NULLABLE" }));
        });
    })?;
    // One that may be NULL harms nobody.
    desk.done(&["upload", "--to", &format!("bigquery:{project}")])?;
    service.holds(&project, &desk.path("putback-store"))
}

pub fn json_columns(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    let sql = "ALTER COLUMN pace_context_json SET DATA TYPE VARCHAR";
    service.as_fake()?.alter_columns(&project, "nba_precompute.player_composite_factors", sql, |fields| {
        let field = fields.iter_mut().find(|field| field["name"] == "pace_context_json").expect("a column");
        field["type"] = "JSON".into();
    });
    desk.done(&["upload", "--to", &format!("bigquery:{project}")])?;
    service.holds(&project, &desk.path("putback-store"))
}

pub fn quotas(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    let (fake, to) = (service.as_fake()?, format!("bigquery:{project}"));
    let over = JobFault::Refused { status: 403, reason: "quotaExceeded" };
    for mark in ["_load_g0", "BEGIN TRANSACTION"] {
        fake.next_job(&project, mark, over);
        let outcome = desk.run(&["upload", "--to", &to])?;
        ensure(
            outcome.code == 8 && outcome.stderr.contains("quotaExceeded"),
            format!("{}: {}", outcome.code, outcome.stderr),
        )?;
        nothing_is_published(service, &project)?;
    }
    // A rate that is too high passes.
    let rate = JobFault::Refused { status: 403, reason: "jobRateLimitExceeded" };
    // The load is done: its job is found again.
    for mark in ["AS part, day", "BEGIN TRANSACTION"] {
        fake.next_job(&project, mark, rate);
    }
    desk.done(&["upload", "--to", &to])?;
    ensure(fake.has_met_all(&project), "a fault was not met")?;
    service.holds(&project, &desk.path("putback-store"))
}

pub fn failing_jobs(service: &'static Service) -> Result<(), Failed> {
    let fake = service.as_fake()?;
    let backend = ("backendError", "The job encountered an error during execution");
    let busy = ("invalidQuery", "Transaction is aborted due to concurrent update against table");
    for (mark, (reason, message)) in
        [("_load_g0", backend), ("BEGIN TRANSACTION", backend), ("BEGIN TRANSACTION", busy)]
    {
        for fault in [JobFault::FailsBefore { reason, message }, JobFault::FailsAfter { reason, message }] {
            if matches!(fault, JobFault::FailsAfter { .. }) && reason == busy.0 {
                continue;
            }
            let (desk, project) = with_target(service)?;
            fake.next_job(&project, mark, fault);
            desk.done(&["upload", "--to", &format!("bigquery:{project}")])?;
            ensure(fake.has_met_all(&project), "a fault was not met")?;
            service.holds(&project, &desk.path("putback-store"))?;
            let ledger =
                query(service, &project, &format!("SELECT COUNT(*) FROM `{project}.nba_backfill.putback_ledger`"))?;
            ensure(ledger == [["1".to_owned()]], format!("{fault:?} left {ledger:?} ledger rows"))?;
        }
    }
    // What fails for good is told with the job's id, and nothing is published.
    let (desk, project) = with_target(service)?;
    fake.next_job(
        &project,
        "BEGIN TRANSACTION",
        JobFault::FailsBefore { reason: "accessDenied", message: "no right to update" },
    );
    let outcome = desk.run(&["upload", "--to", &format!("bigquery:{project}")])?;
    ensure(
        outcome.code == 7 && outcome.stderr.contains("no right to update") && outcome.stderr.contains("_commit_g0"),
        format!("{}: {}", outcome.code, outcome.stderr),
    )?;
    nothing_is_published(service, &project)?;
    desk.done(&["upload", "--to", &format!("bigquery:{project}")])?;
    service.holds(&project, &desk.path("putback-store"))
}

pub fn partition_filters(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    for table in TABLES {
        service.as_fake()?.alter(&project, table, |resource| resource["requirePartitionFilter"] = json!(true));
    }
    let to = format!("bigquery:{project}");
    desk.done(&["upload", "--to", &to])?;
    desk.done(&["status", "--remote", "--to", &to])?;
    service.holds(&project, &desk.path("putback-store"))?;
    // An upload's, with the head of the ledger; and a count for each processor's table.
    let (jobs, most) = (job_ids(service, &project)?.len(), UPLOAD_JOBS + 1 + ProcessorId::ALL.len());
    ensure(jobs == most, format!("{jobs} jobs instead of {most}"))
}

pub fn filtered_sync(service: &'static Service) -> Result<(), Failed> {
    let (mut desk, project) = seeded(service)?;
    desk.done(&["sync", "--warehouse", "dir:warehouse", "--store", "directory"])?;
    for table in ["nba_analytics.player_game_summary", "nba_analytics.team_defense_game_summary"] {
        service.as_fake()?.alter(&project, table, |resource| resource["requirePartitionFilter"] = json!(true));
    }
    let warehouse = format!("bigquery:{project}");
    desk.done(&["sync", "--warehouse", &warehouse])?;
    same_rows(&desk, "putback-store")?;
    desk.grpc = None;
    desk.done(&["sync", "--warehouse", &warehouse, "--store", "by-query"])?;
    same_rows(&desk, "by-query")
}

pub fn diff_by_dates(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    let target = format!("bigquery:{project}");
    desk.done(&["upload", "--to", &target])?;
    let equal = desk.done(&["diff", "--with", &target])?;
    ensure(equal.stdout.contains("dates are equal by rows, keys and hashes"), &equal.stdout)?;
    // A column that no hash covers.
    let sql =
        format!("UPDATE `{project}.{FEATURES}` SET universal_player_id = 'x' WHERE game_date = DATE '2023-11-30'");
    service.as_fake()?.execute(&sql)?;
    desk.done(&["diff", "--with", &target])?;
    let full = desk.run(&["diff", "--with", &target, "--full"])?;
    ensure(full.code == 9 && full.stdout.contains("columns: universal_player_id"), &full.stdout)?;
    // One row less: only its date is read.
    let sql = format!(
        "DELETE FROM `{project}.{FEATURES}` WHERE game_date = DATE '2023-11-29' AND player_lookup = \
         (SELECT MIN(player_lookup) FROM `{project}.{FEATURES}` WHERE game_date = DATE '2023-11-29')"
    );
    service.as_fake()?.execute(&sql)?;
    let outcome = desk.run(&["diff", "--with", &target])?;
    ensure(outcome.code == 9 && outcome.stdout.contains("dates: 2023-11-29 (+1 -0 ~0)"), &outcome.stdout)
}

/// A token may run out while a file is sent.
pub fn token_in_a_chunk(service: &'static Service) -> Result<(), Failed> {
    let (mut desk, project) = with_target(service)?;
    let proxy = Proxy::before(&service.rest)?;
    let chunks = Arc::new(Mutex::new((0, Vec::new())));
    let seen = Arc::clone(&chunks);
    proxy.on_request(move |request| {
        let mut seen = seen.lock().expect("no thread panicked");
        let index = seen.0;
        seen.0 += 1;
        if request.starts_with("PUT /upload/") {
            seen.1.push(index);
        }
    });
    desk.rest.clone_from(&proxy.address);
    let to = format!("bigquery:{project}");
    // The requests of an upload come in one order: it is seen once, and met the next time.
    let first = {
        *chunks.lock().expect("no thread panicked") = (0, Vec::new());
        proxy.meddle(None);
        desk.done(&["upload", "--to", &to])?;
        chunks.lock().expect("no thread panicked").1.first().copied().ok_or("no chunk was sent")?
    };
    let (mut desk, project) = with_target(service)?;
    desk.rest.clone_from(&proxy.address);
    proxy.meddle(Some((first, Fault::TokenExpired)));
    desk.done(&["upload", "--to", &format!("bigquery:{project}")])?;
    service.holds(&project, &desk.path("putback-store"))
}
