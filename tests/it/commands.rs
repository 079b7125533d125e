//! What commands print, as a user sees it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use insta::assert_snapshot;

use crate::fixture::{Desk, RANGE, progress};

#[test]
fn status_explains_every_figure() {
    let desk = Desk::computed();
    assert_snapshot!(desk.run(&["status"], &RANGE).shown(), @"
    exit status: 0
    --- stdout
    Year  Processor  Dates  Possible  Done      %  Empty  Failed  Skipped  Pending  Stale   Rows  Failures
    2023  TDZA          32        20    20  100.0     12       0        0        0      0    525       435
    2023  PSZA          32        29    29  100.0      3       0        0        0      0  6,869       865
    2023  PCF           32        32    32  100.0      0       0        0        0      0  4,295         0
    2023  PDC           32        32    32  100.0      0       0        0        0      0  4,190        73
    2023  MLFS          32        32    32  100.0      0       0        0        0      0  4,292         0

    dates without rows by rule: TDZA 12, PSZA 3; entities without a row, as expected: TDZA 45.3 %, PSZA 11.1 %, PDC 1.7 % (-v explains)
    expected inputs that Phase 3 has: TDZA 100.0 %, PSZA 100.0 %, PCF 93.0 %, PDC 100.0 %, MLFS 100.0 %
    last computed at 2023-11-14 22:13:20 UTC
    2023, 32 of 46 game dates: complete
    --- stderr
    ");
    let all = desk.run(&["status", "-v"], &RANGE).stdout;
    assert!(all.contains("TDZA: 12 dates without rows by rule: no team has 15 games this season"), "{all}");
    assert!(all.contains("TDZA: 435 of 960 entities without a row (45.3 %): INSUFFICIENT_DATA; expected"), "{all}");
}

#[test]
fn suggested_commands_name_the_store_that_was_given() {
    let desk = Desk::new();
    let given = ["--store", "my store"];
    let empty = desk.run(&[&["compute"], &given[..]].concat(), &RANGE);
    assert!(empty.code != 0 && empty.stderr.contains("`putback sync"), "{}", empty.stderr);
    let synced = desk.run(&[&["sync", "--warehouse", "dir:warehouse"], &given[..]].concat(), &RANGE);
    assert_eq!(synced.code, 0, "{}", synced.stderr);
    let status = desk.run(&[&["status"], &given[..]].concat(), &RANGE);
    assert!(status.stdout.contains("next: `putback compute"), "{}", status.stdout);
    for shown in [empty.stderr, synced.stderr, status.stdout] {
        for command in shown.split('`').filter(|part| part.starts_with("putback ")) {
            assert!(command.ends_with(" --store 'my store'"), "{command}");
        }
    }
    // What the environment says needs no word.
    let mut command = desk.command(&["status"], &RANGE);
    let status = command.env("PUTBACK_STORE", "my store").output().expect("the binary runs");
    let shown = String::from_utf8(status.stdout).expect("text");
    assert!(shown.contains("next: `putback compute") && !shown.contains("--store"), "{shown}");
}

#[test]
fn a_year_is_complete_only_when_it_was_validated() {
    let desk = Desk::computed();
    let verdict = || {
        let shown = desk.run(&["status"], &RANGE).stdout;
        let verdict = &shown[shown.find("2023, ").expect("a verdict")..];
        verdict.split("\n\nnext: ").next().unwrap_or_default().trim_end().to_owned()
    };
    assert_eq!(verdict(), "2023, 32 of 46 game dates: complete");
    std::fs::remove_file(desk.path("putback-store/runs/validations.json")).expect("a record");
    assert_eq!(verdict(), "2023, 32 of 46 game dates: partial\n  not validated on 32 dates: 2023-11-08 to 2023-12-10");
    assert_eq!(desk.run(&["validate"], &["--from", "2023-11-08", "--to", "2023-11-30"]).code, 0);
    assert_eq!(verdict(), "2023, 32 of 46 game dates: partial\n  not validated on 10 dates: 2023-12-01 to 2023-12-10");
    assert_eq!(desk.run(&["validate"], &RANGE).code, 0);
    assert_eq!(verdict(), "2023, 32 of 46 game dates: complete");
    // Computing alone proves nothing of the rows, and says so.
    let fresh = Desk::new();
    assert_eq!(fresh.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE).code, 0);
    // What is possible is known before: the same as after the computation.
    let possible = |desk: &Desk| {
        let shown = desk.run(&["status", "--format", "json"], &RANGE);
        let shown: serde_json::Value = serde_json::from_str(&shown.stdout).expect("one document");
        let rows = shown["rows"].as_array().expect("rows").iter().map(|row| row["possible"].as_u64());
        rows.collect::<Vec<_>>()
    };
    assert_eq!(possible(&fresh), possible(&desk));
    let computed = fresh.run(&["compute"], &RANGE).stdout;
    assert!(computed.contains("2023, 32 of 46 game dates: partial\n  not validated on 32 dates: "), "{computed}");
}

