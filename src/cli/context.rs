//! What every command works with.

use serde_json::Value;

use super::exit::ExitCode;
use super::metrics::Metrics;
use super::output::Printer;
use super::recorder::{Recorder, cannot_be_written};
use super::settings::Settings;
use crate::calendar::DateRanges;
use crate::error::{Error, Result};
use crate::judge::StatusReport;
use crate::progress::{Observer, Silent};
use crate::snapshot::Snapshot;
use crate::store::{Store, WriteLock};

/// Settings, printer and recorder of a command.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub settings: &'a Settings,
    pub printer: Printer,
    recorder: Option<&'a Recorder>,
}

/// A store that is written, and its state.
#[derive(Debug, Clone, Copy)]
pub struct Locked<'a> {
    pub lock: &'a WriteLock,
    pub snapshot: &'a Snapshot,
}

impl<'a> Context<'a> {
    /// Of a command that is not recorded.
    pub fn new(settings: &'a Settings, printer: Printer) -> Self {
        Self { settings, printer, recorder: None }
    }

    pub fn store(self) -> Store {
        self.settings.store()
    }

    /// Does what writes the store, and records it.
    pub fn recording(
        self,
        ranges: &DateRanges,
        options: Value,
        act: impl FnOnce(Context<'_>) -> Result<ExitCode>,
    ) -> Result<ExitCode> {
        let recorder = Recorder::begin(self.settings, ranges, options, self.printer)?;
        let outcome = act(Context { recorder: Some(&recorder), ..self });
        recorder.end(outcome)
    }

    /// Does what only reads the store, and records it unless there is no store to record it in.
    pub fn recording_if_possible(
        self,
        ranges: &DateRanges,
        options: Value,
        act: impl FnOnce(Context<'_>) -> Result<ExitCode>,
    ) -> Result<ExitCode> {
        if !self.store().root().is_dir() {
            return act(self);
        }
        let not_recorded = |error: &Error| self.printer.warn(format!("note: this run is not recorded: {error}"));
        let recorder = match Recorder::begin(self.settings, ranges, options, self.printer) {
            Err(error) if cannot_be_written(&error) => {
                not_recorded(&error);
                return act(self);
            }
            recorder => recorder?,
        };
        let outcome = act(Context { recorder: Some(&recorder), ..self });
        let (outcome, written) = recorder.close(outcome);
        match written {
            Err(error) if cannot_be_written(&error) => not_recorded(&error),
            written => written?,
        }
        outcome
    }

    pub fn is_recorded(self) -> bool {
        self.recorder.is_some()
    }

    /// Adds a fact to the record.
    pub fn fact(self, name: &str, value: Value) {
        self.recorder.iter().for_each(|recorder| recorder.fact(name, value.clone()));
    }

    /// Adds a part of the summary to the record.
    pub fn summarize(self, name: &str, value: Value) {
        self.recorder.iter().for_each(|recorder| recorder.summarize(name, value.clone()));
    }

    /// Adds to the figures of the record.
    pub fn measure(self, add: impl FnOnce(&mut Metrics)) {
        if let Some(recorder) = self.recorder {
            recorder.measure(add);
        }
    }

    /// Records how the dates stand.
    pub fn stands(self, status: &StatusReport) {
        self.recorder.iter().for_each(|recorder| recorder.stands(status));
    }

    /// Does a step, and records how long it took, whatever it came to.
    pub fn step<T>(self, name: &str, act: impl FnOnce() -> T) -> T {
        match self.recorder {
            Some(recorder) => recorder.step(name, act),
            None => act(),
        }
    }

    /// Who is told how far a command is.
    pub fn observer(&self) -> &dyn Observer {
        match self.recorder {
            Some(recorder) => recorder,
            None => &Silent,
        }
    }
}
