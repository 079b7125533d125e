//! Running the processors over the dates of a range, from the store into the store.

mod fingerprint;
mod plan;
mod request;
mod scoring;
mod writer;

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use self::fingerprint::Fingerprints;
pub(crate) use self::fingerprint::optional_upstream;
use self::plan::{Planning, ProcessorPlan};
use self::request::is_computed;
pub use self::request::{ComputeReport, ComputeRequest, ProcessorReport};
use self::scoring::Scoring;
use self::writer::{MonthJob, OutputWriter, ProcessorDone};
use crate::calendar::{DateRange, DateRanges, Month, SeasonCalendar};
use crate::catalog::Table;
pub use crate::daily_cache::DailyCache;
use crate::engine::{EngineSettings, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::processors::{self, LookBack, Processor, ProcessorId, RunContext};
use crate::progress::{Event, Observer, check_cancelled};
use crate::snapshot::Snapshot;
use crate::store::{
    DateRecord, DateState, Layer, LayerWriter, Phase3Manifest, Phase4Manifest, RowsByDate, Store, WriteLock,
};

/// Computes every processor for every game date of the ranges that is not done under the present
/// inputs and processor versions. TDZA and PSZA run side by side, then PCF and PDC, then MLFS; all of it is one
/// commit at the end.
///
/// # Errors
/// [`ErrorKind::Upstream`] when inputs were not pulled for the range and its look-back or the range
/// has no games, [`ErrorKind::UnknownSeason`], [`ErrorKind::Interrupted`]. A date that cannot be
/// computed is no error: its record in the manifest says so.
pub fn compute(lock: &WriteLock, request: &ComputeRequest, observer: &dyn Observer) -> Result<ComputeReport> {
    compute_from(&Snapshot::locked(lock)?, lock, request, observer)
}

/// [`compute`], from the state of the locked store as it was last committed.
///
/// # Errors
/// As [`compute`].
pub fn compute_from(
    snapshot: &Snapshot,
    lock: &WriteLock,
    request: &ComputeRequest,
    observer: &dyn Observer,
) -> Result<ComputeReport> {
    let dates = game_dates(snapshot, &request.ranges)?;
    check_inputs_cover(&snapshot.phase3, request, &dates)?;
    note_unscheduled_dates(snapshot, &request.ranges, observer);
    note_opening_nights(snapshot, observer);
    let mut report = ComputeReport { dates, processors: Vec::new() };
    let mut run = Run::new(snapshot, lock, request, observer);
    run.take_dates(&report.dates);
    for step in STEPS {
        check_cancelled(observer)?;
        let step: Vec<ProcessorId> = step.iter().copied().filter(|id| request.processors.contains(id)).collect();
        report.processors.extend(run.step(&step)?);
    }
    run.commit()?;
    Ok(report)
}

/// Processors of a step do not depend on each other.
const STEPS: [&[ProcessorId]; 3] =
    [&[ProcessorId::Tdza, ProcessorId::Psza], &[ProcessorId::Pcf, ProcessorId::Pdc], &[ProcessorId::Mlfs]];

fn game_dates(snapshot: &Snapshot, ranges: &DateRanges) -> Result<Vec<NaiveDate>> {
    let span = ranges.span().ok_or_else(|| Error::new(ErrorKind::Usage, "the range to compute is empty"))?;
    let Some(input) = snapshot.phase3.tables.get(&Table::Schedule) else {
        return Err(Error::new(ErrorKind::Upstream, format!("{} was never synced", Table::Schedule))
            .hint("run `putback sync` for the range first"));
    };
    let dates = snapshot.game_dates(ranges);
    if dates.is_empty() {
        let known = input.partitions.keys().next().zip(input.partitions.keys().next_back());
        let known =
            known.map_or_else(|| "is empty".to_owned(), |(first, last)| format!("has games from {first} to {last}"));
        return Err(Error::new(
            ErrorKind::Upstream,
            format!("no finished games in {ranges}; the synced schedule {known}"),
        )
        .hint(format!("choose a range with games, or sync {span} if the warehouse has it")));
    }
    Ok(dates)
}

/// Every input must have been pulled for the first date's look-back up to the last date.
fn check_inputs_cover(phase3: &Phase3Manifest, request: &ComputeRequest, dates: &[NaiveDate]) -> Result<()> {
    let (Some(&first), Some(&last)) = (dates.first(), dates.last()) else { return Ok(()) };
    let processors = processors::all().into_iter().filter(|processor| request.runs(processor.id()));
    for input in processors.flat_map(|processor| processor.inputs()) {
        let needed = DateRange { from: input.look_back.first_day(first), to: last };
        let table = input.table;
        let problem = match phase3.tables.get(&table) {
            None if table.role() == crate::catalog::Role::OptionalInput => continue,
            None => format!("{table} was never synced"),
            Some(known) if !known.synced.covers(needed) => {
                let from = match input.look_back {
                    LookBack::SeasonAndCarried => "all that is older as well".to_owned(),
                    _ => format!("it from {}", needed.from),
                };
                format!("{table} is synced for {}, but {first} to {last} reads {from}", known.synced)
            }
            Some(_) => continue,
        };
        return Err(Error::new(ErrorKind::Upstream, problem)
            .hint(format!("run `putback sync --from {first} --until {last}`: it pulls the look-back as well")));
    }
    Ok(())
}

/// Dates with player rows but no finished game in the schedule are named, not guessed about.
fn note_unscheduled_dates(snapshot: &Snapshot, ranges: &DateRanges, observer: &dyn Observer) {
    let Some(games) = snapshot.phase3.tables.get(&Table::PlayerGameSummary) else { return };
    let unscheduled: Vec<String> = games
        .partitions
        .keys()
        .filter(|&&date| ranges.contains(date) && !snapshot.schedule.has_games_on(date))
        .map(NaiveDate::to_string)
        .collect();
    if !unscheduled.is_empty() {
        observer.on(Event::Note(format!(
            "player rows, but no finished regular-season, play-in or playoff game in the schedule, so not computed: {}",
            unscheduled.join(", ")
        )));
    }
}

/// Removes the rows of vanished dates from the store; the dates are empty then.
///
/// # Errors
/// When a month cannot be read or written; nothing is removed then.
pub fn remove_vanished(lock: &WriteLock, vanished: &RowsByDate, context: RunContext) -> Result<()> {
    let mut phase4 = Phase4Manifest::clone(&lock.phase4());
    let empty = |(date, record): (&NaiveDate, &DateRecord)| {
        let rule = record.state.reason().unwrap_or_else(|| "no finished game in the schedule".to_owned()).into();
        (*date, DateState::Empty { rule })
    };
    let plan = |(id, records): (&ProcessorId, &BTreeMap<NaiveDate, DateRecord>)| {
        let of_table = vanished.get(&id.output())?;
        let settled: Vec<_> = records.iter().filter(|(date, _)| of_table.contains_key(date)).map(empty).collect();
        (!settled.is_empty()).then(|| ProcessorPlan::settling(*id, settled))
    };
    let plans: Vec<ProcessorPlan> = phase4.processors.iter().filter_map(plan).collect();
    if plans.is_empty() {
        return Ok(());
    }
    let layer = LayerWriter::new(lock, Layer::Phase4);
    let mut writer = OutputWriter::new(&layer, &mut phase4, context, 1);
    for (index, plan) in plans.iter().enumerate() {
        let jobs = MonthJob::all_of(index, plan);
        let months = jobs.iter().map(|job| Ok((job.month, writer.stage_month(job, None)?)));
        let months = months.collect::<Result<Vec<_>>>()?;
        writer.adopt_months(plan, months);
    }
    writer.finish()?;
    layer.commit(&phase4)
}

/// Where the schedule overrules the season table.
fn note_opening_nights(snapshot: &Snapshot, observer: &dyn Observer) {
    for difference in SeasonCalendar::built_in().overrule(snapshot.schedule.opening_nights()) {
        observer.on(Event::Note(difference.to_string()));
    }
}

/// A computation under way.
struct Run<'a> {
    lock: &'a WriteLock,
    request: &'a ComputeRequest,
    /// The state before.
    snapshot: &'a Snapshot,
    /// The state to commit.
    phase4: Phase4Manifest,
    /// The game dates asked for, and those of damaged months.
    dates: Vec<NaiveDate>,
    observer: &'a dyn Observer,
    session: Option<Session>,
    layer: LayerWriter<'a>,
    /// What was done and is to be told when it is committed.
    done: Vec<(ProcessorId, ProcessorDone)>,
}

