//! The `putback` binary: hands over to [`putback::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    putback::cli::main()
}
