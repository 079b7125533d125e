//! Independent pieces of work on a few threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::Result;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, ErrorKind};

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
}
