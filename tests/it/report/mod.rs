//! `putback report`: one page, a handoff, or the data.

mod browser;
mod page_in_browser;

use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;
use putback::catalog::Table;
use serde_json::Value;

use crate::fixture::{Desk, RANGE};
use crate::incidents::edit;

const TO: [&str; 2] = ["--to", "dir:published"];

/// Runs `report` over the fixture's range.
fn report(desk: &Desk, args: &[&str]) -> crate::fixture::Outcome {
    desk.run(&[&["report", "-q"], args].concat(), &RANGE)
}

fn page(desk: &Desk, name: &str) -> String {
    std::fs::read_to_string(desk.path(name)).expect("a page")
}

/// The text between the tags of a section.
fn section<'a>(page: &'a str, id: &str) -> &'a str {
    let begin = page.find(&format!("<section id=\"{id}\"")).unwrap_or_else(|| panic!("no section {id}"));
    let end = page[begin..].find("</section>").expect("an end");
    &page[begin..begin + end]
}

#[test]
fn a_page_answers_the_everyday_questions() {
    let desk = Desk::computed();
    let done = report(&desk, &[&["--out", "report.html"], &TO[..]].concat());
    let size = std::fs::metadata(desk.path("report.html")).expect("a page").len();
    assert_eq!(
        done.shown().replace(&putback::price::size(size), "[SIZE]"),
        "exit status: 0\n--- stdout\n2023: complete\nwrote report.html ([SIZE])\n--- stderr\n"
    );
    assert!(size < 2_000_000, "{size}");
    let page = page(&desk, "report.html");
    // Is it complete?
    assert!(section(&page, "verdict").contains("2023 <span class=\"badge\">✓ complete</span>"));
    // What do I do next?
    assert!(
        section(&page, "next").contains("Nothing: every year is complete and published."),
        "{}",
        section(&page, "next")
    );
    // Every processor and every one of its dates is in a calendar, with its rows or rule.
    let calendar = section(&page, "calendar");
    for processor in ["TDZA", "PSZA", "PCF", "PDC", "MLFS"] {
        let begin = calendar.find(&format!("data-processor=\"{processor}\"")).expect("a calendar");
        let of_processor = &calendar[begin..][..calendar[begin..].find("</figure>").expect("an end")];
        assert_eq!(of_processor.matches("<use href=").count(), 32, "{processor}");
    }
    assert!(
        calendar.contains("<title>2023-11-08 empty by rule: no team has 15 games this season (most: "),
        "{calendar}"
    );
    assert!(calendar.contains("aria-label=\"TDZA in 2023: 20 published, 12 empty by rule\""), "{calendar}");
    // Only what is asked for is published.
    assert!(calendar.contains("aria-label=\"PDC in 2023: 32 done\""), "{calendar}");
    assert!(section(&page, "features").matches("<figure class=\"panel").count() == 33);
    assert!(section(&page, "runs").contains("putback run -q --warehouse dir:warehouse"));
    assert!(section(&page, "settings").contains("version of MLFS"));
    assert!(section(&page, "published").contains("nba_precompute.team_defense_zone_analysis</th><td>equal"));
    // Nothing is fetched.
    for word in ["http:", "https:", "<script src", "@import", "<img", "<iframe", "url("] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn the_same_store_gives_the_same_bytes_and_is_only_read() {
    let desk = Desk::computed();
    let before = desk.files("putback-store");
    let runs = desk.run(&["runs"], &[]).stdout;
    for (format, threads) in
        [("text", "1"), ("text", "3"), ("json", "1"), ("json", "3"), ("markdown", "1"), ("markdown", "3")]
    {
        let name = format!("{format}-{threads}");
        let args = ["--format", format, "--threads", threads, "--out", &name];
        assert_eq!(report(&desk, &[&args[..], &TO[..]].concat()).code, 0);
    }
    for format in ["text", "json", "markdown"] {
        let (one, other) = (page(&desk, &format!("{format}-1")), page(&desk, &format!("{format}-3")));
        // The number of threads is a setting that is shown.
        let settings = |text: &str| {
            text.replace("\"value\": \"3\"", "\"value\": \"1\"").replace("<code>3</code>", "<code>1</code>")
        };
        assert!(settings(&one) == settings(&other), "{format}");
    }
    assert!(before == desk.files("putback-store"), "the store changed");
    assert_eq!(desk.run(&["runs"], &[]).stdout, runs);
}

#[test]
fn the_handoff_is_prose_with_commands() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE).code, 0);
    let handoff = desk.run(&["report", "-q", "--format", "markdown"], &["--date", "2023-12-05"]);
    assert_snapshot!(handoff.shown(), @"
    exit status: 0
    --- stdout
    <!-- putback report -->
    # Handoff: putback report

    The store putback-store holds 0 rows of the five processors for 1 game date (2023-12-05). This report was made at 2023-11-14 22:13 UTC by putback 0.1.0.

    ## Is it complete?

    * 2023 is partial (1 of its 46 game dates). Against it: TDZA, PSZA, PCF, PDC and MLFS pending on 1 date.

    ## What stands against it

    * TDZA, PSZA, PCF, PDC and MLFS pending: 1 date, 2023-12-05.

    ## What to do next

    1. `putback compute --date 2023-12-05`: computes the pending dates

    ## What is published

    * No target was named, so this report does not know. Name it with --to.

    ## What is expected and no fault

    * Nothing is left out by a rule.
    --- stderr
    ");
}

