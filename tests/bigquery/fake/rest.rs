//! The REST interface: which request does what.

use serde_json::{Value, json};

use super::http::{Reply, Request};
use super::tables::Name;
use super::{Core, LOCATION};

impl Core {
    pub fn answer(&mut self, request: &Request, own: &str) -> Reply {
        let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        let method = request.method.as_str();
        match (method, parts.as_slice()) {
            ("POST", ["bigquery", "v2", "projects", project, "datasets"]) => self.create_dataset(project, request),
            ("GET", ["bigquery", "v2", "projects", project, "datasets", dataset]) => self.get_dataset(project, dataset),
            (_, ["bigquery", "v2", "projects", project, "datasets", dataset, "tables", rest @ ..]) => {
                self.table_request(method, project, dataset, rest, request)
            }
            ("POST", ["bigquery", "v2", "projects", project, "jobs"]) => self.insert_job(project, &request.json()),
            ("GET", ["bigquery", "v2", "projects", project, "jobs"]) => self.list_jobs(project),
            ("GET", ["bigquery", "v2", "projects", project, "jobs", id]) => self.get_job(project, id, request),
            ("POST", ["bigquery", "v2", "projects", project, "queries"]) => self.query(project, &request.json()),
            ("GET", ["bigquery", "v2", "projects", project, "queries", id]) => self.query_results(project, id, request),
            ("POST", ["upload", "bigquery", "v2", "projects", project, "jobs"]) => {
                self.open_upload(project, request, own)
            }
            ("PUT", ["upload", "bigquery", "v2", "projects", _, "jobs"]) => self.take_chunk(request),
            _ => Reply::error(404, "notFound", &format!("the fake has no {method} {}", request.path)),
        }
    }

    fn create_dataset(&mut self, project: &str, request: &Request) -> Reply {
        let mut resource = request.json();
        let dataset = resource["datasetReference"]["datasetId"].as_str().unwrap_or_default().to_owned();
        if self.datasets.contains_key(&(project.to_owned(), dataset.clone())) {
            return Reply::error(409, "duplicate", &format!("Already Exists: Dataset {project}:{dataset}"));
        }
        if resource["location"] != LOCATION {
            return Reply::error(400, "invalid", &format!("the fake is in {LOCATION} only"));
        }
        resource["id"] = json!(format!("{project}:{dataset}"));
        let schema = super::sql::schema(project, &dataset);
        self.database.execute_batch(&format!("CREATE SCHEMA {schema}")).expect("a new schema");
        self.datasets.insert((project.to_owned(), dataset), resource.clone());
        Reply::json(&resource)
    }

    fn get_dataset(&self, project: &str, dataset: &str) -> Reply {
        match self.datasets.get(&(project.to_owned(), dataset.to_owned())) {
            Some(resource) => Reply::json(resource),
            None => Reply::error(404, "notFound", &format!("Not found: Dataset {project}:{dataset}")),
        }
    }

    fn table_request(&mut self, method: &str, project: &str, dataset: &str, rest: &[&str], request: &Request) -> Reply {
        let name = |table: &str| Name::new(project, dataset, table);
        if !self.datasets.contains_key(&(project.to_owned(), dataset.to_owned())) {
            return self.get_dataset(project, dataset);
        }
        match (method, rest) {
            ("POST", []) => self.create_table(&request.json()),
            ("GET", [table]) => match self.described(&name(table)) {
                Some(resource) => Reply::json(&resource),
                None => missing(&name(table)),
            },
            ("PATCH", [table]) => self.patch_table(&name(table), &request.json()),
            ("DELETE", [table]) if table.contains('$') => self.drop_partition(&name(table)),
            ("DELETE", [table]) => {
                if self.drop_table(&name(table)) {
                    Reply::empty(204)
                } else {
                    missing(&name(table))
                }
            }
            _ => Reply::error(404, "notFound", "the fake has no such request on tables"),
        }
    }

    fn patch_table(&mut self, name: &Name, changes: &Value) -> Reply {
        let Some(table) = self.tables.get_mut(name) else { return missing(name) };
        for (key, value) in changes.as_object().into_iter().flatten() {
            table.resource[key] = value.clone();
        }
        Reply::json(&table.resource)
    }
}

pub fn missing(name: &Name) -> Reply {
    Reply::error(404, "notFound", &format!("Not found: Table {name}"))
}
