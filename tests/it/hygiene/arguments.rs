//! Odd arguments, variables and settings: no panic, a documented status, no file touched.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::faults::is_full_matrix;
use crate::fixture::Desk;

/// What somebody, or a script of somebody's, may give for anything. Names of files are those of [`desk`].
const VALUES: [&[u8]; 54] = [
    b"",
    b" ",
    b"x",
    b"-1",
    b"0",
    b"1",
    b"1.5",
    b"99999999999999999999999",
    b"NaN",
    b"0x10",
    b"2024",
    b"1945",
    b"2101",
    b"262143",
    b"-0001",
    b"2021..2025",
    b"2025..2021",
    b"..",
    b"2024..",
    b"2023-24",
    b"2023-25",
    b"9999-00",
    b"0000-01-01",
    b"2024-02-30",
    b"9999-12-31",
    b"+262142-12-31",
    b"2023-11-08",
    b"infinity",
    b"\x1b[31mred",
    b"a\nb\r",
    b"\xc2\x9b31m",
    b"\xc3\xa9\xe4\xb8\xad",
    b"o'neal\"; DROP TABLE x",
    b"{key}{date}",
    b"*[a-z]?",
    b"../..",
    b"afile",
    b"adir",
    b"fifo",
    b"loop",
    b"missing/sub",
    b"/dev/null",
    b"dir:",
    b"dir:missing",
    b"dir:afile",
    b"dir:adir",
    b"dir:loop",
    b"store:",
    b"store:afile",
    b"gs://bucket",
    b"s3://",
    b"bigquery:a b",
    b"\xff\xfe",
    b"dir:\xff",
];

/// Every command, with arguments with which it ends soon and writes nothing.
const COMMANDS: [&[&str]; 19] = [
    &["sync", "--dry-run", "--warehouse", "dir:missing", "--date", "2023-12-05"],
    &["check", "--date", "2023-12-05"],
    &["compute", "--date", "2024-07-05"],
    &["validate", "--date", "2024-07-05"],
    &["diff", "--with", "dir:missing", "--date", "2023-12-05"],
    &["why", "mlfs", "nobody", "2023-12-05"],
    &["impact", "--date", "2023-12-05"],
    &["upload", "--dry-run", "--to", "dir:published", "--date", "2023-12-05"],
    &["run", "--warehouse", "dir:missing", "--to", "dir:published", "--date", "2023-12-05"],
    &["status", "--date", "2023-12-05"],
    &["report", "--format", "json", "--date", "2024-07-05"],
    &["doctor"],
    &["runs", "show", "x"],
    &["runs", "diff", "x"],
    &["config", "show"],
    &["merge", "missing"],
    &["unit", "--of", "2023-24", "--index", "0", "--units", "afile", "--warehouse", "dir:missing"],
    &["bench", "--scale", "0"],
    &["demo", "--dir", "adir"],
];

/// Options that all commands share, and that are asked everything of one command only.
const SHARED: [&str; 12] = [
    "--year",
    "--season",
    "--from",
    "--until",
    "--to",
    "--color",
    "--date",
    "--store",
    "--threads",
    "--memory-limit",
    "--location",
    "--format",
];

fn desk() -> Desk {
    let desk = Desk::computed();
    std::fs::create_dir_all(desk.path("adir/sub")).expect("a directory");
    std::fs::write(desk.path("afile"), "text").expect("a file");
    std::os::unix::fs::symlink("loop", desk.path("loop")).expect("a link");
    let made = Command::new("mkfifo").arg(desk.path("fifo")).status().expect("mkfifo");
    assert!(made.success());
    desk
}

/// A way to start the binary.
#[derive(Debug, Default)]
struct Case {
    args: Vec<OsString>,
    variable: Option<(&'static str, OsString)>,
}

impl Case {
    fn of(args: &[&str]) -> Self {
        Self { args: args.iter().map(OsString::from).collect(), variable: None }
    }

