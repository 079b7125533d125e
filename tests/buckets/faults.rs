//! Requests meet faults: what a reader of the record sees is whole before and afterwards, and a rerun ends as if nothing
//! had happened.
//!
//! Normally every request meets one fault, each in its turn. With `PUTBACK_FAULT_MATRIX=full` (`make test-faults`) every
//! request meets every fault.

use std::sync::{Arc, Mutex};

use libtest_mimic::Failed;

use super::desk::{Desk, Outcome, Tree, bucket_tree, ensure, ensure_same, published};
use super::fake::{Fake, Fault, Interface};
use super::publishers::plain;
use super::sync::content;
use super::upload::PREFIX;

/// Normally, one request in so many meets a fault: of an upload, of an undo, and of an upload beside another publisher.
const STRIDES: [usize; 3] = [4, 8, 10];

fn is_full_matrix() -> bool {
    std::env::var("PUTBACK_FAULT_MATRIX").is_ok_and(|value| value == "full")
}

/// Which faults the case with this number meets.
fn faults_of(number: usize) -> Vec<Fault> {
    match is_full_matrix() {
        true => Fault::ALL.to_vec(),
        false => vec![Fault::ALL[number % Fault::ALL.len()]],
    }
}

/// The requests that meet one, each with faults of its own.
fn cases(count: usize, stride: usize) -> Vec<(usize, Fault)> {
    let stride = if is_full_matrix() { 1 } else { stride };
    let each = |(number, request): (usize, usize)| faults_of(number).into_iter().map(move |fault| (request, fault));
    (0..count).step_by(stride).enumerate().flat_map(each).collect()
}

fn kind(fake: &Fake) -> &'static str {
    if fake.interface == Interface::Google { "Google Cloud Storage" } else { "S3" }
}

/// A fault that passes is ridden out, or told with what to do; nothing else ends well.
fn check_end(case: &str, fault: Fault, outcome: &Outcome, is_done: bool) -> Result<(), Failed> {
    match outcome.code {
        Some(0) => ensure(is_done, format!("{case}: success without the rows")),
        None => ensure(fault.kills(), format!("{case}: killed")),
        Some(code) => {
            let is_told = outcome.stderr.starts_with("error: ") && outcome.stderr.contains("hint: ");
            // Of a plain name that was set and not confirmed, a rerun is asked for.
            ensure(is_told && (!fault.passes() || code == 6), format!("{case}: ended with {code}: {}", outcome.stderr))
        }
    }
}

/// A bucket that changes between two states, each by a command.
struct Swing<'a> {
    fake: &'a Fake,
    /// What a reader of the record sees in each state.
    seen: [String; 2],
    /// What readers by glob see.
    plain: [Tree; 2],
}

impl Swing<'_> {
    /// Meddles with a change from one state to the other; afterwards `again` completes it.
    fn meet(
        &self,
        (request, fault, to): (usize, Fault, usize),
        change: &dyn Fn() -> Result<Outcome, Failed>,
        again: &dyn Fn() -> Result<Outcome, Failed>,
    ) -> Result<(), Failed> {
        let case = format!("{fault:?} at request {request}");
        self.fake.meddle(Some((request, fault)));
        let first = change()?;
        self.fake.meddle(None);
        let between = published(&bucket_tree(self.fake, PREFIX)).map_err(|failed| format!("{case}: {failed:?}"))?;
        ensure(self.seen.contains(&between), format!("{case}: a mixture:\n{between}"))?;
        check_end(&case, fault, &first, between == self.seen[to])?;
        let second = again()?;
        ensure(second.code == Some(0), format!("{case}: the rerun ended with {:?}: {}", second.code, second.stderr))?;
        let after = published(&bucket_tree(self.fake, PREFIX)).map_err(|failed| format!("{case}: {failed:?}"))?;
        ensure(after == self.seen[to], format!("{case}: lost:\n{after}"))?;
        ensure_same(&plain(self.fake), &self.plain[to], &case)
    }
}

