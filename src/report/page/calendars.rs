//! A calendar of each year and processor: a week a column, a day a square.

use chrono::{Datelike, NaiveDate};

use super::days::{Day, DayState, Days};
use super::detail::Detail;
use crate::report::words::{counted, thousands};

/// From one square to the next, in units of the drawing.
const PITCH: u32 = 12;
/// Left of the first week.
const LEFT: u32 = 34;
/// Above the first day.
const TOP: u32 = 16;

/// The calendars of a processor.
#[derive(Debug)]
pub struct Calendars {
    pub processor: String,
    pub table: &'static str,
    pub years: Vec<Year>,
}

#[derive(Debug)]
pub struct Year {
    pub year: i32,
    /// What the picture shows, for whoever does not see it.
    pub summary: String,
    pub months: Vec<(u32, &'static str)>,
    pub squares: Vec<Square>,
}

#[derive(Debug)]
pub struct Square {
    pub letter: char,
    pub x: u32,
    pub y: u32,
    /// Empty where the page is short.
    pub tip: String,
}

/// The calendars of every processor.
pub fn of(days: &Days, detail: Detail) -> Vec<Calendars> {
    let of_processor = |(id, days): (&crate::processors::ProcessorId, &std::collections::BTreeMap<NaiveDate, Day>)| {
        let mut years: Vec<Year> = Vec::new();
        for (date, day) in days {
            if years.last().is_none_or(|last| last.year != date.year()) {
                let of_year = days.range(first_of(date.year())..first_of(date.year() + 1)).map(|(_, day)| day);
                years.push(Year {
                    year: date.year(),
                    summary: format!("{id} in {}: {}", date.year(), counts(of_year)),
                    months: months(date.year()),
                    squares: Vec::new(),
                });
            }
            let tip = if detail == Detail::Short && !day.state.is_open() { String::new() } else { tip(*date, day) };
            let (x, y) = place(*date);
            years.last_mut().expect("one was pushed").squares.push(Square { letter: day.state.letter(), x, y, tip });
        }
        Calendars { processor: id.to_string(), table: id.output().full_name(), years }
    };
    days.iter().map(of_processor).collect()
}

/// How many dates are in which state.
fn counts<'a>(days: impl Iterator<Item = &'a Day> + Clone) -> String {
    let count = |state: DayState| days.clone().filter(|day| day.state == state).count();
    let states = DayState::ALL.into_iter().map(|state| (state, count(state))).filter(|(_, count)| *count > 0);
    states.map(|(state, count)| format!("{} {}", thousands(count as u64), state.name())).collect::<Vec<_>>().join(", ")
}

fn tip(date: NaiveDate, day: &Day) -> String {
    let rows = if day.rows > 0 { format!(", {}", counted(day.rows as usize, "row")) } else { String::new() };
    let why = day.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
    format!("{date} {}{rows}{why}", day.state.name())
}

fn first_of(year: i32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, 1, 1).expect("a year of the calendar")
}

/// The square of a date: weeks begin on Monday.
fn place(date: NaiveDate) -> (u32, u32) {
    let weekday_of_first = first_of(date.year()).weekday().num_days_from_monday();
    let week = (date.ordinal0() + weekday_of_first) / 7;
    (LEFT + week * PITCH, TOP + date.weekday().num_days_from_monday() * PITCH)
}

/// The names of the months, above their first weeks.
fn months(year: i32) -> Vec<(u32, &'static str)> {
    const NAMES: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let first = |month: u32| NaiveDate::from_ymd_opt(year, month, 1).expect("a month");
    (1..=12).zip(NAMES).map(|(month, name)| (place(first(month)).0, name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_is_a_column() {
        let date = |text: &str| text.parse::<NaiveDate>().expect("a date");
        // 2024 began on a Monday.
        assert_eq!(place(date("2024-01-01")), (LEFT, TOP));
        assert_eq!(place(date("2024-01-08")), (LEFT + PITCH, TOP));
        assert_eq!(place(date("2024-01-07")), (LEFT, TOP + 6 * PITCH));
        // 2023 on a Sunday.
        assert_eq!(place(date("2023-01-01")), (LEFT, TOP + 6 * PITCH));
        assert_eq!(place(date("2023-01-02")), (LEFT + PITCH, TOP));
        assert_eq!(place(date("2023-12-31")).0, LEFT + 52 * PITCH);
    }
}
