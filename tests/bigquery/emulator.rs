//! The emulator as a process of its own, on free loopback ports.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

pub struct Emulator {
    /// `http://127.0.0.1:PORT`.
    pub rest: String,
    /// `127.0.0.1:PORT`.
    pub grpc: String,
    install: PathBuf,
    child: Mutex<Child>,
    projects: AtomicUsize,
    _data: TempDir,
}

impl Emulator {
    pub fn start() -> Result<Self, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let setup = Command::new(root.join("scripts/emulator")).output().map_err(|error| error.to_string())?;
        if !setup.status.success() {
            return Err(String::from_utf8_lossy(&setup.stderr).trim().to_owned());
        }
        let install = PathBuf::from(String::from_utf8_lossy(&setup.stdout).trim());
        let data = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut child = Command::new(install.join("venv/bin/python"))
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
        Ok(Self { rest, grpc, install, child: Mutex::new(child), projects: AtomicUsize::new(0), _data: data })
    }

    pub fn python(&self) -> PathBuf {
        self.install.join("venv/bin/python")
    }

    /// A project that nobody else uses.
    pub fn new_project(&self) -> String {
        format!("test-project-{}", self.projects.fetch_add(1, Ordering::Relaxed))
    }

    pub fn stop(&self) {
        let mut child = self.child.lock().expect("no thread panicked");
        let _ = child.kill();
        let _ = child.wait();
    }
}
