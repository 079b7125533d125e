//! Publishing, exactly once: freeze, load into staging, one transaction with a ledger row, receipts.
//!
//! Job ids are digests of what is sent and of what it replaces, so that an answer that was lost is
//! found again, and nothing runs twice. Whether a publication happened is answered by the ledger alone.

mod backup;
mod commit;
mod drift;
mod estimate;
mod ledger;
mod part;
mod plan;
mod publication;
mod receipts;
mod staging;
mod tries;
mod undo;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use self::commit::Outcome;
use self::part::Part;
use self::publication::{NamedPublication, Planned};
use self::receipts::{Receipts, load_receipts, save_receipts};
use self::staging::write_staging;
use super::{BigQuery, BigQuerySettings, dataset_of};
use crate::catalog::Table;
use crate::error::{Error, Result};
use crate::numerics::hash::hex;
use crate::price::Bill;
use crate::progress::{Event, Observer, check_cancelled};
use crate::publications::{UndoReport, UndoRequest};
use crate::upload::{DateSet, Plan, PlannedDate, PublishSet, Rehearsal, Target, UploadReport};
use crate::warehouse::{DateContent, Source};

/// Loads of rows whose staging table turns out to hold other rows.
const LOADS: u32 = 3;

/// What is sent, in the store's directory of a publication.
const STAGED_FILE: &str = "staged.parquet";

/// A publication with what is sent for it.
struct Prepared<'a> {
    publication: &'a NamedPublication,
    /// The staged rows.
    file: &'a Path,
    /// The transaction.
    script: &'a str,
}

/// Versions of the targets around the transaction, in the order of the parts.
struct Versions {
    before: Vec<String>,
    after: Vec<String>,
}

impl Target for BigQuery {
    fn name(&self) -> String {
        self.shown_name()
    }

    fn take_notes(&self) -> Vec<String> {
        Source::take_notes(self)
    }

    fn publish(&self, set: &PublishSet<'_>, observer: &dyn Observer) -> Result<UploadReport> {
        set.refuse_recent()?;
        let path = self.receipts_path(set);
        let mut receipts = load_receipts(&path)?;
        let mut report = UploadReport::default();
        let Some(publication) = self.plan(set, &mut receipts, &mut report)? else {
            set.refuse_unless_reviewed(&self.reviewable(set, None, 0))?;
            save_receipts(&path, &receipts)?;
            return Ok(report);
        };
        self.refuse_if_unfit(&publication.parts)?;
        if set.terms().reviewed.is_some() || self.settings.budget.is_some() {
            let bill = self.estimate(&publication.parts, publication.keep_days > 0)?;
            set.refuse_unless_reviewed(&self.reviewable(set, Some(&publication), bill.query_bytes))?;
            self.refuse_if_over(bill.query_bytes, "the upload")?;
        }
        let (publication, dir) = self.freeze(set, publication)?;
        let script = self.script(&publication)?;
        check_cancelled(observer)?;
        let prepared = Prepared { publication: &publication, file: &dir.join(STAGED_FILE), script: &script };
        let before = self.stage_and_commit(&prepared, observer)?;
        // What is written from here on makes the receipts void, because they name these versions.
        let versions = Versions { before, after: self.versions(&publication)? };
        self.verify(&publication)?;
        record(&publication, &versions, &mut receipts, &mut report);
        save_receipts(&path, &receipts)?;
        report.kept = self.kept(&publication.id)?;
        report.publication = Some(publication.id.clone());
        self.clean_up(&publication);
        if let Err(error) = std::fs::remove_dir_all(&dir) {
            self.note(format!("could not delete {}: {error}", dir.display()));
        }
        Ok(report)
    }

    fn publications(&self) -> Result<Vec<crate::publications::Publication>> {
        self.list()
    }

    fn undo(&self, request: &UndoRequest, _observer: &dyn Observer) -> Result<UndoReport> {
        self.take_back(request)
    }

