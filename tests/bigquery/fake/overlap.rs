//! Transactions that run at the same time, under snapshot isolation: a transaction sees what was committed when it
//! began, and conflicts only over rows that both change or delete.

use std::time::{Duration, Instant};

use duckdb::Connection;
use serde_json::json;

use super::sql::{Failure, SESSION};
use super::tables::Name;
use super::{Core, Fake};

/// A transaction that has run all its statements and is not committed yet.
pub struct OpenTransaction {
    database: Connection,
    job: String,
    tables: Vec<Name>,
    since: Instant,
}

/// A test fails instead of waiting for ever for a second transaction.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

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
        let open = OpenTransaction { database, job: job.to_owned(), tables, since: Instant::now() };
        self.open.insert(project.to_owned(), open);
        Ok(())
    }

    /// Commits the project's open transaction, after another one has ended.
    pub fn end_overlapping(&mut self, project: &str) {
        let Some(open) = self.open.remove(project) else { return };
        let committed = open.database.execute_batch("COMMIT").map_err(|error| Failure::of_database(&error));
        self.close(project, open, committed);
    }

    /// Fails the project's open transaction if no other one comes.
    pub fn end_lonely(&mut self, project: &str) {
        if self.open.get(project).is_none_or(|open| open.since.elapsed() < LONGEST_WAIT) {
            return;
        }
        let open = self.open.remove(project).expect("an open transaction");
        open.database.execute_batch("ROLLBACK").expect("an open transaction");
        self.close(project, open, Err(Failure::new("invalid", "no other transaction came")));
    }

    fn close(&mut self, project: &str, open: OpenTransaction, outcome: Result<(), Failure>) {
        open.tables.iter().for_each(|name| self.touch(name));
        let job = self.jobs.get_mut(&(project.to_owned(), open.job)).expect("the job of the transaction");
        job.resource["status"] = match outcome {
            Ok(()) => json!({ "state": "DONE" }),
            Err(failure) => {
                json!({ "state": "DONE", "errorResult": { "reason": failure.reason, "message": failure.message } })
            }
        };
    }
}
