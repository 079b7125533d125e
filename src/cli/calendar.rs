//! `putback status --calendar`: a month a row, a day a character.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate};

use super::output::thousands;
use crate::calendar::Month;
use crate::processors::ProcessorId;
use crate::report::page::{Day, DayState, Days};

/// The signs of a calendar, for one processor or for the worst of all on a date.
pub fn lines(days: &Days, only: Option<ProcessorId>) -> Vec<String> {
    let mut of_date: BTreeMap<NaiveDate, DayState> = BTreeMap::new();
    for (_, days) in days.iter().filter(|(id, _)| only.is_none_or(|only| only == **id)) {
        for (date, day) in days {
            let state = of_date.entry(*date).or_insert(day.state);
            *state = worst(*state, day);
        }
    }
    let title = only.map_or_else(|| "all".to_owned(), |id| id.to_string());
    let mut lines = vec![format!("{title:<8}{}", ruler())];
    let months: BTreeSet<Month> = of_date.keys().map(|date| Month::of(*date)).collect();
    for month in months {
        let days = of_date.range(month.first_day()..=month.last_day());
        let mut row = [' '; 31];
        days.for_each(|(date, state)| row[date.day0() as usize] = state.sign());
        let row: String = row.into_iter().collect();
        lines.push(format!("{month} {}", row.trim_end()));
    }
    let count = |state: DayState| of_date.values().filter(|known| **known == state).count();
    let legend = DayState::ALL.into_iter().filter(|state| count(*state) > 0);
    let legend = legend.map(|state| format!("{} {} {}", state.sign(), state.name(), thousands(count(state) as u64)));
    lines.push(legend.collect::<Vec<_>>().join("   "));
    lines
}

/// The one that is further from done.
fn worst(known: DayState, day: &Day) -> DayState {
    known.min(day.state)
}

/// 1 to 31, by their last digits.
fn ruler() -> String {
    (1..=31).map(|day| char::from_digit(day % 10, 10).expect("a digit")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_all_processors_is_shown() {
        let date = |text: &str| text.parse::<NaiveDate>().expect("a date");
        let day = |state: DayState| Day { state, rows: 1, why: None };
        let days: Days = [
            (
                ProcessorId::Tdza,
                BTreeMap::from([(date("2024-01-02"), day(DayState::Empty)), (date("2024-02-29"), day(DayState::Done))]),
            ),
            (
                ProcessorId::Mlfs,
                BTreeMap::from([
                    (date("2024-01-02"), day(DayState::Done)),
                    (date("2024-02-29"), day(DayState::Failed)),
                ]),
            ),
        ]
        .into();
        let shown = lines(&days, None);
        assert_eq!(shown[0], "all     1234567890123456789012345678901");
        assert_eq!(shown[1], "2024-01  +");
        assert_eq!(shown[2], format!("2024-02 {}x", " ".repeat(28)));
        assert_eq!(shown[3], "+ done 1   x failed 1");
        assert_eq!(lines(&days, Some(ProcessorId::Tdza))[1], "2024-01  -");
    }
}
