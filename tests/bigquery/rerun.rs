//! Uploads after earlier ones that ended badly, and what a load may lose.

use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::client::{query, request};
use super::desk::{Desk, ensure};
use super::fake::JobFault;
use super::proxy::Proxy;
use super::service::Service;
use super::strict::{meanwhile, nothing_is_published};
use super::upload::with_target;

const DENIED: JobFault = JobFault::FailsBefore { reason: "accessDenied", message: "no right to update" };
const FEATURES: &str = "nba_predictions.ml_feature_store_v2";

/// The name of the only staging table.
fn staging(service: &Service, project: &str) -> Result<String, Failed> {
    let tables = format!(
        "SELECT table_name FROM `{project}.nba_backfill.INFORMATION_SCHEMA.TABLES` \
         WHERE table_name LIKE 'putback_staging%'"
    );
    match query(service, project, &tables)?.as_slice() {
        [row] => Ok(row[0].clone()),
        rows => Err(format!("{rows:?}").into()),
    }
}

fn deny(desk: &Desk, service: &'static Service, project: &str) -> Result<(), Failed> {
    service.as_fake()?.next_job(project, "BEGIN TRANSACTION", DENIED);
    let outcome = desk.run(&["upload", "--to", &format!("bigquery:{project}")])?;
    ensure(outcome.code == 7, format!("{}: {}", outcome.code, outcome.stderr))?;
    nothing_is_published(service, project)
}

/// Every failure burns a job id, and there is always another one.
pub fn many_failures(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    for _ in 0..12 {
        deny(&desk, service, &project)?;
    }
    desk.done(&["upload", "--to", &format!("bigquery:{project}")])?;
    service.holds(&project, &desk.path("putback-store"))
}

/// A try of another account leaves jobs that this one may not look at.
pub fn another_account(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    deny(&desk, service, &project)?;
    service.as_fake()?.change_account(&project);
    desk.done(&["upload", "--to", &format!("bigquery:{project}")])?;
    service.holds(&project, &desk.path("putback-store"))
}

/// A staging table of an earlier try lives long enough for this one.
pub fn old_staging(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    deny(&desk, service, &project)?;
    let table = staging(service, &project)?;
    let in_hours = |hours: i64| (chrono::Utc::now() + chrono::TimeDelta::hours(hours)).timestamp_millis();
    let soon = json!(in_hours(1).to_string());
    service.as_fake()?.alter(&project, &format!("nba_backfill.{table}"), |resource| {
        resource["expirationTime"] = soon;
    });
    deny(&desk, service, &project)?;
    let path = format!("projects/{project}/datasets/nba_backfill/tables/{table}");
    let (_, resource) = request(service, "GET", &path, None)?;
    let end: i64 = resource["expirationTime"].as_str().unwrap_or_default().parse()?;
    ensure(end > in_hours(12), end)
}

/// Dates that have no rows any more are taken out of the target although there is nothing to load.
pub fn only_removals(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    let to = format!("bigquery:{project}");
    // A date without rows of TDZA by rule.
    let range = ["--date", "2023-11-08"];
    let run = |arguments: &[&str]| -> Result<String, Failed> {
        let outcome = desk.run_range(arguments, &range)?;
        ensure(outcome.code == 0, format!("{arguments:?}: {}: {}", outcome.code, outcome.stderr))?;
        Ok(outcome.stdout)
    };
    run(&["sync", "--warehouse", "dir:warehouse"])?;
    run(&["compute"])?;
    run(&["upload", "--to", &to])?;
    let table = "nba_precompute.team_defense_zone_analysis";
    let stray = format!(
        "INSERT INTO `{project}.{table}` (team_abbr, analysis_date, processed_at, data_hash) \
         VALUES ('BOS', DATE '2023-11-08', CURRENT_TIMESTAMP(), 'somebody else')"
    );
    query(service, &project, &stray)?;
    // Without being asked nothing goes.
    let kept = desk.run_range(&["upload", "--to", &to], &range)?;
    let told = format!("{table}: 1 row on 1 date, 2023-11-08");
    ensure(kept.code == 3 && kept.stderr.contains(&told), format!("{}: {}", kept.code, kept.stderr))?;
    let removed = run(&["upload", "--to", &to, "--remove-vanished", "--format", "json"])?;
    let report: Value = serde_json::from_str(&removed)?;
    ensure(report["tables"][0]["removed_rows"] == 1, &report)?;
    let left = query(service, &project, &format!("SELECT COUNT(*) FROM `{project}.{table}`"))?;
    ensure(left == [["0".to_owned()]], format!("{left:?}"))
}

