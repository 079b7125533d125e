//! Measuring the processors against what the machine can do.

mod floor;
mod stats;

pub use floor::{FloorReport, FloorRequest, copy_floor};
pub use stats::Sample;
