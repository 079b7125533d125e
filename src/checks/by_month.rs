//! What was found of months, remembered by the content that it was found of: found once, whatever range was asked for.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::memory::Memory;
use crate::calendar::Month;

/// Of so many contents of a month, the latest, what was found is remembered.
const KEPT: usize = 4;

/// What was found, by month and content.
pub(super) struct ByMonth<T> {
    memory: Memory,
    /// By the name of the month, the latest last.
    found: BTreeMap<String, Vec<OfContent<T>>>,
    has_new: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct OfContent<T> {
    content: String,
    found: T,
}

impl<T: Serialize + DeserializeOwned> ByMonth<T> {
    pub fn read(memory: Memory) -> Self {
        let found = memory.read().unwrap_or_default();
        Self { memory, found, has_new: false }
    }

    /// What is known of a month with this content.
    pub fn get(&self, month: Month, content: &Digest) -> Option<&T> {
        let of_month = self.found.get(&month.to_string())?;
        of_month.iter().find(|known| known.content == content.0).map(|known| &known.found)
    }

    pub fn add(&mut self, month: Month, content: Digest, found: T) {
        let of_month = self.found.entry(month.to_string()).or_default();
        of_month.push(OfContent { content: content.0, found });
        let too_many = of_month.len().saturating_sub(KEPT);
        of_month.drain(..too_many);
        self.has_new = true;
    }

    /// Remembers what is new.
    pub fn keep(&mut self) {
        if std::mem::take(&mut self.has_new) {
            self.memory.keep(&self.found);
        }
    }
}

/// A digest of a text that says everything that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Digest(String);

impl Digest {
    pub fn of(text: &str) -> Self {
        Self(format!("{:032x}", xxh3_128(text.as_bytes())))
    }
}
