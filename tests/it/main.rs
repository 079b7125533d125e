//! Integration tests: the library on typed-in rows, the binary on generated ones.

mod bad_input;
mod bench;
mod commands;
mod daily_cache;
mod day_before;
mod documents;
mod fixture;
mod incidents;
mod inspection;
mod properties;
mod publish;
mod support;
mod worked_examples;
