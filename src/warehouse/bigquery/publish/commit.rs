//! The transaction, and the verification of the target after it.

use std::collections::BTreeMap;

use super::ledger::summary_of;
use super::part::Part;
use super::publication::{NamedPublication, date_content};
use super::tries::Step;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Silent;
use crate::warehouse::DateContent;
use crate::warehouse::bigquery::BigQuery;
use crate::warehouse::bigquery::jobs::JobFailure;
use crate::warehouse::bigquery::statements::{
    BAD_STAGING, BAD_TARGET, LedgerRow, STALE_PLAN, StagedValues, TableStatement, Transaction, content, dates_sql,
    transaction,
};
use chrono::NaiveDate;

/// The service takes statements of up to 1 MB.
const LONGEST_SCRIPT_BYTES: usize = 1_000_000;

impl BigQuery {
    pub(super) fn commit_id(&self, publication: &NamedPublication, generation: u32) -> String {
        format!("putback_{}_commit_g{generation}", publication.id)
    }

    /// # Errors
    /// [`ErrorKind::Usage`] for more dates than a script has room for.
    pub(super) fn script(&self, publication: &NamedPublication) -> Result<String> {
        let staging = self.staging_reference(publication);
        let tables: Vec<TableStatement> = publication
            .parts
            .iter()
            .map(|part| TableStatement {
                scope: part.scope.clone(),
                target: self.reference(part.table),
                staging: part.staged_rows(&staging),
                columns: part.columns(),
                values: part.values(),
                planned: content(&part.planned),
                sent: content(&part.sent),
            })
            .collect();
        let counts = publication.parts.iter().flat_map(Part::staged_values).collect();
        self.script_of(publication, tables, Some(StagedValues { staging, counts }))
    }

    /// The transaction that makes the tables what `tables` say.
    ///
    /// # Errors
    /// As [`BigQuery::script`].
    pub(super) fn script_of(
        &self,
        publication: &NamedPublication,
        tables: Vec<TableStatement>,
        values: Option<StagedValues>,
    ) -> Result<String> {
        let dates = || publication.parts.iter().flat_map(|part| part.scope.dates());
        let summary: Vec<String> = publication
            .parts
            .iter()
            .map(|part| format!("{}: {} dates, {} rows", part.table, part.scope.dates().count(), part.sent_rows()))
            .collect();
        let undo: Vec<String> = publication.undoes.iter().map(|undone| summary_of(undone)).collect();
        let row = LedgerRow {
            publication_id: publication.id.clone(),
            parent_id: publication.ledger.latest.clone(),
            head: publication.ledger.head.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            first_date: dates().min().expect("a publication has dates"),
            last_date: dates().max().expect("a publication has dates"),
            row_count: publication.parts.iter().map(Part::sent_rows).sum(),
            summary: [undo, summary, publication.conditions.clone()].concat().join("; "),
        };
        let kept = self.keep_statements(publication);
        let script = transaction(&Transaction { ledger: self.ledger(), tables, values, kept, row });
        if script.len() > LONGEST_SCRIPT_BYTES {
            let dates = publication.parts.iter().map(|part| part.scope.dates().count()).max().unwrap_or(0);
            return Err(Error::new(
                ErrorKind::Usage,
                format!("{dates} dates are more than the service takes in one transaction; nothing was published"),
            )
            .hint("publish fewer years at a time, for example with --year"));
        }
        Ok(script)
    }

    /// Runs the transaction. The id of a failed job is not reused; a job that succeeded under one of our ids settles
    /// it. The ledger is read before anything is reported as unpublished.
    ///
    /// # Errors
    /// [`ErrorKind::StalePlan`] when the target or the ledger changed since planning, [`ErrorKind::Conflict`] when
    /// another writer keeps coming in between.
    pub(super) fn commit(&self, publication: &NamedPublication, script: &str) -> Result<Outcome> {
        self.prepare_ledger()?;
        let site = self.site();
        let mut may_have_committed = false;
        let run = |generation| site.query(&self.commit_id(publication, generation), script);
        let committed = self.in_generations(run, &Silent, |run, earlier| {
            match earlier {
                Some(job) if job.failure().is_none() => return Ok(Step::Done(Outcome::Committed)),
                Some(_) => {
                    may_have_committed = true;
                    return Ok(Step::NextId);
                }
                None => {}
            }
            // A job that ended in an error of the service may have committed all the same.
            if may_have_committed && self.is_published(publication)? {
                return Ok(Step::Done(Outcome::Committed));
            }
            let Some(job) = self.runtime.block_on(site.run(&self.rest, run))? else { return Ok(Step::NextId) };
            let Some(failure) = job.failure() else { return Ok(Step::Done(Outcome::Committed)) };
            if !failure.is_transient() && !job.adopted {
                return self.settle(publication, refused(&failure, &job.id)).map(Step::Done);
            }
            may_have_committed = true;
            Ok(Step::Failed)
        })?;
        let failures = match committed {
            Ok(outcome) => return Ok(outcome),
            Err(failures) => failures,
        };
        let kept_out = Error::new(
            ErrorKind::Conflict,
            format!("the transaction was refused {failures} times because another writer is active"),
        )
        .hint("stop the other writer and run the same command again; nothing was published");
        self.settle(publication, Refusal::Failed(kept_out))
    }

    /// A refusal stands only if the ledger does not have the publication.
    fn settle(&self, publication: &NamedPublication, refusal: Refusal) -> Result<Outcome> {
        if self.is_published(publication)? {
            return Ok(Outcome::Committed);
        }
        match refusal {
            Refusal::StagingDiffers(error) => Ok(Outcome::StagingDiffers(error)),
            Refusal::Failed(error) => Err(error),
        }
    }

    /// Compares the target after the commit; finds rows that another writer appended meanwhile.
    pub(super) fn verify(&self, publication: &NamedPublication) -> Result<()> {
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
                .hint("stop the other writer and run the same command again; it compares with the target again"));
            }
        }
        Ok(())
    }
}

/// How the transaction ended.
#[derive(Debug)]
pub(super) enum Outcome {
    Committed,
    /// The staging table does not hold what was sent, and nothing was published.
    StagingDiffers(Error),
}

/// Why the transaction did not commit.
enum Refusal {
    StagingDiffers(Error),
    Failed(Error),
}

/// What a failed transaction means.
fn refused(failure: &JobFailure, job_id: &str) -> Refusal {
    let says = |mark: &str| failure.message.contains(mark);
    let error = |kind, text: &str| Error::new(kind, format!("{text}: {} (job {job_id})", failure.message));
    if says(STALE_PLAN) {
        Refusal::Failed(
            error(ErrorKind::StalePlan, "the target changed after it was compared; nothing was published")
                .hint("run the same command again; it compares with the target again"),
        )
    } else if says(BAD_STAGING) || says(BAD_TARGET) {
        let error = error(ErrorKind::Unexpected, "what arrived is not what was sent; nothing was published")
            .hint("run the same command again, and report it if it happens again");
        if says(BAD_STAGING) { Refusal::StagingDiffers(error) } else { Refusal::Failed(error) }
    } else {
        Refusal::Failed(failure.describe("publishing", job_id))
    }
}
