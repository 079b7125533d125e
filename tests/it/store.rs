//! The store on disk: older formats, lost and damaged records, files that are not ours.

use std::path::Path;

use putback::catalog::Table;
use putback::store::{Layer, Owner, Store, WriteLock, sha256_of_file};

use crate::fixture::{Desk, RANGE};

/// The one date that is computed in the store of format 1.
const DATE: [&str; 2] = ["--date", "2023-11-08"];

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(std::fs::copy(&path, &target).expect("a copy")),
        }
    }
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
        .collect();
    names.sort();
    names
}

/// A store and a target that putback wrote before there were objects.
fn of_format_1() -> Desk {
    let desk = Desk::empty();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1");
    copy(&fixture.join("store"), &desk.path("putback-store"));
    copy(&fixture.join("published"), &desk.path("published"));
    desk
}

#[test]
fn a_store_of_format_1_is_read_and_taken_over_by_the_next_writer() {
    let desk = of_format_1();
    let before = desk.files("putback-store");
    for (command, codes) in [("status", [0, 0]), ("validate", [0, 4]), ("check", [0, 4])] {
        let outcome = desk.run(&[command, "-q"], &DATE);
        assert!(codes.contains(&outcome.code), "{command}: {}", outcome.stderr);
    }
    assert!(before.iter().all(|(path, bytes)| desk.files("putback-store").get(path) == Some(bytes)), "readers write");

    let store = Store::at(desk.path("putback-store"));
    let read = || (store.phase3().expect("Phase 3"), store.phase4().expect("Phase 4"));
    let ((inputs, outputs), table) = (read(), Table::MlFeatureStore);
    let owner = Owner { pid: 1, host: "here".to_owned(), command: "test".to_owned() };
    // What a writer of that version left when it was killed.
    std::fs::write(store.table_dir(table).join("2023-12.parquet.staged"), "half").expect("a file");
    std::fs::write(store.layer_dir(Layer::Phase4).join("manifest.json.staged"), "half").expect("a file");
    drop(WriteLock::acquire(&store, &owner).expect("a lock"));
    let (inputs_now, outputs_now) = read();
    assert!(inputs.tables == inputs_now.tables);
    assert!(outputs.processors == outputs_now.processors && outputs.files == outputs_now.files);
    assert_eq!(names(&store.table_dir(table)), ["2023-11.parquet"]);
    let objects = store.layer_dir(Layer::Phase4).join("objects");
    for (table, files) in &outputs.files {
        for (month, entry) in files {
            let object = objects.join(format!("{}.parquet", entry.sha256));
            assert_eq!(sha256_of_file(&object).expect("an object"), entry.sha256);
            assert!(entry.matches(&store.month_file(*table, *month)));
        }
    }
    let manifest = std::fs::read_to_string(store.layer_dir(Layer::Phase4).join("manifest.json")).expect("a manifest");
    assert!(manifest.starts_with("{\"format\":2,\"checksum\":\""));
}

#[test]
fn what_a_killed_command_left_beside_a_record_is_removed_by_the_next() {
    let desk = Desk::new();
    let dirs = ["plans", "published", "runs", "verdicts"].map(|name| desk.path("putback-store").join(name));
    for dir in &dirs {
        std::fs::create_dir_all(dir).expect("a directory");
        std::fs::write(dir.join("vanished.json.7-1.staged"), "half").expect("a file");
        std::fs::write(dir.join("mine.staged"), "somebody else's").expect("a file");
    }
    assert_eq!(desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &DATE).code, 0);
    for dir in &dirs {
        let staged: Vec<String> = names(dir).into_iter().filter(|name| name.ends_with(".staged")).collect();
        assert_eq!(staged, ["mine.staged"]);
    }
}