#[test]
fn the_data_are_one_document() {
    let desk = Desk::computed();
    let shown = report(&desk, &[&["--format", "json"], &TO[..]].concat());
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    let data: Value = serde_json::from_str(&shown.stdout).expect("one document");
    assert_eq!(data["putback_report"], 1);
    assert_eq!(data["status"]["verdicts"][0]["complete"], true);
    assert_eq!(data["days"]["MLFS"].as_object().expect("days").len(), 32);
    assert_eq!(data["days"]["MLFS"]["2023-11-08"]["state"], "published");
    assert_eq!(data["days"]["PDC"]["2023-11-08"]["state"], "done");
    assert_eq!(data["days"]["TDZA"]["2023-11-08"]["state"], "empty");
    let features = data["features"]["features"].as_array().expect("features");
    assert_eq!(features.len(), 33);
    let rows = data["status"]["rows"].as_array().expect("rows");
    let mlfs = rows.iter().find(|row| row["processor"] == "MLFS").expect("a row")["rows"].as_u64();
    for feature in features {
        let season = &feature["seasons"][0];
        assert_eq!(season["season"], "2023-24");
        assert_eq!(season["rows"].as_u64(), mlfs, "{feature}");
        let bins = season["bins"].as_array().expect("bins").iter().filter_map(Value::as_u64).sum::<u64>();
        assert_eq!(Some(bins), mlfs, "{feature}");
        assert!(season["fallbacks"].as_u64() <= mlfs, "{feature}");
    }
    // A line that is not there is a fallback, and so is what the flag says.
    let of = |name: &str| features.iter().find(|of| of["name"] == name).expect("a feature").clone();
    assert_eq!(of("vegas_points_line")["seasons"][0]["fallbacks"], of("vegas_opening_line")["seasons"][0]["fallbacks"]);
    assert_eq!(of("team_win_pct")["can_fall_back"], false);
    let tiers = data["features"]["seasons"][0]["tiers"].as_object().expect("tiers");
    assert_eq!(tiers.values().filter_map(Value::as_u64).sum::<u64>(), mlfs.expect("rows"));
}

