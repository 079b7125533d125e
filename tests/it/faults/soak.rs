//! Many runs with changes, reverts and kills come to what one run comes to.

use std::path::PathBuf;

use rand_pcg::rand_core::Rng;

use super::scenarios::{after, sources};
use super::tree::Tree;
use super::{BASE_TIME, command, is_full_matrix, run, shim, text, words};

const RANGE: &str = "--from 2023-11-07 --to 2023-11-10";

#[test]
fn many_runs_with_kills_end_like_one() {
    let runs = if is_full_matrix() { 100 } else { 6 };
    let warehouses = [&sources().first, &sources().changed];
    let line = |warehouse: &str| format!("run {RANGE} --warehouse {warehouse} --to dir:published");
    let dir = tempfile::tempdir().expect("a directory");
    let work = dir.path().canonicalize().expect("it exists").join("work");
    std::fs::create_dir(&work).expect("a directory");
    let mut random = rand_pcg::Pcg64::new(1, 2);
    let (mut kills, mut most) = (0, 0);
    for _ in 0..runs {
        let warehouse = warehouses[random.next_u32() as usize % 2];
        let operation = random.next_u32() % 500;
        let output = command(&words(&line(warehouse)), &work, BASE_TIME)
            .env("LD_PRELOAD", shim())
            .env("FAULT_DIR", &work)
            .env("FAULT_AT", operation.to_string())
            .env("FAULT_KIND", "kill")
            .output()
            .expect("the binary runs");
        kills += usize::from(output.status.code().is_none());
        let code = output.status.code();
        assert!(code.is_none_or(|code| code < 5), "{code:?}: {}", text(&output.stderr));
        most = most.max(Tree::read(&work).content().len());
    }
    let last = run(&words(&line(warehouses[0])), &work, BASE_TIME);
    assert!(last.status.code().is_some_and(|code| code < 5), "{}", text(&last.stderr));
    let (found, fresh) = (Tree::read(&work), after(&Tree::default(), &[line(warehouses[0])]));
    // What earlier publications replaced is kept; that it goes in time shows in the number of files.
    let is_history = |name: &PathBuf| name.starts_with("published/_putback/kept");
    let names = |tree: &Tree| tree.content().into_keys().filter(|name| !is_history(name)).collect::<Vec<_>>();
    println!("{runs} runs, {kills} killed; {most} files at most, {} at the end", found.content().len());
    assert_eq!(names(&found), names(&fresh));
    // Counts of rows that a computation lost are history; everything else is equal.
    for (name, bytes) in found.plain_names() {
        assert!(fresh.get(&name) == Some(bytes), "{} differs", name.display());
    }
    assert!(most < 4 * found.content().len(), "files grow");
}
