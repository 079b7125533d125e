//! Rows put in and compared without any client.

use std::path::Path;

use putback::catalog::Table;
use serde_json::{Value, json};

use super::tables::Name;
use super::{Core, Fake, LOCATION};

impl Fake {
    /// Datasets, and every table of putback's schemas, partitioned by day; rows of those that a directory has.
    pub fn seed(&self, project: &str, warehouse: &Path) -> Result<(), String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
        let roles: Value = read_json(&root.join("tables.json"))?;
        let mut core = self.core();
        let files = std::fs::read_dir(root.join("schemas")).map_err(|error| error.to_string())?;
        let mut schemas: Vec<_> = files.flatten().map(|entry| entry.path()).collect();
        schemas.sort();
        core.seed_dataset(project, "nba_backfill");
        for path in schemas {
            let table = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
            let file = warehouse.join(format!("{table}.parquet"));
            let (dataset, short) = table.split_once('.').ok_or("a schema without a dataset")?;
            core.seed_dataset(project, dataset);
            let mut fields = read_json(&path)?;
            if file.exists() {
                relax(&mut fields, &roles["tables"][&table]);
            }
            let resource = json!({
                "tableReference": { "projectId": project, "datasetId": dataset, "tableId": short },
                "schema": { "fields": fields },
                "timePartitioning": { "type": "DAY", "field": roles["tables"][&table]["partition_column"] },
            });
            let reply = core.create_table(&resource);
            if reply.status != 200 {
                return Err(String::from_utf8_lossy(&reply.body).into_owned());
            }
            core.fill(&Name::new(project, dataset, short), &file)?;
        }
        Ok(())
    }

    /// Copies of output datasets, with empty tables, under other names.
    pub fn seed_copies(&self, project: &str, copies: &[(&str, &str)]) -> Result<(), String> {
        let mut core = self.core();
        for (dataset, copy) in copies {
            core.seed_dataset(project, copy);
            let is_output = |name: &&Name| {
                let of_catalog = format!("{}.{}", name.dataset, name.table).parse::<Table>();
                name.project == project && name.dataset == *dataset && of_catalog.is_ok()
            };
            let names: Vec<Name> = core.tables.keys().filter(is_output).cloned().collect();
            for name in names {
                let mut resource = core.tables[&name].resource.clone();
                resource["tableReference"]["datasetId"] = json!(copy);
                let reply = core.create_table(&resource);
                if reply.status != 200 {
                    return Err(String::from_utf8_lossy(&reply.body).into_owned());
                }
            }
        }
        Ok(())
    }

    /// Runs a statement as another user of the project would.
    pub fn execute(&self, sql: &str) -> Result<(), String> {
        self.core().run_script(sql).map(|_| ()).map_err(|failure| failure.message)
    }

    /// Changes a table's columns as its owner would, by a change of the embedded table and of the resource.
    pub fn alter_columns(&self, project: &str, table: &str, sql: &str, change: impl FnOnce(&mut Vec<Value>)) {
        let name = Name::parse(&format!("{project}.{table}")).expect("a full name");
        self.core().database.execute_batch(&format!("ALTER TABLE {} {sql}", name.quoted())).expect("a change");
        self.alter(project, table, |resource| {
            change(resource["schema"]["fields"].as_array_mut().expect("fields"));
        });
    }

    /// Rows that a published table and the store's Parquet files do not share.
    pub fn differing(&self, project: &str, store: &Path) -> Result<u64, String> {
        let core = self.core();
        let mut differing = 0;
        for table in Table::outputs().map(Table::full_name) {
            let directory = store.join("phase4").join(table);
            let is_empty = std::fs::read_dir(&directory).map_or(true, |mut files| files.next().is_none());
            if is_empty {
                continue;
            }
            let published = Name::parse(&format!("{project}.{table}")).ok_or("not a table")?.quoted();
            // Published only when asked for.
            let is_empty =
                || core.database.query_row(&format!("SELECT COUNT(*) = 0 FROM {published}"), [], |row| row.get(0));
            if table == Table::PlayerDailyCache.full_name() && is_empty().map_err(|error| error.to_string())? {
                continue;
            }
            let local = format!("read_parquet('{}/*.parquet')", directory.display());
            let names = core.columns(&local)?.join(", ");
            let one_way = |a: &str, b: &str| format!("(SELECT {names} FROM {a} EXCEPT ALL SELECT {names} FROM {b})");
            let sql = format!(
                "SELECT (SELECT COUNT(*) FROM {}) + (SELECT COUNT(*) FROM {})",
                one_way(&published, &local),
                one_way(&local, &published)
            );
            let count: u64 =
                core.database.query_row(&sql, [], |row| row.get(0)).map_err(|error| format!("{table}: {error}"))?;
            differing += count;
        }
        Ok(differing)
    }
}

impl Core {
    fn seed_dataset(&mut self, project: &str, dataset: &str) {
        let key = (project.to_owned(), dataset.to_owned());
        if self.datasets.contains_key(&key) {
            return;
        }
        let schema = super::sql::schema(project, dataset);
        self.database.execute_batch(&format!("CREATE SCHEMA {schema}")).expect("a new schema");
        self.datasets.insert(key, json!({ "location": LOCATION }));
    }

    fn fill(&mut self, name: &Name, file: &Path) -> Result<(), String> {
        if !file.exists() {
            return Ok(());
        }
        let source = format!("read_parquet('{}')", file.display());
        let names = self.columns(&source)?.join(", ");
        let sql = format!("INSERT INTO {} ({names}) SELECT {names} FROM {source}", name.quoted());
        self.touch(name);
        self.database.execute_batch(&sql).map_err(|error| format!("{name}: {error}"))
    }

    fn columns(&self, source: &str) -> Result<Vec<String>, String> {
        let describe = format!("DESCRIBE SELECT * FROM {source}");
        let mut statement = self.database.prepare(&describe).map_err(|error| error.to_string())?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).map_err(|error| error.to_string())?;
        let names: Result<Vec<String>, _> = rows.collect();
        Ok(names.map_err(|error| error.to_string())?.iter().map(|name| format!("\"{name}\"")).collect())
    }
}

/// Generated rows leave columns NULL that nothing reads, whatever the schema requires.
fn relax(fields: &mut Value, roles: &Value) {
    let is_needed = |name: &Value| {
        roles["partition_column"] == *name || roles["key_columns"].as_array().is_some_and(|keys| keys.contains(name))
    };
    for field in fields.as_array_mut().into_iter().flatten() {
        if field["mode"] == "REQUIRED" && !is_needed(&field["name"]) {
            field["mode"] = json!("NULLABLE");
        }
    }
}

fn read_json(path: &Path) -> Result<Value, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}
