//! Publishing into a bucket, and reading what was published.

use std::time::Duration;

use libtest_mimic::Failed;
use putback::catalog::Table;
use putback::store::{read_month_file, write_parquet};

use super::desk::{Desk, Tree, bucket_tree, ensure, ensure_same, ensure_same_publications, published};
use super::fake::Fake;

pub const PREFIX: &str = "nba/phase4";
const DIRECTORY: &str = "dir:published";

/// Runs a command on the directory and on the bucket: both have to end in the same way.
pub fn both(desk: &Desk, fake: &Fake, arguments: &[&str], store: &[&str]) -> Result<(Option<i32>, String), Failed> {
    let end = both_end(desk, fake, arguments, store)?;
    if desk.path("published").is_dir() {
        ensure_same_publications(&desk.tree("published")?, &bucket_tree(fake, PREFIX), &format!("{arguments:?}"))?;
    }
    Ok(end)
}

/// As [`both`]; what is kept for an undo may differ: without a record, a bucket keeps it for a day.
fn both_but_kept(desk: &Desk, fake: &Fake, arguments: &[&str]) -> Result<(Option<i32>, String), Failed> {
    let end = both_end(desk, fake, arguments, &[])?;
    let of_publication = |tree: Tree| tree.into_iter().filter(|(name, _)| !name.contains("/kept/")).collect::<Tree>();
    let (directory, bucket) = (of_publication(desk.tree("published")?), of_publication(bucket_tree(fake, PREFIX)));
    ensure_same_publications(&directory, &bucket, &format!("{arguments:?}"))?;
    Ok(end)
}

fn both_end(desk: &Desk, fake: &Fake, arguments: &[&str], store: &[&str]) -> Result<(Option<i32>, String), Failed> {
    let url = fake.url(PREFIX);
    let directory = desk.run(&[arguments, &["--to", DIRECTORY], store].concat())?;
    let bucket = desk.run(&[arguments, &["--to", &url], store].concat())?;
    let root = desk.path(".").canonicalize()?.join("published").display().to_string();
    let as_bucket = |text: &str| text.replace(&format!("dir:{root}"), &url).replace(&root, &url);
    let what = format!("{arguments:?}");
    ensure(
        directory.code == bucket.code,
        format!("{what}: {:?} {} against {:?} {}", directory.code, directory.stderr, bucket.code, bucket.stderr),
    )?;
    // The ids of plans name the target.
    let without_plan =
        |text: &str| text.lines().filter(|line| !line.starts_with("plan ")).collect::<Vec<_>>().join("\n");
    let (expected, found) = (as_bucket(&directory.stdout), bucket.stdout);
    ensure(without_plan(&expected) == without_plan(&found), format!("{what}: {expected} against {found}"))?;
    let (expected, found) = (as_bucket(&directory.stderr), bucket.stderr);
    ensure(expected == found, format!("{what}: {expected} against {found}"))?;
    Ok((bucket.code, found))
}

pub fn same_as_directory(fake: &Fake) -> Result<(), Failed> {
    let (desk, other) = (Desk::computed(fake)?, Desk::computed_otherwise(fake)?);
    let other_store = other.path("putback-store").display().to_string();
    both(&desk, fake, &["upload", "--dry-run"], &[])?;
    ensure(bucket_tree(fake, PREFIX).is_empty(), "a dry run left objects")?;
    both(&desk, fake, &["upload"], &[])?;
    let first = bucket_tree(fake, PREFIX);
    ensure(first.len() > 15 && !published(&first)?.is_empty(), format!("{:?}", first.keys()))?;
    both(&desk, fake, &["upload"], &[])?;
    ensure_same(&first, &bucket_tree(fake, PREFIX), "a second upload")?;
    both(&desk, fake, &["upload"], &["--store", &other_store])?;
    ensure(published(&bucket_tree(fake, PREFIX))? != published(&first)?, "the versions do not differ")?;
    both(&desk, fake, &["upload", "--keep", "1"], &[])?;
    both(&desk, fake, &["upload", "--with-daily-cache", "--keep", "0"], &["--store", &other_store])?;
    // What an earlier record kept for an undo goes when it is a day old.
    fake.objects().age(Duration::from_secs(25 * 3600));
    both(&desk, fake, &["upload", "--keep", "0"], &[])?;
    both(&desk, fake, &["upload", "--keep", "0"], &["--store", &other_store])?;
    ensure(!bucket_tree(fake, PREFIX).keys().any(|name| name.contains("/kept/")), "nothing is to be kept")
}

pub fn nothing_twice(fake: &Fake) -> Result<(), Failed> {
    let desk = Desk::computed(fake)?;
    let url = fake.url(PREFIX);
    desk.done(&["upload", "--to", &url])?;
    fake.meddle(None);
    desk.done(&["upload", "--to", &url])?;
    let seen = fake.seen();
    ensure(seen.iter().all(|request| request.starts_with("GET ")), format!("{seen:?}"))?;
    // What was read once is not requested again.
    fake.meddle(None);
    desk.done(&["upload", "--to", &url])?;
    let seen = fake.seen();
    ensure(seen.len() == 2 && seen[1].ends_with("_putback/published.json"), format!("{seen:?}"))
}

