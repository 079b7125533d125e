//! Two publishers at once.

use libtest_mimic::Failed;

use super::desk::{Desk, bucket_tree, ensure, ensure_same, published};
use super::fake::Fake;
use super::upload::PREFIX;

/// Rounds of two that start together.
const ROUNDS: usize = 6;

pub fn at_once(fake: &Fake) -> Result<(), Failed> {
    let desks = [Desk::computed(fake)?, Desk::computed_otherwise(fake)?];
    let url = fake.url(PREFIX);
    let mut versions = Vec::new();
    let mut trees = Vec::new();
    for desk in &desks {
        desk.done(&["upload", "--keep", "0", "--to", &url])?;
        versions.push(published(&bucket_tree(fake, PREFIX))?);
        trees.push(plain(fake));
    }
    let mut lost = 0;
    for round in 0..ROUNDS {
        let outcomes = std::thread::scope(|scope| {
            let upload = |desk: &'static str, of: usize| (desk, of);
            let runs = [upload("one", 0), upload("other", 1)].map(|(_, of)| {
                let (desk, url) = (&desks[of], &url);
                scope.spawn(move || desk.run(&["upload", "--keep", "0", "--to", url]))
            });
            runs.map(|run| run.join().expect("no thread panicked"))
        });
        let mut codes = Vec::new();
        for outcome in outcomes {
            let outcome = outcome?;
            let is_told = outcome.stderr.contains("run the same command again");
            ensure(
                outcome.code == Some(0) || (outcome.code == Some(6) && is_told),
                format!("{round}: {}", outcome.stderr),
            )?;
            codes.push(outcome.code);
        }
        ensure(codes.contains(&Some(0)), format!("{round}: nobody published"))?;
        lost += codes.iter().filter(|code| **code == Some(6)).count();
        let now = published(&bucket_tree(fake, PREFIX))?;
        ensure(versions.contains(&now), format!("{round}: a mixture"))?;
        for (desk, of) in desks.iter().zip([0, 1]) {
            desk.done(&["upload", "--keep", "0", "--to", &url])?;
            ensure(published(&bucket_tree(fake, PREFIX))? == versions[of], format!("{round}: another version"))?;
            ensure_same(&plain(fake), &trees[of], &format!("{round}: plain names"))?;
        }
    }
    eprintln!("two publishers at once: {ROUNDS} rounds, {lost} ended with status 6; 0 lost, 0 mixed");
    Ok(())
}

/// What readers by glob see.
pub fn plain(fake: &Fake) -> super::desk::Tree {
    bucket_tree(fake, PREFIX).into_iter().filter(|(name, _)| !name.starts_with("_putback/")).collect()
}
