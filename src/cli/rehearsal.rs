//! Publications into other datasets than the real ones.

use super::output::Printer;
use super::settings::Settings;

/// Names the datasets that are published into instead of the real ones. Always said: rows in another place than
/// expected are worse than a line too many.
pub fn say_mapping(settings: &Settings, printer: Printer) {
    if let Some(mapping) = settings.mapping() {
        printer.warn(format!("note: rehearsal: [datasets] maps {mapping}"));
    }
}