/// As a version without objects left it: read by its own store, and taken over by the next that publishes into it.
#[test]
fn a_target_of_format_1_is_read_and_taken_over_by_the_next_upload() {
    let desk = of_format_1();
    let before = desk.files("published");
    let command = |args: &[&str]| desk.run(args, &DATE);
    assert_eq!(command(&["diff", "-q", "--with", "dir:published"]).code, 0);
    // Its store is of older processors: refused with the command that computes its dates again.
    for more in [&["--dry-run"][..], &[]] {
        let upload = command(&[&["upload", "-q", "--to", "dir:published"], more].concat());
        assert_eq!(upload.code, 3, "{}", upload.stderr);
        assert!(upload.stderr.contains("not published: run `putback compute` first"), "{}", upload.stderr);
    }
    assert_eq!(desk.run(&["undo", "--to", "dir:published"], &[]).code, 2);
    assert_eq!(desk.run(&["undo", "--list", "--to", "dir:published"], &[]).code, 0);
    assert!(before == desk.files("published"));

    let today = Desk::new();
    copy(&desk.path("published"), &today.path("published"));
    let run = |target: &str| today.run(&["run", "-q", "--warehouse", "dir:warehouse", "--to", target], &DATE);
    let taken_over = run("dir:published");
    assert!(matches!(taken_over.code, 0 | 4), "{}", taken_over.stderr);
    assert_eq!(run("dir:fresh").code, taken_over.code);
    let diff = today.run(&["diff", "-q", "--with", "dir:published"], &DATE);
    assert_eq!(diff.code, 0, "{}", diff.stdout);
    let record = std::fs::read_to_string(today.path("published/_putback/published.json")).expect("a record");
    assert!(record.starts_with("{\"format\":2,\"checksum\":\""), "{record}");
    let plain = |target: &str| {
        let mut files = today.files(target);
        files.retain(|path, _| !path.starts_with("_putback"));
        files
    };
    // Months of equal rows stay as the version of before encoded them.
    let published = plain("published");
    assert!(published.keys().eq(plain("fresh").keys()));
    assert!(run("dir:published").code == taken_over.code && plain("published") == published);
}

/// Records of runs, validations and preflights decide nothing while they cannot be read, and are named.
#[test]
fn junk_below_runs_is_named_and_the_named_command_helps() {
    let desk = Desk::computed();
    let status = || desk.run(&["status", "-q"], &RANGE);
    let whole = status();
    assert!(whole.stderr.is_empty() && !whole.stdout.contains("not validated"), "{}", whole.shown());
    let runs = desk.path("putback-store/runs");
    let run = std::fs::read_dir(&runs).expect("runs").map(|entry| entry.expect("an entry").path());
    let run = run.filter(|path| path.is_dir()).max().expect("a run").join("run.json");
    let id = run.parent().and_then(Path::file_name).and_then(|name| name.to_str()).expect("an id").to_owned();
    let validations = runs.join("validations.json");
    for junk in [&b""[..], b"{\"half\": ", b"null", b"[]", b"{}", b"\xff\xfe\x00"] {
        for file in ["validations.json", "preflight.json"] {
            std::fs::write(runs.join(file), junk).expect("a file");
        }
        std::fs::write(&run, junk).expect("a file");
        let noticed = status();
        assert_eq!(noticed.code, 0, "{}", noticed.stderr);
        for file in ["validations.json", "preflight.json", &format!("{id}/run.json")] {
            assert!(noticed.stderr.contains(&format!("runs/{file} cannot be read: ")), "{file}: {}", noticed.stderr);
        }
        assert!(noticed.stdout.contains("not validated on "), "{}", noticed.stdout);
        let listed = desk.run(&["runs"], &[]);
        assert!(
            listed.code == 0 && listed.stderr.contains(&format!("{id}/run.json cannot be read")),
            "{}",
            listed.shown()
        );
        assert_eq!(desk.run(&["runs", "show", &id], &[]).code, 0);
        // What the notes say.
        let validated = desk.run(&["validate", "-q"], &RANGE);
        assert!(
            validated.code == 0 && validated.stderr.contains("validations.json cannot be read"),
            "{}",
            validated.stderr
        );
        assert!(serde_json::from_slice::<serde_json::Value>(&std::fs::read(&validations).expect("a file")).is_ok());
        let computed = desk.run(&["compute", "-q"], &RANGE);
        assert!(computed.code == 0 && computed.stderr.contains("preflight.json cannot be read"), "{}", computed.stderr);
        let note = noticed.stderr.lines().find(|line| line.contains("`rm -r ")).expect("a command");
        let command = note.split('`').nth(1).expect("a command");
        assert_eq!(
            desk.outcome(std::process::Command::new("sh").args(["-c", command]).current_dir(desk.path(""))).code,
            0
        );
        let whole_again = status();
        assert!(whole_again.stderr.is_empty() && whole_again.stdout == whole.stdout, "{}", whole_again.shown());
        std::fs::create_dir(run.parent().expect("a directory")).expect("a directory");
    }
}

