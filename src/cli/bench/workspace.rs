//! The scratch directory of a benchmark, and the processes that run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use chrono::NaiveDate;
use tempfile::TempDir;
use wait4::Wait4;

use super::super::environment;
use super::super::exit::ExitCode;
use super::super::output::Printer;
use super::super::settings::Settings;
use super::args::BenchArgs;
use crate::calendar::{DateRange, DateRanges, Season};
use crate::error::{Error, ErrorKind, Result};
use crate::schedule::Schedule;
use crate::store::{Layer, Store};

/// A directory that goes when the benchmark ends, with a store of its own.
pub struct Workspace {
    dir: TempDir,
    threads: usize,
    memory_limit: Option<String>,
}

/// What a process took.
pub struct Usage {
    pub wall: Duration,
    /// User and system time of all its threads.
    pub cpu: Duration,
    pub peak_memory_bytes: u64,
    pub stdout: String,
}

/// What the store was filled with, and the game dates to measure.
pub struct Filled {
    pub source: String,
    pub dates: Vec<NaiveDate>,
}

/// A league that is generated.
#[derive(Debug, Clone, Copy)]
struct Generated {
    scale: u16,
    seed: u64,
}

impl Workspace {
    pub fn new(parent: Option<&Path>, settings: &Settings) -> Result<Self> {
        let parent = parent.map_or_else(std::env::temp_dir, Path::to_path_buf);
        let dir = tempfile::Builder::new().prefix("putback-bench-").tempdir_in(&parent).map_err(|error| {
            Error::new(ErrorKind::Usage, format!("cannot make a scratch directory in {}", parent.display()))
                .hint("name a writable directory with --scratch")
                .because(error)
        })?;
        let memory_limit = settings.memory_limit.as_ref().map(|limit| limit.value.clone());
        Ok(Self { dir, threads: settings.threads.value, memory_limit })
    }

