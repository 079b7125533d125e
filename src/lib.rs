//! putback recomputes the Phase 4 tables of an NBA platform locally, offline and all dates at once.
pub mod calendar;
pub mod catalog;
pub mod cli;
pub mod compute;
pub mod engine;
pub mod error;
pub mod numerics;
pub mod parallel;
pub mod processors;
pub mod progress;
pub mod report;
pub mod schedule;
pub mod store;
pub mod sync;
pub mod synth;
pub mod upload;
pub mod warehouse;
