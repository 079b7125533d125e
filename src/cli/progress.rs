//! Progress: bars on a terminal, lines with their time elsewhere. The wording is what operators grep for.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use chrono::{SecondsFormat, Utc};

use super::bars::{Bars, Way};
use super::output::{Printer, thousands};
use crate::price::size;
use crate::processors::ProcessorId;
use crate::progress::{Event, Observer, Staged, TableOutcome};
use crate::store::DateState;

/// Between two lines of progress without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(2);

/// How many failed dates a processor names while it runs; the status has them all, by reason.
const NAMED_FAILURES: usize = 1;

static CANCELLED: AtomicBool = AtomicBool::new(false);

/// Ctrl-C stops the work at the next step; a second one ends the process at once.
pub fn catch_interrupts() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        // Without a handler Ctrl-C still ends the process, and the store survives that as well.
        let _ = ctrlc::set_handler(|| {
            if CANCELLED.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
        });
    });
}

/// Shows events on standard error.
pub struct Progress {
    printer: Printer,
    has_bars: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last_line: Option<Instant>,
    bars: Bars,
    counts: BTreeMap<ProcessorId, Counts>,
    /// Dates that are computed, and that there are to compute.
    scored: BTreeMap<ProcessorId, (usize, usize)>,
    pulls: BTreeMap<crate::catalog::Table, Instant>,
    staging: Option<Instant>,
}

#[derive(Default, Clone, Copy)]
struct Counts {
    success: usize,
    empty: usize,
    failed: usize,
    skipped: usize,
}

/// A line of a step.
struct Step<'a> {
    name: &'a str,
    way: Way,
    message: String,
}

/// How far the pull of a table is.
struct Pulled {
    table: crate::catalog::Table,
    rows: u64,
    total_rows: u64,
    total_bytes: u64,
}

/// A date that was committed.
struct Finished<'a> {
    processor: ProcessorId,
    date: chrono::NaiveDate,
    way: Way,
    outcome: &'a DateState,
}

impl Progress {
    pub fn new(printer: Printer) -> Self {
        catch_interrupts();
        let has_bars = !printer.is_quiet() && std::io::stderr().is_terminal();
        Self { printer, has_bars, state: Mutex::default() }
    }

    /// Ends the bars of a step, so that others may print: the line of what is done stays.
    pub fn settle(&self) {
        self.state().bars.settle();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, state: &State, line: String) {
        match self.has_bars {
            true => state.bars.say(&line),
            false => self.printer.note(line),
        }
    }

    fn step(&self, state: &mut State, Step { name, way, message }: Step<'_>) {
        match self.has_bars {
            true => state.bars.step(name, way, &message),
            false => self.line(state, &format!("{name} {}/{} {message}", way.index, way.total)),
        }
    }

    /// A line of progress without a terminal.
    fn log(&self, line: &str) {
        self.printer.note(format!("{} {line}", Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true)));
    }

    /// A line, unless one was printed just before.
    fn line(&self, state: &mut State, line: &str) {
        if state.last_line.is_none_or(|last| last.elapsed() >= LINE_EVERY) {
            state.last_line = Some(Instant::now());
            self.log(line);
        }
    }

    /// Rate and time left from the first rows of a table on.
    fn pulled(&self, state: &mut State, Pulled { table, rows, total_rows, total_bytes }: Pulled) {
        let started = *state.pulls.entry(table).or_insert_with(Instant::now);
        let share = rows as f64 / total_rows.max(1) as f64;
        let message = format!("{table}: {rows} of {total_rows} rows, {}", transferred(started, share, total_bytes));
        if self.has_bars {
            let way = Way { index: rows as usize, total: total_rows as usize };
            state.bars.part(table.name(), way, &message);
        } else {
            self.log(&format!("sync {message}"));
        }
    }

    /// Rows and bytes of an upload, and the time left from the first on. The last line is always said.
    fn staged(&self, state: &mut State, staged: Staged) {
        let started = *state.staging.get_or_insert_with(Instant::now);
        let Staged { rows, total_rows, bytes, total_bytes } = staged;
        let total = total_bytes.map_or_else(String::new, |total| format!(" of {}", size(total)));
        let message = format!("rows, {}{total}{}", size(bytes), left(started, rows as f64 / total_rows.max(1) as f64));
        let is_last = rows >= total_rows && total_bytes.is_none_or(|total| bytes >= total);
        if self.has_bars {
            let way = Way { index: rows as usize, total: total_rows as usize };
            self.step(state, Step { name: "upload", way, message });
        } else if is_last {
            self.log(&format!("upload {}/{} {message}", thousands(rows), thousands(total_rows)));
        } else {
            self.line(state, &format!("upload {}/{} {message}", thousands(rows), thousands(total_rows)));
        }
    }

    /// Dates are committed together at the end of a step; until then, computed dates are the progress.
    fn scored(&self, state: &mut State, processor: ProcessorId, dates: usize) {
        let Some((scored, total)) = state.scored.get_mut(&processor) else { return };
        *scored += dates;
        let (scored, total) = (*scored, *total);
        if scored < total {
            let way = Way { index: scored, total };
            self.step(state, Step { name: processor.name(), way, message: "computed".to_owned() });
        }
    }

    fn date(&self, state: &mut State, finished: &Finished<'_>) {
        let &Finished { processor, date, way: Way { index, total }, outcome } = finished;
        let counts = state.counts.entry(processor).or_default();
        match outcome {
            DateState::Done => counts.success += 1,
            DateState::Empty { .. } | DateState::Vanished { .. } => counts.empty += 1,
            DateState::Skipped { .. } => counts.skipped += 1,
            DateState::Failed { .. } => counts.failed += 1,
        }
        let Counts { success, empty, failed, skipped } = *counts;
        if let DateState::Failed { reason, .. } = outcome
            && failed <= NAMED_FAILURES
        {
            self.say(state, format!("{processor} ✗ Failed: {date}: {reason}"));
        }
        let tally = format!("{date}  ✓ success {success}  ∅ empty {empty}  ⏭ skipped {skipped}  ✗ failed {failed}");
        let message = format!("{processor} Processing game date {index}/{total}: {tally}");
        if index == total && !self.has_bars {
            self.log(&message);
        } else if self.has_bars {
            self.step(state, Step { name: processor.name(), way: finished.way, message: tally });
        }
    }
}

