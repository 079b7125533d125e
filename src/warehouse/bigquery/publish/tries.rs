//! Jobs that are started again under further ids until one succeeds.

use serde_json::Value;

use crate::error::Result;
use crate::progress::Observer;
use crate::warehouse::bigquery::BigQuery;
use crate::warehouse::bigquery::jobs::{Job, Standing};

/// How often a job is started by one command.
const TRIES: u32 = 8;

/// Ids of failed jobs cannot be reused; this many generations are tried.
const GENERATIONS: u32 = 1000;

/// What became of one generation of a job.
pub(super) enum Step<T> {
    Done(T),
    /// The id is of no use; nothing was started.
    NextId,
    /// It failed, and is started again after a pause.
    Failed,
}

impl BigQuery {
    /// Takes the generations of a job one after the other. `step` is given the job, and what an earlier command made of
    /// its id, if anything. Returns how often it failed when that was too often.
    ///
    /// # Errors
    /// Those of `step`, and when the service does not answer.
    pub(super) fn in_generations<T>(
        &self,
        job: impl Fn(u32) -> Value,
        observer: &dyn Observer,
        mut step: impl FnMut(&Value, Option<Job>) -> Result<Step<T>>,
    ) -> Result<Result<T, u32>> {
        let site = self.site();
        let mut failures = 0;
        for resource in (0..GENERATIONS).map(job) {
            let earlier = match self.runtime.block_on(site.standing(&self.rest, &resource, observer))? {
                Standing::Ours(job) => Some(job),
                Standing::Free => None,
                Standing::Foreign => {
                    self.note_foreign(&resource);
                    continue;
                }
            };
            match step(&resource, earlier)? {
                Step::Done(done) => return Ok(Ok(done)),
                Step::NextId => {}
                Step::Failed => {
                    failures += 1;
                    if failures == TRIES {
                        break;
                    }
                    self.runtime.block_on(self.rest.pause(failures));
                }
            }
        }
        Ok(Err(failures))
    }
}
