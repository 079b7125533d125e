//! What an upload would do, reviewed first and done later: exactly that, or nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::PublishSet;
use crate::error::{Error, ErrorKind, Result};
use crate::numerics::hash::hex;
use crate::store::Store;
use crate::store::commit::staged::replace_file;

/// Dates of one kind that are named.
const LISTED: usize = 6;
/// Plans that a store remembers.
const REMEMBERED: usize = 20;

/// What an upload would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub target: String,
    /// The latest publication of the target; empty: none.
    pub parent: String,
    /// Dates that would be written, by table.
    pub tables: BTreeMap<String, BTreeMap<NaiveDate, PlannedDate>>,
    /// What is accepted, waived or left out.
    pub conditions: Vec<String>,
    /// Dates that stay unpublished, with the cause.
    pub held_back: Vec<String>,
    /// Estimated bytes of queries; 0 where nothing is billed.
    pub bytes: u64,
}

/// A date that would be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedDate {
    /// Content of what is sent.
    pub content: String,
    /// Content of what it replaces; empty: nothing.
    pub replaces: String,
}

/// A plan that was reviewed.
#[derive(Debug, Clone)]
pub struct Reviewed {
    pub id: String,
    /// Absent where the store has forgotten it: then only its id can be compared.
    pub plan: Option<Plan>,
}

impl Plan {
    /// Without any date yet.
    pub(crate) fn of(set: &PublishSet<'_>, target: String, parent: String) -> Self {
        let (conditions, held_back) = (set.terms.conditions.clone(), set.terms.held_back_causes.clone());
        Self { target, parent, tables: BTreeMap::new(), conditions, held_back, bytes: 0 }
    }

    pub(crate) fn add(&mut self, table: crate::catalog::Table, date: NaiveDate, planned: PlannedDate) {
        self.tables.entry(table.full_name().to_owned()).or_default().insert(date, planned);
    }

    /// 20 hexadecimal characters of a digest of everything in it.
    pub fn id(&self) -> String {
        hex(&Sha256::digest(serde_json::to_vec(self).expect("serializes"))[..10])
    }

    /// What differs from a plan of before, in words.
    fn changes_since(&self, reviewed: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        let tables: BTreeSet<&String> = self.tables.keys().chain(reviewed.tables.keys()).collect();
        let none = BTreeMap::new();
        for table in tables {
            let (now, then) = (self.tables.get(table).unwrap_or(&none), reviewed.tables.get(table).unwrap_or(&none));
            let dates: BTreeSet<NaiveDate> = now.keys().chain(then.keys()).copied().collect();
            let mut say = |what: &str, is: &dyn Fn(Option<&PlannedDate>, Option<&PlannedDate>) -> bool| {
                let dates = dates.iter().filter(|date| is(now.get(date), then.get(date))).copied();
                let dates: Vec<NaiveDate> = dates.collect();
                if !dates.is_empty() {
                    changes.push(format!("{table}: {what} {}", listed(&dates)));
                }
            };
            say("new", &|now, then| now.is_some() && then.is_none());
            say("not to publish any more", &|now, then| now.is_none() && then.is_some());
            say("other rows in the store on", &|now, then| {
                now.zip(then).is_some_and(|(now, then)| now.content != then.content)
            });
            say("other rows in the target on", &|now, then| {
                now.zip(then).is_some_and(|(now, then)| now.replaces != then.replaces)
            });
        }
        let mut compare = |what: &str, is_same: bool| {
            if !is_same {
                changes.push(what.to_owned());
            }
        };
        compare("another target", self.target == reviewed.target);
        compare("somebody published since", self.parent == reviewed.parent);
        compare("other causes are accepted, waived or left out", self.conditions == reviewed.conditions);
        compare("other dates are held back", self.held_back == reviewed.held_back);
        let cost = format!("the estimate is {} instead of {} bytes", self.bytes, reviewed.bytes);
        compare(&cost, self.bytes == reviewed.bytes);
        changes
    }

