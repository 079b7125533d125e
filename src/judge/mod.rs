//! What a store means: which dates rest on which rows. Functions of data; nothing here prints.

pub mod reach;
