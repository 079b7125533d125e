//! Rows of dates that vanished upstream stay in BigQuery until somebody asks for their removal.

use arrow::array::{AsArray, BooleanArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Date32Type;
use libtest_mimic::Failed;
use putback::catalog::Table;
use putback::store::{read_month_file, write_parquet};

use super::client::{job_ids, query};
use super::desk::{Desk, ensure};
use super::service::Service;
use super::upload::{UPLOAD_JOBS, with_target};

const DAY: &str = "2023-11-30";

pub fn dates(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    let to = format!("bigquery:{project}");
    desk.done(&["upload", "--to", &to])?;
    let rows = || -> Result<String, Failed> {
        let sql = format!(
            "SELECT COUNT(*) FROM `{project}.nba_predictions.ml_feature_store_v2` WHERE game_date = DATE '{DAY}'"
        );
        Ok(query(service, &project, &sql)?[0][0].clone())
    };
    let before = rows()?;
    ensure(before != "0", "nothing is published")?;
    take_day_away(&desk)?;
    ensure(desk.run(&["sync", "--warehouse", "dir:warehouse"])?.code == 3, "a date vanished")?;
    desk.run(&["compute"])?;
    // The dates after it have other windows: they are published, and the vanished one stays.
    let rehearsed = desk.run(&["upload", "--to", &to, "--dry-run"])?;
    ensure(rehearsed.code == 3 && rehearsed.stderr.contains("vanished upstream"), &rehearsed.stderr)?;
    let jobs = job_ids(service, &project)?.len();
    let outcome = desk.run(&["upload", "--to", &to])?;
    ensure(outcome.code == 3, format!("{}: {}", outcome.code, outcome.stderr))?;
    let told = format!("nba_predictions.ml_feature_store_v2: {before} rows on 1 date, {DAY}");
    ensure(outcome.stderr.contains(&told), &outcome.stderr)?;
    ensure(rows()? == before, "rows are gone")?;
    let used = job_ids(service, &project)?.len() - jobs;
    ensure(used <= UPLOAD_JOBS + 1, format!("{used} jobs"))?;
    // What is known needs no job.
    let jobs = job_ids(service, &project)?.len();
    let again = desk.run(&["upload", "--to", &to])?;
    ensure(again.code == 3 && job_ids(service, &project)?.len() == jobs, &again.stderr)?;
    desk.done(&["upload", "--to", &to, "--accept", "vanished"])?;
    desk.done(&["upload", "--to", &to])?;
    ensure(rows()? == before && job_ids(service, &project)?.len() == jobs, "something ran")?;
    desk.done(&["upload", "--to", &to, "--remove-vanished"])?;
    ensure(rows()? == "0", "rows are there")?;
    let jobs = job_ids(service, &project)?.len();
    desk.done(&["upload", "--to", &to])?;
    ensure(job_ids(service, &project)?.len() == jobs, "something is left to do")
}

/// Contexts that the warehouse purges stay in the store, and are counted; other partitions at an end are missed.
pub fn purged(service: &'static Service) -> Result<(), Failed> {
    let desk = Desk::new(service, 2)?;
    let project = service.new_project();
    service.seed(&project, &desk.path("warehouse"))?;
    let warehouse = format!("bigquery:{project}");
    desk.done(&["sync", "--warehouse", &warehouse])?;
    let contexts = Table::UpcomingPlayerGameContext;
    let before = desk.phase3("putback-store")?.tables[&contexts].partitions.clone();
    query(service, &project, &format!("DELETE FROM `{project}.{contexts}` WHERE game_date < DATE '2023-12-01'"))?;
    let report = desk.done(&["sync", "--warehouse", &warehouse, "--format", "json"])?;
    let report: serde_json::Value = serde_json::from_str(&report.stdout)?;
    let of_table =
        report["tables"].as_array().into_iter().flatten().find(|table| table["table"] == contexts.full_name());
    let only_here = of_table.and_then(|table| table["only_here"].as_array()).map_or(0, Vec::len);
    let old = before.keys().filter(|date| date.to_string().as_str() < "2023-12-01").count();
    ensure(old > 0 && only_here == old, format!("{only_here} of {old}"))?;
    ensure(desk.phase3("putback-store")?.tables[&contexts].partitions == before, "rows left the store")?;
    let games = Table::PlayerGameSummary;
    query(service, &project, &format!("DELETE FROM `{project}.{games}` WHERE game_date > DATE '2023-11-30'"))?;
    let outcome = desk.run(&["sync", "--warehouse", &warehouse])?;
    let told = "nba_analytics.player_game_summary ends on 2023-11-30: 2 dates, 2023-12-01 to 2023-12-02";
    ensure(outcome.code == 5 && outcome.stderr.contains(told), format!("{}: {}", outcome.code, outcome.stderr))?;
    desk.done(&["sync", "--warehouse", &warehouse, "--accept-shorter"]).map(|_| ())
}

/// Takes a day out of every table of the warehouse.
fn take_day_away(desk: &Desk) -> Result<(), Failed> {
    let day = Date32Type::from_naive_date(DAY.parse()?);
    for table in Table::inputs() {
        let file = desk.path("warehouse").join(format!("{table}.parquet"));
        if !file.exists() {
            continue;
        }
        let rows = read_month_file(table, &file)?;
        let dates = rows.column_by_name(table.schema().partition_column()).ok_or("no date")?;
        let keep: BooleanArray =
            dates.as_primitive::<Date32Type>().iter().map(|date| Some(date != Some(day))).collect();
        write_parquet(&file, &filter_record_batch(&rows, &keep)?)?;
    }
    Ok(())
}
