//! Two publishers at once, and the ledger that keeps them apart.

use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::client::{query, request};
use super::desk::{Desk, Outcome, ensure};
use super::service::Service;
use super::upload::with_target;

const HEAD: &str = "nba_backfill.putback_ledger_head";

/// Two machines with different rows of the same dates, uploading at the same time; the later of the two transactions
/// begins before the earlier commits.
fn race(service: &'static Service, project: &str) -> Result<[(Desk, Outcome); 2], Failed> {
    let desks = [Desk::computed(service, 1)?, Desk::computed_otherwise(service, 1)?];
    service.as_fake()?.overlap_transactions(project);
    let to = format!("bigquery:{project}");
    let upload = |desk: &Desk| desk.run(&["upload", "--to", &to]);
    let outcomes = std::thread::scope(|scope| {
        let other = scope.spawn(|| upload(&desks[0]));
        let one = upload(&desks[1]);
        Ok::<_, Failed>([other.join().map_err(|_| "a thread panicked")??, one?])
    })?;
    let mut pairs = desks.into_iter().zip(outcomes);
    Ok([pairs.next().expect("two"), pairs.next().expect("two")])
}

/// One of the two commits; the other ends with status 6, and its rerun publishes.
fn one_wins(service: &'static Service, project: &str) -> Result<(), Failed> {
    let mut race = race(service, project)?;
    race.sort_by_key(|(_, outcome)| outcome.code);
    let [(winner, won), (loser, lost)] = race;
    ensure(won.code == 0, format!("{}: {}", won.code, won.stderr))?;
    ensure(lost.code == 6, format!("{}: {}", lost.code, lost.stderr))?;
    ensure(
        lost.stderr.contains("nothing was published") && lost.stderr.contains("run the same command again"),
        &lost.stderr,
    )?;
    service.holds(project, &winner.path("putback-store"))?;
    loser.done(&["upload", "--to", &format!("bigquery:{project}")])?;
    service.holds(project, &loser.path("putback-store"))?;
    ledger_agrees(service, project, "2")
}

/// The head names the only publication that is no other's parent.
fn ledger_agrees(service: &'static Service, project: &str, publications: &str) -> Result<(), Failed> {
    let ledger = format!("`{project}.nba_backfill.putback_ledger`");
    let rows = query(service, project, &format!("SELECT COUNT(*) FROM {ledger}"))?;
    ensure(rows == [[publications.to_owned()]], format!("{rows:?}"))?;
    let latest =
        format!("SELECT publication_id FROM {ledger} WHERE publication_id NOT IN (SELECT parent_id FROM {ledger})");
    let (latest, head) = (
        query(service, project, &latest)?,
        query(service, project, &format!("SELECT publication_id FROM `{project}.{HEAD}`"))?,
    );
    ensure(latest == head && head.len() == 1, format!("{latest:?} {head:?}"))
}

/// New dates: neither publication deletes a row that the other touches.
pub fn of_new_dates(service: &'static Service) -> Result<(), Failed> {
    let project = service.new_project();
    service.seed(&project, &std::env::temp_dir().join("putback-no-such-warehouse"))?;
    one_wins(service, &project)
}

/// A ledger of a putback that knew no head gets one, whoever comes first.
pub fn of_an_older_ledger(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    let range = ["--date", "2023-12-02"];
    let outcome = desk.run_range(&["upload", "--to", &format!("bigquery:{project}")], &range)?;
    ensure(outcome.code == 0, &outcome.stderr)?;
    let path = format!("projects/{project}/datasets/nba_backfill/tables/putback_ledger_head");
    ensure(request(service, "DELETE", &path, None)?.0 == 204, "the head is not gone")?;
    let desks = [Desk::computed_otherwise(service, 1)?, desk];
    service.as_fake()?.overlap_transactions(&project);
    let outcomes = std::thread::scope(|scope| {
        let runs = desks.each_ref().map(|desk| {
            let to = format!("bigquery:{project}");
            scope.spawn(move || {
                desk.run_range(&["upload", "--to", &to], &["--from", "2023-11-28", "--to", "2023-12-01"])
            })
        });
        runs.map(|run| run.join().expect("no thread panicked"))
    });
    let mut codes = Vec::new();
    for outcome in outcomes {
        codes.push(outcome?.code);
    }
    codes.sort_unstable();
    ensure(codes == [0, 6], format!("{codes:?}"))?;
    ledger_agrees(service, &project, "2")
}

