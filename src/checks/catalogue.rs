//! The checks of `data/checks/`, with thresholds that a configuration may set.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::waivers::Waiver;
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::numerics::hash::data_hash;
use crate::processors::bound;
use crate::reach::entity_column;

const FILES: [&str; 8] = [
    include_str!("../../data/checks/inputs.toml"),
    include_str!("../../data/checks/evidence.toml"),
    include_str!("../../data/checks/outputs.toml"),
    include_str!("../../data/checks/tdza.toml"),
    include_str!("../../data/checks/psza.toml"),
    include_str!("../../data/checks/pcf.toml"),
    include_str!("../../data/checks/pdc.toml"),
    include_str!("../../data/checks/mlfs.toml"),
];

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

impl Phase {
    pub fn name(self) -> &'static str {
        match self {
            Self::Inputs => "inputs",
            Self::Outputs => "outputs",
        }
    }
}

/// Thresholds by check and name.
pub type Thresholds = BTreeMap<String, BTreeMap<String, f64>>;

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
    /// What it is called where it stands for others: `zones missing upstream`.
    cause: Option<String>,
    /// What a failure means for the outputs.
    pub consequence: Option<String>,
    #[serde(default)]
    pub thresholds: BTreeMap<String, f64>,
    /// Thresholds that are not those of the catalogue, with those of the catalogue.
    #[serde(skip)]
    pub built_in: BTreeMap<String, f64>,
    /// Not applied in the first weeks of a season.
    #[serde(default)]
    pub early: bool,
    /// Dates that are not game dates of the range count as well.
    #[serde(default)]
    pub beyond: bool,
    /// It says something of the range that was asked for, not of single dates.
    #[serde(default)]
    pub of_range: bool,
    /// A check of inputs that outputs rest on: it is one of outputs as well, and so holds back from publishing the dates
    /// with a value that rests on its faulty rows.
    #[serde(default)]
    holds_back: bool,
    /// Checks whose faulty rows can be the reason that this one fails.
    #[serde(default)]
    pub consequence_of: Vec<String>,
    /// Gives the faulty rows.
    rows: Option<String>,
    /// Gives offending dates instead, where no row can be named.
    sql: Option<String>,
    /// A rule instead of a query.
    by_date: Option<DateRule>,
}

/// A rule for the rows of one table on one date: what it says of a date follows from these rows alone.
///
/// SQL without subqueries. `{all_rows}` and `{faulty_rows}` stand for the number of the date's rows that count, and of those
/// that are faulty.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct DateRule {
    /// Which rows count; absent: all.
    counted: Option<String>,
    /// Which of them are faulty; absent: all.
    faulty: Option<String>,
    /// When a date fails; absent: when it has a faulty row.
    fails: Option<String>,
    /// How many cases a failing date has; absent: its faulty rows.
    cases: Option<String>,
    /// What a faulty row is called; absent: its entity.
    called: Option<String>,
    /// What is said of a failing date instead of three faulty rows.
    example: Option<String>,
    /// Whether the faulty rows are named, by entity.
    #[serde(default)]
    names_rows: bool,
}

impl DateRule {
    fn counted(&self) -> &str {
        self.counted.as_deref().unwrap_or("true")
    }

    fn faulty(&self) -> &str {
        self.faulty.as_deref().unwrap_or("true")
    }

    fn fails(&self) -> &str {
        self.fails.as_deref().unwrap_or("{faulty_rows} > 0")
    }

    fn filled(&self, text: &str) -> String {
        let faulty = match &self.faulty {
            Some(faulty) => format!("count(*) FILTER ({faulty})"),
            None => "count(*)".to_owned(),
        };
        text.replace("{all_rows}", "count(*)").replace("{faulty_rows}", &faulty)
    }

