//! `putback undo` of publications into BigQuery.

use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::client::{job_ids, query, request};
use super::desk::{Desk, Outcome, ensure};
use super::fake::JobFault;
use super::faults::{content, faults_of};
use super::proxy::{Fault, Proxy};
use super::service::Service;

/// The ledger, the manifest, comparing, one transaction, verifying.
const UNDO_JOBS: usize = 5;

const FEATURES: &str = "nba_predictions.ml_feature_store_v2";

fn undo(desk: &Desk, to: &str, more: &[&str]) -> Result<Outcome, Failed> {
    desk.run_range(&[&["undo", "--to", to][..], more].concat(), &[])
}

fn list(desk: &Desk, to: &str) -> Result<Vec<Value>, Failed> {
    let outcome = undo(desk, to, &["--list", "--format", "json"])?;
    ensure(outcome.code == 0, &outcome.stderr)?;
    Ok(serde_json::from_str(&outcome.stdout)?)
}

fn id(publication: &Value) -> String {
    publication["id"].as_str().unwrap_or_default().to_owned()
}

/// Published twice, by two stores with other rows of a date; the content after each.
fn published_twice(service: &'static Service) -> Result<([Desk; 2], String, [String; 2]), Failed> {
    let desks = [Desk::computed(service, 1)?, Desk::computed_otherwise(service, 1)?];
    let project = service.new_project();
    service.seed(&project, &desks[0].path("nothing"))?;
    let mut contents = [String::new(), String::new()];
    for (desk, found) in desks.iter().zip(&mut contents) {
        desk.done(&["upload", "--to", &format!("bigquery:{project}")])?;
        *found = content(service, &project)?;
    }
    ensure(contents[0] != contents[1], "the two versions do not differ")?;
    Ok((desks, project, contents))
}

pub fn puts_back(service: &'static Service) -> Result<(), Failed> {
    let (desks, project, contents) = published_twice(service)?;
    let [desk, _] = &desks;
    let to = format!("bigquery:{project}");
    let known = list(desk, &to)?;
    ensure(known.len() == 2 && known[0]["parent"] == known[1]["id"], json!(known))?;
    let end = known[0]["undo"]["until"].as_str().unwrap_or_default().to_owned();
    let end = chrono::DateTime::parse_from_rfc3339(&end)?;
    let days = (end.to_utc() - chrono::Utc::now()).num_hours();
    ensure((29 * 24..=30 * 24).contains(&days), format!("kept for {days} hours"))?;
    let before = job_ids(service, &project)?.len();
    let undone = undo(desk, &to, &[])?;
    ensure(undone.code == 0, &undone.stderr)?;
    ensure(content(service, &project)? == contents[0], "not what was there before")?;
    let jobs = job_ids(service, &project)?.len() - before;
    ensure(jobs == UNDO_JOBS, format!("{jobs} jobs"))?;
    service.holds(&project, &desk.path("putback-store"))?;
    let known = list(desk, &to)?;
    ensure(known.len() == 3 && known[0]["undoes"] == known[1]["id"], json!(known))?;
    // By its id, nothing happens twice.
    let again = undo(desk, &to, &[&id(&known[1])])?;
    ensure(again.code == 0 && again.stdout.contains("was undone before, by"), &again.stderr)?;
    ensure(content(service, &project)? == contents[0], "undone twice")?;
    // The undo is undone, and uploads go on from there.
    let redone = undo(desk, &to, &[])?;
    ensure(redone.code == 0, &redone.stderr)?;
    ensure(content(service, &project)? == contents[1], "not what the undo replaced")?;
    desks[0].done(&["upload", "--to", &to])?;
    ensure(content(service, &project)? == contents[0], "not published again")?;
    desks[1].done(&["upload", "--to", &to])?;
    ensure(content(service, &project)? == contents[1], "not published again")
}

/// The first publication replaced nothing: an undo leaves nothing.
pub fn of_the_first(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = super::upload::with_target(service)?;
    let to = format!("bigquery:{project}");
    let empty = content(service, &project)?;
    desk.done(&["upload", "--to", &to])?;
    let undone = undo(&desk, &to, &[])?;
    ensure(undone.code == 0, &undone.stderr)?;
    ensure(content(service, &project)? == empty, "rows are left")?;
    desk.done(&["upload", "--to", &to])?;
    service.holds(&project, &desk.path("putback-store"))
}

