//! Every statement that putback sent to the fake, before Google's own SQL analyzer (`analyze.py`), and transactions of
//! uploads on its reference evaluator (`evaluate.py`).

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::{Failed, Trial};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::desk::{Desk, ensure};
use super::faults::is_full_matrix;
use super::service::Service;

/// Trials on what was sent so far, and one that sends its own.
pub fn trials(service: &'static Service) -> Vec<Trial> {
    let sent = service.as_fake().map(super::fake::Fake::sent).unwrap_or_default();
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
    let mut trials = Vec::new();
    if !sent.is_empty() {
        trials.push(trial("the_analyzer_accepts_every_statement", accepts_every_statement));
        trials.push(trial("the_analyzer_refuses_planted_mistakes", refuses_planted_mistakes));
    }
    // A minute or two.
    let is_possible = install.is_ok() && is_full_matrix();
    let evaluated = move || gives_the_rows_of_an_upload(&install?, service);
    trials.push(
        Trial::test("the_evaluator_gives_the_rows_of_an_upload", evaluated)
            .with_kind("analyzer")
            .with_ignored_flag(!is_possible),
    );
    trials
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
    asked(install, "analyze.py", scripts)
}

/// For each transaction the number of its statements, of the rows that were compared, and what differs.
fn evaluate(install: &Path, transactions: &[Value]) -> Result<Vec<(u64, u64, Vec<String>)>, Failed> {
    let answers: Vec<Option<_>> = asked(install, "evaluate.py", transactions)?;
    Ok(answers.into_iter().collect::<Option<_>>().ok_or("the evaluator refuses a script")?)
}

/// What a script of the tests answers.
fn asked<T: DeserializeOwned>(install: &Path, script: &str, input: &[Value]) -> Result<T, Failed> {
    let mut child = Command::new(install.join("venv/bin/python"))
        .arg("-B")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bigquery").join(script))
        .arg(install.join("compiled"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().expect("a pipe");
    let document = serde_json::to_vec(input)?;
    let writer = std::thread::spawn(move || stdin.write_all(&document));
    let output = child.wait_with_output()?;
    let written = writer.join().map_err(|_| "a thread panicked")?;
    // A script that fails early closes its input: what it says comes before the broken pipe.
    ensure(output.status.success(), String::from_utf8_lossy(&output.stderr))?;
    written?;
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

/// A first publication, and one that replaces rows of a date: the tables end as the fake has them, which the tests of
/// uploads compare with the store. Mistakes that are planted into the second are found.
fn gives_the_rows_of_an_upload(install: &Path, service: &'static Service) -> Result<(), Failed> {
    let (desk, other) = (Desk::computed(service, 1)?, Desk::computed_otherwise(service, 1)?);
    let project = service.new_project();
    service.seed(&project, &desk.path("nothing"))?;
    let fake = service.as_fake()?;
    fake.watch(&project);
    for desk in [&desk, &other] {
        desk.done(&["upload", "--to", &format!("bigquery:{project}")])?;
    }
    let committed = fake.committed(&project);
    ensure(committed.len() == 2, format!("{} transactions", committed.len()))?;
    for (statements, rows, differing) in evaluate(install, &committed)? {
        println!("{statements} statements evaluated, {rows} rows compared, {} differences", differing.len());
        ensure(differing.is_empty() && rows > 1000, format!("{rows} rows: {differing:#?}"))?;
    }
    let planted = planted(&committed[1], &project)?;
    for (wrong, (_, _, differing)) in planted.iter().zip(evaluate(install, &planted)?) {
        ensure(!differing.is_empty(), format!("a planted mistake is not found: {}", wrong["sql"]))?;
    }
    Ok(())
}

/// A transaction with one mistake each.
fn planted(transaction: &Value, project: &str) -> Result<Vec<Value>, Failed> {
    let features = format!("`{project}.nba_predictions.ml_feature_store_v2`");
    let delete = format!("DELETE FROM {features} WHERE ");
    let insert = format!("INSERT INTO {features} (");
    let doubled = [format!("{delete}FALSE AND "), delete.clone()];
    let all_dates = [format!("{delete}TRUE OR "), delete];
    let other_rows =
        [format!("DELETE FROM {features} WHERE TRUE;\nCOMMIT TRANSACTION"), "COMMIT TRANSACTION".to_owned()];
    let head = ["WHERE publication_id != '".to_owned(), "WHERE publication_id = '".to_owned()];
    let mut planted = Vec::new();
    let sql = transaction["sql"].as_str().ok_or("no script")?;
    for [wrong, right] in [doubled, all_dates, other_rows, head] {
        planted.push(sql.replacen(&right, &wrong, 1));
    }
    let (before, columns) = sql.split_once(&insert).ok_or("no rows are inserted")?;
    let (columns, after) = columns.split_once(") SELECT ").ok_or("no rows are selected")?;
    let [one, another] = ["source_daily_cache_hash", "source_composite_hash"];
    let exchanged = columns.replace(one, "#").replace(another, one).replace('#', another);
    planted.push(format!("{before}{insert}{exchanged}) SELECT {after}"));
    ensure(planted.iter().all(|wrong| wrong != sql), "a mistake was not planted")?;
    Ok(planted.into_iter().map(|wrong| json!({ "sql": wrong, "tables": transaction["tables"] })).collect())
}