    /// The query over a table, which stands under the name of its view or another.
    fn query(&self, table: Table, view: &str) -> Query {
        let (date, entity) = (table.schema().partition_column(), entity_column(table));
        let (counted, faulty, fails) = (self.counted(), self.faulty(), self.filled(self.fails()));
        if self.names_rows {
            let entity = entity.expect("who names rows has a table with entities");
            let name = if entity == "player_lookup" { entity } else { "team_abbr" };
            return Query::Rows(format!(
                "SELECT {date} AS game_date, {entity} AS {name} FROM {view} WHERE ({counted}) AND ({faulty}) AND {date} IN ( \
                     SELECT {date} FROM {view} WHERE {counted} GROUP BY {date} HAVING {fails})"
            ));
        }
        let called = self.called.as_deref().or(entity).unwrap_or("NULL");
        let example = match &self.example {
            Some(example) => self.filled(example),
            None => format!("min(DISTINCT {called}, 3) FILTER ({faulty})"),
        };
        let cases = self.filled(self.cases.as_deref().unwrap_or("{faulty_rows}"));
        Query::Dates(format!(
            "SELECT {date}, {cases}, {example} FROM {view} WHERE {counted} GROUP BY {date} HAVING {fails}"
        ))
    }
}

/// A rule as one of many that a table's rows are asked for at once: whether any date fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Suspicion {
    /// Which rows count.
    pub counted: String,
    /// An aggregate over those of a date.
    pub fails: String,
}

/// What the query of a check gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// Faulty rows, by the columns of `data/checks/README.md`.
    Rows(String),
    /// Offending dates, with the number of cases and an example or a list of them.
    Dates(String),
}

impl Check {
    /// Whether the check is run in a phase.
    pub fn is_of(&self, phase: Phase) -> bool {
        self.phase == phase || (phase == Phase::Outputs && self.holds_back)
    }

    /// Whether dates outside the range count: of inputs those of the look-back, and only where inputs are asked for.
    pub fn reaches_beyond(&self, phase: Phase) -> bool {
        self.beyond && self.phase == phase
    }

    /// Its name as a cause, with its id.
    pub fn cause(&self) -> String {
        let name = self.cause.clone().unwrap_or_else(|| format!("fails: {}", self.title()));
        format!("{name} ({})", self.id)
    }

    pub fn title(&self) -> String {
        self.filled(&self.title)
    }

    /// Whether it names faulty rows, and not only dates.
    pub fn names_rows(&self) -> bool {
        self.rows.is_some() || self.by_date.as_ref().is_some_and(|rule| rule.names_rows)
    }

    /// The query, with its thresholds filled in.
    pub fn query(&self) -> Query {
        match (&self.rows, &self.sql, &self.by_date) {
            (Some(rows), None, None) => Query::Rows(self.filled_sql(rows)),
            (None, Some(sql), None) => Query::Dates(self.filled_sql(sql)),
            (None, None, Some(_)) => self.query_of(&self.table),
            _ => panic!("check {} has none of `rows`, `sql` and `by_date`, or several", self.id),
        }
    }

    /// The query of a rule over rows of its table that stand under another name.
    pub(super) fn query_of(&self, view: &str) -> Query {
        match self.rule().query(self.of_table().expect("a rule is of a table"), view) {
            Query::Rows(sql) => Query::Rows(self.filled_sql(&sql)),
            Query::Dates(sql) => Query::Dates(self.filled_sql(&sql)),
        }
    }

    /// Where the check is a rule for single dates.
    pub(super) fn suspicion(&self) -> Option<Suspicion> {
        let rule = self.by_date.as_ref()?;
        let filled = |text: &str| self.filled_sql(&rule.filled(text));
        Some(Suspicion { counted: filled(rule.counted()), fails: filled(rule.fails()) })
    }

    /// Whether it is a rule for single dates of a table.
    pub(super) fn is_rule_of(&self, table: Table) -> bool {
        self.by_date.is_some() && self.of_table() == Some(table)
    }

    /// The table that it is about, if that is one.
    pub(super) fn of_table(&self) -> Option<Table> {
        Table::of_view(&self.table)
    }

    fn rule(&self) -> &DateRule {
        self.by_date.as_ref().expect("the check is a rule for single dates")
    }

    fn filled(&self, text: &str) -> String {
        self.with_thresholds(text, |value| value.to_string())
    }

    /// Thresholds are numbers; one below 0 after a minus sign would begin a comment.
    fn filled_sql(&self, sql: &str) -> String {
        self.with_thresholds(sql, |value| if value < 0.0 { format!("({value})") } else { value.to_string() })
    }

