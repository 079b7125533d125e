//! `--year`, `--season`, `--from/--until`, `--date`: the same everywhere.

use std::str::FromStr;

use chrono::NaiveDate;
use clap::Args;

use crate::calendar::{DateRange, DateRanges, Season, YEARS, parse_date, years};
use crate::error::{Error, ErrorKind, Result};
use crate::warehouse::{LOCATION_FORMS, Location};

/// Which dates. Several options are combined.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Range")]
pub struct RangeArgs {
    /// Calendar year, or years like 2021..2025 (repeatable)
    #[arg(long, value_name = "YEAR", value_parser = parse_years)]
    year: Vec<DateRange>,
    /// Season, like 2023-24, or seasons like 2021-22..2025-26 (repeatable)
    #[arg(long, value_name = "SEASON", value_parser = parse_season_range)]
    season: Vec<DateRange>,
    /// First date; requires --until
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    from: Option<NaiveDate>,
    /// Last date; requires --from
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    until: Vec<NaiveDate>,
    /// Target of commands that publish or look at what is published: dir:PATH, gs://BUCKET/PREFIX, s3://BUCKET/PREFIX or bigquery:PROJECT
    #[arg(long, value_name = "WAREHOUSE")]
    to: Vec<To>,
    /// Single date (repeatable)
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    date: Vec<NaiveDate>,
}

/// `--to` names the target. A date after it ends the range, as it did before there was `--until`; the two cannot be confused.
#[derive(Debug, Clone, PartialEq, Eq)]
enum To {
    Date(NaiveDate),
    Warehouse(Location),
}

impl FromStr for To {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.parse::<NaiveDate>().is_ok() {
            return parse_date(text).map(Self::Date).map_err(|error| error.to_string());
        }
        text.parse()
            .map(Self::Warehouse)
            .map_err(|_| format!("write a warehouse, {LOCATION_FORMS}; --until takes the last date"))
    }
}

/// The requested dates, clipped to the past.
#[derive(Debug, Clone)]
pub struct RequestedRange {
    pub ranges: DateRanges,
    /// The range as requested, if it was clipped.
    pub clipped_from: Option<DateRanges>,
}

impl RangeArgs {
    /// The requested dates; empty when no option was given.
    pub fn ranges(&self) -> Result<DateRanges> {
        let explicit = self.explicit()?;
        let years = self.year.iter().copied();
        let seasons = self.season.iter().copied();
        let dates = self.date.iter().map(|&date| DateRange { from: date, to: date });
        Ok(years.chain(seasons).chain(explicit).chain(dates).collect())
    }

    /// The requested dates, or every date when no option was given.
    pub fn or_everything(&self) -> Result<DateRanges> {
        let ranges = self.ranges()?;
        Ok(if ranges.is_empty() { DateRanges::everything() } else { ranges })
    }

    fn explicit(&self) -> Result<Option<DateRange>> {
        let of_to = self.to.iter().filter_map(|to| if let To::Date(date) = to { Some(*date) } else { None });
        let ends: Vec<NaiveDate> = self.until.iter().copied().chain(of_to).collect();
        match (self.from, ends.as_slice()) {
            (None, []) => Ok(None),
            (Some(from), [to]) => DateRange::new(from, *to).map(Some),
            _ => Err(Error::new(ErrorKind::Usage, "--from and --until are given together, once each")
                .hint("write --from 2024-01-01 --until 2024-03-31")),
        }
    }

    /// The warehouse named by `--to`.
    pub fn target(&self) -> Result<Option<&Location>> {
        let named: Vec<&Location> = self
            .to
            .iter()
            .filter_map(|to| if let To::Warehouse(location) = to { Some(location) } else { None })
            .collect();
        match named.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            _ => {
                Err(Error::new(ErrorKind::Usage, "--to names more than one warehouse")
                    .hint("publish into one at a time"))
            }
        }
    }

    /// For commands that publish nothing.
    pub fn without_target(&self) -> Result<&Self> {
        match self.target()? {
            None => Ok(self),
            Some(location) => {
                Err(Error::new(ErrorKind::Usage, format!("--to {location} is for commands that publish"))
                    .hint("leave it out, or end the range with --until DATE"))
            }
        }
    }

    /// [`RangeArgs::ranges`], clipped to `last_day`.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when no range was given or all of it is in the future.
    pub fn required(&self, last_day: NaiveDate) -> Result<RequestedRange> {
        let asked = self.ranges()?;
        if asked.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "no range is given")
                .hint("add --year 2024, --season 2023-24, --from DATE --until DATE, or --date DATE"));
        }
        let ranges = asked.clipped_to(last_day);
        if ranges.is_empty() {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("{asked} is in the future; the last completed day is {last_day}"),
            )
            .hint("choose a range in the past"));
        }
        let clipped_from = (ranges != asked).then_some(asked);
        Ok(RequestedRange { ranges, clipped_from })
    }
}

fn parse_years(text: &str) -> Result<DateRange, String> {
    let year = |text: &str| {
        text.parse::<i32>()
            .ok()
            .filter(|year| YEARS.contains(year))
            .ok_or_else(|| format!("\"{text}\" is not a year from {}; write 2024 or 2021..2025", years()))
    };
    match text.split_once("..") {
        None => Ok(DateRange::year(year(text)?)),
        Some((first, last)) => {
            let (first, last) = (year(first)?, year(last.trim_start_matches('='))?);
            if first > last {
                return Err(format!("{first} is after {last}"));
            }
            Ok(DateRange { from: DateRange::year(first).from, to: DateRange::year(last).to })
        }
    }
}

fn parse_season_range(text: &str) -> Result<DateRange, String> {
    let seasons = parse_season_span(text)?;
    Ok(DateRange { from: seasons[0].range().from, to: seasons[seasons.len() - 1].range().to })
}

/// Seasons and spans of seasons with commas between them, each season once.
pub fn parse_seasons(text: &str) -> Result<Vec<Season>, String> {
    let mut seasons = Vec::new();
    for part in text.split(',') {
        seasons.extend(parse_season_span(part)?);
    }
    let mut sorted = seasons.clone();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(twice) => Err(format!("{} is named twice", twice[0])),
        None => Ok(seasons),
    }
}

/// One season, or all from one to another; never empty.
fn parse_season_span(text: &str) -> Result<Vec<Season>, String> {
    let season = |text: &str| {
        text.parse::<Season>()
            .map_err(|error| format!("{error}; write a season like 2023-24 or seasons like 2021-22..2025-26"))
    };
    let Some((first, last)) = text.split_once("..") else { return Ok(vec![season(text)?]) };
    let (first, last) = (season(first)?, season(last.trim_start_matches('='))?);
    if first > last {
        return Err(format!("{first} is after {last}"));
    }
    Ok((first.start_year()..=last.start_year()).map(Season::starting_in).collect())
}
