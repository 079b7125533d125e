//! Live columns of other types than ours: written as the service stores them, reported, and compared by that.

use libtest_mimic::Failed;

use super::client::query;
use super::desk::{RANGE, ensure};
use super::service::Service;
use super::strict::nothing_is_published;
use super::upload::with_target;

const ZONES: &str = "nba_precompute.team_defense_zone_analysis";

pub fn rounded(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    let fake = service.as_fake()?;
    let narrow = "ALTER COLUMN paint_pct_allowed_last_15 SET DATA TYPE DECIMAL(4, 2)";
    fake.alter_columns(&project, ZONES, narrow, |fields| {
        let field = fields.iter_mut().find(|field| field["name"] == "paint_pct_allowed_last_15").expect("a column");
        (field["type"], field["precision"], field["scale"]) = ("NUMERIC".into(), "4".into(), "2".into());
    });
    // NUMERIC keeps nine digits of a double.
    let nine = "ALTER COLUMN opponent_pace SET DATA TYPE DECIMAL(38, 9)";
    fake.alter_columns(&project, ZONES, nine, |fields| {
        let field = fields.iter_mut().find(|field| field["name"] == "opponent_pace").expect("a column");
        field["type"] = "NUMERIC".into();
    });
    let to = format!("bigquery:{project}");
    let done = desk.run_loudly(&[&["upload", "--to", &to][..], &RANGE].concat())?;
    ensure(done.code == 0, &done.stderr)?;
    let notes: Vec<&str> = done.stderr.lines().filter(|line| line.contains("rounded, by at most")).collect();
    let columns = ["paint_pct_allowed_last_15 is NUMERIC(4, 2) there", "opponent_pace is NUMERIC(38, 9) there"];
    let told = columns.iter().all(|column| notes.iter().any(|note| note.contains(column)));
    ensure(told && notes.len() == columns.len(), &done.stderr)?;
    // Nothing differs by the same rule, whatever is compared.
    for closeness in [&[][..], &["--full"]] {
        desk.done(&[&["diff", "--with", &to], closeness].concat())?;
    }
    let again = desk.run_loudly(&[&["upload", "--to", &to][..], &RANGE].concat())?;
    ensure(again.stderr.contains("nothing to publish"), &again.stderr)?;
    let off = ["paint_pct_allowed_last_15", "opponent_pace"];
    let differing = fake.differing_without(&project, &desk.path("putback-store"), &off)?;
    ensure(differing == 0, format!("{differing} rows differ"))
}

pub fn too_narrow(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    let narrow = "ALTER COLUMN defensive_rating_last_15 SET DATA TYPE DECIMAL(3, 2)";
    service.as_fake()?.alter_columns(&project, ZONES, narrow, |fields| {
        let field = fields.iter_mut().find(|field| field["name"] == "defensive_rating_last_15").expect("a column");
        (field["type"], field["precision"], field["scale"]) = ("NUMERIC".into(), "3".into(), "2".into());
    });
    let refused = desk.run(&["upload", "--to", &format!("bigquery:{project}")])?;
    let words = "of column defensive_rating_last_15 does not fit NUMERIC(3, 2): ";
    ensure(refused.code == 12 && refused.stderr.contains(words), format!("{}: {}", refused.code, refused.stderr))?;
    nothing_is_published(service, &project)
}

pub fn json(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    let factors = "nba_precompute.player_composite_factors";
    let fake = service.as_fake()?;
    fake.alter_columns(&project, factors, "ALTER COLUMN pace_context_json SET DATA TYPE VARCHAR", |fields| {
        let field = fields.iter_mut().find(|field| field["name"] == "pace_context_json").expect("a column");
        field["type"] = "JSON".into();
    });
    let to = format!("bigquery:{project}");
    desk.done(&["upload", "--to", &to])?;
    // The same values in another form, as the service gives them back.
    let sql = format!(
        "UPDATE `{project}.{factors}` SET pace_context_json = REPLACE(pace_context_json, ': ', ':') WHERE game_date IS NOT NULL"
    );
    query(service, &project, &sql)?;
    desk.done(&["diff", "--with", &to, "--full"]).map(|_| ())
}