#[test]
fn a_lost_manifest_is_told_and_nothing_is_removed() {
    let desk = Desk::computed();
    let manifest = desk.path("putback-store/phase4/manifest.json");
    let saved = std::fs::read(&manifest).expect("a manifest");
    std::fs::remove_file(&manifest).expect("a manifest");
    let before = desk.files("putback-store");
    for command in ["compute", "status", "validate", "upload --to dir:published", "sync --warehouse dir:warehouse"] {
        let args: Vec<&str> = command.split(' ').chain(["-q"]).collect();
        let outcome = desk.run(&args, &RANGE);
        assert_eq!(outcome.code, 11, "{command}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("phase4/manifest.json is missing, but"), "{}", outcome.stderr);
    }
    assert!(before == desk.files("putback-store"));
    // As the hint says: put it back, or move the directory away.
    std::fs::write(&manifest, saved).expect("a manifest");
    assert_eq!(desk.run(&["compute", "-q"], &RANGE).code, 0);
    std::fs::remove_file(&manifest).expect("a manifest");
    std::fs::rename(desk.path("putback-store/phase4"), desk.path("elsewhere")).expect("moved");
    assert_eq!(desk.run(&["compute", "-q"], &RANGE).code, 0);
}

#[test]
fn a_manifest_with_a_flipped_digit_is_refused() {
    let desk = Desk::computed();
    let manifest = desk.path("putback-store/phase4/manifest.json");
    let text = std::fs::read_to_string(&manifest).expect("a manifest");
    std::fs::write(&manifest, text.replacen("\"rows\":3", "\"rows\":2", 1)).expect("a manifest");
    let before = desk.files("putback-store");
    for command in ["compute", "status", "validate"] {
        let outcome = desk.run(&[command, "-q"], &RANGE);
        assert_eq!(outcome.code, 11, "{command}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("phase4/manifest.json is damaged"), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("move putback-store/phase4 away"), "{}", outcome.stderr);
    }
    assert!(before == desk.files("putback-store"));
}

#[test]
fn a_file_that_putback_did_not_write_stays_where_it_is() {
    let desk = Desk::new();
    let file = desk.path("putback-store/phase4/nba_precompute.team_defense_zone_analysis/2023-11.parquet");
    std::fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
    std::fs::write(&file, "somebody's").expect("a file");
    let outcome = desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE);
    assert_eq!(outcome.code, 11, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("team_defense_zone_analysis/2023-11.parquet is there"), "{}", outcome.stderr);
    assert_eq!(std::fs::read(&file).expect("a file"), b"somebody's");
    // Beside a store of ours it stops only who wants to write there.
    std::fs::remove_dir_all(desk.path("putback-store")).expect("a directory");
    assert_eq!(desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE).code, 0);
    let october: [&str; 4] = ["--from", "2023-11-07", "--to", "2023-11-30"];
    assert_eq!(desk.run(&["compute", "-q"], &october).code, 0);
    let file = file.with_file_name("2023-12.parquet");
    std::fs::write(&file, "somebody's").expect("a file");
    assert_eq!(desk.run(&["compute", "-q"], &october).code, 0);
    let before = desk.files("putback-store");
    let outcome = desk.run(&["compute", "-q"], &RANGE);
    assert_eq!(outcome.code, 9, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("2023-12.parquet is in the way"), "{}", outcome.stderr);
    assert!(before == desk.files("putback-store"));
    std::fs::remove_file(&file).expect("a file");
    assert_eq!(desk.run(&["compute", "-q"], &RANGE).code, 0);
}

