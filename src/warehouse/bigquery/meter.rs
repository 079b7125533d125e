//! What is billed, metered from the jobs that ran.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::price::Bill;

/// What the jobs of a command were billed, each counted once however often it is looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    jobs: BTreeMap<String, Bill>,
    read_bytes: u64,
}

impl Meter {
    /// Takes in a job that ended.
    pub fn job(&self, id: &str, resource: &Value) {
        let statistics = &resource["statistics"];
        let number = |value: &Value| value.as_str().and_then(|text| text.parse::<u64>().ok());
        let Some(query_bytes) = number(&statistics["query"]["totalBytesBilled"]) else { return };
        let slot_ms = number(&statistics["totalSlotMs"]).or_else(|| number(&statistics["query"]["totalSlotMs"]));
        let statements = number(&statistics["numChildJobs"]).filter(|children| *children > 0).unwrap_or(1);
        let bill = Bill { query_bytes, statements, read_bytes: 0, slot_ms: slot_ms.unwrap_or(0) };
        self.state.lock().expect("no thread panicked").jobs.insert(id.to_owned(), bill);
    }

    /// Takes in a session of the Storage Read API.
    pub fn read(&self, bytes: u64) {
        self.state.lock().expect("no thread panicked").read_bytes += bytes;
    }

    pub fn bill(&self) -> Bill {
        let state = self.state.lock().expect("no thread panicked");
        let mut bill = Bill { read_bytes: state.read_bytes, ..Bill::default() };
        state.jobs.values().for_each(|job| bill += *job);
        bill
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_is_counted_once() {
        let meter = Meter::default();
        let job = |bytes: &str| json!({ "statistics": { "totalSlotMs": "7", "query": { "totalBytesBilled": bytes } } });
        meter.job("a", &job("10"));
        meter.job("a", &job("10"));
        meter.job("b", &job("5"));
        meter.job("load", &json!({ "statistics": { "load": {} } }));
        meter.read(3);
        assert_eq!(meter.bill(), Bill { query_bytes: 15, statements: 2, read_bytes: 3, slot_ms: 14 });
    }
}
