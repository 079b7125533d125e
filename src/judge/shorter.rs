//! What a sync would take out of the store: whether dates vanished, or the export is shorter than it was.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::calendar::DateRange;
use crate::catalog::Table;
use crate::store::{InputTable, Partition, Phase3Manifest};

/// Up to so many consecutive dates of a table may vanish between others; more of them are a gap in the export.
const LONGEST_GAP_DATES: usize = 2;

/// Tables of which no check tells that a single date is missing: without it features fall back.
const UNTOLD: [Table; 2] = [Table::PlayerPointsProps, Table::PlayerBoxScores];

/// Dates that a table would lose because the export is shorter than what the store has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostDates {
    pub table: Table,
    pub lost: Lost,
    /// Ascending, never empty.
    pub dates: Vec<NaiveDate>,
    pub rows: u64,
}

/// Where the dates are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// All dates that the store has.
    All,
    /// Before the first date that the warehouse has.
    Start { first: NaiveDate },
    /// After the last date that the warehouse has.
    End { last: NaiveDate },
    /// Between dates that the warehouse has.
    Gap,
    /// The warehouse removed them by its own rule, and the store's file of them is damaged.
    Damaged,
}

/// What `after` lacks of `before`, by table: dates before `today` that are in `needed`, where dates at an end of a table
/// or a gap are missing. Single dates that vanish are none of them.
pub fn lost_dates(
    before: &Phase3Manifest,
    after: &Phase3Manifest,
    needed: &dyn Fn(Table) -> DateRange,
    today: NaiveDate,
) -> Vec<LostDates> {
    let nothing = InputTable::default();
    let still_played = |date: &NaiveDate| {
        let has = |table: Table| after.tables.get(&table).is_some_and(|input| input.partitions.contains_key(date));
        has(Table::Schedule) || has(Table::PlayerGameSummary)
    };
    let of_table = |(&table, known): (&Table, &InputTable)| {
        let now = after.tables.get(&table).unwrap_or(&nothing);
        let range = needed(table);
        let is_lost = |date: &NaiveDate| *date < today && !now.partitions.contains_key(date);
        // A table that keeps what the warehouse purges, or lies outside the range, loses dates only by damage.
        let is_kept = |date: NaiveDate| keeps(table, range, today, date);
        let (damaged, lost): (Vec<NaiveDate>, Vec<NaiveDate>) =
            known.partitions.keys().copied().filter(is_lost).partition(|date| is_kept(*date));
        let upstream: BTreeSet<NaiveDate> =
            now.partitions.keys().filter(|date| !now.only_here.contains(date)).copied().collect();
        let place = |date: NaiveDate| match (upstream.first(), upstream.last()) {
            (None, _) | (_, None) => Some(Lost::All),
            (Some(&first), _) if date < first => Some(Lost::Start { first }),
            (_, Some(&last)) if date > last => Some(Lost::End { last }),
            _ => None,
        };
        let lost_on = |lost, date| LostDates { table, lost, dates: vec![date], rows: known.partitions[&date].rows };
        let mut found: Vec<LostDates> = Vec::new();
        for &date in &lost {
            if let Some(lost) = place(date) {
                add(&mut found, lost_on(lost, date));
            }
        }
        for run in runs(&lost, &known.partitions) {
            let is_gap =
                |date: &NaiveDate| run.len() > LONGEST_GAP_DATES || (UNTOLD.contains(&table) && still_played(date));
            for &date in run.iter().filter(|date| place(**date).is_none() && is_gap(date)) {
                add(&mut found, lost_on(Lost::Gap, date));
            }
        }
        damaged.into_iter().for_each(|date| add(&mut found, lost_on(Lost::Damaged, date)));
        found
    };
    before.tables.iter().flat_map(of_table).collect()
}

/// Adds dates to those that are missing in the same place.
fn add(found: &mut Vec<LostDates>, more: LostDates) {
    match found.iter_mut().find(|known| known.lost == more.lost) {
        Some(known) => {
            known.dates.extend(more.dates);
            known.rows += more.rows;
        }
        None => found.push(more),
    }
}

/// Dates that follow each other among those of the table.
fn runs<'a>(
    lost: &'a [NaiveDate],
    before: &'a BTreeMap<NaiveDate, Partition>,
) -> impl Iterator<Item = &'a [NaiveDate]> {
    lost.chunk_by(|a, b| {
        let mut between = before.range((std::ops::Bound::Excluded(*a), std::ops::Bound::Excluded(*b)));
        between.next().is_none()
    })
}

