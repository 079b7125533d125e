//! The constants of the processors' rules, by the names under which SQL and texts have them.

use super::all;

/// A text with the constants of the rules put in, where it names them like `{tdza.games}`.
pub fn bound(text: &str) -> String {
    let mut bound = text.to_owned();
    for processor in all() {
        let id = processor.id().name().to_lowercase();
        for (name, value) in processor.constants() {
            bound = bound.replace(&format!("{{{id}.{name}}}"), &value);
        }
    }
    bound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_put_in_by_name() {
        assert_eq!(bound("the last {tdza.games} of {date}"), "the last 15 of {date}");
        assert_eq!(bound("{psza.games_long}, {pdc.games}, {mlfs.recent_days}"), "20, 5, 60");
    }
}
