//! What a store holds, as a document for people. Nothing here prints.

pub mod page;
pub mod words;
