//! Publishing, exactly once: freeze, load into staging, one transaction with a ledger row, receipts.
//!
//! Job ids are digests of what is sent and of what it replaces, so that an answer that was lost is
//! found again, and nothing runs twice. Whether a publication happened is answered by the ledger alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options, concat_batches};
use arrow::datatypes::{Field, Schema};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::jobs::JobFailure;
use super::load::load_file;
use super::metadata::LiveTable;
use super::statements::{
    BAD_STAGING, BAD_TARGET, LEDGER, LedgerRow, STALE_PLAN, Scope, TableStatement, content, dates_sql, latest_sql,
    transaction,
};
use super::{BigQuery, dataset_of};
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::numerics::hash::hex;
use crate::progress::{Event, Observer, check_cancelled};
use crate::store::publish::replace_file;
use crate::store::{FileEntry, write_parquet};
use crate::upload::{PublishSet, TableUpload, Target, UploadReport};
use crate::warehouse::{DateContent, date_contents};

/// Staging tables go by themselves after so long.
const STAGING_HOURS: i64 = 24;
/// Job ids that ended in an error are burnt; so many are tried.
const GENERATIONS: u32 = 8;
const RECEIPTS_FORMAT: u32 = 1;

/// What this store knows to have published into a project.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Receipts {
    format: u32,
    tables: BTreeMap<String, TableReceipt>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct TableReceipt {
    /// The table's version right after the publication.
    version: String,
    dates: BTreeMap<NaiveDate, String>,
}

/// The share of a table in a publication.
struct Part {
    table: Table,
    live: LiveTable,
    scope: Scope,
    rows: RecordBatch,
    /// Tokens by date for the receipt.
    tokens: BTreeMap<NaiveDate, String>,
    /// Dates that are sent even if keys and hashes agree.
    forced: BTreeSet<NaiveDate>,
    /// The live table's version after it was compared.
    version_at_commit: String,
    sent: BTreeMap<NaiveDate, DateContent>,
    planned: BTreeMap<NaiveDate, DateContent>,
}

/// What is to be published, and after which publication.
struct Planned {
    parent: String,
    parts: Vec<Part>,
}

/// A publication that is decided to the byte.
struct Publication {
    id: String,
    parent: String,
    parts: Vec<Part>,
}

impl Planned {
    /// The id is a digest of what is sent, where to, and what it replaces.
    fn named(self, target: &str, files: &[FileEntry]) -> Publication {
        let mut digest = Sha256::new();
        digest.update(format!("{target}|{}|{}", self.parent, env!("CARGO_PKG_VERSION")));
        for part in &self.parts {
            digest.update(format!("|{}|{}|{}", part.table, content(&part.planned), content(&part.sent)));
            digest.update(part.scope.predicate());
            digest.update(serde_json::to_vec(&part.load_fields()).expect("serializes"));
        }
        files.iter().for_each(|file| digest.update(&file.sha256));
        Publication { id: hex(&digest.finalize()[..10]), parent: self.parent, parts: self.parts }
    }
}

impl Target for BigQuery {
    fn name(&self) -> String {
        format!("bigquery:{}", self.settings.project)
    }

    fn publish(&self, set: &PublishSet<'_>, observer: &dyn Observer) -> Result<UploadReport> {
        let path = self.receipts_path(set);
        let mut receipts = load_receipts(&path)?;
        let mut report = UploadReport::default();
        let Some(publication) = self.plan(set, &mut receipts, &mut report)? else {
            save_receipts(&path, &receipts)?;
            return Ok(report);
        };
        self.refuse_if_unfit(&publication.parts)?;
        let (publication, dir) = self.freeze(set, publication)?;
        let files: Vec<PathBuf> = publication.parts.iter().map(|part| part.file_in(&dir)).collect();
        for (index, (part, file)) in publication.parts.iter().zip(&files).enumerate() {
            check_cancelled(observer)?;
            self.stage(&publication, part, file)?;
            observer.on(Event::MonthPublished { table: part.table, index: index + 1, total: publication.parts.len() });
        }
        check_cancelled(observer)?;
        self.commit(&publication)?;
        self.verify(&publication)?;
        self.record(&publication, &mut receipts, &mut report)?;
        save_receipts(&path, &receipts)?;
        self.clean_up(&publication);
        std::fs::remove_dir_all(&dir).map_err(|error| Error::io("remove", &dir, error))?;
        Ok(report)
    }

