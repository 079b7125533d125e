//! `putback upload` into BigQuery.

use libtest_mimic::Failed;
use serde_json::json;

use super::client::{job_ids, query, request};
use super::desk::{Desk, ensure};
use super::proxy::Proxy;
use super::service::Service;

/// Comparing, one load, one transaction, verifying.
pub const UPLOAD_JOBS: usize = 4;

/// A computed desk, and a project with empty tables.
pub fn with_target(service: &'static Service) -> Result<(Desk, String), Failed> {
    let desk = Desk::computed(service, 1)?;
    let project = service.new_project();
    service.seed(&project, &desk.path("nothing"))?;
    Ok((desk, project))
}

pub fn read_back(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    let to = format!("bigquery:{project}");
    desk.done(&["upload", "--to", &to])?;
    service.holds(&project, &desk.path("putback-store"))?;
    let jobs = job_ids(service, &project)?;
    // The first upload into a project creates the head of the ledger as well.
    ensure(jobs.len() == UPLOAD_JOBS + 1, format!("{jobs:?}"))?;
    desk.done(&["upload", "--to", &to])?;
    ensure(job_ids(service, &project)?.len() == UPLOAD_JOBS + 1, "a second upload started jobs")?;
    let left = query(
        service,
        &project,
        &format!(
            "SELECT table_name FROM `{project}.nba_backfill.INFORMATION_SCHEMA.TABLES` WHERE table_name LIKE 'putback%' ORDER BY 1"
        ),
    )?;
    let left: Vec<&str> = left.iter().filter_map(|row| row.first().map(String::as_str)).collect();
    let is_backup = |name: &str| name.starts_with("putback_backup_");
    ensure(
        matches!(left.as_slice(), [backup, "putback_ledger", "putback_ledger_head"] if is_backup(backup)),
        format!("{left:?}"),
    )?;
    let ledger = query(service, &project, &format!("SELECT parent_id FROM `{project}.nba_backfill.putback_ledger`"))?;
    ensure(ledger == [[String::new()]], format!("{ledger:?}"))
}

pub fn only_what_differs(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    let to = format!("bigquery:{project}");
    desk.done(&["upload", "--to", &to])?;
    // Somebody loses a row of one date.
    query(
        service,
        &project,
        &format!(
            "DELETE FROM `{project}.nba_predictions.ml_feature_store_v2` WHERE game_date = DATE '2023-11-29' \
         AND player_lookup = (SELECT MIN(player_lookup) FROM `{project}.nba_predictions.ml_feature_store_v2` \
         WHERE game_date = DATE '2023-11-29')"
        ),
    )?;
    let outcome = desk.done(&["upload", "--to", &to, "--format", "json"])?;
    let report: serde_json::Value = serde_json::from_str(&outcome.stdout)?;
    for table in report["tables"].as_array().into_iter().flatten() {
        let expected =
            if table["table"] == "nba_predictions.ml_feature_store_v2" { json!(["2023-11-29"]) } else { json!([]) };
        ensure(table["dates"] == expected, table)?;
    }
    service.holds(&project, &desk.path("putback-store"))?;
    // A store that lost its receipts finds by comparing that there is nothing to do.
    std::fs::remove_dir_all(desk.path("putback-store/published"))?;
    let before = job_ids(service, &project)?.len();
    desk.done(&["upload", "--to", &to])?;
    ensure(job_ids(service, &project)?.len() == before + 1, "more than a comparison ran")
}

pub fn dry_run(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    let outcome = desk.done(&["upload", "--to", &format!("bigquery:{project}"), "--dry-run"])?;
    for expected in
        ["BEGIN TRANSACTION", "COMMIT TRANSACTION", "\"sourceFormat\": \"PARQUET\"", "DELETE FROM", "us-west2"]
    {
        ensure(outcome.stdout.contains(expected), &outcome.stdout)?;
    }
    let rows =
        query(service, &project, &format!("SELECT COUNT(*) FROM `{project}.nba_predictions.ml_feature_store_v2`"))?;
    ensure(rows == [["0".to_owned()]], format!("{rows:?}"))?;
    ensure(
        !desk.path("putback-store/published").exists() && !desk.path("putback-store/publish").exists(),
        "traces in the store",
    )
}

