//! A generated part of a season as a warehouse, and the binary run on it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema};
use putback::catalog::Table;
use putback::store::write_parquet;
use putback::synth::{self, SeasonSpec};
use tempfile::TempDir;

/// First and last day of what the fixture computes: after bootstrap, across a month's end.
pub const RANGE: [&str; 4] = ["--from", "2023-11-07", "--to", "2023-12-10"];

/// What the binary finds in its environment: a moment, a width, a locale, and one thread, because tests run side by side.
const SURROUNDINGS: [(&str, &str); 4] =
    [("SOURCE_DATE_EPOCH", "1700000000"), ("COLUMNS", "100"), ("LC_ALL", "C.UTF-8"), ("PUTBACK_THREADS", "1")];

/// The generated tables, made once.
pub fn season_start() -> &'static [(Table, RecordBatch)] {
    static TABLES: OnceLock<Vec<(Table, RecordBatch)>> = OnceLock::new();
    TABLES.get_or_init(|| {
        let last_day = Some("2023-12-10".parse().expect("a date"));
        let spec = SeasonSpec { players_per_team: 9, last_day, ..SeasonSpec::default() };
        synth::generate(&spec).expect("a season")
    })
}

/// A directory with a warehouse, in which the binary runs.
pub struct Desk {
    dir: TempDir,
}

impl Desk {
    /// Without a warehouse.
    pub fn empty() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary directory") }
    }

    /// The generated season, untouched.
    pub fn new() -> Self {
        static SEASON: OnceLock<Desk> = OnceLock::new();
        let season = SEASON.get_or_init(|| {
            let desk = Self::empty();
            std::fs::create_dir(desk.path("warehouse")).expect("a directory");
            season_start().iter().for_each(|(table, batch)| desk.put(*table, batch));
            desk
        });
        season.copy()
    }

    /// A directory with the same files, their modes, times and hard links.
    fn copy(&self) -> Self {
        let copy = Self::empty();
        let made = Command::new("cp").arg("-a").arg(self.path(".")).arg(copy.path(".")).status();
        assert!(made.is_ok_and(|status| status.success()), "cp -a");
        copy
    }

    /// A season that is generated up to another day.
    pub fn until(last_day: &str) -> Self {
        let desk = Self { dir: tempfile::tempdir().expect("a temporary directory") };
        std::fs::create_dir(desk.path("warehouse")).expect("a directory");
        let last_day = Some(last_day.parse().expect("a date"));
        let spec = SeasonSpec { players_per_team: 9, last_day, ..SeasonSpec::default() };
        for (table, batch) in synth::generate(&spec).expect("a season") {
            desk.put(table, &batch);
        }
        desk
    }

    /// The generated season, synced, computed and published.
    pub fn computed() -> Self {
        static COMPUTED: OnceLock<Desk> = OnceLock::new();
        let computed = COMPUTED.get_or_init(|| {
            let desk = Self::new();
            let done = desk.run(&["run", "-q", "--warehouse", "dir:warehouse", "--to", "dir:published"], &RANGE);
            assert_eq!(done.code, 0, "{}", done.stderr);
            desk
        });
        computed.copy()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn warehouse_file(&self, table: Table) -> PathBuf {
        self.path("warehouse").join(format!("{table}.parquet"))
    }

    /// Replaces a table of the warehouse.
    pub fn put(&self, table: Table, batch: &RecordBatch) {
        write_parquet(&self.warehouse_file(table), batch).expect("a writable directory");
    }

    /// Replaces a table of the warehouse by two files in a folder of a folder.
    pub fn put_split(&self, table: Table, batch: &RecordBatch) {
        std::fs::remove_file(self.warehouse_file(table)).expect("a file");
        let dir = self.path("warehouse").join(table.full_name()).join("exported");
        std::fs::create_dir_all(&dir).expect("a writable directory");
        let half = batch.num_rows() / 2;
        for (name, part) in [("a", batch.slice(half, batch.num_rows() - half)), ("b", batch.slice(0, half))] {
            write_parquet(&dir.join(format!("{name}.parquet")), &part).expect("a writable directory");
        }
    }

    /// Runs the binary with a fixed timestamp and the default store beside the warehouse.
    pub fn run(&self, args: &[&str], range: &[&str]) -> Outcome {
        Outcome::new(self.command(args, range).output().expect("the binary runs"), self.dir.path())
    }

    /// The binary and its arguments, for a command that starts it.
    pub fn words(&self, args: &[&str], range: &[&str]) -> (&'static str, Vec<String>) {
        (env!("CARGO_BIN_EXE_putback"), args.iter().chain(range).map(|word| (*word).to_owned()).collect())
    }

    /// Runs any command as the binary is run.
    pub fn outcome(&self, command: &mut Command) -> Outcome {
        command.envs(SURROUNDINGS);
        Outcome::new(command.output().expect("the command runs"), self.dir.path())
    }

    pub fn command(&self, args: &[&str], range: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_putback"));
        command.args(args).args(range).current_dir(self.dir.path());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PUTBACK_")) {
            command.env_remove(name);
        }
        command.envs(SURROUNDINGS);
        command
    }

    /// Every file of the directory that is published into, but for its history: what it holds, however it came there.
    pub fn published(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = self.files("published");
        files.retain(|path, _| !path.starts_with("_putback/kept"));
        if let Some(bytes) = files.get_mut(Path::new("_putback/published.json")) {
            let mut record: serde_json::Value = serde_json::from_slice(bytes).expect("JSON");
            let members = record.as_object_mut().expect("an object");
            members.retain(|key, _| !matches!(key.as_str(), "publications" | "conditions" | "checksum"));
            *bytes = record.to_string().into_bytes();
        }
        files
    }

    /// Every file of the store, without what it remembers of the warehouse's directory: its name and the age of files.
    pub fn store(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = self.files("putback-store");
        if let Some(bytes) = files.get_mut(Path::new("phase3/manifest.json")) {
            let mut manifest: serde_json::Value = serde_json::from_slice(bytes).expect("JSON");
            manifest.as_object_mut().expect("an object").remove("checksum");
            for table in manifest["tables"].as_object_mut().expect("tables").values_mut() {
                let table = table.as_object_mut().expect("an object");
                table.retain(|key, _| key != "source" && key != "source_files");
            }
            *bytes = manifest.to_string().into_bytes();
        }
        files
    }

    /// Every file below a directory, with its bytes.
    pub fn files(&self, name: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.path(name), &self.path(name), &mut files);
        files
    }
}

