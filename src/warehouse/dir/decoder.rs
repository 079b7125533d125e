//! Decoding of files that may be damaged: the decoder panics over some damage, which is an error like any other.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow::array::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::errors::ParquetError;

thread_local! {
    static IS_DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread decodes a file of a warehouse: a panic is then caught and told as damage.
pub fn is_decoding() -> bool {
    IS_DECODING.get()
}

/// Runs a step of the decoder.
pub(super) fn decode<T>(step: impl FnOnce() -> T) -> Result<T, ParquetError> {
    IS_DECODING.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(step));
    IS_DECODING.set(false);
    outcome.map_err(|_| ParquetError::General("its pages contradict each other".to_owned()))
}

/// Batches of a file, up to the first that cannot be decoded.
pub(super) struct Batches(Option<ParquetRecordBatchReader>);

impl Batches {
    pub fn new(rows: ParquetRecordBatchReader) -> Self {
        Self(Some(rows))
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows = self.0.as_mut()?;
        let next = match decode(|| rows.next()) {
            Ok(next) => next?.map_err(ParquetError::from),
            Err(panicked) => Err(panicked),
        };
        if next.is_err() {
            self.0 = None;
        }
        Some(next)
    }
}

/// Decodes batches on a thread of its own, one ahead of what is done with them here, in their order.
///
/// # Errors
/// The first error of `take`; nothing more is decoded then.
pub(super) fn ahead(
    batches: Batches,
    mut take: impl FnMut(Result<RecordBatch, ParquetError>) -> crate::error::Result<()>,
) -> crate::error::Result<()> {
    let (sender, receiver) = crossbeam_channel::bounded(1);
    std::thread::scope(|scope| {
        scope.spawn(move || batches.map(|batch| sender.send(batch)).take_while(Result::is_ok).for_each(drop));
        // Gone with the first error: the decoder then cannot send, and ends.
        let receiver = receiver;
        receiver.iter().try_for_each(&mut take)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        assert!(decode(|| -> u8 { panic!("over damage, caught") }).is_err());
        assert!(!is_decoding());
        assert!(matches!(decode(is_decoding), Ok(true)));
    }
}
