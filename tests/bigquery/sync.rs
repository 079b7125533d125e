//! `putback sync` from BigQuery.

use libtest_mimic::Failed;
use putback::catalog::Table;

use super::client::{job_ids, python, query, request};
use super::desk::{Desk, ensure};
use super::proxy::cutting_proxy;
use super::service::Service;

/// A desk whose warehouse is in a project of the service as well.
pub fn seeded(service: &'static Service) -> Result<(Desk, String), Failed> {
    let desk = Desk::new(service, 1)?;
    let project = service.new_project();
    service.seed(&project, &desk.path("warehouse"))?;
    Ok((desk, project))
}

/// The partitions of every table that has rows, in both stores.
pub fn same_rows(desk: &Desk, store: &str) -> Result<(), Failed> {
    let (ours, theirs) = (desk.phase3(store)?, desk.phase3("directory")?);
    for (table, input) in &theirs.tables {
        let other = ours.tables.get(table).ok_or_else(|| format!("{table} is not there"))?;
        ensure(input.partitions == other.partitions && input.files == other.files, format!("{table} differs"))?;
    }
    Ok(())
}

pub fn same_as_directory(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = seeded(service)?;
    let warehouse = format!("bigquery:{project}");
    desk.done(&["sync", "--warehouse", "dir:warehouse", "--store", "directory"])?;
    desk.done(&["sync", "--warehouse", &warehouse])?;
    same_rows(&desk, "putback-store")?;
    let jobs = job_ids(service, &project)?.len();
    let again = desk.done(&["sync", "--warehouse", &warehouse])?;
    ensure(again.stdout.lines().skip(1).all(|line| line.contains("unchanged")), &again.stdout)?;
    // One metadata query for each dataset with input tables.
    let more = job_ids(service, &project)?.len() - jobs;
    ensure(more == 4, format!("{more} jobs for an unchanged range"))
}

pub fn only_what_changed(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = seeded(service)?;
    let warehouse = format!("bigquery:{project}");
    desk.done(&["sync", "--warehouse", &warehouse])?;
    let table = Table::PlayerGameSummary;
    query(
        service,
        &project,
        &format!("UPDATE `{project}.{table}` SET points = points + 1 WHERE game_date = DATE '2023-11-29'"),
    )?;
    query(service, &project, &format!("DELETE FROM `{project}.{table}` WHERE game_date = DATE '2023-11-30'"))?;
    let plan = desk.done(&["sync", "--warehouse", &warehouse, "--dry-run", "--format", "json"])?;
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout)?;
    let games = &plan["tables"][0];
    ensure(games["partitions"] == 1 && games["unchanged"] == false, games)?;
    let report = desk.done(&["sync", "--warehouse", &warehouse, "--format", "json"])?;
    let report: serde_json::Value = serde_json::from_str(&report.stdout)?;
    let games = &report["tables"][0];
    ensure(games["changed_dates"] == serde_json::json!(["2023-11-29"]), games)?;
    ensure(games["vanished_dates"] == serde_json::json!(["2023-11-30"]), games)?;
    let others = report["tables"].as_array().into_iter().flatten().skip(1);
    ensure(others.clone().all(|table| table["unchanged"] == true), &report)
}

/// Rows that are left out are no rows that got lost on their way.
pub fn games_without_teams(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = seeded(service)?;
    let table = Table::Schedule;
    let to_come = "UPDATE TABLE SET game_status = 1, home_team_tricode = NULL WHERE game_date = DATE '2023-11-29'";
    query(service, &project, &to_come.replace("TABLE", &format!("`{project}.{table}`")))?;
    let done = desk.done(&["sync", "--warehouse", &format!("bigquery:{project}")])?;
    let told = "rows of games that are not final lack a team, and are left out";
    ensure(done.stderr.contains(told), &done.stderr)?;
    let dates = &desk.phase3("putback-store")?.tables[&table].partitions;
    let has_rows = |date: &str| dates.keys().any(|day| day.to_string() == date);
    ensure(has_rows("2023-11-28") && !has_rows("2023-11-29"), dates.len())
}

/// The daily pipeline replaces a day, or takes it away, by its partition's decorator.
pub fn decorated_partitions(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = seeded(service)?;
    let warehouse = format!("bigquery:{project}");
    desk.done(&["sync", "--warehouse", &warehouse])?;
    let table = Table::PlayerGameSummary;
    let files = desk.path("warehouse").display().to_string();
    python(service, &["replace_partition", &project, table.full_name(), "game_date", &files, "2023-11-29"])?;
    python(service, &["delete_partition", &project, table.full_name(), "2023-11-30"])?;
    let report = desk.done(&["sync", "--warehouse", &warehouse, "--format", "json"])?;
    let report: serde_json::Value = serde_json::from_str(&report.stdout)?;
    let games = &report["tables"][0];
    ensure(games["changed_dates"] == serde_json::json!(["2023-11-29"]), games)?;
    ensure(games["vanished_dates"] == serde_json::json!(["2023-11-30"]), games)
}

pub fn broken_streams(service: &'static Service) -> Result<(), Failed> {
    let (mut desk, project) = seeded(service)?;
    desk.done(&["sync", "--warehouse", "dir:warehouse", "--store", "directory"])?;
    let warehouse = format!("bigquery:{project}");
    for (number, first_bytes) in [20_000, 150_000, 700_000].into_iter().enumerate() {
        desk.grpc = Some(cutting_proxy(&service.grpc, first_bytes, 6)?);
        let store = format!("store-{number}");
        desk.done(&["sync", "--warehouse", &warehouse, "--store", &store])?;
        same_rows(&desk, &store)?;
    }
    Ok(())
}

pub fn without_read_api(service: &'static Service) -> Result<(), Failed> {
    let (mut desk, project) = seeded(service)?;
    desk.done(&["sync", "--warehouse", "dir:warehouse", "--store", "directory"])?;
    desk.grpc = None;
    desk.done(&["sync", "--warehouse", &format!("bigquery:{project}")])?;
    same_rows(&desk, "putback-store")
}

pub fn missing_table(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = seeded(service)?;
    let warehouse = format!("bigquery:{project}");
    let path = format!("projects/{project}/datasets/nba_raw/tables/nbac_schedule");
    ensure(request(service, "DELETE", &path, None)?.0 == 204, "not deleted")?;
    let outcome = desk.run(&["sync", "--warehouse", &warehouse])?;
    ensure(
        outcome.code == 5 && outcome.stderr.contains("nba_raw.nbac_schedule is not in the warehouse"),
        &outcome.stderr,
    )?;
    let outcome = desk.run(&["sync", "--warehouse", "bigquery:no-such-project"])?;
    ensure(outcome.code == 5 && outcome.stderr.contains("there is no dataset no-such-project."), &outcome.stderr)
}
