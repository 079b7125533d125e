//! What a command leaves when it is killed, or meets a full or broken disk, at any operation on a file.
//!
//! A library that is preloaded into the binary (`shim.c`) counts operations below the directory of a case
//! and makes one of them fail. Whatever it was, afterwards
//! * each record is byte for byte the one before the command or the one after it, and every file that it
//!   names is there;
//! * each file under a plain name is that of before or that of after;
//! * the command ends as documented: killed, or with an error that says what happened;
//! * the same command again ends with the bytes of a run without faults: nothing is computed again, because
//!   it would have another timestamp, and nothing is left behind.
//!
//! Normally some operations of each command meet a fault; with `PUTBACK_FAULT_MATRIX=full` all of them do.

mod readers;
mod scenarios;
mod soak;
mod tree;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use self::tree::Tree;

/// What an operation meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Kill,
    Full,
    Broken,
}

impl Fault {
    const ALL: [Self; 3] = [Self::Kill, Self::Full, Self::Broken];

    fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Full => "full",
            Self::Broken => "broken",
        }
    }
}

/// Whether every case is tried, not some.
pub fn is_full_matrix() -> bool {
    std::env::var("PUTBACK_FAULT_MATRIX").is_ok_and(|value| value == "full")
}

/// The compiled library, built once.
fn shim() -> &'static Path {
    static SHIM: std::sync::OnceLock<(tempfile::TempDir, PathBuf)> = std::sync::OnceLock::new();
    let (_, path) = SHIM.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("shim.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/faults/shim.c");
        let mut compiler = Command::new(std::env::var("CC").unwrap_or_else(|_| "cc".to_owned()));
        let built = compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&path).arg(&source).arg("-ldl").status();
        assert!(built.is_ok_and(|status| status.success()), "the C compiler makes the library");
        (dir, path)
    });
    path
}

/// A command on a state of files.
struct Scenario {
    name: &'static str,
    /// The files before it.
    before: Tree,
    args: Vec<String>,
    /// Exit status without a fault.
    code: i32,
    /// The files after it, without a fault.
    after: Tree,
    operations: usize,
    /// The command reads only: what it leaves is what was there.
    only_reads: bool,
}

/// When a base was made, and when a command under test runs: what is computed twice has the second one.
const BASE_TIME: &str = "1700000000";
const TEST_TIME: &str = "1700100000";

fn command(args: &[String], dir: &Path, time: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_putback"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PUTBACK_")) {
        command.env_remove(name);
    }
    command.args(args).args(["-q", "--threads", "2"]).current_dir(dir);
    command.env("SOURCE_DATE_EPOCH", time).env("COLUMNS", "100");
    command
}

