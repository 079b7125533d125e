//! The log of a run: a line for everything that it did, each with its time. The recorder writes it; it is read by `runs`
//! and `status --watch`.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::output::thousands;
use crate::error::{Error, Result};
use crate::price::size;
use crate::processors::ProcessorId;
use crate::progress::{Event, Staged, TableOutcome};
use crate::store::RunDir;

/// A line of `log.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Absent in logs of an older putback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    #[serde(flatten)]
    pub entry: Entry,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Entry {
    /// A table is being pulled.
    Pulling {
        table: String,
    },
    /// Rows of a table that have been pulled so far, of the rows that the warehouse counts.
    Pulled {
        table: String,
        rows: u64,
        total_rows: u64,
    },
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
    /// A month of a table was compared with the target.
    Compared {
        table: String,
        months: usize,
        total_months: usize,
    },
    /// What an upload has written or sent so far; the total of bytes is absent where it is not known before.
    Staged {
        rows: u64,
        total_rows: u64,
        bytes: u64,
        #[serde(default)]
        total_bytes: Option<u64>,
    },
    /// From here on, the run waits for something that tells nothing of its progress.
    Waiting {
        what: String,
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
            Self::Pulling { table } => format!("began to pull {table}"),
            Self::Pulled { table, rows, total_rows } => {
                format!("pulled {} of {} rows of {table}", thousands(*rows), thousands(*total_rows))
            }
            Self::Table { table, outcome, .. } => format!("{outcome} {table}"),
            Self::Processor { processor, dates } => format!("{processor} began {dates} dates"),
            Self::Unchanged { processor, dates } => format!("{processor} left {} dates as they were", dates.len()),
            Self::Scored { processor, dates } => format!("{processor} computed {dates} dates"),
            Self::Date { processor, date, outcome } => format!("{processor} {date} {}", outcome.state),
            Self::Compared { table, months, total_months } => {
                format!("compared {months} of {total_months} months with the target, the last of {table}")
            }
            Self::Staged { rows, total_rows, bytes, total_bytes } => {
                let (rows, total_rows, bytes) = (thousands(*rows), thousands(*total_rows), size(*bytes));
                let total_bytes = total_bytes.map_or_else(String::new, |total| format!(" of {}", size(total)));
                format!("staged {rows} of {total_rows} rows, {bytes}{total_bytes}")
            }
            Self::Waiting { what } => format!("began to wait for {what}"),
            Self::Note { text } => text.clone(),
        }
    }

    /// The line of an event; nothing for those that only show progress.
    pub fn of(event: &Event) -> Option<Self> {
        Some(match event {
            Event::TableStarted { table, .. } => Self::Pulling { table: table.full_name().to_owned() },
            Event::RowsPulled { table, rows, total_rows, .. } => {
                Self::Pulled { table: table.full_name().to_owned(), rows: *rows, total_rows: *total_rows }
            }
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
                    reason: record.state.reason(),
                    rows: record.rows,
                    hash: record.hash.clone(),
                    failures_hash: record.failures_hash.clone(),
                },
            },
            Event::MonthCompared { table, index, total } => {
                Self::Compared { table: table.full_name().to_owned(), months: *index, total_months: *total }
            }
            Event::Staged(Staged { rows, total_rows, bytes, total_bytes }) => {
                Self::Staged { rows: *rows, total_rows: *total_rows, bytes: *bytes, total_bytes: *total_bytes }
            }
            Event::Waiting { what } => Self::Waiting { what: what.clone() },
            Event::Note(text) => Self::Note { text: text.clone() },
            Event::ProcessorFinished { .. } => return None,
        })
    }
}

/// The lines of a run's log. A run that was killed may have left half a line, and another putback lines of other
/// kinds: both are passed over. One that was killed at once has no log.
pub fn read(run: &RunDir) -> Result<Vec<Line>> {
    let path = run.log();
    match std::fs::read(&path) {
        Ok(bytes) => Ok(parse(&String::from_utf8_lossy(&bytes))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::io("read", &path, error)),
    }
}

fn parse(text: &str) -> Vec<Line> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// How long no line was written.
pub fn silence(run: &RunDir, now: SystemTime) -> Duration {
    let written = std::fs::metadata(run.log()).and_then(|meta| meta.modified());
    written.ok().and_then(|written| now.duration_since(written).ok()).unwrap_or_default()
}

/// How many dates of each processor ended how; `unchanged` ones were left as they were.
pub fn ended(log: &[Line]) -> BTreeMap<ProcessorId, BTreeMap<String, usize>> {
    let mut ended: BTreeMap<ProcessorId, BTreeMap<String, usize>> = BTreeMap::new();
    for line in log {
        match &line.entry {
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
pub fn progress(log: &[Line]) -> (u64, u64) {
    let (mut planned, mut scored, mut idle) = (Vec::new(), 0, 0);
    for line in log {
        match &line.entry {
            Entry::Processor { dates, .. } => planned.push(*dates),
            Entry::Scored { dates, .. } => scored += dates,
            Entry::Unchanged { processor, dates } if !dates.is_empty() => {
                let starts =
                    |line: &Line| matches!(&line.entry, Entry::Processor { processor: id, .. } if id == processor);
                idle += usize::from(!log.iter().any(starts));
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
        let line = Line { at: DateTime::from_timestamp(1_700_000_000, 0), entry };
        let text = serde_json::to_string(&line).expect("serializes");
        assert_eq!(parse(&text), [line]);
        let begin =
            r#"{"at":"2023-11-14T22:13:20Z","event":"date","processor":"MLFS","date":"2024-01-02","state":"failed""#;
        assert!(text.starts_with(begin), "{text}");
    }

    #[test]
    fn what_was_staged_last_is_said() {
        let staged = Staged { rows: 1200, total_rows: 34_000, bytes: 3_100_000, total_bytes: None };
        let entry = Entry::of(&Event::Staged(staged)).expect("a line");
        assert_eq!(entry.words(), "staged 1,200 of 34,000 rows, 3.1 MB");
        let staged = Staged { total_bytes: Some(8_400_000), ..staged };
        let entry = Entry::of(&Event::Staged(staged)).expect("a line");
        assert_eq!(entry.words(), "staged 1,200 of 34,000 rows, 3.1 MB of 8.4 MB");
    }
}
