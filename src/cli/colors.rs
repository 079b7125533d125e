//! Colour with a meaning: green is complete, red stands against it, yellow is a note. Every coloured word says so without
//! colour as well.

use std::io::IsTerminal;
use std::sync::OnceLock;

use clap::ValueEnum;

use super::environment;

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set; with CLICOLOR_FORCE everywhere
    #[default]
    Auto,
    Always,
    Never,
}

/// What a colour means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Good,
    Bad,
    Note,
}

/// Where colours are shown.
#[derive(Debug, Clone, Copy)]
struct Shown {
    stdout: bool,
    stderr: bool,
}

static SHOWN: OnceLock<Shown> = OnceLock::new();

/// Decides once, for the whole process.
pub fn choose(color: Color) {
    let is_dumb = environment::variable(environment::TERM).is_some_and(|term| term == "dumb");
    let is_forced = environment::variable(environment::CLICOLOR_FORCE).is_some_and(|value| value != "0");
    let is_refused = environment::variable(environment::NO_COLOR).is_some();
    let auto = |is_terminal: bool| !is_refused && (is_forced || (is_terminal && !is_dumb));
    let shown = |is_terminal: bool| match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => auto(is_terminal),
    };
    let _ = SHOWN
        .set(Shown { stdout: shown(std::io::stdout().is_terminal()), stderr: shown(std::io::stderr().is_terminal()) });
}

/// The text for standard output. It must be plain already.
pub fn on_stdout(style: Style, text: &str) -> String {
    painted(style, text, SHOWN.get().is_some_and(|shown| shown.stdout))
}

/// As [`on_stdout`], for standard error.
pub fn on_stderr(style: Style, text: &str) -> String {
    painted(style, text, SHOWN.get().is_some_and(|shown| shown.stderr))
}

fn painted(style: Style, text: &str, is_shown: bool) -> String {
    let code = match style {
        Style::Good => "32",
        Style::Bad => "31",
        Style::Note => "33",
    };
    if is_shown { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_put_around_the_text_or_not_at_all() {
        assert_eq!(painted(Style::Good, "complete", true), "\x1b[32mcomplete\x1b[0m");
        assert_eq!(painted(Style::Bad, "partial", false), "partial");
    }
}