fn run(args: &[String], dir: &Path, time: &str) -> Output {
    command(args, dir, time).output().expect("the binary runs")
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

impl Scenario {
    /// Runs the command on `before` without a fault, to see what it does.
    fn new(name: &'static str, before: &Tree, line: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let work = dir.path().canonicalize().expect("it exists").join("work");
        before.write(&work);
        let count = dir.path().join("count");
        let args = words(line);
        let output = command(&args, &work, TEST_TIME)
            .env("LD_PRELOAD", shim())
            .env("FAULT_DIR", &work)
            .env("FAULT_COUNT", &count)
            .output()
            .expect("the binary runs");
        let operations = std::fs::read_to_string(&count).expect("the library counts").parse().expect("a number");
        let code = output.status.code().expect("it ends by itself");
        let after = Tree::read(&work);
        let only_reads = after.records() == before.records();
        Self { name, before: before.clone(), args, code, after, operations, only_reads }
    }

    /// The faults and the operations that meet them: all, or a few.
    fn cases(&self, salt: usize) -> Vec<(Fault, usize)> {
        let faults = if self.only_reads { &Fault::ALL[..1] } else { &Fault::ALL[..] };
        // Threads change the number a little.
        let last = self.operations + 2;
        if is_full_matrix() {
            return faults.iter().flat_map(|&fault| (1..=last).map(move |operation| (fault, operation))).collect();
        }
        // Another part of each command's work.
        let at = |index: usize| 1 + (salt * 37 + index * 61) % 100 * self.operations / 100;
        faults.iter().enumerate().map(|(index, &fault)| (fault, at(index))).collect()
    }

    /// What went wrong when an operation met a fault; empty: nothing.
    fn meet(&self, fault: Fault, operation: usize) -> Vec<String> {
        let dir = tempfile::tempdir().expect("a directory");
        let work = dir.path().canonicalize().expect("it exists").join("work");
        self.before.write(&work);
        let output = command(&self.args, &work, TEST_TIME)
            .env("LD_PRELOAD", shim())
            .env("FAULT_DIR", &work)
            .env("FAULT_AT", operation.to_string())
            .env("FAULT_KIND", fault.name())
            .output()
            .expect("the binary runs");
        let mut wrong = Vec::new();
        self.judge_end(fault, &output, &mut wrong);
        self.judge_state(&Tree::read(&work), &mut wrong);
        let again = run(&self.args, &work, TEST_TIME);
        if again.status.code() != Some(self.code) {
            wrong.push(format!("again: {} instead of {}: {}", again.status, self.code, text(&again.stderr)));
        }
        self.judge_rerun(&Tree::read(&work), &mut wrong);
        wrong
    }

    fn judge_end(&self, fault: Fault, output: &Output, wrong: &mut Vec<String>) {
        let stderr = text(&output.stderr);
        match output.status.code() {
            // By a signal.
            None if fault == Fault::Kill => {}
            Some(code) if code == self.code => {}
            Some(1) if stderr.contains("error: ") && !stderr.contains("panicked") => {}
            _ => wrong.push(format!("ends with {}: {stderr}", output.status)),
        }
    }

    fn judge_state(&self, found: &Tree, wrong: &mut Vec<String>) {
        for (name, bytes) in found.records() {
            let (before, after) = (self.before.records().remove(&name), self.after.records().remove(&name));
            if before != Some(bytes) && after != Some(bytes) {
                wrong.push(format!("mixture: {} is neither the record of before nor that of after", name.display()));
            }
        }
        for name in self.before.records().keys().filter(|name| !found.records().contains_key(*name)) {
            wrong.push(format!("lost: {}", name.display()));
        }
        wrong.extend(found.missing_objects().into_iter().map(|name| format!("lost: {name}")));
        for (name, bytes) in found.plain_names() {
            let (before, after) = (self.before.get(&name), self.after.get(&name));
            if before != Some(bytes) && after != Some(bytes) {
                wrong.push(format!("mixture: {} is neither that of before nor that of after", name.display()));
            }
        }
    }

    fn judge_rerun(&self, found: &Tree, wrong: &mut Vec<String>) {
        let (found, after) = (found.content(), self.after.content());
        for (name, bytes) in &found {
            match after.get(name) {
                None => wrong.push(format!("left: {}", name.display())),
                Some(expected) if expected != bytes => wrong.push(format!("differs: {}", name.display())),
                Some(_) => {}
            }
        }
        for name in after.keys().filter(|name| !found.contains_key(*name)) {
            wrong.push(format!("lost: {}", name.display()));
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

fn cases_of(scenario: &Scenario, salt: usize) -> Vec<(&Scenario, Fault, usize)> {
    scenario.cases(salt).into_iter().map(|(fault, operation)| (scenario, fault, operation)).collect()
}

/// Runs the cases of some scenarios on two threads, and tells what they came to.
fn run_matrix(scenarios: &[Scenario]) {
    let of_scenario = |(salt, scenario)| cases_of(scenario, salt);
    let cases: Vec<(&Scenario, Fault, usize)> = scenarios.iter().enumerate().flat_map(of_scenario).collect();
    let next = AtomicUsize::new(0);
    let failures: Mutex<Vec<String>> = Mutex::default();
    let work = || {
        while let Some((scenario, fault, operation)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            for wrong in scenario.meet(*fault, *operation) {
                let case = format!("{}: {} at operation {operation}", scenario.name, fault.name());
                println!("{case}: {wrong}");
                failures.lock().expect("no thread panicked").push(format!("{case}: {wrong}"));
            }
        }
    };
    std::thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(work))));
    let mut count: BTreeMap<(&str, Fault), usize> = BTreeMap::new();
    cases.iter().for_each(|(scenario, fault, _)| *count.entry((scenario.name, *fault)).or_default() += 1);
    for ((name, fault), cases) in count {
        println!("{name}: {} at {cases} operations", fault.name());
    }
    let failures = failures.into_inner().expect("no thread panicked");
    println!("{} cases, {} failures", cases.len(), failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
