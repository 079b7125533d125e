//! What a command was billed: printed as a receipt, and recorded.

use super::output::Printer;
use super::recorder::Recorder;
use crate::price::Bill;

/// Records and prints what was billed, if anything could be.
pub fn give(bill: Option<Bill>, recorder: Option<&Recorder>, printer: Printer) {
    let Some(bill) = bill else { return };
    if let Some(recorder) = recorder {
        recorder.summarize("billed", bill.json());
        recorder.measure(|metrics| metrics.billed(&bill));
    }
    printer.note(format!("note: billed: {bill}"));
}

/// A line with an estimate.
pub fn estimate(bill: &Bill) -> String {
    format!("estimate: {bill}")
}
