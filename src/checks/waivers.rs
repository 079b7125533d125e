//! Waivers: faulty rows that somebody has decided to publish all the same, until a day.

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer, Serialize};

use crate::calendar::DateRange;
use crate::error::{Error, ErrorKind, Result};

/// Leave to publish although a check fails on some dates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Acceptance {
    pub check: String,
    /// The dates of the faulty rows.
    pub dates: DateRange,
    pub by: AcceptedBy,
}

/// Who accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AcceptedBy {
    /// `--accept`, for one run.
    Flag,
    /// The waiver of this number in the settings file.
    Waiver(usize),
}

/// A `[[waiver]]` of the settings file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// One or several.
    #[serde(deserialize_with = "one_or_many")]
    pub check: Vec<String>,
    /// First and last date of the faulty rows.
    #[serde(deserialize_with = "date")]
    pub from: NaiveDate,
    #[serde(deserialize_with = "date")]
    pub until: NaiveDate,
    pub reason: String,
    /// The last day on which it counts.
    #[serde(deserialize_with = "date")]
    pub expires: NaiveDate,
}

/// What became of a waiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WaiverUse {
    Used,
    /// It is about dates that were looked at, and no check of it fails there.
    Unused,
    Expired,
}

impl Waiver {
    /// # Errors
    /// [`ErrorKind::Usage`] for a check that does not exist, a range that ends before it begins, and a reason that says
    /// nothing, naming the waiver by its `number` from 1.
    pub fn check(&self, number: usize, is_known: impl Fn(&str) -> bool) -> Result<()> {
        let wrong = |message: String, hint: &str| {
            Err(Error::new(ErrorKind::Usage, format!("waiver {number} {message}")).hint(hint))
        };
        if let Some(unknown) = self.check.iter().find(|id| !is_known(id)) {
            let message = format!("names check {unknown}, which does not exist");
            return wrong(message, "`putback validate --all` and `putback check --all` list the checks");
        }
        if self.check.is_empty() {
            return wrong("names no check".to_owned(), "name one, like check = \"I15\", or remove the waiver");
        }
        let of = self.name();
        if self.from > self.until {
            let message = format!("of {of} is from {} until {}", self.from, self.until);
            return wrong(message, "let `from` be the first date and `until` the last");
        }
        if self.reason.trim().is_empty() {
            return wrong(format!("of {of} gives no reason"), "say in `reason` why the rows are published");
        }
        Ok(())
    }

    pub fn is_expired(&self, today: NaiveDate) -> bool {
        self.expires < today
    }

    /// The checks.
    pub fn name(&self) -> String {
        self.check.join(", ")
    }

    /// The checks, the dates and why.
    pub fn text(&self) -> String {
        format!("{} from {} until {} ({}; expires {})", self.name(), self.from, self.until, self.reason, self.expires)
    }

    /// Whether it says anything of a range.
    pub fn concerns(&self, range: DateRange) -> bool {
        self.from <= range.to && range.from <= self.until
    }

    fn acceptances(&self, number: usize) -> impl Iterator<Item = Acceptance> {
        let dates = DateRange { from: self.from, to: self.until };
        self.check.iter().map(move |check| Acceptance { check: check.clone(), dates, by: AcceptedBy::Waiver(number) })
    }
}

/// What the waivers accept, each under its number.
pub fn acceptances(waivers: &[Waiver]) -> Vec<Acceptance> {
    waivers.iter().enumerate().flat_map(|(number, waiver)| waiver.acceptances(number)).collect()
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Ids {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Ids::deserialize(deserializer)? {
        Ids::One(id) => vec![id],
        Ids::Many(ids) => ids,
    })
}

/// A date of TOML, or a text.
fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveDate, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Date {
        Toml(toml::value::Datetime),
        Text(String),
    }
    let text = match Date::deserialize(deserializer)? {
        Date::Toml(date) => date.to_string(),
        Date::Text(text) => text,
    };
    text.parse().map_err(|_| serde::de::Error::custom(format!("{text:?} is not a date like 2024-01-15")))
}
