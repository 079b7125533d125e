//! The operators' incidents (`orchestration.md` §12) that are about BigQuery: what catches each, with which words
//! and which exit status. Numbers are the rows of that table; the others are in `tests/it/incidents`.

use insta::assert_snapshot;
use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::client::{job_ids, query, request};
use super::desk::{Desk, Outcome, ensure};
use super::fake::JobFault;
use super::proxy::{Fault, Proxy};
use super::service::Service;
use super::strict::nothing_is_published;
use super::sync::seeded;
use super::upload::{UPLOAD_JOBS, with_target};

const FACTORS: &str = "nba_precompute.player_composite_factors";
const FEATURES: &str = "nba_predictions.ml_feature_store_v2";

fn upload(desk: &Desk, project: &str) -> Result<Outcome, Failed> {
    desk.run(&["upload", "--to", &format!("bigquery:{project}")])
}

/// Exit status and words, without what differs from run to run.
fn shown(outcome: &Outcome, project: &str) -> String {
    let text = outcome.stderr.replace(project, "PROJECT");
    let shown = |word: &str| match word {
        id if id.starts_with("putback_") && id.contains("_g") => "JOB:".to_owned(),
        path if path.starts_with("putback-store/publish/") => "STAGED".to_owned(),
        days if days.len() > 2 && days.bytes().all(|byte| byte.is_ascii_digit()) => "MANY".to_owned(),
        other => other.to_owned(),
    };
    let words = text.split(' ').map(shown);
    format!("exit status {}\n{}", outcome.code, words.collect::<Vec<_>>().join(" "))
}