    fn with(mut self, value: &[u8]) -> Self {
        self.args.push(OsStr::from_bytes(value).to_owned());
        self
    }
}

/// The options of a command that take a value, as its help has them.
fn options(desk: &Desk, command: &[&str]) -> Vec<String> {
    let subcommand = if matches!(command[0], "runs" | "config") { &command[..2] } else { &command[..1] };
    let help = desk.run(&[subcommand, &["--help"]].concat(), &[]).stdout;
    let option = |line: &str| {
        let (name, _) = line.trim_start().trim_start_matches("-q, ").split_once(" <")?;
        name.starts_with("--").then(|| name.to_owned())
    };
    help.lines().filter_map(option).collect()
}

/// Not what names a new place to write into, or has much measured: that is no odd argument.
fn is_harmless(command: &str, option: &str, value: &[u8]) -> bool {
    const NO_PLACE: [&[u8]; 7] = [b"", b"afile", b"adir", b"fifo", b"loop", b"/dev/null", b"\xff\xfe"];
    match (command, option) {
        ("demo", "--dir") | ("unit", "--scratch") => NO_PLACE.contains(&value),
        ("compute" | "run" | "demo", "--store") | ("man", "--out") | ("bench", "--scale") => false,
        _ => true,
    }
}

/// Every option of every command with odd values: the shared ones with some, but once with all.
fn argument_cases(desk: &Desk) -> Vec<Case> {
    let mut cases = Vec::new();
    for (number, command) in COMMANDS.into_iter().enumerate() {
        for option in options(desk, command) {
            let is_shared = SHARED.contains(&option.as_str()) && command[0] != "status";
            let step = if is_shared { 13 } else { 1 };
            for value in VALUES.iter().skip(number % step).step_by(step) {
                let without = command.iter().position(|word| *word == option).filter(|_| option != "--to");
                let args: Vec<&str> = match without {
                    Some(place) => [&command[..place], &command[place + 2..]].concat(),
                    None => command.to_vec(),
                };
                if !is_harmless(command[0], &option, value) {
                    continue;
                }
                let glued = [option.as_bytes(), b"=", value].concat();
                cases.push(Case::of(&args).with(&glued));
            }
        }
    }
    for value in VALUES {
        cases.push(Case::default().with(value));
        cases.push(Case::of(&["why", "mlfs"]).with(value).with(b"2023-12-05"));
        cases.push(Case::of(&["why"]).with(value).with(b"x").with(b"2023-12-05"));
        cases.push(Case::of(&["why", "mlfs", "x"]).with(value));
        cases.push(Case::of(&["runs", "show", "--"]).with(value));
        cases.push(Case::of(&["runs", "diff", "--"]).with(value));
        cases.push(Case::of(&["runs", "diff", "x", "--"]).with(value));
    }
    let long = "a".repeat(100_000);
    for option in ["--store", "--with", "--cells", "--date", "--location", "--memory-limit"] {
        cases.push(Case::of(&["diff", &format!("{option}={long}")]));
    }
    cases
}

const VARIABLES: [&str; 14] = [
    "PUTBACK_STORE",
    "PUTBACK_WAREHOUSE",
    "PUTBACK_TO",
    "PUTBACK_THREADS",
    "PUTBACK_MEMORY_LIMIT",
    "PUTBACK_LOCATION",
    "PUTBACK_CONFIG",
    "SOURCE_DATE_EPOCH",
    "PUTBACK_MAXIMUM_BYTES_BILLED",
    "PUTBACK_UPLOAD_CHUNK_KIB",
    "PUTBACK_RETRY_DELAY_MS",
    "GOOGLE_CLOUD_QUOTA_PROJECT",
    "COLUMNS",
    "HOME",
];

fn variable_cases() -> Vec<Case> {
    let case = |name: &'static str, value: &[u8], args: &[&str]| Case {
        variable: Some((name, OsStr::from_bytes(value).to_owned())),
        ..Case::of(args)
    };
    let of = |name: &'static str| {
        let commands: [&[&str]; 2] = [&["config", "show"], &["impact", "--date", "2023-12-05"]];
        VALUES.into_iter().flat_map(move |value| commands.map(|args| case(name, value, args)))
    };
    VARIABLES.into_iter().flat_map(of).collect()
}

/// `putback.toml` as nobody should write it.
const SETTINGS: [&[u8]; 34] = [
    b"store = 5",
    b"store = \"\"",
    b"store = \"a\\u0000b\"",
    b"store = [\"a\"]",
    b"threads = \"x\"",
    b"threads = 0",
    b"threads = -1",
    b"threads = 99999999999999999999",
    b"threads = 1.5",
    b"memory-limit = 4",
    b"memory-limit = \"-1\"",
    b"memory-limit = \"\"",
    b"unknown = 1",
    b"store = \"a\"\nstore = \"b\"",
    b"checks = 1",
    b"[checks]\nI15 = 3",
    b"[checks.NOPE]\nshare = 1",
    b"[checks.I15]\nshare = \"x\"",
    b"[checks.I15]\nnope = 1",
    b"[checks.I15]\nshare = nan",
    b"[checks.I15]\nshare = -inf",
    b"[checks.I15]\nshare = -1e308",
    b"[[waiver]]",
    b"[[waiver]]\ncheck = 1",
    b"\xef\xbb\xbfstore = \"putback-store\"",
    b"warehouse = \"gs://x\"",
    b"to = \"dir:\"",
    b"location = \"\"",
    b"a = [",
    b"=",
    b"\x00\x01\x02",
    b"\xff\xfe\x00s",
    b"[\x1b]",
    b"\"\\u001b\" = 1",
];