/// Columns of others come back as well, JSON among them.
pub fn columns_of_others(service: &'static Service) -> Result<(), Failed> {
    let fake = service.as_fake()?;
    let desks = [Desk::computed(service, 1)?, Desk::computed_otherwise(service, 1)?];
    let project = service.new_project();
    service.seed(&project, &desks[0].path("nothing"))?;
    fake.alter_columns(&project, FEATURES, "ADD COLUMN reviewed VARCHAR", |fields| {
        fields.push(json!({ "name": "reviewed", "type": "JSON", "mode": "NULLABLE" }));
    });
    let to = format!("bigquery:{project}");
    desks[0].done(&["upload", "--to", &to])?;
    fake.execute(&format!(
        "UPDATE `{project}.{FEATURES}` SET reviewed = '{{\"by\": 1}}' WHERE game_date = DATE '2023-11-29'"
    ))?;
    let reviewed = || query(service, &project, &format!("SELECT COUNT(reviewed) FROM `{project}.{FEATURES}`"));
    let before = reviewed()?;
    ensure(before != [["0".to_owned()]], "nothing was reviewed")?;
    desks[1].done(&["upload", "--to", &to])?;
    ensure(reviewed()? == [["0".to_owned()]], "the upload did not replace the date")?;
    let undone = undo(&desks[0], &to, &[])?;
    ensure(undone.code == 0, &undone.stderr)?;
    ensure(reviewed()? == before, "the column of others is lost")
}

pub fn refusals(service: &'static Service) -> Result<(), Failed> {
    let (desks, project, contents) = published_twice(service)?;
    let [desk, other] = &desks;
    let to = format!("bigquery:{project}");
    let refused = |more: &[&str], code: i32, says: &str| -> Result<(), Failed> {
        let outcome = undo(desk, &to, &[&[][..], more].concat())?;
        ensure(outcome.code == code && outcome.stderr.contains(says), format!("{}: {}", outcome.code, outcome.stderr))
    };
    refused(&["0123456789abcdef0123"], 2, "there is no publication 0123456789abcdef0123 in")?;
    let [latest, first] = [0, 1].map(|index| list(desk, &to).map(|known| id(&known[index])));
    let (latest, first) = (latest?, first?);
    refused(&[&first], 6, "changed since: ")?;
    // Somebody else changes a date.
    let fake = service.as_fake()?;
    let change = |value: &str| {
        format!("UPDATE `{project}.{FEATURES}` SET data_hash = {value} WHERE game_date = DATE '2023-11-29'")
    };
    fake.execute(&change("CONCAT('x', data_hash)"))?;
    refused(&[], 6, "changed since: nba_predictions.ml_feature_store_v2 on 2023-11-29; nothing was changed")?;
    fake.execute(&change("substr(data_hash, 2)"))?;
    ensure(content(service, &project)? == contents[1], "the test does not put back what it changed")?;
    // Somebody empties the backup, or it expires.
    let backup = format!("nba_backfill.putback_backup_{latest}");
    fake.execute(&format!("DELETE FROM `{project}.{backup}` WHERE putback_manifest IS NULL"))?;
    refused(&[], 13, "does not hold what it replaced; nothing was changed")?;
    let path = format!("projects/{project}/datasets/nba_backfill/tables/putback_backup_{latest}");
    ensure(request(service, "DELETE", &path, None)?.0 == 204, "the backup is not gone")?;
    refused(&[], 5, "expired or was removed")?;
    ensure(list(desk, &to)?[0]["undo"] == json!("no"), "a backup that is gone is listed")?;
    ensure(content(service, &project)? == contents[1], "something was changed")?;
    // Kept on request only.
    desk.done(&["upload", "--to", &to, "--keep-days", "0"])?;
    refused(&[], 5, "expired or was removed")?;
    other.done(&["upload", "--to", &to])?;
    refused(&[], 0, "")
}

