//! The subjects of the benchmark, and how they are measured.

use chrono::NaiveDate;

use super::super::output::Printer;
use super::workspace::{Usage, Workspace};
use crate::bench::Sample;
use crate::calendar::DateRange;
use crate::error::{Error, ErrorKind, Result};
use crate::processors::{self, ProcessorId};
use crate::store::{Phase3Manifest, Phase4Manifest};

/// Something to measure.
pub struct Subject {
    pub kind: Kind,
    command: Vec<String>,
    pub dates: usize,
    pub rows_in: u64,
    pub rows_out: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Processor(ProcessorId),
    All,
    /// All, but for PDC.
    WithoutDailyCache,
    Floor,
    NothingChanged,
    Status,
    StartUp,
}

impl Kind {
    pub fn label(self) -> &'static str {
        match self {
            Self::Processor(id) => id.name(),
            Self::All => "all",
            Self::WithoutDailyCache => "all but PDC",
            Self::Floor => "floor (COPY)",
            Self::NothingChanged => "nothing changed",
            Self::Status => "status",
            Self::StartUp => "start-up",
        }
    }
}

/// A subject with its measurements.
pub struct Measured {
    pub subject: Subject,
    pub wall_seconds: Sample,
    pub cpu_seconds: Sample,
    pub peak_memory_bytes: Sample,
}

impl Subject {
    /// Every subject for computed dates.
    pub fn all(workspace: &Workspace, dates: &[NaiveDate]) -> Result<Vec<Self>> {
        let store = workspace.store();
        let (phase3, phase4) = (store.phase3()?, store.phase4()?);
        let (from, to) = (dates[0].to_string(), dates[dates.len() - 1].to_string());
        let compute = |options: &[&str]| -> Vec<String> {
            let command = ["compute", "--skip-validation", "--from", &from, "--to", &to];
            command.iter().chain(options).map(|&text| text.to_owned()).collect()
        };
        let scratch = workspace.path("floor");
        std::fs::create_dir_all(&scratch).map_err(|error| Error::io("create", &scratch, error))?;
        let scratch = scratch.to_string_lossy().into_owned();
        let mut subjects: Vec<Self> = ProcessorId::ALL
            .into_iter()
            .map(|id| Self {
                kind: Kind::Processor(id),
                command: compute(&["--force", "--processor", id.name()]),
                dates: dates.len(),
                rows_in: rows_in(id, &phase3, &phase4, dates),
                rows_out: rows_out(id, &phase4, dates),
            })
            .collect();
        let rows_out = subjects.iter().map(|subject| subject.rows_out).sum();
        let is_pdc = |subject: &&Self| subject.kind == Kind::Processor(ProcessorId::Pdc);
        let of_pdc = subjects.iter().find(is_pdc).map_or(0, |subject| subject.rows_out);
        let floor: Vec<String> =
            ["bench-floor", "--from", &from, "--to", &to, "--scratch", &scratch].map(str::to_owned).to_vec();
        let rows_in = floor_rows(&workspace.run(&floor.iter().map(String::as_str).collect::<Vec<_>>())?)?;
        let whole = |kind, command| Self { kind, command, dates: dates.len(), rows_in, rows_out };
        let without_pdc = whole(Kind::WithoutDailyCache, compute(&["--force", "--daily-cache", "none"]));
        subjects.push(Self { rows_out: rows_out - of_pdc, ..without_pdc });
        // After the subject before, which leaves dates that the default computes again.
        subjects.push(whole(Kind::All, compute(&["--force"])));
        subjects.push(whole(Kind::Floor, floor));
        let without_rows = |kind, command: Vec<String>| Self { kind, command, dates: 0, rows_in: 0, rows_out: 0 };
        subjects.push(without_rows(Kind::NothingChanged, compute(&[])));
        subjects.push(without_rows(Kind::Status, vec!["status".to_owned()]));
        subjects.push(without_rows(Kind::StartUp, vec!["--version".to_owned()]));
        Ok(subjects)
    }
}

/// The rows that the floor read from inputs.
fn floor_rows(usage: &Usage) -> Result<u64> {
    let first = usage.stdout.split_whitespace().next().and_then(|rows| rows.parse().ok());
    first.ok_or_else(|| Error::new(ErrorKind::Unexpected, format!("the floor said {:?}", usage.stdout)))
}

/// Rows of the inputs in the look-back, and of the upstream tables on the dates.
fn rows_in(id: ProcessorId, phase3: &Phase3Manifest, phase4: &Phase4Manifest, dates: &[NaiveDate]) -> u64 {
    let processor = processors::get(id);
    let (first, last) = (dates[0], dates[dates.len() - 1]);
    let inputs = processor.inputs().iter().map(|input| {
        let range = DateRange { from: input.look_back.first_day(first), to: last };
        let partitions = phase3.tables.get(&input.table).into_iter().flat_map(|table| &table.partitions);
        partitions.filter(|(date, _)| range.contains(**date)).map(|(_, partition)| partition.rows).sum::<u64>()
    });
    let upstream = processor.upstream().iter().map(|&id| rows_of(id, phase4, dates));
    inputs.chain(upstream).sum()
}

fn rows_of(id: ProcessorId, phase4: &Phase4Manifest, dates: &[NaiveDate]) -> u64 {
    dates.iter().filter_map(|&date| phase4.record(id, date)).map(|record| record.rows).sum()
}

/// Output rows and failure rows.
fn rows_out(id: ProcessorId, phase4: &Phase4Manifest, dates: &[NaiveDate]) -> u64 {
    let failures = dates.iter().filter_map(|&date| phase4.record(id, date)).flat_map(|record| record.failures.values());
    rows_of(id, phase4, dates) + failures.sum::<u64>()
}

/// How often each subject is run.
#[derive(Debug, Clone, Copy)]
pub struct Rounds {
    /// Unmeasured.
    pub warm_up: u16,
    /// Measured.
    pub runs: u16,
}

/// Runs the subjects in turn, so that a machine that slows down slows all of them.
pub fn measure_all(
    workspace: &Workspace,
    subjects: Vec<Subject>,
    Rounds { warm_up, runs }: Rounds,
    printer: Printer,
) -> Result<Vec<Measured>> {
    let empty = |subject| Measured {
        subject,
        wall_seconds: Sample::default(),
        cpu_seconds: Sample::default(),
        peak_memory_bytes: Sample::default(),
    };
    let mut measured: Vec<Measured> = subjects.into_iter().map(empty).collect();
    for round in 0..warm_up + runs {
        let kind = if round < warm_up { "warm-up " } else { "" };
        printer.note(format!(
            "{kind}run {} of {}",
            round + 1 - if round < warm_up { 0 } else { warm_up },
            if round < warm_up { warm_up } else { runs }
        ));
        for measured in &mut measured {
            let command: Vec<&str> = measured.subject.command.iter().map(String::as_str).collect();
            let usage = workspace.run(&command)?;
            if round >= warm_up {
                measured.wall_seconds.push(usage.wall.as_secs_f64());
                measured.cpu_seconds.push(usage.cpu.as_secs_f64());
                measured.peak_memory_bytes.push(usage.peak_memory_bytes as f64);
            }
        }
    }
    Ok(measured)
}
