//! The documents hold what the code refers to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A page of `docs/spec`, and the names by which code and documents refer to it.
const PAGES: [(&str, &[&str]); 8] = [
    ("team_defense_zone_analysis", &["TDZA", "tdza"]),
    ("player_shot_zone_analysis", &["PSZA", "psza"]),
    ("player_composite_factors", &["PCF", "pcf"]),
    ("ml_feature_store", &["MLFS", "mlfs"]),
    ("player_daily_cache", &["PDC", "pdc"]),
    ("orchestration", &[]),
    ("tables", &[]),
    ("validation", &[]),
];

#[test]
fn every_section_that_the_code_names_exists() {
    let sections = sections();
    let mut unknown = Vec::new();
    for file in ["src", "data", "tests", "benches", "docs/spec"].into_iter().flat_map(files_below) {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        for (number, line) in text.lines().enumerate() {
            for (page, section) in references(line, page_of_file(&file)) {
                let place = format!("{}:{}", file.display(), number + 1);
                match page {
                    None => unknown.push(format!("{place}: §{section} names no page of docs/spec")),
                    Some(page) if !sections[page].contains(&section) => {
                        unknown.push(format!("{place}: docs/spec/{page}.md has no section {section}"));
                    }
                    Some(_) => {}
                }
            }
        }
    }
    assert!(unknown.is_empty(), "{} references lead nowhere:\n{}", unknown.len(), unknown.join("\n"));
}

#[test]
fn every_rule_and_incident_that_a_check_names_exists() {
    let rules = rows_by_section("validation");
    let incidents = rows_by_section("orchestration").remove("12").expect("the incidents");
    let mut unknown = Vec::new();
    for file in files_below("data/checks").into_iter().filter(|file| file.extension().is_some_and(|e| e == "toml")) {
        let text = fs::read_to_string(&file).expect("a file of checks");
        for source in text.lines().filter_map(|line| line.strip_prefix("source = ")) {
            for (section, rule) in source.split('§').skip(1).flat_map(cited_rules) {
                if !rules.get(&section).is_some_and(|known| known.contains(&rule)) {
                    unknown.push(format!("validation.md §{section} has no {rule}, which {source} cites"));
                }
            }
            for incident in cited_incidents(source).into_iter().filter(|row| !incidents.contains(row)) {
                unknown.push(format!("orchestration.md §12 has no row {incident}, which {source} cites"));
            }
        }
    }
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
}

#[test]
fn the_reference_is_what_the_code_says() {
    let output = Command::new(env!("CARGO_BIN_EXE_putback")).arg("reference").output().expect("the binary");
    let current = String::from_utf8(output.stdout).expect("a text");
    let kept = read("docs/reference.md");
    let differs = current.lines().zip(kept.lines()).find(|(current, kept)| current != kept);
    assert!(
        current == kept,
        "docs/reference.md is not current: renew it with `make reference`; it first differs in\n{differs:#?}"
    );
}

#[test]
fn the_readme_is_short_and_has_every_command() {
    let readme = read("README.md");
    let words = readme.split_whitespace().count();
    assert!(words <= 800, "README.md has {words} words; move details to docs/");
    let reference = read("docs/reference.md");
    let commands =
        reference.lines().filter_map(|line| line.strip_prefix("### putback ")).filter(|name| !name.contains(' '));
    for command in commands.filter(|name| *name != "config") {
        assert!(readme.contains(&format!("| `{command}` |")), "README.md does not list `{command}`");
    }
}

#[test]
fn every_link_between_documents_leads_to_a_file() {
    let mut broken = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).expect("a document");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            let is_file = !path.is_empty() && !path.contains("://");
            if is_file && !document.with_file_name("").join(path).exists() {
                broken.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

/// Sections of every page by their numbers: `## 2. Inputs` is 2, `### 2.1 Table` is 2.1.
fn sections() -> BTreeMap<&'static str, BTreeSet<String>> {
    let numbers =
        |page: &str| read(&format!("docs/spec/{page}.md")).lines().filter_map(heading_number).collect::<BTreeSet<_>>();
    PAGES.iter().map(|(page, _)| (*page, numbers(page))).collect()
}

