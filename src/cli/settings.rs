//! Settings: flags over environment over `putback.toml` over defaults.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Deserialize;

use super::colors::Color;
use super::environment;
use crate::checks::{Catalogue, Thresholds, Waiver};
use crate::engine::EngineSettings;
use crate::error::{Error, ErrorKind, Result};
use crate::judge::CheckSettings;
use crate::price::parse_bytes;
use crate::store::Store;
use crate::upload::Target;
use crate::warehouse::bigquery::{BigQuerySettings, DatasetMap};
use crate::warehouse::bucket::{BucketSettings, BucketUrl};
use crate::warehouse::{self, Connect, LOCATION_FORMS, Location, Source};

/// More than this is a slip, and each thread takes memory of its own.
const ALLOWED_THREADS: RangeInclusive<u16> = 1..=1024;

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Directory of the local store [default: putback-store]
    #[arg(long, global = true, value_name = "DIR", value_parser = parse_path)]
    pub store: Option<PathBuf>,
    /// Threads that compute, check, and read and write months; results do not depend on it [default: all cores]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(i64::from(*ALLOWED_THREADS.start())..=i64::from(*ALLOWED_THREADS.end())))]
    pub threads: Option<u16>,
    /// Memory of the embedded database, like 4GB; beyond it, data spill to disk [default: 80% of the machine]
    #[arg(long, global = true, value_name = "SIZE")]
    pub memory_limit: Option<String>,
    /// Location of the BigQuery datasets, like us-west2 [default: that of the datasets]
    #[arg(long, global = true, value_name = "LOCATION")]
    pub location: Option<String>,
    /// Most bytes that BigQuery may bill for the command, like 10GB: it refuses before it starts what would be more, and no query
    /// may bill more [default: no limit]
    #[arg(long, global = true, value_name = "BYTES", value_parser = parse_bytes)]
    pub budget: Option<u64>,
    /// Form of the result on standard output
    #[arg(long, global = true, value_enum, default_value_t)]
    pub format: Format,
    /// Colour of results and messages
    #[arg(long, global = true, value_enum, default_value_t)]
    pub color: Color,
    /// Print no progress and no notes
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Also print what is normal: a row for each processor of each year, rules, expected failures, accounting, times
    #[arg(long, short, global = true)]
    pub verbose: bool,
}

/// Form of the result on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// Tables for people
    #[default]
    Text,
    /// One JSON document for machines
    Json,
    /// Only of `putback report`
    #[value(hide = true)]
    Markdown,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Flag,
    Environment(&'static str),
    File(PathBuf),
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("command line"),
            Self::Environment(name) => f.write_str(name),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value and where it came from.
#[derive(Debug, Clone)]
pub struct Setting<T> {
    pub value: T,
    pub origin: Origin,
}

/// `putback.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct SettingsFile {
    store: Option<String>,
    warehouse: Option<String>,
    to: Option<String>,
    threads: Option<u16>,
    memory_limit: Option<String>,
    location: Option<String>,
    budget: Option<String>,
    /// Where published datasets lie in a rehearsal.
    #[serde(default)]
    datasets: BTreeMap<String, String>,
    /// Thresholds, by the id of the check.
    #[serde(default)]
    checks: Thresholds,
    #[serde(default)]
    waiver: Vec<Waiver>,
}

/// Every setting, resolved.
#[derive(Debug, Clone)]
pub struct Settings {
    pub store: Setting<PathBuf>,
    pub warehouse: Option<Setting<Location>>,
    pub to: Option<Setting<Location>>,
    pub threads: Setting<usize>,
    pub memory_limit: Option<Setting<String>>,
    pub location: Option<Setting<String>>,
    /// Bytes that a command may bill.
    pub budget: Option<Setting<u64>>,
    /// Where published datasets lie.
    pub datasets: Setting<DatasetMap>,
    pub catalogue: Catalogue,
}

