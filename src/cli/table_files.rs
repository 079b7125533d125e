//! `putback table-files`: what the Python module reads.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::exit::ExitCode;
use super::output::Printer;
use super::settings::{GlobalArgs, Settings};
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::store::Store;

/// List the intact files of a computed table, and the dates whose rows readers leave out
#[derive(Debug, Args)]
pub struct TableFilesArgs {
    /// Name of the table, with or without its dataset
    table: String,
}

pub fn run(args: &TableFilesArgs, global: &GlobalArgs, printer: Printer) -> Result<ExitCode> {
    let store = Settings::resolve(global, None, None)?.store();
    let table = named(&args.table)?;
    let phase4 = store.phase4()?;
    let Some(files) = phase4.files_of(table).filter(|files| !files.is_empty()) else {
        return Err(nothing_computed(&store, table));
    };
    let files = store.recorded_files(table, files, |_| true)?;
    let absolute = |file: PathBuf| std::path::absolute(&file).map_err(|error| Error::io("find", &file, error));
    let files: Vec<PathBuf> = files.into_iter().map(absolute).collect::<Result<_>>()?;
    if printer.is_json() {
        printer.json(&json!({
            "table": table.full_name(),
            "date_column": table.schema().partition_column(),
            "files": files,
            "vanished_dates": phase4.vanished_dates(table),
        }));
    } else {
        files.iter().for_each(|file| printer.line(file.display().to_string()));
    }
    Ok(ExitCode::Done)
}

fn named(name: &str) -> Result<Table> {
    Table::outputs().find(|table| table.full_name() == name || table.name() == name).ok_or_else(|| {
        let known: Vec<_> = Table::outputs().map(Table::name).collect();
        Error::new(ErrorKind::Usage, format!("\"{name}\" is not a table that putback computes"))
            .hint(format!("the tables are {}", known.join(", ")))
    })
}

fn nothing_computed(store: &Store, table: Table) -> Error {
    Error::new(ErrorKind::Upstream, format!("the store {} has no rows of {table}", store.root().display()))
        .hint("run `putback compute` first, or name another --store")
}