/// Megabytes transferred, and the time left at this rate.
fn transferred(started: Instant, share: f64, total_bytes: u64) -> String {
    let megabytes = total_bytes as f64 / 1e6;
    format!("{:.0} of {megabytes:.0} MB{}", megabytes * share, left(started, share))
}

/// The time left at the present rate; nothing at the beginning and at the end.
fn left(started: Instant, share: f64) -> String {
    let seconds = started.elapsed().as_secs_f64();
    if share > 0.0 && share < 1.0 { format!(", {:.0} s left", seconds / share - seconds) } else { String::new() }
}

impl Observer for Progress {
    fn on(&self, event: Event) {
        let mut state = self.state();
        state.bars.end_wait();
        match event {
            Event::Note(text) => self.say(&state, format!("note: {text}")),
            Event::TableStarted { table, .. } => {
                state.pulls.insert(table, Instant::now());
            }
            Event::TableFinished { table, rows, changed_dates, outcome, index, total } => {
                let what = match outcome {
                    TableOutcome::Pulled => format!("{table}: {rows} rows, {changed_dates} dates changed"),
                    TableOutcome::Unchanged => format!("{table}: unchanged, {rows} rows"),
                    TableOutcome::Absent => format!("{table}: not in the warehouse; it is optional"),
                };
                if self.has_bars {
                    let way = Way { index: index + 1, total };
                    self.step(&mut state, Step { name: "sync", way, message: what });
                } else {
                    self.log(&format!("sync {}/{total} {what}", index + 1));
                }
            }
            Event::RowsPulled { table, rows, total_rows, total_bytes } => {
                self.pulled(&mut state, Pulled { table, rows, total_rows, total_bytes });
            }
            Event::DatesUnchanged { .. } => {}
            Event::DatesScored { processor, dates } => self.scored(&mut state, processor, dates),
            Event::ProcessorStarted { processor, dates } => {
                state.scored.insert(processor, (0, dates));
                if self.has_bars {
                    let way = Way { index: 0, total: dates.max(1) };
                    self.step(&mut state, Step { name: processor.name(), way, message: "computing".to_owned() });
                } else {
                    self.log(&format!("{processor} computing {dates} game dates"));
                }
            }
            Event::DateFinished { processor, date, index, total, record } => {
                let way = Way { index, total };
                self.date(&mut state, &Finished { processor, date, way, outcome: &record.state });
            }
            Event::ProcessorFinished { processor } => {
                let failed = state.counts.get(&processor).map_or(0, |counts| counts.failed);
                if failed > NAMED_FAILURES {
                    self.say(&state, format!("{processor} … and {} more failed dates", failed - NAMED_FAILURES));
                }
            }
            Event::MonthCompared { table, index, total } => {
                let message = format!("months with the target, {}", table.name());
                self.step(&mut state, Step { name: "compare", way: Way { index, total }, message });
            }
            Event::Staged(staged) => self.staged(&mut state, staged),
            Event::Waiting { what } if self.has_bars => state.bars.wait(&what),
            Event::Waiting { what } => self.line(&mut state, &format!("waiting for {what}")),
        }
    }

    fn is_cancelled(&self) -> bool {
        CANCELLED.load(Ordering::SeqCst)
    }
}
