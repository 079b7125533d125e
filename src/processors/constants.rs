//! The constants of the processors' rules, by the names under which SQL and texts have them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::{Processor, all};

/// The constants of one processor.
#[derive(Debug, Default)]
pub struct Constants(Vec<(String, String)>);

impl Constants {
    #[must_use]
    pub(super) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.0.push((name.to_owned(), value.to_string()));
        self
    }
}

/// A text with the constants of the rules put in, where it names them like `{tdza.games}`.
///
/// # Panics
/// When the text names a constant that no processor has.
pub fn bound(text: &str) -> String {
    static ALL: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
        let of = |id: String, Constants(constants): Constants| {
            constants.into_iter().map(move |(name, value)| (format!("{id}.{name}"), value))
        };
        all().into_iter().flat_map(|of_one| of(of_one.id().name().to_lowercase(), of_one.constants())).collect()
    });
    let is_constant = |name: &str| {
        let of = |processor: &&dyn Processor| name.split('.').next() == Some(&processor.id().name().to_lowercase());
        name.contains('.') && all().iter().any(of)
    };
    let mut parts = text.split('{');
    let mut bound = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('}').filter(|(name, _)| is_constant(name)) {
            Some((name, rest)) => {
                let value = ALL.get(name).unwrap_or_else(|| panic!("no processor has the constant {name}"));
                bound.extend([value, rest]);
            }
            None => bound.extend(["{", part]),
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
        assert_eq!(bound("{mlfs.pct_three}, {mlfs.opponent_def_rating}, {mlfs.fixed_weight}"), "0.35, 112, 920");
    }

    #[test]
    #[should_panic(expected = "no processor has the constant")]
    fn an_unknown_constant_is_a_defect() {
        bound("{tdza.weeks}");
    }
}