/// A load that drops the values of a column is noticed although keys and hashes arrived, and loaded again.
pub fn lost_values(service: &'static Service) -> Result<(), Failed> {
    for (column, loss) in [("features", "[]"), ("feature_quality_score", "NULL")] {
        let (mut desk, project) = with_target(service)?;
        let theirs = project.clone();
        let proxy = meanwhile(service, &mut desk, move || lose(service, &theirs, column, loss))?;
        let outcome = desk.run(&["upload", "--to", &format!("bigquery:{project}")])?;
        ensure(outcome.code == 0, format!("{}: {}", outcome.code, outcome.stderr))?;
        drop(proxy);
        service.holds(&project, &desk.path("putback-store"))?;
    }
    Ok(())
}

/// Staging that differs every time is told, and no later upload adopts it.
pub fn lost_values_again_and_again(service: &'static Service) -> Result<(), Failed> {
    let (mut desk, project) = with_target(service)?;
    let address = desk.rest.clone();
    let proxy = Proxy::before(&service.rest)?;
    let theirs = project.clone();
    proxy.on_request(move |request| {
        if request.contains("BEGIN TRANSACTION") {
            lose(service, &theirs, "feature_quality_score", "NULL");
        }
    });
    desk.rest.clone_from(&proxy.address);
    let to = format!("bigquery:{project}");
    let outcome = desk.run(&["upload", "--to", &to])?;
    ensure(
        outcome.code == 1 && outcome.stderr.contains("a column lost values"),
        format!("{}: {}", outcome.code, outcome.stderr),
    )?;
    nothing_is_published(service, &project)?;
    desk.rest = address;
    desk.done(&["upload", "--to", &to])?;
    service.holds(&project, &desk.path("putback-store"))
}

fn lose(service: &'static Service, project: &str, column: &str, loss: &str) {
    let table = staging(service, project).expect("a staging table");
    let column = format!("ml_feature_store_v2__{column}");
    let sql = format!("UPDATE `{project}.nba_backfill.{table}` SET {column} = {loss} WHERE true");
    service.as_fake().expect("the fake").execute(&sql).expect("an update");
}

/// What somebody changes while rows are on their way is seen by the next upload, also on other dates.
pub fn changed_meanwhile(service: &'static Service) -> Result<(), Failed> {
    let (mut desk, project) = with_target(service)?;
    let to = format!("bigquery:{project}");
    desk.done(&["upload", "--to", &to])?;
    let lose = move |project: &str, date: &str| {
        let sql = format!("DELETE FROM `{project}.{FEATURES}` WHERE game_date = DATE '{date}'");
        service.as_fake().expect("the fake").execute(&sql).expect("a deletion");
    };
    lose(&project, "2023-11-29");
    let proxy = Proxy::before(&service.rest)?;
    let (theirs, mut is_done) = (project.clone(), false);
    proxy.on_request(move |request| {
        if request.starts_with("PUT /upload/") && !std::mem::replace(&mut is_done, true) {
            lose(&theirs, "2023-12-01");
        }
    });
    desk.rest.clone_from(&proxy.address);
    let report: Value = serde_json::from_str(&desk.done(&["upload", "--to", &to, "--format", "json"])?.stdout)?;
    let features = |report: &Value| {
        let tables = report["tables"].as_array().into_iter().flatten();
        tables.clone().find(|table| table["table"] == FEATURES).map(|table| table["dates"].clone())
    };
    ensure(features(&report) == Some(json!(["2023-11-29"])), &report)?;
    let report: Value = serde_json::from_str(&desk.done(&["upload", "--to", &to, "--format", "json"])?.stdout)?;
    ensure(features(&report) == Some(json!(["2023-12-01"])), &report)?;
    service.holds(&project, &desk.path("putback-store"))
}
