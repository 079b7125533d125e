//! What stands against a year, and what helps.

use std::collections::BTreeSet;
use std::fmt;

use chrono::NaiveDate;
use serde::{Serialize, Serializer};

use crate::processors::ProcessorId;

/// What is said of a day of the schedule.
pub const CONTRADICTION: &str = "game ids contradict the flags of the schedule";

/// Why a date is not complete, or would not be without a waiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    Failed(ProcessorId),
    Pending(ProcessorId),
    Stale(ProcessorId),
    Damaged(ProcessorId),
    Fails { check: String },
    Waived { check: String, waiver: String },
    NotValidated,
    Excluded { reason: String },
    Quarantined { entities: u64 },
    Unscheduled,
    Vanished,
    Contradiction,
}

/// Something that stands against a year, on some dates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenDates {
    /// Like `MLFS failed` or `check I15 fails`.
    pub what: Standing,
    pub dates: BTreeSet<NaiveDate>,
}

/// A command that helps, and what it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remedy {
    pub command: String,
    pub does: String,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(id) => write!(f, "{id} failed"),
            Self::Pending(id) => write!(f, "{id} pending"),
            Self::Stale(id) => write!(f, "{id} stale"),
            Self::Damaged(id) => write!(f, "{id} file missing or damaged"),
            Self::Fails { check } => write!(f, "check {check} fails"),
            Self::Waived { check, waiver } => write!(f, "check {check} fails, waived by {waiver},"),
            Self::NotValidated => f.write_str("not validated"),
            Self::Excluded { reason } => write!(f, "excluded from publication ({reason})"),
            Self::Quarantined { entities: 1 } => f.write_str("published with 1 entity in quarantine"),
            Self::Quarantined { entities } => write!(f, "published with {entities} entities in quarantine"),
            Self::Unscheduled => f.write_str("has rows, but no final game in the schedule"),
            Self::Vanished => f.write_str("vanished upstream or became empty, rows kept"),
            Self::Contradiction => f.write_str(CONTRADICTION),
        }
    }
}

impl Serialize for Standing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What stands against some years, with those of its processors that it is about, and where.
#[derive(Debug, Clone)]
pub struct Open {
    pub what: String,
    pub dates: BTreeSet<NaiveDate>,
    pub standing: Standing,
}

/// What stands open, with one entry for processors of which the same is said on the same dates.
pub fn grouped<'a>(open: impl IntoIterator<Item = &'a OpenDates>) -> Vec<Open> {
    let mut groups: Vec<(Vec<ProcessorId>, Open)> = Vec::new();
    for OpenDates { what, dates } in open {
        let id = what.processor();
        let same = groups.iter_mut().find(|(ids, group)| {
            !ids.is_empty() && id.is_some() && group.standing.verb() == what.verb() && group.dates == *dates
        });
        match (same, id) {
            (Some((ids, _)), Some(id)) => ids.push(id),
            _ => groups.push((
                id.into_iter().collect(),
                Open { what: what.to_string(), dates: dates.clone(), standing: what.clone() },
            )),
        }
    }
    let named = |(ids, group): (Vec<ProcessorId>, Open)| match ids.as_slice() {
        [first @ .., last] if !first.is_empty() => {
            let first: Vec<String> = first.iter().map(ToString::to_string).collect();
            let what = format!("{} and {last} {}", first.join(", "), group.standing.verb());
            Open { what, ..group }
        }
        _ => group,
    };
    groups.into_iter().map(named).collect()
}

/// What helps, once for everything of a kind, over all its dates.
pub fn remedies<'a>(open: impl IntoIterator<Item = &'a OpenDates>) -> Vec<Remedy> {
    let mut kinds: Vec<(Standing, BTreeSet<NaiveDate>)> = Vec::new();
    for OpenDates { what, dates } in open {
        match kinds.iter_mut().find(|(known, _)| known.helps_like(what)) {
            Some((known, all)) => {
                known.take_check_of(what);
                all.extend(dates);
            }
            None => kinds.push((what.clone(), dates.clone())),
        }
    }
    kinds.sort_by_key(|(what, _)| what.order());
    kinds.iter().filter_map(|(what, dates)| what.remedy(dates)).collect()
}

impl Standing {
    fn processor(&self) -> Option<ProcessorId> {
        match self {
            Self::Failed(id) | Self::Pending(id) | Self::Stale(id) | Self::Damaged(id) => Some(*id),
            _ => None,
        }
    }

