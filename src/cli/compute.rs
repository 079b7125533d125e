//! `putback compute`

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::{Value, json};

use super::context::{Context, Locked};
use super::coverage;
use super::environment;
use super::exit::ExitCode;
use super::output::{Printer, text_table};
use super::preflight;
use super::range::RangeArgs;
use super::settings::{GlobalArgs, Settings};
use super::sync::announce_clipping;
use crate::calendar::DateRanges;
use crate::compute::{ComputeReport, ComputeRequest, DailyCache};
use crate::error::{Error, ErrorKind, Result};
use crate::judge::{self, Asked, StatusReport};
use crate::processors::{ProcessorId, RunContext};
use crate::snapshot::Snapshot;
use crate::store::WriteLock;
use crate::windows::WindowEnd;

/// Run the five processors over every game date of a range
///
/// Works offline on the store. Dates that were computed from the same inputs by the same processor version are
/// skipped; a failed date is computed again when its inputs have changed. The inputs are checked first, once for
/// each version of them. Findings are reported and stop nothing.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  putback compute --year 2024")]
pub struct ComputeArgs {
    #[command(flatten)]
    range: RangeArgs,
    #[command(flatten)]
    options: ComputeOptions,
}

/// Options of every command that computes.
#[derive(Debug, Clone, Args)]
pub struct ComputeOptions {
    /// The player_daily_cache that MLFS reads. Another choice than before computes MLFS again
    #[arg(long, value_enum, default_value_t)]
    daily_cache: DailyCacheArg,
    /// Last day of the windows of TDZA, PSZA and PDC. `day-before` excludes same-day games (no leakage)
    #[arg(long, value_enum, default_value_t)]
    windows: WindowsArg,
    /// Recompute every date
    #[arg(long)]
    pub force: bool,
    /// Leave out only a player whose value does not fit its column, and keep the rest of the date of PSZA or PDC; by default
    /// the date is lost, as in the reference
    #[arg(long)]
    pub quarantine: bool,
    /// Skip the checks of the inputs; the run's record says so
    #[arg(long)]
    skip_validation: bool,
    /// Only these processors, on what the store has of the others
    #[arg(long, value_name = "PROCESSOR", hide = true)]
    processor: Vec<ProcessorId>,
}

impl ComputeOptions {
    fn windows(&self) -> WindowEnd {
        match self.windows {
            WindowsArg::Date => WindowEnd::Date,
            WindowsArg::DayBefore => WindowEnd::DayBefore,
        }
    }

    fn daily_cache(&self) -> Result<DailyCache> {
        match (self.daily_cache, self.windows) {
            (DailyCacheArg::Synced, WindowsArg::DayBefore) => Err(Error::new(
                ErrorKind::Usage,
                "--windows day-before and --daily-cache synced do not go together: the windows of the synced rows hold \
                 the date",
            )
            .hint("leave --daily-cache out, or use --daily-cache none")),
            (DailyCacheArg::Computed, _) => Ok(DailyCache::Computed),
            (DailyCacheArg::Synced, _) => Ok(DailyCache::Synced),
            (DailyCacheArg::None, _) => Ok(DailyCache::None),
        }
    }