    pub fn store(&self) -> Store {
        Store::at(self.dir.path().join("store"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Fills the store with Phase 3; returns where it is from and the game dates to measure.
    pub fn fill(&self, args: &BenchArgs, settings: &Settings, printer: Printer) -> Result<Filled> {
        let asked = args.range.without_target()?.ranges()?;
        if let Some(scale) = args.scale {
            return self.generate(Generated { scale, seed: args.seed }, &asked, printer);
        }
        if let Some(warehouse) = &args.warehouse {
            let ranges = args.range.required(environment::yesterday())?.ranges;
            self.sync(&warehouse.to_string(), &ranges)?;
            return Ok(Filled { source: warehouse.to_string(), dates: self.game_dates(&ranges)? });
        }
        let source = settings.store();
        link_phase3(&source, &self.store())?;
        let computed: Vec<NaiveDate> =
            source.phase4()?.processors.into_values().flat_map(std::collections::BTreeMap::into_keys).collect();
        let ranges = match (asked.is_empty(), computed.iter().min(), computed.iter().max()) {
            (true, Some(&from), Some(&to)) => [DateRange { from, to }].into_iter().collect(),
            (true, ..) => {
                return Err(Error::new(
                    ErrorKind::Upstream,
                    format!("the store {} has computed no dates to measure", source.root().display()),
                )
                .hint("give a range, or measure generated data with --scale 1"));
            }
            (false, ..) => asked,
        };
        let dates = self.game_dates(&ranges)?;
        Ok(Filled { source: format!("the store {}", source.root().display()), dates })
    }

    fn generate(&self, what: Generated, asked: &DateRanges, printer: Printer) -> Result<Filled> {
        let Generated { scale, seed } = what;
        let seasons: Vec<Season> = match asked.span() {
            None => vec![Season::starting_in(2023)],
            Some(span) => (Season::of(span.from).start_year()..=Season::of(span.to).start_year())
                .map(Season::starting_in)
                .collect(),
        };
        printer.note(format!("generating {} season(s), {scale} league(s), seed {seed}", seasons.len()));
        let dir = self.path("warehouse");
        let (seed_text, scale_text) = (seed.to_string(), scale.to_string());
        let mut command =
            vec!["bench-generate", "--dir", path_text(&dir)?, "--seed", &seed_text, "--scale", &scale_text];
        let names: Vec<String> = seasons.iter().map(Season::to_string).collect();
        names.iter().for_each(|name| command.extend(["--season", name]));
        self.run(&command)?;
        let ranges = seasons.iter().map(|season| season.range()).collect::<DateRanges>();
        let ranges = ranges.clipped_to(environment::yesterday());
        self.sync(&format!("dir:{}", dir.display()), &ranges)?;
        let wanted = if asked.is_empty() { ranges } else { asked.clone() };
        let dates = self.game_dates(&wanted)?;
        Ok(Filled { source: format!("generated data, scale {scale}, seed {seed}"), dates })
    }

    fn sync(&self, warehouse: &str, ranges: &DateRanges) -> Result<()> {
        let span = ranges.span().expect("a range was given");
        let (from, to) = (span.from.to_string(), span.to.to_string());
        self.run(&["sync", "--warehouse", warehouse, "--from", &from, "--to", &to]).map(|_| ())
    }

    fn game_dates(&self, ranges: &DateRanges) -> Result<Vec<NaiveDate>> {
        let store = self.store();
        Ok(Schedule::load(&store, &store.phase3()?)?.game_dates(ranges))
    }

    /// Everything is there before the first measurement.
    pub fn compute(&self, first: NaiveDate, last: NaiveDate) -> Result<()> {
        self.run(&["compute", "--from", &first.to_string(), "--to", &last.to_string()]).map(|_| ())
    }

    /// Runs this program in the workspace and returns what it took.
    ///
    /// # Errors
    /// When it ends otherwise than done, or done with failed dates.
    pub fn run(&self, arguments: &[&str]) -> Result<Usage> {
        let program = std::env::current_exe().map_err(|error| {
            Error::new(ErrorKind::Unexpected, "this program does not find its own file").because(error)
        })?;
        let store = self.store();
        let mut command = Command::new(&program);
        command.args(arguments).arg("--store").arg(store.root()).args(["--threads", &self.threads.to_string(), "-q"]);
        if let Some(limit) = &self.memory_limit {
            command.args(["--memory-limit", limit]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let failed = |error| Error::io("run", &program, error);
        let started = Instant::now();
        let mut child = command.spawn().map_err(failed)?;
        let stdout = read_in_background(child.stdout.take());
        let stderr = read_in_background(child.stderr.take());
        let ended = child.wait4().map_err(failed)?;
        let wall = started.elapsed();
        let (stdout, stderr) = (stdout(), stderr());
        let accepted = [ExitCode::Done as i32, ExitCode::FailedDates as i32];
        if !ended.status.code().is_some_and(|code| accepted.contains(&code)) {
            let message = format!("`putback {}` ended with {}", arguments.join(" "), ended.status);
            return Err(Error::new(ErrorKind::Unexpected, message).because(std::io::Error::other(stderr)));
        }
        Ok(Usage { wall, cpu: ended.rusage.utime + ended.rusage.stime, peak_memory_bytes: ended.rusage.maxrss, stdout })
    }
}

/// Pipes are emptied while the process runs, or it would wait for us.
fn read_in_background(pipe: Option<impl std::io::Read + Send + 'static>) -> impl FnOnce() -> String {
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_string(&mut text);
        }
        text
    });
    move || reader.join().unwrap_or_default()
}

fn path_text(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("{} is not text", path.display())).hint("name another --scratch directory")
    })
}

/// Phase 3 of `source` becomes Phase 3 of `target`, by links where the file system can.
fn link_phase3(source: &Store, target: &Store) -> Result<()> {
    let (from, to) = (source.layer_dir(Layer::Phase3), target.layer_dir(Layer::Phase3));
    let link = |from: &Path, to: &Path| std::fs::hard_link(from, to).or_else(|_| std::fs::copy(from, to).map(|_| ()));
    let entries = |dir: &Path| -> Result<Vec<PathBuf>> {
        let listed = std::fs::read_dir(dir).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
        listed.map_err(|error| {
            Error::new(ErrorKind::Upstream, format!("there is no store to measure: {} cannot be listed", dir.display()))
                .hint("run `putback sync` first, name another --store, or measure generated data with --scale 1")
                .because(error)
        })
    };
    let _pins = source.pin()?;
    // A lock is of one store.
    let is_data = |path: &PathBuf| path.file_name().is_some_and(|name| name != "readers");
    for path in entries(&from)?.into_iter().filter(is_data) {
        let target = to.join(path.file_name().expect("an entry has a name"));
        std::fs::create_dir_all(&to).map_err(|error| Error::io("create", &to, error))?;
        if path.is_file() {
            link(&path, &target).map_err(|error| Error::io("copy", &path, error))?;
            continue;
        }
        std::fs::create_dir_all(&target).map_err(|error| Error::io("create", &target, error))?;
        for file in entries(&path)? {
            let copy = target.join(file.file_name().expect("an entry has a name"));
            link(&file, &copy).map_err(|error| Error::io("copy", &file, error))?;
        }
    }
    Ok(())
}
