//! Seasons, bootstrap days and date ranges (`orchestration.md` §1).

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// The years of the dates that putback takes, in arguments, settings and input rows: from the league's first
/// to long after its last.
pub const YEARS: RangeInclusive<i32> = 1946..=2100;

/// Days 0 to 13 from opening night are skipped (`orchestration.md` §1.3).
pub const BOOTSTRAP_DAYS: i64 = 14;

/// A season starts with this month.
const FIRST_MONTH: u32 = 10;

/// The SQL macros `season_of(day)`, the year in which the season of a date starts ([`Season::of`]), and
/// `season_start(year)`, the first day of a season ([`Season::first_day`]). Every session has them.
pub(crate) fn season_macros() -> String {
    format!(
        "CREATE MACRO season_of(day) AS CASE WHEN month(day) >= {FIRST_MONTH} THEN year(day) ELSE year(day) - 1 END; \
         CREATE MACRO season_start(year) AS make_date(year, {FIRST_MONTH}, 1)"
    )
}

/// An NBA season, named by the year in which it starts: 2023 is 2023-24.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Season(i32);

impl Season {
    pub fn starting_in(year: i32) -> Self {
        Self(year)
    }

    /// The season that a column `season_year` names; `None` where no season can start in that year.
    pub fn of_column(year: i64) -> Option<Self> {
        i32::try_from(year).ok().filter(|year| (1946..=2200).contains(year)).map(Self)
    }

    /// The season a date belongs to: its calendar year from October on, else the year before. In SQL: `season_of`.
    pub fn of(date: NaiveDate) -> Self {
        Self(if date.month() >= FIRST_MONTH { date.year() } else { date.year() - 1 })
    }

    pub fn start_year(self) -> i32 {
        self.0
    }

    /// October 1 of a year; `None` for a year that no date can have.
    pub fn first_day(year: i32) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(year, FIRST_MONTH, 1)
    }

    /// October 1: the boundary of every window that says "season".
    pub fn window_start(self) -> NaiveDate {
        ymd(self.0, FIRST_MONTH, 1)
    }

    /// The whole season, October 1 to September 30.
    pub fn range(self) -> DateRange {
        DateRange { from: self.window_start(), to: day_before(Self(self.0 + 1).window_start()) }
    }
}

impl fmt::Display for Season {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02}", self.0, (self.0 + 1).rem_euclid(100))
    }
}

impl FromStr for Season {
    type Err = Error;

    /// Reads `2023-24`.
    fn from_str(text: &str) -> Result<Self> {
        let season = text
            .split_once('-')
            .and_then(|(start, _)| start.parse().ok())
            // The last season ends in the year after its name.
            .filter(|year| (*YEARS.start()..*YEARS.end()).contains(year))
            .map(Season);
        match season {
            Some(season) if season.to_string() == text => Ok(season),
            _ => {
                Err(Error::new(ErrorKind::Usage, format!("\"{text}\" is not a season"))
                    .hint("write a season like 2023-24"))
            }
        }
    }
}

/// Both ends included; never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DateRange {
    pub from: NaiveDate,
    pub to: NaiveDate,
}

impl DateRange {
    pub fn new(from: NaiveDate, to: NaiveDate) -> Result<Self> {
        if from > to {
            return Err(Error::new(ErrorKind::Usage, format!("the range ends ({to}) before it starts ({from})"))
                .hint("give --from a date that is not after --until"));
        }
        Ok(Self { from, to })
    }

    /// January 1 to December 31.
    pub fn year(year: i32) -> Self {
        Self { from: ymd(year, 1, 1), to: ymd(year, 12, 31) }
    }

    pub fn contains(&self, date: NaiveDate) -> bool {
        (self.from..=self.to).contains(&date)
    }

    /// The whole calendar months that the range touches.
    pub fn whole_months(&self) -> Self {
        Self { from: Month::of(self.from).first_day(), to: Month::of(self.to).last_day() }
    }
}

impl fmt::Display for DateRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from == self.to {
            return write!(f, "{}", self.from);
        }
        write!(f, "{} to {}", self.from, self.to)
    }
}

/// Disjoint ranges in ascending order; adjacent ones are merged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DateRanges(Vec<DateRange>);