fn settings_cases(desk: &Desk) -> Vec<Case> {
    let mut cases = Vec::new();
    for (number, text) in SETTINGS.into_iter().enumerate() {
        let name = format!("settings-{number}.toml");
        std::fs::write(desk.path(&name), text).expect("a file");
        for args in [&["config", "show"][..], &["status", "--date", "2023-12-05"]] {
            cases.push(Case { variable: Some(("PUTBACK_CONFIG", OsString::from(&name))), ..Case::of(args) });
        }
    }
    cases
}

/// What went wrong with a case, if anything did.
fn problem(desk: &Desk, case: &Case) -> Option<String> {
    const LONGEST: Duration = Duration::from_secs(60);
    let mut command = desk.command(&[], &[]);
    command.args(&case.args).env("PUTBACK_RETRY_DELAY_MS", "1");
    command.env("BIGQUERY_EMULATOR_HOST", "127.0.0.1:1").env("STORAGE_EMULATOR_HOST", "127.0.0.1:1");
    if let Some((name, value)) = &case.variable {
        command.env(name, value);
    }
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let (mut stdout, mut stderr) = (child.stdout.take().expect("a pipe"), child.stderr.take().expect("a pipe"));
    let out = std::thread::spawn(move || read(&mut stdout));
    let err = std::thread::spawn(move || read(&mut stderr));
    let started = Instant::now();
    let status = loop {
        match child.try_wait().expect("a process") {
            Some(status) => break status,
            None if started.elapsed() > LONGEST => {
                child.kill().expect("a process");
                return Some("does not end".to_owned());
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let (out, err) = (out.join().expect("a thread"), err.join().expect("a thread"));
    let text = String::from_utf8_lossy(&err).chars().take(600).collect::<String>();
    let is_plain = |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().all(|unit| unit == '\n' || !unit.is_control());
    match status.code() {
        _ if err.windows(8).any(|word| word == b"panicked") => Some(format!("panics: {text}")),
        Some(0 | 2..=14) if is_plain(&out) && is_plain(&err) => None,
        Some(0 | 2..=14) => Some(format!("prints control characters: {text}")),
        other => Some(format!("ends with {other:?}: {text}")),
    }
}

fn read(pipe: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes).expect("a pipe");
    bytes
}

/// One case in this many is tried, or all of them with `PUTBACK_FAULT_MATRIX=full`.
const STEP: usize = 13;

/// Runs the cases on all cores; files are as they were afterwards.
fn assert_harmless(desk: &Desk, cases: &[Case]) {
    let step = if is_full_matrix() { 1 } else { STEP };
    let cases: Vec<&Case> = cases.iter().step_by(step).collect();
    let before = contents(desk);
    let (next, problems) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(&case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(problem) = problem(desk, case) {
                        problems.lock().expect("a lock").push(format!("{case:?} {problem}"));
                    }
                }
            });
        }
    });
    let problems = problems.into_inner().expect("a lock");
    assert!(problems.is_empty(), "{} of {}:\n{}", problems.len(), cases.len(), problems.join("\n"));
    let after = contents(desk);
    let changed: Vec<_> =
        before.iter().chain(&after).filter(|file| !(before.contains(file) && after.contains(file))).collect();
    assert!(changed.is_empty(), "{:?}", changed.iter().map(|(path, _)| path).collect::<Vec<_>>());
}

/// Every name below the desk with what is there, run records and locks left out.
fn contents(desk: &Desk) -> Vec<(std::path::PathBuf, Option<Vec<u8>>)> {
    let mut found = Vec::new();
    let mut dirs = vec![desk.path("")];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir).expect("a directory") {
            let entry = entry.expect("an entry");
            let kind = entry.file_type().expect("a type");
            if ["runs", "verdicts", "lock", "readers", "spill"].iter().any(|name| entry.file_name() == *name) {
                continue;
            }
            if kind.is_dir() {
                dirs.push(entry.path());
            }
            found.push((entry.path(), kind.is_file().then(|| std::fs::read(entry.path()).expect("a file"))));
        }
    }
    found.sort();
    found
}

#[test]
fn odd_arguments_end_with_a_documented_status_and_touch_no_file() {
    let desk = desk();
    let cases = argument_cases(&desk);
    assert!(cases.len() > 1000, "{}", cases.len());
    assert_harmless(&desk, &cases);
}

#[test]
fn odd_variables_and_settings_end_with_a_documented_status_and_touch_no_file() {
    let desk = desk();
    let mut cases = settings_cases(&desk);
    cases.extend(variable_cases());
    assert_harmless(&desk, &cases);
}
