//! The statements that the fake knows, in the words of its embedded database.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::SchemaRef;
use serde_json::{Value, json};

use super::Core;
use super::tables::Name;

/// Settings of every connection.
pub const SESSION: &str = "SET threads = 1; SET TimeZone = 'UTC';";

/// Functions that the embedded database calls otherwise.
pub const MACROS: &str = "\
    CREATE MACRO UNIX_MICROS(moment) AS epoch_us(moment); \
    CREATE MACRO COUNTIF(condition) AS count_if(condition); \
    CREATE MACRO PARSE_JSON(text, wide_number_mode := 'exact') AS \
    CASE WHEN text IS NULL OR json_valid(text) THEN text ELSE error('Invalid input to PARSE_JSON') END;";

/// The least that a query bills for each table it refers to.
const LEAST_BYTES: u64 = 10 << 20;

/// How the service says that a statement failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub reason: String,
    pub message: String,
}

/// Rows of a query; no batches for a statement without rows.
#[derive(Clone)]
pub struct Rows {
    pub schema: SchemaRef,
    pub batches: Vec<RecordBatch>,
}

/// A statement ready to run.
struct Translated {
    sql: String,
    bytes: u64,
}

pub fn schema(project: &str, dataset: &str) -> String {
    format!("\"{project}.{dataset}\"")
}

impl Failure {
    pub fn new(reason: &str, message: impl Into<String>) -> Self {
        Self { reason: reason.to_owned(), message: message.into() }
    }

    fn invalid(message: impl Into<String>) -> Self {
        Self::new("invalidQuery", message)
    }

    /// A conflict between transactions in the service's words.
    pub fn of_database(error: &duckdb::Error) -> Self {
        let message = error.to_string();
        if message.to_ascii_lowercase().contains("conflict") {
            return Self::invalid("Transaction is aborted due to concurrent update against table");
        }
        Self::invalid(message)
    }
}

impl Core {
    /// Bytes that a script reads, by the partitions that its literal predicates leave.
    pub fn estimate(&mut self, script: &str) -> Result<u64, Failure> {
        let mut bytes = 0;
        for statement in statements(script) {
            if let Some((condition, _)) = assertion(statement) {
                bytes += self.translate(condition)?.bytes;
            } else if let Some((_, query)) = creation(statement) {
                bytes += self.translate(query)?.bytes;
            } else if !is_bracket(statement) {
                bytes += self.translate(statement)?.bytes;
            }
        }
        Ok(bytes)
    }

    /// Keeps a script for [`super::Fake::sent`]. A table that does not exist is an error of the script's own, but for the
    /// one that it creates.
    pub fn log(&mut self, script: &str) {
        let created = statements(script).find_map(creation).map(|(name, _)| name);
        let is_metadata = |name: &Name| name.table.starts_with("INFORMATION_SCHEMA.");
        let mut tables = serde_json::Map::new();
        for name in tables_of(script).into_iter().filter(|name| !is_metadata(name) && created.as_ref() != Some(name)) {
            let Some(table) = self.tables.get(&name) else { return };
            tables.insert(format!("{}.{}.{}", name.project, name.dataset, name.table), json!(table.fields()));
        }
        if !script.is_empty() {
            self.sent.push(json!({ "sql": script, "tables": tables }));
        }
    }

    /// Runs a script, and keeps a transaction of a watched project; the rows of its last statement that has any.
    pub fn run_script(&mut self, script: &str) -> Result<Option<Rows>, Failure> {
        let project = tables_of(script).first().map_or_else(String::new, |name| name.project.clone());
        if !script.starts_with("BEGIN TRANSACTION") || !self.watched.contains_key(&project) {
            return self.run_bracketed(script);
        }
        let before = self.contents(script)?;
        let result = self.run_bracketed(script)?;
        let mut tables = self.contents(script)?;
        for (name, table) in &mut tables {
            table["after"] = table["rows"].take();
            table["before"] = before[name]["rows"].clone();
        }
        let kept = self.watched.get_mut(&project).expect("it is watched");
        kept.push(json!({ "sql": script, "tables": tables }));
        Ok(result)
    }