fn heading_number(line: &str) -> Option<String> {
    let number = line.strip_prefix('#')?.trim_start_matches('#').split_whitespace().next()?.trim_end_matches('.');
    number.starts_with(|c: char| c.is_ascii_digit()).then(|| number.to_owned())
}

/// First cells of the tables of a page, by section.
fn rows_by_section(page: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut rows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut section = String::new();
    for line in read(&format!("docs/spec/{page}.md")).lines() {
        if let Some(number) = heading_number(line) {
            section = number;
        } else if let Some(cell) = line.strip_prefix("| ").and_then(|rest| rest.split(" |").next()) {
            rows.entry(section.clone()).or_default().insert(cell.to_owned());
        }
    }
    rows
}

/// The sections that a line refers to, each with its page: the one named before it, or the page of the file.
fn references(line: &str, page_of_file: Option<&'static str>) -> Vec<(Option<&'static str>, String)> {
    let mut page = page_of_file;
    let mut found = Vec::new();
    for (at, sign) in line.match_indices('§') {
        let section: String = line[at + sign.len()..].chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        let section = section.trim_end_matches('.').to_owned();
        page = page_named_at_the_end(&line[..at]).or(page);
        if !section.is_empty() {
            found.push((page, section));
        }
    }
    found
}

fn page_named_at_the_end(text: &str) -> Option<&'static str> {
    let text = text.trim_end_matches([' ', '`', '(']);
    let text = text.strip_suffix(".md").unwrap_or(text);
    let is_of_a_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    page_named(&text[text.trim_end_matches(is_of_a_name).len()..])
}

fn page_named(name: &str) -> Option<&'static str> {
    PAGES.iter().find(|(page, others)| *page == name || others.contains(&name)).map(|(page, _)| *page)
}

/// The page of the processor whose folder or file this is, or the page itself.
fn page_of_file(file: &Path) -> Option<&'static str> {
    let parts = file.iter().filter_map(|part| part.to_str());
    parts.map(|part| part.split('.').next().unwrap_or(part)).filter_map(page_named).next_back()
}

/// `7 I4, I11 (adjusted)` cites I4 and I11 of section 7.
fn cited_rules(citation: &str) -> Vec<(String, String)> {
    let mut words = citation.split([' ', ',', ';', ')', ':', '"']).filter(|word| !word.is_empty());
    let section = words.next().unwrap_or_default().to_owned();
    let is_rule = |word: &&str| {
        let digits = word.strip_prefix(|c: char| c.is_ascii_uppercase()).unwrap_or_default();
        !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())
    };
    words.take_while(is_rule).map(|rule| (section.clone(), rule.to_owned())).collect()
}

/// `orchestration §12 rows 5, 31` cites rows 5 and 31.
fn cited_incidents(source: &str) -> Vec<String> {
    let Some((_, rest)) = source.split_once("12 row") else { return Vec::new() };
    let numbers = rest.trim_start_matches('s').split([' ', ',', ';', ')', ':', '"']).filter(|word| !word.is_empty());
    numbers.take_while(|word| word.chars().all(|c| c.is_ascii_digit())).map(str::to_owned).collect()
}

fn documents() -> Vec<PathBuf> {
    let is_document = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "md");
    let top = fs::read_dir(root()).expect("the repository").map(|entry| entry.expect("an entry").path());
    top.chain(["docs", "data"].into_iter().flat_map(files_below)).filter(is_document).collect()
}

fn files_below(dir: &str) -> Vec<PathBuf> {
    let mut dirs = vec![root().join(dir)];
    let mut files = Vec::new();
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            if path.is_dir() { dirs.push(path) } else { files.push(path) }
        }
    }
    files
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
