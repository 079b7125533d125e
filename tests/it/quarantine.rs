//! `--quarantine`: players and teams whose rows rest on faulty rows get a failure, and the rest of the date is published.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::Date32Type;
use putback::calendar::{DateRange, DateRanges};
use putback::catalog::Table;
use putback::checks::Quarantine;
use putback::processors::ProcessorId;
use putback::snapshot::Snapshot;
use putback::store::{Store, read_month_file};
use putback::upload::{DateSet, MonthPart};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;

use crate::fixture::{Desk, Outcome, RANGE, rows};
use crate::incidents::{edit, published, seeded};
use crate::published;

const RUN: [&str; 5] = ["run", "--warehouse", "dir:warehouse", "--to", "dir:published"];
const UPLOAD: [&str; 3] = ["upload", "--to", "dir:published"];
const QUARANTINE: &str = "--quarantine";
const GAMES: Table = Table::PlayerGameSummary;
const CONTEXTS: Table = Table::UpcomingPlayerGameContext;
const DEFENSE: Table = Table::TeamDefenseGameSummary;
const FAILURES: Table = Table::PrecomputeFailures;

fn with(command: &[&str], options: &[&str]) -> Vec<String> {
    command.iter().chain(options).map(|word| (*word).to_owned()).collect()
}

fn done(desk: &Desk, command: &[&str], options: &[&str]) -> Outcome {
    let words = with(command, options);
    desk.run(&words.iter().map(String::as_str).collect::<Vec<_>>(), &RANGE)
}

/// The first player or team of a table has `value` on December 1.
fn of_one(table: Table, entity: &str, column: &str, value: &str) -> String {
    of_one_on("2023-12-01", table, entity, (column, value))
}

fn of_one_on(date: &str, table: Table, entity: &str, (column, value): (&str, &str)) -> String {
    let name = table.name();
    format!(
        "SELECT * REPLACE (CASE WHEN game_date = DATE '{date}' AND {entity} = (SELECT min({entity}) FROM {name} \
         WHERE game_date = DATE '{date}') THEN {value} ELSE {column} END AS {column}) FROM {name}"
    )
}

fn faulty_zone() -> Desk {
    seeded(GAMES, &of_one(GAMES, "player_lookup", "paint_attempts", "-1"))
}

/// Rows of a table below a directory, months in their order.
fn stored(dir: &Path, table: Table) -> RecordBatch {
    let dir = std::fs::read_dir(dir.join(table.full_name()));
    let mut files: Vec<_> = dir.into_iter().flatten().map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let months: Vec<_> = files.iter().map(|file| read_month_file(table, file).expect("a month")).collect();
    concat_batches(table.schema().arrow(), &months).expect("one schema")
}

fn texts(rows: &RecordBatch, column: &str) -> Vec<String> {
    let column = rows.column_by_name(column).expect("a column").as_string::<i32>();
    column.iter().map(|text| text.unwrap_or_default().to_owned()).collect()
}

fn dates(table: Table, rows: &RecordBatch) -> Vec<String> {
    let days = rows.column_by_name(table.schema().partition_column()).expect("dates").as_primitive::<Date32Type>();
    days.values().iter().map(|day| Date32Type::to_naive_date_opt(*day).expect("a date").to_string()).collect()
}

fn keep(rows: &RecordBatch, is_kept: impl Fn(usize) -> bool) -> RecordBatch {
    let kept: BooleanArray = (0..rows.num_rows()).map(|row| Some(is_kept(row))).collect();
    filter_record_batch(rows, &kept).expect("one flag for each row")
}

/// Processor, date and entity of the failures in the target that say so.
fn in_quarantine(desk: &Desk) -> BTreeSet<(String, String, String)> {
    let failures = stored(&desk.path("published"), FAILURES);
    let (processors, entities) = (texts(&failures, "processor_name"), texts(&failures, "entity_id"));
    let (days, categories) = (dates(FAILURES, &failures), texts(&failures, "failure_category"));
    let rows = (0..failures.num_rows()).filter(|row| categories[*row] == "QUARANTINED");
    rows.map(|row| (processors[row].clone(), days[row].clone(), entities[row].clone())).collect()
}