impl<'a> Run<'a> {
    fn new(
        snapshot: &'a Snapshot,
        lock: &'a WriteLock,
        request: &'a ComputeRequest,
        observer: &'a dyn Observer,
    ) -> Self {
        let phase4 = Phase4Manifest::clone(&snapshot.phase4);
        let layer = LayerWriter::new(lock, Layer::Phase4);
        let (dates, session, done) = (Vec::new(), None, Vec::new());
        Self { lock, request, snapshot, phase4, dates, observer, session, layer, done }
    }

    /// Takes the game dates asked for, and forgets what damaged files had.
    fn take_dates(&mut self, dates: &[NaiveDate]) {
        let (store, ranges) = (self.lock.store(), &self.request.ranges);
        let forgotten = plan::forget_damaged_months(store, &mut self.phase4, ranges, self.observer);
        let again = forgotten.into_iter().filter(|&date| self.snapshot.schedule.has_games_on(date));
        let dates: BTreeSet<NaiveDate> = dates.iter().copied().chain(again).collect();
        self.dates = dates.into_iter().collect();
    }

    /// Plans and runs processors that do not depend on each other.
    fn step(&mut self, ids: &[ProcessorId]) -> Result<Vec<ProcessorReport>> {
        let plans = ids.iter().map(|&id| self.plan(processors::get(id))).collect::<Result<Vec<_>>>()?;
        let mut reports: Vec<ProcessorReport> = plans.iter().map(ProcessorPlan::report).collect();
        for plan in &plans {
            self.observer.on(Event::DatesUnchanged { processor: plan.id, dates: plan.unchanged.clone() });
        }
        if plans.iter().all(ProcessorPlan::is_idle) {
            return Ok(reports);
        }
        self.note_missing_tables(&plans);
        self.prepare_session(&plans)?;
        let threads = self.request.engine.threads;
        let mut writer = OutputWriter::new(&self.layer, &mut self.phase4, self.request.context, threads)
            .reading(self.request.daily_cache)
            .forced(self.request.force);
        let scored = Scoring { plans: &plans, session: self.session.as_ref(), request: self.request, writer: &writer }
            .run(self.observer)?;
        let mut done = Vec::new();
        for ((plan, scored), report) in plans.iter().zip(scored).zip(&mut reports) {
            report.elapsed = scored.elapsed;
            let processor = writer.adopt_months(plan, scored.months);
            report.rows = processor.rows;
            done.push(processor);
        }
        writer.finish()?;
        self.done.extend(plans.iter().map(|plan| plan.id).zip(done));
        Ok(reports)
    }

