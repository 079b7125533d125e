//! One of each large dependency, as `deny.toml` asks for, without a tool or a network.

use std::collections::BTreeMap;

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
