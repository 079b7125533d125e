//! What a command leaves when it is killed, or meets a full or broken disk, at any operation on a file.
//!
//! A library that is preloaded into the binary (`shim.c`) counts operations below the directory of a case
//! and makes one of them fail. Whatever it was, afterwards
//! * each record is byte for byte the one before the command or the one after it, and every file that it
//!   names is there;
//! * each file under a plain name is that of before or that of after;
//! * the command ends as documented: killed, or with an error that says what happened;
//! * commands that read answer, by the records and by the names of files;
//! * the same command again ends with the bytes of a run without faults: its log has no date that was valid,
//!   and nothing is left behind.
//!
//! Normally some operations of each command meet a fault. With `PUTBACK_FAULT_MATRIX=full` a kill meets each of
//! them, and every fourth meets a full or a broken disk, in turn. Of `run`, which is the other commands one after
//! another, a kill meets every third.

mod after_kill;
mod readers;
mod scenarios;
mod soak;
mod tally;
mod tree;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use self::tally::{Kind, Tally, Wrong};
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

/// One operation in so many meets a full or a broken disk.
const DISK_STEP: usize = 4;

/// One operation of `run` in so many meets a kill.
const RUN_STEP: usize = 3;

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
            let kill_step = if self.args[0] == "run" { RUN_STEP } else { 1 };
            let kills = (1 + salt % kill_step..=last).step_by(kill_step).map(|operation| (Fault::Kill, operation));
            let disks = (1 + salt % DISK_STEP..=last).step_by(DISK_STEP);
            let disks = disks.zip([Fault::Full, Fault::Broken].into_iter().cycle());
            return kills
                .chain(disks.filter(|_| !self.only_reads).map(|(operation, fault)| (fault, operation)))
                .collect();
        }
        // Another part of each command's work.
        let at = |index: usize| 1 + (salt * 37 + index * 61) % 100 * self.operations / 100;
        faults.iter().enumerate().map(|(index, &fault)| (fault, at(index))).collect()
    }

    /// What went wrong when an operation met a fault; empty: nothing. Adds the readers that ran.
    fn meet(&self, fault: Fault, operation: usize, readers: &AtomicUsize) -> Vec<Wrong> {
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
        if output.status.code().is_none() {
            readers.fetch_add(after_kill::read(&work, operation, &mut wrong), Ordering::Relaxed);
        }
        let found = Tree::read(&work);
        let again = run(&self.args, &work, TEST_TIME);
        if again.status.code() != Some(self.code) {
            let stderr = text(&again.stderr);
            let kind = Kind::of_end(again.status.code(), &stderr);
            wrong.push((kind, format!("again: {} instead of {}: {stderr}", again.status, self.code)));
        }
        self.judge_rerun(&found, &Tree::read(&work), &mut wrong);
        wrong
    }

    fn judge_end(&self, fault: Fault, output: &Output, wrong: &mut Vec<Wrong>) {
        let stderr = text(&output.stderr);
        match output.status.code() {
            // By a signal.
            None if fault == Fault::Kill => {}
            Some(code) if code == self.code => {}
            Some(1) if stderr.contains("error: ") && !stderr.contains("panicked") => {}
            code => wrong.push((Kind::of_end(code, &stderr), format!("ends with {}: {stderr}", output.status))),
        }
    }

    fn judge_state(&self, found: &Tree, wrong: &mut Vec<Wrong>) {
        let mut say = |kind, name: &Path, what: &str| wrong.push((kind, format!("{} {what}", name.display())));
        for (name, bytes) in found.records() {
            let (before, after) = (self.before.records().remove(&name), self.after.records().remove(&name));
            if before != Some(bytes) && after != Some(bytes) {
                say(Kind::Mixture, &name, "is neither the record of before nor that of after");
            }
        }
        for name in self.before.records().keys().filter(|name| !found.records().contains_key(*name)) {
            say(Kind::Lost, name, "is not there");
        }
        for (name, bytes) in found.plain_names() {
            let (before, after) = (self.before.get(&name), self.after.get(&name));
            if before != Some(bytes) && after != Some(bytes) {
                say(Kind::Differing, &name, "is neither that of before nor that of after");
            }
        }
        wrong.extend(found.missing_objects().into_iter().map(|name| (Kind::Lost, name)));
    }

    /// Compares with a run without faults; `left` is what the fault left.
    fn judge_rerun(&self, left: &Tree, found: &Tree, wrong: &mut Vec<Wrong>) {
        let mut say = |kind, what: String| wrong.push((kind, what));
        let is_forced = self.args.iter().any(|word| word == "--force");
        let was_computed = left.outputs() == self.after.outputs() && !is_forced;
        let asked = if was_computed { BTreeSet::new() } else { self.after.computed_since(&self.before) };
        let recomputed = found.computed_since(left);
        recomputed.difference(&asked).for_each(|date| say(Kind::Recomputed, format!("again: {date}")));
        let (found, after) = (found.content(), self.after.content());
        for (name, bytes) in &found {
            match after.get(name) {
                None => say(Kind::Leftover, format!("{} is left", name.display())),
                Some(expected) if expected != bytes => say(Kind::Differing, format!("{} differs", name.display())),
                Some(_) => {}
            }
        }
        for name in after.keys().filter(|name| !found.contains_key(*name)) {
            say(Kind::Lost, format!("{} is not there", name.display()));
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

/// What the cases of a scenario came to, on two threads, and how many readers ran.
fn failures_of(scenario: &Scenario, cases: &[(Fault, usize)]) -> (Vec<Wrong>, usize) {
    let (next, readers) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failures: Mutex<Vec<Wrong>> = Mutex::default();
    let work = || {
        while let Some((fault, operation)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            for (kind, wrong) in scenario.meet(*fault, *operation, &readers) {
                let told = format!("{}: {} at operation {operation}: {wrong}", scenario.name, fault.name());
                println!("{kind:?}: {told}");
                failures.lock().expect("no thread panicked").push((kind, told));
            }
        }
    };
    std::thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(work))));
    (failures.into_inner().expect("no thread panicked"), readers.into_inner())
}

/// Runs the cases of some scenarios, and tells what they came to.
fn run_matrix(scenarios: &[Scenario]) {
    let started = Instant::now();
    let (mut count, mut readers, mut failures) = (0, 0, Vec::new());
    for (salt, scenario) in scenarios.iter().enumerate() {
        let cases = scenario.cases(salt);
        let (wrong, readers_of_it) = failures_of(scenario, &cases);
        let (name, operations, tally) = (scenario.name, scenario.operations, Tally::of(cases.len(), &wrong));
        println!("{name}, {operations} operations: {tally}; {:.0} s so far", started.elapsed().as_secs_f64());
        count += cases.len();
        readers += readers_of_it;
        failures.extend(wrong);
    }
    let tally = Tally::of(count, &failures);
    println!("{tally}; {readers} readers after kills; {:.0} s", started.elapsed().as_secs_f64());
    let told: Vec<&str> = failures.iter().map(|(_, told)| told.as_str()).collect();
    assert!(failures.is_empty(), "{tally}\n{}", told.join("\n"));
}
