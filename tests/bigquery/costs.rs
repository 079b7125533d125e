//! Price before, receipt after, budgets, plans that are reviewed, and drift.

use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::client::{job_ids, query, request};
use super::desk::{Desk, ensure};
use super::faults::content;
use super::service::Service;

const FEATURES: &str = "nba_predictions.ml_feature_store_v2";

/// A project that one store has published into, and another store with other rows of a date.
fn published(service: &'static Service) -> Result<(Desk, Desk, String), Failed> {
    let (desk, other) = (Desk::computed(service, 1)?, Desk::computed_otherwise(service, 1)?);
    let project = service.new_project();
    service.seed(&project, &desk.path("nothing"))?;
    desk.done(&["upload", "--to", &format!("bigquery:{project}")])?;
    Ok((desk, other, project))
}

fn dry_run(desk: &Desk, to: &str) -> Result<Value, Failed> {
    let outcome = desk.done(&["upload", "--to", to, "--dry-run", "--format", "json"])?;
    Ok(serde_json::from_str(&outcome.stdout)?)
}

fn latest_run(desk: &Desk) -> Result<Value, Failed> {
    let runs = std::fs::read_dir(desk.path("putback-store/runs"))?.flatten().map(|entry| entry.path());
    let latest = runs.filter(|path| path.is_dir()).max().ok_or("no run")?;
    Ok(serde_json::from_slice(&std::fs::read(latest.join("run.json"))?)?)
}

/// The price is told before, and what is billed then is near to it; the reviewed plan is what is published.
pub fn price_and_plan(service: &'static Service) -> Result<(), Failed> {
    let (_, other, project) = published(service)?;
    let to = format!("bigquery:{project}");
    let rehearsed = dry_run(&other, &to)?;
    let (plan, estimate) = (rehearsed["plan"].as_str().unwrap_or_default(), &rehearsed["estimate"]);
    let estimated = estimate["query_bytes"].as_f64().unwrap_or(0.0);
    ensure(plan.len() == 20 && estimated > 0.0 && estimate["price_usd"].as_f64() > Some(0.0), &rehearsed)?;
    ensure(dry_run(&other, &to)?["plan"] == plan, "the same plan has another id")?;
    let text = other.done(&["upload", "--to", &to, "--dry-run"])?.stdout;
    ensure(text.contains("estimate: ") && text.contains("USD at list price") && text.contains(plan), &text)?;
    let before = job_ids(service, &project)?.len();
    other.done(&["upload", "--to", &to, "--plan", plan])?;
    ensure(job_ids(service, &project)?.len() - before <= 5, "more than five jobs")?;
    let run = latest_run(&other)?;
    let billed = run["summary"]["billed"]["query_bytes"].as_f64().unwrap_or(0.0);
    ensure((0.8..=1.25).contains(&(estimated / billed)), format!("{estimated} estimated, {billed} billed"))?;
    ensure(run["facts"]["plan"] == plan, &run)?;
    // Done: there is nothing left of it.
    let again = other.run(&["upload", "--to", &to, "--plan", plan])?;
    ensure(again.code == 6 && again.stderr.contains("nothing is left to publish"), &again.stderr)?;
    let estimated = other.done(&["diff", "--with", &to, "--dry-run"])?.stdout;
    ensure(estimated.contains("estimate: ") && estimated.contains("rows of dates that differ"), estimated)?;
    let compared = other.done(&["diff", "--with", &to])?;
    ensure(latest_run(&other)?["summary"]["billed"]["query_bytes"].as_u64() > Some(0), &compared.stderr)
}

/// A plan that no longer holds is not carried out, and what changed is named.
pub fn stale_plan(service: &'static Service) -> Result<(), Failed> {
    let (desk, other, project) = published(service)?;
    let to = format!("bigquery:{project}");
    let plan = dry_run(&other, &to)?["plan"].as_str().unwrap_or_default().to_owned();
    let fake = service.as_fake()?;
    fake.execute(&format!("DELETE FROM `{project}.{FEATURES}` WHERE game_date = DATE '2023-11-29'"))?;
    let before = content(service, &project)?;
    let stale = other.run(&["upload", "--to", &to, "--plan", &plan])?;
    ensure(
        stale.code == 6
            && stale.stderr.contains("nba_predictions.ml_feature_store_v2: other rows in the target on 2023-11-29")
            && stale.stderr.contains("nothing was published"),
        format!("{}: {}", stale.code, stale.stderr),
    )?;
    desk.done(&["upload", "--to", &to])?;
    let stale = other.run(&["upload", "--to", &to, "--plan", &plan])?;
    ensure(stale.code == 6 && stale.stderr.contains("somebody published since"), &stale.stderr)?;
    ensure(content(service, &project)? != before, "the other upload did nothing")?;
    let unknown = other.run(&["upload", "--to", &to, "--plan", "00000000000000000000"])?;
    ensure(unknown.code == 6 && unknown.stderr.contains("does not remember it"), &unknown.stderr)?;
    let odd = other.run(&["upload", "--to", &to, "--plan", "../x"])?;
    ensure(odd.code == 2 && odd.stderr.contains("is not the id of a plan"), &odd.stderr)
}

