//! The table of the backfill's progress.

use super::BigQuery;
use crate::catalog::{ProcessorId, Table};
use crate::error::Result;
use crate::judge::DateProgress;

const PHASE3: [(&str, Table); 5] = [
    ("phase3_pgs_complete", Table::PlayerGameSummary),
    ("phase3_togs_complete", Table::TeamOffenseGameSummary),
    ("phase3_tdgs_complete", Table::TeamDefenseGameSummary),
    ("phase3_upgc_complete", Table::UpcomingPlayerGameContext),
    ("phase3_utgc_complete", Table::UpcomingTeamGameContext),
];

const PHASE4: [(&str, ProcessorId); 5] = [
    ("phase4_tdza_complete", ProcessorId::Tdza),
    ("phase4_psza_complete", ProcessorId::Psza),
    ("phase4_pcf_complete", ProcessorId::Pcf),
    ("phase4_pdc_complete", ProcessorId::Pdc),
    ("phase4_mlfs_complete", ProcessorId::Mlfs),
];

impl BigQuery {
    /// Writes the progress of dates, and returns the name of the table.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub fn write_progress(&self, dates: &[DateProgress]) -> Result<String> {
        let table = self.full_name("nba_backfill", "backfill_progress");
        if let Some(merge) = merge(&table, dates) {
            self.execute(&merge, &format!("writing {table}"))?;
        }
        Ok(table)
    }
}

/// The columns of a date in their order. `phase4_complete` is about the tables that are published by default.
fn flags(progress: &DateProgress) -> Vec<(&'static str, bool)> {
    let inputs = PHASE3.map(|(name, table)| (name, progress.inputs.contains(&table)));
    let outputs = PHASE4.map(|(name, id)| (name, progress.outputs.contains(&id)));
    let mut published = PHASE4.iter().filter(|(_, id)| id.is_published_unasked());
    let mut flags = vec![("phase3_complete", inputs.iter().all(|(_, is_complete)| *is_complete))];
    flags.extend(inputs);
    flags.push(("phase4_complete", published.all(|(_, id)| progress.outputs.contains(id))));
    flags.extend(outputs);
    flags
}

/// One merge for all dates; `None`: there is no date.
fn merge(table: &str, dates: &[DateProgress]) -> Option<String> {
    let row = |progress: &DateProgress| {
        let flags = flags(progress).into_iter().map(|(name, flag)| format!("{flag} AS {name}"));
        format!("STRUCT(DATE '{}' AS game_date, {})", progress.date, flags.collect::<Vec<_>>().join(", "))
    };
    let (first, last) = (dates.first()?, dates.last()?);
    let names: Vec<&str> = flags(first).into_iter().map(|(name, _)| name).collect();
    let set = names.iter().map(|name| format!("{name} = made.{name}")).collect::<Vec<_>>().join(", ");
    let values = names.iter().map(|name| format!("made.{name}")).collect::<Vec<_>>().join(", ");
    Some(format!(
        "MERGE `{table}` AS known USING (SELECT * FROM UNNEST([{rows}])) AS made \
         ON known.game_date = made.game_date AND known.game_date BETWEEN DATE '{first}' AND DATE '{last}' \
         WHEN MATCHED THEN UPDATE SET {set}, last_updated = CURRENT_TIMESTAMP() \
         WHEN NOT MATCHED THEN INSERT (game_date, {names}, last_updated) VALUES (made.game_date, {values}, CURRENT_TIMESTAMP())",
        first = first.date,
        last = last.date,
        rows = dates.iter().map(row).collect::<Vec<_>>().join(", "),
        names = names.join(", "),
    ))
}
