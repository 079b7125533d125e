//! Two publishers at once.

use libtest_mimic::Failed;

use super::desk::{Desk, Tree, bucket_tree, ensure, ensure_same, published};
use super::fake::Fake;
use super::upload::PREFIX;

/// Rounds of two that start together.
const ROUNDS: usize = 4;

/// Both look before one of them commits: the other one loses, and can run again. In every other round there is a record.
pub fn at_once(fake: &Fake) -> Result<(), Failed> {
    let desks = [Desk::computed(fake)?, Desk::computed_otherwise(fake)?];
    let url = fake.url(PREFIX);
    let arguments = ["upload", "--to", &url];
    let versions = [version(fake, &desks[0])?, version(fake, &desks[1])?];
    ensure(versions[0] != versions[1], "the versions do not differ")?;
    for round in 0..ROUNDS {
        fake.clear();
        if round % 2 == 1 {
            let day = ["--date", "2023-12-01"];
            ensure(desks[0].run_quietly(&[&arguments[..], &day].concat())?.code == Some(0), "not published")?;
        }
        fake.overlap_commits(true);
        let outcomes = std::thread::scope(|scope| {
            let runs = desks.each_ref().map(|desk| scope.spawn(|| desk.run(&arguments)));
            runs.map(|run| run.join().expect("no thread panicked"))
        });
        fake.overlap_commits(false);
        let [one, other] = outcomes;
        let (one, other) = (one?, other?);
        let (winner, loser, lost) = if one.code == Some(0) { (0, 1, other) } else { (1, 0, one) };
        ensure(
            lost.code == Some(6)
                && lost.stderr.contains("nothing was published")
                && lost.stderr.contains("run the same command again"),
            format!("{round}: {:?} {}", lost.code, lost.stderr),
        )?;
        let now = (published(&bucket_tree(fake, PREFIX))?, plain(fake));
        ensure(now.0 == versions[winner].0, format!("{round}: a mixture"))?;
        ensure_same(&now.1, &versions[winner].1, &format!("{round}: plain names"))?;
        desks[loser].done(&arguments)?;
        let now = (published(&bucket_tree(fake, PREFIX))?, plain(fake));
        ensure(now.0 == versions[loser].0, format!("{round}: the loser cannot run again"))?;
        ensure_same(&now.1, &versions[loser].1, &format!("{round}: plain names"))?;
    }
    eprintln!("two publishers at once: {ROUNDS} rounds, each with one loser; 0 lost, 0 mixed");
    Ok(())
}

/// What a desk publishes into an empty bucket.
fn version(fake: &Fake, desk: &Desk) -> Result<(String, Tree), Failed> {
    fake.clear();
    desk.done(&["upload", "--to", &fake.url(PREFIX)])?;
    Ok((published(&bucket_tree(fake, PREFIX))?, plain(fake)))
}

/// What readers by glob see.
pub fn plain(fake: &Fake) -> Tree {
    bucket_tree(fake, PREFIX).into_iter().filter(|(name, _)| !name.starts_with("_putback/")).collect()
}
