//! Warehouse and target: whether they can be reached, and whether their tables fit.

use std::path::Path;

use chrono::NaiveDate;
use rustix::fs::{Access, access};

use super::super::environment;
use super::super::output::counted;
use super::super::settings::Settings;
use super::store::{Manifests, existing};
use super::{ExitCode, Finding};
use crate::catalog::{Role, Table};
use crate::error::{ErrorKind, Result};
use crate::warehouse::bigquery::{BigQuery, TableState};
use crate::warehouse::bucket::Service;
use crate::warehouse::{LOCATION_FORMS, Location, Source};

const WAREHOUSE: &str = "warehouse";
const TARGET: &str = "target";

pub fn findings(settings: &Settings, manifests: &Manifests) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut named = [&settings.warehouse, &settings.to].into_iter().flatten();
    if named.any(|setting| needs_google(&setting.value)) {
        findings.push(credentials());
    }
    match &settings.warehouse {
        None => findings.push(not_named(WAREHOUSE, "--warehouse")),
        Some(_) => {
            findings.extend(warehouse(settings).unwrap_or_else(|error| vec![Finding::of_error(WAREHOUSE, &error)]));
        }
    }
    match settings.to.as_ref().map(|to| &to.value) {
        None => findings.push(not_named(TARGET, "--to")),
        Some(Location::Dir(path)) => {
            findings.extend(target_dir(settings, path).unwrap_or_else(|error| vec![Finding::of_error(TARGET, &error)]));
        }
        Some(Location::Bucket(_)) => {
            findings.extend(target_bucket(settings).unwrap_or_else(|error| vec![Finding::of_error(TARGET, &error)]));
        }
        Some(Location::BigQuery { project }) => {
            let of_target = target_project(settings, project, oldest_date(manifests));
            findings.extend(of_target.unwrap_or_else(|error| vec![Finding::of_error(TARGET, &error)]));
        }
    }
    findings
}

/// Whether a place is reached with credentials of Google.
fn needs_google(location: &Location) -> bool {
    match location {
        Location::Dir(_) => false,
        Location::Bucket(url) => url.service == Service::Google,
        Location::BigQuery { .. } => true,
    }
}

fn not_named(about: &'static str, flag: &str) -> Finding {
    Finding::unknown(about, format!("none is named: add {flag} {LOCATION_FORMS} to have it looked at"))
}

/// Which credentials, and whose.
fn credentials() -> Finding {
    const ABOUT: &str = "credentials";
    match environment::credentials() {
        Ok(Some(says)) => Finding::fine(ABOUT, says),
        Ok(None) => Finding::unknown(ABOUT, "no credentials file: the metadata server of Google Cloud is asked"),
        Err(error) => Finding::of_error(ABOUT, &error),
    }
}

/// Every input that is read, by the schema of the warehouse.
fn warehouse(settings: &Settings) -> Result<Vec<Finding>> {
    let Location::BigQuery { project } = settings.required_warehouse()? else {
        let source = settings.open_source()?;
        let look = |table| source.describe(table).map(|found| found.is_some());
        let reached = Finding::fine(WAREHOUSE, format!("{} can be read", source.name()));
        return Ok([vec![reached], inputs(&source.name(), look)].concat());
    };
    let required = Table::inputs().filter(|table| table.role() == Role::Input);
    let bigquery = BigQuery::open(settings.bigquery(project)?, required)?;
    let name = format!("bigquery:{project}");
    let look = |table| match bigquery.table_state(table)? {
        Some(TableState { unfit: Some(error), .. }) => Err(error),
        found => Ok(found.is_some()),
    };
    let reached = format!("{name} can be reached; its datasets lie in {}", bigquery.location());
    let read_api =
        "whether the Storage Read API may be used: only a read session tells; without it rows come as query results";
    let (reached, read_api) = (Finding::fine(WAREHOUSE, reached), Finding::unknown(WAREHOUSE, read_api));
    Ok([vec![reached], inputs(&name, look), vec![read_api]].concat())
}

/// The inputs, by what looking at each says: whether it is there, or why its columns do not fit.
fn inputs(warehouse: &str, look: impl Fn(Table) -> Result<bool>) -> Vec<Finding> {
    let (mut fitting, mut absent, mut findings) = (0, Vec::new(), Vec::new());
    for table in Table::inputs() {
        match look(table) {
            Ok(true) => fitting += 1,
            Ok(false) if table.role() == Role::OptionalInput => absent.push(table.to_string()),
            Ok(false) => findings.push(Finding::stops(
                WAREHOUSE,
                ExitCode::Upstream,
                format!("{warehouse} has no table {table}"),
                "name the warehouse that has it, or let its pipeline create it",
            )),
            Err(error) => findings.push(Finding::of_error(WAREHOUSE, &error)),
        }
    }
    let optional =
        if absent.is_empty() { String::new() } else { format!("; optional and absent: {}", absent.join(", ")) };
    let says = format!("{} have the columns that are read{optional}", counted(fitting, "table"));
    findings.push(Finding::fine(WAREHOUSE, says));
    findings
}

