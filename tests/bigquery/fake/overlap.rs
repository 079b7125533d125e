//! Transactions that run at the same time, under snapshot isolation: a transaction sees what was committed when it
//! began, and conflicts only over rows that both change or delete.

use duckdb::Connection;
use serde_json::json;

use super::sql::{Failure, SESSION};
use super::tables::Name;
use super::{Core, Fake};

/// A transaction that has run all its statements and is not committed yet.
pub struct OpenTransaction {
    database: Connection,
    project: String,
    job: String,
    tables: Vec<Name>,
}

impl Fake {
    /// The project's next transaction stays open until another one of the project has ended.
    pub fn overlap_transactions(&self, project: &str) {
        self.core().overlapping.insert(project.to_owned());
    }
}

impl Core {
    /// Runs a transaction up to its commit, on a connection of its own.
    pub fn begin_overlapping(&mut self, project: &str, job: &str, script: &str) -> Result<(), Failure> {
        self.overlapping.remove(project);
        let other = self.database.try_clone().expect("a connection");
        other.execute_batch(SESSION).expect("settings");
        let main = std::mem::replace(&mut self.database, other);
        let open = script.strip_suffix("COMMIT TRANSACTION;\n").expect("a transaction ends with its commit");
        let mut is_open = false;
        let result = self.run_statements(open, &mut is_open);
        let database = std::mem::replace(&mut self.database, main);
        let tables = super::sql::tables_of(script);
        // Nothing of it is visible to others before it is committed.
        tables.iter().for_each(|name| self.touch(name));
        result?;
        self.open = Some(OpenTransaction { database, project: project.to_owned(), job: job.to_owned(), tables });
        Ok(())
    }

    /// Commits the project's open transaction, after another one has ended.
    pub fn end_overlapping(&mut self, project: &str) {
        let Some(open) = self.open.take_if(|open| open.project == project) else { return };
        let committed = open.database.execute_batch("COMMIT");
        open.tables.iter().for_each(|name| self.touch(name));
        let job = self.jobs.get_mut(&(open.project, open.job)).expect("the job of the transaction");
        job.resource["status"] = match committed {
            Ok(()) => json!({ "state": "DONE" }),
            Err(error) => {
                let failure = Failure::of_database(&error);
                json!({ "state": "DONE", "errorResult": { "reason": failure.reason, "message": failure.message } })
            }
        };
    }
}
