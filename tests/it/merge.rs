//! `putback merge`: stores of pieces come out as one store that computed everything.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use putback::calendar::Season;
use putback::catalog::Table;
use putback::checks::Catalogue;
use putback::error::ErrorKind;
use putback::merge::{merge, open, with_own};
use putback::progress::{Event, Observer};
use putback::store::{Layer, Owner, Store, WriteLock};
use putback::synth::{self, SeasonSpec};

use crate::fixture::{Desk, Outcome};

/// The end of one season, and the beginning of the next.
const FIRST: [&str; 4] = ["--from", "2023-04-20", "--to", "2023-09-30"];
const SECOND: [&str; 4] = ["--from", "2023-10-01", "--to", "2023-11-20"];
const BOTH: [&str; 4] = ["--from", "2023-04-20", "--to", "2023-11-20"];

/// Stores `first`, `second` and `whole` beside a warehouse of two seasons. No test writes into them.
fn pieces() -> &'static Desk {
    static DESK: OnceLock<Desk> = OnceLock::new();
    DESK.get_or_init(|| {
        let desk = Desk::empty();
        fs::create_dir(desk.path("warehouse")).expect("a directory");
        let spec = SeasonSpec {
            players_per_team: 8,
            seasons: vec![Season::starting_in(2022), Season::starting_in(2023)],
            last_day: Some("2023-11-20".parse().expect("a date")),
            ..SeasonSpec::default()
        };
        for (table, batch) in synth::generate(&spec).expect("two seasons") {
            desk.put(table, &batch);
        }
        for (store, range) in [("first", FIRST), ("second", SECOND), ("whole", BOTH)] {
            make(&desk, store, &range, &[]);
        }
        desk
    })
}

/// Syncs, computes and validates.
fn make(desk: &Desk, store: &str, range: &[&str], options: &[&str]) {
    let run = |words: &[&str]| desk.run(&[&["-q", "--store", store], words].concat(), range);
    for (words, codes) in [
        (["sync", "--warehouse", "dir:warehouse"].to_vec(), [0, 0]),
        ([&["compute"], options].concat(), [0, 3]),
        (vec!["validate"], [0, 4]),
    ] {
        let outcome = run(&words);
        assert!(codes.contains(&outcome.code), "{words:?}: {}", outcome.stderr);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(fs::copy(&path, &target).expect("a copy")),
        }
    }
}

/// A desk with copies of stores of [`pieces`], and its warehouse.
fn desk_with(stores: &[&str]) -> Desk {
    let (from, desk) = (pieces(), Desk::empty());
    for name in stores.iter().chain(&["warehouse"]) {
        copy(&from.path(name), &desk.path(name));
    }
    desk
}

fn merge_into(desk: &Desk, store: &str, others: &[&str]) -> Outcome {
    desk.run(&[&["--store", store, "merge"], others].concat(), &[])
}

/// The files of a store. What it remembers of the warehouse's files depends on how long ago they were written.
fn content(desk: &Desk, store: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = desk.files(store);
    for (name, bytes) in files.iter_mut().filter(|(name, _)| name.ends_with("phase3/manifest.json")) {
        let mut manifest: serde_json::Value = serde_json::from_slice(bytes).expect("a manifest");
        manifest["checksum"].take();
        let tables = manifest["tables"].as_object_mut().expect("tables");
        assert!(!tables.is_empty(), "{}", name.display());
        tables.values_mut().for_each(|table| drop(table.as_object_mut().expect("a table").remove("source_files")));
        *bytes = manifest.to_string().into_bytes();
    }
    files
}

/// Month files, objects, manifests and validations are those of the whole store.
fn assert_whole(desk: &Desk, store: &str) {
    assert_same(&content(desk, store), &content(pieces(), "whole"));
    let validations = |path: &Path| fs::read_to_string(path.join("runs/validations.json")).expect("validations");
    assert_eq!(validations(&desk.path(store)), validations(&pieces().path("whole")));
}

fn assert_same(found: &BTreeMap<PathBuf, Vec<u8>>, expected: &BTreeMap<PathBuf, Vec<u8>>) {
    assert!(expected.len() > 40);
    let names = found.keys().chain(expected.keys());
    let differ: BTreeSet<_> = names.filter(|name| found.get(*name) != expected.get(*name)).collect();
    assert!(differ.is_empty(), "{differ:?}");
}

