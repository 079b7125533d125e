//! The SQL of a publication. Every statement on a table carries literal predicates on its partitions.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use crate::catalog::Table;
use crate::numerics::hash::hex;
use crate::processors::ProcessorId;
use crate::warehouse::DateContent;
use crate::warehouse::content::token_columns;

/// Where publications are recorded.
pub(super) const LEDGER: (&str, &str) = ("nba_backfill", "putback_ledger");

/// The table of one row that names the latest publication. Every publication updates that row: two transactions
/// that touch no other common row would both commit under snapshot isolation.
pub(super) const HEAD: (&str, &str) = (LEDGER.0, "putback_ledger_head");

/// Quoted references of the ledger and of its head.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    pub rows: String,
    pub head: String,
}

/// The dates of a table that a publication replaces, by whose rows on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    pub table: Table,
    /// For the failures table, the processors whose rows are replaced; for the others one key.
    groups: BTreeMap<Vec<ProcessorId>, BTreeSet<NaiveDate>>,
}

impl Scope {
    pub fn new(table: Table) -> Self {
        Self { table, groups: BTreeMap::new() }
    }

    pub fn add(&mut self, date: NaiveDate, processors: &[ProcessorId]) {
        let key = if self.table == Table::PrecomputeFailures { processors.to_vec() } else { Vec::new() };
        self.groups.entry(key).or_default().insert(date);
    }

    /// Takes dates out.
    pub fn remove(&mut self, dates: &BTreeMap<NaiveDate, String>) {
        self.groups.values_mut().for_each(|group| group.retain(|date| !dates.contains_key(date)));
        self.groups.retain(|_, group| !group.is_empty());
    }

    pub fn dates(&self) -> impl Iterator<Item = NaiveDate> {
        self.groups.values().flatten().copied()
    }

    /// The dates by whose rows on them: none named means everybody's.
    pub fn groups(&self) -> impl Iterator<Item = (&[ProcessorId], Vec<NaiveDate>)> {
        self.groups.iter().map(|(processors, dates)| (processors.as_slice(), dates.iter().copied().collect()))
    }

    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The rows of the scope, with a literal range of partitions first.
    pub fn predicate(&self) -> String {
        let column = self.table.schema().partition_column();
        let (Some(first), Some(last)) = (self.dates().min(), self.dates().max()) else { return "FALSE".to_owned() };
        let each: Vec<String> =
            self.groups.iter().map(|(processors, dates)| group(column, processors, dates)).collect();
        format!("{column} BETWEEN DATE '{first}' AND DATE '{last}' AND ({})", each.join(" OR "))
    }
}

fn group(column: &str, processors: &[ProcessorId], dates: &BTreeSet<NaiveDate>) -> String {
    let dates: Vec<String> = dates.iter().map(|date| format!("DATE '{date}'")).collect();
    let dates = format!("{column} IN ({})", dates.join(", "));
    if processors.is_empty() {
        return dates;
    }
    let names: Vec<String> = processors.iter().map(|id| format!("'{}'", id.class_name())).collect();
    format!("({dates} AND processor_name IN ({}))", names.join(", "))
}

fn token_sql(table: Table) -> String {
    let columns = token_columns(table).iter().map(|column| format!("IFNULL({column}, '')"));
    format!("CONCAT({})", columns.collect::<Vec<_>>().join(", '|', "))
}

/// One row per date: date, rows, checksum. `reference` is a quoted table, or a query in brackets.
pub(super) fn dates_sql(table: Table, reference: &str, predicate: &str) -> String {
    let column = table.schema().partition_column();
    format!(
        "SELECT CAST(day AS STRING) AS day, COUNT(*) AS row_count, \
         TO_HEX(SHA256(STRING_AGG(token, '' ORDER BY token))) AS checksum \
         FROM (SELECT {column} AS day, {token} AS token FROM {reference} WHERE {predicate}) GROUP BY day",
        token = token_sql(table),
    )
}

