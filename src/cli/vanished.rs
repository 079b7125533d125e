//! What is said of dates with rows that nothing supports any more.

use serde_json::{Value, json};

use super::output::{Printer, counted};
use crate::judge::{RowsByDate, dates_of};

/// The word that accepts them.
pub const ACCEPT: &str = "vanished";

/// Like `nba_precompute.player_composite_factors: 310 rows on 2 dates, 2023-12-05 to 2023-12-06`.
pub fn lines(vanished: &RowsByDate) -> Vec<String> {
    let line = |(table, dates): (&crate::catalog::Table, &std::collections::BTreeMap<chrono::NaiveDate, u64>)| {
        let (first, last) = (dates.first_key_value()?.0, dates.last_key_value()?.0);
        let span = if first == last { first.to_string() } else { format!("{first} to {last}") };
        let rows = counted(dates.values().sum::<u64>() as usize, "row");
        Some(format!("{table}: {rows} on {}, {span}", counted(dates.len(), "date")))
    };
    vanished.iter().filter_map(line).collect()
}

/// For machines: rows by table and date.
pub fn json(vanished: &RowsByDate) -> Value {
    vanished
        .iter()
        .map(|(table, dates)| (table.full_name().to_owned(), json!(dates)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Names what vanished upstream or became empty, and what can be done.
pub fn warn(vanished: &RowsByDate, place: &str, printer: Printer) {
    if vanished.is_empty() {
        return;
    }
    let count = counted(dates_of(vanished).len(), "date");
    printer.warn(format!("note: vanished upstream or became empty, and the rows stay in {place}: {count}"));
    lines(vanished).iter().for_each(|line| printer.warn(format!("  {line}")));
    printer.warn("  `putback upload --remove-vanished` removes them, `putback upload --accept vanished` keeps them");
}
