//! Every command with JSON output prints what its schema in `docs/schemas` says, and no schema is left over.
//!
//! Runs the binary of the same target directory: `cargo build --release` or `cargo test --release` makes it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

/// After the bootstrap, across a month's end.
const RANGE: [&str; 4] = ["--from", "2023-11-07", "--until", "2023-12-10"];
const WAREHOUSE: [&str; 2] = ["--warehouse", "dir:demo/warehouse"];
const TO: [&str; 2] = ["--to", "dir:published"];

/// Commands without a result, and the one that only prints help.
const WITHOUT_JSON: [&str; 3] = ["completions", "help", "man"];

/// Thresholds that nothing meets: every date fails a check of inputs and one of outputs, some dates are waived.
const FAULTS: &str = "[checks.I4e]\nleast = 100\n\n[checks.C1]\nshare = 101\n\n\
                      [[waiver]]\ncheck = [\"C1\", \"I4e\"]\nfrom = 2023-11-25\nuntil = 2023-12-10\n\
                      reason = \"ticket 7\"\nexpires = 2999-12-31\n";

/// A directory in which commands run, and the schemas that their output was compared with.
struct Desk {
    dir: TempDir,
    seen: BTreeSet<String>,
}

impl Desk {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary directory"), seen: BTreeSet::new() }
    }

    fn output(&self, args: &[&str]) -> Output {
        let mut command = Command::new(binary());
        command.args(args).current_dir(self.dir.path());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PUTBACK_")) {
            command.env_remove(name);
        }
        command.output().expect("the binary runs")
    }

    /// Runs a command as a step to something.
    fn done(&self, args: &[&str]) {
        let output = self.output(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Compares what a command prints with a schema.
    fn prints(&mut self, name: &str, args: &[&[&str]]) -> Value {
        let args = [&args.concat()[..], &["--format", "json"]].concat();
        let output = self.output(&args);
        let document = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{args:?} prints no JSON: {error}\n{}", String::from_utf8_lossy(&output.stderr))
        });
        self.is(name, &document);
        document
    }

    fn is(&mut self, name: &str, document: &Value) {
        let faults = faults(&schema(name), document);
        assert!(faults.is_empty(), "docs/schemas/{name}.json:\n{}", faults.join("\n"));
        self.seen.insert(name.to_owned());
    }

    /// The records and logs of every run of a store.
    fn records_are_as_described(&mut self, store: &str) {
        let runs = std::fs::read_dir(self.dir.path().join(store).join("runs")).expect("runs");
        let dirs: Vec<PathBuf> =
            runs.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir()).collect();
        assert!(!dirs.is_empty(), "{store} has no runs");
        for dir in dirs {
            let text = |name: &str| std::fs::read_to_string(dir.join(name)).expect("a file");
            self.is("run-record", &serde_json::from_str(&text("run.json")).expect("a record"));
            for line in text("log.jsonl").lines() {
                let line: Value = serde_json::from_str(line).expect("a line");
                assert!(line["at"].is_string(), "{line}");
                self.is("log-line", &line);
            }
        }
    }
}

/// The binary beside this test's directory.
fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("the path of the test");
    let binary = test.ancestors().nth(2).expect("the directory of the profile").join("putback");
    assert!(binary.exists(), "{} is not there: run `cargo build --release` first", binary.display());
    binary
}

fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas")
}

fn schema(name: &str) -> Value {
    let path = schemas().join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("a schema is JSON")
}

fn faults(schema: &Value, document: &Value) -> Vec<String> {
    let validator = jsonschema::draft202012::new(schema).expect("a schema");
    let shown = |text: String| text.chars().take(300).collect::<String>();
    let faults = validator.iter_errors(document);
    faults.take(5).map(|fault| format!("{}: {}", fault.instance_path(), shown(fault.to_string()))).collect()
}