    /// Of an optional input nothing else would say so.
    fn note_missing_tables(&self, plans: &[ProcessorPlan]) {
        let runs = |id: ProcessorId| plans.iter().any(|plan| plan.id == id && !plan.to_run.is_empty());
        let lacks = |table: Table| !self.snapshot.phase3.tables.contains_key(&table);
        if runs(ProcessorId::Pdc) && lacks(Table::PlayerBoxScores) {
            self.observer.on(Event::Note(format!(
                "PDC: {} is not in the store: nobody counts as having sat out, as in the reference without it",
                Table::PlayerBoxScores
            )));
        }
        let reads_synced = self.request.daily_cache == DailyCache::Synced;
        if runs(ProcessorId::Mlfs) && reads_synced && lacks(Table::SyncedDailyCache) {
            self.observer.on(Event::Note(format!(
                "MLFS: {} is not in the store: the values are those of --daily-cache none",
                Table::SyncedDailyCache
            )));
        }
    }

    /// Commits what the steps did, and tells it.
    fn commit(mut self) -> Result<()> {
        if self.done.is_empty() {
            return Ok(());
        }
        check_cancelled(self.observer)?;
        self.layer.commit(&self.phase4)?;
        for (processor, done) in std::mem::take(&mut self.done) {
            announce(&self.phase4, processor, done, self.observer);
        }
        Ok(())
    }