/// A directory that can be written, or created, with a record that can be read.
fn target_dir(settings: &Settings, path: &Path) -> Result<Vec<Finding>> {
    // Refuses what is no directory.
    settings.open_target()?;
    let dir = existing(path);
    if let Err(error) = access(&dir, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK) {
        let says = format!("{} cannot be written: {error}", dir.display());
        return Ok(vec![Finding::stops(
            TARGET,
            ExitCode::Unexpected,
            says,
            "change its permissions, or name another --to",
        )]);
    }
    if !path.is_dir() {
        return Ok(vec![Finding::fine(
            TARGET,
            format!("{} is not there yet; `putback upload` creates it", path.display()),
        )]);
    }
    let published = settings.open_published()?;
    let mut findings = vec![Finding::fine(TARGET, format!("{} can be written, and its record read", path.display()))];
    findings.extend(unfit(&*published));
    Ok(findings)
}

/// A bucket that can be listed, with a record that can be read. Whether it can be written, only writing tells.
fn target_bucket(settings: &Settings) -> Result<Vec<Finding>> {
    let published = settings.open_published()?;
    let mut findings = vec![
        Finding::fine(TARGET, format!("{} can be listed, and its record read", published.name())),
        Finding::unknown(TARGET, "whether objects may be written: only a publication tells"),
    ];
    findings.extend(unfit(&*published));
    Ok(findings)
}

/// Outputs of the target that have other columns than ours.
fn unfit(source: &dyn Source) -> Vec<Finding> {
    let finding = |table: Table| source.describe(table).err().map(|error| Finding::of_error(TARGET, &error));
    Table::outputs().filter_map(finding).collect()
}

/// Datasets and location, then every output: schema, expiry of partitions, rows in a streaming buffer; and the ledger.
fn target_project(settings: &Settings, project: &str, oldest: Option<NaiveDate>) -> Result<Vec<Finding>> {
    let bigquery = BigQuery::open_to_publish(settings.bigquery_to_publish(project)?)?;
    let mut findings = vec![Finding::fine(
        TARGET,
        format!("bigquery:{project} can be reached; its datasets lie in {}", bigquery.location()),
    )];
    let mapped = settings.mapping().map(|mapping| format!("rehearsal: [datasets] maps {mapping}"));
    findings.extend(mapped.map(|says| Finding::fine(TARGET, says)));
    let mut fitting = 0;
    for table in Table::outputs() {
        match bigquery.table_state(table) {
            Ok(Some(state)) => {
                let of_table = of_live_table(&state, oldest);
                fitting += usize::from(of_table.is_empty());
                findings.extend(of_table);
            }
            Ok(None) if table == Table::PlayerDailyCache => {}
            Ok(None) => findings.push(Finding::stops(
                TARGET,
                ExitCode::Upstream,
                format!("there is no table {}", bigquery.table_name(table)),
                "create it with the schema of data/schemas, as docs/bigquery.md says",
            )),
            Err(error) => findings.push(Finding::of_error(TARGET, &error)),
        }
    }
    findings.push(Finding::fine(TARGET, format!("{} can take rows", counted(fitting, "table"))));
    findings.push(ledger(&bigquery));
    findings.push(Finding::unknown(
        TARGET,
        "whether the account may load, query and write: only a publication tells, and names the permission that is missing",
    ));
    Ok(findings)
}

/// The first date that was computed.
fn oldest_date(manifests: &Manifests) -> Option<NaiveDate> {
    let phase4 = manifests.phase4.as_ref().ok()?;
    phase4.processors.values().filter_map(|records| records.keys().next()).min().copied()
}

fn of_live_table(state: &TableState, oldest: Option<NaiveDate>) -> Vec<Finding> {
    let place = &state.name;
    let mut findings: Vec<Finding> = state.unfit.iter().map(|error| Finding::of_error(TARGET, error)).collect();
    let age = oldest.map(|oldest| (environment::today() - oldest).num_days().unsigned_abs());
    let expiry = state.partition_expiry_days.filter(|days| age.is_some_and(|age| age >= *days));
    if let Some(days) = expiry {
        findings.push(Finding::stops(
            TARGET,
            ExitCode::Conflict,
            format!("{place} deletes partitions after {days} days, and the store has older dates"),
            "take the expiration off, or publish into another table",
        ));
    }
    if state.has_streaming_buffer {
        findings.push(Finding::stops(
            TARGET,
            ExitCode::Conflict,
            format!("{place} has rows in a streaming buffer, which statements cannot replace"),
            "wait until they are flushed, which takes up to 90 minutes",
        ));
    }
    findings
}

fn ledger(bigquery: &BigQuery) -> Finding {
    const ABOUT: &str = "ledger";
    match bigquery.ledger_length() {
        Ok(Some(rows)) => {
            Finding::fine(ABOUT, format!("{} has {}", bigquery.ledger_name(), counted(rows as usize, "publication")))
        }
        Ok(None) => Finding::fine(
            ABOUT,
            format!("{} is not there yet; the first publication creates it", bigquery.ledger_name()),
        ),
        Err(error) if error.kind() == ErrorKind::Auth => Finding::of_error(ABOUT, &error),
        Err(error) => Finding::unknown(ABOUT, error.to_string()),
    }
}