/// The live table decides the schema: nothing is detected, and what does not fit is refused before a row is sent.
pub fn row_21(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    let fake = service.as_fake()?;
    let rehearsed = desk.done(&["upload", "--to", &format!("bigquery:{project}"), "--dry-run"])?.stdout;
    ensure(rehearsed.contains("\"schema\"") && !rehearsed.contains("autodetect"), &rehearsed)?;
    // REQUIRED where the schema that we know says NULLABLE: the live one is taken.
    fake.alter_columns(&project, FACTORS, "ALTER COLUMN fatigue_score SET NOT NULL", |fields| {
        set_field(fields, "fatigue_score", "mode", "REQUIRED");
    });
    desk.done(&["upload", "--to", &format!("bigquery:{project}")])?;
    service.holds(&project, &desk.path("putback-store"))?;
    let (desk, project) = with_target(service)?;
    // REQUIRED where putback has nothing to say.
    fake.alter_columns(&project, FACTORS, "ALTER COLUMN source_player_context_rows_found SET NOT NULL", |fields| {
        set_field(fields, "source_player_context_rows_found", "mode", "REQUIRED");
    });
    assert_snapshot!(shown(&upload(&desk, &project)?, &project), @"
    exit status 12
    error: PROJECT.nba_precompute.player_composite_factors: required column source_player_context_rows_found is NULL in MANY rows
      hint: align the live table's schema with putback's; nothing was published
    ");
    nothing_is_published(service, &project)
}

fn set_field(fields: &mut [Value], name: &str, key: &str, value: &str) {
    let field = fields.iter_mut().find(|field| field["name"] == name).expect("a field");
    field[key] = value.into();
}

/// A streaming buffer is a conflict, not a date that is passed over.
pub fn row_22(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    let fake = service.as_fake()?;
    fake.alter(&project, FEATURES, |table| table["streamingBuffer"] = json!({ "estimatedRows": "12" }));
    assert_snapshot!(shown(&upload(&desk, &project)?, &project), @"
    exit status 9
    error: PROJECT.nba_predictions.ml_feature_store_v2: rows of a streaming insert are still in its buffer, which statements cannot replace
      hint: wait up to 90 minutes until the buffer is empty; nothing was published
    ");
    nothing_is_published(service, &project)?;
    fake.alter(&project, FEATURES, |table| {
        table.as_object_mut().expect("an object").remove("streamingBuffer");
    });
    desk.done(&["upload", "--to", &format!("bigquery:{project}")])?;
    service.holds(&project, &desk.path("putback-store"))
}

/// Every statement on a target names its partitions as literals: a table that asks for it takes them all.
pub fn row_23(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    service.as_fake()?.alter(&project, FEATURES, |resource| resource["requirePartitionFilter"] = json!(true));
    let rehearsed = desk.done(&["upload", "--to", &format!("bigquery:{project}"), "--dry-run"])?.stdout;
    let deletions: Vec<&str> = rehearsed.split("DELETE FROM").skip(1).collect();
    ensure(deletions.len() >= 4, format!("{} deletions", deletions.len()))?;
    for deletion in deletions {
        let condition = deletion.split(';').next().unwrap_or_default();
        let place = condition.find("WHERE").ok_or("a deletion without condition")?;
        let first = condition[place..].split_whitespace().nth(1).unwrap_or_default();
        let is_partition = first.ends_with("game_date") || first.ends_with("analysis_date");
        ensure((is_partition || condition.contains("putback_ledger")) && condition.contains("DATE '"), condition)?;
    }
    desk.done(&["upload", "--to", &format!("bigquery:{project}")])?;
    service.holds(&project, &desk.path("putback-store"))
}

/// Another writer: the transaction is tried again, a few times; what stays is told, and nothing is half there.
pub fn row_24(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    let fake = service.as_fake()?;
    let busy = JobFault::FailsBefore {
        reason: "invalidQuery",
        message: "Could not serialize access to table due to concurrent update",
    };
    for _ in 0..20 {
        fake.next_job(&project, "BEGIN TRANSACTION", busy);
    }
    assert_snapshot!(shown(&upload(&desk, &project)?, &project), @"
    exit status 9
    error: the transaction was refused 8 times because another writer is active
      hint: stop the other writer and run the same command again; nothing was published
    ");
    nothing_is_published(service, &project)?;
    ensure(!fake.has_met_all(&project), "it was tried for ever")?;
    fake.forget_faults(&project);
    fake.next_job(&project, "BEGIN TRANSACTION", busy);
    desk.done(&["upload", "--to", &format!("bigquery:{project}")])?;
    ensure(fake.has_met_all(&project), "the fault was not met")?;
    service.holds(&project, &desk.path("putback-store"))
}

/// A handful of operations whatever the number of dates; a quota that is reached is named.
pub fn row_25(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    let over = JobFault::Refused { status: 403, reason: "quotaExceeded" };
    service.as_fake()?.next_job(&project, "_load_g0", over);
    assert_snapshot!(shown(&upload(&desk, &project)?, &project), @"
    exit status 8
    error: uploading STAGED for job JOB: Job is not accepted: quotaExceeded (HTTP 403, quotaExceeded)
      hint: wait for the quota to recover, or raise it, and run the same command again
    ");
    nothing_is_published(service, &project)?;
    let before = job_ids(service, &project)?.len();
    desk.done(&["upload", "--to", &format!("bigquery:{project}")])?;
    let jobs = job_ids(service, &project)?.len() - before;
    ensure(jobs <= UPLOAD_JOBS + 1, format!("{jobs} jobs"))?;
    service.holds(&project, &desk.path("putback-store"))
}

/// Jobs run where the datasets lie, and a location that is another is refused.
pub fn row_26(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = seeded(service)?;
    let outcome = desk.run(&["sync", "--warehouse", &format!("bigquery:{project}"), "--location", "US"])?;
    assert_snapshot!(shown(&outcome, &project), @"
    exit status 5
    error: dataset PROJECT.nba_analytics lies in us-west2, but --location says US
      hint: use --location us-west2; BigQuery looks for datasets in one location at a time
    ");
    let (desk, project) = with_target(service)?;
    let outcome = desk.run(&["upload", "--to", &format!("bigquery:{project}"), "--location", "US"])?;
    assert_snapshot!(shown(&outcome, &project), @"
    exit status 5
    error: dataset PROJECT.nba_backfill lies in us-west2, but --location says US
      hint: use --location us-west2; BigQuery looks for datasets in one location at a time
    ");
    nothing_is_published(service, &project)
}

/// A timeout that passes is ridden out; one that stays is told as such.
pub fn row_30(service: &'static Service) -> Result<(), Failed> {
    let (mut desk, project) = with_target(service)?;
    let proxy = Proxy::before(&service.rest)?;
    desk.rest.clone_from(&proxy.address);
    proxy.meddle(Some((3, Fault::Down)));
    let outcome = upload(&desk, &project)?;
    let is_told = outcome.stderr.contains("(no answer)\n  hint: check the network");
    ensure(outcome.code == 5 && is_told, format!("{}: {}", outcome.code, outcome.stderr))?;
    nothing_is_published(service, &project)?;
    for fault in [Fault::LostAnswer, Fault::BadGateway, Fault::LostRequest] {
        proxy.meddle(Some((3, fault)));
        desk.done(&["upload", "--to", &format!("bigquery:{project}")])?;
    }
    service.holds(&project, &desk.path("putback-store"))
}

/// Partitions that expire would take the history with them.
pub fn row_40(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    let path = format!("projects/{project}/datasets/nba_predictions/tables/ml_feature_store_v2");
    let patch = json!({ "timePartitioning": { "type": "DAY", "field": "game_date", "expirationMs": "7776000000" } });
    ensure(request(service, "PATCH", &path, Some(&patch))?.0 == 200, "not patched")?;
    assert_snapshot!(shown(&upload(&desk, &project)?, &project), @"
    exit status 9
    error: PROJECT.nba_predictions.ml_feature_store_v2: partitions expire after 90 days, and 2023-11-28 is MANY days old: its rows would be deleted
      hint: putback never alters target tables; run ALTER TABLE `PROJECT.nba_predictions.ml_feature_store_v2` SET OPTIONS (partition_expiration_days = NULL), or leave the dates or the table out; nothing was published
    ");
    let rows = query(service, &project, &format!("SELECT COUNT(*) FROM `{project}.{FACTORS}`"))?;
    ensure(rows == [["0".to_owned()]], format!("{rows:?}"))
}
