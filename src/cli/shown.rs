//! Text that comes from data, paths, arguments or settings, as it is shown.

use std::borrow::Cow;
use std::fmt::Write;

/// `text` with every character that a terminal would obey spelt out: control characters as `\x1b`, line and
/// paragraph separators and the marks that turn the direction of text as `\u{202e}`.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for unit in text.chars() {
        match u32::from(unit) {
            _ if !is_obeyed(unit) => out.push(unit),
            code @ ..0x100 => write!(out, "\\x{code:02x}").expect("writing to a string"),
            code => write!(out, "\\u{{{code:x}}}").expect("writing to a string"),
        }
    }
    Cow::Owned(out)
}

/// As [`shown`], for text of our own in lines with such names in it: line breaks stay.
pub fn shown_lines(text: &str) -> Cow<'_, str> {
    if !text.contains(|unit| unit != '\n' && is_obeyed(unit)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.split('\n').map(shown).collect::<Vec<_>>().join("\n"))
}

/// JSON with those of such characters escaped that JSON itself allows in strings.
pub fn shown_json(json: &str) -> Cow<'_, str> {
    let is_raw = |unit: char| unit >= '\u{7f}' && is_obeyed(unit);
    if !json.contains(is_raw) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 8);
    for unit in json.chars() {
        if is_raw(unit) {
            write!(out, "\\u{:04x}", u32::from(unit)).expect("writing to a string");
        } else {
            out.push(unit);
        }
    }
    Cow::Owned(out)
}

fn is_obeyed(unit: char) -> bool {
    unit.is_control()
        || matches!(unit, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_data_is_text() {
        assert_eq!(shown("a\u{1b}[31mb\r\n\t\u{0}\u{7f}\u{9b}"), "a\\x1b[31mb\\x0d\\x0a\\x09\\x00\\x7f\\x9b");
        assert_eq!(shown("abc\u{202e}def\u{2028}"), "abc\\u{202e}def\\u{2028}");
        for plain in ["", "lebronjames", "Dončić \\ \"x\" 中 🏀"] {
            assert!(matches!(shown(plain), Cow::Borrowed(text) if text == plain));
        }
        assert_eq!(shown_lines("a\u{1b}\nb\r\n"), "a\\x1b\nb\\x0d\n");
    }

    #[test]
    fn json_stays_json() {
        let value = serde_json::json!({ "na\u{9b}me": "\u{1b}\u{7f}\u{202e}\u{e9}" });
        let text = serde_json::to_string(&value).expect("serializes");
        let shown = shown_json(&text);
        assert_eq!(shown, r#"{"na\u009bme":"\u001b\u007f\u202eé"}"#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).expect("JSON"), value);
    }
}
