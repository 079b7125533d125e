//! What went wrong, counted by kind.

use std::collections::BTreeMap;
use std::fmt;

/// What can go wrong with a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A record, a file that it names, or a file of an undisturbed run is not there.
    Lost,
    /// A file is not that of an undisturbed run.
    Differing,
    /// The same command computed a date again that was valid.
    Recomputed,
    /// A file that an undisturbed run does not leave.
    Leftover,
    /// A record is neither that of before nor that of after.
    Mixture,
    Panic,
    /// The command ended with another status than a documented one.
    Status,
    /// A command that reads failed on what a kill left.
    Reader,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Lost,
        Self::Differing,
        Self::Recomputed,
        Self::Leftover,
        Self::Mixture,
        Self::Panic,
        Self::Status,
        Self::Reader,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Differing => "differing",
            Self::Recomputed => "recomputed",
            Self::Leftover => "leftovers",
            Self::Mixture => "mixtures by record",
            Self::Panic => "panics",
            Self::Status => "undocumented statuses",
            Self::Reader => "failed readers",
        }
    }

    /// The kind of an end that is not a documented one.
    pub fn of_end(code: Option<i32>, stderr: &str) -> Self {
        if code == Some(101) || stderr.contains("panicked") { Self::Panic } else { Self::Status }
    }
}

/// Something that went wrong.
pub type Wrong = (Kind, String);

/// Cases, and failures by kind.
#[derive(Debug, Default)]
pub struct Tally {
    pub cases: usize,
    failures: BTreeMap<Kind, usize>,
}

impl Tally {
    pub fn of<'a>(cases: usize, wrong: impl IntoIterator<Item = &'a Wrong>) -> Self {
        let mut tally = Self { cases, failures: BTreeMap::new() };
        wrong.into_iter().for_each(|(kind, _)| *tally.failures.entry(*kind).or_default() += 1);
        tally
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cases", self.cases)?;
        Kind::ALL.iter().try_for_each(|kind| {
            write!(f, ", {} {}", self.failures.get(kind).copied().unwrap_or_default(), kind.name())
        })
    }
}
