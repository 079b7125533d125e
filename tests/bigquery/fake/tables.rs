//! Tables, their partitions and what they weigh.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use super::Core;
use super::http::Reply;

/// Project, dataset and table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    pub project: String,
    pub dataset: String,
    pub table: String,
}

pub struct Table {
    pub resource: Value,
    pub partitions: BTreeMap<String, Partition>,
    /// Rows may have changed since the last look.
    is_touched: bool,
}

/// Rows of a day, and when they last changed.
#[derive(Clone, PartialEq, Eq)]
pub struct Partition {
    pub rows: u64,
    pub bytes: u64,
    content: String,
    pub changed_ms: u64,
}

impl Name {
    pub fn new(project: &str, dataset: &str, table: &str) -> Self {
        Self { project: project.to_owned(), dataset: dataset.to_owned(), table: table.to_owned() }
    }

    /// `project.dataset.table`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        Some(Self::new(parts.next()?, parts.next()?, parts.next()?))
    }

    /// As the embedded database quotes it.
    pub fn quoted(&self) -> String {
        format!("{}.\"{}\"", super::sql::schema(&self.project, &self.dataset), self.table)
    }
}

/// As the service's messages write it.
impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}.{}", self.project, self.dataset, self.table)
    }
}

impl Table {
    pub fn fields(&self) -> &[Value] {
        self.resource["schema"]["fields"].as_array().map_or(&[], Vec::as_slice)
    }

    pub fn partition_field(&self) -> Option<&str> {
        self.resource["timePartitioning"]["field"].as_str()
    }

    pub fn has_streaming_buffer(&self) -> bool {
        self.resource.get("streamingBuffer").is_some()
    }
}

/// A field's type in the embedded database.
pub fn type_sql(field: &Value) -> Option<String> {
    let digits =
        |key: &str| field[key].as_str().map(str::to_owned).or_else(|| field[key].as_u64().map(|n| n.to_string()));
    let ty = match field["type"].as_str()? {
        "STRING" | "JSON" => "VARCHAR".to_owned(),
        "INTEGER" | "INT64" => "BIGINT".to_owned(),
        "FLOAT" | "FLOAT64" => "DOUBLE".to_owned(),
        "BOOLEAN" | "BOOL" => "BOOLEAN".to_owned(),
        "DATE" => "DATE".to_owned(),
        "TIMESTAMP" => "TIMESTAMPTZ".to_owned(),
        "NUMERIC" => {
            let precision = digits("precision").unwrap_or_else(|| "38".to_owned());
            let scale = digits("scale").unwrap_or_else(|| "9".to_owned());
            format!("DECIMAL({precision},{scale})")
        }
        _ => return None,
    };
    Some(if field["mode"] == "REPEATED" { format!("{ty}[]") } else { ty })
}

/// What a row's value weighs, as the service's documentation counts.
fn bytes_sql(field: &Value) -> String {
    let name = field["name"].as_str().unwrap_or_default();
    let (one, of_text) = match field["type"].as_str().unwrap_or_default() {
        "STRING" | "JSON" => (0, true),
        "BOOLEAN" | "BOOL" => (1, false),
        "NUMERIC" => (16, false),
        _ => (8, false),
    };
    match (field["mode"] == "REPEATED", of_text) {
        (true, true) => format!("COALESCE(list_sum([2 + strlen(x) FOR x IN \"{name}\"]), 0)"),
        (true, false) => format!("{one} * COALESCE(len(\"{name}\"), 0)"),
        (false, true) => format!("COALESCE(2 + strlen(\"{name}\"), 0)"),
        (false, false) => format!("CASE WHEN \"{name}\" IS NULL THEN 0 ELSE {one} END"),
    }
}

impl Core {
    pub fn tick(&mut self) -> u64 {
        self.clock_ms += 1;
        self.clock_ms
    }

    pub fn create_table(&mut self, resource: &Value) -> Reply {
        let text = |key: &str| resource["tableReference"][key].as_str().unwrap_or_default();
        let name = Name::new(text("projectId"), text("datasetId"), text("tableId"));
        if self.tables.contains_key(&name) {
            return Reply::error(409, "duplicate", &format!("Already Exists: Table {name}"));
        }
        let mut columns = Vec::new();
        for field in resource["schema"]["fields"].as_array().into_iter().flatten() {
            let Some(ty) = type_sql(field) else {
                return Reply::error(400, "invalid", &format!("the fake has no type for {field}"));
            };
            let required = if field["mode"] == "REQUIRED" { " NOT NULL" } else { "" };
            columns.push(format!("\"{}\" {ty}{required}", field["name"].as_str().unwrap_or_default()));
        }
        let sql = format!("CREATE TABLE {} ({})", name.quoted(), columns.join(", "));
        if let Err(error) = self.database.execute_batch(&sql) {
            return Reply::error(400, "invalid", &error.to_string());
        }
        let mut resource = resource.clone();
        let dataset = &self.datasets[&(name.project.clone(), name.dataset.clone())];
        let lifetime = dataset["defaultTableExpirationMs"].as_str().and_then(|text| text.parse::<u64>().ok());
        if let Some(lifetime) = lifetime.filter(|_| resource.get("expirationTime").is_none()) {
            resource["expirationTime"] = json!((self.clock_ms + lifetime).to_string());
        }
        resource["type"] = json!("TABLE");
        resource["id"] = json!(name.to_string());
        resource["creationTime"] = json!(self.tick().to_string());
        self.tables.insert(name.clone(), Table { resource, partitions: BTreeMap::new(), is_touched: true });
        Reply::json(&self.described(&name).expect("just created"))
    }

