//! Completions and manual pages.

use std::process::Command;

fn stdout(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_putback")).args(arguments).output().expect("the binary");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn every_shell_completes_commands_options_and_values() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(&["completions", shell]);
        for word in ["sync", "upload", "season", "dry-run"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    // The shell itself accepts it.
    let script = stdout(&["completions", "bash"]);
    let status = Command::new("bash").args(["-n", "-c", &script]).status().expect("bash");
    assert!(status.success());
}

#[test]
fn each_command_has_a_manual_page() {
    assert!(stdout(&["man"]).contains(".TH putback 1"));
    let dir = tempfile::tempdir().expect("a directory");
    let out = dir.path().join("man1");
    stdout(&["man", "--out", out.to_str().expect("a path")]);
    for page in ["putback.1", "putback-sync.1", "putback-upload.1"] {
        let text = std::fs::read_to_string(out.join(page)).expect("a page");
        assert!(text.contains(".SH NAME"), "{page}");
    }
}