    fn unpublished(&self, set: &PublishSet<'_>) -> Result<BTreeMap<Table, BTreeSet<NaiveDate>>> {
        let receipts = load_receipts(&self.receipts_path(set))?;
        let mut dates: BTreeMap<Table, BTreeSet<NaiveDate>> = BTreeMap::new();
        for part in &set.parts {
            let receipt = receipts.tables.get(part.table.full_name());
            let known = |date: &NaiveDate| receipt.and_then(|receipt| receipt.dates.get(date));
            let open = part.dates.iter().filter(|(date, token)| known(date) != Some(&token.content));
            dates.entry(part.table).or_default().extend(open.map(|(date, _)| *date));
        }
        Ok(dates)
    }

    fn rehearse(&self, set: &PublishSet<'_>) -> Result<Vec<String>> {
        let mut receipts = load_receipts(&self.receipts_path(set))?;
        let mut report = UploadReport::default();
        let Some(planned) = self.plan(set, &mut receipts, &mut report)? else { return Ok(Vec::new()) };
        self.refuse_if_unfit(&planned.parts)?;
        // Without the files the id is not the one that an upload would use.
        let publication = planned.named(&Target::name(self), &[]);
        let mut lines = Vec::new();
        for part in &publication.parts {
            let resource = self.load_resource(&publication, part, 0);
            let job = serde_json::to_string_pretty(&resource).expect("serializes");
            lines.push(format!(
                "-- load job, {} rows into {}\n{job}",
                part.rows.num_rows(),
                self.staging_name(&publication, part)
            ));
        }
        lines.push(format!("-- query job {}\n{}", self.commit_id(&publication, 0), self.script(&publication)));
        Ok(lines)
    }
}

impl BigQuery {
    fn receipts_path(&self, set: &PublishSet<'_>) -> PathBuf {
        let name: String = Target::name(self)
            .chars()
            .map(|unit| if unit.is_ascii_alphanumeric() || unit == '-' { unit } else { '_' })
            .collect();
        set.store_root().join("published").join(format!("{name}.json"))
    }

    /// What differs from what was last published; `None`: nothing. Dates that the target turns out to
    /// hold already get their receipt here.
    fn plan(
        &self,
        set: &PublishSet<'_>,
        receipts: &mut Receipts,
        report: &mut UploadReport,
    ) -> Result<Option<Planned>> {
        let mut parts = Vec::new();
        let mut changed_by_others = false;
        for table in Table::outputs() {
            let months = set.parts.iter().filter(|part| part.table == table).collect::<Vec<_>>();
            if months.is_empty() {
                continue;
            }
            let live = self.described(table)?.ok_or_else(|| self.no_table(table))?;
            let receipt = receipts.tables.entry(table.full_name().to_owned()).or_default();
            let is_ours = receipt.version == live.version();
            changed_by_others |= !is_ours && !receipt.version.is_empty();
            let receipts_before = receipt.dates.clone();
            if !is_ours {
                // Somebody wrote since: no receipt vouches for any date any more.
                receipt.dates.clear();
            }
            let mut part = Part::new(table, live);
            let upload = report.tables.entry(table).or_default();
            for month in months {
                for (date, token) in &month.dates {
                    if is_ours && receipt.dates.get(date) == Some(&token.content) {
                        upload.unchanged += 1;
                        continue;
                    }
                    part.scope.add(*date, &token.processors);
                    part.tokens.insert(*date, token.content.clone());
                    // What this store published was another version: send it, whatever its hashes say.
                    if receipts_before.get(date).is_some_and(|known| known != &token.content) {
                        part.forced.insert(*date);
                    }
                }
                part.take_rows(set.rows(month)?)?;
            }
            if !part.scope.is_empty() {
                parts.push(part);
            }
        }
        if parts.is_empty() {
            return Ok(None);
        }
        let latest = self.look_at_target(&mut parts)?;
        for part in &mut parts {
            let held = part.drop_held();
            let receipt = receipts.tables.entry(part.table.full_name().to_owned()).or_default();
            report.tables.entry(part.table).or_default().unchanged += held.len();
            receipt.dates.extend(held);
            receipt.version = part.live.version();
        }
        parts.retain(|part| !part.scope.is_empty());
        if parts.is_empty() {
            return Ok(None);
        }
        if changed_by_others {
            self.note(
                "somebody else wrote to the target since the last upload; every date was compared anew".to_owned(),
            );
        }
        Ok(Some(Planned { parent: latest, parts }))
    }