impl DateRanges {
    /// Every year that a command takes.
    pub fn everything() -> Self {
        Self(vec![DateRange { from: DateRange::year(*YEARS.start()).from, to: DateRange::year(*YEARS.end()).to }])
    }

    pub fn iter(&self) -> impl Iterator<Item = &DateRange> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// First and last day, gaps included.
    pub fn span(&self) -> Option<DateRange> {
        Some(DateRange { from: self.0.first()?.from, to: self.0.last()?.to })
    }

    pub fn contains(&self, date: NaiveDate) -> bool {
        self.0.iter().any(|range| range.contains(date))
    }

    /// Whether every day of `range` lies in one of these ranges.
    pub fn covers(&self, range: DateRange) -> bool {
        self.0.iter().any(|own| own.from <= range.from && range.to <= own.to)
    }

    /// The same days, none after `last`; empty when all are.
    #[must_use]
    pub fn clipped_to(&self, last: NaiveDate) -> Self {
        self.0
            .iter()
            .filter(|range| range.from <= last)
            .map(|range| DateRange { from: range.from, to: range.to.min(last) })
            .collect()
    }

    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.0.iter().chain(&other.0).copied().collect()
    }
}

impl FromIterator<DateRange> for DateRanges {
    fn from_iter<I: IntoIterator<Item = DateRange>>(ranges: I) -> Self {
        let mut sorted: Vec<DateRange> = ranges.into_iter().collect();
        sorted.sort();
        let mut merged: Vec<DateRange> = Vec::new();
        for range in sorted {
            match merged.last_mut() {
                Some(last) if range.from <= day_after(last.to) => last.to = last.to.max(range.to),
                _ => merged.push(range),
            }
        }
        Self(merged)
    }
}

impl fmt::Display for DateRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{range}")?;
        }
        Ok(())
    }
}

/// A calendar month: the unit of one store file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: i32,
    month: u32,
}

impl Month {
    pub fn of(date: NaiveDate) -> Self {
        Self { year: date.year(), month: date.month() }
    }

    pub fn first_day(self) -> NaiveDate {
        ymd(self.year, self.month, 1)
    }

    pub fn range(self) -> DateRange {
        DateRange { from: self.first_day(), to: self.last_day() }
    }

    pub fn previous(self) -> Self {
        Self::of(day_before(self.first_day()))
    }

    pub fn last_day(self) -> NaiveDate {
        let (year, month) = if self.month == 12 { (self.year + 1, 1) } else { (self.year, self.month + 1) };
        day_before(ymd(year, month, 1))
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for Month {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (year, month) = text.split_once('-').ok_or(())?;
        let month = Self { year: year.parse().map_err(drop)?, month: month.parse().map_err(drop)? };
        NaiveDate::from_ymd_opt(month.year, month.month, 1).ok_or(())?;
        if month.to_string() == text { Ok(month) } else { Err(()) }
    }
}

/// Opening nights by season: the built-in table, overruled by the schedule where it knows better.
#[derive(Debug, Clone)]
pub struct SeasonCalendar {
    opening_nights: BTreeMap<Season, NaiveDate>,
}

#[derive(Deserialize)]
struct SeasonFile {
    season: Vec<SeasonEntry>,
}

#[derive(Deserialize)]
struct SeasonEntry {
    year: i32,
    opening_night: toml::value::Datetime,
}

impl SeasonCalendar {
    /// The table in `data/seasons.toml`.
    pub fn built_in() -> Self {
        let file: SeasonFile =
            toml::from_str(include_str!("../data/seasons.toml")).expect("data/seasons.toml is valid");
        let opening_nights = file
            .season
            .into_iter()
            .map(|entry| {
                let date = entry.opening_night.to_string().parse().expect("opening nights are dates");
                (Season(entry.year), date)
            })
            .collect();
        Self { opening_nights }
    }

    /// Takes the opening nights of a schedule; returns where they differ from the built-in table.
    pub fn overrule(&mut self, from_schedule: &BTreeMap<Season, NaiveDate>) -> Vec<OpeningNightDiffers> {
        let mut differences = Vec::new();
        for (&season, &scheduled) in from_schedule {
            let built_in = *self.opening_nights.entry(season).or_insert(scheduled);
            if built_in == scheduled {
                continue;
            }
            // A schedule that starts in mid-season is cut off: it must not make bootstrap days of later ones.
            let is_used = (scheduled - built_in).num_days() < BOOTSTRAP_DAYS;
            if is_used {
                self.opening_nights.insert(season, scheduled);
            }
            differences.push(OpeningNightDiffers { season, built_in, scheduled, is_used });
        }
        differences
    }

