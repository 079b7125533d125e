//! Recompute the Phase 4 tables of an NBA platform locally, offline and all dates at once.
//!
//! Rows flow one way:
//!
//! ```text
//! Source ──sync──▶ Store (Phase 3) ──compute──▶ Store (Phase 4) ──publish──▶ Target
//! ```
//!
//! | type | what |
//! |---|---|
//! | [`warehouse::Source`] | a warehouse that is read: a directory or bucket of Parquet, or a BigQuery project |
//! | [`store::Store`] | the local tables and their state; [`store::WriteLock`] is the right to write them |
//! | [`snapshot::Snapshot`] | the state of a store, loaded once; [`judge`] says what it means |
//! | [`compute::ComputeRequest`] | which dates to compute, with what |
//! | [`checks::CheckRequest`] | which dates to check: inputs before a computation, outputs after it |
//! | [`upload::PublishSet`] | whole dates to publish: those that [`judge::Eligible`] found, and no others |
//! | [`upload::Target`] | a warehouse that is published into |
//!
//! The library takes everything it needs as arguments and returns data. It never prints, and never reads the environment,
//! the home directory or the wall clock: lints forbid it outside [`cli`].
//!
//! ```no_run
//! use putback::calendar::DateRanges;
//! use putback::compute::{ComputeRequest, DailyCache, compute};
//! use putback::engine::EngineSettings;
//! use putback::processors::{ProcessorId, RunContext};
//! use putback::progress::Silent;
//! use putback::store::{Owner, Store, WriteLock};
//! use putback::sync::{SyncRequest, sync};
//! use putback::warehouse::dir::DirWarehouse;
//! use putback::windows::WindowEnd;
//!
//! # fn main() -> putback::error::Result<()> {
//! # let (timestamp, ranges): (chrono::DateTime<chrono::Utc>, DateRanges) = unimplemented!();
//! let store = Store::at("putback-store");
//! let lock = WriteLock::acquire(&store, &Owner { pid: std::process::id(), host: "here".into(), command: "mine".into() })?;
//! let source = DirWarehouse::open("exports".as_ref())?;
//! sync(&source, &lock, &SyncRequest::new(ranges.clone(), timestamp.date_naive()), &Silent)?;
//! let request = ComputeRequest {
//!     ranges,
//!     daily_cache: DailyCache::Computed,
//!     force: false,
//!     processors: ProcessorId::ALL.to_vec(),
//!     engine: EngineSettings { threads: 2, memory_limit: None, temp_dir: store.root().join("spill") },
//!     context: RunContext { timestamp, windows: WindowEnd::Date, quarantine: false },
//! };
//! let report = compute(&lock, &request, &Silent)?;
//! println!("{} of {} game dates computed", report.computed(), report.dates.len());
//! # Ok(())
//! # }
//! ```
//!
//! `examples/one_season.rs` is the same on a generated season. The rules of the processors are in `docs/spec`.
#![cfg_attr(test, allow(clippy::pedantic, reason = "unit tests may repeat and spell out"))]
#![warn(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr, clippy::too_many_arguments)]

pub mod bench;
pub mod calendar;
pub mod catalog;
pub mod checks;
#[expect(clippy::disallowed_methods, reason = "the outermost edge: environment, clock and streams are its business")]
pub mod cli;
pub mod compute;
pub mod daily_cache;
pub mod destination;
pub mod diff;
pub mod engine;
pub mod error;
mod file_system;
pub mod judge;
pub mod merge;
pub mod numerics;
pub mod parallel;
pub mod price;
pub mod processors;
pub mod progress;
pub mod publications;
pub mod reach;
pub mod report;
pub mod schedule;
pub mod snapshot;
pub mod store;
pub mod sync;
pub mod synth;
pub mod upload;
pub mod warehouse;
pub mod why;
pub mod windows;