/// Of other months, the listing says enough.
pub fn only_its_months(fake: &Fake) -> Result<(), Failed> {
    let (desk, other) = (Desk::computed(fake)?, Desk::computed_otherwise(fake)?);
    let url = fake.url(PREFIX);
    desk.done(&["upload", "--to", &url])?;
    let november = || {
        let tree = bucket_tree(fake, PREFIX);
        tree.into_iter().filter(|(name, _)| name.ends_with("/2023-11.parquet")).collect::<Vec<_>>()
    };
    let before = november();
    fake.meddle(None);
    let december = ["--from", "2023-12-01", "--until", "2023-12-02", "--to", &url];
    let store = desk.path("putback-store").join("buckets");
    std::fs::remove_dir_all(&store).or_else(|error| if store.exists() { Err(error) } else { Ok(()) })?;
    let outcome = other.run_quietly(&[&["upload"], &december[..]].concat())?;
    ensure(outcome.code == Some(0), &outcome.stderr)?;
    let seen = fake.seen();
    ensure(!seen.iter().any(|request| request.contains("2023-11.parquet")), format!("{seen:?}"))?;
    ensure(!before.is_empty() && november() == before, "other months changed")?;
    published(&bucket_tree(fake, PREFIX)).map(|_| ())
}

/// The table and month that others write in these tests.
const THEIRS: (Table, &str) = (Table::TeamDefenseZoneAnalysis, "2023-11");

fn plain_name() -> String {
    format!("{}/{}.parquet", THEIRS.0, THEIRS.1)
}

/// Writes the same bytes as a plain file of directory and bucket.
fn write_both(desk: &Desk, fake: &Fake, name: &str, bytes: &[u8]) -> Result<(), Failed> {
    let path = desk.path("published").join(name);
    std::fs::create_dir_all(path.parent().ok_or("no directory")?)?;
    // Not into the file itself: it may be that of an object.
    let _ = std::fs::remove_file(&path);
    std::fs::write(&path, bytes)?;
    fake.objects().put("bucket", &format!("{PREFIX}/{name}"), bytes.to_vec());
    Ok(())
}

fn without_a_row(desk: &Desk) -> Result<Vec<u8>, Failed> {
    let rows = read_month_file(THEIRS.0, &desk.path("published").join(plain_name()))?;
    let path = desk.path("theirs.parquet");
    write_parquet(&path, &rows.slice(1, rows.num_rows() - 1))?;
    Ok(std::fs::read(path)?)
}

pub fn files_of_others(fake: &Fake) -> Result<(), Failed> {
    let desk = Desk::computed(fake)?;
    both(&desk, fake, &["upload"], &[])?;
    write_both(&desk, fake, &plain_name(), &without_a_row(&desk)?)?;
    both(&desk, fake, &["upload", "--dry-run"], &[])?;
    both(&desk, fake, &["upload"], &[])?;
    // A plain name that somebody removed.
    std::fs::remove_file(desk.path("published").join(plain_name()))?;
    fake.objects().buckets.get_mut("bucket").ok_or("no bucket")?.remove(&format!("{PREFIX}/{}", plain_name()));
    both(&desk, fake, &["upload"], &[])?;
    ensure(bucket_tree(fake, PREFIX).contains_key(&plain_name()), "the plain name is not set again")?;
    // A lost record: what is there is compared by content.
    std::fs::remove_file(desk.path("published/_putback/published.json"))?;
    fake.objects().buckets.get_mut("bucket").ok_or("no bucket")?.remove(&format!("{PREFIX}/_putback/published.json"));
    both_but_kept(&desk, fake, &["upload"])?;
    // A damaged record.
    write_both(&desk, fake, "_putback/published.json", b"{\"format\":2}")?;
    let (code, text) = both_but_kept(&desk, fake, &["upload"])?;
    ensure(code != Some(0) && text.contains(&fake.url(PREFIX)), text)?;
    std::fs::remove_file(desk.path("published/_putback/published.json"))?;
    fake.objects().buckets.get_mut("bucket").ok_or("no bucket")?.remove(&format!("{PREFIX}/_putback/published.json"));
    // Another layout.
    let rows = read_month_file(THEIRS.0, &desk.path("published").join(plain_name()))?;
    write_parquet(&desk.path("theirs.parquet"), &rows)?;
    let shard = format!("{}-000000000000.parquet", THEIRS.0);
    write_both(&desk, fake, &shard, &std::fs::read(desk.path("theirs.parquet"))?)?;
    let (code, text) = both_but_kept(&desk, fake, &["upload"])?;
    ensure(code == Some(9) && text.contains(&fake.url(PREFIX)), format!("{code:?} {text}"))
}