#[test]
fn merged_stores_hold_what_one_store_holds_that_computed_everything() {
    let desk = desk_with(&["first", "second"]);
    for (store, others) in [("forth", ["first", "second"]), ("back", ["second", "first"])] {
        let outcome = merge_into(&desk, store, &others);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        assert_whole(&desk, store);
    }
    let taken = merge_into(&desk, "first", &["second"]);
    assert_eq!(taken.code, 0, "{}", taken.stderr);
    assert_whole(&desk, "first");
    let status = |desk: &Desk, store: &str| desk.run(&["--store", store, "status"], &[]).stdout;
    // Commands that it suggests name the store.
    assert_eq!(status(&desk, "first").replace("--store first", "--store whole"), status(pieces(), "whole"));
    // Nothing is computed again, and nothing is merged again.
    let again = desk.run(&["--store", "first", "compute"], &BOTH);
    assert!(again.stderr.contains("nothing to compute"), "{}", again.stderr);
    let again = desk.run(&["--store", "first", "--format", "json", "merge", "second", "forth"], &[]);
    assert_eq!(again.stdout.matches(": 0").count(), 8, "{}", again.stdout);
    assert_whole(&desk, "first");
}

#[test]
fn months_that_two_stores_share_are_joined() {
    let desk = desk_with(&[]);
    let (early, late) =
        (["--from", "2023-11-07", "--to", "2023-11-12"], ["--from", "2023-11-11", "--to", "2023-11-20"]);
    for (store, range) in [("early", early), ("late", late)] {
        make(&desk, store, &range, &[]);
    }
    make(&desk, "at-once", &["--from", "2023-11-07", "--to", "2023-11-20"], &[]);
    for (store, others) in [("forth", ["early", "late"]), ("back", ["late", "early"])] {
        let outcome = merge_into(&desk, store, &others);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        assert_same(&content(&desk, store), &content(&desk, "at-once"));
    }
}

/// Tries a merge that is refused, and returns what it says; nothing is taken.
fn refused(desk: &Desk, others: &[&str]) -> String {
    let before = desk.files("first");
    let outcome = merge_into(desk, "first", others);
    assert!(before == desk.files("first"), "something was taken: {}", outcome.stderr);
    assert_eq!(outcome.stdout, "");
    format!("exit status: {}\n{}", outcome.code, outcome.stderr)
}

