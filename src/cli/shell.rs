//! `putback completions` and `putback man`

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

use super::exit::ExitCode;
use super::output::Printer;
use crate::error::{Error, Result};

/// Print the completion script of a shell
///
/// Load it in the shell's start-up file, or write it where the shell looks for completions.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  source <(putback completions bash)\n  putback completions zsh > ~/.zfunc/_putback\n  putback completions fish > ~/.config/fish/completions/putback.fish"
)]
pub struct CompletionsArgs {
    /// The shell to complete in
    shell: Shell,
}

/// Print the manual page, or write one page per command
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  putback man | man -l -\n  putback man --out ~/.local/share/man/man1")]
pub struct ManArgs {
    /// Directory that gets putback.1 and a page for each command, like putback-sync.1
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn completions(args: &CompletionsArgs, mut cli: clap::Command, printer: Printer) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli, "putback", &mut script);
    printer.verbatim(&text(script));
    Ok(ExitCode::Done)
}

pub fn man(args: &ManArgs, cli: clap::Command, printer: Printer) -> Result<ExitCode> {
    let Some(dir) = &args.out else {
        let mut page = Vec::new();
        let rendered = clap_mangen::Man::new(cli).render(&mut page);
        rendered.expect("memory takes every write");
        printer.verbatim(&text(page));
        return Ok(ExitCode::Done);
    };
    std::fs::create_dir_all(dir).map_err(|error| Error::io("create", dir, error))?;
    clap_mangen::generate_to(cli, dir).map_err(|error| Error::io("write manual pages into", dir, error))?;
    Ok(ExitCode::Done)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("help texts are UTF-8").trim_end().to_owned()
}
