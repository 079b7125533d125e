//! A directory with a generated warehouse, and the binary run in it against a bucket.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use arrow::array::{AsArray, BooleanArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Date32Type;
use libtest_mimic::Failed;
use putback::catalog::Table;
use putback::store::{read_month_file, write_parquet};
use putback::synth::{SeasonSpec, write_warehouse};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::fake::{Fake, Interface, hex};

/// Dates of two months, after bootstrap.
pub const RANGE: [&str; 4] = ["--from", "2023-11-28", "--until", "2023-12-02"];

pub struct Desk {
    dir: TempDir,
    /// Set in addition for every run.
    pub variables: Vec<(String, String)>,
}

/// What a run of the binary showed.
pub struct Outcome {
    /// `None`: it was killed.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Content by name.
pub type Tree = BTreeMap<String, Vec<u8>>;

impl Desk {
    /// With a generated warehouse in `warehouse`.
    pub fn new(fake: &Fake) -> Result<Self, Failed> {
        Self::copied(fake, false, "new", |desk| {
            let last_day = Some("2023-12-02".parse()?);
            let spec = SeasonSpec { players_per_team: 8, last_day, ..SeasonSpec::default() };
            Ok(write_warehouse(&spec, &desk.path("warehouse"))?)
        })
    }

    /// Synced from the directory and computed.
    pub fn computed(fake: &Fake) -> Result<Self, Failed> {
        Self::computed_as(fake, false)
    }

    /// The same, but for a date without player contexts upstream: two processors give other rows.
    pub fn computed_otherwise(fake: &Fake) -> Result<Self, Failed> {
        Self::computed_as(fake, true)
    }

    fn computed_as(fake: &Fake, is_other: bool) -> Result<Self, Failed> {
        let new = Self::new(fake)?;
        Self::copied(fake, is_other, "computed", |desk| {
            copy(&new.path("."), &desk.path("."))?;
            if is_other {
                desk.drop_contexts("2023-11-29")?;
            }
            desk.done(&["sync", "--warehouse", "dir:warehouse"])?;
            desk.done(&["compute"])?;
            Ok(())
        })
    }

