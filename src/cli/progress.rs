//! Progress: bars on a terminal, lines elsewhere. The wording is what operators grep for.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::output::Printer;
use super::shown::shown;
use crate::processors::ProcessorId;
use crate::progress::{Event, Observer, TableOutcome};
use crate::store::DateState;

/// Between two lines of progress without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(2);

/// How many failed dates a processor names while it runs.
const NAMED_FAILURES: usize = 5;

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
    bars: Option<MultiProgress>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last_line: Option<Instant>,
    bars: BTreeMap<String, ProgressBar>,
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

impl Progress {
    pub fn new(printer: Printer) -> Self {
        catch_interrupts();
        let bars = (!printer.is_quiet() && std::io::stderr().is_terminal()).then(MultiProgress::new);
        Self { printer, bars, state: Mutex::default() }
    }

    fn say(&self, line: String) {
        match &self.bars {
            Some(bars) => {
                let _ = bars.println(shown(&line));
            }
            None => self.printer.note(line),
        }
    }

    fn step(&self, state: &mut State, name: &str, index: usize, total: usize, message: String) {
        if let Some(bars) = &self.bars {
            let bar = state.bars.entry(name.to_owned()).or_insert_with(|| bars.add(new_bar(name, total)));
            bar.set_position(index as u64);
            bar.set_message(message);
            if index == total {
                bar.finish();
            }
        } else {
            self.line(state, format!("{name} {index}/{total} {message}"));
        }
    }

    /// A line, unless one was printed just before.
    fn line(&self, state: &mut State, line: String) {
        if state.last_line.is_none_or(|last| last.elapsed() >= LINE_EVERY) {
            state.last_line = Some(Instant::now());
            self.printer.note(line);
        }
    }

    /// Rate and time left from the first rows of a table on.
    fn pulled(&self, state: &mut State, table: crate::catalog::Table, rows: u64, total_rows: u64, total_bytes: u64) {
        let started = *state.pulls.entry(table).or_insert_with(Instant::now);
        let share = rows as f64 / total_rows.max(1) as f64;
        let message = format!("{table}: {rows} of {total_rows} rows, {}", transferred(started, share, total_bytes));
        if self.bars.is_none() {
            self.printer.note(format!("sync {message}"));
        } else {
            self.step(state, table.name(), rows as usize, total_rows as usize, message);
        }
    }

    /// Rate and time left from the first bytes on.
    fn staged(&self, state: &mut State, bytes: u64, total_bytes: u64) {
        let started = *state.staging.get_or_insert_with(Instant::now);
        let share = bytes as f64 / total_bytes.max(1) as f64;
        let message = transferred(started, share, total_bytes);
        if self.bars.is_none() {
            self.line(state, format!("upload staging {message}"));
        } else {
            self.step(state, "upload", (share * 100.0) as usize, 100, format!("% staged, {message}"));
        }
    }

    /// Dates are committed together at the end of a step; until then, computed dates are the progress.
    fn scored(&self, state: &mut State, processor: ProcessorId, dates: usize) {
        let Some((scored, total)) = state.scored.get_mut(&processor) else { return };
        *scored += dates;
        let (scored, total) = (*scored, *total);
        if scored < total {
            self.step(state, processor.name(), scored, total, "computed".to_owned());
        }
    }

    fn date(
        &self,
        state: &mut State,
        processor: ProcessorId,
        event: (chrono::NaiveDate, usize, usize),
        outcome: &DateState,
    ) {
        let (date, index, total) = event;
        let counts = state.counts.entry(processor).or_default();
        match outcome {
            DateState::Done => counts.success += 1,
            DateState::Empty { .. } | DateState::Vanished { .. } => counts.empty += 1,
            DateState::Skipped { .. } => counts.skipped += 1,
            DateState::Failed { reason, .. } => {
                counts.failed += 1;
                if counts.failed <= NAMED_FAILURES {
                    self.say(format!("{processor} ✗ Failed: {date}: {reason}"));
                }
            }
        }
        let Counts { success, empty, failed, skipped } = *counts;
        let tally = format!("{date}  ✓ success {success}  ∅ empty {empty}  ⏭ skipped {skipped}  ✗ failed {failed}");
        let message = format!("{processor} Processing game date {index}/{total}: {tally}");
        if index == total && self.bars.is_none() {
            self.printer.note(message);
        } else if self.bars.is_some() {
            self.step(state, processor.name(), index, total, tally);
        }
    }
}

/// Megabytes transferred, and the time left at this rate.
fn transferred(started: Instant, share: f64, total_bytes: u64) -> String {
    let seconds = started.elapsed().as_secs_f64();
    let left = if share > 0.0 { format!(", {:.0} s left", seconds / share - seconds) } else { String::new() };
    let megabytes = total_bytes as f64 / 1e6;
    format!("{:.0} of {megabytes:.0} MB{left}", megabytes * share)
}

fn new_bar(name: &str, total: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix:>6} {bar:24} {pos}/{len} {wide_msg}").expect("a valid template");
    ProgressBar::new(total as u64).with_style(style).with_prefix(name.to_owned())
}

impl Observer for Progress {
    fn on(&self, event: Event) {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match event {
            Event::Note(text) => self.say(format!("note: {text}")),
            Event::TableStarted { table, .. } => {
                state.pulls.insert(table, Instant::now());
            }
            Event::TableFinished { table, rows, changed_dates, outcome, index, total } => {
                let what = match outcome {
                    TableOutcome::Pulled => format!("{table}: {rows} rows, {changed_dates} dates changed"),
                    TableOutcome::Unchanged => format!("{table}: unchanged, {rows} rows"),
                    TableOutcome::Absent => format!("{table}: not in the warehouse; it is optional"),
                };
                if self.bars.is_none() {
                    self.printer.note(format!("sync {}/{total} {what}", index + 1));
                } else {
                    self.step(&mut state, "sync", index + 1, total, what);
                }
            }
            Event::RowsPulled { table, rows, total_rows, total_bytes } => {
                self.pulled(&mut state, table, rows, total_rows, total_bytes);
            }
            Event::DatesUnchanged { .. } => {}
            Event::DatesScored { processor, dates } => self.scored(&mut state, processor, dates),
            Event::ProcessorStarted { processor, dates } => {
                state.scored.insert(processor, (0, dates));
                if self.bars.is_none() {
                    self.printer.note(format!("{processor} computing {dates} game dates"));
                } else {
                    self.step(&mut state, processor.name(), 0, dates.max(1), "computing".to_owned());
                }
            }
            Event::DateFinished { processor, date, index, total, record } => {
                self.date(&mut state, processor, (date, index, total), &record.state);
            }
            Event::ProcessorFinished { processor } => {
                let failed = state.counts.get(&processor).map_or(0, |counts| counts.failed);
                if failed > NAMED_FAILURES {
                    self.say(format!("{processor} … and {} more failed dates", failed - NAMED_FAILURES));
                }
            }
            Event::MonthPublished { table, index, total } => {
                self.step(&mut state, "upload", index, total, table.name().to_owned());
            }
            Event::BytesStaged { bytes, total_bytes } => self.staged(&mut state, bytes, total_bytes),
        }
    }

    fn is_cancelled(&self) -> bool {
        CANCELLED.load(Ordering::SeqCst)
    }
}
