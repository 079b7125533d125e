//! Integration tests: the library on typed-in rows, the binary on generated ones.
#![allow(clippy::pedantic, reason = "for the library: tests and benchmarks may repeat and spell out")]

mod bad_input;
mod bench;
mod causes;
mod commands;
mod daily_cache;
mod day_before;
mod dependencies;
mod doctor;
mod documents;
mod evidence;
mod faults;
mod files;
mod fixture;
mod flags;
mod hygiene;
mod incidents;
mod inspection;
mod keys;
mod merge;
mod plans;
mod properties;
mod publish;
mod published;
mod reach;
mod report;
mod shell;
mod store;
mod support;
mod target;
mod undo;
mod values;
mod vanished;
mod waivers;
mod witnesses;
mod worked_examples;