#[test]
fn without_the_cache_its_features_are_fallbacks() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE).code, 0);
    assert_eq!(desk.run(&["compute", "-q", "--daily-cache", "none"], &RANGE).code, 0);
    let data: Value = serde_json::from_str(&report(&desk, &["--format", "json"]).stdout).expect("one document");
    for feature in data["features"]["features"].as_array().expect("features") {
        let season = &feature["seasons"][0];
        let is_of_the_cache = ["points_std_last_10", "games_in_last_7_days", "team_pace", "team_off_rating"]
            .iter()
            .any(|name| feature["name"] == **name);
        if is_of_the_cache {
            assert_eq!(season["fallbacks"], season["rows"], "{feature}");
        }
    }
}

#[test]
fn what_is_open_is_named_with_its_reason_and_the_command_that_helps() {
    let desk = Desk::computed();
    for table in [Table::UpcomingPlayerGameContext, Table::PlayerGameSummary] {
        edit(&desk, table, &format!("SELECT * FROM {} WHERE game_date <> DATE '2023-12-05'", table.name()));
    }
    let ran =
        desk.run(&["run", "-q", "--warehouse", "dir:warehouse", "--accept-shorter"], &[&RANGE[..], &TO[..]].concat());
    assert!([3, 4].contains(&ran.code), "{}", ran.shown());
    assert_eq!(report(&desk, &[&["--out", "report.html"], &TO[..]].concat()).code, 0);
    let page = page(&desk, "report.html");
    assert!(section(&page, "verdict").contains("! partial"), "{}", section(&page, "verdict"));
    let next = section(&page, "next");
    assert!(next.contains("<code>putback sync --date 2023-12-05; putback compute --date 2023-12-05</code>"), "{next}");
    let dates = section(&page, "dates");
    assert!(dates.contains("<td class=\"date\">2023-12-05</td><td>PCF</td><td class=\"state\">"), "{dates}");
    assert!(dates.contains("failed</td><td class=\"n\">0</td><td>No data extracted: "), "{dates}");
    let markdown = report(&desk, &["--format", "markdown"]).stdout;
    assert!(markdown.contains("2023 is partial"), "{markdown}");
}