/// What the target has is what the store has, but for the entities in quarantine, on whole dates. Returns the dates.
fn assert_the_rest_is_published(desk: &Desk, with_daily_cache: bool) -> BTreeSet<String> {
    let held = in_quarantine(desk);
    let (store, target) = (desk.path("putback-store/phase4"), desk.path("published"));
    let published_dates = published::dates(desk);
    let mut removed = BTreeSet::new();
    let ids = ProcessorId::ALL.into_iter().filter(|id| with_daily_cache || *id != ProcessorId::Pdc);
    for id in ids.clone() {
        let table = id.output();
        let key = if id == ProcessorId::Tdza { "team_abbr" } else { "player_lookup" };
        let ours = stored(&store, table);
        let (days, entities) = (dates(table, &ours), texts(&ours, key));
        let of = |row: usize| (id.class_name().to_owned(), days[row].clone(), entities[row].clone());
        let expected = keep(&ours, |row| published_dates.contains(&days[row]) && !held.contains(&of(row)));
        assert_eq!(stored(&target, table), expected, "{table}");
        removed.extend((0..ours.num_rows()).map(of).filter(|of| held.contains(of)));
    }
    let names: Vec<&str> = ids.map(ProcessorId::class_name).collect();
    let ours = stored(&store, FAILURES);
    let (days, processors) = (dates(FAILURES, &ours), texts(&ours, "processor_name"));
    let entities = texts(&ours, "entity_id");
    let of = |row: usize| (processors[row].clone(), days[row].clone(), entities[row].clone());
    // Who has a failure instead of a row has it for the quarantine, too.
    removed.extend((0..ours.num_rows()).map(of).filter(|of| held.contains(of)));
    assert_eq!(removed, held, "a failure for each row that is left out, and no other");
    let is_published = |row: usize| {
        published_dates.contains(&days[row]) && names.contains(&processors[row].as_str()) && !held.contains(&of(row))
    };
    let there = stored(&target, FAILURES);
    let categories = texts(&there, "failure_category");
    assert_eq!(keep(&there, |row| categories[row] != "QUARANTINED"), keep(&ours, is_published));
    published_dates
}

/// Faults, and whether every date is published without a few entities.
fn faults() -> Vec<(&'static str, Table, String, bool)> {
    let twice = "SELECT * REPLACE (points + 1 AS points) FROM player_game_summary WHERE game_date = DATE '2023-12-01' AND \
        player_lookup = (SELECT min(player_lookup) FROM player_game_summary WHERE game_date = DATE '2023-12-01')";
    let offense = Table::TeamOffenseGameSummary;
    vec![
        ("points", GAMES, of_one(GAMES, "player_lookup", "points", "-1"), true),
        ("zone", GAMES, of_one(GAMES, "player_lookup", "paint_attempts", "-1"), true),
        ("twice", GAMES, format!("FROM player_game_summary UNION ALL BY NAME {twice}"), true),
        ("context", CONTEXTS, of_one(CONTEXTS, "player_lookup", "projected_usage_rate", "-1"), true),
        ("team", offense, of_one(offense, "team_abbr", "pace", "-1"), true),
        ("league", DEFENSE, of_one(DEFENSE, "defending_team_abbr", "opp_paint_attempts", "-1"), false),
        (
            "missing",
            GAMES,
            "FROM player_game_summary WHERE NOT (game_date = DATE '2023-12-01' AND team_abbr = 'CHA')".to_owned(),
            false,
        ),
    ]
}

/// Published rows that have another value than those of a season without the fault, and rows of that season that are not
/// published, by table.
fn against(clean: &Desk, desk: &Desk) -> BTreeMap<String, (u64, u64)> {
    let other = format!("dir:{}", desk.path("published").display());
    let compared = clean.run(&["diff", "--with", &other, "--format", "json"], &RANGE);
    let tables: serde_json::Value = serde_json::from_str(&compared.stdout).expect("JSON");
    let number = |table: &serde_json::Value, name: &str| table[name].as_u64().expect("a number");
    let of = |table: &serde_json::Value| {
        let name = table["table"].as_str().expect("a name").to_owned();
        (name, (number(table, "changed"), number(table, "added")))
    };
    tables.as_array().expect("tables").iter().map(of).collect()
}

