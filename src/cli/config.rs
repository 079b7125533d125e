//! `putback config`

use clap::{Args, Subcommand};

use super::exit::ExitCode;
use super::output::{Printer, text_table};
use super::settings::{GlobalArgs, Setting, Settings};
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
    let rows = rows(&Settings::resolve(global, None, None)?);
    if printer.is_json() {
        let entry = |row: &[String; 3]| (row[0].clone(), serde_json::json!({ "value": row[1], "origin": row[2] }));
        printer.json(&rows.iter().map(entry).collect::<serde_json::Map<_, _>>());
    } else {
        printer.line(text_table(&["Setting", "Value", "From"], rows.map(Vec::from).to_vec(), 3));
    }
    Ok(ExitCode::Done)
}

/// Name, value and origin of every setting.
pub fn rows(settings: &Settings) -> [[String; 3]; 8] {
    let store = Setting { value: settings.store.value.display(), origin: settings.store.origin.clone() };
    [
        row("store", Some(&store)),
        row("warehouse", settings.warehouse.as_ref()),
        row("to", settings.to.as_ref()),
        row("threads", Some(&settings.threads)),
        row("memory-limit", settings.memory_limit.as_ref()),
        row("location", settings.location.as_ref()),
        row("budget", settings.budget.as_ref()),
        row("datasets", Some(&settings.datasets).filter(|datasets| !datasets.value.is_empty())),
    ]
}

fn row<T: std::fmt::Display>(name: &str, setting: Option<&Setting<T>>) -> [String; 3] {
    let (value, origin) = match setting {
        Some(setting) => (setting.value.to_string(), setting.origin.to_string()),
        None => ("(not set)".to_owned(), "default".to_owned()),
    };
    [name.to_owned(), value, origin]
}