    /// First regular-season game of a season.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownSeason`] when neither the schedule nor the table knows the season:
    /// a season start is never estimated.
    pub fn opening_night(&self, season: Season) -> Result<NaiveDate> {
        self.opening_nights.get(&season).copied().ok_or_else(|| {
            Error::new(ErrorKind::UnknownSeason, format!("unknown season {season}: its opening night is not known"))
                .hint(format!(
                    "sync a schedule with finished regular-season games of {season}, or add the season to \
                     data/seasons.toml (year = {}, opening_night = its first regular-season game) and rebuild",
                    season.start_year()
                ))
        })
    }

    /// Days 0 to 13 from opening night; a date before opening night is not a bootstrap day.
    pub fn is_bootstrap(&self, date: NaiveDate) -> Result<bool> {
        let day = (date - self.opening_night(Season::of(date))?).num_days();
        Ok((0..BOOTSTRAP_DAYS).contains(&day))
    }
}

/// The schedule and `data/seasons.toml` disagree on an opening night.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpeningNightDiffers {
    pub season: Season,
    pub built_in: NaiveDate,
    pub scheduled: NaiveDate,
    /// Whether the schedule decides; not when it starts two weeks late or more.
    pub is_used: bool,
}

impl fmt::Display for OpeningNightDiffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "season {} opens on {} by the schedule, {} by the season table; the {} is used",
            self.season,
            self.scheduled,
            self.built_in,
            if self.is_used { "schedule" } else { "table" }
        )
    }
}

/// Reads a date of an argument or a setting, like `2024-03-31`.
///
/// # Errors
/// [`ErrorKind::Usage`] for what is no date, or one outside [`YEARS`].
pub fn parse_date(text: &str) -> Result<NaiveDate> {
    let date = text
        .parse::<NaiveDate>()
        .map_err(|_| Error::new(ErrorKind::Usage, format!("\"{text}\" is not a date; write one like 2024-03-31")))?;
    match is_taken(date) {
        true => Ok(date),
        false => Err(Error::new(ErrorKind::Usage, format!("{date} is outside the years {}", years()))),
    }
}

/// Whether a date lies in [`YEARS`].
pub fn is_taken(date: NaiveDate) -> bool {
    YEARS.contains(&date.year())
}

/// [`YEARS`] in words: `1946 to 2100`.
pub fn years() -> String {
    format!("{} to {}", YEARS.start(), YEARS.end())
}

/// The date of a DATE value: days since 1970-01-01. Total: what is outside the years 1 to 9999, which no
/// input may hold, becomes the nearest date in them.
pub(crate) fn date_of_day(day: i32) -> NaiveDate {
    const LIMITS: (i32, i32) = (1, 9999);
    let (first, last) = (ymd(LIMITS.0, 1, 1), ymd(LIMITS.1, 12, 31));
    let nearest = if day < 0 { first } else { last };
    arrow::datatypes::Date32Type::to_naive_date_opt(day).unwrap_or(nearest).clamp(first, last)
}

/// A date whose month and day exist in every year. Total: a year beyond the calendar becomes its last.
pub(crate) fn ymd(year: i32, month: u32, day: u32) -> NaiveDate {
    const LIMIT: i32 = 200_000;
    NaiveDate::from_ymd_opt(year.clamp(-LIMIT, LIMIT), month, day).expect("a calendar date")
}

fn day_before(date: NaiveDate) -> NaiveDate {
    date.pred_opt().unwrap_or(date)
}

