//! Commands that look: why, diff, impact, runs, status while a store is written.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::Arc;

use arrow::array::{Array, AsArray, Float64Array, ListArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Date32Type, Float64Type};
use insta::assert_snapshot;
use putback::catalog::Table;
use putback::engine::EngineSettings;
use putback::processors::ProcessorId;
use putback::snapshot::Snapshot;
use putback::store::{Owner, Store, WriteLock, read_month_file, write_parquet};
use putback::why::{Question, recorded_windows, scored_row};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;

use crate::fixture::Desk;
use crate::fixture::{RANGE, rows, with_column};

/// Some player with a row of every kind on the last date.
fn player(desk: &Desk) -> String {
    let file = desk.path("published/nba_predictions.ml_feature_store_v2/2023-12.parquet");
    let rows = read_month_file(Table::MlFeatureStore, &file).expect("a month file");
    let players = rows.column_by_name("player_lookup").expect("a key");
    let last = rows.num_rows() - 1;
    players.as_string::<i32>().value(last).to_owned()
}

#[test]
fn why_explains_a_row_of_each_processor() {
    let desk = Desk::computed();
    let player = player(&desk);
    for (table, key, expected) in [
        ("tdza", "BOS", ["Window: the last 15 games", "15 of 15 games", "paint_defense_vs_league_avg"]),
        ("psza", &player, ["Window: the last 20 qualifying games", "last 10 and 20", "paint_rate_last_10"]),
        ("player_composite_factors", &player, ["Context of the date", "fatigue_score", "total_composite_adjustment"]),
        ("mlfs", &player, ["Features: value, source", "vegas_points_line", "feature_quality_score"]),
    ] {
        let outcome = desk.run(&["why", table, key, "2023-12-10"], &[]);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        for text in expected {
            assert!(outcome.stdout.contains(text), "{text}: {}", outcome.stdout);
        }
    }
}

#[test]
fn why_knows_who_is_meant() {
    let desk = Desk::computed();
    let team = desk.run(&["why", "tdza", "bos", "2023-12-10"], &[]);
    assert!(team.stdout.starts_with("TDZA has a row for BOS on 2023-12-10"), "{}", team.stdout);
    let player = player(&desk);
    let misspelt = format!("{}x", player.to_uppercase());
    let outcome = desk.run(&["why", "psza", &misspelt, "2023-12-10"], &[]);
    let expected = "no player with that key is in the synced inputs of three years; closest: ";
    assert!(outcome.stdout.contains(expected) && outcome.stdout.contains(&player), "{}", outcome.stdout);
}

/// The labels that are shown make the quality that is stored, also on one thread.
#[test]
fn why_shows_the_labels_that_made_the_quality() {
    let desk = Desk::computed();
    let file = desk.path("published/nba_predictions.ml_feature_store_v2/2023-12.parquet");
    let rows = read_month_file(Table::MlFeatureStore, &file).expect("a month file");
    let players = rows.column_by_name("player_lookup").expect("a key").as_string::<i32>();
    for row in (rows.num_rows() - 60..rows.num_rows()).step_by(12) {
        let arguments = ["why", "mlfs", players.value(row), "2023-12-10", "--threads", "1", "--format", "json"];
        let outcome = desk.run(&arguments, &[]);
        let explained: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("one document");
        let section = |start: &str| {
            let sections = explained["sections"].as_array().expect("sections").iter();
            sections.clone().find(|section| section["heading"].as_str().is_some_and(|text| text.starts_with(start)))
        };
        let (features, stored) = (section("Features").expect("features"), section("Stored row").expect("the row"));
        let weight = features["columns"].as_array().expect("columns").iter().position(|name| name == "weight");
        let weights = features["rows"].as_array().expect("rows").iter().map(|row| &row[weight.expect("weights")]);
        let weights: Vec<f64> = weights.map(|text| text.as_str().expect("text").parse().expect("a number")).collect();
        assert_eq!(weights.len(), 33);
        let quality = stored["rows"].as_array().expect("rows").iter().find(|row| row[0] == "feature_quality_score");
        let quality: f64 = quality.expect("a score")[1].as_str().expect("text").parse().expect("a number");
        let shown = weights.iter().sum::<f64>() / 33.0;
        assert!((shown - quality).abs() <= 0.005_000_1, "{shown} {quality}: {}", outcome.stdout);
    }
}

