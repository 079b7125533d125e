//! What a publication is made under: the daily cache that MLFS read, causes that are accepted or waived, and dates that
//! are left out.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::causes;
use super::output::Printer;
use super::upload_options::UploadOptions;
use crate::calendar::DateRanges;
use crate::checks::{AcceptedBy, WaiverUse};
use crate::daily_cache::DailyCache;
use crate::error::{Error, ErrorKind, Result};
use crate::judge::{DateSet, Eligible};

/// The daily cache that MLFS read; accepted, waived and quarantined causes, dates left out. Nothing where no date was
/// checked.
pub fn of(eligible: &Eligible<'_>) -> Vec<String> {
    let Some(report) = eligible.report() else { return Vec::new() };
    let accepted =
        report.causes.iter().filter(|cause| !cause.reach.is_empty()).filter_map(|cause| match cause.accepted? {
            AcceptedBy::Flag => Some(format!("accepted: {}", causes::line(cause))),
            AcceptedBy::Waiver(_) => Some(format!("waived: {}", causes::line(cause))),
        });
    let used = report.waivers.iter().filter(|(_, of)| *of == WaiverUse::Used);
    let waivers = used.map(|(waiver, _)| format!("waiver: {}", waiver.text()));
    let excluded = eligible.excluded().iter().map(|(date, reason)| format!("excluded: {date} ({reason})"));
    let quarantined = causes::quarantined(report, eligible.dates()).into_iter().filter(|line| line.publishes);
    let quarantined = quarantined.map(|line| format!("{}: {}", line.what, line.text));
    daily_cache(eligible.dates()).chain(accepted).chain(waivers).chain(quarantined).chain(excluded).collect()
}

/// Which `player_daily_cache` MLFS read on the dates of a publication.
fn daily_cache(set: &DateSet<'_>) -> impl Iterator<Item = String> {
    let text = |way: Option<DailyCache>| {
        let way = way.map_or_else(|| "not recorded".to_owned(), |way| way.to_string());
        format!("daily cache: {way}")
    };
    set.daily_caches().into_iter().map(text)
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
