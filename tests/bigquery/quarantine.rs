//! `upload --quarantine`: the rest of dates in BigQuery, with failures for rows that rest on faulty rows.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{Date32Type, Int64Type};
use libtest_mimic::Failed;
use putback::catalog::Table;
use putback::store::{read_month_file, write_parquet};

use super::client::{job_ids, query};
use super::desk::{Desk, ensure};
use super::service::Service;
use super::upload::with_target;

const DAY: &str = "2023-11-30";
const GAMES: Table = Table::PlayerGameSummary;

pub fn rest_of_dates(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    let to = format!("bigquery:{project}");
    let count = |table: &str, condition: &str| -> Result<u64, Failed> {
        Ok(query(service, &project, &format!("SELECT COUNT(*) FROM `{project}.{table}` WHERE {condition}"))?[0][0]
            .parse()?)
    };
    let failures = || count("nba_processing.precompute_failures", "failure_category = 'QUARANTINED'");
    let zones = || count("nba_precompute.player_shot_zone_analysis", "analysis_date >= DATE '2023-11-28'");
    desk.done(&["upload", "--to", &to])?;
    let all_zones = zones()?;
    let file = desk.path("warehouse").join(format!("{GAMES}.parquet"));
    let sound = read_month_file(GAMES, &file)?;
    write_parquet(&file, &with_an_impossible_value(&sound)?)?;
    compute(&desk)?;

    let rehearsed = desk.run(&["upload", "--to", &to, "--quarantine", "--dry-run"])?;
    ensure(rehearsed.code == 3 && failures()? == 0, &rehearsed.stderr)?;
    let first = desk.run(&["upload", "--to", &to, "--quarantine"])?;
    let told = "note: quarantined: impossible values (I31): 1 date, 2023-11-30; leaves out ";
    ensure(first.code == 3 && first.stderr.contains(told), format!("{}: {}", first.code, first.stderr))?;
    let held = failures()?;
    let days_of_zones = all_zones - zones()?;
    ensure(held > days_of_zones && days_of_zones == 3, format!("{held} failures, {days_of_zones} rows of zones"))?;
    let summary = format!(
        "SELECT COUNT(*) FROM `{project}.nba_backfill.putback_ledger` WHERE summary LIKE '%quarantined: impossible%'"
    );
    ensure(query(service, &project, &summary)? == [["1".to_owned()]], "the ledger does not say it")?;

    // What is published is known, and found again without the receipts.
    let jobs = job_ids(service, &project)?.len();
    let again = desk.run(&["upload", "--to", &to, "--quarantine"])?;
    ensure(again.code == 3 && job_ids(service, &project)?.len() == jobs, &again.stderr)?;
    std::fs::remove_dir_all(desk.path("putback-store/published"))?;
    let compared = desk.run(&["upload", "--to", &to, "--quarantine", "--format", "json"])?;
    let report: serde_json::Value = serde_json::from_str(&compared.stdout)?;
    ensure(compared.code == 3 && report["publication"].is_null(), &report)?;
    // Without the option the dates are held back, as they are there.
    let kept = desk.run(&["upload", "--to", &to])?;
    ensure(kept.code == 4 && failures()? == held, format!("{}: {}", kept.code, kept.stderr))?;

    let undone = desk.run_range(&["undo", "--to", &to], &[])?;
    ensure(undone.code == 0 && failures()? == 0 && zones()? == all_zones, &undone.stderr)?;
    let redone = desk.run(&["upload", "--to", &to, "--quarantine"])?;
    ensure(redone.code == 3 && failures()? == held, &redone.stderr)?;

    write_parquet(&file, &sound)?;
    compute(&desk)?;
    desk.done(&["upload", "--to", &to])?;
    ensure(failures()? == 0 && zones()? == all_zones, "the rows are not back")?;
    service.holds(&project, &desk.path("putback-store"))
}

fn compute(desk: &Desk) -> Result<(), Failed> {
    desk.done(&["sync", "--warehouse", "dir:warehouse"])?;
    desk.done(&["compute"]).map(|_| ())
}

/// The first player of the day with attempts below 0.
fn with_an_impossible_value(games: &RecordBatch) -> Result<RecordBatch, Failed> {
    let dates = games.column_by_name("game_date").ok_or("no date")?.as_primitive::<Date32Type>();
    let day = Date32Type::from_naive_date(DAY.parse()?);
    let row = dates.values().iter().position(|date| *date == day).ok_or("no row")?;
    let place = games.schema().index_of("paint_attempts")?;
    let attempts = games.column(place).as_primitive::<Int64Type>();
    let changed: Int64Array =
        attempts.iter().enumerate().map(|(at, of)| if at == row { Some(-1) } else { of }).collect();
    let mut columns = games.columns().to_vec();
    columns[place] = Arc::new(changed) as ArrayRef;
    Ok(RecordBatch::try_new(games.schema(), columns)?)
}
