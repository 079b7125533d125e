//! The files below a directory, links between them included.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

/// Files by name. Names of one file share a number.
#[derive(Clone, Default)]
pub struct Tree {
    files: BTreeMap<PathBuf, (u64, Arc<Vec<u8>>)>,
}

impl Tree {
    pub fn read(root: &Path) -> Self {
        let mut tree = Self::default();
        tree.take(root, root);
        tree
    }

    fn take(&mut self, root: &Path, dir: &Path) {
        let Ok(entries) = std::fs::read_dir(dir) else { return };
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                self.take(root, &path);
                continue;
            }
            let number = std::fs::symlink_metadata(&path).expect("a file").ino();
            let bytes = Arc::new(std::fs::read(&path).expect("a readable file"));
            self.files.insert(path.strip_prefix(root).expect("below").to_owned(), (number, bytes));
        }
    }

    /// Writes the files below a new directory.
    pub fn write(&self, root: &Path) {
        std::fs::create_dir_all(root).expect("a directory");
        let mut first: BTreeMap<u64, PathBuf> = BTreeMap::new();
        for (name, (number, bytes)) in &self.files {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
            match first.get(number) {
                Some(other) => std::fs::hard_link(other, &path).expect("a link"),
                None => std::fs::write(&path, bytes.as_slice()).expect("a file"),
            }
            first.entry(*number).or_insert(path);
        }
    }

    pub fn get(&self, name: &Path) -> Option<&[u8]> {
        self.files.get(name).map(|(_, bytes)| bytes.as_slice())
    }

    fn some(&self, is_wanted: impl Fn(&Path) -> bool) -> BTreeMap<PathBuf, &[u8]> {
        let wanted = self.files.iter().filter(|(name, _)| is_wanted(name));
        wanted.map(|(name, (_, bytes))| (name.clone(), bytes.as_slice())).collect()
    }

    /// The records of layers and targets.
    pub fn records(&self) -> BTreeMap<PathBuf, &[u8]> {
        self.some(|name| {
            let file = file_name(name);
            (file == "manifest.json" || file == "published.json") && !is_of_runs(name)
        })
    }

    pub fn count(&self) -> usize {
        self.files.len()
    }

    /// Links to one file count once.
    pub fn size_bytes(&self) -> usize {
        let files: BTreeMap<u64, usize> = self.files.values().map(|(number, bytes)| (*number, bytes.len())).collect();
        files.values().sum()
    }

    /// The record of what was computed.
    pub fn outputs(&self) -> Option<&[u8]> {
        self.get(Path::new("putback-store/phase4/manifest.json"))
    }

    /// What the runs computed that `before` has no record of, like `MLFS 2023-11-08`.
    pub fn computed_since(&self, before: &Self) -> BTreeSet<String> {
        let logs = self.some(|name| file_name(name) == "log.jsonl" && is_of_runs(name) && before.get(name).is_none());
        let lines = logs.values().flat_map(|bytes| bytes.split(|byte| *byte == b'\n'));
        let entries = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
        let computed = entries.filter(|entry| entry["event"] == "date");
        computed
            .map(|entry| {
                let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
                format!("{} {}", text("processor"), text("date"))
            })
            .collect()
    }

    /// The id of the latest publication into a directory.
    pub fn latest_publication(&self) -> String {
        let bytes = self.get(Path::new("published/_putback/published.json")).expect("a record");
        let record: Value = serde_json::from_slice(bytes).expect("JSON");
        let publications = record["publications"].as_array().expect("publications");
        publications.last().and_then(|of| of["id"].as_str()).expect("a publication").to_owned()
    }

    /// Month files under plain names.
    pub fn plain_names(&self) -> BTreeMap<PathBuf, &[u8]> {
        self.some(|name| file_name(name).ends_with(".parquet") && !is_object(name) && !is_spill(name))
    }

    /// Everything that a run without faults leaves in the same way.
    pub fn content(&self) -> BTreeMap<PathBuf, &[u8]> {
        self.some(|name| {
            let is_ours = file_name(name).ends_with(".staged") || is_spill(name);
            // The first two name processes and moments, the last the directory of the target.
            is_ours || !(file_name(name) == "lock" || is_of_runs(name) || file_name(name) == "vanished.json")
        })
    }

    /// Files that a record names and that are not there.
    pub fn missing_objects(&self) -> Vec<String> {
        let mut missing = Vec::new();
        for (record, bytes) in self.records() {
            let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
                missing.push(format!("{} cannot be read", record.display()));
                continue;
            };
            let mut named = Vec::new();
            checksums(&value, &mut named);
            for (kind, sha256) in kept(&value) {
                let file = record.with_file_name("kept").join(format!("{sha256}.{kind}"));
                if self.get(&file).is_none_or(|bytes| digest(bytes) != sha256) {
                    missing.push(format!("{}, which {} names", file.display(), record.display()));
                }
            }
            for sha256 in named {
                let object = record.with_file_name("objects").join(format!("{sha256}.parquet"));
                let is_whole = self.get(&object).is_some_and(|bytes| digest(bytes) == sha256);
                if !is_whole {
                    missing.push(format!("{}, which {} names", object.display(), record.display()));
                }
            }
        }
        missing
    }
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn is_of_runs(path: &Path) -> bool {
    path.components().any(|part| ["runs", "verdicts"].iter().any(|name| part.as_os_str() == *name))
}

fn is_object(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "objects" || part.as_os_str() == "kept")
}

fn is_spill(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "spill")
}

/// What publications replaced, by the ends of the files' names.
fn kept(record: &Value) -> Vec<(&'static str, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    for publication in record["publications"].as_array().into_iter().flatten() {
        found.extend(publication["kept"].as_array().into_iter().flatten().map(|sha256| ("parquet", text(sha256))));
        found.extend(publication["replaced"].as_str().map(|sha256| ("json", sha256.to_owned())));
    }
    found
}

/// Every `sha256` of a file with rows below the record. Those of the warehouse's files are elsewhere.
fn checksums(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            let sha256 = members.get("sha256").and_then(Value::as_str).filter(|text| !text.is_empty());
            found.extend(sha256.map(str::to_owned));
            let ours = members.iter().filter(|(name, _)| *name != "source_files");
            ours.for_each(|(_, value)| checksums(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| checksums(value, found)),
        _ => {}
    }
}

fn digest(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
