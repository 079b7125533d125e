//! The numbers of the reference, digit for digit.
//!
//! Three rounding families exist in the specification and must not be mixed: see [`rounding`].
//! [`text`] renders values as the hashes and JSON columns spell them, [`hash`] digests that text,
//! [`sum`] adds doubles exactly.

pub mod hash;
pub mod rounding;
pub mod sum;
pub mod text;