impl Settings {
    /// Resolves flags, environment and file.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] naming the variable or file whose value cannot be used.
    pub fn resolve(global: &GlobalArgs, warehouse: Option<&Location>, to: Option<&Location>) -> Result<Self> {
        let path = environment::config_path();
        let file = load_file(&path)?;
        let or = |variable, file| Elsewhere { variable, file, path: &path };
        let store = pick(global.store.clone(), or(environment::STORE, file.store), |text| {
            parse_path(text).map_err(|_| "a path".to_owned())
        })?;
        if let Some(store) = &store {
            check_store(&store.value)?;
        }
        let threads = pick(global.threads, or(environment::THREADS, file.threads.map(|n| n.to_string())), |text| {
            let threads = text.parse().ok().filter(|n| ALLOWED_THREADS.contains(n));
            threads
                .ok_or_else(|| format!("a number of threads, {} to {}", ALLOWED_THREADS.start(), ALLOWED_THREADS.end()))
        })?;
        let location = |text: &str| text.parse::<Location>().map_err(|_| format!("a warehouse: {LOCATION_FORMS}"));
        let catalogue =
            Catalogue::with(&file.checks).and_then(|known| known.waiving(&file.waiver, environment::today()));
        let catalogue = catalogue.map_err(|error| error.in_file(&path))?;
        let datasets = DatasetMap::new(&file.datasets).map_err(|error| error.in_file(&path))?;
        let origin = if datasets.is_empty() { Origin::Default } else { Origin::File(path.clone()) };
        Ok(Self {
            catalogue,
            datasets: Setting { value: datasets, origin },
            store: store.unwrap_or(Setting { value: PathBuf::from("putback-store"), origin: Origin::Default }),
            warehouse: pick(warehouse.cloned(), or(environment::WAREHOUSE, file.warehouse), location)?,
            to: pick(to.cloned(), or(environment::TO, file.to), location)?,
            threads: threads
                .map(|setting| Setting { value: usize::from(setting.value), origin: setting.origin })
                .unwrap_or(Setting { value: environment::available_threads(), origin: Origin::Default }),
            location: pick(global.location.clone(), or(environment::LOCATION, file.location), |text| {
                Ok(text.to_owned())
            })?,
            budget: pick(global.budget, or(environment::BUDGET, file.budget), parse_bytes)?,
            memory_limit: pick(
                global.memory_limit.clone(),
                or(environment::MEMORY_LIMIT, file.memory_limit),
                |text| Ok(text.to_owned()),
            )?,
        })
    }

    /// Name, value and origin of every setting.
    pub fn rows(&self) -> [[String; 3]; 8] {
        // A setting that is added is named here by the compiler.
        let Self { store, warehouse, to, threads, memory_limit, location, budget, datasets, catalogue: _ } = self;
        let store = Setting { value: store.value.display(), origin: store.origin.clone() };
        [
            row("store", Some(&store)),
            row("warehouse", warehouse.as_ref()),
            row("to", to.as_ref()),
            row("threads", Some(threads)),
            row("memory-limit", memory_limit.as_ref()),
            row("location", location.as_ref()),
            row("budget", budget.as_ref()),
            row("datasets", Some(datasets).filter(|datasets| !datasets.value.is_empty())),
        ]
    }

    pub fn store(&self) -> Store {
        Store::at(&self.store.value)
    }

    pub fn engine(&self) -> EngineSettings {
        EngineSettings {
            threads: self.threads.value,
            memory_limit: self.memory_limit.as_ref().map(|limit| limit.value.clone()),
            temp_dir: environment::spill_place(&self.store()),
        }
    }

    /// What checks are run with.
    pub fn checks(&self) -> CheckSettings<'_> {
        CheckSettings { catalogue: &self.catalogue, engine: self.engine() }
    }

    /// Opens the warehouse to read.
    pub fn open_source(&self) -> Result<Box<dyn Source>> {
        let connect = Connect { bigquery: &|project| self.bigquery(project), bucket: &|url| self.bucket(url) };
        warehouse::open(self.required_warehouse()?, environment::now(), connect)
    }

    /// Opens the warehouse to publish into.
    pub fn open_target(&self) -> Result<Box<dyn Target>> {
        let bigquery = |project: &str| self.bigquery_to_publish(project);
        let connect = Connect { bigquery: &bigquery, bucket: &|url| self.bucket(url) };
        warehouse::open_target(self.required_to()?, connect, self.threads.value)
    }

    /// Opens what was published into, to read it.
    pub fn open_published(&self) -> Result<Box<dyn Source>> {
        let bigquery = |project: &str| self.bigquery_to_publish(project);
        warehouse::open_outputs(self.required_to()?, Connect { bigquery: &bigquery, bucket: &|url| self.bucket(url) })
    }

    /// How to reach a bucket.
    pub fn bucket(&self, url: &BucketUrl) -> Result<BucketSettings> {
        environment::bucket(url, &self.store())
    }

    /// How to reach a project.
    pub fn bigquery(&self, project: &str) -> Result<BigQuerySettings> {
        let location = self.location.as_ref().map(|location| location.value.clone());
        let budget = self.budget.as_ref().map(|budget| budget.value);
        Ok(BigQuerySettings { budget, ..environment::bigquery(project, location)? })
    }

    /// How to reach a project that is published into, with the mapping of its datasets.
    pub fn bigquery_to_publish(&self, project: &str) -> Result<BigQuerySettings> {
        Ok(BigQuerySettings { datasets: self.datasets.value.clone(), ..self.bigquery(project)? })
    }

    /// Where published tables lie, if they do not lie in their own datasets.
    pub fn mapping(&self) -> Option<String> {
        let is_mapped = |to: &Setting<Location>| matches!(to.value, Location::BigQuery { .. });
        let datasets = &self.datasets.value;
        (self.to.as_ref().is_some_and(is_mapped) && !datasets.is_empty()).then(|| datasets.to_string())
    }

    /// The warehouse to read.
    pub fn required_warehouse(&self) -> Result<&Location> {
        required(self.warehouse.as_ref(), "no warehouse to read from is given", "--warehouse", "warehouse")
    }

    /// The warehouse to publish into.
    pub fn required_to(&self) -> Result<&Location> {
        required(self.to.as_ref(), "no warehouse to publish into is given", "--to", "to")
    }
}

