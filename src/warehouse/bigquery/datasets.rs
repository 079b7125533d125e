//! Where published tables lie: in the platform's own datasets, or where `[datasets]` maps them for a rehearsal.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::statements::LEDGER;
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};

/// The key of the dataset of staging tables, which lie beside the ledger unless it is mapped.
pub(super) const STAGING: &str = "staging";

/// A dataset of a project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DatasetPlace {
    /// Absent: the project that is published into.
    pub project: Option<String>,
    pub dataset: String,
}

impl DatasetPlace {
    fn parse(text: &str) -> Option<Self> {
        let (project, dataset) = match text.rsplit_once('.') {
            Some((project, dataset)) => (Some(project.to_owned()), dataset),
            None => (None, text),
        };
        let is_dataset = !dataset.is_empty() && dataset.chars().all(|unit| unit.is_ascii_alphanumeric() || unit == '_');
        let is_project = project.as_deref().is_none_or(crate::warehouse::is_project);
        (is_dataset && is_project).then(|| Self { project, dataset: dataset.to_owned() })
    }
}

impl fmt::Display for DatasetPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.project {
            Some(project) => write!(f, "{project}.{}", self.dataset),
            None => f.write_str(&self.dataset),
        }
    }
}

/// Which dataset stands for which when outputs are published, and when what was published is read. Empty: each for
/// itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DatasetMap {
    places: BTreeMap<String, DatasetPlace>,
}

impl DatasetMap {
    /// The datasets that a mapping must name: those of the outputs, and that of the ledger.
    pub fn required() -> BTreeSet<&'static str> {
        Table::outputs().map(super::dataset_of).chain([LEDGER.0]).collect()
    }

    /// # Errors
    /// [`ErrorKind::Usage`] for a key that is no such dataset, a value that names none, and a mapping that leaves a
    /// dataset out: its rows would go to the real one.
    pub fn new(entries: &BTreeMap<String, String>) -> Result<Self> {
        let required = Self::required();
        let known = || required.iter().copied().chain([STAGING]).collect::<Vec<_>>().join(", ");
        let mut places = BTreeMap::new();
        for (key, text) in entries {
            if key != STAGING && !required.contains(key.as_str()) {
                return Err(Error::new(ErrorKind::Usage, format!("[datasets] cannot map {key}"))
                    .hint(format!("it maps {}", known())));
            }
            let place = DatasetPlace::parse(text).ok_or_else(|| {
                Error::new(ErrorKind::Usage, format!("[datasets] maps {key} to \"{text}\", which names no dataset"))
                    .hint("write DATASET or PROJECT.DATASET")
            })?;
            places.insert(key.clone(), place);
        }
        if let Some(missing) = required.iter().find(|key| !places.is_empty() && !places.contains_key(**key)) {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("[datasets] does not map {missing}: a rehearsal would write to the real dataset"),
            )
            .hint(format!("map it as well; {missing} = \"{missing}\" keeps the real one on purpose")));
        }
        Ok(Self { places })
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// What is mapped, by key.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &DatasetPlace)> {
        self.places.iter().map(|(key, place)| (key.as_str(), place))
    }

    pub(super) fn is_mapped(&self, dataset: &str) -> bool {
        self.places.contains_key(dataset)
    }

    /// The project and the name of a dataset; staging tables lie beside the ledger.
    pub(super) fn place(&self, project: &str, dataset: &str) -> (String, String) {
        match self.places.get(dataset) {
            Some(place) => (place.project.clone().unwrap_or_else(|| project.to_owned()), place.dataset.clone()),
            None if dataset == STAGING => self.place(project, LEDGER.0),
            None => (project.to_owned(), dataset.to_owned()),
        }
    }
}

/// As `nba_precompute → copy.precompute, ...`.
impl fmt::Display for DatasetMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = self.places.iter().map(|(key, place)| format!("{key} → {place}"));
        f.write_str(&each.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> Result<DatasetMap> {
        DatasetMap::new(&entries.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect())
    }

    #[test]
    fn a_mapping_is_whole_or_refused() {
        let whole = [
            ("nba_precompute", "copy"),
            ("nba_predictions", "other-project.copy"),
            ("nba_processing", "copy"),
            ("nba_backfill", "copy_ledger"),
        ];
        let mapped = map(&whole).expect("a mapping");
        let place = |dataset: &str| {
            let (project, dataset) = mapped.place("p", dataset);
            format!("{project}.{dataset}")
        };
        assert_eq!(place("nba_precompute"), "p.copy");
        assert_eq!(place("nba_predictions"), "other-project.copy");
        assert_eq!(place("staging"), "p.copy_ledger", "staging tables lie beside the ledger");
        assert_eq!(place("nba_raw"), "p.nba_raw");
        assert!(map(&[]).expect("none").is_empty());
        let refused = |entries: &[(&str, &str)]| map(entries).expect_err("refused").to_string();
        assert!(refused(&whole[..3]).contains("does not map nba_backfill"));
        assert!(refused(&[("nba_raw", "copy")]).contains("cannot map nba_raw"));
        assert!(refused(&[("nba_backfill", "a b")]).contains("names no dataset"));
        assert!(refused(&[("nba_backfill", "")]).contains("names no dataset"));
    }
}
