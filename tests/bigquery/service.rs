//! What the tests run against: an emulator as a process of its own, or the fake of our own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::Failed;
use tempfile::TempDir;

use super::client::python;
use super::desk::ensure;
use super::fake::Fake;

pub struct Service {
    /// `http://127.0.0.1:PORT`.
    pub rest: String,
    /// `127.0.0.1:PORT`.
    pub grpc: String,
    /// One that has Google's client, where there is any.
    pub python: Option<PathBuf>,
    fake: Option<Fake>,
    process: Option<(Mutex<Child>, TempDir)>,
    projects: AtomicUsize,
}

impl Service {
    /// Installs the emulator if need be.
    pub fn emulator() -> Result<Self, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let setup = Command::new(root.join("scripts/emulator")).output().map_err(|error| error.to_string())?;
        if !setup.status.success() {
            return Err(String::from_utf8_lossy(&setup.stderr).trim().to_owned());
        }
        let install = PathBuf::from(String::from_utf8_lossy(&setup.stdout).trim());
        let data = tempfile::tempdir().map_err(|error| error.to_string())?;
        let python = install.join("venv/bin/python");
        let mut child = Command::new(&python)
            .arg(root.join("tests/bigquery/emulator.py"))
            .args(["--with-parent", "--stream-rows", "1000", "--batch-rows", "300", "--data-dir"])
            .arg(data.path())
            .env("HOME", install.join("home"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).map_err(|error| error.to_string())?;
        let mut words = line.split_whitespace().skip(1).map(str::to_owned);
        let (Some(rest), Some(grpc)) = (words.next(), words.next()) else {
            return Err(format!("it said {line:?}"));
        };
        let process = Some((Mutex::new(child), data));
        Ok(Self { rest, grpc, python: Some(python), fake: None, process, projects: AtomicUsize::new(0) })
    }

    pub fn fake(python: Option<PathBuf>) -> Result<Self, String> {
        let fake = Fake::start()?;
        let (rest, grpc) = (fake.rest.clone(), fake.grpc.clone());
        Ok(Self { rest, grpc, python, fake: Some(fake), process: None, projects: AtomicUsize::new(0) })
    }

    /// The fake behind it, for tests that only run there.
    pub fn as_fake(&self) -> Result<&Fake, Failed> {
        self.fake.as_ref().ok_or_else(|| "this test is for the fake".into())
    }

    /// A project that nobody else uses.
    pub fn new_project(&self) -> String {
        format!("test-project-{}", self.projects.fetch_add(1, Ordering::Relaxed))
    }

    /// Datasets and tables, with the rows of a directory warehouse.
    pub fn seed(&self, project: &str, warehouse: &Path) -> Result<(), Failed> {
        match &self.fake {
            Some(fake) => Ok(fake.seed(project, warehouse)?),
            None => self.seed_by_google(project, warehouse),
        }
    }

    /// The same by Google's own client.
    pub fn seed_by_google(&self, project: &str, warehouse: &Path) -> Result<(), Failed> {
        let root = env!("CARGO_MANIFEST_DIR");
        let (schemas, roles) = (format!("{root}/data/schemas"), format!("{root}/data/tables.json"));
        python(self, &["seed", project, &schemas, &roles, &warehouse.to_string_lossy()]).map(|_| ())
    }

    /// Every value of every published table is that of the store.
    pub fn holds(&self, project: &str, store: &Path) -> Result<(), Failed> {
        match &self.fake {
            Some(fake) => {
                let differing = fake.differing(project, store)?;
                ensure(differing == 0, format!("{differing} rows differ"))
            }
            None => self.holds_by_google(project, store).map(|_| ()),
        }
    }

    /// The same by Google's own client; how many tables have rows.
    pub fn holds_by_google(&self, project: &str, store: &Path) -> Result<usize, Failed> {
        let compared = python(self, &["compare", project, &store.to_string_lossy()])?;
        for line in compared.lines() {
            let figures: Vec<&str> = line.split(' ').collect();
            ensure(figures[1] != "0" && figures[1] == figures[2] && figures[3] == "0", line)?;
        }
        Ok(compared.lines().count())
    }

    pub fn stop(&self) {
        if let Some((child, _)) = &self.process {
            let mut child = child.lock().expect("no thread panicked");
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