#[test]
fn the_rest_of_a_date_is_published_as_it_is_in_the_store() {
    let clean = Desk::computed();
    for (what, table, select, is_all) in faults() {
        let desk = seeded(table, &select);
        let run = done(&desk, &RUN, &[QUARANTINE]);
        assert_eq!(run.code, if is_all { 3 } else { 4 }, "{what}: {}", run.stderr);
        let dates = assert_the_rest_is_published(&desk, false);
        assert_eq!(dates.len() == 32, is_all, "{what}: {dates:?}");
        assert_eq!(in_quarantine(&desk).is_empty(), what == "league", "{what}: {}", run.stderr);
        if is_all {
            // No row in the target has a value that is wrong: at most hashes of what it was made from are others.
            let differing = against(&clean, &desk);
            let held = in_quarantine(&desk).len() as u64;
            let outputs = differing.iter().filter(|(table, _)| !table.ends_with("precompute_failures"));
            let of_outputs: Vec<(u64, u64)> = outputs.map(|(_, counts)| *counts).collect();
            assert!(of_outputs.iter().all(|(changed, _)| *changed == 0), "{what}: {differing:?}");
            assert_eq!(of_outputs.iter().map(|(_, added)| added).sum::<u64>(), held, "{what}: {differing:?}");
        }
    }
}

#[test]
fn what_is_left_out_is_told_and_recorded() {
    let desk = faulty_zone();
    let run = done(&desk, &RUN, &[QUARANTINE]);
    let told = "note: quarantined: impossible values (I31): 1 date, 2023-12-01; leaves out 22 rows of 1 player (aldodunara) on \
        10 dates, 2023-12-01 to 2023-12-10\n";
    assert_eq!((run.code, run.stderr.contains(told)), (3, true), "{}", run.stderr);
    assert!(run.stderr.contains("`--accept I31 --accept I8m` publishes all of it once"), "{}", run.stderr);
    let reason = "SELECT string_agg(DISTINCT concat_ws(' ', processor_name, entity_id, failure_category, can_retry, failure_reason), '; ') \
        FROM precompute_failures WHERE failure_category = 'QUARANTINED' AND analysis_date = DATE '2023-12-02'";
    assert_eq!(
        published(&desk, reason, FAILURES),
        "PlayerShotZoneAnalysisProcessor aldodunara QUARANTINED true rests on faulty rows: impossible values (I31); more \
         makes than attempts (I8m)"
    );
    let condition = "quarantined: impossible values (I31): 1 date, 2023-12-01; leaves out 22 rows";
    let record = std::fs::read_to_string(desk.path("published/_putback/published.json")).expect("a record");
    assert_eq!(record.matches(condition).count(), 2, "the state and the publication: {record}");
    let runs = desk.run(&["runs", "show", "--format", "json"], &[]).stdout;
    let record: serde_json::Value = serde_json::from_str(&runs).expect("JSON");
    assert!(runs.contains("\"quarantined\"") && runs.contains("aldodunara"), "{record}");
    // The year is not complete, whatever its checks say.
    let left_out = "published with 22 entities in quarantine on 10 dates: 2023-12-01 to 2023-12-10";
    let status = desk.run(&["status", "--check"], &RANGE);
    assert_eq!((status.code, status.stdout.contains(left_out)), (4, true), "{}", status.stdout);
    assert!(status.stdout.contains("2023, 32 of 46 game dates: partial"), "{}", status.stdout);
    // The target differs from the store, which is told with the reason.
    let diff = desk.run(&["diff", "--with", "dir:published"], &RANGE);
    let note =
        "note: the target has failures in place of 22 entities in quarantine on 10 dates, 2023-12-01 to 2023-12-10\n";
    assert_eq!((diff.code, diff.stderr.contains(note)), (9, true), "{}", diff.stderr);
    let open = desk.run(&["impact", "--since-publish", "--to", "dir:published", "--format", "json"], &RANGE);
    let open: serde_json::Value = serde_json::from_str(&open.stdout).expect("JSON");
    let counts = |name: &str| open[name].as_array().map_or(0, Vec::len);
    assert_eq!(counts("nba_precompute.player_shot_zone_analysis"), 10, "{open}");
    assert_eq!(counts("nba_precompute.team_defense_zone_analysis"), 0, "{open}");
}

