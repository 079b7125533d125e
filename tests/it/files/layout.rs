//! Where files lie and what they are called.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Date32Type;
use insta::assert_snapshot;
use parquet::basic::Compression;
use putback::catalog::Table;
use putback::store::write_parquet;

use super::{assert_same_rows, refused};
use crate::fixture::{Desk, rows, with_column};
use crate::support::parquet::write_with;

const TABLE: Table = Table::TeamDefenseGameSummary;

/// Rows of one day, by day.
fn by_day(batch: &RecordBatch) -> Vec<(String, RecordBatch)> {
    let days = batch.column_by_name("game_date").expect("a column").as_primitive::<Date32Type>();
    let mut distinct: Vec<i32> = days.values().to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let of = |day: i32| {
        let mask: BooleanArray = days.iter().map(|other| Some(other == Some(day))).collect();
        let date = Date32Type::to_naive_date_opt(day).expect("a date");
        (date.to_string(), filter_record_batch(batch, &mask).expect("rows"))
    };
    distinct.into_iter().map(of).collect()
}

/// Replaces the table by a folder; `put` writes into it.
fn as_folder(desk: &Desk, name: &str, put: impl FnOnce(&Path)) {
    std::fs::remove_file(desk.warehouse_file(TABLE)).expect("a file");
    let dir = desk.path("warehouse").join(name);
    std::fs::create_dir(&dir).expect("a writable directory");
    put(&dir);
}

fn write(path: &Path, rows: &RecordBatch) {
    write_with(path, rows, Compression::SNAPPY);
}

/// Writes the table in folders of days, without the column.
fn write_days(dir: &Path, folder: impl Fn(&str) -> String) {
    for (day, rows) in by_day(&rows(TABLE)) {
        write(&dir.join(folder(&day)).join("part-0.parquet"), &with_column(&rows, "game_date", None));
    }
}

#[test]
fn folders_of_values_give_their_column() {
    let folders: [fn(&str) -> String; 4] = [
        |day| format!("game_date={day}"),
        |day| format!("GAME_DATE={day}"),
        |day| format!("game_date={day} 00%3A00%3A00"),
        |day| format!("year={}/opponent=x/game_date={day}/load=1", &day[..4]),
    ];
    for folder in folders {
        assert_same_rows(|desk| as_folder(desk, TABLE.full_name(), |dir| write_days(dir, folder)));
    }
}

#[test]
fn a_folder_may_give_numbers_flags_and_null() {
    let batch = rows(Table::Schedule);
    assert_same_rows(|desk| {
        std::fs::remove_file(desk.warehouse_file(Table::Schedule)).expect("a file");
        let flags = batch.column_by_name("is_playoffs").expect("a column").as_boolean();
        assert!(flags.iter().all(|flag| flag == Some(false)));
        let years = batch.column_by_name("season_year").expect("a column");
        let years = years.as_primitive::<arrow::datatypes::Int64Type>();
        assert!(years.iter().all(|year| year == Some(2023)));
        let rounds = batch.column_by_name("playoff_round").expect("a column");
        assert_eq!(rounds.null_count(), batch.num_rows());
        let mut bare = batch.clone();
        for column in ["is_playoffs", "season_year", "playoff_round"] {
            bare = with_column(&bare, column, None);
        }
        let folder = "season_year=2023/is_playoffs=false/playoff_round=__HIVE_DEFAULT_PARTITION__";
        write(&desk.path("warehouse").join(Table::Schedule.full_name()).join(folder).join("0.parquet"), &bare);
    });
}

