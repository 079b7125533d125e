//! What `putback doctor` says of a project.

use libtest_mimic::Failed;
use serde_json::json;

use super::client::{job_ids, request};
use super::desk::{Outcome, ensure};
use super::service::Service;
use super::upload::with_target;

const FEATURES: &str = "nba_predictions.ml_feature_store_v2";

/// Schemas, expiry, streaming buffer and ledger, by metadata alone: no job runs and nothing is created.
pub fn a_project(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    let to = format!("bigquery:{project}");
    let doctor = || desk.run_range(&["doctor", "--to", &to], &[]);
    let jobs = job_ids(service, &project)?;
    let healthy = doctor()?;
    says(&healthy, 0, &format!("✓ target       {to} can be reached; its datasets lie in "))?;
    says(&healthy, 0, "putback_ledger is not there yet; the first publication creates it")?;
    says(&healthy, 0, "? target       whether the account may load, query and write")?;
    says(&healthy, 0, "nothing stops a run")?;
    ensure(job_ids(service, &project)? == jobs, "a job ran")?;
    let ledger = format!("projects/{project}/datasets/nba_backfill/tables/putback_ledger");
    ensure(request(service, "GET", &ledger, None)?.0 == 404, "a ledger was created")?;
    let fake = service.as_fake()?;
    fake.alter(&project, FEATURES, |table| table["streamingBuffer"] = json!({ "estimatedRows": "12" }));
    says(
        &doctor()?,
        9,
        "ml_feature_store_v2 has rows in a streaming buffer, which statements cannot replace; fix: wait",
    )?;
    fake.alter(&project, FEATURES, |table| {
        table.as_object_mut().expect("an object").remove("streamingBuffer");
    });
    desk.done(&["upload", "--to", &to])?;
    says(&doctor()?, 0, "putback_ledger has 1 publication")?;
    let path = format!("projects/{project}/datasets/nba_predictions/tables/ml_feature_store_v2");
    let patch = json!({ "timePartitioning": { "type": "DAY", "field": "game_date", "expirationMs": "7776000000" } });
    ensure(request(service, "PATCH", &path, Some(&patch))?.0 == 200, "not patched")?;
    says(&doctor()?, 9, "deletes partitions after 90 days, and the store has older dates; fix: ")?;
    ensure(request(service, "DELETE", &path, None)?.0 == 204, "not deleted")?;
    says(&doctor()?, 5, &format!("✗ target       there is no table {project}.{FEATURES}; fix: "))?;
    let nowhere = desk.run_range(&["doctor", "--to", "bigquery:no-such-project"], &[])?;
    says(&nowhere, 5, "✗ target       there is no dataset no-such-project.")
}

fn says(outcome: &Outcome, code: i32, text: &str) -> Result<(), Failed> {
    ensure(
        outcome.code == code && outcome.stdout.contains(text),
        format!("{text}: {} {}", outcome.code, outcome.stdout),
    )
}