    /// A copy of a desk that is made once.
    fn copied(
        fake: &Fake,
        is_other: bool,
        kind: &'static str,
        make: impl FnOnce(&Self) -> Result<(), Failed>,
    ) -> Result<Self, Failed> {
        static MADE: Mutex<BTreeMap<(bool, &str), TempDir>> = Mutex::new(BTreeMap::new());
        let desk = Self { dir: tempfile::tempdir()?, variables: variables(fake) };
        let mut made = MADE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let original = match made.entry((is_other, kind)) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let first = Self { dir: tempfile::tempdir()?, variables: variables(fake) };
                make(&first)?;
                entry.insert(first.dir)
            }
        };
        copy(&original.path().join("."), desk.dir.path())?;
        Ok(desk)
    }

    fn drop_contexts(&self, date: &str) -> Result<(), Failed> {
        let table = Table::UpcomingPlayerGameContext;
        let file = self.path("warehouse").join(format!("{table}.parquet"));
        let rows = read_month_file(table, &file)?;
        let dates = rows.column_by_name("game_date").ok_or("no date")?.as_primitive::<Date32Type>();
        let day = Date32Type::from_naive_date(date.parse()?);
        let keep: BooleanArray = dates.iter().map(|date| Some(date != Some(day))).collect();
        write_parquet(&file, &filter_record_batch(&rows, &keep)?)?;
        Ok(())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn run(&self, arguments: &[&str]) -> Result<Outcome, Failed> {
        self.run_quietly(&[arguments, &RANGE].concat())
    }

    /// Without a range.
    pub fn run_quietly(&self, arguments: &[&str]) -> Result<Outcome, Failed> {
        self.run_as_victim(arguments, None)
    }

    /// With a range; a fault of the fake may kill it.
    pub fn run_as_victim(&self, arguments: &[&str], fake: Option<&Fake>) -> Result<Outcome, Failed> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_putback"));
        command.args(arguments).arg("-q").current_dir(self.dir.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let ours = ["PUTBACK_", "AWS_", "GOOGLE_", "STORAGE_", "BIGQUERY_"];
        for (name, _) in std::env::vars().filter(|(name, _)| ours.iter().any(|start| name.starts_with(start))) {
            command.env_remove(name);
        }
        command
            .env("HOME", self.dir.path())
            .env("SOURCE_DATE_EPOCH", "1700000000")
            .env("PUTBACK_THREADS", "1")
            .env("PUTBACK_RETRY_DELAY_MS", "2");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let child = command.spawn()?;
        if let Some(fake) = fake {
            fake.name_victim(child.id());
        }
        let output = child.wait_with_output()?;
        Ok(Outcome {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    }

    /// # Errors
    /// When the run does not end with status 0.
    pub fn done(&self, arguments: &[&str]) -> Result<Outcome, Failed> {
        let outcome = self.run(arguments)?;
        ensure(outcome.code == Some(0), format!("{arguments:?} ended with {:?}: {}", outcome.code, outcome.stderr))?;
        Ok(outcome)
    }

    /// What lies in a directory, without what only directories have.
    pub fn tree(&self, dir: &str) -> Result<Tree, Failed> {
        let (root, mut tree) = (self.path(dir), Tree::new());
        let mut dirs = vec![root.clone()];
        while let Some(dir) = dirs.pop() {
            for entry in std::fs::read_dir(&dir)? {
                let path = entry?.path();
                let name = path.strip_prefix(&root)?.to_str().ok_or("no text")?.to_owned();
                match path.is_dir() {
                    true => dirs.push(path),
                    false if name == "_putback/lock" || name == "_putback/readers" => {}
                    false => {
                        tree.insert(name, std::fs::read(&path)?);
                    }
                }
            }
        }
        Ok(tree)
    }

    /// Puts the files of a directory into the bucket.
    pub fn seed(&self, fake: &Fake, dir: &str, prefix: &str) -> Result<(), Failed> {
        for (name, bytes) in self.tree(dir)? {
            fake.objects().put("bucket", &format!("{prefix}/{name}"), bytes);
        }
        Ok(())
    }
}

fn variables(fake: &Fake) -> Vec<(String, String)> {
    let variables = match fake.interface {
        Interface::Google => vec![("STORAGE_EMULATOR_HOST", fake.address.as_str())],
        Interface::S3 => vec![
            ("AWS_ENDPOINT_URL", fake.address.as_str()),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "us-east-1"),
        ],
    };
    variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn copy(from: &Path, to: &Path) -> Result<(), Failed> {
    let is_copied = Command::new("cp").arg("-r").arg(from.join(".")).arg(to).status()?.success();
    ensure(is_copied, "not copied")
}

/// What lies in the bucket below a prefix.
pub fn bucket_tree(fake: &Fake, prefix: &str) -> Tree {
    let objects = fake.objects();
    let below = objects.buckets["bucket"].iter();
    let named = below.filter_map(|(key, object)| {
        Some((key.strip_prefix(prefix)?.strip_prefix('/')?.to_owned(), object.bytes.clone()))
    });
    named.collect()
}

/// The months that a reader of the record sees, with their checksums. Every object has to be there, and whole.
pub fn published(tree: &Tree) -> Result<String, Failed> {
    let Some(record) = tree.get("_putback/published.json") else { return Ok(String::new()) };
    let record: serde_json::Value = serde_json::from_slice(record)?;
    let mut seen = Vec::new();
    for (table, months) in record["tables"].as_object().ok_or("no tables")? {
        for (month, file) in months.as_object().ok_or("no months")? {
            let sha256 = file["sha256"].as_str().ok_or("no checksum")?;
            // Months of which nothing is left have no file.
            if file["rows"] == 0 {
                continue;
            }
            let object = tree.get(&format!("_putback/objects/{sha256}.parquet"));
            let object = object.ok_or_else(|| format!("the object of {table} {month} is lost"))?;
            ensure(hex(&Sha256::digest(object)) == sha256, format!("the object of {table} {month} is damaged"))?;
            seen.push(format!("{table} {month} {sha256}"));
        }
    }
    Ok(seen.join("\n"))
}

/// A directory and a bucket with the same publications. Of what the directory has removed, the bucket keeps content for a
/// while.
pub fn ensure_same_publications(directory: &Tree, bucket: &Tree, what: &str) -> Result<(), Failed> {
    let is_content = |name: &str| name.starts_with("_putback/objects/") || name.starts_with("_putback/kept/");
    let mut bucket = bucket.clone();
    bucket.retain(|name, _| directory.contains_key(name) || !is_content(name));
    ensure_same(directory, &bucket, what)
}

/// How two trees differ.
pub fn ensure_same(left: &Tree, right: &Tree, what: &str) -> Result<(), Failed> {
    let names: std::collections::BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let other: Vec<&&String> = names.iter().filter(|name| left.get(**name) != right.get(**name)).collect();
    ensure(other.is_empty(), format!("{what}: {other:?} differ"))
}

/// Fails a test with what was found.
pub fn ensure(is_so: bool, found: impl std::fmt::Display) -> Result<(), Failed> {
    if is_so { Ok(()) } else { Err(found.to_string().into()) }
}