pub fn another_writer(service: &'static Service) -> Result<(), Failed> {
    let (mut desk, project) = with_target(service)?;
    let to = format!("bigquery:{project}");
    let proxy = Proxy::before(&service.rest)?;
    let (theirs, mut done) = (project.clone(), false);
    proxy.on_request(move |request| {
        if request.contains("BEGIN TRANSACTION") && !done {
            done = true;
            let sql = format!(
                "INSERT INTO `{theirs}.nba_precompute.team_defense_zone_analysis` \
                 (team_abbr, analysis_date, processed_at, data_hash) \
                 VALUES ('BOS', DATE '2023-12-01', CURRENT_TIMESTAMP(), 'somebody else')"
            );
            query(service, &theirs, &sql).expect("a row");
        }
    });
    desk.rest = proxy.address.clone();
    let outcome = desk.run(&["upload", "--to", &to])?;
    ensure(outcome.code == 6, format!("{}: {}", outcome.code, outcome.stderr))?;
    ensure(
        outcome.stderr.contains("the target changed after it was compared; nothing was published"),
        &outcome.stderr,
    )?;
    let rows =
        query(service, &project, &format!("SELECT COUNT(*) FROM `{project}.nba_predictions.ml_feature_store_v2`"))?;
    ensure(rows == [["0".to_owned()]], format!("half published: {rows:?}"))?;
    desk.done(&["upload", "--to", &to])?;
    service.holds(&project, &desk.path("putback-store"))
}

pub fn unfit_targets(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    let to = format!("bigquery:{project}");
    let path = format!("projects/{project}/datasets/nba_predictions/tables/ml_feature_store_v2");
    let patch = json!({ "timePartitioning": { "type": "DAY", "field": "game_date", "expirationMs": "7776000000" } });
    ensure(request(service, "PATCH", &path, Some(&patch))?.0 == 200, "not patched")?;
    let outcome = desk.run(&["upload", "--to", &to])?;
    ensure(outcome.code == 9 && outcome.stderr.contains("partitions expire after 90 days"), &outcome.stderr)?;
    ensure(request(service, "DELETE", &path, None)?.0 == 204, "not deleted")?;
    let outcome = desk.run(&["upload", "--to", &to])?;
    ensure(outcome.code == 5 && outcome.stderr.contains("ml_feature_store_v2 does not exist"), &outcome.stderr)?;
    let rows =
        query(service, &project, &format!("SELECT COUNT(*) FROM `{project}.nba_precompute.player_composite_factors`"))?;
    ensure(rows == [["0".to_owned()]], format!("{rows:?}"))
}

pub fn progress(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    let to = format!("bigquery:{project}");
    let fields: Vec<serde_json::Value> = [("game_date", "DATE"), ("last_updated", "TIMESTAMP")]
        .into_iter()
        .chain(FLAGS.map(|name| (name, "BOOLEAN")))
        .map(|(name, ty)| json!({ "name": name, "type": ty }))
        .collect();
    let table = json!({
        "tableReference": { "projectId": project, "datasetId": "nba_backfill", "tableId": "backfill_progress" },
        "schema": { "fields": fields },
    });
    let path = format!("projects/{project}/datasets/nba_backfill/tables");
    ensure(request(service, "POST", &path, Some(&table))?.0 == 200, "not created")?;
    let flags = format!(
        "SELECT COUNT(*), COUNTIF(phase3_complete), COUNTIF(phase4_mlfs_complete), COUNTIF(phase4_complete) \
         FROM `{project}.nba_backfill.backfill_progress`"
    );
    // Nothing is published: flags are false.
    desk.done(&["status", "--write-progress", "--to", &to])?;
    ensure(query(service, &project, &flags)? == [["5", "5", "0", "0"].map(str::to_owned)], "before")?;
    desk.done(&["upload", "--to", &to])?;
    let remote = desk.done(&["status", "--write-progress", "--to", &to])?;
    ensure(remote.stdout.contains("Rows there"), &remote.stdout)?;
    ensure(query(service, &project, &flags)? == [["5", "5", "5", "5"].map(str::to_owned)], "after")?;
    // Rows that go take the flag with them.
    let sql =
        format!("DELETE FROM `{project}.nba_predictions.ml_feature_store_v2` WHERE game_date = DATE '2023-11-30'");
    query(service, &project, &sql)?;
    desk.done(&["status", "--write-progress", "--to", &to])?;
    ensure(query(service, &project, &flags)? == [["5", "5", "4", "4"].map(str::to_owned)], "after a loss")
}

const FLAGS: [&str; 12] = [
    "phase3_complete",
    "phase3_pgs_complete",
    "phase3_togs_complete",
    "phase3_tdgs_complete",
    "phase3_upgc_complete",
    "phase3_utgc_complete",
    "phase4_complete",
    "phase4_tdza_complete",
    "phase4_psza_complete",
    "phase4_pdc_complete",
    "phase4_pcf_complete",
    "phase4_mlfs_complete",
];