    fn plan(&self, processor: &'static dyn Processor) -> Result<ProcessorPlan> {
        let planning = Planning {
            request: self.request,
            dates: &self.dates,
            calendar: &self.snapshot.calendar,
            phase4: &self.phase4,
            fingerprints: Fingerprints::new(&self.snapshot.phase3, &self.phase4, self.request.daily_cache),
        };
        planning.plan(processor)
    }

    /// Input tables once, then the upstream tables of the step, which are written by now.
    fn prepare_session(&mut self, plans: &[ProcessorPlan]) -> Result<()> {
        let months: BTreeSet<Month> = plans.iter().flat_map(|plan| &plan.to_run).map(|&date| Month::of(date)).collect();
        if months.is_empty() {
            return Ok(());
        }
        let (first, last) = (self.dates[0], self.dates[self.dates.len() - 1]);
        let read = InputsRead { first, last, daily_cache: self.request.daily_cache };
        if self.session.is_none() {
            self.session = Some(open_session(self.lock.store(), &self.snapshot.phase3, read, &self.request.engine)?);
        }
        let session = self.session.as_ref().expect("opened above");
        self.narrow_inputs(session, plans, read)?;
        let upstream_of = |plan: &ProcessorPlan| {
            let processor = processors::get(plan.id);
            processor.upstream().iter().chain(optional_upstream(processor, self.request.daily_cache)).copied()
        };
        let upstream: BTreeSet<ProcessorId> = plans.iter().flat_map(upstream_of).collect();
        for table in upstream.into_iter().map(ProcessorId::output) {
            let files = match self.phase4.files_of(table) {
                Some(files) => self.lock.store().recorded_files(table, files, |month| months.contains(&month))?,
                None => Vec::new(),
            };
            session.view_output(table, &files, &self.phase4.vanished_dates(table))?;
        }
        Ok(())
    }

    /// A step that looks back less far than another opens no file for it. The files were checked when the
    /// session was opened.
    fn narrow_inputs(&self, session: &Session, plans: &[ProcessorPlan], read: InputsRead) -> Result<()> {
        let step: Vec<_> = plans.iter().map(|plan| processors::get(plan.id)).collect();
        for (table, range) in ranges_of(&step, read.first, read.last) {
            let Some(input) = self.snapshot.phase3.tables.get(&table).filter(|_| table == Table::PlayerGameSummary)
            else {
                continue;
            };
            let months = input.files.iter().filter(|(month, _)| is_read(**month, range));
            let file = |(&month, entry)| self.lock.store().stored_file(table, month, entry);
            let files: Vec<_> = months.map(file).collect();
            session.view_input(table, &files, range)?;
        }
        Ok(())
    }
}

fn announce(phase4: &Phase4Manifest, processor: ProcessorId, done: ProcessorDone, observer: &dyn Observer) {
    let total = done.dates.len();
    for (index, date) in done.dates.into_iter().enumerate() {
        let record = phase4.record(processor, date).expect("committed before").clone();
        observer.on(Event::DateFinished { processor, date, index: index + 1, total, record });
    }
    observer.on(Event::ProcessorFinished { processor });
}

/// What is read of the inputs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InputsRead {
    /// The first and last date that are computed.
    pub first: NaiveDate,
    pub last: NaiveDate,
    pub daily_cache: DailyCache,
}

/// A session in which every input is readable under its table's name, for the look-back of the first
/// date up to the last.
pub(crate) fn open_session(
    store: &Store,
    phase3: &Phase3Manifest,
    InputsRead { first, last, daily_cache }: InputsRead,
    engine: &EngineSettings,
) -> Result<Session> {
    let session = Session::open(engine)?;
    for (table, range) in input_ranges(first, last, daily_cache) {
        let known = phase3.tables.get(&table).filter(|_| fingerprint::is_read(table, daily_cache));
        let files = match known {
            Some(input) => store.recorded_files(table, &input.files, |month| is_read(month, range))?,
            None => Vec::new(),
        };
        session.view_input(table, &files, range)?;
    }
    Ok(session)
}

