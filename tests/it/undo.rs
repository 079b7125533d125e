//! `putback undo` of publications into a directory.

use std::collections::BTreeMap;
use std::path::PathBuf;

use arrow::array::{AsArray, BooleanArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Date32Type;
use insta::assert_snapshot;
use putback::catalog::Table;
use putback::store::{read_month_file, write_parquet};

use crate::fixture::{Desk, Outcome, RANGE};

/// Late enough that windows which end a day earlier make other rows.
const LATE: [&str; 4] = ["--from", "2023-11-28", "--to", "2023-12-10"];
const FEATURES: &str = "published/nba_predictions.ml_feature_store_v2/2023-12.parquet";

fn upload(desk: &Desk, more: &[&str]) {
    let done = desk.run(&[&["upload", "-q", "--to", "dir:published"][..], more].concat(), &RANGE);
    assert_eq!(done.code, 0, "{}", done.stderr);
}

fn undo(desk: &Desk, more: &[&str]) -> Outcome {
    desk.run(&[&["undo", "--to", "dir:published"][..], more].concat(), &[])
}

/// Published twice: the second time with other windows on later dates.
fn published_twice() -> (Desk, BTreeMap<PathBuf, Vec<u8>>) {
    let desk = Desk::computed();
    let first = plain(&desk);
    assert_eq!(desk.run(&["compute", "-q", "--windows", "day-before"], &LATE).code, 0);
    upload(&desk, &[]);
    assert_ne!(plain(&desk), first);
    (desk, first)
}

/// Files by plain name.
fn plain(desk: &Desk) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = desk.files("published");
    files.retain(|path, _| !path.starts_with("_putback"));
    files
}

fn publications(desk: &Desk) -> Vec<serde_json::Value> {
    let listed = undo(desk, &["--list", "--format", "json"]);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    serde_json::from_str(&listed.stdout).expect("JSON")
}

fn id(publication: &serde_json::Value) -> String {
    publication["id"].as_str().expect("an id").to_owned()
}

/// The text without the ids of publications.
fn without_ids(text: &str, ids: &[String]) -> String {
    let mut text = text.to_owned();
    for (index, id) in ids.iter().enumerate() {
        text = text.replace(id.as_str(), &format!("[{index}]"));
    }
    text
}

#[test]
fn an_undo_puts_back_byte_for_byte_and_can_be_undone() {
    let (desk, first) = published_twice();
    let second = plain(&desk);
    let known = publications(&desk);
    assert_eq!(known.len(), 2);
    assert_eq!(known[0]["parent"], known[1]["id"]);
    let undone = undo(&desk, &[]);
    assert_eq!(undone.code, 0, "{}", undone.stderr);
    assert_eq!(plain(&desk), first, "not what was there before");
    let known = publications(&desk);
    assert_eq!((known.len(), &known[0]["undoes"], &known[0]["parent"]), (3, &known[1]["id"], &known[1]["id"]));
    let ids: Vec<String> = known.iter().map(id).collect();
    assert_snapshot!(without_ids(&undone.shown(), &ids), @r"
    exit status: 0
    --- stdout
    Table                                      Dates published  Unchanged   Rows  Rows removed
    nba_precompute.team_defense_zone_analysis               13          0    390             0
    nba_precompute.player_shot_zone_analysis                13          0  3,397             0
    nba_precompute.player_composite_factors                 13          0  1,692             0
    nba_predictions.ml_feature_store_v2                     13          0  1,685             0
    nba_processing.precompute_failures                      11          0     73             7
    publication [1] is undone: dir:published holds what it replaced
    --- stderr
    note: this undo is publication [0]; `putback undo --to dir:published [0]` takes it back; an upload of these dates publishes the store's rows again
    ");
    let listed = without_ids(&undo(&desk, &["--list"]).stdout, &ids);
    let words: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[1][..6], ["[0]", "2023-11-14", "22:13:20", "undo", "of", "[1]"], "{listed}");
    assert!(listed.lines().nth(1).is_some_and(|line| line.contains("until 3 more publications")), "{listed}");
    assert!(listed.lines().nth(3).is_some_and(|line| line.contains("until the next publication")), "{listed}");
    // The same again, by its id: nothing happens twice.
    let again = undo(&desk, &[&ids[1]]);
    assert_eq!((again.code, plain(&desk)), (0, first.clone()), "{}", again.stderr);
    assert_eq!(without_ids(&again.stdout, &ids), "publication [1] was undone before, by [0]; nothing to do\n");
    // The undo itself is undone.
    let redone = undo(&desk, &[&ids[0]]);
    assert_eq!(redone.code, 0, "{}", redone.stderr);
    assert_eq!(plain(&desk), second);
    // And what was published is not published again.
    let uploaded = desk.run(&["upload", "-q", "--to", "dir:published", "--format", "json"], &RANGE);
    let report: serde_json::Value = serde_json::from_str(&uploaded.stdout).expect("JSON");
    assert!(report["publication"].is_null(), "{report}");
}

#[test]
fn an_undo_of_the_first_publication_leaves_nothing_and_an_upload_publishes_again() {
    let desk = Desk::computed();
    let published = plain(&desk);
    assert_eq!(undo(&desk, &["-q"]).code, 0);
    assert!(plain(&desk).is_empty(), "{:?}", plain(&desk).keys());
    upload(&desk, &[]);
    assert_eq!(plain(&desk), published);
}