    fn unpublished(&self, set: &DateSet<'_>) -> Result<BTreeMap<Table, BTreeSet<NaiveDate>>> {
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

    fn rehearse(&self, set: &PublishSet<'_>) -> Result<Rehearsal> {
        set.refuse_recent()?;
        let mut receipts = load_receipts(&self.receipts_path(set))?;
        let mut report = UploadReport::default();
        let Some(planned) = self.plan(set, &mut receipts, &mut report)? else {
            let plan = self.reviewable(set, None, 0);
            let estimate = Some(Bill::default());
            return Ok(Rehearsal { lines: Vec::new(), vanished: report.vanished(), plan, estimate });
        };
        self.refuse_if_unfit(&planned.parts)?;
        let mut bill = self.estimate(&planned.parts, planned.keep_days > 0)?;
        let plan = self.reviewable(set, Some(&planned), bill.query_bytes);
        // The comparison, which ran here as well.
        bill += Bill { slot_ms: 0, ..self.meter.bill() };
        // Without the file the id is not the one that an upload would use.
        let publication = planned.named(&Target::name(self), None);
        let job = serde_json::to_string_pretty(&self.load_resource(&publication, 0)).expect("serializes");
        let lines = vec![
            format!("-- load job, {} rows into {}\n{job}", publication.rows(), publication.staging_name()),
            format!("-- query job {}\n{}", self.commit_id(&publication, 0), self.script(&publication)?),
        ];
        Ok(Rehearsal { lines, vanished: report.vanished(), plan, estimate: Some(bill) })
    }

    fn changed_since(&self, set: &DateSet<'_>) -> Result<BTreeMap<Table, BTreeSet<NaiveDate>>> {
        self.drift(set)
    }

    fn bill(&self) -> Option<Bill> {
        Some(self.meter.bill())
    }
}

impl BigQuery {
    fn receipts_path(&self, set: &DateSet<'_>) -> PathBuf {
        let BigQuerySettings { project, datasets, .. } = &self.settings;
        let plain = |unit: char| if unit.is_ascii_alphanumeric() || unit == '-' { unit } else { '_' };
        let mut name: String = format!("bigquery:{project}").chars().map(plain).collect();
        if !datasets.is_empty() {
            // A rehearsal is another target.
            name.push_str(&format!("_mapped_{}", hex(&Sha256::digest(datasets.to_string())[..8])));
        }
        set.store_root().join("published").join(format!("{name}.json"))
    }

    /// What an upload would do, to be reviewed.
    fn reviewable(&self, set: &PublishSet<'_>, planned: Option<&Planned>, bytes: u64) -> Plan {
        let parent = planned.map_or_else(String::new, |planned| planned.ledger.latest.clone());
        let mut plan = Plan { bytes, ..Plan::of(set, Target::name(self), parent) };
        for part in planned.iter().flat_map(|planned| &planned.parts) {
            for (date, token) in &part.tokens {
                let content = |content: &DateContent| format!("{}:{}", content.rows, content.checksum);
                let replaces = part.planned.get(date).map_or_else(String::new, content);
                plan.add(part.table, *date, PlannedDate { content: token.clone(), replaces });
            }
        }
        plan
    }

    fn reference(&self, table: Table) -> String {
        format!("`{}`", self.name_of(table))
    }

    /// Writes the rows of every part to disk, as they will be sent, and names the publication by them. What
    /// earlier tries left goes: rows that did not change give the same bytes and name again.
    fn freeze(&self, set: &PublishSet<'_>, planned: Planned) -> Result<(NamedPublication, PathBuf)> {
        let pending = set.scratch_dir("pending");
        if let Some(all) = pending.parent().filter(|all| all.exists()) {
            std::fs::remove_dir_all(all).map_err(|error| Error::io("remove", all, error))?;
        }
        std::fs::create_dir_all(&pending).map_err(|error| Error::io("create", &pending, error))?;
        let file = write_staging(&pending.join(STAGED_FILE), &planned.parts)?;
        let publication = planned.named(&Target::name(self), Some(&file));
        let dir = set.scratch_dir(&publication.id);
        std::fs::rename(&pending, &dir).map_err(|error| Error::io("rename", &pending, error))?;
        Ok((publication, dir))
    }

    /// Loads the rows and runs the transaction; returns the versions of the targets right before it. A staging
    /// table that does not hold what was sent is dropped and loaded again, under the job id that comes next.
    fn stage_and_commit(&self, prepared: &Prepared<'_>, observer: &dyn Observer) -> Result<Vec<String>> {
        let &Prepared { publication, file, script } = prepared;
        let mut loads = 0;
        loop {
            self.stage(publication, file, observer)?;
            self.create_backup(publication)?;
            check_cancelled(observer)?;
            let before = self.versions(publication)?;
            observer.on(Event::Waiting { what: format!("the transaction of publication {}", publication.id) });
            loads += 1;
            match self.commit(publication, script)? {
                Outcome::Committed => return Ok(before),
                Outcome::StagingDiffers(error) if loads == LOADS => return Err(error),
                Outcome::StagingDiffers(_) => self.drop_staging(publication)?,
            }
        }
    }

    /// The versions of the targets, in the order of the parts.
    fn versions(&self, publication: &NamedPublication) -> Result<Vec<String>> {
        let version = |part: &Part| {
            let live = self.live_table(dataset_of(part.table), part.table.name())?;
            Ok(live.ok_or_else(|| self.no_table(part.table))?.version())
        };
        publication.parts.iter().map(version).collect()
    }
}

/// Receipts. They cover other dates only if nobody else has written the table since the comparison.
fn record(publication: &NamedPublication, versions: &Versions, receipts: &mut Receipts, report: &mut UploadReport) {
    let Versions { before, after } = versions;
    for ((part, before), after) in publication.parts.iter().zip(before).zip(after) {
        let receipt = receipts.of(part.table);
        if *before != part.live.version() {
            receipt.dates.clear();
            receipt.vanished.clear();
        }
        receipt.vanished.retain(|date, _| !part.tokens.contains_key(date));
        receipt.version.clone_from(after);
        receipt.dates.extend(part.tokens.clone());
        part.add_to(report.tables.entry(part.table).or_default());
    }
}
