//! What a store holds, as tables for people and JSON for machines. Nothing here prints.

mod status;

pub use status::{NotDone, StatusReport, StatusRow};