    fn no_table(&self, table: Table) -> Error {
        Error::new(ErrorKind::Upstream, format!("table {}.{table} does not exist", self.settings.project))
            .hint("create it with the platform's own schema first; putback never creates or alters target tables")
    }

    /// Rows and checksums of the dates in the target, and the latest publication, in one query job.
    fn look_at_target(&self, parts: &mut [Part]) -> Result<String> {
        let has_ledger = self.live_table(LEDGER.0, LEDGER.1)?.is_some();
        let mut queries: Vec<String> = parts
            .iter()
            .enumerate()
            .map(|(index, part)| {
                let reference = self.reference(part.table);
                let dates = dates_sql(part.table, &reference, &part.scope.predicate());
                format!("SELECT {index} AS part, day, row_count, checksum FROM ({dates})")
            })
            .collect();
        if has_ledger {
            let latest = latest_sql(&self.ledger());
            queries.push(format!("SELECT -1 AS part, '' AS day, 0 AS row_count, {latest} AS checksum"));
        }
        let mut latest = String::new();
        for row in self.query_rows(&queries.join("\nUNION ALL\n"), "comparing with the target")? {
            match date_content(&row) {
                Some((index, date, content)) => {
                    parts[index].planned.insert(date, content);
                }
                None => latest = row.get(3).and_then(Value::as_str).unwrap_or_default().to_owned(),
            }
        }
        Ok(latest)
    }

    fn reference(&self, table: Table) -> String {
        format!("`{}.{table}`", self.settings.project)
    }

    fn ledger(&self) -> String {
        format!("`{}.{}.{}`", self.settings.project, LEDGER.0, LEDGER.1)
    }

    fn create_ledger(&self) -> Result<()> {
        if self.live_table(LEDGER.0, LEDGER.1)?.is_some() {
            return Ok(());
        }
        let column = |name: &str, ty: &str| json!({ "name": name, "type": ty, "mode": "REQUIRED" });
        let fields = [
            column("publication_id", "STRING"),
            column("parent_id", "STRING"),
            column("version", "STRING"),
            column("published_at", "TIMESTAMP"),
            column("first_date", "DATE"),
            column("last_date", "DATE"),
            column("row_count", "INTEGER"),
            column("summary", "STRING"),
        ];
        self.create_table(
            LEDGER.0,
            json!({
                "tableReference": { "projectId": self.settings.project, "datasetId": LEDGER.0, "tableId": LEDGER.1 },
                "schema": { "fields": fields },
                "description": "One row for each publication of putback",
            }),
        )
    }

    /// Creates a table; one that is there already, perhaps by a try whose answer was lost, is taken.
    fn create_table(&self, dataset: &str, resource: Value) -> Result<()> {
        let project = &self.settings.project;
        let name = resource["tableReference"]["tableId"].as_str().unwrap_or_default().to_owned();
        let url = self.rest.url(&format!("projects/{project}/datasets/{dataset}/tables"));
        match self.runtime.block_on(self.rest.post(url, resource)) {
            Ok(_) => Ok(()),
            Err(error) if error.is(409) => Ok(()),
            Err(error) => Err(error.describe(&format!("creating table {project}.{dataset}.{name}"))),
        }
    }

    fn delete_table(&self, dataset: &str, name: &str) -> Result<()> {
        let project = &self.settings.project;
        let url = self.rest.url(&format!("projects/{project}/datasets/{dataset}/tables/{name}"));
        match self.runtime.block_on(self.rest.delete(url)) {
            Ok(_) => Ok(()),
            Err(error) if error.is(404) => Ok(()),
            Err(error) => Err(error.describe(&format!("deleting table {project}.{dataset}.{name}"))),
        }
    }

