//! The numbers of the reference, digit for digit.
//!
//! Three rounding families exist in the specification and must not be mixed: see [`rounding`].
//! [`decimal`] knows what a NUMERIC holds, [`text`] renders values as the hashes and JSON columns spell them, [`hash`] digests that text,
//! [`sum`] adds doubles exactly.

pub mod decimal;
pub mod hash;
pub mod rounding;
pub mod sum;
pub mod text;
