//! `putback why`

use chrono::NaiveDate;
use clap::Args;

use super::exit::ExitCode;
use super::output::{Printer, text_table};
use super::settings::{GlobalArgs, Settings};
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::processors::ProcessorId;
use crate::snapshot::Snapshot;
use crate::why::{Explanation, Question, recorded_windows, why};

/// Explain a row, or why there is none
///
/// Prints the input rows behind it, their sums, the rules and the fallbacks.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  putback why psza aldoingcombe 2024-01-15\n  putback why ml_feature_store_v2 aldoingcombe 2024-01-15\n  \
    putback why tdza BOS 2024-01-15"
)]
pub struct WhyArgs {
    /// tdza, psza, pcf, pdc or mlfs, or the name of the table
    #[arg(value_name = "TABLE", value_parser = parse_processor)]
    table: ProcessorId,
    /// player_lookup, or team abbreviation
    #[arg(value_name = "KEY")]
    key: String,
    #[arg(value_name = "DATE", value_parser = crate::calendar::parse_date)]
    date: NaiveDate,
}

fn parse_processor(text: &str) -> Result<ProcessorId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let table: Option<Table> = text.parse().ok();
    ProcessorId::ALL.into_iter().find(|id| Some(id.output()) == table).ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("\"{text}\" is not an output; use tdza, psza, pcf, pdc or mlfs"))
    })
}

pub fn run(args: &WhyArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let settings = Settings::resolve(global, None, None)?;
    let snapshot = Snapshot::load(&settings.store())?;
    // Teams are written in capitals, and lookups in small letters, everywhere.
    let key = match args.table {
        ProcessorId::Tdza => args.key.to_uppercase(),
        _ => args.key.to_lowercase(),
    };
    let explanation = why(&Question {
        snapshot: &snapshot,
        processor: args.table,
        key: &key,
        date: args.date,
        windows: recorded_windows(&snapshot.phase4, args.table, args.date),
        engine: settings.engine(),
    })?;
    if printer.is_json() {
        printer.json(&explanation);
    } else {
        lines(&explanation).into_iter().for_each(|line| printer.line(line));
    }
    Ok(ExitCode::Done)
}

fn lines(explanation: &Explanation) -> Vec<String> {
    let mut lines = vec![explanation.verdict.clone()];
    for section in &explanation.sections {
        let header: Vec<&str> = section.columns.iter().map(String::as_str).collect();
        lines.push(String::new());
        lines.push(section.heading.clone());
        let table = text_table(&header, section.rows.clone(), usize::MAX);
        lines.extend(table.lines().map(|line| format!("  {line}")));
    }
    lines
}