    /// Everything that would go wrong later, before anything is sent.
    fn refuse_if_unfit(&self, parts: &[Part]) -> Result<()> {
        for part in parts {
            let place = format!("{}.{}", self.settings.project, part.table);
            if let Some(days) = part.live.partition_expiry_days() {
                let oldest = part.scope.dates().min().expect("a part has dates");
                let age = (self.settings.now.date_naive() - oldest).num_days();
                if age >= 0 && age.unsigned_abs() >= days {
                    return Err(Error::new(
                        ErrorKind::Conflict,
                        format!("{place}: partitions expire after {days} days, and {oldest} is {age} days old: it would vanish"),
                    )
                    .hint("remove the partition expiration of the table, or publish younger dates; nothing was published"));
                }
            }
            if part.live.has_streaming_buffer() {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!(
                        "{place}: rows of a streaming insert are still in its buffer, which statements cannot replace"
                    ),
                )
                .hint("wait up to 90 minutes until the buffer is empty; nothing was published"));
            }
            part.fitted(&place)?;
        }
        Ok(())
    }

    fn staging_name(&self, publication: &Publication, part: &Part) -> String {
        format!("putback_staging_{}_{}", part.table.name(), publication.id)
    }

    fn staging_reference(&self, publication: &Publication, part: &Part) -> String {
        let dataset = dataset_of(part.table);
        format!("`{}.{dataset}.{}`", self.settings.project, self.staging_name(publication, part))
    }

    fn load_resource(&self, publication: &Publication, part: &Part, generation: u32) -> Value {
        let name = self.staging_name(publication, part);
        let id = format!("putback_{}_{}_g{generation}", publication.id, part.table.name());
        self.site().resource(
            &id,
            json!({
                "load": {
                    "sourceFormat": "PARQUET",
                    "writeDisposition": "WRITE_TRUNCATE",
                    "createDisposition": "CREATE_NEVER",
                    "schema": { "fields": part.load_fields() },
                    "parquetOptions": { "enableListInference": true },
                    "destinationTable": {
                        "projectId": self.settings.project,
                        "datasetId": dataset_of(part.table),
                        "tableId": name,
                    },
                }
            }),
        )
    }

    /// Loads a part into its staging table, once.
    fn stage(&self, publication: &Publication, part: &Part, file: &Path) -> Result<()> {
        let dataset = dataset_of(part.table);
        let name = self.staging_name(publication, part);
        let expires = self.settings.now + chrono::TimeDelta::hours(STAGING_HOURS);
        let site = self.site();
        let what = format!("loading {} rows into {dataset}.{name}", part.rows.num_rows());
        for generation in 0..GENERATIONS {
            self.create_table(
                dataset,
                json!({
                    "tableReference": { "projectId": self.settings.project, "datasetId": dataset, "tableId": name },
                    "schema": { "fields": part.load_fields() },
                    "expirationTime": expires.timestamp_millis().to_string(),
                    "labels": { "tool": "putback" },
                }),
            )?;
            let resource = self.load_resource(publication, part, generation);
            let load = load_file(&self.rest, &site, &resource, file, self.settings.chunk_bytes);
            let Some(job) = self.runtime.block_on(load)? else { continue };
            match job.failure() {
                None if self.holds(dataset, &name, part.rows.num_rows() as u64)? => return Ok(()),
                // An earlier run's job was adopted, but its table is gone: load again.
                None => {}
                // A job that an earlier run saw fail has burnt its id and says nothing of now.
                Some(_) if job.adopted => {}
                Some(failure) if failure.is_transient() => self.runtime.block_on(self.rest.pause(generation + 1)),
                Some(failure) => return Err(failure.describe(&what, &job.id)),
            }
        }
        Err(Error::new(ErrorKind::Unexpected, format!("{what} failed {GENERATIONS} times"))
            .hint("run the same command again; nothing was published"))
    }

    fn holds(&self, dataset: &str, name: &str, rows: u64) -> Result<bool> {
        let live = self.live_table(dataset, name)?;
        let found = live.as_ref().and_then(|live| live.resource["numRows"].as_str()?.parse().ok());
        Ok(found == Some(rows))
    }

    fn commit_id(&self, publication: &Publication, generation: u32) -> String {
        format!("putback_{}_commit_g{generation}", publication.id)
    }

    fn script(&self, publication: &Publication) -> String {
        let tables: Vec<TableStatement> = publication
            .parts
            .iter()
            .map(|part| TableStatement {
                scope: part.scope.clone(),
                target: self.reference(part.table),
                staging: self.staging_reference(publication, part),
                columns: part.columns(),
                planned: content(&part.planned),
                sent: content(&part.sent),
            })
            .collect();
        let dates = || publication.parts.iter().flat_map(|part| part.scope.dates());
        let summary: Vec<String> = publication
            .parts
            .iter()
            .map(|part| format!("{}: {} dates, {} rows", part.table, part.tokens.len(), part.rows.num_rows()))
            .collect();
        let row = LedgerRow {
            publication_id: publication.id.clone(),
            parent_id: publication.parent.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            first_date: dates().min().expect("a publication has dates"),
            last_date: dates().max().expect("a publication has dates"),
            row_count: publication.parts.iter().map(|part| part.rows.num_rows() as u64).sum(),
            summary: summary.join("; "),
        };
        transaction(&self.ledger(), &tables, &row)
    }

    /// Runs the transaction. A job that failed burns its id; one that ended under an id of ours decides.
    fn commit(&self, publication: &Publication) -> Result<()> {
        let script = self.script(publication);
        let site = self.site();
        self.create_ledger()?;
        for generation in 0..GENERATIONS {
            // A job that ended in an error of the service may have committed all the same.
            if generation > 0 && self.is_published(publication)? {
                return Ok(());
            }
            let id = self.commit_id(publication, generation);
            let run = site.query(&id, &script);
            let Some(job) = self.runtime.block_on(site.run(&self.rest, &run))? else { continue };
            let Some(failure) = job.failure() else { return Ok(()) };
            if !failure.is_transient() && !job.adopted {
                return Err(refused(&failure, &job.id));
            }
            self.runtime.block_on(self.rest.pause(generation + 1));
        }
        Err(Error::new(
            ErrorKind::Conflict,
            format!("the transaction was refused {GENERATIONS} times: somebody else keeps writing"),
        )
        .hint("stop the other writer and run the same command again; nothing was published"))
    }

    fn is_published(&self, publication: &Publication) -> Result<bool> {
        let sql = format!("SELECT COUNT(*) FROM {} WHERE publication_id = '{}'", self.ledger(), publication.id);
        let rows = self.query_rows(&sql, "looking for the publication in the ledger")?;
        Ok(rows.first().and_then(|row| row[0].as_str()).is_some_and(|count| count != "0"))
    }

    /// What is in the target after the commit: rows that somebody else appended meanwhile show here.
    fn verify(&self, publication: &Publication) -> Result<()> {
        let queries = publication.parts.iter().enumerate().map(|(index, part)| {
            let dates = dates_sql(part.table, &self.reference(part.table), &part.scope.predicate());
            format!("SELECT {index} AS part, day, row_count, checksum FROM ({dates})")
        });
        let sql = queries.collect::<Vec<_>>().join("\nUNION ALL\n");
        let mut found: Vec<BTreeMap<NaiveDate, DateContent>> = vec![BTreeMap::new(); publication.parts.len()];
        for row in self.query_rows(&sql, "verifying the target")? {
            if let Some((index, date, content)) = date_content(&row) {
                found[index].insert(date, content);
            }
        }
        for (part, found) in publication.parts.iter().zip(&found) {
            if let Some(date) = part.scope.dates().find(|date| found.get(date) != part.sent.get(date)) {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!(
                        "{} {date} is not what was just published: somebody else wrote it at the same time",
                        part.table
                    ),
                )
                .hint("stop the other writer and run the same command again: it compares anew"));
            }
        }
        Ok(())
    }

    /// Receipts. They vouch for other dates only if nobody else wrote the table meanwhile.
    fn record(&self, publication: &Publication, receipts: &mut Receipts, report: &mut UploadReport) -> Result<()> {
        for part in &publication.parts {
            let live =
                self.live_table(dataset_of(part.table), part.table.name())?.ok_or_else(|| self.no_table(part.table))?;
            let receipt = receipts.tables.entry(part.table.full_name().to_owned()).or_default();
            if part.version_at_commit != part.live.version() {
                receipt.dates.clear();
            }
            receipt.version = live.version();
            receipt.dates.extend(part.tokens.clone());
            part.add_to(report.tables.entry(part.table).or_default());
        }
        Ok(())
    }

    /// Staging tables go; one that stays goes by itself after a day.
    fn clean_up(&self, publication: &Publication) {
        for part in &publication.parts {
            let name = self.staging_name(publication, part);
            if let Err(error) = self.delete_table(dataset_of(part.table), &name) {
                self.note(format!("the staging table {name} is left, and expires: {error}"));
            }
        }
    }

    /// Writes the rows of every part to disk, as they will be sent, and names the publication by them.
    fn freeze(&self, set: &PublishSet<'_>, planned: Planned) -> Result<(Publication, PathBuf)> {
        let pending = set.scratch_dir("pending");
        if pending.exists() {
            std::fs::remove_dir_all(&pending).map_err(|error| Error::io("remove", &pending, error))?;
        }
        std::fs::create_dir_all(&pending).map_err(|error| Error::io("create", &pending, error))?;
        let files = planned
            .parts
            .iter()
            .map(|part| write_parquet(&part.file_in(&pending), &part.fitted(part.table.full_name())?))
            .collect::<Result<Vec<_>>>()?;
        let mut publication = planned.named(&Target::name(self), &files);
        for part in &mut publication.parts {
            let live =
                self.live_table(dataset_of(part.table), part.table.name())?.ok_or_else(|| self.no_table(part.table))?;
            part.version_at_commit = live.version();
        }
        let dir = set.scratch_dir(&publication.id);
        if dir.exists() {
            std::fs::remove_dir_all(&dir).map_err(|error| Error::io("remove", &dir, error))?;
        }
        std::fs::rename(&pending, &dir).map_err(|error| Error::io("rename", &pending, error))?;
        Ok((publication, dir))
    }
}