pub fn uploads(fake: &Fake) -> Result<(), Failed> {
    let desks = [Desk::computed(fake)?, Desk::computed_otherwise(fake)?];
    let url = fake.url(PREFIX);
    let arguments = ["upload", "--to", &url];
    let mut states = Vec::new();
    let mut count = 0;
    // Once from nothing, once from the other version: the second has more requests.
    for desk in [&desks[0], &desks[1], &desks[0], &desks[1]] {
        fake.meddle(None);
        desk.done(&arguments)?;
        count = count.max(fake.seen().len());
        states.push((published(&bucket_tree(fake, PREFIX))?, plain(fake)));
    }
    let [(first, one), (second, other)] = [states[2].clone(), states[3].clone()];
    ensure(first != second, "the versions do not differ")?;
    let swing = Swing { fake, seen: [first, second], plain: [one, other] };
    let mut now = 1;
    let cases = cases(count, STRIDES[0]);
    for (request, fault) in &cases {
        let next = 1 - now;
        let change = || desks[next].run_as_victim(&[&arguments[..], &super::desk::RANGE].concat(), Some(fake));
        swing.meet((*request, *fault, next), &change, &|| desks[next].run(&arguments))?;
        now = next;
    }
    eprintln!("uploads to {}: {} cases over {count} requests; 0 lost, 0 mixed", kind(fake), cases.len());
    ensure(!cases.is_empty(), "no case")
}

pub fn undos(fake: &Fake) -> Result<(), Failed> {
    let desks = [Desk::computed(fake)?, Desk::computed_otherwise(fake)?];
    let url = fake.url(PREFIX);
    let upload = ["upload", "--to", &url];
    let undo = ["undo", "--to", &url];
    desks[0].done(&upload)?;
    let before = (published(&bucket_tree(fake, PREFIX))?, plain(fake));
    desks[1].done(&upload)?;
    let after = (published(&bucket_tree(fake, PREFIX))?, plain(fake));
    let swing = Swing { fake, seen: [before.0, after.0], plain: [before.1, after.1] };
    fake.meddle(None);
    ensure(desks[0].run_quietly(&undo)?.code == Some(0), "not undone")?;
    let count = fake.seen().len();
    let cases = cases(count, STRIDES[1]);
    for (request, fault) in &cases {
        desks[1].done(&upload)?;
        let list = desks[0].run_quietly(&["undo", "--list", "--format", "json", "--to", &url])?;
        let list: serde_json::Value = serde_json::from_str(&list.stdout)?;
        let latest = list[0]["id"].as_str().or(list["publications"][0]["id"].as_str()).ok_or("no publication")?;
        let arguments = [&undo[..], &[latest]].concat();
        let change = || desks[0].run_as_victim(&arguments, Some(fake));
        swing.meet((*request, *fault, 0), &change, &|| desks[0].run_quietly(&arguments))?;
    }
    eprintln!("undos in {}: {} cases over {count} requests; 0 lost, 0 mixed", kind(fake), cases.len());
    ensure(!cases.is_empty(), "no case")
}

pub fn syncs(fake: &Fake) -> Result<(), Failed> {
    let desk = Desk::new(fake)?;
    desk.seed(fake, "warehouse", "nba")?;
    let url = fake.url("nba");
    fake.meddle(None);
    desk.done(&["sync", "--warehouse", &url, "--store", "clean"])?;
    let count = fake.seen().len();
    let expected = content(&desk, "clean")?;
    let mut cases = 0;
    for request in 0..count {
        for fault in faults_of(request) {
            let case = format!("{fault:?} at request {request}");
            let store = format!("store-{cases}");
            let arguments = ["sync", "--warehouse", &url, "--store", &store];
            fake.meddle(Some((request, fault)));
            let first = desk.run_as_victim(&[&arguments[..], &super::desk::RANGE].concat(), Some(fake))?;
            let between = content(&desk, &store)?;
            fake.meddle(None);
            ensure(between.is_empty() || between == expected, format!("{case}: half a sync"))?;
            check_end(&case, fault, &first, between == expected)?;
            desk.done(&arguments).map_err(|failed| format!("{case}: {failed:?}"))?;
            ensure(content(&desk, &store)? == expected, format!("{case}: another store"))?;
            std::fs::remove_dir_all(desk.path(&store))?;
            cases += 1;
        }
    }
    eprintln!("syncs from {}: {cases} cases over {count} requests; 0 lost, 0 mixed", kind(fake));
    ensure(cases > 0, "no case")
}