    fn with_thresholds(&self, text: &str, shown: impl Fn(f64) -> String) -> String {
        let fill = |text: String, (name, value): (&String, &f64)| text.replace(&format!("{{{name}}}"), &shown(*value));
        self.thresholds.iter().fold(text.to_owned(), fill)
    }

    fn set(&mut self, name: &str, value: f64) -> Result<()> {
        let known = self.thresholds.keys().cloned().collect::<Vec<_>>();
        let Some(threshold) = self.thresholds.get_mut(name) else {
            let hint = match known.is_empty() {
                true => format!("check {} has no thresholds", self.id),
                false => format!("those of {} are {}", self.id, known.join(", ")),
            };
            return Err(Error::new(ErrorKind::Usage, format!("check {} has no threshold {name}", self.id)).hint(hint));
        };
        if !value.is_finite() {
            return Err(Error::new(ErrorKind::Usage, format!("check {}: {name} is {value}", self.id))
                .hint("a threshold is a number"));
        }
        if *threshold != value {
            self.built_in.insert(name.to_owned(), std::mem::replace(threshold, value));
        }
        Ok(())
    }
}

/// Every check, in the order of the files.
#[derive(Debug, Clone)]
pub struct Catalogue {
    checks: Vec<Check>,
    waivers: Vec<Waiver>,
    expired_waivers: Vec<Waiver>,
    digest: String,
}

impl Catalogue {
    /// The check that a date is done: such a date says so itself.
    pub const NOT_DONE: &str = "A2";

    /// The checks with their own thresholds.
    pub fn built_in() -> Self {
        #[derive(Deserialize)]
        struct File {
            check: Vec<Check>,
        }
        let files = FILES.map(bound);
        let read = |text: &String| toml::from_str::<File>(text).expect("the files of data/checks are valid").check;
        let texts: Vec<&[u8]> = files.iter().map(|text| text.as_bytes()).collect();
        Self {
            checks: files.iter().flat_map(read).collect(),
            waivers: Vec::new(),
            expired_waivers: Vec::new(),
            digest: data_hash(&texts),
        }
    }

    /// The checks with other thresholds.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] naming a check or threshold that does not exist.
    pub fn with(thresholds: &Thresholds) -> Result<Self> {
        let mut catalogue = Self::built_in();
        for (id, values) in thresholds {
            let Some(check) = catalogue.checks.iter_mut().find(|check| check.id == *id) else {
                return Err(Error::new(ErrorKind::Usage, format!("there is no check {id}"))
                    .hint("`putback validate --all` and `putback check --all` list the checks"));
            };
            values.iter().try_for_each(|(name, value)| check.set(name, *value))?;
        }
        let others: Vec<String> = catalogue
            .checks
            .iter()
            .filter(|check| !check.built_in.is_empty())
            .map(|check| format!("{} {:?}", check.id, check.thresholds))
            .collect();
        if !others.is_empty() {
            catalogue.digest = data_hash(&[catalogue.digest.as_bytes(), others.join("\n").as_bytes()]);
        }
        Ok(catalogue)
    }

    /// The checks with waivers; those that have expired by `today` count for nothing.
    ///
    /// # Errors
    /// As [`Waiver::check`].
    pub fn waiving(mut self, waivers: &[Waiver], today: NaiveDate) -> Result<Self> {
        (1..).zip(waivers).try_for_each(|(number, waiver)| waiver.check(number, |id| self.has(id)))?;
        let (expired, counting) = waivers.iter().cloned().partition(|waiver| waiver.is_expired(today));
        (self.expired_waivers, self.waivers) = (expired, counting);
        if !self.waivers.is_empty() {
            let texts: Vec<String> = self.waivers.iter().map(Waiver::text).collect();
            self.digest = data_hash(&[self.digest.as_bytes(), texts.join("\n").as_bytes()]);
        }
        Ok(self)
    }