/// Another writer comes between the comparison and the transaction.
pub fn another_writer(service: &'static Service) -> Result<(), Failed> {
    let (mut desks, project, _) = published_twice(service)?;
    let to = format!("bigquery:{project}");
    let proxy = Proxy::before(&service.rest)?;
    let (theirs, mut done) = (project.clone(), false);
    proxy.on_request(move |request| {
        if request.contains("BEGIN TRANSACTION") && !done {
            done = true;
            let sql = format!("DELETE FROM `{theirs}.{FEATURES}` WHERE game_date = DATE '2023-11-29'");
            query(service, &theirs, &sql).expect("rows");
        }
    });
    desks[0].rest = proxy.address.clone();
    let outcome = undo(&desks[0], &to, &[])?;
    ensure(
        outcome.code == 6 && outcome.stderr.contains("nothing was published"),
        format!("{}: {}", outcome.code, outcome.stderr),
    )
}

/// Killed, cut or refused at every request, an undo ends as before or as undone.
pub fn faults(service: &'static Service) -> Result<(), Failed> {
    let (mut desks, project, contents) = published_twice(service)?;
    let to = format!("bigquery:{project}");
    let proxy = Proxy::before(&service.rest)?;
    desks[0].rest = proxy.address.clone();
    let desk = &desks[0];
    proxy.meddle(None);
    let latest = |desk: &Desk| list(desk, &to).map(|known| id(&known[0]));
    ensure(undo(desk, &to, &[&latest(desk)?])?.code == 0, "not undone")?;
    let (mut current, mut cases, mut request, mut requests) = (0, 0, 0, usize::MAX);
    while request < requests {
        let faults = faults_of(service, request);
        let outage = (!faults.is_empty()).then_some(Fault::Down);
        for fault in faults.into_iter().chain(outage) {
            let next = 1 - current;
            let case = format!("{fault:?} at request {request}");
            let publication = latest(desk)?;
            proxy.meddle(Some((request, fault)));
            let first = undo(desk, &to, &[&publication])?;
            requests = requests.min(if first.code == 0 { proxy.seen().max(request + 1) } else { requests });
            let between = content(service, &project)?;
            ensure(contents.contains(&between), format!("{case}: a mixture:\n{between}"))?;
            ensure(first.code != 0 || between == contents[next], format!("{case}: success without the rows"))?;
            let is_told = first.stderr.contains("error: ") && first.stderr.contains("hint: ");
            ensure(
                first.code == 0 || (fault == Fault::Down && is_told),
                format!("{case}: {}: {}", first.code, first.stderr),
            )?;
            proxy.meddle(None);
            let again = undo(desk, &to, &[&publication])?;
            ensure(again.code == 0, format!("{case}: again: {}: {}", again.code, again.stderr))?;
            ensure(content(service, &project)? == contents[next], format!("{case}: lost or doubled"))?;
            current = next;
            cases += 1;
        }
        request += 1;
    }
    eprintln!("undo: {cases} cases over {requests} requests; 0 lost, 0 doubled, 0 mixed");
    ensure(cases >= 2 * Fault::ALL.len(), format!("only {cases} cases"))?;
    // Every job fails in every way.
    let fake = service.as_fake()?;
    let (reason, message) = ("backendError", "The job encountered an error during execution");
    let job_faults = [
        JobFault::Refused { status: 503, reason: "backendError" },
        JobFault::FailsBefore { reason, message },
        JobFault::FailsAfter { reason, message },
        JobFault::FailsBefore { reason: "invalidQuery", message: "Transaction is aborted due to concurrent update" },
    ];
    for mark in [
        "ORDER BY published_at",
        "SELECT putback_manifest",
        "SELECT -1 AS part",
        "BEGIN TRANSACTION",
        "SELECT 0 AS part",
    ] {
        for fault in job_faults {
            let next = 1 - current;
            let case = format!("{fault:?} of {mark}");
            let publication = latest(desk)?;
            fake.next_job(&project, mark, fault);
            let first = undo(desk, &to, &[&publication])?;
            fake.forget_faults(&project);
            let between = content(service, &project)?;
            ensure(contents.contains(&between), format!("{case}: a mixture:\n{between}"))?;
            ensure(first.code != 0 || between == contents[next], format!("{case}: success without the rows"))?;
            ensure(undo(desk, &to, &[&publication])?.code == 0, format!("{case}: again"))?;
            ensure(content(service, &project)? == contents[next], format!("{case}: lost or doubled"))?;
            current = next;
        }
    }
    Ok(())
}