/// A row of the comparison: part, date, content.
fn date_content(row: &[Value]) -> Option<(usize, NaiveDate, DateContent)> {
    let text = |index: usize| row.get(index).and_then(Value::as_str).unwrap_or_default();
    let content = DateContent { rows: text(2).parse().ok()?, checksum: text(3).to_owned() };
    Some((text(0).parse().ok()?, text(1).parse().ok()?, content))
}

/// What a failed transaction means.
fn refused(failure: &JobFailure, job_id: &str) -> Error {
    let says = |mark: &str| failure.message.contains(mark);
    let error = |kind, text: &str| Error::new(kind, format!("{text}: {} (job {job_id})", failure.message));
    if says(STALE_PLAN) {
        error(ErrorKind::StalePlan, "the target changed after it was compared; nothing was published")
            .hint("run the same command again: it compares anew")
    } else if says(BAD_STAGING) || says(BAD_TARGET) {
        error(ErrorKind::Unexpected, "what arrived is not what was sent; nothing was published")
            .hint("run the same command again, and report it if it happens again")
    } else {
        failure.describe("publishing", job_id)
    }
}

impl Part {
    fn new(table: Table, live: LiveTable) -> Self {
        Self {
            table,
            live,
            scope: Scope::new(table),
            rows: RecordBatch::new_empty(table.schema().arrow().clone()),
            tokens: BTreeMap::new(),
            forced: BTreeSet::new(),
            version_at_commit: String::new(),
            sent: BTreeMap::new(),
            planned: BTreeMap::new(),
        }
    }