/// The steps of PCF that are shown make the scores that are stored, with contexts and without.
#[test]
fn why_shows_the_steps_that_made_the_scores() {
    let desk = Desk::computed();
    for (month, date) in [("2023-11", "2023-11-21"), ("2023-12", "2023-12-10")] {
        let file = desk.path(&format!("published/nba_precompute.player_composite_factors/{month}.parquet"));
        let rows = read_month_file(Table::PlayerCompositeFactors, &file).expect("a month file");
        let players = rows.column_by_name("player_lookup").expect("a key").as_string::<i32>();
        let dates = rows.column_by_name("game_date").expect("a date").as_primitive::<Date32Type>();
        let day = Date32Type::from_naive_date(date.parse().expect("a date"));
        for row in (0..rows.num_rows()).filter(|&row| dates.value(row) == day).step_by(16) {
            let outcome = desk.run(&["why", "pcf", players.value(row), date, "--format", "json"], &[]);
            let explained: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("one document");
            let sections = explained["sections"].as_array().expect("sections");
            let number = |text: &serde_json::Value| -> f64 { text.as_str().expect("text").parse().expect("a number") };
            let section = |start: &str| {
                let starts = |section: &&serde_json::Value| {
                    section["heading"].as_str().is_some_and(|text| text.starts_with(start))
                };
                sections.iter().find(starts).expect("a section")
            };
            let stored = |name: &str| {
                let rows = section("Stored row")["rows"].as_array().expect("rows");
                number(&rows.iter().find(|row| row[0] == name).expect("a column")[1])
            };
            let total = &section("Total")["rows"][0];
            let fatigue = section("Fatigue")["rows"].as_array().expect("rows").last().expect("a score").clone();
            for (shown, name, half) in [
                (number(&fatigue[1]), "fatigue_score", 0.0),
                (number(&total[1]), "shot_zone_mismatch_score", 0.05),
                (number(&total[2]), "pace_score", 0.05),
                (number(&total[3]), "usage_spike_score", 0.05),
                (number(&total[4]), "total_composite_adjustment", 0.005),
                (number(&section("Completeness")["rows"][0][5]), "data_completeness_pct", 0.0),
            ] {
                assert!((shown - stored(name)).abs() <= half + 1e-9, "{name}: {shown}: {}", outcome.stdout);
            }
        }
    }
}

/// The explanation scores again what it explains: the row that it comes to is the stored one, in every column.
#[test]
fn why_comes_to_the_stored_row() {
    let desk = Desk::computed();
    let snapshot = Snapshot::load(&Store::at(desk.path("putback-store"))).expect("a store");
    let (store, phase4) = (snapshot.store(), snapshot.phase4());
    let engine = EngineSettings { threads: 2, memory_limit: None, temp_dir: desk.path("spill") };
    let mut random = Pcg64::new(17, 18);
    for processor in ProcessorId::ALL {
        let table = processor.output();
        let files = store.recorded_files(table, phase4.files_of(table).expect("months"), |_| true).expect("files");
        let key = if processor == ProcessorId::Tdza { "team_abbr" } else { "player_lookup" };
        for _ in 0..6 {
            let rows = read_month_file(table, &files[random.next_u32() as usize % files.len()]).expect("a month");
            let stored = rows.slice(random.next_u32() as usize % rows.num_rows(), 1);
            let text =
                |name: &str| stored.column_by_name(name).expect("a column").as_string::<i32>().value(0).to_owned();
            let dates = stored.column_by_name(table.schema().partition_column()).expect("a date");
            let date = dates.as_primitive::<Date32Type>().value_as_date(0).expect("a date");
            let question = Question {
                snapshot: &snapshot,
                processor,
                key: &text(key),
                date,
                windows: recorded_windows(phase4, processor, date),
                engine: engine.clone(),
            };
            let scored = scored_row(&question).expect("scored").expect("a row");
            assert_eq!(scored, stored, "{processor} of {} on {date}", question.key);
        }
    }
}