    pub fn drop_table(&mut self, name: &Name) -> bool {
        let is_there = self.tables.remove(name).is_some();
        if is_there {
            self.database.execute_batch(&format!("DROP TABLE {}", name.quoted())).expect("a table");
        }
        is_there
    }

    /// The resource with what the service knows of the rows.
    pub fn described(&mut self, name: &Name) -> Option<Value> {
        self.observe(name)?;
        let table = &self.tables[name];
        let sum = |of: &dyn Fn(&Partition) -> u64| table.partitions.values().map(of).sum::<u64>();
        let created = table.resource["creationTime"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0);
        let changed = table.partitions.values().map(|partition| partition.changed_ms).fold(created, u64::max);
        let mut resource = table.resource.clone();
        resource["location"] = json!(super::LOCATION);
        resource["numRows"] = json!(sum(&|partition| partition.rows).to_string());
        resource["numBytes"] = json!(sum(&|partition| partition.bytes).to_string());
        resource["lastModifiedTime"] = json!(changed.to_string());
        Some(resource)
    }

    /// Rows of a table may change.
    pub fn touch(&mut self, name: &Name) {
        if let Some(table) = self.tables.get_mut(name) {
            table.is_touched = true;
        }
    }

    /// Looks which partitions have changed since the last look.
    pub fn observe(&mut self, name: &Name) -> Option<()> {
        let table = self.tables.get_mut(name)?;
        if !std::mem::replace(&mut table.is_touched, false) {
            return Some(());
        }
        let day = match table.partition_field() {
            Some(field) => format!("COALESCE(strftime(\"{field}\", '%Y%m%d'), '__NULL__')"),
            None => "''".to_owned(),
        };
        let weights: Vec<String> = table.fields().iter().map(bytes_sql).collect();
        let sql = format!(
            "SELECT {day} AS day, COUNT(*), SUM({})::UBIGINT, SUM(hash(t))::VARCHAR FROM {} AS t GROUP BY day",
            weights.join(" + "),
            name.quoted()
        );
        let found: Vec<(String, u64, u64, String)> = {
            let mut statement = self.database.prepare(&sql).expect("a query on a table");
            let row = |row: &duckdb::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
            statement.query_map([], row).and_then(Iterator::collect).expect("rows of a table")
        };
        let now = self.tick();
        let known = &mut self.tables.get_mut(name).expect("looked up before").partitions;
        let before = std::mem::take(known);
        for (day, rows, bytes, content) in found {
            let changed_ms = before.get(&day).filter(|old| old.content == content && old.rows == rows);
            let changed_ms = changed_ms.map_or(now, |old| old.changed_ms);
            known.insert(day, Partition { rows, bytes, content, changed_ms });
        }
        // A partition that is gone has changed the table.
        if before.keys().any(|day| !known.contains_key(day)) {
            self.tables.get_mut(name).expect("looked up before").resource["creationTime"] = json!(now.to_string());
        }
        Some(())
    }

    /// Creates the view of a dataset's metadata under the name that statements use.
    pub fn make_metadata(&mut self, project: &str, dataset: &str) {
        let names: Vec<Name> =
            self.tables.keys().filter(|name| name.project == project && name.dataset == dataset).cloned().collect();
        let schema = super::sql::schema(project, dataset);
        let mut sql = format!(
            "CREATE OR REPLACE TABLE {schema}.\"INFORMATION_SCHEMA.PARTITIONS\" (table_name VARCHAR, partition_id VARCHAR, \
             total_rows BIGINT, total_logical_bytes BIGINT, last_modified_time TIMESTAMPTZ);\
             CREATE OR REPLACE TABLE {schema}.\"INFORMATION_SCHEMA.TABLES\" (table_name VARCHAR);"
        );
        for name in names {
            self.observe(&name);
            let table = &name.table;
            sql.push_str(&format!("INSERT INTO {schema}.\"INFORMATION_SCHEMA.TABLES\" VALUES ('{table}');"));
            for (day, partition) in &self.tables[&name].partitions {
                let Partition { rows, bytes, changed_ms, .. } = partition;
                sql.push_str(&format!(
                    "INSERT INTO {schema}.\"INFORMATION_SCHEMA.PARTITIONS\" VALUES \
                     ('{table}', '{day}', {rows}, {bytes}, make_timestamptz({changed_ms} * 1000));"
                ));
            }
        }
        self.database.execute_batch(&sql).expect("metadata tables");
    }
}