/// Whether the store keeps the rows of a date that the warehouse does not have: those that the warehouse purges, and
/// past ones outside the range that is asked for and its look-back.
pub(crate) fn keeps(table: Table, needed: DateRange, today: NaiveDate, date: NaiveDate) -> bool {
    let is_purged = |days: u64| (today - date).num_days() > days.cast_signed();
    table.schema().purged_after_days().is_some_and(is_purged) || (date < today && !needed.contains(date))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 1, day).expect("a date")
    }

    fn manifest(tables: &[(Table, &[u32])]) -> Phase3Manifest {
        let partition = || Partition { rows: 10, hash: String::new() };
        let input = |days: &[u32]| InputTable {
            partitions: days.iter().map(|&day| (date(day), partition())).collect(),
            ..InputTable::default()
        };
        let mut manifest = Phase3Manifest::default();
        manifest.tables = tables.iter().map(|(table, days)| (*table, input(days))).collect();
        manifest
    }

    fn lost(before: &[(Table, &[u32])], after: &[(Table, &[u32])]) -> Vec<(Lost, Vec<NaiveDate>)> {
        let needed = |_| DateRange { from: date(3), to: date(20) };
        let found = lost_dates(&manifest(before), &manifest(after), &needed, date(28));
        found.into_iter().map(|lost| (lost.lost, lost.dates)).collect()
    }

    #[test]
    fn the_ends_of_an_export_are_missed_and_single_dates_vanish() {
        let lines = Table::PlayerPointsProps;
        let days: &[u32] = &[3, 4, 5, 6, 7, 8, 9, 10];
        assert_eq!(lost(&[(lines, days)], &[(lines, &days[1..])]), [(Lost::Start { first: date(4) }, vec![date(3)])]);
        assert_eq!(lost(&[(lines, days)], &[(lines, &days[..7])]), [(Lost::End { last: date(9) }, vec![date(10)])]);
        assert_eq!(lost(&[(lines, days)], &[(lines, &[])])[0].0, Lost::All);
        assert_eq!(lost(&[(lines, days)], &[])[0].0, Lost::All);
        assert_eq!(lost(&[(lines, days)], &[(lines, &[3, 4, 5, 7, 8, 10])]), []);
    }

    #[test]
    fn a_gap_is_missed_and_so_are_single_dates_that_no_check_would_tell() {
        let (lines, schedule) = (Table::PlayerPointsProps, Table::Schedule);
        let (days, holes): (&[u32], &[u32]) = (&[3, 4, 5, 6, 7, 8, 9, 10], &[3, 4, 5, 9, 10]);
        let gap = vec![(Lost::Gap, [6, 7, 8].map(date).to_vec())];
        assert_eq!(lost(&[(lines, days), (schedule, days)], &[(lines, holes), (schedule, days)]), gap);
        let both = lost(&[(lines, days), (schedule, days)], &[(lines, holes), (schedule, holes)]);
        assert_eq!(both, [gap[0].clone(), gap[0].clone()]);
        let defense = Table::TeamDefenseGameSummary;
        let but_one: &[u32] = &[3, 4, 5, 7, 8, 9, 10];
        assert_eq!(lost(&[(defense, days), (schedule, days)], &[(defense, but_one), (schedule, days)]), []);
        assert_eq!(lost(&[(lines, days), (schedule, days)], &[(lines, but_one), (schedule, but_one)]), []);
        let one = vec![(Lost::Gap, vec![date(6)])];
        assert_eq!(lost(&[(lines, days), (schedule, days)], &[(lines, but_one), (schedule, days)]), one);
    }

    #[test]
    fn rows_that_the_warehouse_purges_and_dates_outside_the_range_are_kept() {
        let (needed, today) = (DateRange { from: date(3), to: date(28) }, date(28));
        let contexts = Table::UpcomingPlayerGameContext;
        assert!(keeps(contexts, needed, today, date(20)) && !keeps(contexts, needed, today, date(21)));
        assert!(!keeps(Table::PlayerGameSummary, needed, today, date(20)));
        assert!(keeps(Table::PlayerGameSummary, needed, today, date(2)));
        let beyond = DateRange { from: date(3), to: date(20) };
        assert!(!keeps(Table::Schedule, beyond, today, date(28)), "games to come follow the warehouse");
    }
}