#[test]
fn why_explains_the_absence_of_a_row() {
    let desk = Desk::computed();
    let why = |table: &str, key: &str, date: &str| desk.run(&["why", table, key, date], &[]).stdout;
    let tdza = why("tdza", "BOS", "2023-11-10");
    let expected = "TDZA has no row for BOS on 2023-11-10: INSUFFICIENT_DATA: Only 9 games, need 15";
    assert!(tdza.starts_with(expected) && tdza.contains("9 of 15 games"), "{tdza}");
    let mlfs = why("mlfs", "nobody", "2023-12-10");
    assert!(mlfs.contains("no player with that key is in the synced inputs of three years"), "{mlfs}");
    let bootstrap = why("psza", "nobody", "2023-10-30");
    assert!(bootstrap.contains("bootstrap: the season's first 14 days are skipped"), "{bootstrap}");
    let outcome = desk.run(&["why", "nothing", "BOS", "2023-12-10"], &[]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("use tdza, psza, pcf, pdc or mlfs"), "{}", outcome.stderr);
}

#[test]
fn diff_finds_every_differing_cell() {
    let desk = Desk::computed();
    let equal = desk.run(&["diff", "--with", "dir:published"], &RANGE);
    assert_eq!(equal.code, 0, "{}", equal.stdout);
    // One value, and one row less, in the target.
    let file = desk.path("published/nba_precompute.player_composite_factors/2023-12.parquet");
    let rows = read_month_file(Table::PlayerCompositeFactors, &file).expect("a month file");
    let rows = with_text(&rows, "universal_player_id", &[5], "somebody else");
    write_parquet(&file, &rows.slice(1, rows.num_rows() - 1)).expect("a file");
    let outcome = desk.run(&["diff", "--with", "dir:published", "--cells", "cells.parquet"], &RANGE);
    assert_eq!(outcome.code, 9);
    assert!(outcome.stdout.contains("2023: 1 dates, 2 rows"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("dates: 2023-12-01 (+1 -0 ~1)"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("columns: universal_player_id 1"), "{}", outcome.stdout);
    assert!(desk.path("cells.parquet").exists());
}

/// Replaces the text of a column in some rows.
fn with_text(rows: &RecordBatch, column: &str, changed: &[usize], text: &str) -> RecordBatch {
    let index = rows.schema().index_of(column).expect("a column");
    let values = rows.column(index).as_string::<i32>().iter().enumerate();
    let values: StringArray =
        values.map(|(row, value)| if changed.contains(&row) { Some(text) } else { value }).collect();
    let mut columns = rows.columns().to_vec();
    columns[index] = Arc::new(values);
    RecordBatch::try_new(rows.schema(), columns).expect("the same schema")
}

/// Moves every feature of one row by the least that a double can.
fn with_noise(rows: &RecordBatch, noisy: usize) -> RecordBatch {
    let index = rows.schema().index_of("features").expect("a column");
    let features = rows.column(index).as_list::<i32>();
    let range = features.value_offsets()[noisy] as usize..features.value_offsets()[noisy + 1] as usize;
    let values = features.values().as_primitive::<Float64Type>().values().iter().enumerate();
    let values: Float64Array =
        values.map(|(at, &value)| if range.contains(&at) { value.next_up() } else { value }).collect();
    let DataType::List(element) = features.data_type() else { panic!("a list") };
    let list = ListArray::new(Arc::clone(element), features.offsets().clone(), Arc::new(values), None);
    let mut columns = rows.columns().to_vec();
    columns[index] = Arc::new(list);
    RecordBatch::try_new(rows.schema(), columns).expect("the same schema")
}

#[test]
fn diff_tells_noise_from_values() {
    let desk = Desk::computed();
    let file = desk.path("published/nba_predictions.ml_feature_store_v2/2023-12.parquet");
    let rows = read_month_file(Table::MlFeatureStore, &file).expect("a month file");
    // Noise changes the hash with it; a hash that differs alone is a change nobody sees.
    let rows = with_text(&with_noise(&rows, 3), "data_hash", &[3, 7], "another");
    write_parquet(&file, &rows).expect("a file");
    let outcome = desk.run(&["diff", "--with", "dir:published", "--format", "json"], &RANGE);
    assert_eq!(outcome.code, 9);
    let tables: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("one document");
    let features =
        tables.as_array().expect("tables").iter().find(|table| table["table"] == Table::MlFeatureStore.full_name());
    let features = features.expect("the table");
    assert_eq!((&features["changed"], &features["noise_only"]), (&1.into(), &1.into()), "{features}");
}

#[test]
fn impact_follows_the_look_back_and_the_chain() {
    let desk = Desk::computed();
    let outcome = desk.run(&["impact", "--date", "2023-12-05", "--table", "team_defense_game_summary"], &[]);
    assert_snapshot!(outcome.shown(), @"
    exit status: 0
    --- stdout
    Output                                          Computed again            Game dates  Values can change         Game dates
    TDZA nba_precompute.team_defense_zone_analysis  2023-12-05 to 2023-12-10  6           2023-12-05 to 2023-12-10  6
    PSZA nba_precompute.player_shot_zone_analysis   nothing                   0           nothing                   0
    PCF nba_precompute.player_composite_factors     2023-12-05 to 2023-12-10  6           2023-12-05 to 2023-12-10  6
    PDC nba_precompute.player_daily_cache           nothing                   0           nothing                   0
    MLFS nba_predictions.ml_feature_store_v2        2023-12-05 to 2023-12-10  6           2023-12-05 to 2023-12-10  6
    --- stderr
    ");
    let published = desk.run(&["impact", "--since-publish", "--to", "dir:published", "--format", "json"], &RANGE);
    let open: serde_json::Value = serde_json::from_str(&published.stdout).expect("one document");
    assert!(open.as_object().expect("tables").values().all(|dates| dates == &serde_json::json!([])), "{open}");
    // What changed upstream has to be computed and published again.
    let games = rows(Table::PlayerGameSummary);
    desk.put(Table::PlayerGameSummary, &games.slice(0, games.num_rows() - 1));
    assert_eq!(desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE).code, 0);
    let stale = desk.run(&["impact", "--since-publish", "--to", "dir:published", "--format", "json"], &RANGE);
    let stale: serde_json::Value = serde_json::from_str(&stale.stdout).expect("one document");
    assert_eq!(stale["nba_predictions.ml_feature_store_v2"], serde_json::json!(["2023-12-10"]), "{stale}");
    // What only PDC reads changes MLFS as well, which reads PDC.
    let offense = rows(Table::TeamOffenseGameSummary);
    desk.put(Table::TeamOffenseGameSummary, &offense.slice(0, offense.num_rows() - 1));
    assert_eq!(desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE).code, 0);
    let open = desk.run(&["impact", "--since-publish", "--to", "dir:published", "--format", "json"], &RANGE);
    let open: serde_json::Value = serde_json::from_str(&open.stdout).expect("one document");
    assert_eq!(open["nba_predictions.ml_feature_store_v2"], serde_json::json!(["2023-12-10"]), "{open}");
    // The schedule decides which dates there are; bootstrap dates have no rows whatever changes.
    let schedule = desk.run(&["impact", "--date", "2023-12-05", "--table", "nbac_schedule", "--format", "json"], &[]);
    let schedule: serde_json::Value = serde_json::from_str(&schedule.stdout).expect("one document");
    let dates = |name: &str| schedule[name]["computed_again"].as_array().map(|dates| (dates.len(), dates[0].clone()));
    let first = serde_json::json!("2023-11-08");
    assert_eq!(dates("PSZA nba_precompute.player_shot_zone_analysis"), Some((32, first)), "{schedule}");
    for (arguments, code) in [
        (&["impact", "--date", "2030-01-01"][..], 5),
        (&["impact", "--year", "2023", "--since-publish", "--table", "nbac_schedule", "--to", "dir:published"], 2),
    ] {
        assert_eq!(desk.run(arguments, &[]).code, code, "{arguments:?}");
    }
}

/// Where values can change, something is computed again, whichever input changes.
#[test]
fn impact_computes_again_wherever_values_can_change() {
    let desk = Desk::computed();
    let dates = |of: &serde_json::Value| -> BTreeSet<String> {
        of.as_array().expect("dates").iter().map(|date| date.as_str().expect("text").to_owned()).collect()
    };
    for table in Table::inputs() {
        for day in ["2023-10-27", "2023-11-20", "2023-12-05"] {
            let told = desk.run(&["impact", "--date", day, "--table", table.name(), "--format", "json"], &[]);
            let told: serde_json::Value = serde_json::from_str(&told.stdout).expect("one document");
            for (output, reach) in told.as_object().expect("outputs") {
                let (again, values) = (dates(&reach["computed_again"]), dates(&reach["values_can_change"]));
                assert!(values.is_subset(&again), "{table} of {day}: {output}: {values:?} of {again:?}");
                if output.starts_with("MLFS") {
                    let pdc = dates(&told["PDC nba_precompute.player_daily_cache"]["computed_again"]);
                    assert!(pdc.is_subset(&again), "{table} of {day}: {pdc:?} of {again:?}");
                }
            }
        }
    }
}

/// Where values did change is where they can, and nowhere else.
#[test]
fn impact_tells_where_values_can_change() {
    let desk = Desk::computed();
    let table = Table::TeamDefenseGameSummary;
    let batch = rows(table);
    let column = |name: &str| batch.column_by_name(name).expect("a column");
    let day = Date32Type::from_naive_date("2023-10-27".parse().expect("a date"));
    let (dates, attempts) = (column("game_date").as_primitive::<Date32Type>(), column("opp_paint_attempts"));
    let attempts = attempts.as_primitive::<arrow::datatypes::Int64Type>();
    let changed: arrow::array::Int64Array = (0..batch.num_rows())
        .map(|row| attempts.is_valid(row).then(|| attempts.value(row) + i64::from(dates.value(row) == day)))
        .collect();
    desk.put(table, &with_column(&batch, "opp_paint_attempts", Some(Arc::new(changed))));
    let json = |args: &[&str], range: &[&str]| -> serde_json::Value {
        let outcome = desk.run(&[args, &["--format", "json"]].concat(), range);
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {}", outcome.stderr))
    };
    let told = json(&["impact", "--date", "2023-10-27", "--table", "team_defense_game_summary"], &[]);
    assert_eq!(desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE).code, 0);
    assert_eq!(desk.run(&["compute", "-q"], &RANGE).code, 0);
    let differing = json(&["diff", "--with", "dir:published"], &RANGE);
    for (output, name) in [
        ("TDZA nba_precompute.team_defense_zone_analysis", "team_defense_zone_analysis"),
        ("PCF nba_precompute.player_composite_factors", "player_composite_factors"),
    ] {
        let strings = |dates: &serde_json::Value| -> Vec<String> {
            dates.as_array().expect("dates").iter().map(|date| date.as_str().expect("text").to_owned()).collect()
        };
        let (again, values) = (strings(&told[output]["computed_again"]), strings(&told[output]["values_can_change"]));
        let tables = differing.as_array().expect("tables");
        let of =
            tables.iter().find(|of| of["table"].as_str().is_some_and(|table| table.ends_with(name))).expect("a table");
        let dates = of["dates"].as_object().expect("dates");
        let changed: Vec<&String> = dates.iter().filter(|(_, of)| of["changed"] != 0).map(|(date, _)| date).collect();
        assert!(!changed.is_empty() && changed.iter().all(|date| values.contains(date)), "{changed:?} of {values:?}");
        assert!(values.len() < again.len() && dates.keys().all(|date| again.contains(date)), "{dates:?} of {again:?}");
    }
}

