//! `data_hash`: the first 16 hexadecimal characters of a SHA-256 over canonical text.

use std::fmt::Write;

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use super::text::push_f64;

/// The canonical text of a row: `name:value` items joined by `|` (`tables.md` §6).
///
/// Fields must be pushed in ascending code-point order of `name:value`; for every table this is
/// the order of the names.
#[derive(Debug, Default, Clone)]
pub struct HashText {
    text: String,
}

impl HashText {
    pub fn clear(&mut self) {
        self.text.clear();
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn name(&mut self, name: &str) -> &mut String {
        if !self.text.is_empty() {
            self.text.push('|');
        }
        self.text.push_str(name);
        self.text.push(':');
        &mut self.text
    }

    pub fn null(&mut self, name: &str) {
        self.name(name).push_str("NULL");
    }

    /// Strings enter without leading and trailing white space.
    pub fn str(&mut self, name: &str, value: &str) {
        self.name(name).push_str(stripped(value));
    }

    pub fn opt_str(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.str(name, value),
            None => self.null(name),
        }
    }

    pub fn int(&mut self, name: &str, value: i64) {
        write!(self.name(name), "{value}").expect("writing to a string");
    }

    pub fn opt_int(&mut self, name: &str, value: Option<i64>) {
        match value {
            Some(value) => self.int(name, value),
            None => self.null(name),
        }
    }

    pub fn f64(&mut self, name: &str, value: f64) {
        push_f64(self.name(name), value);
    }

    pub fn opt_f64(&mut self, name: &str, value: Option<f64>) {
        match value {
            Some(value) => self.f64(name, value),
            None => self.null(name),
        }
    }

    pub fn bool(&mut self, name: &str, value: bool) {
        self.name(name).push_str(if value { "True" } else { "False" });
    }

    pub fn date(&mut self, name: &str, value: NaiveDate) {
        write!(self.name(name), "{value}").expect("writing to a string");
    }

    /// `[a, b, …]` with each double in its text form.
    pub fn f64_list(&mut self, name: &str, values: &[f64]) {
        let text = self.name(name);
        text.push('[');
        for (index, &value) in values.iter().enumerate() {
            if index > 0 {
                text.push_str(", ");
            }
            push_f64(text, value);
        }
        text.push(']');
    }

    /// The stored hash of what was pushed.
    pub fn data_hash(&self) -> String {
        data_hash(&[self.text.as_bytes()])
    }
}

/// `text` without the white space around it, as the reference's language sees it: the four separators U+001C to
/// U+001F count as well (`tables.md` §6).
fn stripped(text: &str) -> &str {
    text.trim_matches(|unit: char| unit.is_whitespace() || matches!(unit, '\u{1c}'..='\u{1f}'))
}

/// The first 16 hexadecimal characters of the SHA-256 of the parts, one after the other.
pub fn data_hash(parts: &[&[u8]]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part);
    }
    hex(&digest.finalize()[..8])
}

/// All 64 hexadecimal characters of the SHA-256 of `bytes` (`player_daily_cache` §5.1).
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_of_the_reference_strings_are_stripped_as_its_language_does() {
        let stripped_around = "\t\n\u{b}\u{c}\r\u{1c}\u{1d}\u{1e}\u{1f} \u{85}\u{a0}\u{2028}\u{3000}";
        let kept = ["\u{0}", "\u{1b}", "\u{7f}", "\u{180e}", "\u{200b}", "\u{feff}"];
        let hashed = |text: &str| {
            let mut hash = HashText::default();
            hash.str("name", text);
            hash.as_str().to_owned()
        };
        assert_eq!(hashed(&format!("{stripped_around}a\u{1c}b{stripped_around}")), "name:a\u{1c}b");
        for unit in kept {
            assert_eq!(hashed(&format!("{unit}a{unit}")), format!("name:{unit}a{unit}"));
        }
    }
}