#[test]
fn a_plain_name_that_was_removed_or_replaced_is_set_again_without_computing() {
    let desk = Desk::computed();
    let before = desk.files("putback-store");
    let dir = desk.path("putback-store/phase4/nba_predictions.ml_feature_store_v2");
    std::fs::remove_file(dir.join("2023-11.parquet")).expect("a file");
    std::fs::remove_file(dir.join("2023-12.parquet")).expect("a file");
    std::fs::write(dir.join("2023-12.parquet"), "else").expect("a file");
    let outcome = desk.run(&["compute"], &RANGE);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("nothing to compute"), "{}", outcome.stderr);
    assert!(before == desk.files("putback-store"));
}

/// Every way in which the files of a month can be damaged, and the command that the message names.
#[test]
fn damage_is_noticed_named_and_repaired() {
    let desk = Desk::computed();
    let store = desk.store();
    let status = |args: &[&str]| desk.run(&[&["status"], args].concat(), &RANGE);
    let whole = status(&[]);
    assert!(!whole.stderr.contains("missing or damaged"), "{}", whole.stderr);
    let outputs = "putback-store/phase4/nba_predictions.ml_feature_store_v2/2023-11.parquet";
    let inputs = "putback-store/phase3/nba_analytics.player_game_summary/2023-11.parquet";
    let flip = |path: &Path| {
        let mut bytes = std::fs::read(path).expect("a file");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(path, bytes).expect("a file");
    };
    type Damage<'a> = (&'a str, &'a dyn Fn(&Path));
    let damages: [Damage<'_>; 4] = [
        ("removed", &|path| std::fs::remove_file(path).expect("a file")),
        ("emptied", &|path| std::fs::write(path, "").expect("a file")),
        ("truncated", &|path| {
            let file = std::fs::OpenOptions::new().write(true).open(path).expect("a file");
            file.set_len(1000).expect("a file");
        }),
        ("flipped", &flip),
    ];
    for (file, repair) in [(outputs, "compute"), (inputs, "sync --warehouse dir:warehouse")] {
        for (damage, act) in damages {
            act(&desk.path(file));
            let noticed = status(&[]);
            assert!(noticed.stderr.contains(&format!("{file} is missing or damaged")), "{damage}: {}", noticed.stderr);
            assert!(noticed.stdout.contains("file missing or damaged on"), "{damage}: {}", noticed.stdout);
            let args: Vec<&str> = repair.split(' ').chain(["-q"]).collect();
            let repaired = desk.run(&args, &RANGE);
            assert_eq!(repaired.code, 0, "{damage}: {}", repaired.stderr);
            assert!(store == desk.store(), "{damage} {file}");
            assert_eq!(status(&["--verify"]).stdout, whole.stdout, "{damage}");
        }
    }
}

/// Size and times as before: only reading all of it shows the damage.
#[test]
fn damage_with_the_time_of_before_is_verified() {
    let desk = Desk::computed();
    let file = desk.path("putback-store/phase4/nba_predictions.ml_feature_store_v2/2023-11.parquet");
    let time = std::fs::metadata(&file).and_then(|meta| meta.modified()).expect("a time");
    let mut bytes = std::fs::read(&file).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).expect("a file");
    let open = std::fs::OpenOptions::new().write(true).open(&file).expect("a file");
    open.set_modified(time).expect("a time");
    let verified = desk.run(&["status", "--verify"], &RANGE);
    assert!(verified.stderr.contains("2023-11.parquet is missing or damaged"), "{}", verified.stderr);
}
