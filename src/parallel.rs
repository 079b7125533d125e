//! Independent pieces of work on a few threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::error::{Error, ErrorKind, Result};

/// Applies `work` to every item on up to `threads` threads; results are in the order of the items.
///
/// # Errors
/// The first error by order of items; items after an error may not have been looked at.
pub fn try_map<T: Sync, R: Send>(items: &[T], threads: usize, work: impl Fn(&T) -> Result<R> + Sync) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<Result<R>>>> = Mutex::new((0..items.len()).map(|_| None).collect());
    let run = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return };
            let result = work(item);
            if result.is_err() {
                next.store(items.len(), Ordering::Relaxed);
            }
            results.lock().expect("no worker panicked")[index] = Some(result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(items.len()) {
            scope.spawn(run);
        }
        run();
    });
    results.into_inner().expect("no worker panicked").into_iter().flatten().collect()
}

/// Hands the items that `producers` emit, each on a thread of its own, to `workers` threads. At most
/// one item waits beside those being worked on, so that fast producers do not fill the memory. The
/// results are in no particular order.
///
/// # Errors
/// One of the errors of the producers and workers; the others stop soon after it.
pub fn try_pipeline<T: Send, R: Send, P>(
    producers: Vec<P>,
    workers: usize,
    work: impl Fn(T) -> Result<R> + Sync,
) -> Result<Vec<R>>
where
    P: FnOnce(&mut dyn FnMut(T) -> Result<()>) -> Result<()> + Send,
{
    let (sender, receiver) = crossbeam_channel::bounded::<T>(1);
    let outcome: Mutex<Result<Vec<R>>> = Mutex::new(Ok(Vec::new()));
    let stopped = AtomicBool::new(false);
    let take = |result: Result<Option<R>>| {
        let mut outcome = outcome.lock().expect("no worker panicked");
        match (outcome.as_mut(), result) {
            (Ok(results), Ok(result)) => results.extend(result),
            (Ok(_), Err(error)) => {
                stopped.store(true, Ordering::Relaxed);
                *outcome = Err(error);
            }
            // The first error is the one that counts.
            (Err(_), _) => {}
        }
    };
    let (take, stopped, work) = (&take, &stopped, &work);
    std::thread::scope(|scope| {
        for _ in 0..workers.max(1) {
            let receiver = receiver.clone();
            scope.spawn(move || {
                // Items are taken to the end, so that no producer waits for ever.
                for item in receiver {
                    if !stopped.load(Ordering::Relaxed) {
                        take(work(item).map(Some));
                    }
                }
            });
        }
        drop(receiver);
        for producer in producers {
            let sender = sender.clone();
            scope.spawn(move || {
                let produced = producer(&mut |item| {
                    let is_taken = !stopped.load(Ordering::Relaxed) && sender.send(item).is_ok();
                    if is_taken { Ok(()) } else { Err(Error::new(ErrorKind::Unexpected, "the work was stopped")) }
                });
                take(produced.map(|()| None));
            });
        }
        drop(sender);
    });
    outcome.into_inner().expect("no worker panicked")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_of_the_items() {
        let items: Vec<u64> = (0..1000).collect();
        for threads in [1, 2, 7, 5000] {
            let squares = try_map(&items, threads, |item| Ok(item * item)).expect("no error");
            assert!(squares.iter().zip(&items).all(|(square, item)| *square == item * item), "{threads} threads");
        }
    }

    #[test]
    fn an_error_is_handed_on() {
        let failed = try_map(&[1, 2, 3], 2, |item| match item {
            2 => Err(Error::new(ErrorKind::Unexpected, "two")),
            _ => Ok(*item),
        });
        assert_eq!(failed.unwrap_err().to_string(), "two");
    }

    type Emit<'a> = &'a mut dyn FnMut(u64) -> Result<()>;

    #[test]
    fn a_pipeline_works_on_everything_that_is_emitted() {
        for workers in [1, 2, 7] {
            let producers: Vec<_> =
                (0..3).map(|part| move |emit: Emit<'_>| (part * 100..(part + 1) * 100).try_for_each(emit)).collect();
            let mut squares = try_pipeline(producers, workers, |item| Ok(item * item)).expect("no error");
            squares.sort_unstable();
            assert_eq!(squares, (0..300).map(|item| item * item).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_failing_worker_stops_the_producers_and_its_error_counts() {
        let emitted = AtomicUsize::new(0);
        let producer = |emit: Emit<'_>| {
            (0..1_000_000).try_for_each(|item| {
                emitted.fetch_add(1, Ordering::Relaxed);
                emit(item)
            })
        };
        let fail = |item| if item == 3 { Err(Error::new(ErrorKind::Unexpected, "three")) } else { Ok(item) };
        let failed = try_pipeline(vec![producer, producer], 2, fail);
        assert_eq!(failed.unwrap_err().to_string(), "three");
        assert!(emitted.into_inner() < 1_000_000);
    }

    #[test]
    fn a_failing_producer_is_told() {
        let producer = |emit: Emit<'_>| {
            emit(1)?;
            Err(Error::new(ErrorKind::Unexpected, "no more"))
        };
        let failed = try_pipeline(vec![producer], 1, Ok);
        assert_eq!(failed.unwrap_err().to_string(), "no more");
    }
}
