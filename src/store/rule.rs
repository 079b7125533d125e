//! Rules by which a date has no rows.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A rule by which a date has no rows. Stored as its text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Rule {
    family: String,
    /// The most games that anybody has, where too few of them are the reason.
    most: Option<i64>,
}

/// Stands before and after the figure in the text.
const MOST: (&str, &str) = (" (most: ", ")");

impl Rule {
    /// Nobody has enough games; `most` is what anybody has.
    pub fn too_few_games(family: impl Into<String>, most: i64) -> Self {
        Self { family: family.into(), most: Some(most) }
    }

    /// The rule without the figure of a single date.
    pub fn family(&self) -> &str {
        &self.family
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.family)?;
        self.most.map_or(Ok(()), |most| write!(f, "{}{most}{}", MOST.0, MOST.1))
    }
}

/// As its text: digests of validations rest on it.
impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), f)
    }
}

impl From<&str> for Rule {
    fn from(text: &str) -> Self {
        let parts = text.strip_suffix(MOST.1).and_then(|text| text.rsplit_once(MOST.0));
        match parts.and_then(|(family, most)| Some((family, most.parse().ok()?))) {
            Some((family, most)) => Self::too_few_games(family, most),
            None => Self { family: text.to_owned(), most: None },
        }
    }
}

impl From<String> for Rule {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Rule> for String {
    fn from(rule: Rule) -> Self {
        rule.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_stored_as_its_text() {
        let rule = Rule::too_few_games("no team has 15 games this season", 3);
        let text = r#""no team has 15 games this season (most: 3)""#;
        assert_eq!(serde_json::to_string(&rule).expect("serializes"), text);
        assert_eq!(serde_json::from_str::<Rule>(text).expect("a rule"), rule);
        assert_eq!(rule.family(), "no team has 15 games this season");
        assert_eq!(format!("{rule:?}"), text);
    }

    #[test]
    fn a_text_without_a_figure_is_the_rule() {
        for text in ["every player of the date failed", "nobody (most: of them)"] {
            assert_eq!((Rule::from(text).family(), Rule::from(text).to_string().as_str()), (text, text));
        }
    }
}
