//! Every statement that putback sent to the fake, before Google's own SQL analyzer (`analyze.py`).

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use super::desk::ensure;
use super::service::Service;

/// Trials on what was sent so far; none before anything was sent.
pub fn trials(service: &'static Service) -> Vec<Trial> {
    let sent = service.as_fake().map(super::fake::Fake::sent).unwrap_or_default();
    if sent.is_empty() {
        return Vec::new();
    }
    let install = install();
    if let Err(reason) = &install {
        eprintln!("SKIPPED: statements are not analyzed: {reason}");
    }
    let trial = |name: &str, test: fn(&Path, Vec<Value>) -> Result<(), Failed>| {
        let (install, sent) = (install.clone(), sent.clone());
        let is_possible = install.is_ok();
        let run = move || test(&install?, sent);
        Trial::test(name, run).with_kind("analyzer").with_ignored_flag(!is_possible)
    };
    vec![
        trial("the_analyzer_accepts_every_statement", accepts_every_statement),
        trial("the_analyzer_refuses_planted_mistakes", refuses_planted_mistakes),
    ]
}

fn install() -> Result<PathBuf, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/analyzer");
    let setup = Command::new(script).output().map_err(|error| error.to_string())?;
    if !setup.status.success() {
        return Err(String::from_utf8_lossy(&setup.stderr).trim().to_owned());
    }
    Ok(PathBuf::from(String::from_utf8_lossy(&setup.stdout).trim()))
}

/// For each script the number of its statements and what was refused; scripts of one kind are analyzed once.
fn analyze(install: &Path, scripts: &[Value]) -> Result<Vec<(u64, Vec<String>)>, Failed> {
    let mut child = Command::new(install.join("venv/bin/python"))
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bigquery/analyze.py"))
        .arg(install.join("compiled"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().expect("a pipe");
    let document = serde_json::to_vec(scripts)?;
    let writer = std::thread::spawn(move || stdin.write_all(&document));
    let output = child.wait_with_output()?;
    writer.join().map_err(|_| "a thread panicked")??;
    ensure(output.status.success(), String::from_utf8_lossy(&output.stderr))?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn accepts_every_statement(install: &Path, sent: Vec<Value>) -> Result<(), Failed> {
    let results = analyze(install, &sent)?;
    let refused: Vec<&String> = results.iter().flat_map(|(_, refused)| refused).collect();
    ensure(refused.is_empty(), format!("{refused:#?}"))?;
    let statements: u64 = results.iter().map(|(statements, _)| statements).sum();
    println!("{} scripts, {statements} statements of different kinds analyzed, 0 refused", sent.len());
    ensure(statements > 0, "nothing was analyzed")
}

/// Each mistake is planted into a script that the analyzer accepts.
fn refuses_planted_mistakes(install: &Path, sent: Vec<Value>) -> Result<(), Failed> {
    const MISTAKES: [(&str, &str); 14] = [
        ("TO_HEX(SHA256(", "HEX(SHA256("),
        ("STRING_AGG(token, '' ORDER BY token)", "STRING_AGG(token ORDER BY token, '')"),
        ("COUNT(*) AS row_count", "COUNT_ALL() AS row_count"),
        ("CAST(day AS STRING)", "CAST(day AS TEXT)"),
        (" BETWEEN DATE '", " BETWEEN TIMESTAMP '"),
        ("DELETE FROM ", "DELETE * FROM "),
        ("INSERT INTO ", "INSERT OVERWRITE "),
        ("UPDATE ", "UPDATE TABLE "),
        (" SET publication_id = ", " SET publication_name = "),
        ("CURRENT_TIMESTAMP()", "NOW()"),
        ("IFNULL(MAX(publication_id), '')", "IFNULL(MAX(publication_id), 0)"),
        ("BEGIN TRANSACTION", "START A TRANSACTION"),
        ("IFNULL(", "NVL2("),
        ("parent_id FROM", "parent FROM"),
    ];
    let mut planted = Vec::new();
    for (right, wrong) in MISTAKES {
        let script = sent.iter().find(|script| script["sql"].as_str().is_some_and(|sql| sql.contains(right)));
        let script = script.ok_or_else(|| format!("no statement has {right}"))?;
        let sql = script["sql"].as_str().unwrap_or_default().replacen(right, wrong, 1);
        planted.push(json!({ "sql": sql, "tables": script["tables"] }));
    }
    for ((_, wrong), (_, refused)) in MISTAKES.iter().zip(analyze(install, &planted)?) {
        ensure(!refused.is_empty(), format!("{wrong} is accepted"))?;
    }
    Ok(())
}