#[test]
fn runs_are_recorded_with_every_date() {
    let desk = Desk::computed();
    let listed = desk.run(&["runs", "--format", "json"], &[]);
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).expect("one document");
    let id = listed[0]["id"].as_str().expect("an id");
    assert!(listed[0]["command"].as_str().expect("a command").starts_with("putback run -q"), "{listed}");
    let shown = desk.run(&["runs", "show", id, "--format", "json"], &[]);
    let shown: serde_json::Value = serde_json::from_str(&shown.stdout).expect("one document");
    assert_eq!(shown["dates"]["PCF"]["done"], 32, "{}", shown["dates"]);
    let shown = desk.run(&["runs", "show", id, "--log"], &[]);
    assert!(shown.stdout.contains("\nPCF: 32 done\n"), "{}", shown.stdout);
    let dates = shown.stdout.lines().filter(|line| line.contains("\"event\":\"date\"")).count();
    assert_eq!(dates, 5 * 32, "{}", shown.stdout);
    let unknown = desk.run(&["runs", "show", "../x"], &[]);
    assert_eq!(unknown.code, 2);
}

#[test]
fn runs_are_compared_date_by_date() {
    let desk = Desk::computed();
    let computed = |desk: &Desk| {
        let listed = desk.run(&["runs", "--format", "json"], &[]);
        let listed: serde_json::Value = serde_json::from_str(&listed.stdout).expect("one document");
        let runs = listed.as_array().expect("runs").iter().rev();
        let is_computation = |run: &&serde_json::Value| {
            let command = run["command"].as_str().expect("a command");
            command.contains("putback run") || command.contains("putback compute")
        };
        runs.clone().find(is_computation).expect("a computation")["id"].as_str().expect("an id").to_owned()
    };
    let first = computed(&desk);
    let same = desk.run(&["runs", "diff", &first], &[]);
    assert_snapshot!(same.shown(), @"
    exit status: 0
    --- stdout
    Processor  Same dates  Changed  Only in the first  Only in the second
    TDZA               32        0                  0                   0
    PSZA               32        0                  0                   0
    PCF                32        0                  0                   0
    PDC                32        0                  0                   0
    MLFS               32        0                  0                   0
    --- stderr
    ");
    // The last date loses a player's game.
    let games = rows(Table::PlayerGameSummary);
    let last = games.num_rows() - 1;
    desk.put(Table::PlayerGameSummary, &games.slice(0, last));
    assert_eq!(desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE).code, 0);
    assert_eq!(desk.run(&["compute", "-q"], &RANGE).code, 0);
    let second = computed(&desk);
    let differing = desk.run(&["runs", "diff", &first, &second], &[]);
    assert_eq!(differing.code, 9, "{}", differing.stderr);
    assert_snapshot!(differing.stdout, @"
    Processor  Same dates  Changed  Only in the first  Only in the second
    TDZA                0        0                 32                   0
    PSZA                0        1                 31                   0
    PCF                 1        0                 31                   0
    PDC                 0        1                 31                   0
    MLFS                0        1                 31                   0
    PSZA: 2023-12-10 (263 rows, different values)
    PDC: 2023-12-10 (135 rows, different values)
    MLFS: 2023-12-10 (136 to 135 rows)
    ");
    // The store is as the second run left it.
    assert_eq!(desk.run(&["runs", "diff", &first], &[]).stdout.lines().last(), differing.stdout.lines().last());
    assert_eq!(desk.run(&["runs", "diff", &second], &[]).code, 0);
    let listed = desk.run(&["runs", "--format", "json"], &[]);
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).expect("one document");
    let is_sync = |run: &&serde_json::Value| run["command"].as_str().is_some_and(|text| text.contains("putback sync"));
    let sync = listed.as_array().expect("runs").iter().find(is_sync).expect("a sync")["id"].as_str().expect("an id");
    let nothing = desk.run(&["runs", "diff", sync], &[]);
    assert!(nothing.code == 2 && nothing.stderr.contains("computed no dates"), "{}", nothing.stderr);
}