/// A budget stops what would be more before it starts, and is the limit of every query.
pub fn budgets(service: &'static Service) -> Result<(), Failed> {
    let (_, other, project) = published(service)?;
    let to = format!("bigquery:{project}");
    let (before, jobs) = (content(service, &project)?, job_ids(service, &project)?.len());
    let refused = other.run(&["upload", "--to", &to, "--budget", "1MB"])?;
    ensure(refused.code == 8 && refused.stderr.contains("it was not started"), &refused.stderr)?;
    ensure(job_ids(service, &project)?.len() == jobs, "a job ran")?;
    // Enough to compare, and not to publish.
    let refused = other.run(&["upload", "--to", &to, "--budget", "150MB"])?;
    ensure(refused.code == 8 && refused.stderr.contains("the upload would bill"), &refused.stderr)?;
    ensure(job_ids(service, &project)?.len() == jobs + 1, "more than the comparison ran")?;
    ensure(content(service, &project)? == before, "something was published")?;
    other.done(&["upload", "--to", &to, "--budget", "5GB"])?;
    ensure(content(service, &project)? != before, "nothing was published")?;
    let (_, reply) = request(service, "GET", &format!("projects/{project}/jobs?maxResults=10000"), None)?;
    let limits = reply["jobs"].as_array().into_iter().flatten();
    let limits = limits.map(|job| &job["configuration"]["query"]["maximumBytesBilled"]);
    ensure(limits.filter(|limit| **limit == json!("5000000000")).count() >= 3, "the budget is not the limit")?;
    let source = service.new_project();
    service.seed(&source, &other.path("warehouse"))?;
    let warehouse = format!("bigquery:{source}");
    let refused = other.run(&["sync", "--warehouse", &warehouse, "--store", "new", "--budget", "1MB"])?;
    ensure(refused.code == 8 && refused.stderr.contains("it was not started"), &refused.stderr)?;
    other.done(&["sync", "--warehouse", &warehouse, "--store", "new", "--budget", "5GB"])?;
    let estimate = other.done(&["sync", "--warehouse", &warehouse, "--store", "other", "--dry-run"])?.stdout;
    ensure(estimate.contains("estimate: ") && estimate.contains("through the Read API"), estimate)
}

/// Dates that somebody else changed after they were published are named.
pub fn drift(service: &'static Service) -> Result<(), Failed> {
    let (desk, _, project) = published(service)?;
    let to = format!("bigquery:{project}");
    let said = |desk: &Desk| desk.done(&["status", "--remote", "--to", &to]).map(|outcome| outcome.stderr);
    ensure(!said(&desk)?.contains("somebody else changed"), "nobody changed anything")?;
    let change = format!(
        "UPDATE `{project}.{FEATURES}` SET data_hash = CONCAT('x', data_hash) WHERE game_date = DATE '2023-11-29'"
    );
    service.as_fake()?.execute(&change)?;
    let found = said(&desk)?;
    ensure(
        found.contains(&format!(
            "somebody else changed {FEATURES} in {to} after it was published, on 1 date: 2023-11-29;"
        )),
        &found,
    )?;
    ensure(found.matches("somebody else changed").count() == 1, &found)?;
    let report: Value = serde_json::from_str(&desk.done(&["report", "--format", "json", "--to", &to])?.stdout)?;
    let published = report["target"]["published"]["MLFS"].as_array().ok_or("no dates")?;
    ensure(
        !published.is_empty() && !published.contains(&json!("2023-11-29")),
        format!("a date that somebody changed is shown as published: {published:?}"),
    )?;
    desk.done(&["upload", "--to", &to])?;
    ensure(!said(&desk)?.contains("somebody else changed"), "the upload replaced the rows")?;
    query(service, &project, "SELECT 1").map(|_| ())
}
