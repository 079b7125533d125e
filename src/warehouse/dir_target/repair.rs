//! What a damaged month held, from its object or from the store.

use chrono::NaiveDate;

use super::DirTarget;
use super::month::MonthRows;
use super::record::PublishedMonth;
use crate::error::{Error, ErrorKind, Result};
use crate::upload::{MonthPart, PublishSet};

/// Dates that are named before the rest is counted.
const LISTED: usize = 6;

/// The rows of a month whose file cannot be read: those of its object, or, of each published date, those of the store if
/// they are what was published.
///
/// # Errors
/// [`ErrorKind::Corrupt`] naming the dates that are in neither.
pub(super) fn rows(
    target: &DirTarget,
    set: &PublishSet<'_>,
    part: &MonthPart,
    recorded: &PublishedMonth,
) -> Result<MonthRows> {
    let (table, month) = (part.table, part.month);
    if let Some(file) = recorded.file() {
        let object = target.place.object_path(&file.sha256);
        if file.matches(&object) {
            return MonthRows::read(table, &object);
        }
    }
    let mut of_store = set.whole_month(table, month);
    let is_published = |date: &NaiveDate| {
        let known = recorded.dates.get(date).map(|known| &known.token);
        known.is_some() && known == of_store.dates.get(date).map(|token| &token.content)
    };
    let has_rows = recorded.dates.iter().filter(|(_, known)| known.rows > 0).map(|(date, _)| date);
    let lost: Vec<NaiveDate> =
        has_rows.filter(|date| !part.dates.contains_key(date) && !is_published(date)).copied().collect();
    if lost.is_empty() {
        of_store.dates.retain(|date, _| recorded.dates.contains_key(date));
        return MonthRows::of(table, set.rows(&of_store)?);
    }
    let path = target.place.plain_path(table, month);
    let mut dates: Vec<String> = lost.iter().take(LISTED).map(NaiveDate::to_string).collect();
    if lost.len() > LISTED {
        dates.push(format!("and {} more", lost.len() - LISTED));
    }
    Err(Error::new(
        ErrorKind::Corrupt,
        format!(
            "{} is damaged, and the store does not have what was published of its dates {}",
            path.display(),
            dates.join(", ")
        ),
    )
    .hint(format!(
        "sync and compute these dates and upload the whole month {month} with --repair; or move the file away: then only \
         the dates of the range are published again"
    )))
}