fn day_after(date: NaiveDate) -> NaiveDate {
    date.succ_opt().unwrap_or(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seasons_turn_in_october() {
        assert_eq!(Season::of(ymd(2023, 9, 30)), Season(2022));
        assert_eq!(Season::of(ymd(2023, 10, 1)), Season(2023));
        assert_eq!(Season(2023).to_string(), "2023-24");
        assert_eq!(Season(1999).to_string(), "1999-00");
        assert_eq!("2023-24".parse::<Season>().unwrap(), Season(2023));
        for wrong in ["2023", "2023-25", "x-24", "-24", "2023-4", "1945-46", "2100-01", "2147483647-48"] {
            assert!(wrong.parse::<Season>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn bootstrap_is_day_0_to_13_of_the_season() {
        let calendar = SeasonCalendar::built_in();
        for (year, month, day, expected) in [
            (2021, 10, 18, false),
            (2021, 10, 19, true),
            (2021, 11, 1, true),
            (2021, 11, 2, false),
            (2022, 10, 31, true),
            (2022, 11, 1, false),
            (2024, 8, 1, false),
            (2025, 11, 3, true),
            (2025, 11, 4, false),
        ] {
            assert_eq!(calendar.is_bootstrap(ymd(year, month, day)).unwrap(), expected, "{year}-{month}-{day}");
        }
        let unknown = calendar.is_bootstrap(ymd(2019, 11, 5)).unwrap_err();
        assert_eq!(unknown.kind(), ErrorKind::UnknownSeason);
        assert!(unknown.hint_text().unwrap().contains("data/seasons.toml"));
    }

    #[test]
    fn a_schedule_that_starts_in_mid_season_does_not_move_opening_night() {
        let mut calendar = SeasonCalendar::built_in();
        let late = calendar.overrule(&[(Season(2023), ymd(2024, 1, 10))].into());
        assert!(!late[0].is_used);
        assert_eq!(calendar.opening_night(Season(2023)).unwrap(), ymd(2023, 10, 24));
        let shifted = calendar.overrule(&[(Season(2023), ymd(2023, 10, 26)), (Season(2026), ymd(2026, 10, 20))].into());
        assert!(shifted.len() == 1 && shifted[0].is_used);
        assert_eq!(calendar.opening_night(Season(2023)).unwrap(), ymd(2023, 10, 26));
        assert_eq!(calendar.opening_night(Season(2026)).unwrap(), ymd(2026, 10, 20));
    }

    #[test]
    fn ranges_merge_clip_and_cover() {
        let years: DateRanges =
            [DateRange::year(2023), DateRange::year(2021), DateRange::year(2022)].into_iter().collect();
        assert_eq!(years.to_string(), "2021-01-01 to 2023-12-31");
        assert!(years.covers(DateRange::year(2022)));
        assert_eq!(years.clipped_to(ymd(2021, 1, 1)).to_string(), "2021-01-01");
        assert!(years.clipped_to(ymd(2020, 12, 31)).is_empty());
        assert_eq!(Month::of(ymd(2024, 2, 3)).last_day(), ymd(2024, 2, 29));
        assert_eq!("2024-02".parse::<Month>(), Ok(Month::of(ymd(2024, 2, 1))));
        assert_eq!("2024-13".parse::<Month>(), Err(()));
    }

    #[test]
    fn dates_outside_the_years_are_no_arguments() {
        assert_eq!(parse_date("1946-01-01").unwrap(), ymd(1946, 1, 1));
        assert_eq!(parse_date("2100-12-31").unwrap(), ymd(2100, 12, 31));
        for wrong in ["1945-12-31", "2101-01-01", "0001-01-01", "+262142-12-31", "-0001-01-01", "2024-13-45", "", "x"] {
            assert_eq!(parse_date(wrong).unwrap_err().kind(), ErrorKind::Usage, "{wrong}");
        }
    }

    #[test]
    fn no_date_is_beyond_the_calendar() {
        for day in [i32::MIN, i32::MIN + 1, -1_000_000, 0, 3_000_000, i32::MAX - 1, i32::MAX] {
            let date = date_of_day(day);
            let (month, season) = (Month::of(date), Season::of(date));
            assert!((month.first_day()..=month.last_day()).contains(&date), "{date}");
            assert!(month.previous().last_day() < date && season.range().contains(date), "{date}");
        }
        for date in [NaiveDate::MIN, NaiveDate::MAX] {
            let range = DateRange { from: date, to: date };
            let merged: DateRanges = [range, range].into_iter().collect();
            assert_eq!((merged.span(), merged.iter().count()), (Some(range), 1));
            let _ = (Season::of(date).range(), Season::of(date).to_string(), range.whole_months());
            let _ = (Month::of(date).previous(), DateRange::year(date.year()));
        }
    }
}
