//! Odd text, odd output, odd arguments: what a user's shell, terminal and disk do to the binary.

mod arguments;
mod disk;
mod output;
mod overwrite;
mod text;

use crate::fixture::Outcome;

/// Neither a panic, nor a character that a terminal would obey.
fn assert_plain(outcome: &Outcome) {
    let is_obeyed = |unit: char| unit != '\n' && (unit.is_control() || ('\u{202a}'..='\u{202e}').contains(&unit));
    for text in [&outcome.stdout, &outcome.stderr] {
        assert!(!text.contains(is_obeyed), "{}", outcome.shown());
    }
    assert!(!outcome.stderr.contains("panicked"), "{}", outcome.shown());
    assert_ne!(outcome.code, 101, "{}", outcome.shown());
}