#[test]
fn what_two_stores_have_differently_is_named_and_nothing_is_taken() {
    let desk = Desk::new();
    let (early, late) =
        (["--from", "2023-11-07", "--to", "2023-11-10"], ["--from", "2023-12-01", "--to", "2023-12-04"]);
    make(&desk, "first", &early, &[]);
    make(&desk, "leak-free", &early, &["--windows", "day-before"]);
    insta::assert_snapshot!(refused(&desk, &["leak-free"]), @"
    exit status: 9
    error: first and leak-free differ: TDZA of 2023-11-08 has another --windows; nothing was merged
      hint: compute both from the same inputs with the same options, or leave one of them out
    ");
    let lines = crate::fixture::rows(Table::PlayerPointsProps);
    desk.put(Table::PlayerPointsProps, &lines.slice(lines.num_rows() / 2, lines.num_rows() / 2));
    make(&desk, "fewer-lines", &early, &[]);
    let said = refused(&desk, &["fewer-lines"]);
    let rows = "first and fewer-lines differ: rows of nba_raw.bettingpros_player_points_props on 2023-1";
    assert!(said.starts_with("exit status: 9\n") && said.contains(rows), "{said}");
    std::fs::remove_file(desk.warehouse_file(Table::PlayerBoxScores)).expect("a file");
    desk.put(Table::PlayerPointsProps, &lines);
    make(&desk, "fewer-tables", &late, &[]);
    insta::assert_snapshot!(refused(&desk, &["fewer-tables"]), @"
    exit status: 9
    error: first and fewer-tables differ: the second was synced from a warehouse without nba_raw.bdl_player_boxscores; nothing was merged
      hint: sync and compute both from the warehouse as it is now, or leave one of them out
    ");
    fs::rename(desk.path("warehouse"), desk.path("elsewhere")).expect("a rename");
    let moved = desk.run(&["-q", "--store", "moved", "sync", "--warehouse", "dir:elsewhere"], &late);
    assert_eq!(moved.code, 0, "{}", moved.stderr);
    insta::assert_snapshot!(refused(&desk, &["moved"]), @"
    exit status: 9
    error: first and moved differ: nba_analytics.player_game_summary is from dir:[DIR]/warehouse in one and from dir:[DIR]/elsewhere in the other; nothing was merged
      hint: sync all stores from one warehouse, named in the same way
    ");
}

#[test]
fn what_is_no_store_or_no_whole_one_is_named_and_nothing_is_taken() {
    let desk = desk_with(&["first", "second"]);
    let named = |others: &[&str]| refused(&desk, others);
    insta::assert_snapshot!(named(&["nowhere"]), @"
    exit status: 5
    error: nowhere is not a store: nothing was synced into it
      hint: name directories that `sync` and `compute` wrote with --store; nothing was merged
    ");
    insta::assert_snapshot!(named(&["warehouse"]), @"
    exit status: 5
    error: warehouse is not a store: nothing was synced into it
      hint: name directories that `sync` and `compute` wrote with --store; nothing was merged
    ");
    insta::assert_snapshot!(named(&["second", "first"]), @"
    exit status: 2
    error: the store first is named twice
      hint: name each store once, and --store not among them
    ");
    insta::assert_snapshot!(named(&["second", "./second"]), @"
    exit status: 2
    error: the store ./second is named twice
      hint: name each store once, and --store not among them
    ");

    let owner = Owner { pid: 1, host: "here".to_owned(), command: "putback compute".to_owned() };
    let lock = WriteLock::acquire(&Store::at(desk.path("second")), &owner).expect("a lock");
    insta::assert_snapshot!(named(&["second"]), @"
    exit status: 10
    error: process 1 on here (`putback compute`) is writing the store second
      hint: wait for it to end; nothing was merged
    ");
    drop(lock);

    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1/store");
    copy(&fixture, &desk.path("older"));
    insta::assert_snapshot!(named(&["older"]), @"
    exit status: 11
    error: older: an older version of putback wrote it; nothing was merged
      hint: run `putback sync --store older` with this version first
    ");
    copy(&desk.path("second"), &desk.path("newer"));
    let manifest = desk.path("newer/phase4/manifest.json");
    fs::write(&manifest, r#"{"format":99,"processors":{},"files":{}}"#).expect("a file");
    insta::assert_snapshot!(named(&["newer"]), @"
    exit status: 11
    error: newer/phase4/manifest.json was written by a newer version of putback (format 99, this is 2)
      hint: use that version, or another directory
    ");

    // A file that was written to, under both of its names.
    let (store, table) = (Store::at(desk.path("second")), Table::MlFeatureStore);
    let (month, entry) =
        store.phase4().expect("a manifest").files[&table].iter().next().map(|(m, e)| (*m, e.clone())).expect("a month");
    let object = store.layer_dir(Layer::Phase4).join("objects").join(format!("{}.parquet", entry.sha256));
    let mut bytes = fs::read(&object).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(store.month_file(table, month), &bytes).expect("a file");
    fs::write(&object, &bytes).expect("a file");
    let said = named(&["second"]);
    assert!(
        said.starts_with("exit status: 13\n") && said.contains("is not the file that the store recorded"),
        "{said}"
    );
}

/// Does something to a store when it is asked for the second time whether to stop.
struct Meddler {
    calls: std::sync::atomic::AtomicUsize,
    act: Box<dyn Fn() -> bool + Sync>,
}

impl Observer for Meddler {
    fn on(&self, _event: Event) {}

    fn is_cancelled(&self) -> bool {
        self.calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 1 && (self.act)()
    }
}

#[test]
fn a_store_that_changes_meanwhile_and_a_stop_leave_everything_as_it_was() {
    let desk = desk_with(&["first", "second"]);
    let before = desk.files("first");
    let manifest = desk.path("second/phase4/manifest.json");
    let changed: Box<dyn Fn() -> bool + Sync> = Box::new(move || {
        let newer = fs::read_to_string(&manifest).expect("a manifest").replace("\"version\":", "\"version\": ");
        fs::write(&manifest, newer).expect("a file");
        false
    });
    let stopped: Box<dyn Fn() -> bool + Sync> = Box::new(|| true);
    for (act, kind) in [(stopped, ErrorKind::Interrupted), (changed, ErrorKind::StalePlan)] {
        let owner = Owner { pid: 1, host: "here".to_owned(), command: "test".to_owned() };
        let lock = WriteLock::acquire(&Store::at(desk.path("first")), &owner).expect("a lock");
        let meddler = Meddler { calls: std::sync::atomic::AtomicUsize::new(0), act };
        let others = open(&[Store::at(desk.path("second"))]).expect("a store");
        let parts = with_own(&lock, others).expect("a store");
        let outcome = merge(&lock, &parts, &Catalogue::built_in(), &meddler);
        drop(lock);
        assert_eq!(outcome.expect_err("a refusal").kind(), kind);
        assert!(before == desk.files("first"), "{kind:?}");
    }
}

/// A season can be computed alone: only Phase 3 is read across dates.
#[test]
fn no_processor_reads_outputs_of_other_dates() {
    for processor in putback::processors::all() {
        for input in processor.inputs() {
            let is_output = input.table.role() == putback::catalog::Role::Output;
            assert!(!is_output, "{} reads {} of other dates", processor.id(), input.table);
        }
    }
}

#[test]
fn a_unit_is_whole_or_absent_and_is_computed_once() {
    let desk = desk_with(&[]);
    let unit = |words: &[&str]| {
        let common = [
            "unit",
            "--of",
            "2022-23..2023-24",
            "--units",
            "units",
            "--warehouse",
            "dir:warehouse",
            "--scratch",
            "scratch",
        ];
        desk.run(&[&common, words].concat(), &[])
    };
    let listed = desk.run(&["unit", "--of", "2022-23..2023-24", "--list"], &[]);
    insta::assert_snapshot!(listed.shown(), @"
    exit status: 0
    --- stdout
    0 2022-23
    1 2023-24
    --- stderr
    ");
    for words in [vec!["--index", "2"], vec!["--index", "0", "--store", "mine"], vec![]] {
        assert_eq!(unit(&words).code, 2);
    }
    let first = unit(&["--index", "1", "-q"]);
    assert!([0, 3, 4].contains(&first.code), "{}", first.stderr);
    let made = desk.files("units");
    assert!(made.keys().all(|name| name.starts_with("2023-24")), "{:?}", made.keys());
    assert_eq!(fs::read_dir(desk.path("scratch")).expect("a directory").count(), 0);
    let again = unit(&["--index", "1"]);
    assert_eq!(again.code, first.code);
    assert!(again.stderr.contains("was there already"), "{}", again.stderr);
    let other = unit(&["--index", "1", "--windows", "day-before"]);
    assert_eq!(other.code, 9, "{}", other.stderr);
    assert!(made == desk.files("units"));
    let merged = merge_into(&desk, "store", &["units/2023-24"]);
    assert_eq!(merged.code, 0, "{}", merged.stderr);

    // Killed at any moment, an attempt leaves no unit, and the next one makes it.
    let mut attempt = desk.command(
        &[
            "unit",
            "--of",
            "2022-23..2023-24",
            "--units",
            "other",
            "--warehouse",
            "dir:warehouse",
            "--scratch",
            "scratch",
        ],
        &["--index", "1", "-q"],
    );
    attempt.stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = attempt.spawn().expect("the binary runs");
    let is_at_work = || fs::read_dir(desk.path("scratch")).expect("a directory").next().is_some();
    while !is_at_work() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    process.kill().expect("a process");
    process.wait().expect("its end");
    assert!(!desk.path("other/2023-24").exists());
    // Two attempts at once: one of them makes it.
    let mut attempts = [attempt.spawn().expect("the binary runs"), attempt.spawn().expect("the binary runs")];
    for process in &mut attempts {
        assert_eq!(process.wait().expect("its end").code(), Some(first.code));
    }
    assert_same(&content(&desk, "other"), &content(&desk, "units"));
}