/// Whether a month has a day of the range.
fn is_read(month: Month, range: DateRange) -> bool {
    month.last_day() >= range.from && month.first_day() <= range.to
}

/// What is read of each input for dates from `first` to `last`.
pub(crate) fn input_ranges(first: NaiveDate, last: NaiveDate, daily_cache: DailyCache) -> BTreeMap<Table, DateRange> {
    let is_run = |processor: &&dyn Processor| is_computed(processor.id(), daily_cache);
    ranges_of(&processors::all().into_iter().filter(is_run).collect::<Vec<_>>(), first, last)
}

fn ranges_of(processors: &[&'static dyn Processor], first: NaiveDate, last: NaiveDate) -> BTreeMap<Table, DateRange> {
    let mut ranges: BTreeMap<Table, DateRange> = BTreeMap::new();
    for input in processors.iter().flat_map(|processor| processor.inputs()) {
        let from = input.look_back.first_day(first);
        let range = ranges.entry(input.table).or_insert(DateRange { from, to: last });
        range.from = range.from.min(from);
    }
    ranges
}

/// With which `player_daily_cache` the rows of a date were computed; `None` when it was from other inputs or by another
/// version than the present ones. Records of before it could be computed do not say: without a synced row on the date it
/// was none.
pub fn computed_with(
    phase3: &Phase3Manifest,
    phase4: &Phase4Manifest,
    id: ProcessorId,
    date: NaiveDate,
) -> Option<DailyCache> {
    let (processor, record) = (processors::get(id), phase4.record(id, date)?);
    let is_as_recorded =
        |way: &DailyCache| Fingerprints::new(phase3, phase4, *way).of(processor, date, record.windows) == record.inputs;
    ways_of(record).iter().copied().filter(|_| record.version == processor.version()).find(is_as_recorded)
}

/// Dates of which MLFS reads another `player_daily_cache` than the default; stale dates are left out.
pub fn other_daily_cache(
    phase3: &Phase3Manifest,
    phase4: &Phase4Manifest,
    dates: &[NaiveDate],
) -> BTreeMap<DailyCache, BTreeSet<NaiveDate>> {
    let mut others: BTreeMap<DailyCache, BTreeSet<NaiveDate>> = BTreeMap::new();
    let is_read = |date: &NaiveDate| {
        phase4
            .record(ProcessorId::Mlfs, *date)
            .is_some_and(|record| !record.inputs.is_empty() && record.daily_cache != Some(DailyCache::default()))
    };
    for &date in dates.iter().filter(|date| is_read(date)) {
        if let Some(way) = computed_with(phase3, phase4, ProcessorId::Mlfs, date) {
            others.entry(way).or_default().insert(date);
        }
    }
    others
}

/// The ways in which a date may have been computed.
fn ways_of(record: &DateRecord) -> &[DailyCache] {
    match &record.daily_cache {
        Some(way) => std::slice::from_ref(way),
        None => &[DailyCache::None, DailyCache::Synced],
    }
}

/// Dates with a record whose inputs or processor version are no longer the present ones: what `compute`
/// would compute again with the same `player_daily_cache`.
pub fn stale_dates(
    phase3: &Phase3Manifest,
    phase4: &Phase4Manifest,
    dates: &[NaiveDate],
) -> BTreeMap<ProcessorId, BTreeSet<NaiveDate>> {
    let mut stale: BTreeMap<ProcessorId, BTreeSet<NaiveDate>> = BTreeMap::new();
    for processor in processors::all() {
        // Dates that were settled without reading anything have no fingerprint.
        let records = dates.iter().filter_map(|&date| Some((date, phase4.record(processor.id(), date)?)));
        for (date, record) in records.filter(|(_, record)| !record.inputs.is_empty()) {
            let is_current = record.version == processor.version()
                && ways_of(record).iter().any(|&way| {
                    Fingerprints::new(phase3, phase4, way).of(processor, date, record.windows) == record.inputs
                });
            if !is_current {
                stale.entry(processor.id()).or_default().insert(date);
            }
        }
    }
    stale
}