pub fn repairs(fake: &Fake) -> Result<(), Failed> {
    let desk = Desk::computed(fake)?;
    both(&desk, fake, &["upload"], &[])?;
    write_both(&desk, fake, &plain_name(), b"PAR1 damage PAR1")?;
    let (code, text) = both(&desk, fake, &["upload"], &[])?;
    ensure(code == Some(13) && text.contains("--repair"), format!("{code:?} {text}"))?;
    both(&desk, fake, &["upload", "--repair"], &[])?;
    both(&desk, fake, &["upload"], &[])?;
    // An object that somebody wrote over.
    let tree = bucket_tree(fake, PREFIX);
    let plain = tree.get(&plain_name()).ok_or("no month")?;
    let object = tree.iter().find(|(name, bytes)| name.contains("/objects/") && *bytes == plain).ok_or("no object")?;
    write_both(&desk, fake, object.0, &vec![7; plain.len()])?;
    let (code, text) = both(&desk, fake, &["upload"], &[])?;
    ensure(code != Some(0) && text.contains(object.0) && text.contains("--repair"), format!("{code:?} {text}"))?;
    both(&desk, fake, &["upload", "--repair"], &[])?;
    ensure_same(&tree, &bucket_tree(fake, PREFIX), "the repaired bucket")
}

pub fn reviewed_plan(fake: &Fake) -> Result<(), Failed> {
    let (desk, other) = (Desk::computed(fake)?, Desk::computed_otherwise(fake)?);
    let url = fake.url(PREFIX);
    let rehearsed = desk.done(&["upload", "--dry-run", "--to", &url])?;
    ensure(rehearsed.stdout.contains(&format!("replace {url}/{}", plain_name())), &rehearsed.stdout)?;
    let plan = rehearsed.stdout.lines().find_map(|line| line.strip_prefix("plan ")?.split_once(':'));
    let plan = plan.ok_or("no plan")?.0.to_owned();
    other.done(&["upload", "--to", &url])?;
    let stale = desk.run(&["upload", "--plan", &plan, "--to", &url])?;
    ensure(stale.code == Some(6), format!("{:?} {}", stale.code, stale.stderr))?;
    ensure(published(&bucket_tree(fake, PREFIX))?.len() > 100, "nothing is there")
}

/// Encrypted with a key of one's own, no ETag is that of another object.
pub fn opaque_etags(fake: &Fake) -> Result<(), Failed> {
    fake.objects().opaque_etags = true;
    same_as_directory(fake)
}

/// What no record names may be another publisher's, unless it is old. What the replaced record names stays, too.
pub fn young_objects(fake: &Fake) -> Result<(), Failed> {
    let (desk, other) = (Desk::computed(fake)?, Desk::computed_otherwise(fake)?);
    let url = fake.url(PREFIX);
    desk.done(&["upload", "--to", &url])?;
    let replaced: Vec<String> =
        bucket_tree(fake, PREFIX).into_keys().filter(|name| name.starts_with("_putback/objects/")).collect();
    let orphan = format!("_putback/objects/{}.parquet", "a".repeat(64));
    fake.objects().put("bucket", &format!("{PREFIX}/{orphan}"), b"rows".to_vec());
    fake.objects().age(Duration::from_secs(25 * 3600));
    other.done(&["upload", "--keep", "0", "--to", &url])?;
    let tree = bucket_tree(fake, PREFIX);
    ensure(tree.contains_key(&orphan), "the orphan is as old as everything else, and was deleted")?;
    ensure(replaced.iter().all(|name| tree.contains_key(name)), "objects of the replaced record were deleted")?;
    let day = desk.run_quietly(&["upload", "--date", "2023-12-01", "--keep", "0", "--to", &url])?;
    ensure(day.code == Some(0), day.stderr)?;
    let tree = bucket_tree(fake, PREFIX);
    ensure(!tree.contains_key(&orphan), "an abandoned object stays")?;
    ensure(!replaced.iter().all(|name| tree.contains_key(name)), "objects of a replaced record stay for ever")
}

pub fn diff_and_status(fake: &Fake) -> Result<(), Failed> {
    let (desk, other) = (Desk::computed(fake)?, Desk::computed_otherwise(fake)?);
    let url = fake.url(PREFIX);
    let other_store = other.path("putback-store").display().to_string();
    both(&desk, fake, &["upload"], &[])?;
    for store in [&[][..], &["--store", &other_store]] {
        let diff = |with: &str| desk.run(&[&["diff", "--with", with], store].concat());
        let (directory, bucket) = (diff(DIRECTORY)?, diff(&url)?);
        ensure(
            directory.code == bucket.code && directory.stdout == bucket.stdout,
            format!("{} against {} {}", directory.stdout, bucket.stdout, bucket.stderr),
        )?;
        both(&desk, fake, &["status", "--remote"], store)?;
    }
    write_both(&desk, fake, &plain_name(), &without_a_row(&desk)?)?;
    let (_, text) = both(&desk, fake, &["status", "--remote"], &[])?;
    ensure(text.contains("changed") || !text.is_empty(), text)?;
    let doctor = desk.run_quietly(&["doctor", "--to", &url])?;
    ensure(doctor.stdout.contains(&format!("{url} can be listed")), &doctor.stdout)
}
