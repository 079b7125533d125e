//! Dates and numbers for people.

use chrono::NaiveDate;

/// Consecutive ones of `scope`: index of the first and of the last of each run. Dates outside `scope` stand alone.
///
/// Both are ascending.
pub fn runs(dates: &[NaiveDate], scope: &[NaiveDate]) -> Vec<(usize, usize)> {
    let place = |index: usize| scope.binary_search(&dates[index]).ok();
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for index in 0..dates.len() {
        match runs.last_mut() {
            Some((_, last)) if place(index).is_some_and(|at| place(*last) == at.checked_sub(1)) => *last = index,
            _ => runs.push((index, index)),
        }
    }
    runs
}

/// Dates as intervals, of which `listed` are shown. A single interval has no count of dates.
pub fn folded(dates: &[NaiveDate], scope: &[NaiveDate], listed: usize) -> String {
    let runs = runs(dates, scope);
    let text = |&(first, last): &(usize, usize)| match last - first {
        0 => dates[first].to_string(),
        _ if runs.len() == 1 => format!("{} to {}", dates[first], dates[last]),
        more => format!("{} to {} ({} dates)", dates[first], dates[last], more + 1),
    };
    let shown: Vec<String> = runs.iter().take(listed).map(text).collect();
    let rest: usize = runs.iter().skip(listed).map(|(first, last)| last - first + 1).sum();
    let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{}{rest}", shown.join(", "))
}

/// A number with its noun: 1 date, 2 dates.
pub fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(count as u64))
}

/// A share in percent, rounded down, so that only the whole is 100.0; all of nothing is 100.0.
pub fn percent(part: u64, whole: u64) -> String {
    let tenths = (part * 1000).checked_div(whole).unwrap_or(1000);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// 1234567 → 1,234,567.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_is_a_hundred_percent() {
        let shares = [(0, 0), (0, 7), (999, 1000), (99_999, 100_000), (7, 7)];
        assert_eq!(shares.map(|(part, whole)| percent(part, whole)), ["100.0", "0.0", "99.9", "99.9", "100.0"]);
    }

    #[test]
    fn consecutive_game_dates_are_one_interval() {
        let date = |day| NaiveDate::from_ymd_opt(2024, 1, day).expect("a date");
        let scope: Vec<NaiveDate> = [1, 2, 4, 5, 9].map(date).to_vec();
        assert_eq!(runs(&[date(1), date(2), date(4), date(9)], &scope), [(0, 2), (3, 3)]);
        assert_eq!(runs(&[date(3), date(4)], &scope), [(0, 0), (1, 1)]);
        let text = folded(&[date(1), date(2), date(4), date(9)], &scope, 1);
        assert_eq!(text, "2024-01-01 to 2024-01-04 (3 dates) and 1 more");
    }
}