#[test]
fn an_earlier_publication_is_undone_where_nothing_changed_since() {
    let desk = Desk::computed();
    assert_eq!(undo(&desk, &["-q"]).code, 0);
    let range = |from: &'static str, to: &'static str| ["--from", from, "--to", to];
    for range in [range("2023-11-07", "2023-11-10"), range("2023-11-11", "2023-11-20")] {
        let done = desk.run(&["upload", "-q", "--to", "dir:published"], &range);
        assert_eq!(done.code, 0, "{}", done.stderr);
    }
    let earlier = id(&publications(&desk)[1]);
    let undone = undo(&desk, &["-q", &earlier]);
    assert_eq!(undone.code, 0, "{}", undone.stderr);
    // Later dates of the same month stay.
    let file = desk.path("published/nba_predictions.ml_feature_store_v2/2023-11.parquet");
    let rows = read_month_file(Table::MlFeatureStore, &file).expect("a month");
    let dates = rows.column_by_name("game_date").expect("a column").as_primitive::<Date32Type>();
    let first = dates.values().iter().min().copied();
    assert!(first >= Some(Date32Type::from_naive_date("2023-11-11".parse().expect("a date"))));
    let diff = desk.run(&["diff", "-q", "--with", "dir:published"], &range("2023-11-11", "2023-11-20"));
    assert_eq!(diff.code, 0, "{}", diff.stdout);
}

#[test]
fn dates_that_somebody_changed_since_are_not_put_back() {
    let (desk, _) = published_twice();
    let file = desk.path(FEATURES);
    let rows = read_month_file(Table::MlFeatureStore, &file).expect("a month");
    let keep: BooleanArray = (0..rows.num_rows()).map(|row| Some(row > 0)).collect();
    std::fs::remove_file(&file).expect("a file");
    write_parquet(&file, &filter_record_batch(&rows, &keep).expect("rows")).expect("a file");
    let before = desk.files("published");
    let refused = undo(&desk, &["-q"]);
    let ids: Vec<String> = publications(&desk).iter().map(id).collect();
    assert_eq!(refused.code, 6, "{}", refused.stderr);
    assert_snapshot!(without_ids(&refused.stderr, &ids), @r"
    error: publication [0] cannot be undone: changed since: nba_predictions.ml_feature_store_v2 on 2023-12-01; nothing was changed
      hint: `putback undo --list` names later publications, which are undone first; `putback diff` shows the rows
    ");
    assert_eq!(desk.files("published"), before);
}

#[test]
fn dates_that_a_later_publication_changed_are_not_put_back() {
    let (desk, _) = published_twice();
    let first = id(&publications(&desk)[1]);
    let refused = undo(&desk, &["-q", &first]);
    assert_eq!(refused.code, 6, "{}", refused.stderr);
    assert!(refused.stderr.contains("changed since"), "{}", refused.stderr);
}

#[test]
fn an_undo_says_why_it_cannot() {
    let desk = Desk::computed();
    let unknown = undo(&desk, &["0123456789"]);
    assert_snapshot!(unknown.stderr, @r"
    error: there is no publication 0123456789 in dir:[DIR]/published
      hint: `putback undo --list` names the publications
    ");
    assert_eq!(unknown.code, 2);
    let nowhere = desk.run(&["undo", "--to", "dir:nowhere"], &[]);
    assert_eq!(nowhere.code, 2, "{}", nowhere.stderr);
    assert!(!desk.path("nowhere").exists());
    // Not kept at all.
    assert_eq!(desk.run(&["compute", "-q", "--windows", "day-before"], &LATE).code, 0);
    upload(&desk, &["--keep", "0"]);
    let refused = undo(&desk, &[]);
    assert_eq!(refused.code, 5, "{}", refused.stderr);
    assert!(refused.stderr.contains("what it replaced is not kept any more"), "{}", refused.stderr);
    assert_eq!(std::fs::read_dir(desk.path("published/_putback/kept")).map_or(0, Iterator::count), 0);
    // Kept, and removed or damaged.
    assert_eq!(desk.run(&["compute", "-q"], &LATE).code, 0);
    upload(&desk, &[]);
    let kept = desk.path("published/_putback/kept");
    let month = std::fs::read_dir(&kept).expect("kept").flatten().map(|entry| entry.path());
    let month = month.filter(|path| path.extension().is_some_and(|it| it == "parquet")).min().expect("a month");
    let bytes = std::fs::read(&month).expect("a file");
    std::fs::remove_file(&month).expect("a file");
    std::fs::write(&month, &bytes[1..]).expect("a file");
    let damaged = undo(&desk, &[]);
    assert_eq!(damaged.code, 13, "{}", damaged.stderr);
    std::fs::remove_file(&month).expect("a file");
    let missing = undo(&desk, &[]);
    assert_eq!(missing.code, 5, "{}", missing.stderr);
    std::fs::write(&month, &bytes).expect("a file");
    assert_eq!(undo(&desk, &[]).code, 0);
}

/// Only what the last publications replaced is kept.
#[test]
fn as_many_publications_are_kept_as_are_asked_for() {
    let desk = Desk::computed();
    for windows in ["day-before", "date", "day-before", "date"] {
        let done = desk.run(&["compute", "-q", "--windows", windows], &LATE);
        assert_eq!(done.code, 0, "{}", done.stderr);
        upload(&desk, &["--keep", "2"]);
    }
    let can_be = |of: &serde_json::Value| of["undo"] != "no";
    let known = publications(&desk);
    assert_eq!(known.iter().map(can_be).collect::<Vec<_>>(), [true, true, false, false, false]);
    assert_eq!(undo(&desk, &["-q", &id(&known[2])]).code, 5);
    assert_eq!(undo(&desk, &["-q", "--keep", "2"]).code, 0);
}
