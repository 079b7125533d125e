//! `putback config`

use clap::{Args, Subcommand};

use super::exit::ExitCode;
use super::output::{Printer, text_table};
use super::settings::{GlobalArgs, Settings};
use crate::error::Result;

/// Show the settings and where each comes from
///
/// Flags override environment variables, those override putback.toml, that overrides defaults.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    action: ConfigAction,
}

#[derive(Debug, Subcommand)]
enum ConfigAction {
    /// Print every setting
    Show,
}

pub fn run(args: &ConfigArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let ConfigAction::Show = args.action;
    let rows = Settings::resolve(global, None, None)?.rows();
    if printer.is_json() {
        let entry = |row: &[String; 3]| (row[0].clone(), serde_json::json!({ "value": row[1], "origin": row[2] }));
        printer.json(&rows.iter().map(entry).collect::<serde_json::Map<_, _>>());
    } else {
        printer.line(text_table(&["Setting", "Value", "From"], rows.map(Vec::from).to_vec(), 3));
    }
    Ok(ExitCode::Done)
}
