//! The log of a run: a line per table, processor and date. The recorder writes it; it is read by `runs` and
//! `status --watch`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::processors::ProcessorId;
use crate::progress::{Event, TableOutcome};

/// A line of `log.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Entry {
    Table {
        table: String,
        rows: u64,
        changed_dates: usize,
        outcome: String,
    },
    /// A processor has so many dates to compute.
    Processor {
        processor: ProcessorId,
        dates: u64,
    },
    /// Dates whose inputs and processor version have not changed.
    Unchanged {
        processor: ProcessorId,
        dates: Vec<NaiveDate>,
    },
    /// Dates of a month are computed, and not committed yet.
    Scored {
        processor: ProcessorId,
        dates: u64,
    },
    Date {
        processor: ProcessorId,
        date: NaiveDate,
        #[serde(flatten)]
        outcome: DateOutcome,
    },
    Note {
        text: String,
    },
}

/// The outcome of a date. Equal outcomes mean the same reason and equal rows, except for volatile columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DateOutcome {
    pub state: String,
    #[serde(default)]
    pub reason: Option<String>,
    pub rows: u64,
    pub hash: String,
    pub failures_hash: String,
}

impl DateOutcome {
    /// A sign and a word, and the reason or rule.
    pub fn words(&self) -> String {
        let (sign, word) = match self.state.as_str() {
            "done" => ("✓", "Success"),
            "empty" => ("∅", "Empty"),
            "skipped" => ("⏭", "Skipped"),
            "failed" => ("✗", "Failed"),
            "vanished" => ("∅", "Vanished"),
            other => ("·", other),
        };
        match &self.reason {
            Some(reason) => format!("{sign} {word}: {reason}"),
            None => format!("{sign} {word}: {} rows", self.rows),
        }
    }
}

impl Entry {
    /// What the line says, for people.
    pub fn words(&self) -> String {
        match self {
            Self::Table { table, outcome, .. } => format!("{outcome} {table}"),
            Self::Processor { processor, dates } => format!("{processor} began {dates} dates"),
            Self::Unchanged { processor, dates } => format!("{processor} left {} dates as they were", dates.len()),
            Self::Scored { processor, dates } => format!("{processor} computed {dates} dates"),
            Self::Date { processor, date, outcome } => format!("{processor} {date} {}", outcome.state),
            Self::Note { text } => text.clone(),
        }
    }

    /// The line of an event; nothing for those that only show progress.
    pub fn of(event: &Event) -> Option<Self> {
        Some(match event {
            Event::TableFinished { table, rows, changed_dates, outcome, .. } => Self::Table {
                table: table.full_name().to_owned(),
                rows: *rows,
                changed_dates: *changed_dates,
                outcome: match outcome {
                    TableOutcome::Pulled => "pulled",
                    TableOutcome::Unchanged => "unchanged",
                    TableOutcome::Absent => "absent",
                }
                .to_owned(),
            },
            Event::ProcessorStarted { processor, dates } => {
                Self::Processor { processor: *processor, dates: *dates as u64 }
            }
            Event::DatesUnchanged { processor, dates } => {
                Self::Unchanged { processor: *processor, dates: dates.clone() }
            }
            Event::DatesScored { processor, dates } => Self::Scored { processor: *processor, dates: *dates as u64 },
            Event::DateFinished { processor, date, record, .. } => Self::Date {
                processor: *processor,
                date: *date,
                outcome: DateOutcome {
                    state: record.state.name().to_owned(),
                    reason: record.state.reason().map(str::to_owned),
                    rows: record.rows,
                    hash: record.hash.clone(),
                    failures_hash: record.failures_hash.clone(),
                },
            },
            Event::Note(text) => Self::Note { text: text.clone() },
            _ => return None,
        })
    }
}

