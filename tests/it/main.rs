//! Integration tests: the library on typed-in rows, the binary on generated ones.

mod bad_input;
mod bench;
mod commands;
mod daily_cache;
mod day_before;
mod dependencies;
mod documents;
mod fixture;
mod hygiene;
mod incidents;
mod inspection;
mod properties;
mod publish;
mod shell;
mod support;
mod target;
mod vanished;
mod worked_examples;
