//! `putback bench`: what is measured, not how long it takes.

use crate::fixture::{Desk, RANGE};

#[test]
fn bench_measures_the_dates_of_the_store_and_changes_nothing() {
    let desk = Desk::computed();
    let before = std::fs::read(desk.path("putback-store/phase4/manifest.json")).expect("a manifest");
    let outcome = desk.run(&["bench", "--runs", "1", "--warm-up", "0", "--format", "json"], &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let report: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("one document");
    assert_eq!(report["game_dates"], 32);
    assert!(report["floor_ratio"].as_f64().is_some_and(|ratio| ratio > 0.0));
    let measurements = report["measurements"].as_array().expect("measurements");
    let names: Vec<&str> = measurements.iter().filter_map(|one| one["name"].as_str()).collect();
    let expected =
        ["TDZA", "PSZA", "PCF", "PDC", "MLFS", "all", "floor (COPY)", "nothing changed", "status", "start-up"];
    assert_eq!(names, expected);
    for one in measurements {
        assert_eq!(one["wall_seconds"].as_array().map(Vec::len), Some(1), "{one}");
    }
    // The status of the fixture: rows and failures.
    let rows_out: Vec<u64> = measurements.iter().filter_map(|one| one["rows_out"].as_u64()).take(5).collect();
    assert_eq!(rows_out, [525 + 435, 6869 + 865, 4295, 4190 + 73, 4292]);
    assert_eq!(std::fs::read(desk.path("putback-store/phase4/manifest.json")).expect("a manifest"), before);
    let left = std::fs::read_dir(desk.path("")).expect("a directory").filter_map(|entry| entry.ok());
    assert!(!left.map(|entry| entry.file_name()).any(|name| name.to_string_lossy().starts_with("putback-bench-")));
}

#[test]
fn bench_measures_a_directory_warehouse_and_says_what_it_measured() {
    let desk = Desk::new();
    let outcome = desk.run(&["bench", "--runs", "1", "--warm-up", "0", "--warehouse", "dir:warehouse"], &RANGE);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stdout.contains("dir:warehouse: 32 game dates, 2023-11-08 to 2023-12-10"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("all over floor: "), "{}", outcome.stdout);
    assert!(!desk.path("putback-store").exists());
}

#[test]
fn bench_without_data_says_what_to_do() {
    let desk = Desk::new();
    let outcome = desk.run(&["bench"], &[]);
    assert_eq!(outcome.code, 5);
    assert!(outcome.stderr.contains("there is no store to measure"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("--scale 1"), "{}", outcome.stderr);
}
