//! One of each large dependency, as `deny.toml` asks for, without a tool or a network.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Crates that the tree may hold in one version only.
const SINGLE: [&str; 10] =
    ["arrow", "arrow-array", "duckdb", "hyper", "parquet", "reqwest", "ring", "rustls", "tonic", "zstd-sys"];

/// A second TLS stack or HTTP client.
const ABSENT: [&str; 6] = ["aws-lc-sys", "curl", "isahc", "native-tls", "openssl", "openssl-sys"];

#[test]
fn the_tree_holds_one_arrow_one_tls_stack_and_one_http_client() {
    let lock: toml::Table = include_str!("../../Cargo.lock").parse().expect("a lock file");
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in lock["package"].as_array().expect("packages") {
        let text = |key: &str| package[key].as_str().expect("a text");
        versions.entry(text("name")).or_default().push(text("version"));
    }
    for name in SINGLE {
        assert_eq!(versions.get(name).map_or(0, Vec::len), 1, "{name}: {:?}", versions.get(name));
    }
    for name in ABSENT {
        assert!(!versions.contains_key(name), "{name} is in the tree");
    }
}

/// The features of each package, for a build or for the tests.
fn features(edges: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--locked", "--offline", "--prefix", "none", "--edges", edges, "--format", "{p}|{f}|"]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut packages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).expect("text").lines() {
        let mut parts = line.split('|').map(str::to_owned);
        let (package, features) = (parts.next().expect("a package"), parts.next().expect("features"));
        packages.entry(package).or_default().insert(features);
    }
    packages
}

/// Otherwise a test run builds the dependency again, and the library with it.
#[test]
fn tests_change_no_feature_of_what_a_build_has() {
    let (build, test) = (features("normal,build"), features("normal,build,dev"));
    assert!(build.len() > 100 && test.len() > build.len(), "{} and {} packages", build.len(), test.len());
    for (package, features) in &build {
        assert_eq!(features, &test[package], "{package}");
    }
}