    /// Adds the rows of the dates that are sent.
    fn take_rows(&mut self, rows: RecordBatch) -> Result<()> {
        let slices = crate::store::date_slices(self.table, &rows);
        let wanted = slices.into_iter().filter(|(date, _)| self.tokens.contains_key(date));
        let mut parts = vec![self.rows.clone()];
        parts.extend(wanted.map(|(_, range)| rows.slice(range.start, range.len())));
        self.rows = concat_batches(self.table.schema().arrow(), &parts)?;
        self.sent = date_contents(self.table, &self.rows);
        Ok(())
    }

    /// Takes out the dates whose content the target holds already, and returns their tokens.
    fn drop_held(&mut self) -> BTreeMap<NaiveDate, String> {
        let is_held = |date: &NaiveDate| self.planned.get(date) == self.sent.get(date) && !self.forced.contains(date);
        let held: BTreeMap<NaiveDate, String> =
            self.tokens.iter().filter(|(date, _)| is_held(date)).map(|(date, token)| (*date, token.clone())).collect();
        self.scope.remove(&held);
        self.tokens.retain(|date, _| !held.contains_key(date));
        self.planned.retain(|date, _| !held.contains_key(date));
        self.sent.retain(|date, _| !held.contains_key(date));
        let kept = crate::store::date_slices(self.table, &self.rows)
            .into_iter()
            .filter(|(date, _)| !held.contains_key(date))
            .map(|(_, range)| self.rows.slice(range.start, range.len()))
            .collect::<Vec<_>>();
        self.rows = concat_batches(self.table.schema().arrow(), &kept).expect("slices of one batch");
        held
    }

    fn file_in(&self, dir: &Path) -> PathBuf {
        dir.join(format!("{}.parquet", self.table))
    }

    /// Columns that the live table and ours share, in the live order.
    fn columns(&self) -> Vec<String> {
        let names = self.live.fields().iter().filter_map(|field| field["name"].as_str());
        names.filter(|name| self.table.schema().column(name).is_some()).map(str::to_owned).collect()
    }