    /// Fields and rows of the tables that a script names.
    fn contents(&self, script: &str) -> Result<serde_json::Map<String, Value>, Failure> {
        let mut contents = serde_json::Map::new();
        for name in tables_of(script) {
            let Some(table) = self.tables.get(&name) else { continue };
            let names = table.fields().iter().filter_map(|field| field["name"].as_str());
            let names: Vec<String> = names.map(|name| format!("\"{name}\"")).collect();
            let rows = self.select(&format!("SELECT {} FROM {}", names.join(", "), name.quoted()))?;
            let cells =
                |row: &Value| row["f"].as_array().map(|cells| cells.iter().map(|cell| cell["v"].clone()).collect());
            let rows: Vec<Vec<Value>> = super::cells::rows(&rows).iter().filter_map(cells).collect();
            let text = format!("{}.{}.{}", name.project, name.dataset, name.table);
            contents.insert(text, json!({ "fields": table.fields(), "rows": rows }));
        }
        Ok(contents)
    }

    fn select(&self, sql: &str) -> Result<Rows, Failure> {
        let wrong = |error: duckdb::Error| Failure::of_database(&error);
        let mut prepared = self.database.prepare(sql).map_err(wrong)?;
        let arrow = prepared.query_arrow([]).map_err(wrong)?;
        let schema = arrow.get_schema();
        Ok(Rows { schema, batches: arrow.collect() })
    }

    fn run_bracketed(&mut self, script: &str) -> Result<Option<Rows>, Failure> {
        let mut is_open = false;
        let result = self.run_statements(script, &mut is_open);
        if is_open {
            self.database.execute_batch("ROLLBACK").expect("an open transaction");
            tables_of(script).iter().for_each(|name| self.touch(name));
            // A script that ends in a transaction loses it.
            result?;
            return Err(Failure::invalid("Transaction was not committed"));
        }
        result
    }

    pub fn run_statements(&mut self, script: &str, is_open: &mut bool) -> Result<Option<Rows>, Failure> {
        let mut rows = None;
        for statement in statements(script) {
            if let Some((condition, message)) = assertion(statement) {
                if !self.holds(condition)? {
                    return Err(Failure::invalid(format!("{message} at [1:1]")));
                }
                continue;
            }
            if is_bracket(statement) {
                self.database.execute_batch(statement).map_err(|error| Failure::invalid(error.to_string()))?;
                *is_open = statement.starts_with("BEGIN");
                continue;
            }
            rows = self.run_one(statement)?.or(rows);
        }
        Ok(rows)
    }

    fn holds(&mut self, condition: &str) -> Result<bool, Failure> {
        let rows = self.run_one(&format!("SELECT ({condition})"))?.expect("a query has rows");
        let value = rows.batches.first().map(|batch| batch.column(0).as_boolean().clone());
        Ok(value.is_some_and(|value| value.is_valid(0) && value.value(0)))
    }

    fn run_one(&mut self, statement: &str) -> Result<Option<Rows>, Failure> {
        self.refuse_if_strict(statement)?;
        if let Some((name, query)) = creation(statement) {
            return self.create_by_query(&name, query).map(|()| None);
        }
        let sql = self.translate(statement)?.sql;
        let wrong = |error: duckdb::Error| Failure::of_database(&error);
        if !statement.starts_with("SELECT") {
            let target = references(statement).first().and_then(|(text, _)| Name::parse(text));
            target.iter().for_each(|name| self.touch(name));
            self.database.execute_batch(&sql).map_err(wrong)?;
            return Ok(None);
        }
        self.select(&sql).map(Some)
    }