    /// The text of every query of the checks that are of a phase alone.
    pub(super) fn texts(&self, phase: Phase) -> String {
        let text = |check: &Check| match check.query() {
            Query::Rows(sql) | Query::Dates(sql) => sql,
        };
        // Rules for outputs are asked of their files.
        let is_asked = |check: &&Check| check.phase == phase && (phase == Phase::Inputs || check.by_date.is_none());
        self.checks.iter().filter(is_asked).map(text).collect::<Vec<_>>().join("\n")
    }

    pub fn waivers(&self) -> &[Waiver] {
        &self.waivers
    }

    pub fn expired_waivers(&self) -> &[Waiver] {
        &self.expired_waivers
    }

    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// Thresholds that the configuration set otherwise, in words: a verdict by other thresholds says so.
    pub fn overridden(&self) -> Vec<String> {
        let of_check = |check: &Check| {
            let line = |(name, built_in): (&String, &f64)| {
                format!("{}.{name} = {} (default {built_in})", check.id, check.thresholds[name])
            };
            check.built_in.iter().map(line).collect::<Vec<_>>()
        };
        self.checks().iter().flat_map(of_check).collect()
    }

    pub fn has(&self, id: &str) -> bool {
        self.checks.iter().any(|check| check.id == id)
    }

    /// Tells versions of the catalogue and of its thresholds apart.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::store::Layer;

    /// `{name}`; a struct of the database's own begins with a quote.
    fn has_placeholder(text: &str) -> bool {
        text.split('{').skip(1).any(|rest| rest.starts_with(|first: char| first.is_ascii_alphabetic()))
    }

    #[test]
    fn ids_are_unique_and_thresholds_filled_in() {
        let catalogue = Catalogue::built_in();
        let ids: BTreeSet<&str> = catalogue.checks().iter().map(|check| check.id.as_str()).collect();
        assert_eq!(ids.len(), catalogue.checks().len());
        assert!(catalogue.has(Catalogue::NOT_DONE));
        for check in catalogue.checks() {
            let (Query::Rows(sql) | Query::Dates(sql)) = check.query();
            assert!(!has_placeholder(&sql) && !has_placeholder(&check.title()), "{}", check.id);
            assert!(check.consequence_of.iter().all(|id| ids.contains(id.as_str()) && *id != check.id), "{}", check.id);
            assert!(check.phase == Phase::Outputs || check.consequence.is_some(), "{}", check.id);
        }
    }

    /// What is remembered by month file must follow from the file.
    #[test]
    fn rules_for_single_dates_read_one_table_of_their_phase() {
        let catalogue = Catalogue::built_in();
        let rules: Vec<&Check> = catalogue.checks().iter().filter(|check| check.by_date.is_some()).collect();
        assert!(!rules.is_empty());
        for check in rules {
            let table = check.of_table().unwrap_or_else(|| panic!("{} is of {}", check.id, check.table));
            assert_eq!(check.phase == Phase::Outputs, Layer::of(table) == Layer::Phase4, "{}", check.id);
            let Suspicion { counted, fails } = check.suspicion().expect("a rule");
            for text in [counted.as_str(), &fails, check.rule().faulty(), check.rule().cases.as_deref().unwrap_or("")] {
                let words = text.to_lowercase();
                let strange = ["select", " over", "current_", "now(", "random", "season_of", "getvariable"];
                assert!(strange.iter().all(|word| !words.contains(word)), "{}: {text}", check.id);
            }
        }
    }

    #[test]
    fn thresholds_can_be_set_and_only_known_ones() {
        let set = |id: &str, name: &str| {
            Catalogue::with(&BTreeMap::from([(id.to_owned(), BTreeMap::from([(name.to_owned(), 60.0)]))]))
        };
        let catalogue = set("I15", "share").expect("a known threshold");
        let check = catalogue.checks().iter().find(|check| check.id == "I15").expect("a check");
        assert!(matches!(check.query(), Query::Rows(sql) if sql.contains(">= 60")));
        assert_eq!(check.built_in, BTreeMap::from([("share".to_owned(), 50.0)]));
        assert_ne!(catalogue.digest(), Catalogue::built_in().digest());
        assert_eq!(set("I15", "parts").expect_err("unknown").to_string(), "check I15 has no threshold parts");
        assert_eq!(set("I99", "share").expect_err("unknown").to_string(), "there is no check I99");
    }
}