/// The fake keeps transactions apart as the service does: over rows that both change or delete, and no others.
pub fn the_fake_conflicts_over_common_rows_only(service: &'static Service) -> Result<(), Failed> {
    let ours = Transactions::new(service)?;
    ours.start_overlapping(&[("skew_a", "BOS"), ("skew_b", "NYK")])?;
    ensure(ours.failure("skew_a")?.is_null() && ours.failure("skew_b")?.is_null(), "deletes of nothing conflict")?;
    let rows = query(service, &ours.project, &format!("SELECT COUNT(*) FROM {}", ours.table))?;
    ensure(rows == [["2".to_owned()]], format!("{rows:?}"))?;
    ours.start_overlapping(&[("common_a", "BOS"), ("common_b", "NYK")])?;
    let message = ours.failure("common_b")?;
    ensure(message.as_str().is_some_and(|text| text.contains("aborted due to concurrent update")), &message)?;
    ensure(ours.failure("common_a")?.is_null(), "the first does not commit")
}

/// Open transactions of two projects do not meet.
pub fn the_fake_keeps_projects_apart(service: &'static Service) -> Result<(), Failed> {
    let both = [Transactions::new(service)?, Transactions::new(service)?];
    for (id, team) in [("first", "BOS"), ("second", "NYK")] {
        for of in &both {
            if id == "first" {
                service.as_fake()?.overlap_transactions(&of.project);
            }
            of.start(id, team)?;
        }
    }
    for of in &both {
        ensure(of.failure("first")?.is_null() && of.failure("second")?.is_null(), "a transaction fails")?;
    }
    Ok(())
}

/// Transactions that replace the rows of one date.
struct Transactions {
    service: &'static Service,
    project: String,
    table: String,
}

impl Transactions {
    fn new(service: &'static Service) -> Result<Self, Failed> {
        let (_, project) = with_target(service)?;
        let table = format!("`{project}.nba_precompute.team_defense_zone_analysis`");
        Ok(Self { service, project, table })
    }

    /// The first stays open until the second has ended.
    fn start_overlapping(&self, transactions: &[(&str, &str); 2]) -> Result<(), Failed> {
        self.service.as_fake()?.overlap_transactions(&self.project);
        transactions.iter().try_for_each(|(id, team)| self.start(id, team))
    }

    fn start(&self, id: &str, team: &str) -> Result<(), Failed> {
        let Self { service, project, table } = self;
        let sql = format!(
            "BEGIN TRANSACTION;\nDELETE FROM {table} WHERE analysis_date = DATE '2023-11-28';\n\
             INSERT INTO {table} (team_abbr, analysis_date, processed_at, data_hash) \
             VALUES ('{team}', DATE '2023-11-28', CURRENT_TIMESTAMP(), 'x');\nCOMMIT TRANSACTION;\n"
        );
        let body = json!({
            "jobReference": { "projectId": project, "jobId": id, "location": "us-west2" },
            "configuration": { "query": { "query": sql, "useLegacySql": false } },
        });
        ensure(request(service, "POST", &format!("projects/{project}/jobs"), Some(&body))?.0 == 200, "not accepted")
    }

    /// Waits for the end of a transaction; its error, or null.
    fn failure(&self, id: &str) -> Result<Value, Failed> {
        let path = format!("projects/{}/jobs/{id}?location=us-west2", self.project);
        let mut job = request(self.service, "GET", &path, None)?.1;
        while job["status"]["state"] != "DONE" {
            job = request(self.service, "GET", &path, None)?.1;
        }
        Ok(job["status"]["errorResult"]["message"].clone())
    }
}

/// The tables of the ledger outlive what their dataset says of new tables.
pub fn the_ledger_inherits_no_expiration(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    service.as_fake()?.alter_dataset(&project, "nba_backfill", |dataset| {
        dataset["defaultTableExpirationMs"] = json!("3600000");
    });
    desk.done(&["upload", "--to", &format!("bigquery:{project}")])?;
    for table in ["putback_ledger", "putback_ledger_head"] {
        let path = format!("projects/{project}/datasets/nba_backfill/tables/{table}");
        let (_, resource) = request(service, "GET", &path, None)?;
        ensure(resource["expirationTime"].is_null(), &resource)?;
    }
    Ok(())
}

/// A head that somebody doubled is no head: a person has to look.
pub fn a_doubled_head_is_refused(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    let to = format!("bigquery:{project}");
    desk.done(&["upload", "--to", &to])?;
    service.as_fake()?.execute(&format!("INSERT INTO `{project}.{HEAD}` (publication_id) VALUES ('x')"))?;
    let range = "DATE '2023-11-29'";
    service.as_fake()?.execute(&format!(
        "DELETE FROM `{project}.nba_precompute.player_shot_zone_analysis` WHERE analysis_date = {range}"
    ))?;
    let outcome = desk.run(&["upload", "--to", &to])?;
    ensure(
        outcome.code == 9 && outcome.stderr.contains("has 2 rows instead of one; nothing was published"),
        format!("{}: {}", outcome.code, outcome.stderr),
    )?;
    let path = format!("projects/{project}/datasets/nba_backfill/tables/putback_ledger_head");
    request(service, "DELETE", &path, None)?;
    desk.done(&["upload", "--to", &to])?;
    service.holds(&project, &desk.path("putback-store"))
}