    /// A table of the rows of a query, unless there is one of that name.
    fn create_by_query(&mut self, name: &Name, query: &str) -> Result<(), Failure> {
        if self.tables.contains_key(name) {
            return Ok(());
        }
        let sql = self.translate(query)?.sql;
        let columns = self.columns_of(&format!("({sql})")).map_err(Failure::invalid)?;
        let field = |(column, ty): (String, String)| match ty.as_str() {
            "VARCHAR" => Ok(json!({ "name": column, "type": "STRING", "mode": "NULLABLE" })),
            _ => Err(Failure::invalid(format!("the fake creates no column of type {ty}"))),
        };
        let fields = columns.into_iter().map(field).collect::<Result<Vec<_>, _>>()?;
        let Name { project, dataset, table } = name;
        let reference = json!({ "projectId": project, "datasetId": dataset, "tableId": table });
        let reply = self.create_table(&json!({ "tableReference": reference, "schema": { "fields": fields } }));
        if reply.status != 200 {
            return Err(Failure::invalid(String::from_utf8_lossy(&reply.body)));
        }
        self.touch(name);
        let filled = self.database.execute_batch(&format!("INSERT INTO {} {sql}", name.quoted()));
        filled.map_err(|error| Failure::of_database(&error))
    }

    /// What the service refuses whatever the rows are.
    fn refuse_if_strict(&self, statement: &str) -> Result<(), Failure> {
        let verb = statement.split_whitespace().next().unwrap_or_default();
        if !["SELECT", "DELETE", "INSERT", "UPDATE", "MERGE", "CREATE"].contains(&verb) {
            return Err(Failure::invalid(format!("Syntax error: the fake does not know {verb:?}")));
        }
        if matches!(verb, "DELETE" | "UPDATE") && !statement.contains(" WHERE ") {
            return Err(Failure::invalid(format!("{verb} must have a WHERE clause")));
        }
        let Some(name) = references(statement).first().and_then(|(text, _)| Name::parse(text)) else { return Ok(()) };
        if verb == "INSERT" {
            self.refuse_text_for_json(&name, statement)?;
        }
        let is_buffered = self.tables.get(&name).is_some_and(super::tables::Table::has_streaming_buffer);
        if is_buffered && matches!(verb, "DELETE" | "UPDATE" | "MERGE") {
            return Err(Failure::invalid(format!(
                "UPDATE or DELETE statement over table {name} would affect rows in the streaming buffer, \
                 which is not supported"
            )));
        }
        Ok(())
    }

    fn refuse_text_for_json(&self, name: &Name, statement: &str) -> Result<(), Failure> {
        let fields = self.tables.get(name).map_or(&[][..], super::tables::Table::fields).iter();
        let is_unfit = |column: &&str| {
            statement.contains(&format!("{column},")) && !statement.contains(&format!("PARSE_JSON({column}"))
        };
        let is_json = |field: &&Value| field["type"] == "JSON";
        let columns = fields.filter(is_json).filter_map(|field| field["name"].as_str());
        // A copy of a column that is JSON already, under its name with or without that of its table before it.
        let sources = references(statement).into_iter().skip(1).filter_map(|(text, _)| Name::parse(&text));
        let of_sources = sources.filter_map(|name| self.tables.get(&name)).flat_map(super::tables::Table::fields);
        let of_sources: Vec<&str> = of_sources.filter(is_json).filter_map(|field| field["name"].as_str()).collect();
        let bare = |name: &str| name.rsplit("__").next().unwrap_or_default().to_owned();
        let is_copied = |column: &&str| of_sources.iter().any(|source| bare(source) == bare(column));
        match columns.into_iter().find(|column| is_unfit(column) && !is_copied(column)) {
            None => Ok(()),
            Some(column) => Err(Failure::invalid(format!(
                "Query column has type STRING which cannot be inserted into column {column}, which has type JSON"
            ))),
        }
    }

