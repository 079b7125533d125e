//! What a command was billed: printed as a receipt, and recorded.

use super::context::Context;
use crate::price::Bill;

/// Records and prints what was billed, if anything could be.
pub fn give(bill: Option<Bill>, context: Context<'_>) {
    let Some(bill) = bill else { return };
    context.summarize("billed", bill.json());
    context.measure(|metrics| metrics.billed(&bill));
    context.printer.note(format!("note: billed: {bill}"));
}

/// A line with an estimate.
pub fn estimate(bill: &Bill) -> String {
    format!("estimate: {bill}")
}