/// One value over all dates of [`dates_sql`].
fn content_sql(table: Table, reference: &str, predicate: &str) -> String {
    format!(
        "(SELECT TO_HEX(SHA256(IFNULL(STRING_AGG(line, '' ORDER BY line), ''))) FROM \
         (SELECT CONCAT(day, '|', CAST(row_count AS STRING), '|', checksum) AS line FROM ({})))",
        dates_sql(table, reference, predicate)
    )
}

/// The value of [`content_sql`] for known dates.
pub(super) fn content(dates: &BTreeMap<NaiveDate, DateContent>) -> String {
    let mut digest = Sha256::new();
    for (date, content) in dates {
        digest.update(format!("{date}|{}|{}", content.rows, content.checksum));
    }
    hex(&digest.finalize())
}

/// One table's share of the transaction.
#[derive(Debug, Clone)]
pub(super) struct TableStatement {
    pub scope: Scope,
    /// A quoted reference.
    pub target: String,
    /// What stands for the staged rows in `FROM`; all of them are in the scope.
    pub staging: String,
    /// Columns of the target that we fill.
    pub columns: Vec<String>,
    /// Expressions over the staged rows that fill them.
    pub values: Vec<String>,
    /// Values of [`content`]: what is in the target now, and what we send.
    pub planned: String,
    pub sent: String,
}

/// How many values each column of the staging table holds, elements of lists counted each: a column that a
/// load lost shows, although the hashes of the rows beside it are there.
#[derive(Debug, Clone)]
pub(super) struct StagedValues {
    /// Quoted reference.
    pub staging: String,
    /// An aggregate and its value for each column.
    pub counts: Vec<(String, u64)>,
}

impl StagedValues {
    fn condition(&self) -> String {
        let counts = self.counts.iter().map(|(aggregate, _)| format!("CAST({aggregate} AS STRING)"));
        let expected: Vec<String> = self.counts.iter().map(|(_, count)| count.to_string()).collect();
        format!(
            "(SELECT ARRAY_TO_STRING([{}], ',') FROM {}) = '{}'",
            counts.collect::<Vec<_>>().join(", "),
            self.staging,
            expected.join(",")
        )
    }
}

/// The row that says that a publication is done.
#[derive(Debug, Clone)]
pub(super) struct LedgerRow {
    pub publication_id: String,
    pub parent_id: String,
    /// What the head named when the publication was planned.
    pub head: String,
    pub version: String,
    pub first_date: NaiveDate,
    pub last_date: NaiveDate,
    pub row_count: u64,
    pub summary: String,
}

/// Markers in the messages of a failed script.
pub(super) const STALE_PLAN: &str = "putback stale plan";
pub(super) const BAD_STAGING: &str = "putback staging differs";
pub(super) const BAD_TARGET: &str = "putback target differs";

/// Everything of a publication.
pub(super) struct Transaction {
    pub ledger: Ledger,
    pub tables: Vec<TableStatement>,
    /// Of rows that were loaded.
    pub values: Option<StagedValues>,
    /// Statements that keep what is replaced.
    pub kept: Vec<String>,
    pub row: LedgerRow,
}

