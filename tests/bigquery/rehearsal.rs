//! A rehearsal: `[datasets]` maps outputs and ledger to copies; the same commands then publish for real.

use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::client::query;
use super::desk::{Desk, ensure};
use super::service::Service;
use super::upload::with_target;

const MAPPING: &str = "\
[datasets]
nba_precompute = \"copy_precompute\"
nba_predictions = \"copy_predictions\"
nba_processing = \"copy_precompute\"
nba_backfill = \"copy_backfill\"
";

const COPIES: [(&str, &str); 4] = [
    ("nba_precompute", "copy_precompute"),
    ("nba_predictions", "copy_predictions"),
    ("nba_processing", "copy_precompute"),
    ("nba_backfill", "copy_backfill"),
];

fn rows(service: &Service, table: &str) -> Result<String, Failed> {
    let project = table.split('.').next().unwrap_or_default();
    Ok(query(service, project, &format!("SELECT COUNT(*) FROM `{table}`"))?[0][0].clone())
}

fn latest_run(desk: &Desk) -> Result<Value, Failed> {
    let runs = std::fs::read_dir(desk.path("putback-store/runs"))?.flatten().map(|entry| entry.path());
    let latest = runs.filter(|path| path.is_dir()).max().ok_or("no run")?;
    Ok(serde_json::from_slice(&std::fs::read(latest.join("run.json"))?)?)
}

pub fn rehearsed_then_published(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    service.as_fake()?.seed_copies(&project, &COPIES)?;
    let to = format!("bigquery:{project}");
    std::fs::write(desk.path("putback.toml"), MAPPING)?;
    let rehearsed = desk.done(&["upload", "--to", &to])?;
    let first = rehearsed.stderr.lines().next().unwrap_or_default();
    ensure(
        first
            == "note: rehearsal: [datasets] maps nba_backfill → copy_backfill, nba_precompute → copy_precompute, \
                  nba_predictions → copy_predictions, nba_processing → copy_precompute",
        &rehearsed.stderr,
    )?;
    let mapping = &latest_run(&desk)?["settings"]["datasets"];
    ensure(mapping.as_str().is_some_and(|text| text.contains("nba_backfill → copy_backfill")), mapping)?;
    let features = ["nba_predictions", "copy_predictions"].map(|set| format!("{project}.{set}.ml_feature_store_v2"));
    ensure(rows(service, &features[0])? == "0", "the real table was written")?;
    ensure(rows(service, &features[1])? != "0", "nothing was rehearsed")?;
    ensure(rows(service, &format!("{project}.copy_backfill.putback_ledger"))? == "1", "no ledger row")?;
    let real = format!("SELECT COUNT(*) FROM `{project}.nba_backfill.putback_ledger`");
    ensure(query(service, &project, &real).is_err(), "the real ledger was created")?;
    desk.done(&["diff", "--with", &to])?;
    desk.done(&["diff", "--full", "--with", &to])?;
    desk.done(&["status", "--remote", "--to", &to])?;
    let mapped = "rehearsal: [datasets] maps nba_backfill → copy_backfill";
    let doctor = desk.run_range(&["doctor", "--to", &to], &[])?;
    ensure(doctor.code == 0 && doctor.stdout.contains(&format!("✓ target       {mapped}")), &doctor.stdout)?;
    let impact = desk.done(&["impact", "--since-publish", "--to", &to])?;
    ensure(impact.stderr.contains(mapped), &impact.stderr)?;
    let report = desk.done(&["report", "--format", "markdown", "--to", &to])?;
    ensure(report.stderr.contains(mapped), &report.stderr)?;
    let handoff = report.stdout;
    ensure(handoff.contains(r"complete and published in the rehearsal. Take \[datasets\] out"), &handoff)?;
    ensure(handoff.contains(r"This is a rehearsal: \[datasets\] maps nba\_backfill → copy\_backfill"), &handoff)?;
    // For real: the receipts of the rehearsal do not count.
    std::fs::remove_file(desk.path("putback.toml"))?;
    ensure(desk.run(&["diff", "--with", &to])?.code == 9, "the real tables are taken for published")?;
    let published = desk.done(&["upload", "--to", &to])?;
    ensure(!published.stderr.contains("rehearsal"), &published.stderr)?;
    service.holds(&project, &desk.path("putback-store"))?;
    desk.done(&["diff", "--with", &to])?;
    // And the rehearsal still knows what it has.
    std::fs::write(desk.path("putback.toml"), MAPPING)?;
    let again = desk.done(&["upload", "--to", &to, "--format", "json"])?;
    let report: Value = serde_json::from_str(&again.stdout)?;
    let is_nothing = |table: &Value| table["dates"] == json!([]);
    ensure(report["tables"].as_array().is_some_and(|tables| tables.iter().all(is_nothing)), report)
}

pub fn into_another_project(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    let other = service.new_project();
    service.seed(&other, &desk.path("nothing"))?;
    let mapping: Vec<String> = COPIES.iter().map(|(dataset, _)| format!("{dataset} = \"{other}.{dataset}\"")).collect();
    std::fs::write(desk.path("putback.toml"), format!("[datasets]\n{}\n", mapping.join("\n")))?;
    let to = format!("bigquery:{project}");
    desk.done(&["upload", "--to", &to])?;
    service.holds(&other, &desk.path("putback-store"))?;
    ensure(rows(service, &format!("{project}.nba_predictions.ml_feature_store_v2"))? == "0", "written for real")?;
    desk.done(&["diff", "--full", "--with", &to])?;
    Ok(())
}

pub fn unfit_mappings(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    let to = format!("bigquery:{project}");
    let refused = |mapping: &str, code: i32, says: &str| -> Result<(), Failed> {
        std::fs::write(desk.path("putback.toml"), mapping)?;
        let outcome = desk.run(&["upload", "--to", &to])?;
        ensure(outcome.code == code && outcome.stderr.contains(says), format!("{}: {}", outcome.code, outcome.stderr))
    };
    let missing = format!("there is no dataset {project}.copy_backfill ([datasets] maps nba_backfill there)");
    refused(MAPPING, 5, &missing)?;
    service.as_fake()?.seed_copies(&project, &COPIES)?;
    service.as_fake()?.alter_dataset(&project, "copy_precompute", |dataset| dataset["location"] = json!("EU"));
    refused(MAPPING, 5, "copy_precompute ([datasets] maps nba_precompute there) lies in EU, but")?;
    let part: String =
        MAPPING.lines().filter(|line| !line.contains("processing")).map(|line| format!("{line}\n")).collect();
    refused(&part, 2, "[datasets] does not map nba_processing: a rehearsal would write to the real dataset")?;
    refused("[datasets]\nnba_raw = \"copy\"\n", 2, "[datasets] cannot map nba_raw")?;
    refused("[datasets]\nnba_backfill = \"a-b\"\n", 2, "which names no dataset")?;
    ensure(rows(service, &format!("{project}.nba_predictions.ml_feature_store_v2"))? == "0", "written all the same")
}
