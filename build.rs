//! Lets the binary find the shared DuckDB library it was linked with, without environment variables, and tells versions
//! of the code apart.

use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};

/// What verdicts of checks depend on: code, catalogues and the versions of libraries.
const SOURCES: [&str; 3] = ["src", "data", "Cargo.lock"];

fn main() {
    println!("cargo:rerun-if-env-changed=DUCKDB_LIB_DIR");
    println!("cargo:rerun-if-env-changed=PUTBACK_PORTABLE");
    println!("cargo:rerun-if-changed=build.rs");
    SOURCES.iter().for_each(|source| println!("cargo:rerun-if-changed={source}"));
    println!("cargo:rustc-env=PUTBACK_CODE_DIGEST={:016x}", digest_of_sources());
    if std::env::var_os("CARGO_FEATURE_BUNDLED").is_some() {
        return;
    }
    // Beside the binary first: a wheel has it there.
    let is_macos = std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "macos");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", if is_macos { "@loader_path" } else { "$ORIGIN" });
    let is_portable = std::env::var_os("PUTBACK_PORTABLE").is_some();
    if let Some(dir) = std::env::var_os("DUCKDB_LIB_DIR").filter(|_| !is_portable) {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", dir.to_string_lossy());
    }
}

/// The same for the same files, wherever they lie.
fn digest_of_sources() -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut files: Vec<PathBuf> = SOURCES.iter().flat_map(|source| files_below(Path::new(source))).collect();
    files.sort();
    for file in files {
        let bytes = std::fs::read(&file).unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()));
        hasher.write(file.to_string_lossy().as_bytes());
        hasher.write_usize(bytes.len());
        hasher.write(&bytes);
    }
    hasher.finish()
}

fn files_below(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(path) else { return vec![path.to_owned()] };
    entries.flatten().flat_map(|entry| files_below(&entry.path())).collect()
}