/// One transaction: readers see all of it or nothing.
pub(super) fn transaction(publication: &Transaction) -> String {
    let Transaction { ledger, tables, values, kept, row } = publication;
    let mut sql = String::from("BEGIN TRANSACTION;\n");
    sql.push_str(&move_head(&ledger.head, row));
    let came_between = format!("{STALE_PLAN}: another publication came in between");
    sql.push_str(&must_hold(&format!("{} = '{}'", latest_sql(&ledger.rows), row.parent_id), &came_between));
    let all =
        |part: &dyn Fn(&TableStatement) -> String, joint: &str| tables.iter().map(part).collect::<Vec<_>>().join(joint);
    let sent = all(&|table| table.sent.clone(), "");
    let planned = all(&|table| table.planned.clone(), "");
    let staging = all(&|table| content_sql(table.scope.table, &table.staging, "TRUE"), ", ");
    let target = all(&|table| content_sql(table.scope.table, &table.target, &table.scope.predicate()), ", ");
    let what = "in one of the tables";
    sql.push_str(&must_hold(&format!("CONCAT({staging}) = '{sent}'"), &format!("{BAD_STAGING} {what}")));
    if let Some(values) = values {
        sql.push_str(&must_hold(&values.condition(), &format!("{BAD_STAGING}: a column lost values")));
    }
    sql.push_str(&must_hold(
        &format!("CONCAT({target}) = '{planned}'"),
        &format!("{STALE_PLAN}: rows were changed {what}"),
    ));
    kept.iter().for_each(|statement| sql.push_str(statement));
    for table in tables {
        let predicate = table.scope.predicate();
        let (columns, values) = (table.columns.join(", "), table.values.join(", "));
        let TableStatement { target, staging, .. } = table;
        sql.push_str(&format!("DELETE FROM {target} WHERE {predicate};\n"));
        sql.push_str(&format!("INSERT INTO {target} ({columns}) SELECT {values} FROM {staging};\n"));
    }
    sql.push_str(&must_hold(&format!("CONCAT({target}) = '{sent}'"), &format!("{BAD_TARGET} {what}")));
    sql.push_str(&format!(
        "INSERT INTO {} (publication_id, parent_id, version, published_at, first_date, last_date, row_count, summary) \
         VALUES ('{}', '{}', '{}', CURRENT_TIMESTAMP(), DATE '{}', DATE '{}', {}, {});\n",
        ledger.rows,
        row.publication_id,
        row.parent_id,
        row.version,
        row.first_date,
        row.last_date,
        row.row_count,
        literal(&row.summary)
    ));
    sql.push_str("COMMIT TRANSACTION;\n");
    sql
}

/// Takes the head over from the planned one. The row is changed by every publication, so the service lets only one
/// of two that run at the same time commit.
fn move_head(head: &str, row: &LedgerRow) -> String {
    let LedgerRow { publication_id, head: planned, .. } = row;
    let moved = format!(
        "(SELECT COUNT(*) FROM {head}) = 1 AND (SELECT COUNT(*) FROM {head} WHERE publication_id = '{publication_id}') = 1"
    );
    format!("UPDATE {head} SET publication_id = '{publication_id}' WHERE publication_id = '{planned}';\n")
        + &must_hold(&moved, &format!("{STALE_PLAN}: another publication came in between"))
}

/// Creates the head of a ledger that has none. Two publishers at once create it once, with the same row.
pub(super) fn create_head_sql(ledger: &Ledger) -> String {
    format!("CREATE TABLE IF NOT EXISTS {} AS SELECT {} AS publication_id", ledger.head, latest_sql(&ledger.rows))
}

/// A statement that ends the script with a message, and so rolls the transaction back, unless a condition
/// holds.
fn must_hold(condition: &str, message: &str) -> String {
    format!("IF NOT ({condition}) THEN RAISE USING MESSAGE = '{message}'; END IF;\n")
}

/// A text as a literal, on one line.
pub(super) fn literal(text: &str) -> String {
    let text = text.replace('\\', r"\\").replace('\'', r"\'").replace(['\n', '\r'], " ");
    format!("'{text}'")
}

/// The head of the ledger; empty before the first publication.
pub(super) fn latest_sql(ledger: &str) -> String {
    format!(
        "(SELECT IFNULL(MAX(publication_id), '') FROM {ledger} \
         WHERE publication_id NOT IN (SELECT parent_id FROM {ledger}))"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    #[test]
    fn predicates_are_literal_and_bounded() {
        let mut scope = Scope::new(Table::PlayerShotZoneAnalysis);
        scope.add(date("2024-01-05"), &[ProcessorId::Psza]);
        scope.add(date("2024-01-03"), &[ProcessorId::Psza]);
        assert_eq!(
            scope.predicate(),
            "analysis_date BETWEEN DATE '2024-01-03' AND DATE '2024-01-05' AND \
             (analysis_date IN (DATE '2024-01-03', DATE '2024-01-05'))"
        );
        let mut failures = Scope::new(Table::PrecomputeFailures);
        failures.add(date("2024-01-03"), &[ProcessorId::Tdza]);
        assert!(failures.predicate().contains("processor_name IN ('TeamDefenseZoneAnalysisProcessor')"));
        assert_eq!(Scope::new(Table::MlFeatureStore).predicate(), "FALSE");
    }
}