#[test]
fn refusals() {
    let desk = Desk::computed();
    assert_snapshot!(report(&desk, &[]).shown(), @"
    exit status: 2
    --- stdout
    --- stderr
    error: a page needs a file
      hint: add --out report.html, or --format markdown or --format json for standard output
    ");
    assert_snapshot!(desk.run(&["status", "--format", "markdown"], &RANGE).shown(), @"
    exit status: 2
    --- stdout
    --- stderr
    error: only `report` writes Markdown
      hint: use --format text or json
    ");
    // A file of somebody else's stays, one of ours is replaced.
    std::fs::write(desk.path("mine.html"), "<!doctype html>\nmine").expect("a file");
    assert_snapshot!(report(&desk, &["--out", "mine.html"]).shown(), @"
    exit status: 2
    --- stdout
    --- stderr
    error: mine.html is there already
      hint: name another file, or add --force to replace this one
    ");
    assert_eq!(page(&desk, "mine.html"), "<!doctype html>\nmine");
    for format in ["text", "markdown", "json"] {
        assert_eq!(report(&desk, &["--out", "ours", "--format", format]).code, 0, "{format}");
    }
    assert_eq!(report(&desk, &["--out", "mine.html", "--force"]).code, 0);
    assert!(page(&desk, "mine.html").starts_with("<!doctype html>\n<!-- putback report -->"));
    for (out, says) in [
        ("no/where.html", "lies in a directory that does not exist"),
        ("warehouse", "is there already, and is not a file"),
        (".", "does not name a file"),
        ("", "a path cannot be empty"),
        ("/dev/null", "is not a file"),
    ] {
        let refused = report(&desk, &["--force", "--out", out]);
        assert!(refused.code == 2 && refused.stderr.contains(says), "{out}: {}", refused.shown());
    }
}

#[test]
fn places_that_cannot_be_written_or_read() {
    let desk = Desk::empty();
    assert_snapshot!(report(&desk, &["--out", "report.html"]).shown(), @"
    exit status: 5
    --- stdout
    --- stderr
    error: the store putback-store has no game dates in the range
      hint: run `putback sync` first, or name another --store or range
    ");
    assert!(!desk.path("report.html").exists() && !desk.path("putback-store").exists());
    let full = desk.run(&["report", "-q", "--format", "json"], &RANGE);
    assert_eq!(full.code, 5, "{}", full.shown());
    // Nobody may write there.
    for out in ["/proc/report.html", "/dev/null/report.html"] {
        let refused = report(&Desk::computed(), &["--out", out]);
        assert!([1, 2].contains(&refused.code) && refused.stderr.contains(out), "{}", refused.shown());
        assert!(refused.stdout.is_empty() && refused.stderr.contains("hint: "), "{}", refused.shown());
    }
    // Root may write anywhere.
    std::fs::create_dir(desk.path("closed")).expect("a directory");
    std::fs::set_permissions(desk.path("closed"), std::fs::Permissions::from_mode(0o500)).expect("a mode");
    if std::fs::write(desk.path("closed/probe"), "").is_err() {
        let refused = report(&desk, &["--out", "closed/report.html"]);
        assert!(refused.code == 1 && refused.stderr.contains("cannot create"), "{}", refused.shown());
    }
}

#[test]
fn a_target_that_cannot_be_asked_is_said_in_the_report() {
    let desk = Desk::computed();
    std::fs::write(desk.path("file"), "no directory").expect("a file");
    let done = report(&desk, &["--out", "report.html", "--to", "dir:file"]);
    assert_eq!(done.code, 0, "{}", done.shown());
    assert!(done.stderr.contains("note: the target dir:file could not be asked: "), "{}", done.stderr);
    let page = page(&desk, "report.html");
    assert!(section(&page, "published").contains("could not be asked"), "{}", section(&page, "published"));
    assert!(!section(&page, "calendar").contains("<use href=\"#u\" x"));
    let next = section(&page, "next");
    assert!(next.contains("Whether it is published is not known"), "{next}");
}

/// Names from paths, settings and data are text on the page, in the handoff and in the data.
#[test]
fn names_are_text() {
    let desk = Desk::computed();
    let name = "<img src=x onerror=alert(1)> \"&' \u{1b}[2J `id` *b* $(c)";
    std::fs::rename(desk.path("putback-store"), desk.path(name)).expect("a name");
    let waiver = "[[waiver]]\ncheck = \"I15\"\nfrom = 2023-11-01\nuntil = 2023-12-31\nexpires = 2099-01-01\n\
                  reason = \"</li><script>alert(2)</script>\"\n";
    std::fs::write(desk.path("putback.toml"), waiver).expect("a file");
    let store = format!("--store={name}");
    let to = format!("dir:{name}/published");
    let done = report(&desk, &[&store, "--to", &to, "--out", "report.html"]);
    assert_eq!(done.code, 0, "{}", done.shown());
    let page = page(&desk, "report.html");
    assert!(page.contains("&#60;img src=x onerror=alert(1)&#62; &#34;&#38;&#39; \\x1b[2J `id`"), "not shown");
    assert!(section(&page, "checks").contains("&#60;script&#62;alert(2)"), "{}", section(&page, "checks"));
    assert!(!page.contains("<img") && !page.contains("<script>alert") && !page.contains('\u{1b}'));
    assert_eq!(page.matches("<script").count(), 1);
    let markdown = report(&desk, &[&store, "--to", &to, "--format", "markdown"]).stdout;
    assert!(markdown.contains("&lt;img src=x onerror=alert(1)&gt; \"&amp;' \\x1b\\[2J \\`id\\`"), "{markdown}");
    let quoted = r#"--to "dir:<img src=x onerror=alert(1)> \"&' "#;
    assert!(markdown.contains(quoted), "{quoted}: {markdown}");
    let json = report(&desk, &[&store, "--format", "json"]).stdout;
    let data: Value = serde_json::from_str(&json).expect("one document");
    assert_eq!(data["about"]["store"], name);
}
