//! A command parses each state of a store once.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Parser;

use super::command::Cli;
use super::exit::ExitCode;
use super::output::Printer;
use super::settings::Format;
use crate::store::{Store, loads};
use crate::synth::{self, SeasonSpec};

/// Parses by file of the store.
type Loads = BTreeMap<String, usize>;

const RANGE: [&str; 4] = ["--from", "2024-01-05", "--until", "2024-01-07"];

struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().expect("a directory"));
        let spec = SeasonSpec { players_per_team: 8, ..SeasonSpec::default() };
        synth::write_warehouse(&spec, &desk.path().join("warehouse")).expect("a warehouse");
        desk
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// The arguments as one text, in which `DESK` is the directory; `RANGE` is the range.
    fn run(&self, command: &str) -> (ExitCode, Loads) {
        let desk = self.path().to_str().expect("a path in UTF-8");
        let words = format!("putback {command}").replace("RANGE", &RANGE.join(" ")).replace("DESK", desk);
        let cli = Cli::try_parse_from(words.split(' ')).expect("a command");
        loads::take(self.path());
        let printer = Printer::new(Format::Json).telling(true, false);
        let code = cli.command.run(&cli.global, &printer).unwrap_or_else(|error| panic!("{command}: {error}"));
        let mut counted = Loads::new();
        for path in loads::take(self.path()) {
            let name = path.strip_prefix(self.path()).expect("a file of the desk").display().to_string();
            // The store of a unit lies in a directory with a random name.
            let name = match name.strip_prefix("scratch/").and_then(|name| name.split_once('/')) {
                Some((_, of_unit)) => format!("scratch/{of_unit}"),
                None => name,
            };
            let is_of_store = ["store/", "scratch/"].iter().any(|dir| name.starts_with(dir));
            *counted.entry(name).or_default() += usize::from(is_of_store);
        }
        counted.retain(|_, count| *count > 0);
        (code, counted)
    }
}

fn assert_once(desk: &Desk, command: &str, expected: &[&str]) {
    let (_, loads) = desk.run(command);
    let expected: Loads = expected.iter().map(|name| ((*name).to_owned(), 1)).collect();
    assert_eq!(loads, expected, "{command}");
}

#[test]
fn every_command_parses_a_state_once() {
    const PHASE3: &str = "store/phase3/manifest.json";
    const PHASE4: &str = "store/phase4/manifest.json";
    const SCHEDULE: &str = "store/phase3/nba_raw.nbac_schedule";
    const VALIDATIONS: &str = "store/runs/validations.json";
    let desk = Desk::new();
    // A store that is new has nothing to parse; what the command commits is not parsed again.
    assert_once(&desk, "sync RANGE --warehouse dir:DESK/warehouse --store DESK/store", &[SCHEDULE]);
    assert_once(&desk, "sync RANGE --warehouse dir:DESK/warehouse --store DESK/store", &[PHASE3, SCHEDULE]);
    assert_once(&desk, "compute RANGE --store DESK/store", &[PHASE3, SCHEDULE]);
    let computed = [PHASE3, PHASE4, SCHEDULE];
    assert_once(&desk, "check RANGE --store DESK/store", &computed);
    assert_once(&desk, "validate RANGE --store DESK/store", &computed);
    let all = [PHASE3, PHASE4, SCHEDULE, VALIDATIONS];
    for command in [
        "validate RANGE --store DESK/store",
        "status RANGE --store DESK/store",
        "impact --date 2024-01-05 --store DESK/store",
        "why tdza BOS 2024-01-05 --store DESK/store",
        "upload RANGE --to dir:DESK/published --store DESK/store",
        "upload RANGE --to dir:DESK/published --store DESK/store --dry-run",
        "impact --date 2024-01-05 --since-publish --to dir:DESK/published --store DESK/store",
        "diff RANGE --with dir:DESK/published --store DESK/store",
        "status RANGE --remote --to dir:DESK/published --store DESK/store",
        "report RANGE --format json --to dir:DESK/published --store DESK/store",
        "compute RANGE --store DESK/store --force",
        "run RANGE --warehouse dir:DESK/warehouse --to dir:DESK/published --store DESK/store",
    ] {
        assert_once(&desk, command, &all);
    }
    assert_once(&desk, "doctor --store DESK/store", &computed);
    assert_once(&desk, "undo --to dir:DESK/published --store DESK/store", &[VALIDATIONS]);
    assert_once(&desk, "merge DESK/store --store DESK/merged", &[PHASE3, PHASE4, VALIDATIONS]);
    assert_once(&desk, "sync RANGE --warehouse dir:DESK/warehouse --store DESK/store --dry-run", &[PHASE3]);
    let runs = Store::at(desk.path().join("store")).runs().list().expect("runs");
    let computed = runs.iter().rev().find(|run| std::fs::read_to_string(run.log()).is_ok_and(has_dates));
    let id = computed.and_then(|run| run.path().file_name()?.to_str()).expect("a run that computed");
    assert_once(&desk, &format!("runs diff {id} --store DESK/store"), &[PHASE4]);
}

/// Whether a log is of a run that computed dates.
fn has_dates(log: String) -> bool {
    log.contains(r#""event":"date""#)
}

#[test]
fn what_was_decided_of_vanished_dates_is_parsed_once() {
    const VANISHED: &str = "store/published/vanished.json";
    let desk = Desk::new();
    desk.run("run RANGE --warehouse dir:DESK/warehouse --to dir:DESK/published --store DESK/store");
    std::fs::create_dir_all(desk.path().join("store/published")).expect("a directory");
    std::fs::write(desk.path().join(VANISHED), r#"{"format":1,"targets":{}}"#).expect("a record");
    for command in [
        "sync RANGE --warehouse dir:DESK/warehouse --store DESK/store",
        "upload RANGE --to dir:DESK/published --store DESK/store --dry-run",
        "upload RANGE --to dir:DESK/published --store DESK/store",
        "status RANGE --store DESK/store",
        "report RANGE --format json --to dir:DESK/published --store DESK/store",
        "run RANGE --warehouse dir:DESK/warehouse --to dir:DESK/published --store DESK/store",
    ] {
        let (_, loads) = desk.run(command);
        assert_eq!(loads.get(VANISHED), Some(&1), "{command}: {loads:?}");
    }
}

/// What a unit computes, it hands over from disk.
#[test]
fn a_unit_parses_each_state_once() {
    let desk = Desk::new();
    let season = "--index 0 --of 2023-24 --warehouse dir:DESK/warehouse";
    let (_, loads) = desk.run(&format!("unit {season} --units DESK/units --scratch DESK/scratch"));
    let expected =
        ["phase3/manifest.json", "phase4/manifest.json", "phase3/nba_raw.nbac_schedule", "runs/validations.json"];
    let expected: Loads = expected.into_iter().map(|name| (format!("scratch/store/{name}"), 1)).collect();
    assert_eq!(loads, expected);
}