#[test]
fn a_second_upload_does_nothing_and_one_without_the_option_keeps_what_is_there() {
    let desk = faulty_zone();
    assert_eq!(done(&desk, &RUN, &[QUARANTINE]).code, 3);
    let files = desk.files("published");
    let again = done(&desk, &UPLOAD, &[QUARANTINE]);
    assert_eq!((again.code, again.stderr.contains("nothing to publish: ")), (3, true), "{}", again.stderr);
    assert_eq!(desk.files("published"), files);
    let rehearsed = done(&desk, &UPLOAD, &[QUARANTINE, "--dry-run"]);
    assert_eq!((rehearsed.code, rehearsed.stdout.starts_with("nothing to publish")), (3, true), "{}", rehearsed.stdout);
    let held = done(&desk, &UPLOAD, &[]);
    assert_eq!((held.code, desk.files("published") == files), (4, true), "{}", held.stderr);
    assert!(desk.run(&["status"], &RANGE).stdout.contains("published with 22 entities"));
    // A part of the range says the same of its dates.
    let part =
        desk.run(&["upload", "--to", "dir:published", QUARANTINE], &["--from", "2023-12-05", "--until", "2023-12-07"]);
    assert_eq!((part.code, desk.files("published") == files), (3, true), "{}", part.stderr);
}

#[test]
fn rows_come_back_when_the_fault_is_mended_upstream() {
    let desk = faulty_zone();
    assert_eq!(done(&desk, &RUN, &[QUARANTINE]).code, 3);
    desk.put(GAMES, &rows(GAMES));
    assert_eq!(desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE).code, 0);
    assert_eq!(desk.run(&["compute", "-q"], &RANGE).code, 0);
    // Nothing fails any more, and the rows are not there yet.
    assert_eq!(desk.run(&["validate", "-q"], &RANGE).code, 0);
    let status = desk.run(&["status", "--check"], &RANGE);
    assert_eq!((status.code, status.stdout.contains("published with 22 entities")), (3, true), "{}", status.stdout);
    let whole = done(&desk, &UPLOAD, &[]);
    assert_eq!(whole.code, 0, "{}", whole.stderr);
    assert!(in_quarantine(&desk).is_empty());
    assert_eq!(desk.published(), Desk::computed().published());
    let status = desk.run(&["status", "--check"], &RANGE);
    assert_eq!(status.code, 0, "{}", status.stdout);
    assert_eq!(desk.run(&["diff", "--with", "dir:published"], &RANGE).code, 0);
}