#[test]
fn progress_without_a_terminal_is_lines_with_the_words_operators_grep_for() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE).code, 0);
    let outcome = desk.run(&["compute"], &RANGE);
    for processor in ["TDZA", "PSZA", "PCF", "MLFS"] {
        let mut lines = outcome.stderr.lines().filter_map(progress);
        let line = lines.find(|line| line.starts_with(&format!("{processor} Processing game date ")));
        let line = line.unwrap_or_else(|| panic!("{}", outcome.stderr));
        assert!(line.contains("✓ success") && line.contains("✗ failed 0"), "{line}");
    }
}

/// An upload says how far it is by rows and bytes, and the log of its run has the time of every line.
#[test]
fn an_upload_tells_rows_and_bytes_and_logs_their_time() {
    let desk = Desk::computed();
    std::fs::remove_dir_all(desk.path("published")).expect("a directory");
    let uploaded = desk.run(&["upload", "--to", "dir:published"], &RANGE);
    assert_eq!(uploaded.code, 0, "{}", uploaded.shown());
    let last = uploaded.stderr.lines().filter_map(progress).rfind(|line| line.starts_with("upload "));
    let last = last.unwrap_or_else(|| panic!("{}", uploaded.stderr));
    let (rows, bytes) = last["upload ".len()..].split_once(" rows, ").expect("rows and bytes");
    let (so_far, all) = rows.split_once('/').expect("rows of rows");
    assert!(so_far == all && bytes.ends_with('B'), "{last}");
    let shown = desk.run(&["runs", "show", "--format", "json"], &[]).stdout;
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("one document");
    let log = shown["log"].as_array().expect("lines");
    assert!(log.iter().all(|line| line["at"].as_str().is_some_and(|at| at.ends_with('Z'))), "{log:?}");
    let times: Vec<&str> = log.iter().filter_map(|line| line["at"].as_str()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let staged: Vec<_> = log.iter().filter(|line| line["event"] == "staged").collect();
    let last = staged.last().expect("what was staged");
    assert_eq!((&last["rows"], last["rows"].as_u64()), (&last["total_rows"], all.replace(',', "").parse().ok()));
    assert_eq!(last["bytes"], shown["record"]["metrics"]["bytes"]["staged"]);
    assert!(staged.iter().map(|line| line["bytes"].as_u64()).is_sorted(), "{staged:?}");
}

/// In a locale that is not UTF-8 nothing is shown that it cannot show; JSON stays what it is.
#[test]
fn a_locale_without_utf8_gets_ascii() {
    let desk = Desk::computed();
    let shown = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = desk.command(args, &[]);
        command.env_remove("LC_ALL").env_remove("LC_CTYPE").env_remove("LANG").envs(variables.iter().copied());
        let output = command.output().expect("the binary runs");
        String::from_utf8([output.stdout, output.stderr].concat()).expect("UTF-8")
    };
    let dates = ["runs", "show", "--dates"];
    let is_plain = |variables: &[(&str, &str)]| {
        let text = shown(&dates, variables);
        assert!(text.contains("Success"), "{text}");
        text.is_ascii()
    };
    for (variables, expected) in [
        (&[][..], false),
        (&[("LC_ALL", "C")], true),
        (&[("LANG", "POSIX")], true),
        (&[("LC_ALL", ""), ("LC_CTYPE", "de_DE.ISO-8859-1"), ("LANG", "C.UTF-8")], true),
        (&[("LC_ALL", "C.UTF-8"), ("LANG", "C")], false),
        (&[("LANG", "en_US.utf8")], false),
    ] {
        assert_eq!(is_plain(variables), expected, "{variables:?}");
    }
    let plain = [("LC_ALL", "C")];
    assert!(shown(&dates, &plain).contains("MLFS Processing game date 32/32: 2023-12-10 + Success: "));
    assert!(shown(&["doctor"], &plain).contains("+ store "));
    for args in [
        &["status"][..],
        &["status", "--calendar"],
        &["doctor", "--warehouse", "dir:Dončić"],
        &["doctor", "--help"],
        &["help"],
        &["validate", "--all"],
        &["status", "--store", "Dončić"],
        &["status", "--Dončić"],
        &["compute", "--date", "2023-12-05"],
    ] {
        let text = shown(args, &plain);
        assert!(text.is_ascii() && !text.contains("panicked"), "{args:?}: {text}");
    }
    assert!(shown(&["status", "--store", "Dončić"], &plain).contains("Don\\u{10d}i\\u{107}"));
    let json = ["runs", "show", "--format", "json", "--store", "Dončić"];
    assert!(shown(&json, &plain).contains("the store Don\\u{10d}i\\u{107} has no runs"));
    // Documents are read elsewhere.
    assert_eq!(shown(&["report", "-q", "--format", "markdown"], &plain).matches("Handoff").count(), 1);
}

