//! Readers of what a kill left: by record, and by the names of files.

use std::path::{Path, PathBuf};

use super::scenarios::RANGE;
use super::tally::{Kind, Wrong};
use super::tree::Tree;
use super::{TEST_TIME, is_full_matrix, run, text, words};

/// Done, dates failed or pending, checks failed, nothing there yet, differences.
const ANSWERS: [i32; 5] = [0, 3, 4, 5, 9];

/// Runs commands that read; with the full matrix another one after each kill. Returns how many ran.
pub fn read(work: &Path, number: usize, wrong: &mut Vec<Wrong>) -> usize {
    let plain = work.with_file_name("plain");
    let mut readers = vec![format!("status {RANGE}"), "runs".to_owned()];
    if Tree::read(work).get(Path::new("published/_putback/published.json")).is_some() {
        readers.push(format!("diff {RANGE} --with dir:published"));
    }
    if work.join("published").is_dir() {
        copy_plain_names(&work.join("published"), &plain);
        readers.push(format!("diff {RANGE} --with dir:{}", plain.display()));
    }
    if is_full_matrix() {
        readers = vec![readers.swap_remove(number % readers.len())];
    }
    for line in &readers {
        let output = run(&words(line), work, TEST_TIME);
        if !output.status.code().is_some_and(|code| ANSWERS.contains(&code)) {
            let stderr = text(&output.stderr);
            let kind = match Kind::of_end(output.status.code(), &stderr) {
                Kind::Panic => Kind::Panic,
                _ => Kind::Reader,
            };
            wrong.push((kind, format!("{line}: {}: {stderr}", output.status)));
        }
    }
    readers.len()
}

/// What a reader of `<table>/*.parquet` finds.
fn copy_plain_names(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for dir in dirs(from).into_iter().filter(|dir| !dir.ends_with("_putback")) {
        let copy = to.join(dir.file_name().expect("a name"));
        std::fs::create_dir_all(&copy).expect("a directory");
        for entry in std::fs::read_dir(&dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "parquet") {
                std::fs::copy(&path, copy.join(path.file_name().expect("a name"))).expect("a copy");
            }
        }
    }
}

fn dirs(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).expect("a directory");
    entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir()).collect()
}