#[test]
fn status_tells_who_writes() {
    let desk = Desk::computed();
    let owner = Owner { pid: 4711, host: "elsewhere".into(), command: "putback compute".into() };
    let lock = WriteLock::acquire(&Store::at(desk.path("putback-store")), &owner).expect("a free store");
    let mut command = desk.command(&["status", "--watch"], &RANGE);
    let mut watching = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let mut lines = BufReader::new(watching.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
    // The writer ends only after it was seen: nothing here depends on how fast anybody is.
    let seen = lines.next().expect("a line");
    assert!(seen.contains("process 4711 (`putback compute`) is writing"), "{seen}");
    drop(lock);
    assert_eq!(lines.last().as_deref(), Some("no process is writing the store"));
    assert!(watching.wait().expect("it ends").success());
}

#[test]
fn stale_dates_are_not_published() {
    let desk = Desk::computed();
    let games = rows(Table::PlayerGameSummary);
    desk.put(Table::PlayerGameSummary, &games.slice(1, games.num_rows() - 1));
    assert_eq!(desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE).code, 0);
    let outcome = desk.run(&["upload", "--to", "dir:published"], &RANGE);
    assert_eq!(outcome.code, 3);
    assert!(outcome.stderr.contains("the inputs of 32 dates changed after they were computed"), "{}", outcome.stderr);
    let remote = desk.run(&["status", "--remote", "--to", "dir:published", "--format", "json"], &RANGE);
    let remote: serde_json::Value = serde_json::from_str(&remote.stdout).expect("one document");
    assert_eq!(remote.as_array().map(Vec::len), Some(4), "{remote}");
    let unknown = desk.run(&["run", "--warehouse", "dir:warehouse", "--to", "dir:new", "--accept", "X0"], &RANGE);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("there is no check X0") && !desk.path("new").exists(), "{}", unknown.stderr);
    let remote = desk.run(&["status", "--remote", "--to", "dir:published"], &RANGE);
    assert!(remote.stdout.contains("Rows there"), "{}", remote.stdout);
}