    /// The live table's own words for those columns.
    fn load_fields(&self) -> Vec<Value> {
        let columns = self.columns();
        let is_ours =
            |field: &&Value| field["name"].as_str().is_some_and(|name| columns.iter().any(|column| column == name));
        self.live
            .fields()
            .iter()
            .filter(is_ours)
            .map(|field| {
                let mut field = field.clone();
                if let Some(object) = field.as_object_mut() {
                    object.retain(|key, _| ["name", "type", "mode", "precision", "scale"].contains(&key.as_str()));
                }
                field
            })
            .collect()
    }

    /// The rows in the live table's columns and types.
    ///
    /// # Errors
    /// [`ErrorKind::Schema`] for a required live column that we do not have, a column of ours that the
    /// live table lacks and that holds values, and a value that does not fit the live type.
    fn fitted(&self, place: &str) -> Result<RecordBatch> {
        let live = self.live.arrow();
        for field in live.fields() {
            if self.table.schema().column(field.name()).is_none() && !field.is_nullable() {
                return Err(unfit(format!("{place}: required column {} is not one that putback writes", field.name())));
            }
        }
        for (field, array) in self.rows.schema().fields().iter().zip(self.rows.columns()) {
            if live.field_with_name(field.name()).is_err() && array.null_count() < array.len() {
                return Err(unfit(format!("{place}: column {} does not exist in the live table", field.name())));
            }
        }
        let mut fields = Vec::new();
        let mut arrays = Vec::new();
        for name in self.columns() {
            let field = live.field_with_name(&name).expect("a live column");
            let array = self.rows.column_by_name(&name).expect("a column of ours");
            let fitted = fit(array, field, place)?;
            fields.push(Field::new(&name, fitted.data_type().clone(), field.is_nullable()));
            arrays.push(fitted);
        }
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
    }

    fn add_to(&self, upload: &mut TableUpload) {
        for date in self.scope.dates() {
            let rows = |dates: &BTreeMap<NaiveDate, DateContent>| dates.get(&date).map_or(0, |content| content.rows);
            upload.dates.push(date);
            upload.rows += rows(&self.sent);
            upload.removed_rows += rows(&self.planned).saturating_sub(rows(&self.sent));
        }
    }
}

fn unfit(message: String) -> Error {
    Error::new(ErrorKind::Schema, message).hint("align the live table's schema with putback's; nothing was published")
}

/// A column in the live type. Every value must fit: nothing becomes NULL.
fn fit(array: &ArrayRef, field: &Field, place: &str) -> Result<ArrayRef> {
    if array.data_type() == field.data_type() {
        return check_required(Arc::clone(array), field, place);
    }
    let options = CastOptions { safe: true, ..Default::default() };
    let cast = cast_with_options(array, field.data_type(), &options).map_err(|_| {
        unfit(format!("{place}: column {} is {} there and {} here", field.name(), field.data_type(), array.data_type()))
    })?;
    if let Some(row) = (0..array.len()).find(|&row| array.is_valid(row) && cast.is_null(row)) {
        let value = arrow::util::display::array_value_to_string(array, row)?;
        return Err(unfit(format!(
            "{place}: the value {value} of column {} does not fit {}",
            field.name(),
            field.data_type()
        )));
    }
    check_required(cast, field, place)
}

fn check_required(array: ArrayRef, field: &Field, place: &str) -> Result<ArrayRef> {
    if !field.is_nullable() && array.null_count() > 0 {
        return Err(unfit(format!("{place}: required column {} is NULL in {} rows", field.name(), array.null_count())));
    }
    Ok(array)
}

fn load_receipts(path: &Path) -> Result<Receipts> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Receipts::default()),
        Err(error) => return Err(Error::io("read", path, error)),
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        Error::new(ErrorKind::Store, format!("{} cannot be read", path.display()))
            .hint("remove the file: the next upload compares with the target and writes it anew")
            .because(error)
    })
}

fn save_receipts(path: &Path, receipts: &Receipts) -> Result<()> {
    let versioned = Receipts { format: RECEIPTS_FORMAT, tables: BTreeMap::new() };
    let mut json = serde_json::to_value(versioned).expect("serializes");
    json["tables"] = serde_json::to_value(&receipts.tables).expect("serializes");
    replace_file(path, &serde_json::to_vec_pretty(&json).expect("serializes"))
}
