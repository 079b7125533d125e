//! Invented player names, with the traits that make real ones hard to join: accents, apostrophes,
//! hyphens and suffixes.

use std::collections::HashSet;

use super::draws::Draws;

const FIRST: [&str; 40] = [
    "Aldo", "Amari", "Bastian", "Brix", "Caden", "Ciro", "Dário", "Delroy", "Emeric", "Ezra", "Fabian", "Galen",
    "Hollis", "Ivo", "Jarek", "Jorin", "Kelan", "Koby", "Lazar", "Leoš", "Maceo", "Merrick", "Nico", "Noël", "Odell",
    "Óscar", "Penn", "Quincy", "Ramón", "René", "Silas", "Soren", "Tavon", "Tobin", "Ulises", "Vaughn", "Wendell",
    "Xavi", "Yannick", "Zdeněk",
];
const LAST_HEADS: [&str; 30] = [
    "Alder", "Bram", "Corv", "Dun", "Esk", "Fenn", "Gar", "Hollo", "Ing", "Jor", "Kest", "Lund", "Marr", "Nev", "Osk",
    "Pell", "Quill", "Rusk", "Sorr", "Tarn", "Ulv", "Var", "Wex", "Yar", "Zell", "Thorn", "Brack", "Crane", "Hesper",
    "Mont",
];
const LAST_TAILS: [&str; 20] = [
    "wick", "ford", "sley", "more", "gate", "by", "ander", "ell", "ins", "combe", "ović", "ström", "ier", "ard",
    "stone", "quist", "eau", "ünd", "ara", "é",
];

/// A name, and the key by which tables join (`orchestration.md` §2).
pub(super) struct Name {
    pub full: String,
    pub lookup: String,
}

/// A name whose lookup is not in `taken`, which then has it.
pub(super) fn new_name(draws: &mut Draws, taken: &mut HashSet<String>) -> Name {
    loop {
        let full = full_name(draws);
        let lookup = lookup_of(&full);
        if taken.insert(lookup.clone()) {
            return Name { full, lookup };
        }
    }
}

fn full_name(draws: &mut Draws) -> String {
    let first = draws.pick(&FIRST);
    let mut last = last_name(draws);
    if draws.one_in(25) {
        last = format!("{}'{last}", draws.pick(&["O", "D"]));
    } else if draws.one_in(40) {
        last = format!("{last}-{}", last_name(draws));
    }
    let suffix = match draws.below(60) {
        0..=2 => " Jr.",
        3 => " III",
        _ => "",
    };
    format!("{first} {last}{suffix}")
}

fn last_name(draws: &mut Draws) -> String {
    format!("{}{}", draws.pick(&LAST_HEADS), draws.pick(&LAST_TAILS))
}

/// Lower case, accents removed, everything but a to z and 0 to 9 deleted.
fn lookup_of(full_name: &str) -> String {
    full_name.chars().flat_map(char::to_lowercase).map(without_accent).filter(char::is_ascii_alphanumeric).collect()
}

/// For the letters of the name lists.
fn without_accent(letter: char) -> char {
    match letter {
        'á' => 'a',
        'ć' => 'c',
        'é' | 'ë' | 'ě' => 'e',
        'ó' | 'ö' => 'o',
        'š' => 's',
        'ü' => 'u',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookups_lose_accents_and_punctuation_but_no_letter() {
        assert_eq!(lookup_of("Leoš O'Vaové Jr."), "leosovaovejr");
        for part in FIRST.iter().chain(&LAST_HEADS).chain(&LAST_TAILS) {
            assert_eq!(lookup_of(part).len(), part.chars().count(), "{part}");
        }
    }
}
