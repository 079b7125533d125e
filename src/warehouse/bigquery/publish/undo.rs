//! Taking a publication back: what its backup table holds goes where it was, by one transaction with the assertions of an
//! upload.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::backup::{Manifest, backup_name, changed_dates, damaged};
use super::commit::Outcome;
use super::ledger::{summary_of, undone_of};
use super::part::Part;
use super::publication::{LedgerState, NamedPublication, date_content};
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::numerics::hash::hex;
use crate::publications::{self, UndoReport, UndoRequest, Undoable, changed_since, nothing_published, unknown};
use crate::upload::Target;
use crate::warehouse::bigquery::BigQuery;
use crate::warehouse::bigquery::statements::{LEDGER, TableStatement, content, dates_sql};

/// Publications of the ledger that are looked at.
const LISTED: usize = 100;
/// Publications whose backup tables are looked for.
const LOOKED_FOR: usize = 20;

impl BigQuery {
    /// The publications of the ledger, the latest first; whether they can be undone is not looked up.
    fn ledger_rows(&self) -> Result<Vec<publications::Publication>> {
        if self.live_table(LEDGER.0, LEDGER.1)?.is_none() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT publication_id, parent_id, UNIX_MICROS(published_at), CAST(first_date AS STRING), \
             CAST(last_date AS STRING), row_count, summary FROM {} ORDER BY published_at DESC LIMIT {LISTED}",
            self.ledger().rows
        );
        let rows = self.query_rows(&sql, "reading the ledger")?;
        let text = |row: &[Value], index: usize| row.get(index).and_then(Value::as_str).unwrap_or_default().to_owned();
        let read = |row: &Vec<Value>| {
            let summary = text(row, 6);
            let undone = undone_of(&summary).map(str::to_owned);
            Some(publications::Publication {
                id: text(row, 0),
                parent: text(row, 1),
                published_at: DateTime::<Utc>::from_timestamp_micros(text(row, 2).parse().ok()?)?,
                first_date: text(row, 3).parse().ok()?,
                last_date: text(row, 4).parse().ok()?,
                rows: text(row, 5).parse().ok()?,
                undoes: undone,
                summary,
                undo: Undoable::No,
            })
        };
        let mut known: Vec<_> = rows.iter().filter_map(read).collect();
        // Two within a tick of the clock: the latest is the one that is no parent.
        let parents: BTreeSet<String> = known.iter().map(|of| of.parent.clone()).collect();
        if let Some(latest) = known.iter().position(|of| !parents.contains(&of.id)) {
            known[..=latest].rotate_right(1);
        }
        Ok(known)
    }

    pub(super) fn list(&self) -> Result<Vec<publications::Publication>> {
        let mut known = self.ledger_rows()?;
        for publication in known.iter_mut().take(LOOKED_FOR) {
            let end = self.kept(&publication.id)?.and_then(|kept| kept.until);
            publication.undo = end.map_or(Undoable::No, Undoable::Until);
        }
        Ok(known)
    }

    pub(super) fn take_back(&self, request: &UndoRequest) -> Result<UndoReport> {
        let known = self.ledger_rows()?;
        let target = Target::name(self);
        let latest = known.first().ok_or_else(|| nothing_published(&target))?;
        let id = match &request.publication {
            None => latest.id.clone(),
            Some(id) if known.iter().any(|of| of.id == *id) => id.clone(),
            Some(id) => return Err(unknown(id, &target)),
        };
        // A command whose end nobody saw may be repeated.
        if latest.undoes.as_ref() == Some(&id) {
            let publication = latest.id.clone();
            return Ok(UndoReport { undone: id, publication, was_done: true, tables: BTreeMap::new() });
        }
        let place = self.full_name(LEDGER.0, &backup_name(&id));
        if self.kept(&id)?.is_none() {
            return Err(Error::new(
                ErrorKind::Upstream,
                format!("publication {id} cannot be undone: its backup table {place} expired or was removed"),
            )
            .hint("`putback undo --list` names those that can be undone; `upload --keep-days` keeps backups longer"));
        }
        let manifest = self.manifest(&id)?.ok_or_else(|| damaged(&id, &place))?;
        let (publication, script) = self.plan_undo(&id, &manifest, request.keep.days)?;
        self.create_backup(&publication)?;
        match self.commit(&publication, &script)? {
            Outcome::Committed => {}
            Outcome::StagingDiffers(_) => return Err(damaged(&id, &place)),
        }
        self.verify(&publication)?;
        let mut report = UndoReport { undone: id, publication: publication.id.clone(), ..UndoReport::default() };
        publication.parts.iter().for_each(|part| part.add_to(report.tables.entry(part.table).or_default()));
        Ok(report)
    }

    /// The transaction that puts back what a backup table holds.
    ///
    /// # Errors
    /// [`ErrorKind::StalePlan`] when the target is not what the publication left, [`ErrorKind::Schema`] when it has lost
    /// columns since.
    fn plan_undo(&self, id: &str, manifest: &Manifest, keep_days: u32) -> Result<(NamedPublication, String)> {
        let mut parts = Vec::new();
        for kept in &manifest.tables {
            let table: Table = kept.table.parse()?;
            let live = self.described(table)?.ok_or_else(|| self.no_table(table))?;
            if let Some(lost) = kept.columns.iter().find(|column| live.type_of(column).is_none()) {
                return Err(Error::new(
                    ErrorKind::Schema,
                    format!("{}: column {lost}, which the backup has, does not exist any more", self.name_of(table)),
                )
                .hint("add the column again and run the same command; nothing was changed"));
            }
            let mut part = Part::new(table, live);
            part.scope = kept.scope(table);
            parts.push(part);
        }
        let backup = self.backup_reference(id);
        let ledger = self.look_at_both(&mut parts, manifest, &backup)?;
        let mut changed: BTreeMap<Table, BTreeSet<NaiveDate>> = BTreeMap::new();
        for (part, kept) in parts.iter().zip(&manifest.tables) {
            let dates = changed_dates(kept, &part.planned);
            if !dates.is_empty() || content(&part.planned) != kept.after {
                let all = || part.scope.dates().collect::<BTreeSet<_>>();
                changed.insert(part.table, if dates.is_empty() { all() } else { dates.into_iter().collect() });
            }
        }
        if !changed.is_empty() {
            return Err(changed_since(id, &changed));
        }
        if parts.iter().zip(&manifest.tables).any(|(part, kept)| content(&part.sent) != kept.before) {
            return Err(damaged(id, &self.full_name(LEDGER.0, &backup_name(id))));
        }
        self.refuse_if_unfit(&parts)?;
        let tables: Vec<TableStatement> = parts
            .iter()
            .zip(&manifest.tables)
            .map(|(part, kept)| TableStatement {
                scope: part.scope.clone(),
                target: self.reference(part.table),
                staging: part.kept_rows(&backup, &kept.columns),
                columns: kept.columns.clone(),
                values: kept.columns.clone(),
                planned: content(&part.planned),
                sent: content(&part.sent),
            })
            .collect();
        let publication = named(&Target::name(self), id, PlannedUndo { ledger, parts, keep_days });
        let script = self.script_of(&publication, tables, None)?;
        Ok((publication, script))
    }

    /// What the target and the backup table hold of the dates, and where the ledger stands, in one query.
    fn look_at_both(&self, parts: &mut [Part], manifest: &Manifest, backup: &str) -> Result<LedgerState> {
        let count = parts.len();
        let mut queries = self.ledger_queries()?;
        for (index, (part, kept)) in parts.iter().zip(&manifest.tables).enumerate() {
            let there = dates_sql(part.table, &self.reference(part.table), &part.scope.predicate());
            let before = dates_sql(part.table, &part.kept_rows(backup, &kept.columns), "TRUE");
            queries.push(format!("SELECT {index} AS part, day, row_count, checksum FROM ({there})"));
            queries.push(format!("SELECT {} AS part, day, row_count, checksum FROM ({before})", index + count));
        }
        let rows = self.query_rows(&queries.join("\nUNION ALL\n"), "comparing with the target")?;
        for (index, date, content) in rows.iter().filter_map(|row| date_content(row)) {
            match index.checked_sub(count) {
                None => parts[index].planned.insert(date, content),
                Some(index) => parts[index].sent.insert(date, content),
            };
        }
        self.ledger_state(&rows)
    }
}

struct PlannedUndo {
    ledger: LedgerState,
    parts: Vec<Part>,
    keep_days: u32,
}

/// The id is a digest of what is put back, where, and after which publication.
fn named(target: &str, undone: &str, planned: PlannedUndo) -> NamedPublication {
    let PlannedUndo { ledger, parts, keep_days } = planned;
    let mut digest = Sha256::new();
    let LedgerState { latest, head } = &ledger;
    digest.update(format!("{target}|{latest}|{head}|{}|{}", env!("CARGO_PKG_VERSION"), summary_of(undone)));
    for part in &parts {
        digest.update(format!("|{}|{}|{}", part.table, content(&part.planned), content(&part.sent)));
    }
    let id = hex(&digest.finalize()[..10]);
    NamedPublication { id, ledger, parts, conditions: Vec::new(), keep_days, undoes: Some(undone.to_owned()) }
}
