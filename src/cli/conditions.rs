//! What a publication is made under: the daily cache that MLFS read, causes that are accepted or waived, and dates that
//! are left out.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::causes;
use super::output::Printer;
use super::upload::UploadOptions;
use crate::calendar::DateRanges;
use crate::checks::{AcceptedBy, CheckReport, WaiverUse};
use crate::daily_cache::DailyCache;
use crate::error::{Error, ErrorKind, Result};
use crate::upload::PublishSet;

/// Which `player_daily_cache` MLFS read on the dates of a publication.
pub fn daily_cache(set: &PublishSet<'_>) -> Vec<String> {
    let text = |way: Option<DailyCache>| {
        let way = way.map_or_else(|| "not recorded".to_owned(), |way| way.to_string());
        format!("daily cache: {way}")
    };
    set.daily_caches().into_iter().map(text).collect()
}

/// Accepted, waived and quarantined causes, dates left out.
pub fn of(report: &CheckReport, set: &PublishSet<'_>, excluded: &BTreeMap<NaiveDate, String>) -> Vec<String> {
    let accepted =
        report.causes.iter().filter(|cause| !cause.reach.is_empty()).filter_map(|cause| match cause.accepted? {
            AcceptedBy::Flag => Some(format!("accepted: {}", causes::line(cause))),
            AcceptedBy::Waiver(_) => Some(format!("waived: {}", causes::line(cause))),
        });
    let used = report.waivers.iter().filter(|(_, of)| *of == WaiverUse::Used);
    let waivers = used.map(|(waiver, _)| format!("waiver: {}", waiver.text()));
    let excluded = excluded.iter().map(|(date, reason)| format!("excluded: {date} ({reason})"));
    let quarantined = causes::quarantined(report, set).into_iter().filter(|line| line.publishes);
    let quarantined = quarantined.map(|line| format!("{}: {}", line.what, line.text));
    accepted.chain(waivers).chain(quarantined).chain(excluded).collect()
}

/// The dates to leave out, with the reason.
pub fn exclude(ranges: &DateRanges, options: &UploadOptions, printer: Printer) -> Result<BTreeMap<NaiveDate, String>> {
    let reason = options.reason.clone().unwrap_or_default();
    if !options.exclude.is_empty() && reason.trim().is_empty() {
        return Err(Error::new(ErrorKind::Usage, "--exclude needs a reason").hint("add --reason TEXT"));
    }
    if let Some(date) = options.exclude.iter().find(|date| !ranges.contains(**date)) {
        return Err(Error::new(ErrorKind::Usage, format!("{date}, which --exclude names, is not in {ranges}"))
            .hint("name a date of the range"));
    }
    let excluded: BTreeMap<NaiveDate, String> = options.exclude.iter().map(|date| (*date, reason.clone())).collect();
    for (date, reason) in &excluded {
        printer.warn(format!("note: {date} is excluded from publication: {reason}"));
    }
    Ok(excluded)
}
