//! Plans that are reviewed and then published, and drift, in directories.

use insta::assert_snapshot;
use putback::catalog::Table;
use putback::store::{read_month_file, write_parquet};

use crate::fixture::{Desk, Outcome, RANGE};

const LATE: [&str; 4] = ["--from", "2023-11-28", "--to", "2023-12-10"];

fn upload(desk: &Desk, more: &[&str]) -> Outcome {
    desk.run(&[&["upload", "-q", "--to", "dir:published"][..], more].concat(), &RANGE)
}

fn plan(desk: &Desk) -> String {
    let rehearsed = upload(desk, &["--dry-run", "--format", "json"]);
    assert_eq!(rehearsed.code, 0, "{}", rehearsed.stderr);
    let rehearsed: serde_json::Value = serde_json::from_str(&rehearsed.stdout).expect("JSON");
    rehearsed["plan"].as_str().expect("an id").to_owned()
}

#[test]
fn a_reviewed_plan_is_published_or_nothing() {
    let desk = Desk::computed();
    assert_eq!(desk.run(&["compute", "-q", "--windows", "day-before"], &LATE).code, 0);
    let reviewed = plan(&desk);
    assert_eq!(plan(&desk), reviewed);
    let text = upload(&desk, &["--dry-run"]).stdout;
    let told =
        format!("plan {reviewed}: `putback upload --plan {reviewed}` with the same options publishes exactly this");
    assert!(text.contains(&told), "{text}");
    // Other rows in the store.
    assert_eq!(desk.run(&["compute", "-q"], &["--date", "2023-12-10"]).code, 0);
    let before = desk.files("published");
    let stale = upload(&desk, &["--plan", &reviewed]);
    assert_eq!(stale.code, 6, "{}", stale.stderr);
    assert!(stale.stderr.contains("not to publish any more 2023-12-10"), "{}", stale.stderr);
    assert_eq!(desk.files("published"), before);
    assert_eq!(desk.run(&["compute", "-q", "--windows", "day-before"], &["--date", "2023-12-10"]).code, 0);
    let done = upload(&desk, &["--plan", &reviewed]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(desk.run(&["diff", "-q", "--with", "dir:published"], &RANGE).code, 0);
    let again = upload(&desk, &["--plan", &reviewed]);
    assert_eq!(again.code, 6, "{}", again.stderr);
    assert!(again.stderr.contains("nothing is left to publish; nothing was published"), "{}", again.stderr);
    let odd = upload(&desk, &["--plan", "x"]);
    assert_snapshot!(odd.stderr, @r#"
    error: "x" is not the id of a plan
      hint: `putback upload --dry-run` prints the id
    "#);
    assert_eq!(odd.code, 2);
}

#[test]
fn dates_that_somebody_else_changed_are_named() {
    let desk = Desk::computed();
    let remote = || desk.run(&["status", "--remote", "--to", "dir:published"], &RANGE);
    assert!(!remote().stderr.contains("somebody else changed"));
    let file = desk.path("published/nba_predictions.ml_feature_store_v2/2023-12.parquet");
    let rows = read_month_file(Table::MlFeatureStore, &file).expect("a month");
    std::fs::remove_file(&file).expect("a file");
    write_parquet(&file, &rows.slice(1, rows.num_rows() - 1)).expect("a file");
    let told = "note: somebody else changed nba_predictions.ml_feature_store_v2 in dir:[DIR]/published after it was \
                published, on 1 date: 2023-12-01; `putback diff` shows the rows, an upload replaces them";
    let found = remote();
    assert!(found.stderr.contains(told), "{}", found.stderr);
    assert_eq!(upload(&desk, &[]).code, 0);
    assert!(!remote().stderr.contains("somebody else changed"));
}