/// The names of the schema files.
fn names() -> BTreeSet<String> {
    let files = std::fs::read_dir(schemas()).expect("schemas").map(|entry| entry.expect("an entry").path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect()
}

#[test]
fn every_command_prints_what_its_schema_says() {
    let mut desk = Desk::new();
    desk.prints("run", &[&["demo", "--dir", "demo", "--players", "9"]]);
    inspected_before_anything_is_computed(&mut desk);
    computed_and_published(&mut desk);
    looked_at(&mut desk);
    with_faults(&mut desk);
    in_units(&mut desk);
    let measured: [&[&str]; 3] = [&["bench"], &WAREHOUSE, &["--date", "2023-12-05", "--runs", "1", "--warm-up", "0"]];
    desk.prints("bench", &measured);
    desk.prints("config-show", &[&["config", "show"]]);
    ["demo/store", "putback-store"].iter().for_each(|store| desk.records_are_as_described(store));
    let never: Vec<_> = names().difference(&desk.seen).cloned().collect();
    assert!(never.is_empty(), "no command was compared with {never:?}");
}

fn inspected_before_anything_is_computed(desk: &mut Desk) {
    desk.prints("doctor", &[&["doctor"]]);
    desk.prints("sync-dry-run", &[&["sync", "--dry-run"], &WAREHOUSE, &RANGE]);
    desk.prints("sync", &[&["sync"], &WAREHOUSE, &RANGE]);
    desk.prints("status", &[&["status"], &RANGE]);
    desk.prints("status-dates", &[&["status", "--dates", "--empty"], &RANGE]);
    desk.prints("check", &[&["check"], &RANGE]);
}

fn computed_and_published(desk: &mut Desk) {
    desk.prints("compute", &[&["compute"], &RANGE]);
    desk.prints("validate", &[&["validate"], &RANGE]);
    desk.prints("upload-dry-run", &[&["upload", "--dry-run"], &TO, &RANGE]);
    desk.prints("impact-since-publish", &[&["impact", "--since-publish"], &TO, &RANGE]);
    let uploaded = desk.prints("upload", &[&["upload"], &TO, &RANGE]);
    let rows: u64 = uploaded["tables"].as_array().expect("tables").iter().filter_map(|of| of["rows"].as_u64()).sum();
    // What a collector reads of the run is what the command said.
    let runs = desk.prints("runs", &[&["runs"]]);
    let of = |command: &str| {
        let is_of = |run: &&Value| run["command"].as_str().is_some_and(|text| text.starts_with(command));
        runs.as_array().expect("runs").iter().find(is_of).expect("a run")["metrics"].clone()
    };
    let upload = of("putback upload");
    assert_eq!(upload["rows"]["published"].as_u64(), Some(rows));
    assert!(upload["bytes"]["staged"].as_u64() > Some(0), "{upload}");
    assert_eq!(upload["verdict"], "complete", "{upload}");
    assert!(upload["seconds_by_step"]["upload"].as_f64() > Some(0.0), "{upload}");
    let compute = of("putback compute");
    assert!(compute["rows"]["computed"].as_u64() > Some(rows / 2), "{compute}");
    assert_eq!(compute["dates"]["failed"], 0, "{compute}");
    let sync = of("putback sync");
    assert!(sync["rows"]["pulled"].as_u64() > Some(0) && sync["bytes"]["pulled"].as_u64() > Some(0), "{sync}");
    assert_eq!(sync["verdict"], Value::Null, "{sync}");
    desk.prints("undo-list", &[&["undo", "--list"], &TO]);
    desk.prints("undo", &[&["undo"], &TO]);
    desk.prints("undo-list", &[&["undo", "--list"], &TO]);
    desk.prints("run", &[&["run"], &WAREHOUSE, &TO, &RANGE]);
}

fn looked_at(desk: &mut Desk) {
    desk.prints("status-calendar", &[&["status", "--calendar"], &RANGE]);
    desk.prints("status-remote", &[&["status", "--remote"], &TO, &RANGE]);
    desk.prints("diff", &[&["diff", "--with", "dir:published"], &RANGE]);
    desk.prints("diff-dry-run", &[&["diff", "--dry-run", "--with", "dir:published"], &RANGE]);
    desk.prints("why", &[&["why", "tdza", "BOS", "2023-12-05"]]);
    desk.prints("why", &[&["why", "mlfs", "nobodyatall", "2023-12-05"]]);
    desk.prints("impact", &[&["impact", "--date", "2023-12-05"]]);
    desk.prints("table-files", &[&["table-files", "ml_feature_store_v2"]]);
    desk.prints("report", &[&["report"], &TO, &RANGE]);
    desk.prints("runs-show", &[&["runs", "show"]]);
    desk.prints("doctor", &[&["doctor"], &WAREHOUSE, &TO]);
}

/// Dates that fail a check, are waived, left out, or were computed in another way than before.
fn with_faults(desk: &mut Desk) {
    std::fs::write(desk.dir.path().join("putback.toml"), FAULTS).expect("a settings file");
    let other = ["compute", "--windows", "day-before", "--daily-cache", "none"];
    desk.prints("compute", &[&other, &["--from", "2023-12-01", "--until", "2023-12-10"]]);
    desk.prints("check", &[&["check"], &RANGE]);
    let validated = desk.prints("validate", &[&["validate"], &RANGE]);
    assert_ne!(validated["causes"], json!([]), "the faults show");
    desk.prints("upload-dry-run", &[&["upload", "--dry-run"], &TO, &RANGE]);
    let left_out = ["upload", "--quarantine", "--exclude", "2023-12-05", "--reason", "ticket 8"];
    desk.prints("upload", &[&left_out, &TO, &RANGE]);
    let status = desk.prints("status", &[&["status"], &RANGE]);
    assert_ne!(status["failing"], json!({}), "the faults show");
    desk.prints("status-dates", &[&["status", "--dates", "--empty"], &RANGE]);
    desk.prints("diff", &[&["diff", "--with", "dir:published"], &RANGE]);
    desk.prints("report", &[&["report"], &TO, &RANGE]);
    desk.prints("runs-show", &[&["runs", "show"]]);
    let runs = desk.prints("runs", &[&["runs"]]);
    let computed = |run: &&Value| run["command"].as_str().is_some_and(|text| text.starts_with("putback compute"));
    let first = runs.as_array().expect("runs").iter().find(computed).expect("a run")["id"].as_str().expect("an id");
    desk.prints("runs-show-dates", &[&["runs", "show", "--dates", first]]);
    let differences = desk.prints("runs-diff", &[&["runs", "diff", first]]);
    assert_ne!(differences["MLFS"]["changed"], json!({}), "the runs differ");
    std::fs::remove_file(desk.dir.path().join("putback.toml")).expect("a settings file");
}

fn in_units(desk: &mut Desk) {
    desk.prints("unit-list", &[&["unit", "--list", "--of", "2022-23..2023-24"]]);
    let unit: [&[&str]; 2] = [&["unit", "--of", "2023-24", "--index", "0", "--units", "units"], &WAREHOUSE];
    desk.prints("unit", &unit);
    desk.prints("unit", &unit);
    desk.prints("merge", &[&["merge", "--store", "merged", "units/2023-24"]]);
    desk.records_are_as_described("merged");
    desk.done(&["status", "--store", "merged"]);
}

/// A new command needs a schema, or a reason why it has none.
#[test]
fn every_command_has_a_schema() {
    let help = Desk::new().output(&["help"]);
    let help = String::from_utf8(help.stdout).expect("text");
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let commands: Vec<&str> = commands
        .filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.len() > 20, "{help}");
    let described: BTreeSet<String> = names()
        .iter()
        .filter_map(|name| schema(name)["title"].as_str().map(str::to_owned))
        .flat_map(|title| title.split(", ").map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|title| Some(title.strip_prefix("putback ")?.split(' ').next()?.to_owned()))
        .collect();
    let without: Vec<&&str> =
        commands.iter().filter(|of| !described.contains(**of) && !WITHOUT_JSON.contains(*of)).collect();
    assert!(without.is_empty(), "no file of docs/schemas is about {without:?}");
}

