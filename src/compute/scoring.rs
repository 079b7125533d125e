//! The processors of a step at work: facts are gathered in the order of dates on one thread each, and
//! months are scored and staged on all threads as soon as their facts are there.

use std::time::{Duration, Instant};

use super::plan::ProcessorPlan;
use super::request::ComputeRequest;
use super::writer::{MonthDone, MonthJob, OutputWriter};
use crate::calendar::Month;
use crate::engine::Session;
use crate::error::Result;
use crate::parallel::try_pipeline;
use crate::processors::{self, MonthWork, PlannedSession, RunContext};
use crate::progress::{Event, Observer, check_cancelled};

/// A step's work; its processors do not depend on each other.
pub(super) struct Scoring<'a> {
    pub plans: &'a [ProcessorPlan],
    /// Absent when nothing has to be computed.
    pub session: Option<&'a Session>,
    pub request: &'a ComputeRequest,
    pub writer: &'a OutputWriter<'a>,
}

/// What a processor's months came to.
#[derive(Default)]
pub(super) struct Scored {
    /// Every month with a date to compute or settle, ascending.
    pub months: Vec<(Month, MonthDone)>,
    /// From the start of the step to the processor's last month.
    pub elapsed: Duration,
}

/// A month on its way to a worker.
struct Item<'p> {
    job: MonthJob<'p>,
    work: Option<MonthWork>,
}

impl<'a> Scoring<'a> {
    /// One [`Scored`] for each plan.
    pub fn run(&self, observer: &'a dyn Observer) -> Result<Vec<Scored>> {
        let started = Instant::now();
        let (plans, writer, context) = (self.plans, self.writer, self.request.context);
        let produce = |index: usize| {
            let session = self.session.map(Session::try_clone).transpose()?;
            let producer = Producer { index, plan: &plans[index], context, observer };
            Ok(move |emit: &mut Emit<'_, 'a>| producer.produce(session, emit))
        };
        let producers = (0..plans.len()).map(produce).collect::<Result<Vec<_>>>()?;
        let done = try_pipeline(producers, self.request.engine.threads, |item: Item<'a>| {
            check_cancelled(observer)?;
            let (plan, month) = (item.job.plan, item.job.month);
            let done = writer.stage_month(&item.job, item.work)?;
            let (processor, dates) = (plans[plan].id, item.job.to_run.len());
            if dates > 0 {
                observer.on(Event::DatesScored { processor, dates });
            }
            Ok((plan, month, done, started.elapsed()))
        })?;
        let mut scored: Vec<Scored> = self.plans.iter().map(|_| Scored::default()).collect();
        for (plan, month, done, elapsed) in done {
            scored[plan].months.push((month, done));
            scored[plan].elapsed = scored[plan].elapsed.max(elapsed);
        }
        scored.iter_mut().for_each(|scored| scored.months.sort_by_key(|(month, _)| *month));
        Ok(scored)
    }
}

type Emit<'e, 'p> = dyn FnMut(Item<'p>) -> Result<()> + 'e;

/// Whoever emits the months of a plan.
struct Producer<'p> {
    index: usize,
    plan: &'p ProcessorPlan,
    context: RunContext,
    observer: &'p dyn Observer,
}

impl<'p> Producer<'p> {
    /// Emits every month of the plan; months without a date to compute need no facts.
    fn produce(&self, session: Option<Session>, emit: &mut Emit<'_, 'p>) -> Result<()> {
        let plan = self.plan;
        let (with_facts, settled): (Vec<_>, Vec<_>) =
            MonthJob::all_of(self.index, plan).into_iter().partition(|job| !job.to_run.is_empty());
        settled.into_iter().try_for_each(|job| emit(Item { job, work: None }))?;
        let Some(session) = session.filter(|_| !plan.to_run.is_empty()) else { return Ok(()) };
        self.observer.on(Event::ProcessorStarted { processor: plan.id, dates: plan.to_run.len() });
        session.set_plan(&plan.to_run, self.context.windows)?;
        let mut jobs = with_facts.into_iter();
        let planned = PlannedSession { session: &session, dates: &plan.to_run };
        processors::get(plan.id).gather(planned, &self.context, &mut |work| {
            let job = jobs.next().expect("a job for each month");
            assert_eq!(job.month, work.month);
            emit(Item { job, work: Some(work) })
        })
    }
}