#[test]
fn published_rows_make_way_and_an_undo_puts_them_back() {
    let desk = Desk::computed();
    let before: BTreeMap<_, _> =
        desk.published().into_iter().filter(|(path, _)| !path.starts_with("_putback")).collect();
    edit(&desk, GAMES, &of_one(GAMES, "player_lookup", "paint_attempts", "-1"));
    let run = done(&desk, &RUN, &[QUARANTINE]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert_the_rest_is_published(&desk, false);
    assert_eq!(in_quarantine(&desk).len(), 22);
    assert_eq!(desk.run(&["undo", "-q", "--to", "dir:published"], &[]).code, 0);
    let after: BTreeMap<_, _> =
        desk.published().into_iter().filter(|(path, _)| !path.starts_with("_putback")).collect();
    assert_eq!(after, before);
}

#[test]
fn what_is_reviewed_with_the_option_is_published_with_it_only() {
    let desk = faulty_zone();
    assert_eq!(done(&desk, &RUN, &["-q"]).code, 4);
    let rehearsed = done(&desk, &UPLOAD, &[QUARANTINE, "--dry-run", "--format", "json"]);
    assert_eq!(rehearsed.code, 3, "{}", rehearsed.stderr);
    assert!(rehearsed.stderr.contains("leaves out 22 rows of 1 player"), "{}", rehearsed.stderr);
    assert!(in_quarantine(&desk).is_empty(), "nothing is published");
    let plan: serde_json::Value = serde_json::from_str(&rehearsed.stdout).expect("JSON");
    assert!(plan["details"]["conditions"].to_string().contains("quarantined: impossible values"), "{plan}");
    let id = plan["plan"].as_str().expect("an id");
    let without = done(&desk, &UPLOAD, &["--plan", id]);
    assert_eq!(without.code, 6, "{}", without.stderr);
    assert!(without.stderr.contains("other causes are accepted, waived or left out"), "{}", without.stderr);
    assert_eq!(done(&desk, &UPLOAD, &["--plan", id, QUARANTINE]).code, 3);
    assert_the_rest_is_published(&desk, false);
}

#[test]
fn what_is_accepted_or_waived_is_published_and_what_is_excluded_is_not() {
    let desk = faulty_zone();
    assert_eq!(done(&desk, &RUN, &["-q"]).code, 4);
    // One of two causes: the rows still rest on the other.
    let half = done(&desk, &UPLOAD, &[QUARANTINE, "--accept", "I31", "--exclude", "2023-12-01", "--reason", "a test"]);
    assert_eq!(half.code, 3, "{}", half.stderr);
    assert!(half.stderr.contains("note: accepted for this run: impossible values (I31)"), "{}", half.stderr);
    assert!(half.stderr.contains("note: quarantined: more makes than attempts (I8m)"), "{}", half.stderr);
    let dates = assert_the_rest_is_published(&desk, false);
    assert!(!dates.contains("2023-12-01") && dates.contains("2023-12-02"), "{dates:?}");
    assert!(in_quarantine(&desk).iter().all(|(_, date, _)| date != "2023-12-01"));
    let accepted = done(&desk, &UPLOAD, &[QUARANTINE, "--accept", "I31", "--accept", "I8m"]);
    assert_eq!(accepted.code, 0, "{}", accepted.stderr);
    assert!(in_quarantine(&desk).is_empty());
    assert_eq!(assert_the_rest_is_published(&desk, false).len(), 32);

    let desk = faulty_zone();
    let waiver = "[[waiver]]\ncheck = [\"I31\", \"I8m\"]\nfrom = 2023-12-01\nuntil = 2023-12-01\nreason = \"known\"\nexpires = 2999-12-31\n";
    std::fs::write(desk.path("putback.toml"), waiver).expect("a settings file");
    let waived = done(&desk, &RUN, &[QUARANTINE]);
    assert_eq!((waived.code, in_quarantine(&desk).len()), (0, 0), "{}", waived.stderr);
}

#[test]
fn a_date_of_which_a_table_would_keep_no_row_is_held_back() {
    let everybody = "SELECT * REPLACE (CASE WHEN game_date = DATE '2023-12-01' THEN -1 ELSE projected_usage_rate END AS \
        projected_usage_rate) FROM upcoming_player_game_context";
    let desk = seeded(CONTEXTS, everybody);
    let run = done(&desk, &RUN, &[QUARANTINE]);
    assert_eq!(run.code, 4, "{}", run.stderr);
    let told = "note: not published: impossible values (I31): 1 date, 2023-12-01; holds back 1 date, 2023-12-01";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    let dates = assert_the_rest_is_published(&desk, false);
    assert_eq!((dates.len(), dates.contains("2023-12-01")), (31, false));
    assert!(in_quarantine(&desk).is_empty());
}

/// Early in a season, players have too few games for a row: whether they have rests on the games.
#[test]
fn a_failure_that_rests_on_faulty_rows_names_the_cause() {
    let desk = seeded(GAMES, &of_one_on("2023-11-10", GAMES, "player_lookup", ("paint_attempts", "-1")));
    let run = done(&desk, &RUN, &[QUARANTINE]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert_the_rest_is_published(&desk, false);
    let of_day =
        "FROM precompute_failures WHERE analysis_date = DATE '2023-11-11' AND processor_name LIKE 'PlayerShotZone%'";
    let told = published(
        &desk,
        &format!("SELECT string_agg(failure_reason, '; ') {of_day} AND failure_category = 'QUARANTINED'"),
        FAILURES,
    );
    assert_eq!(told, "rests on faulty rows: impossible values (I31); more makes than attempts (I8m)");
    assert!(run.stderr.contains(" and replaces "), "{}", run.stderr);
    let others = format!("SELECT count(*)::VARCHAR {of_day} AND failure_category = 'EXPECTED_INCOMPLETE'");
    let others: u64 = published(&desk, &others, FAILURES).parse().expect("a number");
    let ours = stored(&desk.path("putback-store/phase4"), FAILURES);
    let (days, categories) = (dates(FAILURES, &ours), texts(&ours, "failure_category"));
    let of_store = |row: &usize| days[*row] == "2023-11-11" && categories[*row] == "EXPECTED_INCOMPLETE";
    assert_eq!((0..ours.num_rows()).filter(of_store).count() as u64, others + 1, "{}", run.stderr);
    assert!(done(&desk, &UPLOAD, &[QUARANTINE]).stderr.contains("nothing to publish: "));
}

/// What `status` and `diff` say is of the target, as it is.
#[test]
fn what_is_not_published_or_undone_is_in_no_quarantine() {
    let desk = faulty_zone();
    let status = || desk.run(&["status"], &RANGE).stdout;
    let diff = |target: &str| desk.run(&["diff", "--with", target], &RANGE).stderr;
    assert_eq!(done(&desk, &RUN, &["-q"]).code, 4);
    let refused = done(&desk, &UPLOAD, &["--plan", "0123456789abcdef0123", QUARANTINE]);
    assert_eq!((refused.code, status().contains("in quarantine")), (6, false), "{}", refused.stderr);
    assert_eq!(done(&desk, &UPLOAD, &[QUARANTINE]).code, 3);
    assert_eq!(desk.run(&["upload", "-q", "--to", "dir:other", QUARANTINE], &RANGE).code, 3);
    assert!(status().contains("published with 22 entities in quarantine"), "{}", status());
    assert_eq!(desk.run(&["undo", "-q", "--to", "dir:published"], &[]).code, 0);
    assert!(!diff("dir:published").contains("in quarantine"), "{}", diff("dir:published"));
    assert!(diff("dir:other").contains("note: the target has failures in place of 22 entities in quarantine"));
    assert_eq!(desk.run(&["undo", "-q", "--to", "dir:other"], &[]).code, 0);
    assert!(!status().contains("in quarantine"), "{}", status());
}

#[test]
fn the_daily_cache_has_its_share_where_it_is_published() {
    let desk = faulty_zone();
    let run = done(&desk, &RUN, &[QUARANTINE, "--with-daily-cache"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert_the_rest_is_published(&desk, true);
    let of_pdc = in_quarantine(&desk).into_iter().filter(|(of, ..)| of == ProcessorId::Pdc.class_name());
    assert!(of_pdc.count() > 0, "{}", run.stderr);
}

#[test]
fn a_damaged_month_is_repaired_without_the_entities() {
    let desk = faulty_zone();
    assert_eq!(done(&desk, &RUN, &[QUARANTINE]).code, 3);
    let plain = |desk: &Desk| {
        let files = desk.files("published").into_iter();
        files.filter(|(path, _)| !path.starts_with("_putback")).collect::<BTreeMap<_, _>>()
    };
    let before = plain(&desk);
    for table in [Table::PlayerShotZoneAnalysis, FAILURES] {
        let file = desk.path("published").join(table.full_name()).join("2023-12.parquet");
        std::fs::remove_file(&file).expect("a file");
        std::fs::write(&file, "PAR1 not").expect("a file");
    }
    std::fs::remove_dir_all(desk.path("published/_putback/objects")).expect("objects");
    let repaired = done(&desk, &UPLOAD, &[QUARANTINE, "--repair"]);
    assert_eq!(repaired.code, 3, "{}", repaired.stderr);
    assert_eq!(plain(&desk), before);
}

/// The word means one thing: without the entity that cannot have a row, the date goes on, computed and published.
#[test]
fn a_run_leaves_out_values_that_do_not_fit_as_well() {
    let player = texts(&rows(GAMES), "player_lookup").into_iter().min().expect("a player");
    let usage = format!(
        "SELECT * REPLACE (CASE WHEN player_lookup = '{player}' THEN 9999 ELSE usage_rate END::DECIMAL(6, 2) AS usage_rate) FROM \
         player_game_summary"
    );
    let desk = seeded(GAMES, &usage);
    let run = done(&desk, &RUN, &[QUARANTINE, "--with-daily-cache"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert_eq!(assert_the_rest_is_published(&desk, true).len(), 32);
    let failures = stored(&desk.path("published"), FAILURES);
    let (entities, categories) = (texts(&failures, "entity_id"), texts(&failures, "failure_category"));
    let of_player: BTreeSet<&str> = entities
        .iter()
        .zip(&categories)
        .filter(|(of, _)| **of == player)
        .map(|(_, category)| category.as_str())
        .collect();
    assert!(of_player.is_superset(&BTreeSet::from(["NUMERIC_OVERFLOW", "QUARANTINED"])), "{of_player:?}");
    let cache = stored(&desk.path("published"), Table::PlayerDailyCache);
    assert!(cache.num_rows() > 0 && !texts(&cache, "player_lookup").contains(&player));
}

/// Random players and teams, of each date some but not all that have a row.
fn random_quarantine(whole: &DateSet<'_>, random: &mut Pcg64) -> Quarantine {
    let mut quarantine = Quarantine::default();
    let checks = ["I31", "I8m", "P12"].map(str::to_owned);
    for part in &whole.parts {
        let Some(id) = ProcessorId::of_output(part.table) else { continue };
        let rows = whole.rows(part).expect("rows");
        let mut by_date: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (date, entity) in dates(part.table, &rows).into_iter().zip(texts(&rows, key_of(id))) {
            by_date.entry(date).or_default().push(entity);
        }
        for (date, mut entities) in by_date {
            if !random.next_u32().is_multiple_of(3) {
                continue;
            }
            let at_most = random.next_u32() as usize % entities.len();
            entities.truncate(at_most);
            let why = checks[random.next_u32() as usize % checks.len()].clone();
            let of = entities.into_iter().map(|entity| (entity, BTreeSet::from([why.clone()]))).collect();
            quarantine.entities.insert((id, date.parse().expect("a date")), of);
        }
    }
    quarantine.entities.retain(|_, entities| !entities.is_empty());
    for part in whole.parts.iter().filter(|part| part.table == FAILURES) {
        let rows = whole.rows(part).expect("rows");
        let (processors, entities) = (texts(&rows, "processor_name"), texts(&rows, "entity_id"));
        for (row, date) in dates(FAILURES, &rows).into_iter().enumerate() {
            if random.next_u32().is_multiple_of(7) {
                let id =
                    ProcessorId::ALL.into_iter().find(|id| id.class_name() == processors[row]).expect("a processor");
                let of = quarantine.failed.entry((id, date.parse().expect("a date"))).or_default();
                of.insert(entities[row].clone(), BTreeSet::from([checks[0].clone()]));
            }
        }
    }
    quarantine
}

fn key_of(id: ProcessorId) -> &'static str {
    if id == ProcessorId::Tdza { "team_abbr" } else { "player_lookup" }
}

/// Rows of a table and their tokens, without and with a quarantine.
fn assert_split(whole: (&MonthPart, &RecordBatch), rest: (&MonthPart, &RecordBatch), quarantine: &Quarantine) -> usize {
    let ((part, all), (rest_part, published)) = (whole, rest);
    let of_date = |id: ProcessorId, date: &str| quarantine.entities.get(&(id, date.parse().expect("a date")));
    let Some(id) = ProcessorId::of_output(part.table) else {
        let of_part = quarantine.keys().into_iter().filter(|(_, date)| part.dates.contains_key(date));
        let held: BTreeSet<_> = of_part
            .flat_map(|(id, date)| {
                let of = quarantine.failures(id, date).into_keys();
                of.map(move |of| (id.class_name().to_owned(), date.to_string(), of))
            })
            .collect();
        let named = |rows: &RecordBatch, kept: &dyn Fn(usize) -> bool| -> Vec<(String, String, String)> {
            let (days, processors) = (dates(part.table, rows), texts(rows, "processor_name"));
            let entities = texts(rows, "entity_id");
            let of = |row: usize| (processors[row].clone(), days[row].clone(), entities[row].clone());
            (0..rows.num_rows()).filter(|row| kept(*row)).map(of).collect()
        };
        let categories = texts(published, "failure_category");
        let is_new = |row: usize| categories[row] == "QUARANTINED";
        let mut new = named(published, &is_new);
        new.sort();
        assert_eq!(new, held.iter().cloned().collect::<Vec<_>>(), "each once");
        let before = named(all, &|_| true);
        assert_eq!(keep(published, |row| !is_new(row)), keep(all, |row| !held.contains(&before[row])));
        for (date, token) in &part.dates {
            let is_reached = held.iter().any(|(_, of, _)| *of == date.to_string());
            assert_eq!(rest_part.dates[date].content != token.content, is_reached, "failures of {date}");
        }
        return held.len();
    };
    let (days, entities) = (dates(part.table, all), texts(all, key_of(id)));
    let is_held = |row: usize| of_date(id, &days[row]).is_some_and(|of| of.contains_key(&entities[row]));
    assert_eq!(published, &keep(all, |row| !is_held(row)), "{id}");
    let held = (0..all.num_rows()).filter(|row| is_held(*row)).count();
    assert_eq!(published.num_rows() + held, all.num_rows(), "{id}");
    for (date, token) in &part.dates {
        let left = &rest_part.dates[date];
        let held = of_date(id, &date.to_string()).map_or(0, BTreeMap::len) as u64;
        assert_eq!((left.rows + held, left.content != token.content), (token.rows, held > 0), "{id} {date}");
    }
    held
}

#[test]
fn published_rows_and_those_in_quarantine_are_the_rows_of_the_store() {
    let desk = Desk::computed();
    let snapshot = Snapshot::load(&Store::at(desk.path("putback-store"))).expect("a store");
    let date = |text: &str| text.parse().expect("a date");
    let ranges: DateRanges = [DateRange { from: date(RANGE[1]), to: date(RANGE[3]) }].into_iter().collect();
    let collect = || DateSet::collect(&snapshot, &ranges, &BTreeMap::new()).expect("a set");
    let whole = collect();
    let stored: Vec<RecordBatch> = whole.parts.iter().map(|part| whole.rows(part).expect("rows")).collect();
    let mut random = Pcg64::new(11, 18);
    let mut tokens = BTreeMap::new();
    for _ in 0..12 {
        let quarantine = random_quarantine(&whole, &mut random);
        let mut set = collect();
        set.quarantine(quarantine.clone()).expect("a quarantine");
        let (mut failures, mut held) = (0, 0);
        for ((part, all), rest) in whole.parts.iter().zip(&stored).zip(&set.parts) {
            assert_eq!((part.table, part.month), (rest.table, rest.month));
            let rows = set.rows(rest).expect("rows");
            let count = assert_split((part, all), (rest, &rows), &quarantine);
            *(if part.table == FAILURES { &mut failures } else { &mut held }) += count;
            for (date, token) in &rest.dates {
                let left_out: Vec<_> = ProcessorId::ALL
                    .iter()
                    .filter(|id| part.table == FAILURES || id.output() == part.table)
                    .map(|id| match part.table {
                        FAILURES => quarantine.failures(*id, *date),
                        _ => quarantine.entities.get(&(*id, *date)).cloned().unwrap_or_default(),
                    })
                    .collect();
                // Of outputs, the same rows are the same content, whatever the reason is.
                let content = match part.table {
                    FAILURES => format!("{left_out:?}"),
                    _ => format!("{:?}", left_out.iter().flat_map(BTreeMap::keys).collect::<Vec<_>>()),
                };
                let of = tokens.entry((part.table, *date)).or_insert_with(BTreeMap::new);
                assert_eq!(of.entry(token.content.clone()).or_insert_with(|| content.clone()), &content, "{date}");
            }
        }
        assert!(held > 0 && failures > held, "{held} rows, {failures} failures");
    }
}