/// On 40 columns, tables are blocks, and bars are not longer than the line.
#[test]
fn a_narrow_terminal_gets_blocks_instead_of_tables() {
    let desk = Desk::computed();
    std::fs::remove_dir_all(desk.path("published")).expect("a directory");
    let on_a_terminal = |columns: u16, args: &str| {
        let (binary, _) = desk.words(&[], &[]);
        let line = format!("stty rows 24 cols {columns}; {binary} {args} {}", RANGE.join(" "));
        let mut script = Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).current_dir(desk.path("")).stdin(Stdio::null());
        script.env("NO_COLOR", "1").env("TERM", "xterm").env("LC_ALL", "C.UTF-8");
        let output = script.output().ok()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        Some(String::from_utf8(output.stdout).expect("UTF-8").replace('\r', ""))
    };
    let Some(narrow) = on_a_terminal(40, "status") else {
        // Past the harness, which keeps what passing tests print.
        let _ = writeln!(std::io::stderr(), "not run: a_narrow_terminal_gets_blocks_instead_of_tables: no `script`");
        return;
    };
    assert!(
        narrow.starts_with("2023 TDZA\n  Dates 32, Possible 20, Done 20, % 100.0,\n")
            || narrow.contains("2023 TDZA\n  Dates 32"),
        "{narrow}"
    );
    let rows = narrow.lines().take_while(|line| !line.is_empty());
    assert!(rows.clone().all(|line| line.chars().count() <= 40), "{narrow}");
    let wide = on_a_terminal(120, "status").expect("a terminal");
    assert!(wide.starts_with("Year  Processor  Dates"), "{wide}");
    let calendar = on_a_terminal(40, "status --calendar").expect("a terminal");
    assert!(calendar.lines().all(|line| line.chars().count() <= 40), "{calendar}");
    let uploaded = on_a_terminal(40, "upload --to dir:published").expect("a terminal");
    assert!(uploaded.contains("✓ compare ") && uploaded.contains("✓ upload "), "{uploaded}");
    for columns in [1, 10] {
        assert!(on_a_terminal(columns, "status").is_some_and(|text| text.contains("TDZA")));
    }
}