#[test]
fn a_column_may_be_in_the_file_and_in_the_folder_if_they_agree() {
    assert_same_rows(|desk| {
        as_folder(desk, TABLE.full_name(), |dir| {
            for (day, rows) in by_day(&rows(TABLE)) {
                write(&dir.join(format!("game_date={day}/0.parquet")), &rows);
            }
        });
    });
    let outcome = refused(|desk| {
        as_folder(desk, TABLE.full_name(), |dir| write(&dir.join("game_date=2023-11-08/0.parquet"), &rows(TABLE)));
    });
    assert_snapshot!(outcome.shown(), @r"
exit status: 12
--- stdout
--- stderr
error: nba_analytics.team_defense_game_summary: game_date is 2023-11-08 by its folder game_date=2023-11-08, and 2023-10-24 in row 1 of [DIR]/warehouse/nba_analytics.team_defense_game_summary/game_date=2023-11-08/0.parquet (game_id 20231024_UTA_IND, defending_team_abbr IND)
  hint: take the column out of the file, or move the file; nothing was pulled
");
}

#[test]
fn a_folder_whose_value_does_not_fit_is_refused() {
    let outcome =
        refused(|desk| as_folder(desk, TABLE.full_name(), |dir| write_days(dir, |_| "game_date=today".to_owned())));
    assert_snapshot!(outcome.shown(), @r"
exit status: 12
--- stdout
--- stderr
error: nba_analytics.team_defense_game_summary: folder game_date=today of [DIR]/warehouse/nba_analytics.team_defense_game_summary/game_date=today/part-0.parquet does not give game_date a DATE
  hint: rename the folder; nothing was pulled
");
    let outcome = refused(|desk| as_folder(desk, TABLE.full_name(), |dir| write_days(dir, |day| format!("dt={day}"))));
    assert_eq!(outcome.code, 12);
    assert!(outcome.stderr.contains("the folders only say dt"), "{}", outcome.stderr);
    let outcome = refused(|desk| {
        as_folder(desk, TABLE.full_name(), |dir| {
            write_days(dir, |day| format!("game_date={day}/game_date=2023-01-01"))
        });
    });
    assert_eq!(outcome.code, 12);
    assert!(outcome.stderr.contains("give game_date two values"), "{}", outcome.stderr);
}

/// As Spark leaves it: a folder with the file's name, parts, a marker, checksums, and shards without a row.
#[test]
fn a_folder_may_be_named_like_the_file_and_hold_what_spark_leaves() {
    assert_same_rows(|desk| {
        let batch = rows(TABLE);
        as_folder(desk, &format!("{TABLE}.parquet"), |dir| {
            let half = batch.num_rows() / 2;
            write(&dir.join("part-00000-c000.snappy.parquet"), &batch.slice(0, half));
            write(&dir.join("part-00001-c000.snappy.parquet"), &batch.slice(half, batch.num_rows() - half));
            write(&dir.join("part-00002-c000.snappy.parquet"), &batch.slice(0, 0));
            std::fs::write(dir.join("_SUCCESS"), "").expect("a file");
            std::fs::write(dir.join("._SUCCESS.crc"), "crc").expect("a file");
            std::fs::write(dir.join(".part-00000-c000.snappy.parquet.crc"), "crc").expect("a file");
            std::fs::write(dir.join("_metadata.parquet"), "not Parquet").expect("a file");
            write(&dir.join("_temporary/0/part-00000.parquet"), &batch);
            write(&dir.join(".hidden/part-00000.parquet"), &batch);
            write(&dir.join("deep/_backup/part-00000.parquet"), &batch);
            let no_columns = RecordBatch::new_empty(std::sync::Arc::new(arrow::datatypes::Schema::empty()));
            write_parquet(&dir.join("part-00003.parquet"), &no_columns).expect("a file");
            let odd = with_column(&batch.slice(0, 0), "points_allowed", None);
            write(&dir.join("part-00004.parquet"), &odd);
        });
    });
}

/// Half of the table each.
fn halves() -> [RecordBatch; 2] {
    let batch = rows(TABLE);
    let half = batch.num_rows() / 2;
    [batch.slice(0, half), batch.slice(half, batch.num_rows() - half)]
}

/// BigQuery and Hive name files by their numbers alone.
#[test]
fn files_of_a_folder_may_have_no_extension() {
    for names in [["000000000000", "000000000001"], ["part-00000", "rows.parquet"], ["000000_0", "x/000001_0"]] {
        assert_same_rows(|desk| {
            as_folder(desk, TABLE.full_name(), |dir| {
                names.iter().zip(halves()).for_each(|(name, rows)| write(&dir.join(name), &rows));
                std::fs::write(dir.join("README"), "text").expect("a file");
            });
        });
    }
    assert_same_rows(|desk| {
        let file = desk.warehouse_file(TABLE);
        std::fs::rename(&file, file.with_extension("")).expect("a file");
    });
}

#[test]
fn a_file_without_extension_that_breaks_off_is_damaged() {
    let outcome = refused(|desk| {
        as_folder(desk, TABLE.full_name(), |dir| {
            write(&dir.join("000000000000"), &rows(TABLE));
            write(&dir.join("000000000001"), &rows(TABLE));
            let bytes = std::fs::read(dir.join("000000000001")).expect("a file");
            std::fs::write(dir.join("000000000001"), &bytes[..bytes.len() / 2]).expect("a file");
        });
    });
    assert_eq!(outcome.code, 13, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("000000000001 cannot be read as Parquet"), "{}", outcome.stderr);
}

/// `EXPORT DATA` with `<dataset>.<table>-*.parquet`.
#[test]
fn numbered_files_beside_each_other_are_one_table() {
    for names in [["-000000000000", "-000000000001"], ["_1", "_10"], [".0", ".1"]] {
        assert_same_rows(|desk| {
            std::fs::remove_file(desk.warehouse_file(TABLE)).expect("a file");
            for (name, rows) in names.iter().zip(halves()) {
                write(&desk.path("warehouse").join(format!("{TABLE}{name}.parquet")), &rows);
            }
            write(&desk.path("warehouse").join(format!("{TABLE}_old.parquet")), &rows(TABLE));
        });
    }
    let others = ["-000000000000.parquet", "_1.parquet"];
    for (first, second) in [(".parquet", others[0]), ("/0.parquet", others[0]), (others[0], others[1])] {
        let outcome = refused(|desk| {
            std::fs::remove_file(desk.warehouse_file(TABLE)).expect("a file");
            for end in [first, second] {
                write(&desk.path("warehouse").join(format!("{TABLE}{end}")), &rows(TABLE));
            }
        });
        assert_eq!(outcome.code, 9, "{}", outcome.stderr);
        assert!(outcome.stderr.contains("every row would count twice"), "{}", outcome.stderr);
    }
}

#[test]
fn names_of_tables_match_without_case() {
    assert_same_rows(|desk| {
        let to = desk.path("warehouse").join(format!("{}.PARQUET", TABLE.full_name().to_uppercase()));
        std::fs::rename(desk.warehouse_file(TABLE), to).expect("a file");
        let schedule = desk.path("warehouse").join(Table::Schedule.full_name().to_uppercase());
        std::fs::create_dir(&schedule).expect("a folder");
        std::fs::rename(desk.warehouse_file(Table::Schedule), schedule.join("0.parquet")).expect("a file");
    });
}

#[test]
fn a_file_and_a_folder_are_one_too_many() {
    let outcome = refused(|desk| {
        write(&desk.path("warehouse").join(TABLE.full_name()).join("0.parquet"), &rows(TABLE));
    });
    assert_eq!(outcome.code, 9);
    assert!(outcome.stderr.contains("every row would count twice"), "{}", outcome.stderr);
}

#[test]
fn links_pipes_and_sockets_multiply_nothing_and_do_not_hang() {
    let outcome = assert_same_rows(|desk| {
        as_folder(desk, TABLE.full_name(), |dir| {
            write(&dir.join("z/rows.parquet"), &rows(TABLE));
            symlink(dir, dir.join("a-loop")).expect("a link");
            symlink("..", dir.join("z/up")).expect("a link");
            symlink(dir.join("z"), dir.join("again")).expect("a link");
            symlink(dir.join("z/rows.parquet"), dir.join("copy.parquet")).expect("a link");
            std::fs::hard_link(dir.join("z/rows.parquet"), dir.join("z/second.parquet")).expect("a link");
            symlink("nowhere", dir.join("gone.parquet")).expect("a link");
            symlink("itself.parquet", dir.join("itself.parquet")).expect("a link");
            let pipe = Command::new("mkfifo").arg(dir.join("pipe.parquet")).status().expect("mkfifo");
            assert!(pipe.success());
            std::os::unix::net::UnixListener::bind(dir.join("socket.parquet")).expect("a socket");
            std::fs::write(dir.join("notes.txt"), "text").expect("a file");
            std::fs::copy(dir.join("z/rows.parquet"), dir.join("rows.parquet.bak")).expect("a copy");
        });
    });
    for (name, why) in [
        ("a-loop", "is a link to what is read already"),
        ("again", "is a link to what is read already"),
        ("copy.parquet", "is a link to what is read already"),
        ("z/second.parquet", "is a link to what is read already"),
        ("gone.parquet", "is a link that leads nowhere"),
        ("itself.parquet", "is a link that leads nowhere"),
        ("pipe.parquet", "is a named pipe, not a file or folder"),
        ("socket.parquet", "is a socket, not a file or folder"),
        ("rows.parquet.bak", "has a name that does not end in .parquet"),
    ] {
        assert!(outcome.stderr.contains(&format!("/{name} {why}, and is not read")), "{name}: {}", outcome.stderr);
    }
    assert!(!outcome.stderr.contains("notes.txt"));
}

#[test]
fn a_table_that_is_only_a_pipe_is_missing() {
    let outcome = refused(|desk| {
        std::fs::remove_file(desk.warehouse_file(TABLE)).expect("a file");
        assert!(Command::new("mkfifo").arg(desk.warehouse_file(TABLE)).status().expect("mkfifo").success());
    });
    assert_snapshot!(outcome.shown(), @r"
exit status: 5
--- stdout
--- stderr
error: table nba_analytics.team_defense_game_summary is not in the warehouse dir:[DIR]/warehouse
  hint: nba_analytics.team_defense_game_summary: [DIR]/warehouse/nba_analytics.team_defense_game_summary.parquet is a named pipe, not a file or folder, and is not read; nothing was pulled
");
}

#[test]
fn tables_whose_log_says_which_files_count_are_refused() {
    for (log, format) in
        [("_delta_log/0.json", "Delta Lake"), (".hoodie/x", "Hudi"), ("metadata/1.metadata.json", "Iceberg")]
    {
        let outcome = refused(|desk| {
            as_folder(desk, TABLE.full_name(), |dir| {
                write(&dir.join("0.parquet"), &rows(TABLE));
                std::fs::create_dir(dir.join(log).parent().expect("a folder")).expect("a folder");
                std::fs::write(dir.join(log), "{}").expect("a file");
            });
        });
        assert_eq!(outcome.code, 12);
        assert!(outcome.stderr.contains(format) && outcome.stderr.contains(TABLE.full_name()), "{}", outcome.stderr);
    }
}
