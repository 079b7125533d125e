//! What a terminal can show: signs and letters beyond ASCII only where the locale is UTF-8, and how wide it is.

use std::borrow::Cow;
use std::fmt::Write;
use std::io::IsTerminal;
use std::sync::OnceLock;

use super::environment;

static IS_PLAIN: OnceLock<bool> = OnceLock::new();

/// Decides once, for the whole process. Where no variable names a locale, text is UTF-8: so are today's terminals, and
/// services have no such variable.
pub fn choose() {
    let names = [environment::LC_ALL, environment::LC_CTYPE, environment::LANG];
    let locale = names.into_iter().find_map(environment::variable);
    let _ = IS_PLAIN.set(locale.is_some_and(|locale| !is_utf8(&locale)));
}

fn is_utf8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Whether only ASCII is shown.
pub fn is_plain() -> bool {
    IS_PLAIN.get().is_some_and(|is_plain| *is_plain)
}

/// The text as the locale can show it.
pub fn shown_here(text: &str) -> Cow<'_, str> {
    if is_plain() { plain(text) } else { Cow::Borrowed(text) }
}

/// Our own signs as ASCII; other letters are spelt out.
fn plain(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for unit in text.chars() {
        match unit {
            '✓' => out.push('+'),
            '✗' => out.push('x'),
            '∅' => out.push('-'),
            '⏭' => out.push('>'),
            '…' => out.push_str("..."),
            '–' | '−' => out.push('-'),
            '·' => out.push('.'),
            '§' => out.push_str("section "),
            '±' => out.push_str("+/-"),
            unit if unit.is_ascii() => out.push(unit),
            other => write!(out, "\\u{{{:x}}}", u32::from(other)).expect("writing to a string"),
        }
    }
    Cow::Owned(out)
}

/// Columns of the terminal that standard output is; `None`: it is none, and lines have any length.
pub fn width() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)).filter(|width| *width > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_is_utf8_by_its_name() {
        for (locale, expected) in [
            ("C", false),
            ("POSIX", false),
            ("de_DE.ISO-8859-1", false),
            ("de_DE", false),
            ("C.UTF-8", true),
            ("en_US.utf8", true),
        ] {
            assert_eq!(is_utf8(locale), expected, "{locale}");
        }
    }

    #[test]
    fn signs_have_a_plain_form_and_letters_are_spelt_out() {
        assert_eq!(plain("2024-01-02 ✓ Success, ✗ Failed …"), "2024-01-02 + Success, x Failed ...");
        assert_eq!(plain("Dončić"), "Don\\u{10d}i\\u{107}");
        assert!(matches!(plain("ASCII"), Cow::Borrowed("ASCII")));
    }
}
