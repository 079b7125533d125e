//! `upload --with-daily-cache`: the table as its checked-in definition makes it, and the statements that fix it.

use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::client::query;
use super::desk::ensure;
use super::service::Service;
use super::strict::nothing_is_published;
use super::upload::with_target;

const CACHE: &str = "nba_precompute.player_daily_cache";
/// Columns that the reference writes and the checked-in definition lacks.
const MISSING: [&str; 3] = ["quality_tier", "quality_score", "cache_quality_score"];

pub fn asked_for(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    let fake = service.as_fake()?;
    let expiry = |milliseconds: Value| {
        fake.alter(&project, CACHE, |table| table["timePartitioning"]["expirationMs"] = milliseconds);
    };
    // The definition of the platform.
    expiry(json!("2592000000"));
    for name in MISSING {
        fake.alter_columns(&project, CACHE, &format!("DROP COLUMN {name}"), |fields| {
            fields.retain(|field| field["name"] != name);
        });
    }
    let to = format!("bigquery:{project}");
    let refused = desk.run(&["upload", "--to", &to, "--with-daily-cache"])?;
    let told = [
        "partitions expire after 30 days",
        "columns quality_tier, cache_quality_score do not exist in the live table",
        "SET OPTIONS (partition_expiration_days = NULL)",
        "ADD COLUMN quality_tier STRING, ADD COLUMN cache_quality_score FLOAT64",
        "nothing was published",
    ];
    for words in told {
        ensure(refused.code == 9 && refused.stderr.contains(words), format!("{words}: {}", refused.stderr))?;
    }
    nothing_is_published(service, &project)?;
    // As the statements leave it.
    expiry(Value::Null);
    for (name, ty, local) in [("quality_tier", "STRING", "VARCHAR"), ("cache_quality_score", "FLOAT", "DOUBLE")] {
        fake.alter_columns(&project, CACHE, &format!("ADD COLUMN {name} {local}"), |fields| {
            fields.push(json!({ "name": name, "type": ty, "mode": "NULLABLE" }));
        });
    }
    let done = desk.done(&["upload", "--to", &to, "--with-daily-cache"])?;
    ensure(done.stdout.contains(CACHE), &done.stdout)?;
    let differing = fake.differing_without(&project, &desk.path("putback-store"), &["quality_score"])?;
    ensure(differing == 0, format!("{differing} rows differ"))?;
    let ledger = query(service, &project, &format!("SELECT summary FROM `{project}.nba_backfill.putback_ledger`"))?;
    ensure(ledger.iter().flatten().any(|summary| summary.contains("daily cache: computed")), format!("{ledger:?}"))
}

pub fn not_asked_for(service: &'static Service) -> Result<(), Failed> {
    let (desk, project) = with_target(service)?;
    service.as_fake()?.alter(&project, CACHE, |table| {
        table["timePartitioning"]["expirationMs"] = json!("2592000000");
    });
    desk.done(&["upload", "--to", &format!("bigquery:{project}")])?;
    let rows = query(service, &project, &format!("SELECT COUNT(*) FROM `{project}.{CACHE}`"))?;
    ensure(rows == [["0".to_owned()]], format!("{rows:?}"))?;
    service.holds(&project, &desk.path("putback-store"))
}
