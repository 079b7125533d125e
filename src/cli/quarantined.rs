//! What is in quarantine in a target, where store and target are compared.

use std::collections::BTreeMap;

use super::output::{Printer, counted, thousands};
use crate::calendar::DateRanges;
use crate::snapshot::Validations;

/// The store has rows in whose place the target has failures.
pub fn note(validations: &Validations, target: &str, ranges: &DateRanges, printer: Printer) {
    let of_target = validations.quarantined_in(target).into_iter();
    let dates: BTreeMap<_, _> = of_target.filter(|(date, _)| ranges.contains(*date)).collect();
    if let (Some((first, _)), Some((last, _))) = (dates.first_key_value(), dates.last_key_value()) {
        let span = if first == last { first.to_string() } else { format!("{first} to {last}") };
        let (entities, count) = (thousands(dates.values().sum()), counted(dates.len(), "date"));
        printer.warn(format!(
            "note: the target has failures in place of {entities} entities in quarantine on {count}, {span}"
        ));
    }
}