/// The lines of a run's log. A run that was killed may have left half a line, and another putback lines of other
/// kinds: both are passed over. One that was killed at once has no log.
pub fn read(dir: &Path) -> Result<Vec<Entry>> {
    let path = dir.join("log.jsonl");
    match std::fs::read(&path) {
        Ok(bytes) => Ok(parse(&String::from_utf8_lossy(&bytes))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::io("read", &path, error)),
    }
}

fn parse(text: &str) -> Vec<Entry> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// How long no line was written.
pub fn silence(dir: &Path, now: SystemTime) -> Duration {
    let written = std::fs::metadata(dir.join("log.jsonl")).and_then(|meta| meta.modified());
    written.ok().and_then(|written| now.duration_since(written).ok()).unwrap_or_default()
}

/// How many dates of each processor ended how; `unchanged` ones were left as they were.
pub fn ended(entries: &[Entry]) -> BTreeMap<ProcessorId, BTreeMap<String, usize>> {
    let mut ended: BTreeMap<ProcessorId, BTreeMap<String, usize>> = BTreeMap::new();
    for entry in entries {
        match entry {
            Entry::Date { processor, outcome, .. } => {
                *ended.entry(*processor).or_default().entry(outcome.state.clone()).or_default() += 1;
            }
            Entry::Unchanged { processor, dates } if !dates.is_empty() => {
                *ended.entry(*processor).or_default().entry("unchanged".to_owned()).or_default() += dates.len();
            }
            _ => {}
        }
    }
    ended
}

/// Dates that are computed, and that there are to compute over all processors: one that has not started yet is
/// taken to have as many as the others.
pub fn progress(entries: &[Entry]) -> (u64, u64) {
    let (mut planned, mut scored, mut idle) = (Vec::new(), 0, 0);
    for entry in entries {
        match entry {
            Entry::Processor { dates, .. } => planned.push(*dates),
            Entry::Scored { dates, .. } => scored += dates,
            Entry::Unchanged { processor, dates } if !dates.is_empty() => {
                let starts = |entry: &Entry| matches!(entry, Entry::Processor { processor: id, .. } if id == processor);
                idle += usize::from(!entries.iter().any(starts));
            }
            _ => {}
        }
    }
    let waiting = ProcessorId::ALL.len().saturating_sub(planned.len() + idle) as u64;
    (scored, planned.iter().sum::<u64>() + waiting * planned.iter().max().copied().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_that_wait_count_as_well() {
        let log = r#"{"event":"processor","processor":"TDZA","dates":10}
{"event":"scored","processor":"TDZA","dates":1}
{"event":"processor","processor":"PSZA","dates":20}
{"event":"scored","processor":"PSZA","dates":1}
{"event":"of another putback"}
{"event":"da"#;
        assert_eq!(progress(&parse(log)), (2, 10 + 20 + 3 * 20));
        assert_eq!(progress(&[]), (0, 0));
        let unchanged = r#"{"event":"unchanged","processor":"TDZA","dates":["2024-01-02"]}"#;
        assert_eq!(progress(&parse(&format!("{log}\n{unchanged}"))), (2, 10 + 20 + 3 * 20));
        assert_eq!(ended(&parse(unchanged))[&ProcessorId::Tdza]["unchanged"], 1);
    }

    #[test]
    fn a_date_is_read_as_it_was_written() {
        let outcome = DateOutcome {
            state: "failed".to_owned(),
            reason: Some("why".to_owned()),
            rows: 0,
            hash: "a".to_owned(),
            failures_hash: "b".to_owned(),
        };
        let date = "2024-01-02".parse().expect("a date");
        let entry = Entry::Date { processor: ProcessorId::Mlfs, date, outcome };
        let line = serde_json::to_string(&entry).expect("serializes");
        assert_eq!(parse(&line), [entry]);
        assert!(
            line.starts_with(r#"{"event":"date","processor":"MLFS","date":"2024-01-02","state":"failed""#),
            "{line}"
        );
    }
}