/// Another publisher publishes before a request of an upload. The rows of one of both are there, whole, and the upload can be
/// run again.
pub fn publishers(fake: &Fake) -> Result<(), Failed> {
    let mine = Desk::computed_otherwise(fake)?;
    let other = Arc::new(Desk::computed(fake)?);
    // The store of `mine` is locked while it publishes.
    let twin = Arc::new(Desk::computed_otherwise(fake)?);
    let url = fake.url(PREFIX);
    let arguments = ["upload", "--to", &url];
    let mut states = Vec::new();
    for desk in [&*other, &mine, &other] {
        fake.meddle(None);
        desk.done(&arguments)?;
        states.push((published(&bucket_tree(fake, PREFIX))?, plain(fake)));
    }
    let count = {
        fake.meddle(None);
        mine.done(&arguments)?;
        fake.seen().len()
    };
    let (theirs, ours) = (states[2].clone(), states[1].clone());
    let mut cases = 0;
    for request in (0..count).step_by(if is_full_matrix() { 1 } else { STRIDES[2] }) {
        // The other version is there; the other publisher publishes a part of ours, and then its own again.
        other.done(&arguments)?;
        let case = format!("another publisher before request {request}");
        let done = Arc::new(Mutex::new(Err("it was not asked to".to_owned())));
        let (told, target) = (Arc::clone(&done), url.clone());
        let (desk, twin) = (Arc::clone(&other), Arc::clone(&twin));
        fake.meddle(None);
        fake.on_request(move |index, _| {
            let mut told = told.lock().expect("no thread panicked");
            if index == request && told.is_err() {
                let part = twin.run_quietly(&["upload", "--date", "2023-11-29", "--to", &target]);
                let whole = desk.run(&["upload", "--to", &target]);
                *told = [part, whole].into_iter().try_for_each(|run| match run {
                    Ok(run) if run.code == Some(0) => Ok(()),
                    Ok(run) => Err(format!("{:?} {}", run.code, run.stderr)),
                    Err(_) => Err("it did not start".to_owned()),
                });
            }
        });
        let first = mine.run(&arguments)?;
        fake.forget_hook();
        let done = done.lock().expect("no thread panicked").clone();
        done.map_err(|why| format!("{case}: it did not publish: {why}"))?;
        let between = published(&bucket_tree(fake, PREFIX)).map_err(|failed| format!("{case}: {failed:?}"))?;
        match first.code {
            Some(0) => ensure(between == ours.0 || between == theirs.0, format!("{case}: a mixture"))?,
            Some(6) => ensure(between == ours.0 || between == theirs.0, format!("{case}: a mixture"))?,
            code => return Err(format!("{case}: ended with {code:?}: {}", first.stderr).into()),
        }
        mine.done(&arguments).map_err(|failed| format!("{case}: {failed:?}"))?;
        ensure(published(&bucket_tree(fake, PREFIX))? == ours.0, format!("{case}: lost"))?;
        ensure_same(&plain(fake), &ours.1, &case)?;
        cases += 1;
    }
    eprintln!("two publishers in {}: {cases} cases over {count} requests; 0 lost, 0 mixed", kind(fake));
    ensure(cases > 0, "no case")
}
