//! Taking a publication back.

use libtest_mimic::Failed;

use super::desk::{Desk, bucket_tree, ensure, ensure_same_publications, published};
use super::fake::Fake;
use super::upload::{PREFIX, both};

/// Without a range: undo has none.
fn undo_both(desk: &Desk, fake: &Fake, arguments: &[&str]) -> Result<Option<i32>, Failed> {
    let url = fake.url(PREFIX);
    let directory = desk.run_quietly(&[&["undo"], arguments, &["--to", "dir:published"]].concat())?;
    let bucket = desk.run_quietly(&[&["undo"], arguments, &["--to", &url]].concat())?;
    ensure(
        directory.code == bucket.code,
        format!("{:?} {} against {:?} {}", directory.code, directory.stderr, bucket.code, bucket.stderr),
    )?;
    let root = desk.path("published").canonicalize()?.display().to_string();
    let names = [format!("dir:{root}"), root, "dir:published".to_owned()];
    let expected = names.iter().fold(directory.stdout, |text, name| text.replace(name, &url));
    ensure(expected == bucket.stdout, format!("{expected} against {}", bucket.stdout))?;
    ensure_same_publications(&desk.tree("published")?, &bucket_tree(fake, PREFIX), "after an undo")?;
    Ok(bucket.code)
}

pub fn same_as_directory(fake: &Fake) -> Result<(), Failed> {
    let (desk, other) = (Desk::computed(fake)?, Desk::computed_otherwise(fake)?);
    let other_store = other.path("putback-store").display().to_string();
    both(&desk, fake, &["upload"], &[])?;
    let first = published(&bucket_tree(fake, PREFIX))?;
    both(&desk, fake, &["upload"], &["--store", &other_store])?;
    let second = published(&bucket_tree(fake, PREFIX))?;
    undo_both(&desk, fake, &["--list"])?;
    ensure(undo_both(&desk, fake, &[])? == Some(0), "not undone")?;
    ensure(published(&bucket_tree(fake, PREFIX))? == first, "not what it was before")?;
    undo_both(&desk, fake, &["--list"])?;
    // An undo of the undo.
    ensure(undo_both(&desk, fake, &[])? == Some(0), "not undone")?;
    ensure(published(&bucket_tree(fake, PREFIX))? == second, "not what it was in between")?;
    // A table that is an input as well.
    both(&desk, fake, &["upload", "--with-daily-cache"], &["--store", &other_store])?;
    ensure(bucket_tree(fake, PREFIX).keys().any(|name| name.contains("daily_cache")), "it is not published")?;
    ensure(undo_both(&desk, fake, &[])? == Some(0), "not undone")?;
    ensure(published(&bucket_tree(fake, PREFIX))? == second, "not what it was before the daily cache")
}

pub fn refusals(fake: &Fake) -> Result<(), Failed> {
    let (desk, other) = (Desk::computed(fake)?, Desk::computed_otherwise(fake)?);
    let other_store = other.path("putback-store").display().to_string();
    let url = fake.url(PREFIX);
    let nothing = desk.run_quietly(&["undo", "--to", &url])?;
    ensure(nothing.code == Some(2) && nothing.stderr.contains(&url), format!("{:?} {}", nothing.code, nothing.stderr))?;
    let list = desk.run_quietly(&["undo", "--list", "--to", &url])?;
    ensure(list.code == Some(0), &list.stderr)?;
    both(&desk, fake, &["upload", "--keep", "0"], &[])?;
    ensure(undo_both(&desk, fake, &[])? != Some(0), "what is not kept cannot come back")?;
    both(&desk, fake, &["upload"], &["--store", &other_store])?;
    ensure(undo_both(&desk, fake, &["no-such-publication"])? == Some(2), "there is no such publication")?;
    // What was kept is lost.
    let kept = desk.tree("published")?.into_keys().find(|name| name.contains("/kept/")).ok_or("nothing is kept")?;
    std::fs::remove_file(desk.path("published").join(&kept))?;
    fake.objects().buckets.get_mut("bucket").ok_or("no bucket")?.remove(&format!("{PREFIX}/{kept}"));
    ensure(undo_both(&desk, fake, &[])? != Some(0), "what is lost cannot come back")
}