/// The lock file names a process, run records a moment, and verdicts can be found again: they are not content.
fn collect(root: &Path, dir: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries {
        let path = entry.expect("a readable directory").path();
        if path.file_name().is_some_and(|name| ["lock", "runs", "verdicts"].iter().any(|other| name == *other)) {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).expect("below the root").to_owned();
            files.insert(name, std::fs::read(&path).expect("a readable file"));
        }
    }
}

/// What a run of the binary showed.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    fn new(output: Output, dir: &Path) -> Self {
        let place = dir.canonicalize().expect("the directory exists");
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).expect("UTF-8");
            text.replace(&*place.to_string_lossy(), "[DIR]").replace(&*dir.to_string_lossy(), "[DIR]")
        };
        Self {
            code: output.status.code().expect("an exit status"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Exit status, standard output and standard error in one text, for snapshots: without lines of progress, which depend
    /// on the clock.
    pub fn shown(&self) -> String {
        let stderr: String = self.stderr.split_inclusive('\n').filter(|line| progress(line).is_none()).collect();
        format!("exit status: {}\n--- stdout\n{}--- stderr\n{stderr}", self.code, self.stdout)
    }
}

/// What a line of progress says after its time; `None`: it is another line.
pub fn progress(line: &str) -> Option<&str> {
    let (time, says) = line.split_once(' ')?;
    let is_time = time.len() == 20 && chrono::DateTime::parse_from_rfc3339(time).is_ok();
    is_time.then_some(says)
}

/// The generated rows of a table.
pub fn rows(table: Table) -> RecordBatch {
    season_start().iter().find(|(known, _)| *known == table).expect("a generated table").1.clone()
}

/// `batch` with a column replaced or added; `None` removes it.
pub fn with_column(batch: &RecordBatch, name: &str, column: Option<ArrayRef>) -> RecordBatch {
    let mut columns: Vec<(Arc<Field>, ArrayRef)> = Vec::new();
    let mut column = column;
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        if field.name() != name {
            columns.push((Arc::clone(field), Arc::clone(array)));
        } else if let Some(new) = column.take() {
            columns.push((Arc::new(Field::new(name, new.data_type().clone(), true)), new));
        }
    }
    if let Some(new) = column {
        columns.push((Arc::new(Field::new(name, new.data_type().clone(), true)), new));
    }
    let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("columns of equal length")
}