    /// What is said, without the processor.
    fn verb(&self) -> &'static str {
        match self {
            Self::Failed(_) => "failed",
            Self::Pending(_) => "pending",
            Self::Stale(_) => "stale",
            Self::Damaged(_) => "file missing or damaged",
            _ => "",
        }
    }

    /// Whether the same command helps.
    fn helps_like(&self, other: &Self) -> bool {
        match (self.processor(), other.processor()) {
            (Some(_), Some(_)) => self.verb() == other.verb(),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    /// Several failed checks in one, as `I1, I15`.
    fn take_check_of(&mut self, other: &Self) {
        let (Self::Fails { check: all }, Self::Fails { check }) = (self, other) else { return };
        if all.split(", ").all(|known| known != check) {
            *all = format!("{all}, {check}");
        }
    }

    /// Whether neither the reasons of failed dates nor the causes of failed checks tell it.
    pub fn is_told_by_itself(&self) -> bool {
        !matches!(self, Self::Failed(_) | Self::Fails { .. } | Self::Waived { .. })
    }

    /// What comes first is done first.
    fn order(&self) -> u8 {
        match self {
            Self::Unscheduled | Self::Contradiction => 0,
            Self::Failed(_) => 1,
            Self::Damaged(_) => 2,
            Self::Pending(_) => 3,
            Self::Stale(_) => 4,
            Self::NotValidated => 5,
            Self::Fails { .. } | Self::Waived { .. } => 6,
            Self::Vanished => 7,
            Self::Excluded { .. } | Self::Quarantined { .. } => 8,
        }
    }

    /// What helps on these dates; `None` where nothing is to be done.
    pub fn remedy(&self, dates: &BTreeSet<NaiveDate>) -> Option<Remedy> {
        let range = range(dates)?;
        let remedy = |command: String, does: &str| Some(Remedy { command, does: does.to_owned() });
        match self {
            Self::Failed(_) => remedy(
                format!("putback sync {range}; putback compute {range}"),
                "pulls the inputs once they are mended upstream, and computes the failed dates again",
            ),
            Self::Pending(_) => remedy(format!("putback compute {range}"), "computes the pending dates"),
            Self::Stale(_) => remedy(
                format!("putback compute {range}"),
                "computes the dates whose inputs or processor version changed",
            ),
            Self::Damaged(_) => remedy(format!("putback compute {range}"), "writes the damaged months again"),
            Self::Fails { check } => {
                let flags: Vec<String> = check.split(", ").map(|check| format!("--accept {check}")).collect();
                remedy(
                    format!("putback validate {range}"),
                    &format!(
                        "shows the faulty rows of {check}; mend them upstream and sync, or accept them: `putback upload \
                         {}` for one run, a [[waiver]] in putback.toml until it expires",
                        flags.join(" ")
                    ),
                )
            }
            Self::Waived { .. } => None,
            Self::NotValidated => remedy(format!("putback validate {range}"), "checks the outputs"),
            Self::Excluded { .. } => {
                remedy(format!("putback upload {range}"), "publishes the dates, if nothing else stands against them")
            }
            Self::Quarantined { .. } => remedy(
                format!("putback upload {range}"),
                "publishes the rows, once the faulty rows are mended upstream, synced and computed",
            ),
            Self::Unscheduled => remedy(
                format!("putback sync {range}"),
                "pulls the schedule, once it has the games of these days as final",
            ),
            Self::Vanished => remedy(
                format!("putback upload {range} --remove-vanished"),
                "removes the rows from target and store; `--accept vanished` keeps them instead",
            ),
            Self::Contradiction => {
                remedy(format!("putback sync {range}"), "pulls the schedule, once its flags are mended upstream")
            }
        }
    }
}

/// The options that name first and last date.
fn range(dates: &BTreeSet<NaiveDate>) -> Option<String> {
    let (first, last) = (dates.first()?, dates.last()?);
    Some(if first == last { format!("--date {first}") } else { format!("--from {first} --until {last}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_of_several_processors_is_said_once() {
        let dates = |days: &[&str]| days.iter().map(|day| day.parse().expect("a date")).collect::<BTreeSet<_>>();
        let open = |what: Standing, days: &[&str]| OpenDates { what, dates: dates(days) };
        let open = [
            open(Standing::Failed(ProcessorId::Pcf), &["2024-01-02"]),
            open(Standing::Pending(ProcessorId::Pcf), &["2024-01-03"]),
            open(Standing::Failed(ProcessorId::Pdc), &["2024-01-02"]),
            open(Standing::Failed(ProcessorId::Mlfs), &["2024-01-02"]),
            open(Standing::Failed(ProcessorId::Tdza), &["2024-01-04"]),
            open(Standing::Fails { check: "I1".to_owned() }, &["2024-01-04"]),
            open(Standing::Fails { check: "I15".to_owned() }, &["2024-01-05"]),
            open(Standing::Fails { check: "I1".to_owned() }, &["2024-01-06"]),
        ];
        let said: Vec<String> = grouped(&open).into_iter().map(|group| group.what).collect();
        let failed = ["PCF, PDC and MLFS failed", "PCF pending", "TDZA failed"];
        let checks = ["check I1 fails", "check I15 fails", "check I1 fails"];
        assert_eq!(said, [failed, checks].concat());
        let does: Vec<String> = remedies(&open).into_iter().map(|remedy| remedy.does).collect();
        assert!(does[2].starts_with("shows the faulty rows of I1, I15; "), "{}", does[2]);
        assert!(does[2].contains("`putback upload --accept I1 --accept I15`"), "{}", does[2]);
        let commands: Vec<String> = remedies(&open).into_iter().map(|remedy| remedy.command).collect();
        let range = "--from 2024-01-02 --until 2024-01-04";
        assert_eq!(
            commands,
            [
                format!("putback sync {range}; putback compute {range}"),
                "putback compute --date 2024-01-03".to_owned(),
                "putback validate --from 2024-01-04 --until 2024-01-06".to_owned(),
            ]
        );
    }

    #[test]
    fn what_helps_names_the_dates() {
        let date = |text: &str| text.parse::<NaiveDate>().expect("a date");
        let command = |standing: Standing, dates: &[&str]| {
            standing.remedy(&dates.iter().map(|text| date(text)).collect()).map(|remedy| remedy.command)
        };
        let some = ["2024-01-02", "2024-01-05"];
        assert_eq!(
            command(Standing::Pending(ProcessorId::Mlfs), &some).as_deref(),
            Some("putback compute --from 2024-01-02 --until 2024-01-05")
        );
        assert_eq!(command(Standing::NotValidated, &some[..1]).as_deref(), Some("putback validate --date 2024-01-02"));
        assert_eq!(command(Standing::NotValidated, &[]), None);
        let waived = Standing::Waived { check: "I15".to_owned(), waiver: "W".to_owned() };
        assert_eq!(command(waived, &some), None);
    }
}
