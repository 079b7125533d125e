//! Integration tests: the library on typed-in rows, the binary on generated ones.

mod bad_input;
mod bench;
mod commands;
mod documents;
mod evidence;
mod fixture;
mod flags;
mod incidents;
mod inspection;
mod keys;
mod properties;
mod published;
mod publish;
mod support;
mod values;
mod worked_examples;
