//! Compares the store with the target, and checks that the target may be written.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::part::Part;
use super::publication::{LedgerState, Planned, date_content};
use super::receipts::{Receipts, TableReceipt};
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::judge::{RowsByDate, keep_vanished};
use crate::upload::{MonthPart, PublishSet, UploadReport};
use crate::warehouse::bigquery::BigQuery;
use crate::warehouse::bigquery::statements::dates_sql;

/// What of a set is not known to be in the target, beside what the target holds.
struct Compared {
    parts: Vec<Part>,
    /// Dates that a receipt vouches for.
    unchanged: BTreeMap<Table, usize>,
    changed_by_others: bool,
    ledger: LedgerState,
}

impl BigQuery {
    /// What differs from what was last published; `None`: nothing. Dates that the target turns out to
    /// hold already get their receipt here. Rows that the target holds on dates that have none in the set stay, unless
    /// the set removes them.
    pub(super) fn plan(
        &self,
        set: &PublishSet<'_>,
        receipts: &mut Receipts,
        report: &mut UploadReport,
    ) -> Result<Option<Planned>> {
        let mut vanished = self.known_vanished(set, receipts)?;
        let compared = loop {
            let compared = self.compare(set, &keep_vanished(&set.parts, &vanished), receipts)?;
            let found =
                if set.terms().removes_vanished { RowsByDate::new() } else { found_vanished(set, &compared.parts) };
            if found.is_empty() {
                break compared;
            }
            found.into_iter().for_each(|(table, dates)| vanished.entry(table).or_default().extend(dates));
        };
        let Compared { mut parts, unchanged, changed_by_others, ledger } = compared;
        self.renew_receipts(set, &vanished, receipts)?;
        vanished.into_iter().for_each(|(table, dates)| report.tables.entry(table).or_default().vanished = dates);
        unchanged.into_iter().for_each(|(table, dates)| report.tables.entry(table).or_default().unchanged += dates);
        for part in &mut parts {
            let held = part.drop_held();
            report.tables.entry(part.table).or_default().unchanged += held.len();
            receipts.of(part.table).dates.extend(held);
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
        Ok(Some(Planned {
            ledger,
            parts,
            conditions: set.terms().conditions.clone(),
            keep_days: set.terms().keep.days,
        }))
    }

    /// Rows that stayed in the target when this store last looked, if nobody wrote there since.
    fn known_vanished(&self, set: &PublishSet<'_>, receipts: &Receipts) -> Result<RowsByDate> {
        let mut vanished = RowsByDate::new();
        for part in set.parts.iter().filter(|_| !set.terms().removes_vanished) {
            let Some(receipt) = receipts.tables.get(part.table.full_name()) else { continue };
            let version = self.described(part.table)?.map(|live| live.version());
            let is_empty = |date: &NaiveDate| part.dates.get(date).is_some_and(|token| token.rows == 0);
            let known = receipt.vanished.iter().filter(|(date, _)| is_empty(date));
            let known: Vec<_> = known.map(|(date, rows)| (*date, *rows)).collect();
            if version.as_ref() == Some(&receipt.version) && !known.is_empty() {
                vanished.entry(part.table).or_default().extend(known);
            }
        }
        Ok(vanished)
    }

    /// Somebody wrote since: no receipt vouches for any date any more. What stays of vanished dates is noted.
    fn renew_receipts(&self, set: &PublishSet<'_>, vanished: &RowsByDate, receipts: &mut Receipts) -> Result<()> {
        let tables: BTreeSet<Table> = set.parts.iter().map(|part| part.table).collect();
        for table in tables {
            let version = self.described(table)?.ok_or_else(|| self.no_table(table))?.version();
            let receipt = receipts.of(table);
            if receipt.version != version {
                receipt.dates.clear();
                receipt.vanished.clear();
                receipt.version = version;
            }
            receipt.vanished.extend(vanished.get(&table).into_iter().flatten());
        }
        Ok(())
    }

    fn compare(&self, set: &PublishSet<'_>, months: &[MonthPart], receipts: &Receipts) -> Result<Compared> {
        let mut compared = Compared {
            parts: Vec::new(),
            unchanged: BTreeMap::new(),
            changed_by_others: false,
            ledger: LedgerState::default(),
        };
        let nothing = TableReceipt::default();
        for table in Table::outputs() {
            let months = months.iter().filter(|part| part.table == table).collect::<Vec<_>>();
            if months.is_empty() {
                continue;
            }
            let live = self.described(table)?.ok_or_else(|| self.no_table(table))?;
            let receipt = receipts.tables.get(table.full_name()).unwrap_or(&nothing);
            let is_ours = receipt.version == live.version();
            compared.changed_by_others |= !is_ours && !receipt.version.is_empty();
            let mut part = Part::new(table, live);
            let mut months_rows = Vec::new();
            for month in months {
                for (date, token) in &month.dates {
                    if is_ours && receipt.dates.get(date) == Some(&token.content) {
                        *compared.unchanged.entry(table).or_default() += 1;
                        continue;
                    }
                    part.scope.add(*date, &token.processors);
                    part.tokens.insert(*date, token.content.clone());
                    // What this store published was another version: send it, whatever its hashes say.
                    if receipt.dates.get(date).is_some_and(|known| known != &token.content) {
                        part.forced.insert(*date);
                    }
                }
                months_rows.extend(part.wanted(&set.rows(month)?));
            }
            part.take_rows(&months_rows)?;
            if !part.scope.is_empty() {
                compared.parts.push(part);
            }
        }
        if !compared.parts.is_empty() {
            compared.ledger = self.look_at_target(&mut compared.parts)?;
        }
        Ok(compared)
    }

    /// Rows and checksums of the dates in the target, and where the ledger stands, in one query job.
    fn look_at_target(&self, parts: &mut [Part]) -> Result<LedgerState> {
        let mut queries: Vec<String> = parts
            .iter()
            .enumerate()
            .map(|(index, part)| {
                let reference = self.reference(part.table);
                let dates = dates_sql(part.table, &reference, &part.scope.predicate());
                format!("SELECT {index} AS part, day, row_count, checksum FROM ({dates})")
            })
            .collect();
        queries.extend(self.ledger_queries()?);
        let rows = self.query_rows(&queries.join("\nUNION ALL\n"), "comparing with the target")?;
        for (index, date, content) in rows.iter().filter_map(|row| date_content(row)) {
            parts[index].planned.insert(date, content);
        }
        self.ledger_state(&rows)
    }

    pub(super) fn no_table(&self, table: Table) -> Error {
        Error::new(ErrorKind::Upstream, format!("table {} does not exist", self.name_of(table)))
            .hint("create it with the platform's own schema first; putback never creates or alters target tables")
    }

    /// Refuses what the table's definition cannot take, naming every problem and the statements that solve them.
    fn refuse_if_defined_otherwise(&self, part: &Part, place: &str) -> Result<()> {
        let (mut problems, mut statements) = (Vec::new(), Vec::new());
        let oldest = part.scope.dates().min().expect("a part has dates");
        let age = (self.settings.now.date_naive() - oldest).num_days();
        let expiry = part.live.partition_expiry_days().filter(|days| age >= 0 && age.unsigned_abs() >= *days);
        if let Some(days) = expiry {
            problems.push(format!(
                "partitions expire after {days} days, and {oldest} is {age} days old: its rows would be deleted"
            ));
            statements.push(format!("ALTER TABLE `{place}` SET OPTIONS (partition_expiration_days = NULL)"));
        }
        let missing = part.columns_missing_there();
        if !missing.is_empty() {
            let names = missing.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
            let columns = if missing.len() == 1 { "column" } else { "columns" };
            let does = if missing.len() == 1 { "does" } else { "do" };
            problems.push(format!("{columns} {names} {does} not exist in the live table"));
            let added = missing.iter().map(|column| format!("ADD COLUMN {} {}", column.name, column.ty));
            statements.push(format!("ALTER TABLE `{place}` {}", added.collect::<Vec<_>>().join(", ")));
        }
        if problems.is_empty() {
            return Ok(());
        }
        let kind = if expiry.is_some() { ErrorKind::Conflict } else { ErrorKind::Schema };
        Err(Error::new(kind, format!("{place}: {}", problems.join("; "))).hint(format!(
            "putback never alters target tables; run {}, or leave the dates or the table out; nothing was published",
            statements.join("; ")
        )))
    }

    /// Refuses everything that would fail later, before anything is sent.
    pub(super) fn refuse_if_unfit(&self, parts: &[Part]) -> Result<()> {
        for part in parts {
            let place = self.name_of(part.table);
            self.refuse_if_defined_otherwise(part, &place)?;
            if part.live.has_streaming_buffer() {
                let since = part.live.streaming_since();
                let since = since.map_or_else(String::new, |since| format!(" since {}", since.format("%F %T UTC")));
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!(
                        "{place}: rows of a streaming insert are still in its buffer{since}, which statements cannot \
                         replace"
                    ),
                )
                .hint("wait up to 90 minutes until the buffer is empty; nothing was published"));
            }
            let fitted = part.fitted(&place)?;
            fitted.rounded.iter().for_each(|rounded| self.note(rounded.note(&place)));
        }
        Ok(())
    }
}

/// Rows that the target holds on dates that have none in the set.
fn found_vanished(set: &PublishSet<'_>, parts: &[Part]) -> RowsByDate {
    let is_empty = |table: Table, date: &NaiveDate| {
        let mut of_table = set.parts.iter().filter(|part| part.table == table);
        of_table.any(|part| part.dates.get(date).is_some_and(|token| token.rows == 0))
    };
    let mut found = RowsByDate::new();
    for part in parts.iter().filter(|part| part.table != Table::PrecomputeFailures) {
        let held = part.planned.iter().filter(|(date, content)| content.rows > 0 && is_empty(part.table, date));
        let held: BTreeMap<NaiveDate, u64> = held.map(|(date, content)| (*date, content.rows)).collect();
        if !held.is_empty() {
            found.insert(part.table, held);
        }
    }
    found
}