    fn translate(&mut self, statement: &str) -> Result<Translated, Failure> {
        let mut sql = statement.to_owned();
        let mut bytes = 0;
        for (text, after) in references(statement) {
            let name = Name::parse(&text).ok_or_else(|| Failure::invalid(format!("not a table: {text}")))?;
            if !self.datasets.contains_key(&(name.project.clone(), name.dataset.clone())) {
                let message = format!(
                    "Not found: Dataset {}:{} was not found in location {}",
                    name.project,
                    name.dataset,
                    super::LOCATION
                );
                return Err(Failure::new("notFound", message));
            }
            if name.table.starts_with("INFORMATION_SCHEMA.") {
                self.make_metadata(&name.project, &name.dataset);
            } else {
                bytes += self.weigh(&name, after)?;
            }
            sql = sql.replace(&format!("`{text}`"), &name.quoted());
        }
        Ok(Translated { sql: sql.replace("TO_HEX(SHA256(", "(sha256(").replace("CURRENT_TIMESTAMP()", "now()"), bytes })
    }

    /// Bytes of the partitions that are read, and whether a filter that is required is there.
    fn weigh(&mut self, name: &Name, after: &str) -> Result<u64, Failure> {
        let missing = || {
            Failure::new("notFound", format!("Not found: Table {name} was not found in location {}", super::LOCATION))
        };
        self.observe(name).ok_or_else(missing)?;
        let table = &self.tables[name];
        let range = table.partition_field().and_then(|field| literal_range(after, field));
        if table.resource["requirePartitionFilter"] == true && range.is_none() && !after.trim_start().starts_with('(') {
            return Err(Failure::invalid(format!(
                "Cannot query over table '{name}' without a filter over column(s) '{}' that can be used for \
                 partition elimination",
                table.partition_field().unwrap_or_default()
            )));
        }
        let is_read =
            |day: &str| range.as_ref().is_none_or(|(first, last)| first.as_str() <= day && day <= last.as_str());
        let read = table.partitions.iter().filter(|(day, _)| is_read(day)).map(|(_, partition)| partition.bytes);
        Ok(read.sum::<u64>().max(LEAST_BYTES))
    }
}

/// `field BETWEEN DATE 'a' AND DATE 'b'` right after `WHERE`, as partition ids.
fn literal_range(after: &str, field: &str) -> Option<(String, String)> {
    let dates = after
        .trim_start()
        .strip_prefix("WHERE ")?
        .trim_start_matches('(')
        .strip_prefix(field)?
        .strip_prefix(" BETWEEN DATE '")?;
    let (first, rest) = dates.split_once('\'')?;
    let (last, _) = rest.strip_prefix(" AND DATE '")?.split_once('\'')?;
    Some((first.replace('-', ""), last.replace('-', "")))
}

/// Statements end with a semicolon at the end of a line.
fn statements(script: &str) -> impl Iterator<Item = &str> {
    script
        .split(";\n")
        .map(|statement| statement.trim().trim_end_matches(';'))
        .filter(|statement| !statement.is_empty())
}

fn is_bracket(statement: &str) -> bool {
    statement == "BEGIN TRANSACTION" || statement == "COMMIT TRANSACTION"
}

/// The table and the query of a statement that creates a table from rows.
fn creation(statement: &str) -> Option<(Name, &str)> {
    let (name, query) = statement.strip_prefix("CREATE TABLE IF NOT EXISTS `")?.split_once("` AS ")?;
    Some((Name::parse(name)?, query))
}

/// The tables that a script names.
pub fn tables_of(script: &str) -> Vec<Name> {
    references(script).into_iter().filter_map(|(text, _)| Name::parse(&text)).collect()
}

/// Condition and message of a statement that raises.
fn assertion(statement: &str) -> Option<(&str, &str)> {
    let (condition, rest) = statement.strip_prefix("IF NOT (")?.split_once(") THEN RAISE USING MESSAGE = '")?;
    Some((condition, rest.strip_suffix("'; END IF")?))
}

/// Every quoted table, and the statement after it.
fn references(statement: &str) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    let mut rest = statement;
    while let Some((_, after)) = rest.split_once('`') {
        let Some((name, after)) = after.split_once('`') else { break };
        found.push((name.to_owned(), after));
        rest = after;
    }
    found
}
