//! What is said of rows that the last publication left out, where store and target are compared.

use std::collections::BTreeMap;

use super::output::{Printer, counted, thousands};
use super::settings::Settings;
use crate::calendar::DateRanges;
use crate::report::Validations;

/// The store has the rows that a publication left out, and the target has failures in their place.
pub fn note(settings: &Settings, ranges: &DateRanges, printer: Printer) {
    let validations = Validations::load(&settings.store(), &settings.catalogue);
    let of_range = validations.quarantined().iter().filter(|(date, _)| ranges.contains(**date));
    let dates: BTreeMap<_, _> = of_range.collect();
    if let (Some((first, _)), Some((last, _))) = (dates.first_key_value(), dates.last_key_value()) {
        let span = if first == last { first.to_string() } else { format!("{first} to {last}") };
        let (rows, count) = (dates.values().copied().sum::<u64>(), counted(dates.len(), "date"));
        printer.warn(format!(
            "note: the last publication left out {} rows in quarantine on {count}, {span}, and has failures in their place",
            thousands(rows)
        ));
    }
}