/// A schema that lets everything pass says nothing.
#[test]
fn schemas_are_strict() {
    let guide = std::fs::read_to_string(schemas().join("../machines.md")).expect("the guide");
    for name in names() {
        assert!(guide.contains(&format!("(schemas/{name}.json)")), "docs/machines.md does not name {name}");
        let schema = schema(&name);
        jsonschema::draft202012::meta::validate(&schema).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let mut loose = Vec::new();
        look_for_loose_objects(&schema, "", &mut loose);
        assert!(loose.is_empty(), "{name}: {loose:?}");
        assert!(!faults(&schema, &json!({ "nobody knows this": 1 })).is_empty(), "{name} lets an unknown name pass");
    }
}

/// Objects that allow names or values that nothing is said of, or that require nothing without a word on it.
fn look_for_loose_objects(schema: &Value, place: &str, loose: &mut Vec<String>) {
    if schema["type"] == "object" || schema["type"][0] == "object" {
        let others = &schema["additionalProperties"];
        let is_map = others.is_object() && schema["properties"].is_null();
        let is_record = *others == json!(false) && schema["properties"].is_object();
        if !(is_map || is_record) {
            loose.push(place.to_owned());
        }
    }
    match schema {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| look_for_loose_objects(value, &format!("{place}/{name}"), loose));
        }
        Value::Array(items) => items.iter().for_each(|value| look_for_loose_objects(value, place, loose)),
        _ => {}
    }
}
