//! The `putback` binary: hands over to [`putback::cli`].

use std::process::ExitCode;

/// Rows come and go as millions of small texts, on several threads. It serves DuckDB as well (`override`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    putback::cli::main()
}