#[test]
fn json_is_one_document_on_standard_output() {
    let desk = Desk::new();
    let outcome =
        desk.run(&["run", "--format", "json", "--warehouse", "dir:warehouse", "--to", "dir:published"], &RANGE);
    let result: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("one document");
    let rows = result["status"]["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 5);
    assert!(rows.iter().all(|row| row["failed"] == 0 && row["pending"] == 0), "{rows:?}");
    assert_eq!(result["upload"]["tables"].as_array().expect("tables").len(), 5);
}

#[test]
fn settings_come_from_flags_then_environment_then_file() {
    let desk = Desk::new();
    std::fs::write(desk.path("putback.toml"), "store = \"from-file\"\nthreads = 3\nwarehouse = \"dir:w\"\n")
        .expect("a file");
    let output = desk.command(&["config", "show", "--threads", "2"], &[]).env("PUTBACK_STORE", "from-env").output();
    let text = String::from_utf8(output.expect("the binary runs").stdout).expect("UTF-8");
    assert_snapshot!(text, @"
    Setting       Value      From
    store         from-env   PUTBACK_STORE
    warehouse     dir:w      putback.toml
    to            (not set)  default
    threads       2          command line
    memory-limit  (not set)  default
    location      (not set)  default
    budget        (not set)  default
    datasets      (not set)  default
    ");
    std::fs::write(desk.path("putback.toml"), "stroe = \"typo\"\n").expect("a file");
    let outcome = desk.run(&["config", "show"], &[]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("putback.toml cannot be used: unknown field `stroe`"), "{}", outcome.stderr);
}

#[test]
fn demo_runs_the_whole_path_and_says_how_to_look_further() {
    let desk = Desk::new();
    let outcome = desk.run(&["demo", "-q", "--dir", "demo", "--players", "10"], &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stdout.contains("Look further:"), "{}", outcome.stdout);
    let again = desk.run(&["demo", "--dir", "demo", "--players", "10"], &[]);
    assert!(again.stderr.contains("nothing to publish"), "{}", again.stderr);
}

/// Whoever judges by other thresholds is told so wherever there is a verdict.
#[test]
fn other_thresholds_are_said_and_recorded() {
    let desk = Desk::computed();
    std::fs::write(desk.path("putback.toml"), "[checks.I15]\nshare = 101\n").expect("a file");
    let line = "threshold overridden: I15.share = 101 (default 50)";
    for args in [&["check", "-v"][..], &["validate", "-v"], &["status"]] {
        let outcome = desk.run(args, &RANGE);
        assert!(outcome.stdout.contains(line), "{args:?}: {}", outcome.stdout);
    }
    for args in [
        &["compute"][..],
        &["compute", "--skip-validation"],
        &["upload", "--to", "dir:published"],
        &["run", "--warehouse", "dir:warehouse", "--to", "dir:published"],
    ] {
        let outcome = desk.run(args, &RANGE);
        assert!(outcome.stderr.contains(line), "{args:?}: {}", outcome.stderr);
    }
    // What was validated by other thresholds was not validated by these.
    std::fs::remove_file(desk.path("putback.toml")).expect("a file");
    assert!(desk.run(&["status"], &RANGE).stdout.contains("not validated on 32 dates"));
    let runs = desk.run(&["runs", "--format", "json"], &[]).stdout;
    assert!(runs.contains("I15.share = 101 (default 50)"), "{runs}");
    for (text, says) in [
        ("[checks.I99]\nshare = 1\n", "there is no check I99"),
        ("[checks.I15]\nparts = 1\n", "check I15 has no threshold parts"),
    ] {
        std::fs::write(desk.path("putback.toml"), text).expect("a file");
        let outcome = desk.run(&["status"], &RANGE);
        assert!(outcome.code == 2 && outcome.stderr.contains(says), "{}: {}", outcome.code, outcome.stderr);
    }
}

#[test]
fn the_verdict_comes_last() {
    let desk = Desk::new();
    let ran = desk.run(&["run", "-q", "--warehouse", "dir:warehouse", "--to", "dir:published"], &RANGE);
    assert_eq!(ran.stdout.lines().last(), Some("2023, 32 of 46 game dates: complete"), "{}", ran.stdout);
    let computed = desk.run(&["compute", "-q"], &RANGE);
    assert_eq!(computed.stdout.lines().last(), Some("2023, 32 of 46 game dates: complete"), "{}", computed.stdout);
}

#[test]
fn a_status_can_be_a_gate() {
    let desk = Desk::new();
    let check = |args: &[&str]| desk.run(&[&["status", "--check"], args].concat(), &RANGE).code;
    assert_eq!(desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE).code, 0);
    assert_eq!(check(&[]), 3, "pending");
    assert_eq!(desk.run(&["compute", "-q"], &RANGE).code, 0);
    assert_eq!((check(&[]), check(&["--format", "json"])), (4, 4), "not validated");
    std::fs::create_dir(desk.path("published")).expect("a directory");
    let remote = ["--remote", "--to", "dir:published"];
    assert_eq!((check(&remote), check(&[&remote[..], &["--format", "json"]].concat())), (4, 4), "with a target");
    assert_eq!(desk.run(&["status"], &RANGE).code, 0);
    assert_eq!(desk.run(&["validate", "-q"], &RANGE).code, 0);
    assert_eq!((check(&[]), check(&["--calendar"])), (0, 0));
    assert_eq!(desk.run(&["status", "--check", "--processor", "mlfs"], &RANGE).code, 2);
}

#[test]
fn a_calendar_has_a_character_for_each_day() {
    let desk = Desk::computed();
    assert_snapshot!(desk.run(&["status", "--calendar", "--processor", "tdza"], &RANGE).stdout, @"
    TDZA    1234567890123456789012345678901
    2023-11        ------------+++ +++++++
    2023-12 ++++++++++
    + done 20   - empty by rule 12
    ");
    let december = ["--from", "2023-12-01", "--until", "2023-12-10"];
    assert_eq!(
        desk.run(&["status", "--calendar"], &december).stdout,
        "all     1234567890123456789012345678901\n2023-12 ++++++++++\n+ done 10\n"
    );
    let days = desk.run(&["status", "--calendar", "--format", "json"], &december).stdout;
    let days: serde_json::Value = serde_json::from_str(&days).expect("one document");
    assert_eq!(days["MLFS"]["2023-12-05"]["state"], "done");
}

#[test]
fn colour_is_asked_for_or_left_out() {
    let desk = Desk::computed();
    let shown = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = desk.command(&[&["status"], args].concat(), &RANGE);
        command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").envs(variables.iter().copied());
        desk.outcome(&mut command).stdout
    };
    let is_coloured = |text: String| text.contains("\u{1b}[32m2023, 32 of 46 game dates: complete\u{1b}[0m");
    let no_color = ("NO_COLOR", "1");
    let force = ("CLICOLOR_FORCE", "1");
    for (args, variables, expected) in [
        (&[][..], &[][..], false),
        (&["--color", "always"], &[], true),
        (&["--color", "always"], &[no_color], true),
        (&[], &[force], true),
        (&[], &[("CLICOLOR_FORCE", "0")], false),
        (&[], &[force, no_color], false),
        (&["--color", "never"], &[force], false),
    ] {
        assert_eq!(is_coloured(shown(args, variables)), expected, "{args:?} {variables:?}");
    }
    let mut failed = desk.command(&["status", "--color", "always", "--store", "nowhere"], &[]);
    assert!(desk.outcome(&mut failed).stderr.starts_with("\u{1b}[31merror:\u{1b}[0m the store nowhere"));
}

#[test]
fn the_last_run_is_shown_by_date() {
    let desk = Desk::computed();
    let shown = desk.run(&["runs", "show"], &[]);
    assert!(
        shown.code == 0 && shown.stdout.starts_with("putback run -q --warehouse dir:warehouse"),
        "{}",
        shown.shown()
    );
    let dates = desk.run(&["runs", "show", "--dates"], &[]).stdout;
    let lines: Vec<&str> = dates.lines().collect();
    assert_eq!(lines.len(), 5 * 32, "{dates}");
    assert!(
        lines[0].starts_with("TDZA Processing game date 1/32: 2023-11-08 ∅ Empty: no team has 15 games"),
        "{dates}"
    );
    let last = lines.last().expect("a line");
    assert!(
        last.starts_with("MLFS Processing game date 32/32: 2023-12-10 ✓ Success: ") && last.ends_with(" rows"),
        "{last}"
    );
    // Dates that a run left as they were have a line as well.
    assert_eq!(desk.run(&["compute", "-q"], &RANGE).code, 0);
    let dates = desk.run(&["runs", "show", "--dates"], &[]).stdout;
    assert_eq!(dates.lines().last(), Some("MLFS Processing game date 32/32: 2023-12-10 · Unchanged"), "{dates}");
    let desk = Desk::empty();
    let none = desk.run(&["runs", "show"], &[]);
    assert_eq!(none.code, 5, "{}", none.shown());
    assert!(none.stderr.contains("the store putback-store has no runs"), "{}", none.stderr);
}

/// A run that hangs is told from one that works.
#[test]
fn a_watched_run_that_stands_still_is_said_to() {
    let desk = Desk::computed();
    let store = putback::store::Store::at(desk.path("putback-store"));
    let owner = putback::store::Owner { pid: 4711, host: "there".to_owned(), command: "putback run".to_owned() };
    let lock = putback::store::WriteLock::acquire(&store, &owner).expect("nobody writes");
    let runs = desk.path("putback-store/runs");
    let known = std::fs::read_dir(&runs).expect("runs").map(|entry| entry.expect("an entry").path());
    let known = known.filter(|path| path.is_dir()).map(|dir| dir.join("run.json")).next().expect("a run");
    let mut record: serde_json::Value = serde_json::from_slice(&std::fs::read(known).expect("a record")).expect("JSON");
    let id = "20990101T000000000-4711";
    record["id"] = id.into();
    record.as_object_mut().expect("an object").retain(|name, _| name != "finished_at" && name != "exit_status");
    std::fs::create_dir(runs.join(id)).expect("a directory");
    std::fs::write(runs.join(id).join("run.json"), record.to_string()).expect("a record");
    let line = r#"{"at":"2099-01-01T00:00:00Z","event":"waiting","what":"job 7 of BigQuery"}"#;
    std::fs::write(runs.join(id).join("log.jsonl"), format!("{line}\n")).expect("a log");
    let log = std::fs::OpenOptions::new().write(true).open(runs.join(id).join("log.jsonl")).expect("a log");
    log.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(700)).expect("a time");
    let mut command = desk.command(&["status", "--watch"], &RANGE);
    let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut watching = command.spawn().expect("the binary runs");
    let lines = BufReader::new(watching.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
    let (mut lock, mut said) = (Some(lock), String::new());
    for line in lines {
        said.push_str(&format!("{line}\n"));
        if said.contains("nothing has moved") || said.lines().count() > 4 {
            // The writer ends only after that was said, or should have been.
            lock.take();
        }
    }
    assert!(watching.wait().expect("it ends").success(), "{said}");
    assert!(said.contains("process 4711 (`putback run`) is writing for "), "{said}");
    assert!(said.contains(" s ago: began to wait for job 7 of BigQuery"), "{said}");
    assert!(said.contains("note: nothing has moved for 11 minutes: look at process 4711 on there"), "{said}");
    assert!(said.contains("no process is writing the store"), "{said}");
}
