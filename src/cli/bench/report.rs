//! The figures of a benchmark, for people and for machines.

use chrono::NaiveDate;
use serde::Serialize;

use super::super::environment;
use super::super::output::{text_table, thousands};
use super::super::settings::Settings;
use super::measure::{Kind, Measured, Rounds};
use super::workspace::Filled;
use crate::bench::Sample;

/// What the reference's backfill takes for a date on BigQuery, service latency included.
const REFERENCE_SECONDS_PER_DATE: f64 = 80.0;

#[derive(Debug, Serialize)]
pub struct BenchReport {
    version: &'static str,
    source: String,
    first_date: NaiveDate,
    last_date: NaiveDate,
    game_dates: usize,
    warm_up_runs: u16,
    runs: u16,
    machine: Machine,
    measurements: Vec<Measurement>,
    /// Median wall time of all processors together over that of the floor.
    floor_ratio: f64,
    /// The same for CPU time.
    floor_ratio_cpu: f64,
    /// Median wall time of all processors over that of all but PDC.
    daily_cache_ratio: f64,
    /// The same for CPU time.
    daily_cache_ratio_cpu: f64,
    reference: Reference,
}

#[derive(Debug, Serialize)]
struct Machine {
    os: &'static str,
    architecture: &'static str,
    cores: usize,
    threads: usize,
    memory_limit: Option<String>,
}

#[derive(Debug, Serialize)]
struct Measurement {
    name: &'static str,
    dates: usize,
    rows_in: u64,
    rows_out: u64,
    wall_seconds: Sample,
    cpu_seconds: Sample,
    peak_memory_bytes: Sample,
    median_wall_seconds: f64,
    /// Largest distance of a run from the median, as a share of the median.
    spread: f64,
    rows_in_per_second: f64,
    dates_per_second: f64,
}

#[derive(Debug, Serialize)]
struct Reference {
    seconds_per_date: f64,
    what: &'static str,
    factor: f64,
}

impl BenchReport {
    pub fn new(subject: Filled, rounds: Rounds, settings: &Settings, measured: Vec<Measured>) -> Self {
        let Filled { source, dates } = subject;
        let find = |kind: Kind| measured.iter().find(|one| one.subject.kind == kind).expect("every kind is measured");
        let (all, floor) = (find(Kind::All), find(Kind::Floor));
        let without_pdc = find(Kind::WithoutDailyCache);
        let seconds_per_date = all.wall_seconds.median() / dates.len() as f64;
        Self {
            version: env!("CARGO_PKG_VERSION"),
            source,
            first_date: dates[0],
            last_date: dates[dates.len() - 1],
            game_dates: dates.len(),
            warm_up_runs: rounds.warm_up,
            runs: rounds.runs,
            machine: Machine {
                os: std::env::consts::OS,
                architecture: std::env::consts::ARCH,
                cores: environment::available_threads(),
                threads: settings.threads.value,
                memory_limit: settings.memory_limit.as_ref().map(|limit| limit.value.clone()),
            },
            floor_ratio: all.wall_seconds.median() / floor.wall_seconds.median(),
            floor_ratio_cpu: all.cpu_seconds.median() / floor.cpu_seconds.median(),
            daily_cache_ratio: all.wall_seconds.median() / without_pdc.wall_seconds.median(),
            daily_cache_ratio_cpu: all.cpu_seconds.median() / without_pdc.cpu_seconds.median(),
            reference: Reference {
                seconds_per_date: REFERENCE_SECONDS_PER_DATE,
                what: "the reference's backfill on BigQuery, service latency included",
                factor: REFERENCE_SECONDS_PER_DATE / seconds_per_date,
            },
            measurements: measured.into_iter().map(Measurement::new).collect(),
        }
    }

    pub fn text(&self) -> String {
        let header = ["", "Dates", "Rows in", "Rows out", "Wall s", "±%", "CPU s", "Peak MB", "Rows/s in", "Dates/s"];
        let rows = self.measurements.iter().map(Measurement::cells).collect();
        let machine = &self.machine;
        format!(
            "{source}: {dates} game dates, {first} to {last}; {cores} cores, {threads} threads; medians of {runs} runs\n\n\
             {table}\n\n\
             floor: the embedded database's COPY of the same input columns and output rows, Parquet to Parquet\n\
             all over floor: {ratio:.2} in wall time, {ratio_cpu:.2} in CPU time\n\
             all over all but PDC: {pdc_ratio:.2} in wall time, {pdc_ratio_cpu:.2} in CPU time\n\
             all: {ms:.2} ms per date, {factor} times as fast as {seconds} s per date ({what})",
            source = self.source,
            dates = self.game_dates,
            first = self.first_date,
            last = self.last_date,
            cores = machine.cores,
            threads = machine.threads,
            runs = self.runs,
            table = text_table(&header, rows, 1),
            ratio = self.floor_ratio,
            ratio_cpu = self.floor_ratio_cpu,
            pdc_ratio = self.daily_cache_ratio,
            pdc_ratio_cpu = self.daily_cache_ratio_cpu,
            ms = 1000.0 * REFERENCE_SECONDS_PER_DATE / self.reference.factor,
            factor = thousands(self.reference.factor.round() as u64),
            seconds = self.reference.seconds_per_date,
            what = self.reference.what,
        )
    }
}

impl Measurement {
    fn new(measured: Measured) -> Self {
        let Measured { subject, wall_seconds, cpu_seconds, peak_memory_bytes } = measured;
        let median = wall_seconds.median();
        Self {
            name: subject.kind.label(),
            dates: subject.dates,
            rows_in: subject.rows_in,
            rows_out: subject.rows_out,
            median_wall_seconds: median,
            spread: wall_seconds.spread(),
            rows_in_per_second: subject.rows_in as f64 / median,
            dates_per_second: subject.dates as f64 / median,
            wall_seconds,
            cpu_seconds,
            peak_memory_bytes,
        }
    }

    fn cells(&self) -> Vec<String> {
        let of_dates = |text: String| if self.dates == 0 { String::new() } else { text };
        vec![
            self.name.to_owned(),
            of_dates(self.dates.to_string()),
            of_dates(thousands(self.rows_in)),
            of_dates(thousands(self.rows_out)),
            format!("{:.3}", self.median_wall_seconds),
            format!("{:.0}", 100.0 * self.spread),
            format!("{:.3}", self.cpu_seconds.median()),
            format!("{:.0}", self.peak_memory_bytes.median() / 1e6),
            of_dates(thousands(self.rows_in_per_second.round() as u64)),
            of_dates(thousands(self.dates_per_second.round() as u64)),
        ]
    }
}
