//! Commands that texts suggest, as they have to be typed: with the store that was given. What stands in parentheses is the
//! command of another process.

use std::borrow::Cow;
use std::path::Path;
use std::sync::OnceLock;

static STORE: OnceLock<String> = OnceLock::new();

/// Between two commands.
const THEN: &str = "; ";

/// Decides once, for the whole process. A store of the environment or of the settings file is found again without a word.
pub fn choose(given: Option<&Path>) {
    if let Some(store) = given {
        let _ = STORE.set(format!(
            " --store {}",
            shlex::try_quote(&store.display().to_string()).expect("an argument has no NUL")
        ));
    }
}

/// The text with the store in the commands of putback that it has between backticks.
pub fn complete(text: &str) -> Cow<'_, str> {
    match STORE.get() {
        Some(store) => with_store(text, store),
        None => Cow::Borrowed(text),
    }
}

fn with_store<'a>(text: &'a str, store: &str) -> Cow<'a, str> {
    let of_command = |command: &str| {
        let is_ours = command.starts_with("putback ") && !command.contains("--store");
        if is_ours { format!("{command}{store}") } else { command.to_owned() }
    };
    if !text.contains("`putback ") {
        return Cow::Borrowed(text);
    }
    let parts: Vec<&str> = text.split('`').collect();
    let of_part = |(number, part): (usize, &&str)| {
        let is_suggested = number % 2 == 1 && !parts[number - 1].ends_with('(');
        if is_suggested { part.split(THEN).map(of_command).collect::<Vec<_>>().join(THEN) } else { (*part).to_owned() }
    };
    parts.iter().enumerate().map(of_part).collect::<Vec<_>>().join("`").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_between_backticks_name_the_store() {
        let completed = |text: &'static str| with_store(text, " --store 'my store'").into_owned();
        assert_eq!(
            completed("next: `putback validate --date 2024-01-02` explains; `rm -r x`, `putback`"),
            "next: `putback validate --date 2024-01-02 --store 'my store'` explains; `rm -r x`, `putback`"
        );
        assert_eq!(
            completed("`putback sync --date 2024-01-02; putback compute` pulls; computes"),
            "`putback sync --date 2024-01-02 --store 'my store'; putback compute --store 'my store'` pulls; computes"
        );
        assert_eq!(completed("process 1 (`putback run`) is writing"), "process 1 (`putback run`) is writing");
        assert_eq!(completed("run `putback sync --store s` first"), "run `putback sync --store s` first");
        assert_eq!(completed("putback 0.1.0"), "putback 0.1.0");
    }
}
