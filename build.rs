//! Lets the binary find the shared DuckDB library it was linked with, without environment variables.
fn main() {
    println!("cargo:rerun-if-env-changed=DUCKDB_LIB_DIR");
    println!("cargo:rerun-if-env-changed=PUTBACK_PORTABLE");
    println!("cargo:rerun-if-changed=build.rs");
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
