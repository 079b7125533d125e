//! Readers beside writers.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::scenarios::{RANGE, after, sources};
use super::tree::Tree;
use super::{TEST_TIME, is_full_matrix, run, text, words};

/// Statuses that are answers: done, dates pending, checks failed, differences.
const ANSWERS: [i32; 4] = [0, 3, 4, 9];

#[test]
fn readers_beside_writers_always_answer() {
    let count = if is_full_matrix() { 200 } else { 12 };
    let (first, changed) = (&sources().first, &sources().changed);
    let base = after(&Tree::default(), &[format!("run {RANGE} --warehouse {first} --to dir:published")]);
    let dir = tempfile::tempdir().expect("a directory");
    let work = dir.path().join("work");
    base.write(&work);
    let readers = [
        format!("validate {RANGE}"),
        format!("validate {RANGE} --memory-limit 100MB"),
        format!("check {RANGE} --memory-limit 100MB"),
        format!("check {RANGE}"),
        "why tdza LAL 2023-11-08".to_owned(),
        format!("status {RANGE}"),
        format!("diff {RANGE} --with dir:published"),
    ];
    let (next, failures) = (AtomicUsize::new(0), std::sync::Mutex::new(Vec::new()));
    let (is_over, writes) = (AtomicBool::new(false), AtomicUsize::new(0));
    let read = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            let line = &readers[number % readers.len()];
            let output = run(&words(line), &work, TEST_TIME);
            if !output.status.code().is_some_and(|code| ANSWERS.contains(&code)) {
                let told = format!("{line}: {}: {}", output.status, text(&output.stderr));
                failures.lock().expect("no thread panicked").push(told);
            }
        }
    };
    // There and back again, and by force: months change all the time.
    let write = || {
        while !is_over.load(Ordering::Relaxed) {
            for (warehouse, force) in [(changed, ""), (first, " --force")] {
                for line in [format!("sync {RANGE} --warehouse {warehouse}"), format!("compute {RANGE}{force}")] {
                    let output = run(&words(&line), &work, TEST_TIME);
                    assert!(output.status.code().is_some_and(|code| code < 5), "{line}: {}", text(&output.stderr));
                    writes.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let writer = scope.spawn(write);
        let reading: Vec<_> = (0..3).map(|_| scope.spawn(read)).collect();
        reading.into_iter().for_each(|reader| reader.join().expect("a reader"));
        is_over.store(true, Ordering::Relaxed);
        writer.join().expect("the writer");
    });
    let failures = failures.into_inner().expect("no thread panicked");
    println!("{count} readers beside {} writers, {} failures", writes.into_inner(), failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(!work.join("putback-store/spill").exists(), "a spill directory is left");
}