    /// Remembers the plan in the store, so that a later upload can say what changed.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn save(&self, store: &Store) -> Result<()> {
        let dir = plans_dir(store);
        std::fs::create_dir_all(&dir).map_err(|error| Error::io("create", &dir, error))?;
        replace_file(&dir.join(format!("{}.json", self.id())), &serde_json::to_vec(self).expect("serializes"))?;
        let mut known: Vec<_> = std::fs::read_dir(&dir)
            .map_err(|error| Error::io("list", &dir, error))?
            .flatten()
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        known.sort();
        for (_, path) in &known[..known.len().saturating_sub(REMEMBERED)] {
            std::fs::remove_file(path).map_err(|error| Error::io("remove", path, error))?;
        }
        Ok(())
    }
}

impl Reviewed {
    /// A plan by its id, with what the store remembers of it.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for a text that is no id.
    pub fn load(store: &Store, id: &str) -> Result<Self> {
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Error::new(ErrorKind::Usage, format!("\"{id}\" is not the id of a plan"))
                .hint("`putback upload --dry-run` prints the id"));
        }
        let bytes = std::fs::read(plans_dir(store).join(format!("{id}.json"))).ok();
        let plan = bytes.and_then(|bytes| serde_json::from_slice::<Plan>(&bytes).ok()).filter(|plan| plan.id() == id);
        Ok(Self { id: id.to_owned(), plan })
    }

    /// # Errors
    /// [`ErrorKind::StalePlan`] when what would be done now is something else; names what changed.
    pub(crate) fn check(&self, now: &Plan) -> Result<()> {
        if now.id() == self.id {
            return Ok(());
        }
        let changes = match &self.plan {
            Some(plan) => now.changes_since(plan).join("; "),
            None => "the store does not remember it, so what changed cannot be named".to_owned(),
        };
        let nothing = if now.tables.is_empty() { "; nothing is left to publish" } else { "" };
        Err(Error::new(
            ErrorKind::StalePlan,
            format!("plan {} does not hold any more: {changes}{nothing}; nothing was published", self.id),
        )
        .hint("review `putback upload --dry-run` with the same options again"))
    }
}

fn plans_dir(store: &Store) -> PathBuf {
    store.root().join("plans")
}

fn listed(dates: &[NaiveDate]) -> String {
    let mut some: Vec<String> = dates.iter().take(LISTED).map(NaiveDate::to_string).collect();
    if dates.len() > LISTED {
        some.push(format!("and {} more", dates.len() - LISTED));
    }
    some.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Table;

    #[test]
    fn what_changed_is_named() {
        let planned = |content: &str| PlannedDate { content: content.to_owned(), replaces: String::new() };
        let mut plan = Plan { target: "dir:x".to_owned(), ..Plan::default() };
        let day = |text: &str| text.parse().expect("a date");
        plan.add(Table::MlFeatureStore, day("2024-01-01"), planned("a"));
        plan.add(Table::MlFeatureStore, day("2024-01-02"), planned("a"));
        let reviewed = Reviewed { id: plan.id(), plan: Some(plan.clone()) };
        reviewed.check(&plan).expect("the same");
        let mut now = plan.clone();
        now.parent = "other".to_owned();
        now.add(Table::MlFeatureStore, day("2024-01-02"), planned("b"));
        now.add(Table::MlFeatureStore, day("2024-01-03"), planned("a"));
        let error = reviewed.check(&now).expect_err("another");
        assert_eq!(error.kind(), ErrorKind::StalePlan);
        assert!(
            error.to_string().contains(
                "nba_predictions.ml_feature_store_v2: new 2024-01-03; nba_predictions.ml_feature_store_v2: other rows in \
                 the store on 2024-01-02; somebody published since; nothing was published"
            ),
            "{error}"
        );
    }
}