    /// For the run's record.
    pub fn json(&self) -> Value {
        json!({
            "daily_cache": self.daily_cache,
            "windows": self.windows(),
            "force": self.force,
            "quarantine": self.quarantine,
            "skip_validation": self.skip_validation,
            "processors": self.processor,
        })
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum WindowsArg {
    /// The date itself, as in the reference
    #[default]
    Date,
    /// The day before
    DayBefore,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum DailyCacheArg {
    /// Read the rows that PDC computes from the same inputs
    #[default]
    Computed,
    /// As the warehouse has it, where it does
    Synced,
    /// Read none, as in the reference's yearly run
    None,
}

pub fn run(args: &ComputeArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let settings = Settings::resolve(global, None, None)?;
    let range = args.range.without_target()?.required(environment::yesterday())?;
    announce_clipping(&range, printer);
    let lock = WriteLock::acquire(&settings.store(), &environment::owner())?;
    let ranges = &range.ranges;
    Context::new(&settings, printer).recording(ranges, args.options.json(), |context| {
        let snapshot = Snapshot::locked(&lock)?;
        let locked = Locked { lock: &lock, snapshot: &snapshot };
        let Computed { report, snapshot } = process(context, locked, ranges, &args.options)?;
        let status = judge::status(&snapshot, &settings.catalogue, Asked { ranges, dates: &report.dates })?;
        context.stands(&status);
        if printer.is_json() {
            printer.json(&status);
        } else {
            coverage::print_table(&status, printer);
            print_times(&report, printer);
            printer.line("");
            coverage::print_verdicts(&status, printer);
        }
        Ok(exit_code(&status))
    })
}

/// What a computation did, and the store as it is now.
pub struct Computed {
    pub report: ComputeReport,
    pub snapshot: Snapshot,
}

/// Computes, and tells how long each processor took.
pub fn process(
    context: Context<'_>,
    Locked { lock, snapshot }: Locked<'_>,
    ranges: &DateRanges,
    options: &ComputeOptions,
) -> Result<Computed> {
    let daily_cache = options.daily_cache()?;
    context.step("check", || preflight::run(context, snapshot, ranges, options.skip_validation))?;
    let request = ComputeRequest {
        ranges: ranges.clone(),
        daily_cache,
        force: options.force,
        processors: match options.processor.as_slice() {
            [] => ProcessorId::ALL.to_vec(),
            named => named.to_vec(),
        },
        engine: context.settings.engine(),
        context: RunContext {
            timestamp: environment::timestamp()?,
            windows: options.windows(),
            quarantine: options.quarantine,
        },
    };
    let started = std::time::Instant::now();
    let compute = || crate::compute::compute_from(snapshot, lock, &request, context.observer());
    let report = context.step("compute", compute)?;
    let rows = report.processors.iter().map(|processor| processor.rows).sum::<u64>();
    context.measure(|metrics| metrics.rows.computed += rows);
    for processor in &report.processors {
        context.summarize(
            processor.processor.name(),
            json!({
                "computed": processor.computed, "unchanged": processor.unchanged, "rows": processor.rows,
                "seconds": (processor.elapsed.as_secs_f64() * 1000.0).round() / 1000.0,
            }),
        );
    }
    context.printer.note(summary(&report, started.elapsed()));
    Ok(Computed { report, snapshot: snapshot.computed(lock) })
}

/// Dates computed and time taken, per processor; a pass covers all years at once.
pub fn print_times(report: &ComputeReport, printer: Printer) {
    if !printer.is_verbose() {
        return;
    }
    let rows = report.processors.iter().map(|processor| {
        vec![
            processor.processor.to_string(),
            processor.computed.to_string(),
            processor.unchanged.to_string(),
            format!("{:.2} s", processor.elapsed.as_secs_f64()),
        ]
    });
    printer.line("");
    printer.line(text_table(&["Processor", "Dates computed", "Unchanged", "Time"], rows.collect(), 1));
}

fn summary(report: &ComputeReport, elapsed: std::time::Duration) -> String {
    if report.computed() == 0 {
        return format!("nothing to compute: no input of the {} game dates has changed", report.dates.len());
    }
    let each: Vec<String> = report
        .processors
        .iter()
        .map(|processor| {
            let (id, dates, seconds) = (processor.processor, processor.computed, processor.elapsed.as_secs_f64());
            format!("{id} {dates} dates in {seconds:.2} s")
        })
        .collect();
    format!("computed in {:.2} s: {}", elapsed.as_secs_f64(), each.join(", "))
}

/// Not 0 when a date is failed, pending or missing from the schedule, or the schedule contradicts itself.
pub fn exit_code(status: &StatusReport) -> ExitCode {
    if status.unsettled() > 0 { ExitCode::FailedDates } else { ExitCode::Done }
}
