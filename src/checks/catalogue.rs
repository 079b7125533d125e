//! The checks of `data/checks.toml`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// How bad a failed check is. Only errors change an exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
    Info,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    Inputs,
    Outputs,
}

/// One row of the catalogue.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    pub id: String,
    pub phase: Phase,
    pub table: String,
    pub severity: Severity,
    title: String,
    pub source: String,
    /// What a failure means for the outputs.
    pub consequence: Option<String>,
    #[serde(default)]
    pub thresholds: BTreeMap<String, f64>,
    /// Not applied in the first weeks of a season.
    #[serde(default)]
    pub early: bool,
    /// Dates that are not game dates of the range count as well.
    #[serde(default)]
    pub beyond: bool,
    /// A check of inputs that the outputs of the date rest on: it is one of outputs as well, and so holds the
    /// date back from publishing.
    #[serde(default)]
    holds_back: bool,
    sql: String,
}

impl Check {
    /// Whether the check is run in a phase.
    pub fn is_of(&self, phase: Phase) -> bool {
        self.phase == phase || (phase == Phase::Outputs && self.holds_back)
    }

    pub fn title(&self) -> String {
        self.filled(&self.title)
    }

    pub fn sql(&self) -> String {
        self.filled(&self.sql)
    }

    fn filled(&self, text: &str) -> String {
        self.thresholds
            .iter()
            .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), &value.to_string()))
    }
}

/// The catalogue as it is written; its digest tells versions of it apart.
pub fn catalogue_text() -> &'static str {
    include_str!("../../data/checks.toml")
}

/// Every check, in the order of the file.
pub fn catalogue() -> &'static [Check] {
    #[derive(Deserialize)]
    struct File {
        check: Vec<Check>,
    }
    static CHECKS: OnceLock<Vec<Check>> = OnceLock::new();
    CHECKS.get_or_init(|| {
        let file: File = toml::from_str(catalogue_text()).expect("data/checks.toml is valid");
        file.check
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_thresholds_filled_in() {
        let checks = catalogue();
        let ids: std::collections::BTreeSet<&str> = checks.iter().map(|check| check.id.as_str()).collect();
        assert_eq!(ids.len(), checks.len());
        for check in checks {
            assert!(!check.sql().contains('{') && !check.title().contains('{'), "{}", check.id);
            assert!(check.phase == Phase::Outputs || check.consequence.is_some(), "{}", check.id);
        }
    }
}