fn row<T: fmt::Display>(name: &str, setting: Option<&Setting<T>>) -> [String; 3] {
    let (value, origin) = match setting {
        Some(setting) => (setting.value.to_string(), setting.origin.to_string()),
        None => ("(not set)".to_owned(), "default".to_owned()),
    };
    [name.to_owned(), value, origin]
}

/// A path that an option or a setting names.
pub fn parse_path(text: &str) -> Result<PathBuf, String> {
    match text {
        "" => Err("a path cannot be empty".to_owned()),
        text if text.contains('\0') => Err("a path cannot have a NUL character".to_owned()),
        text => Ok(PathBuf::from(text)),
    }
}

/// A store is a directory, or will be one.
///
/// # Errors
/// [`ErrorKind::Usage`] when something else is there.
pub fn check_store(path: &Path) -> Result<()> {
    use std::io::ErrorKind::{NotFound, PermissionDenied};
    let refused = |what: &str| {
        Error::new(ErrorKind::Usage, format!("the store {} {what}", path.display()))
            .hint("name a directory with --store")
    };
    match std::fs::metadata(path) {
        Ok(meta) if !meta.is_dir() => Err(refused("is not a directory")),
        Ok(_) => Ok(()),
        Err(error) if matches!(error.kind(), NotFound | PermissionDenied) => Ok(()),
        Err(error) => Err(refused("cannot be used").because(error)),
    }
}

fn required<'a>(setting: Option<&'a Setting<Location>>, what: &str, flag: &str, key: &str) -> Result<&'a Location> {
    setting.map(|setting| &setting.value).ok_or_else(|| {
        Error::new(ErrorKind::Usage, what).hint(format!("add {flag} {LOCATION_FORMS}, or set {key} in putback.toml"))
    })
}

fn load_file(path: &Path) -> Result<SettingsFile> {
    let unusable = |error: std::io::Error| {
        Error::new(ErrorKind::Usage, format!("{} cannot be read as settings", path.display()))
            .hint("name a file of settings, or none")
            .because(error)
    };
    let text = match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(SettingsFile::default()),
        Err(error) => return Err(unusable(error)),
        // Nothing may ever come out of a pipe.
        Ok(meta) if !meta.is_file() && path != Path::new("/dev/null") => {
            return Err(unusable(std::io::Error::other("it is not a file")));
        }
        Ok(_) => std::fs::read_to_string(path).map_err(unusable)?,
    };
    let text = text.trim_start_matches('\u{feff}');
    toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        Error::new(ErrorKind::Usage, format!("{} cannot be used: {} (line {line})", path.display(), error.message())).hint(format!(
            "known keys: {}; [datasets] maps datasets, [checks.ID] has thresholds, a [[waiver]] check, from, until, reason and expires",
            keys().join(", ")
        ))
    })
}

/// The keys of `putback.toml`, as its type has them.
pub fn keys() -> Vec<String> {
    let unknown = toml::from_str::<SettingsFile>("unknown = 0").expect_err("no such key");
    let expected = unknown.message().split_once("expected").map_or("", |(_, expected)| expected);
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Where a setting is looked for that has no flag.
struct Elsewhere<'p> {
    variable: &'static str,
    file: Option<String>,
    /// The file that may have it.
    path: &'p Path,
}

/// The first of flag, environment and file.
fn pick<T>(
    flag: Option<T>,
    Elsewhere { variable, file, path }: Elsewhere<'_>,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<Setting<T>>> {
    if let Some(value) = flag {
        return Ok(Some(Setting { value, origin: Origin::Flag }));
    }
    let (text, origin) = match (environment::variable(variable), file) {
        (Some(text), _) => (text, Origin::Environment(variable)),
        (None, Some(text)) => (text, Origin::File(path.to_owned())),
        (None, None) => return Ok(None),
    };
    let value = parse(&text)
        .map_err(|expected| Error::new(ErrorKind::Usage, format!("{origin}: \"{text}\" is not {expected}")))?;
    Ok(Some(Setting { value, origin }))
}
